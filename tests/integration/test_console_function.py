"""The console's files in the stack, put into their bucket, renewed, taken away. CloudFormation is always answered."""

import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_s3 import S3Client

from destination import cloudformation
from destination.composition import aws
from destination.composition import console as composition
from destination.store import console as store
from functions.console import app
from testing.aws import Context
from testing.permissions import CONSOLE_BUCKET

CONFIG = {"host": "cloudfront", "apiUrl": "https://api.example.org/live", "region": "eu-central-1"}
CONNECTS = ["https://api.example.org"]
PAGE = "<!doctype html><html><head><title>Console</title></head><body></body></html>"


@dataclass
class CloudFormation:
    """The address that answers are put to. `refuses`: the statuses of the next answers of its own."""

    url: str = ""
    answers: list[dict[str, str]] = field(default_factory=list)
    content_types: list[str | None] = field(default_factory=list)
    refuses: list[int] = field(default_factory=list)


@pytest.fixture
def cloudformation_() -> Iterator[CloudFormation]:
    stub = CloudFormation()

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = stub.refuses.pop(0) if stub.refuses else 200
            if status == 200:
                stub.answers.append(json.loads(body))
                stub.content_types.append(self.headers["Content-Type"])
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        stub.url = f"http://127.0.0.1:{server.server_address[1]}/answer?signature=secret"
        yield stub
        server.shutdown()


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The layer's folder."""
    folder = tmp_path / "console"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "icon.svg").write_text("<svg/>")
    (folder / "assets/index-1.js").write_text("1")
    monkeypatch.setattr(composition, "BUILD", folder)
    return folder


@pytest.fixture
def bucket() -> Iterator[S3Client]:
    aws.s3.cache_clear()
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_ENDPOINT_URL", raising=False)
        client = boto3.client("s3")
        client.create_bucket(
            Bucket=CONSOLE_BUCKET,
            CreateBucketConfiguration={"LocationConstraint": cast(Any, os.environ["AWS_DEFAULT_REGION"])},
        )
        yield client
    aws.s3.cache_clear()


def request(url: str, kind: str, **changes: Any) -> dict[str, Any]:
    """As CloudFormation sends it ("Custom resource request objects")."""
    return {
        "RequestType": kind,
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/destination/0",
        "RequestId": "request-1",
        "ResourceType": "Custom::ConsoleFiles",
        "LogicalResourceId": "ConsoleFiles",
        "ResourceProperties": {"Bucket": CONSOLE_BUCKET, "Config": CONFIG, "Connects": CONNECTS},
        **({} if kind == "Create" else {"PhysicalResourceId": CONSOLE_BUCKET}),
        **changes,
    }


def keys(s3: S3Client) -> set[str]:
    return {one["Key"] for one in s3.list_objects_v2(Bucket=CONSOLE_BUCKET).get("Contents", [])}


def read(s3: S3Client, key: str) -> str:
    return s3.get_object(Bucket=CONSOLE_BUCKET, Key=key)["Body"].read().decode()


def test_a_new_stack_has_its_console(bucket: S3Client, build: Path, cloudformation_: CloudFormation) -> None:
    app.handler(request(cloudformation_.url, "Create"), Context())

    assert keys(bucket) == {"index.html", "icon.svg", "config.json", "assets/index-1.js"}
    assert json.loads(read(bucket, "config.json")) == CONFIG
    assert "connect-src &#x27;self&#x27; https://api.example.org" in read(bucket, "index.html")
    script = bucket.head_object(Bucket=CONSOLE_BUCKET, Key="assets/index-1.js")
    assert script["ContentType"] == "text/javascript; charset=utf-8"
    assert "immutable" in script["CacheControl"]
    assert bucket.head_object(Bucket=CONSOLE_BUCKET, Key="index.html")["CacheControl"] == "no-cache"
    (answer,) = cloudformation_.answers
    assert answer == {
        "StackId": "arn:aws:cloudformation:eu-central-1:111122223333:stack/destination/0",
        "RequestId": "request-1",
        "LogicalResourceId": "ConsoleFiles",
        "PhysicalResourceId": CONSOLE_BUCKET,
        "Status": "SUCCESS",
        "Reason": "",
    }
    assert cloudformation_.content_types == [""], "the signature of the address is over none"


def test_an_update_brings_the_new_build_and_leaves_the_old_parts(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation
) -> None:
    """Whoever has the page of before still open comes to parts of it that were not loaded yet."""
    app.handler(request(cloudformation_.url, "Create"), Context())
    (build / "assets/index-1.js").rename(build / "assets/index-2.js")
    (build / "index.html").write_text(PAGE.replace("Console", "Newer"))
    app.handler(request(cloudformation_.url, "Update"), Context())

    assert {"assets/index-1.js", "assets/index-2.js"} < keys(bucket)
    assert "Newer" in read(bucket, "index.html")
    assert [one["Status"] for one in cloudformation_.answers] == ["SUCCESS"] * 2
    assert {one["PhysicalResourceId"] for one in cloudformation_.answers} == {CONSOLE_BUCKET}


def test_what_is_deleted_is_empty(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that, CloudFormation could not delete the bucket. Here are more files than one call deletes."""
    monkeypatch.setattr(store, "_AT_ONCE", 2)
    for number in range(5):
        bucket.put_object(Bucket=CONSOLE_BUCKET, Key=f"assets/{number}.js", Body=b"")
    app.handler(request(cloudformation_.url, "Delete"), Context())

    assert keys(bucket) == set()
    assert cloudformation_.answers[0]["Status"] == "SUCCESS"


def test_a_bucket_that_is_gone_is_deleted(bucket: S3Client, cloudformation_: CloudFormation) -> None:
    bucket.delete_bucket(Bucket=CONSOLE_BUCKET)
    app.handler(request(cloudformation_.url, "Delete"), Context())

    assert cloudformation_.answers[0]["Status"] == "SUCCESS"


def test_a_stack_that_was_built_without_the_console_says_so(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation
) -> None:
    shutil.rmtree(build)
    app.handler(request(cloudformation_.url, "Create"), Context())

    (answer,) = cloudformation_.answers
    assert answer["Status"] == "FAILED"
    assert "built without the console" in answer["Reason"]
    assert answer["PhysicalResourceId"] == "request-1", "a name, by which CloudFormation asks for its deletion"
    assert keys(bucket) == set()


def test_the_deletion_of_what_was_never_made_empties_the_bucket_all_the_same(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation
) -> None:
    app.handler(request(cloudformation_.url, "Create"), Context())
    app.handler(request(cloudformation_.url, "Delete", PhysicalResourceId="request-1"), Context())

    assert keys(bucket) == set()
    assert cloudformation_.answers[1]["PhysicalResourceId"] == "request-1"


@pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
def test_a_function_that_runs_out_of_time_answers_before(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation, kind: str
) -> None:
    app.handler(request(cloudformation_.url, kind), Context(milliseconds_left=app.TIME_TO_ANSWER))

    (answer,) = cloudformation_.answers
    assert answer["Status"] == "FAILED"
    assert answer["Reason"].startswith("NoTimeError: the time of the function is not enough")
    assert keys(bucket) == set()


def test_the_page_is_not_there_before_what_it_names(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation
) -> None:
    left = iter([app.TIME_TO_ANSWER + 1] * 3 + [0])

    class Shortening(Context):
        def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
            return next(left)

    app.handler(request(cloudformation_.url, "Create"), Shortening())

    assert keys(bucket) == {"icon.svg", "assets/index-1.js", "config.json"}
    assert cloudformation_.answers[0]["Status"] == "FAILED"


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ({}, "KeyError: 'Bucket'"),
        ({"Bucket": CONSOLE_BUCKET}, "KeyError: 'Config'"),
        ({"Bucket": CONSOLE_BUCKET, "Config": CONFIG, "Connects": []}, "NoSuchBucket"),
    ],
)
def test_whatever_fails_is_answered_and_no_answer_is_too_long(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation, properties: dict[str, Any], says: str
) -> None:
    bucket.delete_bucket(Bucket=CONSOLE_BUCKET)
    app.handler(request(cloudformation_.url, "Create", ResourceProperties=properties), Context())

    (answer,) = cloudformation_.answers
    assert answer["Status"] == "FAILED"
    assert says in answer["Reason"]
    assert len(json.dumps(answer)) < 4_096


def test_an_address_that_stumbles_is_tried_again(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation
) -> None:
    cloudformation_.refuses = [503, 500]
    app.handler(request(cloudformation_.url, "Create"), Context())

    assert cloudformation_.answers[0]["Status"] == "SUCCESS"


def test_an_answer_that_is_not_taken_fails_the_call_so_that_lambda_tries_again(
    bucket: S3Client, build: Path, cloudformation_: CloudFormation, caplog: pytest.LogCaptureFixture
) -> None:
    """And the address, with which anybody could answer, is in no error."""
    cloudformation_.refuses = [403]
    with pytest.raises(cloudformation.NotTakenError, match="answers 403"):
        app.handler(request(cloudformation_.url, "Create"), Context())
    with pytest.raises(cloudformation.NotTakenError) as raised, caplog.at_level(logging.DEBUG):
        app.handler(request("http://127.0.0.1:9/answer?signature=secret", "Create"), Context())
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert "signature=secret" not in repr(cloudformation.ResourceRequest.of(request(cloudformation_.url, "Create")))


def test_what_s3_keeps_is_not_taken_for_deleted() -> None:
    class Keeping:
        def list_objects_v2(self, **_: Any) -> Any:
            return {"Contents": [{"Key": "index.html"}]}

        def delete_objects(self, **_: Any) -> Any:
            return {"Errors": [{"Key": "index.html", "Code": "AccessDenied"}]}

    with pytest.raises(store.NotDeletedError, match="AccessDenied"):
        store.ConsoleBucket(cast(S3Client, Keeping()), CONSOLE_BUCKET).delete_page()
