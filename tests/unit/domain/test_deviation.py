"""What is unusual: beyond the spread of what was before, whatever a single odd day was like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.domain.deviation import MIN_KNOWN, MIN_USUAL, Compared

COUNTS = st.integers(0, 100_000)


@pytest.mark.parametrize(
    ("number", "before", "deviation"),
    [
        (100, (100,) * 7, 0.0),
        (70, (100,) * 7, 0.0),  # Within three times the square root of a hundred.
        (69, (100,) * 7, 0.31),
        (131, (100,) * 7, 0.31),
        (0, (100,) * 7, 1.0),
        (400, (100,) * 7, 3.0),
        (0, (100, 100, 100, 100, 0, 0, 9_999), 1.0),  # Odd days are no measure.
        (30, (60, 80, 100, 120, 140), 0.0),  # It always varied much.
        (0, (100,) * 3, None),
        (0, (9,) * 7, None),
        (500, (), None),
    ],
)
def test_a_deviation_is_a_share_of_the_usual(number: int, before: tuple[int, ...], deviation: float | None) -> None:
    assert Compared(number, before).deviation == deviation


@given(COUNTS, st.lists(COUNTS, max_size=8))
def test_what_was_before_is_never_unusual_when_it_is_the_median(number: int, before: list[int]) -> None:
    found = Compared(number, tuple(before)).deviation
    if len(before) < MIN_KNOWN:
        assert found is None
        return
    usual = Compared(0, tuple(before)).usual
    assert (found is None) is (usual < MIN_USUAL)
    if found is not None:
        assert Compared(round(usual), tuple(before)).deviation == 0.0


@given(COUNTS, st.lists(COUNTS, min_size=7, max_size=7), COUNTS)
def test_one_odd_day_does_not_hide_that_nobody_came(usual: int, before: list[int], odd: int) -> None:
    steady = [usual + 1_000] * 6
    assert Compared(0, (*steady, odd)).deviation == 1.0
