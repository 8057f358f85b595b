"""One row of the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Say = Callable[[str], None]
"""Tells what is being measured."""


@dataclass(frozen=True, slots=True)
class BenchmarkRow:
    """A number that was measured, the one to reach, and how to read it. `target` None: shown, but not judged."""

    what: str
    measured: float
    target: float | None
    unit: str
    how: str
    at_least: bool = False

    @property
    def is_reached(self) -> bool:
        if self.target is None:
            return True
        return self.measured >= self.target if self.at_least else self.measured <= self.target


Benchmark = Callable[[Say], Sequence[BenchmarkRow]]


def best(takes: int, measure: Callable[[], Sequence[BenchmarkRow]]) -> list[BenchmarkRow]:
    """Measure again while a target is missed, for that may be the machine's fault; of each row the least."""
    rows = list(measure())
    for _ in range(takes - 1):
        if all(row.is_reached for row in rows):
            break
        rows = [min(pair, key=lambda row: row.measured) for pair in zip(rows, measure(), strict=True)]
    return rows
