"""Resyncs: a sender sends everybody again, and whoever it does not name is taken off.

    opened ─▶ open ─▶ draining ─▶ counting ─▶ leaving ─▶ completed
               │         │            └─▶ held, until somebody says yes ─▶ leaving
               │         └─ until nothing waits any more that was received in it
               └─ closed by somebody, as nothing came any more, or as its time is over

From the opening to the end the ledger notes who is named in its audiences (domain/coalescing.py).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Self

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.loss import Loss, Lost
from destination.domain.outcome import UNREADABLE_EVENT, Reason
from destination.domain.person import LedgerRow

DEFAULT_QUIET: Final = timedelta(minutes=30)
MIN_QUIET: Final = timedelta(minutes=10)
MAX_QUIET: Final = timedelta(hours=12)
"""How long no event of its audiences comes, by which a resync closes. Less than the least is within what it takes until
it is known what came: a window of the batches, and a run of the schedule.
"""

DEFAULT_OPEN: Final = timedelta(hours=24)
MIN_OPEN: Final = timedelta(hours=1)
MAX_OPEN: Final = timedelta(hours=72)
"""How long a resync is open at most."""

MAX_LABEL_LENGTH: Final = 200
MAX_CHOSEN: Final = 500
"""Audiences that can be named one by one; they are read with every batch. All of a connection are no list."""

GIVEN_UP_AFTER: Final = timedelta(days=7)
"""A resync that waits so long since it was closed, or since somebody said yes, ends, and nobody is taken off."""

DRAINED_AFTER: Final = timedelta(minutes=20)
"""Longer than a message that is being delivered can take until it is delivered, parked or noted as waiting, also if its
worker dies and another one gets it (docs/decisions/0013-deletion-drains.md).
"""

MIN_SHARE: Final = 0.5
"""Of the members of an audience: where fewer are named, the resync is held."""

_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")

_NAMES_NOBODY: Final = frozenset(
    {
        "MEMBERSHIP_UNREADABLE",
        "MEMBERSHIP_STATUS_UNKNOWN",
        "MEMBERSHIP_TIME_UNREADABLE",
        "IDENTITY_UNREADABLE",
        "TOO_MANY_IDENTITIES",
    }
)
"""Codes of what was left out of records by which somebody may not have been named."""


class ResyncStatus(StrEnum):
    OPEN = "open"
    DRAINING = "draining"
    COUNTING = "counting"
    HELD = "held"
    LEAVING = "leaving"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({ResyncStatus.COMPLETED, ResyncStatus.FAILED, ResyncStatus.CANCELLED})


class ClosedBy(StrEnum):
    """What closed a resync: somebody's request, that nothing came any more, or the end of its time."""

    REQUEST = "request"
    QUIET = "quiet"
    TIME = "time"


class ResyncHold(StrEnum):
    """Why a resync waits for a person's yes: it would take people off."""

    FIRST = "FIRST"
    SMALLER = "SMALLER"
    NOBODY_NAMED = "NOBODY_NAMED"
    UNREADABLE = "UNREADABLE"
    STILL_COMING = "STILL_COMING"


class ResyncCode(StrEnum):
    """Why a resync failed."""

    GIVEN_UP = "GIVEN_UP"
    NOT_TAKEN_OFF = "NOT_TAKEN_OFF"
    NO_LISTS = "NO_LISTS"


MEANINGS: Final[Mapping[ResyncCode, str]] = {
    ResyncCode.GIVEN_UP: "For seven days something received in it waited, or nobody said yes. Mend that, and repeat.",
    ResyncCode.NOT_TAKEN_OFF: "Who was not named was not taken off. Mend what the verification names, and repeat.",
    ResyncCode.NO_LISTS: "None of its audiences has a list any more, or the connection is gone. Nobody was taken off.",
}


class Named(NamedTuple):
    """Of an audience: how many are its members by the ledger, and how many of them were named since the opening."""

    members: int = 0
    named: int = 0

    @property
    def leaving(self) -> int:
        return self.members - self.named


@dataclass(frozen=True, slots=True)
class Resync:
    """One resync, and how far it is.

    `activation_ids`: of which audiences (None: of all that have a list when people are counted). `quiet`: so long
    nothing comes by which it closes; `longest`: so long it is open at most. `heard_at`: when the last event of its
    audiences had come, when it closed by itself. `drained_since`: since when nothing of it can have been in the queue
    that nobody had received. `cursor`: where the reading of the ledger goes on; `counts`: what it has found so far, by
    activation. `lost`: how many records, in the hours in which it was open, may have named somebody and could not be
    read. `holds`: why it waits for a person's yes, given at `approved_at`. `verification`: by which those who were not
    named are taken off; so many `left`. `code`: why it failed. `version` grows with every write.
    """

    id: str
    connection_id: str
    status: ResyncStatus
    opened_at: datetime
    activation_ids: tuple[str, ...] | None = None
    label: str | None = None
    quiet: timedelta = DEFAULT_QUIET
    longest: timedelta = DEFAULT_OPEN
    closed_at: datetime | None = None
    closed_by: ClosedBy | None = None
    heard_at: datetime | None = None
    drained_since: datetime | None = None
    cursor: str | None = None
    counts: Mapping[str, Named] = field(default_factory=dict)
    counted_at: datetime | None = None
    lost: int = 0
    holds: tuple[ResyncHold, ...] = ()
    approved_at: datetime | None = None
    verification: str | None = None
    left: int = 0
    code: ResyncCode | None = None
    finished_at: datetime | None = None
    version: int = 1

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    @property
    def has_taken_off(self) -> bool:
        """Whether it came to its end with all who were not named taken off."""
        return self.status is ResyncStatus.COMPLETED

    def covers(self, activation: str) -> bool:
        return self.activation_ids is None or activation in self.activation_ids

    def is_given_up(self, now: datetime) -> bool:
        waits_since = self.approved_at or self.closed_at
        return waits_since is not None and now - waits_since >= GIVEN_UP_AFTER

    def closed(self, by: ClosedBy, now: datetime, heard_at: datetime | None = None) -> Self:
        return replace(self, status=ResyncStatus.DRAINING, closed_at=now, closed_by=by, heard_at=heard_at)

    def counting(self) -> Self:
        """Nothing waits any more that was received in it."""
        return replace(self, status=ResyncStatus.COUNTING, cursor=None, counts={})

    def counted(self, lost: int, completed_before: Iterable["Resync"], now: datetime) -> Self:
        """All who are in its audiences are counted. Where nobody is to leave it is at its end."""
        done = replace(self, cursor=None, counted_at=now, lost=lost)
        if not any(one.leaving for one in self.counts.values()):
            return done.completed(0, now)
        holds = holds_of(done, completed_before)
        return replace(done, status=ResyncStatus.HELD if holds else ResyncStatus.LEAVING, holds=holds)

    def approved(self, now: datetime) -> Self:
        """Somebody says that it is to be carried on all the same."""
        return replace(self, status=ResyncStatus.LEAVING, approved_at=now)

    def completed(self, left: int, now: datetime) -> Self:
        return replace(self, status=ResyncStatus.COMPLETED, left=left, finished_at=now)

    def failed(self, code: ResyncCode, now: datetime, left: int = 0) -> Self:
        return replace(self, status=ResyncStatus.FAILED, code=code, left=left, finished_at=now)

    def cancelled(self, now: datetime) -> Self:
        return replace(self, status=ResyncStatus.CANCELLED, finished_at=now)


def is_resync_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def holds_of(resync: Resync, completed_before: Iterable[Resync]) -> tuple[ResyncHold, ...]:
    """Why a resync whose people are counted has to wait; `completed_before`: those that came to their end."""
    known = {activation for one in completed_before for activation in one.counts}
    concerned = {activation: one for activation, one in resync.counts.items() if one.leaving}
    found = {
        ResyncHold.NOBODY_NAMED: any(one.named == 0 for one in concerned.values()),
        ResyncHold.UNREADABLE: resync.lost > 0,
        ResyncHold.STILL_COMING: resync.closed_by is ClosedBy.TIME,
        ResyncHold.FIRST: not concerned.keys() <= known,
        ResyncHold.SMALLER: any(one.named < MIN_SHARE * one.members for one in concerned.values()),
    }
    return tuple(hold for hold, holds in found.items() if holds)


def count_named(
    counts: Mapping[str, Named], rows: Iterable[LedgerRow], audiences: Iterable[AudienceKey], since: datetime
) -> dict[str, Named]:
    """The counts with some rows more: of each of these audiences who is in it, and who was named since a time."""
    found = dict(counts)
    named_as = {audience: activation_id(audience) for audience in audiences}
    for name in named_as.values():
        found.setdefault(name, Named())
    for row in rows:
        for audience, wanted in row.desired.items():
            if wanted.is_realized and audience in named_as:
                before = found[named_as[audience]]
                found[named_as[audience]] = Named(before.members + 1, before.named + row.was_named(audience, since))
    return found


def lost_of(losses: Mapping[Loss, int], reasons: Mapping[Reason, int]) -> int:
    """Of what the webhook or the delivery could not read, how much may have named somebody."""
    lost = sum(count for loss, count in losses.items() if loss.kind is Lost.REJECTED or loss.code in _NAMES_NOBODY)
    return lost + reasons.get(UNREADABLE_EVENT, 0)
