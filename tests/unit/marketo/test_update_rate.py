"""How many leads may be created or updated in any hour, and what counts as one."""

from datetime import timedelta

import pytest

from destination.domain.pace import Updated
from destination.marketo.errors import error_for
from destination.marketo.pace import OutOfTimeError
from destination.marketo.update_rate import UpdateRate
from testing.marketo import FakeClock

LEAST, MOST = timedelta(minutes=60), timedelta(minutes=61)


def rate(clock: FakeClock, per_hour: int | None = 10, before: tuple[Updated, ...] = ()) -> UpdateRate:
    return UpdateRate(per_hour, before, clock.wall)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_without_a_bound_nothing_is_counted(clock: FakeClock) -> None:
    free = rate(clock, None)
    with free.taken(1_000_000) as is_taken:
        assert is_taken
    assert free.take(1_000_000)
    assert (free.free(), free.wait(5), free.state()) == (None, timedelta(0), ())


def test_what_was_taken_is_free_again_when_an_hour_is_over(clock: FakeClock) -> None:
    one = rate(clock)
    assert one.take(7)
    assert not one.take(4)
    assert (one.free(), one.wait(3)) == (3, timedelta(0))
    wait = one.wait(4)
    assert LEAST <= wait <= MOST
    clock.sleep(wait.total_seconds() - 0.001)
    assert one.free() == 3
    clock.sleep(0.002)
    assert one.free() == 10


def test_more_than_an_hour_takes_is_waited_for_as_if_it_were_all_of_it(clock: FakeClock) -> None:
    one = rate(clock)
    assert one.wait(1_000) == timedelta(0)
    one.take(1)
    assert LEAST <= one.wait(1_000) <= MOST


def test_those_who_come_before_are_waited_for_too(clock: FakeClock) -> None:
    one = rate(clock)
    assert one.wait(3, after=7) == timedelta(0)
    assert LEAST <= one.wait(4, after=7) <= MOST
    assert one.free() == 10


def test_a_call_counts_from_when_it_has_ended(clock: FakeClock) -> None:
    one = rate(clock)
    with one.taken(10) as is_taken:
        assert (is_taken, one.free()) == (True, 0)
        with one.taken(1) as is_too_many:
            assert not is_too_many
        clock.sleep(90)
    clock.sleep(3_600 - 30)
    assert one.free() == 0
    clock.sleep(90)
    assert one.free() == 10


@pytest.mark.parametrize(("code", "free"), [("606", 10), ("1003", 10), ("603", 10), ("604", 0), ("TIMED_OUT", 0)])
def test_a_call_that_failed_counts_if_it_may_have_been_carried_out(clock: FakeClock, code: str, free: int) -> None:
    one, refused = rate(clock), error_for(code, "sync leads")
    with pytest.raises(type(refused)), one.taken(10):
        raise refused
    assert one.free() == free


def test_a_call_that_was_not_sent_does_not_count(clock: FakeClock) -> None:
    one = rate(clock)
    with pytest.raises(OutOfTimeError), one.taken(10):
        raise OutOfTimeError("no time is left")
    assert one.free() == 10


def test_the_next_holder_goes_on_where_the_last_one_was(clock: FakeClock) -> None:
    first = rate(clock)
    first.take(6)
    clock.sleep(1_800)
    first.take(1)
    second = rate(clock, 8, first.state())
    assert (second.free(), second.state()) == (1, first.state())
    clock.sleep(1_860)
    assert second.free() == 7
    assert [one.leads for one in second.state()] == [1]


def test_a_bound_that_was_lowered_leaves_none_free(clock: FakeClock) -> None:
    one = rate(clock, 5, (Updated(int(clock.wall() // 60), 9),))
    assert (one.free(), one.wait(1) > timedelta(minutes=59)) == (0, True)


def test_a_clock_that_ran_ahead_holds_nobody_up_for_longer(clock: FakeClock) -> None:
    one = rate(clock, before=(Updated(int(clock.wall() // 60) + 1_000, 10),))
    assert one.wait(1) <= MOST
