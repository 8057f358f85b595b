"""Several events of one person, in any order: what they add up to, and which of them said nothing new."""

from dataclasses import replace
from itertools import permutations

import pytest

from destination.domain.event import MembershipStatus
from destination.domain.outcome import (
    INVALID_ATTRIBUTE,
    MISSING_DEDUPE_VALUE,
    OUTSIDE_SCHEDULE,
    SUPERSEDED,
    Reason,
)
from destination.domain.person import Applied, Desired, LedgerRow, Origin, Reach, Unit, by_key, hash_of
from testing.persons import (
    START,
    adding_up,
    audience,
    desired,
    entered,
    in_audience,
    left,
    minute,
    on,
    out_of_audience,
    row,
    said,
    sent,
    unit,
    word,
)

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, B, C = audience("a"), audience("b"), audience("c")
ANYBODY = Reach(every_profile=True)
"""Every event concerns the connection, so that only its times decide."""


# Order


def test_a_newer_partial_event_overlays_field_by_field_in_any_order_of_arrival() -> None:
    units = [
        unit(0, at=0, fields={"firstName": "A.", "company": "Old"}),
        unit(1, at=1, fields={"company": "New"}),
        unit(2, at=2, fields={"firstName": "Ada"}),
    ]
    for order in permutations(units):
        person = adding_up(*order, reach=ANYBODY)
        assert person.fields == {"firstName": "Ada", "company": "New"}
        assert person.said == said(2)
        assert person.aside == {units[0].origin: SUPERSEDED}
        assert set(person.units) == set_of(*units)


def set_of(*units: Unit) -> set[Unit]:
    return {one for one in units}


def test_the_newest_membership_of_each_audience_wins_in_any_order_of_arrival() -> None:
    units = [
        unit(0, *entered("a", at=0), *left("b", at=5)),
        unit(1, *left("a", at=1), at=1),
        unit(2, *entered("b", at=2), at=2),
    ]
    for order in permutations(units):
        person = adding_up(*order)
        assert {key: one.status for key, one in person.memberships.items()} == {A: EXITED, B: EXITED}
        assert person.desired == {A: desired(EXITED, 1), B: desired(EXITED, 5, received=0)}
        assert person.aside == {units[2].origin: SUPERSEDED}
