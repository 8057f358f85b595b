"""The control plane through API Gateway: what operators do, what it answers, and what is stored for it."""

import hashlib
import json
from typing import Any

import pytest
import requests

from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from tests.e2e.system import CLIENT_ID, Destination, Instance, System, configuration, profile

NAME = "Webinar, spring"
LIST_NAME = "Webinar; spring"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
PROBLEM = "application/problem+json"


@pytest.fixture
def instance(system: System) -> Instance:
    return system.instance(lists=[{"name": "Already there", "id": 77}])


@pytest.fixture
def draft(system: System, instance: Instance) -> Destination:
    return system.create(instance)


def problem(answer: requests.Response, status: int) -> dict[str, Any]:
    """The answer's problem details, checked for their form; the messages of their errors, by path."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == PROBLEM
    details: dict[str, Any] = answer.json()
    assert details.keys() - {"correlation_id"} == {"type", "title", "status", "detail", "errors"}
    assert details["correlation_id"] == answer.headers["X-Correlation-Id"]
    assert details["status"] == status
    assert details["title"]
    assert details["detail"]
    assert all(set(one) == {"path", "message"} for one in details["errors"])
    return {one["path"]: one["message"] for one in details["errors"]}


def audience(connection: Destination, **changes: object) -> requests.Response:
    body = {"id": "aud-1", "name": NAME} | changes
    return connection.system.request("POST", f"/connections/{connection.id}/audiences", body)


# Connections


def test_a_connection_is_created_shown_listed_changed_and_deleted(system: System, instance: Instance) -> None:
    created = system.request("POST", "/connections", configuration(instance))
    assert created.status_code == 201
    shown = created.json()
    path = f"/connections/{shown['id']}"
    ingest = shown.pop("ingest")
    system.secrets.add(ingest["token"])
    assert ingest["url"] == f"{system.stack.api_url}{path}/events"
    assert (shown["version"], shown["status"], created.headers["ETag"]) == (1, "draft", '"1"')
    assert shown.items() >= {"name": "End to end", "partition": "EMEA", "munchkin_id": instance.munchkin_id}.items()

    assert system.call("GET", path) == shown
    assert shown in system.listed(2)

    changed = system.request("PATCH", path, {"name": "Renamed", "description": "For spring"}, If_Match='"1"')
    assert changed.headers["ETag"] == '"2"'
    assert changed.json() == shown | {"name": "Renamed", "description": "For spring", "version": 2}
    problem(system.request("PATCH", path, {"name": "Too late"}, If_Match='"1"'), 412)
    assert system.call("GET", path) == changed.json()

    assert system.request("DELETE", path).status_code == 204
    problem(system.request("GET", path), 404)
    assert shown["id"] not in {one["id"] for one in system.listed(100)}


def test_what_breaks_a_rule_is_refused_with_every_member_named(system: System, instance: Instance) -> None:
    body = configuration(instance, sync_type="audience_only", munchkin_id="nonsense", dedupe_field="id", mapping=[])
    named = problem(system.request("POST", "/connections", body), 422)
    assert set(named) == {"munchkin_id", "dedupe_field", "partition"}
    named = problem(system.request("POST", "/connections", {"name": 17, "surprise": True}), 422)
    assert {"name", "surprise", "munchkin_id", "sync_type", "source"} <= set(named)
    text = system.http.post(
        f"{system.stack.api_url}/connections", data="{", headers={"Content-Type": "application/json"}, timeout=10
    )
    problem(text, 400)


def test_credentials_are_in_no_answer_and_only_in_their_secret(
    system: System, instance: Instance, draft: Destination
) -> None:
    path = f"/connections/{draft.id}"
    answers = [
        system.request("GET", path),
        system.request("GET", "/connections"),
        system.request(
            "PATCH", path, {"credentials": {"client_id": CLIENT_ID, "client_secret": instance.client_secret}}
        ),
        audience(draft),
        system.request("POST", f"{path}/enable"),
        system.request("GET", f"{path}/runs"),
        system.request("PATCH", path, {"credentials": {"client_id": 1, "client_secret": [instance.client_secret]}}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 201, 200, 200, 422]
    for answer in answers:
        assert instance.client_secret not in answer.text
        assert draft.token not in answer.text

    secret = system.aws("secretsmanager").get_secret_value(
        SecretId=f"{system.stack.secrets_prefix}/credentials/{draft.id}"
    )
    assert json.loads(secret["SecretString"]) == {"client_id": CLIENT_ID, "client_secret": instance.client_secret}
    items = stored(system, draft.id)
    assert instance.client_secret not in json.dumps(items)
    assert draft.token not in json.dumps(items)
    assert items["connection"]["token_hash"] == {"S": hashlib.sha256(draft.token.encode()).hexdigest()}


def stored(system: System, connection_id: str) -> dict[str, dict[str, Any]]:
    """The connection's items in its table, by sort key."""
    answer = system.aws("dynamodb").query(
        TableName=system.stack.tables["connections"],
        KeyConditionExpression="pk = :id",
        ExpressionAttributeValues={":id": {"S": connection_id}},
    )
    return {item["sk"]["S"]: item for item in answer["Items"]}


def test_deleting_leaves_neither_items_nor_credentials(system: System, instance: Instance) -> None:
    made = system.connect(instance, "Gone with it")
    assert set(stored(system, made.id)) == {
        "connection",
        f"activation#{activation_id(AudienceKey(ANY_NAMESPACE, 'Gone with it'))}",
    }
    system.call("DELETE", f"/connections/{made.id}?discard=true")
    assert stored(system, made.id) == {}
    names = [one["Name"] for one in system.aws("secretsmanager").list_secrets(MaxResults=100)["SecretList"]]
    assert not [name for name in names if made.id in name]
    assert "Gone with it" in instance.lists()


def test_the_mapping_is_replaced_and_a_wrong_one_changes_nothing(system: System, draft: Destination) -> None:
    path = f"/connections/{draft.id}/mapping"
    rows: list[dict[str, object]] = [
        {"source": "identityMap.email", "target": "DedupeField"},
        {"source": "first", "target": "firstName"},
        {"source": "last", "target": "lastName"},
        {"source": "tier", "target": "company", "when_missing": "clear"},
    ]
    plain: dict[str, object] = {
        "when_missing": "ignore",
        "when_empty": "ignore",
        "labels": [],
        "source_type": None,
        "opt_in": None,
        "join": None,
    }
    assert system.call("PUT", path, rows) == [plain | row for row in rows]
    named = problem(system.request("PUT", path, rows[1:]), 422)
    assert list(named) == ["mapping"]
    assert system.call("GET", path) == [plain | row for row in rows]


# Audiences


def test_activating_makes_the_audiences_list_once(instance: Instance, draft: Destination) -> None:
    first = audience(draft)
    assert first.status_code == 201
    kept = first.json()["list"]
    assert kept["name"] == LIST_NAME
    assert LIST_NAME in instance.lists()
    again = audience(draft)
    assert (again.status_code, again.json()["list"]) == (200, kept)
    assert list(instance.lists()).count(LIST_NAME) == 1
    path = f"/connections/{draft.id}/audiences"
    assert draft.system.call("GET", path)["audiences"] == [again.json()]
    assert draft.system.call("GET", f"{path}/{again.json()['activation_id']}") == again.json()


def test_activating_adopts_a_list_of_the_same_name(system: System, instance: Instance, draft: Destination) -> None:
    before = instance.lists()
    assert audience(draft, id="aud-2", name="Already there").json()["list"] == {"id": 77, "name": "Already there"}
    assert instance.lists() == before
    item = stored(system, draft.id)[f"activation#{activation_id(AudienceKey(ANY_NAMESPACE, 'aud-2'))}"]
    assert (item["list_id"], item["list_name"]) == ({"N": "77"}, {"S": "Already there"})


def test_a_list_that_marketo_does_not_have_is_refused(draft: Destination) -> None:
    assert list(problem(audience(draft, list={"id": 4711}), 422)) == ["list.id"]


def test_an_audience_is_changed_and_deactivated_and_its_list_stays(
    system: System, instance: Instance, draft: Destination
) -> None:
    audience(draft, id="aud 3", name="To be dropped")
    path = f"/connections/{draft.id}/audiences/{activation_id(AudienceKey(ANY_NAMESPACE, 'aud 3'))}"
    assert system.call("PATCH", path, {"end": "2027-01-01T00:00:00Z"})["end"] == "2027-01-01T00:00:00Z"
    assert system.request("DELETE", path).status_code == 204
    problem(system.request("GET", path), 404)
    assert "To be dropped" in instance.lists()


def test_wrong_credentials_are_told_when_marketo_is_asked(system: System, instance: Instance) -> None:
    made = system.create(instance, credentials={"client_id": "nobody", "client_secret": instance.client_secret})
    answer = audience(made)
    problem(answer, 409)
    assert instance.client_secret not in answer.text


# The webhook


def test_enabling_needs_everything_and_opens_the_webhook(system: System, instance: Instance) -> None:
    made = system.create(instance, mapping=[], credentials=None)
    path = f"/connections/{made.id}"
    assert set(problem(system.request("POST", f"{path}/enable"), 409)) == {"credentials", "mapping", "audiences"}
    problem(system.send(made.id, made.token, []), 409)

    complete = configuration(instance)
    system.call("PATCH", path, {"mapping": complete["mapping"], "credentials": complete["credentials"]})
    audience(made)
    assert system.call("POST", f"{path}/enable")["status"] == "enabled"
    made.post(profile("enabled@example.org", "aud-1"))
    assert made.accounted(1)["persons"] == 1

    assert system.call("POST", f"{path}/disable")["status"] == "disabled"
    problem(system.send(made.id, made.token, profile("disabled@example.org", "aud-1")), 409)
    system.call("POST", f"{path}/enable")
    made.post(profile("again@example.org", "aud-1"))
    assert made.accounted(2)["received"] == 2
    assert "disabled@example.org" not in instance.emails()


@pytest.mark.parametrize("token", [None, "wrong"])
def test_the_webhook_wants_the_connections_own_token(
    token: str | None, system: System, instance: Instance, draft: Destination
) -> None:
    problem(system.send(draft.id, token, []), 401)
    problem(system.send(system.create(instance).id, draft.token, []), 401)


def test_the_webhook_knows_its_connections(system: System, draft: Destination) -> None:
    problem(system.send(UNKNOWN, draft.token, []), 404)


def test_the_webhook_refuses_what_is_no_json(system: System, instance: Instance) -> None:
    made = system.connect(instance, "Bodies")
    problem(system.send(made.id, made.token, b"email,firstName\n"), 400)
    problem(system.send(made.id, made.token, b"{}", content_type="text/csv"), 415)
    named = problem(system.send(made.id, made.token, [17, {"identityMap": []}]), 400)
    assert list(named) == ["[0]", "[1].identityMap"]


# What is not there


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/enable"),
        ("GET", "/mapping"),
        ("GET", "/audiences"),
        ("POST", "/audiences"),
        ("GET", "/runs"),
    ],
)
def test_an_unknown_connection_is_not_found(method: str, below: str, system: System) -> None:
    body = {"id": "aud-1", "name": NAME} if method == "POST" and below == "/audiences" else {}
    problem(
        system.request(method, f"/connections/{UNKNOWN}{below}", body if method in {"PATCH", "POST"} else None), 404
    )
