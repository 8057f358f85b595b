"""What make says and does where nothing has to be set up: a Python that has nothing installed is enough."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from local import places
from local.processes import Process, ProcessRecord, start
from local.stack import LocalStack

URL = "http://127.0.0.1:1"
STACK = LocalStack(URL, URL, URL, "marketo-destination", queues={}, tables={}, functions={}, pids={})
NOT_RUNNING = "the stack is not running; start it with: make up\n"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A fresh checkout: what make needs of it, and a Python without any package."""

    folder: Path
    python: Path

    @property
    def state(self) -> Path:
        return self.folder / ".local"

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the arguments stand in this file
            ["make", target, f"PYTHON={self.python}"],  # noqa: S607
            cwd=self.folder,
            env=places.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def left(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()} - {"Makefile", "local"}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    folder, python = tmp_path / "checkout", tmp_path / "python"
    shutil.copytree(places.ROOT / "local", folder / "local")
    shutil.copy(places.ROOT / "Makefile", folder)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    return Checkout(folder, python)


@pytest.fixture
def server(checkout: Checkout) -> Iterator[Process]:
    """What stands for the emulator of a stack that is up, with all that a stack and its demo leave."""
    for name in ("events", "tmp", "cache/build"):
        (checkout.state / name).mkdir(parents=True)
        (checkout.state / name / "file").touch()
    for name in ("simulator.log", "env.json", "bench.json"):
        (checkout.state / name).touch()
    (checkout.state / "stack.json").write_text(json.dumps(asdict(STACK)))
    process = start(
        "emulator",
        [sys.executable, "-c", "import time; time.sleep(60)"],
        port=1,
        environment=places.environment(),
        log=checkout.state / "emulator.log",
        digest="sources",
        cwd=checkout.folder,
    )
    ProcessRecord(checkout.state / "processes.json").add(process)
    yield process
    process.end()


def test_before_anything_is_set_up_nothing_runs_and_nothing_is_installed(checkout: Checkout) -> None:
    status, down = checkout.make("status"), checkout.make("down")
    assert (status.stdout, down.returncode, down.stderr) == (NOT_RUNNING, 0, "nothing was running\n")
    assert status.returncode != 0
    assert checkout.left() == set()


def test_a_stack_that_is_up_is_told_of(checkout: Checkout, server: Process) -> None:
    status = checkout.make("status")
    assert status.returncode == 0, status.stderr
    assert status.stdout.startswith("emulator: running\n")
    assert f'"api_url": "{URL}"' in status.stdout
    assert checkout.left() == {".local"}


def test_a_stack_whose_emulator_has_ended_is_not_running(checkout: Checkout, server: Process) -> None:
    server.end()
    status = checkout.make("status")
    assert (status.stdout, status.returncode != 0) == (f"emulator: ended\n{NOT_RUNNING}", True)


def test_what_is_ended_leaves_only_what_takes_long_to_make(checkout: Checkout, server: Process) -> None:
    down = checkout.make("down")
    assert (down.returncode, down.stderr) == (0, "ended: emulator\n")
    assert not server.is_alive()
    assert {path.name for path in checkout.state.iterdir()} == {"cache", "bench.json"}
    assert (checkout.state / "cache/build/file").exists()
    assert checkout.make("status").stdout == NOT_RUNNING
    assert checkout.make("down").stderr == "nothing was running\n"


def test_clean_removes_what_down_leaves(checkout: Checkout, server: Process) -> None:
    for name in (".venv", ".aws-sam", "dist"):
        (checkout.folder / name).mkdir()
    assert checkout.make("clean").returncode == 0
    assert not server.is_alive()
    assert checkout.left() == set()


def test_help_tells_every_target_in_a_sentence(checkout: Checkout) -> None:
    told = checkout.make("help")
    targets = re.search(r"^\.PHONY: (.*)$", (checkout.folder / "Makefile").read_text(), re.MULTILINE)
    assert targets is not None
    assert set(re.findall(r"^  make ([a-z-]+) +[A-Z]", told.stdout, re.MULTILINE)) == set(targets[1].split())
