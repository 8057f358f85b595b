"""Alerts are evaluated, and each change is told once, whoever else evaluates them."""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from destination.domain.alert import RULES, Alert, AlertStatus, Subscription
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection, Status, Waiting
from destination.domain.loss import BODY_NOT_JSON, RECORD_NO_OBJECT, UNKNOWN_PROPERTY
from destination.domain.outcome import (
    INVALID_DEDUPE_VALUE,
    MESSAGES,
    MISSING_DEDUPE_VALUE,
    MISSING_REQUIRED_ATTRIBUTE,
    NO_CONSENT,
    OUTSIDE_SCHEDULE,
    PERSON_NOT_FOUND,
    Reason,
)
from destination.domain.pace import DayCount
from destination.domain.remedy import Remedy
from destination.domain.run import Counters, Run, Tally, run_id
from destination.monitoring.alerts import EvaluateAlerts
from destination.monitoring.attempts import Attempts
from destination.notify import NotToldError
from testing.crashes import CrashError, Life, Mortal
from testing.memory import MemoryAlerts, MemoryConnections, MemoryLosses, MemoryRuns
from testing.notify import MemoryBus, MemoryTopic
from testing.world import connection

NOW = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
WEBINAR = AudienceKey("ups", "aud-1")
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

    def store(self, status: Status, *alerts: Subscription, **properties: Any) -> None:
        made = connection(id="c-1", status=status, alerts=alerts, **properties)
        self.connections.stored["c-1"] = ActiveConnection(made, {WEBINAR: Activation(WEBINAR, "Webinar attendees")})

    def count(self, tally: Tally, now: datetime = NOW, shard: int = 0) -> None:
        self.runs.write(Run("c-1", run_id(now), tally=tally, shard=shard), now)

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
            pause=lambda _: None,
            sizes=lambda _: {},
            checks=lambda _: None,
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
    watched.count(Tally(Counter(received=9)))
    losses.count(
        "c-1", run_id(NOW), {"e-1": {BODY_NOT_JSON: 1, UNKNOWN_PROPERTY: 99}, "e-2": {RECORD_NO_OBJECT: 8}}, NOW
    )
    assert (watched.wake(), watched.told()) == (1, ["triggered"])
    (told,) = watched.topic.told
    assert (told.detail["alert"], told.detail["value"]) == ("rejection_rate", 0.5)
    assert told.detail["counts"] == {"part": 9, "whole": 18, "from": "2026-11-21T10:00:00Z"}
    assert [(one["code"], one["count"]) for one in told.detail["reasons"]] == [
        ("RECORD_NO_OBJECT", 8),
        ("BODY_NOT_JSON", 1),
    ]
    assert "losses" in told.detail["remedy"]


def excluded(reason: Reason, persons: int, received: int) -> Tally:
    """The persons of an hour of whom some were excluded, all in one audience."""
    counts, reasons = Counter(received=received, excluded=persons), Counter({reason: persons})
    audiences = defaultdict(Counters, {WEBINAR: Counters(counts.copy(), reasons.copy())})
    return Tally(counts, reasons, audiences=audiences)


def test_whoever_is_told_reads_why_how_many_where_and_what_to_do(watched: Watched) -> None:
    """On every way: people in prose, programs in JSON; and nothing is left to do when it is over."""
    watched.store(Status.ENABLED, Subscription(Alert.ACTIVATION_SKIPPED_RATE))
    watched.count(excluded(MISSING_REQUIRED_ATTRIBUTE, 7, 12))
    watched.count(excluded(INVALID_DEDUPE_VALUE, 2, 2), shard=1)
    watched.wake()

    (told,) = watched.topic.told
    (announced,) = watched.bus.told
    assert told.detail == announced.detail
    assert told.detail["counts"] == {"part": 9, "whole": 14, "from": "2026-11-21T10:00:00Z"}
    assert told.detail["reasons"] == [
        {"code": code, "count": count, "message": MESSAGES[code]}
        for code, count in (("MISSING_REQUIRED_ATTRIBUTE", 7), ("INVALID_DEDUPE_VALUE", 2))
    ]
    webinar = {"id": "aud-1", "namespace": "ups", "name": "Webinar attendees", "count": 9}
    assert told.detail["audiences"] == [webinar]
    assert told.detail["remedy"] == Remedy.GIVE_REQUIRED.says
    assert told.text.splitlines() == [
        "The alert activation_skipped_rate of Webinar leads was triggered at 2026-11-21T11:05:00Z.",
        "",
        RULES[Alert.ACTIVATION_SKIPPED_RATE].means,
        "It is 64.3%; the threshold is 1.0%.",
        "",
        "Excluded through a fault: 9 of 14 persons to be delivered, received since 2026-11-21T10:00:00Z.",
        "",
        "Main reasons:",
        f"- 7 MISSING_REQUIRED_ATTRIBUTE: {MESSAGES['MISSING_REQUIRED_ATTRIBUTE']}",
        f"- 2 INVALID_DEDUPE_VALUE: {MESSAGES['INVALID_DEDUPE_VALUE']}",
        "",
        "Audiences:",
        "- Webinar attendees: 9",
        "",
        f"What to do: {Remedy.GIVE_REQUIRED.says}",
        "",
        "Connection c-1. See docs/monitoring.md, Alerts.",
    ]

    later = NOW + timedelta(hours=2)
    watched.count(Tally(Counter(received=100)), later)
    watched.wake(later)
    told = watched.topic.told[-1]
    assert (told.detail["status"], told.detail["remedy"], told.detail["reasons"]) == ("resolved", "", [])
    assert (told.detail["since"], told.detail["at"]) == ("2026-11-21T11:05:00Z", "2026-11-21T13:05:00Z")
    assert "It had been triggered at 2026-11-21T11:05:00Z." in told.text
    assert "What to do" not in told.text


@pytest.mark.parametrize("reason", [PERSON_NOT_FOUND, OUTSIDE_SCHEDULE, NO_CONSENT])
def test_what_was_configured_is_no_fault(watched: Watched, reason: Reason) -> None:
    watched.store(Status.ENABLED, Subscription(Alert.ACTIVATION_SKIPPED_RATE))
    watched.count(excluded(reason, 900, 1_000))
    assert watched.wake() == 0
    watched.count(excluded(MISSING_DEDUPE_VALUE, 2, 2), shard=1)
    assert watched.wake() == 1
    assert watched.topic.told[0].detail["counts"]["part"] == 2
    assert watched.topic.told[0].detail["counts"]["whole"] == 102
    assert [one["code"] for one in watched.topic.told[0].detail["reasons"]] == ["MISSING_DEDUPE_VALUE"]


def test_a_quiet_connection_is_told_of_a_whole_day(watched: Watched) -> None:
    watched.store(Status.ENABLED, Subscription(Alert.ACTIVATION_SKIPPED_RATE))
    for hours in (3, 9, 24):
        watched.count(excluded(MISSING_DEDUPE_VALUE, 3, 3), NOW - hours * timedelta(hours=1))
    assert watched.wake() == 1
    assert watched.topic.told[0].detail["counts"] == {"part": 9, "whole": 9, "from": "2026-11-20T11:00:00Z"}


def test_a_rate_of_nobody_is_over_after_a_day(watched: Watched) -> None:
    watched.store(Status.ENABLED, Subscription(Alert.FAILURE_RATE))
    watched.count(Tally(Counter(received=20, failed=20)))
    assert watched.wake() == 1
    assert [watched.wake(NOW + hours * timedelta(hours=1)) for hours in (1, 12, 24, 25, 30)] == [0, 0, 0, 1, 0]
    assert watched.told() == ["triggered", "resolved"]
    assert "Nobody came since" in watched.topic.told[-1].text


def test_a_block_has_its_cause_and_its_end_on_every_way(watched: Watched) -> None:
    hour = timedelta(hours=1)
    cause = "610: there is no list Webinar (1001)"
    watched.store(Status.BLOCKED, *BLOCKED, blocked_cause=cause, held_since=NOW - hour, retry_at=NOW + hour)
    watched.wake()
    (told,) = watched.topic.told
    assert told.detail["cause"] == f"Held up since 2026-11-21T10:05:00Z: {cause}"
    assert told.detail["until"] == "2026-11-21T12:05:00Z"
    assert all(part in told.text for part in (cause, "2026-11-21T12:05:00Z", told.detail["remedy"]))


def test_silence_counts_from_the_last_event_or_from_when_somebody_enabled(watched: Watched) -> None:
    day = timedelta(days=1)
    watched.store(Status.ENABLED, Subscription(Alert.NO_EVENTS), enabled_at=NOW - day + timedelta(minutes=1))
    assert [watched.wake(), watched.wake(NOW + timedelta(minutes=2))] == [0, 1]
    assert "since the connection was enabled" in watched.topic.told[0].text

    came = NOW + timedelta(minutes=7)
    watched.count(Tally(Counter(received=1), last_at=came), came)
    assert [watched.wake(came), watched.wake(came + day), watched.wake(came + day + timedelta(seconds=1))] == [1, 0, 1]
    assert "The last event came at 2026-11-21T11:12:00Z." in watched.topic.told[-1].text


def test_an_alert_that_is_unsubscribed_says_so(watched: Watched) -> None:
    watched.store(Status.BLOCKED, *BLOCKED)
    watched.wake()
    watched.store(Status.BLOCKED)
    watched.wake()
    assert watched.topic.told[-1].detail["cause"] == "The connection no longer subscribes to it."


def test_an_hour_is_compared_with_the_same_hour_of_the_days_before(watched: Watched) -> None:
    watched.store(Status.ENABLED, Subscription(Alert.EVENTS_UNUSUAL))
    over = NOW - timedelta(hours=1)
    for days in range(1, 8):
        watched.count(Tally(Counter(received=90 + days, ignored=6)), over - timedelta(days=days))
        watched.count(Tally(Counter(received=9_000)), NOW - timedelta(days=days))
    watched.count(Tally(Counter(received=45, ignored=2)), over)

    assert watched.wake(NOW - timedelta(minutes=1)) == 0, "the hour is not over for long: that before it is compared"
    assert watched.wake() == 1
    (told,) = watched.topic.told
    assert told.detail["cause"] == "Events of the last hour that is over: 47, where 100 are usual."
    assert told.detail["value"] == 0.53


def test_an_hour_of_which_events_wait_is_compared_with_nothing(watched: Watched) -> None:
    over = NOW - timedelta(hours=1)
    waiting = Waiting(over + timedelta(minutes=50), NOW + timedelta(minutes=3))
    watched.store(Status.ENABLED, Subscription(Alert.EVENTS_UNUSUAL), waiting=waiting)
    for days in range(1, 8):
        watched.count(Tally(Counter(received=100)), over - timedelta(days=days))
    assert watched.wake() == 0
    watched.store(Status.ENABLED, Subscription(Alert.EVENTS_UNUSUAL))
    assert watched.wake() == 1
