"""The delivery behind its queue over the real stores, whose tables are busy: they refuse what DynamoDB would refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from destination.delivery.verify_lists import VerifyLists
from destination.domain.audience import Activation
from destination.domain.event import ProfileEvent
from destination.domain.loss import Loss
from destination.domain.run import Run, Tally, total_of
from destination.queue import Message, encode_event, pack
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.losses import Losses
from destination.store.runs import Runs
from testing.aws import TABLES, Aws
from testing.dynamodb_limits import DynamoDBLimits
from testing.event_source import POLLERS, Invocation
from testing.queued_world import Deployed
from testing.side_by_side import SideBySide
from testing.standard_queue import Received, StandardQueue
from testing.timeline import Timeline
from testing.world import START, audience, connection
from testing.world_in_time import MappingInTime, QueueInTime, WorldInTime, threads_of

LATENCY = 1.0
"""Seconds of a call to Marketo."""

KEYS = {
    name: tuple(key["AttributeName"] for key in sorted(table["KeySchema"], key=lambda one: one["KeyType"]))
    for name, table in TABLES.items()
}
"""By table its partition key and its sort key (HASH comes before RANGE)."""


@dataclass
class BusyWorld:
    """Connections, the queue, the bucket and Marketo are in memory; ledger, runs and leases are in tables of moto's.

    `settings`: of the limits, in place of DynamoDB's; `changes`: of the connection. `pollers`: with one, all that comes
    within a window is one batch. `refusals`: what each batch was held up by.
    """

    aws: Aws
    settings: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    pollers: int = POLLERS
    refusals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.timeline = Timeline()
        self.side_by_side = SideBySide(self.timeline)
        self.deployed = Deployed.by_template()
        self.world = world = WorldInTime(
            connection(**self.changes), settings={"latency": LATENCY}, side_by_side=self.side_by_side
        )
        self.limits = DynamoDBLimits(lambda: self.timeline.now, world.sleep, KEYS, **self.settings)
        self.queue = StandardQueue(self.timeline, self.deployed.visibility)
        client = self.aws.dynamodb
        self.runs = Runs(client, "RunsTable")
        self.leases = Leases(client, "ConnectionsTable", sleep=world.sleep)
        self.ledger = Ledger(client, "LedgerTable", leases=self.leases, runs=self.runs, sleep=world.sleep)
        verify = VerifyLists(
            world.verifications,
            self.ledger,
            world.imports,
            self.leases.enter,
            lambda: world.now,
            world.connections.filled,
            world.extracted,
        )
        world.sync = world.delivery(
            leases=self.leases,
            ledger=self.ledger,
            losses=Losses(client, "RunsTable", self.runs, sleep=world.sleep),
            queue=QueueInTime(self.queue),
            verify=verify,
            window=timedelta(seconds=self.deployed.window),
        )
        self.mapping = self.deployed.mapped(
            MappingInTime, self.timeline, self.queue, self._invoke, pollers=self.pollers
        )
        self.mapping.side_by_side = self.side_by_side

    def activate(self, *names: str) -> None:
        """Activate audiences without lists, in place of all others."""
        activations = {audience(one): Activation(audience(one), one) for one in names}
        target = replace(self.world.target, activations=activations)
        self.world.connections.stored[self.world.connection.id] = target

    def post(self, *events: ProfileEvent, losses: Mapping[Loss, int] | None = None) -> None:
        """Put events into the queue now, as ingest does with those of a body, and what was lost of it."""
        envelope_id = f"envelope-{next(self.world.numbers)}"
        at = START + timedelta(seconds=self.timeline.now)
        texts = map(encode_event, events)
        for _, body in pack(self.world.connection.id, at, texts, envelope_id=envelope_id, losses=losses):
            self.queue.send(body)

    def run(self, seconds: float) -> None:
        """Let time pass, for the workers too."""
        with (
            self.limits.before(self.aws.dynamodb),
            threads_of(self.side_by_side, "delivery.batch", "delivery.accounts", "store.leases"),
        ):
            self.timeline.run(self.timeline.now + seconds)

    @property
    def waiting(self) -> int:
        """Messages in the queue, and parked ones."""
        return self.queue.visible + self.queue.in_flight + len(self.world.parking.stored)

    def hours(self) -> list[Run]:
        """The runs, each of which adds up."""
        runs = list(self.runs.between(self.world.connection.id, "2000", "3000"))
        for run in runs:
            for counts in (run.tally.counts, *(one.counts for one in run.tally.audiences.values())):
                classes = ("activated", "unchanged", "excluded", "failed")
                assert counts["received"] == sum(counts[one] for one in classes)
        return runs

    def total(self) -> Tally:
        return total_of(self.hours())

    def _invoke(self, batch: Sequence[Received]) -> Invocation:
        self.world.look_at_clock()
        messages = [Message(one.id, one.receipt, one.body, one.receives) for one in batch]
        report = self.world.sync(messages, timedelta(seconds=self.deployed.timeout))
        self.refusals += report.halts.values()
        return Invocation(0, report.requeued)
