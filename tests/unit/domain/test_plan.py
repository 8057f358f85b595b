"""What is decided about one person: the table, the ledger's word, and which lead it is."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from destination.domain.connection import OnInvalid, PersonAction, SyncType
from destination.domain.event import Membership, MembershipStatus
from destination.domain.matching import Lead
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    INVALID_ATTRIBUTE,
    INVALID_REQUIRED_ATTRIBUTE,
    MISSING_REQUIRED_ATTRIBUTE,
    NOT_ON_LIST,
    PERSON_NOT_FOUND,
)
from destination.domain.person import Delivered, LedgerRow, Origin, Person, Unit, coalesce, hash_of
from destination.domain.plan import Plan, Write, decide, needs_lookup, partition_for
from destination.domain.schema import FieldValue
from testing.world import START, audience, connection

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
PROFILE, AUDIENCE, BOTH = SyncType.PROFILE_ONLY, SyncType.AUDIENCE_ONLY, SyncType.AUDIENCE_AND_PROFILE
CREATE, UPDATE = PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, PersonAction.UPDATE_EXISTING_ONLY
A, B = audience("a"), audience("b")
HOUR = timedelta(hours=1)

FIELDS: dict[str, FieldValue] = {"firstName": "Ada", "lastName": "Lovelace", "company": "Engines"}
NOBODY: list[Lead] = []
ONE = [Lead(7, "ada@example.org", START)]
SEVERAL = [
    Lead(3, "ada@example.org", START - HOUR),
    Lead(5, "ada@example.org", START),
    Lead(9, "ada@example.org", START - HOUR),
]


def person(
    *memberships: tuple[str, MembershipStatus],
    fields: dict[str, FieldValue] | None = None,
    at: datetime = START,
    row: LedgerRow | None = None,
    dropped: tuple[str, ...] = (),
) -> Person:
    unit = Unit(
        Origin("message-1", "0", "2026-11-21T10:00Z"),
        at,
        "ada@example.org",
        "Ada@example.org",
        FIELDS if fields is None else fields,
        dropped,
        tuple(Membership(audience(name), status, at) for name, status in memberships),
    )
    return coalesce("ada@example.org", [unit], row)


def told(at: datetime = START - HOUR, **changes: Any) -> LedgerRow:
    """A row of a lead that was told all this an hour ago, and is on list `a`."""
    row: dict[str, Any] = {
        "lead_id": 7,
        "looked_up_at": at,
        "attributes_hash": hash_of(FIELDS),
        "attributes_at": at,
        "sent_at": at,
        "memberships": {A: Delivered(REALIZED, at, 7, 1001)},
    }
    return LedgerRow(**(row | changes))


@pytest.mark.parametrize(("matches", "lead_id"), [(ONE, 7), (SEVERAL, 5)], ids=["one", "several"])
@pytest.mark.parametrize("status", MembershipStatus)
@pytest.mark.parametrize("action", PersonAction)
@pytest.mark.parametrize("sync_type", SyncType)
def test_a_matched_lead_is_updated_and_put_on_lists_by_the_sync_type(
    sync_type: SyncType, action: PersonAction, status: MembershipStatus, matches: Sequence[Lead], lead_id: int
) -> None:
    of = connection(sync_type=sync_type, person_action=action)
    plan = decide(of, person(("a", status)), None, matches, START)
    updates, lists = sync_type is not AUDIENCE, sync_type is not PROFILE
    assert (plan.verdict, plan.lead_id, plan.unique) == (None, lead_id, len(matches) == 1)
    assert plan.write is (Write.UPDATE if updates else Write.NOTHING)
    assert plan.fields == (FIELDS if updates else {})
    assert plan.add == ((A,) if lists and status is REALIZED else ())
    assert plan.remove == ({A: (lead_id,)} if lists and status is EXITED else {})


@pytest.mark.parametrize("sync_type", SyncType)
def test_an_unmatched_profile_is_created_only_where_the_person_action_says_so(sync_type: SyncType) -> None:
    entered = person(("a", REALIZED))
    plan = decide(connection(sync_type=sync_type, person_action=CREATE), entered, None, NOBODY, START)
    assert (plan.write, plan.verdict, plan.lead_id) == (Write.CREATE, None, None)
    assert plan.fields == {**FIELDS, "email": "Ada@example.org"}
    assert plan.add == (() if sync_type is PROFILE else (A,))
    plan = decide(connection(sync_type=sync_type, person_action=UPDATE), entered, None, NOBODY, START)
    assert (plan.write, plan.verdict) == (Write.NOTHING, PERSON_NOT_FOUND)


@pytest.mark.parametrize("action", PersonAction)
@pytest.mark.parametrize("sync_type", SyncType)
def test_nobody_is_created_because_they_left(sync_type: SyncType, action: PersonAction) -> None:
    of = connection(sync_type=sync_type, person_action=action)
    plan = decide(of, person(("a", EXITED)), None, NOBODY, START)
    assert (plan.write, plan.verdict, plan.add, plan.remove) == (Write.NOTHING, NOT_ON_LIST, (), {})


def test_an_event_without_audiences_creates_nobody() -> None:
    plan = decide(connection(), person(), None, NOBODY, START)
    assert (plan.write, plan.verdict) == (Write.NOTHING, PERSON_NOT_FOUND)


def test_who_enters_one_audience_and_leaves_another_is_created_for_the_one() -> None:
    plan = decide(connection(), person(("a", EXITED), ("b", REALIZED)), None, NOBODY, START)
    assert (plan.write, plan.add, plan.remove) == (Write.CREATE, (B,), {})


@pytest.mark.parametrize("name", ["firstName", "lastName"])
@pytest.mark.parametrize("empty", [None, ""])
def test_to_create_the_required_attributes_must_not_be_empty(name: str, empty: FieldValue) -> None:
    for fields in ({**FIELDS, name: empty}, {key: value for key, value in FIELDS.items() if key != name}):
        plan = decide(connection(), person(("a", REALIZED), fields=fields), None, NOBODY, START)
        assert (plan.write, plan.verdict) == (Write.NOTHING, MISSING_REQUIRED_ATTRIBUTE)
        assert decide(connection(), person(("a", REALIZED), fields=fields), None, ONE, START).write is Write.UPDATE


def test_a_required_attribute_that_was_dropped_is_invalid_not_missing() -> None:
    fields = {key: value for key, value in FIELDS.items() if key != "lastName"}
    plan = decide(connection(), person(("a", REALIZED), fields=fields, dropped=("lastName",)), None, NOBODY, START)
    assert plan.verdict is INVALID_REQUIRED_ATTRIBUTE
    other = decide(connection(), person(("a", REALIZED), fields=fields, dropped=("company",)), None, NOBODY, START)
    assert other.verdict is MISSING_REQUIRED_ATTRIBUTE


def test_with_another_dedupe_field_the_email_is_required_too() -> None:
    of = connection(dedupe_field="crmId")
    assert decide(of, person(("a", REALIZED)), None, NOBODY, START).verdict is MISSING_REQUIRED_ATTRIBUTE
    mapped = person(("a", REALIZED), fields={**FIELDS, "email": "ada@example.org"})
    plan = decide(of, mapped, None, NOBODY, START)
    assert plan.fields == {**FIELDS, "email": "ada@example.org", "crmId": "Ada@example.org"}


def test_a_new_lead_is_told_nothing_to_clear() -> None:
    plan = decide(connection(), person(("a", REALIZED), fields={**FIELDS, "company": None}), None, NOBODY, START)
    assert "company" not in plan.fields
    assert decide(connection(), person(("a", REALIZED), fields={"company": None}), None, ONE, START).fields == {
        "company": None
    }


def test_a_new_lead_has_the_ecid_where_the_connection_knows_people_by_it() -> None:
    by_email, by_both = person(("a", REALIZED)), replace(person(("a", REALIZED)), ecid="123")
    of, created = connection(ecid_field="ecid__c"), {**FIELDS, "email": "Ada@example.org"}
    assert decide(of, by_both, None, NOBODY, START).fields == {**created, "ecid__c": "123"}
    assert decide(of, by_email, None, NOBODY, START).fields == created
    assert decide(connection(), by_both, None, NOBODY, START).fields == created


def test_where_invalid_values_fail_nobody_is_created_without_them() -> None:
    entered = person(("a", REALIZED), dropped=("company",))
    assert decide(connection(on_invalid=OnInvalid.FAIL), entered, None, NOBODY, START).verdict is INVALID_ATTRIBUTE
    assert decide(connection(), entered, None, NOBODY, START).write is Write.CREATE
    whole = person(("a", REALIZED))
    assert decide(connection(on_invalid=OnInvalid.FAIL), whole, None, NOBODY, START).write is Write.CREATE


def test_without_lists_a_membership_alone_is_nothing_to_tell() -> None:
    of, row = connection(sync_type=PROFILE), told(memberships={})
    again = person(("a", REALIZED), row=row)
    assert not needs_lookup(of, again, row, START)
    assert decide(of, again, row, None, START).verdict is ALREADY_DELIVERED


def test_a_matched_lead_with_nothing_to_be_told_is_unchanged() -> None:
    plan = decide(connection(sync_type=AUDIENCE), person(), None, ONE, START)
    assert (plan.verdict, plan.tells) == (ALREADY_DELIVERED, False)


@pytest.mark.parametrize(
    ("sync_type", "chosen", "partition"),
    [
        (PROFILE, "EMEA", "EMEA"),
        (BOTH, "EMEA", "EMEA"),
        (AUDIENCE, "EMEA", "Default"),
        (PROFILE, None, "Default"),
        (BOTH, None, "Default"),
    ],
)
def test_new_leads_go_to_the_chosen_partition_or_the_default_one(
    sync_type: SyncType, chosen: str | None, partition: str
) -> None:
    assert partition_for(connection(sync_type=sync_type, partition=chosen)) == partition


def test_what_was_delivered_needs_neither_lookup_nor_call() -> None:
    row = told()
    again = person(("a", REALIZED), at=START, row=row)
    assert not needs_lookup(connection(), again, row, START)
    assert decide(connection(), again, row, None, START).verdict is ALREADY_DELIVERED


def test_an_old_exit_after_a_newer_entry_changes_nothing() -> None:
    row = told()
    late = person(("a", EXITED), at=START - 2 * HOUR, row=row)
    assert not needs_lookup(connection(), late, row, START)
    assert decide(connection(), late, row, None, START).verdict is ALREADY_DELIVERED


def test_changed_attributes_go_to_the_known_lead_without_a_lookup() -> None:
    row = told()
    changed = person(("a", REALIZED), fields={**FIELDS, "company": "New"}, row=row)
    trusting = connection(lead_cache=timedelta(hours=24))
    assert not needs_lookup(trusting, changed, row, START)
    plan = decide(trusting, changed, row, None, START)
    assert (plan.write, plan.lead_id, plan.add) == (Write.UPDATE, 7, ())


def test_equal_attributes_are_sent_again_after_a_time() -> None:
    of = connection(resend_unchanged_after=timedelta(hours=24), lead_cache=timedelta(days=9))
    row = told()
    for age, write in (
        (timedelta(hours=24) - timedelta(seconds=1), Write.NOTHING),
        (timedelta(hours=24), Write.UPDATE),
    ):
        now = START - HOUR + age
        again = person(("a", REALIZED), at=now, row=row)
        assert decide(of, again, row, None, now).write is write


def test_a_lead_id_is_trusted_for_a_time() -> None:
    row = told()
    changed = person(fields={"company": "New"}, row=row)
    for cache, looks_up in ((timedelta(hours=2), False), (HOUR, True), (timedelta(0), True)):
        assert needs_lookup(connection(lead_cache=cache), changed, row, START) is looks_up


@pytest.mark.parametrize(
    "row", [None, LedgerRow(), told(lead_id=None)], ids=["no row", "empty", "several leads matched"]
)
def test_without_a_lead_that_is_known_it_is_looked_up(row: LedgerRow | None) -> None:
    assert needs_lookup(connection(), person(("a", REALIZED), fields={"company": "New"}, row=row), row, START)


def test_who_is_on_the_list_is_not_added_again_when_attributes_change() -> None:
    row = told()
    plan = decide(connection(), person(("a", REALIZED), fields={"company": "New"}, row=row), row, ONE, START)
    assert (plan.write, plan.add, plan.remove) == (Write.UPDATE, (), {})


def test_who_left_and_is_taken_off_is_not_taken_off_again() -> None:
    row = told(memberships={A: Delivered(EXITED, START - HOUR)})
    again = person(("a", EXITED), row=row)
    assert decide(connection(), again, row, None, START).verdict is ALREADY_DELIVERED


def test_who_was_nobody_and_leaves_again_is_not_said_to_be_taken_off() -> None:
    row = told(lead_id=None, memberships={A: Delivered(EXITED, START - HOUR)})
    again = person(("a", EXITED), row=row)
    assert not needs_lookup(connection(lead_cache=2 * HOUR), again, row, START)
    assert decide(connection(), again, row, None, START).verdict is NOT_ON_LIST


def test_who_comes_back_is_put_on_again() -> None:
    row = told(memberships={A: Delivered(EXITED, START - HOUR)})
    assert decide(connection(), person(("a", REALIZED), row=row), row, None, START).add == (A,)


def test_leaving_takes_off_the_lead_that_was_put_on_as_well_as_the_one_that_matches_now() -> None:
    row = told(lead_id=None, memberships={A: Delivered(REALIZED, START - HOUR, 3, 1001)})
    assert decide(connection(), person(("a", EXITED), row=row), row, SEVERAL, START).remove == {A: (5, 3)}


def test_audience_only_tells_no_attributes_and_needs_no_call_for_them() -> None:
    of, row = connection(sync_type=AUDIENCE), told()
    changed = person(("a", REALIZED), fields={"company": "New"}, row=row)
    assert not needs_lookup(of, changed, row, START)
    assert decide(of, changed, row, None, START).verdict is ALREADY_DELIVERED


def test_a_person_whose_lead_is_gone_is_created_anew_on_the_lists_its_events_name() -> None:
    row = told(
        memberships={A: Delivered(REALIZED, START - HOUR, 7, 1001), B: Delivered(REALIZED, START - HOUR, 7, 1002)}
    )
    forgotten = row.forgetting_lead()
    plan = decide(connection(), person(("a", REALIZED), row=row), forgotten, NOBODY, START)
    assert (plan.write, plan.add) == (Write.CREATE, (A,))


def test_a_person_whose_lead_became_another_joins_its_lists_again() -> None:
    forgotten = told().forgetting_lead()
    named = person(("a", REALIZED), fields={"company": "New"}, row=forgotten)
    plan: Plan = decide(connection(), named, forgotten, ONE, START)
    assert (plan.write, plan.add) == (Write.UPDATE, (A,))
