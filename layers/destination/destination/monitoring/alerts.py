"""The use case behind alerts: each connection is compared with its thresholds, and changes are published.

A change is stored before it is published, and marked as published afterwards. Until then the alert is not evaluated
again, so that nobody is told of the end of something whose beginning was lost.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from destination.domain.alert import (
    RULES,
    Alert,
    AlertState,
    AlertStatus,
    AlertUnit,
    Situation,
    Subscription,
    evaluate,
    reading,
)
from destination.domain.connection import DELIVERING, Connection, Status
from destination.domain.letter import LetterBundle
from destination.domain.loss import Lost
from destination.domain.outcome import Class
from destination.domain.pace import DayCount
from destination.domain.parking import Bundle
from destination.domain.run import Run, run_id
from destination.domain.times import format_time
from destination.marketo.budget import is_of_day
from destination.monitoring.attempts import Attempts
from destination.monitoring.gauges import waiting_since
from destination.notify import Announcement
from destination.store.alerts import Stored
from destination.store.errors import StaleVersionError


class Connections(Protocol):
    def all(self) -> Iterator[Connection]: ...


class Runs(Protocol):
    def get(self, connection_id: str, run_id: str) -> Run | None: ...
    def last_event_at(self, connection_id: str, now: datetime) -> datetime | None: ...


class Alerts(Protocol):
    def states(self, connection_id: str) -> dict[Alert, Stored]: ...
    def change(self, connection_id: str, state: AlertState, published: int) -> None: ...
    def publish(self, connection_id: str, state: AlertState) -> None: ...


class Bus(Protocol):
    def put(self, announcements: Sequence[Announcement]) -> None: ...


class Topic(Protocol):
    def publish(self, subject: str, text: str, detail: Mapping[str, Any], attributes: Mapping[str, str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Notice:
    """A change of an alert that people were told of."""

    connection: Connection
    state: AlertState


@dataclass(frozen=True, slots=True)
class EvaluateAlerts:
    """Evaluates the alerts of all connections, and tells of their changes.

    `day_count`: the calls to an instance today; `is_drained`: whether no event is queued, of any connection;
    `out_of_sync`: people whom the last verifications of a connection left out of place.
    """

    connections: Connections
    runs: Runs
    alerts: Alerts
    bus: Bus
    topic: Topic
    day_count: Callable[[str], DayCount | None]
    is_drained: Callable[[], bool]
    out_of_sync: Callable[[str], int | None]

    def __call__(
        self,
        parked: Mapping[str, Sequence[Bundle]],
        letters: Mapping[str, Sequence[LetterBundle]],
        now: datetime,
        attempt: Attempts,
    ) -> Iterator[Notice]:
        """Evaluate every alert that is subscribed, or that was triggered before it was unsubscribed.

        `parked`, `letters`: the bundles, by connection.
        """
        for connection in self.connections.all():
            with attempt(connection.id):
                failed = sum(one.events for one in letters.get(connection.id, ()))
                yield from self._evaluate(connection, parked.get(connection.id, ()), failed, now)

    def _evaluate(
        self, connection: Connection, parked: Sequence[Bundle], letters: int, now: datetime
    ) -> Iterator[Notice]:
        stored = self.alerts.states(connection.id)
        wanted = {one.alert: one for one in connection.alerts}
        if not wanted and not any(one.is_open for one in stored.values()):
            return
        situation = self._situation(connection, wanted.keys(), parked, letters, now)
        for alert in Alert:
            before = stored.get(alert)
            if before is not None and not before.is_published:
                yield self._tell(connection, before.state)
                continue
            value = reading(alert, situation, now) if alert in wanted else 0.0
            state = evaluate(before.state if before else None, wanted.get(alert, Subscription(alert)), value, now)
            if state is not None and (before is None or state != before.state):
                with contextlib.suppress(StaleVersionError):  # Who was faster tells.
                    self.alerts.change(connection.id, state, before.published if before else 0)
                    yield self._tell(connection, state)

    def _tell(self, connection: Connection, state: AlertState) -> Notice:
        detail = announcement(connection, state)
        self.bus.put([Announcement(f"Alert {state.status.value.capitalize()}", detail)])
        subject = f"{state.alert} {state.status}: {connection.name}"  # What is too long for SNS is cut off at its end.
        attributes = {"connection_id": connection.id, "alert": state.alert.value, "status": state.status.value}
        self.topic.publish(subject, text(connection, state), detail, attributes)
        self.alerts.publish(connection.id, state)
        return Notice(connection, state)

    def _situation(
        self, connection: Connection, wanted: Set[Alert], parked: Sequence[Bundle], letters: int, now: datetime
    ) -> Situation:
        hours = (run_id(now), run_id(now - timedelta(hours=1)))
        tallies = [run.tally.counts for hour in hours if (run := self.runs.get(connection.id, hour))]
        today = self.day_count(connection.munchkin_id)
        return Situation(
            delivers=connection.status in DELIVERING,
            blocked=connection.status is Status.BLOCKED,
            received=sum(one["received"] for one in tallies),
            excluded=sum(one[Class.EXCLUDED] for one in tallies),
            failed=sum(one[Class.FAILED] for one in tallies),
            rejected=sum(one[Lost.REJECTED] for one in tallies),
            waiting_since=waiting_since(connection, parked, now, self.is_drained),
            used=None if today is None else today.total * is_of_day(today, now),
            daily_calls=connection.limits.daily_calls,
            letters=letters,
            # These two are read for those alone who ask for them.
            last_event_at=self.runs.last_event_at(connection.id, now) if Alert.NO_EVENTS in wanted else None,
            out_of_sync=self.out_of_sync(connection.id) if Alert.AUDIENCE_OUT_OF_SYNC in wanted else None,
        )


def announcement(connection: Connection, state: AlertState) -> dict[str, Any]:
    """What programs are told of a change: docs/monitoring.md, "Alert events"."""
    rule = RULES[state.alert]
    return {
        "version": "1",
        "id": f"{connection.id}/{state.alert}/{state.number}",
        "connection": {"id": connection.id, "name": connection.name},
        "alert": state.alert.value,
        "status": state.status.value,
        "at": format_time(state.since),
        "value": state.value,
        "threshold": state.threshold,
        "unit": rule.unit.value,
        "means": rule.means,
        "remedy": rule.remedy,
    }


def text(connection: Connection, state: AlertState) -> str:
    """What people are told of a change, as the body of an e-mail."""
    rule = RULES[state.alert]
    lines = [
        f"The alert {state.alert} of {connection.name} was {state.status} at {format_time(state.since)}.",
        "",
        rule.means,
    ]
    if rule.unit is not AlertUnit.STATE:
        lines.append(f"It is {_shown(rule.unit, state.value)}; the threshold is {_shown(rule.unit, state.threshold)}.")
    if state.status is AlertStatus.TRIGGERED:
        lines += ["", rule.remedy]
        lines += [f"Marketo says: {connection.blocked_cause}"] if connection.blocked_cause else []
    return "\n".join([*lines, "", f"Connection {connection.id}. See docs/monitoring.md, Alerts."])


def _shown(unit: AlertUnit, value: float) -> str:
    match unit:
        case AlertUnit.RATIO:
            return f"{value:.1%}"
        case AlertUnit.SECONDS:
            return str(timedelta(seconds=round(value)))
    return f"{value:.0f}"
