"""The transports for httpx: clients that talk to the simulator without a socket (an event loop has one of its own)."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from marketo_simulator import Fault, Request, Response, Simulator
from marketo_simulator.transport import AsyncSimulatorTransport, SimulatorTransport

URL = "https://123-abc-456.mktorest.com"
PARTITIONS = "/rest/v1/leads/partitions.json"
LEADS = "/rest/v1/leads.json"
ADA = {"input": [{"email": "ada+x@example.org"}]}
FORM = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}


def bearer(answer: httpx.Response) -> str:
    return f"Bearer {answer.json()['access_token']}"


@contextmanager
def client(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(transport=SimulatorTransport(simulator), base_url=URL) as made:
        made.headers["Authorization"] = bearer(made.post("/identity/oauth/token", data=FORM))
        yield made


@asynccontextmanager
async def async_client(simulator: Simulator) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=AsyncSimulatorTransport(simulator), base_url=URL) as made:
        made.headers["Authorization"] = bearer(await made.post("/identity/oauth/token", data=FORM))
        yield made


def test_a_client_works_as_with_a_server() -> None:
    with client(Simulator()) as caller:
        answer = caller.post(LEADS, json=ADA)
        assert (answer.status_code, answer.json()["result"]) == (200, [{"id": 1, "status": "created"}])
        params = {"filterType": "email", "filterValues": "ada+x@example.org", "fields": "email"}
        found = caller.get(LEADS, params=params)
    assert found.json()["result"] == [{"id": 1, "email": "ada+x@example.org"}]
    assert found.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert urlsplit(str(found.url)).path == LEADS


def test_a_head_has_the_length_of_the_body_and_no_body() -> None:
    with client(Simulator()) as caller:
        head, get = caller.head(PARTITIONS), caller.get(PARTITIONS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.content))


def test_a_drop_is_a_protocol_error() -> None:
    simulator = Simulator()
    with client(simulator) as caller:
        simulator.script(Fault("drop"))
        with pytest.raises(httpx.RemoteProtocolError):
            caller.get(PARTITIONS)
        assert caller.get(PARTITIONS).status_code == 200


def test_an_answer_beyond_the_read_timeout_is_not_heard_but_the_call_goes_on() -> None:
    simulator = Simulator()
    with client(simulator) as caller:
        simulator.script(Fault("slow", seconds=0.05))
        with pytest.raises(httpx.ReadTimeout):
            caller.post(LEADS, json=ADA, timeout=0.01)
    deadline = time.monotonic() + 10
    while not simulator.dump()["leads"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert simulator.log()[-1].executed


def test_an_async_client_works_alike() -> None:
    simulator = Simulator()

    async def calls() -> list[int]:
        async with async_client(simulator) as caller:
            answers = [await caller.post(LEADS, json=ADA), await caller.get(PARTITIONS)]
            simulator.script(Fault("drop"))
            with pytest.raises(httpx.RemoteProtocolError):
                await caller.get(PARTITIONS)
            return [answer.status_code for answer in answers]

    assert asyncio.run(calls()) == [200, 200]
    assert [lead["email"] for lead in simulator.dump()["leads"]] == ["ada+x@example.org"]


def test_a_slow_call_holds_up_no_other() -> None:
    simulator = Simulator(settings={"latency": 0.2})

    async def together() -> None:
        async with async_client(simulator) as caller:
            await asyncio.gather(*(caller.get(PARTITIONS) for _ in range(5)))

    asyncio.run(together())
    assert simulator.stats()["most_executing"] > 1


def test_an_answer_without_a_body_and_one_in_pieces() -> None:
    class Answers(Simulator):
        def handle(self, request: Request, patience: float | None = None) -> Response:
            if request.path == "/pieces":
                return Response(200, b"0123456789", "text/plain", {"X-Extra": "1"}, piece=4)
            return Response(204, b"left out")

    with httpx.Client(transport=SimulatorTransport(Answers()), base_url=URL) as caller:
        assert caller.get("/none").content == b""
        pieces = caller.get("/pieces")
        assert (pieces.text, pieces.headers["X-Extra"]) == ("0123456789", "1")
