"""What became of a person, and what the ledger is to hold of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Scope, SyncType
from destination.domain.event import Membership
from destination.domain.matching import Lead
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    INVALID_ATTRIBUTE,
    MISSING_DEDUPE_VALUE,
    MISSING_REQUIRED_ATTRIBUTE,
    NOT_ON_LIST,
    PERSON_NOT_FOUND,
    SUPERSEDED,
    TOO_MANY_MATCHES,
    Class,
    Outcome,
    rejected,
)
from destination.domain.person import Applied, Attributes, LedgerRow, Unit
from destination.domain.plan import Plan, Planner, Write
from destination.domain.settle import (
    Answer,
    Answers,
    Progress,
    Settled,
    parts,
    progress,
    refused,
    refused_unit,
    remembering,
    settle,
)
from testing.persons import (
    FIELDS,
    START,
    activation,
    active,
    adding_up,
    audience,
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

A, B, C = audience("a"), audience("b"), audience("c")
TARGET = active()
AUDIENCE = active(sync_type=SyncType.AUDIENCE_ONLY)
NEW = Attributes(sent().digest, unit(0).said, START, 7)
"""The attributes of now, as they were sent to lead 7."""


def news(*memberships: Membership, number: int = 0, **others: object) -> Unit:
    return unit(number, *memberships, **({"fields": FIELDS} | others))  # type: ignore[arg-type]


def planned(
    one: Unit, matches: Sequence[Lead] | None, known: LedgerRow | None = None, target: ActiveConnection = TARGET
) -> Plan:
    return Planner.of(target, START).decide(adding_up(one, row=known, target=target), known, matches)


def settled(
    one: Unit,
    matches: Sequence[Lead] | None,
    answers: Answers,
    known: LedgerRow | None = None,
    target: ActiveConnection = TARGET,
) -> Settled:
    """One event, decided and settled with these answers of Marketo."""
    plan = planned(one, matches, known, target)
    assert answers.are_all_of(plan)
    return settle(target, plan, answers, known, START)


def told(
    write: Answer | None = None,
    joins: Mapping[AudienceKey, Answer] | None = None,
    leaves: Mapping[AudienceKey, Sequence[Answer]] | None = None,
) -> Answers:
    return Answers(write, joins or {}, leaves or {})


def row_of(one: Settled | Progress) -> LedgerRow:
    assert one.row is not None
    return one.row


# What was done


def test_a_created_person_is_remembered_with_its_lead_attributes_and_list() -> None:
    one = settled(news(*entered("a")), [], told(Answer(8), {A: Answer(8)}))
    assert one.outcome == Outcome(created=True, added=1, audiences={A: None})
    assert one.outcome.outcome is Class.ACTIVATED
    assert one.row == LedgerRow({A: in_audience(at=0)}, on("a", 8), NEW._replace(lead_id=8), None, 8, START)


def test_an_updated_person_keeps_the_time_of_a_lookup_that_was_not_needed() -> None:
    known = row(attributes=sent({"company": "Old"}))
    one = settled(news(*entered("a")), None, told(Answer(7)), known)
    assert one.outcome == Outcome(updated=True, audiences={A: None})
    assert one.row == LedgerRow({A: in_audience(at=0)}, on("a", 7), NEW, None, 7, minute(-60))


def test_what_was_carried_out_is_told_with_the_outcome() -> None:
    one = settled(news(*entered("a")), [lead()], told(Answer(7), {A: Answer(7)}))
    assert one.plan is not None
    assert (one.plan.person, one.plan.add, one.plan.lead_id) == (one.person, (A,), 7)


def test_an_update_counts_even_if_the_lead_was_on_no_list_to_be_taken_off() -> None:
    one = settled(news(*left("a")), [lead()], told(Answer(7), leaves={A: [Answer(7, "1015")]}))
    assert one.outcome == Outcome(updated=True, audiences={A: NOT_ON_LIST})


def test_without_lists_an_update_counts_for_the_audiences_it_came_with() -> None:
    of = active(sync_type=SyncType.PROFILE_ONLY)
    one = settled(news(*entered("a")), [lead()], told(Answer(7)), target=of)
    assert one.outcome == Outcome(updated=True, audiences={A: None})
    assert row_of(one).desired == {A: in_audience(at=0)}, "so that another sync type fills the lists"
    assert row_of(one).applied == {}


def test_an_event_without_attributes_leaves_those_that_were_told_as_they_are() -> None:
    one = settled(unit(0, *entered("b")), None, told(joins={B: Answer(7)}), row())
    assert one.row == row(desired={A: in_audience(), B: in_audience(at=0)}, applied={**on("a", 7), **on("b", 7)})


def test_what_was_told_before_is_unchanged_and_its_times_move_on() -> None:
    one = settled(news(*entered("a")), None, told(), row())
    assert one.outcome == Outcome(ALREADY_DELIVERED, audiences={A: ALREADY_DELIVERED})
    before = minute(-60)
    assert one.row == row(desired={A: in_audience(at=0)}, attributes=NEW._replace(sent_at=before))


def test_attributes_that_were_not_sent_supersede_nothing() -> None:
    """Those of an audience-only connection, and of a person who was not found."""
    known = row(attributes=sent({"company": "Old"}))
    assert row_of(settled(news(*entered("a")), None, told(), known, AUDIENCE)).attributes == known.attributes
    nobody = settled(news(*left("a")), [], told(leaves={A: [Answer(7)]}), known)
    assert row_of(nobody).attributes == known.attributes


# Which lead it is


@pytest.mark.parametrize(
    ("matches", "known", "remembered"),
    [
        (None, LedgerRow(looked_up_at=minute(-60)), (None, minute(-60))),
        ([], row(applied={}), (None, START)),
    ],
    ids=["known to be nobody", "looked up"],
)
def test_who_left_is_remembered_as_nobody_since_the_last_lookup(
    matches: list[Lead] | None, known: LedgerRow, remembered: tuple[int | None, object]
) -> None:
    one = settled(news(*left("a")), matches, told(), known)
    assert one.outcome.reason is NOT_ON_LIST
    assert (row_of(one).lead_id, row_of(one).looked_up_at) == remembered


def test_a_lead_that_was_looked_up_again_is_trusted_anew() -> None:
    one = settled(news(*entered("b")), [lead()], told(joins={B: Answer(7)}), row())
    assert (row_of(one).lead_id, row_of(one).looked_up_at) == (7, START)


def test_of_several_leads_none_is_remembered_but_who_is_on_the_list() -> None:
    matches = [lead(7), lead(9, updated=-60)]
    answers = told(Answer(7), {A: Answer(7)}, {A: [Answer(9)]})
    one = settled(news(*entered("a")), matches, answers, row(lead_id=9, applied=on("a", 9), attributes=sent(lead_id=9)))
    assert (row_of(one).lead_id, row_of(one).looked_up_at) == (None, None)
    assert (row_of(one).applied, row_of(one).attributes) == (on("a", 7), NEW)


def test_who_moves_from_one_lead_to_another_joins_and_does_not_leave() -> None:
    answers = told(Answer(8), {A: Answer(8)}, {A: [Answer(7)]})
    one = settled(news(), [lead(8)], answers, row())
    assert one.outcome == Outcome(updated=True, added=1, audiences={A: None})
    assert (row_of(one).applied, row_of(one).lead_id) == (on("a", 8), 8)


def test_who_stays_on_a_list_that_another_lead_leaves_does_not_leave() -> None:
    one = settled(news(), [lead()], told(leaves={A: [Answer(3)]}), row(applied=on("a", 7, 3)))
    assert (one.outcome.added, one.outcome.removed) == (0, 0)
    assert row_of(one).applied == on("a", 7)


def test_who_is_made_anew_joins_and_does_not_leave() -> None:
    answers = told(Answer(8), {A: Answer(8)}, {A: [Answer(7, "1004")]})
    one = settled(news(), [], answers, row())
    assert one.outcome == Outcome(created=True, added=1, audiences={A: None})
    assert row_of(one).applied == on("a", 8)


def test_whose_lead_has_another_key_by_now_has_left() -> None:
    of = active(scope=Scope.ALL_PROFILES)
    one = settled(unit(0), [], told(leaves={A: [Answer(7)]}), row(), of)
    assert (one.outcome.reason, one.outcome.removed) == (MISSING_REQUIRED_ATTRIBUTE, 1)
    assert row_of(one) == row(applied=on("a"), lead_id=None, looked_up_at=START)


# What is desired is remembered, whatever the outcome


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (news(*entered("a"), fields={}), MISSING_REQUIRED_ATTRIBUTE),
        (news(*left("a")), NOT_ON_LIST),
        (news(*entered("a"), refusal=INVALID_ATTRIBUTE), INVALID_ATTRIBUTE),
    ],
    ids=["excluded", "nobody", "failed"],
)
def test_of_who_is_not_found_what_is_desired_is_remembered_and_nothing_is_applied(one: Unit, reason: object) -> None:
    result = settled(one, None if one.refusal else [], told())
    assert (result.outcome.reason, result.outcome.audiences) == (reason, {A: reason})
    is_in = one.memberships == entered("a")
    looked_up_at = None if one.refusal else START
    wanted = in_audience(at=0) if is_in else out_of_audience(at=0)
    assert result.row == LedgerRow(desired={A: wanted}, looked_up_at=looked_up_at)


def test_whoever_is_not_found_and_in_no_audience_is_excluded() -> None:
    one = settled(news(), [], told(), target=active(scope=Scope.ALL_PROFILES))
    assert (one.outcome.reason, one.row) == (PERSON_NOT_FOUND, LedgerRow(looked_up_at=START))


def test_a_person_that_marketo_refuses_is_failed_in_every_audience_and_what_is_desired_is_remembered() -> None:
    one = settled(news(*entered("a")), [], told(Answer(None, "1006")))
    assert one.outcome == Outcome(rejected("1006"), created=False, audiences={A: rejected("1006")})
    assert one.row == LedgerRow({A: in_audience(at=0)}, looked_up_at=START)
    known = row()
    one = settled(
        news(*entered("a", "b"), fields={}),
        [lead(8)],
        told(joins={A: Answer(8), B: Answer(8, "1003")}, leaves={A: [Answer(7)]}),
        known,
    )
    assert one.outcome.reason == rejected("1003")
    assert row_of(one).desired == {A: in_audience(at=0), B: in_audience(at=0)}


def test_unscheduled_and_dormant_memberships_are_remembered() -> None:
    target = active(activation("a"), activation("b", start=minute(10)), dormant="c")
    one = news(*entered("a"), unscheduled=entered("b"), dormant=left("c"))
    result = settled(one, [lead()], told(Answer(7), {A: Answer(7)}), target=target)
    assert row_of(result).desired == {A: in_audience(at=0), B: in_audience(at=0), C: out_of_audience(at=0)}
    assert row_of(result).applied == on("a", 7)


def test_a_person_whose_leads_cannot_be_told_is_failed_and_what_is_desired_is_remembered() -> None:
    known = row(consent=word(given=False))
    person = adding_up(news(*left("a"), *entered("b"), consents=True), row=known)
    one = refused(person, TOO_MANY_MATCHES, known)
    assert one.outcome == Outcome(TOO_MANY_MATCHES, audiences={A: TOO_MANY_MATCHES, B: TOO_MANY_MATCHES})
    assert one.row == replace(known, desired=person.desired, consent=person.consent)


def test_what_is_wanted_as_before_leaves_the_row_as_it_is() -> None:
    known = row()
    assert remembering(adding_up(unit(0, fields={"company": "New"}), row=known), known) is known
    assert remembering(adding_up(unit(0)), None) is None
    assert remembering(adding_up(unit(0, *entered("a"))), None) == LedgerRow({A: in_audience(at=0)})


# Lists that refuse


@pytest.mark.parametrize("code", ["1004", "1015"])
def test_taking_off_somebody_who_is_not_on_the_list_is_unchanged(code: str) -> None:
    one = settled(news(*left("a")), [lead()], told(leaves={A: [Answer(7, code)]}), target=AUDIENCE)
    assert one.outcome == Outcome(NOT_ON_LIST, audiences={A: NOT_ON_LIST})
    assert one.row == LedgerRow({A: out_of_audience(at=0)}, on("a"), None, None, 7, START)


def test_taking_off_counts_once_when_either_of_two_leads_was_on_the_list() -> None:
    answers = told(leaves={A: [Answer(7, "1015"), Answer(3)]})
    one = settled(news(*left("a")), [lead()], answers, row(applied=on("a", 3)), AUDIENCE)
    assert one.outcome == Outcome(removed=1, audiences={A: None})
    assert row_of(one).applied == on("a")


def test_a_list_that_does_not_let_go_fails_the_person_and_is_tried_again() -> None:
    answers = told(leaves={A: [Answer(7, "1015"), Answer(3, "1003")]})
    one = settled(news(*left("a")), [lead()], answers, row(applied=on("a", 3)), AUDIENCE)
    assert one.outcome == Outcome(rejected("1003"), audiences={A: rejected("1003")})
    assert row_of(one).applied == on("a", 3)
    assert row_of(one).desired == {A: out_of_audience(at=0)}


def test_a_list_that_refuses_fails_the_person_and_the_rest_is_remembered() -> None:
    answers = told(Answer(7), {A: Answer(7), B: Answer(7, "1003")})
    one = settled(news(*entered("a", "b")), [lead()], answers)
    assert one.outcome == Outcome(rejected("1003"), updated=True, added=1, audiences={A: None, B: rejected("1003")})
    assert (row_of(one).applied, row_of(one).attributes) == (on("a", 7), NEW)
    assert row_of(one).desired == {A: in_audience(at=0), B: in_audience(at=0)}, "so that it is tried again"


@pytest.mark.parametrize(
    "applied",
    [{}, on("a", 7), on("a", 7, is_sure=False), on("a", 7, 3, is_sure=False), on("a", 7, list_id=4)],
    ids=["nothing known", "on it", "in doubt", "several in doubt", "on another list"],
)
def test_a_leave_that_was_refused_says_nothing_of_where_anybody_is(applied: Mapping[AudienceKey, Applied]) -> None:
    known = row(applied=applied)
    answers = [Answer(one, "1003") for one in planned(unit(0, *left("a")), [lead()], known).remove[A]]
    one = settled(unit(0, *left("a")), [lead()], told(leaves={A: answers}), known)
    assert one.outcome.audiences == {A: rejected("1003")}
    assert row_of(one).applied == applied


def test_a_lead_that_may_have_been_on_a_list_may_be_on_it_still_if_it_is_not_taken_off() -> None:
    known = row(applied=on("a", 7, 3, is_sure=False))
    one = settled(unit(0, *entered("a")), [lead()], told(joins={A: Answer(7)}, leaves={A: [Answer(3, "1003")]}), known)
    assert row_of(one).applied == on("a", 7, 3, is_sure=False)


@pytest.mark.parametrize("applied", [{}, on("a"), on("a", 7, is_sure=False), on("a", list_id=2001)], ids=str)
def test_a_join_that_was_refused_takes_nobody_off(applied: Mapping[AudienceKey, Applied]) -> None:
    """Whoever was there before it may be there still: what was known stays, and an exit takes off by it."""
    one = settled(unit(0), [lead()], told(joins={A: Answer(7, "1003")}), row(applied=applied))
    assert row_of(one).applied == applied
    leaving = planned(unit(0, *left("a", at=1), at=1), [lead()], row_of(one))
    assert leaving.remove == ({} if applied == on("a") else {A: (7,)})


def test_who_moves_and_does_not_leave_is_failed_though_the_new_lead_joined() -> None:
    answers = told(joins={A: Answer(8)}, leaves={A: [Answer(7, "1003")]})
    one = settled(unit(0), [lead(8)], answers, row())
    assert (one.outcome.reason, one.outcome.added, one.outcome.audiences) == (
        rejected("1003"),
        1,
        {A: rejected("1003")},
    )
    assert row_of(one).applied == on("a", 8, 7), "so that it is tried again"


# Another person's places


def test_a_list_that_the_lead_is_on_for_another_person_is_delivered() -> None:
    plan = planned(news(*entered("a"), fields={}), [lead()]).sparing({(A, 7)})
    one = settle(TARGET, plan, told(), None, START)
    assert one.outcome == Outcome(ALREADY_DELIVERED, audiences={A: ALREADY_DELIVERED})
    assert row_of(one).applied == on("a", 7), "so that an exit of both takes it off"


def test_a_list_that_a_lead_stays_on_for_another_person_was_left() -> None:
    known = row()
    plan = planned(unit(0, *left("a")), [lead()], known).sparing({(A, 7)})
    one = settle(TARGET, plan, told(), known, START)
    assert one.outcome == Outcome(ALREADY_DELIVERED, audiences={A: ALREADY_DELIVERED})
    assert row_of(one).applied == on("a")


def test_a_former_lead_that_another_person_has_stays_and_is_forgotten() -> None:
    known = row()
    plan = planned(unit(0), [lead(8)], known).sparing({(A, 7)})
    one = settle(TARGET, plan, told(joins={A: Answer(8)}), known, START)
    assert (one.outcome.added, one.outcome.removed) == (1, 0)
    assert row_of(one).applied == on("a", 8)


# Partial answers


def test_of_a_person_without_all_answers_the_rest_is_in_doubt() -> None:
    plan = planned(news(*entered("a", "b")), [lead()])
    answers = told(Answer(7), {A: Answer(7)})
    assert not answers.are_all_of(plan)
    one = progress(TARGET, plan, answers, None, START)
    assert one.person is plan.person
    assert (one.created, one.updated, one.added, one.removed) == (False, True, 1, 0)
    assert one.row == LedgerRow(plan.person.desired, {**on("a", 7), **on("b", 7, is_sure=False)}, NEW, None, 7, START)


def test_a_creation_is_counted_before_the_lists_are_changed_and_once() -> None:
    plan = planned(news(*entered("a")), [])
    one = progress(TARGET, plan, told(Answer(8)), None, START)
    assert (one.created, one.updated, one.added) == (True, False, 0)
    assert one.row == LedgerRow(plan.person.desired, on("a", 8, is_sure=False), NEW._replace(lead_id=8), None, 8, START)
    assert not progress(TARGET, plan, told(Answer(8)), None, START, is_noted=True).created


def test_attributes_without_an_answer_are_in_doubt() -> None:
    known = row(applied={})
    plan = planned(news(fields={"company": "New"}), [lead()], known)
    assert plan.write is Write.UPDATE
    one = progress(TARGET, plan, told(), known, START)
    assert row_of(one).attributes == sent()._replace(digest=None)
    assert (one.updated, row_of(one).applied) == (False, on("a", 7, is_sure=False))


@pytest.mark.parametrize(
    ("given", "still_on", "removed"),
    [
        ([], (7, 3), 0),
        ([Answer(7)], (3,), 1),
        ([Answer(3)], (7,), 1),
        ([Answer(7, "1015")], (3,), 0),
        ([Answer(3, "1003")], (7, 3), 0),
    ],
    ids=["none", "the first", "the second", "was not on it", "refused"],
)
def test_whoever_is_taken_off_in_part_may_be_on_the_list_by_the_leads_without_an_answer(
    given: list[Answer], still_on: tuple[int, ...], removed: int
) -> None:
    known = row(applied={**on("a", 3), **on("b", 7)}, desired={A: in_audience(), B: in_audience()})
    plan = planned(unit(0, *left("a")), [lead()], known)
    one = progress(TARGET, plan, told(leaves={A: given}), known, START)
    assert row_of(one).applied == {**on("a", *still_on, is_sure=False), **on("b", 7)}
    assert one.removed == removed


def test_who_moves_in_part_is_on_the_list_by_either_lead() -> None:
    known = row()
    plan = planned(unit(0), [lead(8)], known)
    joined = progress(TARGET, plan, told(joins={A: Answer(8)}), known, START)
    assert (joined.added, row_of(joined).applied) == (1, on("a", 8, 7, is_sure=False))
    gone = progress(TARGET, plan, told(leaves={A: [Answer(7)]}), known, START)
    assert (gone.removed, row_of(gone).applied) == (0, on("a", 8, is_sure=False))
    refused_join = progress(TARGET, plan, told(joins={A: Answer(8, "1003")}), known, START)
    assert (refused_join.added, row_of(refused_join).applied) == (0, on("a", 7, is_sure=False))


def test_what_was_answered_is_all_when_every_record_of_the_plan_was() -> None:
    plan = planned(news(*entered("a"), *left("b")), [lead()], row(applied=on("b", 3), attributes=None))
    whole = told(Answer(7), {A: Answer(7)}, {B: [Answer(7), Answer(3)]})
    assert whole.are_all_of(plan)
    assert not replace(whole, write=None).are_all_of(plan)
    assert not replace(whole, joins={}).are_all_of(plan)
    assert not replace(whole, leaves={B: [Answer(7)]}).are_all_of(plan)
    assert replace(whole, write=Answer(None, "1018")).are_all_of(plan)
    assert not told(Answer(None, "1018")).are_all_of(plan), "lists do not wait for attributes"
    for looked_at_again in (Answer(None, "1004"), Answer(None, "1006", is_of_call=True)):
        assert told(looked_at_again).are_all_of(plan)
    creation = replace(plan, write=Write.CREATE, lead_id=None, remove={B: (3,)})
    assert told(Answer(None, "1018"), leaves={B: [Answer(3)]}).are_all_of(creation)
    assert not told(Answer(None, "1018")).are_all_of(creation), "former leads leave all the same"
    assert told().are_all_of(Plan(plan.person))


# Units by themselves, and many at once


def test_a_unit_that_is_nobody_is_settled_by_itself() -> None:
    one = refused_unit(unit(0, *entered("a"), key=None, dropped=("company",)), MISSING_DEDUPE_VALUE)
    assert one.outcome == Outcome(MISSING_DEDUPE_VALUE, audiences={A: MISSING_DEDUPE_VALUE})
    assert (one.row, len(one.person.units)) == (None, 1)
    assert one.person.dropped == {"company"}


def test_the_units_of_a_person_end_with_it_or_for_a_reason_of_their_own() -> None:
    known = row(attributes=sent({"company": "Old"}), desired={A: in_audience(at=-60)})
    old, new = unit(1, at=-90, fields={"company": "Older"}), news(number=2)
    plan = Planner.of(TARGET, START).decide(adding_up(old, new, row=known), known, [lead()])
    one = settle(TARGET, plan, told(Answer(7)), known, START)
    assert [one.reason_of(each) for each in one.person.units] == [SUPERSEDED, None]


def many(number: int) -> Settled:
    person = adding_up(*(news(*entered("a"), number=each) for each in range(number)))
    plan = Planner.of(TARGET, START).decide(person, None, [])
    return settle(TARGET, plan, told(Answer(8), {A: Answer(8)}), None, START)


def test_a_person_of_many_events_is_recorded_in_parts_the_changes_with_the_first() -> None:
    whole = many(7)
    found = list(parts(whole, 3))
    assert [len(part.person.units) for part in found] == [3, 3, 1]
    assert [one for part in found for one in part.person.units] == list(whole.person.units)
    assert [part.row for part in found] == [whole.row, None, None]
    assert [(part.outcome.created, part.outcome.added) for part in found] == [(True, 1), (False, 0), (False, 0)]
    assert list(parts(whole, 7)) == [whole]


def test_only_the_first_part_counts_what_was_changed() -> None:
    outcome = Outcome(reason=None, updated=True, added=2, removed=1)
    whole = Settled(adding_up(*(news(*entered("a"), number=each) for each in range(2))), outcome, None)
    first, second = parts(whole, 1)
    assert first.outcome == outcome
    assert second.outcome == Outcome(reason=None, updated=False, added=0, removed=0)
