"""The whole interface on the loopback interface: requests become API Gateway's events, and go to the functions."""

import base64
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from functions.connections import app as control_plane
from functions.ingest import app as webhook
from testing.aws import Context

STAGE = "/live"
FORBIDDEN = 403, {"Content-Type": "application/json"}, '{"Message": "User is not authorized to access this resource"}'
"""What API Gateway answers whom IAM refuses."""

_RESOURCES = {
    "/connections/{connection_id}/events": re.compile(r"/connections/(?P<connection_id>[^/]+)/events"),
    "/oauth2/token": re.compile("/oauth2/token"),
    "/connections/{connection_id}/source/{proxy+}": re.compile(
        r"/connections/(?P<connection_id>[^/]+)/source/(?P<proxy>.+)"
    ),
    "/{proxy+}": re.compile("/(?P<proxy>.+)"),
}
"""The resources of the API, the most specific first (Amazon API Gateway, "Set up a proxy resource")."""

_OF_WEBHOOK = frozenset({"/connections/{connection_id}/events", "/oauth2/token"})
_ONE_AT_A_TIME = threading.Lock()
"""A process of a function handles one request at a time, as in Lambda."""


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came in."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(slots=True)
class Gateway:
    """Where the interface answers, what it was asked so far, and answers that come before the functions are asked.

    `denied`: calls that the caller's role does not allow, such as `GET /dead-letters`; `*` stands for any part of them.
    """

    url: str
    seen: list[ReceivedRequest] = field(default_factory=list)
    scripted: list[tuple[int, Mapping[str, str], str]] = field(default_factory=list)
    denied: set[str] = field(default_factory=set)

    def changes(self) -> list[str]:
        """The calls that were to change something."""
        calls = [f"{one.method} {urlsplit(one.url).path}" for one in self.seen if one.method != "GET"]
        return [one for one in calls if not one.startswith(f"POST {STAGE}/checks")]

    def answer_before(self, seen: ReceivedRequest) -> tuple[int, Mapping[str, str], str] | None:
        """What is answered before the functions are asked, if anything is."""
        call = f"{seen.method} {urlsplit(seen.url).path.removeprefix(STAGE)}"
        if any(fnmatchcase(call, one) for one in self.denied):
            return FORBIDDEN
        return self.scripted.pop(0) if self.scripted else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    gateway: Gateway


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        gateway = self.server.gateway
        origin = gateway.url.removesuffix(STAGE)
        seen = ReceivedRequest(self.command, origin + self.path, dict(self.headers.items()), body)
        gateway.seen.append(seen)
        status, headers, text = gateway.answer_before(seen) or _handled(seen)
        content = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_HEAD = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 (names http.server looks for)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `seen` has the requests."""


@contextmanager
def gateway() -> Iterator[Gateway]:
    """Serve while the block runs; the environment and AWS are the caller's to set."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.gateway = Gateway(f"http://127.0.0.1:{server.server_port}{STAGE}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.gateway
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def resource_of(path: str) -> tuple[str, dict[str, str] | None]:
    """The resource that takes a path, and the path's parameters."""
    found = {name: match for name, pattern in _RESOURCES.items() if (match := pattern.fullmatch(path))}
    return next(((name, match.groupdict() or None) for name, match in found.items()), (path, None))


def _handled(request: ReceivedRequest) -> tuple[int, Mapping[str, str], str]:
    parts = urlsplit(request.url)
    path = parts.path.removeprefix(STAGE)  # with its escapes, as API Gateway hands it on
    query = parse_qs(parts.query)
    resource, parameters = resource_of(path)
    event: dict[str, Any] = {
        "version": "1.0",
        "resource": resource,
        "path": path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": parameters,
        "requestContext": {
            "domainName": parts.netloc,
            "path": parts.path,
            "stage": STAGE.strip("/"),
            "apiId": "abc123",
            "requestId": "request-1",
            "httpMethod": request.method,
        },
        "body": base64.b64encode(request.body).decode() or None,
        "isBase64Encoded": bool(request.body),
    }
    handler = webhook.handler if resource in _OF_WEBHOOK else control_plane.handler
    with _ONE_AT_A_TIME:
        answer = handler(event, Context())
    headers = answer.get("headers") or {name: ",".join(each) for name, each in answer["multiValueHeaders"].items()}
    return answer["statusCode"], headers, answer["body"]
