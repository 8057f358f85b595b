"""The simulator on a port: the command, the connection, control calls, limits under real concurrency."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from marketo_simulator import Fault, Simulator
from marketo_simulator.server import SimulatorServer, serve

PARTITIONS = "/rest/v1/leads/partitions.json"
CREDENTIALS = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with serve(Simulator()) as running:
        yield running


@pytest.fixture
def session(server: SimulatorServer) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.headers["Authorization"] = f"Bearer {token(made, server.url)}"
        yield made


def token(session: requests.Session, url: str) -> str:
    answer = session.post(f"{url}/identity/oauth/token", data=CREDENTIALS, timeout=10)
    return str(answer.json()["access_token"])


def test_the_command_serves_a_seed_until_it_is_told_to_stop(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text('{"partitions": [{"name": "EMEA"}]}')
    command = [sys.executable, "-m", "marketo_simulator", "--port", "0", "--seed", str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own command)
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            url = ready.split()[-1]
            with requests.Session() as session:
                dump = session.get(f"{url}/_simulator/dump", timeout=10).json()
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert ready.startswith("Marketo simulator ready at http://127.0.0.1:")
    assert [partition["name"] for partition in dump["partitions"]] == ["Default", "EMEA"]


def test_one_connection_serves_many_calls(server: SimulatorServer) -> None:
    target = "/_simulator/clock"
    request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=10) as connection:
        for _ in range(3):
            connection.sendall(request)
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_dropped_connection(server: SimulatorServer, session: requests.Session) -> None:
    server.simulator.script(Fault("drop", executes=True))
    with pytest.raises(requests.exceptions.ConnectionError):
        session.post(f"{server.url}/rest/v1/leads.json", json={"input": [{"email": "a@example.org"}]}, timeout=10)
    found = session.get(f"{server.url}/_simulator/dump", timeout=10).json()["leads"]
    assert [lead["email"] for lead in found] == ["a@example.org"]


def test_a_slow_answer_and_a_caller_who_does_not_wait(server: SimulatorServer, session: requests.Session) -> None:
    server.simulator.script(Fault("slow", seconds=0.3))
    with pytest.raises(requests.exceptions.ReadTimeout):
        session.get(f"{server.url}{PARTITIONS}", timeout=0.1)
    assert session.get(f"{server.url}{PARTITIONS}", timeout=10).json()["success"] is True


def test_gateway_statuses(server: SimulatorServer, session: requests.Session) -> None:
    long = session.get(f"{server.url}/rest/v1/leads.json", params={"filterValues": "x" * 9000}, timeout=10)
    large = session.post(f"{server.url}/rest/v1/leads.json", data=b" " * (1024 * 1024 + 1), timeout=10)
    assert (long.status_code, large.status_code) == (414, 413)


def test_control_calls(server: SimulatorServer, session: requests.Session) -> None:
    control = f"{server.url}/_simulator"
    session.post(f"{control}/faults", json={"code": "606"}, timeout=10)
    assert session.get(f"{server.url}{PARTITIONS}", timeout=10).json()["errors"][0]["code"] == "606"
    assert session.patch(f"{control}/settings", json={"latency": 0.01}, timeout=10).json()["latency"] == 0.01
    assert session.post(f"{control}/seed", json={"leads": [{}]}, timeout=10).status_code == 200
    assert session.get(f"{control}/stats", timeout=10).json()["codes"] == {"606": 1}
    assert session.delete(f"{control}/faults", timeout=10).json() == []
    refused = session.post(f"{control}/faults", data=b"{", timeout=10)
    assert (refused.status_code, "error" in refused.json()) == (400, True)


def test_further_instances(server: SimulatorServer, session: requests.Session) -> None:
    url = f"{server.url}/123-ABC-456"
    assert session.get(f"{url}{PARTITIONS}", timeout=10).json()["errors"][0]["code"] == "601"
    headers = {"Authorization": f"Bearer {token(session, url)}"}
    assert session.get(f"{url}{PARTITIONS}", headers=headers, timeout=10).json()["success"] is True
    assert session.get(f"{url}/_simulator/stats", timeout=10).json()["calls"] == 3


def test_concurrency_is_counted_over_connections(server: SimulatorServer, session: requests.Session) -> None:
    server.simulator.configure(latency=1.0, concurrency=4)
    headers = {"Authorization": str(session.headers["Authorization"])}

    def call(_: int) -> str:
        with requests.Session() as own:
            answer = own.get(f"{server.url}{PARTITIONS}", headers=headers, timeout=10).json()
        return "" if answer["success"] else str(answer["errors"][0]["code"])

    with ThreadPoolExecutor(6) as pool:
        codes = sorted(pool.map(call, range(6)))
    assert codes == ["", "", "", "", "615", "615"]
    assert server.simulator.stats()["most_executing"] == 5
