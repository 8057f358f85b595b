"""Verifications: desired, applied and Marketo are compared.

What should be on a list, and what was put there, is known from the ledger; what is on it, from Marketo. People whom
Marketo is just being told of are in doubt: they may be on the list or not.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from destination.domain.audience import Activation, AudienceKey

if TYPE_CHECKING:
    from destination.domain.lead_extract import LeadExtract
    from destination.domain.person import LedgerRow

SAMPLE: Final = 10
"""Lead ids that are shown of those out of place."""

MAX_DURATION: Final = timedelta(days=7)
"""What takes longer than this from its request is given up, so that another can be requested."""

MAX_SILENCE: Final = timedelta(minutes=15)
"""One that has not gone on for longer than this is queued again: its message may be lost."""

EXPIRED: Final = "EXPIRED"
LIST_CHANGED: Final = "LIST_CHANGED"
"""Codes of what is not verified: it took too long; the audience has another list now, or none."""


class Repair(StrEnum):
    """What a verification repairs: who is missing is put on the list, leavers and foreign people are taken off."""

    MISSING = "missing"
    LEAVERS = "leavers"
    FOREIGN = "foreign"


REPAIRED_BY_DEFAULT: Final = frozenset({Repair.MISSING, Repair.LEAVERS})
"""Nobody whom others put on a list is touched, unless it is asked for in so many words."""

FILLS: Final = frozenset({Repair.MISSING, Repair.LEAVERS})
"""What a verification repairs at least that fills a list from the ledger."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often the lists of a connection are verified, and what is repaired then."""

    every: timedelta
    repair: frozenset[Repair] = REPAIRED_BY_DEFAULT


class VerificationStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


GOING_ON: Final = frozenset({VerificationStatus.QUEUED, VerificationStatus.RUNNING})


class Phase(StrEnum):
    """Where the verification of one audience stands: its list is read, and then compared with the ledger."""

    PENDING = "pending"
    READING = "reading"
    COMPARING = "comparing"
    DONE = "done"


class Standing(IntEnum):
    """What the ledger says of a lead and a list.

    `ON`: Marketo was told that it is there. `OFF`: its person left, or has no consent. `DOUBT`: Marketo was just being
    told when a delivery ended, or the audience is outside its schedule, so that nothing is expected. `WAITING`: its
    person is in the audience and was never put on this list by this lead.
    """

    ON = 1
    OFF = 2
    DOUBT = 3
    WAITING = 4


class Stand(NamedTuple):
    """One lead of one person by the ledger; `row` is the row's name."""

    lead_id: int
    standing: Standing
    row: str


NOT_FOUND: Final = "PERSON_NOT_FOUND"
LEAD_UNKNOWN: Final = "LEAD_UNKNOWN"
"""Why somebody waits for the next event to be put on a list: nobody was found, or it is not known who it is."""


def standing_of(
    row: "LedgerRow", audience: AudienceKey, list_id: int, *, is_open: bool, asks: bool
) -> dict[int, Standing]:
    """What a person's row says of its leads and the audience's list; empty for somebody whose lead is not known."""
    applied = row.applied.get(audience)
    if applied is not None and applied.list_id != list_id:
        applied = None
    leads = applied.leads if applied is not None else ()
    if not is_open or (applied is not None and not applied.is_sure):
        return dict.fromkeys(leads, Standing.DOUBT)
    if not is_wanted(row, audience, asks=asks):
        known = (row.lead_id,) if row.lead_id is not None else ()
        return dict.fromkeys((*leads, *known), Standing.OFF)
    own = row.lead_id if row.lead_id is not None else next(iter(leads), None)
    if own is None:
        return {}
    return {**dict.fromkeys(leads, Standing.OFF), own: Standing.ON if own in leads else Standing.WAITING}


_DECIDES: Final = (Standing.ON, Standing.DOUBT, Standing.WAITING, Standing.OFF)


def standings(stands: Iterable[Stand]) -> dict[int, Standing]:
    """The standing of each lead; of several persons with one lead the one who is in the audience decides."""
    found: dict[int, Standing] = {}
    for one in stands:
        before = found.get(one.lead_id)
        found[one.lead_id] = one.standing if before is None else min(before, one.standing, key=_DECIDES.index)
    return found


def is_wanted(row: "LedgerRow", audience: AudienceKey, *, asks: bool) -> bool:
    """Whether the person is in the audience, and may be exported; `asks`: whether the connection asks for consent."""
    desired = row.desired.get(audience)
    may_be_exported = not asks or row.consent is None or row.consent.is_given
    return may_be_exported and desired is not None and desired.is_realized


def is_decided(row: "LedgerRow", audience: AudienceKey, *, asks: bool) -> bool:
    """Whether it is known if the person is to be on the list: what was desired before the beginning is not."""
    return audience in row.desired or (asks and row.consent is not None and not row.consent.is_given)


def why_waiting(row: "LedgerRow") -> str:
    """Why somebody without a known lead waits for the next event."""
    return LEAD_UNKNOWN if row.looked_up_at is None else NOT_FOUND


@dataclass(frozen=True, slots=True)
class Differences:
    """People out of place: how many, and some of them by lead id. `after`: the highest id that was looked at."""

    count: int = 0
    repaired: int = 0
    sample: tuple[int, ...] = ()
    after: int = 0

    def more(self, lead_ids: Iterable[int], repaired: int, after: int) -> Self:
        found = sorted(lead_ids)
        sample = (*self.sample, *found)[:SAMPLE]
        return replace(
            self, count=self.count + len(found), repaired=self.repaired + repaired, sample=sample, after=after
        )


@dataclass(frozen=True, slots=True)
class AudienceCheck:
    """What the verification of one audience has found so far.

    `missing` people are not on the list though they were put there, `leavers` are on it though they left, `foreign`
    ones are not known to the ledger. Those who are `waiting` were never put there, though their lead is known; of the
    `unapplied` it is not, so they wait for their next event, by the reason. `gone`: whose leads are no more, so that
    their next event puts them back.
    `cursor`: where the reading of the list goes on. `parts`: in how many parts what was read is stored. `code`: why
    they were not compared, Marketo's code or one of this module. `fill_at`: from when on the list was to be filled, if
    this verification does that. `named_since`: whoever the source has not named since then has left (None: only who was
    said to); `keeps_times`: with the time of the entry, as a source that sends everybody again sends old times too.
    `changed`: by how many people the list has grown by repairs, or shrunk below zero. `extract`: the extract of
    Marketo's that the list is read by, or was to be; None: it is read page by page.
    """

    audience: AudienceKey
    name: str
    list_id: int
    list_name: str | None
    phase: Phase = Phase.PENDING
    expected: int = 0
    found: int = 0
    in_doubt: int = 0
    missing: Differences = field(default_factory=Differences)
    leavers: Differences = field(default_factory=Differences)
    foreign: Differences = field(default_factory=Differences)
    waiting: Differences = field(default_factory=Differences)
    gone: int = 0
    unapplied: Mapping[str, int] = field(default_factory=dict)
    cursor: str | None = None
    parts: int = 0
    code: str | None = None
    fill_at: datetime | None = None
    changed: int = 0
    named_since: datetime | None = None
    keeps_times: bool = False
    extract: "LeadExtract | None" = None

    @classmethod
    def of(cls, activation: Activation, list_id: int) -> Self:
        return cls(activation.audience, activation.name, list_id, activation.list_name)

    @property
    def out_of_sync(self) -> int:
        """How many people are out of place now; who was put on a list by others is not."""
        return sum(one.count - one.repaired for one in (self.missing, self.leavers))

    @property
    def people(self) -> int:
        """How many are on the list once it was repaired."""
        return self.found + self.changed


class ListSize(NamedTuple):
    """How many people were on an audience's list when its verification ended; Marketo tells no sizes of lists."""

    list_id: int
    people: int
    at: datetime


@dataclass(frozen=True, slots=True)
class LedgerReading:
    """How far the ledger was read, once for all audiences: `cursor` is where it goes on.

    `parts`: by the audience's number in how many parts what was read is stored. `unapplied`: by the audience's number
    how many wait for their next event, by the reason.
    """

    is_read: bool = False
    cursor: str | None = None
    parts: Mapping[int, int] = field(default_factory=dict)
    unapplied: Mapping[int, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verification:
    """A comparison of the lists of some audiences; `position` is the place of the one that is compared.

    `is_whole`: it is of all audiences of the connection. `code`: why it failed, Marketo's code or EXPIRED. `version`
    grows with every write, so that of two who carry it on at once one goes on. `touched_at`: when it last went on;
    `requeued_at`: when it was queued again last. Only the message that was queued last carries it on.
    """

    id: str
    connection_id: str
    repair: frozenset[Repair]
    requested_at: datetime
    audiences: int
    is_whole: bool
    status: VerificationStatus = VerificationStatus.QUEUED
    position: int = 0
    ledger: LedgerReading = field(default_factory=LedgerReading)
    started_at: datetime | None = None
    finished_at: datetime | None = None
    code: str | None = None
    version: int = 1
    touched_at: datetime | None = None
    requeued_at: datetime | None = None

    @property
    def is_finished(self) -> bool:
        return self.status not in GOING_ON

    @property
    def queued_at(self) -> datetime:
        """When the message that carries it on was queued."""
        return self.requeued_at or self.requested_at

    def is_silent(self, now: datetime) -> bool:
        """Whether it is time to queue it again.

        Each time it takes twice as long: of a connection that Marketo refuses for days, messages do not pile up.
        """
        heard = max(self.queued_at, self.touched_at or self.queued_at)
        return not self.is_finished and now - heard >= max(MAX_SILENCE, self.queued_at - self.requested_at)

    def failed(self, code: str, now: datetime) -> Self:
        return replace(self, status=VerificationStatus.FAILED, code=code, finished_at=now)

    def at(self, now: datetime) -> Self:
        """As it is at a time: it has failed if it was not finished for too long, whatever became of its message."""
        ends = self.requested_at + MAX_DURATION
        return self if self.is_finished or now < ends else self.failed(EXPIRED, ends)
