"""Parking: messages that have to wait for long leave the queue for the bucket, and come back when their cause is over.

A message that is hidden in the queue counts as in flight, of which a queue has 120,000, and nobody can tell whose it is
(Amazon SQS, "Message quotas"). So what waits for more than MAX_IN_QUEUE, or until somebody does something, is put into
a bundle, whose name tells everything that has to be counted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil
from typing import Final, Self

from destination.domain.connection import DELIVERING, Connection, Waiting
from destination.domain.pause import Pause
from destination.domain.remedy import Remedy, remedy_of, told
from destination.domain.times import EPOCH

MAX_IN_QUEUE: Final = timedelta(minutes=5)
"""What waits for longer is parked."""

MAX_WAIT: Final = timedelta(days=29)
"""What has waited for longer fails: an event that old says little of today, and its marks live for 90 days."""

MAX_TRIES: Final = 3
"""How often MAX_WAIT fits into the days that marks live."""

RESEND_AFTER: Final = timedelta(hours=1)
"""A bundle that was sent back and is still there is sent back again: its message may have been lost."""

RETRY_BLOCKED: Final = timedelta(minutes=15)
"""How often a connection that Marketo refuses is tried, as its cause may have been mended in Marketo."""

MAX_BUNDLES: Final = 7_500
MAX_EVENTS: Final = 300_000
"""How much of one connection is sent back at a time, more than is delivered until the next time: 120,000 new people at
Marketo's limits, who may lie in bundles of some twenty where they came one a second.
"""

LATER: Final = timedelta(minutes=15)
"""How much later who waits for an import comes back, who came back in vain."""

JUST_NOW: Final = timedelta(minutes=1)
"""A bundle that was named before it was stored may not have been listed yet: what has become due within such a time is
sent back once more the next time."""

TIME: Final = "%Y%m%dT%H%M%SZ"
STAMP: Final = r"[0-9]{8}T[0-9]{6}Z"
"""A time in the name of a bundle."""


class WaitsFor(StrEnum):
    """What parked messages wait for.

    `disabled`, `blocked`: for somebody who enables the connection, or mends what Marketo refuses it for. `paused`: for
    the Marketo instance, of which the quota is used up or which does not work. `refused`: for the next attempt with
    people whom Marketo refuses, though it takes others. `retry`: for AWS; or they failed, and were redriven; or they
    are rows of a file. `rate`: for the hour in which no more leads may be created or updated. `import`: for the end of
    an import by which Marketo is told of them; all that wait for one are due at one time.
    """

    DISABLED = "disabled"
    BLOCKED = "blocked"
    PAUSED = "paused"
    REFUSED = "refused"
    RETRY = "retry"
    RATE = "rate"
    IMPORT = "import"

    @property
    def remedy(self) -> Remedy:
        """What ends the wait, whatever the cause is."""
        return _ENDS[self]


_ENDS: Final[Mapping[WaitsFor, Remedy]] = {
    WaitsFor.DISABLED: Remedy.ENABLE,
    WaitsFor.BLOCKED: Remedy.TRY_AGAIN,
    WaitsFor.PAUSED: Remedy.RESUME,
    WaitsFor.REFUSED: Remedy.AWAIT_PERSON,
    WaitsFor.RETRY: Remedy.AWAIT_AWS,
    WaitsFor.RATE: Remedy.AWAIT_RATE,
    WaitsFor.IMPORT: Remedy.AWAIT_IMPORT,
}


HOLDS: Final = frozenset({WaitsFor.DISABLED, WaitsFor.BLOCKED, WaitsFor.PAUSED})
"""What holds up all of a connection: it can be seen without the messages (`hold_of`)."""

_NAME: Final = re.compile(
    rf"(?P<due>{STAMP})-(?P<oldest>{STAMP})-(?P<events>[0-9]{{1,9}})-(?P<size>[0-9]{{1,12}})"
    rf"-(?P<waits_for>{'|'.join(WaitsFor)})-(?P<id>[0-9a-f]{{32}})"
)


@dataclass(frozen=True, slots=True)
class Bundle:
    """Messages of a connection that wait together.

    `due_at`: from when on they can be delivered, if nothing holds the connection up. `oldest_at`: since when the oldest
    of their events waits (`waits_since`). `events`: how many are not settled yet, `size`: of all, in bytes. `id`: 32
    hex digits.
    """

    connection_id: str
    waits_for: WaitsFor
    due_at: datetime
    oldest_at: datetime
    events: int
    size: int
    id: str

    @property
    def name(self) -> str:
        """Begins with the time when it is due, so that bundles are listed in that order."""
        due = EPOCH + timedelta(seconds=ceil((self.due_at - EPOCH).total_seconds()))
        return (
            f"{due.astimezone(UTC):{TIME}}-{self.oldest_at.astimezone(UTC):{TIME}}"
            f"-{self.events}-{self.size}-{self.waits_for}-{self.id}"
        )

    def waits_as_meant(self, now: datetime) -> bool:
        """Whether nothing is wrong with its waiting: it is not its turn by a rate that somebody set, or an import that
        tells Marketo of its people has not had its time. What comes back in vain after that waits for LATER.
        """
        if self.waits_for is WaitsFor.IMPORT:
            return now + LATER < self.due_at
        return self.waits_for is WaitsFor.RATE and now < self.due_at

    @classmethod
    def named(cls, connection_id: str, name: str) -> Self:
        """Raises ValueError for what is no name of a bundle."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError("not the name of a bundle")
        return cls(
            connection_id,
            WaitsFor(found["waits_for"]),
            time_of(found["due"]),
            time_of(found["oldest"]),
            int(found["events"]),
            int(found["size"]),
            found["id"],
        )


@dataclass(frozen=True, slots=True)
class Parked:
    """What is parked for one cause: how many events, when the oldest was received, and when the first is due."""

    events: int
    oldest_at: datetime
    due_at: datetime

    @classmethod
    def of(cls, bundles: Sequence[Bundle]) -> Self:
        """Of at least one."""
        return cls(
            sum(one.events for one in bundles),
            min(one.oldest_at for one in bundles),
            min(one.due_at for one in bundles),
        )


@dataclass(frozen=True, slots=True)
class Resumption:
    """When what is parked of a connection was sent back last: all that was due up to a time."""

    at: datetime
    up_to: datetime


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds a connection up: what it waits for, the cause in words, since when and until when.

    `waits_for` is one of HOLDS. `until`: when delivery is tried again by itself; None: somebody has to do something.
    `code`: that of the cause, Marketo's or our own; None: it has none, as somebody disabled the connection.
    """

    waits_for: WaitsFor
    cause: str
    since: datetime | None
    until: datetime | None
    code: str | None = None

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """What ends the cause, where the code says so, then what ends the wait."""
        of_code = None if self.code is None else remedy_of(self.code)
        if of_code is None and self.waits_for is WaitsFor.BLOCKED:
            of_code = Remedy.MEND_CAUSE
        ends = self.waits_for.remedy
        return (ends,) if of_code is None else (of_code, ends)

    @property
    def remedy(self) -> str:
        """What to do, in sentences; every hold has one."""
        return told(*self.remedies)

    def lets_try(self, now: datetime) -> bool:
        """Whether it is time for an attempt, by which alone can be told whether the cause is over."""
        return self.until is not None and self.until <= now


def waits_since(received_at: datetime, attempt: int, now: datetime) -> datetime:
    """Since when an event counts as waiting: its receipt, and as much later as each attempt before may have waited.

    `attempt`: how often it has been a letter. Nobody notes when that was redriven. The third time is the last, for
    the marks of an event live for 90 days.
    """
    return min(received_at + min(attempt, MAX_TRIES - 1) * MAX_WAIT, now)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits of a connection: what holds it up, and what is parked, by what it waits for.

    `queued_since`: when the oldest event was received that waits in the queue for another attempt, where one does.
    """

    hold: Hold | None
    parked: dict[WaitsFor, Parked]
    queued_since: datetime | None

    @classmethod
    def of(cls, connection: Connection, pause: Pause | None, bundles: Sequence[Bundle], now: datetime) -> Self:
        """Of a connection, whose bundles these are; `pause`: the last one of its Marketo instance."""
        kinds = sorted({one.waits_for for one in bundles})
        waiting = connection.waiting
        return cls(
            hold=hold_of(connection, pause, now),
            parked={kind: Parked.of([one for one in bundles if one.waits_for is kind]) for kind in kinds},
            queued_since=waiting.since if waiting is not None and waiting.until > now else None,
        )


def hold_of(connection: Connection, pause: Pause | None, now: datetime) -> Hold | None:
    """What holds the connection up now; `pause`: the last one of its Marketo instance."""
    if connection.status not in DELIVERING:
        return Hold(WaitsFor.DISABLED, f"the connection is {connection.status}", connection.held_since, None)
    if connection.blocked_cause is not None:
        until = connection.retry_at or now
        code, cause = connection.blocked_code, connection.blocked_cause
        return Hold(WaitsFor.BLOCKED, cause, connection.held_since, until, code)
    if pause is not None and now < pause.until:
        return Hold(WaitsFor.PAUSED, pause.cause, pause.since, pause.until, pause.code)
    return None


def waiting_of(connection: Connection, parked: Iterable[Bundle], now: datetime) -> Waiting | None:
    """The oldest event of the connection that waits, in the queue or parked; one that is parked has no end yet."""
    oldest = min((one.oldest_at for one in parked), default=None)
    queued = connection.waiting
    if oldest is None:
        return queued
    return Waiting(oldest, now) if queued is None else Waiting(min(oldest, queued.since), max(now, queued.until))


def to_send_back(
    bundles: Iterable[Bundle], connection: Connection, hold: Hold | None, now: datetime, *, at_once: bool = False
) -> tuple[list[Bundle], Resumption | None]:
    """The bundles of a connection that are to be sent back now, and what is to be noted of that.

    While Marketo refuses the connection, one of them is an attempt. What has waited too long comes back whatever holds
    it up, for it fails. What waited for the instance waits no longer than that does, whose pause may have been ended.
    `at_once`: somebody says that the cause is over, so that all come back unless the connection is disabled.
    """
    by_time = sorted(bundles, key=lambda one: (one.due_at, one.name))
    if hold is not None and (hold.waits_for is WaitsFor.DISABLED or not at_once):
        return _although_held(by_time, hold, now), None
    before = None if at_once else _goes_on(connection, now)
    if before is not None:
        due = [one for one in by_time if before.up_to < one.due_at <= now]
    else:
        due = [one for one in by_time if at_once or one.due_at <= now or one.waits_for is WaitsFor.PAUSED]
    sent = _portion(due)
    if not sent:
        return [], None
    up_to = now - JUST_NOW
    if len(sent) < len(due):
        up_to = min(sent[-1].due_at, up_to)
    return sent, Resumption(now if before is None else before.at, up_to)


def _goes_on(connection: Connection, now: datetime) -> Resumption | None:
    """What was noted of the last return, as long as nothing of it has to be sent again."""
    if connection.resumed_at is None or connection.resumed_up_to is None or now - connection.resumed_at >= RESEND_AFTER:
        return None
    return Resumption(connection.resumed_at, connection.resumed_up_to)


def _although_held(by_time: Sequence[Bundle], hold: Hold, now: datetime) -> list[Bundle]:
    """What has waited too long, or one bundle that is due where it is time for an attempt."""
    if too_old := [one for one in by_time if now - one.oldest_at >= MAX_WAIT]:
        return too_old[:MAX_BUNDLES]
    return [one for one in by_time if one.due_at <= now][:1] if hold.lets_try(now) else []


def _portion(due: list[Bundle]) -> list[Bundle]:
    """The first of them, with all that are due at the same time as the last."""
    events = 0
    for place, one in enumerate(due):
        if (place >= MAX_BUNDLES or events >= MAX_EVENTS) and one.due_at > due[place - 1].due_at:
            return due[:place]
        events += one.events
    return due


def time_of(text: str) -> datetime:
    """Of a STAMP."""
    return datetime.strptime(text, TIME).replace(tzinfo=UTC)
