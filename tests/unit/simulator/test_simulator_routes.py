"""Paths: which call they mean, and what is answered where there is none."""

import pytest

from marketo_simulator import Request
from marketo_simulator.routes import OPERATIONS, template
from marketo_simulator.unsimulated import NOT_SIMULATED
from tests.unit.simulator.simulator_api import Api, code

ROWS = [row for rows in NOT_SIMULATED.values() for row in rows]


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/rest/v1/campaigns.json", "Get Campaigns"),
        ("POST", "/rest/v1/campaigns/5/trigger.json", "Request Campaign"),
        ("GET", "/rest/v1/customobjects/cars_c.json", "Get Custom Objects"),
        ("GET", "/rest/v1/customobjects/schema.json", "List Custom Object Types"),
        ("GET", "/bulk/v1/customobjects/7/export/abc/file.json", "Get Export Custom Object File"),
        ("POST", "/rest/asset/v1/folder/12/tokens.json", "Create Token"),
        ("GET", "/rest/asset/v1/email/byName.json", "Get Email by Name"),
        ("GET", "/rest/asset/v1/email/5.json", "Get Email By Id"),
        ("GET", "/rest/asset/v2/email/5", "Get Email by Id"),
    ],
)
def test_what_marketo_has_and_the_simulator_has_not_says_its_name(method: str, path: str, name: str) -> None:
    answer = Api().send(method, path)
    assert answer.status == 501
    assert answer.json()["errors"] == [{"code": "501", "message": f"{name} ({method} {path}) is not simulated"}]


def test_user_management_too() -> None:
    answer = Api().send("GET", "/userservice/management/v1/users/roles.json")
    assert (answer.status, answer.json()["errors"][0]["message"].split(" (")[0]) == (501, "Get Roles")


@pytest.mark.parametrize(
    ("method", "path", "refusal"),
    [
        ("GET", "/rest/v1/nothing.json", "610"),
        ("GET", "/rest/v1/lead/ada.json", "610"),
        ("GET", "/rest/v1/campaigns/5/6.json", "610"),
        ("DELETE", "/rest/v1/campaigns.json", "605"),
        ("GET", "/rest/v1/leads/1/merge.json", "605"),
        ("PUT", "/bulk/v1/leads/export/abc/status.json", "605"),
        ("GET", f"/rest/v1/lead/{'9' * 5000}.json", "1001"),
        ("GET", "/rest/v1/lead/\u0661.json", "610"),
        ("GET", "/rest/v1/leads/schema/fields/123.json", "1006"),
    ],
)
def test_other_paths(method: str, path: str, refusal: str) -> None:
    assert code(Api().call(method, path.replace("\u0661", "%D9%A1"))) == refusal


def test_a_call_without_a_token_learns_no_names() -> None:
    answer = Api().send("GET", "/rest/v1/campaigns.json", headers={"Authorization": ""})
    assert (answer.status, answer.json()["errors"][0]["code"]) == (200, "600")


def test_every_row_of_the_table_is_found_by_its_path_and_by_no_call_that_is_simulated() -> None:
    api = Api(calls_per_window=None)
    answers = {(method, path): api.send(method, path.replace("{}", "x7")) for method, path, _ in ROWS}
    assert {answer.status for answer in answers.values()} == {501}
    assert {(method, path.replace("{}", "{id}")) for method, path, _ in ROWS}.isdisjoint(OPERATIONS)
    assert len(answers) == len(ROWS)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/rest/v1/list/5/leads.json", "/rest/v1/lists/{id}/leads.json"),
        ("/bulk/v1/leads/export/ce45a7a1-f19d/file.json", "/bulk/v1/leads/export/{name}/file.json"),
        ("/rest/v1/leads/schema/fields/email.json", "/rest/v1/leads/schema/fields/{name}.json"),
        ("/rest/v1/lead/5.json", "/rest/v1/lead/{id}.json"),
    ],
)
def test_the_log_shows_paths_without_what_varies(path: str, shown: str) -> None:
    assert template(path) == shown


@pytest.mark.parametrize("path", ["//rest/v1/lists.json", "//x/rest/v1/lists.json", "/rest//v1/lists.json", "//[/x"])
def test_slashes_without_anything_between_them_lead_nowhere(path: str) -> None:
    for instance in ("", "123-ABC-456"):
        api = Api(instance=instance)
        assert code(api.get(path)) == "610"
        logged = (api.simulator.instance(instance) if instance else api.simulator).log()[-1]
        assert logged.path == path


def test_the_whole_address_may_stand_in_a_request() -> None:
    request = Request.of("GET", "http://127.0.0.1:9000/_simulator/health?x=1")
    assert (request.path, request.query) == ("/_simulator/health", [("x", "1")])
