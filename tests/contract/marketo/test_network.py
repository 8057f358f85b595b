"""How failures on a real connection look to the edge."""

import socket
from collections.abc import Iterator

import pytest

from destination.domain.credentials import ClientCredentials
from destination.marketo.client import Client
from destination.marketo.errors import InstanceWaitsError
from destination.marketo.instance import Marketo
from destination.marketo.leads import SyncAction
from destination.marketo.pace import Pace
from destination.marketo.token import Tokens
from destination.marketo.transport import Request, session
from marketo_simulator import Fault, Simulator
from marketo_simulator.server import SimulatorServer, serve
from testing.marketo import FakeClock
from testing.memory import MemoryToken

CREDENTIALS = ClientCredentials("client", "secret")


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with serve(Simulator()) as serving:
        yield serving


def connect(url: str) -> Marketo:
    return Marketo(
        munchkin_id="123-ABC-456",
        credentials=CREDENTIALS,
        tokens=MemoryToken(),
        http=session(),
        pace=Pace(100, 10),
        url=url,
    )


def unused_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_a_call_arrives(server: SimulatorServer) -> None:
    assert connect(server.url).describe.partitions()[0].name == "Default"


def test_a_connection_that_breaks_under_a_read_is_made_anew(server: SimulatorServer) -> None:
    marketo = connect(server.url)
    marketo.describe.schema()
    server.simulator.script(Fault("drop", path="^/rest"))
    assert marketo.describe.partitions()
    assert marketo.calls == 3


def test_a_connection_that_breaks_under_a_creation_is_ambiguous(server: SimulatorServer) -> None:
    server.simulator.script(Fault("drop", path="^/rest", executes=True))
    with pytest.raises(InstanceWaitsError) as raised:
        connect(server.url).leads.sync(SyncAction.CREATE_ONLY, "email", [{"email": "ada@example.org"}])
    assert (raised.value.code, raised.value.executed_unknown) == ("CONNECTION_LOST", True)
    assert len(server.simulator.dump()["leads"]) == 1


def test_nobody_listens() -> None:
    with pytest.raises(InstanceWaitsError) as raised:
        connect(f"http://127.0.0.1:{unused_port()}").describe.partitions()
    assert (raised.value.code, raised.value.executed_unknown) == ("CONNECTION_FAILED", False)


def test_an_answer_that_takes_too_long(server: SimulatorServer) -> None:
    clock = FakeClock()
    tokens = Tokens(CREDENTIALS, MemoryToken(), session(), server.url, clock=clock.now)
    client = Client(session(), server.url, tokens, Pace(100, 10))
    server.simulator.script(Fault("slow", path="^/rest", seconds=1.0))
    with pytest.raises(InstanceWaitsError) as raised:
        client.call(Request("probe", "GET", "/rest/v1/leads/partitions.json", 0.1))
    assert (raised.value.code, raised.value.executed_unknown) == ("TIMED_OUT", True)


def test_a_gateway_s_page(server: SimulatorServer) -> None:
    server.simulator.script(Fault("http", path="^/rest", status=503, body="<html>maintenance</html>"))
    with pytest.raises(InstanceWaitsError) as raised:
        connect(server.url).describe.partitions()
    assert raised.value.code == "503"
