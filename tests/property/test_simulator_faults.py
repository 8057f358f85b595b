"""Whatever is scripted and whatever is called: there is an answer or a broken connection, and no place stays taken."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketo_simulator import ConnectionDropped, Fault, Request, Response, Simulator
from marketo_simulator.errors import CallError
from marketo_simulator.faults import DAMAGES, EFFECTS

TOKEN = "grant_type=client_credentials&client_id=client&client_secret=secret"
SEED: dict[str, object] = {
    "leads": [{"id": 1, "email": "a@example.org"}, {"id": 2, "email": "b@example.org"}],
    "lists": [{"id": 1, "name": "L", "members": [1]}],
    "settings": {"calls_per_window": None, "daily_quota": None},
}
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(["a@example.org", "id"])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
rows = st.dictionaries(st.sampled_from(["id", "email", "firstName", "x"]), values, max_size=3)
bodies = st.one_of(
    st.binary(max_size=40),
    st.just(b"[" * 50_000),
    st.just(b'{"input":' * 20_000),
    st.just(b'{"input":[{"id":' + b"9" * 5_000 + b"}]}"),
    st.lists(rows | scalars, max_size=4).map(lambda given: json.dumps({"input": given}).encode()),
    values.map(lambda given: json.dumps(given).encode()),
)
params = st.lists(
    st.tuples(
        st.sampled_from(
            ["filterType", "filterValues", "id", "fields", "batchSize", "nextPageToken", "_method", "name"]
        ),
        st.sampled_from(["id", "email", "a@example.org", "1", "1,2", "GET", "9" * 5_000, "\u0662", ""])
        | st.text(max_size=6),
    ),
    max_size=4,
)
types = st.sampled_from(
    ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/csv", ""]
)
PATHS = [
    "/rest/v1/leads/describe.json",
    "/rest/v1/leads/describe2.json",
    "/rest/v1/leads/partitions.json",
    "/rest/v1/leads.json",
    "/rest/v1/leads/delete.json",
    "/rest/v1/lead/{id}.json",
    "/rest/v1/leads/{id}/listMembership.json",
    "/rest/v1/leads/{id}/merge.json",
    "/rest/v1/lists.json",
    "/rest/v1/lists/{id}.json",
    "/rest/v1/lists/{id}/leads.json",
    "/rest/v1/lists/{id}/leads/ismember.json",
    "/rest/v1/activities.json",
    "/rest/v1/stats/usage.json",
    "/rest/v1/stats/errors/last7days.json",
    "/rest/asset/v1/staticLists.json",
    "/rest/asset/v1/staticList/{id}.json",
    "/rest/asset/v1/staticList/byName.json",
    "/rest/asset/v1/staticList/{id}/delete.json",
    "/rest/asset/v1/folder/{id}.json",
    "/rest/asset/v1/folders.json",
    "/bulk/v1/leads.json",
    "/bulk/v1/leads/batch/{id}.json",
    "/bulk/v1/leads/batch/{id}/failures.json",
    "/bulk/v1/leads/export/create.json",
    "/bulk/v1/leads/export/{id}/file.json",
    "/userservice/management/v1/users/workspaces.json",
    "/identity/oauth/token",
    "/nothing",
    "/rest/v1/{id}.json",
]
paths = st.sampled_from(PATHS).flatmap(
    lambda path: st.sampled_from(["1", "2", "99", "0", "9" * 5_000]).map(lambda number: path.replace("{id}", number))
)
calls = st.tuples(st.sampled_from(["GET", "POST", "DELETE", "PATCH"]), paths, params, types, bodies)

patterns = st.sampled_from(["", "a", "leads", "(", "[", "a{99999999999}", ".*"])
conditions = st.fixed_dictionaries(
    {},
    optional={
        "body": patterns,
        "query": st.dictionaries(st.sampled_from(["id", "fields"]), patterns, max_size=1),
        "headers": st.dictionaries(st.sampled_from(["Content-Type", "x"]), patterns, max_size=1),
        "key": st.sampled_from(["email", "id", ""]),
        "value": st.none() | st.sampled_from(["a@example.org", "1", ""]),
        "record": rows,
        "lead": st.none() | st.integers(-1, 3),
        "min_records": st.integers(-1, 3),
    },
)
steps: dict[str, st.SearchStrategy[Any]] = {
    "effect": st.sampled_from(sorted(EFFECTS)),
    "code": st.sampled_from(["", "606", "611", "1003", "\ud800"]),
    "message": st.text(max_size=5) | st.just("\ud800"),
    "records": st.lists(st.integers(-1, 3), max_size=2),
    "status": st.integers(99, 600),
    "body": st.text(max_size=5) | st.just("\ud800"),
    "seconds": st.sampled_from([0, 1, 90_000, -1, 1e308, float("nan")]),
    "executes": st.booleans(),
    "headers": st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
    "content_type": st.text(max_size=4),
    "damage": st.sampled_from(["", *sorted(DAMAGES)]),
    "piece": st.integers(0, 9),
    "after_bytes": st.none() | st.integers(-1, 20),
}
faults = st.fixed_dictionaries(
    {"effect": steps["effect"]},
    optional={name: strategy for name, strategy in steps.items() if name != "effect"}
    | {
        "method": patterns,
        "path": patterns,
        "nth": st.none() | st.integers(0, 3),
        "every": st.none() | st.integers(0, 3),
        "times": st.none() | st.integers(0, 3),
        "probability": st.none() | st.floats(-0.5, 1.5),
        "seed": st.integers(),
        "when": conditions,
        "then": st.lists(st.fixed_dictionaries({}, optional=steps), max_size=2),
    },
)


class BrokenError(Exception):
    """What an endpoint, or the sleeper, fails with."""


def signed_in(simulator: Simulator) -> dict[str, str]:
    answer = simulator.handle(Request.of("GET", f"/identity/oauth/token?{TOKEN}")).json()
    return {"Authorization": f"Bearer {answer['access_token']}"}


def asked(
    simulator: Simulator, headers: dict[str, str], call: tuple[Any, ...], patience: float | None = None
) -> Response:
    method, path, query, kind, body = call
    pairs = "&".join(f"{name}={quote(value, errors='replace')}" for name, value in query)
    return simulator.handle(Request.of(method, f"{path}?{pairs}", headers | {"Content-Type": kind}, body), patience)


@given(st.lists(calls, min_size=1, max_size=6), st.lists(faults, max_size=4))
def test_every_call_ends_and_gives_its_place_back(made: list[tuple[Any, ...]], scripted: list[object]) -> None:
    simulator = Simulator(SEED, sleep=lambda _: None)
    headers = signed_in(simulator)
    for one in scripted:
        answer = simulator.handle(Request.of("POST", "/_simulator/faults", body=json.dumps(one).encode()))
        assert answer.status == 200 or answer.json()["error"]
    for call in made:
        try:
            answer = asked(simulator, headers, call)
            assert b"the simulator failed" not in answer.body  # with an error of its own
            assert b"".join(answer.pieces(lambda _: None)) or answer.status
        except ConnectionDropped:
            pass
        assert simulator.limits.executing == 0
    shown = simulator.handle(Request.of("GET", "/_simulator/calls?bodies=true")).json()
    assert len(shown) == len(made) + 1
    assert headers["Authorization"].partition(" ")[2] not in json.dumps(shown)
    for logged in simulator.log():
        assert simulator.explain(logged.number)["outcome"]


@given(
    st.sampled_from([CallError("1003"), BrokenError(), RecursionError(), MemoryError(), ValueError()]), st.booleans()
)
def test_whatever_an_endpoint_fails_with_the_call_is_answered(error: Exception, waits: bool) -> None:
    simulator = Simulator(SEED, sleep=lambda _: None)
    headers = signed_in(simulator)

    class Leads(dict[int, Any]):
        def __contains__(self, lead_id: object) -> bool:
            raise error

        def get(self, lead_id: int, default: object = None) -> Any:
            raise error

    simulator.state.leads = Leads()
    answer = asked(simulator, headers, ("GET", "/rest/v1/lead/7.json", [], "", b""), 1.0 if waits else None)
    assert answer.json()["errors"][0]["code"] == ("1003" if isinstance(error, CallError) else "611")
    assert simulator.limits.executing == 0


def test_a_sleeper_that_fails_takes_no_place_with_it() -> None:
    def sleeper(_: float) -> None:
        raise BrokenError

    simulator = Simulator(SEED, sleep=sleeper)
    headers = signed_in(simulator)
    simulator.configure(latency=1.0)
    with pytest.raises(BrokenError):
        asked(simulator, headers, ("GET", "/rest/v1/leads/partitions.json", [], "", b""))
    assert simulator.limits.executing == 0


controls = st.sampled_from(["dump", "calls", "explain", "stats", "usage", "seed", "settings", "faults", "clock", "x"])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["GET", "POST", "PATCH", "DELETE"]),
            controls,
            st.one_of(
                bodies,
                st.dictionaries(
                    st.sampled_from(
                        [
                            "advance",
                            "offset",
                            "now",
                            "latency",
                            "calls_kept",
                            "window_seconds",
                            "call",
                            "limit",
                            "leads",
                        ]
                    ),
                    values
                    | st.sampled_from(
                        [1e308, -1e308, 10**30, "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"]
                    ),
                    max_size=2,
                ).map(lambda given: json.dumps(given).encode()),
            ),
        ),
        max_size=6,
    )
)
def test_every_control_call_is_answered_and_calls_go_on(made: list[tuple[str, str, bytes]]) -> None:
    simulator = Simulator(SEED, sleep=lambda _: None)
    for method, name, body in made:
        answer = simulator.handle(Request.of(method, f"/_simulator/{name}", body=body))
        assert answer.status in (200, 400, 404)
    simulator.handle(Request.of("POST", "/_simulator/faults", body=b"{}"))
    assert asked(simulator, signed_in(simulator), ("GET", "/rest/v1/leads.json", [], "", b"")).status == 200


def test_a_fault_of_every_effect_can_be_written_down_and_read_again() -> None:
    simulator = Simulator()
    simulator.script(*(Fault(effect, code="1", damage="cut" if effect == "malformed" else "") for effect in EFFECTS))
    shown = simulator.handle(Request.of("GET", "/_simulator/faults")).json()
    again = Simulator()
    again.handle(Request.of("POST", "/_simulator/faults", body=json.dumps(shown).encode()))
    assert list(again.faults) == list(simulator.faults)
