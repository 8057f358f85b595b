"""`destination persons`: who did not arrive, for people, for scripts, and as a file."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from destination.domain.flaw import Flaw
from destination.domain.not_arrived import NotArrived, ResultsKey
from destination.domain.outcome import Class
from destination.domain.person import Origin
from destination.domain.run import Run, Tally
from destination.domain.shard import SHARDS
from destination.store.leases import Leases
from destination.store.ledger import Entry, Ledger
from destination.store.results import Results
from destination.store.runs import Runs
from destination_client import render
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.persons import RUN, START

MUNCHKIN = "123-ABC-456"
ID = "6c5f0e6e-62a6-45f5-a3c9-f0d2a3a9a1a7"
FAILED = NotArrived(
    Origin("e-1", "0", RUN),
    3,
    Class.EXCLUDED,
    "MISSING_REQUIRED_ATTRIBUTE",
    START,
    person_id=ID,
    flaws=(Flaw("lastName", "TOO_LONG", "longer than 255 characters", "text of 300 characters"),),
)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        standing.apply()
        yield standing


def keep(connection_id: str, *persons: NotArrived, at: datetime = START) -> None:
    """What a turn keeps of those who did not arrive."""
    key = ResultsKey(connection_id, RUN, at, len(persons), f"{at.minute:012x}")
    if persons:
        Results(plane.s3(), "bucket").put(key, persons)
    leases, runs = Leases(plane.dynamodb(), "ConnectionsTable"), Runs(plane.dynamodb(), "RunsTable")
    ledger = Ledger(plane.dynamodb(), "LedgerTable", leases=leases, runs=runs)
    lease = leases.acquire(MUNCHKIN, at, at + timedelta(minutes=6))
    assert lease is not None
    leases.enter(lease, range(SHARDS))
    run = replace(ledger.run(connection_id, RUN, 3), tally=Tally(Counter(excluded=len(persons))))
    for one in persons:
        numbers = frozenset([one.origin.number])
        ended = {one.origin.envelope_id: {key.id: numbers}}
        ledger.record(
            connection_id, Entry(one.shard, counted={one.origin.envelope_id: numbers}, ended=ended), lease, at
        )
    ledger.record(connection_id, Entry(3, runs=[Run(connection_id, RUN, run.version, run.tally, 3)]), lease, at)
    leases.release(lease, lease.pace, lease.pause)


def made(console: Stack) -> str:
    return str(console.connection()["id"])


def others(number: int) -> list[NotArrived]:
    return [
        replace(FAILED, origin=Origin("e-2", str(one), RUN), person_id=None, pseudonym=f"{one:016x}", flaws=())
        for one in range(number)
    ]


def test_they_are_shown_with_the_field_that_was_refused(console: Stack) -> None:
    keep(made(console), FAILED, *others(1))
    lines = [line.split("\t") for line in console.done("persons", made(console), RUN).splitlines()]
    assert lines == [
        ["person", "code", "field"],
        [ID, FAILED.code, "lastName: longer than 255 characters (text of 300 characters)"],
        ["0" * 16, FAILED.code, "-"],
    ]


def test_on_a_terminal_no_id_is_cut(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(made(console), FAILED)
    monkeypatch.setattr(render, "out", Console(force_terminal=True, width=80, color_system=None))
    shown = console.done("persons", made(console), RUN)
    assert any(line.startswith(f"{ID}  {FAILED.code}  ") for line in shown.splitlines())
    assert all(len(line.rstrip()) <= 80 for line in shown.splitlines())
    assert "…" not in shown


def test_all_pages_are_read_and_some_of_them_are_asked_for(console: Stack) -> None:
    keep(made(console), *others(230))
    told = json.loads(console.done("persons", made(console), RUN, "--json"))
    assert [one["pseudonym"] for one in told] == [f"{one:016x}" for one in range(230)]
    for option in (["--outcome", "failed"], ["--code", "NONE"], ["--audience", "aud-1"]):
        assert json.loads(console.done("persons", made(console), RUN, "--json", *option)) == []
    assert "outcome" in console.refused("persons", made(console), RUN, "--outcome", "lost")


@pytest.mark.parametrize("number", [0, 1, 230])
def test_they_are_written_to_a_file(console: Stack, tmp_path: Path, number: int) -> None:
    keep(made(console), *others(number))
    file = tmp_path / "not-arrived.csv"
    console.done("persons", made(console), RUN, "--csv", str(file))
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [one["pseudonym"] for one in rows] == [f"{one:016x}" for one in range(number)]
    assert file.read_text().startswith('"person_id","pseudonym","outcome","code","message","fields","audiences",')


def test_a_file_that_is_there_stays_as_it_is_when_nothing_can_be_written(console: Stack, tmp_path: Path) -> None:
    file = tmp_path / "not-arrived.csv"
    file.write_text("before")
    console.refused("persons", made(console), "2026-01-01T10:00Z", "--csv", str(file))
    assert file.read_text() == "before"
    nowhere = tmp_path / "nowhere" / "file.csv"
    keep(made(console), *others(1))
    assert f"{nowhere} cannot be read or written" in console.refused(
        "persons", made(console), RUN, "--csv", str(nowhere)
    )


def test_an_audience_that_there_is_not_is_said_to_be_none(console: Stack) -> None:
    """No row would read as if everybody had arrived."""
    keep(made(console), *others(1))
    result = console.run("persons", made(console), RUN, "--audience", "Sprng")
    assert result.exit_code == 0
    assert "no audience is called Sprng" in result.stderr


def test_a_run_that_there_is_not_is_refused(console: Stack) -> None:
    assert "there is no run" in console.refused("persons", made(console), "2026-01-01T10:00Z")
