"""The reading of one list by an extract of Marketo's, a step of a verification.

    creating ──▶ waiting ──────▶ reading ──────▶ read
       │     create, enqueue  completed │  its file, into parts
       └───────────┴────────────────────┴─────▶ given up: its members are read page by page

Each step is noted before it is begun and after it is done, so that a worker may die anywhere: then the step is done
again, a few times at most. A job whose answer was lost is never enqueued, and takes nothing. Whatever Marketo refuses
of extracts is no reason to fail: pages are read as well without them. Its trouble holds up no delivery either, unless
it is that of the whole instance.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from destination.domain.list_extract import (
    DAILY_BYTES,
    EXTRACT_FAILED,
    EXTRACT_SHARE_USED,
    EXTRACT_TOO_SLOW,
    MAX_ATTEMPTS,
    MAX_DURATION,
    MIN_WAIT,
    ExtractStage,
    ListExtract,
    bytes_of,
    quota_day,
)
from destination.domain.schema import Field, InvalidValueError, dedupe_key
from destination.domain.shard import NO_DIGEST, digest_of, name_of
from destination.domain.verification import AudienceCheck, Phase
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
from destination.marketo.instance import Marketo
from destination.marketo.lead_extracts import ExtractState, ExtractStatus, Row

PART: Final = 20_000
"""Entries of a stored part: the members' ids, with a digest of each one's key."""

ID: Final = "id"

_OF_FILE: Final = frozenset({FILE_GONE, FILE_DAMAGED})


class ExtractedBytes(Protocol):
    """How much of Marketo's bytes of a day was used by this stack."""

    def of_day(self, munchkin_id: str, day: date) -> int: ...
    def add(self, munchkin_id: str, day: date, size: int) -> None: ...


@dataclass(slots=True)
class ExtractedList:
    """One list that is read by an extract. `check`: how far it is, which `note` keeps; `members`: how many it may have.

    `keyed_by`: the field by whose key a lead's person is known, None where that is not asked for. `keep` stores a part
    of what was read, `forget` drops all of it; `has_time` tells whether there is time for more.
    """

    marketo: Marketo
    extracted: ExtractedBytes
    munchkin_id: str
    keyed_by: str | None
    members: int
    check: AudienceCheck
    note: Callable[[AudienceCheck], AudienceCheck]
    keep: Callable[[int, Sequence[int], Sequence[bytes]], None]
    forget: Callable[[], None]
    has_time: Callable[[], bool]
    clock: Callable[[], datetime]

    def __call__(self) -> timedelta | None:
        """Carry it on; when to go on with it, None: the list is read, or is to be read page by page.

        Raises InstanceWaitsError for what holds up the whole instance, and OutOfTimeError.
        """
        extract, now = self._extract, self.clock()
        if extract.look_at is not None and now < extract.look_at:
            return extract.look_at - now
        try:
            match extract.stage:
                case ExtractStage.CREATING:
                    return self._create()
                case ExtractStage.WAITING:
                    return self._look()
            return self._read(None)
        except (InstanceWaitsError, ConnectionBlockedError, RequestRejectedError) as error:
            if error.code in OF_INSTANCE:
                raise
            return self._refused(error)

    @property
    def _extract(self) -> ListExtract:
        extract = self.check.extract
        if extract is None:
            raise ValueError("the list is read page by page")
        return extract

    def _note(self, extract: ListExtract) -> None:
        self.check = self.note(replace(self.check, extract=extract))

    def _give_up(self, code: str) -> timedelta | None:
        """Have the members read page by page, for which nothing is waited for."""
        self.forget()
        self._note(self._extract.given_up(code))
        return None

    def _refused(self, error: MarketoError) -> timedelta | None:
        """What may pass is tried again; what has no end, or is about the day's bytes, is not."""
        extract = self._extract
        passes = isinstance(error, InstanceWaitsError) and error.code != EXTRACT_REFUSED
        if extract.stage is ExtractStage.READING:
            passes = passes or error.code in _OF_FILE
        # The other steps have noted that they were begun.
        attempts = extract.attempts + (extract.stage is ExtractStage.WAITING)
        if not passes or attempts >= MAX_ATTEMPTS:
            return self._give_up(error.code)
        self._note(replace(extract, attempts=attempts, look_at=self.clock() + MIN_WAIT))
        return MIN_WAIT

    def _create(self) -> timedelta | None:
        extract = self._extract
        if extract.attempts >= MAX_ATTEMPTS:
            return self._give_up(EXTRACT_FAILED)
        fields = self._fields_within_share()
        if fields is None:
            return self._give_up(EXTRACT_SHARE_USED)
        extract = replace(
            extract, attempts=extract.attempts + 1, fields=fields, reserved=bytes_of(self.members, fields)
        )
        self._note(extract)
        made = self.marketo.extracts.create(fields, self.check.list_id)
        self._note(replace(extract, stage=ExtractStage.WAITING, id=made, attempts=0))
        return self._enqueue(made)

    def _fields_within_share(self) -> tuple[str, ...] | None:
        """What is to be read of each lead, as far as our share of the day's bytes allows it; None: not even its id."""
        left = DAILY_BYTES - self.extracted.of_day(self.munchkin_id, quota_day(self.clock()))
        keyed = () if self.keyed_by is None else ((ID, self.keyed_by),)
        return next((one for one in (*keyed, (ID,)) if bytes_of(self.members, one) <= left), None)

    def _enqueue(self, extract_id: str) -> timedelta:
        now = self.clock()
        self.extracted.add(self.munchkin_id, quota_day(now), self._extract.reserved)
        self.marketo.extracts.enqueue(extract_id)
        self._note(replace(self._extract, look_at=now + MIN_WAIT))
        return MIN_WAIT

    def _look(self) -> timedelta | None:
        extract, now = self._extract, self.clock()
        extract_id = extract.id or ""
        state = self.marketo.extracts.state(extract_id)
        match state.status:
            case ExtractStatus.CREATED:  # Whoever created it died, or its place in the queue was not told.
                return self._enqueue(extract_id)
            case ExtractStatus.CANCELLED | ExtractStatus.FAILED:
                return self._give_up(EXTRACT_FAILED)
            case ExtractStatus.COMPLETED:
                more = max((state.size or 0) - extract.reserved, 0)
                self.extracted.add(self.munchkin_id, quota_day(now), more)
                read_since = min(max(state.started_at or extract.begun_at, extract.begun_at), now)
                self._note(
                    replace(extract, stage=ExtractStage.READING, attempts=0, look_at=None, members_at=read_since)
                )
                return self._read(state)
        if now - extract.begun_at >= MAX_DURATION:
            with contextlib.suppress(MarketoError):  # Others wait for its place; if it has ended it needs none.
                self.marketo.extracts.cancel(extract_id)
            return self._give_up(EXTRACT_TOO_SLOW)
        wait = extract.wait(now)
        self._note(replace(extract, attempts=0, look_at=now + wait))
        return wait

    def _read(self, state: ExtractState | None) -> timedelta | None:
        """Keep the members that the file has. One that was not read to its end is read from its beginning."""
        extract = self._extract
        if extract.attempts >= MAX_ATTEMPTS:
            return self._give_up(EXTRACT_TOO_SLOW)
        self._note(replace(extract, attempts=extract.attempts + 1))
        self.forget()
        if state is None:
            state = self.marketo.extracts.state(extract.id or "")
        part, ids, digests = 0, list[int](), list[bytes]()
        keyed_by = self._field(extract.fields[1]) if extract.fields[1:] else None
        for row in self.marketo.extracts.rows(extract.id or "", state, extract.fields):
            ids.append(lead_id_of(row))
            if keyed_by is not None:
                digests.append(_digest(row[1], keyed_by))
            if len(ids) == PART:
                self.keep(part, ids, digests)
                part, ids, digests = part + 1, [], []
                if not self.has_time():
                    return timedelta(0)
        if ids:
            self.keep(part, ids, digests)
        found = part * PART + len(ids)
        read = replace(self._extract, stage=ExtractStage.READ, attempts=0)
        self.check = self.note(
            replace(self.check, phase=Phase.COMPARING, parts=part + bool(ids), found=found, extract=read)
        )
        return None

    def _field(self, name: str) -> Field:
        return self.marketo.describe.schema().fields.get(name, Field(name, "string"))


def lead_id_of(row: Row) -> int:
    """The lead of a row that begins with its id. Raises RequestRejectedError FILE_DAMAGED."""
    value = row[0] or ""
    if not (value.isascii() and value.isdecimal()):
        raise RequestRejectedError(FILE_DAMAGED, "read extract")
    return int(value)


def _digest(value: str | None, by: Field) -> bytes:
    """That of the person with this value; of a lead without one, and of a value that is none, nothing is known."""
    try:
        return NO_DIGEST if value is None else digest_of(name_of(dedupe_key(value, by)))
    except InvalidValueError:
        return NO_DIGEST
