"""Signed bodies: from the key that an operator is shown once to the webhook that asks for its signature."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from destination.composition.aws import kms
from destination.store.connections import Connections
from functions.ingest import app as webhook
from testing.aws import Aws, Context, as_json, aws, refused, webhook_request
from testing.composition import composed
from testing.control_plane import CREATE, send

BODY = json.dumps([{"id": "e-1"}])
SIGNED = {"source": {"format": "canonical", "admission": {"proof": "signature"}}}


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        key = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        variables = {"SIGNING_KEY": key["KeyMetadata"]["Arn"]}
        with composed(stack.environment("https://marketo.example.org") | variables):
            yield stack


def asked(method: str, path: str, body: object = None) -> Any:
    answer = send(method, path, {"Content-Type": "application/json"}, {}, None if body is None else json.dumps(body))
    assert answer.status < 300, answer.text
    return answer.json


def enabled(stack: Aws, **changes: object) -> Any:
    """What creating answers of a connection that then takes events."""
    made = asked("POST", "/connections", {**CREATE, **SIGNED, **changes})
    key = {"pk": {"S": made["id"]}, "sk": {"S": "connection"}}
    stack.dynamodb.update_item(
        TableName="ConnectionsTable",
        Key=key,
        UpdateExpression="SET #status = :enabled",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":enabled": {"S": "enabled"}},
    )
    return made


def post(connection_id: str, key: str | None = None, token: str | None = None, body: str = BODY) -> int:
    """The status of a body that is signed as a sender does it."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    if key is not None:
        headers["X-Signature"] = hmac.new(key.encode(), BODY.encode(), hashlib.sha256).hexdigest()
    return int(webhook.handler(webhook_request(connection_id, body, headers, is_base64=True), Context())["statusCode"])


def test_the_key_that_is_shown_once_signs_and_nothing_else_opens(stack: Aws) -> None:
    made, other = enabled(stack), enabled(stack)
    key, token = made["ingest"]["signing_key"], made["ingest"]["token"]
    assert len(key) >= 43
    assert key != other["ingest"]["signing_key"]
    assert post(made["id"], key) == 202
    assert post(made["id"], key, body=BODY + " ") == 401
    assert post(made["id"], other["ingest"]["signing_key"]) == 401
    assert post(made["id"], token=token) == 401
    assert post(made["id"]) == 401
    items = stack.dynamodb.scan(TableName="ConnectionsTable")["Items"]
    assert key not in json.dumps(items)
    assert "signing_key" not in json.dumps(asked("GET", f"/connections/{made['id']}"))


def test_both_proofs_may_be_asked_for(stack: Aws) -> None:
    made = enabled(stack, source={"format": "canonical", "admission": {"proof": "both"}})
    key, token = made["ingest"]["signing_key"], made["ingest"]["token"]
    assert [post(made["id"], key, token), post(made["id"], key), post(made["id"], None, token)] == [202, 401, 401]


def test_a_key_is_replaced_with_its_token_and_the_one_before_opens_as_long_as_it(stack: Aws) -> None:
    made = enabled(stack)
    path = f"/connections/{made['id']}/ingest-token"
    keys = [made["ingest"]["signing_key"]]
    keys += [asked("POST", path, {"grace": grace})["signing_key"] for grace in ("PT1H", "PT1H")]
    assert len(set(keys)) == 3
    assert [post(made["id"], key) for key in keys] == [401, 202, 202]
    keys.append(asked("POST", path, {"grace": "PT0S"})["signing_key"])
    assert [post(made["id"], key) for key in keys] == [401, 401, 401, 202]


def test_where_the_key_cannot_be_had_the_sender_is_to_try_again(stack: Aws) -> None:
    made = enabled(stack)
    client: Any = kms()
    with refused(client, "GenerateMac"):
        answer = webhook.handler(webhook_request(made["id"], BODY, {}, is_base64=True), Context())
    assert (answer["statusCode"], as_json(answer)["type"]) == (503, "urn:marketo-destination:problem:unavailable")


def test_who_signs_nothing_cannot_be_asked_to(stack: Aws) -> None:
    wanted = {**CREATE, "source": {"format": "aep", "admission": {"proof": "both"}}}
    answer = send("POST", "/connections", {"Content-Type": "application/json"}, {}, json.dumps(wanted))
    assert (answer.status, answer.errors) == (
        422,
        {"source.admission.proof": "must be token: the senders of aep sign nothing"},
    )
    assert Connections(stack.dynamodb, "ConnectionsTable").list().connections == ()


def test_what_a_later_release_asks_for_is_asked_for_in_full(stack: Aws) -> None:
    made = enabled(stack)
    stack.dynamodb.update_item(
        TableName="ConnectionsTable",
        Key={"pk": {"S": made["id"]}, "sk": {"S": "connection"}},
        UpdateExpression="SET admission.proof = :later",
        ExpressionAttributeValues={":later": {"S": "retina"}},
    )
    key, token = made["ingest"]["signing_key"], made["ingest"]["token"]
    assert [post(made["id"], key, token), post(made["id"], key), post(made["id"], None, token)] == [202, 401, 401]
