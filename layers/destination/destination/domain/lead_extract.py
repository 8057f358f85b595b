"""Extracts of Marketo's: when one is worth it for a list, how far it is, and when to look at it again.

An extract is read with about a dozen calls, whatever the list's size, and takes minutes to hours. Marketo writes 500 MB
a day for all tools of an instance together, and tells of a job's progress once a minute at most (Marketo REST API,
"Bulk Extract").
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final, Self

MIN_MEMBERS: Final = 6_000
"""A list of fewer is read page by page: these are 20 calls, and an extract takes about half as many, and its time."""

MAX_AT_ONCE: Final = 2
"""Extracts of one verification: Marketo runs two at a time, of all tools together."""

ID: Final = "id"
"""The field that is read of each lead first."""

DAILY_BYTES: Final = 100_000_000
"""Our share of what Marketo writes a day."""

ID_BYTES: Final = 10
VALUE_BYTES: Final = 36
"""What a lead's id, and a value such as an e-mail address, take in a file, as far as can be told before."""

MIN_WAIT: Final = timedelta(seconds=60)
MAX_WAIT: Final = timedelta(minutes=12)
"""How long to wait until a job is looked at again: half as long as it has taken so far, within these. A verification
that is silent for a quarter of an hour is queued again.
"""

MAX_DURATION: Final = timedelta(hours=6)
"""What takes longer is given up."""

MAX_ATTEMPTS: Final = 3
"""Of one step of an extract; a worker may have died in each."""

FRESH: Final = timedelta(hours=1)
"""How long a lead is taken for the person's whose value it had when Marketo wrote it down."""

EXTRACT_FAILED: Final = "EXTRACT_FAILED"
EXTRACT_TOO_SLOW: Final = "EXTRACT_TOO_SLOW"
EXTRACT_SHARE_USED: Final = "EXTRACT_SHARE_USED"
"""Codes of why an extract was given up, beside Marketo's: it failed, or somebody cancelled it; it, or reading it, took
too long; our share of the day's bytes is used up.
"""

_DAY_BEGINS: Final = timedelta(hours=6)


class ExtractStage(StrEnum):
    """How far an extract is. Of a list whose extract was given up the members are read page by page."""

    CREATING = "creating"
    WAITING = "waiting"
    READING = "reading"
    READ = "read"
    GIVEN_UP = "given_up"


UNDER_WAY: Final = frozenset({ExtractStage.CREATING, ExtractStage.WAITING, ExtractStage.READING})


@dataclass(frozen=True, slots=True)
class LeadExtract:
    """An extract of leads, as far as it is.

    `id`: Marketo's, None before it is created. `fields`: what is read of each lead, its id first. `reserved`: bytes
    that were counted for it before its size was known. `attempts`: how often its step was begun. `look_at`: nothing is
    done before. `members_at`: its leads are those of this time, or of a later one. `code`: why it was given up.
    """

    begun_at: datetime
    stage: ExtractStage = ExtractStage.CREATING
    id: str | None = None
    fields: tuple[str, ...] = ()
    reserved: int = 0
    attempts: int = 0
    look_at: datetime | None = None
    members_at: datetime | None = None
    code: str | None = None

    @property
    def is_under_way(self) -> bool:
        return self.stage in UNDER_WAY

    def given_up(self, code: str) -> Self:
        return replace(self, stage=ExtractStage.GIVEN_UP, code=code, look_at=None)

    def wait(self, now: datetime) -> timedelta:
        """How long to wait until it is looked at again."""
        return min(max(MIN_WAIT, (now - self.begun_at) / 2), MAX_WAIT)

    def tells_whose(self, now: datetime) -> bool:
        """Whether its leads are still taken for the persons whose values they had, as far as it has these."""
        is_fresh = self.members_at is not None and now - self.members_at <= FRESH
        return self.stage is ExtractStage.READ and len(self.fields) > 1 and is_fresh


def bytes_of(members: int, fields: Sequence[str]) -> int:
    """How large the file of so many members will be, as far as can be told; the first field is the id."""
    return members * (ID_BYTES + VALUE_BYTES * (len(fields) - 1))


def quota_day(now: datetime) -> date:
    """The day of Marketo's quota: it begins at midnight US Central, at 05:00 or 06:00 UTC; the later counts."""
    return (now - _DAY_BEGINS).date()
