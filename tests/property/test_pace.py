"""Whatever the rhythm of the calls, no window of 20 s ever holds more than the limit."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from destination.marketo.pace import MARGIN, WINDOW
from tests.unit.marketo.fakes import FakeClock, pace

LIMITS = st.integers(min_value=1, max_value=8)
GAPS = st.lists(st.floats(min_value=0, max_value=30), max_size=60)


def fullest_window(sent: list[float]) -> int:
    return max((sum(start <= time < start + WINDOW for time in sent) for start in sent), default=0)


@given(limit=LIMITS, gaps=GAPS, start=st.floats(min_value=0, max_value=1e7))
def test_no_window_is_overfull(limit: int, gaps: list[float], start: float) -> None:
    clock = FakeClock(start)
    paced = pace(limit, 1, clock)
    sent = []
    for gap in gaps:
        with paced.slot():
            sent.append(clock.elapsed)
        clock.elapsed += gap
    assert fullest_window(sent) <= limit


@given(limit=LIMITS, gaps=GAPS, handed_over=st.sets(st.integers(min_value=0, max_value=59)))
def test_no_window_is_overfull_over_hand_overs(limit: int, gaps: list[float], handed_over: set[int]) -> None:
    clock = FakeClock()
    paced = pace(limit, 1, clock)
    sent = []
    for number, gap in enumerate(gaps):
        if number in handed_over:
            paced = pace(limit, 1, clock, history=paced.history())
        with paced.slot():
            sent.append(clock.elapsed)
        clock.elapsed += gap
    assert fullest_window(sent) <= limit


@given(limit=LIMITS, gaps=GAPS)
def test_no_call_waits_longer_than_needed(limit: int, gaps: list[float]) -> None:
    clock = FakeClock()
    paced = pace(limit, 1, clock)
    sent = []
    for gap in gaps:
        asked = clock.elapsed
        with paced.slot():
            sent.append(clock.elapsed)
        if clock.elapsed > asked:
            assert clock.elapsed <= sent[-1 - limit] + WINDOW + MARGIN + 1e-6
        clock.elapsed += gap
    assert all(earlier <= later for earlier, later in pairwise(sent))
