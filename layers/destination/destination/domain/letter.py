"""Letters: events that failed, kept in the bucket with the code of the reason until somebody decides about them.

Letters of a connection that failed together for one reason are one bundle, whose name tells everything that has to be
counted, as with what is parked (domain/parking.py). A redrive makes it a parked bundle of the same messages.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final, Self

from destination.domain.parking import STAMP, TIME, Bundle, WaitsFor, time_of, waits_since

RETENTION: Final = timedelta(days=28)
"""How long letters are kept (template.yaml): one that is redriven on the last day still has one of the 29 for which an
event may wait, whenever it failed."""

MAX_BUNDLE_BYTES: Final = 6_000_000
"""Of messages in one bundle, at most: as much as is delivered together."""

_UNFIT: Final = re.compile(r"[^A-Za-z0-9_]")
_MAX_CODE: Final = 64
_NAME: Final = re.compile(
    rf"(?P<failed>{STAMP})-(?P<since>{STAMP})-(?P<events>[0-9]{{1,9}})-(?P<size>[0-9]{{1,12}})"
    rf"-(?P<code>[A-Za-z0-9_]{{1,{_MAX_CODE}}})-(?P<id>[0-9a-f]{{32}})"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One event that failed: a message with it alone, and the code of the reason.

    `received_at`: when the event was; `attempt`: how often it is a letter now.
    """

    body: str
    code: str
    received_at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class LetterBundle:
    """Letters of one connection and code that failed together.

    `since`: from when on the oldest of them counts as waiting, once it is redriven. `size`: of all, in bytes. `id`: 32
    hex digits.
    """

    connection_id: str
    code: str
    failed_at: datetime
    since: datetime
    events: int
    size: int
    id: str

    @classmethod
    def of(cls, connection_id: str, letters: Sequence[Letter], now: datetime, bundle_id: str) -> Self:
        """Of at least one letter; all are of one code."""
        return cls(
            connection_id,
            _UNFIT.sub("_", letters[0].code)[:_MAX_CODE] or "_",
            now,
            min(waits_since(one.received_at, one.attempt, now) for one in letters),
            len(letters),
            sum(len(one.body) for one in letters),
            bundle_id,
        )

    @property
    def name(self) -> str:
        """Begins with the time of the failure, so that bundles are listed in that order."""
        failed, since = (f"{one.astimezone(UTC):{TIME}}" for one in (self.failed_at, self.since))
        return f"{failed}-{since}-{self.events}-{self.size}-{self.code}-{self.id}"

    @classmethod
    def named(cls, connection_id: str, name: str) -> Self:
        """Raises ValueError for what is no name of letters."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError("not the name of letters")
        return cls(
            connection_id,
            found["code"],
            time_of(found["failed"]),
            time_of(found["since"]),
            int(found["events"]),
            int(found["size"]),
            found["id"],
        )

    @property
    def redriven(self) -> Bundle:
        """The parked bundle that they are once redriven: the same, however often and by whomever."""
        return Bundle(self.connection_id, WaitsFor.RETRY, self.failed_at, self.since, self.events, self.size, self.id)


@dataclass(frozen=True, slots=True)
class LettersOfCode:
    """The letters of a connection that failed for one reason: how many, and when the first and the last one failed."""

    code: str
    events: int
    first_at: datetime
    last_at: datetime

    @property
    def expires_at(self) -> datetime:
        """When the first of them is gone."""
        return self.first_at + RETENTION


@dataclass(frozen=True, slots=True)
class Decided:
    """About how many letters, or dead letters, was decided, and how many are left for another call."""

    number: int
    left: int


def by_code(bundles: Iterable[LetterBundle]) -> list[LettersOfCode]:
    """Most letters first."""
    found = []
    for code, own in groupby(sorted(bundles, key=lambda one: (one.code, one.failed_at)), key=lambda one: one.code):
        letters = list(own)
        events = sum(one.events for one in letters)
        found.append(LettersOfCode(code, events, letters[0].failed_at, letters[-1].failed_at))
    return sorted(found, key=lambda one: (-one.events, one.code))


def together(letters: Sequence[Letter]) -> list[list[int]]:
    """The places of the letters that make a bundle each: of one code, and of a size that is delivered together."""
    found: list[list[int]] = []
    by_reason = sorted(range(len(letters)), key=lambda place: letters[place].code)
    for _, places in groupby(by_reason, key=lambda place: letters[place].code):
        size = MAX_BUNDLE_BYTES
        for place in places:
            length = len(letters[place].body)
            if size + length > MAX_BUNDLE_BYTES:
                found.append([])
                size = 0
            found[-1].append(place)
            size += length
    return found
