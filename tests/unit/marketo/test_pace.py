"""The pace: the window, the bound on concurrent calls, the hand-over and the deadline."""

import threading
from datetime import timedelta

import pytest

from destination.composition import connections, sync
from destination.domain.connection import Limits
from destination.domain.pace import PaceState
from destination.marketo.pace import OutOfTimeError
from testing.marketo import FakeClock, pace


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(monotonic=1_000.0)


def test_calls_within_the_window_do_not_wait(clock: FakeClock) -> None:
    paced = pace(80, 5, clock)
    for _ in range(80):
        with paced.slot():
            pass
    assert clock.slept == []


def test_the_call_beyond_the_window_waits_for_the_oldest_to_leave_it(clock: FakeClock) -> None:
    paced = pace(2, 5, clock)
    for gap in (5, 3, 0):
        with paced.slot():
            clock.elapsed += gap
    assert clock.slept == [pytest.approx(20.3 - 8)]


def test_the_window_is_handed_over(clock: FakeClock) -> None:
    before = pace(2, 5, clock)
    for _ in range(2):
        with before.slot():
            clock.elapsed += 4
    later = FakeClock(monotonic=3.0)
    later.wall = clock.wall  # type: ignore[method-assign]
    after = pace(2, 5, later, state=before.state())
    with after.slot():
        pass
    assert later.slept == [pytest.approx(20.3 - 8)]


def test_the_calls_handed_over_end_with_the_window(clock: FakeClock) -> None:
    paced = pace(2, 5, clock)
    with paced.slot():
        sent = clock.wall()
    assert list(paced.state().calls) == pytest.approx([sent])
    clock.elapsed += 20.4
    assert paced.state().calls == ()


def test_calls_from_a_clock_that_ran_ahead_costs_a_window_at_most(clock: FakeClock) -> None:
    paced = pace(1, 1, clock, state=PaceState((clock.wall() + 3_600,)))
    with paced.slot():
        pass
    assert sum(clock.slept) == pytest.approx(20.3)


def test_more_calls_than_the_window_takes_are_respected(clock: FakeClock) -> None:
    """The lease may come from a connection with a larger share."""
    now = clock.wall()
    paced = pace(2, 5, clock, state=PaceState((now - 19, now - 10, now - 5, now - 1)))
    with paced.slot():
        pass
    assert sum(clock.slept) == pytest.approx(20.3 - 5)


def test_waiting_ends_at_the_deadline_before_it_begins(clock: FakeClock) -> None:
    paced = pace(1, 1, clock, deadline=clock.elapsed + 20)
    with paced.slot():
        pass
    with pytest.raises(OutOfTimeError), paced.slot():
        pytest.fail("no call may be sent")
    assert clock.slept == []
    assert len(paced.state().calls) == 1


def test_no_call_begins_once_its_time_is_over_on_the_wall_clock(clock: FakeClock) -> None:
    """The monotonic clock stands still while the process is frozen; whoever is next has the lease by then."""
    paced = pace(10, 2, clock, deadline=clock.elapsed + 60, until=clock.wall() + 60)
    for frozen in (0, 60):
        clock.frozen = frozen
        with paced.slot():
            pass
    clock.frozen = 61
    for _ in range(3):
        with pytest.raises(OutOfTimeError), paced.slot():
            pytest.fail("no call may be sent")
        with pytest.raises(OutOfTimeError):
            paced.bounded(5)
    assert len(paced.state().calls) == 2


def test_a_process_that_is_frozen_while_it_waits_for_the_window_sends_nothing(clock: FakeClock) -> None:
    paced = pace(1, 1, clock, until=clock.wall() + 60)
    with paced.slot():
        pass

    def sleep(seconds: float) -> None:
        clock.elapsed += seconds
        clock.frozen = 600

    paced._sleep = sleep
    with pytest.raises(OutOfTimeError), paced.slot():
        pytest.fail("no call may be sent")


def test_waiting_ends_on_the_wall_clock_before_it_begins(clock: FakeClock) -> None:
    paced = pace(1, 1, clock, until=clock.wall() + 20)
    with paced.slot():
        pass
    with pytest.raises(OutOfTimeError), paced.slot():
        pytest.fail("no call may be sent")
    assert clock.slept == []


@pytest.mark.parametrize("of", ["sync", "connections"])
def test_the_functions_pace_ends_on_the_wall_clock(of: str, clock: FakeClock) -> None:
    if of == "sync":
        paced = sync.pace(Limits(), PaceState(), timedelta(seconds=20), clock.monotonic, clock.wall)
    else:
        paced = connections.pace_for("123-ABC-456", clock.monotonic, clock.wall)
        connections.paces.cache_clear()
    clock.frozen = 20
    with paced.slot():
        pass
    clock.frozen = 21
    with pytest.raises(OutOfTimeError), paced.slot():
        pytest.fail("no call may be sent")


def test_a_request_that_comes_when_the_window_is_used_up_is_answered_late_and_not_refused(clock: FakeClock) -> None:
    paced = pace(
        connections.CALLS_PER_20S, connections.CONCURRENCY, clock, deadline=clock.elapsed + connections.LAST_CALL
    )
    for _ in range(connections.CALLS_PER_20S + 1):
        with paced.slot():
            pass
    assert clock.slept


def test_a_call_that_fails_gives_its_place_back(clock: FakeClock) -> None:
    paced = pace(10, 1, clock)
    for _ in range(3):
        with pytest.raises(RuntimeError), paced.slot():
            raise RuntimeError
    with paced.slot():
        pass


def test_a_call_out_of_time_gives_its_place_back(clock: FakeClock) -> None:
    paced = pace(1, 1, clock, deadline=clock.elapsed + 20)
    with paced.slot():
        pass
    for _ in range(2):
        with pytest.raises(OutOfTimeError, match="pace"), paced.slot():
            pass


def test_no_more_calls_at_once_than_the_bound(clock: FakeClock) -> None:
    paced = pace(1_000, 3, clock)
    lock = threading.Lock()
    running: list[int] = []
    most = 0
    three = threading.Barrier(3, timeout=10)

    def work(number: int) -> None:
        nonlocal most
        with paced.slot():
            with lock:
                running.append(number)
                most = max(most, len(running))
            three.wait()
            with lock:
                running.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_waiting_for_a_place_ends_at_the_deadline(clock: FakeClock) -> None:
    paced = pace(10, 1, clock, deadline=clock.elapsed + 0.01)
    with paced.slot(), pytest.raises(OutOfTimeError), paced.slot():
        pytest.fail("no call may be sent")
