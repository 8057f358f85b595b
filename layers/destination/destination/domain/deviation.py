"""How far a number is from the usual, by a rule that a single odd day does not spoil.

The usual is the median of the numbers before, and their spread the median of how far they are from it, times 1.4826,
which makes it the standard deviation of what is normally distributed (Rousseeuw and Croux, "Alternatives to the Median
Absolute Deviation"). What counts events spreads by the square root of their number at least (Poisson).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Final

MIN_KNOWN: Final = 4
"""Of fewer numbers nothing is usual."""

MIN_USUAL: Final = 10
"""Below it every number is as good as another."""

SPREADS: Final = 3
"""What is within so many spreads is usual."""

_TO_DEVIATION: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Compared:
    """A number, and those before it that it is compared with."""

    number: int
    before: tuple[int, ...]

    @property
    def usual(self) -> float:
        """The median; of at least one."""
        return float(median(self.before))

    @property
    def deviation(self) -> float | None:
        """How far it is from the usual, as a share of that: 0.5 is half as much, or half as much again.

        0 within the usual spread; None while too little is known.
        """
        if len(self.before) < MIN_KNOWN or self.usual < MIN_USUAL:
            return None
        spread = _spread(self.before, self.usual)
        distance = abs(self.number - self.usual)
        return 0.0 if distance <= SPREADS * spread else distance / self.usual


def _spread(before: Sequence[int], usual: float) -> float:
    return max(_TO_DEVIATION * median(abs(one - usual) for one in before), sqrt(usual))
