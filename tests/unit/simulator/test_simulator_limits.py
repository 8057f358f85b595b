"""Rate, concurrency, quota, latency, and the statistics that show them."""

import threading
from datetime import UTC, datetime
from typing import Any

from marketo_simulator import Fault, Request, Settings, Simulator
from tests.unit.simulator.simulator_api import Api, code

PARTITIONS = "/rest/v1/leads/partitions.json"


def codes(api: Api, calls: int) -> list[str]:
    return [code(api.get(PARTITIONS)) for _ in range(calls)]


def test_the_rate_is_a_sliding_window_of_calls() -> None:
    api = Api(calls_per_window=3, window_seconds=20)
    assert codes(api, 2) == ["", ""]
    api.simulator.advance(10)
    assert codes(api, 2) == ["", "606"]
    api.simulator.advance(10)
    assert codes(api, 2) == ["", "606"]
    answer = api.get(PARTITIONS)
    assert answer["errors"][0]["message"] == "Max rate limit '3' exceeded with in '20' secs"
    stats = api.simulator.stats()
    assert stats["by_limit"] == {"606": 3}
    assert stats["most_in_window"] == 5


def test_identity_calls_and_calls_with_free_codes_do_not_count() -> None:
    api = Api(calls_per_window=2)
    for _ in range(5):
        api.sign_in()
        api.call("DELETE", PARTITIONS)  # 605
        api.simulator.handle(Request.of("GET", PARTITIONS, {"Authorization": "Bearer nonsense"}))  # 601
    api.simulator.script(*(Fault(code=free) for free in ("601", "602", "604", "605", "608", "611")))
    assert codes(api, 6) == ["601", "602", "604", "605", "608", "611"]
    assert codes(api, 3) == ["", "", "606"]


def test_other_failed_calls_count() -> None:
    api = Api(calls_per_window=2)
    assert code(api.get("/rest/v1/nothing.json")) == "610"
    api.simulator.script(Fault(code="502"))
    assert codes(api, 2) == ["502", "606"]


def test_the_quota_starts_anew_at_midnight_us_central() -> None:
    api = Api(daily_quota=2)
    api.simulator.clock.set(datetime(2026, 3, 3, 5, 59, tzinfo=UTC))
    api.sign_in()
    assert codes(api, 3) == ["", "", "607"]
    api.simulator.advance(60)
    assert codes(api, 3) == ["", "", "607"]


def test_limits_can_be_switched_off() -> None:
    api = Api(calls_per_window=None, daily_quota=None, concurrency=None)
    assert codes(api, 500) == [""] * 500


def test_usage_and_errors_per_day() -> None:
    api = Api()
    api.simulator.clock.set(datetime(2026, 3, 2, 18, 0, tzinfo=UTC))
    api.sign_in()
    api.get(PARTITIONS)
    api.get("/rest/v1/nothing.json")
    api.simulator.advance(86_400)
    api.sign_in()
    usage = [api.get("/rest/v1/stats/usage.json")["result"] for _ in range(2)]
    assert usage == [
        [{"date": "2026-03-03", "total": 0, "users": []}],
        [{"date": "2026-03-03", "total": 1, "users": [{"userId": "api@example.org", "count": 1}]}],
    ]
    week = api.get("/rest/v1/stats/usage/last7days.json")["result"]
    assert [row["date"] for row in week][:2] == ["2026-03-03", "2026-03-02"]
    assert week[1]["total"] == 2
    assert len(week) == 7
    errors = api.get("/rest/v1/stats/errors/last7days.json")["result"]
    assert errors[1] == {"date": "2026-03-02", "total": 1, "errors": [{"errorCode": "610", "count": 1}]}
    assert api.get("/rest/v1/stats/errors.json")["result"][0]["total"] == 0


def test_settings_may_be_given_as_a_value() -> None:
    assert Simulator(settings=Settings(concurrency=3)).settings.concurrency == 3


def test_latency_per_call_and_per_path() -> None:
    api = Api(latency=0.5, latency_by_path={"describe": 3.0})
    start = api.time.now
    api.get(PARTITIONS)
    assert (api.time.now - start).total_seconds() == 0.5
    api.get("/rest/v1/leads/describe.json")
    assert (api.time.now - start).total_seconds() == 3.5


class Gate:
    """Holds sleeping calls until it is opened."""

    def __init__(self, calls: int) -> None:
        self._all_asleep = threading.Barrier(calls + 1)
        self._open = threading.Event()

    def sleep(self, _seconds: float) -> None:
        self._all_asleep.wait(10)
        self._open.wait(10)

    def wait(self) -> None:
        self._all_asleep.wait(10)

    def open(self) -> None:
        self._open.set()


def overlapping(simulator: Simulator, gate: Gate, requests: list[Request], then: Request | None = None) -> list[Any]:
    """Answers of calls that all execute at the same time, and of one that comes while they do."""
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda r=request: answers.append(simulator.handle(r).json())) for request in requests
    ]
    for thread in threads:
        thread.start()
    gate.wait()
    late = [] if then is None else [simulator.handle(then).json()]
    gate.open()
    for thread in threads:
        thread.join(10)
    return answers + late


def signed_in(simulator: Simulator) -> dict[str, str]:
    query = "grant_type=client_credentials&client_id=client&client_secret=secret"
    token: Any = simulator.handle(Request.of("GET", f"/identity/oauth/token?{query}")).json()
    return {"Authorization": f"Bearer {token['access_token']}", "Content-Type": "application/json"}


def test_the_eleventh_call_at_the_same_time_is_615() -> None:
    gate = Gate(10)
    simulator = Simulator(settings={"latency_by_path": {"/rest/": 1.0}}, sleep=gate.sleep)
    request = Request.of("GET", PARTITIONS, signed_in(simulator))
    answers = overlapping(simulator, gate, [request] * 10, then=request)
    assert [answer["success"] for answer in answers] == [True] * 10 + [False]
    assert answers[-1]["errors"] == [{"code": "615", "message": "Concurrent access limit '10' reached"}]
    stats = simulator.stats()
    assert (stats["most_executing"], stats["by_limit"]) == (11, {"615": 1})
    assert sorted(call.concurrent for call in simulator.log()[1:]) == list(range(1, 12))


def test_overlapping_creations_of_one_key_both_create_only_in_the_race_mode() -> None:
    for race, expected in [(True, ["created", "created"]), (False, ["created", "updated"])]:
        gate = Gate(2)
        settings = {"create_race": race, "latency_by_path": {"/rest/": 1.0}}
        simulator = Simulator(settings=settings, sleep=gate.sleep)
        headers = signed_in(simulator)
        body = b'{"input":[{"email":"ada@example.org"}]}'
        answers = overlapping(simulator, gate, [Request.of("POST", "/rest/v1/leads.json", headers, body)] * 2)
        assert sorted(answer["result"][0]["status"] for answer in answers) == expected


def test_in_the_race_mode_one_call_after_another_still_updates() -> None:
    api = Api(create_race=True, latency=1.0)
    assert api.outcomes({"email": "ada@example.org"}, {"email": "ada@example.org"}) == ["created", "updated"]
    assert api.outcomes({"email": "ada@example.org"}) == ["updated"]
    assert code(api.sync({"email": "x"}, lookupField="firstName_")) == "1011"
    assert code(api.sync()) == "1002"
    assert code(api.get(PARTITIONS)) == ""
