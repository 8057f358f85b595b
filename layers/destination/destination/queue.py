"""The queue: messages of events, packed to SQS's limits, and the dead letters with their reasons.

A message is `{"v": 1, "connection_id": …, "received_at": …, "events": […]}`. A dead letter is the same message, with
the reason in its attributes, so that moving it back to the queue is all that a redrive takes.
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from destination.domain.connection import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.times import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

VERSION = 1
MAX_MESSAGE_BYTES = 256 * 1024
MAX_EVENT_BYTES = MAX_MESSAGE_BYTES - 1024
"""What one event may take: a message less its envelope."""
MAX_BATCH_BYTES = 1000 * 1024
"""Of bodies in one call: SQS takes 1 MiB, message attributes included."""
MAX_BATCH_ENTRIES = 10
SEND_ATTEMPTS = 3
MAX_VISIBILITY_SECONDS = 43_200

_encode = json.JSONEncoder(separators=(",", ":")).encode


class UndecodableMessageError(Exception):
    """A message that is none of ours, or of a version this code does not know."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received; `receipt` is what SQS wants back to delete or delay it."""

    id: str
    receipt: str
    body: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message says."""

    connection_id: str
    received_at: datetime
    events: tuple[ProfileEvent, ...]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message body that cannot be delivered, and why: a stable code, and a sentence for people."""

    body: str
    code: str
    message: str


def encode_event(event: ProfileEvent) -> str:
    """The event as JSON. Raises ValueError when a text in it is not valid Unicode (a lone surrogate)."""
    text = _encode(
        {
            "id": event.id,
            "at": format_time(event.at),
            "profile": event.profile,
            "identities": event.identities,
            "audiences": [
                [one.audience.namespace, one.audience.id, one.status.value, format_time(one.at)]
                for one in event.memberships
            ],
        }
    )
    if "\\ud" in text:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    return text


def pack(connection_id: str, received_at: datetime, events: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Pack encoded events, in order, into as few messages as the size limit allows: (number of events, body)."""
    opening = json.dumps({"v": VERSION, "connection_id": connection_id, "received_at": format_time(received_at)})[:-1]
    start, end = f'{opening},"events":[', "]}"
    room = MAX_MESSAGE_BYTES - len(start) - len(end)
    held: list[str] = []
    size = 0
    for event in events:
        if held and size + len(event) + 1 > room:
            yield len(held), f"{start}{','.join(held)}{end}"
            held, size = [], 0
        held.append(event)
        size += len(event) + 1
    if held:
        yield len(held), f"{start}{','.join(held)}{end}"


def decode(body: str) -> Envelope:
    """Read a message. Raises UndecodableMessageError, with the cause, when it is not one."""
    try:
        message = json.loads(body)
        if message["v"] != VERSION:
            raise UndecodableMessageError(f"message version {message['v']!r}, not {VERSION}")
        return Envelope(
            connection_id=_as_text(message["connection_id"]),
            received_at=parse_time(message["received_at"]),
            events=tuple(_event(one) for one in message["events"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UndecodableMessageError(f"not a message of this system ({type(error).__name__})") from error


def _event(one: Mapping[str, Any]) -> ProfileEvent:
    return ProfileEvent(
        id=one["id"],
        at=parse_time(one["at"]),
        profile=one["profile"],
        identities={namespace: tuple(ids) for namespace, ids in one["identities"].items()},
        memberships=tuple(
            Membership(AudienceKey(namespace, audience), MembershipStatus(status), parse_time(at))
            for namespace, audience, status, at in one["audiences"]
        ),
    )


def _as_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def messages(event: Mapping[str, Any]) -> list[Message]:
    """The messages of an SQS batch as Lambda hands it over."""
    return [
        Message(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            record.get("attributes", {}).get("MessageGroupId"),
        )
        for record in event["Records"]
    ]


def batch_response(given_back: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Lambda's partial batch response: the messages that stay in the queue."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in given_back]}


@dataclass(frozen=True, slots=True)
class EventQueue:
    """The queue between ingest and sync, by either end."""

    client: "SQSClient"
    url: str

    def send(self, connection_id: str, bodies: Sequence[str]) -> list[int]:
        """Store message bodies under the connection's group; answers the indexes of those that were not stored."""
        return _send(
            self.client, self.url, [{"Id": "", "MessageBody": body, "MessageGroupId": connection_id} for body in bodies]
        )

    def give_back(self, messages: Sequence[Message], seconds: int) -> None:
        """Let received messages stay in the queue, hidden for a time.

        One that cannot be hidden so long stays hidden for the queue's own time, which does no harm.
        """
        timeout = min(max(seconds, 0), MAX_VISIBILITY_SECONDS)
        for start in range(0, len(messages), MAX_BATCH_ENTRIES):
            batch = messages[start : start + MAX_BATCH_ENTRIES]
            with contextlib.suppress(BotoCoreError, ClientError):
                self.client.change_message_visibility_batch(
                    QueueUrl=self.url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": one.receipt, "VisibilityTimeout": timeout}
                        for number, one in enumerate(batch)
                    ],
                )


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The queue of what cannot be delivered."""

    client: "SQSClient"
    url: str

    def send(self, letters: Sequence[DeadLetter]) -> list[int]:
        """Store dead letters; answers the indexes of those that were not stored."""
        return _send(self.client, self.url, [_entry(letter) for letter in letters])


def _entry(letter: DeadLetter) -> "SendMessageBatchRequestEntryTypeDef":
    return {
        "Id": "",
        "MessageBody": letter.body,
        "MessageAttributes": {
            "code": {"DataType": "String", "StringValue": letter.code},
            "reason": {"DataType": "String", "StringValue": letter.message},
        },
    }


def _send(client: "SQSClient", url: str, entries: Sequence["SendMessageBatchRequestEntryTypeDef"]) -> list[int]:
    pending = list(range(len(entries)))
    for _ in range(SEND_ATTEMPTS):
        pending = [index for batch in _batches(pending, entries) for index in _send_batch(client, url, batch, entries)]
        if not pending:
            break
    return pending


def _send_batch(
    client: "SQSClient", url: str, batch: Sequence[int], entries: Sequence["SendMessageBatchRequestEntryTypeDef"]
) -> list[int]:
    try:
        answer = client.send_message_batch(
            QueueUrl=url, Entries=[{**entries[index], "Id": str(index)} for index in batch]
        )
    except (BotoCoreError, ClientError):
        return list(batch)
    return [int(failure["Id"]) for failure in answer.get("Failed", [])]


def _batches(indexes: Sequence[int], entries: Sequence["SendMessageBatchRequestEntryTypeDef"]) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for index in indexes:
        length = len(entries[index]["MessageBody"].encode())
        if batch and (len(batch) == MAX_BATCH_ENTRIES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += length
    if batch:
        yield batch
