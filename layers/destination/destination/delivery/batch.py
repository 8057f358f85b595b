"""The use case behind the queue: a batch of messages comes in, what it says is made true in Marketo and accounted for.

    messages ─▶ opened, losses counted ─▶ wave after wave: a turn for each Marketo instance, some at once
                                                             └─▶ what is not done stays in the queue, or is parked

A message is done when every event in it has a final outcome that the ledger holds, or waits in the bucket.
"""

import contextlib
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from destination.delivery.carrier import Carrier, waves
from destination.delivery.connection import SETTLING
from destination.delivery.losses import Losses, count_losses
from destination.delivery.open_message import OpenMessage, opened
from destination.delivery.outcomes import LeaveCancelled
from destination.delivery.parking import Kept, ParkMessages
from destination.delivery.requeue import Requeue, by_seconds, causes, oldest_of, oldest_waiting
from destination.delivery.seen import NoteSeen
from destination.delivery.turn import MAX_CALL_TIME, RETRY_LEASE, TurnResult
from destination.domain import erasure
from destination.domain.connection import ActiveConnection, Connection, Waiting
from destination.domain.lead_import import LeadImport
from destination.domain.parking import HOLDS, MAX_WAIT, RETRY_BLOCKED, Hold, WaitsFor, hold_of
from destination.domain.run import Tally, counted
from destination.domain.verification import MAX_DURATION
from destination.queue import DeadLetter, Message
from destination.store.errors import AWS_ERRORS

INSTANCES_AT_ONCE: Final = 8

MIN_TIME: Final = MAX_CALL_TIME + SETTLING
"""What a turn needs at least."""

BUNDLES_FOR: Final = timedelta(seconds=120)
"""How long a batch goes on to further bundles: what others sent meanwhile waits for a worker."""

BUNDLES_AT_ONCE: Final = 8
"""How many bundles are read at a time."""


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str) -> ActiveConnection: ...
    def wait(self, connection_id: str, waiting: Waiting | None) -> None: ...


class Queue(Protocol):
    """Where messages that are not done stay."""

    def requeue(self, messages: Sequence[Message], seconds: int) -> None: ...


class DeadLetters(Protocol):
    """Where goes what cannot be read."""

    def send(self, letters: Sequence[DeadLetter]) -> list[int]: ...


class MessageEnd(StrEnum):
    """What became of a message in a batch."""

    DELIVERED = "delivered"
    REQUEUED = "requeued"
    PARKED = "parked"


@dataclass(frozen=True, slots=True)
class MessageReport:
    """What became of one message of a connection; `events`: how many it has."""

    message_id: str
    connection_id: str
    correlation_id: str | None
    events: int
    receives: int
    end: MessageEnd


@dataclass(slots=True)
class BatchReport:
    """The ids of the messages that stay in the queue, and what held each connection up.

    `messages`: those that are of a connection; `refused`: those that are none, and became dead letters, by id.
    `tally`: what was recorded, `letters`: how many were stored, `parked`: how many events are parked now
    that came in the batch. `imports`: those that have ended. `window_share` and `quota_share`: how much was used at
    most of an instance's calls in 20 s and in a day that are ours, 1 for all.
    """

    requeued: tuple[str, ...] = ()
    halts: dict[str, str] = field(default_factory=dict)
    messages: list[MessageReport] = field(default_factory=list)
    refused: dict[str, DeadLetter] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    letters: int = 0
    parked: int = 0
    imports: list[LeadImport] = field(default_factory=list)
    window_share: float = 0.0
    quota_share: float = 0.0


ERASURE_NOT_DONE: Final = "ERASURE_NOT_DONE"
"""The code of an erasure, or of a sender's call for one, that was not done while its message lived."""

ERASURE_WAITS: Final = erasure.MAX_DURATION - timedelta(days=1)
"""So long an erasure is tried; it becomes a dead letter before the queue drops it, and somebody is told by an alarm."""

_NOT_DONE: Final = "the person could not be erased for 13 days: mend what holds the connection up, and move it back"


@dataclass(slots=True)
class _SoFar:
    """What a batch has come to by its waves. `held_up`: the instances that nobody calls, and the connections that are
    refused, and until when. `connections`: those that had a turn; `oldest`: what of them stays in the queue; `noted`:
    what was noted of that.
    """

    held_up: dict[str, datetime] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    oldest: dict[str, Waiting] = field(default_factory=dict)
    noted: dict[str, Waiting | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeliverBatch:
    """Delivers batches. `turn` delivers to one instance until a deadline; `give_up` lets messages fail that waited too
    long, and gives those that it could not record. `window`: how long a batch is collected for.
    """

    connections: Connections
    queue: Queue
    dead_letters: DeadLetters
    losses: Losses
    note_seen: NoteSeen
    park: ParkMessages
    leave_cancelled: LeaveCancelled
    turn: Callable[[Sequence[OpenMessage], datetime], TurnResult]
    give_up: Callable[[Sequence[OpenMessage], datetime], TurnResult]
    clock: Callable[[], datetime]
    window: timedelta

    def __call__(self, messages: Sequence[Message], time_left: timedelta) -> BatchReport:
        """Deliver a batch within the time left; what cannot be done in it stays in the queue, or is parked."""
        began_at = self.clock()
        deadline = began_at + time_left
        last_wave_at = min(deadline - MIN_TIME, began_at + BUNDLES_FOR)
        report = BatchReport()
        so_far = _SoFar()
        for number, wave in enumerate(waves(self._open(messages, report))):
            if number and self.clock() >= last_wave_at:
                self._defer({one.message: timedelta(0) for one in wave}, report)
            else:
                self._deliver(wave, deadline, so_far, report)
            self.note_seen(one for carrier in wave if carrier.bundle is None for one in carrier.open_messages)
            for one in wave:
                one.open_messages.clear()  # There is memory for one wave.
        return report

    def _open(self, messages: Sequence[Message], report: BatchReport) -> list[Carrier]:
        """The messages that are of a connection; losses are counted, and what is of none becomes a dead letter."""
        active = functools.cache(self.connections.active)
        carriers: list[Carrier] = []
        bundles: set[str] = set()
        for message in {one.id: one for one in messages}.values():  # SQS may deliver one twice, even in one batch
            try:
                found = opened(message, active)
            except AWS_ERRORS:
                report.requeued += (message.id,)
                continue
            if isinstance(found, OpenMessage) and self._is_forgotten(found):
                found = DeadLetter(message.body, ERASURE_NOT_DONE, _NOT_DONE)
            if isinstance(found, DeadLetter):
                if not self._refuse(message, found, report):
                    report.requeued += (message.id,)
            elif found is not None and (bundle := found.envelope.bundle) is None:
                carriers.append(Carrier(message, found.target, open_messages=[found]))
            elif found is not None and bundle is not None and bundle.name not in bundles:
                bundles.add(bundle.name)
                carriers.append(Carrier(message, found.target, bundle))
        plain = [one for carrier in carriers for one in carrier.open_messages]
        if uncounted := count_losses(plain, self.losses, self.clock()):
            carriers = [one for one in carriers if one.message.id not in uncounted]
            report.requeued += (*sorted(uncounted),)
        return carriers

    def _refuse(self, message: Message, letter: DeadLetter, report: BatchReport) -> bool:
        """Whether the dead letter was stored."""
        if self.dead_letters.send([letter]):
            return False
        report.refused[message.id] = letter
        return True

    def _deliver(self, wave: Sequence[Carrier], deadline: datetime, so_far: _SoFar, report: BatchReport) -> None:
        carriers = self._read([one for one in wave if not self._waits_on(one, so_far.held_up, report)], report)
        requeues: list[Requeue] = []
        too_old: defaultdict[str, list[OpenMessage]] = defaultdict(list)
        instances: defaultdict[str, list[OpenMessage]] = defaultdict(list)
        for one in (one for carrier in carriers for one in carrier.open_messages if not one.is_done):
            if self._is_too_old(one):
                too_old[one.target.connection.id].append(one)
            elif one.is_done:
                continue
            elif (hold := self._hold(one)) is not None:
                requeues.append(Requeue(one, RETRY_BLOCKED, hold.cause, hold.waits_for))
            else:
                instances[one.target.connection.munchkin_id].append(one)
        turns = [self.give_up(open_messages, deadline) for open_messages in too_old.values()]
        with ThreadPoolExecutor(INSTANCES_AT_ONCE) as threads:
            turns += threads.map(lambda open_messages: self.turn(open_messages, deadline), instances.values())
        requeues += (one for turn in turns for one in turn.requeues)
        self._learn(requeues, so_far.held_up)
        kept = self.park(carriers, requeues)
        self._defer(kept.delays, report)
        turned = [one for open_messages in instances.values() for one in open_messages]
        kept_back = [one.open_message for one in kept.requeues]
        so_far.connections |= {one.target.connection.id: one.target.connection for one in (*turned, *kept_back)}
        so_far.oldest = oldest_of(so_far.oldest, oldest_waiting(kept.requeues, self.clock()))
        self._note_waiting(so_far)
        _tell(carriers, turns, kept, report)

    def _learn(self, requeues: Iterable[Requeue], held_up: dict[str, datetime]) -> None:
        for one in requeues:
            if one.is_parked and one.waits_for in HOLDS:
                instance = one.open_message.target.connection.munchkin_id
                whom = instance if one.waits_for is WaitsFor.PAUSED else one.connection_id
                held_up[whom] = self.clock() + one.delay

    def _waits_on(self, carrier: Carrier, held_up: Mapping[str, datetime], report: BatchReport) -> bool:
        """Leave a bundle where it is of which it is known before it is read that nothing of it can be delivered."""
        if carrier.bundle is None or self.clock() - carrier.bundle.oldest_at >= MAX_WAIT:
            return False
        connection, now = carrier.target.connection, self.clock()
        hold = hold_of(connection, None, now)
        is_held_up = any(held_up.get(one, now) > now for one in (connection.munchkin_id, connection.id))
        if not is_held_up and (hold is None or hold.lets_try(now)):
            return False
        if not self.park.wait_on(carrier):
            self._defer({carrier.message: RETRY_LEASE}, report)
        return True

    def _read(self, carriers: Sequence[Carrier], report: BatchReport) -> list[Carrier]:
        """The carriers with their messages; a bundle that is there no more has none, as all of it was settled."""

        def bodies_of(carrier: Carrier) -> Sequence[str] | None:
            try:
                return self.park.read(carrier)
            except AWS_ERRORS:
                return None

        with ThreadPoolExecutor(BUNDLES_AT_ONCE) as threads:
            of_bundles = list(threads.map(bodies_of, (one for one in carriers if one.bundle is not None)))
        found = [one for one in carriers if one.bundle is None]
        for carrier, bodies in zip((one for one in carriers if one.bundle is not None), of_bundles, strict=True):
            if bodies is None or not self._opens(carrier, bodies, report):
                self._defer({carrier.message: RETRY_LEASE}, report)
            else:
                found.append(carrier)
        return found

    def _opens(self, carrier: Carrier, bodies: Sequence[str], report: BatchReport) -> bool:
        """Whether the messages of a bundle could be opened, but for those that became dead letters, and it is known
        whether they are still to be delivered.
        """
        for number, body in enumerate(bodies):
            message = replace(carrier.message, id=f"{carrier.message.id}/{number}", receipt_handle="", body=body)
            found = opened(message, lambda _: carrier.target)
            if isinstance(found, OpenMessage):
                carrier.open_messages.append(found)
            elif found is not None and not self._refuse(message, found, report):
                return False
        try:
            self.leave_cancelled(carrier.open_messages)
        except AWS_ERRORS:
            carrier.open_messages.clear()
            return False
        return True

    def _is_too_old(self, open_message: OpenMessage) -> bool:
        """Whether it has waited too long; a verification that has is done, and an erasure never has."""
        now, envelope = self.clock(), open_message.envelope
        if envelope.is_erasure:
            return False
        if envelope.is_request:
            if now - envelope.received_at >= MAX_DURATION:
                open_message.pending = set()  # It has failed by now: see Verification.at.
            return False
        return now - open_message.waits_since(now) >= MAX_WAIT

    def _is_forgotten(self, open_message: OpenMessage) -> bool:
        """Whether an erasure is about to leave the queue, which would tell nobody.

        One that is older than messages become was put back by somebody, and has its time again.
        """
        age = self.clock() - open_message.envelope.received_at
        return open_message.envelope.is_erasure and ERASURE_WAITS <= age < erasure.MAX_DURATION

    def _hold(self, open_message: OpenMessage) -> Hold | None:
        """What holds it up; nothing does an erasure, which is owed whatever the state of the connection."""
        if open_message.envelope.is_erasure:
            return None
        now = self.clock()
        hold = hold_of(open_message.target.connection, None, now)
        return None if hold is None or hold.lets_try(now) else hold

    def _defer(self, delays: Mapping[Message, timedelta], report: BatchReport) -> None:
        """Keep messages in the queue, invisible for a time."""
        for seconds, held in by_seconds(delays, self.window).items():
            self.queue.requeue(held, seconds)
        report.requeued += tuple(one.id for one in delays)

    def _note_waiting(self, so_far: _SoFar) -> None:
        """Note of each connection the oldest event that waits in the queue: requeued now, or before and not back."""
        now = self.clock()
        for connection in so_far.connections.values():
            invisible = connection.waiting if connection.waiting and connection.waiting.until > now else None
            waits = [one for one in (so_far.oldest.get(connection.id), invisible) if one is not None]
            waiting = min(waits, key=lambda one: one.since, default=None)
            if waiting != so_far.noted.get(connection.id, connection.waiting):
                so_far.noted[connection.id] = waiting
                with contextlib.suppress(*AWS_ERRORS):  # What was delivered stands; the next batch notes it.
                    self.connections.wait(connection.id, waiting)


def _tell(carriers: Iterable[Carrier], turns: Sequence[TurnResult], kept: Kept, report: BatchReport) -> None:
    """Add to the report what became of a wave."""
    ends = {one.open_message.message.id: MessageEnd.PARKED for one in kept.parked}
    ends |= {one.open_message.message.id: MessageEnd.REQUEUED for one in kept.requeues}
    for one in (one for carrier in carriers for one in carrier.open_messages):
        envelope = one.envelope
        report.messages.append(
            MessageReport(
                one.message.id,
                envelope.connection_id,
                envelope.correlation_id,
                len(envelope.events),
                one.message.receives,
                ends.get(one.message.id, MessageEnd.DELIVERED),
            )
        )
    report.halts |= causes((*kept.requeues, *kept.parked))
    report.parked += sum(one.open_message.unsettled for one in kept.parked)
    report.tally = counted((report.tally, *(tally for turn in turns for tally in turn.tallies)))
    report.letters += sum(turn.letters for turn in turns)
    report.imports += (one for turn in turns for one in turn.imports)
    report.window_share = max((report.window_share, *(turn.window_share for turn in turns)))
    report.quota_share = max((report.quota_share, *(turn.quota_share for turn in turns)))
