"""HTTP/1.1 on the simulator's port, byte by byte: whatever a caller sends is answered (RFC 9110, RFC 9112)."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest

from marketo_simulator import Request, Response, Simulator
from marketo_simulator.connection import MAX_BODY_BYTES, MAX_HEAD_BYTES
from marketo_simulator.server import SimulatorServer, serve

HEALTH: Final = "/_simulator/health"
GET: Final = f"GET {HEALTH} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
SYNC: Final = b"POST /_simulator/seed HTTP/1.1\r\nHost: localhost\r\n"
SEED: Final = b'{"leads": [{"email": "ada@example.org"}]}'


class Scripted(Simulator):
    """Gives one and the same answer, or fails."""

    def __init__(self, answer: Response | Exception) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[Request] = []

    def handle(self, request: Request, patience: float | None = None) -> Response:
        self.asked.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Caller:
    """A socket that sends what it is told to, and reads answers."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._read = b""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by their names in lower case, and body of the next answer."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = 0 if is_head else int(headers.get("content-length", "0"))
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return int(first.split()[1]), headers, body

    def status(self) -> int:
        return self.answer()[0]

    def is_at_end(self) -> bool:
        return not self._read and self.connection.recv(1) == b""

    def _more(self) -> None:
        data = self.connection.recv(65536)
        if not data:
            raise EOFError(f"the connection ended after {self._read!r}")
        self._read += data


@contextmanager
def calling(server: SimulatorServer) -> Iterator[Caller]:
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        yield Caller(connection)


@contextmanager
def talking_to(simulator: Simulator) -> Iterator[Caller]:
    with serve(simulator) as server, calling(server) as caller:
        yield caller


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture
def server(simulator: Simulator) -> Iterator[SimulatorServer]:
    with serve(simulator) as running:
        yield running


@pytest.fixture
def caller(server: SimulatorServer) -> Iterator[Caller]:
    with calling(server) as made:
        yield made


def test_a_body_that_waits_to_be_invited_is_invited_at_once(caller: Caller, simulator: Simulator) -> None:
    caller.send(SYNC + f"Expect: 100-continue\r\nContent-Length: {len(SEED)}\r\n\r\n".encode())
    assert caller.status() == 100
    caller.send(SEED)
    assert caller.status() == 200
    assert [lead["email"] for lead in simulator.dump()["leads"]] == ["ada@example.org"]


def test_a_body_that_is_too_large_is_not_invited(caller: Caller) -> None:
    caller.send(SYNC + f"Expect: 100-continue\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode())
    status, headers, _ = caller.answer()
    assert (status, headers["connection"]) == (413, "close")


def test_a_body_in_chunks_is_read(caller: Caller, simulator: Simulator) -> None:
    caller.send(SYNC + b"Transfer-Encoding: chunked\r\n\r\n")
    for start in range(0, len(SEED), 10):
        part = SEED[start : start + 10]
        caller.send(f"{len(part):x};note=1\r\n".encode() + part + b"\r\n")
    caller.send(b"0\r\nTrailer: yes\r\n\r\n")
    assert caller.status() == 200
    assert len(simulator.dump()["leads"]) == 1
    caller.send(GET)
    assert caller.status() == 200


def test_a_body_in_chunks_is_bounded_and_its_sender_hears_of_it(caller: Caller) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    caller.send(SYNC + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(MAX_BODY_BYTES // 0x100000 + 3):
        caller.send(chunk)
    assert caller.status() == 413


def test_requests_that_come_at_once_are_answered_in_order(caller: Caller) -> None:
    unknown = b"GET /rest/v1/nothing.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    body = SYNC + f"Content-Length: {len(SEED)}\r\n\r\n".encode() + SEED
    caller.send(GET + unknown + body + GET)
    bodies = [caller.answer()[2] for _ in range(4)]
    assert [b'"ok"' in bodies[0], b'"success":false' in bodies[1], bodies[2], b'"ok"' in bodies[3]] == [
        True,
        True,
        b"{}",
        True,
    ]


def test_head_is_answered_like_get_without_the_body(caller: Caller) -> None:
    caller.send(b"HEAD" + GET.removeprefix(b"GET") + GET)
    status, headers, _ = caller.answer(is_head=True)
    again, same, body = caller.answer()
    assert (status, again) == (200, 200)
    assert headers["content-length"] == same["content-length"] == str(len(body))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /" + b"x" * (MAX_HEAD_BYTES + 65536) + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nLong: " + b"x" * (MAX_HEAD_BYTES + 65536) + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 40_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + b"9" * 20 + b"\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,  # a proxy in between might see another end of the request
        ),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 400),
        (b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ],
)
def test_what_is_not_http_or_too_large_is_told_so(caller: Caller, request_: bytes, status: int) -> None:
    caller.send(request_)
    assert caller.status() == status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "DELETE", "BREW"])
def test_every_method_is_answered(caller: Caller, method: str) -> None:
    caller.send(f"{method} /rest/v1/leads.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    status, _, body = caller.answer()
    assert (status, b'"success":false' in body) == (200, True)


def test_an_upgrade_is_left_out(caller: Caller) -> None:
    upgrade = b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    caller.send(GET.removesuffix(b"\r\n") + upgrade + GET)
    assert [caller.status(), caller.status()] == [200, 200]


def test_http_1_0_ends_with_its_answer(caller: Caller) -> None:
    caller.send(f"GET {HEALTH} HTTP/1.0\r\n\r\n".encode())
    assert caller.status() == 200
    assert caller.is_at_end()


def test_repeated_headers_are_one() -> None:
    simulator = Scripted(Response(200, b"{}"))
    with talking_to(simulator) as caller:
        caller.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nVia: a\r\nVia: b\r\n\r\n")
        assert caller.status() == 200
    assert simulator.asked[0].header("via") == "a, b"


def test_a_mistake_of_the_simulator_is_answered_and_its_place_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with talking_to(Scripted(KeyError("lead"))) as caller:
        for _ in range(2):
            caller.send(GET)
            assert caller.status() == 500
    assert [logged.getMessage() for logged in caplog.records] == [f"no answer to GET {HEALTH}"] * 2
    assert all(logged.exc_info for logged in caplog.records)


@pytest.mark.parametrize(
    "answer",
    [Response(99, b""), Response(1000, b""), Response(200, b"", headers={"A": "b\r\nc"}), Response(200, b"", "é")],
)
def test_an_answer_that_http_cannot_carry_is_an_error(answer: Response, caplog: pytest.LogCaptureFixture) -> None:
    with talking_to(Scripted(answer)) as caller:
        caller.send(GET.replace(HEALTH.encode(), b"/identity/oauth/token?client_secret=s3cret"))
        assert caller.status() == 500
    assert [logged.getMessage() for logged in caplog.records] == [
        "an answer that HTTP cannot carry, to /identity/oauth/token"
    ]


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_has_none(status: int) -> None:
    with talking_to(Scripted(Response(status, b"left out"))) as caller:
        for _ in range(2):
            caller.send(GET)
            assert caller.answer()[::2] == (status, b"")


def test_a_body_that_comes_in_pieces() -> None:
    answer = Response(200, b"0123456789", piece=4, pause=0.001, headers={"X-Extra": "1"})
    with talking_to(Scripted(answer)) as caller:
        for _ in range(2):
            caller.send(GET)
            status, headers, body = caller.answer()
            assert (status, headers["x-extra"], body) == (200, "1", b"0123456789")


def test_a_body_that_breaks_off() -> None:
    with talking_to(Scripted(Response(200, b"0123456789", breaks_after=4))) as caller:
        caller.send(GET)
        with pytest.raises((ConnectionResetError, EOFError)):
            caller.answer()


def test_a_caller_who_goes_away_in_the_middle_harms_nobody(server: SimulatorServer, simulator: Simulator) -> None:
    for part in (b"GET", SYNC, SYNC + b"Content-Length: 10\r\n\r\n{", SYNC + b"Expect: 100-continue\r\n"):
        with calling(server) as gone:
            gone.send(part)
    with calling(server) as caller:
        caller.send(GET)
        assert caller.status() == 200
    assert simulator.dump()["leads"] == []


def test_what_is_under_way_is_answered_before_the_end() -> None:
    began, goes_on = threading.Event(), threading.Event()

    class Slow(Simulator):
        def handle(self, request: Request, patience: float | None = None) -> Response:
            if request.path == "/slow":
                began.set()
                goes_on.wait(10)
            return super().handle(request, patience)

    with serve(Slow(), grace=10) as server, calling(server) as busy, calling(server) as idle:
        idle.send(GET)
        assert idle.status() == 200
        busy.send(GET.replace(HEALTH.encode(), b"/slow"))
        began.wait(10)
        closing = threading.Thread(target=server.close, args=(10,))
        closing.start()
        assert idle.is_at_end(), "nobody waits for those who ask nothing"
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.server_port), timeout=10)
        assert closing.is_alive()
        goes_on.set()
        status, headers, _ = busy.answer()
        assert (status, headers["connection"]) == (200, "close")
        closing.join(10)
        assert not closing.is_alive()


def test_the_end_waits_for_no_answer_longer_than_it_may() -> None:
    goes_on = threading.Event()

    class Stuck(Simulator):
        def handle(self, request: Request, patience: float | None = None) -> Response:
            goes_on.wait(10)
            return super().handle(request, patience)

    started = time.monotonic()
    with serve(Stuck(), grace=0.1) as server, calling(server) as caller:
        caller.send(GET)
        time.sleep(0.05)
    assert time.monotonic() - started < 5
    goes_on.set()
