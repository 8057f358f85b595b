"""The commands that tell what holds connections up, and what waits, and that have it tried."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from destination.composition.connections import paces
from destination.domain.parking import RETRY_BLOCKED, Bundle, Hold, WaitsFor
from destination.domain.times import format_time
from destination.queue import decode
from destination.store.parking import Parking
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, Stack, stack


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def now() -> datetime:
    """The time of the test, which stays as it is until its end: for the command, and for what is stored."""
    return datetime.now(UTC)


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path, now: datetime) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        standing.apply()
        yield replace(standing, clock=lambda: now)


def connection(console: Stack) -> str:
    return str(console.connection()["id"])


def rows(shown: str) -> list[list[str]]:
    return [line.split("\t") for line in shown.splitlines()]


def park(connection_id: str, waits_for: WaitsFor, due: datetime, events: int, *, oldest: datetime) -> Bundle:
    """Park so many events; their bundle, as its name has it."""
    made = Bundle(connection_id, waits_for, due, oldest, events, size=2, id=uuid4().hex)
    Parking(boto3.client("s3"), "bucket").put(made, ["{}"])
    return Bundle.named(connection_id, made.name)


def second(time: datetime, *, up: bool = False) -> str:
    """A time as the name of a bundle has it: to the second, which begins then, or `up` to the next one."""
    return format_time((time + timedelta(seconds=1, microseconds=-1) if up else time).replace(microsecond=0))


def test_the_status_has_what_holds_each_connection_up_and_how_much_waits(console: Stack, now: datetime) -> None:
    made = connection(console)
    paces.cache_clear()  # as if the window of these calls to Marketo was over
    console.apply(FILE.replace("Webinar leads", "Another").replace("Spring", "Summer").replace("Autumn", "Winter"))
    (other,) = (one["id"] for one in json.loads(console.done("list", "--json")) if one["id"] != made)
    console.done("disable", made)
    park(made, WaitsFor.DISABLED, now, 7, oldest=now - timedelta(hours=2))
    park(made, WaitsFor.RETRY, now, 5, oldest=now - timedelta(hours=3))
    waits = {row[0]: row[3:8] for row in rows(console.done("status"))[1:3]}
    assert waits[made] == ["disabled", "the connection is disabled", "-", "12", second(now - timedelta(hours=3))]
    assert waits[other] == ["enabled", "-", "-", "0", "-"]
    told = {one["id"]: one["parking"] for one in json.loads(console.done("status", "--json"))["connections"]}
    assert (told[made]["events"], told[other]["hold"]) == (12, None)


def test_what_waits_is_shown_by_what_it_waits_for(console: Stack, now: datetime) -> None:
    made = connection(console)
    due = now + timedelta(hours=1)
    park(made, WaitsFor.REFUSED, due, 3, oldest=now)
    park(made, WaitsFor.REFUSED, due + timedelta(hours=1), 4, oldest=now - timedelta(hours=1))
    park(made, WaitsFor.PAUSED, due, 5, oldest=now)
    shown = console.done("parking", made).splitlines()
    assert shown[:2] == ["held up: no", "parked: 12 events"]
    assert [line.partition(": ")[0] for line in shown[6:]] == ["paused", "refused"]
    assert shown[6].endswith(WaitsFor.PAUSED.remedy.says)
    assert rows("\n".join(shown[3:6])) == [
        ["waits for", "events", "oldest", "due"],
        ["paused", "5", second(now), second(due, up=True)],
        ["refused", "7", second(now - timedelta(hours=1)), second(due, up=True)],
    ]
    assert json.loads(console.done("parking", made, "--json"))["events"] == 12


def test_what_holds_a_connection_up_is_shown_with_its_cause_and_its_end(console: Stack, now: datetime) -> None:
    made = connection(console)
    plane.delivering().block(made, "603: the role lacks a permission", now)
    shown = console.done("parking", made).splitlines()
    assert shown == [
        "held up: blocked",
        "because: 603: the role lacks a permission",
        f"since: {second(now)}",
        f"tried again: {second(now + RETRY_BLOCKED)}",
        f"to do: {Hold(WaitsFor.BLOCKED, '', None, None, '603').remedy}",
        "parked: 0 events",
    ]
    console.done("disable", made)
    assert "tried again: once it is enabled" in console.done("parking", made).splitlines()
    assert "No connection is called none" in console.refused("parking", "none")


def test_what_is_parked_comes_back_when_the_connection_is_resumed(console: Stack, now: datetime) -> None:
    made = connection(console)
    plane.delivering().block(made, "603: the role lacks a permission", now)
    bundle = park(made, WaitsFor.BLOCKED, now, 5, oldest=now)
    said = console.run("resume", made)
    assert ["blocked", "5"] in [row[:2] for row in rows(said.stdout)]
    assert "it is tried now" in said.stderr
    assert [decode(body).bundle for body in console.waiting()] == [bundle]
    assert "No connection is called none" in console.refused("resume", "none")


def test_what_is_parked_of_a_disabled_connection_stays(console: Stack, now: datetime) -> None:
    made = connection(console)
    console.done("disable", made)
    park(made, WaitsFor.DISABLED, now, 5, oldest=now)
    said = console.run("resume", made)
    assert "tried again: once it is enabled" in said.stdout.splitlines()
    assert "it is tried now" not in said.stderr
    assert console.waiting() == []
    console.done("enable", made)
    assert len(console.waiting()) == 1
