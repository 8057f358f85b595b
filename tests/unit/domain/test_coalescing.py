"""Several events of one person, in any order: what they add up to, and which of them said nothing new."""

import sys
from dataclasses import replace
from itertools import permutations

import pytest

from destination.domain.event import MembershipStatus
from destination.domain.outcome import INVALID_ATTRIBUTE, MISSING_DEDUPE_VALUE, OUTSIDE_SCHEDULE, SUPERSEDED, Reason
from destination.domain.person import Applied, Attributes, LedgerRow, Origin, Reach, by_key, hash_of
from destination.domain.schema import DIFFERS_IN_CASE, AttributeWarning, Field
from testing.persons import (
    activation,
    active,
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
"""Every event concerns the connection, so that its times alone decide."""


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
        assert person.units == tuple(units)


def test_the_newest_membership_of_each_audience_wins_in_any_order_of_arrival() -> None:
    units = [
        unit(0, *entered("a", at=0), *left("b", at=5), at=0),
        unit(1, *left("a", at=1), at=1),
        unit(2, *entered("b", at=2), at=2),
    ]
    for order in permutations(units):
        person = adding_up(*order)
        assert {key: one.status for key, one in person.memberships.items()} == {A: EXITED, B: EXITED}
        assert person.desired == {A: desired(EXITED, 1), B: desired(EXITED, 5, received=0)}
        assert person.aside == {units[2].origin: SUPERSEDED}


def test_a_membership_is_as_old_as_itself_and_not_as_its_event() -> None:
    units = [
        unit(0, *left("a", at=0), at=9, fields={"company": "New"}),
        unit(1, *entered("a", at=1), at=1, fields={"company": "Old"}),
    ]
    person = adding_up(*units)
    assert (person.fields, person.memberships[A].status) == ({"company": "New"}, REALIZED)
    assert person.aside == {}


def test_of_equal_times_the_one_received_later_wins_in_any_order_of_arrival() -> None:
    """Whoever leaves may do so with the time at which they came."""
    units = [
        unit(0, *entered("a"), received=1, fields={"company": "First"}, dedupe_value="ada@example.org"),
        unit(1, *left("a"), received=2, fields={"company": "Second"}, dedupe_value="ADA@example.org"),
    ]
    for order in permutations(units):
        person = adding_up(*order)
        assert (person.fields, person.memberships[A].status) == ({"company": "Second"}, EXITED)
        assert person.desired == {A: desired(EXITED, 0, received=2)}
        assert person.aside == {units[0].origin: SUPERSEDED}
        assert person.dedupe_value == "ADA@example.org"


def test_an_exit_that_carries_the_time_of_the_entry_counts_against_the_ledger_too() -> None:
    known = row(desired={A: desired(REALIZED, 0, received=1)})
    assert adding_up(unit(0, *left("a"), received=2), row=known).desired == {A: desired(EXITED, 0, received=2)}
    assert adding_up(unit(0, *left("a"), received=0), row=known).desired == known.desired
    assert adding_up(unit(0, *left("a"), received=1), row=known).desired == known.desired, "the same event again"


@pytest.mark.parametrize(
    ("at", "received"), [(9, 9), (9, 8.5), (8.9, 30), (-30_000, 30)], ids=["same", "before", "older", "much older"]
)
def test_nothing_that_is_not_newer_than_the_ledger_counts(at: float, received: float) -> None:
    known = row(desired={A: in_audience(at=9)}, attributes=sent(at=9))
    old = unit(0, *left("a", at=at), at=at, received=received, fields={"company": "Old"})
    person = adding_up(old, row=known)
    assert (person.fields, person.memberships, person.said) == ({}, {}, None)
    assert person.desired == known.desired
    assert person.aside == {old.origin: SUPERSEDED}


@pytest.mark.parametrize(("at", "received"), [(9, 9.1), (9.1, 9.1), (9.1, 0)])
def test_whatever_is_newer_than_the_ledger_counts(at: float, received: float) -> None:
    known = row(desired={A: in_audience(at=9)}, attributes=sent(at=9))
    person = adding_up(unit(0, *left("a", at=at), at=at, received=received, fields={"company": "New"}), row=known)
    assert (person.fields, person.memberships[A].status) == ({"company": "New"}, EXITED)
    assert person.said == said(at, received)


def test_what_was_delivered_and_is_said_again_is_not_superseded() -> None:
    known = row(desired={A: in_audience(at=9)}, attributes=sent(at=9))
    again = unit(0, *entered("a", at=9), at=9, fields={"company": "Same"})
    person = adding_up(again, row=known)
    assert (person.fields, person.memberships, person.aside) == ({}, {}, {})


@pytest.mark.parametrize(
    "known",
    [
        row(desired={A: out_of_audience(at=9), B: in_audience(at=5)}, attributes=None),
        row(desired={A: in_audience(at=5), B: in_audience(at=5)}, attributes=sent(at=9)),
        row(desired={A: out_of_audience(at=9), B: in_audience(at=5)}, attributes=sent(at=9)),
    ],
    ids=["of-another-membership", "of-attributes", "of-both"],
)
def test_what_was_desired_by_an_event_that_was_halted_is_told_whatever_else_of_it_is_old(known: LedgerRow) -> None:
    """What it wants is in the ledger already, and Marketo was not told yet."""
    again = unit(0, *entered("a", "b", at=5), at=5, fields={"company": "Old"} if known.attributes else {})
    person = adding_up(again, row=known)
    assert (person.aside, person.fields, person.desired) == ({}, {}, known.desired)


def test_an_older_value_does_not_stand_in_for_a_newer_one_that_is_invalid() -> None:
    older = unit(0, *entered("a"), at=0, fields={"company": "Old"})
    newer = unit(1, at=1, fields={"firstName": "Ada"}, dropped=("company",))
    assert adding_up(older, newer).fields == {"firstName": "Ada"}


def test_old_attributes_with_a_new_membership_are_a_membership() -> None:
    known = row(desired={A: in_audience(at=9)}, attributes=sent(at=9))
    late = unit(0, *left("a", at=10), *entered("b", at=3), at=3, fields={"company": "Old"})
    person = adding_up(late, row=known)
    assert (person.fields, set(person.memberships), person.aside) == ({}, {A, B}, {})


def test_attributes_that_reached_nobody_supersede_nothing() -> None:
    """A newer event was excluded: the row has what was desired by it, and no attributes."""
    known = LedgerRow(desired={A: out_of_audience(at=9), B: in_audience(at=9)})
    person = adding_up(unit(0, *entered("a"), fields={"company": "Old"}), row=known)
    assert (person.fields, person.said) == ({"company": "Old"}, said(0))
    assert person.desired == known.desired
    assert (person.memberships, person.aside) == ({}, {})


def test_an_event_with_nothing_to_say_is_not_superseded() -> None:
    person = adding_up(unit(0), reach=ANYBODY)
    assert (person.aside, person.said) == ({}, said(0))


def test_every_units_dropped_fields_are_the_persons() -> None:
    units = [unit(0, dropped=("email",)), unit(1, dropped=("company", "email"))]
    assert adding_up(*units, reach=ANYBODY).dropped == {"email", "company"}


# What is desired, whatever becomes of the event


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"refusal": INVALID_ATTRIBUTE}, INVALID_ATTRIBUTE),
        ({"memberships": (), "unscheduled": left("a", at=1)}, OUTSIDE_SCHEDULE),
    ],
    ids=["refused", "outside its schedule"],
)
def test_of_a_unit_that_ends_for_itself_what_is_desired_is_known(changes: dict[str, object], reason: Reason) -> None:
    known = row(desired={A: in_audience()})
    one = replace(unit(0, *left("a", at=1), at=1, fields={"company": "New"}), **changes)  # type: ignore[arg-type]
    person = adding_up(one, row=known)
    assert person.desired == {A: desired(EXITED, 1)}
    assert (person.aside, person.is_aside, person.fields) == ({one.origin: reason}, True, {})


def test_an_older_unit_does_not_stand_in_for_a_newer_one_that_is_refused() -> None:
    newer = unit(1, *left("a", at=1), at=1, refusal=INVALID_ATTRIBUTE)
    person = adding_up(unit(0, *entered("a"), fields={"company": "Old"}), newer)
    assert (person.memberships, person.desired) == ({}, {A: desired(EXITED, 1)})
    assert person.fields == {"company": "Old"}
    assert (person.aside, person.is_aside) == ({newer.origin: INVALID_ATTRIBUTE}, False)


def test_of_units_that_are_all_aside_each_keeps_its_reason() -> None:
    known = row(attributes=sent(at=5), desired={A: in_audience(at=5)})
    refused, old = unit(0, refusal=INVALID_ATTRIBUTE, at=6), unit(1, at=1, fields={"company": "Old"})
    person = adding_up(refused, old, row=known)
    assert person.aside == {refused.origin: INVALID_ATTRIBUTE, old.origin: SUPERSEDED}
    assert person.is_aside


def test_a_membership_outside_its_schedule_is_desired_and_none_of_the_events() -> None:
    one = unit(0, *entered("b"), unscheduled=left("a", at=1))
    person = adding_up(one, row=row())
    assert person.desired == {A: desired(EXITED, 1, received=0), B: desired(REALIZED, 0)}
    assert (set(person.memberships), person.aside) == ({B}, {})


def test_whoever_is_a_member_elsewhere_is_not_excluded_for_a_schedule() -> None:
    one = unit(0, unscheduled=entered("b"), fields={"company": "New"})
    person = adding_up(one, row=row())
    assert (person.fields, person.aside) == ({"company": "New"}, {})


# Events that name no activated audience


def test_an_event_without_audiences_concerns_whoever_is_in_one() -> None:
    update = unit(0, at=5, fields={"company": "New"})
    member = adding_up(update, row=row())
    assert (member.units, member.ignored, member.fields) == ((update,), (), {"company": "New"})
    assert (member.memberships, member.desired) == ({}, row().desired)


@pytest.mark.parametrize(
    "known",
    [None, LedgerRow(), row(desired={A: out_of_audience()}), row(desired={C: in_audience()})],
    ids=["unknown", "of no audience", "left", "in one of old"],
)
def test_an_event_without_audiences_of_anybody_else_is_ignored(known: LedgerRow | None) -> None:
    update = unit(0, at=5, fields={"company": "New"})
    person = adding_up(update, row=known, target=active(dormant="c"))
    assert (person.units, person.ignored, person.fields) == ((), (update,), {})
    assert adding_up(update, row=known, reach=ANYBODY).units == (update,)


def test_whoever_is_in_an_audience_outside_its_schedule_is_ignored_until_it_starts() -> None:
    update, later = unit(0, fields={"company": "New"}), active(activation("a", start=minute(10)))
    assert adding_up(update, row=row(), target=later).ignored == (update,)
    assert adding_up(update, row=row(), target=later, now=minute(10)).units == (update,)


def test_of_an_ignored_event_the_dormant_memberships_are_kept() -> None:
    one = unit(0, dormant=left("c", at=3), at=3)
    known = row(desired={C: in_audience()})
    person = adding_up(one, row=known, target=active(dormant="c"))
    assert (person.ignored, person.units) == ((one,), ())
    assert person.desired == {C: desired(EXITED, 3)}


def test_a_dormant_membership_is_desired_and_none_of_the_events() -> None:
    person = adding_up(unit(0, *entered("a"), dormant=entered("c")), target=active(dormant="c"))
    assert person.desired == {A: desired(REALIZED, 0), C: desired(REALIZED, 0)}
    assert set(person.memberships) == {A}


def test_one_event_that_puts_somebody_in_an_audience_lets_the_others_concern_the_connection() -> None:
    update, entry = unit(0, at=5, fields={"company": "New"}), unit(1, *entered("a"), at=0)
    person = adding_up(update, entry)
    assert (person.units, person.ignored, person.fields) == ((entry, update), (), {"company": "New"})


def test_of_one_persons_events_some_may_be_ignored() -> None:
    update, leaving = unit(0, at=5, fields={"company": "New"}), unit(1, *left("a"), fields={"company": "Old"})
    person = adding_up(update, leaving)
    assert (person.units, person.ignored, person.fields) == ((leaving,), (update,), {"company": "Old"})


# Units, hashes and rows


def test_units_without_a_key_are_no_part_of_a_person() -> None:
    good, refused = unit(0), unit(2, refusal=INVALID_ATTRIBUTE)
    nobody = unit(1, key=None, refusal=MISSING_DEDUPE_VALUE)
    bob = unit(3, key="bob")
    assert by_key([good, nobody, bob, refused]) == {"ada@example.org": [good, refused], "bob": [bob]}


def test_the_persons_of_one_event_have_origins_of_their_own() -> None:
    origin = Origin("envelope-1", "4", "2026-11-21T10:00Z")
    assert origin.person(2) == Origin("envelope-1", "4.2", "2026-11-21T10:00Z")


def test_equal_attributes_have_equal_hashes_whatever_events_they_come_from() -> None:
    whole = adding_up(unit(0, fields={"company": "A", "firstName": "Ada"}), reach=ANYBODY)
    for order in permutations([unit(0, fields={"firstName": "Ada"}), unit(1, fields={"company": "A"})]):
        assert adding_up(*order, reach=ANYBODY).attributes_hash == whole.attributes_hash
    assert len({hash_of({"a": value}) for value in (1, "1", True, None, "")}) == 5
    assert hash_of({"a": 1}) != hash_of({"a": 1, "b": None})


@pytest.mark.parametrize("text", ["London", "Zürich", "東京", "x" * 300, "\ud83d"])
def test_the_hash_depends_on_what_values_are_and_not_on_which_objects_they_are(text: str) -> None:
    one, other = text[:1] + text[1:], "".join([*text])
    same, twice = {"city": one, "company": one}, {"city": one, "company": other}
    assert hash_of(same) == hash_of(twice) == hash_of({sys.intern("city"): sys.intern(text), "company": text})
    assert hash_of(same) != hash_of({"city": one, "company": f"{one}."})


NAMES = {name: Field(name, "string") for name in ("company", "firstName")}


def test_a_field_that_marketo_does_not_have_is_dropped_from_the_person_and_its_units() -> None:
    units = [unit(0, *entered("a"), fields={"company": "A", "gone": 1}), unit(1, at=1, fields={"firstName": "Ada"})]
    person = adding_up(*units)
    without = person.fitted(NAMES)
    assert without.fields == {"company": "A", "firstName": "Ada"}
    assert without.dropped == {"gone"}
    assert [one.dropped for one in without.units] == [("gone",), ()]
    assert without.attributes_hash == hash_of({"company": "A", "firstName": "Ada"})
    assert person.fitted(NAMES | {"gone": Field("gone", "integer"), "never": Field("never", "string")}) is person


@pytest.mark.parametrize(
    ("into", "fits"),
    [
        (Field("score", "string"), {"score": "5", "company": "Engines"}),
        (Field("score", "integer"), {"score": 5, "company": "Engines"}),
        (Field("score", "date"), {"company": "Engines"}),
        (Field("score", "integer", updateable=False), {"company": "Engines"}),
    ],
)
def test_a_value_is_what_its_field_takes_by_now(into: Field, fits: dict[str, object]) -> None:
    person = adding_up(unit(0, *entered("a"), fields={"company": "Engines", "score": 5}))
    assert person.fitted(NAMES | {"score": into}).fields == fits


@pytest.mark.parametrize("value", [None, ""])
def test_what_clears_a_field_fits_whatever_its_type(value: str | None) -> None:
    person = adding_up(unit(0, *entered("a"), fields={"company": value}))
    assert person.fitted({"company": Field("company", "integer")}) is person


def test_a_forgotten_lead_leaves_what_was_desired_and_the_times_by_which_old_events_are_known() -> None:
    known = row(consent=word(given=True))
    forgotten = known.forgetting_lead()
    attributes = sent()
    assert forgotten == replace(
        known,
        applied=on("a", 7, is_sure=False),
        lead_id=None,
        looked_up_at=None,
        attributes=Attributes(None, attributes.said, attributes.sent_at, attributes.lead_id),
    )
    assert LedgerRow().forgetting_lead() == LedgerRow()


@pytest.mark.parametrize(
    ("known", "lasts"),
    [
        (LedgerRow(), False),
        (LedgerRow(desired={A: out_of_audience(), B: in_audience()}), True),
        (LedgerRow(desired={A: out_of_audience()}), False),
        (LedgerRow(applied=on("a")), False),
        (LedgerRow(applied={**on("a"), **on("b", 7)}), True),
        (LedgerRow(applied={A: Applied(1001, (), is_sure=False)}), True),
        (LedgerRow(consent=word(given=False)), True),
        (LedgerRow(consent=word(given=True)), False),
        (LedgerRow(attributes=sent(), lead_id=7, looked_up_at=minute(0)), False),
    ],
    ids=str,
)
def test_rows_last_with_a_membership_a_place_on_a_list_or_a_withdrawal(known: LedgerRow, *, lasts: bool) -> None:
    assert known.is_lasting is lasts


def test_a_person_is_warned_of_in_the_units_that_count() -> None:
    """What ends for a reason of its own is told of nothing that was found out afterwards."""
    first, last = unit(0, at=0, fields={"company": "Old"}), unit(1, at=1, fields={"company": "New"})
    person = adding_up(first, last, reach=ANYBODY)
    assert person.aside == {first.origin: SUPERSEDED}
    warning = AttributeWarning("customerNumber", DIFFERS_IN_CASE)
    found = person.warned_of(warning)
    assert [one.warned for one in found.units] == [(), (warning,)]
    assert replace(found, units=person.units) == person
