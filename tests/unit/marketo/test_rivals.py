"""Others use the instance as well: ours give way without a failure and without a loss, and come back when they stop."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from destination.domain.pace import Lowered
from destination.marketo.client import Client
from destination.marketo.errors import InstanceWaitsError
from destination.marketo.pace import WINDOW, OutOfTimeError
from destination.marketo.transport import Request
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from marketo_simulator.message import Request as Call
from testing.marketo import CLIENTS, FakeClock, ScriptedMarketo, client, http, ok, pace, refused, tokens

READ = Request("probe", "GET", "/rest/v1/leads/partitions.json", 7.0)
CREATE = Request("create", "POST", "/rest/v1/probe.json", 7.0, body=b"{}", repeatable=False)
URL = "https://mock"


class SharedClock(FakeClock):
    """While it passes, a rival calls at an even rate, whatever it is answered."""

    def __init__(self) -> None:
        super().__init__()
        self.every: float | None = None
        self.rival: Callable[[], None] = lambda: None
        self._next = 0.0

    def calls_per_20s(self, calls: int) -> None:
        self.every = WINDOW / calls if calls else None
        self._next = self.elapsed

    def sleep(self, seconds: float) -> None:
        until = self.elapsed + seconds
        while self.every is not None and self._next <= until:
            self.elapsed = max(self.elapsed, self._next)
            self._next += self.every
            self.rival()
        self.elapsed = until


class Shared:
    """An instance with us and a rival; a call takes a tenth of a second."""

    def __init__(self) -> None:
        self.clock = clock = SharedClock()
        self.simulator = Simulator(seed={"clients": CLIENTS}, clock=clock.now)
        adapter = SimulatorAdapter(self.simulator)
        token = tokens(adapter, clock).current()
        call = Call.of("GET", READ.path, {"Authorization": f"Bearer {token}"})
        clock.rival = lambda: self._refused_to_rival(not self.simulator.handle(call).json()["success"])
        self.client = Client(http(adapter), URL, tokens(adapter, clock), pace(80, 5, clock))
        self.sent: list[float] = []
        self.ours_refused: list[float] = []
        self.rivals_refused = 0

    def _refused_to_rival(self, refused: bool) -> None:
        self.rivals_refused += refused

    def run(self, windows: float) -> int:
        """Call as fast as the pace lets us; answers how many calls did their work."""
        until = self.clock.elapsed + windows * WINDOW
        done = 0
        while self.clock.elapsed < until:
            before = self.client.calls
            self.client.call(READ)
            self.ours_refused += [self.clock.elapsed] * (self.client.calls - before - 1)
            done += 1
            self.clock.sleep(0.1)
        return done


def test_a_rival_with_half_of_the_limit_costs_no_failure_and_little_of_the_rest() -> None:
    shared = Shared()
    shared.clock.calls_per_20s(50)
    done = shared.run(windows=60)
    assert done >= 0.8 * 50 * 60
    assert len(shared.ours_refused) <= 60 / 8
    assert len(shared.ours_refused) <= 0.01 * done
    assert shared.rivals_refused <= 0.08 * 50 * 60
    gaps = [later - earlier for earlier, later in zip(shared.ours_refused[2:], shared.ours_refused[3:], strict=False)]
    assert min(gaps) > 8 * WINDOW


def test_the_share_comes_back_when_the_rival_stops() -> None:
    shared = Shared()
    shared.clock.calls_per_20s(50)
    shared.run(windows=10)
    shared.clock.calls_per_20s(0)
    shared.run(windows=45)
    refusals = len(shared.ours_refused)
    assert shared.run(windows=10) >= 0.96 * 80 * 10
    assert len(shared.ours_refused) == refusals


def test_a_rival_that_comes_and_goes_is_no_failure() -> None:
    shared = Shared()
    for rate in (0, 95, 20, 60, 0, 80, 10) * 3:
        shared.clock.calls_per_20s(rate)
        assert shared.run(windows=6) > 0
    assert shared.simulator.stats()["by_limit"].keys() == {"606"}


def test_calls_that_are_refused_together_lower_the_share_once() -> None:
    clock = FakeClock()
    paced = pace(80, 5, clock)
    sent = []
    for _ in range(50):
        with paced.slot() as at:
            sent.append(at)
    for at in sent[-5:]:
        paced.refused("606", at)
    share = paced.state().share
    assert share is not None
    assert share.level == 40
    assert share.since == pytest.approx(clock.wall() + 20.3)


def test_after_a_refusal_no_call_is_sent_for_a_window_and_the_same_call_is_repeated() -> None:
    clock = FakeClock()
    marketo = ScriptedMarketo(ok(), refused("606"), ok({"id": 1}))
    calling = client(marketo, clock)
    calling.call(READ)
    assert calling.call(CREATE).result == [{"id": 1}]
    assert marketo.sent[1] == marketo.sent[2]
    assert clock.slept == [pytest.approx(20.3)]
    assert calling.calls == 3


@pytest.mark.parametrize(("code", "waited"), [("606", 3 * 20.3), ("615", 3 * 3.0)])
def test_a_call_is_repeated_three_times_at_most(code: str, waited: float) -> None:
    clock = FakeClock()
    marketo = ScriptedMarketo(*[refused(code)] * 4, ok())
    with pytest.raises(InstanceWaitsError) as raised:
        client(marketo, clock).call(CREATE)
    assert raised.value.code == code
    assert not raised.value.executed_unknown
    assert len(marketo.sent) == 4
    assert clock.elapsed == pytest.approx(waited)


@pytest.mark.parametrize(("code", "left"), [("606", 20.0), ("615", 2.9)])
def test_without_time_to_repeat_it_the_refusal_stands(code: str, left: float) -> None:
    clock = FakeClock()
    marketo = ScriptedMarketo(refused(code), ok())
    calling = client(marketo, clock)
    calling.pace = pace(80, 5, clock, deadline=left)
    with pytest.raises(InstanceWaitsError) as raised:
        calling.call(READ)
    assert raised.value.code == code
    assert clock.slept == []
    if code == "606":
        with pytest.raises(OutOfTimeError):
            calling.call(READ)
    assert len(marketo.sent) == 1


def test_the_share_never_falls_below_five_and_never_rises_by_a_refusal() -> None:
    clock = FakeClock()
    for share, level in ((80, 5), (3, 3)):
        paced = pace(share, 5, clock)
        with paced.slot() as sent:
            paced.refused("606", sent)
        lowered = paced.state().share
        assert lowered is not None
        assert lowered.level == level


def test_the_next_holder_waits_out_the_pause_and_keeps_to_the_share() -> None:
    clock = FakeClock()
    before = pace(80, 5, clock)
    for _ in range(20):
        with before.slot() as sent:
            pass
    before.refused("606", sent)
    after = pace(80, 5, clock, state=before.state())
    times = []
    for _ in range(17):
        with after.slot() as sent:
            times.append(sent)
    assert times[0] == pytest.approx(20.3)
    assert times[15] == pytest.approx(20.3)
    assert times[16] == pytest.approx(40.6)
    assert after.state().share == before.state().share


def test_a_pause_from_a_clock_that_ran_ahead_costs_a_window_at_most() -> None:
    clock = FakeClock()
    before = pace(80, 5, clock)
    with before.slot() as sent:
        before.refused("606", sent)
    clock.elapsed -= 3_600
    with pace(80, 5, clock, state=before.state()).slot() as sent:
        assert sent == pytest.approx(-3_600 + 20.3)


def test_too_many_at_once_lowers_the_bound_by_one_and_it_comes_back() -> None:
    clock = FakeClock()
    paced = pace(1_000, 3, clock)

    def at_once() -> int:
        """How many calls get a place while nobody gives his back."""
        held, refusals = [], []
        gate = threading.Event()
        ready = threading.Semaphore(0)

        def hold() -> None:
            try:
                with paced.slot() as sent:
                    held.append(sent)
                    ready.release()
                    gate.wait(10)
            except OutOfTimeError:
                refusals.append(1)

        threads = [threading.Thread(target=hold) for _ in range(4)]
        for thread in threads:
            thread.start()
        while ready.acquire(timeout=0.05):
            continue
        taken = len(held)
        gate.set()
        for thread in threads:
            thread.join()
        return taken

    assert at_once() == 3
    with paced.slot() as first:
        pass
    clock.elapsed += 1
    for _ in range(3):
        paced.refused("615", first)
    assert at_once() == 2
    assert paced.state().concurrency == Lowered(2, clock.wall())
    clock.elapsed += 1
    for _ in range(5):
        with paced.slot() as sent:
            clock.elapsed += 0.1
        paced.refused("615", sent)
    assert at_once() == 1
    clock.elapsed += WINDOW
    assert at_once() == 2
    clock.elapsed += WINDOW
    assert at_once() == 3
    clock.elapsed += 10 * WINDOW
    assert at_once() == 3


def test_others_in_most_places_cost_no_failure() -> None:
    """Marketo has three places left and we would take five, with real threads that overlap."""
    clock = FakeClock()
    simulator = Simulator(
        {"clients": CLIENTS}, {"concurrency": 3, "latency": 0.002, "calls_per_window": None}, clock.now
    )
    adapter = SimulatorAdapter(simulator)
    calling = Client(http(adapter), URL, tokens(adapter, clock), pace(100_000, 5, clock))
    calling.call(READ)
    with ThreadPoolExecutor(5) as threads:
        answers = [done.result() for done in [threads.submit(calling.call, READ) for _ in range(200)]]
    assert len(answers) == 200
    refusals = calling.calls - 201
    assert 0 < refusals <= 20
    lowered = calling.pace.state().concurrency
    assert lowered is not None
    assert lowered.level in {3, 4}
