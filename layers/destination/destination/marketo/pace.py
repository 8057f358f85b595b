"""The pace: no more calls than the instance takes, counted over a sliding window, and no more at once.

Source: Marketo REST API, "Limits": 100 calls in 20 s (606) and 10 concurrent calls (615) per instance, shared by all
integrations. Ours stay within their share; when the others leave less than that, a refusal tells, and the share is
lowered at once and grows back little by little.
"""

import random as chance
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from destination.domain.pace import NOTHING_KNOWN, Lowered, PaceState
from destination.marketo.budget import Budget, wait_for_reset
from destination.marketo.errors import CONCURRENCY_REACHED, RATE_REACHED
from destination.marketo.update_rate import UpdateRate

WINDOW: Final = 20.0
MARGIN: Final = 0.3
"""Seconds. Calls arrive at Marketo a little later than they are sent, and not all equally later."""

LOWERED_TO: Final = 0.8
"""Of the calls that were sent in the window in which one was refused."""

MIN_SHARE: Final = 5
STEP: Final = 1
"""What a lowered bound grows back by in every window without a refusal.

Slowly: whenever it grows beyond what the others leave, they are refused as well, until our calls leave the window.
"""

SHORT_WAIT: Final = (1.0, 5.0)
"""Seconds until a call that was one too many at once is repeated: any time in between, so that not all come again."""

_MIN_SLEEP: Final = 0.001


class OutOfTimeError(Exception):
    """The pace allows the next call only after the deadline; the call was not sent."""


class Pace:
    """Holds calls back until the window and the bound on concurrent calls allow them; shared by all threads.

    `state` and `state()` hand over what is known of the instance from one process to the next, with times on the wall
    clock. No call begins after `deadline`, and none is waited for after `end`, both in seconds on the monotonic clock.
    That clock may stand still while a process is frozen, and what the process may do meanwhile ends all the same (a
    lease is another's then), so no call begins after `until` either, in seconds on the wall clock.
    `daily_calls`: the budget, None for calls that are made without asking how many there were today. Calls that Marketo
    does not count are counted all the same. `updates_per_hour`: how many leads may be created or updated in an hour
    (`updates`), None for as many as there are.
    """

    def __init__(
        self,
        calls_per_20s: int,
        concurrency: int,
        *,
        daily_calls: int | None = None,
        updates_per_hour: int | None = None,
        state: PaceState = NOTHING_KNOWN,
        deadline: float = float("inf"),
        end: float = float("inf"),
        until: float = float("inf"),
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = chance.random,
    ) -> None:
        self.budget = None if daily_calls is None else Budget(daily_calls, state.today, wall=wall)
        self.updates = UpdateRate(updates_per_hour, state.updates, wall)
        self._today = state.today
        self._calls = calls_per_20s
        self._concurrency = concurrency
        self._deadline = deadline
        self._end = end
        self._until = until
        self._monotonic = monotonic
        self._wall = wall
        self._sleep = sleep
        self._random = random
        self._changed = threading.Condition()
        self._turn = threading.Lock()
        self._under_way = 0
        self._most_in_window = 0
        now = monotonic()
        self._wall_offset = wall() - now
        # The clock of the process before may have run ahead: nothing was sent in the future.
        self._sent = deque(sorted(min(sent - self._wall_offset, now) for sent in state.calls))
        self._share = self._restored(state.share, now + WINDOW + MARGIN)
        self._places = self._restored(state.concurrency, now)

    @contextmanager
    def slot(self) -> Iterator[float]:
        """Wait for leave to send one call, and hold a place among the concurrent calls until it is answered.

        Answers when the call is sent, for `refused`. Raises OutOfTimeError when the deadline comes first, and
        QuotaReachedError when the daily budget allows no call.
        """
        self._take_place()
        try:
            yield self._wait_for_window()
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def bounded(self, timeout: float) -> float:
        """What may be used of a time-out, in seconds. Raises OutOfTimeError when the end has come."""
        left = self._end - self._monotonic()
        if left <= 0 or self._wall() > self._until:
            raise OutOfTimeError("no time is left for an answer")
        return min(timeout, left)

    def since(self, sent: float) -> timedelta:
        """How long ago a call was sent."""
        return timedelta(seconds=max(self._monotonic() - sent, 0.0))

    def refused(self, code: str, sent: float) -> None:
        """Marketo refused the call that was sent then because of the others' calls (606, 615): ours become fewer.

        Calls that were sent before they became fewer, and are refused with it, change nothing more.
        """
        with self._changed:
            now = self._monotonic()
            if code == RATE_REACHED and (self._share is None or sent >= self._share.since):
                self._forget(now)
                level = min(self._calls_at(now), max(MIN_SHARE, int(LOWERED_TO * len(self._sent))))
                self._share = Lowered(level, now + WINDOW + MARGIN)
            if code == CONCURRENCY_REACHED and (self._places is None or sent > self._places.since):
                self._places = Lowered(max(1, self._places_at(now) - 1), now)

    def back_off(self, code: str) -> bool:
        """Whether there is time to repeat a call that was refused with 606 or 615.

        After 606 no call is sent for a window: the next `slot` waits for its end. After 615 the short wait is here.
        """
        with self._changed:
            now = self._monotonic()
            if code == RATE_REACHED:
                return self._share is None or self._share.since <= self._deadline
        shortest, longest = SHORT_WAIT
        wait = shortest + (longest - shortest) * self._random()
        if now + wait > self._deadline:
            return False
        self._sleep(wait)
        return True

    def wait_for_reset(self) -> timedelta:
        """How long to wait when Marketo says that its daily quota is used up."""
        return wait_for_reset(datetime.fromtimestamp(self._wall(), UTC))

    @property
    def under_way(self) -> int:
        """How many calls are being made now."""
        return self._under_way

    @property
    def share(self) -> float:
        """How much of a window's calls was used at most, 1 for all."""
        return self._most_in_window / self._calls

    def state(self) -> PaceState:
        """What is to be handed over: the calls of the last window, what was learnt, and the count of the day."""
        with self._changed:
            self._forget(self._monotonic())
            return PaceState(
                calls=tuple(sent + self._wall_offset for sent in self._sent),
                share=self._handed_over(self._share),
                concurrency=self._handed_over(self._places),
                today=self._today if self.budget is None else self.budget.today,
                updates=self.updates.state(),
            )

    def _take_place(self) -> None:
        with self._changed:
            while self._under_way >= self._places_at(now := self._monotonic()):
                left = self._deadline - now
                if left <= 0 or not self._changed.wait(min(left, threading.TIMEOUT_MAX)):
                    raise OutOfTimeError("the calls under way leave no time for another one")
            self._under_way += 1

    def _wait_for_window(self) -> float:
        # One thread at a time waits: the others would only wake up together with it and wait again.
        with self._turn:
            while True:
                with self._changed:
                    if self.budget is not None:
                        self.budget.check()
                    now = self._monotonic()
                    wait = self._wait(now)
                    if now + wait > self._deadline or self._wall() + wait > self._until:
                        raise OutOfTimeError("the pace allows no further call before the deadline")
                    if wait <= 0:
                        self._sent.append(now)
                        self._most_in_window = max(self._most_in_window, len(self._sent))
                        if self.budget is not None:
                            self.budget.count()
                        return now
                self._sleep(max(wait, _MIN_SLEEP))

    def _wait(self, now: float) -> float:
        self._forget(now)
        paused = 0.0 if self._share is None else self._share.since - now
        calls = self._calls_at(now)
        if len(self._sent) < calls:
            return paused
        return max(paused, self._sent[len(self._sent) - calls] + WINDOW + MARGIN - now)

    def _calls_at(self, now: float) -> int:
        return _grown(self._share, self._calls, now)

    def _places_at(self, now: float) -> int:
        return _grown(self._places, self._concurrency, now)

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0] + WINDOW + MARGIN <= now:
            self._sent.popleft()

    def _restored(self, lowered: Lowered | None, latest: float) -> Lowered | None:
        return lowered and Lowered(lowered.level, min(lowered.since - self._wall_offset, latest))

    def _handed_over(self, lowered: Lowered | None) -> Lowered | None:
        return lowered and Lowered(lowered.level, lowered.since + self._wall_offset)


def _grown(lowered: Lowered | None, most: int, now: float) -> int:
    """A bound as it is now, after the windows without refusal since it was lowered."""
    if lowered is None:
        return most
    return min(most, lowered.level + STEP * max(0, int((now - lowered.since) // WINDOW)))
