"""The three limits of an instance: rate, concurrency and daily quota (Marketo REST, Rest API, "Limits")."""

from collections import Counter, deque
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from marketo_simulator.errors import CallError
from marketo_simulator.settings import Settings


class Limits:
    """Counts calls. `enter` and `leave` bracket the execution of each admitted call."""

    def __init__(self) -> None:
        self._window: deque[datetime] = deque()
        self._per_day: Counter[date] = Counter()
        self.executing = 0
        self.in_window = 0
        """Calls of the window at the last call that was counted, itself included; `of_quota` those of its day."""
        self.of_quota = 0
        self.most_in_window = 0
        self.most_executing = 0

    def count(self, now: datetime, settings: Settings) -> None:
        """Count one call towards quota and rate.

        Raises CallError 607 or 606. Refused calls count as well: only the codes of `errors.UNCOUNTED` are free.
        """
        self._forget(now, settings)
        self._window.append(now)
        self.in_window = len(self._window)
        self.most_in_window = max(self.most_in_window, self.in_window)
        today = quota_day(now, settings)
        self._per_day[today] += 1
        self.of_quota = self._per_day[today]
        if settings.daily_quota is not None and self._per_day[today] > settings.daily_quota:
            raise CallError("607")
        if settings.calls_per_window is not None and len(self._window) > settings.calls_per_window:
            seconds = f"{settings.window_seconds:g}"
            raise CallError("606", f"Max rate limit '{settings.calls_per_window}' exceeded with in '{seconds}' secs")

    def used(self, now: datetime, settings: Settings) -> tuple[int, int]:
        """Counted calls of the present window and of the quota day."""
        self._forget(now, settings)
        return len(self._window), self._per_day[quota_day(now, settings)]

    def enter(self, settings: Settings) -> None:
        """Take a place among the executing calls.

        Raises CallError 615 when all are taken.
        """
        self.most_executing = max(self.most_executing, self.executing + 1)
        if settings.concurrency is not None and self.executing >= settings.concurrency:
            raise CallError("615", f"Concurrent access limit '{settings.concurrency}' reached")
        self.executing += 1

    def leave(self) -> None:
        """Give the place back."""
        self.executing -= 1

    def _forget(self, now: datetime, settings: Settings) -> None:
        start = now - timedelta(seconds=settings.window_seconds)
        while self._window and self._window[0] <= start:
            self._window.popleft()


def quota_day(now: datetime, settings: Settings) -> date:
    """The day whose quota a call at this time uses."""
    return now.astimezone(ZoneInfo(settings.quota_time_zone)).date()
