"""A carrier: one message of the queue, and what came in it: itself, or the messages of a bundle that it stands for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from destination.delivery.open_message import OpenMessage
from destination.domain.connection import ActiveConnection
from destination.domain.parking import Bundle
from destination.queue import Message

MAX_WAVE_BYTES: Final = 6 * 1024 * 1024
"""Of messages that are delivered together, for which there is memory: as much as a batch of the queue may hold, for an
invocation takes 6 MB (AWS Lambda, "Lambda quotas"). No bundle is larger, for it has what a wave left.
"""


@dataclass(slots=True)
class Carrier:
    """`bundle`: that which the message stands for; its messages are opened when their turn has come."""

    message: Message
    target: ActiveConnection
    bundle: Bundle | None = None
    open_messages: list[OpenMessage] = field(default_factory=list)

    @property
    def size(self) -> int:
        return len(self.message.body) if self.bundle is None else self.bundle.size

    @property
    def is_done(self) -> bool:
        return all(one.is_done for one in self.open_messages)


def waves(carriers: Iterable[Carrier]) -> Iterator[Sequence[Carrier]]:
    """What is delivered together: what the queue holds itself with as many bundles as fit, then other bundles."""
    plain_first = sorted(carriers, key=lambda one: one.bundle is not None)
    wave: list[Carrier] = []
    size = 0
    for one in plain_first:
        if wave and one.bundle is not None and size + one.size > MAX_WAVE_BYTES:
            yield wave
            wave, size = [], 0
        wave.append(one)
        size += one.size
    if wave:
        yield wave
