"""Alerts: what is watched of a connection, and when that is published.

Source: Adobe, "Alerts for destinations": the only one for streaming is the rate of skipped activations, above 1 %. The
others are ours. An alert is triggered once, stays so, and is resolved once: in between nothing is repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Alert(StrEnum):
    ACTIVATION_SKIPPED_RATE = "activation_skipped_rate"
    FAILURE_RATE = "failure_rate"
    REJECTION_RATE = "rejection_rate"
    DELIVERY_DELAY = "delivery_delay"
    CONNECTION_BLOCKED = "connection_blocked"
    QUOTA_LOW = "quota_low"
    LETTERS = "letters"
    NO_EVENTS = "no_events"
    AUDIENCE_OUT_OF_SYNC = "audience_out_of_sync"


class AlertStatus(StrEnum):
    TRIGGERED = "triggered"
    RESOLVED = "resolved"


class AlertUnit(StrEnum):
    """What a value and its threshold are measured in; a `state` is 1 while it holds, else 0."""

    RATIO = "ratio"
    SECONDS = "seconds"
    COUNT = "count"
    STATE = "state"


@dataclass(frozen=True, slots=True)
class AlertRule:
    """An alert is triggered above its threshold. `minimum` and `maximum` bound what may be set instead of it."""

    unit: AlertUnit
    threshold: float
    minimum: float
    maximum: float
    means: str
    remedy: str

    @property
    def is_settable(self) -> bool:
        return self.minimum < self.maximum


RULES: Final[Mapping[Alert, AlertRule]] = {
    Alert.ACTIVATION_SKIPPED_RATE: AlertRule(
        AlertUnit.RATIO,
        0.01,
        0.0,
        1.0,
        "The share of received persons that were excluded, in this hour and the one before.",
        "Look at the run's reasons, and at who it was (destination persons): mostly an attribute is missing at the "
        "source, or nobody consented.",
    ),
    Alert.FAILURE_RATE: AlertRule(
        AlertUnit.RATIO,
        0.01,
        0.0,
        1.0,
        "The share of received persons that failed, in this hour and the one before.",
        "Look at the run's reasons, and at who it was (destination persons), fix the cause, then redrive the letters "
        "(destination redrive).",
    ),
    Alert.REJECTION_RATE: AlertRule(
        AlertUnit.RATIO,
        0.01,
        0.0,
        1.0,
        "The share of records that the webhook rejected, of those and the received persons, in this hour and the one "
        "before. A body that was refused as a whole counts as one.",
        "Look at the run's losses for what is wrong, correct it at the source, and let it send the records again: they "
        "are not kept.",
    ),
    Alert.DELIVERY_DELAY: AlertRule(
        AlertUnit.SECONDS,
        900,
        60,
        2_505_600,
        "The age of the connection's oldest event that waits, in the queue to be tried again or parked.",
        "See what holds the connection up (destination parking), mend it, and bring events back (destination resume).",
    ),
    Alert.CONNECTION_BLOCKED: AlertRule(
        AlertUnit.STATE,
        0,
        0,
        0,
        "Marketo refuses the connection.",
        "Fix the cause that blocked_cause names; delivery goes on by itself.",
    ),
    Alert.QUOTA_LOW: AlertRule(
        AlertUnit.RATIO,
        0.9,
        0.1,
        0.99,
        "The share of limits.daily_calls that the Marketo instance has used today, whoever called.",
        "Raise Marketo's quota and limits.daily_calls, or find the integration that calls so much.",
    ),
    Alert.LETTERS: AlertRule(
        AlertUnit.COUNT,
        0,
        0,
        1_000_000,
        "The number of the connection's letters: events that failed, and wait for somebody's decision.",
        "See their reasons (destination letters), fix the cause, then redrive them (destination redrive), or "
        "discard them (destination discard).",
    ),
    Alert.NO_EVENTS: AlertRule(
        AlertUnit.SECONDS,
        86_400,
        3_600,
        2_419_200,
        "The time since the connection's last event, once there was one.",
        "Look at the source: is its destination still switched on, does the webhook answer it 202?",
    ),
    Alert.AUDIENCE_OUT_OF_SYNC: AlertRule(
        AlertUnit.COUNT,
        0,
        0,
        1_000_000,
        "The number of people whom the last verification left missing from the lists, or on them though they left.",
        "Verify with the default repair, which puts missing people on the lists, takes leavers off, and leaves foreign "
        "people alone. Then find out who changes the lists in Marketo.",
    ),
}

RELEASE: Final = 0.8
"""Of the threshold: at or below it the alert is resolved, so that a hovering value causes no more alerts."""

MIN_PERSONS: Final = 10
"""Of fewer persons, or records, no rate is taken: one of them would be a rate of its own."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """An alert that a connection subscribes to, at its own threshold or (None) at the default one."""

    alert: Alert
    threshold: float | None = None

    @property
    def limit(self) -> float:
        return RULES[self.alert].threshold if self.threshold is None else self.threshold


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a connection now; None where it is not known.

    `received`, `excluded` and `failed` count persons of this hour and the one before, `rejected` records. `delivers`:
    it is enabled or blocked. `waiting_since`: when its oldest event that was requeued was received. `used`: the calls
    of Marketo's day, of `daily_calls`. `out_of_sync`: whom the last verification left so.
    """

    delivers: bool
    blocked: bool = False
    received: int = 0
    excluded: int = 0
    failed: int = 0
    rejected: int = 0
    waiting_since: datetime | None = None
    used: int | None = None
    daily_calls: int = 1
    letters: int = 0
    last_event_at: datetime | None = None
    out_of_sync: int | None = None


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where an alert of a connection stands since its last change; `number` counts its changes."""

    alert: Alert
    status: AlertStatus
    since: datetime
    value: float
    threshold: float
    number: int


def reading(alert: Alert, situation: Situation, now: datetime) -> float | None:
    """The value that is compared with the threshold; None while there is none.

    A connection that does not deliver is watched for nothing.
    """
    if not situation.delivers:
        return 0.0
    values: Mapping[Alert, float | None] = {
        Alert.ACTIVATION_SKIPPED_RATE: _rate(situation.excluded, situation.received),
        Alert.FAILURE_RATE: _rate(situation.failed, situation.received),
        Alert.REJECTION_RATE: _rate(situation.rejected, situation.received + situation.rejected),
        Alert.DELIVERY_DELAY: _age(situation.waiting_since, now) or 0.0,
        Alert.CONNECTION_BLOCKED: float(situation.blocked),
        Alert.QUOTA_LOW: None if situation.used is None else situation.used / situation.daily_calls,
        Alert.LETTERS: float(situation.letters),
        Alert.NO_EVENTS: _age(situation.last_event_at, now),
        Alert.AUDIENCE_OUT_OF_SYNC: None if situation.out_of_sync is None else float(situation.out_of_sync),
    }
    return values[alert]


def evaluate(
    before: AlertState | None, subscription: Subscription, value: float | None, now: datetime
) -> AlertState | None:
    """Where the alert stands now; the state before, unless it changed. None: it was never triggered."""
    if value is None:
        return before
    triggered = before is not None and before.status is AlertStatus.TRIGGERED
    number = 1 if before is None else before.number + 1
    limit = subscription.limit
    if not triggered and value > limit:
        return AlertState(subscription.alert, AlertStatus.TRIGGERED, now, value, limit, number)
    if triggered and value <= limit * RELEASE:
        return AlertState(subscription.alert, AlertStatus.RESOLVED, now, value, limit, number)
    return before


def _rate(part: int, whole: int) -> float | None:
    return None if whole < MIN_PERSONS else part / whole


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max((now - since).total_seconds(), 0.0)
