"""The queue of events, between ingest and sync."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from destination.queue.batches import MAX_BATCH_ENTRIES, Message, send_all

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

MAX_VISIBILITY_SECONDS = 43_200
COUNTS_LAG = timedelta(minutes=5)
"""The queue's counts are approximate for a minute or so, and a body that was let in may just be on its way into it."""


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many messages of a queue are to be received, and how many have been and are in flight."""

    to_receive: int
    in_flight: int

    @property
    def is_empty(self) -> bool:
        return not (self.to_receive or self.in_flight)


@dataclass(frozen=True, slots=True)
class EventQueue:
    """The queue between ingest and sync, by either end."""

    client: "SQSClient"
    url: str

    def send(self, connection_id: str, bodies: Sequence[str]) -> list[int]:
        """Store message bodies under the connection's group; answers the indexes of those that were not stored."""
        return send_all(
            self.client, self.url, [{"Id": "", "MessageBody": body, "MessageGroupId": connection_id} for body in bodies]
        )

    def requeue(self, messages: Sequence[Message], seconds: int) -> None:
        """Let received messages stay in the queue, invisible for a time.

        Where that cannot be set, the queue's own visibility timeout holds, which does no harm.
        """
        timeout = min(max(seconds, 0), MAX_VISIBILITY_SECONDS)
        for start in range(0, len(messages), MAX_BATCH_ENTRIES):
            batch = messages[start : start + MAX_BATCH_ENTRIES]
            with contextlib.suppress(BotoCoreError, ClientError):
                self.client.change_message_visibility_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": one.receipt_handle, "VisibilityTimeout": timeout}
                        for number, one in enumerate(batch)
                    ],
                )

    def counts(self) -> QueueCounts:
        """How many messages there are, as far as SQS's approximate counts tell."""
        answer = self.client.get_queue_attributes(
            QueueUrl=self.url,
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )
        found = answer["Attributes"]
        to_receive = int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesDelayed"])
        return QueueCounts(to_receive, int(found["ApproximateNumberOfMessagesNotVisible"]))

    def is_empty(self) -> bool:
        """Whether no message waits, is being delivered or was requeued, as far as SQS's approximate counts tell."""
        return self.counts().is_empty
