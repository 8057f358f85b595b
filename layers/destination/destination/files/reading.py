"""Reads files: row by row into parts, each of which waits in the bucket as what is parked does, and is delivered so.

    rows ─▶ a part ─▶ what is rejected: outcomes, losses ─▶ a bundle ─▶ its message ─▶ noted how far it was read
                                                                    └─▶ delivery, as of all bundles

Whatever breaks off in between, the part is cut again from the same rows, under the same names, and nothing of it counts
twice.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final, Protocol

from destination.domain.audience import AudienceKey
from destination.domain.connection import OPEN, ActiveConnection
from destination.domain.file import (
    REJECTED,
    File,
    FileCode,
    FileObject,
    FileStatus,
    Mode,
    OutcomesKey,
    RowOutcome,
    bundle_id_of,
    envelope_of,
    holds_of,
)
from destination.domain.file_form import FileFormat, fit, status_column
from destination.domain.file_text import MAX_ROWS, BadRow, FileBrokenError, Row, rows
from destination.domain.loss import Loss
from destination.domain.parking import RESEND_AFTER, Bundle, WaitsFor
from destination.files.known_people import KnownPeople, Ledger
from destination.files.records import RejectedRow, RowReader
from destination.queue import bundle_message, pack
from destination.store.errors import NotFoundError, StaleVersionError

PART_ROWS: Final = 5_000
PART_BYTES: Final = 3_500_000
"""Of a part; with its last row it is still smaller than what is delivered together (delivery/carrier.py)."""

CLAIM: Final = timedelta(minutes=16)
"""Longer than the function runs that reads a file."""


class Connections(Protocol):
    def active(self, connection_id: str, /) -> ActiveConnection: ...


class Files(Protocol):
    """Where files are kept."""

    def put(self, file: File, /) -> File: ...


class FileObjects(Protocol):
    """The objects of files, and what became of their rows."""

    def read(self, found: FileObject, /) -> Iterator[bytes]: ...
    def remove(self, file: File, /) -> None: ...
    def put(self, connection_id: str, key: OutcomesKey, outcomes: Sequence[RowOutcome], /) -> None: ...


class Parking(Protocol):
    def put(self, bundle: Bundle, bodies: Iterable[str], /) -> None: ...


class Queue(Protocol):
    """Whence the delivery takes messages."""

    def send(self, connection_id: str, bodies: Sequence[str], /) -> list[int]: ...


class _RefusedError(Exception):
    """The file is not read at all."""

    def __init__(self, code: FileCode, missing: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code = code
        self.missing = missing


@dataclass(slots=True)
class _Cut:
    """The rows of a part: the events by their places, and what is rejected by its."""

    events: dict[int, str] = field(default_factory=dict)
    rejected: dict[int, RejectedRow] = field(default_factory=dict)
    size: int = 0

    @property
    def rows(self) -> int:
        return len(self.events) + len(self.rejected)

    @property
    def is_full(self) -> bool:
        return self.rows >= PART_ROWS or self.size >= PART_BYTES

    def add(self, made: str | RejectedRow) -> None:
        if isinstance(made, str):
            self.events[self.rows] = made
            self.size += len(made)
        else:
            self.rejected[self.rows] = made

    def runs(self) -> Iterator[tuple[int, list[str]]]:
        """Events whose places follow one another, with the place of the first: a message numbers its own so."""
        for _, found in groupby(enumerate(self.events.items()), key=lambda one: one[1][0] - one[0]):
            run = [event for _, event in found]
            yield run[0][0], [text for _, text in run]


@dataclass(frozen=True, slots=True)
class ReadFiles:
    """Reads files on from where they were read to."""

    connections: Connections
    files: Files
    objects: FileObjects
    parking: Parking
    queue: Queue
    ledger: Ledger
    clock: Callable[[], datetime]

    def __call__(self, file: File, has_time: Callable[[], bool]) -> File:
        """Read a file on as long as there is time. Somebody else's turn, or a cancellation meanwhile, ends it.

        Raises AWS's errors; it goes on from the last part then.
        """
        try:
            claimed = self.files.put(replace(file, claimed_until=self.clock() + CLAIM))
            try:
                return self._read(claimed, has_time)
            except _RefusedError as refused:
                return self.files.put(claimed.refused(refused.code, self.clock(), refused.missing))
            except FileBrokenError as broken:  # Before its first row, or before that to which it was read.
                return self._ended(claimed, broken.code)
        except StaleVersionError:
            return file

    def count(self, file: File, before: int | None, has_time: Callable[[], bool]) -> File:
        """Count the rows of a mirror, and hold it where that makes it doubtful; of some it is looked up whether their
        lead is known. `before`: how many the last one had. What there is no time for is counted anew the next time.

        Raises AWS's errors, StaleVersionError.
        """
        file = self.files.put(replace(file, claimed_until=self.clock() + CLAIM))
        try:
            target, audience = self._target(file)
            found = self._rows(file)
            file, reader = _begun(file, found, target, audience)
            people = KnownPeople(target, reader, self.clock())
            counted = bad = 0
            for row in found:
                if _is_over(counted, has_time):
                    return self.files.put(replace(file, claimed_until=None))
                people.look_at(row, counted)
                counted += 1
                if counted > MAX_ROWS:
                    raise FileBrokenError(FileCode.TOO_MANY_ROWS)  # noqa: TRY301 - as where one object has so many
                bad += isinstance(row, BadRow) or (reader.columns is not None and len(row) != len(reader.columns))
        except _RefusedError as refused:
            return self.files.put(file.refused(refused.code, self.clock(), refused.missing))
        except FileBrokenError as broken:
            return self.files.put(file.refused(broken.code, self.clock()))
        strangers = people.strangers(self.ledger)
        file = replace(file, counted=counted, before=before, looked_at=strangers.looked_at, unknown=strangers.unknown)
        holds = holds_of(counted, bad, before)
        going_on = replace(file, status=FileStatus.READING, claimed_until=None)
        return self.files.put(file.held(holds) if holds else going_on)

    def _read(self, file: File, has_time: Callable[[], bool]) -> File:
        target, audience = self._target(file)
        found = self._rows(file)
        file, reader = _begun(file, found, target, audience)
        for number in range(file.rows):
            if _is_over(number, has_time):
                return self.files.put(replace(file, claimed_until=None))
            next(found)
        part, code = _Cut(), None
        while True:
            try:
                row = next(found, None)
            except FileBrokenError as broken:
                row, code = None, broken.code
            if row is not None and file.rows + part.rows >= MAX_ROWS:
                row, code = None, FileCode.TOO_MANY_ROWS
            if row is not None:
                part.add(reader.event(row, file.rows + part.rows))
            if part.rows and (row is None or part.is_full):
                file, part = self._store(file, part, reader), _Cut()
                if row is not None and not has_time():
                    return self.files.put(replace(file, claimed_until=None))
            if row is None:
                return self._ended(file, code)

    def _store(self, file: File, part: _Cut, reader: RowReader) -> File:
        """Have a part delivered, and note that the file was read so far. Raises _RefusedError where it is not to be any
        more: nothing is left behind of a connection that is removed meanwhile.
        """
        self._target(file)
        number = len(file.parts)
        envelope_id, received_at = envelope_of(file.id, number), reader.time_of(file.rows)
        if part.rejected:
            self._reject(file, number, part, received_at)
        bodies = [
            body
            for first, texts in part.runs()
            for _, body in pack(file.connection_id, received_at, texts, envelope_id=envelope_id, first=first)
        ]
        if bodies:
            bundle = Bundle(
                file.connection_id,
                WaitsFor.RETRY,
                due_at=file.began_at + RESEND_AFTER,  # Its message is sent now; this is for the case that it is lost.
                oldest_at=file.began_at,
                events=len(part.events),
                size=sum(map(len, bodies)),
                id=bundle_id_of(file.id, number),
            )
            self.parking.put(bundle, bodies)
            self.queue.send(file.connection_id, [bundle_message(bundle)])
        return self.files.put(
            replace(
                file,
                parts=(*file.parts, part.rows),
                rejected=file.rejected + len(part.rejected),
                claimed_until=self.clock() + CLAIM,
            )
        )

    def _reject(self, file: File, number: int, part: _Cut, received_at: datetime) -> None:
        """Tell which rows are no events: in the file's outcomes, and in the run as what a webhook's body loses."""
        envelope_id = envelope_of(file.id, number)
        outcomes = [RowOutcome(str(place), REJECTED, one.code) for place, one in part.rejected.items()]
        key = OutcomesKey(file.id, number, file.began_at, {REJECTED: len(outcomes)}, bundle_id_of(file.id, number)[:12])
        self.objects.put(file.connection_id, key, outcomes)
        losses: Counter[Loss] = Counter(one.loss for one in part.rejected.values())
        told = pack(file.connection_id, received_at, (), envelope_id=envelope_id, losses=losses)
        self.queue.send(file.connection_id, [body for _, body in told])

    def _ended(self, file: File, code: FileCode | None) -> File:
        """The file was read to its end, or to where it broke off; its object is of no use any more."""
        now = self.clock()
        if not file.parts and not file.may_be_empty:
            return self.files.put(file.refused(code or FileCode.EMPTY, now))
        ended = replace(file, status=FileStatus.DELIVERING, code=code, read_at=now, claimed_until=None)
        ended = self.files.put(ended)
        self.objects.remove(ended)
        return ended

    def _rows(self, file: File) -> Iterator[Row]:
        """The rows of all objects of a file, of CSV behind the header that they have in common."""
        header: Row | None = None
        for number, one in enumerate(file.objects):
            found = rows(self.objects.read(one), file.form)
            if number and header is not None and next(found, header) != header:
                raise FileBrokenError(FileCode.HEADER_UNFIT)
            for row in found:
                if header is None and file.form.format is FileFormat.CSV:
                    header = row
                yield row

    def _target(self, file: File) -> tuple[ActiveConnection, AudienceKey | None]:
        try:
            target = self.connections.active(file.connection_id)
        except NotFoundError:
            raise _RefusedError(FileCode.GONE) from None
        if target.connection.status not in OPEN:
            raise _RefusedError(FileCode.NOT_ENABLED)
        if file.activation_id is None and file.mode is not Mode.MIRROR:
            return target, None
        for audience, activation in target.activations.items():
            if activation.id == file.activation_id:
                return target, audience
        raise _RefusedError(FileCode.UNKNOWN_AUDIENCE)


def _is_over(number: int, has_time: Callable[[], bool]) -> bool:
    """Whether there is no time for the row of a number any more; it is asked of some rows."""
    return number % PART_ROWS == PART_ROWS - 1 and not has_time()


def _begun(
    file: File, found: Iterator[Row], target: ActiveConnection, audience: AudienceKey | None
) -> tuple[File, RowReader]:
    """What reads the rows that follow. Raises _RefusedError where the header does not fit."""
    status, needs_status = file.form.status, file.mode is Mode.INCREMENTAL
    if file.form.format is FileFormat.JSON:
        return file, RowReader(audience, status, needs_status, None, file.began_at, file.mode is Mode.MIRROR)
    header = next(found, None)
    if header is None:
        raise _RefusedError(FileCode.EMPTY)
    if isinstance(header, BadRow | dict):
        raise _RefusedError(FileCode.HEADER_UNFIT)
    columns = [one.strip().encode(errors="replace").decode() for one in header]
    fits = fit(columns, target.connection, status, needs_status=needs_status and audience is not None)
    if not fits.is_fit:
        raise _RefusedError(FileCode.HEADER_UNFIT, (*fits.missing, *fits.problems))
    if audience is not None:
        status = status or status_column(columns, is_ours=needs_status)
    reader = RowReader(
        audience, status, needs_status or status is not None, columns, file.began_at, file.mode is Mode.MIRROR
    )
    return replace(file, absent=fits.absent), reader
