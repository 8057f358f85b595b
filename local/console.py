"""The console of the local stack: the command `destination console`, which runs beside it until it is taken down."""

import subprocess
import sys
import time
from typing import Final

from local import places
from local.errors import LocalStackError
from local.processes import Process, ProcessRecord, free_port, start
from local.stack import PROCESSES

NAME: Final = "console"
LOG: Final = places.STATE / "console.log"
_BUILD: Final = places.ROOT / "console" / "build.py"
_BUILD_LOG: Final = places.STATE / "console-build.log"
_START_SECONDS: Final = 30.0


def open_console() -> str:
    """Start the console, anew where it ran before; the address that opens it, once.

    It is built first, if it is not there or not current. Raises LocalStackError.
    """
    with places.alone():
        _build()
        record = ProcessRecord(PROCESSES)
        record.end(NAME)
        LOG.touch(mode=0o600)  # the address in it opens the console, for whoever reads it first
        port = free_port(None, NAME)
        process = start(
            NAME,
            [sys.executable, "-m", "destination_client", "--local", NAME, "--no-browser", "--port", str(port)],
            port=port,
            environment=places.environment(),
            log=LOG,
            digest="",
            cwd=places.ROOT,
        )
        record.add(process)
        return _address(process)


def _build() -> None:
    with _BUILD_LOG.open("wb") as output:
        built = subprocess.run(
            [sys.executable, str(_BUILD)],
            env=places.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if built.returncode != 0:
        raise LocalStackError(
            "the console could not be built", logs=[_BUILD_LOG], hint="is the package registry reachable?"
        )


def _address(process: Process) -> str:
    """What the command printed; it does so once it listens."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.is_alive():
        for line in LOG.read_text().splitlines():
            if line.startswith(process.url):
                return line
        time.sleep(0.05)
    raise LocalStackError("the console did not start", logs=[LOG])
