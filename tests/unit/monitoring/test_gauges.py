"""The gauges: how long events wait, whoever holds them up, and how much of a day's calls is used."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.control.listing import by_connection
from destination.domain.connection import ActiveConnection, Connection, Limits, Status, Waiting
from destination.domain.letter import LetterBundle
from destination.domain.pace import DayCount
from destination.domain.parking import Bundle, WaitsFor
from destination.monitoring.gauges import Gauges, ReadGauges, measured
from testing.memory import MemoryConnections
from testing.world import connection

NOW = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DELIVERING = [Status.ENABLED, Status.BLOCKED, Status.DELETING]


def bundle(connection_id: str, age: timedelta, events: int = 1) -> Bundle:
    return Bundle(connection_id, WaitsFor.BLOCKED, NOW, NOW - age, events, 100, "0" * 32)


def of(connection_id: str, **changes: Any) -> Connection:
    return replace(connection(), id=connection_id, **changes)


def letters(connection_id: str, age: timedelta) -> LetterBundle:
    return LetterBundle(connection_id, "MARKETO_1003", NOW - age, NOW - 2 * age, 1, 100, "0" * 32)


def read(
    *connections: Connection, parked: tuple[Bundle, ...] = (), failed: tuple[LetterBundle, ...] = (), **answers: Any
) -> Gauges:
    """The gauges of these connections; `used`: calls by instance, `is_drained`: no event is queued."""
    stored = {one.id: ActiveConnection(one, {}) for one in connections}
    bundles: dict[str, list[Bundle]] = {}
    for one in parked:
        bundles.setdefault(one.connection_id, []).append(one)
    used = answers.get("used", {})
    asked_at = answers.get("asked_at", NOW).timestamp()
    gauges = ReadGauges(
        MemoryConnections(stored),
        lambda munchkin_id: DayCount("2026-11-21", used[munchkin_id], 0, asked_at) if munchkin_id in used else None,
        lambda: answers.get("is_drained", False),
    )
    return gauges(bundles, by_connection(failed), NOW)


def test_where_nothing_waits_all_is_nothing() -> None:
    assert read() == read(of("c-1")) == Gauges()
    assert set(measured(Gauges()).values()) == {0}


@pytest.mark.parametrize("status", DELIVERING)
def test_what_is_parked_of_a_connection_that_delivers_is_to_be_delivered(status: Status) -> None:
    gauges = read(of("c-1", status=status), parked=(bundle("c-1", HOUR, 2), bundle("c-1", 3 * HOUR, 5)))
    assert (gauges.oldest_event, gauges.oldest_parked) == (3 * HOUR, 3 * HOUR)


@pytest.mark.parametrize("waits_for", list(WaitsFor))
def test_whoever_waits_for_a_rate_or_an_import_is_not_held_up_until_that_is_over(waits_for: WaitsFor) -> None:
    """Nobody is called at night for what somebody set, or for an import that has hours."""
    as_meant = waits_for in {WaitsFor.RATE, WaitsFor.IMPORT}
    waiting = replace(bundle("c-1", 2 * HOUR), waits_for=waits_for, due_at=NOW + timedelta(minutes=16))
    gauges = read(of("c-1"), parked=(waiting,))
    assert (gauges.oldest_event, gauges.oldest_parked) == (timedelta(0) if as_meant else 2 * HOUR, 2 * HOUR)
    assert read(of("c-1"), parked=(replace(waiting, due_at=NOW),)).oldest_event == 2 * HOUR
    again = replace(bundle("c-1", 4 * HOUR), waits_for=WaitsFor.IMPORT, due_at=NOW + timedelta(minutes=15))
    assert read(of("c-1"), parked=(again,)).oldest_event == 4 * HOUR


@pytest.mark.parametrize("status", sorted(set(Status) - set(DELIVERING)))
def test_what_is_parked_of_another_is_only_parked(status: Status) -> None:
    """Nobody wants it delivered now; but it fails when it has waited for too long."""
    gauges = read(of("c-1", status=status), parked=(bundle("c-1", HOUR, 2),))
    assert (gauges.oldest_event, gauges.oldest_parked) == (timedelta(0), HOUR)


def test_what_waits_in_the_queue_counts_and_is_not_parked() -> None:
    waiting = Waiting(NOW - 2 * HOUR, NOW + timedelta(minutes=1))
    gauges = read(of("c-1", waiting=waiting), parked=(bundle("c-1", HOUR),))
    assert (gauges.oldest_event, gauges.oldest_parked) == (2 * HOUR, HOUR)
    assert read(of("c-1", status=Status.DISABLED, waiting=waiting)) == Gauges()


@pytest.mark.parametrize(
    ("until", "is_drained", "counts"),
    [
        (timedelta(minutes=1), True, True),
        (timedelta(minutes=-4), True, True),
        (timedelta(minutes=-5), True, False),
        (timedelta(days=-2), True, False),
        (timedelta(days=-2), False, True),
    ],
)
def test_what_left_the_queue_in_another_way_waits_no_longer(until: timedelta, is_drained: bool, counts: bool) -> None:
    gauges = read(of("c-1", waiting=Waiting(NOW - 50 * HOUR, NOW + until)), is_drained=is_drained)
    assert gauges.oldest_event == (50 * HOUR if counts else timedelta(0))


def test_of_all_connections_the_oldest_counts() -> None:
    gauges = read(
        of("c-1"),
        of("c-2", status=Status.BLOCKED),
        of("c-3", status=Status.DISABLED),
        parked=(bundle("c-1", HOUR, 10), bundle("c-2", 2 * HOUR, 20), bundle("c-3", 500 * HOUR, 30)),
    )
    assert (gauges.oldest_event, gauges.oldest_parked) == (2 * HOUR, 500 * HOUR)
    assert measured(gauges) == {
        "oldest_event": 7200,
        "oldest_parked": 1_800_000,
        "quota_used": 0,
    }


def test_what_is_parked_of_nobody_counts_for_nobody() -> None:
    """Such as of a connection that was made after the second to which its table was restored."""
    assert read(of("c-1"), parked=(bundle("gone", HOUR),)) == Gauges()


def test_clocks_that_differ_make_no_age_below_zero() -> None:
    assert read(of("c-1"), parked=(bundle("c-1", -HOUR),)).oldest_event == timedelta(0)


def test_the_largest_share_of_a_days_calls_counts_of_those_who_deliver() -> None:
    half = of("c-1", munchkin_id="111-AAA-111", limits=Limits(daily_calls=1000))
    whole = of("c-2", munchkin_id="111-AAA-111", limits=Limits(daily_calls=500))
    off = of("c-3", munchkin_id="222-BBB-222", limits=Limits(daily_calls=100), status=Status.DISABLED)
    used = {"111-AAA-111": 450, "222-BBB-222": 100}
    assert read(half, whole, off, used=used).quota_used == pytest.approx(0.9)
    assert read(half, used=used).quota_used == pytest.approx(0.45)
    assert measured(Gauges(quota_used=0.8996))["quota_used"] == 90.0
    # What was counted yesterday was used yesterday.
    assert read(half, whole, used=used, asked_at=NOW - timedelta(days=1)).quota_used == 0
