"""What became of a person, and what the ledger is to remember of it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection, SyncType
from destination.domain.event import Membership, MembershipStatus
from destination.domain.matching import Lead
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    MISSING_REQUIRED_ATTRIBUTE,
    NOT_ON_LIST,
    PERSON_NOT_FOUND,
    Class,
    Outcome,
    rejected,
)
from destination.domain.person import Delivered, LedgerRow, Origin, Unit, coalesce, hash_of
from destination.domain.plan import decide
from destination.domain.schema import FieldValue
from destination.domain.settle import Answer, Answers, Settled, parts, refused_unit, settle
from testing.world import START, audience, connection

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, B = audience("a"), audience("b")
FIELDS: dict[str, FieldValue] = {"firstName": "Ada", "lastName": "Lovelace"}
LEAD = Lead(7, "ada@example.org", START)
HOUR = timedelta(hours=1)
LISTS = {A: Activation(A, "a", list_id=1001), B: Activation(B, "b", list_id=1002)}


def unit(number: int, *memberships: tuple[AudienceKey, MembershipStatus]) -> Unit:
    return Unit(
        Origin("message-1", str(number), "2026-11-21T10:00Z"),
        START,
        "ada@example.org",
        "ada@example.org",
        FIELDS,
        (),
        tuple(Membership(key, status, START) for key, status in memberships),
    )


def settled(
    *memberships: tuple[AudienceKey, MembershipStatus],
    matches: list[Lead] | None,
    write: Answer | None = None,
    lists: Mapping[AudienceKey, tuple[Answer, ...]] | None = None,
    row: LedgerRow | None = None,
    sync_type: SyncType = SyncType.AUDIENCE_AND_PROFILE,
) -> Settled:
    """One event, decided and settled with these answers of Marketo."""
    of = connection(sync_type=sync_type)
    person = coalesce("ada@example.org", [unit(0, *memberships)], row)
    return settle(
        ActiveConnection(of, LISTS), decide(of, person, row, matches, START), Answers(write, lists or {}), row, START
    )


def test_a_created_person_is_remembered_with_its_lead_attributes_and_list() -> None:
    one = settled((A, REALIZED), matches=[], write=Answer(8), lists={A: (Answer(8),)})
    assert one.outcome.outcome is Class.ACTIVATED
    assert (one.outcome.created, one.outcome.updated, one.outcome.added, one.outcome.removed) == (True, False, 1, 0)
    assert one.outcome.audiences == {A: None}
    assert one.row == LedgerRow(8, START, hash_of(FIELDS), START, START, {A: Delivered(REALIZED, START, 8, 1001)})


def test_an_updated_person_keeps_the_time_of_a_lookup_that_was_not_needed() -> None:
    row = LedgerRow(
        7, START - HOUR, "other", START - HOUR, START - HOUR, {A: Delivered(REALIZED, START - HOUR, 7, 1001)}
    )
    one = settled((A, REALIZED), matches=None, write=Answer(7), row=row)
    assert (one.outcome.created, one.outcome.updated, one.outcome.added) == (False, True, 0)
    assert one.row == LedgerRow(
        7, START - HOUR, hash_of(FIELDS), START, START, {A: Delivered(REALIZED, START, 7, 1001)}
    )


def test_what_was_carried_out_is_told_with_the_outcome() -> None:
    one = settled((A, REALIZED), matches=[LEAD], write=Answer(7), lists={A: (Answer(7),)})
    assert one.plan is not None
    assert (one.plan.person, one.plan.add, one.plan.lead_id) == (one.person, (A,), 7)
    assert settled((A, REALIZED), matches=[], write=Answer(None, "1003")).plan is None


def test_an_update_counts_even_if_the_lead_was_on_no_list_to_be_taken_off() -> None:
    one = settled((A, EXITED), matches=[LEAD], write=Answer(7), lists={A: (Answer(7, "1015"),)})
    assert (one.outcome.reason, one.outcome.updated, one.outcome.removed) == (None, True, 0)
    assert one.outcome.audiences == {A: NOT_ON_LIST}


def test_without_lists_an_update_counts_for_the_audiences_it_came_with() -> None:
    one = settled((A, REALIZED), matches=[LEAD], write=Answer(7), sync_type=SyncType.PROFILE_ONLY)
    assert (one.outcome.reason, one.outcome.audiences) == (None, {A: None})


def test_a_list_that_does_not_let_go_fails_the_person() -> None:
    row = LedgerRow(7, START, memberships={A: Delivered(REALIZED, START - HOUR, 3, 1001)})
    lists = {A: (Answer(7, "1015"), Answer(3, "1003"))}
    one = settled((A, EXITED), matches=[LEAD], lists=lists, row=row, sync_type=SyncType.AUDIENCE_ONLY)
    assert (one.outcome.reason, one.outcome.audiences) == (rejected("1003"), {A: rejected("1003")})
    assert one.row is not None
    assert one.row.memberships == row.memberships, "so the exit is told when it is sent again"


@pytest.mark.parametrize(
    ("matches", "row", "remembered"),
    [
        (None, LedgerRow(looked_up_at=START - HOUR), (None, START - HOUR)),
        ([], LedgerRow(7, START - HOUR), (None, START)),
    ],
    ids=["known to be nobody", "looked up"],
)
def test_who_left_is_remembered_as_nobody_since_the_last_lookup(
    matches: list[Lead] | None, row: LedgerRow, remembered: tuple[int | None, object]
) -> None:
    one = settled((A, EXITED), matches=matches, row=row)
    assert one.outcome.reason is NOT_ON_LIST
    assert one.row is not None
    assert (one.row.lead_id, one.row.looked_up_at) == remembered


def test_a_lead_that_was_looked_up_again_is_trusted_anew() -> None:
    row = LedgerRow(7, START - timedelta(days=2), "other", START - HOUR, START - HOUR)
    one = settled((A, REALIZED), matches=[LEAD], write=Answer(7), lists={A: (Answer(7),)}, row=row)
    assert one.row is not None
    assert (one.row.lead_id, one.row.looked_up_at) == (7, START)


def test_of_several_leads_none_is_remembered_but_who_is_on_the_list() -> None:
    matches = [LEAD, Lead(9, "ada@example.org", START - HOUR)]
    row = LedgerRow(9, START - timedelta(days=2))
    one = settled((A, REALIZED), matches=matches, write=Answer(7), lists={A: (Answer(7),)}, row=row)
    assert one.row is not None
    assert one.row.lead_id is None
    assert one.row.memberships == {A: Delivered(REALIZED, START, 7, 1001)}


def test_an_excluded_person_is_not_remembered() -> None:
    of = connection()
    person = coalesce("ada@example.org", [unit(0)], None)
    nobody = settle(ActiveConnection(of, LISTS), decide(of, person, None, [], START), Answers(), None, START)
    assert (nobody.outcome.reason, nobody.row) == (PERSON_NOT_FOUND, None)


def test_an_event_without_attributes_leaves_those_that_were_told_as_they_are() -> None:
    before = START - HOUR
    row = LedgerRow(7, before, "0f", before, before)
    person = coalesce("ada@example.org", [replace(unit(0, (A, REALIZED)), fields={})], row)
    plan = decide(connection(), person, row, None, START)
    one = settle(ActiveConnection(connection(), LISTS), plan, Answers(None, {A: (Answer(7),)}), row, START)
    assert one.row == replace(row, memberships={A: Delivered(REALIZED, START, 7, 1001)})


def test_who_left_and_is_unknown_to_marketo_is_unchanged_and_the_exit_is_remembered() -> None:
    one = settled((A, EXITED), matches=[])
    assert (one.outcome.reason, one.outcome.audiences) == (NOT_ON_LIST, {A: NOT_ON_LIST})
    assert one.row is not None
    assert one.row.memberships == {A: Delivered(EXITED, START)}
    assert one.row.attributes_at is None, "nothing was told of the attributes"


@pytest.mark.parametrize("code", ["1004", "1015"])
def test_taking_off_somebody_who_is_not_on_the_list_is_unchanged(code: str) -> None:
    one = settled((A, EXITED), matches=[LEAD], lists={A: (Answer(7, code),)}, sync_type=SyncType.AUDIENCE_ONLY)
    assert (one.outcome.reason, one.outcome.removed, one.outcome.audiences) == (NOT_ON_LIST, 0, {A: NOT_ON_LIST})
    assert one.row is not None
    assert one.row.memberships == {A: Delivered(EXITED, START)}


def test_taking_off_counts_once_when_either_of_two_leads_was_on_the_list() -> None:
    row = LedgerRow(memberships={A: Delivered(REALIZED, START - HOUR, 3)})
    one = settled(
        (A, EXITED),
        matches=[LEAD],
        lists={A: (Answer(7, "1015"), Answer(3))},
        row=row,
        sync_type=SyncType.AUDIENCE_ONLY,
    )
    assert (one.outcome.reason, one.outcome.removed, one.outcome.audiences) == (None, 1, {A: None})


def test_a_person_that_marketo_refuses_is_failed_in_every_audience_and_not_remembered() -> None:
    one = settled((A, REALIZED), matches=[], write=Answer(None, "1006"))
    assert (one.outcome.reason, one.outcome.created, one.row) == (rejected("1006"), False, None)
    assert one.outcome.audiences == {A: rejected("1006")}


def test_a_list_that_refuses_fails_the_person_and_the_rest_is_remembered() -> None:
    one = settled(
        (A, REALIZED),
        (B, REALIZED),
        matches=[LEAD],
        write=Answer(7),
        lists={A: (Answer(7),), B: (Answer(7, "1004"),)},
    )
    assert (one.outcome.reason, one.outcome.updated, one.outcome.added) == (rejected("1004"), True, 1)
    assert one.outcome.audiences == {A: None, B: rejected("1004")}
    assert one.row is not None
    assert one.row.memberships == {A: Delivered(REALIZED, START, 7, 1001)}
    assert one.row.attributes_hash == hash_of(FIELDS)


def test_what_was_told_before_is_unchanged_and_its_times_move_on() -> None:
    before = START - HOUR
    row = LedgerRow(7, before, hash_of(FIELDS), before, before, {A: Delivered(REALIZED, before, 7, 1001)})
    one = settled((A, REALIZED), matches=None, row=row)
    assert (one.outcome.reason, one.outcome.audiences) == (ALREADY_DELIVERED, {A: ALREADY_DELIVERED})
    assert one.row == LedgerRow(7, before, hash_of(FIELDS), START, before, {A: Delivered(REALIZED, START, 7, 1001)})


def test_audience_only_remembers_no_attributes_of_a_lead_that_matched() -> None:
    one = settled((A, REALIZED), matches=[LEAD], lists={A: (Answer(7),)}, sync_type=SyncType.AUDIENCE_ONLY)
    assert one.row == LedgerRow(7, START, memberships={A: Delivered(REALIZED, START, 7, 1001)})


def test_a_unit_that_is_nobody_is_settled_by_itself() -> None:
    one = refused_unit(unit(0, (A, REALIZED)), MISSING_REQUIRED_ATTRIBUTE)
    assert one.outcome.audiences == {A: MISSING_REQUIRED_ATTRIBUTE}
    assert (one.outcome.reason, one.row, len(one.person.units)) == (MISSING_REQUIRED_ATTRIBUTE, None, 1)


def test_a_person_of_many_events_is_recorded_in_parts_the_changes_with_the_first() -> None:
    units = [unit(number, (A, REALIZED)) for number in range(7)]
    of = connection()
    person = coalesce("ada@example.org", units, None)
    whole = settle(
        ActiveConnection(of, LISTS),
        decide(of, person, None, [], START),
        Answers(Answer(8), {A: (Answer(8),)}),
        None,
        START,
    )
    found = list(parts(whole, 3))
    assert [len(part.person.units) for part in found] == [3, 3, 1]
    assert [one for part in found for one in part.person.units] == units
    assert [part.row is not None for part in found] == [True, False, False]
    assert [(part.outcome.created, part.outcome.added) for part in found] == [(True, 1), (False, 0), (False, 0)]
    assert list(parts(whole, 7)) == [whole]


def test_only_the_first_part_counts_what_was_changed() -> None:
    outcome = Outcome(reason=None, updated=True, added=2, removed=1)
    whole = Settled(coalesce("ada", [unit(number) for number in range(2)], None), outcome, None)
    first, second = parts(whole, 1)
    assert first.outcome == outcome
    assert second.outcome == Outcome(reason=None, updated=False, added=0, removed=0)
