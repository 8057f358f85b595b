"""The end of a connection: removed once what was queued for it has been delivered, or at once if that is discarded.

SQS counts the messages of a queue, not those of a connection (Amazon SQS, "GetQueueAttributes"). But what is to be
received is received at once as long as there is no backlog. So a connection that lets nothing in is drained when the
queue has had nothing to be received, and every message that was being delivered then has come to its end: delivered,
parked, or noted as waiting. Where others have sent something at each look, the age of the oldest message tells how old
what is to be received can be.

    deletion ── COUNTS_LAG ──▶ nothing to be received that is as old, nothing of it parked
             ── DRAINED_AFTER ──▶ still so: removed
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.control.removal import Removal
from destination.domain.connection import Connection, Status
from destination.domain.parking import Bundle
from destination.queue import COUNTS_LAG, EventQueue, QueueCounts
from destination.queue.ages import QueueAges
from destination.store.connections import Connections
from destination.store.errors import AWS_ERRORS, aws_code

MAX_TIME_IN_QUEUE: Final = timedelta(days=14)
"""The queue's retention (template.yaml)."""

DRAINED_AFTER: Final = timedelta(minutes=20)
"""Longer than a message that is being delivered can take until it is delivered, parked or noted as waiting, also if its
worker dies and another one gets it (template.yaml: the visibility timeout, a window and the time of a batch).
"""


@dataclass(frozen=True, slots=True)
class Retirement:
    """A connection whose removal went on: it `is_gone`, or more of it is left than one run removes.

    `cause`: the code of AWS's refusal, where it could not be removed.
    """

    connection_id: str
    is_gone: bool
    cause: str | None = None


class Parking(Protocol):
    """What is parked."""

    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...


@dataclass(frozen=True, slots=True)
class RetireConnections:
    """Removes the connections whose deletion has come to its end."""

    connections: Connections
    queue: EventQueue
    ages: QueueAges
    parking: Parking
    removal: Removal

    def __call__(self, now: datetime, has_time: Callable[[], bool]) -> Iterator[Retirement]:
        """Go on with those that are due, as long as there is time; one that cannot be removed is tried again."""
        leaving = [one for one in self.connections.all() if one.status is Status.DELETING]
        counts = self.queue.counts() if any(not one.is_discarded for one in leaving) else None
        received_until = now if counts is None or not counts.to_receive else self.ages.received_until(now)
        for connection in leaving:
            if not has_time():
                return
            try:
                is_drained = counts is not None and self._is_drained(connection, counts, received_until, now)
                if connection.is_discarded or is_drained:
                    yield Retirement(connection.id, self.removal(connection))
            except AWS_ERRORS as error:
                yield Retirement(connection.id, is_gone=False, cause=aws_code(error))

    def _is_drained(
        self, connection: Connection, counts: QueueCounts, received_until: datetime | None, now: datetime
    ) -> bool:
        """Whether nothing of it is left; notes since when nothing of it can be left that nobody has received.

        The bucket is looked into after the queue was counted: what was in flight before may be parked by now.
        """
        since = connection.deleting_since
        if since is None or now - since < COUNTS_LAG:
            return False
        waiting = connection.waiting
        is_parked = any(True for _ in self.parking.of(connection.id))
        if is_parked or (waiting is not None and now < waiting.until + COUNTS_LAG and not counts.is_empty):
            if connection.drained_since is not None:
                self.connections.drain(connection.id, None)
            return False
        if counts.is_empty or now - since >= MAX_TIME_IN_QUEUE:
            return True
        if received_until is None or received_until - since < COUNTS_LAG:
            return False
        if connection.drained_since is None:
            self.connections.drain(connection.id, now)
            return False
        return received_until - connection.drained_since >= DRAINED_AFTER
