"""A turn at one Marketo instance: under its lease, connection after connection, until something halts it.

lease ─▶ is it paused? ─▶ pace of the strictest limits ─▶ one connection after the other ─▶ lease handed over
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from destination.delivery.circuits import Circuits
from destination.delivery.connection import SETTLING, ConnectionResult, DeliverConnection, InstanceHalt
from destination.delivery.open_message import OpenMessage
from destination.delivery.requeue import Requeue, requeue
from destination.domain.connection import Connection, Limits
from destination.domain.lead_import import LeadImport
from destination.domain.pace import PaceState
from destination.domain.parking import RETRY_BLOCKED, WaitsFor
from destination.domain.pause import Pause, pause_after
from destination.domain.refusal import Circuit
from destination.domain.remedy import NO_CREDENTIALS
from destination.domain.run import Tally
from destination.marketo.errors import InstanceWaitsError
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.store.errors import AWS_ERRORS, NotFoundError, aws_code
from destination.store.leases import Lease, LeaseLostError

MAX_CALL_TIME: Final = timedelta(seconds=95)
LEASE_MARGIN: Final = timedelta(seconds=60)
"""How long a lease outlives the invocation that took it, so that no call of a dead holder is still on its way."""

LEASE_POLL: Final = timedelta(seconds=1)
LEASE_PATIENCE: Final = timedelta(seconds=30)
"""How long a worker waits for its turn; longer, and it would be missing for the instances that are free."""
RETRY_LEASE: Final = timedelta(seconds=20)


_Ready = tuple[Sequence[OpenMessage], Marketo]
"""The messages of a connection, and its instance."""


class Connections(Protocol):
    """The configured connections."""

    def limits(self, munchkin_id: str) -> Sequence[Limits]: ...
    def block(self, connection_id: str, cause: str, at: datetime) -> None: ...


class Leases(Protocol):
    """Who may deliver to an instance, and until when."""

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None: ...
    def enter(self, lease: Lease, shards: Collection[int]) -> None: ...
    def release(
        self, lease: Lease, pace: PaceState, pause: Pause | None, circuits: Mapping[str, Circuit] | None = None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What a turn came to: what is to be requeued, and what its connections recorded.

    `window_share` and `quota_share`: how much of the instance's calls in 20 s and in a day that are ours was used at
    most, 1 for all. `imports` have ended.
    """

    requeues: tuple[Requeue, ...]
    tallies: tuple[Tally, ...] = ()
    letters: int = 0
    imports: tuple[LeadImport, ...] = ()
    window_share: float = 0.0
    quota_share: float = 0.0


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """Takes turns. `marketo` answers the instance as a connection's API user sees it, kept from batch to batch.

    `chance`: a number from 0 to 1, by which pauses of several instances are spread.
    """

    connections: Connections
    leases: Leases
    marketo: Callable[[Connection], Marketo]
    pace: Callable[[Limits, PaceState, timedelta], Pace]
    deliver: DeliverConnection
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    chance: Callable[[], float]

    def __call__(self, open_messages: Sequence[OpenMessage], deadline: datetime) -> TurnResult:
        """Deliver to their instance; what is neither done nor requeued otherwise is requeued by the turn."""
        requeues: list[Requeue] = []
        try:
            result = self._turn(open_messages, deadline, requeues)
        except AWS_ERRORS as error:  # Before anything was delivered: what comes later is a result of its connection.
            result = TurnResult(requeue(_left(open_messages, requeues), RETRY_LEASE, _cause(error)))
        return replace(result, requeues=(*requeues, *result.requeues))

    def _turn(self, open_messages: Sequence[OpenMessage], deadline: datetime, requeues: list[Requeue]) -> TurnResult:
        """Make ready what can be before the lease is held, then deliver under it.

        Messages of connections without credentials join the `requeues`.
        """
        by_connection: defaultdict[str, list[OpenMessage]] = defaultdict(list)
        for open_message in open_messages:
            by_connection[open_message.target.connection.id].append(open_message)
        ready: list[_Ready] = []
        for own in by_connection.values():
            connection = own[0].target.connection
            try:
                ready.append((own, self.marketo(connection)))
            except NotFoundError:
                cause = f"{NO_CREDENTIALS}: the connection has no credentials, or they are gone from their secret"
                self.connections.block(connection.id, cause, self.clock())
                requeues += requeue(own, RETRY_BLOCKED, cause, WaitsFor.BLOCKED)
        if not ready:
            return TurnResult(())
        munchkin_id = open_messages[0].target.connection.munchkin_id
        last_call = deadline - MAX_CALL_TIME - SETTLING
        lease = self._lease(munchkin_id, min(last_call, self.clock() + LEASE_PATIENCE), until=deadline + LEASE_MARGIN)
        if lease is None:
            return TurnResult(requeue(_messages(ready), RETRY_LEASE, "another worker delivers to the instance"))
        return self._under(lease, ready, last_call)

    def _lease(self, munchkin_id: str, patience: datetime, until: datetime) -> Lease | None:
        while (lease := self.leases.acquire(munchkin_id, self.clock(), until)) is None:
            if self.clock() + LEASE_POLL >= patience:
                return None
            self.sleep(LEASE_POLL.total_seconds())
        return lease

    def _under(self, lease: Lease, ready: Sequence[_Ready], last_call: datetime) -> TurnResult:
        """Deliver under the lease, and hand it over with what is known of the instance by then."""
        if lease.pause is not None and lease.pause.until > self.clock():
            self._release(lease, lease.pace, lease.pause, lease.circuits)
            delay = lease.pause.until - self.clock()
            return TurnResult(requeue(_messages(ready), delay, lease.pause.cause, WaitsFor.PAUSED))
        circuits = Circuits(self.clock, self.chance, lease.circuits)
        pace: Pace | None = None
        halt: InstanceHalt | None = None
        results: list[ConnectionResult] = []
        try:
            pace = self.pace(self._limits(lease, ready), lease.pace, last_call - self.clock())
            for open_messages, marketo in ready:
                marketo.pace = pace
                results.append(self.deliver(open_messages, marketo, lease, circuits, last_call))
                if (halt := results[-1].halt) is not None:
                    break
        finally:
            pause = lease.pause if pace is None else _pause(lease, halt, self.clock(), self.chance())
            self._release(lease, lease.pace if pace is None else pace.state(), pause, circuits.by_now())
        return TurnResult(
            requeues=tuple(self._requeues(lease, ready, results, halt)),
            tallies=tuple(tally for result in results for tally in result.tallies),
            letters=sum(result.letters for result in results),
            imports=tuple(one for result in results for one in result.imports),
            window_share=pace.share,
            quota_share=pace.budget.share if pace.budget else 0.0,
        )

    def _limits(self, lease: Lease, ready: Sequence[_Ready]) -> Limits:
        in_batch = (open_messages[0].target.connection.limits for open_messages, _ in ready)
        return strictest((*in_batch, *self.connections.limits(lease.munchkin_id)))

    def _release(self, lease: Lease, pace: PaceState, pause: Pause | None, circuits: Mapping[str, Circuit]) -> None:
        with contextlib.suppress(*AWS_ERRORS):  # What was delivered stands; the lease expires by itself.
            self.leases.release(lease, pace, pause, circuits)

    def _requeues(
        self, lease: Lease, ready: Sequence[_Ready], results: Sequence[ConnectionResult], halt: InstanceHalt | None
    ) -> Iterator[Requeue]:
        """What the connections requeue themselves, and all of theirs that is not done."""
        now = self.clock()
        waits_for = WaitsFor.PAUSED if isinstance(halt, InstanceWaitsError) else WaitsFor.RETRY
        held_up = _delay(lease, halt, now), "" if halt is None else _cause(halt), waits_for
        for (open_messages, _), result in zip(ready, results, strict=False):
            yield from result.requeues
            left = _left(open_messages, result.requeues)
            if result.blocked is not None:
                yield from requeue(left, RETRY_BLOCKED, str(result.blocked), WaitsFor.BLOCKED)
            else:
                delay, cause, _ = held_up
                why = cause or "a list was created again, or a letter could not be stored"
                yield from requeue(left, delay, why, waits_for)
        yield from requeue(_messages(ready[len(results) :]), *held_up)


def strictest(limits: Iterable[Limits]) -> Limits:
    """The limits that keep every connection of an instance within its own."""
    given = list(limits)
    return Limits(
        calls_per_20s=min(one.calls_per_20s for one in given),
        concurrency=min(one.concurrency for one in given),
        daily_calls=min(one.daily_calls for one in given),
        lead_updates_per_hour=min(
            (one.lead_updates_per_hour for one in given if one.lead_updates_per_hour is not None), default=None
        ),
    )


def _left(open_messages: Iterable[OpenMessage], requeues: Iterable[Requeue]) -> list[OpenMessage]:
    """Those that are neither done nor requeued."""
    requeued = {one.open_message.message.id for one in requeues}
    return [one for one in open_messages if not one.is_done and one.message.id not in requeued]


def _messages(ready: Iterable[_Ready]) -> list[OpenMessage]:
    return [open_message for open_messages, _ in ready for open_message in open_messages]


def _pause(lease: Lease, halt: InstanceHalt | None, now: datetime, chance: float) -> Pause | None:
    """How long the instance is to be left alone after this turn."""
    if isinstance(halt, InstanceWaitsError):
        return pause_after(
            lease.pause,
            code=halt.code,
            cause=str(halt),
            wait=halt.wait,
            unknown_creation=halt.executed_unknown,
            now=now,
            chance=chance,
        )
    return lease.pause if halt is not None else None


def _delay(lease: Lease, halt: InstanceHalt | None, now: datetime) -> timedelta:
    """How long messages are invisible that the turn did not come to: not at all where only the time was too short."""
    if isinstance(halt, InstanceWaitsError):
        pause = _pause(lease, halt, now, chance=0)
        return pause.until - now if pause else timedelta(0)
    return RETRY_LEASE if isinstance(halt, LeaseLostError | BotoCoreError | ClientError) else timedelta(0)


def _cause(halt: InstanceHalt) -> str:
    return f"AWS: {aws_code(halt)}" if isinstance(halt, BotoCoreError | ClientError) else str(halt)
