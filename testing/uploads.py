"""Files as they come to the stack: put at the address that was asked for, or dropped, and told of by EventBridge."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from functions.files import app as files
from testing.aws import Context
from testing.control_plane import call
from testing.stack import RunningStack


def put(running: RunningStack, key: str, content: bytes) -> dict[str, Any]:
    """Put an object; what EventBridge is told of it (Amazon S3, "EventBridge event message structure")."""
    running.aws.s3.put_object(Bucket=running.aws.bucket, Key=key, Body=content)
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": running.aws.bucket}, "object": {"key": key, "size": len(content)}},
    }


def take(running: RunningStack, key: str, content: bytes) -> None:
    """Put an object, and let the stack be told of it."""
    files.handler(put(running, key, content), Context())


def upload(running: RunningStack, connection_id: str, name: str, content: bytes, **asked: object) -> str:
    """Ask for an address, and put a file there; its id."""
    answer = call("POST", f"/connections/{connection_id}/files", {"name": name, "size": len(content), **asked})
    assert answer.status == 201, answer.text
    take(running, key_at(running, answer.json["upload"]["url"]), content)
    return str(answer.json["file"]["id"])


def key_at(running: RunningStack, url: str) -> str:
    """The key of the object that an address is of."""
    return unquote(urlsplit(url).path).lstrip("/").removeprefix(f"{running.aws.bucket}/")


def tick(milliseconds_left: int = 300_000) -> dict[str, int]:
    """What is done every few minutes."""
    return files.handler({}, Context(milliseconds_left=milliseconds_left))


def shown(connection_id: str, file_id: str) -> Any:
    answer = call("GET", f"/connections/{connection_id}/files/{file_id}")
    assert answer.status == 200, answer.text
    return answer.json


def result(running: RunningStack, connection_id: str, file_id: str) -> list[dict[str, str]]:
    """The rows of a file's result."""
    answer = call("GET", f"/connections/{connection_id}/files/{file_id}/result")
    assert answer.status == 200, answer.text
    key = key_at(running, answer.json["url"])
    text = running.aws.s3.get_object(Bucket=running.aws.bucket, Key=key)["Body"].read().decode()
    return list(csv.DictReader(io.StringIO(text)))


def as_csv(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
