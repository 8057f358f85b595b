"""The commands that have a person forgotten: they ask before, and tell what was done."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from destination_client import deciding
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import Stack, stack

ADA = "ada@example.org"


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        standing.apply()
        yield standing


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal."""
    monkeypatch.setattr(deciding, "attended", lambda: True)


def connection(console: Stack) -> str:
    return str(console.connection()["id"])


@pytest.mark.usefixtures("attended")
def test_somebody_is_forgotten_once_that_is_confirmed(console: Stack) -> None:
    made = connection(console)
    assert console.run("erase", made, ADA, answer="n\n").exit_code == 1
    assert "erase_person" not in console.done("audit", "--connection", made)
    asked = console.run("erase", made, ADA, answer="y\n")
    assert asked.exit_code == 0, asked.output
    assert ADA not in asked.stdout
    shown = asked.stdout.removeprefix(" y\n")  # what was typed
    erasure, _, status = shown.splitlines()[0].partition(": ")
    assert status == "requested"
    assert "is dropped until" in shown
    assert console.done("erasure", made, erasure) == shown
    assert "erase_person" in console.done("audit", "--connection", made)


def test_the_value_may_stay_out_of_the_shells_history(console: Stack) -> None:
    made = connection(console)
    refused = console.run("erase", made, "-", answer=f"{ADA}\n")
    assert (refused.exit_code, "--yes" in refused.stderr) == (1, True)
    asked = console.run("erase", made, "-", "--yes", "--json", answer=f"{ADA}\n")
    assert asked.exit_code == 0, asked.output
    named = json.loads(console.run("people", made, "-", "--json", answer=f"{ADA}\n").stdout)["name"]
    assert json.loads(asked.stdout)["person"] == named
