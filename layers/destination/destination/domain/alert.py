"""Alerts: what is watched of a connection, and when that is published. What is compared is in `situation`.

Source: Adobe, "Alerts for destinations": the only one for streaming is the rate of skipped activations, above 1 %. The
others are ours. An alert is triggered once, stays so, and is resolved once: in between nothing is repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from destination.domain.remedy import Remedy


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
    EVENTS_UNUSUAL = "events_unusual"
    LIST_SIZE_UNUSUAL = "list_size_unusual"
    CHECKS_FAILING = "checks_failing"


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
    remedy: Remedy

    @property
    def is_settable(self) -> bool:
        return self.minimum < self.maximum


RULES: Final[Mapping[Alert, AlertRule]] = {
    Alert.ACTIVATION_SKIPPED_RATE: AlertRule(
        AlertUnit.RATIO,
        0.01,
        0.0,
        1.0,
        "The share of persons that were excluded through a fault, such as a missing attribute, of those that were to "
        "be delivered. Who is left out as the connection is configured counts for neither.",
        Remedy.CORRECT_AT_SOURCE,
    ),
    Alert.FAILURE_RATE: AlertRule(
        AlertUnit.RATIO,
        0.01,
        0.0,
        1.0,
        "The share of received persons that failed.",
        Remedy.FIX_AND_REDRIVE,
    ),
    Alert.REJECTION_RATE: AlertRule(
        AlertUnit.RATIO,
        0.01,
        0.0,
        1.0,
        "The share of records that the webhook rejected, of those and the received persons. A body that was refused as "
        "a whole counts as one.",
        Remedy.SEND_REJECTED_AGAIN,
    ),
    Alert.DELIVERY_DELAY: AlertRule(
        AlertUnit.SECONDS,
        900,
        60,
        2_505_600,
        "The age of the connection's oldest event that waits, in the queue to be tried again or parked.",
        Remedy.MEND_HOLD,
    ),
    Alert.CONNECTION_BLOCKED: AlertRule(
        AlertUnit.STATE,
        0,
        0,
        0,
        "Marketo refuses the connection.",
        Remedy.MEND_CAUSE,
    ),
    Alert.QUOTA_LOW: AlertRule(
        AlertUnit.RATIO,
        0.9,
        0.1,
        0.99,
        "The share of limits.daily_calls that the Marketo instance has used today, whoever called.",
        Remedy.RAISE_QUOTA,
    ),
    Alert.LETTERS: AlertRule(
        AlertUnit.COUNT,
        0,
        0,
        1_000_000,
        "The number of the connection's letters: events that failed, and wait for somebody's decision.",
        Remedy.DECIDE_LETTERS,
    ),
    Alert.NO_EVENTS: AlertRule(
        AlertUnit.SECONDS,
        86_400,
        3_600,
        2_419_200,
        "The time since the connection's last event, or since it was enabled if none came after that.",
        Remedy.LOOK_AT_SOURCE,
    ),
    Alert.AUDIENCE_OUT_OF_SYNC: AlertRule(
        AlertUnit.COUNT,
        0,
        0,
        1_000_000,
        "The number of people whom the last verification left missing from the lists, or on them though they left.",
        Remedy.VERIFY,
    ),
    Alert.EVENTS_UNUSUAL: AlertRule(
        AlertUnit.RATIO,
        0.5,
        0.1,
        10.0,
        "How far the number of events in the last hour that is over is from the usual, as a share of it; the usual is "
        "the median of the same hour on the seven days before.",
        Remedy.LOOK_AT_AUDIENCE,
    ),
    Alert.LIST_SIZE_UNUSUAL: AlertRule(
        AlertUnit.RATIO,
        0.25,
        0.05,
        10.0,
        "How far the size of a list in its last verification is from the usual, as a share of it; the usual is the "
        "median of the verifications before. The list that is furthest counts.",
        Remedy.LOOK_AT_LIST,
    ),
    Alert.CHECKS_FAILING: AlertRule(
        AlertUnit.COUNT,
        0,
        0,
        8,
        "The number of checks that failed when they were made last, which is once a day while this is subscribed to.",
        Remedy.MEND_CHECKS,
    ),
}

RELEASE: Final = 0.8
"""Of the threshold: at or below it the alert is resolved, so that a hovering value causes no more alerts."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """An alert that a connection subscribes to, at its own threshold or (None) at the default one."""

    alert: Alert
    threshold: float | None = None

    @property
    def limit(self) -> float:
        return RULES[self.alert].threshold if self.threshold is None else self.threshold


@dataclass(frozen=True, slots=True)
class MainReason:
    """One of the main reasons of what is counted: its code, how often, and its sentence."""

    code: str
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class AudiencePart:
    """How much of what is counted concerns an audience; `namespace`: None if it is in any."""

    id: str
    namespace: str | None
    name: str
    count: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a change of an alert is based on, for whoever is told of it.

    `cause`: a sentence. `until`: when what holds the connection up is tried again by itself. `part`, `whole`: the
    counts that a rate is made of, of events received from `counted_from` on. `reasons`, `audiences`: the main ones,
    most first. `remedy`: what to do about this cause; empty when it is over. `begun_at`: when the alert was triggered.
    """

    cause: str | None = None
    until: datetime | None = None
    part: int | None = None
    whole: int | None = None
    counted_from: datetime | None = None
    reasons: tuple[MainReason, ...] = ()
    audiences: tuple[AudiencePart, ...] = ()
    remedy: str = ""
    begun_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AlertState:
    """Where an alert of a connection stands since its last change; `number` counts its changes."""

    alert: Alert
    status: AlertStatus
    since: datetime
    value: float
    threshold: float
    number: int
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def is_triggered(self) -> bool:
        return self.status is AlertStatus.TRIGGERED


def evaluate(
    before: AlertState | None, subscription: Subscription, value: float | None, now: datetime
) -> AlertState | None:
    """Where the alert stands now; the state before, unless it changed. None: it was never triggered."""
    if value is None:
        return before
    triggered = before is not None and before.is_triggered
    number = 1 if before is None else before.number + 1
    limit = subscription.limit
    if not triggered and value > limit:
        return AlertState(subscription.alert, AlertStatus.TRIGGERED, now, value, limit, number)
    if triggered and value <= limit * RELEASE:
        return AlertState(subscription.alert, AlertStatus.RESOLVED, now, value, limit, number)
    return before
