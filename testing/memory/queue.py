"""The queue of events in memory."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from destination.queue import MAX_VISIBILITY_SECONDS, Message
from destination.queue.events import QueueCounts

MAX_MESSAGE_BYTES = 1024 * 1024
"""What SQS takes (Amazon SQS, "Message quotas")."""


@dataclass
class MemoryQueue:
    """Keeps what is not done; a requeued message keeps its id, as it does in SQS.

    All that waits is taken at once, so that what is `to_receive` beside it is said.
    """

    waiting: dict[str, Message] = field(default_factory=dict)
    invisible_for: dict[str, int] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    to_receive: int = 0

    def send(self, connection_id: str, bodies: Sequence[str]) -> list[int]:
        refused = [number for number, body in enumerate(bodies) if len(body.encode()) > MAX_MESSAGE_BYTES]
        for number, body in enumerate(bodies):
            if number not in refused:
                message_id = f"message-{next(self.numbers)}"
                self.waiting[message_id] = Message(message_id, f"receipt of {message_id}", body)
        return refused

    def requeue(self, messages: Sequence[Message], seconds: int) -> None:
        invisible = min(max(seconds, 0), MAX_VISIBILITY_SECONDS)
        self.invisible_for |= {message.id: invisible for message in messages}

    def counts(self) -> QueueCounts:
        return QueueCounts(self.to_receive, len(self.waiting))

    def delete(self, message_ids: Sequence[str]) -> None:
        for message_id in message_ids:
            self.waiting.pop(message_id, None)
