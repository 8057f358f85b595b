"""The rate of lead updates: no more in any hour than what is behind Marketo takes.

Marketo's native sync with a CRM moves some 10,000 updates of an object an hour, so that a large backfill holds up for
days what else is to be synced. How many it may be is said by the connection (`limits.lead_updates_per_hour`).
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from destination.domain.pace import Updated
from destination.marketo.errors import MarketoError, explain

_HOUR: Final = 3_600
_MINUTE: Final = 60


class UpdateRate:
    """Counts leads that were created or updated, by the minute. Safe for threads.

    `per_hour`: how many there may be in any 60 minutes; None: as many as there are, and nothing is counted. What was
    counted in a minute counts until an hour after its last second. `before`: what holders before counted.
    """

    def __init__(self, per_hour: int | None, before: Iterable[Updated], wall: Callable[[], float]) -> None:
        self._per_hour = per_hour
        self._wall = wall
        self._lock = threading.Lock()
        self._under_way = 0
        self._counts: Counter[int] = Counter()
        for one in before:
            self._counts[min(one.minute, self._minute())] += one.leads  # A clock before may have run ahead.

    def free(self) -> int | None:
        """How many leads may be created or updated now; None: as many as there are."""
        with self._lock:
            return self._free()

    def wait(self, leads: int, after: int = 0) -> timedelta:
        """How long until so many are free, or as many as an hour takes, once others were written (`after`)."""
        with self._lock:
            free = self._free()
            if self._per_hour is None or free is None:
                return timedelta(0)
            wanted, until, now = min(leads, self._per_hour), self._wall(), self._minute()
            counted = {**self._counts, now: self._counts[now] + self._under_way + after}
            free -= after
            for minute in sorted(counted):
                if free >= wanted:
                    break
                free, until = free + counted[minute], _ends(minute)
            return timedelta(seconds=max(0.0, until - self._wall()))

    def take(self, leads: int) -> bool:
        """Count so many as created or updated now, if they are free; whether they were."""
        with self._lock:
            free = self._free()
            if free is not None and free < leads:
                return False
            self._count(leads)
            return True

    @contextmanager
    def taken(self, leads: int) -> Iterator[bool]:
        """Keep so many free for a call, if they are; whether they were. They count from when the call has ended.

        Of a call that fails and cannot have been carried out none are counted.
        """
        with self._lock:
            free = self._free()
            is_taken = free is None or free >= leads
            held = leads if is_taken else 0
            self._under_way += held
        counted = held
        try:
            yield is_taken
        except MarketoError as error:
            counted = held if explain(error.code).ambiguous else 0
            raise
        except BaseException:
            counted = 0  # It was not sent: what Marketo answers, or does not, is a MarketoError.
            raise
        finally:
            with self._lock:
                self._under_way -= held
                self._count(counted)

    def state(self) -> tuple[Updated, ...]:
        """What is to be handed over."""
        with self._lock:
            self._forget()
            return tuple(Updated(minute, leads) for minute, leads in sorted(self._counts.items()))

    def _free(self) -> int | None:
        if self._per_hour is None:
            return None
        self._forget()
        return max(0, self._per_hour - self._counts.total() - self._under_way)

    def _count(self, leads: int) -> None:
        if self._per_hour is not None and leads:
            self._counts[self._minute()] += leads

    def _forget(self) -> None:
        now = self._wall()
        for minute in [one for one in self._counts if _ends(one) <= now]:
            del self._counts[minute]

    def _minute(self) -> int:
        return int(self._wall() // _MINUTE)


def _ends(minute: int) -> float:
    """Until when what was counted in a minute counts."""
    return float((minute + 1) * _MINUTE + _HOUR)
