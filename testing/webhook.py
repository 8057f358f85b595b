"""The webhook's use case over a queue in memory, for one connection."""

import hashlib
import itertools
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from destination.domain.connection import Status
from destination.domain.loss import Loss
from destination.ingest.webhook import AcceptEvents, Submission
from destination.queue import EventQueue, decode
from destination.store.ingress import Ingress, Ingresses
from testing.sqs import FakeSqs

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
TOKEN = "token-of-connection-1"


class KnownIngresses(Ingresses):
    """That of one connection."""

    def __init__(self, status: Status, source_format: str) -> None:
        token_hash = hashlib.sha256(TOKEN.encode()).hexdigest()
        self.known = Ingress("connection-1", status, source_format, token_hash)
        self.fails: Exception | None = None

    def get(self, connection_id: str) -> Ingress | None:
        if self.fails:
            raise self.fails
        return self.known if connection_id == self.known.connection_id else None


@dataclass
class WebhookStand:
    status: Status = Status.ENABLED
    source_format: str = "canonical"
    sqs: FakeSqs = field(default_factory=FakeSqs)

    def __post_init__(self) -> None:
        self.ingresses = KnownIngresses(self.status, self.source_format)
        self.ingest = AcceptEvents(
            self.ingresses,
            EventQueue(self.sqs.client(), "https://queue"),
            clock=lambda: NOW,
            new_id=(f"envelope-{number}" for number in itertools.count(1)).__next__,
        )

    def queued(self) -> list[str | None]:
        """The ids of the events in the queue, in their order."""
        return [event.id for body in self.sqs.bodies() for event in decode(body).events]

    def lost(self) -> Counter[Loss]:
        """What the queue says was lost."""
        return sum((Counter(decode(body).losses) for body in self.sqs.bodies()), Counter[Loss]())


def submission(
    body: bytes | object = b"[]",
    *,
    connection_id: str = "connection-1",
    authorization: str | None = f"Bearer {TOKEN}",
    content_type: str | None = "application/json",
) -> Submission:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Submission(connection_id, authorization, content_type, raw)
