"""The local stack ends what it started, and nothing else."""

import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local import places
from local.errors import LocalStackError
from local.processes import HOST, Process, ProcessRecord, free_port, start, wait_for

# Starts a child of its own, tells its process id, and stays.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Process]:
    process = start(
        "server",
        [sys.executable, "-c", PARENT],
        port=1,
        environment=places.environment(),
        log=tmp_path / "server.log",
        digest="sources",
        cwd=tmp_path,
    )
    yield process
    process.end()


def child_of(log: Path) -> int:
    deadline = time.monotonic() + 10
    while not (line := log.read_text().strip()):
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.02)
    return int(line)


def is_running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_process_is_ended_with_its_children(server: Process, tmp_path: Path) -> None:
    child = child_of(tmp_path / "server.log")
    assert server.is_alive()

    server.end()

    assert not server.is_alive()
    deadline = time.monotonic() + 5
    while is_running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(child)


def test_a_process_id_that_belongs_to_something_else_by_now_is_left_alone(server: Process) -> None:
    recycled = replace(server, started="before the machine was started")

    recycled.end()

    assert not recycled.is_alive()
    assert server.is_alive()


def test_what_was_started_is_known_to_the_next_command(server: Process, tmp_path: Path) -> None:
    ProcessRecord(tmp_path / "processes.json").add(server)

    record = ProcessRecord(tmp_path / "processes.json")

    assert record.read() == {"server": server}
    assert record.end("server") is True
    assert not server.is_alive()
    assert record.read() == {}
    assert record.end("server") is False


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(LocalStackError, match=f"port {port} for the emulator"):
            free_port(port, "emulator")

        assert free_port(None, "emulator") != port


def test_a_server_that_ends_by_itself_is_reported_with_its_last_words(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    process = start(
        "emulator",
        [sys.executable, "-c", "import time; print('no such option', flush=True); time.sleep(0.3)"],
        port=1,
        environment=places.environment(),
        log=log,
        digest="sources",
        cwd=tmp_path,
    )

    with pytest.raises(LocalStackError, match="ended by itself") as raised:
        wait_for(f"http://{HOST}:9/", 10, process, log)

    assert "| no such option" in str(raised.value)


def test_the_callers_account_does_not_reach_what_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org")

    given = places.environment("http://127.0.0.1:4566")

    assert "AWS_PROFILE" not in given
    assert given["AWS_ACCESS_KEY_ID"] == places.CREDENTIAL
    assert given["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert "127.0.0.1" in given["NO_PROXY"]
