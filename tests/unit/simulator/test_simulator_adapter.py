"""The transport adapter: a requests session that talks to the simulator without a socket."""

import time
from io import BytesIO, StringIO
from threading import Event
from typing import Any

import pytest
import requests
from urllib3.util import Timeout

from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter

URL = "https://123-abc-456.mktorest.com"
PARTITIONS = f"{URL}/rest/v1/leads/partitions.json"


def session(simulator: Simulator) -> requests.Session:
    made = requests.Session()
    made.mount("https://", SimulatorAdapter(simulator))
    form = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}
    token = made.post(f"{URL}/identity/oauth/token", data=form).json()["access_token"]
    made.headers["Authorization"] = f"Bearer {token}"
    return made


def test_a_session_works_as_with_a_server() -> None:
    caller = session(Simulator())
    answer = caller.post(f"{URL}/rest/v1/leads.json", json={"input": [{"email": "ada+x@example.org"}]})
    assert (answer.status_code, answer.json()["result"]) == (200, [{"id": 1, "status": "created"}])
    params = {"filterType": "email", "filterValues": "ada+x@example.org", "fields": "email"}
    found = caller.get(f"{URL}/rest/v1/leads.json", params=params)
    assert found.json()["result"] == [{"id": 1, "email": "ada+x@example.org"}]
    assert found.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert found.url.startswith(f"{URL}/rest/v1/leads.json?filterType=email")


def test_a_head_has_the_length_of_the_body_and_no_body() -> None:
    caller = session(Simulator())
    head, get = caller.head(PARTITIONS), caller.get(PARTITIONS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(get.content))


def test_a_drop_is_a_connection_error() -> None:
    simulator = Simulator()
    caller = session(simulator)
    simulator.script(Fault("drop"))
    with pytest.raises(requests.exceptions.ConnectionError):
        caller.get(PARTITIONS)
    assert caller.get(PARTITIONS).status_code == 200


@pytest.mark.parametrize("timeout", [0.01, (5, 0.01), Timeout(connect=5, read=0.01), Timeout(0.01)])
def test_an_answer_beyond_the_read_timeout_is_not_heard_but_the_call_goes_on(
    timeout: Any,
) -> None:
    given_up = Event()

    def sleep(seconds: float) -> None:
        if seconds > 1:  # the call's own latency: it goes on when the caller has given up
            given_up.wait(10)

    simulator = Simulator(sleep=sleep)
    caller = session(simulator)
    simulator.script(Fault("slow", seconds=5))
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.post(f"{URL}/rest/v1/leads.json", json={"input": [{"email": "ada@example.org"}]}, timeout=timeout)
    assert simulator.dump()["leads"] == []
    given_up.set()
    deadline = time.monotonic() + 10
    while not simulator.dump()["leads"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert simulator.log()[-1].executed
    assert caller.get(PARTITIONS, timeout=5).status_code == 200


def test_an_unheard_drop_stays_unheard() -> None:
    simulator = Simulator()
    caller = session(simulator)
    simulator.script(Fault("drop", seconds=0.02))
    with pytest.raises(requests.exceptions.ReadTimeout):
        caller.get(PARTITIONS, timeout=0.01)
    deadline = time.monotonic() + 10
    while len(simulator.log()) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert simulator.log()[-1].status == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda text: text,
        lambda text: text.encode(),
        lambda text: bytearray(text.encode()),
        lambda text: BytesIO(text.encode()),
        StringIO,
        lambda text: (piece.encode() for piece in text),
    ],
)
def test_a_body_may_be_whatever_requests_sends(make: Any) -> None:
    caller = session(Simulator())
    sent = make('{"input": [{"email": "ada@example.org"}]}')
    headers: Any = {"Content-Type": "application/json", "Authorization": str(caller.headers["Authorization"]).encode()}
    answer = caller.post(f"{URL}/rest/v1/leads.json", data=sent, headers=headers)
    assert answer.json()["result"] == [{"id": 1, "status": "created"}]


def test_no_content_is_no_content() -> None:
    simulator = Simulator()
    caller = session(simulator)
    simulator.script(Fault("http", status=204, body="never sent"))
    answer = caller.get(PARTITIONS)
    assert (answer.status_code, answer.content) == (204, b"")
