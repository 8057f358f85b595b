"""What is decided about one person: the table, what is desired and applied, and which lead it is."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Consent, OnInvalid, PersonAction, Scope, SyncType
from destination.domain.event import Membership, MembershipStatus
from destination.domain.matching import Lead
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    INVALID_ATTRIBUTE,
    INVALID_REQUIRED_ATTRIBUTE,
    MISSING_REQUIRED_ATTRIBUTE,
    NOT_ON_LIST,
    PERSON_NOT_FOUND,
    SUPERSEDED,
)
from destination.domain.person import Applied, LedgerRow, Person, Unit
from destination.domain.plan import Plan, Planner, Write, partition_for, reach_of
from destination.domain.schema import FieldValue
from testing.persons import (
    ADA,
    FIELDS,
    HOUR,
    START,
    activation,
    active,
    adding_up,
    audience,
    connection,
    entered,
    in_audience,
    lead,
    left,
    minute,
    on,
    out_of_audience,
    row,
    sent,
    unit,
    word,
)

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
PROFILE, AUDIENCE, BOTH = SyncType.PROFILE_ONLY, SyncType.AUDIENCE_ONLY, SyncType.AUDIENCE_AND_PROFILE
CREATE, UPDATE = PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, PersonAction.UPDATE_EXISTING_ONLY
A, B = audience("a"), audience("b")

NOBODY: list[Lead] = []
ONE = [lead(7)]
ANOTHER = [lead(8)]
SEVERAL = [lead(3, updated=-60), lead(5), lead(9, updated=-60)]

DAYS = timedelta(days=9)
"""How long a connection trusts the leads it found, where it does."""


UNTRUSTING = active(lead_cache=timedelta(0))


def news(*memberships: Membership, **others: object) -> Unit:
    """A unit of now, with all attributes unless others are given."""
    return unit(0, *memberships, **({"fields": FIELDS} | others))  # type: ignore[arg-type]


def planned(
    one: Unit,
    matches: Sequence[Lead] | None,
    known: LedgerRow | None = None,
    target: ActiveConnection | None = None,
    now: datetime = START,
) -> Plan:
    of = target or UNTRUSTING
    return Planner.of(of, now).decide(adding_up(one, row=known, target=of, now=now), known, matches)


def looks_up(one: Unit, known: LedgerRow | None, target: ActiveConnection | None = None, now: datetime = START) -> bool:
    of = target or UNTRUSTING
    return Planner.of(of, now).needs_lookup(adding_up(one, row=known, target=of, now=now), known)


# The table


@pytest.mark.parametrize(("matches", "lead_id"), [(ONE, 7), (SEVERAL, 5)], ids=["one", "several"])
@pytest.mark.parametrize("status", MembershipStatus)
@pytest.mark.parametrize("action", PersonAction)
@pytest.mark.parametrize("sync_type", SyncType)
def test_a_matched_lead_is_updated_and_put_on_lists_by_the_sync_type(
    sync_type: SyncType, action: PersonAction, status: MembershipStatus, matches: Sequence[Lead], lead_id: int
) -> None:
    of = active(sync_type=sync_type, person_action=action)
    plan = planned(news(Membership(A, status, START)), matches, target=of)
    updates, lists = sync_type is not AUDIENCE, sync_type is not PROFILE
    assert (plan.verdict, plan.lead_id, plan.unique, plan.looked_up) == (None, lead_id, len(matches) == 1, True)
    assert plan.write is (Write.UPDATE if updates else Write.NOTHING)
    assert plan.fields == (FIELDS if updates else {})
    assert plan.add == ((A,) if lists and status is REALIZED else ())
    assert plan.remove == ({A: (lead_id,)} if lists and status is EXITED else {})


@pytest.mark.parametrize("sync_type", SyncType)
def test_an_unmatched_profile_is_created_only_where_the_person_action_says_so(sync_type: SyncType) -> None:
    plan = planned(news(*entered("a")), NOBODY, target=active(sync_type=sync_type, person_action=CREATE))
    assert (plan.write, plan.verdict, plan.lead_id) == (Write.CREATE, None, None)
    assert plan.fields == {**FIELDS, "email": "Ada@example.org"}
    assert plan.add == (() if sync_type is PROFILE else (A,))
    plan = planned(news(*entered("a")), NOBODY, target=active(sync_type=sync_type, person_action=UPDATE))
    assert (plan.write, plan.verdict) == (Write.NOTHING, PERSON_NOT_FOUND)


@pytest.mark.parametrize("action", PersonAction)
@pytest.mark.parametrize("sync_type", SyncType)
def test_nobody_is_created_because_they_left(sync_type: SyncType, action: PersonAction) -> None:
    plan = planned(news(*left("a")), NOBODY, target=active(sync_type=sync_type, person_action=action))
    assert (plan.write, plan.verdict, plan.add, plan.remove) == (Write.NOTHING, NOT_ON_LIST, (), {})


def test_an_event_without_audiences_creates_nobody_who_is_in_none() -> None:
    plan = planned(news(), NOBODY, target=active(scope=Scope.ALL_PROFILES))
    assert (plan.write, plan.verdict) == (Write.NOTHING, PERSON_NOT_FOUND)


def test_who_enters_one_audience_and_leaves_another_is_created_for_the_one() -> None:
    plan = planned(news(*left("a"), *entered("b")), NOBODY)
    assert (plan.write, plan.add, plan.remove) == (Write.CREATE, (B,), {})


def test_whoever_is_desired_in_an_audience_is_created_by_an_event_that_does_not_name_it() -> None:
    """An entry was excluded, as a name was missing; then the profile is completed."""
    known = LedgerRow(desired={A: in_audience(), B: out_of_audience()}, looked_up_at=minute(-60))
    plan = planned(news(), NOBODY, known)
    assert (plan.write, plan.add) == (Write.CREATE, (A,))


def test_an_entry_that_a_newer_exit_overtook_creates_nobody() -> None:
    """The exit was excluded, and is what is desired all the same."""
    known = LedgerRow(desired={A: out_of_audience(at=100)}, looked_up_at=minute(-60))
    plan = planned(news(*entered("a")), NOBODY, known)
    assert (plan.write, plan.verdict) == (Write.NOTHING, NOT_ON_LIST)
    assert planned(news(*entered("a")), ONE, known).add == ()
    assert planned(news(*entered("a")), ONE, known).remove == {A: (7,)}


def test_an_entry_within_a_schedule_that_is_over_by_now_creates() -> None:
    over = active(activation("a", end=minute(5)))
    plan = planned(news(*entered("a")), NOBODY, target=over, now=minute(10))
    assert (plan.write, plan.add) == (Write.CREATE, (A,))


def test_lists_outside_their_schedule_are_left_alone() -> None:
    known = row(desired={A: in_audience(), B: in_audience()}, applied={})
    target = active(activation("a", start=minute(10)), activation("b"))
    assert planned(news(), ONE, known, target).add == (B,)
    assert planned(news(), ONE, known, target, now=minute(10)).add == (A, B)


@pytest.mark.parametrize("name", ["firstName", "lastName"])
@pytest.mark.parametrize("empty", [None, ""])
def test_to_create_the_required_attributes_must_not_be_empty(name: str, empty: FieldValue) -> None:
    for fields in ({**FIELDS, name: empty}, {key: value for key, value in FIELDS.items() if key != name}):
        plan = planned(news(*entered("a"), fields=fields), NOBODY)
        assert (plan.write, plan.verdict) == (Write.NOTHING, MISSING_REQUIRED_ATTRIBUTE)
        assert planned(news(*entered("a"), fields=fields), ONE).write is Write.UPDATE


def test_a_required_attribute_that_was_dropped_is_invalid_not_missing() -> None:
    fields = {key: value for key, value in FIELDS.items() if key != "lastName"}
    plan = planned(news(*entered("a"), fields=fields, dropped=("lastName",)), NOBODY)
    assert plan.verdict is INVALID_REQUIRED_ATTRIBUTE
    other = planned(news(*entered("a"), fields=fields, dropped=("company",)), NOBODY)
    assert other.verdict is MISSING_REQUIRED_ATTRIBUTE


def test_with_another_dedupe_field_the_email_is_required_too() -> None:
    of = active(dedupe_field="crmId")
    assert planned(news(*entered("a")), NOBODY, target=of).verdict is MISSING_REQUIRED_ATTRIBUTE
    plan = planned(news(*entered("a"), fields={**FIELDS, "email": ADA}), NOBODY, target=of)
    assert plan.fields == {**FIELDS, "email": ADA, "crmId": "Ada@example.org"}


def test_a_new_lead_is_told_nothing_to_clear() -> None:
    assert "company" not in planned(news(*entered("a"), fields={**FIELDS, "company": None}), NOBODY).fields
    assert planned(news(*entered("a"), fields={"company": None}), ONE).fields == {"company": None}


def test_a_new_lead_has_the_ecid_where_the_connection_knows_people_by_it() -> None:
    of, created = active(ecid_field="ecid__c"), {**FIELDS, "email": "Ada@example.org"}
    assert planned(news(*entered("a"), ecid="123"), NOBODY, target=of).fields == {**created, "ecid__c": "123"}
    assert planned(news(*entered("a")), NOBODY, target=of).fields == created
    assert planned(news(*entered("a"), ecid="123"), NOBODY).fields == created


def test_where_invalid_values_fail_nobody_is_created_without_them() -> None:
    of = active(on_invalid=OnInvalid.FAIL)
    assert planned(news(*entered("a"), dropped=("company",)), NOBODY, target=of).verdict is INVALID_ATTRIBUTE
    assert planned(news(*entered("a"), dropped=("company",)), NOBODY).write is Write.CREATE
    assert planned(news(*entered("a")), NOBODY, target=of).write is Write.CREATE


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


# Applied is bound to the lead and the list


@pytest.mark.parametrize(
    ("applied", "add", "remove"),
    [
        ({}, (A,), {}),
        (on("a", 7), (), {}),
        (on("a"), (A,), {}),
        (on("a", 3), (A,), {A: (3,)}),
        (on("a", 3, 7), (), {A: (3,)}),
        (on("a", 7, list_id=2001), (A,), {}),
        (on("a", 7, is_sure=False), (A,), {}),
        (on("a", is_sure=False), (A,), {}),
        (on("a", 3, 4, is_sure=False), (A,), {A: (3, 4)}),
    ],
    ids=[
        "nothing is known",
        "on it",
        "was taken off",
        "another lead",
        "another lead too",
        "another list",
        "perhaps on it",
        "perhaps, by a lead that was created",
        "perhaps, by others",
    ],
)
def test_whoever_is_in_the_audience_is_on_its_list_by_the_lead_that_matches_and_by_no_other(
    applied: Mapping[AudienceKey, Applied], add: tuple[AudienceKey, ...], remove: Mapping[AudienceKey, tuple[int, ...]]
) -> None:
    plan = planned(news(fields={"company": "New"}), ONE, row(applied=applied))
    assert (plan.lead_id, plan.add, plan.remove) == (7, add, remove)


@pytest.mark.parametrize(
    ("applied", "remove"),
    [
        ({}, {A: (7,)}),
        (on("a", 7), {A: (7,)}),
        (on("a"), {}),
        (on("a", 3), {A: (7, 3)}),
        (on("a", 3, 7), {A: (7, 3)}),
        (on("a", list_id=2001), {A: (7,)}),
        (on("a", 3, list_id=2001), {A: (7,)}),
        (on("a", is_sure=False), {A: (7,)}),
    ],
    ids=[
        "nothing is known",
        "on it",
        "was taken off",
        "another lead",
        "another lead too",
        "was taken off another list",
        "on another list",
        "perhaps on it",
    ],
)
def test_whoever_left_the_audience_is_taken_off_unless_that_was_done_on_this_list(
    applied: Mapping[AudienceKey, Applied], remove: Mapping[AudienceKey, tuple[int, ...]]
) -> None:
    plan = planned(news(*left("a"), fields={"company": "New"}), ONE, row(applied=applied))
    assert (plan.lead_id, plan.add, plan.remove) == (7, (), remove)


@pytest.mark.parametrize("of", [entered("a"), left("a")], ids=["in the audience", "left"])
def test_when_nobody_is_found_the_leads_that_were_put_on_are_taken_off(of: tuple[Membership, ...]) -> None:
    """They have another key by now, or are gone."""
    plan = planned(news(*of), NOBODY, row(applied=on("a", 7, 3)))
    assert plan.remove == {A: (7, 3)}
    assert (plan.write, plan.add) == ((Write.CREATE, (A,)) if of == entered("a") else (Write.NOTHING, ()))


def test_whoever_cannot_be_created_is_taken_off_all_the_same() -> None:
    plan = planned(news(*entered("a"), fields={}), NOBODY, row())
    assert (plan.verdict, plan.remove) == (MISSING_REQUIRED_ATTRIBUTE, {A: (7,)})
    plan = planned(news(*entered("a")), NOBODY, row(), active(person_action=UPDATE))
    assert (plan.verdict, plan.remove) == (PERSON_NOT_FOUND, {A: (7,)})


def test_of_several_leads_the_newest_is_used_and_the_membership_moves_with_it() -> None:
    plan = planned(news(*entered("a")), SEVERAL, row(lead_id=None, looked_up_at=None, applied=on("a", 3)))
    assert (plan.lead_id, plan.unique, plan.add, plan.remove) == (5, False, (A,), {A: (3,)})


def test_every_audience_of_the_person_is_put_right_whatever_the_event_names() -> None:
    known = row(
        desired={A: in_audience(), B: out_of_audience(), audience("c"): in_audience()},
        applied={**on("a"), **on("b", 7)},
    )
    plan = planned(news(), ONE, known, active(activation("a"), activation("b"), activation("d"), dormant="c"))
    assert (plan.add, plan.remove) == ((A,), {B: (7,)})


def test_on_a_connection_without_lists_nobody_is_put_on_one_or_taken_off() -> None:
    of = active(sync_type=PROFILE)
    for one in (news(*entered("b")), news(*left("a"))):
        for matches in (ONE, ANOTHER, NOBODY):
            plan = planned(one, matches, row(), of)
            assert (plan.add, plan.remove) == ((), {})


# Attributes


def test_attributes_that_were_sent_to_another_lead_are_sent_again() -> None:
    assert planned(news(*left("a")), ONE, row()).write is Write.NOTHING
    plan = planned(news(*left("a")), ANOTHER, row())
    assert (plan.write, plan.lead_id, plan.fields) == (Write.UPDATE, 8, FIELDS)


def test_attributes_of_which_no_answer_came_are_sent_again() -> None:
    known = row(attributes=sent()._replace(digest=None))
    assert looks_up(news(), known)
    assert planned(news(), ONE, known).write is Write.UPDATE


def test_equal_attributes_are_sent_again_after_a_time() -> None:
    of = active(resend_unchanged_after=timedelta(hours=24), lead_cache=DAYS)
    for age, write in (
        (timedelta(hours=24) - timedelta(seconds=1), Write.NOTHING),
        (timedelta(hours=24), Write.UPDATE),
    ):
        now = START - HOUR + age
        assert planned(news(*entered("a")), None, row(), of, now).write is write
        assert looks_up(news(*entered("a")), row(), now=now) is (write is Write.UPDATE)


def test_audience_only_tells_no_attributes_and_needs_no_call_for_them() -> None:
    of = active(sync_type=AUDIENCE)
    changed = news(*entered("a"), fields={"company": "New"})
    assert not looks_up(changed, row(), of)
    assert planned(changed, None, row(), of).verdict is ALREADY_DELIVERED


# Nothing to tell


@pytest.mark.parametrize(
    ("one", "known"),
    [
        (news(*entered("a")), row()),
        (news(), row()),
        (news(*left("a")), row(applied=on("a"))),
        (news(fields={}), row()),
    ],
    ids=["on the list", "an update of nothing", "off the list", "an event of nothing"],
)
def test_what_was_delivered_needs_neither_lookup_nor_call(one: Unit, known: LedgerRow) -> None:
    assert not looks_up(one, known)
    plan = planned(one, None, known)
    assert (plan.verdict, plan.tells, plan.looked_up) == (ALREADY_DELIVERED, False, False)


def test_what_is_overtaken_needs_neither_lookup_nor_call() -> None:
    late = unit(0, *left("a", at=-120), at=-120)
    assert not looks_up(late, row())
    plan = planned(late, None, row())
    assert (plan.verdict, plan.tells) == (SUPERSEDED, False)


def test_without_lists_a_membership_alone_is_nothing_to_tell() -> None:
    of, known = active(sync_type=PROFILE), row(desired={}, applied={})
    assert not looks_up(news(*entered("a")), known, of)
    assert planned(news(*entered("a")), None, known, of).verdict is ALREADY_DELIVERED


def test_a_matched_lead_with_nothing_to_be_told_is_unchanged() -> None:
    plan = planned(news(), ONE, target=active(sync_type=AUDIENCE, scope=Scope.ALL_PROFILES))
    assert (plan.verdict, plan.tells) == (ALREADY_DELIVERED, False)


# Lookups


@pytest.mark.parametrize(
    ("one", "known"),
    [
        (news(fields={"company": "New"}), row()),
        (news(*left("a")), row()),
        (news(*entered("b")), row()),
        (news(), row(applied=on("a", 7, list_id=2001))),
        (news(), row(applied=on("a", 7, is_sure=False))),
        (news(), row(applied=on("a", 7, 3))),
        (news(*left("a")), row(applied={})),
        (news(*left("a")), row(applied=on("a", list_id=2001))),
    ],
    ids=[
        "new attributes",
        "an exit",
        "an entry",
        "another list",
        "in doubt",
        "a lead too many",
        "an exit of somebody who may be on the list",
        "an exit of somebody who was taken off another list",
    ],
)
def test_whoever_has_something_to_be_told_is_looked_up_unless_the_lead_is_trusted(one: Unit, known: LedgerRow) -> None:
    assert looks_up(one, known, active(lead_cache=timedelta(0)))
    assert not looks_up(one, known, active(lead_cache=DAYS))
    assert looks_up(one, replace(known, lead_id=None, looked_up_at=None), active(lead_cache=DAYS)), (
        "several leads matched"
    )


def test_a_lead_id_is_trusted_for_a_time() -> None:
    changed = news(fields={"company": "New"})
    for cache, is_looked_up in ((timedelta(hours=2), False), (HOUR, True), (timedelta(0), True)):
        assert looks_up(changed, row(), active(lead_cache=cache)) is is_looked_up
    plan = planned(changed, None, row(), active(lead_cache=DAYS))
    assert (plan.write, plan.lead_id, plan.unique, plan.looked_up) == (Write.UPDATE, 7, True, False)


@pytest.mark.parametrize(
    "known", [None, LedgerRow(), LedgerRow(desired={A: in_audience(), B: out_of_audience()})], ids=str
)
def test_whoever_was_never_told_anything_is_looked_up(known: LedgerRow | None) -> None:
    of = active(sync_type=AUDIENCE, scope=Scope.ALL_PROFILES, lead_cache=DAYS)
    assert looks_up(news(fields={}), known, of)
    nobody = known is None or not known.desired
    assert planned(news(fields={}), NOBODY, known, of).verdict is (
        PERSON_NOT_FOUND if nobody else MISSING_REQUIRED_ATTRIBUTE
    )


def test_that_nobody_was_found_is_trusted_for_those_who_left_alone() -> None:
    known, of = (
        LedgerRow(desired={A: in_audience(), B: out_of_audience()}, looked_up_at=minute(-60)),
        active(lead_cache=DAYS),
    )
    assert looks_up(news(), known, of)
    assert not looks_up(news(*left("a")), known, of)
    assert planned(news(*left("a")), None, known, of).verdict is NOT_ON_LIST
    assert looks_up(news(*left("a")), known, active(lead_cache=HOUR))


def test_who_comes_back_is_put_on_again() -> None:
    known = row(desired={A: out_of_audience()}, applied=on("a"))
    assert planned(news(*entered("a")), ONE, known).add == (A,)


def test_leaving_takes_off_the_lead_that_was_put_on_as_well_as_the_one_that_matches_now() -> None:
    known = row(lead_id=None, looked_up_at=None, applied=on("a", 3))
    assert planned(news(*left("a")), SEVERAL, known).remove == {A: (5, 3)}


def test_a_lead_that_is_gone_is_looked_up_and_made_anew_on_every_list_of_the_person() -> None:
    known = row(desired={A: in_audience(), B: in_audience()}, applied={**on("a", 7), **on("b", 7)})
    forgotten = known.forgetting_lead()
    assert looks_up(news(), forgotten, active(lead_cache=DAYS))
    plan = planned(news(), NOBODY, forgotten)
    assert (plan.write, plan.add, plan.remove) == (Write.CREATE, (A, B), {A: (7,), B: (7,)})
    plan = planned(news(), ANOTHER, forgotten)
    assert (plan.write, plan.add, plan.remove) == (Write.UPDATE, (A, B), {A: (7,), B: (7,)})


def test_a_lead_that_is_known_and_on_no_list_of_the_persons_has_something_to_be_told() -> None:
    """Its list was outside the schedule when the person was found to be another lead."""
    for known in (row(applied=on("a", 3)), row(attributes=sent(lead_id=3))):
        assert looks_up(news(), known)
        assert planned(news(), ONE, known).tells
    known = row(lead_id=None, looked_up_at=None, applied=on("a", 3), attributes=sent(lead_id=3))
    assert not looks_up(news(), known), "which of several leads it is now, the next one tells"


@pytest.mark.parametrize("is_sure", [True, False])
@pytest.mark.parametrize("leads", [(3, 7), (7, 3), (3,), (7,), ()])
@pytest.mark.parametrize("lead_id", [7, None])
def test_nobody_is_told_anything_without_a_lookup_where_leads_are_not_trusted(
    lead_id: int | None, leads: tuple[int, ...], *, is_sure: bool
) -> None:
    of_attributes = [None, sent(), sent(lead_id=3), sent({}), sent(sent_at=-2000)]
    units = [news(), news(*left("a")), unit(0, *entered("a")), unit(0, *left("a"))]
    for attributes, one in product(of_attributes, units):
        known = row(lead_id=lead_id, attributes=attributes, applied=on("a", *leads, is_sure=is_sure))
        if not looks_up(one, known):
            assert not planned(one, None, known).tells
        elif lead_id is not None:
            assert planned(one, ONE, known).tells, "a lookup is for something"


# Which events concern the connection


def test_the_reach_is_of_audiences_within_their_schedule() -> None:
    target = active(activation("a", start=START), activation("b", end=START), activation("c"), dormant="d")
    assert reach_of(target, START).audiences == {A, audience("c")}
    assert reach_of(target, START - HOUR).audiences == {B, audience("c")}


@pytest.mark.parametrize(
    ("sync_type", "others", "strangers"), [(BOTH, True, True), (PROFILE, True, False), (AUDIENCE, False, False)]
)
def test_strangers_matter_where_a_list_may_hold_them(sync_type: SyncType, *, others: bool, strangers: bool) -> None:
    target = active(activation("a"), activation("b", may_hold_others=others), sync_type=sync_type)
    assert reach_of(target, START).strangers is strangers


# Places, and what another person holds


def person(*memberships: Membership, known: LedgerRow | None = None) -> Person:
    return adding_up(unit(0, *memberships), row=known)


def test_the_places_of_a_person_are_where_the_lead_is_to_be() -> None:
    planner, known = Planner.of(active(), START), row(desired={A: in_audience()}, applied=on("a", 3))
    one = person(*left("b"), known=known)
    assert planner.places(one, known, 8) == {(A, 8)}
    assert planner.places(one, known, None) == {(A, 3)}, "by the ledger, where no lead was looked up"
    assert planner.places(one, None, None) == set()
    assert planner.places(person(*left("a"), known=known), known, 8) == set()
    withdrawn = adding_up(unit(0, consents=False), row=known)
    assert planner.places(withdrawn, known, 8) == set()


@pytest.mark.parametrize(
    ("known", "places"),
    [
        (row(), {(A, 7)}),
        (row(applied=on("a", 7, 3)), {(A, 7), (A, 3)}),
        (row(applied=on("a", 7, is_sure=False)), {(A, 7)}),
        (row(applied=on("a", 7, list_id=2001)), set()),
        (row(desired={A: out_of_audience()}), set()),
        (row(desired={}), set()),
        (row(desired={audience("c"): in_audience()}, applied=on("c", 7)), set()),
    ],
    ids=["on a list", "by two leads", "perhaps", "on another list", "left", "not desired", "of an audience of old"],
)
def test_by_the_ledger_somebody_is_where_they_were_put_and_are_wanted(
    known: LedgerRow, places: set[tuple[AudienceKey, int]]
) -> None:
    assert Planner.of(active(), START).places_by_ledger(known) == places


@pytest.mark.parametrize(
    ("given", "rule", "places"),
    [
        (True, Consent("consent", ("y",)), {(A, 7)}),
        (False, Consent("consent", ("y",)), set()),
        (False, None, {(A, 7)}),
    ],
)
def test_without_consent_nobody_holds_a_place_of_a_connection_that_asks_for_it(
    *, given: bool, rule: Consent | None, places: set[tuple[AudienceKey, int]]
) -> None:
    planner = Planner.of(active(consent=rule), START)
    assert planner.places_by_ledger(row(consent=word(given=given))) == places


def test_a_place_that_another_person_holds_is_left_as_it_is() -> None:
    plan = Plan(person(*entered("a")), lead_id=7, add=(A, B), remove={A: (3, 4), B: (5,)})
    assert plan.joining == {(A, 7), (B, 7)}
    assert plan.leaving == {(A, 3), (A, 4), (B, 5)}
    assert plan.former_leads == {3, 4, 5}
    assert plan.sparing({(A, 4), (B, 5), (B, 7)}) == replace(
        plan, add=(A,), remove={A: (3,)}, held=frozenset({B}), spared=frozenset({A, B})
    )
    assert plan.sparing({(A, 9), (audience("c"), 3)}) == plan


def test_whoever_is_to_be_created_holds_no_place_and_joins_none() -> None:
    plan = Plan(person(*entered("a")), write=Write.CREATE, add=(A,), remove={A: (7,)})
    assert (plan.joining, plan.former_leads) == (set(), {7})
    assert plan.sparing({(A, 7)}) == replace(plan, remove={}, spared=frozenset({A}))
