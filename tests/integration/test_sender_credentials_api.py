"""Sender credentials through both functions: the control plane makes them, the token endpoint takes them, and the
webhook takes the tokens that they give.
"""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from destination.composition import now
from destination.composition.connections import manage_sender_credentials
from destination.domain.connection import Status
from destination.store.errors import StaleVersionError
from destination.store.sender_credentials import SendersCredentials
from functions.ingest import app as webhook
from marketo_simulator import Simulator
from testing.aws import Context, as_json, logged, webhook_request
from testing.composition import composed
from testing.control_plane import CREATE, OPERATOR, ApiAnswer, call, connections, dynamodb, items, stored
from testing.template import ROOT

CONTRACT = json.loads((ROOT / "docs/openapi.json").read_text())["paths"]["/oauth2/token"]["post"]["responses"]

pytestmark = pytest.mark.usefixtures("marketo", "of_ingest")


@pytest.fixture
def of_ingest() -> Iterator[None]:
    """What the webhook's function has in its environment besides."""
    with composed({"STACK_NAME": "destination"}):
        yield


def created() -> str:
    connection_id: str = call("POST", "/connections", {**CREATE, "source": {"format": "canonical"}}).json["id"]
    return connection_id


def opened() -> str:
    connection_id = created()
    found = stored(connection_id)
    connections().set_status(connection_id, found.version, Status.ENABLED, now())
    return connection_id


def made(connection_id: str, grace: str | None = None) -> ApiAnswer:
    answer = call(
        "POST", f"/connections/{connection_id}/sender-credentials", None if grace is None else {"grace": grace}
    )
    assert answer.status == 201
    return answer


def ask(secret: str, connection_id: str, *, method: str = "POST", headers: Mapping[str, str] | None = None) -> Any:
    """`POST /oauth2/token` as API Gateway hands it over."""
    form = {"grant_type": "client_credentials", "client_id": connection_id, "client_secret": secret}
    event = {
        "resource": "/oauth2/token",
        "path": "/oauth2/token",
        "httpMethod": method,
        "headers": {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})},
        "requestContext": {"stage": "live", "requestId": "request-1"},
        "body": base64.b64encode(urlencode(form).encode()).decode(),
        "isBase64Encoded": True,
    }
    answer = webhook.handler(event, Context())
    if method == "POST":
        schema = CONTRACT[str(answer["statusCode"])]["content"]["application/json"]["schema"]
        jsonschema.validate(as_json(answer), schema)
    return answer


def token(secret: str, connection_id: str) -> str:
    answer = ask(secret, connection_id)
    assert answer["statusCode"] == 200
    given: str = json.loads(answer["body"])["access_token"]
    return given


def posted(bearer: str, connection_id: str) -> int:
    request = webhook_request(connection_id, '{"id": "1"}', {"Authorization": f"Bearer {bearer}"})
    status: int = webhook.handler(request, Context())["statusCode"]
    return status


def test_a_secret_gives_a_token_and_the_token_opens_the_webhook() -> None:
    connection_id = opened()
    answer = made(connection_id)
    assert answer.json == {
        "token_url": "https://abc123.execute-api.eu-west-1.amazonaws.com/prod/oauth2/token",
        "client_id": connection_id,
        "client_secret": answer.json["client_secret"],
        "previous_valid_until": None,
    }
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["ETag"] == f'"{stored(connection_id).version}"'
    given = ask(answer.json["client_secret"], connection_id)
    assert given["headers"] == {
        "Content-Type": "application/json",
        "X-Correlation-Id": "request-1",
        "Cache-Control": "no-store",
        "Pragma": "no-cache",
    }
    body = json.loads(given["body"])
    assert body == {"access_token": body["access_token"], "token_type": "Bearer", "expires_in": 86_400}
    assert posted(body["access_token"], connection_id) == 202
    assert posted(answer.json["client_secret"], connection_id) == 401


def test_nothing_that_opens_is_stored_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    connection_id = opened()
    secret = made(connection_id).json["client_secret"]
    given = token(secret, connection_id)
    kept = json.dumps([items(), logged(webhook.logger, caplog)], default=str)
    assert secret not in kept
    assert given not in kept


def test_a_replaced_secret_is_good_for_its_grace_and_a_token_of_it_too() -> None:
    connection_id = opened()
    first = made(connection_id).json["client_secret"]
    of_first = token(first, connection_id)
    second = made(connection_id, "PT1H").json
    assert second["previous_valid_until"] is not None
    of_second = token(second["client_secret"], connection_id)
    assert [posted(one, connection_id) for one in (of_first, of_second)] == [202, 202]
    assert json.loads(ask(first, connection_id)["body"])["expires_in"] <= 3_600
    third = made(connection_id, "PT0S").json["client_secret"]
    assert [ask(one, connection_id)["statusCode"] for one in (first, second["client_secret"], third)] == [401, 401, 200]
    assert [posted(one, connection_id) for one in (of_first, of_second)] == [401, 401]


def test_revoked_credentials_and_their_tokens_end_at_once_and_the_ingest_token_stays() -> None:
    answer = call("POST", "/connections", {**CREATE, "source": {"format": "canonical"}}).json
    connection_id = answer["id"]
    connections().set_status(connection_id, 1, Status.ENABLED, now())
    secret = made(connection_id).json["client_secret"]
    given = token(secret, connection_id)
    assert call("DELETE", f"/connections/{connection_id}/sender-credentials").status == 204
    assert ask(secret, connection_id)["statusCode"] == 401
    assert posted(given, connection_id) == 401
    assert posted(answer["ingest"]["token"], connection_id) == 202
    assert call("DELETE", f"/connections/{connection_id}/sender-credentials").status == 404


def test_a_token_opens_its_own_connection_alone() -> None:
    one, other = opened(), opened()
    given = token(made(one).json["client_secret"], one)
    made(other)
    assert (posted(given, one), posted(given, other)) == (202, 401)


def test_a_change_is_of_a_version_and_recorded_without_secrets() -> None:
    connection_id = created()
    path = f"/connections/{connection_id}/sender-credentials"
    assert call("POST", path, headers={"If-Match": '"7"'}).status == 412
    assert call("POST", path, {"grace": "P8D"}).status == 422
    version = made(connection_id).headers["ETag"]
    assert call("DELETE", path, headers={"If-Match": '"1"'}).status == 412
    assert call("DELETE", path, headers={"If-Match": version}).status == 204
    records = call("GET", "/audit", query={"connection_id": connection_id}).json["records"]
    done = [(one["actor"], one["action"], one["changes"]) for one in records[:2]]
    assert done == [(OPERATOR, "revoke_sender_credentials", []), (OPERATOR, "replace_sender_credentials", [])]


def test_other_changes_leave_the_credentials_and_a_connection_that_is_being_deleted_has_none() -> None:
    connection_id = created()
    secret = made(connection_id).json["client_secret"]
    changed = call("PATCH", f"/connections/{connection_id}", {"description": "Of the web shop"})
    assert changed.status == 200
    connections().set_status(connection_id, changed.json["version"], Status.ENABLED, now())
    assert ask(secret, connection_id)["statusCode"] == 200
    assert call("DELETE", f"/connections/{connection_id}").status == 202
    assert ask(secret, connection_id)["statusCode"] == 401
    assert call("POST", f"/connections/{connection_id}/sender-credentials").status == 409


@pytest.mark.parametrize(
    ("method", "status", "error"),
    [("POST", 401, "invalid_client"), ("GET", 405, "invalid_request"), ("HEAD", 405, None)],
)
def test_refusals_have_the_form_of_oauth(method: str, status: int, error: str | None) -> None:
    answer = ask("wrong", created(), method=method)
    assert answer["statusCode"] == status
    assert answer["headers"]["Cache-Control"] == "no-store"
    assert ("WWW-Authenticate" in answer["headers"]) == (status == 401)
    assert answer["headers"].get("Allow") == ("POST" if status == 405 else None)
    if error is None:
        assert answer["body"] == ""
    else:
        assert json.loads(answer["body"]).keys() == {"error", "error_description"}
        assert json.loads(answer["body"])["error"] == error


def test_the_simulator_is_not_asked(marketo: Simulator) -> None:
    connection_id = created()
    token(made(connection_id).json["client_secret"], connection_id)
    assert not marketo.log()


class Overtaken(SendersCredentials):
    """Of which a token is given, or the connection changed, between what is read and what is written, once."""

    def __init__(self, between: Callable[[], object]) -> None:
        super().__init__(dynamodb(), "ConnectionsTable")
        self.between = [between]

    def replace(self, *given: Any) -> int:
        while self.between:
            self.between.pop()()
        return super().replace(*given)


def test_a_token_that_is_given_while_the_secret_is_replaced_is_good_for_the_grace() -> None:
    connection_id = opened()
    secret, given = made(connection_id).json["client_secret"], list[str]()
    overtaken = Overtaken(lambda: given.append(token(secret, connection_id)))
    replace(manage_sender_credentials(), stored=overtaken).replace(connection_id, timedelta(hours=1))
    assert posted(given[0], connection_id) == 202


def test_a_change_of_the_connection_in_between_is_somebody_elses() -> None:
    connection_id = opened()
    found = stored(connection_id)
    overtaken = Overtaken(lambda: connections().set_status(connection_id, found.version, Status.DISABLED, now()))
    with pytest.raises(StaleVersionError):
        replace(manage_sender_credentials(), stored=overtaken).replace(connection_id, timedelta(hours=1))
