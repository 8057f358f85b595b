"""The delivery with tables that are throttled, and at which others are: nothing is lost, and everything counts once."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import pytest

from destination.delivery.postings import MAX_ITEM_BYTES
from destination.domain.audience_rules import MAX_ACTIVATIONS
from destination.domain.connection import SyncType
from destination.domain.event import MembershipStatus
from destination.domain.loss import Loss, Lost
from destination.domain.person import LedgerRow
from destination.domain.shard import SHARDS, name_of, shard_of
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import PARTITION_BYTES, Entry
from testing.aws import Aws, aws
from testing.busy_world import BusyWorld
from testing.world import MUNCHKIN, START, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE = 60.0
QUARTER = 15 * MINUTE
PEOPLE = [f"{number}@example.org" for number in range(2_000)]
OF_ONE_SHARD = [one for one in PEOPLE if shard_of(name_of(one)) == 0]
MANY = [str(number) for number in range(MAX_ACTIVATIONS)]
"""As many audiences as a connection can have, with ids so short that a batch takes a hundred people in all of them."""

LOST = Loss(Lost.REJECTED, "NOT_AN_OBJECT")


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


def enter_list(busy: BusyWorld, people: Sequence[str]) -> None:
    """Each by an event of its own, ten in a body."""
    for start in range(0, len(people), 10):
        busy.post(*(event(one, ("a", REALIZED)) for one in people[start : start + 10]))


def assert_delivered_once(busy: BusyWorld, people: Sequence[str]) -> None:
    counts = busy.total().counts
    assert busy.waiting == 0
    assert (counts["received"], counts["activated"]) == (len(people), len(people))
    assert sorted(str(lead["email"]) for lead in busy.world.leads_now().values()) == sorted(people)
    assert len(busy.world.members("a")) == len(people)
    rows = busy.ledger.rows(busy.world.connection.id, people, dict.fromkeys(busy.world.target.activations, START))
    assert {len(row.applied) for row in rows.values()} == {1}
    assert len(rows) == len(people)


@pytest.mark.parametrize("people", [PEOPLE[:100], OF_ONE_SHARD[:100]], ids=["of all shards", "of one shard"])
def test_a_batch_of_a_hundred_people_in_a_thousand_audiences_each_is_recorded(
    stack: Aws, people: Sequence[str]
) -> None:
    """When they come, and when something is new of them: then 3 MB are read, and put in doubt, and written again.

    It takes longer than a second: of one shard by what its partition takes, of all by what a new table does.
    """
    busy = BusyWorld(stack, changes={"sync_type": SyncType.PROFILE_ONLY}, pollers=1)
    busy.activate(*MANY)
    memberships = [(one, REALIZED) for one in MANY]
    for score in (1, 2):
        at = START + timedelta(seconds=busy.timeline.now)
        busy.post(*(event(one, *memberships, at=at, score=score) for one in people))
        busy.run(QUARTER)
        assert busy.waiting == 0
    counts = busy.total().counts
    wanted = {"received": 200, "activated": 200, "created": 100, "updated": 100}
    assert {name: counts[name] for name in wanted} == wanted
    assert busy.mapping.invocations == 2
    rows = busy.ledger.rows(busy.world.connection.id, people, dict.fromkeys(busy.world.target.activations, START))
    assert [len(row.desired) for row in rows.values()] == [MAX_ACTIVATIONS] * 100
    assert busy.limits.largest["item"] <= MAX_ITEM_BYTES
    assert busy.limits.largest["transaction"] <= 2 * PARTITION_BYTES
    assert bool(busy.limits.refused["unprocessed"]) == (people == OF_ONE_SHARD[:100])
    assert busy.limits.refused["ThrottlingError"] > 0
    assert busy.refusals == []


@pytest.mark.parametrize("score", [1, 2], ids=["nothing is sent", "put in doubt"])
def test_rows_that_were_larger_before_are_written_a_few_at_a_time(stack: Aws, score: int) -> None:
    """People in 1,000 audiences, of which one is left: 1 KB each is written, and 31 KB are reckoned."""
    busy = BusyWorld(stack, changes={"sync_type": SyncType.PROFILE_ONLY}, pollers=1)
    busy.activate(*MANY)
    people = OF_ONE_SHARD[:40]
    busy.post(*(event(one, *[(name, REALIZED) for name in MANY], score=1) for one in people))
    busy.run(QUARTER)
    busy.activate(MANY[0])
    busy.limits.refused.clear()
    at = START + timedelta(seconds=busy.timeline.now)
    busy.post(*(event(one, (MANY[0], REALIZED), at=at, score=score) for one in people))
    busy.run(2 * MINUTE)
    counts = busy.total().counts
    assert (busy.waiting, busy.refusals) == (0, [])
    assert (counts["received"], counts["updated"]) == (2 * len(people), (score - 1) * len(people))
    assert busy.limits.refused["ThrottlingError"] > 0
    rows = busy.ledger.rows(busy.world.connection.id, people, dict.fromkeys(busy.world.target.activations, START))
    assert [len(row.desired) for row in rows.values()] == [1] * len(people)


@pytest.mark.remedy("tables-are-throttled", "await-aws")
@pytest.mark.parametrize("table", ["ConnectionsTable", "LedgerTable", "RunsTable"])
@pytest.mark.parametrize("begins", [0.0, 94.5, 96.5])
def test_when_a_throttle_ends_everybody_is_delivered_once(stack: Aws, table: str, begins: float) -> None:
    """It begins before their batch, or while it waits for the answer to one of its calls to Marketo."""
    busy = BusyWorld(stack)
    people = PEOPLE[:20]
    busy.timeline.at(begins, lambda: busy.limits.closed.add(table))
    busy.timeline.at(10 * MINUTE, busy.limits.closed.clear)
    enter_list(busy, people)
    busy.run(10 * MINUTE)
    assert busy.waiting > 0
    assert any(one.startswith("AWS: ") for one in busy.refusals)
    busy.run(QUARTER)
    assert_delivered_once(busy, people)


def test_a_partition_that_takes_little_slows_delivery_down_and_stops_nothing(stack: Aws) -> None:
    """A full transaction a second, where each shard has two of them."""
    busy = BusyWorld(stack, settings={"partition_writes": 210, "partition_reads": 30, "seconds": 0.05}, pollers=1)
    people = PEOPLE[:600]
    enter_list(busy, people)
    busy.run(30 * MINUTE)
    assert_delivered_once(busy, people)
    assert busy.limits.refused["ThrottlingError"] > 0


def test_shards_that_are_written_side_by_side_have_no_item_in_common(stack: Aws) -> None:
    """However long a transaction takes."""
    busy = BusyWorld(stack, settings={"seconds": 2.0})
    people = PEOPLE[:300]
    enter_list(busy, people)
    busy.run(QUARTER)
    assert_delivered_once(busy, people)
    assert busy.limits.refused["TransactionConflict"] == 0


def test_workers_who_count_losses_at_the_same_time_count_each_once(stack: Aws) -> None:
    """They hold no lease, and write one part of the run."""
    busy = BusyWorld(stack, settings={"seconds": 0.2})
    people = PEOPLE[:50]
    for number, one in enumerate(people):
        busy.post(event(one, ("a", REALIZED)), losses={LOST: number + 1})
    busy.run(2 * QUARTER)
    assert_delivered_once(busy, people)
    assert busy.total().losses == {LOST: sum(range(51))}
    assert busy.limits.refused["TransactionConflict"] > 0


@pytest.mark.parametrize("begins", [0.0, 0.1, 0.5, 0.9])
def test_whoever_comes_next_waits_for_the_transaction_of_the_holder_before(stack: Aws, begins: float) -> None:
    """It is written as a whole before the shard is entered, or not at all."""
    busy = BusyWorld(stack, settings={"seconds": 1.0})
    ended: list[str] = []
    name = name_of(PEOPLE[0])

    def acquire(at: float) -> Lease:
        now = START + timedelta(seconds=at)
        lease = busy.leases.acquire(MUNCHKIN, now, now)
        assert lease is not None
        return lease

    def record(lease: Lease, lead_id: int, now: datetime) -> None:
        entry = Entry(shard_of(name), {name: LedgerRow(lead_id=lead_id, looked_up_at=START)})
        busy.ledger.record("connection-1", entry, lease, now)
        ended.append(f"{lead_id} is recorded")

    def enter() -> None:
        second = acquire(1)
        busy.leases.enter(second, range(SHARDS))
        ended.append("entered")
        with pytest.raises(LeaseLostError):
            record(first, 3, START)
        record(second, 2, START)

    first = acquire(0)
    busy.leases.enter(first, range(SHARDS))
    busy.side_by_side.start(lambda: record(first, 1, START))
    busy.timeline.at(begins, lambda: busy.side_by_side.start(enter))
    busy.run(MINUTE)
    assert ended == ["1 is recorded", "entered", "2 is recorded"]
    assert busy.limits.refused["TransactionConflictException"] > 0
    assert busy.ledger.rows_by_name("connection-1", [name], {})[name].lead_id == 2
