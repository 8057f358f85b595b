"""Who was named since a resync was opened: noted where it does not show by what is desired, and nowhere else."""

from dataclasses import replace

import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.event import Membership, MembershipStatus, Part
from destination.domain.person import Desired, LedgerRow, Reach, Unit
from destination.domain.settle import remembering
from testing.persons import adding_up, audience, desired, entered, in_audience, left, minute, out_of_audience, row, unit

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, B = audience("a"), audience("b")
OPENED_AT = minute(0)
RESYNCED = Reach(audiences={A, B}, resynced={A: OPENED_AT})
KNOWN = row(desired={A: in_audience(-60)})
"""In the audience for an hour."""


@pytest.mark.parametrize(
    ("known", "units", "is_named"),
    [
        (KNOWN, [unit(0, *entered("a", at=-90), received=1)], True),  # older than what is known
        (KNOWN, [unit(0, *entered("a", at=-60), received=1)], False),  # as old, and newer by its receipt
        (KNOWN, [unit(0, *entered("a", at=-90), received=-1)], False),  # received before
        (KNOWN, [unit(0, *entered("a", at=-90), received=-70, repeated_at=minute(1))], True),  # sent again
        (KNOWN, [unit(0, *left("a", at=-90), received=1)], False),  # an exit names nobody
        (KNOWN, [unit(0, *entered("b", at=-90), received=1)], False),  # of an audience that is not resynced
        (KNOWN, [unit(0, unscheduled=entered("a", at=-90), received=1)], True),
        (row(desired={A: out_of_audience(-60)}), [unit(0, *entered("a", at=-90), received=1)], True),
        # What shows it by now is replaced by a newer word that was received before.
        (row(desired={A: desired(REALIZED, -60, 1)}), [unit(0, *entered("a", at=-30), received=-20)], True),
        (row(desired={A: in_audience(-60)}, named={A: OPENED_AT}), [unit(0, *entered("b", at=1), received=2)], True),
        (row(desired={A: in_audience(-60)}, named={A: minute(-9)}), [unit(0, *entered("b", at=1), received=2)], False),
    ],
)
def test_who_was_named_is_noted_where_it_does_not_show(known: LedgerRow, units: list[Unit], *, is_named: bool) -> None:
    person = adding_up(*units, row=known, reach=RESYNCED)
    assert person.named == ({A: OPENED_AT} if is_named else {})


def test_outside_a_resync_nothing_is_noted_nor_written() -> None:
    repeated = unit(0, *entered("a", at=-90), received=1)
    plain = adding_up(repeated, row=KNOWN, reach=replace(RESYNCED, resynced={}))
    assert (plain.named, remembering(plain, KNOWN)) == ({}, KNOWN)
    was = replace(KNOWN, named={A: OPENED_AT})
    assert remembering(adding_up(repeated, row=was, reach=replace(RESYNCED, resynced={})), was) is was


def test_in_a_resync_it_is_remembered_once() -> None:
    repeated = unit(0, *entered("a", at=-90), received=1)
    once = remembering(adding_up(repeated, row=KNOWN, reach=RESYNCED), KNOWN)
    assert once == replace(KNOWN, named={A: OPENED_AT})
    again = adding_up(unit(1, *entered("a", at=-90), received=2), row=once, reach=RESYNCED)
    assert remembering(again, once) is once


def test_of_an_audience_in_any_namespace_either_namespace_names() -> None:
    key = AudienceKey(ANY_NAMESPACE, "x")
    known = LedgerRow(
        {key: Desired(REALIZED, in_audience(-60).said, ((1, in_audience(-60)), (2, out_of_audience(-60))))}
    )
    said = Membership(key, EXITED, minute(-90), parts=(Part(1, EXITED, minute(-90)), Part(2, REALIZED, minute(-95))))
    reach = Reach(audiences={key}, resynced={key: OPENED_AT})
    assert adding_up(unit(0, said, received=1), row=known, reach=reach).named == {key: OPENED_AT}


def test_who_leaves_with_the_time_of_the_entry_comes_back_by_the_same_entry() -> None:
    gone = KNOWN.left_unnamed(A, OPENED_AT, keeps_times=True)
    assert gone is not None
    assert gone.desired[A] == desired(EXITED, -60, 0)
    back = adding_up(unit(0, *entered("a", at=-60), received=9), row=gone, reach=RESYNCED)
    assert back.desired[A].is_realized
    redriven = adding_up(unit(0, *entered("a", at=-60), received=-5), row=gone, reach=RESYNCED)
    assert not redriven.desired[A].is_realized
    assert replace(KNOWN, named={A: OPENED_AT}).left_unnamed(A, OPENED_AT, keeps_times=True) is None
