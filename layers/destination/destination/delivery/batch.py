"""The use case behind the queue: a batch of messages comes in, what it says is made true in Marketo and accounted for.

    messages ─▶ opened, losses counted ─▶ a turn for each Marketo instance, some at once ─▶ what is not done is requeued

A message is done when every event in it has a final outcome that the ledger holds; the others stay in the queue.
"""

import contextlib
import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery.accounts import DeadLetters
from destination.delivery.connection import RETRY_BLOCKED
from destination.delivery.losses import Losses, count_losses
from destination.delivery.open_message import OpenMessage, opened
from destination.delivery.requeue import Requeue, by_seconds, causes, oldest_waiting
from destination.delivery.turn import TurnResult
from destination.domain.connection import DELIVERING, ActiveConnection, Connection, Waiting
from destination.domain.run import Tally, counted
from destination.domain.verification import MAX_DURATION
from destination.queue import DeadLetter, Message
from destination.store.errors import AWS_ERRORS

INSTANCES_AT_ONCE: Final = 8


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str) -> ActiveConnection: ...
    def wait(self, connection_id: str, waiting: Waiting | None) -> None: ...


class Queue(Protocol):
    """Where messages that are not done stay."""

    def requeue(self, messages: Sequence[Message], seconds: int) -> None: ...


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The ids of the messages that stay in the queue, and what held each connection up.

    `open_messages`: the messages that are of a connection; `refused`: those that are none, and became dead letters, by
    id. `tally`: what was recorded, `letters`: how many dead letters were sent. `window_share` and `quota_share`: how
    much was used at most of an instance's calls in 20 s and in a day that are ours, 1 for all.
    """

    requeued: tuple[str, ...]
    halts: Mapping[str, str]
    open_messages: Sequence[OpenMessage] = ()
    refused: Mapping[str, DeadLetter] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    letters: int = 0
    window_share: float = 0.0
    quota_share: float = 0.0


@dataclass(slots=True)
class _Opened:
    """What the messages of a batch turned out to be; `lost` stay in the queue, as nothing can be said of them now."""

    open_messages: list[OpenMessage] = field(default_factory=list)
    refused: dict[str, DeadLetter] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DeliverBatch:
    """Delivers batches. `turn` delivers to one instance until a deadline."""

    connections: Connections
    queue: Queue
    dead_letters: DeadLetters
    losses: Losses
    turn: Callable[[Sequence[OpenMessage], datetime], TurnResult]
    clock: Callable[[], datetime]

    def __call__(self, messages: Sequence[Message], time_left: timedelta) -> BatchReport:
        """Deliver a batch within the time left; what cannot be done in it is requeued."""
        deadline = self.clock() + time_left
        batch = self._open(messages)
        instances: defaultdict[str, list[OpenMessage]] = defaultdict(list)
        requeues: list[Requeue] = []
        for open_message in batch.open_messages:
            if open_message.is_done:
                continue
            if (requeue := self._set_aside(open_message)) is not None:
                requeues.append(requeue)
            elif not open_message.is_done:
                instances[open_message.target.connection.munchkin_id].append(open_message)
        with ThreadPoolExecutor(INSTANCES_AT_ONCE) as threads:
            turns = list(threads.map(lambda open_messages: self.turn(open_messages, deadline), instances.values()))
        requeues += (requeue for turn in turns for requeue in turn.requeues)
        for seconds, held in by_seconds(requeues).items():
            self.queue.requeue(held, seconds)
        self._note_waiting(
            (open_message.target.connection for open_messages in instances.values() for open_message in open_messages),
            requeues,
        )
        return BatchReport(
            requeued=(*(one.open_message.message.id for one in requeues), *batch.lost),
            halts=causes(requeues),
            open_messages=batch.open_messages,
            refused=batch.refused,
            tally=counted(tally for turn in turns for tally in turn.tallies),
            letters=len(batch.refused) + sum(turn.letters for turn in turns),
            window_share=max((turn.window_share for turn in turns), default=0.0),
            quota_share=max((turn.quota_share for turn in turns), default=0.0),
        )

    def _open(self, messages: Sequence[Message]) -> _Opened:
        active = functools.cache(self.connections.active)
        result = _Opened()
        for message in {one.id: one for one in messages}.values():  # SQS may deliver one twice, even in one batch
            try:
                found = opened(message, active)
            except AWS_ERRORS:
                result.lost.append(message.id)
                continue
            if isinstance(found, OpenMessage):
                result.open_messages.append(found)
            elif self.dead_letters.send([found]):
                result.lost.append(message.id)
            else:
                result.refused[message.id] = found
        if uncounted := count_losses(result.open_messages, self.losses, self.clock()):
            result.open_messages = [one for one in result.open_messages if one.message.id not in uncounted]
            result.lost += sorted(uncounted)
        return result

    def _set_aside(self, open_message: OpenMessage) -> Requeue | None:
        """Requeue what its connection does not deliver now; a verification that took too long is done."""
        if (
            open_message.envelope.verification is not None
            and self.clock() >= open_message.envelope.received_at + MAX_DURATION
        ):
            open_message.pending = set()  # It has failed by now: see Verification.at.
            return None
        status = open_message.target.connection.status
        return None if status in DELIVERING else Requeue(open_message, RETRY_BLOCKED, f"the connection is {status}")

    def _note_waiting(self, connections: Iterable[Connection], requeues: Sequence[Requeue]) -> None:
        """Note the oldest event of each connection that waits: one requeued now, or before and not yet back."""
        now = self.clock()
        oldest = oldest_waiting(requeues, now)
        for connection in {one.id: one for one in connections}.values():
            invisible = connection.waiting if connection.waiting and connection.waiting.until > now else None
            waits = [one for one in (oldest.get(connection.id), invisible) if one is not None]
            waiting = min(waits, key=lambda one: one.since, default=None)
            if waiting != connection.waiting:
                with contextlib.suppress(*AWS_ERRORS):  # What was delivered stands; the next batch notes it.
                    self.connections.wait(connection.id, waiting)
