"""What an event becomes that is sent again: what it said when it was received first."""

from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent

FIRST = datetime(2026, 11, 21, 10, tzinfo=UTC)
AGAIN = FIRST + timedelta(hours=1)
OWN = FIRST - timedelta(days=1)
SINCE = FIRST + timedelta(minutes=1)
"""After the first receipt and before the second: the future once, and no longer."""


def event(at: datetime, received_at: datetime, **memberships: datetime) -> ProfileEvent:
    entered = tuple(
        Membership(AudienceKey("ups", name), MembershipStatus.REALIZED, time) for name, time in memberships.items()
    )
    return ProfileEvent(at, {"email": "ada@example.org"}, {}, entered, received_at, "event-1")


@pytest.mark.parametrize(("at", "then"), [(AGAIN, FIRST), (SINCE, FIRST), (FIRST, FIRST), (OWN, OWN)])
def test_times_of_a_receipt_become_those_of_the_first_and_own_times_stay(at: datetime, then: datetime) -> None:
    again = event(at, AGAIN, a=AGAIN, b=OWN, c=SINCE)
    assert again.first_received(FIRST) == event(then, FIRST, a=FIRST, b=OWN, c=FIRST)


def test_an_event_that_is_sent_again_is_the_event_that_it_was() -> None:
    first = event(FIRST, FIRST, a=FIRST, b=OWN)
    again = event(AGAIN, AGAIN, a=AGAIN, b=OWN)
    assert again.first_received(FIRST) == first == first.first_received(FIRST)


def test_an_event_at_a_later_place_of_its_body_is_as_old_as_the_place_it_is_numbered_by() -> None:
    behind_rejected_records = event(FIRST + timedelta(microseconds=3), FIRST, a=FIRST + timedelta(microseconds=3))
    assert behind_rejected_records.first_received(FIRST) == event(FIRST, FIRST, a=FIRST)
