"""Who can be in an import, what its file says, and when it goes on."""

import csv
import io
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.created_leads import name_in_import
from destination.domain.lead_import import (
    MAX_BYTES,
    MAX_ROWS,
    Group,
    ImportPart,
    ImportStage,
    LeadImport,
    audience_of,
    being_imported,
    exceptions_in,
    group_of,
    header,
    is_in,
    is_told,
    lines,
    under_way,
)
from destination.domain.person import Applied, LedgerRow
from destination.domain.plan import Plan, Planner, Write
from destination.domain.refusal import Refusals
from destination.domain.schema import EMAIL, Field, FieldValue
from testing.persons import FIELDS, START, active, adding_up, audience, entered, on, row, sent, unit

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
EMAIL_FIELD = Field("email", EMAIL)
GROUP = Group(1001, ("company", "firstName"))
MADE = LeadImport("0" * 32, "c-1", GROUP, START, START, START, START)


def plan(fields: dict[str, FieldValue] | None = None, **changes: Any) -> Plan:
    """Lead 7 gets values and joins list 1001, unless said otherwise."""
    values = dict(FIELDS) if fields is None else fields
    person = adding_up(unit(0, *entered("a"), fields=values))
    plain = Plan(person, write=Write.UPDATE, fields=values, lead_id=7, unique=True, add=(audience("a"),))
    return replace(plain, **changes)


def test_people_are_grouped_by_list_and_fields() -> None:
    assert group_of(plan(), None, active()) == Group(1001, tuple(FIELDS))
    assert group_of(plan(add=()), None, active()) == Group(None, tuple(FIELDS))
    assert group_of(plan({}, write=Write.NOTHING), None, active()) == Group(1001, ())


@pytest.mark.parametrize(
    "other",
    [
        plan(lead_id=None),
        plan(unique=False),
        plan(write=Write.CREATE),
        plan(lead_id=None, write=Write.NOTHING),
        plan(remove={audience("b"): (7,)}),
        plan(add=(audience("a"), audience("b"))),
        plan(held=frozenset({audience("b")})),
        plan(spared=frozenset({audience("b")})),
        plan({}, write=Write.NOTHING, add=()),
        *(plan({"firstName": value}) for value in (None, "", " Ada", "Ada\n", "NULL", "null", "a\tb")),
    ],
)
def test_all_others_are_told_by_calls(other: Plan) -> None:
    assert group_of(other, None, active()) is None


def test_so_is_whoever_was_refused_something() -> None:
    refused = row(refusals={"update": Refusals("611", START, START, 1, 1)})
    assert group_of(plan(), refused, active()) is None


@pytest.mark.parametrize(
    ("group", "known", "allowed"),
    [
        (Group(None, ("company",)), NOTHING_KNOWN, True),
        (Group(1001, ("company",)), NOTHING_KNOWN, False),
        (Group(1001, ("company",)), Capabilities(joins_by_id=True), True),
        (Group(1001, ()), Capabilities(joins_by_id=True), False),
        (Group(1001, ()), Capabilities(joins_by_id=True, id_is_a_header=False), False),
        (Group(1001, ()), Capabilities(joins_by_id=True, id_is_a_header=True), True),
    ],
)
def test_a_group_needs_what_no_document_says(group: Group, known: Capabilities, allowed: bool) -> None:
    assert group.is_allowed(known) is allowed


def test_a_file_says_each_value_in_its_column() -> None:
    values: dict[str, FieldValue] = {"company": 'Engines, "Ltd"', "leadScore": 5, "share": 0.25, "unsubscribed": False}
    group = Group(None, tuple(values))
    text = header(group) + lines(group, [plan(values), plan({**values, "company": "Ü"}, lead_id=8)])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["id", *values],
        ["7", 'Engines, "Ltd"', "5", "0.25", "false"],
        ["8", "Ü", "5", "0.25", "false"],
    ]
    assert text.count("\r\n") == 3


def test_who_is_in_an_import_is_in_doubt_and_keeps_the_lead() -> None:
    before = row(applied={}, attributes=sent({"firstName": "Old"}), lead_id=None, looked_up_at=None)
    after = being_imported(plan(looked_up=True), before, active(), GROUP, "i", "p", START)
    assert after.applied == on("a", 7, is_sure=False)
    assert after.attributes is not None
    assert after.attributes.digest is None
    assert (after.lead_id, after.looked_up_at) == (7, START)
    assert after.importing is not None
    assert (after.importing.import_id, after.importing.part, after.importing.list_id) == ("i", "p", 1001)
    assert is_in(after, {"p", "q"})
    assert not is_in(after, {"q"})
    assert not is_in(before, {"p"})


def test_of_what_is_said_it_is_remembered_which_list_somebody_joins() -> None:
    """The rest is new when the events come back, and counted then."""
    before = row(desired={}, applied={})
    person = adding_up(unit(0, *entered("a", "b"), fields=dict(FIELDS)))
    after = being_imported(plan(person=person), before, active(), GROUP, "i", "p", START)
    assert after.desired == {audience("a"): person.desired[audience("a")]}


def test_parts_are_under_way_until_who_waited_has_come_back() -> None:
    one = replace(MADE, parts=(ImportPart("p", 1, 9),))
    ended = replace(one, stage=ImportStage.ENDED, ended_at=START)
    assert under_way([one], START + 90 * 24 * HOUR) == {"p"}
    assert under_way([ended], START + 59 * MINUTE) == {"p"}
    assert under_way([ended], START + HOUR) == set()


def test_what_nobody_carries_on_is_left_once_nothing_of_it_is_written() -> None:
    assert not MADE.is_left(START + 59 * MINUTE)
    assert MADE.is_left(START + HOUR)
    for stage in (ImportStage.SENDING, ImportStage.SENT):
        assert not replace(MADE, stage=stage).is_left(START + 23 * HOUR)
        assert replace(MADE, stage=stage).is_left(START + 24 * HOUR)
    left = MADE.left(START)
    assert (left.is_going_on, left.is_through, left.ended_at) == (False, False, START)
    assert not left.is_left(START + 90 * 24 * HOUR)


def test_it_is_sent_as_long_as_its_list_is_the_connections_and_its_values_may_be_written() -> None:
    assert replace(MADE, group=GROUP).is_wanted(active(), may_write=True)
    assert not replace(MADE, group=GROUP).is_wanted(active(), may_write=False)
    assert replace(MADE, group=Group(1001, ())).is_wanted(active(), may_write=False)
    assert not replace(MADE, group=Group(4711, ())).is_wanted(active(), may_write=True)
    assert replace(MADE, group=Group(None, ("firstName",))).is_wanted(active(), may_write=True)


def test_what_an_import_told_is_what_the_plan_is_to_tell_or_nothing() -> None:
    after = being_imported(plan(), LedgerRow(), active(), GROUP, "i", "p", START)
    one = after.importing
    assert one is not None
    again = Planner.of(active(), START).decide(plan().person, after, None)
    assert is_told(again, one, active())
    assert not is_told(replace(again, lead_id=8), one, active())
    assert not is_told(replace(again, add=()), one, active())
    assert not is_told(replace(again, add=(audience("b"),)), one, active())
    assert not is_told(replace(again, remove={audience("a"): (9,)}), one, active())
    assert not is_told(replace(again, write=Write.NOTHING), one, active())
    assert not is_told(plan({"firstName": "Newer"}), one, active())
    assert audience_of(one, active()) == audience("a")
    assert audience_of(one._replace(list_id=4711), active()) is None


def test_an_import_that_is_forgotten_leaves_everything_in_doubt_whatever_was_found_meanwhile() -> None:
    after = being_imported(plan(), LedgerRow(), active(), GROUP, "i", "p", START)
    found = replace(after, applied=on("a"), attributes=sent())
    forgotten = found.forgetting_import(audience("a"))
    assert forgotten.applied == {audience("a"): Applied(1001, (7,), is_sure=False)}
    assert forgotten.attributes is not None
    assert (forgotten.attributes.digest, forgotten.importing) == (None, None)
    assert found.forgetting_import(None).applied == on("a")
    assert forgotten.forgetting_import(audience("a")) == forgotten


def test_an_import_gathers_until_nothing_comes_or_it_is_full() -> None:
    assert MADE.gathers_for(START) == 3 * MINUTE
    later = replace(MADE, added_at=START + 29 * MINUTE)
    assert later.gathers_for(START + 29 * MINUTE) == MINUTE
    assert later.gathers_for(START + 31 * MINUTE) == timedelta(0)
    assert not replace(MADE, parts=(ImportPart("p", MAX_ROWS, 9),)).gathers_for(START)
    assert not replace(MADE, parts=(ImportPart("p", 9, MAX_BYTES),)).gathers_for(START)


def test_it_is_asked_for_less_and_less_often() -> None:
    waits = [replace(MADE, polls=polls).next_poll.total_seconds() for polls in range(8)]
    assert waits == [30, 60, 120, 240, 300, 300, 300, 300]


def test_it_is_sent_again_later_and_later() -> None:
    waits = [replace(MADE, attempts=attempts).next_attempt(MINUTE) / MINUTE for attempts in range(6)]
    assert waits == [1, 2, 4, 8, 15, 15]
    assert MADE.next_attempt(timedelta(seconds=5)) == MINUTE


def test_who_waits_for_it_comes_back_by_themselves_if_nobody_says_that_it_has_ended() -> None:
    assert MADE.held_until(START) == START + 3 * HOUR == MADE.expected_at
    assert MADE.held_until(START + 4 * HOUR) == START + 4 * HOUR + 15 * MINUTE
    assert replace(MADE, opened_at=START + timedelta(microseconds=5)).expected_at == START + 3 * HOUR


def test_it_is_silent_after_an_hour_unless_it_has_ended() -> None:
    assert not MADE.is_silent(START + 59 * MINUTE)
    assert MADE.is_silent(START + HOUR)
    assert not replace(MADE, queued_at=START + MINUTE).is_silent(START + HOUR)
    assert not replace(MADE, stage=ImportStage.ENDED).is_silent(START + HOUR)


@pytest.mark.parametrize(
    ("rows", "leads"),
    [([], set()), ([{"id": "7"}, {"id": "8"}], {"7", "8"}), ([{"id": "x"}], None), ([{"email": "7"}], None)],
)
def test_exceptions_are_known_by_their_leads_or_not_at_all(rows: list[dict[str, str]], leads: set[str] | None) -> None:
    assert exceptions_in(rows, None) == leads


def test_whom_an_import_did_not_create_is_known_by_the_key() -> None:
    ada = name_in_import("ada@example.org")
    assert exceptions_in([{"email": "Ada@Example.org", "company": "x"}], EMAIL_FIELD) == {ada}
    assert exceptions_in([{"email": "nobody"}], EMAIL_FIELD) is None
    assert exceptions_in([{"id": "7"}], EMAIL_FIELD) is None


def new(fields: dict[str, FieldValue] | None = None, **changes: Any) -> Plan:
    """Somebody is created and joins list 1001, unless said otherwise."""
    values = {**FIELDS, "email": "Ada@example.org"} if fields is None else fields
    return plan(values, **{"write": Write.CREATE, "lead_id": None, "looked_up": True} | changes)


def test_new_people_are_grouped_by_how_they_are_created() -> None:
    columns = tuple(one for one in FIELDS if one != "email")
    assert group_of(new(), None, active()) == Group(1001, columns, "email", "Default")
    assert group_of(new(), None, active(partition="EMEA")) == Group(1001, columns, "email", "EMEA")
    assert group_of(new(), None, active()) != group_of(plan(), None, active())
    names = {Group(1001, columns, by, at).name for by, at in (("id", None), ("email", "A"), ("email", "B"))}
    assert len(names) == 3


@pytest.mark.parametrize(
    "other",
    [
        new(looked_up=False),
        new(unique=False),
        new(add=()),
        new(add=(audience("a"), audience("b"))),
        new(remove={audience("b"): (7,)}),
        new(spared=frozenset({audience("b")})),
        *(new({"email": "ada@example.org", "firstName": value}) for value in (None, "", " Ada", "null")),
    ],
)
def test_all_other_new_people_are_created_by_calls(other: Plan) -> None:
    assert group_of(other, None, active()) is None


@pytest.mark.parametrize("known", [None, False, True])
def test_people_are_created_by_imports_where_they_are_on_the_list_then(known: bool | None) -> None:
    everything_else = Capabilities(joins_by_id=True, id_is_a_header=True, creates_on_list=known)
    assert Group(1001, (), "email", "Default").is_allowed(everything_else) is (known is True)


def test_the_file_of_new_people_names_them_by_their_value() -> None:
    group = Group(1001, ("company",), "email", "Default")
    text = header(group) + lines(group, [new({"company": "Engines", "email": "Ada@example.org"})])
    assert text == "email,company\r\nAda@example.org,Engines\r\n"


def test_who_is_created_by_an_import_is_in_doubt_without_a_lead() -> None:
    before = row(applied={}, lead_id=None, looked_up_at=START)
    group = Group(1001, ("firstName",), "email", "Default")
    after = being_imported(new(), before, active(), group, "i", "p", START)
    one = after.importing
    assert one is not None
    assert (after.lead_id, after.looked_up_at, one.lead_id) == (None, None, None)
    assert after.applied == {audience("a"): Applied(1001, (), is_sure=False)}
    again = Planner.of(active(), START).decide(new().person, after, None)
    assert again.write is Write.CREATE
    assert is_told(again, one, active())
    assert not is_told(new(write=Write.UPDATE, lead_id=7), one, active())
    assert not is_told(new(write=Write.NOTHING), one, active())
    assert not is_told(new(add=()), one, active())
    assert not is_told(plan(), one, active())
    forgotten = after.forgetting_import(audience("a"))
    assert forgotten.applied == after.applied
    assert Planner.of(active(), START).needs_lookup(new().person, forgotten)
