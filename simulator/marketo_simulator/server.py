"""The simulator on a port: HTTP/1.1 with keep-alive, on the loopback interface unless told otherwise."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseRequestHandler, TCPServer
from typing import Final

from marketo_simulator.access import ControlAccess
from marketo_simulator.connection import Connection
from marketo_simulator.message import Request, Response
from marketo_simulator.simulator import Simulator

HOST: Final = "127.0.0.1"


class SimulatorServer(TCPServer):
    """One thread per connection. Raises OSError when the address cannot be had."""

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        simulator: Simulator,
        port: int,
        host: str = HOST,
        tls: ssl.SSLContext | None = None,
        access: ControlAccess | None = None,
    ) -> None:
        if ":" in host:
            self.address_family = socket.AF_INET6
        self.simulator = simulator
        self.answered = 0
        """How many requests were answered, control calls included: who keeps the state sees whether it may differ."""
        self._host = host
        self._tls = tls
        self._access = access or ControlAccess()
        self._connections: set[Connection] = set()
        self._ended = threading.Condition()
        super().__init__((host, port), BaseRequestHandler)

    @property
    def server_port(self) -> int:
        """The port, also where any free one was asked for."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Where the default instance answers callers of this machine."""
        scheme = "http" if self._tls is None else "https"
        host = {"0.0.0.0": HOST, "::": "::1", "": HOST}.get(self._host, self._host)  # noqa: S104 (not bound to here)
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.server_port}"

    @property
    def is_beyond_loopback(self) -> bool:
        """Whether other machines can reach it."""
        return not ipaddress.ip_address(str(self.server_address[0])).is_loopback

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Serve the accepted socket in a thread of its own; a slow TLS handshake keeps nobody else waiting."""
        assert isinstance(request, socket.socket)  # noqa: S101 (the other form is of datagrams)
        peer = str(client_address[0]) if isinstance(client_address, tuple) else ""
        connection = Connection(request, self._tls, lambda call: self._answer(call, peer))
        with self._ended:
            self._connections.add(connection)
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        except OSError:  # the caller went away, or does not speak TLS, which is no news here
            return
        finally:
            with self._ended:
                self._connections.discard(connection)
                self._ended.notify_all()

    def _answer(self, request: Request, peer: str) -> Response:
        try:
            return self._access.refusal(request, peer) or self.simulator.handle(request)
        finally:
            self.answered += 1

    def close(self, grace: float = 0.0) -> None:
        """Take no more requests, and wait up to `grace` seconds for the answers that are under way."""
        self.shutdown()
        self.server_close()
        with self._ended:
            for connection in self._connections:
                connection.retire()
            for connection in self._connections:  # once all know, so that whoever sees one end knows of the others
                connection.end_if_idle()
            self._ended.wait_for(lambda: not self._connections, grace)


@contextmanager
def serve(
    simulator: Simulator,
    port: int = 0,
    host: str = HOST,
    *,
    tls: ssl.SSLContext | None = None,
    access: ControlAccess | None = None,
    grace: float = 0.0,
) -> Iterator[SimulatorServer]:
    """Serve in the background while the block runs; port 0 takes a free one, `url` says which.

    At its end nothing new is taken, and up to `grace` seconds are waited for answers that are under way. Raises OSError
    when the address cannot be had.
    """
    server = SimulatorServer(simulator, port, host, tls, access)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.close(grace)
        thread.join()
