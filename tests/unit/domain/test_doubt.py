"""What the ledger holds while Marketo is being told something, whose answer may be lost."""

from dataclasses import replace

import pytest

from destination.domain.person import LedgerRow, Person
from destination.domain.plan import Plan, Planner, Write, in_doubt
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
TARGET = active(activation("a"), activation("b"), activation("c"))
ROW = row(desired={A: in_audience(), B: out_of_audience()}, applied={**on("a", 3), **on("b")}, consent=word(given=True))


def person() -> Person:
    return adding_up(unit(0, *entered("b", "c"), fields=FIELDS), target=TARGET)


def held(plan: Plan, known: LedgerRow = ROW) -> LedgerRow:
    return in_doubt(plan, known, TARGET)


def test_attributes_that_are_being_written_are_unknown_and_nothing_else_is() -> None:
    assert held(Plan(person(), write=Write.UPDATE, lead_id=7)) == replace(ROW, attributes=sent()._replace(digest=None))


def test_attributes_that_were_never_written_have_nothing_to_be_doubted() -> None:
    never = replace(ROW, attributes=None)
    assert held(Plan(person(), write=Write.UPDATE, lead_id=7), never) == never


def test_while_somebody_is_created_it_is_not_trusted_that_nobody_is_there() -> None:
    nobody = LedgerRow(looked_up_at=minute(-1))
    assert held(Plan(person(), write=Write.CREATE), nobody) == LedgerRow()


@pytest.mark.parametrize(
    ("plan", "applied"),
    [
        (Plan(person(), lead_id=7, add=(B, C)), {**on("b", 7, is_sure=False), **on("c", 7, is_sure=False)}),
        (Plan(person(), add=(B, C)), {**on("b", is_sure=False), **on("c", is_sure=False)}),
        (Plan(person(), lead_id=7, add=(A,)), on("a", 3, 7, is_sure=False)),
        (Plan(person(), lead_id=3, add=(A,)), on("a", 3, is_sure=False)),
        (Plan(person(), lead_id=7, add=(A,), remove={A: (3,)}), on("a", 3, 7, is_sure=False)),
        (Plan(person(), lead_id=7, remove={A: (7, 3)}), on("a", 3, 7, is_sure=False)),
        (Plan(person(), lead_id=7, remove={B: (7,)}), on("b", 7, is_sure=False)),
        (Plan(person(), lead_id=7), {}),
    ],
    ids=[
        "joins",
        "joins by a lead that is being created",
        "joins where another lead is",
        "joins again",
        "moves",
        "leaves",
        "leaves a list that it may be on",
        "stays",
    ],
)
def test_on_a_list_that_is_being_changed_each_lead_may_be_or_not(plan: Plan, applied: dict[object, object]) -> None:
    assert held(plan) == replace(ROW, applied={**ROW.applied, **applied})  # type: ignore[dict-item]


def test_what_was_put_on_another_list_is_not_on_this_one() -> None:
    known = replace(ROW, applied=on("a", 3, list_id=2001))
    assert held(Plan(person(), lead_id=7, add=(A,)), known).applied == on("a", 7, is_sure=False)


def test_an_audience_without_a_list_has_nothing_to_be_doubted() -> None:
    target = active(activation("a", list_id=None), activation("b"))
    plan = Plan(person(), lead_id=7, add=(A, B), remove={A: (3,)})
    assert in_doubt(plan, ROW, target).applied == {**ROW.applied, **on("b", 7, is_sure=False)}


@pytest.mark.parametrize("is_left", [False, True])
def test_after_an_answer_was_lost_the_same_is_told_again(*, is_left: bool) -> None:
    """What is held in doubt is enough to put it right, whichever part Marketo carried out."""
    known, one = row(applied=on("a", 3)), unit(0, *(left("a") if is_left else entered("a")), fields={"company": "New"})
    planner = Planner.of(TARGET, START)
    plan = planner.decide(adding_up(one, row=known, target=TARGET), known, [lead()])
    again = planner.decide(adding_up(one, row=held(plan, known), target=TARGET), held(plan, known), [lead()])
    assert (again.write, again.fields, again.add) == (plan.write, plan.fields, plan.add)
    assert {name: set(leads) for name, leads in again.remove.items()} == {
        name: set(leads) for name, leads in plan.remove.items()
    }
    assert planner.needs_lookup(adding_up(one, row=held(plan, known), target=TARGET), held(plan, known)) is (
        planner.needs_lookup(plan.person, known)
    )
