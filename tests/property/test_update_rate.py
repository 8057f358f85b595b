"""Whatever comes when, and whoever counts: no 60 minutes have more updates than are allowed, and all are made."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.pace import PaceState
from testing.marketo import FakeClock, pace

HOUR = 3_600.0
ARRIVALS = st.lists(
    st.tuples(st.floats(0, 5_000), st.integers(1, 40), st.floats(0, 90), st.booleans()), min_size=1, max_size=12
)
"""Seconds after the one before, how many leads, how long the call takes, and whether another worker makes it."""


@given(most=st.integers(1, 50), arrivals=ARRIVALS)
def test_no_hour_has_more_than_is_allowed_and_nothing_is_lost(
    most: int, arrivals: list[tuple[float, int, float, bool]]
) -> None:
    clock = FakeClock()
    paced = pace(1_000, 10, clock, updates_per_hour=most, state=PaceState())
    made: list[tuple[float, int]] = []
    for after, leads, takes, is_another in arrivals:
        clock.sleep(after)
        if is_another:
            paced = pace(1_000, 10, clock, updates_per_hour=most, state=paced.state())
        left, waits = leads, 0
        while left:
            free = paced.updates.free()
            assert free is not None
            if not free:
                waits += 1
                assert waits <= leads, "each wait lets somebody through"
                clock.sleep(paced.updates.wait(left).total_seconds())
                continue
            part = min(free, left)
            with paced.updates.taken(part) as is_taken:
                assert is_taken
                began = clock.wall()
                clock.sleep(takes)
            made += [(began, part), (clock.wall(), 0)]
            left -= part
    assert sum(count for _, count in made) == sum(leads for _, leads, _, _ in arrivals)
    times = [at for at, _ in made]
    for start in times:
        assert sum(count for at, count in made if start <= at < start + HOUR) <= most


@given(most=st.integers(1, 50), leads=st.integers(1, 200))
def test_nobody_waits_longer_than_an_hour_and_a_minute(most: int, leads: int) -> None:
    clock = FakeClock()
    paced = pace(1_000, 10, clock, updates_per_hour=most)
    while paced.updates.take(1):
        clock.sleep(7)
    assert timedelta(0) < paced.updates.wait(leads) <= timedelta(minutes=61)
