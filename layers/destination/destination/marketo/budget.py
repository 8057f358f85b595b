"""The daily budget: how many of the instance's calls of a day may have been made before ours stop.

Source: Marketo REST API, "Limits": the quota is the instance's, shared by all integrations, and starts again at
midnight US Central; whether that moves with daylight saving is not said, so it may be 05:00 or 06:00 UTC.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from destination.domain.pace import DayCount
from destination.marketo.errors import BUDGET_REACHED, QuotaReachedError
from destination.marketo.usage import Usage

MAX_COUNT_AGE: Final = timedelta(hours=1)
"""Others go on calling: what Marketo counted is asked for again when it is older."""

MAX_OWN_CALLS: Final = 250
"""Our own calls on top of what Marketo counted; after these it is asked again."""

SETTLING: Final = timedelta(minutes=5)
"""Marketo's statistics may follow the reset a little later, and the clocks differ."""

MAX_WAIT: Final = timedelta(hours=6)
"""A person may raise the quota or the budget meanwhile, and a visibility timeout is at most 12 h."""

_RESET_HOURS: Final = (5, 6)


def next_reset(now: datetime) -> datetime:
    """The next time, after `now`, at which Marketo's day may begin: 05:00 or 06:00 UTC."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    resets = [midnight + timedelta(days=day, hours=hour) for day in (0, 1) for hour in _RESET_HOURS]
    return next(reset for reset in resets if reset > now)


def wait_for_reset(now: datetime) -> timedelta:
    """How long to wait for the quota: until the next possible reset shows, but never longer than MAX_WAIT."""
    return min(next_reset(now - SETTLING) + SETTLING - now, MAX_WAIT)


def is_of_day(count: DayCount, now: datetime) -> bool:
    """Whether the count is of the day that it is now, as far as that can be known."""
    return now < next_reset(datetime.fromtimestamp(count.asked_at, UTC))


class Budget:
    """Counts the instance's calls of Marketo's day: what Marketo said, and our own calls since. Safe for threads."""

    def __init__(
        self, daily_calls: int, today: DayCount | None = None, *, wall: Callable[[], float] = time.time
    ) -> None:
        self._most = daily_calls
        self._wall = wall
        self._lock = threading.Lock()
        # The clock of the process before may have run ahead.
        self._today = replace(today, asked_at=min(today.asked_at, wall())) if today else DayCount("", 0, 0, 0.0)
        self.asking = threading.Lock()
        """To be held while Marketo is asked: the calls of other threads wait for what it says."""

    @property
    def today(self) -> DayCount:
        """The count to hand over."""
        return self._today

    @property
    def share(self) -> float:
        """How much of the calls that may be made today was made, 1 for all."""
        return self._today.total / self._most if self._most else 1.0

    def is_due(self) -> bool:
        """Whether Marketo's own count should be asked for before the next call.

        Not while the budget is reached: then no call at all is made until a reset is possible.
        """
        with self._lock:
            now = self._wall()
            if self._may_be_reset(now):
                return True
            old = now - self._today.asked_at >= MAX_COUNT_AGE.total_seconds()
            return self._today.total < self._most and (old or self._today.own >= MAX_OWN_CALLS)

    def check(self) -> None:
        """Raises QuotaReachedError, which waits for the next possible reset, when no further call may be made."""
        with self._lock:
            now = self._wall()
            if self._today.total >= self._most and not self._may_be_reset(now):
                raise QuotaReachedError(BUDGET_REACHED, "any call", wait_for_reset(_time(now)))

    def count(self) -> None:
        """One call is sent."""
        with self._lock:
            self._today = replace(self._today, total=self._today.total + 1, own=self._today.own + 1)

    def learn(self, usage: Usage | None, under_way: int) -> None:
        """Take over what Marketo counted, None where it did not say; then our own count goes on.

        `under_way`: calls that were sent before the answer and may be missing from it, the one that asked included.
        The total of one day never falls: statistics may come late.
        """
        with self._lock:
            now = self._wall()
            before = self._today
            if usage is None:
                total = under_way if self._may_be_reset(now) else before.total
                self._today = DayCount(before.date, total, 0, now)
            else:
                total = usage.total + under_way
                same_day = usage.date == before.date
                self._today = DayCount(usage.date, max(before.total, total) if same_day else total, 0, now)

    def _may_be_reset(self, now: float) -> bool:
        return next_reset(_time(self._today.asked_at) - SETTLING) + SETTLING <= _time(now)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
