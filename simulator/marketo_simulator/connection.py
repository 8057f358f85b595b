"""One connection of a caller: HTTP/1.1 as h11 reads and writes it (RFC 9112), one request after the other."""

import logging
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import h11

from marketo_simulator.message import ConnectionDropped, Request, Response, html_response

MAX_HEAD_BYTES: Final = 64 * 1024
"""Of a request's line and headers, give or take one read. What Marketo's gateway refuses is less: see Instance."""
MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""Of a request, as it stands before the instance has a look at it; seeds are large."""
_READ_BYTES: Final = 64 * 1024
_LINGER_SECONDS: Final = 2.0
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)

logger = logging.getLogger(__name__)


class Connection:
    """Serves one socket until either side ends it; `answer` may raise ConnectionDropped."""

    def __init__(self, raw: socket.socket, tls: ssl.SSLContext | None, answer: Callable[[Request], Response]) -> None:
        self._raw = raw
        self._tls = tls
        self._answer = answer
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._idle = True
        self._retired = False

    def serve(self) -> None:
        """Answer until the end. Raises OSError where the caller went away, ssl.SSLError where TLS fails."""
        with self._raw:
            self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                self._serve_all()
                return
            secured = self._tls.wrap_socket(self._raw, server_side=True, do_handshake_on_connect=False)
            with secured:
                self._raw = secured  # before the handshake, so that one that never ends can be retired
                secured.do_handshake()
                self._serve_all()

    def _serve_all(self) -> None:
        try:
            while self._serve_one():
                self._protocol.start_next_cycle()
        except h11.RemoteProtocolError as error:
            self._refuse(self._status_of(error))
        except _Refused as refused:
            self._refuse(refused.status)
        except ConnectionDropped:
            # Without lingering, closing is a reset: the caller cannot take it for a regular end.
            self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def retire(self) -> None:
        """Take no further request: the answer that is under way, or the next one, says that it is the last."""
        self._retired = True

    def end_if_idle(self) -> None:
        """End at once, unless an answer is under way."""
        if self._idle:
            with suppress(OSError):  # it has ended by itself
                # The plain socket's method: that of a TLS socket would forget its session while the other thread reads.
                socket.socket.shutdown(self._raw, socket.SHUT_RD)

    # Requests

    def _serve_one(self) -> bool:
        """Whether another request may follow."""
        head = self._event()
        if not isinstance(head, h11.Request):
            return False  # the caller closed
        self._idle = False
        if not head.http_version.startswith(b"1."):
            raise _Refused(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
        if head.method == b"CONNECT":  # a success would make a tunnel of the connection
            raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED)
        body = self._body(head)
        try:
            request = _request(head, body)
        except ValueError:  # a target that is no URL, such as http://[
            answer = html_response(HTTPStatus.BAD_REQUEST)
        else:
            answer = self._answered(request)
        try:
            self._send(answer, is_head=head.method == b"HEAD")
        except (h11.LocalProtocolError, UnicodeEncodeError):  # a fault may script anything
            path, _, _ = head.target.decode("ascii").partition("?")  # the query may have secrets
            logger.exception("an answer that HTTP cannot carry, to %s", path)
            self._send(html_response(HTTPStatus.INTERNAL_SERVER_ERROR), is_last=True)
        self._idle = True  # before the look at _retired; who retires it looks the other way round
        return self._protocol.our_state is h11.DONE and not self._retired

    def _answered(self, request: Request) -> Response:
        try:
            return self._answer(request)
        except ConnectionDropped:
            raise
        except Exception:  # whatever goes wrong here, the caller gets an answer, and the developer the place
            logger.exception("no answer to %s %s", request.method, request.path)
            return html_response(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _body(self, head: h11.Request) -> bytes:
        given = dict(head.headers)
        declared = given.get(b"content-length", b"0")
        if b"content-length" in given and b"transfer-encoding" in given:  # RFC 9112, 6.1: it may be smuggling
            raise _Refused(HTTPStatus.BAD_REQUEST)
        if int(declared) > MAX_BODY_BYTES:  # before 100-continue invites it
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = bytearray()
        while isinstance(event := self._event(), h11.Data):
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        return bytes(body)

    def _event(self) -> h11.Event:
        """What came next. Raises h11.RemoteProtocolError for what is not HTTP."""
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            if self._protocol.they_are_waiting_for_100_continue:
                self._write([h11.InformationalResponse(status_code=HTTPStatus.CONTINUE, headers=[])])
            self._protocol.receive_data(self._raw.recv(_READ_BYTES))
        assert isinstance(event, h11.Event)  # noqa: S101 (PAUSED comes before start_next_cycle alone)
        return event

    # Answers

    def _send(self, answer: Response, *, is_head: bool = False, is_last: bool = False) -> None:
        unsent: list[h11.Event] = [self._head(answer, is_last=is_last or self._retired)]
        if not is_head and answer.has_body:
            if answer.breaks_after == 0:  # no piece comes then, with which the head would leave
                self._write(unsent)
            for piece in answer.pieces(time.sleep):
                self._write([*unsent, h11.Data(data=piece)])
                unsent = []
        self._write([*unsent, h11.EndOfMessage()])

    def _head(self, answer: Response, *, is_last: bool) -> h11.Response:
        """Raises h11.LocalProtocolError for what no HTTP answer can have, such as a status of two digits."""
        headers = [("Date", formatdate(usegmt=True)), *answer.headers.items(), ("Content-Type", answer.content_type)]
        if answer.has_body:
            headers.append(("Content-Length", str(len(answer.body))))
        if is_last:
            headers.append(("Connection", "close"))
        return h11.Response(status_code=answer.status, headers=headers, reason=_phrase(answer.status))

    def _write(self, events: Iterable[h11.Event]) -> None:
        """All in one packet where they fit."""
        self._raw.sendall(b"".join(self._protocol.send(event) or b"" for event in events))

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer what cannot be read on, and close so that the caller sees the answer."""
        if self._protocol.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._send(html_response(status), is_last=True)
            self._linger()

    def _linger(self) -> None:
        """Read on for a little: closing with unread bytes would be a reset, and take the answer from the caller."""
        with suppress(OSError):
            socket.socket.shutdown(self._raw, socket.SHUT_WR)
            deadline = time.monotonic() + _LINGER_SECONDS
            while (left := deadline - time.monotonic()) > 0:
                self._raw.settimeout(left)
                if not self._raw.recv(_READ_BYTES):
                    break

    def _status_of(self, error: h11.RemoteProtocolError) -> HTTPStatus:
        status = HTTPStatus(error.error_status_hint)
        buffered, _ = self._protocol.trailing_data
        if status is HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE and b"\n" not in buffered:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        return status


class _Refused(Exception):  # noqa: N818 (an end of the reading, which the caller is told)
    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status)
        self.status = status


def _request(head: h11.Request, body: bytes) -> Request:
    """Raises ValueError for a target that is no URL."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers.raw_items():
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request.of(head.method.decode("ascii"), head.target.decode("ascii"), headers, body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:  # a fault may answer any status
        return ""
