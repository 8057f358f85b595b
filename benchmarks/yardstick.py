"""What CPU time is compared with: work of the standard library on the same data, done in turns with what is measured.

A program on a busy machine takes more CPU time for the same work, for it shares caches and cores with others. Work
that alternates with it many times is slowed down as it is, so that their ratio stays.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any


class Yardstick:
    """Pieces of work, over and over again, and the CPU time that they took."""

    def __init__(self, work: Callable[[Any], object], on: Iterable[object]) -> None:
        self.seconds = 0.0
        self.taken = 0
        self._work = work
        self._pieces = itertools.cycle(on)
        self._lock = threading.Lock()

    @property
    def each(self) -> float:
        """CPU seconds of a piece, on average."""
        return self.seconds / self.taken

    def take(self, count: int) -> None:
        """Do so many pieces of the work."""
        start = time.thread_time()
        for piece in itertools.islice(self._pieces, count):
            self._work(piece)
        spent = time.thread_time() - start
        with self._lock:
            self.seconds += spent
            self.taken += count
