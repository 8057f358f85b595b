"""When a resync waits for a person's yes, and who counts as named."""

from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.audience import activation_id
from destination.domain.event import MembershipStatus
from destination.domain.loss import BODY_NOT_JSON, MEMBERSHIP_UNREADABLE, UNKNOWN_PROPERTY
from destination.domain.outcome import MISSING_DEDUPE_VALUE, UNREADABLE_EVENT
from destination.domain.person import Desired, LedgerRow
from destination.domain.resync import (
    GIVEN_UP_AFTER,
    ClosedBy,
    Named,
    Resync,
    ResyncHold,
    ResyncStatus,
    count_named,
    is_resync_id,
    lost_of,
)
from testing.persons import START, audience, said

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, B = audience("a"), audience("b")
A_ID, B_ID = activation_id(A), activation_id(B)
RESYNC = Resync("20261121T100000Z-0123456789abcdef", "c-1", ResyncStatus.COUNTING, START, closed_by=ClosedBy.REQUEST)
BEFORE = replace(RESYNC, status=ResyncStatus.COMPLETED, counts={A_ID: Named(3, 3)})


def counted(counts: dict[str, Named], *, by: ClosedBy = ClosedBy.REQUEST, lost: int = 0, first: bool = False) -> Resync:
    of = replace(RESYNC, counts=counts, closed_by=by)
    return of.counted(lost, [] if first else [BEFORE], START)


@pytest.mark.parametrize(
    ("made", "holds"),
    [
        (counted({A_ID: Named(10, 5)}), []),
        (counted({A_ID: Named(10, 4)}), [ResyncHold.SMALLER]),
        (counted({A_ID: Named(10, 0)}), [ResyncHold.NOBODY_NAMED, ResyncHold.SMALLER]),
        (counted({A_ID: Named(10, 9)}, first=True), [ResyncHold.FIRST]),
        (counted({A_ID: Named(10, 9)}, lost=1), [ResyncHold.UNREADABLE]),
        (counted({A_ID: Named(10, 9)}, by=ClosedBy.TIME), [ResyncHold.STILL_COMING]),
        (counted({A_ID: Named(10, 9)}, by=ClosedBy.QUIET), []),
        (
            counted({A_ID: Named(10, 9), B_ID: Named(1, 0)}),
            [ResyncHold.NOBODY_NAMED, ResyncHold.FIRST, ResyncHold.SMALLER],
        ),
        (counted({A_ID: Named(10, 9), B_ID: Named(2, 2)}), []),
    ],
)
def test_a_resync_that_may_be_cut_is_held(made: Resync, holds: list[ResyncHold]) -> None:
    assert list(made.holds) == holds
    assert made.status is (ResyncStatus.HELD if holds else ResyncStatus.LEAVING)
    assert made.cursor is None


def test_where_nobody_is_to_leave_it_is_at_its_end_whatever_else_is_doubtful() -> None:
    made = counted({A_ID: Named(3, 3), B_ID: Named()}, by=ClosedBy.TIME, lost=7, first=True)
    assert (made.status, made.holds, made.left, made.finished_at) == (ResyncStatus.COMPLETED, (), 0, START)


def test_members_are_counted_by_what_is_desired_and_who_was_named_by_either_sign() -> None:
    since = START + timedelta(minutes=10)
    rows = [
        LedgerRow({A: Desired(REALIZED, said(1, 11))}),
        LedgerRow({A: Desired(REALIZED, said(1)), B: Desired(REALIZED, said(2))}, named={A: since}),
        LedgerRow({A: Desired(REALIZED, said(1))}, named={A: START}),
        LedgerRow({A: Desired(EXITED, said(11))}, named={A: since}),
    ]
    first = count_named({}, rows[:1], [A, B], since)
    assert first == {A_ID: Named(1, 1), B_ID: Named()}
    assert count_named(first, rows[1:], [A], since) == {A_ID: Named(3, 2), B_ID: Named()}


def test_what_may_have_named_somebody_is_what_was_rejected_and_what_memberships_were_left_out() -> None:
    losses = {BODY_NOT_JSON: 2, MEMBERSHIP_UNREADABLE: 3, UNKNOWN_PROPERTY: 100}
    assert lost_of(losses, {}) == 5
    assert lost_of(losses, {UNREADABLE_EVENT: 4, MISSING_DEDUPE_VALUE: 100}) == 9


def test_it_is_given_up_a_week_after_somebody_last_did_something() -> None:
    closed = RESYNC.closed(ClosedBy.REQUEST, START)
    assert not RESYNC.is_given_up(START + GIVEN_UP_AFTER * 2)
    assert not closed.is_given_up(START + GIVEN_UP_AFTER - timedelta(seconds=1))
    assert closed.is_given_up(START + GIVEN_UP_AFTER)
    assert not closed.approved(START + GIVEN_UP_AFTER).is_given_up(START + GIVEN_UP_AFTER)


def test_ids() -> None:
    assert is_resync_id(RESYNC.id)
    assert not is_resync_id("../other")
