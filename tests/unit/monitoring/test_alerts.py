"""Alerts are evaluated, and each change is told once, whoever else evaluates them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from destination.domain.alert import Alert, AlertStatus, Subscription
from destination.domain.connection import ActiveConnection, Status
from destination.domain.loss import BODY_NOT_JSON, RECORD_NO_OBJECT, UNKNOWN_PROPERTY
from destination.domain.pace import DayCount
from destination.domain.run import run_id
from destination.monitoring.alerts import EvaluateAlerts
from destination.monitoring.attempts import Attempts
from destination.notify import NotToldError
from testing.crashes import CrashError, Life, Mortal
from testing.memory import MemoryAlerts, MemoryConnections, MemoryLosses, MemoryRuns
from testing.notify import MemoryBus, MemoryTopic
from testing.world import connection

NOW = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
BLOCKED = (Subscription(Alert.CONNECTION_BLOCKED),)
IMMORTAL = Life()


@dataclass
class Watched:
    """What is evaluated, of the connection c-1, and what was told of it."""

    connections: MemoryConnections = field(default_factory=MemoryConnections)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    bus: MemoryBus = field(default_factory=MemoryBus)
    topic: MemoryTopic = field(default_factory=MemoryTopic)
    attempts: Attempts = field(default_factory=lambda: Attempts(lambda *_: None))

    def store(self, status: Status, *alerts: Subscription) -> None:
        self.connections.stored["c-1"] = ActiveConnection(connection(id="c-1", status=status, alerts=alerts), {})

    def wake(
        self,
        now: datetime = NOW,
        day_count: Callable[[str], DayCount | None] = lambda _: None,
        life: Life = IMMORTAL,
    ) -> int:
        """Evaluate all; how many changes were told. `day_count` is asked after the states were read."""
        used: dict[str, Any] = {name: Mortal(getattr(self, name), life) for name in ("alerts", "bus", "topic")}
        evaluate = EvaluateAlerts(
            connections=self.connections,
            runs=self.runs,
            **used,
            day_count=day_count,
            is_drained=lambda: True,
            out_of_sync=lambda _: None,
        )
        return len(list(evaluate({}, {}, now, self.attempts)))

    def told(self) -> list[str]:
        """The statuses that people and programs were told; both the same."""
        statuses = [one.detail["status"] for one in self.topic.told]
        assert [one.attributes["status"] for one in self.topic.told] == statuses
        assert [(one.kind, one.detail["status"]) for one in self.bus.told] == [
            (f"Alert {status.capitalize()}", status) for status in statuses
        ]
        return statuses


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_whoever_comes_second_tells_nothing(watched: Watched) -> None:
    watched.store(Status.BLOCKED, *BLOCKED)
    first: list[int] = []

    def overtaken(_: str) -> None:
        first.append(watched.wake())

    assert (watched.wake(day_count=overtaken), first, watched.attempts.failed) == (0, [1], [])
    assert watched.told() == ["triggered"]


def test_an_alert_that_is_unsubscribed_is_resolved(watched: Watched) -> None:
    watched.store(Status.BLOCKED, *BLOCKED)
    watched.wake()
    watched.store(Status.BLOCKED)
    assert [watched.wake(), watched.wake()] == [1, 0]
    assert watched.told() == ["triggered", "resolved"]


def test_a_change_that_was_not_told_is_told_before_the_next_one_is_made(watched: Watched) -> None:
    watched.store(Status.BLOCKED, *BLOCKED)
    watched.bus.refusal = lambda _: "InternalFailure"
    assert (watched.wake(), watched.told()) == (0, [])
    assert [type(one) for one in watched.attempts.failed] == [NotToldError]

    watched.store(Status.ENABLED, *BLOCKED)
    watched.bus.refusal = lambda _: None
    later = [NOW + timedelta(minutes=5 * number) for number in (1, 2, 3)]
    assert [watched.wake(now) for now in later] == [1, 1, 0]
    assert watched.told() == ["triggered", "resolved"]
    assert [(state.status, state.since) for _, state in watched.alerts.changes] == [
        (AlertStatus.TRIGGERED, NOW),
        (AlertStatus.RESOLVED, later[1]),
    ]


def test_a_monitor_that_dies_at_any_moment_loses_no_change_and_makes_none_twice() -> None:
    """People may be told twice of the change that it died with."""
    for moments in count():
        watched, life, died = Watched(), Life(moments), False
        for hour, status in enumerate([Status.BLOCKED, Status.ENABLED]):
            watched.store(status, *BLOCKED)
            now = NOW + hour * timedelta(hours=1)
            try:
                watched.wake(now, life=life)
            except CrashError:
                died, life.moments = True, None
            for again in (1, 2):
                watched.wake(now + again * timedelta(minutes=5))
        assert [state.status for _, state in watched.alerts.changes] == [AlertStatus.TRIGGERED, AlertStatus.RESOLVED]
        for told in (watched.topic.told, watched.bus.told):
            statuses = [one.detail["status"] for one in told]
            assert list(dict.fromkeys(statuses)) == ["triggered", "resolved"]
            assert len(statuses) <= 2 + died
        if not died:
            break
    assert moments >= 20


def test_an_alert_tells_of_what_the_webhook_rejects_in_this_hour_and_the_one_before(watched: Watched) -> None:
    losses = MemoryLosses(watched.runs)
    watched.store(Status.ENABLED, Subscription(Alert.REJECTION_RATE))
    losses.count(
        "c-1", run_id(NOW), {"e-1": {BODY_NOT_JSON: 1, UNKNOWN_PROPERTY: 99}, "e-2": {RECORD_NO_OBJECT: 8}}, NOW
    )
    assert (watched.wake(), watched.told()) == (0, [])  # What is left out is no record, and nine are too few.
    losses.count("c-1", run_id(NOW - timedelta(hours=1)), {"e-3": {RECORD_NO_OBJECT: 1}}, NOW)
    assert (watched.wake(), watched.told()) == (1, ["triggered"])
    (told,) = watched.topic.told
    assert (told.detail["alert"], told.detail["value"]) == ("rejection_rate", 1.0)
    assert "losses" in told.detail["remedy"]
    later = NOW + timedelta(hours=2)
    losses.count("c-1", run_id(later), {"e-4": {RECORD_NO_OBJECT: 1}}, later)
    assert watched.wake(later) == 0  # Of one record no rate is taken.
