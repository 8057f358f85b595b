"""What goes into the simulator and what comes out of it, without a socket."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

JSON_TYPE = "application/json;charset=UTF-8"
_BOUNDARY: Final = re.compile(r'\bboundary=(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_PART_NAME: Final = re.compile(rb'[;\s]name=(?:"([^"]*)"|([^\s;]+))', re.IGNORECASE)
_FILE_NAME: Final = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)
_compact = json.JSONEncoder(separators=(",", ":")).encode


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
        parts = urlsplit(f"//-{target}" if target.startswith("/") else target)  # `//x` is a path here, and no host
        query = parse_qsl(parts.query, keep_blank_values=True)
        return cls(method, unquote(parts.path), query, headers or {}, body, len(target.encode()))

    def header(self, name: str) -> str:
        """The header's value, name compared without case; empty when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def parts(self) -> "dict[str, Part]":
        """The parts of a multipart body by their names (RFC 7578). Raises ValueError for a body that is not whole."""
        boundary = _BOUNDARY.search(self.header("Content-Type"))
        if boundary is None:
            raise ValueError("no boundary")
        delimiter = f"\r\n--{boundary[1] or boundary[2]}".encode()
        _, *parts, end = (b"\r\n" + self.body).split(delimiter)
        if not end.startswith(b"--"):
            raise ValueError("no end")
        return dict(map(_part, parts))


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body; a file has a file name, a parameter has none."""

    content: bytes
    is_file: bool


def _part(text: bytes) -> tuple[str, Part]:
    head, separator, content = text.partition(b"\r\n\r\n")
    name = _PART_NAME.search(head)
    if not separator or name is None:
        raise ValueError("a part without a name or without a content")
    return (name[1] or name[2] or b"").decode("utf-8", "replace"), Part(content, bool(_FILE_NAME.search(head)))


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside Content-Type and Content-Length, which is that of the whole body."""
    piece: int = 0
    """Bytes of the body that come at once; 0: all."""
    pause: float = 0.0
    """Seconds before each piece but the first."""
    breaks_after: int | None = None
    """Bytes of the body after which the connection breaks; None: it does not."""

    @property
    def has_body(self) -> bool:
        """Whether HTTP lets an answer of this status have a body (RFC 9110, 6.4.1)."""
        return self.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)

    def pieces(self, sleep: Callable[[float], None], patience: float | None = None) -> Iterator[bytes]:
        """The body as it comes over the wire. Raises ConnectionDropped where it breaks off.

        With `patience` (seconds between two pieces) a caller gives up waiting: AnswerTooSlow is raised then.
        """
        body = self.body if self.breaks_after is None else self.body[: self.breaks_after]
        step = self.piece or len(body) or 1
        for start in range(0, len(body), step):
            if start and patience is not None and self.pause > patience:
                sleep(patience)
                raise AnswerTooSlow
            if start:
                sleep(self.pause)
            yield body[start : start + step]
        if self.breaks_after is not None:
            raise ConnectionDropped

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class ConnectionDropped(Exception):  # noqa: N818 (an event of the network, not an error of the simulator)
    """The connection breaks instead of an answer."""


class AnswerTooSlow(Exception):  # noqa: N818
    """The caller's patience ended before the answer came; the call itself goes on."""


def json_response(content: object, status: int = HTTPStatus.OK) -> Response:
    """A JSON answer, written compactly."""
    return Response(status, _compact(content).encode())


def html_response(status: int) -> Response:
    """What a gateway answers on its own: HTML, not Marketo's JSON."""
    return Response(status, f"<html><body><h1>{status}</h1></body></html>".encode(), "text/html")
