"""What is sent: AEP profiles of a realistic size, as bodies for the webhook and as the queue's messages."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from mypy_boto3_dynamodb import DynamoDBClient

from benchmarks.aws import CONNECTIONS
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import (
    ActiveConnection,
    Connection,
    Limits,
    MappingRow,
    PersonAction,
    Status,
    SyncType,
)
from destination.ingest.admission import SourceRequest
from destination.ingest.sources import source
from destination.ingest.sources.record import RecordTimes
from destination.queue import Message, encode_event, pack
from destination.store.audiences import Audiences
from destination.store.connections import Connections

START: Final = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
CONNECTION_ID: Final = "9f1c2c1e-6f0a-4a53-8f5e-0d3b6a3c7b11"
MUNCHKIN: Final = "123-ABC-456"
TOKEN: Final = "an-ingest-token-of-the-benchmarks"
LIST: Final = 1001
MOST_AUDIENCES: Final = 100
SEED: Final = {
    "lists": [
        {"name": f"Newsletter {number}", "id": LIST + number, "workspace": "Default"}
        for number in range(MOST_AUDIENCES)
    ]
}
LIMITLESS: Final = Limits(calls_per_20s=1_000_000, concurrency=5, daily_calls=1_000_000)
NO_LIMITS: Final = {"activities_kept": 0, "calls_per_window": None, "concurrency": None, "daily_quota": None}
"""Nor does the simulator remember activities, whose objects the garbage collector would go through in our time."""
AUDIENCE: Final = AudienceKey("ups", "6a1f2c44-8b7e-4d21-9a3c-5f0e7d6b8c92")
OTHER_AUDIENCE: Final = "0c9e8d7f-1b2a-4c3d-8e4f-a5b6c7d8e9f0"
MAPPING: Final = (
    MappingRow("personalEmail.address", "DedupeField"),
    MappingRow("person.name.firstName", "firstName"),
    MappingRow("person.name.lastName", "lastName"),
    MappingRow("homeAddress.city", "city"),
    MappingRow("homeAddress.countryCode", "country"),
    MappingRow("mobilePhone.number", "mobilePhone"),
    MappingRow("_tenant.work.company", "company"),
    MappingRow("_tenant.work.title", "title"),
    MappingRow("_tenant.loyalty.points", "leadScore"),
)

Payload = dict[str, Any]


def connection(limits: Limits = LIMITLESS, munchkin_id: str = MUNCHKIN) -> Connection:
    """By e-mail, `audience_and_profile`, creating, with lead ids trusted for a day; eight attributes are mapped."""
    return Connection(
        id=CONNECTION_ID,
        version=1,
        name="Newsletter",
        munchkin_id=munchkin_id,
        workspace="Default",
        sync_type=SyncType.AUDIENCE_AND_PROFILE,
        person_action=PersonAction.UPDATE_EXISTING_AND_CREATE_NEW,
        dedupe_field="email",
        source_format="aep",
        status=Status.ENABLED,
        mapping=MAPPING,
        limits=limits,
        lead_cache=timedelta(hours=24),
        credentials_version="00000000-0000-0000-0000-000000000001",
    )


def audience(number: int) -> AudienceKey:
    """One of many audiences; AUDIENCE is the first."""
    return AUDIENCE if number == 0 else AudienceKey("ups", f"{AUDIENCE.id[:-3]}{number:03}")


def active(given: Connection, audiences: int = 1) -> ActiveConnection:
    """The connection with so many audiences."""
    activations = {
        audience(number): Activation(
            audience(number),
            f"Newsletter {number}",
            list_id=LIST + number,
            list_name=f"Newsletter {number}",
        )
        for number in range(audiences)
    }
    return ActiveConnection(given, activations)


def store(dynamodb: DynamoDBClient, target: ActiveConnection) -> None:
    """Configure a connection, as the control plane does."""
    connections, audiences = Connections(dynamodb, CONNECTIONS), Audiences(dynamodb, CONNECTIONS)
    connections.create(target.connection, hashlib.sha256(TOKEN.encode()).hexdigest())
    for activation in target.activations.values():
        audiences.put(target.connection.id, activation)


def profile(number: int, revision: int = 0, audiences: int = 1) -> Payload:
    """A profile as Experience Platform exports it, in so many audiences; another revision has other attributes."""
    entered = {"lastQualificationTime": "2026-11-20T08:15:30Z", "status": "realized"}
    email = f"ada.lovelace.{number}@example.org"
    return {
        "person": {"name": {"firstName": "Ada", "lastName": f"Lovelace {number}"}},
        "personalEmail": {"address": email},
        "mobilePhone": {"number": f"+44 20 7946 {number % 10_000:04d}"},
        "homeAddress": {"city": "London", "postalCode": "W1H 6HG", "countryCode": "GB"},
        "_tenant": {
            "work": {"company": "Analytical Engines Ltd", "title": "Programmer"},
            "loyalty": {"tier": "gold", "points": number % 5000 + revision},
        },
        "segmentMembership": {
            "ups": {
                **{audience(one).id: entered for one in range(audiences)},
                OTHER_AUDIENCE: {"lastQualificationTime": "2026-11-19T21:02:11Z", "status": "realized"},
            }
        },
        "identityMap": {
            "Email": [{"id": email}],
            "ECID": [{"id": f"{10**37 + number}"}],
        },
    }


def small(number: int) -> Payload:
    """The smallest profile that can create a lead: the most persons in a batch."""
    return {
        "person": {"name": {"firstName": "A", "lastName": "L"}},
        "personalEmail": {"address": f"{number}@example.org"},
        "segmentMembership": {"ups": {AUDIENCE.id: {"status": "realized"}}},
    }


def body(profiles: Iterable[Payload]) -> bytes:
    """A body for the webhook."""
    return json.dumps({"profiles": list(profiles)}, separators=(",", ":")).encode()


def messages(profiles: Iterable[Payload], received_at: datetime = START) -> list[Message]:
    """The messages that ingest makes of a body."""
    parsed = source("aep").read(SourceRequest(body(profiles)), RecordTimes(received_at))
    assert not parsed.rejected
    stamp = int(received_at.timestamp())
    texts = [encode_event(event) for _, event in parsed.events]
    packed = pack(CONNECTION_ID, received_at, texts, envelope_id=f"{stamp}-4c3d8e4fa5b6c7d8e9f0")
    return [
        Message(f"{stamp}-{number:08d}-4c3d-8e4f-a5b6c7d8e9f0", "receipt " * 30, text)
        for number, (_, text) in enumerate(packed)
    ]


def batch(given: Iterable[Message]) -> Payload:
    """The event with which Lambda hands messages of the queue over."""
    return {
        "Records": [
            {
                "messageId": one.id,
                "receiptHandle": one.receipt_handle,
                "body": one.body,
                "attributes": {"ApproximateReceiveCount": str(one.receives)},
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(one.body.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:events",
                "awsRegion": "eu-central-1",
            }
            for one in given
        ]
    }


def batches(persons: int, of: int, audiences: int = 1) -> Iterator[list[Message]]:
    """So many new persons, each in so many audiences, in batches of the queue."""
    for number, start in enumerate(range(0, persons, of)):
        profiles = (profile(one, audiences=audiences) for one in range(start, min(start + of, persons)))
        yield messages(profiles, START + timedelta(seconds=number))
