"""A world in which resyncs go on: what the schedule does for them, the delivery beside it, and a queue that counts."""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from destination.domain.problem import RefusedError
from destination.domain.resync import ClosedBy, Resync, ResyncStatus
from destination.domain.verification import AudienceCheck, Repair, Verification, VerificationStatus
from destination.files.resyncs import CarriedResync, CarryResyncsOn
from destination.queue import QueueCounts, verification_message
from testing.crashes import Life, Mortal
from testing.memory import MemoryFiles, MemoryResyncs
from testing.world import World

ID = "20261121T100000Z-0123456789abcdef"
EVERY = timedelta(minutes=5)
"""How often the schedule carries resyncs on (template.yaml)."""


@dataclass
class Counting:
    """The queue as SQS tells of it. `others`: how many messages of other connections are always there."""

    world: World
    others: QueueCounts = field(default_factory=lambda: QueueCounts(0, 0))

    def counts(self) -> QueueCounts:
        waiting = len(self.world.queue.waiting)
        in_flight = sum(1 for one in self.world.queue.waiting if one in self.world.queue.invisible_for)
        return QueueCounts(self.others.to_receive + waiting - in_flight, self.others.in_flight + in_flight)


@dataclass
class Ages:
    """What is known of how old the queue's oldest message is: `behind` how long it is that all was received (None:
    that is not known).
    """

    behind: timedelta | None = None

    def received_until(self, now: datetime) -> datetime | None:
        return None if self.behind is None else now - self.behind


@dataclass
class ResyncVerifications:
    """Has lists verified as the control plane does, one at a time."""

    world: World
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def request(
        self,
        connection_id: str,
        activation_ids: Collection[str] | None,
        repair: frozenset[Repair],
        named_since: datetime | None,
        *,
        keeps_times: bool,
    ) -> Verification:
        world = self.world
        if any(not one.is_finished for one in world.verifications.stored.values()):
            raise RefusedError("a verification goes on")
        checks = [
            replace(AudienceCheck.of(one, one.list_id), named_since=named_since, keeps_times=keeps_times)
            for one in world.target.activations.values()
            if one.list_id is not None and one.id in (activation_ids or ())
        ]
        made = Verification(
            f"{world.now:%Y%m%dT%H%M%S%fZ}-{next(self.numbers):08x}",
            connection_id,
            repair,
            world.now,
            len(checks),
            is_whole=False,
        )
        world.verifications.create(made, checks)
        world.queue.send(connection_id, [verification_message(connection_id, made.id, made.queued_at)])
        return made

    def get(self, connection_id: str, verification_id: str) -> tuple[Verification, Sequence[AudienceCheck]]:
        found = self.world.verifications.get(connection_id, verification_id)
        assert found is not None
        return found, self.world.verifications.checks(found)

    def cancel(self, connection_id: str, verification_id: str) -> None:
        found, _ = self.get(connection_id, verification_id)
        self.world.verifications.put(replace(found, status=VerificationStatus.CANCELLED, finished_at=self.world.now))


@dataclass
class ResyncWorld:
    """A world with a resync, once it is opened; `life`: that of who carries it on."""

    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        self.life = Life()
        self.resyncs = MemoryResyncs(self.world.connections)
        self.files = MemoryFiles()
        self.queue = Counting(self.world)
        self.ages = Ages()
        self.verifying = ResyncVerifications(self.world)

    @property
    def resync(self) -> Resync:
        (only,) = self.resyncs.stored.values()
        return only

    def open(self, *activation_ids: str, **changes: Any) -> Resync:
        made = Resync(
            ID,
            self.world.connection.id,
            ResyncStatus.OPEN,
            self.world.now,
            activation_ids=activation_ids or None,
            **changes,
        )
        assert self.resyncs.create(made)
        return made

    def close(self) -> None:
        self.resyncs.put(self.resync.closed(ClosedBy.REQUEST, self.world.now))

    def approve(self) -> None:
        assert self.resync.status is ResyncStatus.HELD
        self.resyncs.put(self.resync.approved(self.world.now))

    def carry_on(self) -> CarryResyncsOn:
        def mortal(used: object) -> Any:
            return Mortal(used, self.life)

        world = self.world
        return CarryResyncsOn(
            connections=world.connections,
            resyncs=mortal(self.resyncs),
            files=self.files,
            queue=self.queue,
            ages=self.ages,
            parking=world.parking,
            seen=world.seen,
            runs=world.ledger.runs,
            ledger=world.ledger,
            verifications=mortal(self.verifying),
            clock=lambda: self.world.now,
        )

    def step(self, has_time: Callable[[], bool] = lambda: True) -> list[CarriedResync]:
        """What the schedule does next."""
        self.world.now += EVERY
        return list(self.carry_on()(has_time))

    def steps(self, number: int = 10) -> ResyncStatus:
        """What the schedule does so often, with what waits delivered in between; how far the resync is then."""
        for _ in range(number):
            self.step()
            self.world.deliver()
        return self.resync.status

    def members(self, name: str = "a") -> list[str]:
        leads = self.world.leads_now()
        return sorted(leads[one]["email"].partition("@")[0] for one in self.world.members(name))
