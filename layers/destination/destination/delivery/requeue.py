"""The requeue: what is not done stays in the queue, invisible for as long as its cause may last, or is parked."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from destination.delivery.open_message import OpenMessage
from destination.domain.connection import Waiting
from destination.domain.parking import MAX_IN_QUEUE, WaitsFor
from destination.queue import Message

EAGER_RECEIVES: Final = 50
PATIENT_DELAY: Final = timedelta(hours=1)
"""A message that was received so often waits for an hour, so that the queue's 1,000 receives are never reached."""


@dataclass(frozen=True, slots=True)
class Requeue:
    """A message that is to be received again after a delay, what it waits for, and what held it up in words.

    `due_at`: when a bundle of it is due to the second, so that it is known by that time; None: about after the delay.
    """

    open_message: OpenMessage
    delay: timedelta
    cause: str
    waits_for: WaitsFor = WaitsFor.RETRY
    due_at: datetime | None = None

    @property
    def waits(self) -> timedelta:
        """How long it is to wait."""
        goes_on = self.is_request and not self.delay
        is_tired = self.open_message.message.receives > EAGER_RECEIVES and not goes_on
        return max(self.delay, PATIENT_DELAY if is_tired else timedelta(0))

    @property
    def is_parked(self) -> bool:
        """Whether it leaves the queue: it waits for long, or nobody knows how long."""
        return not self.is_request and (self.is_endless or self.waits > MAX_IN_QUEUE)

    @property
    def is_endless(self) -> bool:
        """Whether it waits until somebody does something."""
        return self.waits_for in {WaitsFor.DISABLED, WaitsFor.BLOCKED}

    @property
    def is_request(self) -> bool:
        return self.open_message.envelope.is_request

    @property
    def connection_id(self) -> str:
        return self.open_message.target.connection.id


def requeue(
    open_messages: Iterable[OpenMessage], delay: timedelta, cause: str, waits_for: WaitsFor = WaitsFor.RETRY
) -> tuple[Requeue, ...]:
    """All of the messages for the same cause."""
    return tuple(Requeue(open_message, delay, cause, waits_for) for open_message in open_messages)


def by_seconds(delays: Mapping[Message, timedelta], window: timedelta) -> dict[int, list[Message]]:
    """The messages by their visibility timeout. It ends a `window` early, for which Lambda collects a batch again."""
    messages: defaultdict[int, list[Message]] = defaultdict(list)
    for message, delay in delays.items():
        messages[max(ceil((delay - window).total_seconds()), 0)].append(message)
    return messages


def causes(requeues: Iterable[Requeue]) -> dict[str, str]:
    """By connection what holds its events up; a verification, an erasure or an import that goes on holds none up."""
    told = (one for one in requeues if not one.is_request and one.waits_for is not WaitsFor.IMPORT)
    return {one.connection_id: one.cause for one in told}


def oldest_waiting(requeues: Iterable[Requeue], now: datetime) -> dict[str, Waiting]:
    """By connection the oldest of its events that are received again, and when."""
    oldest: dict[str, Waiting] = {}
    for one in requeues:
        if not one.is_request:
            waiting = Waiting(one.open_message.envelope.received_at, now + one.waits)
            oldest[one.connection_id] = min(oldest.get(one.connection_id, waiting), waiting, key=_order)
    return oldest


def oldest_of(one: Mapping[str, Waiting], other: Mapping[str, Waiting]) -> dict[str, Waiting]:
    """By connection the older of both."""
    both = ((name, waiting) for found in (one, other) for name, waiting in found.items())
    oldest: dict[str, Waiting] = {}
    for name, waiting in both:
        oldest[name] = min(oldest.get(name, waiting), waiting, key=_order)
    return oldest


def _order(waiting: Waiting) -> tuple[datetime, datetime]:
    return waiting.since, waiting.until
