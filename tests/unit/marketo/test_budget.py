"""The daily budget: whoever makes the calls, ours stop at the number and go on after Marketo's reset."""

import contextlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.pace import DayCount, PaceState
from destination.marketo.budget import MAX_WAIT, next_reset, wait_for_reset
from destination.marketo.client import Client
from destination.marketo.errors import InstanceWaitsError, QuotaReachedError, TokenRefusedError
from destination.marketo.transport import Request
from destination.marketo.usage import Usage, calls_today
from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.marketo import CLIENTS, START, FakeClock, ScriptedMarketo, client, http, ok, pace, refused, tokens

READ = Request("probe", "GET", "/rest/v1/leads/partitions.json", 7.0)
USAGE = "/rest/v1/stats/usage.json"
TODAY = "2026-11-21"


def usage(total: int, date: str = TODAY) -> Any:
    return ok({"date": date, "total": total, "users": []})


class Day:
    """An instance that we and others use, at 4 a.m. US Central, as the simulator counts it."""

    def __init__(self, **settings: object) -> None:
        self.clock = FakeClock()
        unlimited = {"calls_per_window": None, **settings}
        self.simulator = Simulator({"clients": CLIENTS}, unlimited, self.clock.now, self.clock.sleep)
        self.state = PaceState()
        self.others = self._client(None)

    def _client(self, daily_calls: int | None) -> Client:
        adapter = SimulatorAdapter(self.simulator)
        paced = pace(100_000, 5, self.clock, daily_calls=daily_calls, state=self.state)
        return Client(http(adapter), "https://mock", tokens(adapter, self.clock), paced)

    def lease(self, daily_calls: int, calls: int) -> int:
        """Take over, call, hand over; answers how many calls did their work before the budget was reached."""
        ours = self._client(daily_calls)
        done = 0
        with contextlib.suppress(QuotaReachedError):
            for _ in range(calls):
                ours.call(READ)
                done += 1
        self.state = ours.pace.state()
        return done

    def others_call(self, calls: int) -> None:
        for _ in range(calls):
            self.others.call(READ)

    def until(self, hour: int, minute: int = 0) -> None:
        """Let time pass until it is that late (UTC) the next time."""
        now = self.clock.now()
        then = now.replace(hour=hour, minute=minute, second=0)
        self.clock.elapsed += ((then - now) % timedelta(days=1)).total_seconds()

    @property
    def counted(self) -> int:
        return sum(call.counted for call in self.simulator.log())

    @property
    def asked(self) -> int:
        return sum(call.path == USAGE for call in self.simulator.log())


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        ("2026-11-21T00:00", "2026-11-21T05:00"),
        ("2026-11-21T04:59", "2026-11-21T05:00"),
        ("2026-11-21T05:00", "2026-11-21T06:00"),
        ("2026-11-21T05:59", "2026-11-21T06:00"),
        ("2026-11-21T06:00", "2026-11-22T05:00"),
        ("2026-12-31T23:59", "2027-01-01T05:00"),
        ("2026-11-20T23:30-06:00", "2026-11-21T06:00"),
    ],
)
def test_the_next_reset_is_at_five_or_six(now: str, reset: str) -> None:
    given = datetime.fromisoformat(now)
    given = given if given.tzinfo else given.replace(tzinfo=UTC)
    assert next_reset(given) == datetime.fromisoformat(reset).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "minutes"), [("04:30", 35), ("05:02", 3), ("05:30", 35), ("06:00", 5), ("06:05", 360), ("12:00", 360)]
)
def test_the_wait_ends_when_the_reset_shows_and_is_never_long(now: str, minutes: int) -> None:
    assert wait_for_reset(datetime.fromisoformat(f"2026-11-21T{now}Z")) == timedelta(minutes=minutes)


def test_the_budget_stops_exactly_at_the_number() -> None:
    day = Day()
    assert day.lease(100, calls=1_000) == 99
    assert day.lease(100, calls=1_000) == 0
    assert day.counted == 100


def test_the_calls_of_others_count() -> None:
    day = Day()
    day.others_call(60)
    assert day.lease(100, calls=1_000) == 39
    assert day.counted == 100


def test_others_who_go_on_are_noticed_after_250_calls_of_ours() -> None:
    day = Day()
    assert day.lease(1_000, calls=200) == 200
    day.others_call(500)
    assert day.lease(1_000, calls=1_000) == 298
    assert day.counted == 1_000
    assert day.asked == 2


def test_others_who_go_on_are_noticed_after_an_hour() -> None:
    day = Day()
    day.lease(100, calls=10)
    day.others_call(80)
    day.clock.elapsed += 3_599
    assert day.lease(100, calls=1) == 1
    assert day.asked == 1
    day.clock.elapsed += 1
    assert day.lease(100, calls=100) == 7
    assert day.counted == 100


def test_with_threads_it_is_never_more_and_hardly_less() -> None:
    day = Day()
    ours = day._client(600)

    def call(_: int) -> bool:
        try:
            ours.call(READ)
        except QuotaReachedError:
            return False
        return True

    with ThreadPoolExecutor(5) as threads:
        done = sum(threads.map(call, range(1_000)))
    assert 600 - 3 * 5 <= day.counted <= 600
    assert done == day.counted - day.asked
    assert day.asked == 3


@pytest.mark.parametrize("zone", ["America/Chicago", "Etc/GMT+5"])
def test_after_the_reset_it_goes_on_whenever_that_is(zone: str) -> None:
    """Midnight is at 06:00 UTC in the first zone, at 05:00 in the second one."""
    day = Day(quota_time_zone=zone)
    assert day.lease(50, calls=100) == 49
    day.until(4, 59)
    assert day.lease(50, calls=100) == 0
    assert day.counted == 50
    day.until(5, 5)
    at_five = day.lease(50, calls=100)
    day.until(6, 5)
    at_six = day.lease(50, calls=100)
    assert (at_five, at_six) == ((0, 49) if zone == "America/Chicago" else (49, 0))
    day.until(4, 59)
    assert day.lease(50, calls=100) == 0


def test_how_long_a_reached_budget_waits() -> None:
    day = Day()
    ours = day._client(1)
    with pytest.raises(QuotaReachedError, match="share of the instance's daily quota") as raised:
        ours.call(READ)
    assert raised.value.wait == MAX_WAIT
    assert raised.value.code == "BUDGET_REACHED"
    assert not raised.value.executed_unknown
    assert "limits.daily_calls" in raised.value.remedy
    day.until(4, 30)
    with pytest.raises(QuotaReachedError) as raised:
        ours.call(READ)
    assert raised.value.wait == timedelta(minutes=35)
    assert day.counted == 1


def test_marketo_s_own_refusal_waits_for_the_reset_too() -> None:
    clock = FakeClock()
    clock.elapsed = timedelta(hours=18, minutes=45).total_seconds()
    with pytest.raises(QuotaReachedError) as raised:
        client(ScriptedMarketo(refused("607")), clock).call(READ)
    assert raised.value.code == "607"
    assert raised.value.wait == timedelta(minutes=20)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(code="603", path=USAGE, every=1),
        Fault(code="610", path=USAGE, every=1),
        Fault(code="611", path=USAGE, every=1),
        Fault("http", status=503, path=USAGE, every=1),
        Fault("drop", path=USAGE, every=1),
        Fault("http", status=200, body='{"success": true, "result": [{"total": "?"}]}', path=USAGE, every=1),
    ],
    ids=repr,
)
def test_without_the_usage_our_own_calls_are_counted_alone(fault: Fault) -> None:
    day = Day()
    day.simulator.script(fault)
    done = day.lease(1_000, calls=500)
    assert done == 500
    assert day.lease(1_000, calls=1_000) == pytest.approx(497, abs=5)
    assert day.asked in {4, 8}
    day.until(5, 5)
    assert day.lease(1_000, calls=500) == 500


@pytest.mark.parametrize("fault", [Fault(code="607"), Fault(code="601", every=1)], ids=repr)
def test_what_refuses_every_call_is_not_asked_twice(fault: Fault) -> None:
    day = Day()
    day.simulator.script(Fault(code=fault.code, path="^/rest", every=fault.every))
    with pytest.raises(QuotaReachedError if fault.code == "607" else TokenRefusedError):
        day._client(100).call(READ)
    assert all(call.path != READ.path for call in day.simulator.log())


def test_a_total_of_the_same_day_never_falls_and_that_of_another_day_does() -> None:
    state = PaceState(today=DayCount(TODAY, 900, 250, START.timestamp()))
    for date, left in ((TODAY, 99), ("2026-11-22", 599)):
        clock = FakeClock()
        marketo = ScriptedMarketo(usage(400, date), *[ok()] * 600)
        calling = client(marketo, clock)
        calling.pace = pace(100_000, 5, clock, daily_calls=1_000, state=state)
        calling.call(READ)
        today = calling.pace.state().today
        assert today is not None
        assert 1_000 - today.total == left - 1


def test_the_count_is_handed_over() -> None:
    day = Day()
    day.lease(100, calls=7)
    assert day.state.today == DayCount(TODAY, 8, 7, day.clock.wall())
    handed_over = json.loads(json.dumps(asdict(day.state)))
    assert DayCount(**handed_over["today"]) == day.state.today
    assert day.lease(100, calls=1) == 1
    assert day.asked == 1
    assert pace(10, 1, day.clock, state=day.state).state() == day.state


def test_a_count_from_a_clock_that_ran_ahead_is_trusted_for_an_hour_at_most() -> None:
    day = Day()
    day.lease(100, calls=1)
    day.clock.elapsed -= 7_200
    day.lease(100, calls=1)
    assert day.asked == 1
    day.clock.elapsed += 3_600
    day.lease(100, calls=1)
    assert day.asked == 2


def test_the_usage_call_keeps_to_the_pace() -> None:
    clock = FakeClock()
    calling = client(ScriptedMarketo(usage(1), ok()), clock)
    calling.pace = pace(1, 1, clock, daily_calls=100)
    calling.call(READ)
    assert sum(clock.slept) == pytest.approx(20.3)
    assert calling.calls == 2


@pytest.mark.parametrize(
    "rows", [[], [{}], [{"date": TODAY}], [{"date": TODAY, "total": "12"}], [{"date": 20261121, "total": 12}]]
)
def test_an_answer_without_a_count_is_none(rows: list[dict[str, object]]) -> None:
    answer: Callable[[Request], list[dict[str, object]]] = lambda _: rows  # noqa: E731
    with pytest.raises(InstanceWaitsError, match="UNEXPECTED_ANSWER"):
        calls_today(answer)


def test_the_usage_of_today() -> None:
    asked: list[Request] = []

    def send(request: Request) -> list[dict[str, object]]:
        asked.append(request)
        return [{"date": TODAY, "total": 1120, "users": [{"userId": "api@example.com", "count": 200}]}]

    assert calls_today(send) == Usage(TODAY, 1120)
    assert [(request.method, request.path) for request in asked] == [("GET", USAGE)]
