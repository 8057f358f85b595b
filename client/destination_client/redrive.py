"""Moves dead letters back to the queue of events.

Every letter is received, sent, and only then deleted: if the command ends in between, a letter is in both queues, and
none is lost. Twice does no harm, for what was delivered already changes nothing.

All letters are taken before the first is moved. They stay invisible meanwhile, so that none is seen twice, and what
comes back from the queue because it is refused again is not moved a second time.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Final

from destination.queue import MAX_BATCH_ENTRIES, DeadLetter, EventQueue, Message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

INVISIBLE_SECONDS: Final = 900
"""How long letters that were taken stay invisible; they show up again then, if the command was killed."""

WAIT_SECONDS = 2
"""SQS asks all of its servers when it may wait (Amazon SQS, "Short and long polling"); else it may miss messages."""

NO_CODE: Final = "NONE"
"""Of messages that the queue itself put aside, as every attempt at them failed; they say no reason."""


@dataclass(frozen=True, slots=True)
class Letter:
    message: Message
    connection_id: str
    code: str
    reason: str


@dataclass(slots=True)
class Taken:
    """Dead letters that were received: those that were asked for, and the messages of all others."""

    chosen: list[Letter] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)

    def counts(self) -> list[tuple[str, str, str, int]]:
        """How many of the chosen there are by connection and code, with the reason of one of them, most first."""
        counted = Counter((one.connection_id, one.code) for one in self.chosen)
        reasons = {(one.connection_id, one.code): one.reason for one in reversed(self.chosen)}
        return [(*key, reasons[key], count) for key, count in counted.most_common()]


@dataclass(slots=True)
class Moved:
    """`left` could not be sent and stay dead letters; `twice` were sent, and could not be deleted."""

    moved: int = 0
    left: int = 0
    twice: int = 0


@dataclass(frozen=True, slots=True)
class Letters:
    """The queue of dead letters."""

    client: "SQSClient"
    url: str

    def take(self, taken: Taken, *, connection_id: str | None, code: str | None, limit: int) -> Iterator[int]:
        """Receive the letters of a connection and a code, None being any, into `taken`; how many came at a time."""
        seen: set[str] = set()
        while len(taken.chosen) < limit:
            found = [one for one in self._receive() if one.message.id not in seen]
            if not found:
                return
            seen.update(one.message.id for one in found)
            for one in found:
                if connection_id in {None, one.connection_id} and code in {None, one.code}:
                    taken.chosen.append(one)
                else:
                    taken.others.append(Message(one.message.id, one.message.receipt_handle, ""))
            yield len(found)

    def requeue(self, messages: Sequence[Message]) -> None:
        """Make messages visible again, at once."""
        EventQueue(self.client, self.url).requeue(messages, 0)

    def delete(self, messages: Sequence[Message]) -> int:
        """Delete up to ten messages; how many could not be."""
        answer = self.client.delete_message_batch(
            QueueUrl=self.url,
            Entries=[{"Id": str(number), "ReceiptHandle": one.receipt_handle} for number, one in enumerate(messages)],
        )
        return len(answer.get("Failed", []))

    def _receive(self) -> list[Letter]:
        answer = self.client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=MAX_BATCH_ENTRIES,
            MessageAttributeNames=["code", "reason"],
            VisibilityTimeout=INVISIBLE_SECONDS,
            WaitTimeSeconds=WAIT_SECONDS,
        )
        letters = []
        for one in answer.get("Messages", []):
            told = {name: value.get("StringValue", "") for name, value in one.get("MessageAttributes", {}).items()}
            letter = DeadLetter(one["Body"], told.get("code", NO_CODE), told.get("reason", ""))
            message = Message(one["MessageId"], one["ReceiptHandle"], one["Body"])
            letters.append(Letter(message, letter.group, letter.code, letter.message))
        return letters


def move(letters: Letters, queue: EventQueue, chosen: list[Letter], moved: Moved) -> Iterator[int]:
    """Send letters to the queue, then delete them, ten at a time; how many were tried each time.

    What was dealt with leaves `chosen`. The code and the reason stay behind, as they are not those of the next attempt.
    """
    while batch := list(islice(chosen, MAX_BATCH_ENTRIES)):
        stored = [one for group in {one.connection_id for one in batch} for one in _sent(queue, group, batch)]
        moved.moved += len(stored)
        moved.left += len(batch) - len(stored)
        if stored:
            moved.twice += letters.delete([one.message for one in stored])
        letters.requeue([one.message for one in batch if one not in stored])
        del chosen[: len(batch)]
        yield len(batch)


def _sent(queue: EventQueue, connection_id: str, batch: Sequence[Letter]) -> list[Letter]:
    own = [one for one in batch if one.connection_id == connection_id]
    lost = set(queue.send(connection_id, [one.message.body for one in own]))
    return [one for index, one in enumerate(own) if index not in lost]
