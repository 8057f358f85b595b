"""Several events of one person, in any order: what they add up to, and which of them said nothing new."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import MISSING_DEDUPE_VALUE
from destination.domain.person import Delivered, LedgerRow, Origin, Unit, by_key, coalesce, hash_of
from destination.domain.schema import FieldValue
from testing.world import START, audience

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, B = audience("a"), audience("b")


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def unit(
    number: int,
    at: datetime,
    fields: Mapping[str, FieldValue] | None = None,
    *memberships: Membership,
    dropped: tuple[str, ...] = (),
) -> Unit:
    origin = Origin("message-1", str(number), "2026-11-21T10:00Z")
    return Unit(origin, at, "ada", "Ada", fields or {}, dropped, memberships)


def test_a_newer_partial_event_overlays_field_by_field_in_any_order_of_arrival() -> None:
    units = [
        unit(0, minute(0), {"firstName": "A.", "company": "Old"}),
        unit(1, minute(1), {"company": "New"}),
        unit(2, minute(2), {"firstName": "Ada"}),
    ]
    for order in permutations(units):
        person = coalesce("ada", order, None)
        assert person.fields == {"firstName": "Ada", "company": "New"}
        assert person.at == minute(2)
        assert person.superseded == {units[0].origin}
        assert person.units == order


def test_the_newest_membership_of_each_audience_wins_in_any_order_of_arrival() -> None:
    units = [
        unit(0, minute(0), {}, Membership(A, REALIZED, minute(0)), Membership(B, EXITED, minute(5))),
        unit(1, minute(1), {}, Membership(A, EXITED, minute(1))),
        unit(2, minute(2), {}, Membership(B, REALIZED, minute(2))),
    ]
    for order in permutations(units):
        person = coalesce("ada", order, None)
        assert {key: one.status for key, one in person.memberships.items()} == {A: EXITED, B: EXITED}
        assert person.superseded == {units[2].origin}


def test_a_membership_is_as_old_as_itself_and_not_as_its_event() -> None:
    units = [
        unit(0, minute(9), {"company": "New"}, Membership(A, EXITED, minute(0))),
        unit(1, minute(1), {"company": "Old"}, Membership(A, REALIZED, minute(1))),
    ]
    person = coalesce("ada", units, None)
    assert (person.fields, person.memberships[A].status) == ({"company": "New"}, REALIZED)
    assert person.superseded == frozenset()


def test_what_is_older_than_the_attributes_of_the_row_is_overtaken_by_them() -> None:
    row = LedgerRow(attributes_at=minute(1))
    assert coalesce("ada", [unit(0, minute(0), {"company": "Old"})], row).superseded == {unit(0, minute(0)).origin}
    assert coalesce("ada", [unit(0, minute(1), {"company": "Same"})], row).superseded == frozenset()


def test_of_equal_times_the_one_received_later_wins() -> None:
    units = [
        unit(0, minute(0), {"company": "First"}, Membership(A, REALIZED, minute(0))),
        unit(1, minute(0), {"company": "Second"}, Membership(A, EXITED, minute(0))),
    ]
    person = coalesce("ada", units, None)
    assert (person.fields, person.memberships[A].status) == ({"company": "Second"}, EXITED)
    assert person.superseded == {units[0].origin}


@pytest.mark.parametrize("age", [timedelta(0), timedelta(microseconds=1), timedelta(days=20)])
def test_nothing_that_is_not_newer_than_the_ledger_counts(age: timedelta) -> None:
    row = LedgerRow(attributes_at=minute(9), memberships={A: Delivered(REALIZED, minute(9), 7)})
    old = unit(0, minute(9) - age, {"company": "Old"}, Membership(A, EXITED, minute(9) - age))
    person = coalesce("ada", [old], row)
    assert (person.fields, person.memberships, person.at) == ({}, {}, None)
    assert person.superseded == {old.origin}


def test_what_was_delivered_and_is_said_again_is_not_superseded() -> None:
    row = LedgerRow(attributes_at=minute(9), memberships={A: Delivered(REALIZED, minute(9), 7)})
    again = unit(0, minute(9), {"company": "Same"}, Membership(A, REALIZED, minute(9)))
    person = coalesce("ada", [again], row)
    assert (person.fields, person.memberships, person.superseded) == ({}, {}, frozenset())


def test_an_older_value_does_not_stand_in_for_a_newer_one_that_is_invalid() -> None:
    newer = replace(unit(1, minute(1), {"firstName": "Ada"}), dropped=("company",))
    person = coalesce("ada", [unit(0, minute(0), {"company": "Old"}), newer], None)
    assert person.fields == {"firstName": "Ada"}


def test_old_attributes_with_a_new_membership_are_a_membership() -> None:
    row = LedgerRow(attributes_at=minute(9), memberships={A: Delivered(REALIZED, minute(9), 7)})
    late = unit(0, minute(3), {"company": "Old"}, Membership(A, EXITED, minute(10)), Membership(B, REALIZED, minute(3)))
    person = coalesce("ada", [late], row)
    assert (person.fields, set(person.memberships), person.superseded) == ({}, {A, B}, frozenset())


def test_an_event_with_nothing_to_say_is_not_superseded() -> None:
    person = coalesce("ada", [unit(0, minute(0))], None)
    assert (person.superseded, person.at) == (frozenset(), minute(0))


def test_every_units_dropped_fields_are_the_persons() -> None:
    units = [unit(0, minute(0), dropped=("email",)), unit(1, minute(1), dropped=("company", "email"))]
    assert coalesce("ada", units, None).dropped == {"email", "company"}


def test_units_that_are_refused_or_without_a_key_are_no_part_of_a_person() -> None:
    good = unit(0, minute(0))
    nobody = Unit(Origin("message-1", "1", "r"), minute(0), None, None, {}, (), (), refusal=MISSING_DEDUPE_VALUE)
    refused = Unit(Origin("message-1", "2", "r"), minute(0), "ada", "Ada", {}, (), (), refusal=MISSING_DEDUPE_VALUE)
    assert by_key([good, nobody, refused]) == {"ada": [good]}


def test_equal_attributes_have_equal_hashes_whatever_their_order() -> None:
    assert hash_of({"a": 1, "b": None}) == hash_of({"b": None, "a": 1})
    assert len({hash_of({"a": value}) for value in (1, "1", True, None, "")}) == 5
    assert hash_of({"a": 1}) != hash_of({"a": 1, "b": None})


def test_the_row_keeps_only_activated_audiences() -> None:
    row = LedgerRow(
        lead_id=7, memberships={A: Delivered(REALIZED, minute(0), 7, 1001), B: Delivered(EXITED, minute(0))}
    )
    assert set(row.on_lists({A: 1001}).memberships) == {A}
    assert row.on_lists({A: 1001, B: 1002}) == row


def test_whoever_was_put_on_another_list_counts_as_on_none() -> None:
    row = LedgerRow(lead_id=7, memberships={A: Delivered(REALIZED, minute(0), 7, 1001)})
    assert row.on_lists({A: 2001}).memberships == {A: Delivered(REALIZED, minute(0), 7)}


def test_a_forgotten_lead_leaves_the_times_by_which_old_events_are_known() -> None:
    row = LedgerRow(7, minute(0), "hash", minute(1), minute(2), {A: Delivered(REALIZED, minute(3), 7)})
    assert row.forgetting_lead() == LedgerRow(
        None, None, None, minute(1), minute(2), {A: Delivered(REALIZED, minute(3))}
    )


def test_while_marketo_is_told_something_else_nothing_is_taken_for_delivered() -> None:
    row = LedgerRow(7, minute(0), "hash", minute(1), minute(2), {A: Delivered(REALIZED, minute(3), 7, 1001)})
    doubtful = row.in_doubt(attributes=True, joins={}, leaves={A})
    assert doubtful == LedgerRow(7, minute(0), None, minute(1), minute(2), {A: Delivered(REALIZED, minute(3), 7)})
    exited = LedgerRow(memberships={A: Delivered(EXITED, minute(3)), B: Delivered(REALIZED, minute(3), 7, 1002)})
    joining = exited.in_doubt(attributes=False, joins={A: 7}, leaves=set())
    assert joining.memberships == {A: Delivered(REALIZED, minute(3), 7), B: exited.memberships[B]}
