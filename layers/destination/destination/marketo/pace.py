"""The pace: no more calls than the instance takes, counted over a sliding window, and no more at once.

Source: Marketo REST API, "Limits": 100 calls in 20 s and 10 concurrent calls per instance, shared by all integrations.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

WINDOW: Final = 20.0
MARGIN: Final = 0.1
"""Seconds. Calls arrive at Marketo a little later than they are sent, and not all equally later."""


class OutOfTimeError(Exception):
    """The pace allows the next call only after the deadline; the call was not sent."""


class Pace:
    """Holds calls back until the window and the bound on concurrent calls allow them; shared by all threads.

    Times are seconds: `history` and `history()` on the wall clock (Unix time), so that the window can be handed over to
    the next process; `deadline` on the monotonic clock. Calls that Marketo does not count are counted all the same.
    """

    def __init__(
        self,
        calls_per_20s: int,
        concurrency: int,
        *,
        history: Iterable[float] = (),
        deadline: float = float("inf"),
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._calls = calls_per_20s
        self._free = threading.Semaphore(concurrency)
        self._deadline = deadline
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        now = monotonic()
        self._wall_offset = wall() - now
        # The clock of the process before may have run ahead: nothing was sent in the future.
        self._sent = deque(sorted(min(sent - self._wall_offset, now) for sent in history))

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for leave to send one call, and hold a place among the concurrent calls until it is answered.

        Raises OutOfTimeError when the deadline comes first.
        """
        left = self._deadline - self._monotonic()
        if not self._free.acquire(timeout=min(max(left, 0.0), threading.TIMEOUT_MAX)):
            raise OutOfTimeError("the calls under way leave no time for another one")
        try:
            self._wait_for_window()
            yield
        finally:
            self._free.release()

    def history(self) -> list[float]:
        """When the calls of the last window were sent, oldest first, as Unix times."""
        with self._lock:
            self._forget(self._monotonic())
            return [sent + self._wall_offset for sent in self._sent]

    def _wait_for_window(self) -> None:
        while True:
            with self._lock:
                now = self._monotonic()
                wait = self._wait(now)
                if now + wait > self._deadline:
                    raise OutOfTimeError("the pace allows no further call before the deadline")
                if wait <= 0:
                    self._sent.append(now)
                    return
            self._sleep(wait)

    def _wait(self, now: float) -> float:
        self._forget(now)
        if len(self._sent) < self._calls:
            return 0.0
        return self._sent[len(self._sent) - self._calls] + WINDOW + MARGIN - now

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0] + WINDOW + MARGIN <= now:
            self._sent.popleft()
