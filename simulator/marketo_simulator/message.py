"""What goes into the simulator and what comes out of it, without a socket."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

JSON_TYPE = "application/json;charset=UTF-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is decoded and without the query; `query` keeps order and repetition."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    uri_bytes: int = 0
    """Length of path and query as they came over the wire."""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> "Request":
        """From the request target as it stands on the wire: encoded path and query."""
        parts = urlsplit(target)
        query = parse_qsl(parts.query, keep_blank_values=True)
        return cls(method, unquote(parts.path), query, headers or {}, body, len(target.encode()))

    def header(self, name: str) -> str:
        """The header's value, name compared without case; empty when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class ConnectionDropped(Exception):  # noqa: N818 (an event of the network, not an error of the simulator)
    """The connection breaks instead of an answer."""


class AnswerTooSlow(Exception):  # noqa: N818
    """The caller's patience ended before the answer came; the call itself goes on."""


def json_response(content: object, status: int = HTTPStatus.OK) -> Response:
    """A JSON answer, written compactly."""
    return Response(status, json.dumps(content, separators=(",", ":")).encode())


def html_response(status: int) -> Response:
    """What a gateway answers on its own: HTML, not Marketo's JSON."""
    return Response(status, f"<html><body><h1>{status}</h1></body></html>".encode(), "text/html")
