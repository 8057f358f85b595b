"""How the control plane's use cases are put together, once for each process."""

import functools
import secrets
import time
import uuid
from contextvars import ContextVar
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger

from destination.control.alerts import ReadAlerts
from destination.control.audiences import Emptying, ManageAudiences
from destination.control.audit import ReadAudit, Recorder
from destination.control.checks import CheckConnections
from destination.control.choices import ReadChoices
from destination.control.connections import ManageConnections
from destination.control.governance import ManagePolicies
from destination.control.previews import PreviewEvents
from destination.control.removal import Removal
from destination.control.runs import ReadRuns
from destination.control.verifications import ManageVerifications
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import NOTHING_KNOWN
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.marketo.transport import Call, session
from destination.queue import EventQueue
from destination.settings import ConnectionsSettings
from destination.store.alerts import Alerts
from destination.store.audiences import Audiences
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.governance import Policies
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret
from destination.store.verifications import Verifications as StoredVerifications

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_secretsmanager import SecretsManagerClient

LAST_CALL, LAST_ANSWER = 20.0, 22.0
"""Seconds from the first call to Marketo. API Gateway waits 29 s for an answer; 5 of them may go into connecting."""

CALLS_PER_20S, CONCURRENCY = 20, 2
"""To one instance, of one process.

These calls are not counted in the window of sync, which would otherwise have to be waited for. They fit into what it
leaves free: by default a connection takes 80 of Marketo's 100 calls in 20 s and 5 of its 10 at once, which is room for
one process at its busiest. Whoever raises a connection to Marketo's own limits leaves them none, and gets 606 at times.
"""


logger = Logger()
http = functools.cache(session)

caller: ContextVar[str] = ContextVar("caller", default="local")
"""Who makes the request that is being answered."""


@functools.cache
def paces() -> dict[str, Pace]:
    """The last pace of each instance, by Munchkin ID, so that one window counts the calls of all requests."""
    return {}


def pace_for(munchkin_id: str) -> Pace:
    now, before = time.monotonic(), paces().get(munchkin_id)
    paces()[munchkin_id] = Pace(
        CALLS_PER_20S,
        CONCURRENCY,
        state=before.state() if before else NOTHING_KNOWN,
        deadline=now + LAST_CALL,
        end=now + LAST_ANSWER,
    )
    return paces()[munchkin_id]


@functools.cache
def settings() -> ConnectionsSettings:
    return ConnectionsSettings.from_env()


@functools.cache
def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb")


@functools.cache
def secretsmanager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


def connections() -> Connections:
    return Connections(dynamodb(), settings().connections_table)


def audiences() -> Audiences:
    return Audiences(dynamodb(), settings().connections_table)


def credentials() -> Credentials:
    return Credentials(secretsmanager(), settings().secrets_prefix)


def alerts() -> Alerts:
    return Alerts(dynamodb(), settings().runs_table)


def leases() -> Leases:
    return Leases(dynamodb(), settings().connections_table)


def ledger() -> Ledger:
    return Ledger(dynamodb(), settings().ledger_table, leases=leases(), runs=runs())


def token_of(connection: Connection, given: ClientCredentials) -> TokenSecret:
    return TokenSecret(secretsmanager(), settings().secrets_prefix, connection.munchkin_id, given)


def marketo_for(connection: Connection, given: ClientCredentials) -> Marketo:
    """The connection's instance, seen as the API user whose credentials are given."""
    return Marketo(
        munchkin_id=connection.munchkin_id,
        credentials=given,
        tokens=token_of(connection, given),
        http=http(),
        pace=pace_for(connection.munchkin_id),
        url=settings().marketo_url,
        watch=functools.partial(_watch, connection.munchkin_id),
    )


def _watch(munchkin_id: str, call: Call) -> None:
    told = {"munchkin_id": munchkin_id, **asdict(call)}
    if call.code is None:
        logger.debug("marketo call answered", extra=told)
    else:
        logger.info("marketo call refused", extra=told)


@functools.cache
def recorder() -> Recorder:
    return Recorder(
        Audit(dynamodb(), settings().connections_table),
        actor=caller.get,
        new_id=lambda: uuid.uuid4().hex,
        clock=now,
    )


@functools.cache
def management() -> ManageConnections:
    return ManageConnections(
        connections=connections(),
        credentials=credentials(),
        checks=checks(),
        token_of=token_of,
        removal=Removal(connections(), credentials(), alerts(), token_of, recorder()),
        record=recorder(),
        governance=governance(),
        new_id=lambda: str(uuid.uuid4()),
        new_token=lambda: secrets.token_urlsafe(32),
        clock=now,
    )


@functools.cache
def activations() -> ManageAudiences:
    return ManageAudiences(
        connections=connections(),
        audiences=audiences(),
        credentials=credentials(),
        marketo_for=marketo_for,
        emptying=Emptying(leases(), ledger(), marketo_for, clock=now, sleep=time.sleep),
        governance=governance(),
        record=recorder(),
    )


@functools.cache
def verifications() -> ManageVerifications:
    return ManageVerifications(
        connections=connections(),
        stored=StoredVerifications(dynamodb(), settings().runs_table),
        queue=EventQueue(boto3.client("sqs"), settings().queue_url),
        record=recorder(),
        new_id=lambda: secrets.token_hex(4),
        clock=now,
    )


@functools.cache
def governance() -> ManagePolicies:
    policies = Policies(dynamodb(), settings().connections_table)
    return ManagePolicies(policies, connections(), audiences(), recorder())


@functools.cache
def previews() -> PreviewEvents:
    return PreviewEvents(
        connections=connections(),
        credentials=credentials(),
        ledger=ledger(),
        marketo_for=marketo_for,
        clock=now,
    )


def checks() -> CheckConnections:
    return CheckConnections(connections(), credentials(), marketo_for, now)


def read_alerts() -> ReadAlerts:
    return ReadAlerts(connections(), alerts())


def read_audit() -> ReadAudit:
    return ReadAudit(recorder().audit)


def choices() -> ReadChoices:
    return ReadChoices(connections(), credentials(), marketo_for)


def runs() -> Runs:
    return Runs(dynamodb(), settings().runs_table)


def history() -> ReadRuns:
    return ReadRuns(connections(), runs(), clock=now)


def now() -> datetime:
    return datetime.now(UTC)
