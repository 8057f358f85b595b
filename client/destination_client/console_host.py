"""The console's host on this machine: the application's files, and below `api/` the interface, as the operator.

It listens on the loopback alone. Who comes in, see console_gate; what is passed on, see console_proxy, and of files
console_uploads.
"""

import json
import mimetypes
import re
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from destination.domain.file import MAX_FILE_BYTES
from destination_client.console_gate import Gate
from destination_client.console_proxy import MAX_BODY_BYTES, NotPassedError, pass_on
from destination_client.console_uploads import Uploads
from destination_client.target import Target

LOOPBACK: Final = "127.0.0.1"
API: Final = "/api"
UPLOADS: Final = "/uploads"
"""Files are put there; the query names the `address` that the interface gave for the file."""

OVER: Final = "X-Console"
"""Marks the host's own refusal of who has no session, which the application tells from the interface's refusals."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Cloudscape places its pop-ups by style attributes
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
SECURITY: Final = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
ASSETS: Final = "assets"
"""The folder of files whose names change with what is in them."""

READS: Final = ("GET", "HEAD")
"""The methods by which a file is read."""

KEPT: Final = "private, max-age=31536000, immutable"
NOT_KEPT: Final = "no-store"
_IDLE_SECONDS: Final = 60
_FOLD: Final = re.compile("[\r\n]")
"""What is left in a header that goes on in the next line, which nobody may pass on (RFC 9112, 5.2)."""
_LENGTH: Final = re.compile(r"[0-9]{1,12}")
_TEXT: Final = "text/plain; charset=utf-8"
_PROBLEM: Final = "application/problem+json"
_FOREIGN: Final = (
    "The console answers its own page only. Paste the address that the command printed into the browser.\n"
)
_START_AGAIN: Final = (
    "This console is opened by the address that the command printed, once. Start it again: destination console\n"
)


class ConsoleHost(ThreadingHTTPServer):
    """Serves the application of a folder for one stack, at a port of the loopback; 0: any that is free."""

    daemon_threads = True
    request_queue_size = 128
    """Of the five that are usual, a browser that opens its connections at once loses some, each for a second."""

    def __init__(self, folder: Path, target: Target, port: int = 0) -> None:
        super().__init__((LOOPBACK, port), _Visit)
        self.folder = folder.resolve()
        self.target = target
        self.api = target.api.at_once()
        self.uploads = Uploads(self.api.http)
        self.gate = Gate(f"http://{LOOPBACK}:{self.server_address[1]}")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that went away is no error to tell of."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Visit(BaseHTTPRequestHandler):
    server: ConsoleHost
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_OPTIONS(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the address of the first request has the token in it."""

    def version_string(self) -> str:
        return "console"

    def send_error(
        self,
        code: int,
        message: str | None = None,  # noqa: ARG002 (Python's words, in which the request is)
        explain: str | None = None,  # noqa: ARG002
    ) -> None:
        """Refuses what is no request of HTTP, or has a method that nobody answers, without Python's page."""
        status = HTTPStatus(code)
        self._refuse(status, f"{status.phrase}.\n")

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        if self._body_is_told():  # what of it is not read would be taken for the next request
            self.close_connection = True
        if any(_FOLD.search(value) for value in self.headers.values()):
            self._refuse(HTTPStatus.BAD_REQUEST, "A header is one line (RFC 9112, 5.2).\n")
        elif self.server.gate.is_foreign(self.command, self.headers):
            self._refuse(HTTPStatus.FORBIDDEN, _FOREIGN)
        elif path == "/" and (token := parse_qs(query).get("token")):
            self._enter(token[0])
        elif not self.server.gate.knows(self.headers):
            self._refuse(HTTPStatus.UNAUTHORIZED, _START_AGAIN)
        elif self.path.startswith(f"{API}/"):
            self._pass_on(self.path.removeprefix(API))
        elif (self.command, path) == ("PUT", UPLOADS):
            self._put(parse_qs(query).get("address", [""])[0])
        elif (self.command, path) == ("DELETE", "/session"):
            self.server.gate.close()
            self._send(HTTPStatus.NO_CONTENT)
        elif self.command in READS:
            self._show(unquote(path))
        else:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Files are only read.\n", {"Allow": ", ".join(READS)})

    def _enter(self, token: str) -> None:
        if self.server.gate.knows(self.headers):  # the address was opened once more, by the same person
            self._send(HTTPStatus.SEE_OTHER, {"Location": "/"})
        elif (cookie := self.server.gate.exchange(token)) is not None:
            self._send(HTTPStatus.SEE_OTHER, {"Location": "/", "Set-Cookie": cookie})
        else:
            self._refuse(HTTPStatus.UNAUTHORIZED, _START_AGAIN)

    def _pass_on(self, target: str) -> None:
        try:
            passed = pass_on(self.server.api, self.command, target, self.headers, self._body())
        except NotPassedError as error:
            self._tell(error)
        else:
            self.server.uploads.note(self.command, target, passed)
            self._send(passed.status, passed.headers, passed.body)

    def _put(self, address: str) -> None:
        try:
            status = self.server.uploads.put(address, self.rfile, self._length(MAX_FILE_BYTES))
        except NotPassedError as error:
            self._tell(error)
        else:
            self._send(status)

    def _tell(self, error: NotPassedError) -> None:
        told = {
            "type": "about:blank",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "errors": [],
        }
        self._send(error.status, {"Content-Type": _PROBLEM}, json.dumps(told).encode())

    def _body_is_told(self) -> bool:
        return "Transfer-Encoding" in self.headers or self.headers.get("Content-Length", "0") != "0"

    def _body(self) -> bytes | None:
        """Raises NotPassedError for one that is too large, or of which the size is not told; ConnectionAbortedError
        for one that ends before it is whole, of which nobody waits for an answer.
        """
        length = self._length(MAX_BODY_BYTES)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError
        return body or None

    def _length(self, bound: int) -> int:
        """How many bytes the body has. Raises NotPassedError for more than the bound, and where it is not told."""
        if "Transfer-Encoding" in self.headers:
            raise NotPassedError(411, "The length is needed", "Send a Content-Length.")
        told = self.headers.get("Content-Length", "0")
        if not _LENGTH.fullmatch(told) or int(told) > bound:
            raise NotPassedError(413, "The body is too large", f"It may have {bound:,} bytes.")
        return int(told)

    def _show(self, path: str) -> None:
        if path == "/config.json":
            config = {"host": "local", "stack": self.server.target.name}
            self._send(HTTPStatus.OK, {"Content-Type": "application/json"}, json.dumps(config).encode())
            return
        asked = "index.html" if path == "/" else path.lstrip("/")
        file = self._file(asked)
        if file is None:
            self._refuse(HTTPStatus.NOT_FOUND, "There is no such file.\n")
            return
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        kept = KEPT if asked.startswith(f"{ASSETS}/") else NOT_KEPT
        self._send(HTTPStatus.OK, {"Content-Type": kind, "Cache-Control": kept}, file.read_bytes())

    def _file(self, asked: str) -> Path | None:
        """A file of the application; None if it has no such, or the path leads out of it."""
        if not asked.isprintable():  # no system has a file of such a name, and some raise an error for it
            return None
        file = self.server.folder.joinpath(*PurePosixPath(asked).parts).resolve()
        try:
            return file if file.is_relative_to(self.server.folder) and file.is_file() else None
        except OSError:  # the name is longer than any that the system takes
            return None

    def _refuse(self, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> None:
        self.close_connection = True
        self._send(status, {"Content-Type": _TEXT, OVER: "refused"} | dict(headers or {}), text.encode())

    def _send(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in ({"Cache-Control": NOT_KEPT} | SECURITY | dict(headers or {})).items():
            self.send_header(name, value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
