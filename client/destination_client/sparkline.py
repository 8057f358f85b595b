"""Lines of block letters that show how numbers went, one letter a number or a few of them."""

from collections.abc import Sequence
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇█"
"""The lowest stands for nothing at all, so that even one among thousands is seen."""

WIDTH: Final = 60


def per_letter(count: int, width: int = WIDTH) -> int:
    """How many numbers a letter stands for, so that all of them fit."""
    return max(-(-count // width), 1)


def sparkline(numbers: Sequence[int], width: int = WIDTH) -> str:
    """Numbers that are not negative, the highest as the highest letter; if there are too many, sums of neighbours."""
    step = per_letter(len(numbers), width)
    sums = [sum(numbers[start : start + step]) for start in range(0, len(numbers), step)]
    most = max(sums, default=0)
    return "".join(BARS[-(-one * (len(BARS) - 1) // most) if most else 0] for one in sums)
