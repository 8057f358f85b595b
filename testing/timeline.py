"""Time that passes only when somebody lets it: what is to happen, in the order of its times."""

import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass
class Timeline:
    """`now`: seconds since the start. What is due at the same time happens in the order in which it was planned."""

    now: float = 0.0
    _due: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def at(self, when: float, do: Callable[[], object]) -> None:
        """Plan something; what is planned for the past happens at once, when time goes on."""
        heapq.heappush(self._due, (max(when, self.now), next(self._numbers), do))

    def run(self, until: float) -> None:
        """Let everything happen that is due until then, that time included."""
        while self._due and self._due[0][0] <= until:
            self.now, _, do = heapq.heappop(self._due)
            do()
        self.now = max(self.now, until)
