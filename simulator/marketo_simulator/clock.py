"""The simulator's time: the real one (or any other), shifted at will."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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

    def now(self) -> datetime:
        """The simulated time, UTC."""
        return self._base() + self.offset

    def advance(self, seconds: float) -> None:
        """Let time pass. Raises ValueError for a time too far away."""
        if not abs(seconds) <= MAX_OFFSET.total_seconds():  # not a number is refused as well
            raise ValueError(_TOO_FAR)
        self._move(self.offset + timedelta(seconds=seconds))

    def set(self, moment: datetime) -> None:
        """Make it this moment now; it needs a zone. Raises ValueError without one, or for a time too far away."""
        if moment.tzinfo is None:
            raise ValueError(f"the time {moment.isoformat()} has no zone; add Z or an offset")
        self._move(moment - self._base())

    def _move(self, offset: timedelta) -> None:
        if abs(offset) > MAX_OFFSET:
            raise ValueError(_TOO_FAR)
        self.offset = offset
