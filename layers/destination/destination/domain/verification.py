"""Verifications: is the list that Marketo has the audience that was delivered?

What should be on a list is known from the ledger, what is on it from Marketo. People whom Marketo is just being told of
are in doubt: they may be on the list or not.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from destination.domain.audience import Activation, AudienceKey

if TYPE_CHECKING:
    from destination.domain.person import Delivered

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
    """What a verification repairs: missing people are put on the list, unexpected ones are taken off."""

    NONE = "none"
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    BOTH = "both"

    @property
    def adds(self) -> bool:
        return self in {Repair.MISSING, Repair.BOTH}

    @property
    def removes(self) -> bool:
        return self in {Repair.UNEXPECTED, Repair.BOTH}


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often the lists of a connection are verified, and what is repaired then."""

    every: timedelta
    repair: Repair = Repair.NONE


class VerificationStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


GOING_ON: Final = frozenset({VerificationStatus.QUEUED, VerificationStatus.RUNNING})


class Phase(StrEnum):
    """Where the verification of one audience stands."""

    PENDING = "pending"
    READING = "reading"
    COMPARING = "comparing"
    DONE = "done"


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

    `cursor`: where the reading of the list goes on. `parts`: in how many parts what was read is stored. `code`: why
    they were not compared, Marketo's code or one of this module.
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
    unexpected: Differences = field(default_factory=Differences)
    cursor: str | None = None
    parts: int = 0
    code: str | None = None

    @classmethod
    def of(cls, activation: Activation, list_id: int) -> Self:
        return cls(activation.audience, activation.name, list_id, activation.list_name)

    @property
    def out_of_sync(self) -> int:
        """How many people are out of place now."""
        differences = (self.missing, self.unexpected)
        return sum(one.count - one.repaired for one in differences)


@dataclass(frozen=True, slots=True)
class Verification:
    """A comparison of the lists of some audiences; `position` is the place of the one that it is at.

    `is_whole`: it is of all audiences of the connection. `code`: why it failed, Marketo's code or EXPIRED. `version`
    grows with every write, so that of two who carry it on at once one goes on. `touched_at`: when it last went on;
    `requeued_at`: when it was queued again last. Only the message that was queued last carries it on.
    """

    id: str
    connection_id: str
    repair: Repair
    requested_at: datetime
    audiences: int
    is_whole: bool
    status: VerificationStatus = VerificationStatus.QUEUED
    position: int = 0
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


@dataclass(frozen=True, slots=True)
class Expected:
    """Who should be on a list, by lead id, and whose place is in doubt."""

    leads: frozenset[int]
    in_doubt: frozenset[int]

    @classmethod
    def of(cls, placed: "Iterable[Delivered]", list_id: int) -> Self:
        """From what the ledger says of the people who were put on a list and not taken off."""
        leads: set[int] = set()
        in_doubt: set[int] = set()
        for one in placed:
            if one.lead_id is not None:
                (leads if one.list_id == list_id else in_doubt).add(one.lead_id)
        return cls(frozenset(leads), frozenset(in_doubt - leads))

    def missing_from(self, found: Set[int], after: int) -> list[int]:
        return sorted(one for one in self.leads - found if one > after)

    def unexpected_in(self, found: Set[int], after: int) -> list[int]:
        return sorted(one for one in found - self.leads - self.in_doubt if one > after)
