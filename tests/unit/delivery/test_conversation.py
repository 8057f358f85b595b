"""The conversation with Marketo: sets that are refused as a whole, and what halts it."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from botocore.exceptions import ClientError

from destination.delivery.calls import Caller
from destination.delivery.circuits import Circuits
from destination.delivery.conversation import Conversation
from destination.domain.matching import Lead
from destination.domain.person import Person
from destination.domain.plan import Plan, Write
from destination.domain.schema import Field
from destination.domain.settle import Answer
from destination.marketo.describe import Describe
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError, error_for
from destination.marketo.leads import Record, RecordResult, SyncAction
from marketo_simulator import Fault
from testing.persons import START, activation, active, audience
from testing.simulated import Simulated

EMAIL = Field("email", "email", 255)
A, B = audience("a"), audience("b")
CULPRITS = {7, 150, 151}

T = TypeVar("T")


@dataclass
class Picky:
    """An instance that refuses every set with one of the culprits in it, and takes all others.

    People are numbers: their address is `<number>@example.org`, their lead's id the number.
    """

    code: str
    culprits: set[int]
    refusals: int = 0
    calls: list[int] = field(default_factory=list)

    @property
    def leads(self) -> "Picky":
        return self

    @property
    def lists(self) -> "Picky":
        return self

    @property
    def describe(self) -> Describe:
        raise LookupError("nobody asks for fields")

    def find(self, _by: Field, keys: Sequence[str], _also: Sequence[Field] = ()) -> dict[str, list[Lead]]:
        self._take([number(key) for key in keys])
        return {key: [Lead(number(key), key, START)] for key in keys}

    def sync(
        self, _action: SyncAction, _lookup_field: str, records: Sequence[Record], _partition: str | None
    ) -> list[RecordResult]:
        ids = [number(str(record["email"])) for record in records]
        return [RecordResult(one, "created") for one in self._take(ids)]

    def add(self, _list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        return {one: RecordResult(one, "added") for one in self._take(lead_ids)}

    def remove(self, _list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        return {one: RecordResult(one, "removed") for one in self._take(lead_ids)}

    def _take(self, numbers: Sequence[int]) -> Sequence[int]:
        self.calls.append(len(numbers))
        if not self.culprits.isdisjoint(numbers):
            self.refusals += 1
            raise error_for(self.code, "a call")
        return numbers


NOBODY = -1
"""Whom a look-up asks for to see whether anybody is answered."""


def number(key: str) -> int:
    name = key.split("@", maxsplit=1)[0]
    return NOBODY if name == "nobody" else int(name)


def address(of: int) -> str:
    return f"{of}@example.org"


def calls() -> Caller:
    return Caller(Circuits(lambda: START), 5)


def talk(instance: Picky) -> Conversation:
    return Conversation(active(activation("a"), activation("b")), instance, calls())


def plan(of: int, write: Write = Write.NOTHING) -> Plan:
    person = Person(address(of), address(of), {}, None, {}, frozenset(), ())
    fields = {"email": address(of)} if write is Write.CREATE else {}
    return Plan(person, write=write, fields=fields, lead_id=of, unique=True, add=(A,))


def found(to: Conversation, people: range) -> dict[int, str | None]:
    answer = to.find(EMAIL, [address(one) for one in people])
    assert all([lead.id for lead in leads] == [number(key)] for key, leads in answer.leads.items())
    return {number(key): None for key in answer.leads} | {number(key): code for key, code in answer.failed.items()}


def created(to: Conversation, people: range) -> dict[int, str | None]:
    answers = to.write([plan(one, Write.CREATE) for one in people], last=True)
    return {number(key): answer.code for key, answer in answers.items()}


def joined(to: Conversation, people: range) -> dict[int, str | None]:
    listed = to.change_lists([plan(one) for one in people], {})
    assert not listed.leaves
    return {number(key): answer.code for key, lists in listed.joins.items() for answer in lists.values()}


def gone(to: Conversation, people: range) -> dict[int, str | None]:
    listed = to.change_lists([replace(plan(one), add=(), remove={A: (one,)}) for one in people], {})
    assert not listed.joins
    return {number(key): answer.code for key, lists in listed.leaves.items() for [answer] in lists.values()}


KINDS = [found, created, joined, gone]
Kind = Callable[[Conversation, range], dict[int, str | None]]


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_a_set_is_refused_for_is_told_from_all_others(kind: Kind) -> None:
    marketo = Picky("1003", set(CULPRITS))
    to = talk(marketo)
    assert kind(to, range(300)) == {one: "1003" if one in CULPRITS else None for one in range(300)}
    assert to.halt is None
    assert marketo.refusals <= len(CULPRITS) * 10  # 300 is halved nine times, and the last refusal is the culprit's own


@pytest.mark.parametrize("kind", KINDS)
def test_an_instance_that_waits_halts_the_conversation_and_nobody_has_an_answer(kind: Kind) -> None:
    marketo = Picky("606", {0})
    to = talk(marketo)
    assert kind(to, range(3)) == {}
    assert isinstance(to.halt, InstanceWaitsError)
    assert [*found(to, range(1, 2)), *created(to, range(1, 2)), *joined(to, range(1, 2))] == []
    assert marketo.calls == [3]


@pytest.mark.parametrize("code", ["1003", "1006"])
def test_a_lookup_that_is_refused_for_anything_but_its_values_blocks_the_connection(code: str) -> None:
    """Somebody else is asked for before each of them is."""
    marketo = Picky(code, {0, NOBODY})
    to = talk(marketo)
    assert found(to, range(3)) == {}
    assert isinstance(to.halt, ConnectionBlockedError)
    assert to.halt.code == code
    assert marketo.calls == [3, 1]


@pytest.mark.parametrize("code", ["1006", "1003"])
def test_what_a_call_is_refused_for_by_the_schema_is_every_records_until_the_last_round(code: str) -> None:
    plans = [plan(one, Write.CREATE) for one in range(4)]
    first, second = Picky(code, {1}), Picky(code, {1})
    answers = talk(first).write(plans, last=False)
    assert set(answers.values()) == {Answer(None, code, is_of_call=True)}
    assert first.calls == [4]
    answers = talk(second).write(plans, last=True)
    assert {number(key): answer.code for key, answer in answers.items()} == {0: None, 1: code, 2: None, 3: None}
    assert not any(answer.is_of_call for answer in answers.values())


def test_who_has_too_many_leads_is_told_from_the_others() -> None:
    """The simulator answers 1003 for more than 1,000 matches, as Marketo does."""
    crowd = [{"email": f"{key}@example.org"} for key in "abcd" for _ in range(400)]
    of = Simulated(*crowd, *({"email": "endless@example.org"} for _ in range(1_001)))
    to = Conversation(active(), of.marketo, calls())
    keys = [f"{key}@example.org" for key in "abcd"]
    answer = to.find(EMAIL, [*keys, "endless@example.org"])
    assert {key: len(leads) for key, leads in answer.leads.items()} == dict.fromkeys(keys, 400)
    assert answer.failed == {"endless@example.org": "1003"}


@pytest.mark.parametrize("kind", ["email", "integer"])
def test_too_many_leads_are_told_from_look_ups_that_are_all_refused(kind: str) -> None:
    of = Simulated(*({"email": "endless@example.org"} for _ in range(1_001)))
    to = Conversation(active(), of.marketo, calls())
    assert to.find(EMAIL, ["endless@example.org"]).failed == {"endless@example.org": "1003"}
    assert to.halt is None
    of.simulator.script(Fault(code="1003", path="^/rest/v1/leads.json", every=1))
    all_refused = Conversation(active(), of.marketo, calls())
    assert all_refused.find(replace(EMAIL, data_type=kind), ["ada@example.org"]).failed == {}
    assert isinstance(all_refused.halt, ConnectionBlockedError)
    assert all_refused.halt.code == "1003"


def test_a_lead_tells_its_other_keys_where_they_are_asked_for() -> None:
    of = Simulated({"id": 7, "email": "Ada@example.org"}, {"id": 8})
    to = Conversation(active(), of.marketo, calls())
    found_by_id = to.find(Field("id", "integer"), ["7", "8", "9"], (EMAIL,)).leads
    assert {key: [(one.id, one.others) for one in leads] for key, leads in found_by_id.items()} == {
        "7": [(7, ("ada@example.org",))],
        "8": [(8, (None,))],
        "9": [],
    }


def test_leads_are_created_and_put_on_lists_by_the_ids_they_got() -> None:
    of = Simulated()
    to = Conversation(active(), of.marketo, calls())
    plans = [plan(one, Write.CREATE) for one in range(3)]
    written = to.write(plans, last=False)
    listed = to.change_lists(plans, written)
    assert listed.joins == {key: {A: Answer(answer.lead_id)} for key, answer in written.items()}
    assert (listed.leaves, of.members["a"]) == ({}, sorted(one.lead_id or 0 for one in written.values()))


def test_who_moves_leaves_by_every_lead_and_joins_by_the_one() -> None:
    of = Simulated(*({"id": one, "email": address(one)} for one in (3, 4, 7)))
    of.marketo.lists.add(1001, [3])
    moving = replace(plan(7), add=(A, B), remove={A: (3, 4)})
    listed = Conversation(active(), of.marketo, calls()).change_lists([moving], {})
    assert listed.joins == {address(7): {A: Answer(7), B: Answer(7)}}
    assert listed.leaves == {address(7): {A: [Answer(3), Answer(4, "1015")]}}
    assert of.members == {"a": [7], "b": [7]}


def test_whose_lead_is_nobody_any_more_leaves_and_joins_nothing() -> None:
    of = Simulated({"id": 3})
    of.marketo.lists.add(1001, [3])
    nobody = replace(plan(0), lead_id=None, remove={A: (3,)})
    listed = Conversation(active(), of.marketo, calls()).change_lists([nobody], {})
    assert (listed.joins, listed.leaves) == ({}, {address(0): {A: [Answer(3)]}})
    assert of.members["a"] == []


def test_the_lists_of_a_lead_whose_update_was_refused_change_all_the_same() -> None:
    marketo = Picky("", set())
    plans = [replace(plan(1, Write.UPDATE), remove={B: (1, 3)})]
    listed = talk(marketo).change_lists(plans, {address(1): Answer(None, "1018")})
    assert (set(listed.joins[address(1)]), listed.leaves[address(1)]) == ({A}, {B: [Answer(1), Answer(3)]})


@pytest.mark.parametrize(
    "written",
    [{}, {address(1): Answer(None, "1004")}, {address(1): Answer(None, "1006", is_of_call=True)}],
    ids=["no answer", "the lead is gone", "refused with others"],
)
def test_the_lists_of_a_lead_that_is_looked_at_again_are_left_alone(written: dict[str, Answer]) -> None:
    marketo = Picky("", set())
    listed = talk(marketo).change_lists([replace(plan(1, Write.UPDATE), remove={B: (1, 3)})], written)
    assert (listed.joins, listed.leaves, marketo.calls) == ({}, {}, [])


def test_a_record_that_has_to_be_tried_later_has_no_answer_and_those_of_others_stay_theirs() -> None:
    of = Simulated(*({"id": one, "email": address(one)} for one in (3, 7)))
    of.marketo.lists.add(1001, [3, 7])
    of.simulator.script(Fault("skip", code="611", records=(0,), method="DELETE"))
    to = Conversation(active(), of.marketo, calls())
    listed = to.change_lists([replace(plan(7), add=(), remove={A: (7, 3)})], {})
    assert listed.leaves == {address(7): {A: [Answer(3)]}}
    assert (to.halt, set(to.calls.held)) == (None, {address(7)})


@dataclass
class Crossing(Picky):
    """An update and a creation are under way together, and end in an order, each as it is told."""

    ends: dict[SyncAction, Exception] = field(default_factory=dict)
    last: SyncAction = SyncAction.UPDATE_ONLY
    ended: threading.Event = field(default_factory=threading.Event)
    both: threading.Barrier = field(default_factory=lambda: threading.Barrier(2))

    def sync(
        self, action: SyncAction, _lookup_field: str, _records: Sequence[Record], _partition: str | None
    ) -> list[RecordResult]:
        self.both.wait(10)
        if action is self.last:
            self.ended.wait(10)
            time.sleep(0.05)  # Until the other thread has told how its call ended.
        self.ended.set()
        raise self.ends[action]


UPDATE_AND_CREATION = [plan(1, Write.UPDATE), plan(2, Write.CREATE)]
LOST, FAILED = error_for("CONNECTION_LOST", "create"), error_for("CONNECTION_FAILED", "update")
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "GetSecretValue")


@pytest.mark.parametrize("last", [SyncAction.UPDATE_ONLY, SyncAction.CREATE_ONLY])
@pytest.mark.parametrize("other", [FAILED, THROTTLED, error_for("606", "update")], ids=["fails", "AWS", "606"])
def test_a_creation_whose_answer_was_lost_is_known_whatever_ends_beside_it(other: Exception, last: SyncAction) -> None:
    ends: dict[SyncAction, Exception] = {SyncAction.UPDATE_ONLY: other, SyncAction.CREATE_ONLY: LOST}
    to = talk(Crossing("", set(), ends=ends, last=last))
    with pytest.raises(ClientError) if other is THROTTLED else contextlib.nullcontext():
        assert to.write(UPDATE_AND_CREATION, last=False) == {}
    assert to.calls.lost is LOST
