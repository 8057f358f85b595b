"""Whatever the rhythm of the calls and of the refusals, no window ever holds more than the share, nor a day more."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.pace import DayCount, Lowered, PaceState
from destination.marketo.budget import SETTLING, next_reset, wait_for_reset
from destination.marketo.errors import QuotaReachedError
from destination.marketo.pace import MARGIN, MIN_SHARE, WINDOW
from destination.marketo.usage import Usage
from testing.marketo import FakeClock, pace

LIMITS = st.integers(min_value=1, max_value=8)
GAPS = st.lists(st.floats(min_value=0, max_value=30), max_size=60)
ROUNDING = 1e-4
"""Seconds. Every hand-over rounds times twice, to what a wall clock in seconds can hold (2.4e-7)."""


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
            paced = pace(limit, 1, clock, state=paced.state())
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
            assert clock.elapsed <= sent[-1 - limit] + WINDOW + MARGIN + 2e-3
        clock.elapsed += gap
    assert all(earlier <= later for earlier, later in pairwise(sent))


REFUSALS = st.lists(
    st.tuples(st.floats(min_value=0, max_value=90), st.sampled_from(["", "", "", "606", "615"]), st.booleans()),
    max_size=60,
)


@given(limit=st.integers(min_value=1, max_value=30), places=st.integers(min_value=1, max_value=4), steps=REFUSALS)
def test_no_window_holds_more_than_the_share(limit: int, places: int, steps: list[tuple[float, str, bool]]) -> None:
    """The share as it follows from the refusals: 80 % of the calls in the window, and one more for every window."""
    clock = FakeClock()
    paced = pace(limit, places, clock)
    sent: list[float] = []
    share, since, bound, narrowed = limit, float("-inf"), places, float("-inf")
    for gap, code, handed_over in steps:
        if handed_over:
            paced = pace(limit, places, clock, state=paced.state())
        with paced.slot() as at:
            assert at == clock.elapsed
            assert paced.under_way == 1
        assert at >= since - ROUNDING
        sent.append(at)
        allowed = min(limit, share + max(0, int((at - since + ROUNDING) // WINDOW))) if since > float("-inf") else limit
        recent = sum(time > at - WINDOW for time in sent)
        assert recent <= allowed <= limit
        if code == "606":
            in_window = sum(time > at - WINDOW - MARGIN + ROUNDING for time in sent)
            share, since = min(allowed, max(MIN_SHARE, int(0.8 * in_window))), at + WINDOW + MARGIN
        if code == "615" and at > narrowed:
            grown = int((at - narrowed) // WINDOW) if narrowed > float("-inf") else places
            bound, narrowed = max(1, min(places, bound + grown) - 1), at
        paced.refused(code, at)
        state = paced.state()
        if state.share is not None:
            assert abs(state.share.level - share) <= 1  # a window may end just now
            share = state.share.level
        if state.concurrency is not None:
            assert 1 <= state.concurrency.level <= places
            assert abs(state.concurrency.level - bound) <= 1
            bound = state.concurrency.level
        clock.elapsed += gap


STATES = st.builds(
    PaceState,
    calls=st.lists(st.floats(min_value=0, max_value=1), max_size=20).map(lambda ages: tuple(sorted(ages))),
    share=st.none() | st.builds(Lowered, st.integers(1, 100), st.floats(min_value=-1e5, max_value=0)),
    concurrency=st.none() | st.builds(Lowered, st.integers(1, 10), st.floats(min_value=-1e5, max_value=0)),
    today=st.none() | st.builds(DayCount, st.text(), st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1e9)),
)


@given(state=STATES, budget=st.none() | st.integers(min_value=1, max_value=10**6))
def test_what_is_handed_over_arrives(state: PaceState, budget: int | None) -> None:
    """On the wall clock, whatever the process's own clock shows, and as JSON in between."""
    before, after = FakeClock(), FakeClock()
    paced = pace(80, 5, before, state=state, daily_calls=budget)
    with paced.slot() as sent:
        paced.refused("606", sent)
        paced.refused("615", sent)
    given = paced.state()
    after.elapsed = before.elapsed
    again = pace(80, 5, after, state=given, daily_calls=budget).state()
    assert json.loads(json.dumps(asdict(again))) == json.loads(json.dumps(asdict(given)))


@given(
    most=st.integers(min_value=1, max_value=60),
    steps=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 2_000), st.booleans()), max_size=30),
    hour=st.sampled_from([5, 6]),
)
def test_no_day_holds_more_calls_than_the_budget(most: int, steps: list[tuple[int, int, bool]], hour: int) -> None:
    """Ours on top of those that others had made when Marketo was asked, whichever hour its day begins at."""
    clock = FakeClock()
    paced = pace(1_000, 1, clock, daily_calls=most)
    days: dict[int, int] = {}
    for calls, minutes, handed_over in steps:
        if handed_over:
            paced = pace(1_000, 1, clock, daily_calls=most, state=paced.state())
        budget = paced.budget
        assert budget is not None
        for _ in range(calls):
            day = (int(clock.wall()) - hour * 3_600) // 86_400
            if budget.is_due():
                budget.learn(Usage(str(day), days.get(day, 0)), 0)
            try:
                with paced.slot():
                    days[day] = days.get(day, 0) + 1
            except QuotaReachedError:
                since_reset = timedelta(seconds=(clock.wall() - hour * 3_600) % 86_400)
                assert days.get(day, 0) >= most or since_reset < SETTLING
                break
        clock.elapsed += minutes * 60
    assert all(made <= most for made in days.values())


@given(seconds=st.floats(min_value=0, max_value=4e9))
def test_after_the_wait_for_a_reset_it_may_be_over(seconds: float) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    reset = next_reset(now)
    assert timedelta(0) < reset - now <= timedelta(hours=23)
    assert (reset.hour, reset.minute, reset.second, reset.microsecond) in {(5, 0, 0, 0), (6, 0, 0, 0)}
    wait = wait_for_reset(now)
    assert timedelta(0) < wait <= timedelta(hours=6)
    assert wait == timedelta(hours=6) or next_reset(now - SETTLING) == now + wait - SETTLING
