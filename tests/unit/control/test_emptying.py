"""Lists that are emptied: everybody whom deliveries put there is taken off, or the answer says how many are left."""

import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from destination.control.emptying import GOES_ON_WITHIN, TIME
from destination.control.errors import BusyError, NotEmptiedError
from destination.domain.audience import Activation, activation_id
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.person import Applied, LedgerRow
from destination.domain.shard import name_of
from destination.domain.times import EPOCH
from destination.marketo.errors import MarketoError
from destination.marketo.instance import Marketo
from destination.marketo.leads import RecordResult
from destination.marketo.lists import Lists
from destination.store.errors import NotFoundError
from destination.store.leases import Lease
from destination.store.ledger import Entry, Ledger, entries_of
from destination.store.runs import Runs
from marketo_simulator import Fault
from testing.filling import WANTED, A, B, Clock, Whole, whole
from testing.memory import MemoryLeases, MemoryLedger
from testing.use_cases import CREDENTIALS

MEMBERS = r"/rest/v1/lists/\d+/leads\.json"
ADA, BEN, CAM = "ada@example.org", "ben@example.org", "cam@example.org"
KNOWN = dict.fromkeys((A, B), EPOCH)


@pytest.fixture
def world() -> Iterator[Whole]:
    with whole() as world:
        world.people(ADA, BEN, CAM)
        world.make(WANTED, Activation(A, "a"), Activation(B, "b"))
        yield world


def deactivate(world: Whole) -> None:
    world.plane.audiences.deactivate(world.id, activation_id(A), empty=True)


def applied(world: Whole, *emails: str) -> list[tuple[int, ...]]:
    rows = world.ledger.rows(world.id, emails, KNOWN)
    return [rows[one].applied[A].leads for one in emails]


class Keeping(Lists):
    """The lists of an instance that refuses to take some leads off."""

    def __init__(self, lists: Lists, kept: Collection[int], code: str) -> None:
        self.asked, self.kept, self.code = lists, kept, code

    def remove(self, list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        asked = self.asked.remove(list_id, [one for one in lead_ids if one not in self.kept])
        return asked | {one: RecordResult(one, "skipped", self.code) for one in lead_ids if one in self.kept}


def keeps(world: Whole, kept: Collection[int], code: str = "1018") -> None:
    marketo_for = world.plane.audiences.lists.marketo_for

    def keeping(connection: Connection, credentials: ClientCredentials) -> Marketo:
        marketo = marketo_for(connection, credentials)
        marketo.lists = Keeping(marketo.lists, kept, code)
        return marketo

    emptying = replace(world.plane.audiences.emptying, marketo_for=keeping)
    world.plane.audiences = replace(world.plane.audiences, emptying=emptying)


def test_everybody_whom_deliveries_put_on_the_list_is_taken_off_and_nobody_else(world: Whole) -> None:
    world.join("a", ADA, BEN)
    world.join("b", ADA)
    list_id = world.activation().list_id or 0
    world.plane.marketo.state.lists[list_id].members.update(world.lead_ids(CAM))
    deactivate(world)
    assert (world.members("a"), world.members("b")) == ([CAM], [ADA])
    with pytest.raises(NotFoundError):
        world.activation()


def test_whom_marketo_keeps_on_the_list_stays_known_and_the_answer_says_so(world: Whole) -> None:
    world.join("a", ADA, BEN, CAM)
    [kept] = world.lead_ids(BEN)
    keeps(world, [kept])
    list_id = world.activation().list_id
    left = f"Marketo keeps 1 of those who were put on list {list_id} on it .1018, .*: 1.; all others were taken off it"
    for _ in range(2):
        with pytest.raises(NotEmptiedError, match=left):
            deactivate(world)
        assert world.members() == [BEN]
        assert applied(world, ADA, BEN, CAM) == [(), (kept,), ()]
        assert world.activation().emptied_to is None
    keeps(world, [])
    deactivate(world)
    assert world.members() == []


@pytest.mark.parametrize("code", ["1004", "1015"])
def test_who_is_not_on_the_list_any_more_is_off_it(world: Whole, code: str) -> None:
    world.join("a", ADA, BEN)
    keeps(world, world.lead_ids(ADA), code)
    deactivate(world)
    with pytest.raises(NotFoundError):
        world.activation()


def test_a_lead_of_two_rows_is_off_the_list_for_both(world: Whole) -> None:
    world.join("a", ADA, BEN)
    [ada], [ben] = world.lead_ids(ADA), world.lead_ids(BEN)
    list_id = world.activation().list_id or 0
    both = world.ledger.rows(world.id, [BEN], KNOWN)[BEN]
    lease = world.leases.acquire("123-ABC-456", world.clock.now, world.clock.now + timedelta(minutes=1))
    assert lease is not None
    name = name_of(BEN)
    world.leases.enter(lease, range(8))
    for entry in entries_of({name: replace(both, applied={A: Applied(list_id, (ben, ada), is_sure=False)})}):
        world.ledger.record(world.id, entry, lease, world.clock.now)
    world.leases.release(lease, lease.pace, None)
    deactivate(world)
    assert applied(world, ADA, BEN) == [(), ()]
    assert world.ledger.rows(world.id, [BEN], KNOWN)[BEN].applied[A].is_sure


@pytest.mark.parametrize("code", ["610", "702", "1003", "1013"])
def test_a_list_that_is_gone_is_empty_and_one_that_is_there_is_not(world: Whole, code: str) -> None:
    world.join("a", ADA)
    world.plane.marketo.script(Fault(effect="error", code=code, method="DELETE", path=MEMBERS))
    with pytest.raises(MarketoError, match=code):
        deactivate(world)
    assert world.members() == [ADA]
    assert world.activation().list_id is not None
    world.lose_list()
    deactivate(world)
    with pytest.raises(NotFoundError):
        world.activation()


class Slow(Ledger):
    """Each of its pages takes as long as a call has."""

    clock: Clock

    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None:
        super().record(connection_id, entry, lease, now)
        self.clock.sleep(TIME.total_seconds())


@pytest.fixture
def slow(world: Whole) -> Whole:
    ledger = Slow(
        world.plane.dynamodb, "LedgerTable", leases=world.leases, runs=Runs(world.plane.dynamodb, "RunsTable")
    )
    ledger.clock = world.clock
    world.plane.audiences = replace(
        world.plane.audiences, emptying=replace(world.plane.audiences.emptying, ledger=ledger)
    )
    return world


MANY = [f"p{number}@example.org" for number in range(24)]


def until_done(world: Whole) -> list[int]:
    """Ask until it is done; how many were on the list after each call that did not end it."""
    on_list = []
    for _ in range(20):
        try:
            deactivate(world)
        except BusyError:
            on_list.append(len(world.members()))
        else:
            break
    return on_list


def test_a_list_that_takes_many_calls_is_emptied_where_the_call_before_ended(slow: Whole) -> None:
    slow.people(*MANY)
    slow.join("a", *MANY)
    version = slow.activation().version
    with pytest.raises(BusyError, match="emptied in part"):
        deactivate(slow)
    assert slow.activation().version == version
    on_list = [len(MANY), len(slow.members()), *until_done(slow)]
    assert slow.members() == []
    assert on_list == sorted(set(on_list), reverse=True)
    assert len(on_list) >= 4


def test_those_who_are_left_are_counted_over_all_calls(slow: Whole) -> None:
    slow.people(*MANY)
    slow.join("a", *MANY)
    keeps(slow, slow.lead_ids(*MANY)[:5])
    with pytest.raises(NotEmptiedError, match="keeps 5 of those"):
        until_done(slow)
    assert len(slow.members()) == 5


def test_what_was_emptied_long_ago_is_looked_at_anew(slow: Whole) -> None:
    slow.people(*MANY)
    slow.join("a", *MANY)
    with pytest.raises(BusyError):
        deactivate(slow)
    off = [one for one in MANY if one not in slow.members()]
    assert off
    slow.join("a", *off)
    assert slow.members() == sorted(MANY)
    slow.clock.sleep(GOES_ON_WITHIN.total_seconds())
    until_done(slow)
    assert slow.members() == []


def test_another_list_is_emptied_from_the_beginning(slow: Whole) -> None:
    slow.people(*MANY)
    slow.join("a", *MANY)
    with pytest.raises(BusyError):
        deactivate(slow)
    assert slow.activation().emptied_to is not None
    slow.lose_list()
    slow.plane.audiences.activate(slow.id, Activation(A, "a"))
    assert slow.activation().emptied_to is None


@pytest.mark.parametrize(("page_rows", "chunk"), [*itertools.product((1, 3, 7), (1, 2, 300))])
def test_nobody_is_skipped_at_the_border_of_a_page_or_of_a_call(
    world: Whole, monkeypatch: pytest.MonkeyPatch, page_rows: int, chunk: int
) -> None:
    monkeypatch.setattr("destination.control.emptying.CHUNK", chunk)
    emails = [f"p{number}@example.org" for number in range(20)]
    world.people(*emails)
    leads = dict(zip(emails, world.lead_ids(*emails), strict=True))
    list_id = world.activation().list_id or 0
    world.plane.marketo.state.lists[list_id].members.update(leads.values())
    leases = MemoryLeases()
    ledger = MemoryLedger(leases, page_rows=page_rows)
    ledger.people |= {
        (world.id, name_of(email)): LedgerRow(applied={A: Applied(list_id, (lead_id,))})
        for email, lead_id in leads.items()
    }
    emptying = replace(world.plane.audiences.emptying, leases=leases, ledger=ledger)
    emptying(world.connection, world.activation(), CREDENTIALS)
    assert world.members() == []
    assert {row.applied[A] for row in ledger.people.values()} == {Applied(list_id, ())}


def test_rows_keep_what_they_say_of_other_audiences(world: Whole) -> None:
    world.join("a", ADA)
    world.join("b", ADA)
    world.plane.audiences.deactivate(world.id, activation_id(B))
    before = world.ledger.rows(world.id, [ADA], KNOWN)[ADA]
    deactivate(world)
    after = world.ledger.rows(world.id, [ADA], KNOWN)[ADA]
    assert after.applied[B] == before.applied[B]
    assert after.desired == before.desired
