"""The control plane, the delivery and the monitor over the same tables and the same Marketo, and a clock."""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from destination.control.parking import ManageParking
from destination.control.verifications import ManageVerifications
from destination.delivery.batch import BatchReport, DeliverBatch
from destination.delivery.verify_lists import VerifyLists
from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import Connection, MappingRow, PersonAction, SyncType
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.verification import Verification
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.monitoring.attempts import Attempts
from destination.monitoring.verifications import ScheduleVerifications
from destination.queue import Message, encode_event, pack
from destination.store.errors import NotFoundError
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.losses import Losses
from destination.store.runs import Runs
from testing.delivery import delivery
from testing.memory import (
    MemoryDeadLetters,
    MemoryExtracted,
    MemoryImports,
    MemoryLeases,
    MemoryLetters,
    MemoryQueue,
)
from testing.persons import audience, event, name_of
from testing.use_cases import CREDENTIALS, DRAFT, NOW, Plane, use_cases

NAMED = tuple(MappingRow(*row) for row in (("email", "DedupeField"), ("firstName", "firstName")))
WANTED = replace(
    DRAFT,
    sync_type=SyncType.AUDIENCE_AND_PROFILE,
    person_action=PersonAction.UPDATE_EXISTING_ONLY,
    mapping=NAMED,
)
"""A connection that delivers to people who are in Marketo already."""

A, B = audience("a"), audience("b")


@dataclass
class Whole:
    """One connection, `id`; people are in Marketo before they are delivered."""

    plane: Plane
    clock: "Clock"
    id: str = ""
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        dynamodb = self.plane.dynamodb
        self.leases = Leases(dynamodb, "ConnectionsTable", sleep=self.clock.sleep)
        runs = Runs(dynamodb, "RunsTable")
        self.ledger = Ledger(dynamodb, "LedgerTable", leases=self.leases, runs=runs)
        self.losses = Losses(dynamodb, "RunsTable", runs)
        self.queue = MemoryQueue()
        self.sync = self._delivery()
        connections = self.plane.connections.connections
        self.resume = ManageParking(connections, self.plane.parking, self.leases, self.queue, lambda: self.clock.now)

    @property
    def verifications(self) -> ManageVerifications:
        return self.plane.verifications

    @property
    def connection(self) -> Connection:
        return self.plane.connections.get(self.id)

    def make(self, wanted: Connection = WANTED, *activations: Activation) -> None:
        """Create the connection, activate audiences on it, `a` if none is given, and enable it."""
        self.id = self.plane.connections.create(wanted, CREDENTIALS).connection.id
        for one in activations or (Activation(A, "a"),):
            self.plane.audiences.activate(self.id, one)
        self.plane.connections.enable(self.id)

    def change(self, **changes: Any) -> None:
        before = self.connection
        self.plane.connections.change(before, replace(before, **changes))

    def activation(self, key: AudienceKey = A) -> Activation:
        return self.plane.audiences.get(self.id, activation_id(key))

    def reschedule(self, key: AudienceKey = A, **changes: Any) -> Activation:
        before = self.activation(key)
        return self.plane.audiences.change(self.id, before, replace(before, **changes))

    def people(self, *emails: str) -> None:
        self.plane.marketo.seed({"leads": [{"email": email} for email in emails]})

    def join(self, name: str, *emails: str) -> BatchReport:
        """Deliver that people joined an audience just now."""
        self.clock.sleep(1)
        return self.deliver(*(said(one, self.clock.now, joined=name) for one in emails))

    def leave(self, name: str, *emails: str) -> BatchReport:
        self.clock.sleep(1)
        return self.deliver(*(said(one, self.clock.now, left=name) for one in emails))

    def deliver(self, *events: ProfileEvent) -> BatchReport:
        envelope_id = f"envelope-{next(self.numbers)}"
        packed = pack(self.id, self.clock.now, map(encode_event, events), envelope_id=envelope_id)
        self.queue.send(self.id, [body for _, body in packed])
        return self._deliver()

    def monitor(self) -> list[Verification]:
        """What the monitor does with verifications; what it requests is carried out."""
        self.clock.sleep(1)
        attempts = Attempts(lambda *_: None)
        schedule = ScheduleVerifications(self.plane.connections.connections, self.verifications)
        requested = list(schedule(self.clock.now, attempts))
        assert attempts.failed == []
        self.carry_out()
        return requested

    def carry_out(self) -> None:
        """Have the verifications that are queued carried out."""
        for _ in range(20):
            url = self.verifications.queue.url
            answer = self.plane.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            found = answer.get("Messages", [])
            if not found and not self.queue.waiting:
                return
            for one in found:
                self.plane.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
            self.queue.send(self.id, [one["Body"] for one in found])
            self._deliver()

    def members(self, name: str = "a") -> list[str]:
        """The addresses of those on a list, by its name."""
        state: dict[str, Any] = self.plane.marketo.dump()
        addresses = {one["id"]: one["email"] for one in state["leads"]}
        return sorted(addresses[one] for found in state["lists"] if found["name"] == name for one in found["members"])

    def lead_ids(self, *emails: str) -> list[int]:
        state: dict[str, Any] = self.plane.marketo.dump()
        return [one["id"] for one in state["leads"] if one["email"] in emails]

    def expire(self) -> None:
        """What DynamoDB does with items of the connection whose time to live is over."""
        items = self.plane.dynamodb.scan(TableName="ConnectionsTable")["Items"]
        for one in items:
            if "expires_at" in one and int(one["expires_at"]["N"]) <= self.clock.now.timestamp():
                key = {"pk": one["pk"], "sk": one["sk"]}
                self.plane.dynamodb.delete_item(TableName="ConnectionsTable", Key=key)

    def lose_list(self, key: AudienceKey = A) -> int:
        """Somebody deletes the audience's list in Marketo."""
        list_id = self.activation(key).list_id
        assert list_id is not None
        del self.plane.marketo.state.lists[list_id]
        return list_id

    def _deliver(self) -> BatchReport:
        with contextlib.suppress(NotFoundError):
            self.resume(self.id)
        waiting: Sequence[Message] = list(self.queue.waiting.values())
        report = self.sync(waiting, timedelta(minutes=5))
        self.queue.delete([one.id for one in waiting if one.id not in report.requeued])
        return report

    def _delivery(self) -> DeliverBatch:
        verify = VerifyLists(
            self.verifications.stored,
            self.ledger,
            MemoryImports(MemoryLeases()),
            self.leases.enter,
            lambda: self.clock.now,
            self.plane.delivering.filled,
            MemoryExtracted(),
        )
        return delivery(
            connections=self.plane.delivering,
            leases=self.leases,
            ledger=self.ledger,
            queue=self.queue,
            letters=MemoryLetters(),
            dead_letters=MemoryDeadLetters(),
            losses=self.losses,
            parking=self.plane.parking,
            marketo=self._marketo,
            pace=lambda limits, state, _: Pace(limits.calls_per_20s, limits.concurrency, state=state),
            clock=lambda: self.clock.now,
            verify=verify,
            sleep=self.clock.sleep,
            chance=lambda: 0.0,
            name_of=name_of,
        )

    def _marketo(self, connection: Connection) -> Marketo:
        return self.plane.audiences.lists.marketo_for(connection, CREDENTIALS)


@dataclass
class Clock:
    now: datetime = NOW

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@contextmanager
def whole() -> Iterator[Whole]:
    clock = Clock()
    with use_cases(lambda: clock.now) as plane:
        yield Whole(plane, clock)


def said(email: str, at: datetime, *, joined: str = "", left: str = "", **profile: object) -> ProfileEvent:
    """An event of a person who joined and left audiences; each letter names one."""
    words = [(name, MembershipStatus.REALIZED) for name in joined] + [(name, MembershipStatus.EXITED) for name in left]
    return event(email, *words, at=at, **profile)
