"""A transport adapter for `requests`: calls are answered by a simulator in this process, without a socket."""

from collections.abc import Mapping
from io import BytesIO

from requests import PreparedRequest
from requests import Response as HttpResponse
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as HttpConnectionError
from requests.exceptions import ReadTimeout
from urllib3 import HTTPResponse

from marketo_simulator.message import AnswerTooSlow, ConnectionDropped, Request
from marketo_simulator.simulator import Simulator

Timeout = float | tuple[float | None, float | None] | None


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
        timeout: Timeout = None,
        verify: bool | str = True,  # noqa: ARG002 (the signature of requests)
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,  # noqa: ARG002
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """Answer the prepared request."""
        body = request.body or b""
        incoming = Request.of(
            request.method or "GET",
            request.path_url,
            {str(name): str(value) for name, value in request.headers.items()},
            body.encode() if isinstance(body, str) else body,
        )
        try:
            patience = timeout[1] if isinstance(timeout, tuple) else timeout
            answer = self._simulator.handle(incoming, patience)
            content = b"".join(answer.pieces(self._simulator.sleep, patience))
        except ConnectionDropped as error:
            raise HttpConnectionError("connection dropped by the simulator", request=request) from error
        except AnswerTooSlow as error:
            raise ReadTimeout("no answer within the read time-out", request=request) from error
        headers = {**answer.headers, "Content-Type": answer.content_type, "Content-Length": str(len(content))}
        body = b"" if request.method == "HEAD" else content
        raw = HTTPResponse(BytesIO(body), headers, answer.status, preload_content=False, request_method=request.method)
        response = self.build_response(request, raw)
        if not stream:
            _ = response.content
        return response
