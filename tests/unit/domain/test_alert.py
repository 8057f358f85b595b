"""When an alert is triggered, when it is resolved, and that in between nothing is said."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.domain.alert import (
    RELEASE,
    RULES,
    Alert,
    AlertState,
    AlertStatus,
    Subscription,
    evaluate,
)
from destination.domain.audience import AudienceKey
from destination.domain.check import CheckName
from destination.domain.deviation import Compared
from destination.domain.letter import LetterBundle
from destination.domain.run import Tally
from destination.domain.scheduled_checks import CheckedConnection, FailingCheck
from destination.domain.situation import Situation, reading

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)
AUDIENCE = AudienceKey("ups", "aud-1")
LETTERS = LetterBundle("c-1", "MARKETO_1003", NOW, NOW, 1, 100, "0" * 32)


def received(persons: int = 1_000, **counts: int) -> tuple[Tally, ...]:
    """This hour and the one before, in which nobody came."""
    return Tally(Counter(received=persons, **counts)), Tally()


CALM = Situation(
    delivers=True,
    hours=received(),
    used=0,
    daily_calls=40_000,
    last_event_at=NOW,
    out_of_sync={},
    events=Compared(100, (100,) * 7),
    sizes={AUDIENCE: Compared(1_000, (1_000,) * 4)},
    checks=CheckedConnection(NOW, ()),
)
TROUBLE = {
    Alert.ACTIVATION_SKIPPED_RATE: replace(CALM, hours=received(excluded=11)),
    Alert.FAILURE_RATE: replace(CALM, hours=received(failed=11)),
    Alert.REJECTION_RATE: replace(CALM, hours=received(rejected=11)),
    Alert.DELIVERY_DELAY: replace(CALM, waiting_since=NOW - timedelta(minutes=16)),
    Alert.CONNECTION_BLOCKED: replace(CALM, blocked=True),
    Alert.QUOTA_LOW: replace(CALM, used=36_001),
    Alert.LETTERS: replace(CALM, letters=[LETTERS]),
    Alert.NO_EVENTS: replace(CALM, last_event_at=NOW - timedelta(days=1, seconds=1)),
    Alert.AUDIENCE_OUT_OF_SYNC: replace(CALM, out_of_sync={AUDIENCE: 1}),
    Alert.EVENTS_UNUSUAL: replace(CALM, events=Compared(40, (100,) * 7)),
    Alert.LIST_SIZE_UNUSUAL: replace(CALM, sizes={AUDIENCE: Compared(700, (1_000,) * 4)}),
    Alert.CHECKS_FAILING: replace(CALM, checks=CheckedConnection(NOW, (FailingCheck(CheckName.ASSETS, "603", ""),))),
}


def after(alert: Alert, *situations: Situation, threshold: float | None = None) -> list[AlertState]:
    """The changes that a sequence of situations makes, five minutes apart."""
    changes: list[AlertState] = []
    state: AlertState | None = None
    for number, situation in enumerate(situations):
        now = NOW + number * timedelta(minutes=5)
        before, state = state, evaluate(state, Subscription(alert, threshold), reading(alert, situation, now), now)
        if state is not None and state != before:
            changes.append(state)
    return changes


def test_there_is_trouble_for_every_alert() -> None:
    assert TROUBLE.keys() == set(Alert) == RULES.keys()


@pytest.mark.remedy("look-at-audience", "look-at-list")
@pytest.mark.parametrize("alert", Alert)
def test_each_is_triggered_once_and_resolved_once(alert: Alert) -> None:
    calm = replace(CALM, last_event_at=NOW + timedelta(hours=1))
    trouble = TROUBLE[alert]

    changes = after(alert, calm, trouble, trouble, trouble, calm, calm)

    assert [(one.status, one.number) for one in changes] == [(AlertStatus.TRIGGERED, 1), (AlertStatus.RESOLVED, 2)]
    assert changes[0].since == NOW + timedelta(minutes=5)
    assert changes[1].since == NOW + timedelta(minutes=20)
    assert changes[0].value > changes[0].threshold == RULES[alert].threshold


@pytest.mark.parametrize("alert", Alert)
def test_nothing_is_told_of_a_connection_without_trouble(alert: Alert) -> None:
    assert after(alert, CALM, CALM) == []


@pytest.mark.parametrize("alert", Alert)
def test_a_connection_that_does_not_deliver_has_no_trouble(alert: Alert) -> None:
    changes = after(alert, TROUBLE[alert], replace(TROUBLE[alert], delivers=False))
    assert [one.status for one in changes] == [AlertStatus.TRIGGERED, AlertStatus.RESOLVED]


@pytest.mark.parametrize(
    ("alert", "unknown"),
    [
        (Alert.ACTIVATION_SKIPPED_RATE, replace(CALM, hours=received(9, excluded=2))),
        (Alert.FAILURE_RATE, replace(CALM, hours=received(2, failed=1))),
        (Alert.REJECTION_RATE, replace(CALM, hours=received(7, rejected=2))),
        (Alert.QUOTA_LOW, replace(CALM, used=None)),
        (Alert.NO_EVENTS, replace(CALM, last_event_at=None)),
        (Alert.AUDIENCE_OUT_OF_SYNC, replace(CALM, out_of_sync=None)),
        (Alert.EVENTS_UNUSUAL, replace(CALM, events=None)),
        (Alert.EVENTS_UNUSUAL, replace(CALM, events=Compared(40, (9,) * 7))),
        (Alert.LIST_SIZE_UNUSUAL, replace(CALM, sizes={})),
        (Alert.CHECKS_FAILING, replace(CALM, checks=None)),
        (Alert.LIST_SIZE_UNUSUAL, replace(CALM, sizes={AUDIENCE: Compared(1, (1_000,) * 3)})),
    ],
)
def test_what_is_not_known_changes_nothing(alert: Alert, unknown: Situation) -> None:
    assert after(alert, unknown) == []
    assert len(after(alert, TROUBLE[alert], unknown, unknown)) == 1


@pytest.mark.parametrize(
    ("persons", "rejected", "rate"), [(0, 10, 1.0), (30, 10, 0.25), (990, 10, 0.01), (10, 0, 0.0), (7, 2, None)]
)
def test_the_rate_of_rejections_is_of_all_that_came_in(persons: int, rejected: int, rate: float | None) -> None:
    situation = replace(CALM, hours=[Tally(Counter(received=persons, rejected=rejected))])
    assert reading(Alert.REJECTION_RATE, situation, NOW) == rate


@pytest.mark.parametrize(("threshold", "triggered"), [(None, True), (0.05, False), (0.011, False), (0.0109, True)])
def test_a_threshold_of_ones_own_holds_instead(threshold: float | None, triggered: bool) -> None:
    changes = after(Alert.ACTIVATION_SKIPPED_RATE, TROUBLE[Alert.ACTIVATION_SKIPPED_RATE], threshold=threshold)
    assert bool(changes) is triggered


@given(
    alert=st.sampled_from([one for one in Alert if RULES[one].is_settable]),
    hover=st.lists(st.floats(min_value=RELEASE + 0.001, max_value=1.2), max_size=30),
)
def test_a_value_that_hovers_about_its_threshold_tells_one_thing_at_most(alert: Alert, hover: list[float]) -> None:
    threshold = max(RULES[alert].threshold, 1e-6)
    state: AlertState | None = None
    changes = 0
    for part in hover:
        before, state = state, evaluate(state, Subscription(alert, threshold), part * threshold, NOW)
        changes += state != before
    assert changes == (1 if any(part * threshold > threshold for part in hover) else 0)


@given(values=st.lists(st.none() | st.floats(min_value=0, max_value=3), max_size=40))
def test_triggered_and_resolved_alternate(values: list[float | None]) -> None:
    state: AlertState | None = None
    numbers, statuses = [], []
    for value in values:
        before, state = state, evaluate(state, Subscription(Alert.QUOTA_LOW, 1.0), value, NOW)
        if state is not None and state != before:
            numbers.append(state.number)
            statuses.append(state.status)
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(status is (AlertStatus.TRIGGERED, AlertStatus.RESOLVED)[n % 2] for n, status in enumerate(statuses))
