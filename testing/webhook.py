"""The webhook's use case over a queue in memory, for one connection."""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from destination.domain.connection import Status
from destination.domain.loss import Loss
from destination.domain.sender_credentials import SenderTokens
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
        self.is_read_only = False
        self.before_writes: list[Callable[[], object]] = []
        """What happens between a read and the write that follows, once each."""

    def get(self, connection_id: str) -> Ingress | None:
        if self.fails:
            raise self.fails
        return self.known if connection_id == self.known.connection_id else None

    def give_token(self, connection_id: str, before: SenderTokens, after: SenderTokens) -> bool:
        assert not self.is_read_only
        assert connection_id == self.known.connection_id
        if self.before_writes:
            self.before_writes.pop()()
        if self.known.sender_tokens != before:
            return False
        self.known = replace(self.known, sender_tokens=after)
        return True


@dataclass
class WebhookStand:
    status: Status = Status.ENABLED
    source_format: str = "canonical"
    sqs: FakeSqs = field(default_factory=FakeSqs)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.ingresses = KnownIngresses(self.status, self.source_format)
        self.ingest = AcceptEvents(
            self.ingresses,
            EventQueue(self.sqs.client(), "https://queue"),
            clock=lambda: self.now,
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
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> Submission:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"authorization": authorization, "content-type": content_type, **(headers or {})}
    present = {name: value for name, value in given.items() if value is not None}
    return Submission(connection_id, present, raw, query or {})
