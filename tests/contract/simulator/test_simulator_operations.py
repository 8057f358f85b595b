"""Every call of the simulator as Adobe's definitions describe it: shapes, parameters, permissions."""

from collections.abc import Mapping

import pytest
import requests
from jsonschema import Draft202012Validator

from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from marketo_simulator.identity import PERMISSIONS
from marketo_simulator.routes import OPERATIONS
from tests.contract.simulator.operations import DESCRIBED, EXPORT_ID, POSITION, SEED, TOKEN, Described
from tests.unit.simulator.simulator_api import NOW, Time

CREDENTIALS = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}
HOSTILE = (
    "9" * 4500,
    "\u0661",
    "-1",
    "1e9",
    "\x00",
    "\ud7ff",
    "{",
    "[1]",
    '{"id":[]}',
    ",,,",
    "ONSQ====",
    " ",
    "0001-01-01T00:00+14:00",
)
THINGS: tuple[object, ...] = (None, "", 0, True, [], {}, [[]], [None], [{}], {"id": {}}, "9" * 4500, 10**4000, 1e308)
CALLS = sorted(DESCRIBED)
FILES = {call for call in CALLS if not DESCRIBED[call].answer}


class Caller:
    """A client who has a token of the morning, an export and an import that is complete."""

    def __init__(self, *permissions: str) -> None:
        time = Time()
        self.simulator = Simulator(SEED, {"calls_per_window": None}, time.clock, time.sleep)
        self.session = requests.Session()
        self.session.mount("http://", SimulatorAdapter(self.simulator))
        self.sign_in("client")
        morning = {"sinceDatetime": f"{NOW:%Y-%m-%d}"}
        paging = self.session.get("http://m/rest/v1/activities/pagingtoken.json", params=morning)
        self.ids: dict[str, str] = {TOKEN: paging.json()["nextPageToken"]}
        page = {"filterType": "id", "filterValues": "1,2", "batchSize": "1"}
        answer = self.session.get("http://m/rest/v1/leads.json", params=page).json()
        self.ids[POSITION] = answer["nextPageToken"]
        self.make_ready()
        if permissions:
            client = {"client_id": "other", "client_secret": "secret", "permissions": list(permissions)}
            self.simulator.seed({"clients": [client]})
            self.sign_in("other")

    def sign_in(self, client_id: str) -> None:
        answer = self.session.get("http://m/identity/oauth/token", params=CREDENTIALS | {"client_id": client_id})
        self.session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def make_ready(self) -> None:
        self.call("POST", "/rest/v1/leads.json")
        self.call("POST", "/rest/v1/leads.json", content={"input": [{"email": "p3@example.org", "firstName": "Q"}]})
        self.call("POST", "/rest/v1/leads/delete.json", content={"input": [{"id": 5}]})
        self.call("POST", "/bulk/v1/leads.json")
        self.simulator.advance(60)

    def call(
        self,
        method: str,
        template: str,
        *,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        content: Mapping[str, object] | None = None,
    ) -> requests.Response:
        """The call's example, with another query, form or content."""
        described = DESCRIBED[method, template]
        path = described.path or template
        if EXPORT_ID in path:
            path = path.replace(EXPORT_ID, self.export_id("leads" if "/leads/" in path else "activities"))
        params = {
            name: self.ids.get(value, value) for name, value in (described.query if query is None else query).items()
        }
        return self.session.request(
            method,
            f"http://m{path}",
            params=params,
            data=described.form if form is None else form,
            json=described.content if content is None else content,
            files=described.files,
        )

    def export_id(self, kind: str) -> str:
        if kind not in self.ids:
            answer = self.call("POST", f"/bulk/v1/{kind}/export/create.json").json()
            self.ids[kind] = answer["result"][0]["exportId"] if answer["success"] else "none"
        return self.ids[kind]


def problems(described: Described, answer: requests.Response) -> list[str]:
    Draft202012Validator.check_schema(described.answer)
    validator = Draft202012Validator(described.answer)
    return [f"{list(each.absolute_path)}: {each.message}" for each in validator.iter_errors(answer.json())]


def refusal(answer: requests.Response) -> str:
    if not answer.headers["Content-Type"].startswith("application/json"):
        return ""
    content = answer.json()
    errors = content.get("errors") if isinstance(content, dict) else None
    return str(errors[0]["code"]) if errors else ""


def test_every_call_is_described() -> None:
    assert set(DESCRIBED) == set(OPERATIONS)


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_the_example_is_answered_as_described(call: tuple[str, str]) -> None:
    answer = Caller().call(*call)
    if call in FILES:
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) in (
            (200, "text/csv"),
            (404, "text/plain"),
        )
        return
    assert (answer.status_code, problems(DESCRIBED[call], answer)) == (200, [])
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"


@pytest.mark.parametrize("call", [call for call in CALLS if DESCRIBED[call].optional], ids=" ".join)
def test_each_optional_parameter_is_taken(call: tuple[str, str]) -> None:
    described = DESCRIBED[call]
    for name, value in described.optional.items():
        answer = Caller().call(*call, query={**described.query, name: value}).json()
        assert (name, answer["success"], answer.get("errors") or []) == (name, True, [])


@pytest.mark.parametrize("call", [call for call in CALLS if DESCRIBED[call].required], ids=" ".join)
def test_what_is_required_is_missed(call: tuple[str, str]) -> None:
    described, caller = DESCRIBED[call], Caller()
    given = {"query": described.query, "form": described.form, "content": described.content}
    for name, code in described.required.items():
        without = {
            kind: {each: value for each, value in values.items() if each != name}
            for kind, values in given.items()
            if values is not None
        }
        assert (name, refusal(caller.call(*call, **without))) == (name, code)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", [call for call in CALLS if DESCRIBED[call].numbers], ids=" ".join)
def test_whole_numbers_are_nothing_else(call: tuple[str, str]) -> None:
    described, caller = DESCRIBED[call], Caller()
    for name in described.numbers:
        for value in ("x", "1.5", "-1"):
            answer = caller.call(*call, query={**described.query, name: value})
            assert (name, value, refusal(answer)) == (name, value, "1001")


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_nobody_may_without_a_token_and_without_a_permission(call: tuple[str, str]) -> None:
    described = DESCRIBED[call]
    enough, others = set(described.permissions), PERMISSIONS - set(described.permissions)
    allowed = [refusal(Caller(permission, "Access Users").call(*call)) for permission in enough]
    assert "603" not in allowed
    if enough:
        assert refusal(Caller(*others).call(*call)) == "603"
    nobody = Caller()
    nobody.session.headers["Authorization"] = ""
    assert refusal(nobody.call(*call)) == "600"


@pytest.mark.parametrize("call", [call for call in CALLS if call[0] == "GET"], ids=" ".join)
def test_what_is_read_can_be_read_by_post(call: tuple[str, str]) -> None:
    caller, described = Caller(), DESCRIBED[call]
    path = (described.path or call[1]).replace(EXPORT_ID, caller.export_id("leads"))
    if "/activities/export/" in path:
        path = path.replace(caller.export_id("leads"), caller.export_id("activities"))
    form = {name: caller.ids.get(value, value) for name, value in described.query.items()} | {"_method": "GET"}
    answer = caller.session.post(f"http://m{path}", data=form)
    assert refusal(answer) == ""


def test_the_headers_of_a_range_reach_the_caller() -> None:
    caller = Caller()
    path = f"http://m/bulk/v1/leads/export/{caller.export_id('leads')}"
    caller.session.post(f"{path}/enqueue.json")
    caller.simulator.advance(60)
    whole = caller.session.get(f"{path}/file.json").content
    part = caller.session.get(f"{path}/file.json", headers={"Range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, whole[:2])
    assert part.headers["Content-Range"] == f"bytes 0-1/{len(whole)}"


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_whatever_a_parameter_is_there_is_an_answer(call: tuple[str, str]) -> None:
    described, caller = DESCRIBED[call], Caller()
    for name in {*described.query, *described.optional, *described.numbers, *(described.form or {})}:
        for value in HOSTILE:
            in_form = name in (described.form or {})
            query = described.query if in_form else {**described.query, name: value}
            form = {**(described.form or {}), name: value} if in_form else described.form
            answer = caller.call(*call, query=query, form=form)
            assert (name, value, answer.status_code in (200, 404, 414)) == (name, value, True)
    for name in described.content or {}:
        for thing in THINGS:
            answer = caller.call(*call, content={**(described.content or {}), name: thing})
            assert (name, answer.status_code) == (name, 200)
    assert caller.simulator.limits.executing == 0
