"""The command `destination files` before the whole interface: what it uploads arrives, and the rest is told."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.uploads import as_csv, tick

PEOPLE = [{"email": f"{who}@example.org", "firstName": who, "lastName": "Lovelace"} for who in ("ada", "grace")]


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        standing.apply()
        (tmp_path / "people.csv").write_bytes(as_csv(["email", "firstName", "lastName"], PEOPLE))
        yield standing


def test_what_is_put_is_delivered_and_told(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the command waits the stack delivers."""

    def deliver(_seconds: float) -> None:
        tick()
        console.running.deliver()

    monkeypatch.setattr("time.sleep", deliver)
    console.done("files", "put", "Webinar leads", "people.csv", "--audience", "Spring", "--wait")
    (shown,) = json.loads(console.done("files", "list", "Webinar leads", "--json"))
    assert (shown["status"], shown["outcomes"]) == ("completed", {"activated": 2})

    assert shown["id"] in console.done("files", "list", "Webinar leads")
    assert "settled: 2 of 2 rows" in console.done("files", "show", "Webinar leads", shown["id"])
    console.done("files", "result", "Webinar leads", shown["id"], "--out", "result.csv")
    with Path("result.csv").open(newline="") as opened:
        assert [one["outcome"] for one in csv.DictReader(opened)] == ["activated", "activated"]


def test_a_file_that_does_not_fit_ends_the_command_with_1(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: tick())
    (console.folder / "wrong.csv").write_text("mail\nada@example.org\n")
    result = console.run("files", "put", "Webinar leads", "wrong.csv", "--wait")

    assert result.exit_code == 1
    assert "HEADER_UNFIT" in result.stdout
    assert "missing: email" in result.stdout


def test_a_file_is_cancelled(console: Stack) -> None:
    file_id = console.done("files", "put", "Webinar leads", "people.csv", "--audience", "Spring").partition(":")[0]
    tick()

    assert "cancelling" in console.done("files", "cancel", "Webinar leads", file_id)
    assert "no result" in console.refused("files", "result", "Webinar leads", file_id, "--out", "result.csv")


def test_a_mirror_that_is_held_says_in_words_what_it_would_do_and_is_approved(console: Stack) -> None:
    asked = console.done("files", "put", "Webinar leads", "people.csv", "--audience", "Spring", "--mode", "mirror")
    file_id = asked.partition(":")[0]
    tick()

    held = console.done("files", "show", "Webinar leads", file_id)
    assert "it waits for your yes because of FIRST: destination files approve" in held
    assert "FIRST: there was no mirror of this audience before" in held
    assert "outcome" not in held, "nothing has become of a row yet"
    told = dict(line.split("\t") for line in held.splitlines() if line.count("\t") == 1)
    assert (told["people it names"], told["leads created, at most"]) == ("2", "2")
    assert told["hours that a CRM is busy with them, if all are in it"] == "-"

    assert "reading" in console.done("files", "approve", "Webinar leads", file_id, "--yes")
