"""How hours are shown: the period of a line, counts in it, and durations."""

from datetime import UTC, datetime

import pytest

from destination_client.runs import course, duration, hours

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "last", "begins", "ends", "count"),
    [
        (None, None, "2026-11-20T10:00Z", "2026-11-21T10:00Z", 25),
        ("2026-11-21T08:59:00Z", None, "2026-11-21T08:00Z", "2026-11-21T10:00Z", 3),
        ("2026-11-10T00:00:00Z", None, "2026-11-10T00:00Z", "2026-11-11T00:00Z", 25),
        (None, "2026-11-10T00:00:00Z", "2026-11-09T00:00Z", "2026-11-10T00:00Z", 25),
        ("2026-11-21T09:00+02:00", "2026-11-21T12:00:00Z", "2026-11-21T07:00Z", "2026-11-21T10:00Z", 4),
        ("2026-10-25T00:00:00Z", "2026-10-25T01:59:59Z", "2026-10-25T00:00Z", "2026-10-25T01:00Z", 2),
    ],
)
def test_the_period_is_that_of_the_call_up_to_now(
    first: str | None, last: str | None, begins: str, ends: str, count: int
) -> None:
    found = hours(first, last, NOW)
    assert (found[0], found[-1], len(found)) == (begins, ends, count)


def test_a_period_to_come_has_no_hours() -> None:
    assert hours("2026-11-22T00:00:00Z", None, NOW) == []


def test_an_hour_without_a_run_counts_nothing() -> None:
    runs = [{"id": "2026-11-21T09:00Z", "received": 5, "activated": {"persons": 4}}]
    of = hours("2026-11-21T08:00:00Z", None, NOW)
    assert course(runs, of, "received") == [0, 5, 0]
    assert course(runs, of, "activated") == [0, 4, 0]


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (0, "0 ms"),
        (999, "999 ms"),
        (1_000, "1.0 s"),
        (119_900, "119.9 s"),
        (120_000, "0:02:00"),
        (90_061_000, "1 day, 1:01:01"),
    ],
)
def test_durations(milliseconds: int, shown: str) -> None:
    assert duration(milliseconds) == shown
