"""Latencies in fixed buckets: parts add up, and percentiles are as exact as they say."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.latency import BOUNDS, Latency

MONTHS = 90 * 24 * 3600 * 1000
waits = st.lists(st.one_of(st.integers(0, 3000), st.integers(0, MONTHS)), min_size=1, max_size=60)


def exact(taken: list[int], percent: int) -> int:
    """The least of them that so many of them do not exceed."""
    return sorted(taken)[(len(taken) * percent + 99) // 100 - 1]


@given(waits)
def test_a_percentile_is_never_too_low_and_less_than_a_tenth_too_high(taken: list[int]) -> None:
    latency = Latency.of(Counter(taken))
    for percent in (50, 95, 100):
        true = exact(taken, percent)
        assert true <= latency.percentile(percent / 100) <= max(true * 1.1, min(1000, latency.max_ms))


@given(waits)
def test_least_greatest_and_average_are_exact(taken: list[int]) -> None:
    latency = Latency.of(Counter(taken))
    assert (latency.min_ms, latency.max_ms, latency.events) == (min(taken), max(taken), len(taken))
    assert latency.average_ms == round(sum(taken) / len(taken))


@given(waits, waits)
def test_parts_add_up_to_the_whole(some: list[int], others: list[int]) -> None:
    whole = Latency.of(Counter(some + others))
    assert Latency.of(Counter(some)).plus(Latency.of(Counter(others))) == whole
    assert Latency().plus(whole) == whole.plus(Latency()) == whole


def test_nothing_took_no_time() -> None:
    assert (Latency().percentile(0.5), Latency().average_ms, Latency().events) == (0, 0, 0)


def test_buckets_grow_by_less_than_a_tenth_up_to_what_a_run_is_kept() -> None:
    assert (BOUNDS[0], BOUNDS[8], BOUNDS[-1] > 0.98 * MONTHS) == (1000, 2000, True)
    assert all(lower < upper < lower * 1.1 for lower, upper in pairwise(BOUNDS))
