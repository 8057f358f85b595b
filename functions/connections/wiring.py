"""How the control plane's use cases are put together, once for each process."""

import functools
import secrets
import time
import uuid
from datetime import UTC, datetime

import boto3

from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import NOTHING_KNOWN
from destination.governance import Governance
from destination.manage import Management
from destination.marketo.instance import Marketo
from destination.marketo.lists import Lists
from destination.marketo.pace import Pace
from destination.marketo.transport import session
from destination.settings import ConnectionsSettings
from destination.store.connections import Connections
from destination.store.policies import Policies
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret

LAST_CALL, LAST_ANSWER = 20.0, 22.0
"""Seconds from the first call to Marketo. API Gateway waits 29 s for an answer; 5 of them may go into connecting."""

CALLS_PER_20S, CONCURRENCY = 20, 2
"""To one instance, of one process.

These calls are not counted in the window of sync, which would otherwise have to be waited for. They fit into what it
leaves free: by default a connection takes 80 of Marketo's 100 calls in 20 s and 5 of its 10 at once, which is room for
one process at its busiest. Whoever raises a connection to Marketo's own limits leaves them none, and gets 606 at times.
"""


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
def management() -> Management:
    settings = ConnectionsSettings.from_env()
    dynamodb, secretsmanager, http = boto3.client("dynamodb"), boto3.client("secretsmanager"), session()

    def token_of(connection: Connection, credentials: ClientCredentials) -> TokenSecret:
        return TokenSecret(secretsmanager, settings.secrets_prefix, connection.munchkin_id, credentials)

    def lists_for(connection: Connection, credentials: ClientCredentials) -> Lists:
        return Marketo(
            munchkin_id=connection.munchkin_id,
            credentials=credentials,
            tokens=token_of(connection, credentials),
            http=http,
            pace=pace_for(connection.munchkin_id),
            url=settings.marketo_url,
        ).lists

    return Management(
        connections=Connections(dynamodb, settings.connections_table),
        credentials=Credentials(secretsmanager, settings.secrets_prefix),
        runs=Runs(dynamodb, settings.runs_table),
        lists_for=lists_for,
        token_of=token_of,
        new_id=lambda: str(uuid.uuid4()),
        new_token=lambda: secrets.token_urlsafe(32),
        clock=now,
    )


@functools.cache
def governance() -> Governance:
    settings = ConnectionsSettings.from_env()
    dynamodb = boto3.client("dynamodb")
    return Governance(
        policies=Policies(dynamodb, settings.connections_table),
        connections=Connections(dynamodb, settings.connections_table),
    )


def now() -> datetime:
    return datetime.now(UTC)
