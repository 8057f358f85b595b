"""The requeue: what is not done stays in the queue, invisible for as long as its cause may last."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from destination.delivery.open_message import OpenMessage
from destination.domain.connection import Waiting
from destination.queue import Message

EAGER_RECEIVES: Final = 50
PATIENT_DELAY: Final = timedelta(hours=1)
"""A message that was received so often comes back once an hour, so that the queue's 300 receives last 10 days."""


@dataclass(frozen=True, slots=True)
class Requeue:
    """A message that is to be received again after a delay, and what held it up."""

    open_message: OpenMessage
    delay: timedelta
    cause: str

    @property
    def seconds(self) -> int:
        """The message's visibility timeout."""
        goes_on = self.is_of_verification and not self.delay
        is_tired = self.open_message.message.receives > EAGER_RECEIVES and not goes_on
        delay = max(self.delay, PATIENT_DELAY) if is_tired else self.delay
        return max(ceil(delay.total_seconds()), 0)

    @property
    def is_of_verification(self) -> bool:
        return self.open_message.envelope.verification is not None

    @property
    def connection_id(self) -> str:
        return self.open_message.target.connection.id


def requeue(open_messages: Iterable[OpenMessage], delay: timedelta, cause: str) -> tuple[Requeue, ...]:
    """All of the messages for the same cause."""
    return tuple(Requeue(open_message, delay, cause) for open_message in open_messages)


def by_seconds(requeues: Iterable[Requeue]) -> dict[int, list[Message]]:
    """The messages by their visibility timeout."""
    messages: defaultdict[int, list[Message]] = defaultdict(list)
    for one in requeues:
        messages[one.seconds].append(one.open_message.message)
    return messages


def causes(requeues: Iterable[Requeue]) -> dict[str, str]:
    """By connection what holds its events up; a verification that goes on holds none up."""
    return {one.connection_id: one.cause for one in requeues if not one.is_of_verification}


def oldest_waiting(requeues: Iterable[Requeue], now: datetime) -> dict[str, Waiting]:
    """By connection the oldest of its events that are received again, and when."""
    oldest: dict[str, Waiting] = {}
    for one in requeues:
        if not one.is_of_verification:
            waiting = Waiting(one.open_message.envelope.received_at, now + timedelta(seconds=one.seconds))
            oldest[one.connection_id] = min(oldest.get(one.connection_id, waiting), waiting, key=_order)
    return oldest


def _order(waiting: Waiting) -> tuple[datetime, datetime]:
    return waiting.since, waiting.until
