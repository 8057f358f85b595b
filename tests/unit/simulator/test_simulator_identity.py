"""Tokens: who gets one, how long it lives, what a call without a good one is answered."""

import pytest

from marketo_simulator import Request
from tests.unit.simulator.simulator_api import Api, code

PARTITIONS = "/rest/v1/leads/partitions.json"


def test_the_same_token_comes_back_with_its_remaining_life() -> None:
    api = Api()
    first = api.identity(client_id="client", client_secret="secret").json()
    api.simulator.advance(100.5)
    second = api.identity(client_id="client", client_secret="secret").json()
    assert first == {"access_token": api.token, "token_type": "bearer", "expires_in": 3600, "scope": "api@example.org"}
    assert second == first | {"expires_in": 3499}


def test_after_its_life_there_is_a_new_token_and_the_old_one_is_expired() -> None:
    api = Api()
    old = api.token
    api.simulator.advance(3600)
    assert code(api.get(PARTITIONS)) == "602"
    api.sign_in()
    assert api.token != old
    assert code(api.get(PARTITIONS)) == ""


def test_credentials_may_come_as_a_form() -> None:
    api = Api()
    form = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret"}
    assert api.call("POST", "/identity/oauth/token", form=form)["access_token"] == api.token
    assert api.call("POST", "/identity/oauth/token", form)["access_token"] == api.token


@pytest.mark.parametrize(
    ("client_id", "client_secret", "error"),
    [("client", "wrong", "unauthorized"), ("nobody", "secret", "invalid_client"), ("", "", "invalid_client")],
)
def test_bad_credentials_are_401_in_the_shape_of_oauth(client_id: str, client_secret: str, error: str) -> None:
    answer = Api().identity(client_id=client_id, client_secret=client_secret)
    assert answer.status == 401
    assert answer.json()["error"] == error


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, "600"), ({"Authorization": "Bearer "}, "600"), ({"Authorization": "Bearer nonsense"}, "601")],
)
def test_calls_without_a_known_token(headers: dict[str, str], expected: str) -> None:
    answer = Api().simulator.handle(Request.of("GET", PARTITIONS, headers)).json()
    assert answer["success"] is False
    assert answer["errors"][0]["code"] == expected


def test_the_access_token_parameter_is_not_taken() -> None:
    api = Api()
    answer = api.simulator.handle(Request.of("GET", f"{PARTITIONS}?access_token={api.token}")).json()
    assert answer["errors"][0]["code"] == "600"


def test_another_grant_type_is_refused() -> None:
    answer = Api().identity(client_id="client", client_secret="secret", grant_type="password")
    assert (answer.status, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_each_client_and_each_instance_has_its_own_token() -> None:
    clients = [{"client_id": name, "client_secret": "secret"} for name in ("client", "other")]
    api = Api({"clients": clients, "instances": {"123-ABC-456": {"clients": clients}}})
    tokens = {api.token}
    api.sign_in("other")
    tokens.add(api.token)
    api.instance = "123-ABC-456"
    api.sign_in("client")
    tokens.add(api.token)
    assert len(tokens) == 3


def test_a_role_without_the_permission_is_603() -> None:
    client = {"client_id": "client", "client_secret": "secret", "permissions": ["Read-Only Lead", "Read-Write Assets"]}
    api = Api({"clients": [client]})
    assert code(api.find("email", "ada@example.org")) == ""
    assert code(api.sync({"email": "ada@example.org"})) == "603"
    assert code(api.get("/rest/asset/v1/staticLists.json")) == ""
    refused = api.send("GET", "/userservice/management/v1/users/workspaces.json")
    assert refused.status == 403
    assert refused.json()["errors"][0]["code"] == "603"
    assert api.leads() == {}


def test_unknown_paths_and_methods() -> None:
    api = Api()
    assert code(api.get("/rest/v1/nothing.json")) == "610"
    assert code(api.get("/rest/v1//leads.json")) == "610"
    assert code(api.call("DELETE", PARTITIONS)) == "605"


@pytest.mark.parametrize(
    ("permissions", "status"),
    [
        (["Access User Management Api", "Access Users"], 200),
        (["Access User Management Api"], 403),
        (["Access Users"], 403),
    ],
)
def test_workspaces_need_both_permissions_of_user_management(permissions: list[str], status: int) -> None:
    api = Api({"clients": [{"client_id": "client", "client_secret": "secret", "permissions": permissions}]})
    assert api.send("GET", "/userservice/management/v1/users/workspaces.json").status == status


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"expires_in": 0}, {"expires_in": 0}),
        ({"expires_in": "3599"}, {"expires_in": "3599"}),
        ({"access_token": None}, {"access_token": "absent"}),
        ({"token_type": None, "scope": 5}, {"token_type": "absent", "scope": 5}),
    ],
)
def test_identity_can_say_of_a_token_what_is_not_so(said: dict[str, object], expected: dict[str, object]) -> None:
    api = Api()
    api.simulator.configure(token_answer=said)
    answer = api.identity(client_id="client", client_secret="secret").json()
    assert {name: answer.get(name, "absent") for name in expected} == expected
    assert code(api.get(PARTITIONS)) == "", "the token itself is as good as before"


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, "<html>Service Unavailable</html>"), (502, ""), (200, "<html>Maintenance</html>"), (200, "{"), (429, "")],
)
def test_identity_can_answer_what_a_gateway_does(status: int, body: str) -> None:
    api = Api()
    api.simulator.seed({"faults": [{"effect": "http", "status": status, "body": body, "path": "^/identity/"}]})
    assert code(api.get(PARTITIONS)) == ""
    answer = api.identity(client_id="client", client_secret="secret")
    assert (answer.status, answer.body.decode()) == (status, body)
    assert api.sign_in().status == 200


def test_a_token_can_be_about_to_expire() -> None:
    api = Api(token_seconds=1)
    assert api.sign_in().json()["expires_in"] == 1
    api.simulator.advance(1)
    assert code(api.get(PARTITIONS)) == "602"
