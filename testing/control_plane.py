"""The control plane as its callers meet it: API Gateway's events in, answers out, over moto and the simulator."""

import base64
import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import responses
from typing import Any, Final
from urllib.parse import parse_qs, quote

import boto3
import jsonschema
import pytest
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_secretsmanager import SecretsManagerClient
from mypy_boto3_sns import SNSClient
from mypy_boto3_sqs import SQSClient

from destination.composition.connections import paces
from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.ingress import Ingresses
from destination.store.secrets import Credentials
from functions.connections import app
from marketo_simulator import Simulator
from marketo_simulator.server import serve
from testing.aws import PSEUDONYM_SECRET, Context, bucket
from testing.composition import composed
from testing.serial import one_call_at_a_time
from testing.template import ROOT, source, tables

PREFIX = "dest"
QUEUE_URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/events"
ALERT_TOPIC_ARN = "arn:aws:sns:eu-central-1:123456789012:alerts"
OPERATOR = "arn:aws:sts::123456789012:assumed-role/Operators/ada"
_TABLES = tables(source())
_DOCUMENT = json.loads((ROOT / "docs" / "openapi.json").read_text())

CREATE: Mapping[str, Any] = {
    "name": "Webinar leads",
    "munchkin_id": "123-ABC-456",
    "workspace": "Default",
    "sync_type": "audience_and_profile",
    "person_action": "update_existing_and_create_new",
    "dedupe_field": "email",
    "credentials": {"client_id": "client", "client_secret": "secret"},
    "source": {"format": "aep"},
    "mapping": [
        {"source": "personalEmail.address", "target": "DedupeField"},
        {"source": "person.name.firstName", "target": "firstName"},
        {"source": "person.name.lastName", "target": "lastName"},
    ],
}
"""A complete connection, credentials of the simulator's default client included."""


@contextmanager
def control_plane() -> Iterator[Simulator]:
    """The function's environment; its Marketo is a simulator on the loopback interface."""
    simulator = Simulator()
    with serve(simulator) as server:
        environment = {
            "CONNECTIONS_TABLE": "ConnectionsTable",
            "LEDGER_TABLE": "LedgerTable",
            "RUNS_TABLE": "RunsTable",
            "BUCKET": "bucket",
            "QUEUE_URL": QUEUE_URL,
            "DEAD_LETTER_QUEUE_URL": f"{QUEUE_URL.rpartition('/')[0]}/dead-letters",
            "ALERT_TOPIC_ARN": ALERT_TOPIC_ARN,
            "SECRETS_PREFIX": PREFIX,
            "PSEUDONYM_SECRET": PSEUDONYM_SECRET,
            "MARKETO_URL": server.url,
        }
        with composed(environment):
            yield simulator


@contextmanager
def fresh(simulator: Simulator) -> Iterator[None]:
    """AWS and Marketo as they are before anything was done."""
    simulator.reset()
    paces.cache_clear()
    one_call_at_a_time()
    with mock_aws():
        for name in ("ConnectionsTable", "LedgerTable", "RunsTable"):
            dynamodb().create_table(**_TABLES[name])
        for name in ("events", "dead-letters"):
            sqs().create_queue(QueueName=name)
        secretsmanager().create_secret(Name=PSEUDONYM_SECRET, SecretString="secret")
        bucket(s3())
        sns().create_topic(Name="alerts")
        yield


@functools.cache
def dynamodb() -> DynamoDBClient:
    return boto3.client("dynamodb")


@functools.cache
def sqs() -> SQSClient:
    return boto3.client("sqs")


@functools.cache
def sns() -> SNSClient:
    return boto3.client("sns")


@functools.cache
def s3() -> S3Client:
    return boto3.client("s3")


@functools.cache
def secretsmanager() -> SecretsManagerClient:
    return boto3.client("secretsmanager")


def connections() -> Connections:
    return Connections(dynamodb(), "ConnectionsTable")


def audiences() -> Audiences:
    return Audiences(dynamodb(), "ConnectionsTable")


def delivering() -> DeliveringConnections:
    """The connections as delivery marks them."""
    return DeliveringConnections(dynamodb(), "ConnectionsTable")


def ingresses() -> Ingresses:
    return Ingresses(dynamodb(), "ConnectionsTable")


def stored(connection_id: str) -> Connection:
    return connections().get(connection_id)


def credentials(connection_id: str) -> ClientCredentials:
    return Credentials(secretsmanager(), PREFIX).get(stored(connection_id))


def items() -> list[dict[str, Any]]:
    return list(dynamodb().scan(TableName="ConnectionsTable")["Items"])


def secret_names() -> list[str]:
    """Of the secrets that the control plane made; the key of pseudonyms is the stack's."""
    names = [secret["Name"] for secret in secretsmanager().list_secrets()["SecretList"]]
    return [name for name in names if name != PSEUDONYM_SECRET]


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """The log as it is written, with all that is beside the messages."""
    return "\n".join(app.logger.registered_formatter.format(record) for record in caplog.records)


def lists(marketo: Simulator) -> dict[int, str]:
    dumped: Any = marketo.dump()["lists"]
    return {one["id"]: one["name"] for one in dumped}


@dataclass(frozen=True, slots=True)
class ApiAnswer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def errors(self) -> dict[str, str]:
        """The problem's errors, message by path."""
        return {error["path"]: error["message"] for error in self.json["errors"]}


def call(
    method: str,
    path: str,
    body: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    text: str | None = None,
    caller: str | None = OPERATOR,
) -> ApiAnswer:
    """One request through the handler; `text` is sent as it is, in place of a body in JSON. `caller` signed it.

    The answer is held against the published description.
    """
    given = send(
        method,
        path,
        {"Content-Type": "application/json", **(headers or {})},
        {name: [value] for name, value in (query or {}).items()},
        json.dumps(body) if text is None and body is not None else text,
        caller,
    )
    _check(method, path, given)
    return given


def send(
    method: str,
    path: str,
    headers: Mapping[str, str],
    query: Mapping[str, Sequence[str]],
    body: str | None,
    caller: str | None = OPERATOR,
) -> ApiAnswer:
    """One request through the handler, as API Gateway hands it on."""
    sent = {"Host": "abc123.execute-api.eu-west-1.amazonaws.com", **headers}
    event = {
        "version": "1.0",
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": {name: list(values) for name, values in query.items()} or None,
        "pathParameters": {"proxy": path.removeprefix("/")},
        "requestContext": {
            "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
            "path": f"/prod{path}",
            "stage": "prod",
            "apiId": "abc123",
            "requestId": "request-1",
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1", "userArn": caller},
        },
        "body": body and base64.b64encode(body.encode(errors="surrogatepass")).decode(),
        "isBase64Encoded": bool(body),
    }
    answer = app.handler(event, Context())
    single = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
    return ApiAnswer(answer["statusCode"], single, answer["body"] or "")


def application(environ: Mapping[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """The same as a WSGI application (PEP 3333)."""
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").title(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") or (name in {"CONTENT_TYPE", "CONTENT_LENGTH"} and value)
    }
    path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
    body = environ["wsgi.input"].read().decode(errors="replace")
    query = parse_qs(environ["QUERY_STRING"], keep_blank_values=True)
    answer = send(environ["REQUEST_METHOD"], quote(path), headers, query, body or None)
    start_response(f"{answer.status} {responses.get(answer.status, '')}", list(answer.headers.items()))
    return [answer.text.encode()]


def _check(method: str, path: str, answer: ApiAnswer) -> None:
    for template, methods in _DOCUMENT["paths"].items():
        if method.lower() in methods and re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path):
            described = methods[method.lower()]["responses"][str(answer.status)]
            if "content" not in described:
                assert answer.text == ""
                return
            kind = answer.headers["Content-Type"].partition(";")[0]
            said = answer.json if kind.endswith("json") and "ndjson" not in kind else answer.text
            schema = described["content"][kind]["schema"]
            jsonschema.validate(said, schema | {"components": _DOCUMENT["components"]})


AUD_1: Final = activation_id(AudienceKey(ANY_NAMESPACE, "aud-1"))
"""The activation id of the audience that tests activate."""


def created(**changes: object) -> str:
    """The id of a new connection."""
    answer = call("POST", "/connections", {**CREATE, **changes})
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def activated(connection_id: str, audience_id: str = "aud-1", **properties: object) -> ApiAnswer:
    body = {"id": audience_id, "name": "Webinar, spring", **properties}
    return call("POST", f"/connections/{connection_id}/audiences", body)


def audience_path(connection_id: str, audience_id: str, namespace: str = ANY_NAMESPACE) -> str:
    return f"/connections/{connection_id}/audiences/{activation_id(AudienceKey(namespace, audience_id))}"
