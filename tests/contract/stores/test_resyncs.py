"""Resyncs, one of a connection at a time: in memory as in the tables."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

from destination.domain.connection import ActiveConnection, Resyncing
from destination.domain.resync import ClosedBy, Named, Resync, ResyncCode, ResyncHold, ResyncStatus
from destination.files.resyncs import Resyncs as CarriedOn
from destination.store.connections import Connections
from destination.store.errors import StaleVersionError
from destination.store.resyncs import Resyncs
from testing.memory import MemoryConnections, MemoryResyncs
from testing.persons import START, connection

CONNECTION = connection()
RECORD: TransactWriteItemTypeDef = {
    "Put": {"TableName": "ConnectionsTable", "Item": {"pk": {"S": "audit"}, "sk": {"S": "record-1"}}}
}
RESYNC = Resync("20261121T100000Z-0123456789abcdef", CONNECTION.id, ResyncStatus.OPEN, START)
ANOTHER = replace(RESYNC, id="20261121T100001Z-0123456789abcdef")
WHOLE = replace(
    RESYNC,
    status=ResyncStatus.LEAVING,
    activation_ids=("2cf24dba5fb0", "0123456789ab"),
    label="November — ü",
    quiet=timedelta(minutes=45),
    longest=timedelta(hours=2),
    closed_at=START + timedelta(hours=1, microseconds=1),
    closed_by=ClosedBy.TIME,
    heard_at=START + timedelta(minutes=9),
    drained_since=START + timedelta(minutes=10),
    cursor="next",
    counts={"2cf24dba5fb0": Named(5, 3), "0123456789ab": Named()},
    counted_at=START + timedelta(minutes=11),
    lost=7,
    holds=(ResyncHold.FIRST, ResyncHold.SMALLER),
    approved_at=START + timedelta(minutes=12),
    verification="v-1",
    left=2,
    code=ResyncCode.NOT_TAKEN_OFF,
)


@dataclass
class Kept:
    """What holds them; `create` opens one, `marked` tells what stands on the connection, `remove` removes that."""

    resyncs: CarriedOn
    create: Callable[[Resync], bool]
    get: Callable[[str, str], Resync | None]
    marked: Callable[[], Resyncing | None]
    remove: Callable[[], object]


@pytest.fixture(params=["memory", "table"])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "memory":
        connections = MemoryConnections({CONNECTION.id: ActiveConnection(CONNECTION, {})})
        memory = MemoryResyncs(connections)
        marked, remove = lambda: connections.get(CONNECTION.id).resyncing, connections.stored.clear
        return Kept(memory, memory.create, memory.get, marked, remove)
    dynamodb = request.getfixturevalue("stack").dynamodb
    stored = Connections(dynamodb, "ConnectionsTable")
    stored.create(CONNECTION, "0" * 64)
    table = Resyncs(dynamodb, "RunsTable", "ConnectionsTable")
    key = {"pk": {"S": CONNECTION.id}, "sk": {"S": "connection"}}
    return Kept(
        table,
        lambda one: table.create(one, RECORD),
        table.get,
        lambda: stored.get(CONNECTION.id).resyncing,
        lambda: dynamodb.delete_item(TableName="ConnectionsTable", Key=key),
    )


def test_what_is_stored_reads_as_it_was(kept: Kept) -> None:
    assert kept.get(CONNECTION.id, RESYNC.id) is None
    assert kept.create(RESYNC)
    assert kept.get(CONNECTION.id, RESYNC.id) == RESYNC
    changed = kept.resyncs.put(WHOLE)
    assert changed == replace(WHOLE, version=2)
    assert kept.get(CONNECTION.id, RESYNC.id) == changed
    assert list(kept.resyncs.going_on()) == [changed]
    assert list(kept.resyncs.newest(CONNECTION.id, 5)) == [changed]
    with pytest.raises(StaleVersionError):
        kept.resyncs.put(WHOLE)


def test_there_is_one_at_a_time_which_is_marked_on_its_connection(kept: Kept) -> None:
    chosen = replace(RESYNC, activation_ids=("2cf24dba5fb0",))
    assert kept.create(chosen)
    assert kept.marked() == Resyncing(RESYNC.id, START, frozenset({"2cf24dba5fb0"}))
    assert not kept.create(ANOTHER)
    assert kept.get(CONNECTION.id, ANOTHER.id) is None

    kept.resyncs.put(chosen.cancelled(START))
    assert kept.marked() is None
    assert list(kept.resyncs.going_on()) == []
    assert kept.create(ANOTHER)
    assert kept.marked() == Resyncing(ANOTHER.id, START)
    assert [one.id for one in kept.resyncs.newest(CONNECTION.id, 1)] == [ANOTHER.id]


def test_there_is_none_of_a_connection_that_is_not_there(kept: Kept) -> None:
    assert not kept.create(replace(RESYNC, connection_id="connection-9"))
    assert list(kept.resyncs.going_on()) == []


def test_one_ends_though_its_connection_is_gone(kept: Kept) -> None:
    assert kept.create(RESYNC)
    kept.remove()
    changed = kept.resyncs.put(RESYNC.cancelled(START))
    assert kept.get(CONNECTION.id, RESYNC.id) == changed == replace(RESYNC.cancelled(START), version=2)
    assert list(kept.resyncs.going_on()) == []


def test_one_that_has_changed_since_it_was_read_does_not_end(kept: Kept) -> None:
    assert kept.create(RESYNC)
    changed = kept.resyncs.put(WHOLE)
    with pytest.raises(StaleVersionError):
        kept.resyncs.put(RESYNC.cancelled(START))
    assert list(kept.resyncs.going_on()) == [changed]
    assert kept.marked() == Resyncing(RESYNC.id, START)
