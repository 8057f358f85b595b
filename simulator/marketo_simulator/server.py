"""The simulator on a port: HTTP/1.1 with keep-alive on the loopback interface."""

import socket
import struct
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

from marketo_simulator.message import ConnectionDropped, Request
from marketo_simulator.simulator import Simulator

HOST: Final = "127.0.0.1"
_MAX_READ: Final = 32 * 1024 * 1024
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class SimulatorServer(ThreadingHTTPServer):
    """One thread per connection."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, simulator: Simulator, port: int) -> None:
        super().__init__((HOST, port), _Handler)
        self.simulator = simulator

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller who went away is no news; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def url(self) -> str:
        """Where the default instance answers."""
        return f"http://{HOST}:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet
    server: SimulatorServer

    def _answer(self) -> None:
        given = self.headers.get("Content-Length", "0")
        if not given.isdecimal() or self.headers.get("Transfer-Encoding"):
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
            return
        if int(given) > _MAX_READ:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(given))
        request = Request.of(self.command, self.path, dict(self.headers.items()), body)
        try:
            answer = self.server.simulator.handle(request)
        except ConnectionDropped:
            self._drop()
            return
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        try:
            self.wfile.write(answer.body)
            self.wfile.flush()
        except ConnectionError:
            self.close_connection = True  # the caller did not wait

    def _refuse(self, status: HTTPStatus) -> None:
        self.send_error(status)
        self.close_connection = True

    def _drop(self) -> None:
        """Break the connection so that the caller sees a reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.connection.close()

    do_GET = do_POST = do_DELETE = do_PATCH = do_PUT = _answer  # noqa: N815 (names http.server looks for)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the call log is at /_simulator/calls."""


@contextmanager
def serve(simulator: Simulator, port: int = 0) -> Iterator[SimulatorServer]:
    """Serve in the background while the block runs; port 0 takes a free one, `url` says which."""
    server = SimulatorServer(simulator, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
