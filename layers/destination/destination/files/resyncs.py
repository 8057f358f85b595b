"""Resyncs are closed, drained and counted, and then whoever was not named is taken off: a step every few minutes.

Nobody is taken off as long as something may wait that was received while the resync was open: it may name them. SQS
counts the messages of a queue, not those of a connection, so it is known as it is of a connection that is deleted
(docs/decisions/0013-deletion-drains.md), but for what was received later:

    closed ── COUNTS_LAG ──▶ nothing to be received that is as old; nothing parked, waiting or in a file that is
           ── DRAINED_AFTER ──▶ still so: counted

Where others have sent something at each look, the age of the oldest message tells how old what waits can be.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, Protocol

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.file import File, FileStatus
from destination.domain.parking import Bundle
from destination.domain.problem import RefusedError
from destination.domain.resync import (
    DRAINED_AFTER,
    ClosedBy,
    Resync,
    ResyncCode,
    ResyncStatus,
    count_named,
    lost_of,
)
from destination.domain.run import Run, run_id
from destination.domain.seen import Seen
from destination.domain.verification import AudienceCheck, Repair, Verification, VerificationStatus
from destination.files.waiting import waits
from destination.queue import COUNTS_LAG, QueueCounts
from destination.store.errors import AWS_ERRORS, NotFoundError, StaleVersionError, StoreError, aws_code
from destination.store.ledger import Page

SLICE: Final = timedelta(minutes=2)
"""How long people are counted at a time: files, and other resyncs, are carried on by the same run."""

LOOKED_AT: Final = 50
"""Resyncs, among which those before are looked for."""


class Connections(Protocol):
    def active(self, connection_id: str, /) -> ActiveConnection: ...


class Resyncs(Protocol):
    """Where resyncs are kept."""

    def put(self, resync: Resync, /) -> Resync: ...
    def newest(self, connection_id: str, limit: int, /) -> Sequence[Resync]: ...
    def going_on(self) -> Iterator[Resync]: ...


class Files(Protocol):
    def going_on(self) -> Iterator[File]: ...


class Queue(Protocol):
    def counts(self) -> QueueCounts: ...


class Ages(Protocol):
    """How old the queue's oldest message is."""

    def received_until(self, now: datetime, /) -> datetime | None: ...


class Parking(Protocol):
    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...


class SeenDays(Protocol):
    def between(self, connection_id: str, first: date, last: date, /) -> Sequence[Seen]: ...


class Runs(Protocol):
    def between(self, connection_id: str, first: str, last: str, /) -> Iterator[Run]: ...


class Ledger(Protocol):
    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None, /) -> Page: ...


class Verifications(Protocol):
    """Has lists verified."""

    def request(
        self,
        connection_id: str,
        activation_ids: Collection[str] | None,
        repair: frozenset[Repair],
        named_since: datetime | None,
        /,
        *,
        keeps_times: bool,
    ) -> Verification: ...
    def get(self, connection_id: str, verification_id: str, /) -> tuple[Verification, Sequence[AudienceCheck]]: ...
    def cancel(self, connection_id: str, verification_id: str, /) -> object: ...


@dataclass(frozen=True, slots=True)
class CarriedResync:
    """A resync as it stands after something was done for it; `trouble`: what AWS refused, if it did."""

    resync: Resync
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class CarryResyncsOn:
    """Carries resyncs on."""

    connections: Connections
    resyncs: Resyncs
    files: Files
    queue: Queue
    ages: Ages
    parking: Parking
    seen: SeenDays
    runs: Runs
    ledger: Ledger
    verifications: Verifications
    clock: Callable[[], datetime]

    def __call__(self, has_time: Callable[[], bool]) -> Iterator[CarriedResync]:
        """Take the next step of each that is not at its end, as long as there is time.

        What one of them is refused does not keep the others from it.
        """
        for resync in self.resyncs.going_on():
            if not has_time():
                return
            try:
                changed = self._carried_on(resync, has_time)
            except StaleVersionError:
                continue  # Somebody closed or cancelled it, or carries it on.
            except AWS_ERRORS as error:
                yield CarriedResync(resync, aws_code(error))
            else:
                if changed.version != resync.version:
                    yield CarriedResync(changed)

    def _carried_on(self, resync: Resync, has_time: Callable[[], bool]) -> Resync:
        """The resync after the next step, if there is one to be taken now."""
        now = self.clock()
        try:
            target = self.connections.active(resync.connection_id)
        except NotFoundError:
            return self.resyncs.put(resync.failed(ResyncCode.NO_LISTS, now))
        is_taking_off = resync.status is ResyncStatus.LEAVING and resync.verification is not None
        if resync.is_given_up(now) and not is_taking_off:
            return self.resyncs.put(resync.failed(ResyncCode.GIVEN_UP, now))
        match resync.status:
            case ResyncStatus.OPEN:
                resync = self._open(resync, target, now)
            case ResyncStatus.DRAINING:
                resync = self._draining(resync, target, now)
            case ResyncStatus.COUNTING:
                resync = self._counting(resync, target, has_time)
            case ResyncStatus.LEAVING:
                resync = self._leaving(resync)
        return resync

    # Closing

    def _open(self, resync: Resync, target: ActiveConnection, now: datetime) -> Resync:
        """Closed, if nothing has come for so long, or it was open for so long."""
        heard_at = self._heard_at(resync, target, now)
        if heard_at is not None and self._is_quiet(resync, target, heard_at, now):
            return self.resyncs.put(resync.closed(ClosedBy.QUIET, now, heard_at))
        if now - resync.opened_at >= resync.longest:
            return self.resyncs.put(resync.closed(ClosedBy.TIME, now, heard_at))
        return resync

    def _heard_at(self, resync: Resync, target: ActiveConnection, now: datetime) -> datetime | None:
        """When the last event of its audiences came, of those that were delivered; None: none since the opening."""
        wanted = {audience for audience, one in target.activations.items() if resync.covers(one.id)}
        times = [
            one.last_at
            for day in self.seen.between(resync.connection_id, resync.opened_at.date(), now.date())
            for audience, one in day.audiences.items()
            if wanted & {audience, audience.in_any_namespace}
        ]
        heard_at = max(times, default=resync.opened_at)
        return heard_at if heard_at > resync.opened_at else None

    def _is_quiet(self, resync: Resync, target: ActiveConnection, heard_at: datetime, now: datetime) -> bool:
        """Whether nothing has come for so long, delivered or not: what was not delivered yet is not seen."""
        if now - heard_at < resync.quiet or self._waits(target, now, now):
            return False
        received_until = self._received_until(self.queue.counts(), now)
        return received_until is not None and received_until - heard_at >= resync.quiet

    def _received_until(self, counts: QueueCounts, now: datetime) -> datetime | None:
        """Until when all that was sent has been received by now; None: that is not known."""
        return self.ages.received_until(now) if counts.to_receive else now

    # Draining

    def _draining(self, resync: Resync, target: ActiveConnection, now: datetime) -> Resync:
        """Counted, once nothing can wait any more that was received before it was closed."""
        closed_at = resync.closed_at or resync.opened_at
        if now - closed_at < COUNTS_LAG:
            return resync
        counts = self.queue.counts()  # Before the bucket is looked into: what was in flight may be parked by then.
        if self._waits(target, closed_at, now):
            return resync if resync.drained_since is None else self.resyncs.put(replace(resync, drained_since=None))
        if counts.is_empty:
            return self.resyncs.put(resync.counting())
        received_until = self._received_until(counts, now)
        if received_until is None or received_until - closed_at < COUNTS_LAG:
            return resync
        if resync.drained_since is None:
            return self.resyncs.put(replace(resync, drained_since=now))
        has_ended = received_until - resync.drained_since >= DRAINED_AFTER
        return self.resyncs.put(resync.counting()) if has_ended else resync

    def _waits(self, target: ActiveConnection, until: datetime, now: datetime) -> bool:
        """Whether something is known to wait that was received before a time."""
        own = target.connection.id
        if waits(target.connection, self.parking.of(own), until, now):
            return True
        return any(
            one.connection_id == own and one.status is not FileStatus.AWAITED and one.began_at <= until
            for one in self.files.going_on()
        )

    # Counting

    def _counting(self, resync: Resync, target: ActiveConnection, has_time: Callable[[], bool]) -> Resync:
        """Count who is in its audiences and who was named, as far as the time goes."""
        kept = {
            audience: one.begun_at
            for audience, one in target.activations.items()
            if one.list_id is not None and resync.covers(one.id)
        }
        if not kept:
            return self.resyncs.put(resync.failed(ResyncCode.NO_LISTS, self.clock()))
        counts, cursor = resync.counts, resync.cursor
        until = self.clock() + SLICE
        while has_time() and self.clock() < until:
            page = self.ledger.pages(resync.connection_id, kept, cursor)
            counts = count_named(counts, (row for _, row in page.rows), kept, resync.opened_at)
            cursor = page.cursor
            if cursor is None:
                return self._counted(replace(resync, counts=counts))
        return self.resyncs.put(replace(resync, counts=counts, cursor=cursor))

    def _counted(self, resync: Resync) -> Resync:
        first, last = run_id(resync.opened_at), run_id(resync.closed_at or resync.opened_at)
        runs = self.runs.between(resync.connection_id, first, last)
        lost = sum(lost_of(run.tally.losses, run.tally.reasons) for run in runs)
        before = [one for one in self.resyncs.newest(resync.connection_id, LOOKED_AT) if one.has_taken_off]
        return self.resyncs.put(resync.counted(lost, before, self.clock()))

    # Taking off

    def _leaving(self, resync: Resync) -> Resync:
        """Have those taken off who were not named, or see whether they are.

        While another verification of the connection goes on, or it cannot be verified now, it waits.
        """
        if resync.verification is None:
            return self._request(resync)
        now = self.clock()
        try:
            found, checks = self.verifications.get(resync.connection_id, resync.verification)
        except StoreError:
            return self.resyncs.put(resync.failed(ResyncCode.NOT_TAKEN_OFF, now))
        if not found.is_finished:
            return resync
        left = sum(one.leavers.repaired for one in checks)
        if found.status is VerificationStatus.COMPLETED and not any(one.code for one in checks):
            return self.resyncs.put(resync.completed(left, now))
        return self.resyncs.put(resync.failed(ResyncCode.NOT_TAKEN_OFF, now, left))

    def _request(self, resync: Resync) -> Resync:
        leaving = [activation for activation, one in resync.counts.items() if one.leaving]
        try:
            made = self.verifications.request(
                resync.connection_id, leaving, frozenset({Repair.LEAVERS}), resync.opened_at, keeps_times=True
            )
        except NotFoundError:
            return self.resyncs.put(resync.failed(ResyncCode.NO_LISTS, self.clock()))
        except (RefusedError, StoreError):
            return resync
        try:
            return self.resyncs.put(replace(resync, verification=made.id))
        except StaleVersionError:  # Somebody cancelled it, and knew of no verification.
            self.verifications.cancel(resync.connection_id, made.id)
            raise
