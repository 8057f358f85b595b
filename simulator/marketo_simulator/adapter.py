"""A transport adapter for `requests`: calls are answered by a simulator in this process, without a socket."""

from collections.abc import Mapping
from io import BytesIO
from typing import Any

from requests import PreparedRequest
from requests import Response as HttpResponse
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as HttpConnectionError
from requests.exceptions import ReadTimeout
from urllib3 import HTTPResponse, Timeout

from marketo_simulator.message import AnswerTooSlow, ConnectionDropped, Request
from marketo_simulator.simulator import Simulator

TimeoutSetting = float | tuple[float | None, float | None] | Timeout | None


class SimulatorAdapter(HTTPAdapter):
    """Mount it on a `requests.Session`; the host of the URL does not matter, only its path.

    A scripted drop raises requests' ConnectionError. An answer slower than the read time-out raises ReadTimeout after
    that time, while the simulator goes on executing the call, as a server would.
    """

    def __init__(self, simulator: Simulator) -> None:
        super().__init__()
        self._simulator = simulator

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: TimeoutSetting = None,
        verify: bool | str = True,  # noqa: ARG002 (the signature of requests)
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Answer the prepared request."""
        headers = {_text(name): _text(value) for name, value in request.headers.items()}
        incoming = Request.of(request.method or "GET", request.path_url, headers, _content(request.body))
        patience = _patience(timeout)
        try:
            answer = self._simulator.handle(incoming, patience)
            content = b"".join(answer.pieces(self._simulator.sleep, patience))
        except ConnectionDropped as error:
            raise HttpConnectionError("connection dropped by the simulator", request=request) from error
        except AnswerTooSlow as error:
            raise ReadTimeout("no answer within the read time-out", request=request) from error
        headers = {**answer.headers, "Content-Type": answer.content_type}
        if answer.has_body:
            headers["Content-Length"] = str(len(content))
        body = content if answer.has_body and request.method != "HEAD" else b""
        raw = HTTPResponse(BytesIO(body), headers, answer.status, preload_content=False, request_method=request.method)
        response = self.build_response(request, raw)
        if not stream:
            _ = response.content
        return response


def _text(header: str | bytes) -> str:
    return header if isinstance(header, str) else header.decode("latin-1")


def _content(body: Any) -> bytes:
    """The body of a prepared request: text, bytes, an open file, or pieces that are made as they are sent."""
    if body is None:
        return b""
    if hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else b"".join(map(_content, body))


def _patience(timeout: TimeoutSetting) -> float | None:
    """Seconds that the caller waits for the answer, and between two pieces of it."""
    if isinstance(timeout, Timeout):
        running = timeout.clone()  # the one that was given may serve several calls
        running.start_connect()
        read = running.read_timeout
        return read if isinstance(read, int | float) else None
    return timeout[1] if isinstance(timeout, tuple) else timeout
