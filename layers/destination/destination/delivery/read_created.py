"""The last step of an import that creates: the ids of the leads that it created are read back by an extract.

    create ──▶ enqueue ──▶ wait ──▶ read ──▶ ids stored
       └──────────┴─────────┴────────┴────▶ given up: everybody in it is looked up

Each step is noted before it is begun, so that a worker may die anywhere: then it is done again, a few times at most.
What Marketo refuses of extracts holds up nobody: 300 are looked up by a call without them.
"""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery.extract_list import ExtractedBytes, lead_id_of
from destination.domain.created_leads import CLOCKS_DIFFER, MAX_READING, ids_of, names_in
from destination.domain.lead_import import BY_ID, LeadImport, ReadBack
from destination.domain.list_extract import (
    DAILY_BYTES,
    EXTRACT_FAILED,
    EXTRACT_SHARE_USED,
    EXTRACT_TOO_SLOW,
    MAX_ATTEMPTS,
    MAX_WAIT,
    MIN_WAIT,
    bytes_of,
    quota_day,
)
from destination.domain.schema import Field
from destination.marketo.describe import Describe
from destination.marketo.errors import (
    EXTRACT_REFUSED,
    FILE_DAMAGED,
    FILE_GONE,
    OF_INSTANCE,
    ConnectionBlockedError,
    InstanceWaitsError,
    MarketoError,
    RequestRejectedError,
)
from destination.marketo.lead_extracts import ExtractState, ExtractStatus, LeadExtracts
from destination.marketo.pace import OutOfTimeError

_OF_FILE: Final = frozenset({FILE_GONE, FILE_DAMAGED})


class Imports(Protocol):
    """The imports of connections, with their rows."""

    def rows(self, one: LeadImport, /) -> Sequence[str] | None: ...
    def exceptions(self, one: LeadImport, /) -> Collection[str] | None: ...
    def put_ids(self, one: LeadImport, ids: Mapping[str, int], /) -> None: ...


class Instance(Protocol):
    """The Marketo instance that has the leads."""

    @property
    def describe(self) -> Describe: ...
    @property
    def extracts(self) -> LeadExtracts: ...


def field_of(marketo: Instance, name: str) -> Field:
    """The field by which leads are created. Raises MarketoError."""
    return marketo.describe.schema().fields.get(name, Field(name, "string"))


@dataclass(slots=True)
class ReadCreated:
    """The reading of one import's ids. `note` keeps it as it is by then. `code`: why it was given up, if it was."""

    marketo: Instance
    imports: Imports
    extracted: ExtractedBytes
    munchkin_id: str
    one: LeadImport
    note: Callable[[LeadImport], LeadImport]
    clock: Callable[[], datetime]
    code: str | None = field(default=None, init=False)

    def __call__(self) -> timedelta | None:
        """Carry it on; when to go on with it, None: the ids are stored, or it was given up.

        Raises InstanceWaitsError for what holds up the whole instance, OutOfTimeError, LeaseLostError and AWS's errors.
        """
        before = self._reading
        if before.attempts >= MAX_ATTEMPTS:
            return self._give_up(EXTRACT_FAILED)
        self._note(before._replace(attempts=before.attempts + 1))
        try:
            return self._create() if before.extract_id is None else self._look(before.extract_id)
        except OutOfTimeError:
            self._note(self._reading._replace(attempts=before.attempts))  # Nothing was tried.
            raise
        except (InstanceWaitsError, ConnectionBlockedError, RequestRejectedError) as error:
            if error.code in OF_INSTANCE:
                self._note(self._reading._replace(attempts=before.attempts))
                raise
            return self._refused(error)

    @property
    def _reading(self) -> ReadBack:
        return self.one.reading or ReadBack(self.clock())

    @property
    def _fields(self) -> tuple[str, str]:
        return BY_ID, self.one.group.by

    def _note(self, reading: ReadBack) -> None:
        self.one = self.note(replace(self.one, reading=reading))

    def _give_up(self, code: str) -> timedelta | None:
        """Have everybody looked up, for which nothing is waited for."""
        self.code = code
        return None

    def _refused(self, error: MarketoError) -> timedelta | None:
        """What may pass is tried again; what has no end, or is about the day's bytes, is not."""
        waits = isinstance(error, InstanceWaitsError) and error.code != EXTRACT_REFUSED
        return MIN_WAIT if waits or error.code in _OF_FILE else self._give_up(error.code)

    def _create(self) -> timedelta | None:
        now, reserved = self.clock(), bytes_of(self.one.rows, self._fields)
        if self.extracted.of_day(self.munchkin_id, quota_day(now)) + reserved > DAILY_BYTES:
            return self._give_up(EXTRACT_SHARE_USED)
        since = (self.one.closed_at or self.one.opened_at) - CLOCKS_DIFFER
        made = self.marketo.extracts.create_of_time(self._fields, since, now)
        self._note(self._reading._replace(extract_id=made, reserved=reserved, attempts=0))
        return self._enqueue(made)

    def _enqueue(self, extract_id: str) -> timedelta:
        self.extracted.add(self.munchkin_id, quota_day(self.clock()), self._reading.reserved)
        self.marketo.extracts.enqueue(extract_id)
        return MIN_WAIT

    def _look(self, extract_id: str) -> timedelta | None:
        now = self.clock()
        state = self.marketo.extracts.state(extract_id)
        match state.status:
            case ExtractStatus.CREATED:  # Whoever created it died, or its place in the queue was not told.
                return self._enqueue(extract_id)
            case ExtractStatus.CANCELLED | ExtractStatus.FAILED:
                return self._give_up(EXTRACT_FAILED)
            case ExtractStatus.COMPLETED:
                return self._read(extract_id, state)
        if now - self._reading.begun_at >= MAX_READING:
            with contextlib.suppress(MarketoError):  # Others wait for its place; if it has ended it needs none.
                self.marketo.extracts.cancel(extract_id)
            return self._give_up(EXTRACT_TOO_SLOW)
        self._note(self._reading._replace(attempts=0))
        return min(max(MIN_WAIT, (now - self._reading.begun_at) / 2), MAX_WAIT)

    def _read(self, extract_id: str, state: ExtractState) -> timedelta | None:
        """Store the ids of those who are in the import, and were imported as its rows say."""
        more = max((state.size or 0) - self._reading.reserved, 0)
        self.extracted.add(self.munchkin_id, quota_day(self.clock()), more)
        self._note(self._reading._replace(reserved=self._reading.reserved + more))
        by = field_of(self.marketo, self.one.group.by)
        rows = self.imports.rows(self.one)
        exceptions = self.imports.exceptions(self.one) if self.one.exceptions else ()
        if rows is None or exceptions is None:
            return self._give_up(EXTRACT_FAILED)
        own = names_in(rows, by).difference(exceptions)
        leads = ((lead_id_of(row), row[1]) for row in self.marketo.extracts.rows(extract_id, state, self._fields))
        self.imports.put_ids(self.one, ids_of(leads, own, by))
        return None
