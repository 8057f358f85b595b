"""The rounds of a delivery over the ledger's rows: who is looked up, what is in doubt, and what ends on the lists."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import pytest

from destination.delivery.bulk_lane import Rows
from destination.delivery.calls import Caller
from destination.delivery.circuits import Circuits
from destination.delivery.conversation import Conversation
from destination.delivery.round import Delivery, Result
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Consent, Generation, Limits
from destination.domain.event import MembershipStatus
from destination.domain.outcome import ALREADY_DELIVERED, MISSING_REQUIRED_ATTRIBUTE, NO_CONSENT, SUPERSEDED
from destination.domain.person import Applied, LedgerRow, Person, Unit, by_key
from destination.domain.schema import Field
from marketo_simulator import Fault
from testing.persons import (
    ADA,
    FIELDS,
    HOUR,
    activation,
    active,
    audience,
    desired,
    entered,
    in_audience,
    left,
    on,
    out_of_audience,
    row,
    sent,
    unit,
    word,
)
from testing.simulated import Simulated

A, B, C = audience("a"), audience("b"), audience("c")
EMAIL, ECID = Field("email", "email", 255), Field("ecidText", "string", 60)
BOB = "bob@example.org"
NAMED = {"firstName": "Ada", "lastName": "Lovelace"}


@dataclass
class Ledger:
    """Rows by key, which each delivery reads and writes as the accounts do; and what it held on the way."""

    of: Simulated
    target: ActiveConnection = field(default_factory=lambda: active(lead_cache=0 * HOUR))
    ecid_field: Field | None = None
    rows: dict[str, LedgerRow] = field(default_factory=dict)
    doubts: list[tuple[dict[str, LedgerRow], list[str]]] = field(default_factory=list)
    noted: list[tuple[Person, list[str]]] = field(default_factory=list)

    def deliver(self, *units: Unit) -> Result:
        """Deliver units, and keep what the ledger is to hold of them."""
        persons = by_key(units)
        delivery = Delivery(
            target=self.target,
            conversation=Conversation(self.target, self.of.marketo, Caller(Circuits(self.of.clock.now), 5)),
            dedupe_field=EMAIL,
            clock=self.of.clock.now,
            rows_of=self.rows_of,
            remember=self.remember,
            note=self.note,
            ecid_field=self.ecid_field,
        )
        result = delivery(persons, self.rows_of(persons))
        self.rows |= result.kept
        self.rows |= {one.person.key: one.row for one in result.progress}
        self.rows |= {one.person.key: one.row for one in result.settled if one.row is not None}
        return result

    def rows_of(self, keys: Collection[str]) -> Rows:
        return {key: self.rows[key] for key in keys if key in self.rows}

    def remember(self, rows: Rows) -> None:
        if rows:
            self.rows |= rows
            self.doubts.append((dict(rows), self.of.calls))

    def note(self, persons: Sequence[Person]) -> None:
        self.noted += ((one, self.of.calls) for one in persons)


def changes(result: Result) -> tuple[int, int, int, int]:
    """How many were created, updated, added and removed, by those who are settled."""
    outcomes = [one.outcome for one in result.settled]
    return (
        sum(one.created for one in outcomes),
        sum(one.updated for one in outcomes),
        sum(one.added for one in outcomes),
        sum(one.removed for one in outcomes),
    )


def ada(*memberships: object, at: float = 0, **others: object) -> Unit:
    return unit(0, *memberships, at=at, **({"fields": NAMED} | others))  # type: ignore[arg-type]


# What is desired is kept, whatever becomes of it


def test_an_older_entry_does_not_overtake_a_newer_exit_that_was_excluded() -> None:
    of = Simulated()
    ledger = Ledger(of)
    first = ledger.deliver(ada(*left("a", at=100), *entered("b", at=100), at=100, fields={"firstName": "Ada"}))
    assert [one.outcome.reason for one in first.settled] == [MISSING_REQUIRED_ATTRIBUTE]
    assert changes(ledger.deliver(ada(*entered("a")))) == (1, 0, 1, 0)
    [created] = of.leads
    assert of.members == {"a": [], "b": [created]}


def test_of_an_ignored_event_the_row_is_kept_and_nobody_is_asked() -> None:
    of = Simulated()
    ledger = Ledger(of, active(dormant="c"))
    one = ada(dormant=left("c"))
    result = ledger.deliver(one)
    assert (result.settled, result.ignored, result.halt) == ((), (one,), None)
    assert ledger.rows == {ADA: LedgerRow(desired={C: desired(MembershipStatus.EXITED, 0)})}
    assert ledger.deliver(one).kept == {}
    assert of.calls == []


def test_a_known_member_is_updated_by_an_event_that_names_no_audience() -> None:
    of = Simulated()
    ledger = Ledger(of)
    ledger.deliver(ada(*entered("a"), fields={**NAMED, "company": "Old"}))
    assert changes(ledger.deliver(ada(at=1, fields={**NAMED, "company": "New"}))) == (0, 1, 0, 0)
    assert [one["company"] for one in of.leads.values()] == ["New"]


def test_what_was_delivered_costs_no_call() -> None:
    of = Simulated()
    ledger = Ledger(of)
    ledger.deliver(ada(*entered("a")))
    before = of.calls
    for again in (ada(*entered("a")), ada(*entered("a", at=5), at=5), ada(at=6)):
        assert [one.outcome.reason for one in ledger.deliver(again).settled] == [ALREADY_DELIVERED]
    late = ada(*left("a", at=-5), at=-5)
    assert [one.reason_of(late) for one in ledger.deliver(late).settled] == [SUPERSEDED]
    assert of.calls == before


# Whose lead became another


@pytest.mark.parametrize("fields", [NAMED, {**NAMED, "company": "New"}], ids=["a new entry", "and new attributes"])
def test_a_lead_that_was_deleted_and_made_anew_is_on_the_list(fields: dict[str, str]) -> None:
    """One look-up tells: whoever has something to be told ends with the right lists."""
    of = Simulated({"id": 8, "email": ADA})
    ledger = Ledger(of, rows={ADA: row()})
    result = ledger.deliver(ada(*entered("b"), fields=fields))
    assert changes(result) == (0, 1, 2, 0)
    assert of.members == {"a": [8], "b": [8]}
    assert ledger.rows[ADA].applied == {**on("a", 8), **on("b", 8)}


def test_a_newer_duplicate_takes_the_membership_over() -> None:
    of = Simulated({"id": 7, "email": ADA}, {"id": 9, "email": ADA})
    of.marketo.lists.add(1001, [7])
    ledger = Ledger(of, rows={ADA: row()})
    assert changes(ledger.deliver(ada(at=1, fields={**NAMED, "company": "New"}))) == (0, 1, 1, 0)
    assert of.members["a"] == [9]
    assert ledger.rows[ADA].applied == on("a", 9)


def test_a_lead_that_is_another_persons_by_now_stays_where_that_person_is() -> None:
    """Its address was changed in Marketo: Bob, who is in the audience too, is that lead."""
    of = Simulated({"id": 7, "email": BOB})
    of.marketo.lists.add(1001, [7])
    ledger = Ledger(of, rows={ADA: row(), BOB: row()})
    assert changes(ledger.deliver(ada(*left("a"), at=1))) == (0, 0, 0, 0)
    assert of.members["a"] == [7]
    assert ledger.rows[ADA].applied == on("a")


@pytest.mark.parametrize(
    ("applied", "leads"),
    [({}, (7,)), (on("a"), (7,)), (on("a", 8), (8, 7))],
    ids=["not told", "off", "by another lead"],
)
def test_a_lead_of_somebody_who_is_to_be_there_is_taken_over_until_their_next_event(
    applied: dict[AudienceKey, Applied], leads: tuple[int, ...]
) -> None:
    of = Simulated({"id": 7, "email": BOB}, {"id": 8, "email": "former@example.org"})
    of.marketo.lists.add(1001, [7, *(one for one in leads if one != 7)])
    ledger = Ledger(of, rows={ADA: row(), BOB: row(applied=applied)})
    assert changes(ledger.deliver(ada(*left("a"), at=1))) == (0, 0, 0, 0)
    assert (ledger.rows[ADA].applied, ledger.rows[BOB].applied) == (on("a"), on("a", *leads, is_sure=False))
    ledger.deliver(replace(ada(*entered("a", at=-60), at=-60), key=BOB, dedupe_value=BOB))
    assert of.members["a"] == [7]
    assert ledger.rows[BOB].applied == on("a", 7)


@pytest.mark.parametrize(
    "bob",
    [None, row(desired={}), row(desired={audience("a"): out_of_audience()}), row(consent=word(given=False))],
    ids=["not known", "in no audience", "left", "without consent"],
)
def test_a_lead_that_nobody_else_has_there_is_taken_off(bob: LedgerRow | None) -> None:
    of = Simulated({"id": 7, "email": BOB})
    of.marketo.lists.add(1001, [7])
    asking = active(lead_cache=0 * HOUR, consent=Consent("consent", ("y",)))
    ledger = Ledger(of, asking, rows={ADA: row()} | ({BOB: bob} if bob else {}))
    result = ledger.deliver(ada(*left("a"), at=1))
    assert (changes(result), of.members["a"]) == ((0, 0, 0, 1), [])


def test_within_a_batch_a_lead_stays_where_its_new_person_is_to_be() -> None:
    of = Simulated({"id": 7, "email": BOB})
    of.marketo.lists.add(1001, [7])
    ledger = Ledger(of, rows={ADA: row()})
    bob = replace(ada(*entered("a")), key=BOB, dedupe_value=BOB)
    ledger.deliver(ada(*left("a"), at=1), replace(bob, origin=bob.origin._replace(number="1")))
    assert of.members["a"] == [7]
    assert ledger.rows[BOB].applied == on("a", 7)


# One lead, several persons


def legacy() -> ActiveConnection:
    return active(generation=Generation.LEGACY_V2, ecid_field="ecidText", lead_cache=0 * HOUR)


def test_a_second_address_of_a_lead_is_held_by_the_first_and_added_once() -> None:
    of = Simulated(fields=[{"name": "ecidText", "data_type": "string", "length": 60, "searchable": True}])
    ledger = Ledger(of, legacy(), ECID)
    first = ada(*entered("a"), ecid="111")
    second = replace(first, key="new@example.org", dedupe_value="new@example.org")
    assert changes(ledger.deliver(first)) == (1, 0, 1, 0)
    result = ledger.deliver(second)
    assert changes(result) == (0, 1, 0, 0)
    [only] = of.leads
    assert of.members["a"] == [only]
    gone = ledger.deliver(replace(second, memberships=left("a", at=1), at=first.at + HOUR))
    assert (changes(gone)[3], of.members["a"]) == (0, [only]), "the first address is in the audience still"
    gone = ledger.deliver(replace(first, memberships=left("a", at=1), at=first.at + HOUR))
    assert (changes(gone)[3], of.members["a"]) == (1, [])


def test_two_addresses_of_a_lead_in_one_batch_are_added_once() -> None:
    of = Simulated(
        {"id": 7, "email": ADA, "ecidText": "111"},
        fields=[{"name": "ecidText", "data_type": "string", "length": 60, "searchable": True}],
    )
    ledger = Ledger(of, legacy(), ECID)
    first = ada(*entered("a"), ecid="111")
    second = replace(first, key=BOB, dedupe_value=BOB, origin=first.origin._replace(number="1"))
    assert changes(ledger.deliver(first, second))[2] == 1
    assert of.members["a"] == [7]
    assert {one.applied[A] for one in ledger.rows.values()} == {on("a", 7)[A]}


# Doubt and progress


def test_before_marketo_is_told_the_ledger_holds_in_doubt_what_is_known_of_the_person() -> None:
    of = Simulated({"id": 7, "email": ADA})
    ledger = Ledger(of, rows={ADA: row(applied={})})
    ledger.deliver(ada(fields={**NAMED, "company": "New"}))
    [(rows, calls)] = ledger.doubts
    assert rows == {ADA: row(applied=on("a", 7, is_sure=False), attributes=sent()._replace(digest=None))}
    assert calls == ["GET /rest/v1/leads.json"]
    assert ledger.rows[ADA].applied == on("a", 7)


def test_of_who_is_not_known_nothing_can_be_wrong_but_where_consent_may_be_withdrawn() -> None:
    for consents, doubts in ((None, 0), (True, 1)):
        of = Simulated()
        target = active(consent=Consent("share", ("y",)) if consents else None)
        ledger = Ledger(of, target)
        ledger.deliver(ada(*entered("a"), consents=consents))
        assert len(ledger.doubts) == doubts


def test_a_creation_is_noted_before_the_lists_are_changed() -> None:
    of = Simulated()
    of.simulator.script(Fault("error", code="611", path="/lists/"))
    ledger = Ledger(of)
    halted = ledger.deliver(ada(*entered("a")))
    assert (halted.settled, halted.halt, set(halted.held)) == ((), None, {ADA})
    [(_, calls)] = ledger.noted
    assert not [one for one in calls if "/lists/" in one]
    assert [(one.created, one.added) for one in halted.progress] == [(False, 0)]
    again = ledger.deliver(ada(*entered("a")))
    assert changes(again) == (0, 0, 1, 0)
    assert of.members["a"] == list(of.leads)


def test_what_was_answered_of_a_halted_turn_is_not_told_again() -> None:
    of = Simulated({"id": 7, "email": ADA})
    of.simulator.script(Fault("error", code="611", path="/lists/1002/"))
    ledger = Ledger(of, active(lead_cache=0 * HOUR, limits=Limits(concurrency=1)))
    [one] = ledger.deliver(ada(*entered("a", "b"))).progress
    assert (one.updated, one.added) == (True, 1)
    assert one.row.applied == {**on("a", 7), **on("b", 7, is_sure=False)}
    before = len(of.calls)
    assert changes(ledger.deliver(ada(*entered("a", "b")))) == (0, 0, 1, 0)
    assert of.calls[before:] == ["GET /rest/v1/leads.json", "POST /rest/v1/lists/{id}/leads.json"]


def test_who_is_known_and_gone_is_made_anew_in_a_second_round() -> None:
    of = Simulated()
    ledger = Ledger(of, active(), rows={ADA: row()})
    assert changes(ledger.deliver(ada(fields={**FIELDS, "company": "New"}))) == (1, 0, 1, 0)
    assert of.members["a"] == list(of.leads)


# Consent


def test_who_withdraws_is_off_the_lists_and_comes_back_with_consent_by_what_is_desired_then() -> None:
    of = Simulated()
    ledger = Ledger(of, active(lead_cache=0 * HOUR))
    ledger.deliver(ada(*entered("a", "b"), consents=True))
    [lead_id] = of.leads
    withdrawn = ledger.deliver(ada(at=1, consents=False, fields={}))
    assert [(one.outcome.reason, one.outcome.removed) for one in withdrawn.settled] == [(NO_CONSENT, 2)]
    assert of.members == {"a": [], "b": []}
    ledger.deliver(ada(*left("b", at=2), at=2, consents=False, fields={}))
    assert changes(ledger.deliver(ada(at=3, consents=True))) == (0, 0, 1, 0)
    assert of.members == {"a": [lead_id], "b": []}


def test_a_stranger_who_withdraws_is_looked_up_once_and_taken_off_lists_of_others() -> None:
    of = Simulated({"id": 7, "email": ADA})
    of.marketo.lists.add(1001, [7])
    of.marketo.lists.add(1002, [7])
    ledger = Ledger(of, active(activation("a"), activation("b", may_hold_others=True)))
    result = ledger.deliver(ada(consents=False, fields={}))
    assert [(one.outcome.reason, one.outcome.removed) for one in result.settled] == [(NO_CONSENT, 1)]
    assert of.members == {"a": [7], "b": []}
    before = of.calls
    ledger.deliver(ada(at=1, consents=False, fields={}))
    assert of.calls == before


def test_an_exit_of_whom_nothing_is_known_takes_off_a_lead_that_others_put_there() -> None:
    of = Simulated({"id": 7, "email": ADA})
    of.marketo.lists.add(1001, [7])
    ledger = Ledger(of)
    assert changes(ledger.deliver(ada(*left("a")))) == (0, 1, 0, 1)
    before = len(of.calls)
    assert changes(ledger.deliver(ada(*left("a", at=1), at=1))) == (0, 0, 0, 0)
    assert (of.members["a"], len(of.calls)) == ([], before)


def test_a_row_in_an_audience_lasts_until_the_exit() -> None:
    ledger = Ledger(Simulated())
    ledger.deliver(ada(*entered("a")))
    assert ledger.rows[ADA].is_lasting
    ledger.deliver(ada(*left("a", at=1), at=1))
    assert not ledger.rows[ADA].is_lasting
    assert ledger.rows[ADA].desired[A] != in_audience()
