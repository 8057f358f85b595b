"""Calls of the console, passed on to the interface as the operator: those of the control plane, and no others."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Final
from urllib.parse import unquote

import requests
from botocore.exceptions import BotoCoreError, ClientError

from destination_client.http import TIMEOUT, Api, cause
from destination_client.permissions import is_call

MAX_BODY_BYTES: Final = 6 * 1024 * 1024
"""What a function takes (AWS Lambda, "Lambda quotas")."""

MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024
"""What API Gateway passes on (Amazon API Gateway, "Quotas for REST APIs")."""

TO_STACK: Final = ("Accept", "Content-Type", "If-Match")
FROM_STACK: Final = ("Content-Type", "ETag", "Retry-After", "Link", "x-amzn-ErrorType")
_CHUNK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Passed:
    """What the interface answered, or why it did not."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class NotPassedError(Exception):
    """A call that has no answer: a status of HTTP, a title, and what to do."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail


def is_passed(method: str, target: str) -> bool:
    """Whether a call is one of the control plane's. `target` is its path with its query, as it came.

    No segment may mean another path once it is decoded or resolved (RFC 3986, 5.2.4): what is compared is called.
    """
    path = target.partition("?")[0]
    plain = unquote(path)
    if not target.startswith("/") or "#" in target or "\\" in plain or not plain.isprintable():
        return False
    segments = plain.split("/")[1:]
    return path.count("/") == len(segments) and not {"", ".", ".."} & set(segments) and is_call(method, plain)


def pass_on(api: Api, method: str, target: str, headers: Message, body: bytes | None) -> Passed:
    """Make the call once, signed as the operator. Raises NotPassedError."""
    if not is_passed(method, target):
        raise NotPassedError(404, "Not found", "The interface has no such call (docs/openapi.json).")
    kept = {name: headers[name] for name in TO_STACK if name in headers}
    try:
        with api.http.request(
            method,
            f"{api.url}{target}",
            data=body or None,
            headers=kept,
            auth=api.auth,
            timeout=TIMEOUT,
            stream=True,
            allow_redirects=False,
        ) as answer:
            content = _bounded(answer)
            found = {name: answer.headers[name] for name in FROM_STACK if name in answer.headers}
            return Passed(answer.status_code, found, content)
    except requests.RequestException as error:
        raise NotPassedError(502, "The stack cannot be reached", f"{api.url}: {cause(error)}") from error
    except (BotoCoreError, ClientError) as error:
        raise NotPassedError(502, "The call cannot be signed", f"{error} Sign in to AWS again.") from error


def _bounded(answer: requests.Response) -> bytes:
    """Raises NotPassedError for what is larger than any answer of the interface."""
    content = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise NotPassedError(502, "This is no answer of a stack", f"It has more than {MAX_ANSWER_BYTES:,} bytes.")
    return bytes(content)
