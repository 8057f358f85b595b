"""The use case behind the queue: a batch of messages comes in, what it says is made true in Marketo and accounted for.

A message is done when every event in it has a final outcome that the ledger holds; the others stay in the queue.
"""

import contextlib
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from typing import Protocol

from destination.delivery.accounts import Accounts, DeadLetters, Ledger, Work
from destination.delivery.missing_lists import make_missing_lists
from destination.delivery.round import Delivery, schema_for
from destination.domain.audience import AudienceKey
from destination.domain.circuit import PATIENCE, Pause, pause_after
from destination.domain.connection import DELIVERING, ActiveConnection, Connection, Limits, Waiting
from destination.domain.mapping import Mapper
from destination.domain.pace import PaceState
from destination.domain.person import by_key
from destination.domain.run import Tally, counted
from destination.domain.schema import Schema
from destination.domain.settle import refused_unit
from destination.domain.verification import LONGEST
from destination.marketo.errors import (
    ConnectionBlockedError,
    FailureClass,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
    classify,
)
from destination.marketo.instance import Marketo
from destination.marketo.pace import OutOfTimeError, Pace
from destination.marketo.reasons import message_of
from destination.queue import DeadLetter, Message, UndecodableMessageError, decode
from destination.store.errors import AWS_ERRORS, NotFoundError, aws_code
from destination.store.leases import Lease
from destination.store.ledger import LeaseLostError

LONGEST_CALL = timedelta(seconds=95)
SETTLING = timedelta(seconds=15)
"""What a batch needs after its last call: to record what became of it, and to give back the rest."""

LEASE_MARGIN = timedelta(seconds=60)
"""How long a lease outlives the invocation that took it, so that no call of a dead holder is still on its way."""

LEASE_POLL = timedelta(seconds=1)
LEASE_PATIENCE = timedelta(seconds=30)
"""How long a worker waits for its turn; longer, and it would be missing for the instances that are free."""
RETRY_LEASE = timedelta(seconds=20)
RETRY_BLOCKED = timedelta(minutes=15)
INSTANCES_AT_ONCE = 8

EAGER_RECEIVES = 50
PATIENT_DELAY = timedelta(hours=1)
"""A message that was given back so often comes back once an hour, so that the queue's 300 receives last 10 days."""


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str) -> ActiveConnection: ...
    def limits(self, munchkin_id: str) -> Sequence[Limits]: ...
    def rebind(self, connection_id: str, audience: AudienceKey, before: int, list_id: int, list_name: str) -> None: ...
    def block(self, connection_id: str, cause: str) -> None: ...
    def unblock(self, connection_id: str) -> None: ...
    def wait(self, connection_id: str, waiting: Waiting | None) -> None: ...


class Leases(Protocol):
    """The right to deliver to an instance."""

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None: ...
    def release(self, lease: Lease, pace: PaceState, pause: Pause | None) -> None: ...


class Queue(Protocol):
    """Where messages that are not done stay."""

    def give_back(self, messages: Sequence[Message], seconds: int) -> None: ...


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The ids of the messages that stay in the queue, and what held each connection up.

    `works`: the messages that are of a connection; `refused`: those that are none, and became dead letters, by id.
    `tally`: what was recorded, `letters`: how many dead letters were sent. `window_share` and `quota_share`: how much
    was used at most of an instance's calls in 20 s and in a day that are ours, 1 for all.
    """

    given_back: tuple[str, ...]
    halts: Mapping[str, str]
    works: Sequence[Work] = ()
    refused: Mapping[str, DeadLetter] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    letters: int = 0
    window_share: float = 0.0
    quota_share: float = 0.0


@dataclass(slots=True)
class _Returns:
    """Messages on their way back to the queue, by the seconds they are to be hidden for."""

    messages: defaultdict[int, list[Message]] = field(default_factory=lambda: defaultdict(list))
    halts: dict[str, str] = field(default_factory=dict)
    turns: list["_Turn"] = field(default_factory=list)
    oldest: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    """By connection: when its oldest message was received, and for how many seconds it is to be hidden."""

    def add(self, works: Iterable[Work], delay: timedelta, cause: str) -> None:
        for work in works:
            goes_on = work.envelope.verification is not None and not delay
            is_tired = work.message.receives > EAGER_RECEIVES and not goes_on
            patient = max(delay, PATIENT_DELAY) if is_tired else delay
            seconds = max(ceil(patient.total_seconds()), 0)
            connection_id, age = work.target.connection.id, (work.envelope.received_at, seconds)
            self.messages[seconds].append(work.message)
            work.is_given_back = True
            if work.envelope.verification is None:  # No event waits for a verification.
                self.halts[connection_id] = cause
                self.oldest[connection_id] = min(self.oldest.get(connection_id, age), age)

    @property
    def ids(self) -> set[str]:
        return {message.id for held in self.messages.values() for message in held}


@dataclass(slots=True)
class _Turn:
    """One holder's turn at an instance, with calls until a time.

    `halt`: what ended it early, for all connections of the instance.
    """

    lease: Lease
    pace: Pace
    until: datetime
    halt: InstanceWaitsError | OutOfTimeError | LeaseLostError | None = None
    accounts: list[Accounts] = field(default_factory=list)

    @property
    def tried(self) -> frozenset[str]:
        """The code that was waited out often enough in a row."""
        before = self.lease.pause
        return frozenset({before.code} if before is not None and before.failures >= PATIENCE else ())

    @property
    def given_up(self) -> frozenset[str]:
        """The unknown code that was waited out often enough: it counts against the records from now on."""
        return frozenset(code for code in self.tried if classify(code) is FailureClass.UNKNOWN)

    def pause(self, now: datetime, chance: float) -> Pause | None:
        """How long the instance is to be left alone after this turn."""
        if isinstance(self.halt, InstanceWaitsError):
            return pause_after(
                self.lease.pause,
                code=self.halt.code,
                cause=str(self.halt),
                wait=self.halt.wait,
                unknown_creation=self.halt.executed_unknown,
                now=now,
                chance=chance,
            )
        return self.lease.pause if self.halt is not None else None


@dataclass(frozen=True, slots=True)
class Sync:
    """Delivers batches. `marketo` answers the instance as a connection's API user sees it, kept from batch to batch.

    `name_of` gives the pseudonym of the person with a dedupe key. `verify` carries a verification on until a time, and
    tells when it is to go on; of what it raises, the codes that were tried often enough in a row are its own.
    """

    connections: Connections
    leases: Leases
    ledger: Ledger
    queue: Queue
    dead_letters: DeadLetters
    marketo: Callable[[Connection], Marketo]
    pace: Callable[[Limits, PaceState, timedelta], Pace]
    clock: Callable[[], datetime]
    verify: Callable[[ActiveConnection, Marketo, str, datetime, Set[str]], timedelta | None]
    sleep: Callable[[float], None]
    chance: Callable[[], float]
    name_of: Callable[[str], str]

    def __call__(self, messages: Sequence[Message], time_left: timedelta) -> BatchReport:
        """Deliver a batch within the time left; what cannot be done in it is given back to the queue."""
        deadline = self.clock() + time_left
        returns = _Returns()
        instances: defaultdict[str, list[Work]] = defaultdict(list)
        active = functools.cache(self.connections.active)
        lost = []
        refused: dict[str, DeadLetter] = {}
        aside: list[Work] = []
        for message in {one.id: one for one in messages}.values():  # SQS may deliver one twice, even in one batch
            try:
                opened = _open(message, active)
            except AWS_ERRORS:
                lost.append(message)
                continue
            if isinstance(opened, DeadLetter):
                if self.dead_letters.send([opened]):
                    lost.append(message)
                else:
                    refused[message.id] = opened
            elif self._is_deliverable(opened, returns):
                instances[opened.target.connection.munchkin_id].append(opened)
            else:
                aside.append(opened)
        with ThreadPoolExecutor(INSTANCES_AT_ONCE) as threads:
            turns = [(works, threads.submit(self._instance, works, deadline, returns)) for works in instances.values()]
            for works, turn in turns:
                if isinstance(error := turn.exception(), AWS_ERRORS):
                    left = [work for work in works if not work.is_done and work.message.id not in returns.ids]
                    returns.add(left, RETRY_LEASE, f"AWS: {aws_code(error)}")
                elif error is not None:
                    raise error
        for seconds, held in returns.messages.items():
            self.queue.give_back(held, seconds)
        self._note_waiting((work.target.connection for works in instances.values() for work in works), returns)
        held_up = [message.id for held in returns.messages.values() for message in held]
        accounts = [one for turn in returns.turns for one in turn.accounts]
        return BatchReport(
            given_back=(*held_up, *(message.id for message in lost)),
            halts=returns.halts,
            works=[*aside, *(work for works in instances.values() for work in works)],
            refused=refused,
            tally=counted(tally for one in accounts for tally in one.tallies),
            letters=len(refused) + sum(one.letters for one in accounts),
            window_share=max((turn.pace.share for turn in returns.turns), default=0.0),
            quota_share=max((turn.pace.budget.share for turn in returns.turns if turn.pace.budget), default=0.0),
        )

    def _is_deliverable(self, work: Work, returns: _Returns) -> bool:
        """Whether a message is to be delivered now; if not, it is done or given back."""
        if work.envelope.verification is not None and self.clock() >= work.envelope.received_at + LONGEST:
            work.pending = set()  # It has failed by now: see Verification.at.
            return False
        status = work.target.connection.status
        if status not in DELIVERING:
            returns.add([work], RETRY_BLOCKED, f"the connection is {status}")
        return status in DELIVERING

    def _note_waiting(self, connections: Iterable[Connection], returns: _Returns) -> None:
        """Note the oldest event of each connection that waits: one given back now, or before and not yet back."""
        now = self.clock()
        for connection in {one.id: one for one in connections}.values():
            hidden = connection.waiting if connection.waiting and connection.waiting.until > now else None
            given = returns.oldest.get(connection.id)
            waits = [Waiting(given[0], now + timedelta(seconds=given[1]))] if given else []
            waiting = min([*waits, *([hidden] if hidden else [])], key=lambda one: one.since, default=None)
            if waiting != connection.waiting:
                with contextlib.suppress(*AWS_ERRORS):  # What was delivered stands; the next batch notes it.
                    self.connections.wait(connection.id, waiting)

    def _instance(self, works: Sequence[Work], deadline: datetime, returns: _Returns) -> None:
        """Deliver to one instance, under its lease; what can be made ready before it is held, is."""
        by_connection: defaultdict[str, list[Work]] = defaultdict(list)
        for work in works:
            by_connection[work.target.connection.id].append(work)
        ready = [(own, marketo) for own in by_connection.values() if (marketo := self._marketo(own, returns))]
        munchkin_id = works[0].target.connection.munchkin_id
        last_call = deadline - LONGEST_CALL - SETTLING
        patience = min(last_call, self.clock() + LEASE_PATIENCE)
        lease = self._lease(munchkin_id, patience, until=deadline + LEASE_MARGIN) if ready else None
        if lease is None:
            for own, _ in ready:
                returns.add(own, RETRY_LEASE, "another worker delivers to the instance")
            return
        turn: _Turn | None = None
        try:
            if lease.pause is not None and lease.pause.until > self.clock():
                for own, _ in ready:
                    returns.add(own, lease.pause.until - self.clock(), lease.pause.cause)
                return
            in_batch = (own[0].target.connection.limits for own, _ in ready)
            limits = strictest((*in_batch, *self.connections.limits(munchkin_id)))
            turn = _Turn(lease, self.pace(limits, lease.pace, last_call - self.clock()), last_call)
            returns.turns.append(turn)
            for own, marketo in ready:
                self._connection(own, marketo, turn, returns)
        finally:
            if turn is None:
                self.leases.release(lease, lease.pace, lease.pause)
            else:
                self.leases.release(lease, turn.pace.state(), turn.pause(self.clock(), self.chance()))

    def _marketo(self, works: Sequence[Work], returns: _Returns) -> Marketo | None:
        connection = works[0].target.connection
        try:
            return self.marketo(connection)
        except NotFoundError as error:
            self.connections.block(connection.id, str(error))
            returns.add(works, RETRY_BLOCKED, str(error))
            return None

    def _lease(self, munchkin_id: str, patience: datetime, until: datetime) -> Lease | None:
        while (lease := self.leases.acquire(munchkin_id, self.clock(), until)) is None:
            if self.clock() + LEASE_POLL >= patience:
                return None
            self.sleep(LEASE_POLL.total_seconds())
        return lease

    def _connection(self, works: Sequence[Work], marketo: Marketo, turn: _Turn, returns: _Returns) -> None:
        target = works[0].target
        connection = target.connection
        blocked: ConnectionBlockedError | None = None
        try:
            if turn.halt is None:
                marketo.pace = turn.pace
                blocked = self._serve(works, marketo, turn, returns)
        except (InstanceWaitsError, OutOfTimeError, LeaseLostError) as error:
            turn.halt = turn.halt or error
        except ConnectionBlockedError as error:
            blocked = error
        except RequestRejectedError as error:
            blocked = ConnectionBlockedError(error.code, error.operation)
        if blocked is not None:
            self.connections.block(connection.id, f"{blocked.code}: {message_of(blocked.code)}")
        unfinished = [work for work in works if not work.is_done and not work.is_given_back]
        if unfinished:
            delay = RETRY_BLOCKED if blocked is not None else _delay(turn, self.clock())
            returns.add(
                unfinished, delay, str(blocked or turn.halt or "a list was made anew, or a dead letter not stored")
            )

    def _serve(
        self, works: Sequence[Work], marketo: Marketo, turn: _Turn, returns: _Returns
    ) -> ConnectionBlockedError | None:
        """Deliver events, then carry verifications on. Returns what blocks the connection, if anything does."""
        calls_before = marketo.calls
        events = [work for work in works if work.envelope.verification is None]
        blocked = self._deliver(events, marketo, turn) if events else None
        if isinstance(blocked, ListMissingError) and self._make_missing_lists(works[0].target, marketo):
            blocked = None
        if blocked is not None or turn.halt is not None:
            return blocked
        if works[0].target.connection.blocked_cause is not None and marketo.calls > calls_before:
            self.connections.unblock(works[0].target.connection.id)
        for work in works:
            if work.envelope.verification is not None:
                self._verify(work, work.envelope.verification, marketo, turn, returns)
        return None

    def _verify(self, work: Work, verification: str, marketo: Marketo, turn: _Turn, returns: _Returns) -> None:
        try:
            delay = self.verify(work.target, marketo, verification, turn.until, turn.tried)
        except AWS_ERRORS as error:  # It may be of this verification alone: the deliveries of others go on.
            returns.add([work], RETRY_BLOCKED, f"AWS: {aws_code(error)}")
            return
        if delay is None:
            work.pending = set()
        else:
            returns.add([work], delay, "the verification goes on")

    def _make_missing_lists(self, target: ActiveConnection, marketo: Marketo) -> bool:
        connection_id = target.connection.id
        return make_missing_lists(
            target,
            marketo,
            members=lambda audience: self.ledger.members(connection_id, audience),
            rebind=lambda activation, list_id, name: self.connections.rebind(
                connection_id, activation.audience, activation.list_id or 0, list_id, name
            ),
        )

    def _deliver(self, works: Sequence[Work], marketo: Marketo, turn: _Turn) -> ConnectionBlockedError | None:
        """Deliver to one connection. Whatever has a final outcome when this returns is recorded.

        Returns what blocks the connection, if anything does; what holds up the instance is noted in the turn.
        """
        target = works[0].target
        connection = target.connection
        calls_before = marketo.calls
        mapper = Mapper.of(target, self._schema(connection, marketo, turn))
        messages = {work.message.id: work for work in works}
        counted = self.ledger.counted(connection.id, list(messages))
        units = [unit for work in works for unit in work.units(mapper, counted.get(work.message.id, frozenset()))]
        persons = by_key(units)
        rows = self.ledger.rows(connection.id, list(persons))
        accounts = Accounts(
            messages, connection.id, self.ledger, self.dead_letters, turn.lease, self.clock, self.name_of
        )
        turn.accounts.append(accounts)
        delivery = Delivery(
            target,
            marketo,
            mapper.dedupe_field,
            self.clock,
            accounts.remember,
            turn.given_up,
            mapper.ecid_field,
        )
        try:
            result = delivery(persons, rows)
        finally:
            if isinstance(delivery.halt, InstanceWaitsError | OutOfTimeError):
                turn.halt = delivery.halt
        for unit in result.ignored:
            messages[unit.origin.message_id].ignored.append(unit.origin)
        refused = (refused_unit(unit, unit.refusal) for unit in units if unit.refusal)
        accounts.record((*result.settled, *refused), marketo.calls - calls_before)
        return result.halt if isinstance(result.halt, ConnectionBlockedError) else None

    def _schema(self, connection: Connection, marketo: Marketo, turn: _Turn) -> Schema:
        """The instance's fields, or what keeps the connection from working without them."""
        try:
            return schema_for(connection, marketo.describe)
        except InstanceWaitsError as error:
            if error.code not in turn.given_up:
                raise
            raise ConnectionBlockedError(error.code, error.operation) from error


def _open(message: Message, active: Callable[[str], ActiveConnection]) -> Work | DeadLetter:
    try:
        envelope = decode(message.body)
        return Work(message, envelope, active(envelope.connection_id))
    except UndecodableMessageError as error:
        return DeadLetter(message.body, "UNDECODABLE_MESSAGE", str(error))
    except NotFoundError as error:
        return DeadLetter(message.body, "UNKNOWN_CONNECTION", str(error))


def strictest(limits: Iterable[Limits]) -> Limits:
    """The limits that keep every connection of an instance within its own."""
    given = list(limits)
    return Limits(
        calls_per_20s=min(one.calls_per_20s for one in given),
        concurrency=min(one.concurrency for one in given),
        daily_calls=min(one.daily_calls for one in given),
    )


def _delay(turn: _Turn, now: datetime) -> timedelta:
    """How long messages are hidden that the turn did not come to: at once where there was only too little time."""
    match turn.halt:
        case InstanceWaitsError():
            pause = turn.pause(now, chance=0)
            return pause.until - now if pause else timedelta(0)
        case LeaseLostError():
            return RETRY_LEASE
    return timedelta(0)
