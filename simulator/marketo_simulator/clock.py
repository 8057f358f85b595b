"""The simulator's time: the real one (or any other), shifted at will."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

MAX_OFFSET: Final = timedelta(days=366 * 1000)
"""From the real time, so that every time reckoned from here is one that can be told."""
_TOO_FAR: Final = f"the clock can be moved by at most {MAX_OFFSET.days} days from the real time"


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class Clock:
    """A clock that can be moved; it goes on running from where it was put."""

    def __init__(self, base: Callable[[], datetime] = utc_now) -> None:
        self._base = base
        self.offset = timedelta()
        self._lock = Lock()
        """Several may move it at once, since all instances share it."""

    def now(self) -> datetime:
        """The simulated time, UTC."""
        return self._base() + self.offset

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for a time too far away."""
        passed = _span(seconds)
        with self._lock:
            self.offset = _checked(self.offset + passed)

    def shift(self, seconds: float) -> None:
        """Put it so far from the real time. Raises ValueError for a time too far away."""
        span = _span(seconds)
        with self._lock:
            self.offset = span

    def set(self, moment: datetime) -> None:
        """Make it this moment now; it needs a zone. Raises ValueError without one, or for a time too far away."""
        if moment.tzinfo is None:
            raise ValueError(f"the time {moment.isoformat()} has no zone; add Z or an offset")
        with self._lock:
            self.offset = _checked(moment - self._base())


def _span(seconds: float) -> timedelta:
    if not abs(seconds) <= MAX_OFFSET.total_seconds():  # not a number is refused as well
        raise ValueError(_TOO_FAR)
    return timedelta(seconds=seconds)


def _checked(offset: timedelta) -> timedelta:
    if abs(offset) > MAX_OFFSET:
        raise ValueError(_TOO_FAR)
    return offset
