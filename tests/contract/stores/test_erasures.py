"""Marks of people who were erased, and their traces: in memory as in AWS."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from destination.control.audit import Recorder
from destination.domain.audit import AuditAction, AuditRecord
from destination.domain.erasure import Erasure, LeftList, Step
from destination.domain.letter import LetterBundle
from destination.domain.outcome import PERSON_NOT_FOUND
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.run import Run, Tally
from destination.domain.shard import name_of, shard_of
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.erasures import Erasures, Traces
from destination.store.errors import NotFoundError
from destination.store.leases import LeaseLostError, Leases
from destination.store.ledger import Entry, Ledger
from destination.store.letters import Letters
from destination.store.parking import Parking
from destination.store.runs import Runs
from testing.aws import Aws
from testing.memory import (
    MemoryErasures,
    MemoryLeases,
    MemoryLedger,
    MemoryLetters,
    MemoryParking,
    MemoryResults,
    MemoryTraces,
)
from testing.persons import ADA, MUNCHKIN, RUN, START, audience, connection, row

ONE, OTHER = "0123456789abcdef", "fedcba9876543210"
MOMENT = timedelta(microseconds=1)
ERASURE = Erasure("connection-1", ONE, START)
BUNDLE = Bundle("connection-1", WaitsFor.RETRY, START, START, 2, 9, "0" * 32)
LETTERS = LetterBundle("connection-1", "MARKETO_1006", START, START, 2, 9, "0" * 32)


@dataclass
class Stand:
    """The stores, and what writes a mark."""

    erasures: Any
    create: Callable[[Erasure], None]
    traces: Any
    parking: Any
    letters: Any


@pytest.fixture(params=["memory", "AWS"])
def stand(request: pytest.FixtureRequest) -> Stand:
    if request.param == "memory":
        parking = MemoryParking()
        letters = MemoryLetters(parking)
        erasures = MemoryErasures()
        traces = MemoryTraces(letters, parking, MemoryResults())
        return Stand(erasures, erasures.create, traces, parking, letters)
    stack: Aws = request.getfixturevalue("stack")
    stored, create = in_table(stack)
    traces_of = Traces(stack.s3, stack.bucket)
    return Stand(stored, create, traces_of, Parking(stack.s3, stack.bucket), Letters(stack.s3, stack.bucket))


def in_table(stack: Aws) -> tuple[Erasures, Callable[[Erasure], None]]:
    """The table, with connections 1 and 2 in it."""
    record = Recorder(
        Audit(stack.dynamodb, "ConnectionsTable"),
        actor=lambda: "operator",
        new_id=iter(map(str, range(9))).__next__,
        clock=lambda: START,
    )
    connections = Connections(stack.dynamodb, "ConnectionsTable")
    for number in (1, 2):
        connections.create(connection(id=f"connection-{number}"), "0f")
    stored = Erasures(stack.dynamodb, "ConnectionsTable")
    return stored, lambda one: stored.create(one, record(AuditAction.ERASE_PERSON, one.connection_id))


def test_how_far_it_came_is_read_as_it_was_stored(stand: Stand) -> None:
    stand.create(ERASURE)
    assert stand.erasures.get("connection-1", ERASURE.id) == ERASURE
    further = replace(
        ERASURE,
        cursor="somewhere",
        code="1077",
        lists=(LeftList(audience("a"), 1001, 2),),
        rows=1,
        letters=2,
        parked=3,
        results=4,
        runs=5,
    )
    for one in (further, further.beyond(Step.LISTS, START), further.beyond(Step.RUNS, START + MOMENT)):
        stand.erasures.put(one)
        assert stand.erasures.get("connection-1", ERASURE.id) == one


def test_marks_since_a_time_are_read_of_one_connection_the_newest_of_each_person(stand: Stand) -> None:
    later = START + timedelta(days=1)
    for one in (
        ERASURE,
        replace(ERASURE, at=later),
        replace(ERASURE, name=OTHER),
        replace(ERASURE, name=OTHER, at=START - MOMENT),
    ):
        stand.create(one)
    stand.create(replace(ERASURE, connection_id="connection-2", at=later))
    marks = stand.erasures.marks
    assert marks("connection-1", START - MOMENT) == {ONE: later, OTHER: START}
    assert marks("connection-1", START + MOMENT) == {ONE: later}
    assert marks("connection-1", later) == {ONE: later}
    assert marks("connection-1", later + MOMENT) == {}
    assert marks("connection-2", START) == {ONE: later}
    assert marks("connection-3", START) == {}


def test_a_mark_beside_another_one_changes_none_that_is_there(stand: Stand) -> None:
    stand.create(ERASURE)
    stand.erasures.mark(replace(ERASURE, rows=7))
    beside = replace(ERASURE, name=OTHER, step=Step.DONE, finished_at=START)
    stand.erasures.mark(beside)
    assert stand.erasures.get("connection-1", ERASURE.id) == ERASURE
    assert stand.erasures.get("connection-1", beside.id) == beside
    assert stand.erasures.marks("connection-1", START) == {ONE: START, OTHER: START}


def test_what_is_gone_is_not_brought_back(stand: Stand) -> None:
    stand.create(ERASURE)
    stand.create(replace(ERASURE, connection_id="connection-2"))
    while not stand.erasures.erase("connection-1"):
        pass
    stand.erasures.put(replace(ERASURE, rows=1))
    assert stand.erasures.get("connection-1", ERASURE.id) is None
    assert stand.erasures.get("connection-2", ERASURE.id) is not None


def test_a_mark_outlives_whatever_waits_and_no_more(stack: Aws) -> None:
    _, create = in_table(stack)
    create(ERASURE)
    stored = stack.dynamodb.get_item(
        TableName="ConnectionsTable", Key={"pk": {"S": "erasures#connection-1"}, "sk": {"S": ERASURE.id}}
    )["Item"]
    assert int(stored["expires_at"]["N"]) == (START + timedelta(days=60)).timestamp()
    assert stored.keys() == {"pk", "sk", "state", "expires_at"}


def test_nobody_is_erased_of_a_connection_that_is_not_there(stack: Aws) -> None:
    _, create = in_table(stack)
    with pytest.raises(NotFoundError):
        create(replace(ERASURE, connection_id="connection-3"))


def test_objects_are_rewritten_removed_or_left(stand: Stand) -> None:
    stand.parking.put(BUNDLE, ["a", "b"])
    stand.letters.put(LETTERS, ["c"])
    assert list(stand.traces.names(Step.PARKED, "connection-1", "")) == [BUNDLE.name]
    assert list(stand.traces.names(Step.PARKED, "connection-1", BUNDLE.name)) == []
    assert list(stand.traces.names(Step.LETTERS, "connection-2", "")) == []
    stand.traces.rewrite(Step.PARKED, "connection-1", BUNDLE.name, lambda lines: [*lines, "d"])
    assert stand.parking.get(BUNDLE) == ["a", "b", "d"]
    stand.traces.rewrite(Step.PARKED, "connection-1", BUNDLE.name, lambda _: None)
    assert stand.parking.get(BUNDLE) == ["a", "b", "d"]
    stand.traces.rewrite(Step.LETTERS, "connection-1", LETTERS.name, lambda _: [])
    assert list(stand.letters.of("connection-1")) == []
    stand.traces.rewrite(Step.LETTERS, "connection-1", LETTERS.name, lambda _: ["again"])
    assert list(stand.letters.of("connection-1")) == []


def test_what_was_removed_meanwhile_is_not_brought_back(stack: Aws) -> None:
    parking, traces = Parking(stack.s3, stack.bucket), Traces(stack.s3, stack.bucket)
    parking.put(BUNDLE, ["a"])

    def change(lines: list[str]) -> list[str]:
        parking.remove(BUNDLE)
        return lines

    traces.rewrite(Step.PARKED, "connection-1", BUNDLE.name, change)
    assert list(parking.of("connection-1")) == []


def test_what_was_changed_meanwhile_is_changed_as_it_is_then(stack: Aws) -> None:
    parking, traces = Parking(stack.s3, stack.bucket), Traces(stack.s3, stack.bucket)
    parking.put(BUNDLE, ["a", "b"])
    seen: list[list[str]] = []

    def without_first(lines: list[str]) -> list[str]:
        seen.append(lines)
        if len(seen) == 1:
            parking.put(BUNDLE, ["b", "c"])
        return lines[1:]

    traces.rewrite(Step.PARKED, "connection-1", BUNDLE.name, without_first)
    assert (seen, parking.get(BUNDLE)) == ([["a", "b"], ["b", "c"]], ["c"])


@pytest.fixture(params=["memory", "table"])
def ledger(request: pytest.FixtureRequest) -> tuple[Any, Any]:
    """With its leases."""
    if request.param == "memory":
        leases = MemoryLeases()
        return MemoryLedger(leases), leases
    client = request.getfixturevalue("stack").dynamodb
    in_table = Leases(client, "ConnectionsTable")
    return Ledger(client, "LedgerTable", leases=in_table, runs=Runs(client, "RunsTable")), in_table


def test_a_row_is_forgotten_by_whoever_holds_the_lease(ledger: tuple[Any, Any]) -> None:
    rows, leases = ledger
    name = name_of(ADA)

    def holding(until: datetime) -> Any:
        lease = leases.acquire(MUNCHKIN, until, until)
        leases.enter(lease, [shard_of(name)])
        return lease

    before = holding(START)
    rows.record("connection-1", Entry(shard_of(name), {name: row()}), before, START)
    now = holding(START + timedelta(hours=1))
    with pytest.raises(LeaseLostError):
        rows.forget("connection-1", name, before)
    assert rows.rows("connection-1", [ADA], {}) != {}
    for _ in range(2):
        rows.forget("connection-1", name, now)
        assert rows.rows("connection-1", [ADA], {}) == {}


def test_a_person_is_an_example_no_longer(stack: Aws) -> None:
    runs = Runs(stack.dynamodb, "RunsTable")
    leases = Leases(stack.dynamodb, "ConnectionsTable")
    stored = Ledger(stack.dynamodb, "LedgerTable", leases=leases, runs=runs)
    lease = leases.acquire(MUNCHKIN, START, START)
    assert lease is not None
    leases.enter(lease, [0, 1])
    for shard, example in ((0, ONE), (1, OTHER)):
        tally = Tally()
        tally.count(PERSON_NOT_FOUND, "key", lambda _, example=example: example)  # type: ignore[misc]
        tally.audiences[audience("a")].count(PERSON_NOT_FOUND, "key", lambda _, example=example: example)  # type: ignore[misc]
        stored.record("connection-1", Entry(shard, runs=[Run("connection-1", RUN, 0, tally, shard)]), lease, START)
    assert runs.forget("connection-1", [ONE], None) == (1, None)
    assert runs.forget("connection-1", [ONE], None) == (0, None)
    part, other = runs.part("connection-1", RUN, 0), runs.part("connection-1", RUN, 1)
    assert (part.tally.examples, part.tally.audiences[audience("a")].examples) == ({}, {})
    assert (part.tally.reasons, part.version) == ({PERSON_NOT_FOUND: 1}, 2)
    assert (other.tally.examples, other.version) == ({PERSON_NOT_FOUND: OTHER}, 1)


def record(record_id: str) -> AuditRecord:
    return AuditRecord(record_id, START, "sender:connection-1", AuditAction.ERASE_PERSON, "connection-1")


def test_a_call_of_a_sender_writes_one_mark_however_often_it_is_sent(stand: Stand) -> None:
    again = replace(ERASURE, at=START + MOMENT)
    assert stand.erasures.request(ERASURE, "call-1", record("1")) == ERASURE.id
    assert stand.erasures.request(again, "call-1", record("2")) == ERASURE.id
    assert stand.erasures.get("connection-1", ERASURE.id) == ERASURE
    assert stand.erasures.marks("connection-1", START) == {ONE: START}
    assert stand.erasures.request(again, "call-2", record("3")) == again.id
    assert stand.erasures.request(again, "call-3", record("4")) == again.id
    assert stand.erasures.marks("connection-1", START) == {ONE: again.at}


def test_a_call_is_audited_once_and_needs_its_connection(stack: Aws) -> None:
    erasures, _ = in_table(stack)
    erasures.request(ERASURE, "call-1", record("1"))
    erasures.request(ERASURE, "call-1", record("2"))
    (found,) = Audit(stack.dynamodb, "ConnectionsTable").page("connection-1", None, None, None, 10).records
    assert found == record("1")
    with pytest.raises(NotFoundError):
        erasures.request(replace(ERASURE, connection_id="gone"), "call-1", record("3"))
    while not erasures.erase("connection-1"):
        pass
    assert erasures.request(ERASURE, "call-1", record("4")) == ERASURE.id
