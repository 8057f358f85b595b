"""Processes that outlive the command that starts them.

Each is recorded with the time it started, so that a process id that the system has given to something else since is
never mistaken for ours.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from local import places
from local.errors import LocalStackError

HOST = "127.0.0.1"
TERMINATION_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Process:
    """A started server: its name, process id, start time as the system tells it, port, and digest of its sources."""

    name: str
    pid: int
    started: str
    port: int
    digest: str

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def is_alive(self) -> bool:
        return _started(self.pid) == self.started

    def end(self) -> None:
        """End the process and its children; it leads its own process group."""
        if not self.is_alive():
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal_number)
            deadline = time.monotonic() + TERMINATION_SECONDS
            while self.is_alive() and time.monotonic() < deadline:
                time.sleep(0.05)
        # The second signal is for children that the first did not end; it meets nobody else, as the group was ours.


class ProcessRecord:
    """The processes of the stack, in a file that is written as soon as one has started."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Process]:
        try:
            return {name: Process(**fields) for name, fields in json.loads(self._path.read_text()).items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError) as error:
            raise LocalStackError(
                f"{self._path} cannot be read: {error}",
                hint="end what still runs of the stack by hand, remove the folder .local, then: make up",
            ) from error

    def add(self, process: Process) -> None:
        self._write(self.read() | {process.name: process})

    def end(self, name: str) -> bool:
        """End one process and forget it; tells whether it was alive."""
        processes = self.read()
        process = processes.pop(name, None)
        if process is None:
            return False
        was_alive = process.is_alive()
        process.end()
        self._write(processes)
        return was_alive

    def _write(self, processes: Mapping[str, Process]) -> None:
        places.write(self._path, {name: asdict(process) for name, process in processes.items()})


def start(
    name: str, command: Sequence[str], *, port: int, environment: Mapping[str, str], log: Path, digest: str, cwd: Path
) -> Process:
    """Start a server in its own process group, with its output in `log`."""
    with log.open("wb") as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    child.returncode = 0  # it is ended by its record; the object must not complain that it still runs
    started = _started(child.pid)
    if started is None:
        raise LocalStackError(f"{name} ended as soon as it was started", logs=[log])
    return Process(name=name, pid=child.pid, started=started, port=port, digest=digest)


def free_port(wanted: int | None, purpose: str) -> int:
    """The wanted port if it is free, else an error; without a wish any free port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except (OSError, OverflowError) as error:
            raise LocalStackError(
                f"port {wanted} for the {purpose} cannot be had on {HOST}: {error}",
                hint="name another port, or none to have a free one picked",
            ) from error
        port: int = probe.getsockname()[1]
        return port


def wait_for(url: str, seconds: float, process: Process, log: Path) -> None:
    """Wait until a GET of `url` is answered below 500; an error if the process ends or the time runs out."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    answer = "nothing"
    while time.monotonic() < deadline:
        if not process.is_alive():
            raise LocalStackError(f"the {process.name} ended by itself", logs=[log])
        try:
            with direct.open(url, timeout=10) as response:
                response.read()
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read(500).decode(errors='replace')}"
            if error.code < 500:
                return
        except OSError as error:
            answer = str(error)
        time.sleep(0.1)
    raise LocalStackError(f"{url} did not answer within {seconds:.0f} s; the last answer was: {answer}", logs=[log])


def _started(pid: int) -> str | None:
    """When the process started, in the system's own words; None if there is no such process."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of this very command would stay as a zombie
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            # The name may hold spaces; the third and the 22nd field of proc(5) are the first and the 20th after it.
            fields = stat.read_text().rpartition(")")[2].split()
            return None if fields[0] == "Z" else fields[19]
        except (FileNotFoundError, ProcessLookupError):
            return None
    listing = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return listing.stdout.strip() or None
