"""The use case that carries an import on: it is sent, asked for until it has ended, and who waits for it comes back.

It is done by whoever holds the instance's lease, for a message of its own, a step at a time. Each step is noted before
the next begins; that it is being sent before it is. Who finds it so, and no answer, sends it once more: an import by id
does the same twice as once. Marketo's imports take their turns in the order in which they came, so that the second ends
after the first; as two may be written at a time, its end is waited for as long again.

One that creates is sent once: what two of them did to people whom Marketo does not have yet, no document says. Of one
that ended the ids of those whom it created are read back (delivery/read_created.py).

What comes to nothing costs calls alone: everybody in it is in doubt, and is told by them. But not before what was lost
must have been written, or it would overwrite what they say, and people would be created twice.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery import read_created
from destination.delivery.carry_extract import CarryExtract, ExtractedBytes
from destination.delivery.read_created import CreatedLeads
from destination.domain.connection import ActiveConnection
from destination.domain.created_leads import MAX_READING
from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.lead_import import (
    BUSY,
    LOST_AFTER,
    MAX_READS,
    MAX_SENDING,
    MAX_SENT,
    SECOND_LOOK,
    ImportStage,
    LeadImport,
    exceptions_in,
    header,
    shard_of_imports,
)
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.schema import Field
from destination.marketo.errors import (
    CONNECTION_FAILED,
    IMPORT_REFUSED,
    OF_INSTANCE,
    ConnectionBlockedError,
    InstanceWaitsError,
    MarketoError,
    RequestRejectedError,
)
from destination.marketo.lead_imports import ImportState, ImportStatus
from destination.marketo.pace import OutOfTimeError, Pace
from destination.queue import bundle_message
from destination.store.leases import Lease

_REFUSED: Final = (ConnectionBlockedError, RequestRejectedError)

_NOT_TAKEN: Final = IMPORT_REFUSED | {CONNECTION_FAILED}
"""Codes that say for sure that Marketo has no such import, so that one that creates may be sent again."""


class Imports(Protocol):
    """The imports of connections, with their rows."""

    def get(self, connection_id: str, import_id: str, /) -> LeadImport | None: ...
    def put(self, one: LeadImport, lease: Lease, /) -> LeadImport: ...
    def rows(self, one: LeadImport, /) -> Sequence[str] | None: ...
    def put_exceptions(self, one: LeadImport, names: Collection[str], /) -> None: ...
    def exceptions(self, one: LeadImport, /) -> Collection[str] | None: ...
    def put_ids(self, one: LeadImport, ids: Mapping[str, int], /) -> None: ...
    def forget_rows(self, one: LeadImport, /) -> None: ...


class Parking(Protocol):
    """What is parked."""

    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...


class Queue(Protocol):
    """Whence the delivery takes messages."""

    def send(self, connection_id: str, bodies: Sequence[str], /) -> list[int]: ...


class LeadImports(Protocol):
    """Imports in Marketo."""

    def create(self, file: bytes, lookup_field: str, list_id: int | None, partition: str | None, /) -> ImportState: ...
    def state(self, batch_id: int, /) -> ImportState: ...
    def failures(self, batch_id: int, /) -> list[Mapping[str, str]]: ...
    def warnings(self, batch_id: int, /) -> list[Mapping[str, str]]: ...


class Instance(read_created.Instance, Protocol):
    """The Marketo instance that a connection delivers to."""

    @property
    def imports(self) -> LeadImports: ...
    @property
    def pace(self) -> Pace: ...


def told_of(one: LeadImport) -> dict[str, object]:
    """What is told of an import that has ended, for whoever looks at why it took so long, or came to nothing."""
    took = None if one.sent_at is None or one.ended_at is None else (one.ended_at - one.sent_at).total_seconds()
    return {
        "connection_id": one.connection_id,
        "import_id": one.id,
        "list_id": one.group.list_id,
        "rows": one.rows,
        "exceptions": one.exceptions,
        "is_through": one.is_through,
        "code": one.code,
        "polls": one.polls,
        "seconds": took,
    }


@dataclass(frozen=True, slots=True)
class CarryImports:
    """Carries imports on. `enter` fences shards of the ledger for a lease."""

    imports: Imports
    parking: Parking
    queue: Queue
    extracted: ExtractedBytes
    enter: Callable[[Lease, Collection[int]], None]
    clock: Callable[[], datetime]

    def __call__(
        self,
        target: ActiveConnection,
        marketo: Instance,
        import_id: str,
        queued_at: datetime,
        lease: Lease,
        ended: Callable[[LeadImport], None],
    ) -> timedelta | None:
        """Carry one on by a step; when to go on with it, None when nothing is left to do or another message does it.

        `queued_at`: when the message that asks for it was. `ended` is told of the import when it has ended. Raises
        InstanceWaitsError where the whole instance waits, OutOfTimeError, LeaseLostError and AWS's errors.
        """
        connection_id = target.connection.id
        self.enter(lease, {shard_of_imports(connection_id)})
        one = self.imports.get(connection_id, import_id)
        if one is None or one.queued_at != queued_at:
            return None
        return _Step(self, target, marketo, one, lease, ended).take()


@dataclass(slots=True)
class _Step:
    """One step of one import."""

    use_case: CarryImports
    target: ActiveConnection
    marketo: Instance
    one: LeadImport
    lease: Lease
    ended: Callable[[LeadImport], None]

    def take(self) -> timedelta | None:
        if self.one.is_going_on and self.one.is_given_up:
            return self._give_up(self.one.code)
        if self.one.stage is ImportStage.GATHERING:
            if wait := self.one.gathers_for(self._now()):
                return wait
            self._put(replace(self.one, stage=ImportStage.SENDING, closed_at=self._now()))
        steps = {
            ImportStage.SENDING: self._send,
            ImportStage.SENT: self._ask,
            ImportStage.READING: self._read_created,
            ImportStage.ENDED: self._send_back,
        }
        return steps[self.one.stage]()

    def _send(self) -> timedelta | None:
        if self.one.asked_at is not None:  # Whoever sent it died before it was answered.
            self._put(self._lost(self.one.asked_at))
        group = self.one.group
        is_wanted = self.one.is_wanted(self.target, may_write=self.marketo.pace.updates.free() is None)
        rows = self.use_case.imports.rows(self.one) if is_wanted and self.one.may_be_sent else None
        if not rows:
            return self._give_up(self.one.code)
        file = "".join((header(group), *rows)).encode()
        self._put(replace(self.one, asked_at=self._now()))
        try:
            state = self.marketo.imports.create(file, group.by, group.list_id, group.partition)
        except OutOfTimeError:  # It was not sent.
            self._put(replace(self.one, asked_at=None))
            raise
        except InstanceWaitsError as error:
            return self._send_later(error)
        except _REFUSED as error:
            return self._give_up(error.code)
        self._put(
            replace(self.one, stage=ImportStage.SENT, batch_id=state.batch_id, sent_at=self._now(), asked_at=None)
        )
        return self._give_up() if state.status is ImportStatus.FAILED else self._ask_later()

    def _send_later(self, error: InstanceWaitsError) -> timedelta | None:
        may_be_taken = self.one.group.creates and error.code not in OF_INSTANCE | _NOT_TAKEN
        is_lost = error.executed_unknown or may_be_taken
        answered = self._lost(self._now()) if is_lost else replace(self.one, asked_at=None)
        if error.code in OF_INSTANCE:
            self._put(answered)
            raise error
        wait = self.one.next_attempt(error.wait)
        self._put(replace(answered, attempts=self.one.attempts + 1))
        if not self.one.may_be_sent or self._now() - (self.one.closed_at or self._now()) >= MAX_SENDING:
            return self._give_up(error.code)
        return wait

    def _lost(self, at: datetime) -> LeadImport:
        return replace(self.one, asked_at=None, lost=self.one.lost + 1, lost_at=at)

    def _give_up(self, code: str | None = None) -> timedelta | None:
        """Have it come to nothing, once nothing of it can be written any more."""
        now, until = self._now(), self.one.written_until()
        if until is None or until <= now:
            return self._end(code=code)
        self._put(replace(self.one, is_given_up=True, code=code))
        return until - now

    def _ask(self) -> timedelta | None:
        now, sent_at = self._now(), self.one.sent_at or self._now()
        try:
            state = self.marketo.imports.state(self.one.batch_id or 0)
        except InstanceWaitsError as error:
            self._raise_of_instance(error)
            return self._ask_later()
        except _REFUSED as error:
            return self._end(code=error.code) if now - sent_at >= LOST_AFTER else self._ask_later()
        if not state.status.has_ended:
            return self._end() if now - sent_at >= MAX_SENT else self._ask_later()
        if self.one.lost and self.one.seen_at is None:
            self._put(replace(self.one, seen_at=now))
            return max(now - sent_at, BUSY)
        if state.status is ImportStatus.FAILED or state.processed + state.failed < self.one.rows:
            return self._give_up()
        return self._read_exceptions(state)

    def _read_exceptions(self, state: ImportState) -> timedelta | None:
        found: list[Mapping[str, str]] = []
        try:
            for count, read in (
                (state.failed, self.marketo.imports.failures),
                (state.warned, self.marketo.imports.warnings),
            ):
                rows = read(state.batch_id) if count else []
                if len(rows) < count:
                    return self._end()
                found += rows
            exceptions = exceptions_in(found, self._created_by() if found else None)
        except InstanceWaitsError as error:
            self._raise_of_instance(error)
            if self.one.reads + 1 >= MAX_READS:
                return self._end(code=error.code)
            self._put(replace(self.one, reads=self.one.reads + 1))
            return self.one.next_poll
        except _REFUSED as error:
            return self._end(code=error.code)
        return self._end() if exceptions is None else self._note_exceptions(exceptions)

    def _note_exceptions(self, exceptions: Collection[str]) -> timedelta | None:
        if exceptions:
            self.use_case.imports.put_exceptions(self.one, exceptions)
        if not self.one.group.creates:
            return self._end(is_through=True, exceptions=len(exceptions))
        extract = LeadExtract(self._now())
        self._put(replace(self.one, stage=ImportStage.READING, exceptions=len(exceptions), extract=extract))
        return self._read_created()

    def _created_by(self) -> Field | None:
        """The field by which leads are created; None: it is by lead id."""
        return self.marketo.describe.schema().named(self.one.group.by) if self.one.group.creates else None

    def _read_created(self) -> timedelta | None:
        use_case = self.use_case
        leads = CreatedLeads(self.marketo, use_case.imports, self.one, self._note, use_case.clock)
        carry = CarryExtract(
            self.marketo.extracts, use_case.extracted, self.lease.munchkin_id, use_case.clock, leads, MAX_READING
        )
        if (wait := carry()) is not None:
            return wait
        is_read = leads.extract.stage is ExtractStage.READ
        return self._end(is_through=is_read, exceptions=self.one.exceptions, code=leads.extract.code)

    def _note(self, changed: LeadImport) -> LeadImport:
        self._put(changed)
        return self.one

    def _raise_of_instance(self, error: MarketoError) -> None:
        """What says that nobody can be served now holds for all of the instance; all else is of imports alone."""
        if error.code in OF_INSTANCE:
            raise error

    def _ask_later(self) -> timedelta:
        wait = self.one.next_poll
        self._put(replace(self.one, polls=self.one.polls + 1))
        return wait

    def _end(self, *, is_through: bool = False, exceptions: int = 0, code: str | None = None) -> timedelta | None:
        self._put(
            replace(
                self.one,
                stage=ImportStage.ENDED,
                is_through=is_through,
                exceptions=exceptions,
                code=code,
                ended_at=self._now(),
            )
        )
        self.ended(self.one)
        return self._send_back()

    def _send_back(self) -> timedelta | None:
        """Send back what waits for the import, at its end and once more, when what was parked meanwhile is stored."""
        owner, now = self.one.connection_id, self._now()
        bundles = [
            bundle
            for bundle in self.use_case.parking.of(owner)
            if bundle.waits_for is WaitsFor.IMPORT and bundle.due_at == self.one.expected_at
        ]
        self.use_case.queue.send(owner, [bundle_message(bundle) for bundle in bundles])
        left = (self.one.ended_at or now) + SECOND_LOOK - now
        if left > timedelta(0):
            return left
        self.use_case.imports.forget_rows(self.one)
        return None

    def _put(self, changed: LeadImport) -> None:
        self.one = self.use_case.imports.put(replace(changed, touched_at=self._now()), self.lease)

    def _now(self) -> datetime:
        return self.use_case.clock()
