"""An extract of Marketo's that is carried on: it is created, asked for until its file is written, and read.

    creating ──▶ waiting ──────▶ reading ──────▶ read
       │     create, enqueue  completed │  its file
       └───────────┴────────────────────┴─────▶ given up

Each step is noted before it is begun, so that a worker may die anywhere: then it is done again, a few times at most. A
job whose answer was lost is never enqueued, and takes nothing. Whatever Marketo refuses of extracts is no reason to
fail: what one tells can be asked for by calls. Its trouble holds up no delivery either, unless it is that of the whole
instance.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from destination.domain.lead_extract import (
    DAILY_BYTES,
    EXTRACT_FAILED,
    EXTRACT_SHARE_USED,
    EXTRACT_TOO_SLOW,
    MAX_ATTEMPTS,
    MAX_DURATION,
    MIN_WAIT,
    ExtractStage,
    LeadExtract,
    bytes_of,
    quota_day,
)
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
from destination.marketo.lead_extracts import ExtractState, ExtractStatus, LeadExtracts, Row
from destination.marketo.pace import OutOfTimeError

_OF_FILE: Final = frozenset({FILE_GONE, FILE_DAMAGED})

Lead = tuple[int, str | None]
"""A lead's id, and its value of the field that is read beside it; None: it has none, or none is read."""


class ExtractedBytes(Protocol):
    """How much of Marketo's bytes of a day was used by this stack."""

    def of_day(self, munchkin_id: str, day: date) -> int: ...
    def add(self, munchkin_id: str, day: date, size: int) -> None: ...


class WantedLeads(Protocol):
    """The leads that an extract is to tell: which these are, how far it is, and what is done with them."""

    @property
    def extract(self) -> LeadExtract: ...
    @property
    def count(self) -> int:
        """How many there may be."""

    @property
    def fields(self) -> Sequence[tuple[str, ...]]:
        """What is read of each, its id first; the next where our share of the day's bytes does not allow the first."""

    def note(self, extract: LeadExtract, /) -> None:
        """Keep how far it is."""

    def create(self, fields: Sequence[str], /) -> str:
        """Create the job in Marketo; its id. Raises MarketoError."""

    def take(self, leads: Iterator[Lead], /) -> bool:
        """Keep what is wanted of the leads, in place of those of an earlier attempt; False: there was no time for all.

        Raises MarketoError, RequestRejectedError EXTRACT_FAILED where nothing can be done with them.
        """


@dataclass(frozen=True, slots=True)
class CarryExtract:
    """Carries one extract on. What takes longer than `max_duration` is given up."""

    extracts: LeadExtracts
    extracted: ExtractedBytes
    munchkin_id: str
    clock: Callable[[], datetime]
    leads: WantedLeads
    max_duration: timedelta = MAX_DURATION

    def __call__(self) -> timedelta | None:
        """Carry it on; when to go on with it, None: its leads are taken, or it was given up.

        Raises InstanceWaitsError for what holds up the whole instance, OutOfTimeError, and what keeping raises.
        """
        extract, now = self.leads.extract, self.clock()
        if not extract.is_under_way:
            return None
        if extract.look_at is not None and now < extract.look_at:
            return extract.look_at - now
        if extract.attempts >= MAX_ATTEMPTS:
            return self._give_up(EXTRACT_TOO_SLOW if extract.stage is ExtractStage.READING else EXTRACT_FAILED)
        self.leads.note(replace(extract, attempts=extract.attempts + 1))
        steps = {
            ExtractStage.CREATING: self._create,
            ExtractStage.WAITING: self._look,
            ExtractStage.READING: self._read,
        }
        try:
            return steps[extract.stage]()
        except OutOfTimeError:
            self._note_untried()
            raise
        except (InstanceWaitsError, ConnectionBlockedError, RequestRejectedError) as error:
            if error.code in OF_INSTANCE:
                self._note_untried()
                raise
            return self._refused(error)

    def _note_untried(self) -> None:
        self.leads.note(replace(self.leads.extract, attempts=max(self.leads.extract.attempts - 1, 0)))

    def _later(self, extract: LeadExtract, wait: timedelta) -> timedelta:
        self.leads.note(replace(extract, look_at=self.clock() + wait))
        return wait

    def _give_up(self, code: str) -> timedelta | None:
        """Leave it; nothing is waited for."""
        self.leads.note(self.leads.extract.given_up(code))
        return None

    def _refused(self, error: MarketoError) -> timedelta | None:
        """What may pass is tried again; what has no end, or is about the day's bytes, is not."""
        extract = self.leads.extract
        passes = isinstance(error, InstanceWaitsError) and error.code != EXTRACT_REFUSED
        passes |= extract.stage is ExtractStage.READING and error.code in _OF_FILE
        if not passes or extract.attempts >= MAX_ATTEMPTS:
            return self._give_up(error.code)
        return self._later(extract, MIN_WAIT)

    def _create(self) -> timedelta | None:
        left = DAILY_BYTES - self.extracted.of_day(self.munchkin_id, quota_day(self.clock()))
        fields = next((one for one in self.leads.fields if bytes_of(self.leads.count, one) <= left), None)
        if fields is None:
            return self._give_up(EXTRACT_SHARE_USED)
        made = self.leads.create(fields)
        reserved = bytes_of(self.leads.count, fields)
        self.leads.note(
            replace(
                self.leads.extract, stage=ExtractStage.WAITING, id=made, fields=fields, reserved=reserved, attempts=0
            )
        )
        return self._enqueue()

    def _enqueue(self) -> timedelta:
        extract = self.leads.extract
        self.extracted.add(self.munchkin_id, quota_day(self.clock()), extract.reserved)
        self.extracts.enqueue(extract.id or "")
        return self._later(extract, MIN_WAIT)

    def _look(self) -> timedelta | None:
        extract, now = self.leads.extract, self.clock()
        state = self.extracts.state(extract.id or "")
        match state.status:
            case ExtractStatus.CREATED:  # Whoever created it died, or its place in the queue was not told.
                return self._enqueue()
            case ExtractStatus.CANCELLED | ExtractStatus.FAILED:
                return self._give_up(EXTRACT_FAILED)
            case ExtractStatus.COMPLETED:
                more = max((state.size or 0) - extract.reserved, 0)
                self.extracted.add(self.munchkin_id, quota_day(now), more)
                written_at = min(max(state.started_at or extract.begun_at, extract.begun_at), now)
                self.leads.note(
                    replace(extract, stage=ExtractStage.READING, attempts=1, look_at=None, members_at=written_at)
                )
                return self._take(state)
        if now - extract.begun_at >= self.max_duration:
            with contextlib.suppress(MarketoError):  # Others wait for its place; if it has ended it needs none.
                self.extracts.cancel(extract.id or "")
            return self._give_up(EXTRACT_TOO_SLOW)
        return self._later(replace(extract, attempts=0), extract.wait(now))

    def _read(self) -> timedelta | None:
        return self._take(self.extracts.state(self.leads.extract.id or ""))

    def _take(self, state: ExtractState) -> timedelta | None:
        """Take what the file has. One that was not read to its end is read from its beginning."""
        extract = self.leads.extract
        rows = self.extracts.rows(extract.id or "", state, extract.fields)
        if not self.leads.take(map(_lead, rows)):
            return timedelta(0)
        self.leads.note(replace(extract, stage=ExtractStage.READ, attempts=0))
        return None


def _lead(row: Row) -> Lead:
    """What a row tells, which begins with the lead's id. Raises RequestRejectedError FILE_DAMAGED."""
    lead_id, *values = row
    if not (lead_id and lead_id.isascii() and lead_id.isdecimal()):
        raise RequestRejectedError(FILE_DAMAGED, "read extract")
    return int(lead_id), values[0] if values else None
