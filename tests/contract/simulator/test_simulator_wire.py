"""Faults and pages as they come over a socket."""

import time
from collections.abc import Iterator

import pytest
import requests

from marketo_simulator import Condition, Fault, Simulator
from marketo_simulator.server import SimulatorServer, serve

PARTITIONS = "/rest/v1/leads/partitions.json"
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with serve(Simulator({"leads": [{"id": 7, "email": "ada@example.org"}]})) as running:
        yield running


@pytest.fixture
def session(server: SimulatorServer) -> Iterator[requests.Session]:
    with requests.Session() as made:
        answer = made.post(f"{server.url}/identity/oauth/token", data=CREDENTIALS, timeout=10)
        made.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield made


def test_headers_and_content_type(server: SimulatorServer, session: requests.Session) -> None:
    server.simulator.script(
        Fault(code="606", headers={"Retry-After": "20"}, content_type="text/plain; charset=latin-1")
    )
    answer = session.get(f"{server.url}{PARTITIONS}", timeout=10)
    assert (answer.headers["Retry-After"], answer.headers["Content-Type"]) == ("20", "text/plain; charset=latin-1")
    assert answer.json()["errors"][0]["code"] == "606"


def test_slow_bytes_wear_out_a_caller_who_waits_for_each(server: SimulatorServer, session: requests.Session) -> None:
    server.simulator.script(Fault("trickle", piece=40, seconds=0.02), Fault("trickle", piece=40, seconds=0.5))
    start = time.monotonic()
    assert session.get(f"{server.url}{PARTITIONS}", timeout=10).json()["success"] is True
    assert time.monotonic() - start >= 0.02
    with pytest.raises(requests.exceptions.ConnectionError):  # of a read time-out in the middle of the body
        session.get(f"{server.url}{PARTITIONS}", timeout=0.2)


def test_a_connection_that_breaks_in_the_middle(server: SimulatorServer, session: requests.Session) -> None:
    server.simulator.script(Fault("drop", after_bytes=10))
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        session.get(f"{server.url}{PARTITIONS}", timeout=10)
    assert session.get(f"{server.url}{PARTITIONS}", timeout=10).json()["success"] is True


def test_a_connection_that_breaks_behind_the_head(server: SimulatorServer, session: requests.Session) -> None:
    server.simulator.script(Fault("drop", after_bytes=0))
    answer = session.get(f"{server.url}{PARTITIONS}", timeout=10, stream=True)
    assert answer.status_code == 200
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        _ = answer.content


@pytest.mark.parametrize("damage", ["cut", "html", "charset", "empty"])
def test_damaged_answers_come_whole_and_cannot_be_read(
    server: SimulatorServer, session: requests.Session, damage: str
) -> None:
    server.simulator.script(Fault("malformed", damage=damage))
    answer = session.get(f"{server.url}{PARTITIONS}", timeout=10)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert session.get(f"{server.url}{PARTITIONS}", timeout=10).json()["success"] is True


def test_a_fault_of_one_person_scripted_over_http(server: SimulatorServer, session: requests.Session) -> None:
    control = f"{server.url}/_simulator"
    fault = {"code": "611", "every": 1, "when": {"lead": 7}}
    assert session.post(f"{control}/faults", json=fault, timeout=10).status_code == 200
    assert list(server.simulator.faults) == [Fault(code="611", every=1, when=Condition(lead=7))]
    found = {"filterType": "email", "filterValues": "Ada@Example.org"}
    assert (
        session.get(f"{server.url}/rest/v1/leads.json", params=found, timeout=10).json()["errors"][0]["code"] == "611"
    )
    calls = session.get(f"{control}/calls", params={"code": "611", "value": "ada@example.org"}, timeout=10).json()
    assert [call["fault"] for call in calls] == [True]
    why = session.get(f"{control}/explain", params={"call": calls[0]["number"]}, timeout=10).json()
    assert why["fault"]["when"]["lead"] == 7


def test_a_page_comes_with_its_policy(server: SimulatorServer) -> None:
    with requests.Session() as browser:
        answer = browser.get(f"{server.url}/_simulator", timeout=10)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Overview" in answer.text
