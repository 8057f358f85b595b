"""One connection's part of a turn: its events are delivered and accounted for, then imports and verifications go on."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from destination.delivery.accounts import Accounts, Ledger
from destination.delivery.bulk_lane import BulkLane, Lane
from destination.delivery.calls import Caller
from destination.delivery.carry_imports import CarryImports
from destination.delivery.circuits import Circuits, Held
from destination.delivery.conversation import Conversation, schema_for
from destination.delivery.erase_people import Marks, erased_of
from destination.delivery.letters import WriteLetters
from destination.delivery.missing_lists import make_missing_lists
from destination.delivery.open_message import OpenMessage
from destination.delivery.outcomes import WriteOutcomes
from destination.delivery.renamed_audiences import rename_audiences
from destination.delivery.requeue import Requeue
from destination.delivery.results import WriteResults
from destination.delivery.round import Delivery
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import DEFAULT_PARTITION, ActiveConnection, Connection
from destination.domain.lead_import import LeadImport
from destination.domain.mapping import Mapper
from destination.domain.outcome import ERASED
from destination.domain.parking import RETRY_BLOCKED, WaitsFor
from destination.domain.pause import waited_out
from destination.domain.person import Origin, by_key
from destination.domain.refusal import CREATE
from destination.domain.remedy import Remedy, remedy_of
from destination.domain.run import Tally
from destination.domain.schema import Schema
from destination.domain.settle import refused_unit
from destination.marketo.errors import (
    ConnectionBlockedError,
    FailureClass,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
    classify,
)
from destination.marketo.instance import Marketo
from destination.marketo.lists import StaticList
from destination.marketo.pace import OutOfTimeError
from destination.queue import Envelope
from destination.store.errors import AWS_ERRORS, aws_code
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import StaleRunError

SETTLING: Final = timedelta(seconds=15)
"""What a batch needs after its last call: to record what became of it, and to requeue the rest."""

InstanceHalt = InstanceWaitsError | OutOfTimeError | LeaseLostError | BotoCoreError | ClientError
"""What ends the turn for all connections of the instance."""


class Connections(Protocol):
    """What a delivery changes of connections by itself."""

    def rebind(
        self,
        connection_id: str,
        audience: AudienceKey,
        before: int,
        list_id: int,
        list_name: str,
        *,
        may_hold_others: bool,
        fill_at: datetime | None,
    ) -> bool: ...
    def rename_audience(
        self, connection_id: str, audience: AudienceKey, before: str, name: str, list_name: str | None, at: datetime
    ) -> None: ...
    def is_delivered(self, connection_id: str) -> bool: ...
    def begin_delivery(self, connection_id: str, version: int, at: datetime) -> bool: ...
    def block(self, connection_id: str, cause: str, at: datetime) -> None: ...
    def unblock(self, connection_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class ConnectionResult:
    """What a connection's part of a turn came to; the messages that are neither done nor requeued are left over.

    `blocked`: what the connection was blocked for. `halt`: what ends the turn of its instance. `tallies` were recorded,
    `letters` were stored, `imports` have ended.
    """

    requeues: tuple[Requeue, ...]
    blocked: ConnectionBlockedError | None
    halt: InstanceHalt | None
    tallies: tuple[Tally, ...]
    letters: int
    imports: tuple[LeadImport, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliverConnection:
    """Delivers what one connection's messages say.

    `verify` carries a verification on, for its message that was queued at a time, until another, and tells when it is
    to go on; `erase` does so with an erasure, for its message, and `carry` with an import. `lane`: by which Marketo is
    told of many. `marks`: those of people who were erased. `enter` fences
    shards of the ledger for a lease. `name_of` gives the pseudonym of the person with a dedupe key. `sleep` waits so
    many seconds until AWS is asked again.
    """

    connections: Connections
    ledger: Ledger
    write_letters: WriteLetters
    write_results: WriteResults
    write_outcomes: WriteOutcomes
    clock: Callable[[], datetime]
    verify: Callable[[ActiveConnection, Marketo, str, datetime, Lease, datetime], timedelta | None]
    enter: Callable[[Lease, Collection[int]], None]
    name_of: Callable[[str], str]
    sleep: Callable[[float], None]
    marks: Marks
    erase: Callable[[ActiveConnection, Marketo, Envelope, Lease, datetime], timedelta | None]
    lane: BulkLane
    carry: CarryImports

    def __call__(
        self, open_messages: Sequence[OpenMessage], marketo: Marketo, lease: Lease, circuits: Circuits, until: datetime
    ) -> ConnectionResult:
        """Deliver under the instance's lease, with calls until a time. What is done when this returns is recorded.

        `circuits`: those of the instance, which change with what is refused.
        """
        connection = open_messages[0].target.connection
        events = [one for one in open_messages if not one.envelope.is_request]
        accounts = Accounts(
            open_messages=events,
            connection_id=connection.id,
            ledger=self.ledger,
            write_letters=self.write_letters,
            write_results=self.write_results,
            write_outcomes=self.write_outcomes,
            lease=lease,
            until=until + SETTLING,
            clock=self.clock,
            name_of=self.name_of,
            enter=self.enter,
            sleep=self.sleep,
        )
        requeues: list[Requeue] = []
        imports: list[LeadImport] = []
        blocked: ConnectionBlockedError | None = None
        halt: InstanceHalt | None = None
        try:
            for requeue in self._serve(open_messages, marketo, accounts, circuits, until, imports.append):
                requeues.append(requeue)  # noqa: PERF402 - what came before an error counts
        except ConnectionBlockedError as error:
            blocked = error
        except RequestRejectedError as error:
            blocked = ConnectionBlockedError(error.code, error.operation)
        except (InstanceWaitsError, OutOfTimeError, LeaseLostError, *AWS_ERRORS) as error:
            halt = error
        if blocked is not None and (halt := self._block(open_messages[0].target, blocked)) is not None:
            blocked = None
        return ConnectionResult(
            tuple(requeues), blocked, halt, tuple(accounts.tallies), accounts.letters, tuple(imports)
        )

    def _block(self, target: ActiveConnection, blocked: ConnectionBlockedError) -> InstanceHalt | None:
        try:
            self.connections.block(
                target.connection.id, f"{blocked.code}: {_why_blocked(target, blocked)}", self.clock()
            )
        except AWS_ERRORS as error:
            return error
        return None

    def _serve(
        self,
        open_messages: Sequence[OpenMessage],
        marketo: Marketo,
        accounts: Accounts,
        circuits: Circuits,
        until: datetime,
        ended: Callable[[LeadImport], None],
    ) -> Iterator[Requeue]:
        """Carry erasures on, deliver events, then carry imports and verifications on; gives what is to be requeued by
        itself. `ended` is told of each import that has.

        What is received after an erasure was asked for finds the person gone, if both come together.
        """
        target = open_messages[0].target
        if not self.connections.is_delivered(target.connection.id):  # Its ledger may be erased by now.
            yield from (Requeue(one, timedelta(0), "the connection was discarded") for one in open_messages)
            return
        yield from self._erase(open_messages, marketo, accounts.lease, until)
        calls_before = marketo.calls
        events = [open_message for open_message in open_messages if not open_message.envelope.is_request]
        if events and not self._begins(target.connection):
            yield from (Requeue(one, timedelta(0), "the connection was changed meanwhile") for one in events)
            events = []
        try:
            if events:
                yield from self._deliver(events, marketo, accounts, circuits)
                said = (event for open_message in events for event in open_message.envelope.events)
                rename_audiences(target, said, marketo, self.connections)
        except ListMissingError:
            if not self._make_missing_lists(target, marketo):
                raise
        if target.connection.blocked_cause is not None and marketo.calls > calls_before:
            self.connections.unblock(target.connection.id)
        yield from self._carry(open_messages, marketo, accounts.lease, ended)
        yield from self._verify(open_messages, marketo, accounts.lease, until)

    def _carry(
        self,
        open_messages: Sequence[OpenMessage],
        marketo: Marketo,
        lease: Lease,
        ended: Callable[[LeadImport], None],
    ) -> Iterator[Requeue]:
        for one in open_messages:
            if (name := one.envelope.lead_import) is not None:
                queued_at = one.envelope.received_at
                yield from _goes_on(one, partial(self.carry, one.target, marketo, name, queued_at, lease, ended))

    def _erase(
        self, open_messages: Sequence[OpenMessage], marketo: Marketo, lease: Lease, until: datetime
    ) -> Iterator[Requeue]:
        for one in open_messages:
            if one.envelope.is_erasure:
                yield from _goes_on(one, partial(self.erase, one.target, marketo, one.envelope, lease, until))

    def _verify(
        self, open_messages: Sequence[OpenMessage], marketo: Marketo, lease: Lease, until: datetime
    ) -> Iterator[Requeue]:
        for one in open_messages:
            if (verification := one.envelope.verification) is not None:
                queued_at = one.envelope.received_at
                yield from _goes_on(
                    one, partial(self.verify, one.target, marketo, verification, queued_at, lease, until)
                )

    def _begins(self, connection: Connection) -> bool:
        """Whether events can be delivered by what was read; from the first one on people are known by their keys."""
        if connection.delivered_at is not None:
            return True
        return self.connections.begin_delivery(connection.id, connection.version, self.clock())

    def _deliver(
        self, open_messages: Sequence[OpenMessage], marketo: Marketo, accounts: Accounts, circuits: Circuits
    ) -> Iterator[Requeue]:
        """Deliver the events and record what became of them; gives the messages of those who are held.

        Raises what held up others, once the rest is recorded.
        """
        target = open_messages[0].target
        calls_before = marketo.calls
        mapper = Mapper.of(target, _schema(target.connection, marketo, _given_up(accounts.lease)), self.clock())
        left, failures = accounts.left_of(open_messages, mapper)
        erased = erased_of(left, partial(self.marks.marks, target.connection.id), self.name_of)
        units = [unit for unit in left if unit.origin not in erased] if erased else left
        persons = by_key(units)
        audiences = target.known
        rows = accounts.rows(list(persons), audiences)
        calls = Caller(circuits, target.connection.limits.concurrency, target.connection.id)
        conversation = Conversation(target, marketo, calls, marketo.pace.updates)
        delivery = Delivery(
            target,
            conversation,
            mapper.dedupe_field,
            self.clock,
            rows_of=lambda keys: accounts.rows(list(keys), audiences),
            remember=accounts.remember,
            note=accounts.note,
            ecid_field=mapper.ecid_field,
            lane=self._lane(target, accounts, mapper, len(persons), len(open_messages)),
        )
        try:
            result = delivery(persons, rows)
            refused = [refused_unit(unit, unit.refusal) for unit in units if unit.key is None and unit.refusal]
            refused += [refused_unit(unit, ERASED) for unit in left if unit.origin in erased]
            accounts.remember(result.kept)
            accounts.record(
                (*result.settled, *refused),
                marketo.calls - calls_before,
                mapper,
                progress=result.progress,
                ignored=result.ignored,
                failures=failures,
            )
        except (LeaseLostError, StaleRunError, *AWS_ERRORS) as error:
            # What Marketo asks for must be kept, above all after a creation of which the answer was lost.
            if calls.lost is not None:
                circuits.fail(CREATE, calls.lost, str(calls.lost), unknown_creation=True)
            if isinstance(calls.halt, InstanceWaitsError):
                raise calls.halt from error
            raise
        held = {unit.origin: one for key, one in result.held.items() for unit in persons[key]}
        yield from _requeues(open_messages, held, self.clock())
        if calls.halt is not None:
            raise calls.halt

    def _lane(
        self, target: ActiveConnection, accounts: Accounts, mapper: Mapper, persons: int, messages: int
    ) -> Lane | None:
        """None where a person may be known by two values: who of them is one is seen by calls alone."""
        if mapper.ecid_field is not None:
            return None
        return self.lane.of(target, accounts.lease, accounts.remember, accounts.enter_shards, persons, messages)

    def _make_missing_lists(self, target: ActiveConnection, marketo: Marketo) -> bool:
        def rebind(activation: Activation, made: StaticList) -> bool:
            return self.connections.rebind(
                target.connection.id,
                activation.audience,
                activation.list_id or 0,
                made.id,
                made.name,
                may_hold_others=not made.is_new,
                fill_at=activation.opens_at(self.clock()),
            )

        return make_missing_lists(target, marketo, rebind)


def _goes_on(open_message: OpenMessage, carry_on: Callable[[], timedelta | None]) -> Iterator[Requeue]:
    """Carry on what a message asks for; it is done, or requeued for when that is to go on."""
    try:
        delay = carry_on()
    except AWS_ERRORS as error:  # It may be of this request alone: the deliveries of others go on.
        yield Requeue(open_message, RETRY_BLOCKED, f"AWS: {aws_code(error)}")
        return
    if delay is None:
        open_message.pending = set()
    else:
        yield Requeue(open_message, delay, "it goes on")


def _requeues(open_messages: Iterable[OpenMessage], held: Mapping[Origin, Held], now: datetime) -> Iterator[Requeue]:
    """Messages all of whose pending events are held come back with the first of them."""
    by_event: defaultdict[tuple[str, str], list[Held]] = defaultdict(list)
    for origin, one in held.items():
        by_event[origin.envelope_id, origin.number].append(one)
    for open_message in open_messages:
        pending = [by_event[open_message.envelope.id, number] for number in open_message.pending or ()]
        if pending and all(pending):
            first = min((one for found in pending for one in found), key=lambda one: one.until)
            due_at = first.until if first.waits_for is WaitsFor.IMPORT else None
            yield Requeue(open_message, max(first.until - now, timedelta(0)), first.cause, first.waits_for, due_at)


def _why_blocked(target: ActiveConnection, blocked: ConnectionBlockedError) -> str:
    """What the cause is, with the name of what it is about."""
    if isinstance(blocked, ListMissingError):
        for one in target.activations.values():
            if one.list_id == blocked.list_id:
                list_name = f"{one.list_name!r} ({one.list_id})"
                return f"Marketo has no list {list_name} any more, which is that of audience {one.audience}"
    return f"{blocked.meaning}{_object(target.connection, blocked.code)} ({blocked.operation})"


def _object(connection: Connection, code: str) -> str:
    """What of the connection a code is about, as its remedy tells."""
    match remedy_of(code):
        case Remedy.GRANT_PERMISSION:
            return ": the API user's role"
        case Remedy.CHOOSE_PARTITION:
            return f": partition {connection.partition or DEFAULT_PARTITION}"
        case Remedy.CHECK_HOST:
            return f": Munchkin ID {connection.munchkin_id}"
        case Remedy.CHECK_WORKSPACE:
            return f": workspace {connection.workspace}"
        case Remedy.MAKE_SEARCHABLE:
            return f": field {' or '.join(connection.lookup_fields)}"
    return ""


def _given_up(lease: Lease) -> frozenset[str]:
    """The unknown code that was waited out often enough: it counts against the records from now on."""
    return frozenset(code for code in waited_out(lease.pause) if classify(code) is FailureClass.UNKNOWN)


def _schema(connection: Connection, marketo: Marketo, given_up: frozenset[str]) -> Schema:
    """The instance's fields, or what keeps the connection from working without them."""
    try:
        return schema_for(connection, marketo.describe)
    except InstanceWaitsError as error:
        if error.code not in given_up:
            raise
        raise ConnectionBlockedError(error.code, error.operation) from error
