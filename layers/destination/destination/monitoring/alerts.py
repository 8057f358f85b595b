"""The use case behind alerts: each connection is compared with its thresholds, and changes are published.

A change is stored before it is published, and marked as published afterwards. Until then the alert is not evaluated
again, so that nobody is told of the end of something whose beginning was lost.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from destination.domain.alert import Alert, AlertState, Evidence, Subscription, evaluate
from destination.domain.alert_message import AlertMessage
from destination.domain.audience import AudienceKey
from destination.domain.connection import DELIVERING, ActiveConnection, Connection, Status
from destination.domain.deviation import Compared
from destination.domain.letter import LetterBundle
from destination.domain.pace import DayCount
from destination.domain.parking import Bundle, hold_of
from destination.domain.pause import Pause
from destination.domain.run import CLOSES_AFTER, Run, Tally, hour_of, run_id
from destination.domain.scheduled_checks import CheckedConnection, of_version
from destination.domain.situation import (
    DAY_HOURS,
    RATES,
    RECENT_HOURS,
    Situation,
    Surroundings,
    evidence_of,
    evidence_of_end,
    reading,
    share_of,
)
from destination.marketo.budget import is_of_day
from destination.marketo.reasons import message_of
from destination.monitoring.attempts import Attempts
from destination.monitoring.gauges import waiting_since
from destination.notify import Announcement
from destination.store.alerts import Stored
from destination.store.errors import StaleVersionError

HOUR: Final = timedelta(hours=1)
DAYS: Final = 7
"""With how many days before an hour is compared."""


class Connections(Protocol):
    def all(self) -> Iterator[Connection]: ...
    def active(self, connection_id: str) -> ActiveConnection: ...


class Runs(Protocol):
    def between(self, connection_id: str, first: str, last: str) -> Iterator[Run]: ...
    def counts(self, connection_id: str, first: str, last: str) -> Counter[str]: ...
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
    `out_of_sync`: people whom the last verifications of a connection left out of place, by audience; `pause`: the last
    one of an instance; `sizes`: those of the lists, as verifications found them, by audience; `checks`: the last ones.
    """

    connections: Connections
    runs: Runs
    alerts: Alerts
    bus: Bus
    topic: Topic
    day_count: Callable[[str], DayCount | None]
    is_drained: Callable[[], bool]
    out_of_sync: Callable[[str], Mapping[AudienceKey, int] | None]
    pause: Callable[[str], Pause | None]
    sizes: Callable[[str], Mapping[AudienceKey, Compared]]
    checks: Callable[[str], CheckedConnection | None]

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
                own = parked.get(connection.id, ()), letters.get(connection.id, ())
                yield from self._evaluate(connection, *own, now)

    def _evaluate(
        self, connection: Connection, parked: Sequence[Bundle], letters: Sequence[LetterBundle], now: datetime
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
                found = self._evidence(connection, state, situation, now, subscribed=alert in wanted)
                begun_at = state.since if state.is_triggered or before is None else before.state.since
                state = replace(state, evidence=replace(found, begun_at=begun_at))
                with contextlib.suppress(StaleVersionError):  # Who was faster tells.
                    self.alerts.change(connection.id, state, before.published if before else 0)
                    yield self._tell(connection, state)

    def _tell(self, connection: Connection, state: AlertState) -> Notice:
        told = AlertMessage.of(connection, state)
        self.bus.put([Announcement(f"Alert {state.status.value.capitalize()}", told.detail)])
        self.topic.publish(told.subject, told.text, told.detail, told.attributes)
        self.alerts.publish(connection.id, state)
        return Notice(connection, state)

    def _evidence(
        self, connection: Connection, state: AlertState, situation: Situation, now: datetime, *, subscribed: bool
    ) -> Evidence:
        """What the change is based on; more is read for it than for the value."""
        if not state.is_triggered:
            return evidence_of_end(state.alert, situation, now, subscribed=subscribed)
        hold = hold_of(connection, self.pause(connection.munchkin_id), now)
        activations = self.connections.active(connection.id).activations
        around = Surroundings(hold, {audience: one.name for audience, one in activations.items()})
        return evidence_of(state.alert, situation, around, now, message_of)

    def _situation(
        self,
        connection: Connection,
        wanted: Set[Alert],
        parked: Sequence[Bundle],
        letters: Sequence[LetterBundle],
        now: datetime,
    ) -> Situation:
        today = self.day_count(connection.munchkin_id)
        since = waiting_since(connection, parked, now, self.is_drained)
        return Situation(
            delivers=connection.status in DELIVERING,
            blocked=connection.status is Status.BLOCKED,
            waiting_since=since,
            used=None if today is None else today.total * is_of_day(today, now),
            daily_calls=connection.limits.daily_calls,
            letters=letters,
            enabled_at=connection.enabled_at,
            # These are read for those alone who ask for them.
            hours=self._hours(connection.id, RATES & wanted, now),
            last_event_at=self.runs.last_event_at(connection.id, now) if Alert.NO_EVENTS in wanted else None,
            out_of_sync=self.out_of_sync(connection.id) if Alert.AUDIENCE_OUT_OF_SYNC in wanted else None,
            events=self._events(connection.id, since, now) if Alert.EVENTS_UNUSUAL in wanted else None,
            sizes=self.sizes(connection.id) if Alert.LIST_SIZE_UNUSUAL in wanted else {},
            checks=of_version(self.checks(connection.id), connection.version)
            if Alert.CHECKS_FAILING in wanted
            else None,
        )

    def _events(self, connection_id: str, waiting_since: datetime | None, now: datetime) -> Compared | None:
        """Of the last hour that is over, and of the same one on the days before; None: some of it may wait."""
        hour = hour_of(run_id(now - CLOSES_AFTER)) - HOUR
        if waiting_since is not None and waiting_since < hour + HOUR:
            return None
        counts = [
            self.runs.counts(connection_id, name, name)
            for name in (run_id(hour - timedelta(days=days)) for days in range(DAYS + 1))
        ]
        number, *before = (one["received"] + one["ignored"] for one in counts)
        return Compared(number, tuple(before))

    def _hours(self, connection_id: str, rates: Set[Alert], now: datetime) -> list[Tally]:
        """The last hours, this one first: the recent ones, and a day's where few came in those."""
        if not rates:
            return []
        recent = self._tallies(connection_id, now, range(RECENT_HOURS))
        if all(share_of(alert, recent).is_enough for alert in rates):
            return recent
        return [*recent, *self._tallies(connection_id, now, range(RECENT_HOURS, DAY_HOURS))]

    def _tallies(self, connection_id: str, now: datetime, ago: range) -> list[Tally]:
        names = [run_id(now - timedelta(hours=hours)) for hours in ago]
        found = {run.id: run.tally for run in self.runs.between(connection_id, names[-1], names[0])}
        return [found.get(name, Tally()) for name in names]
