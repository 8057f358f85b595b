"""The command `destination resync` before the whole interface: what it opens and closes takes effect, and is told."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from destination.files import resyncs
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.uploads import tick


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """With two people in an audience. While a command waits the stack delivers, and nobody waits for counts."""
    with stack(marketo, tmp_path) as standing:
        token = standing.token()
        people = [(who, "realized") for who in ("ada", "grace")]
        assert standing.running.post((standing.connection()["id"], token), *people) == 202
        assert standing.running.deliver() == set()

        def pass_by(_seconds: float) -> None:
            tick()
            while standing.running.deliver():
                pass

        monkeypatch.setattr("time.sleep", pass_by)
        monkeypatch.setattr(resyncs, "COUNTS_LAG", timedelta(0))
        yield standing


def opened(console: Stack, *options: str) -> str:
    said = console.done("resync", "start", "Webinar leads", *options)
    assert "open. Now have everybody sent" in said
    return said.partition(":")[0]


def test_one_is_opened_closed_and_at_its_end(console: Stack) -> None:
    resync_id = opened(console, "--audience", "Autumn", "--label", "november", "--quiet", "45", "--max-hours", "2")
    (listed,) = json.loads(console.done("resync", "list", "Webinar leads", "--json"))
    assert (listed["id"], listed["label"], listed["status"]) == (resync_id, "november", "open")
    assert (listed["quiet_minutes"], listed["max_hours"], len(listed["activation_ids"])) == (45, 2, 1)

    assert "draining" in console.done("resync", "close", "Webinar leads", resync_id)
    assert "completed" in console.done("resync", "show", "Webinar leads", resync_id, "--wait")
    assert "november" in console.done("resync", "list", "Webinar leads")


def test_one_that_is_held_waits_for_a_yes(console: Stack) -> None:
    resync_id = opened(console)
    told = console.done("resync", "close", "Webinar leads", resync_id, "--wait")
    assert "it waits for your yes because of NOBODY_NAMED, FIRST, SMALLER" in told
    assert "NOBODY_NAMED: of the members of an audience nobody was named" in told
    assert "Nobody can be asked here" in console.refused("resync", "approve", "Webinar leads", resync_id)
    assert "leaving" in console.done("resync", "approve", "Webinar leads", resync_id, "--yes")
    assert "taken off: 2" in console.done("resync", "show", "Webinar leads", resync_id, "--wait")
    shown = json.loads(console.done("resync", "show", "Webinar leads", resync_id, "--json"))
    assert (shown["status"], shown["left"]) == ("completed", 2)


def test_one_that_was_cancelled_ends_the_command_with_1(console: Stack) -> None:
    resync_id = opened(console)
    assert "cancelled" in console.done("resync", "cancel", "Webinar leads", resync_id)
    assert console.run("resync", "show", "Webinar leads", resync_id, "--wait").exit_code == 1
