"""Sparklines: the shape of numbers in letters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination_client.sparkline import BARS, WIDTH, per_letter, sparkline


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ([], ""),
        ([0, 0, 0], "▁▁▁"),
        ([7], "█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([1, 1_000_000, 0], "▂█▁"),
        ([5, 5], "██"),
    ],
)
def test_the_letters(numbers: list[int], line: str) -> None:
    assert sparkline(numbers) == line


def test_neighbours_are_added_up_until_all_fit() -> None:
    assert (sparkline([0, 1, 0, 0, 0, 7, 0], width=4), per_letter(7, 4)) == ("▂▁█▁", 2)
    assert (per_letter(WIDTH), per_letter(WIDTH + 1), per_letter(0)) == (1, 2, 1)


@given(st.lists(st.integers(0, 10**9)), st.integers(1, 80))
def test_a_line_fits_and_says_nothing_only_of_nothing(numbers: list[int], width: int) -> None:
    line, step = sparkline(numbers, width), per_letter(len(numbers), width)
    assert len(line) == -(-len(numbers) // step) <= width
    for index, letter in enumerate(line):
        assert (letter == BARS[0]) is (sum(numbers[index * step :][:step]) == 0)
    assert (BARS[-1] in line) is any(numbers)
