"""The use case behind the queue: a batch of messages comes in, what it says is made true in Marketo and accounted for.

A message is done when every event in it has a final outcome that the ledger holds; the others stay in the queue.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

from destination.accounts import Accounts, DeadLetters, Ledger, Work
from destination.delivery import Delivery, HaltError
from destination.domain.connection import ActiveConnection, Connection, Limits, Status
from destination.domain.mapping import Mapper
from destination.domain.person import by_key
from destination.domain.settle import refused_unit
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError, RequestRejectedError
from destination.marketo.instance import Marketo
from destination.marketo.pace import OutOfTimeError, Pace
from destination.queue import DeadLetter, Message, UndecodableMessageError, decode
from destination.store.errors import NotFoundError
from destination.store.lease import Lease
from destination.store.ledger import LeaseLostError

LONGEST_CALL = timedelta(seconds=95)
SETTLING = timedelta(seconds=15)
"""What a batch needs after its last call: to record what became of it, and to give back the rest."""

LEASE_MARGIN = timedelta(seconds=60)
"""How long a lease outlives the invocation that took it, so that no call of a dead holder is still on its way."""

LEASE_POLL = timedelta(seconds=1)
RETRY_LEASE = timedelta(seconds=20)
RETRY_UNKNOWN_CREATION = timedelta(seconds=100)
"""Marketo may still be creating leads up to 90 s after a call that was lost (Marketo REST API, "Timeouts")."""
RETRY_BLOCKED = timedelta(minutes=15)
INSTANCES_AT_ONCE = 8


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str) -> ActiveConnection: ...
    def block(self, connection_id: str, cause: str) -> None: ...
    def unblock(self, connection_id: str) -> None: ...


class Leases(Protocol):
    """The right to deliver to an instance."""

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None: ...
    def release(self, lease: Lease, calls: list[float]) -> None: ...


class Queue(Protocol):
    """Where messages that are not done stay."""

    def give_back(self, messages: Sequence[Message], seconds: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Report:
    """The ids of the messages that stay in the queue, and what held each connection up."""

    given_back: tuple[str, ...]
    halts: Mapping[str, str]


@dataclass(slots=True)
class _Returns:
    """Messages on their way back to the queue, by the seconds they are to be hidden for."""

    messages: defaultdict[int, list[Message]] = field(default_factory=lambda: defaultdict(list))
    halts: dict[str, str] = field(default_factory=dict)

    def add(self, works: Iterable[Work], delay: timedelta, cause: str) -> None:
        for work in works:
            self.messages[ceil(delay.total_seconds())].append(work.message)
            self.halts[work.target.connection.id] = cause


@dataclass(frozen=True, slots=True)
class Sync:
    """Delivers batches. `marketo` answers the instance as a connection's API user sees it, kept from batch to batch."""

    connections: Connections
    leases: Leases
    ledger: Ledger
    queue: Queue
    dead_letters: DeadLetters
    marketo: Callable[[Connection], Marketo]
    pace: Callable[[Limits, Sequence[float], timedelta], Pace]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def __call__(self, messages: Sequence[Message], time_left: timedelta) -> Report:
        """Deliver a batch within the time left; what cannot be done in it is given back to the queue."""
        deadline = self.clock() + time_left
        returns = _Returns()
        instances: defaultdict[str, list[Work]] = defaultdict(list)
        lost = []
        for message in messages:
            opened = self._open(message)
            if isinstance(opened, DeadLetter):
                if self.dead_letters.send([opened]):
                    lost.append(message)
            elif opened.target.connection.status in {Status.ENABLED, Status.BLOCKED}:
                instances[opened.target.connection.munchkin_id].append(opened)
            else:
                returns.add([opened], RETRY_BLOCKED, f"the connection is {opened.target.connection.status}")
        with ThreadPoolExecutor(INSTANCES_AT_ONCE) as threads:
            for done in [threads.submit(self._instance, works, deadline, returns) for works in instances.values()]:
                done.result()
        for seconds, held in returns.messages.items():
            self.queue.give_back(held, seconds)
        held_up = [message.id for held in returns.messages.values() for message in held]
        return Report((*held_up, *(message.id for message in lost)), returns.halts)

    def _open(self, message: Message) -> Work | DeadLetter:
        try:
            envelope = decode(message.body)
            return Work(message, envelope, self.connections.active(envelope.connection_id))
        except UndecodableMessageError as error:
            return DeadLetter(message.body, "UNDECODABLE_MESSAGE", str(error))
        except NotFoundError as error:
            return DeadLetter(message.body, "UNKNOWN_CONNECTION", str(error))

    def _instance(self, works: Sequence[Work], deadline: datetime, returns: _Returns) -> None:
        """Deliver to one instance, under its lease."""
        connections = {work.target.connection.id: work.target.connection for work in works}
        munchkin_id = works[0].target.connection.munchkin_id
        last_call = deadline - LONGEST_CALL - SETTLING
        lease = self._lease(munchkin_id, last_call, until=deadline + LEASE_MARGIN)
        if lease is None:
            returns.add(works, RETRY_LEASE, "another worker delivers to the instance")
            return
        limits = strictest(connection.limits for connection in connections.values())
        pace = self.pace(limits, lease.calls, last_call - self.clock())
        try:
            for connection_id in connections:
                own = [work for work in works if work.target.connection.id == connection_id]
                self._connection(own, lease, pace, returns)
        finally:
            self.leases.release(lease, pace.history())

    def _lease(self, munchkin_id: str, last_call: datetime, until: datetime) -> Lease | None:
        while (lease := self.leases.acquire(munchkin_id, self.clock(), until)) is None:
            if self.clock() + LEASE_POLL >= last_call:
                return None
            self.sleep(LEASE_POLL.total_seconds())
        return lease

    def _connection(self, works: Sequence[Work], lease: Lease, pace: Pace, returns: _Returns) -> None:
        connection = works[0].target.connection
        try:
            marketo = self.marketo(connection)
            marketo.pace = pace
            halt = self._deliver(works, marketo, lease)
        except NotFoundError as error:
            self.connections.block(connection.id, str(error))
            returns.add(works, RETRY_BLOCKED, str(error))
            return
        except LeaseLostError as error:
            returns.add(works, RETRY_LEASE, str(error))
            return
        except (InstanceWaitsError, ConnectionBlockedError, OutOfTimeError) as error:
            halt = error
        except RequestRejectedError as error:
            halt = ConnectionBlockedError(error.code, error.operation)
        if isinstance(halt, ConnectionBlockedError):
            self.connections.block(connection.id, f"{halt.code}: {halt.meaning} {halt.remedy}".strip())
        elif halt is None and connection.status is Status.BLOCKED:
            self.connections.unblock(connection.id)
        unfinished = [work for work in works if not work.is_done]
        if unfinished:
            returns.add(unfinished, _delay(halt), str(halt))

    def _deliver(self, works: Sequence[Work], marketo: Marketo, lease: Lease) -> HaltError | None:
        """Deliver to one connection. Whatever has a final outcome when this returns is recorded."""
        target = works[0].target
        connection = target.connection
        calls_before = marketo.calls
        schema = marketo.describe.schema()
        mapper = Mapper.of(target, schema)
        messages = {work.message.id: work for work in works}
        counted = self.ledger.counted(connection.id, list(messages))
        units = [unit for work in works for unit in work.units(mapper, counted.get(work.message.id, frozenset()))]
        persons = by_key(units)
        rows = self.ledger.rows(connection.id, list(persons))
        result = Delivery(target, marketo, mapper.dedupe_field, self.clock)(persons, rows)
        refused = (refused_unit(unit, unit.refusal) for unit in units if unit.refusal)
        accounts = Accounts(messages, connection.id, self.ledger, self.dead_letters, lease, self.clock)
        accounts.record((*result.settled, *refused), marketo.calls - calls_before)
        return result.halt


def strictest(limits: Iterable[Limits]) -> Limits:
    """The limits that keep every connection of an instance within its own."""
    given = list(limits)
    return Limits(
        calls_per_20s=min(one.calls_per_20s for one in given),
        concurrency=min(one.concurrency for one in given),
        daily_calls=min(one.daily_calls for one in given),
    )


def _delay(halt: HaltError | None) -> timedelta:
    match halt:
        case ConnectionBlockedError():
            return RETRY_BLOCKED
        case InstanceWaitsError(executed_unknown=True):
            return max(halt.wait, RETRY_UNKNOWN_CREATION)
        case InstanceWaitsError():
            return halt.wait
    return timedelta(0)
