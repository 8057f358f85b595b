"""From when on a list is to be filled: it is when it opens next, wherever the list may lack somebody by then."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from destination.domain.audience import Activation
from destination.domain.audience_rules import fill_time
from testing.persons import START, audience

NOW = START
EARLIER, LATER, LATEST = NOW - timedelta(hours=1), NOW + timedelta(hours=1), NOW + timedelta(hours=2)
OPEN = Activation(audience("a"), "a", list_id=1001)


@pytest.mark.parametrize(
    ("start", "end", "opens"),
    [
        (None, None, NOW),
        (EARLIER, LATER, NOW),
        (NOW, None, NOW),
        (LATER, None, LATER),
        (LATER, LATEST, LATER),
        (None, NOW, None),
        (None, EARLIER, None),
        (LATER, LATER, None),
    ],
)
def test_an_audience_opens_now_or_at_its_start_or_never_again(
    start: datetime | None, end: datetime | None, opens: datetime | None
) -> None:
    assert replace(OPEN, start=start, end=end).opens_at(NOW) == opens


@pytest.mark.parametrize(
    ("after", "delivered", "expected"),
    [
        (OPEN, False, None),
        (OPEN, True, NOW),
        (replace(OPEN, list_id=None), True, None),
        (replace(OPEN, start=LATER), False, LATER),
        (replace(OPEN, start=LATER), True, LATER),
        (replace(OPEN, start=LATER, list_id=None), True, None),
        (replace(OPEN, end=EARLIER), True, None),
    ],
)
def test_a_list_of_an_audience_that_was_not_activated(
    after: Activation, delivered: bool, expected: datetime | None
) -> None:
    assert fill_time(None, after, NOW, has_delivered=delivered) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (OPEN, replace(OPEN, name="b"), None),
        (replace(OPEN, fill_at=EARLIER), replace(OPEN, name="b"), EARLIER),
        (replace(OPEN, list_id=None), OPEN, NOW),
        (OPEN, replace(OPEN, list_id=2002), NOW),
        (OPEN, replace(OPEN, list_id=2002, start=LATER), LATER),
        (OPEN, replace(OPEN, end=LATER), None),
        (replace(OPEN, fill_at=EARLIER), replace(OPEN, end=LATER), EARLIER),
        (replace(OPEN, end=LATER), replace(OPEN, end=LATEST), None),
        (replace(OPEN, end=EARLIER), OPEN, NOW),
        (replace(OPEN, end=EARLIER), replace(OPEN, end=LATER), NOW),
        (replace(OPEN, end=EARLIER), replace(OPEN, start=LATER), LATER),
        (OPEN, replace(OPEN, start=LATER), LATER),
        (replace(OPEN, start=LATER, fill_at=LATER), OPEN, NOW),
        (replace(OPEN, start=LATER, fill_at=LATER), replace(OPEN, start=LATEST), LATEST),
        (replace(OPEN, start=LATER, fill_at=LATER), replace(OPEN, end=EARLIER), None),
        (replace(OPEN, fill_at=EARLIER), replace(OPEN, end=NOW), None),
    ],
)
def test_a_list_of_an_audience_that_is_changed(
    before: Activation, after: Activation, expected: datetime | None
) -> None:
    assert fill_time(before, after, NOW, has_delivered=True) == expected
    assert fill_time(before, after, NOW, has_delivered=False) == expected
