"""Of how many persons a rate is taken: enough of them, and where few come, several or all."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.domain import outcome
from destination.domain.alert import RULES, Alert
from destination.domain.audience import AudienceKey
from destination.domain.check import CheckName
from destination.domain.deviation import Compared
from destination.domain.letter import LetterBundle
from destination.domain.outcome import EXPECTED, Class, Reason
from destination.domain.parking import Hold, WaitsFor
from destination.domain.remedy import remedy_of, told
from destination.domain.run import Tally
from destination.domain.scheduled_checks import CheckedConnection, FailingCheck
from destination.domain.situation import (
    DAY_HOURS,
    MIN_PERSONS,
    RATES,
    RECENT_HOURS,
    Share,
    Situation,
    Surroundings,
    evidence_of,
    reading,
    share_of,
)

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)
REASONS = [one for one in vars(outcome).values() if isinstance(one, Reason)]


def hours(*persons: tuple[int, int]) -> list[Tally]:
    """Of each hour the failed, and the received."""
    return [Tally(Counter(failed=failed, received=received)) for failed, received in persons]


@pytest.mark.parametrize(
    ("failed", "received", "rate"),
    [(0, 0, 0.0), (1, 1, 1.0), (2, 2, 1.0), (1, 2, None), (2, 9, None), (3, 9, 1 / 3), (9, 9, 1.0), (1, 10, 0.1)],
)
def test_of_few_persons_a_rate_is_taken_if_several_are_concerned_or_all(
    failed: int, received: int, rate: float | None
) -> None:
    situation = Situation(delivers=True, hours=hours((failed, received)))
    assert reading(Alert.FAILURE_RATE, situation, NOW) == rate


def test_hours_are_taken_until_there_are_enough_persons() -> None:
    assert share_of(Alert.FAILURE_RATE, hours((1, 50), (1, 50), (9, 9))) == Share(2, 100, 2)
    assert share_of(Alert.FAILURE_RATE, hours((1, 4), (1, 4), (1, 4), (9, 9))) == Share(3, 12, 3)


@given(st.lists(st.integers(0, 20), min_size=DAY_HOURS, max_size=DAY_HOURS), st.sampled_from(sorted(RATES)))
def test_a_share_is_of_the_fewest_hours_that_are_enough(received: list[int], alert: Alert) -> None:
    share = share_of(alert, [Tally(Counter(received=one)) for one in received])
    assert RECENT_HOURS <= share.hours <= DAY_HOURS
    assert share.whole == sum(received[: share.hours])
    if share.hours > RECENT_HOURS:
        assert sum(received[: share.hours - 1]) < MIN_PERSONS
    if share.hours < DAY_HOURS:
        assert share.whole >= MIN_PERSONS


def test_what_is_expected_is_what_a_setting_asks_for() -> None:
    """Every exclusion is either expected or has a remedy, and nothing else is expected."""
    excluded = {one for one in REASONS if one.outcome is Class.EXCLUDED}
    assert EXPECTED.keys() < excluded
    assert all(remedy_of(one.code) for one in excluded - EXPECTED.keys())


@pytest.mark.parametrize("alert", Alert)
def test_every_alert_says_why_and_what_to_do(alert: Alert) -> None:
    situation = Situation(
        delivers=True,
        hours=[Tally(Counter(received=20, excluded=9, failed=9, rejected=9))],
        used=9,
        letters=[LetterBundle("c-1", "MARKETO_1003", NOW, NOW, 9, 100, "0" * 32)],
        last_event_at=NOW,
        out_of_sync={AudienceKey("ups", "aud-1"): 9},
        events=Compared(9, (900,) * 7),
        sizes={AudienceKey("ups", "aud-1"): Compared(9, (900,) * 7)},
        checks=CheckedConnection(NOW, (FailingCheck(CheckName.ASSETS, "9 folders", "Share them."),)),
    )
    hold = Hold(WaitsFor.PAUSED, "9 calls too many", NOW, NOW + timedelta(hours=1))

    found = evidence_of(alert, situation, Surroundings(hold), NOW, lambda code: code)

    assert found.cause is not None
    assert "9" in found.cause or "10:05" in found.cause
    assert found.remedy in {RULES[alert].remedy.says, hold.remedy, told(remedy_of("1003"))}


def test_audiences_that_are_no_longer_activated_are_not_named() -> None:
    here, gone = AudienceKey("ups", "aud-1"), AudienceKey("", "aud-2")
    situation = Situation(delivers=True, out_of_sync={here: 1, gone: 5})
    around = Surroundings(None, {here: "Webinar"})
    found = evidence_of(Alert.AUDIENCE_OUT_OF_SYNC, situation, around, NOW, str)
    assert [(one.name, one.count) for one in found.audiences] == [("Webinar", 1)]
    assert found.part == 6


def test_the_list_that_is_furthest_from_the_usual_counts_and_is_named() -> None:
    near, far = AudienceKey("ups", "aud-1"), AudienceKey("ups", "aud-2")
    situation = Situation(delivers=True, sizes={near: Compared(700, (1_000,) * 4), far: Compared(3_000, (1_000,) * 4)})
    around = Surroundings(None, {near: "Webinar", far: "Trial users"})
    assert reading(Alert.LIST_SIZE_UNUSUAL, situation, NOW) == 2.0
    found = evidence_of(Alert.LIST_SIZE_UNUSUAL, situation, around, NOW, str)
    assert found.cause == "People on the list of Trial users: 3,000; usual are 1,000."
    assert [one.name for one in found.audiences] == ["Trial users"]
