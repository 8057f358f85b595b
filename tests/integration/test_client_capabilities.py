"""The commands about what imports do: they ask before, carry a canary on to its end, and show each answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from destination.composition.connections import paces
from destination_client import deciding
from marketo_simulator import Fault, Simulator
from testing import control_plane as plane
from testing.client import Stack, stack

ADDRESS = "canary@example.org"
LISTS = {"lists": [{"name": "Canaries", "id": 77, "workspace": "Default"}]}


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        standing.apply()
        standing.marketo.seed(LISTS)

        def wait(_seconds: float) -> None:
            paces.cache_clear()
            standing.marketo.advance(5)

        monkeypatch.setattr("time.sleep", wait)
        yield standing


def found(console: Stack, *options: str, answer: str | None = None) -> Any:
    name = console.connection()["id"]
    return console.run("capabilities", "find", name, "--email", ADDRESS, "--list", "77", *options, answer=answer)


def test_the_command_asks_before_and_shows_each_answer(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    name = console.connection()["id"]
    untold = console.done("capabilities", "show", name)
    assert "no canary was sent" in untold
    assert "joins_by_id: Not known: no canary had an answer to it." in untold
    monkeypatch.setattr(deciding, "attended", lambda: True)
    assert found(console, answer="n\n").exit_code == 1
    assert json.loads(console.done("capabilities", "show", name, "--json"))["canary_id"] is None
    done = found(console, answer="y\n")
    assert done.exit_code == 0, done.output
    assert "joins_by_id: yes. An import by lead id puts the leads on the list" in done.stdout
    shown = console.done("capabilities", "show", name)
    assert "ignores_unknown_columns: no." in shown
    assert "asked at" in shown
    canary = json.loads(console.done("capabilities", "show", name, "--json"))["canary_id"]
    assert json.loads(console.done("capabilities", "resume", name, canary, "--json"))["status"] == "completed"


def test_test_leads_that_stay_are_named_and_end_the_command_with_1(console: Stack) -> None:
    console.marketo.script(Fault(code="603", path="/leads/delete.json", times=9))
    done = found(console, "--yes")
    assert done.exit_code == 1
    assert "delete these test leads in Marketo: " in done.stdout


def test_what_ended_it_early_ends_the_command_with_1(console: Stack) -> None:
    console.marketo.script(Fault(code="603", path="/bulk/v1/leads.json", times=9))
    done = found(console, "--yes")
    assert done.exit_code == 1
    assert "failed\n  603: " in done.stdout
