"""The connections as delivery reads and marks them, and as the monitor reads them: in memory as in the table."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

import pytest

from destination.control import parking
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import DELIVERING, ActiveConnection, Connection, Limits, Status, Waiting
from destination.domain.parking import RETRY_BLOCKED, Resumption
from destination.monitoring import alerts, summaries
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.errors import NotFoundError
from testing.aws import Aws
from testing.delivery import Connections as DeliveryConnections
from testing.memory import MemoryConnections
from testing.world import MUNCHKIN, START, audience, connection

BOUND = Activation(audience("a"), "Spring", list_id=1001, list_name="Spring", version=1)
BARE = Activation(AudienceKey("crm", "a"), "Autumn", version=1)
WAITING = Waiting(START, START + timedelta(minutes=15))


class MonitoredConnections(alerts.Connections, summaries.Connections, parking.Connections, Protocol):
    """All that the monitor asks of connections."""

    def drain(self, connection_id: str, since: datetime | None) -> None: ...


class ConnectionsStand(Protocol):
    """An implementation, and how connections come into it."""

    @property
    def connections(self) -> DeliveryConnections: ...
    @property
    def monitored(self) -> MonitoredConnections: ...
    def store(self, given: Connection, *activations: Activation) -> None: ...
    def deactivate(self, connection_id: str, activation: Activation) -> None: ...
    def discard(self, connection_id: str) -> None: ...


@dataclass
class ConnectionsInMemory:
    connections: MemoryConnections = field(default_factory=MemoryConnections)

    @property
    def monitored(self) -> MemoryConnections:
        return self.connections

    def store(self, given: Connection, *activations: Activation) -> None:
        self.connections.stored[given.id] = ActiveConnection(given, {one.audience: one for one in activations})

    def deactivate(self, connection_id: str, activation: Activation) -> None:
        self.connections.deactivate(connection_id, activation.audience)

    def discard(self, connection_id: str) -> None:
        target = self.connections.stored[connection_id]
        leaving = replace(target.connection, status=Status.DELETING, is_discarded=True)
        self.connections.stored[connection_id] = replace(target, connection=leaving)


@dataclass
class ConnectionsInTable:
    stack: Aws

    @property
    def connections(self) -> DeliveringConnections:
        return DeliveringConnections(self.stack.dynamodb, "ConnectionsTable")

    @property
    def monitored(self) -> Connections:
        return Connections(self.stack.dynamodb, "ConnectionsTable")

    def store(self, given: Connection, *activations: Activation) -> None:
        self.monitored.create(given, "0f")
        for one in activations:
            Audiences(self.stack.dynamodb, "ConnectionsTable").put(given.id, one)

    def deactivate(self, connection_id: str, activation: Activation) -> None:
        Audiences(self.stack.dynamodb, "ConnectionsTable").deactivate(connection_id, activation, START)

    def discard(self, connection_id: str) -> None:
        connections = Connections(self.stack.dynamodb, "ConnectionsTable")
        connections.begin_deletion(connection_id, 1, START)
        connections.discard(connection_id)


@pytest.fixture(params=["memory", "table"])
def stand(request: pytest.FixtureRequest) -> ConnectionsStand:
    return ConnectionsInMemory() if request.param == "memory" else ConnectionsInTable(request.getfixturevalue("stack"))


def stored(stand: ConnectionsStand, connection_id: str = "connection-1") -> Connection:
    return stand.connections.active(connection_id).connection


def test_a_connection_is_read_with_its_activations_and_no_others(stand: ConnectionsStand) -> None:
    stand.store(connection(), BOUND, BARE)
    stand.store(connection(id="other"), replace(BOUND, name="Another", list_id=4711))
    active = stand.connections.active("connection-1")
    assert active.connection == connection()
    assert dict(active.activations) == {BOUND.audience: BOUND, BARE.audience: BARE}
    assert active.dormant == {}


def test_a_deactivated_audience_is_dormant_and_its_list_free(stand: ConnectionsStand) -> None:
    stand.store(connection(), BOUND, BARE)
    stand.store(connection(id="other"), replace(BOUND, list_id=2002))
    stand.deactivate("connection-1", BOUND)
    active = stand.connections.active("connection-1")
    assert dict(active.activations) == {BARE.audience: BARE}
    assert (set(active.dormant), set(active.known)) == ({BOUND.audience}, {BOUND.audience, BARE.audience})
    assert not stand.connections.rebind(
        "connection-1", BOUND.audience, 1001, 3003, "Anew", may_hold_others=True, fill_at=None
    )
    assert stand.connections.rebind("other", BOUND.audience, 2002, 1001, "Spring", may_hold_others=True, fill_at=None)


@pytest.mark.parametrize("owner", ["connection-1", "other"])
def test_no_list_is_bound_to_a_second_audience(stand: ConnectionsStand, owner: str) -> None:
    second = replace(BOUND, audience=audience("b"), list_id=2002)
    held = {"connection-1": [BOUND], "other": []}
    held[owner].append(second)
    for connection_id, activations in held.items():
        stand.store(connection(id=connection_id), *activations)
    assert not stand.connections.rebind(
        owner, second.audience, 2002, 1001, "Spring", may_hold_others=True, fill_at=None
    )
    assert stand.connections.active(owner).activations[second.audience] == second
    assert stand.connections.active("connection-1").activations[BOUND.audience] == BOUND


def test_the_first_delivery_is_noted_once(stand: ConnectionsStand) -> None:
    stand.store(connection(), BOUND)
    assert stand.connections.begin_delivery("connection-1", 1, START)
    assert stand.connections.begin_delivery("connection-1", 1, START + timedelta(hours=1))
    assert stored(stand) == connection(delivered_at=START)


def test_no_delivery_begins_by_what_was_changed_since(stand: ConnectionsStand) -> None:
    stand.store(connection(version=2))
    assert not stand.connections.begin_delivery("connection-1", 1, START)
    assert not stand.connections.begin_delivery("c-9", 1, START)
    assert stored(stand) == connection(version=2)


def test_what_is_discarded_is_delivered_no_more_whoever_read_it_before(stand: ConnectionsStand) -> None:
    stand.store(connection())
    assert stand.connections.is_delivered("connection-1")
    assert not stand.connections.is_delivered("c-9")
    stand.discard("connection-1")
    assert not stand.connections.is_delivered("connection-1")
    assert [stand.connections.begin_delivery("connection-1", version, START) for version in (1, 2)] == [False, False]


def test_what_was_read_stays_as_it_was(stand: ConnectionsStand) -> None:
    stand.store(connection(), BOUND)
    before = stand.connections.active("connection-1")
    stand.connections.block("connection-1", "603: access denied", START)
    stand.connections.rebind("connection-1", BOUND.audience, 1001, 2002, "Anew", may_hold_others=True, fill_at=None)
    assert (before.connection.status, before.activations[BOUND.audience]) == (Status.ENABLED, BOUND)


def test_an_unknown_connection_is_not_found_and_no_mark_makes_it(stand: ConnectionsStand) -> None:
    stand.connections.block("c-9", "603: access denied", START)
    stand.connections.unblock("c-9")
    stand.connections.wait("c-9", WAITING)
    stand.connections.rebind("c-9", BOUND.audience, 1001, 2002, "Anew", may_hold_others=True, fill_at=None)
    for read in (stand.connections.active, stand.monitored.get):
        with pytest.raises(NotFoundError, match="c-9"):
            read("c-9")
    assert list(stand.monitored.all()) == []


def test_the_monitor_reads_all_connections_by_their_instances(stand: ConnectionsStand) -> None:
    last = connection(id="c-0", munchkin_id=MUNCHKIN + "7")
    stand.store(last, BOUND)
    others = [connection(id=f"c-{number}") for number in range(10, 70)]
    for one in reversed(others):
        stand.store(one)
    assert list(stand.monitored.all()) == [*others, last]
    assert stand.monitored.get("c-0") == last


def test_the_limits_of_an_instance_are_those_of_what_delivers_to_it(stand: ConnectionsStand) -> None:
    for calls, status in enumerate(Status, 1):
        stand.store(connection(id=status.value, status=status, limits=Limits(calls)))
    stand.store(connection(id="other", munchkin_id=MUNCHKIN + "7"))
    expected = [calls for calls, status in enumerate(Status, 1) if status in DELIVERING]
    limits: Sequence[Limits] = stand.connections.limits(MUNCHKIN)
    assert sorted(one.calls_per_20s for one in limits) == expected


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_what_does_not_deliver_is_not_blocked(stand: ConnectionsStand, status: Status) -> None:
    before = connection(status=status)
    stand.store(before)
    stand.connections.block("connection-1", "603: access denied", START)
    assert stored(stand) == before
    stand.connections.unblock("connection-1")
    assert stored(stand) == before


def test_a_block_shows_its_newest_cause_and_ends_without_a_trace(stand: ConnectionsStand) -> None:
    stand.store(connection())
    stand.connections.block("connection-1", "603: access denied", START)
    later = START + timedelta(hours=1)
    stand.connections.block("connection-1", "610: not found", later)
    assert stored(stand) == connection(
        status=Status.BLOCKED, blocked_cause="610: not found", held_since=START, retry_at=later + RETRY_BLOCKED
    )
    stand.connections.unblock("connection-1")
    assert stored(stand) == connection()


def test_a_block_of_what_is_being_deleted_shows_its_cause_and_nothing_else(stand: ConnectionsStand) -> None:
    going = connection(status=Status.DELETING)
    stand.store(going)
    stand.connections.block("connection-1", "603: access denied", START)
    assert stored(stand) == replace(
        going, blocked_cause="603: access denied", held_since=START, retry_at=START + RETRY_BLOCKED
    )
    stand.connections.unblock("connection-1")
    assert stored(stand) == going


@pytest.mark.parametrize("status", Status)
def test_the_oldest_event_that_waits_is_noted_until_there_is_none(stand: ConnectionsStand, status: Status) -> None:
    before = connection(status=status)
    stand.store(before)
    stand.connections.wait("connection-1", WAITING)
    assert stored(stand) == replace(before, waiting=WAITING)
    stand.connections.wait("connection-1", None)
    assert stored(stand) == before


@pytest.mark.parametrize("status", [Status.BLOCKED, Status.DELETING])
def test_what_marketo_refuses_is_tried_when_somebody_says_so_and_stays_blocked(
    stand: ConnectionsStand, status: Status
) -> None:
    stand.store(connection(status=Status.ENABLED if status is Status.BLOCKED else status))
    stand.connections.block("connection-1", "603: access denied", START)
    before = stored(stand)
    stand.monitored.retry("connection-1")
    assert stored(stand) == replace(before, retry_at=None)
    stand.connections.block("connection-1", "603: access denied", START + timedelta(hours=1))
    assert stored(stand) == replace(before, retry_at=START + timedelta(hours=1) + RETRY_BLOCKED)


def test_a_retry_of_what_is_not_blocked_changes_nothing(stand: ConnectionsStand) -> None:
    stand.store(connection())
    stand.monitored.retry("connection-1")
    assert stored(stand) == connection()


@pytest.mark.parametrize("status", Status)
def test_when_what_is_parked_was_sent_back_is_noted_until_it_has_to_be_again(
    stand: ConnectionsStand, status: Status
) -> None:
    before = connection(status=status)
    stand.store(before)
    for at in (START, START + timedelta(hours=1)):
        stand.monitored.resume("connection-1", Resumption(at, at - timedelta(minutes=1)))
        assert stored(stand) == replace(before, resumed_at=at, resumed_up_to=at - timedelta(minutes=1))
    for _ in range(2):
        stand.connections.resume_later("connection-1")
        assert stored(stand) == before


@pytest.mark.parametrize("status", Status)
def test_since_when_the_queue_has_had_nothing_is_noted_of_what_is_being_deleted(
    stand: ConnectionsStand, status: Status
) -> None:
    before = connection(status=status)
    stand.store(before)
    stand.monitored.drain("connection-1", START)
    assert stored(stand) == replace(before, drained_since=START if status is Status.DELETING else None)
    stand.monitored.drain("connection-1", None)
    assert stored(stand) == before


def test_no_mark_makes_a_connection_that_is_gone(stand: ConnectionsStand) -> None:
    """What was sent back of it, or put back, a moment after its removal."""
    stand.monitored.retry("c-9")
    stand.monitored.resume("c-9", Resumption(START, START))
    stand.monitored.drain("c-9", START)
    stand.monitored.drain("c-9", None)
    stand.connections.resume_later("c-9")
    assert list(stand.monitored.all()) == []
    with pytest.raises(NotFoundError):
        stand.monitored.get("c-9")


def test_a_list_made_anew_is_bound_once(stand: ConnectionsStand) -> None:
    stand.store(connection(), BOUND, BARE)
    stand.connections.rebind("connection-1", BOUND.audience, 1001, 2002, "Anew", may_hold_others=True, fill_at=None)
    stand.connections.rebind("connection-1", BOUND.audience, 1001, 3003, "Too late", may_hold_others=True, fill_at=None)
    active = stand.connections.active("connection-1")
    assert active.activations[BOUND.audience] == replace(BOUND, list_id=2002, list_name="Anew")
    assert active.activations[BARE.audience] == BARE


def test_a_list_is_bound_to_no_audience_that_has_none_or_is_not_activated(stand: ConnectionsStand) -> None:
    stand.store(connection(), BARE)
    stand.connections.rebind("connection-1", BARE.audience, 1001, 2002, "Anew", may_hold_others=True, fill_at=None)
    stand.connections.rebind("connection-1", audience("b"), 1001, 2002, "Anew", may_hold_others=True, fill_at=None)
    assert dict(stand.connections.active("connection-1").activations) == {BARE.audience: BARE}


FILL = START + timedelta(hours=1)


def test_a_list_made_anew_is_to_be_filled_and_is_ours(stand: ConnectionsStand) -> None:
    stand.store(connection(), replace(BOUND, fill_at=START))
    stand.connections.rebind("connection-1", BOUND.audience, 1001, 2002, "Anew", may_hold_others=False, fill_at=FILL)
    bound = stand.connections.active("connection-1").activations[BOUND.audience]
    assert bound == replace(BOUND, list_id=2002, list_name="Anew", may_hold_others=False, fill_at=FILL)


def test_a_list_made_anew_for_an_audience_that_is_over_is_not_to_be_filled(stand: ConnectionsStand) -> None:
    stand.store(connection(), replace(BOUND, fill_at=START))
    stand.connections.rebind("connection-1", BOUND.audience, 1001, 2002, "Anew", may_hold_others=True, fill_at=None)
    assert stand.connections.active("connection-1").activations[BOUND.audience].fill_at is None


def test_a_list_was_filled_for_the_time_at_which_it_was_due_and_for_no_other(stand: ConnectionsStand) -> None:
    due = replace(BOUND, fill_at=FILL)
    stand.store(connection(), due, BARE)
    for audience_id, list_id, at in (
        (BOUND.audience, 1001, START),
        (BOUND.audience, 2002, FILL),
        (BARE.audience, 1, FILL),
    ):
        stand.connections.filled("connection-1", audience_id, list_id, at)
    stand.connections.filled("c-9", BOUND.audience, 1001, FILL)
    assert stand.connections.active("connection-1").activations[BOUND.audience] == due
    stand.connections.filled("connection-1", BOUND.audience, 1001, FILL)
    assert stand.connections.active("connection-1").activations[BOUND.audience] == BOUND


@pytest.mark.parametrize("bound", [BOUND, BARE], ids=["with a list", "without a list"])
def test_an_audience_is_renamed_once_and_keeps_its_list(stand: ConnectionsStand, bound: Activation) -> None:
    stand.store(connection(), bound)
    list_name = bound.list_name and "Summer"
    for name in ("Summer", "Too late"):
        stand.connections.rename_audience("connection-1", bound.audience, bound.name, name, list_name, FILL)
    stand.connections.rename_audience("connection-1", audience("b"), "b", "Not there", None, FILL)
    stand.connections.rename_audience("c-9", bound.audience, bound.name, "Not there", None, FILL)
    renamed = replace(bound, name="Summer", list_name=list_name, named_at=FILL)
    assert dict(stand.connections.active("connection-1").activations) == {bound.audience: renamed}


def test_nothing_is_delivered_of_what_is_discarded(stand: ConnectionsStand) -> None:
    stand.store(connection(), BOUND)
    stand.discard("connection-1")
    with pytest.raises(NotFoundError):
        stand.connections.active("connection-1")
