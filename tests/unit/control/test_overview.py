"""The overview: every connection in one answer, from one listing of the bucket."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.api.overview import OverviewOut
from destination.control.overview import ReadOverview
from destination.domain.alert import Alert, AlertState, AlertStatus, Subscription
from destination.domain.connection import ActiveConnection, Status, Waiting
from destination.domain.letter import LetterBundle
from destination.domain.parking import Bundle, Hold, WaitsFor
from destination.domain.pause import Pause
from destination.domain.run import Run, Tally, run_id
from testing.memory import MemoryAlerts, MemoryConnections, MemoryLeases, MemoryLetters, MemoryParking, MemoryRuns
from testing.world import connection

NOW = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CAUSE = "610: no access to the list Webinar (1001). " + "x" * 400


@dataclass
class CountedParking(MemoryParking):
    """`listed`: how often all was."""

    listed: int = 0

    def all(self) -> Iterator[Bundle]:
        self.listed += 1
        return super().all()


@dataclass
class World:
    """What is stored of all connections."""

    connections: MemoryConnections = field(default_factory=MemoryConnections)
    instances: MemoryLeases = field(default_factory=MemoryLeases)
    parking: CountedParking = field(default_factory=CountedParking)
    letters: MemoryLetters = field(default_factory=MemoryLetters)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)

    def connect(self, connection_id: str, **properties: Any) -> None:
        made = connection(id=connection_id, **properties)
        self.connections.stored[connection_id] = ActiveConnection(made, {})

    def park(self, connection_id: str, number: int, waits_for: WaitsFor, age: timedelta, events: int) -> None:
        self.parking.put(Bundle(connection_id, waits_for, NOW, NOW - age, events, 9, f"{number:032x}"), ["{}"])

    def read(self) -> Any:
        overviews = ReadOverview(
            self.connections, self.instances, self.parking, self.letters, self.runs, self.alerts, lambda: NOW
        )()
        return OverviewOut.of(overviews.connections, overviews.at)


@pytest.fixture
def world() -> World:
    return World()


def test_a_connection_that_is_held_up_says_since_when_why_until_when_and_what_to_do(world: World) -> None:
    retry = NOW + 10 * MINUTE
    world.connect("blocked", status=Status.BLOCKED, blocked_cause=CAUSE, held_since=NOW - HOUR, retry_at=retry)
    world.connect("disabled", status=Status.DISABLED, held_since=NOW - DAY)
    world.connect("paused", munchkin_id="999-ZZZ-999")
    world.connect("free")
    world.instances.pauses["999-ZZZ-999"] = Pause(NOW + HOUR, "607", "the quota is used up", 1, NOW - MINUTE)

    holds = {one.id: one.parking.hold for one in world.read().connections}

    assert holds.pop("free") is None
    told = {name: (hold.waits_for, hold.cause, hold.since, hold.until) for name, hold in holds.items()}
    assert told == {
        "blocked": (WaitsFor.BLOCKED, CAUSE, NOW - HOUR, retry),
        "disabled": (WaitsFor.DISABLED, "the connection is disabled", NOW - DAY, None),
        "paused": (WaitsFor.PAUSED, "the quota is used up", NOW - MINUTE, NOW + HOUR),
    }
    assert "destination enable" in holds["disabled"].remedy
    assert all("destination resume" in holds[name].remedy for name in ("blocked", "paused"))


@pytest.mark.parametrize("waits_for", [WaitsFor.DISABLED, WaitsFor.BLOCKED, WaitsFor.PAUSED])
def test_every_hold_has_a_remedy(waits_for: WaitsFor) -> None:
    assert Hold(waits_for, "a cause", None, None).remedy.endswith(".")


def test_what_waits_is_told_by_where_it_is(world: World) -> None:
    world.connect("c-1", waiting=Waiting(NOW - MINUTE, NOW + MINUTE))
    world.connect("c-2", waiting=Waiting(NOW - HOUR, NOW - MINUTE))
    world.park("c-1", 1, WaitsFor.REFUSED, HOUR, 3)
    world.park("c-1", 2, WaitsFor.PAUSED, DAY, 4)
    for number, age in enumerate((HOUR, DAY)):
        letters = LetterBundle("c-1", "MARKETO_1003", NOW - age, NOW - 2 * age, 2, 9, f"{number:032x}")
        world.letters.put(letters, ["{}"])

    first, second = world.read().connections

    assert (first.parking.events, first.parking.oldest_at, first.parking.queued_since) == (7, NOW - DAY, NOW - MINUTE)
    assert (first.letters.events, first.letters.first_at) == (4, NOW - DAY)
    assert first.letters.expires_at == NOW - DAY + timedelta(days=28)
    assert (second.parking.events, second.parking.queued_since, second.letters.events) == (0, None, 0)


def test_the_last_day_is_this_hour_and_the_24_before_it(world: World) -> None:
    world.connect("c-1")
    for hours, received in ((0, 1), (24, 2), (25, 4)):
        counts = Counter(received=received, failed=received, rejected=10 * received)
        world.runs.write(Run("c-1", run_id(NOW - hours * HOUR), tally=Tally(counts)), NOW)
    [one] = world.read().connections
    assert one.last_day.model_dump() == {
        "received": 3,
        "activated": 0,
        "unchanged": 0,
        "excluded": 0,
        "failed": 3,
        "rejected": 30,
    }


def test_alerts_are_told_while_they_are_triggered_and_subscribed(world: World) -> None:
    world.connect("c-1", alerts=(Subscription(Alert.LETTERS), Subscription(Alert.QUOTA_LOW)))
    for alert, status in (
        (Alert.LETTERS, AlertStatus.TRIGGERED),
        (Alert.QUOTA_LOW, AlertStatus.RESOLVED),
        (Alert.NO_EVENTS, AlertStatus.TRIGGERED),
    ):
        world.alerts.change("c-1", AlertState(alert, status, NOW - HOUR, 1.0, 0.0, 1), 0)
    [one] = world.read().connections
    assert [(alert.alert, alert.since) for alert in one.alerts] == [(Alert.LETTERS, NOW - HOUR)]


def test_a_thousand_connections_with_everything_fit_into_an_answer(world: World) -> None:
    """Lambda returns 6 MB (AWS Lambda, "Quotas"), and the text is encoded once more on its way."""
    for number in range(1_000):
        name = f"{number:08d}-0000-0000-0000-000000000000"
        world.connect(
            name,
            name="ü" * 100,
            status=Status.BLOCKED,
            blocked_cause=CAUSE,
            held_since=NOW,
            retry_at=NOW,
            waiting=Waiting(NOW, NOW + HOUR),
            alerts=tuple(Subscription(alert) for alert in Alert),
        )
        for kind, waits_for in enumerate(WaitsFor):
            world.park(name, kind, waits_for, HOUR, 10**8)
        world.letters.put(LetterBundle(name, "MARKETO_1003", NOW, NOW, 10**8, 9, "0" * 32), ["{}"])
        for alert in Alert:
            world.alerts.change(name, AlertState(alert, AlertStatus.TRIGGERED, NOW, 1.0, 0.0, 1), 0)

    shown = world.read()

    assert len(shown.connections) == 1_000
    assert len(json.dumps(shown.model_dump_json(), ensure_ascii=False).encode()) < 5_000_000
    assert world.parking.listed == 1
