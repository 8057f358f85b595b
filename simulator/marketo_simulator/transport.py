"""Transports for `httpx`: calls are answered by a simulator in this process, without a socket."""

import anyio.to_thread
import httpx

from marketo_simulator.message import AnswerTooSlow, ConnectionDropped, Request
from marketo_simulator.simulator import Simulator


class SimulatorTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=…)`; the host of the URL does not matter, only its path.

    A scripted drop raises httpx.RemoteProtocolError. An answer slower than the read time-out raises httpx.ReadTimeout
    after that time, while the simulator goes on executing the call, as a server would.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer the request."""
        return _answered(self._simulator, request, request.read())


class AsyncSimulatorTransport(httpx.AsyncBaseTransport):
    """For `httpx.AsyncClient(transport=…)`, with asyncio or trio; otherwise as SimulatorTransport.

    A call waits in a thread, since waiting out a latency must not hold up the event loop.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer the request."""
        body = await request.aread()
        return await anyio.to_thread.run_sync(_answered, self._simulator, request, body, abandon_on_cancel=True)


def _answered(simulator: Simulator, request: httpx.Request, body: bytes) -> httpx.Response:
    """Raises httpx.RemoteProtocolError and httpx.ReadTimeout."""
    incoming = Request.of(request.method, request.url.raw_path.decode("ascii"), dict(request.headers.items()), body)
    patience: float | None = request.extensions.get("timeout", {}).get("read")
    try:
        answer = simulator.handle(incoming, patience)
        content = b"".join(answer.pieces(simulator.sleep, patience))
    except ConnectionDropped as error:
        raise httpx.RemoteProtocolError("connection dropped by the simulator", request=request) from error
    except AnswerTooSlow as error:
        raise httpx.ReadTimeout("no answer within the read time-out", request=request) from error
    headers = {**answer.headers, "Content-Type": answer.content_type}
    if answer.has_body:
        headers["Content-Length"] = str(len(answer.body))
    body = content if answer.has_body and request.method != "HEAD" else b""
    return httpx.Response(answer.status, headers=headers, content=body, request=request)
