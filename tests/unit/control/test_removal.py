"""The end of a connection: nothing that was known of its people is left, and nobody writes any more of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from destination.control.removal import Removal
from destination.domain.audience import Activation
from destination.domain.connection import ActiveConnection, Status
from destination.domain.letter import Letter, LetterBundle
from destination.monitoring.retirement import RetireConnections, Retirement
from destination.queue import EventQueue
from destination.queue.ages import QueueAges
from destination.store.connections import Connections
from destination.store.errors import NotFoundError
from destination.store.letters import Letters
from testing.filling import WANTED, A, Whole, whole

ADA = "ada@example.org"
MANY = [f"p{number}@example.org" for number in range(30)]


@pytest.fixture
def world() -> Iterator[Whole]:
    with whole() as world:
        world.people(ADA, *MANY)
        world.make()
        world.join("a", *MANY)
        yield world


def known(world: Whole) -> int:
    """How many items of the ledger are the connection's."""
    items: list[dict[str, Any]] = world.plane.dynamodb.scan(TableName="LedgerTable")["Items"]
    return len([one for one in items if one["pk"]["S"].startswith(f"{world.id}#")])


def is_there(world: Whole) -> bool:
    try:
        world.plane.connections.get(world.id)
    except NotFoundError:
        return False
    return True


def retire(world: Whole, has_time: Callable[[], bool] = lambda: True) -> list[Retirement]:
    queue = EventQueue(world.plane.sqs, world.verifications.queue.url)
    retirement = RetireConnections(
        world.plane.connections.connections,
        queue,
        QueueAges(boto3.client("cloudwatch"), "events"),
        world.plane.parking,
        world.plane.connections.removal,
    )
    return list(retirement(world.clock.now, has_time))


def test_what_is_discarded_goes_with_its_ledger(world: Whole) -> None:
    other = replace(world, id="", numbers=world.numbers)
    other.make(replace(WANTED, name="Another", munchkin_id="999-ABC-456"))
    assert known(world) > len(MANY)
    assert world.plane.connections.delete(world.id, discard=True) is None
    assert (known(world), is_there(world)) == (0, False)
    assert is_there(other)


@pytest.mark.parametrize("erased", [1, 2, 500])
def test_a_ledger_is_erased_whatever_its_size(world: Whole, monkeypatch: pytest.MonkeyPatch, erased: int) -> None:
    monkeypatch.setattr("destination.store.ledger.ERASED", erased)
    world.plane.connections.delete(world.id, discard=True)
    assert (known(world), is_there(world)) == (0, False)


def test_what_is_queued_is_delivered_before_a_connection_goes_with_its_ledger(world: Whole) -> None:
    assert world.plane.connections.delete(world.id) is not None
    world.join("a", ADA)
    assert ADA in world.members()
    assert retire(world) == []
    world.clock.sleep(600)
    assert retire(world) == [Retirement(world.id, is_gone=True)]
    assert (known(world), is_there(world)) == (0, False)


@dataclass
class SlowLedger:
    """Erases for as long as one call takes."""

    world: Whole

    def erase(self, connection_id: str) -> bool:
        self.world.clock.sleep(15)
        return self.world.ledger.erase(connection_id)


def test_the_monitor_goes_on_where_a_call_had_no_more_time(world: Whole, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("destination.store.ledger.ERASED", 2)
    slow: Any = SlowLedger(world)
    removal: Removal = replace(world.plane.connections.removal, ledger=slow)
    world.plane.connections = replace(world.plane.connections, removal=removal)
    leaving = world.plane.connections.delete(world.id, discard=True)
    assert leaving is not None
    assert (leaving.status, leaving.is_discarded) == (Status.DELETING, True)
    left = [known(world)]
    for _ in range(20):
        world.clock.sleep(300)
        done = retire(world)
        left.append(known(world))
        if done != [Retirement(world.id, is_gone=False)]:
            break
    assert done == [Retirement(world.id, is_gone=True)]
    assert left == sorted(set(left), reverse=True)
    assert (left[-1], is_there(world)) == (0, False)


def test_letters_that_are_redriven_meanwhile_go_with_their_connection(world: Whole) -> None:
    removal = world.plane.connections.removal
    letter = Letter("{}", "MARKETO_1003", world.clock.now, 1)
    removal.letters.put(LetterBundle.of(world.id, [letter], world.clock.now, "1" * 32), [letter.body])

    @dataclass
    class Raced:
        letters: Letters

        def erase(self, connection_id: str) -> bool:
            for one in self.letters.of(connection_id):
                self.letters.redrive(one)
            return self.letters.erase(connection_id)

    raced: Any = Raced(removal.letters)
    world.plane.connections = replace(world.plane.connections, removal=replace(removal, letters=raced))
    world.plane.connections.delete(world.id, discard=True)
    retire(world)
    assert not is_there(world)
    assert (list(removal.letters.of(world.id)), list(world.plane.parking.of(world.id))) == ([], [])


def test_a_delivery_that_is_under_way_ends_before_the_ledger_is_erased(world: Whole) -> None:
    lease = world.leases.acquire("123-ABC-456", world.clock.now, world.clock.now + timedelta(minutes=5))
    assert lease is not None
    assert world.plane.connections.delete(world.id, discard=True) is not None
    assert retire(world) == [Retirement(world.id, is_gone=False)]
    assert known(world) > len(MANY)
    world.leases.release(lease, lease.pace, None)
    assert retire(world) == [Retirement(world.id, is_gone=True)]
    assert known(world) == 0


def test_a_delivery_that_waits_for_its_turn_writes_nothing_of_what_was_erased(world: Whole) -> None:
    read = world.plane.delivering.active(world.id)
    active, ledger = world.plane.delivering.active, known(world)

    def read_before_it_went(connection_id: str) -> ActiveConnection:
        world.plane.delivering.active = active  # type: ignore[method-assign]
        world.plane.connections.delete(connection_id, discard=True)
        return read

    assert ledger > 0
    world.plane.delivering.active = read_before_it_went  # type: ignore[method-assign]
    world.join("a", ADA)
    assert (known(world), is_there(world)) == (0, False)


def test_a_delivery_that_is_inside_its_turn_when_the_connection_goes_ends_and_leaves_nothing(world: Whole) -> None:
    is_delivered, gone = world.plane.delivering.is_delivered, list[bool]()

    def then_discarded(connection_id: str) -> bool:
        answer = is_delivered(connection_id)
        gone.append(world.plane.connections.delete(connection_id, discard=True) is None)
        return answer

    world.plane.delivering.is_delivered = then_discarded  # type: ignore[method-assign]
    world.join("a", ADA)
    assert gone == [False], "the delivery holds the lease"
    assert ADA in world.members()
    assert retire(world) == [Retirement(world.id, is_gone=True)]
    assert (known(world), is_there(world)) == (0, False)


def test_a_removal_holds_up_no_other_connection_of_the_instance(world: Whole) -> None:
    gone, other = world.id, replace(world, id="", numbers=world.numbers)
    other.make(replace(WANTED, name="Another"), Activation(A, "other"))
    assert world.plane.connections.delete(gone, discard=True) is None
    began = world.clock.now
    report = other.join("a", ADA)
    assert (report.requeued, world.members("other")) == ((), [ADA])
    assert world.clock.now - began < timedelta(seconds=10)


def test_what_was_discarded_is_a_dead_letter_once_it_is_read_anew(world: Whole) -> None:
    read = world.plane.delivering.active(world.id)
    active = world.plane.delivering.active

    def read_before(connection_id: str) -> ActiveConnection:
        assert connection_id == world.id
        return read

    world.plane.delivering.active = read_before  # type: ignore[method-assign]
    world.plane.connections.delete(world.id, discard=True)
    assert len(world.join("a", ADA).requeued) == 1
    assert ADA not in world.members()
    world.plane.delivering.active = active  # type: ignore[method-assign]
    report = world.deliver()
    assert ([one.code for one in report.refused.values()], report.requeued) == (["UNKNOWN_CONNECTION"], ())


def test_what_is_discarded_later_is_delivered_no_more(world: Whole) -> None:
    world.plane.connections.delete(world.id)
    world.plane.connections.connections.discard(world.id)
    world.join("a", ADA)
    assert ADA not in world.members()


def test_nothing_is_removed_without_time(world: Whole) -> None:
    world.plane.connections.delete(world.id)
    world.clock.sleep(600)
    assert retire(world, lambda: False) == []
    assert is_there(world)


def test_a_removal_that_broke_off_leaves_the_names_that_its_first_attempt_knew(world: Whole) -> None:
    removal = world.plane.connections.removal

    class Broken(Connections):
        def remove(self, connection_id: str, *beside: Any) -> None:
            self._remove_activations(connection_id)
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

    broken = Broken(world.plane.dynamodb, "ConnectionsTable")
    plane = world.plane.connections
    with pytest.raises(EndpointConnectionError):
        replace(plane, removal=replace(removal, connections=broken)).delete(world.id, discard=True)
    names = {one.audience: one.name for one in world.plane.audiences.list(world.id)}
    assert names == {}
    assert plane.delete(world.id, discard=True) is None
    remembered = removal.removed.find(world.id)
    assert remembered is not None
    assert remembered.audiences
    assert remembered.name == WANTED.name
