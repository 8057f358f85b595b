"""A withdrawal of consent, planned and settled: off every list that the person may be on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, SyncType
from destination.domain.event import Membership
from destination.domain.matching import Lead
from destination.domain.outcome import NO_CONSENT, Class, Outcome, rejected
from destination.domain.person import Applied, ConsentWord, LedgerRow, Unit
from destination.domain.plan import Plan, Planner, Write
from destination.domain.settle import Answer, Answers, Settled, progress, settle
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
    on,
    out_of_audience,
    row,
    said,
    unit,
    word,
)

A, B, C = audience("a"), audience("b"), audience("c")
OURS = active(activation("a"), activation("b"), activation("c"))
"""Its lists hold nobody whom we did not put there, and leads are trusted for a day."""

SHARED = active(activation("a"), activation("b", may_hold_others=True), activation("c", may_hold_others=True))
SEVERAL = [lead(3, updated=-60), lead(5)]
WITHDRAWN = ConsentWord(is_given=False, said=said(0))


def withdrawing(*memberships: Membership, at: float = 0) -> Unit:
    return unit(0, *memberships, at=at, consents=False)


def known(**changes: object) -> LedgerRow:
    """On list `a` by lead 7, taken off `b`, in no audience `c`; with consent."""
    plain = row(
        desired={A: in_audience(), B: out_of_audience()},
        applied={**on("a", 7), **on("b")},
        consent=word(given=True),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def planned(
    one: Unit, matches: Sequence[Lead] | None, before: LedgerRow | None, target: ActiveConnection = OURS
) -> Plan:
    return Planner.of(target, START).decide(adding_up(one, row=before, target=target), before, matches)


def looks_up(one: Unit, before: LedgerRow | None, target: ActiveConnection = OURS) -> bool:
    return Planner.of(target, START).needs_lookup(adding_up(one, row=before, target=target), before)


def settled(plan: Plan, before: LedgerRow | None, leaves: Mapping[AudienceKey, Sequence[Answer]]) -> Settled:
    answers = Answers(None, {}, leaves)
    assert answers.are_all_of(plan)
    return settle(SHARED, plan, answers, before, START)


# Whom it concerns, and who is looked up


@pytest.mark.parametrize(
    ("before", "remove"),
    [
        (known(), {A: (7,)}),
        (known(applied={**on("a", 7, 3), **on("b", 7)}), {A: (7, 3), B: (7,)}),
        (known(applied=on("a", 7, list_id=2001), desired={}), {}),
        (known(applied={**on("a"), **on("b")}), {}),
        (known(desired={A: out_of_audience()}), {A: (7,)}),
        (known(desired={C: out_of_audience()}, applied={**on("a"), **on("c", 7)}), {C: (7,)}),
    ],
    ids=["on a list", "by several leads", "on another list", "off all", "not taken off yet", "left lately"],
)
def test_whose_leads_are_known_is_taken_off_without_a_lookup(
    before: LedgerRow, remove: Mapping[AudienceKey, tuple[int, ...]]
) -> None:
    assert not looks_up(withdrawing(), before)
    plan = planned(withdrawing(), None, before)
    assert (plan.verdict, plan.remove, plan.add, plan.write) == (NO_CONSENT, remove, (), Write.NOTHING)
    assert plan.looked_up is False


@pytest.mark.parametrize(
    ("before", "lists"),
    [
        (known(applied={**on("a", 7), **on("b", is_sure=False)}), {A: (7, 5), B: (5,)}),
        (known(applied=on("a", 7, is_sure=False)), {A: (7, 5)}),
        (known(applied={}), {A: (5,)}),
        (known(applied={**on("a", 7, list_id=2001), **on("b")}), {A: (5,)}),
    ],
    ids=["perhaps by a lead that was created", "perhaps by a known lead", "never applied", "applied on another list"],
)
def test_who_may_be_on_a_list_by_a_lead_that_is_not_known_is_looked_up(
    before: LedgerRow, lists: Mapping[AudienceKey, tuple[int, ...]]
) -> None:
    assert looks_up(withdrawing(), before)
    assert planned(withdrawing(), SEVERAL, before).remove == lists
    nobody = planned(withdrawing(), [], before)
    assert nobody.remove == {one: leads[:-1] for one, leads in lists.items() if leads[:-1]}


@pytest.mark.parametrize("before", [None, LedgerRow(), LedgerRow(desired={A: out_of_audience()})], ids=str)
def test_a_stranger_is_looked_up_and_taken_off_lists_that_may_hold_others(before: LedgerRow | None) -> None:
    assert looks_up(withdrawing(), before, SHARED)
    plan = planned(withdrawing(), SEVERAL, before, SHARED)
    assert (plan.verdict, plan.remove, plan.looked_up) == (NO_CONSENT, {B: (5,), C: (5,)}, True)
    assert planned(withdrawing(), [], before, SHARED).remove == {}
    assert not looks_up(withdrawing(*left("b")), before, OURS)


def test_who_is_known_was_put_by_others_perhaps_on_a_list_that_the_ledger_says_nothing_of() -> None:
    """Of `b` it says that the person was taken off, of `c` nothing."""
    assert looks_up(withdrawing(), known(), SHARED)
    assert planned(withdrawing(), SEVERAL, known(), SHARED).remove == {A: (7, 5), C: (5,)}
    assert planned(withdrawing(), [], known(), SHARED).remove == {A: (7,)}
    after = known(consent=WITHDRAWN, applied={**on("a"), **on("b")})
    assert not looks_up(withdrawing(at=5), after, SHARED), "it was looked up, and nobody was found"
    assert planned(withdrawing(at=5), None, after, SHARED).remove == {}


def test_who_is_known_was_put_on_none_of_our_lists_that_the_ledger_does_not_name() -> None:
    assert not looks_up(withdrawing(), known(applied=on("a", 7)), OURS)
    assert planned(withdrawing(), None, known(applied=on("a", 7)), OURS).remove == {A: (7,)}


@pytest.mark.parametrize("applied", [{}, on("b")], ids=["nobody was found", "taken off"])
def test_a_stranger_is_looked_up_once_for_each_withdrawal(applied: Mapping[AudienceKey, Applied]) -> None:
    after = LedgerRow(consent=WITHDRAWN, applied=applied, looked_up_at=START)
    assert not looks_up(withdrawing(at=5), after, SHARED)
    assert planned(withdrawing(at=5), None, after, SHARED).remove == {}


def test_who_withdraws_again_after_giving_consent_is_looked_up_again() -> None:
    assert looks_up(withdrawing(at=5), LedgerRow(consent=word(given=True)), SHARED)


def test_while_it_is_in_doubt_whether_somebody_is_off_a_list_every_withdrawal_looks_up() -> None:
    assert looks_up(withdrawing(at=5), known(consent=WITHDRAWN, applied=on("a", 7, is_sure=False)))


def test_a_withdrawal_in_an_entry_puts_nobody_on_a_list() -> None:
    plan = planned(withdrawing(*entered("c")), [lead()], known())
    assert (plan.add, plan.remove) == ((), {A: (7,)})


def test_on_a_connection_without_lists_a_withdrawal_is_remembered_alone() -> None:
    of = active(sync_type=SyncType.PROFILE_ONLY)
    for before in (known(), None):
        one = withdrawing(*entered("a"))
        assert not looks_up(one, before, of)
        plan = planned(one, None, before, of)
        assert (plan.verdict, plan.tells) == (NO_CONSENT, False)
        result = settle(of, plan, Answers(), before, START)
        assert result.row == replace(before or LedgerRow(), desired=plan.person.desired, consent=WITHDRAWN), (
            "so that it is taken off when the connection has lists again"
        )


def test_a_withdrawal_that_was_remembered_takes_off_when_the_connection_has_lists_again() -> None:
    plan = planned(withdrawing(), None, known(consent=WITHDRAWN))
    assert (plan.verdict, plan.remove) == (NO_CONSENT, {A: (7,)})


# What becomes of it


def test_who_withdrew_is_excluded_and_off_the_lists() -> None:
    before = known(applied={**on("a", 7), **on("b"), **on("c", is_sure=False)})
    plan = planned(withdrawing(*entered("a"), *left("b")), SEVERAL, before, SHARED)
    one = settled(plan, before, {A: [Answer(7), Answer(5, "1015")], C: [Answer(5)]})
    assert one.outcome == Outcome(NO_CONSENT, removed=2, audiences={A: NO_CONSENT, B: NO_CONSENT})
    assert one.outcome.outcome is Class.EXCLUDED
    assert one.row == LedgerRow(
        plan.person.desired, {**on("a"), **on("b"), **on("c")}, before.attributes, WITHDRAWN, None, None
    )
    assert one.row.desired[A].is_realized, "so that consent brings back"


def test_a_stranger_who_withdrew_is_known_to_be_off_the_lists() -> None:
    plan = planned(withdrawing(), [lead()], None, SHARED)
    one = settled(plan, None, {B: [Answer(7)], C: [Answer(7, "1015")]})
    assert one.outcome == Outcome(NO_CONSENT, removed=1)
    assert one.row is not None
    assert (one.row.applied, one.row.consent) == ({**on("b"), **on("c")}, WITHDRAWN)
    assert (one.row.lead_id, one.row.looked_up_at) == (7, START), "so that a list that is filled finds it"
    assert not looks_up(withdrawing(at=5), one.row, SHARED)


def test_a_list_that_does_not_let_go_fails_the_withdrawal_and_is_tried_again() -> None:
    before = known(applied={**on("a", 7), **on("b", 7)})
    plan = planned(withdrawing(*entered("a", "b", "c")), [], before)
    one = settled(plan, before, {A: [Answer(7)], B: [Answer(7, "1003")]})
    assert (one.outcome.reason, one.outcome.removed) == (rejected("1003"), 1)
    assert one.outcome.audiences == {A: NO_CONSENT, B: rejected("1003"), C: NO_CONSENT}
    assert one.row is not None
    assert one.row.applied == {**on("a"), **on("b", 7)}
    assert planned(withdrawing(at=5), None, one.row).remove == {B: (7,)}


def test_a_list_of_others_that_does_not_let_go_is_tried_again() -> None:
    before = known(applied={**on("a"), **on("b")})
    plan = planned(withdrawing(), [lead()], before, SHARED)
    assert plan.remove == {C: (7,)}
    one = settled(plan, before, {C: [Answer(7, "1003")]})
    assert one.outcome.reason == rejected("1003")
    assert one.row is not None
    assert looks_up(withdrawing(), one.row, SHARED)
    assert planned(withdrawing(), [lead()], one.row, SHARED).remove == {C: (7,)}


def test_a_withdrawal_that_is_carried_out_in_part_is_in_doubt_for_the_rest() -> None:
    before = known(applied={**on("a", 7), **on("b", 7)})
    plan = planned(withdrawing(), None, before)
    one = progress(OURS, plan, Answers(leaves={A: [Answer(7)]}), before, START)
    assert (one.removed, one.row.applied) == (1, {**on("a"), **on("b", 7, is_sure=False)})
    assert looks_up(withdrawing(), one.row)


# Consent given again


def test_consent_brings_back_to_every_list_that_is_desired() -> None:
    before = known(
        desired={A: in_audience(), B: in_audience(), C: out_of_audience()},
        applied={**on("a"), **on("b"), **on("c")},
        consent=word(given=False),
    )
    again = unit(0, consents=True, fields=FIELDS)
    assert looks_up(again, replace(before, lead_id=None, looked_up_at=None))
    plan = planned(again, [lead()], before)
    assert (plan.add, plan.remove) == ((A, B), {})


def test_an_older_event_with_consent_does_not_bring_back() -> None:
    before = known(applied=on("a"), consent=word(given=False, at=-5))
    older = unit(0, at=-10, consents=True, fields={"company": "New"})
    assert not looks_up(older, before)
    plan = planned(older, None, before)
    assert (plan.tells, plan.fields) == (False, {})


def test_the_word_on_consent_outlasts_what_is_told() -> None:
    plan = planned(unit(0, at=-90, consents=True, fields={"company": "New"}), None, known(attributes=None))
    assert plan.write is Write.UPDATE
    one = settle(OURS, plan, Answers(Answer(7)), known(attributes=None), START)
    assert one.row is not None
    assert one.row.consent == word(given=True)
