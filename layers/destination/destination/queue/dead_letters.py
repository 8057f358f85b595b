"""The queue of dead letters: whatever could not be read or was of no connection, as it came.

The reason is in the attributes of the message.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from destination.queue.batches import MAX_BATCH_ENTRIES, Message, send_all
from destination.queue.envelopes import CONNECTION_ID, ENVELOPE_ID
from destination.queue.events import EventQueue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

NO_CODE: Final = "NONE"
"""Of dead letters that the queue itself put aside, as every attempt at them failed; they say no reason."""

HANDLED_WITHIN: Final = 60
"""Seconds for which dead letters are invisible that were received: longer than a call takes that deals with them."""

_WAIT_SECONDS: Final = 1
"""SQS asks all of its servers when it may wait (Amazon SQS, "Short and long polling"); else it may miss messages."""

UNDECODABLE_GROUP = "undecodable"
"""The message group of dead letters that do not tell their connection."""

_OPENING = re.compile(rf'\{{"v": \d+, "id": "{ENVELOPE_ID.pattern}", "connection_id": "({CONNECTION_ID.pattern})"')


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message body that cannot be read, or is of no connection: a stable code, and a sentence for people."""

    body: str
    code: str
    message: str

    @property
    def group(self) -> str:
        """The group that the message has when it is moved back to the queue, so that redrives keep queueing fair."""
        opening = _OPENING.match(self.body)
        return opening[1] if opening else UNDECODABLE_GROUP


@dataclass(frozen=True, slots=True)
class ReceivedLetter:
    """A dead letter as received."""

    message: Message
    code: str
    reason: str

    @property
    def group(self) -> str:
        return DeadLetter(self.message.body, self.code, self.reason).group

    @property
    def connection_id(self) -> str | None:
        """None: it does not tell."""
        return None if self.group == UNDECODABLE_GROUP else self.group


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The queue of what cannot be read, or not be brought to an end, by either end."""

    client: "SQSClient"
    url: str

    def send(self, letters: Sequence[DeadLetter]) -> list[int]:
        """Store dead letters; answers the indexes of those that were not stored."""
        return send_all(self.client, self.url, [_entry(letter) for letter in letters])

    def receive(self) -> list[ReceivedLetter]:
        """Some of the dead letters, invisible for HANDLED_WITHIN seconds from now on; none: there are no others."""
        answer = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=MAX_BATCH_ENTRIES,
            MessageAttributeNames=["code", "reason"],
            VisibilityTimeout=HANDLED_WITHIN,
            WaitTimeSeconds=_WAIT_SECONDS,
        )
        letters = []
        for one in answer.get("Messages", []):
            told = {name: value.get("StringValue", "") for name, value in one.get("MessageAttributes", {}).items()}
            message = Message(one["MessageId"], one["ReceiptHandle"], one["Body"])
            letters.append(ReceivedLetter(message, told.get("code", NO_CODE), told.get("reason", "")))
        return letters

    def requeue(self, messages: Sequence[Message]) -> None:
        """Let received dead letters be visible again, at once."""
        EventQueue(self.client, self.url).requeue(messages, 0)

    def delete(self, messages: Sequence[Message]) -> int:
        """Delete up to ten received dead letters; how many could not be."""
        answer = self.client.delete_message_batch(
            QueueUrl=self.url,
            Entries=[{"Id": str(number), "ReceiptHandle": one.receipt_handle} for number, one in enumerate(messages)],
        )
        return len(answer.get("Failed", []))

    def count(self) -> int:
        """How many there are to be received, as far as SQS's approximate counts tell."""
        return EventQueue(self.client, self.url).counts().to_receive


def _entry(letter: DeadLetter) -> "SendMessageBatchRequestEntryTypeDef":
    return {
        "Id": "",
        "MessageBody": letter.body,
        "MessageGroupId": letter.group,
        "MessageAttributes": {
            "code": {"DataType": "String", "StringValue": letter.code},
            "reason": {"DataType": "String", "StringValue": letter.message},
        },
    }
