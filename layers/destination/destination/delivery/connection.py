"""One connection's part of a turn: its events are delivered and accounted for, then its verifications carried on."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from destination.delivery.accounts import Accounts, Ledger
from destination.delivery.calls import Caller
from destination.delivery.circuits import Circuits, Held
from destination.delivery.conversation import Conversation, schema_for
from destination.delivery.letters import WriteLetters
from destination.delivery.missing_lists import make_missing_lists
from destination.delivery.open_message import OpenMessage
from destination.delivery.renamed_audiences import rename_audiences
from destination.delivery.requeue import Requeue
from destination.delivery.results import WriteResults
from destination.delivery.round import Delivery
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.mapping import Mapper
from destination.domain.parking import RETRY_BLOCKED, WaitsFor
from destination.domain.pause import waited_out
from destination.domain.person import Origin, by_key
from destination.domain.refusal import CREATE
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
from destination.marketo.reasons import message_of
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
    `letters` were stored.
    """

    requeues: tuple[Requeue, ...]
    blocked: ConnectionBlockedError | None
    halt: InstanceHalt | None
    tallies: tuple[Tally, ...]
    letters: int


@dataclass(frozen=True, slots=True)
class DeliverConnection:
    """Delivers what one connection's messages say.

    `verify` carries a verification on, for its message that was queued at a time, until another, and tells when it is
    to go on. `enter` fences shards of the ledger for a lease. `name_of` gives the pseudonym of the person with a dedupe
    key. `sleep` waits so many seconds until AWS is asked again.
    """

    connections: Connections
    ledger: Ledger
    write_letters: WriteLetters
    write_results: WriteResults
    clock: Callable[[], datetime]
    verify: Callable[[ActiveConnection, Marketo, str, datetime, Lease, datetime], timedelta | None]
    enter: Callable[[Lease, Collection[int]], None]
    name_of: Callable[[str], str]
    sleep: Callable[[float], None]

    def __call__(
        self, open_messages: Sequence[OpenMessage], marketo: Marketo, lease: Lease, circuits: Circuits, until: datetime
    ) -> ConnectionResult:
        """Deliver under the instance's lease, with calls until a time. What is done when this returns is recorded.

        `circuits`: those of the instance, which change with what is refused.
        """
        connection = open_messages[0].target.connection
        events = [one for one in open_messages if one.envelope.verification is None]
        accounts = Accounts(
            open_messages=events,
            connection_id=connection.id,
            ledger=self.ledger,
            write_letters=self.write_letters,
            write_results=self.write_results,
            lease=lease,
            until=until + SETTLING,
            clock=self.clock,
            name_of=self.name_of,
            enter=self.enter,
            sleep=self.sleep,
        )
        requeues: list[Requeue] = []
        blocked: ConnectionBlockedError | None = None
        halt: InstanceHalt | None = None
        try:
            for requeue in self._serve(open_messages, marketo, accounts, circuits, until):
                requeues.append(requeue)  # noqa: PERF402 - what came before an error counts
        except ConnectionBlockedError as error:
            blocked = error
        except RequestRejectedError as error:
            blocked = ConnectionBlockedError(error.code, error.operation)
        except (InstanceWaitsError, OutOfTimeError, LeaseLostError, *AWS_ERRORS) as error:
            halt = error
        if blocked is not None and (halt := self._block(open_messages[0].target, blocked)) is not None:
            blocked = None
        return ConnectionResult(tuple(requeues), blocked, halt, tuple(accounts.tallies), accounts.letters)

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
    ) -> Iterator[Requeue]:
        """Deliver events, then carry verifications on; gives what is to be requeued by itself."""
        target = open_messages[0].target
        if not self.connections.is_delivered(target.connection.id):  # Its ledger may be erased by now.
            yield from (Requeue(one, timedelta(0), "the connection was discarded") for one in open_messages)
            return
        calls_before = marketo.calls
        events = [open_message for open_message in open_messages if open_message.envelope.verification is None]
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
        for open_message in open_messages:
            if open_message.envelope.verification is not None:
                yield from self._verify(
                    open_message, open_message.envelope.verification, marketo, accounts.lease, until
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
        units, failures = accounts.left_of(open_messages, mapper)
        persons = by_key(units)
        audiences = target.known
        rows = accounts.rows(list(persons), audiences)
        calls = Caller(circuits, target.connection.limits.concurrency, target.connection.id)
        conversation = Conversation(target, marketo, calls)
        delivery = Delivery(
            target,
            conversation,
            mapper.dedupe_field,
            self.clock,
            rows_of=lambda keys: accounts.rows(list(keys), audiences),
            remember=accounts.remember,
            note=accounts.note,
            ecid_field=mapper.ecid_field,
        )
        try:
            result = delivery(persons, rows)
            refused = (refused_unit(unit, unit.refusal) for unit in units if unit.key is None and unit.refusal)
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

    def _verify(
        self, open_message: OpenMessage, verification: str, marketo: Marketo, lease: Lease, until: datetime
    ) -> Iterator[Requeue]:
        try:
            queued_at = open_message.envelope.received_at
            delay = self.verify(open_message.target, marketo, verification, queued_at, lease, until)
        except AWS_ERRORS as error:  # It may be of this verification alone: the deliveries of others go on.
            yield Requeue(open_message, RETRY_BLOCKED, f"AWS: {aws_code(error)}")
            return
        if delay is None:
            open_message.pending = set()
        else:
            yield Requeue(open_message, delay, "the verification goes on")

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


def _requeues(open_messages: Iterable[OpenMessage], held: Mapping[Origin, Held], now: datetime) -> Iterator[Requeue]:
    """Messages all of whose pending events are held come back with the first of them."""
    by_event: defaultdict[tuple[str, str], list[Held]] = defaultdict(list)
    for origin, one in held.items():
        by_event[origin.envelope_id, origin.number].append(one)
    for open_message in open_messages:
        pending = [by_event[open_message.envelope.id, number] for number in open_message.pending or ()]
        if pending and all(pending):
            first = min((one for found in pending for one in found), key=lambda one: one.until)
            yield Requeue(open_message, max(first.until - now, timedelta(0)), first.cause, WaitsFor.REFUSED)


def _why_blocked(target: ActiveConnection, blocked: ConnectionBlockedError) -> str:
    """What the cause is and how to end it; of a list that is missing which one it is."""
    if isinstance(blocked, ListMissingError):
        for one in target.activations.values():
            if one.list_id == blocked.list_id:
                return (
                    f"Marketo has no list {one.list_name!r} ({one.list_id}) any more, which is that of audience "
                    f"{one.audience}. Activate the audience again: it gets a new list, "
                    f"which is filled. With when_list_missing set to create that is done without you"
                )
    return message_of(blocked.code)


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
