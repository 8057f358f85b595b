"""The simulator's time: the real one (or any other), shifted at will."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


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
        """Let time pass."""
        self.offset += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Make it this moment now; it needs a zone."""
        if moment.tzinfo is None:
            raise ValueError(f"the time {moment.isoformat()} has no zone; add Z or an offset")
        self.offset = moment - self._base()
