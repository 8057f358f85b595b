"""How long events took from their receipt to their delivery: a histogram of fixed buckets, so that parts add up.

A bucket's upper bound is an eighth of an octave above its lower one. A percentile is given as the upper bound of its
bucket, so that it is never too low, and too high by less than a tenth or, below one second, by less than a second.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

BOUNDS: Final = tuple(round(1000 * 2 ** (number / 8)) for number in range(184))
"""Upper bounds of the buckets in milliseconds, from one second to three months; the last bucket has none."""


@dataclass(slots=True)
class Latency:
    """Milliseconds by bucket, with their exact least, greatest and sum."""

    buckets: Counter[int] = field(default_factory=Counter)
    total_ms: int = 0
    min_ms: int = 0
    max_ms: int = 0

    @classmethod
    def of(cls, waits: Mapping[int, int]) -> Self:
        """Of numbers of events by how many milliseconds they took; at least one event."""
        buckets: Counter[int] = Counter()
        for wait, events in waits.items():
            buckets[bisect_left(BOUNDS, wait)] += events
        total = sum(wait * events for wait, events in waits.items())
        return cls(buckets, total, min(waits), max(waits))

    @property
    def events(self) -> int:
        return self.buckets.total()

    @property
    def average_ms(self) -> int:
        return round(self.total_ms / self.events) if self.buckets else 0

    def percentile(self, share: float) -> int:
        """What so large a share of the events did not exceed, in milliseconds; 0 if there are none."""
        remaining = share * self.events
        for bucket in sorted(self.buckets):
            remaining -= self.buckets[bucket]
            if remaining <= 0:
                return min(BOUNDS[bucket], self.max_ms) if bucket < len(BOUNDS) else self.max_ms
        return self.max_ms

    def plus(self, other: "Latency") -> "Latency":
        """Both together."""
        if not (self.buckets and other.buckets):
            return self if self.buckets else other
        return Latency(
            self.buckets + other.buckets,
            self.total_ms + other.total_ms,
            min(self.min_ms, other.min_ms),
            max(self.max_ms, other.max_ms),
        )
