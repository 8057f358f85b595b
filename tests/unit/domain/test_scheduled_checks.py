"""When the checks of a connection are due, and which fail by a report."""

import itertools
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.check import Check, CheckName, ChecksReport
from destination.domain.scheduled_checks import CheckedConnection, FailingCheck, checked, is_due, of_version
from testing.persons import connection

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
RUN = timedelta(minutes=5)
DAY = timedelta(days=1)
CONNECTION = connection()
ASSETS = FailingCheck(CheckName.ASSETS, "603", "Grant it.")


def report(**verdicts: bool | None) -> ChecksReport:
    checks = tuple(Check(CheckName(name), ok, "603", "Grant it.") for name, ok in verdicts.items())
    return ChecksReport(checks, (), 8)


def test_they_are_made_at_once_and_then_once_a_day() -> None:
    last: CheckedConnection | None = None
    made: list[datetime] = []
    for run in range(3 * DAY // RUN):
        now = NOW + run * RUN
        if is_due(CONNECTION, last, now):
            last = CheckedConnection(now, (), 1)
            made.append(now)
    assert made[0] == NOW
    assert [later - earlier for earlier, later in itertools.pairwise(made[1:])] == [DAY] * (len(made) - 2)
    assert len(made) == 4


def test_what_a_run_missed_is_due_at_the_next() -> None:
    assert is_due(CONNECTION, CheckedConnection(NOW, (), 1), NOW + DAY + RUN)
    assert not is_due(CONNECTION, CheckedConnection(NOW + DAY, (), 1), NOW + DAY)


def test_connections_are_spread_over_the_day() -> None:
    last = CheckedConnection(NOW, (), 1)
    due: Counter[int] = Counter()
    for number in range(240):
        run = next(
            run
            for run in range(1, DAY // RUN + 2)
            if is_due(connection(id=f"connection-{number}"), last, NOW + run * RUN)
        )
        due[run] += 1
    assert len(due) > 120
    assert max(due.values()) <= 6


@pytest.mark.parametrize(
    ("verdicts", "before", "failing"),
    [
        ({"credentials": True, "assets": True}, (ASSETS,), ()),
        ({"credentials": True, "assets": False}, (), (ASSETS,)),
        ({"credentials": True, "assets": None}, (ASSETS,), (ASSETS,)),
        ({"credentials": True, "assets": None}, (), ()),
        ({"quota": False}, (), ()),
    ],
)
def test_what_fails_fails_until_it_is_seen_that_it_does_not(
    verdicts: dict[str, bool | None], before: tuple[FailingCheck, ...], failing: tuple[FailingCheck, ...]
) -> None:
    last = CheckedConnection(NOW - DAY, before, 1)
    assert checked(report(**verdicts), 1, last, NOW) == CheckedConnection(NOW, failing, 1)
    assert before or checked(report(**verdicts), 1, None, NOW).failing == failing


def test_what_was_found_of_another_version_is_found_anew() -> None:
    last = CheckedConnection(NOW, (ASSETS,), 1)
    assert is_due(replace(CONNECTION, version=2), last, NOW)
    assert checked(report(assets=None), 2, last, NOW) == CheckedConnection(NOW, (), 2)
    assert of_version(last, 1) == last
    assert of_version(last, 2) is None
    assert of_version(None, 1) is None
