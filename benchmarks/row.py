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
