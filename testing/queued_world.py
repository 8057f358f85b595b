"""The delivery behind its queue, as it is deployed: the queue, the mapping and the time-out that template.yaml says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from destination.domain.event import ProfileEvent
from destination.queue import Message, encode_event, pack
from destination.store.leases import Lease
from testing.crashes import CrashError
from testing.event_source import EventSourceMapping, Function, Invocation
from testing.memory import MemoryLeases
from testing.standard_queue import Received, StandardQueue
from testing.template import source
from testing.timeline import Timeline
from testing.world import START, World

_Mapping = TypeVar("_Mapping", bound=EventSourceMapping)


@dataclass(frozen=True, slots=True)
class Deployed:
    """What the template says of the way from the queue to `sync`, at its parameters' defaults; times in seconds."""

    window: float
    longest_window: float
    batch_size: int
    max_concurrency: int
    visibility: float
    timeout: float
    max_receives: int

    @classmethod
    def by_template(cls) -> "Deployed":
        written = source()
        sync, queue = (written["Resources"][name]["Properties"] for name in ("SyncFunction", "Queue"))
        mapping, window = sync["Events"]["Queue"]["Properties"], written["Parameters"]["BatchWindowSeconds"]
        return cls(
            window=window["Default"],
            longest_window=window["MaxValue"],
            batch_size=mapping["BatchSize"],
            max_concurrency=mapping["ScalingConfig"]["MaximumConcurrency"],
            visibility=queue["VisibilityTimeout"],
            timeout=sync["Timeout"],
            max_receives=queue["RedrivePolicy"]["maxReceiveCount"],
        )

    def mapping(
        self, timeline: Timeline, queue: StandardQueue, function: Function, **others: Any
    ) -> EventSourceMapping:
        """The event source mapping of this deployment."""
        return self.mapped(EventSourceMapping, timeline, queue, function, **others)

    def mapped(
        self, kind: type[_Mapping], timeline: Timeline, queue: StandardQueue, function: Function, **others: Any
    ) -> _Mapping:
        """The same of a kind of its own."""
        given: dict[str, Any] = {
            "batch_size": self.batch_size,
            "window": self.window,
            "max_concurrency": self.max_concurrency,
            "chance": Random(1),  # noqa: S311 - the same course every time
        }
        return kind(timeline, queue, function, **(given | others))


@dataclass
class LeasesOverTime(MemoryLeases):
    """Leases of turns that are computed when they begin: one is free again at the time at which its turn ends."""

    freed_at: dict[str, datetime] = field(default_factory=dict)
    clock: Callable[[], datetime] = field(kw_only=True)

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None:
        if now < self.freed_at.get(munchkin_id, now):
            return None
        return super().acquire(munchkin_id, now, until)

    def release(self, lease: Lease, *state: Any) -> None:
        super().release(lease, *state)
        self.freed_at[lease.munchkin_id] = self.clock()


@dataclass
class QueuedWorld:
    """A world whose messages come by the queue. Times are seconds since the start; `settings` are of the mapping.

    `letters`: the dead-letter queue, as far as the queue fills it by itself. `begun`: when each invocation began, and
    what it was given; `delivered_at`: when each message was done, by its id.
    """

    deployed: Deployed
    world: World = field(default_factory=World)
    settings: Mapping[str, Any] = field(default_factory=dict)
    begun: list[tuple[float, Sequence[Received]]] = field(default_factory=list)
    delivered_at: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.timeline = Timeline()
        self.timeline.now = (self.world.now - START).total_seconds()
        self.letters = StandardQueue(self.timeline, visibility=30)
        self.queue = StandardQueue(
            self.timeline,
            self.deployed.visibility,
            dead_letters=self.letters,
            max_receives=self.deployed.max_receives,
        )
        self.world.leases = LeasesOverTime(clock=lambda: self.world.now)
        self.world.ledger.leases = self.world.leases
        window = self.settings.get("window", self.deployed.window)
        self.world.sync = self.world.delivery(window=timedelta(seconds=window))
        self.mapping = self.deployed.mapping(self.timeline, self.queue, self.invoke, **self.settings)

    def post(self, *events: ProfileEvent) -> None:
        """Put events into the queue now, as ingest does with those of a body."""
        envelope_id = f"envelope-{next(self.world.numbers)}"
        at = START + timedelta(seconds=self.timeline.now)
        for _, body in pack(self.world.connection.id, at, map(encode_event, events), envelope_id=envelope_id):
            self.queue.send(body)

    def post_at(self, when: float, *events: ProfileEvent) -> None:
        """The same at a time that is to come."""
        self.timeline.at(when, lambda: self.post(*events))

    def run(self, until: float) -> None:
        self.timeline.run(until)

    def invoke(self, batch: Sequence[Received]) -> Invocation:
        """What Lambda does with a batch: the function has until its time-out."""
        self.begun.append((self.timeline.now, batch))
        self.world.now = start = START + timedelta(seconds=self.timeline.now)
        messages = [Message(one.id, one.receipt, one.body, one.receives) for one in batch]
        try:
            report = self.world.sync(messages, timedelta(seconds=self.deployed.timeout))
        except CrashError:
            return Invocation((self.world.now - start).total_seconds(), is_error=True)
        seconds = (self.world.now - start).total_seconds()
        for message in batch:
            if message.id not in report.requeued:
                self.delivered_at.setdefault(message.id, self.timeline.now + seconds)
        invisible = {one.receipt: self.world.queue.invisible_for.pop(one.id, None) for one in batch}
        return Invocation(
            seconds, report.requeued, {one: after for one, after in invisible.items() if after is not None}
        )
