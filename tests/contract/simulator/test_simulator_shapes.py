"""Every endpoint's answers, over a real socket, against Marketo's published shapes."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from jsonschema import Draft202012Validator

from marketo_simulator import Fault, Simulator
from marketo_simulator.server import serve
from tests.contract.simulator import shapes

SEED = {
    "partitions": [{"name": "EMEA"}],
    "workspaces": [{"name": "Europe"}],
    "leads": [{"email": f"p{number}@example.org", "firstName": "P"} for number in range(3)],
    "lists": [{"name": "Lions", "id": 7, "members": [1, 2]}],
}
LEADS = "/rest/v1/leads.json"
MEMBERS = "/rest/v1/lists/7/leads.json"
ASSET = "/rest/asset/v1"
IN_GROUP_LISTS = {"name": "New", "description": "d", "folder": '{"id":12,"type":"Folder"}'}


class Marketo:
    """A signed-in caller of a served simulator."""

    def __init__(self, simulator: Simulator, url: str, session: requests.Session) -> None:
        self.simulator = simulator
        self._url = url
        self._session = session
        session.headers["Authorization"] = f"Bearer {self.identity().json()['access_token']}"

    def identity(self, secret: str = "secret") -> requests.Response:
        params = {"grant_type": "client_credentials", "client_id": "client", "client_secret": secret}
        return self._session.get(f"{self._url}/identity/oauth/token", params=params, timeout=10)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._session.request(method, f"{self._url}{path}", timeout=10, **more)


@pytest.fixture
def marketo() -> Iterator[Marketo]:
    simulator = Simulator(SEED)
    with serve(simulator) as server, requests.Session() as session:
        yield Marketo(simulator, server.url, session)


def check(answer: requests.Response, schema: shapes.Schema, status: int = 200) -> None:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    problems = [f"{list(each.absolute_path)}: {each.message}" for each in _validator(schema).iter_errors(answer.json())]
    assert problems == []


def _validator(schema: shapes.Schema) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize(
    ("method", "path", "more", "schema"),
    [
        ("GET", "/rest/v1/leads/describe.json", {}, shapes.DESCRIBE),
        ("GET", "/rest/v1/leads/describe2.json", {}, shapes.DESCRIBE2),
        ("GET", "/rest/v1/leads/partitions.json", {}, shapes.PARTITIONS),
        ("GET", f"{LEADS}?filterType=id&filterValues=1,2,99", {}, shapes.LEADS),
        ("GET", f"{LEADS}?filterType=id&filterValues=1,2,3&batchSize=2", {}, shapes.LEADS),
        ("GET", f"{LEADS}?filterType=email&filterValues=nobody@example.org", {}, shapes.LEADS),
        ("POST", f"{LEADS}?_method=GET", {"data": {"filterType": "id", "filterValues": "1"}}, shapes.LEADS),
        ("POST", LEADS, {"data": {"filterType": "id", "filterValues": "1", "_method": "GET"}}, shapes.LEADS),
        ("GET", "/rest/v1/lead/1.json", {}, shapes.LEADS),
        (
            "POST",
            LEADS,
            {"json": {"input": [{"email": "p0@example.org"}, {"email": "new@example.org"}, {"email": "bad"}]}},
            shapes.SYNCED,
        ),
        ("POST", "/rest/v1/leads/delete.json", {"json": {"input": [{"id": 1}, {"id": 99}]}}, shapes.DELETED),
        ("POST", f"{LEADS}?_method=DELETE", {"json": {"input": [{"id": 1}]}}, shapes.DELETED),
        ("GET", "/rest/v1/lists.json", {}, shapes.LISTS),
        ("GET", "/rest/v1/lists/7.json", {}, shapes.LISTS),
        ("GET", MEMBERS, {}, shapes.LIST_MEMBERS),
        ("GET", "/rest/v1/list/7/leads.json?batchSize=1", {}, shapes.LIST_MEMBERS),
        ("POST", MEMBERS, {"json": {"input": [{"id": 3}, {"id": 99}]}}, shapes.ADDED),
        ("DELETE", f"{MEMBERS}?id=1&id=3&id=99", {}, shapes.REMOVED),
        ("DELETE", MEMBERS, {"json": {"input": [{"id": 1}]}}, shapes.REMOVED),
        ("GET", "/rest/v1/lists/7/leads/ismember.json?id=1,3,99", {}, shapes.MEMBERSHIP),
        ("GET", "/rest/v1/leads/1/listMembership.json", {}, shapes.LISTS_OF_LEAD),
        ("GET", f"{ASSET}/staticList/7.json", {}, shapes.STATIC_LISTS),
        ("GET", f"{ASSET}/staticList/byName.json?name=Lions", {}, shapes.STATIC_LISTS),
        ("GET", f"{ASSET}/staticLists.json", {}, shapes.STATIC_LISTS),
        ("POST", f"{ASSET}/staticLists.json", {"data": IN_GROUP_LISTS}, shapes.STATIC_LISTS),
        ("POST", f"{ASSET}/staticList/7.json", {"data": {"description": "d"}}, shapes.STATIC_LISTS),
        ("POST", f"{ASSET}/staticList/7/delete.json", {}, shapes.ASSET_DELETED),
        ("GET", f"{ASSET}/folder/byName.json?name=Group%20Lists", {}, shapes.FOLDERS),
        ("GET", f"{ASSET}/folder/12.json?type=Folder", {}, shapes.FOLDERS),
        ("GET", f"{ASSET}/folders.json", {}, shapes.FOLDERS),
        ("GET", f"{ASSET}/staticList/byName.json?name=Nobody", {}, shapes.NOTHING_FOUND),
        ("GET", f"{ASSET}/folder/99.json?type=Folder", {}, shapes.NOTHING_FOUND),
        ("GET", "/userservice/management/v1/users/workspaces.json", {}, shapes.WORKSPACES),
        ("GET", "/rest/v1/stats/usage.json", {}, shapes.USAGE),
        ("GET", "/rest/v1/stats/usage/last7days.json", {}, shapes.USAGE),
        ("GET", "/rest/v1/stats/errors.json", {}, shapes.ERRORS),
        ("GET", "/rest/v1/stats/errors/last7days.json", {}, shapes.ERRORS),
        ("GET", f"{LEADS}?filterType=createdAt&filterValues=x", {}, shapes.FAILURE),
        ("GET", "/rest/v1/lists/99.json", {}, shapes.FAILURE),
        ("POST", f"{ASSET}/staticLists.json", {"data": IN_GROUP_LISTS | {"name": "Lions"}}, shapes.FAILURE),
        ("PUT", LEADS, {}, shapes.FAILURE),
        ("GET", "/bulk/v1/leads/batch/99.json", {}, shapes.FAILURE),
    ],
)
def test_answers(marketo: Marketo, method: str, path: str, more: dict[str, Any], schema: shapes.Schema) -> None:
    marketo.call("GET", "/rest/v1/nothing.json")
    check(marketo.call(method, path, **more), schema)


def test_tokens(marketo: Marketo) -> None:
    check(marketo.identity(), shapes.TOKEN)
    check(marketo.identity("wrong"), shapes.TOKEN_REFUSED, 401)


def test_paged_answers_carry_a_token_and_only_lead_queries_say_more_result(marketo: Marketo) -> None:
    query = marketo.call("GET", f"{LEADS}?filterType=id&filterValues=1,2,3&batchSize=2").json()
    members = marketo.call("GET", f"{MEMBERS}?batchSize=1").json()
    assert (bool(query["nextPageToken"]), query["moreResult"]) == (True, True)
    assert (bool(members["nextPageToken"]), "moreResult" in members) == (True, False)


def test_imports(marketo: Marketo) -> None:
    file = {"file": ("leads.csv", "email,firstName\nnew@example.org,New\nbad,Bad\n", "text/csv")}
    check(marketo.call("POST", "/bulk/v1/leads.json?format=csv&listId=7", files=file), shapes.IMPORT_QUEUED)
    check(marketo.call("GET", "/bulk/v1/leads/batch/1.json"), shapes.IMPORT_STATUS)
    marketo.simulator.advance(3)
    check(marketo.call("GET", "/bulk/v1/leads/batch/1.json"), shapes.IMPORT_STATUS)
    marketo.simulator.advance(60)
    check(marketo.call("GET", "/bulk/v1/leads/batch/1.json"), shapes.IMPORT_STATUS)
    failures = marketo.call("GET", "/bulk/v1/leads/batch/1/failures.json")
    assert failures.headers["Content-Type"] == "text/csv;charset=UTF-8"
    assert failures.text.startswith("email,firstName,Import Failure Reason\n")
    assert marketo.call("GET", "/bulk/v1/leads/batch/1/warnings.json").text == ""


def test_form_fields_beside_the_file_count_as_parameters(marketo: Marketo) -> None:
    file = {"file": ("leads.csv", "email\nnew@example.org\n", "text/csv")}
    answer = marketo.call("POST", "/bulk/v1/leads.json", files=file, data={"format": "csv", "lookupField": "email"})
    check(answer, shapes.IMPORT_QUEUED)


@pytest.mark.parametrize("code", ["606", "607", "615", "601", "502", "1003"])
def test_scripted_errors_have_the_shape_of_real_ones(marketo: Marketo, code: str) -> None:
    marketo.simulator.script(Fault(code=code, every=1))
    check(marketo.call("GET", "/rest/v1/leads/partitions.json"), shapes.FAILURE)
    check(marketo.call("GET", f"{ASSET}/staticLists.json"), shapes.FAILURE)


def test_user_management_fails_with_http_statuses(marketo: Marketo) -> None:
    marketo.simulator.advance(7200)
    check(marketo.call("GET", "/userservice/management/v1/users/workspaces.json"), shapes.USER_FAILURE, 401)
