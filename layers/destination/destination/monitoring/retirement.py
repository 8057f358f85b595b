"""The end of a connection: removed once what was queued for it has been delivered, or at once if that is discarded.

SQS counts the messages of a queue, not those of a connection (Amazon SQS, "GetQueueAttributes"), so a connection waits
until the queue is empty, or until nothing that it let in can be in it any more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from destination.control.removal import Removal
from destination.domain.connection import Status
from destination.queue import COUNTS_LAG, EventQueue
from destination.store.connections import Connections
from destination.store.errors import AWS_ERRORS, aws_code

MAX_TIME_IN_QUEUE: Final = timedelta(days=14)
"""The queue's retention (template.yaml)."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """A connection whose removal went on: it `is_gone`, or more of it is left than one run removes.

    `cause`: the code of AWS's refusal, where it could not be removed.
    """

    connection_id: str
    is_gone: bool
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class RetireConnections:
    """Removes the connections whose deletion has come to its end."""

    connections: Connections
    queue: EventQueue
    removal: Removal

    def __call__(self, now: datetime, has_time: Callable[[], bool]) -> Iterator[Retirement]:
        """Go on with those that are due, as long as there is time; one that cannot be removed is tried again."""
        leaving = [one for one in self.connections.all() if one.status is Status.DELETING and one.deleting_since]
        ages = {one.id: now - one.deleting_since for one in leaving if one.deleting_since}
        drained = any(age >= COUNTS_LAG for age in ages.values()) and self.queue.is_empty()
        for connection in leaving:
            waits = COUNTS_LAG if drained else MAX_TIME_IN_QUEUE
            if not has_time():
                return
            if connection.is_discarded or ages[connection.id] >= waits:
                try:
                    yield Retirement(connection.id, self.removal(connection))
                except AWS_ERRORS as error:
                    yield Retirement(connection.id, is_gone=False, cause=aws_code(error))
