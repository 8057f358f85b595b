"""What the ledger holds while Marketo is being told something, whose answer may be lost (docs/decisions/0010)."""

from datetime import timedelta

import pytest

from destination.domain.event import Membership, MembershipStatus
from destination.domain.person import Delivered, LedgerRow, Origin, Person, Unit, coalesce
from destination.domain.plan import Plan, Write, in_doubt
from testing.world import START, audience

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, B, C = audience("a"), audience("b"), audience("c")
BEFORE = START - timedelta(hours=1)
ON_A, OFF_B = Delivered(REALIZED, BEFORE, 3, 1001), Delivered(EXITED, BEFORE, 3)
ROW = LedgerRow(7, BEFORE, "hash", BEFORE, BEFORE, {A: ON_A, B: OFF_B}, consented_at=BEFORE)


def person(*, consents: bool | None = None) -> Person:
    origin = Origin("message-1", "0", "2026-11-21T10:00Z")
    entered = tuple(Membership(one, REALIZED, START) for one in (B, C))
    return coalesce("ada", [Unit(origin, START, "ada", "Ada", {}, (), entered, consents=consents)], None)


def test_attributes_that_are_being_written_are_unknown_and_nothing_else_is() -> None:
    held = in_doubt(Plan(person(), write=Write.UPDATE, lead_id=7), ROW)
    assert held == LedgerRow(7, BEFORE, None, BEFORE, BEFORE, {A: ON_A, B: OFF_B}, consented_at=BEFORE)


def test_while_somebody_is_created_it_is_not_trusted_that_nobody_is_there() -> None:
    held = in_doubt(Plan(person(), write=Write.CREATE), ROW)
    assert held == LedgerRow(7, None, None, BEFORE, BEFORE, {A: ON_A, B: OFF_B}, consented_at=BEFORE)


@pytest.mark.parametrize("lead_id", [7, None])
def test_who_is_being_put_on_a_list_may_be_on_it_with_the_lead_that_is_put_there(lead_id: int | None) -> None:
    held = in_doubt(Plan(person(), lead_id=lead_id, add=(B, C)), ROW)
    assert held.memberships == {A: ON_A, B: Delivered(REALIZED, BEFORE, lead_id)}
    assert (held.attributes_hash, held.looked_up_at) == ("hash", BEFORE)


def test_who_is_being_taken_off_a_list_may_be_on_it_still() -> None:
    held = in_doubt(Plan(person(), lead_id=7, remove={A: (7, 3)}), ROW)
    assert held.memberships == {A: Delivered(REALIZED, BEFORE, 3), B: OFF_B}


def test_where_consent_may_be_withdrawn_lists_that_were_never_heard_of_are_held_too() -> None:
    held = in_doubt(Plan(person(consents=True), lead_id=7, add=(B, C)), ROW)
    assert held.memberships == {
        A: ON_A,
        B: Delivered(REALIZED, BEFORE, 7),
        C: Delivered(REALIZED, START, 7),
    }
