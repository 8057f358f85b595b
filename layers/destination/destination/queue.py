"""The queue: messages of events, packed to SQS's limits, and the queue of dead letters with their reasons.

A message is

    {"v": 1, "id": …, "connection_id": …, "received_at": …, "correlation_id": …, "losses": …, "first": …, "events": […]}

The messages of one body have one `id`, that of the envelope, and its events are numbered through them: the event at
place i of a message has the number `first` + i. The envelope's id and the number are the key of an event for ever. What
was lost of a body is in its first message, which may have no events: `{"rejected": {code: number}, "left_out": …}`. A
message with `bundle` has none either: it stands for parked messages (domain/parking.py). A letter (domain/letter.py) is
a message too, of the same id and numbers, so that what comes back of it is the same event. A dead letter is whatever
could not be read or was of no connection, as it came, with the reason in its attributes.
"""

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import BotoCoreError, ClientError

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import Loss, Lost
from destination.domain.parking import Bundle
from destination.domain.times import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

VERSION = 1
"""Grows where the release before could not read a message, or would misread it, by leaving out what it does not know
(docs/decisions/0030-what-releases-read.md).
"""
MAX_BATCH_BYTES = 1024 * 1024
"""Of the messages of one call, and of each alone, with their attributes (Amazon SQS, "Message quotas")."""
MAX_MESSAGE_BYTES = MAX_BATCH_BYTES - 16 * 1024
"""Up to which bodies are filled: a dead letter has the same body, and attributes for which there must be room."""
MAX_EVENT_BYTES = MAX_MESSAGE_BYTES - 8 * 1024
"""What one event may take: a message, less its envelope and the losses in it."""
MAX_LOSSES = 50
"""How many reasons for losses a message may have."""
MAX_BATCH_ENTRIES = 10
SEND_ATTEMPTS = 3
MAX_VISIBILITY_SECONDS = 43_200
COUNTS_LAG = timedelta(minutes=5)
"""The queue's counts are approximate for a minute or so, and a body that was let in may just be on its way into it."""
MAX_DEPTH = 64
"""How deep a profile of a message may nest; sources let in half of it."""

CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the id of a connection looks like. SQS takes it as a message group."""

ENVELOPE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the id of an envelope looks like."""

MAX_FIRST = 1_000_000
"""Numbers of events are below it, a body having far fewer records."""

CORRELATION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the id of a request looks like that brought events; API Gateway and Lambda give UUIDs."""

LOSS_CODE = re.compile(r"[A-Z_]{1,50}")
"""What the code of a loss looks like."""

NO_CODE: Final = "NONE"
"""Of dead letters that the queue itself put aside, as every attempt at them failed; they say no reason."""

HANDLED_WITHIN: Final = 60
"""Seconds for which dead letters are invisible that were received: longer than a call takes that deals with them."""

_WAIT_SECONDS: Final = 1
"""SQS asks all of its servers when it may wait (Amazon SQS, "Short and long polling"); else it may miss messages."""

UNDECODABLE_GROUP = "undecodable"
"""The message group of dead letters that do not tell their connection."""

_YEARS = range(2000, 2101)
_BETWEEN = timedelta(microseconds=1)
"""Between the events of a body, which are received one after the other."""

VERIFICATION_ID = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}")
"""What the id of a verification looks like: the time of its request, and chance."""

_OPENING = re.compile(rf'\{{"v": \d+, "id": "{ENVELOPE_ID.pattern}", "connection_id": "({CONNECTION_ID.pattern})"')
_encode = json.JSONEncoder(separators=(",", ":")).encode


class UndecodableMessageError(Exception):
    """A message that is none of ours, or of a version this code does not know."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received, for the `receives`th time; `receipt_handle`: what SQS takes to delete or delay it."""

    id: str
    receipt_handle: str
    body: str
    receives: int = 1

    def without_body(self) -> Self:
        """For whoever keeps many of them to delete or delay them."""
        return replace(self, body="")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message says: events to be delivered, or the verification to be carried on.

    `id`: of the body that the events came in, in this message and in others; `first` is the number of the first event.
    `correlation_id`: the request that brought them, where one did. `attempt`: how often they have been letters.
    `losses`: how much of the body was lost, and why; in one message of it alone. `bundle`: the parked messages that the
    message stands for.
    """

    id: str
    connection_id: str
    received_at: datetime
    first: int
    events: tuple[ProfileEvent, ...]
    verification: str | None = None
    correlation_id: str | None = None
    attempt: int = 0
    losses: Mapping[Loss, int] = field(default_factory=dict)
    bundle: Bundle | None = None


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


def encode_event(event: ProfileEvent) -> str:
    """The event as JSON; when it was received, its message says by its own time and the event's number.

    Raises ValueError when a string in it is not valid Unicode (a lone surrogate).
    """
    parts = {
        "id": event.id,
        "at": format_time(event.at),
        "profile": event.profile,
        "identities": event.identities,
        "audiences": [
            [one.audience.namespace, one.audience.id, one.status.value, format_time(one.at), one.name]
            if one.name is not None
            else [one.audience.namespace, one.audience.id, one.status.value, format_time(one.at)]
            for one in event.memberships
        ],
    }
    text = _encode(parts)
    if "\\ud" in text:
        json.dumps(parts, ensure_ascii=False).encode()
    return text


def pack(
    connection_id: str,
    received_at: datetime,
    events: Iterable[str],
    *,
    envelope_id: str,
    first: int = 0,
    attempt: int = 0,
    correlation_id: str | None = None,
    losses: Mapping[Loss, int] | None = None,
) -> Iterator[tuple[int, str]]:
    """Pack encoded events, in order, into as few messages of MAX_MESSAGE_BYTES as take them: (number of events, body).

    Each event is of MAX_EVENT_BYTES at most, and of ASCII alone, as `encode_event` writes it. The events are numbered
    from `first` on; `attempt`: how often they have been letters. The `losses` are in the first message, which has
    no events where there are none.
    """
    properties = {
        "v": VERSION,
        "id": envelope_id,
        "connection_id": connection_id,
        "received_at": format_time(received_at),
    }
    if correlation_id is not None:
        properties["correlation_id"] = correlation_id
    if attempt:
        properties["attempt"] = str(attempt)
    opening = json.dumps(properties)[:-1]
    held: list[str] = []
    size = 0
    start, end = _start(f'{opening},"losses":{_by_kind(losses)}' if losses else opening, first), "]}"
    for event in events:
        if held and len(start) + size + len(event) + len(end) > MAX_MESSAGE_BYTES:
            yield len(held), f"{start}{','.join(held)}{end}"
            first += len(held)
            start, held, size, losses = _start(opening, first), [], 0, None
        held.append(event)
        size += len(event) + 1
    if held or losses:
        yield len(held), f"{start}{','.join(held)}{end}"


def _start(opening: str, first: int) -> str:
    return f'{opening},"first":{first},"events":['


def _by_kind(losses: Mapping[Loss, int]) -> str:
    by_kind: dict[str, dict[str, int]] = {}
    for loss, number in losses.items():
        by_kind.setdefault(loss.kind.value, {})[loss.code] = number
    return _encode(by_kind)


def verification_message(connection_id: str, verification_id: str, requested_at: datetime) -> str:
    """The message that has a verification carried on; its id is that of the verification."""
    opening = {
        "v": VERSION,
        "id": verification_id,
        "connection_id": connection_id,
        "received_at": format_time(requested_at),
    }
    return json.dumps({**opening, "first": 0, "events": [], "verification": verification_id})


def bundle_message(bundle: Bundle) -> str:
    """The message that brings parked messages back."""
    opening = {
        "v": VERSION,
        "id": bundle.id,
        "connection_id": bundle.connection_id,
        "received_at": format_time(bundle.oldest_at),
    }
    return json.dumps({**opening, "first": 0, "events": [], "bundle": bundle.name})


def decode(body: str) -> Envelope:
    """Read a message. Raises UndecodableMessageError, with the cause, for whatever is not one.

    Properties that this release does not know are left out, and so is what follows in a list of known length.
    What this returns is safe to work with: of the right types all through, storable in UTF-8, of finite numbers, of
    bounded depth, and received in this century.
    """
    try:
        message = _decode(body)
        version = message["v"]
        if type(version) is not int or version != VERSION:
            raise UndecodableMessageError(f"message version {str(version)[:20]}, not {VERSION}")
        if not body.isascii() or "\\ud" in body or "\\uD" in body:
            json.dumps(message, ensure_ascii=False).encode()
        return _envelope(message)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UndecodableMessageError(f"not a message of this system ({type(error).__name__})") from error


def _envelope(message: Mapping[str, Any]) -> Envelope:
    connection_id, received_at, events = message["connection_id"], parse_time(message["received_at"]), message["events"]
    if not CONNECTION_ID.fullmatch(connection_id) or received_at.year not in _YEARS or type(events) is not list:
        raise ValueError("not as ingest writes it")
    envelope_id, first = message["id"], message["first"]
    if not ENVELOPE_ID.fullmatch(envelope_id) or type(first) is not int or not 0 <= first < MAX_FIRST:
        raise ValueError("not the key of events")
    verification = message.get("verification")
    if verification is not None and not VERIFICATION_ID.fullmatch(verification):
        raise ValueError("not the id of a verification")
    correlation_id = message.get("correlation_id")
    if correlation_id is not None and not CORRELATION_ID.fullmatch(correlation_id):
        raise ValueError("not the id of a request")
    read = tuple([_event(one, received_at + number * _BETWEEN) for number, one in enumerate(events, first)])
    attempt = int(message.get("attempt", "0"))
    losses = _losses(message["losses"]) if "losses" in message else {}
    bundle = Bundle.named(connection_id, message["bundle"]) if "bundle" in message else None
    return Envelope(
        envelope_id, connection_id, received_at, first, read, verification, correlation_id, attempt, losses, bundle
    )


def _losses(by_kind: Mapping[str, Mapping[str, Any]]) -> dict[Loss, int]:
    """Of what a later release may have written, codes are taken as they are, and kinds left out."""
    losses = {}
    for kind, numbers in by_kind.items():
        if kind not in _LOST:
            continue
        for code, number in numbers.items():
            if not LOSS_CODE.fullmatch(code) or type(number) is not int or not 0 < number < MAX_FIRST:
                raise ValueError("not a number of losses")
            losses[Loss(Lost(kind), code)] = number
    if len(losses) > MAX_LOSSES:
        raise ValueError("too many reasons")
    return losses


def _event(one: Mapping[str, Any], received_at: datetime) -> ProfileEvent:
    """Every event of the system passes here: the checks are written out, and of exact types, for speed."""
    event_id, profile, audiences = one["id"], one["profile"], one["audiences"]
    if (event_id is not None and type(event_id) is not str) or type(profile) is not dict or type(audiences) is not list:
        raise TypeError("not an event")
    _check_depth(profile)
    identities = {}
    for namespace, ids in one["identities"].items():
        if type(ids) is not list:
            raise TypeError("not a list of identities")
        for identity in ids:
            if type(identity) is not str:
                raise TypeError("not an identity")
        identities[namespace] = tuple(ids)
    memberships = []
    for entry in audiences:
        namespace, audience, status, at, *names = entry
        if type(entry) is not list or type(namespace) is not str or type(audience) is not str:
            raise TypeError("not a membership")
        name = names[0] if names else None
        if name is not None and type(name) is not str:
            raise TypeError("not the name of an audience")
        memberships.append(Membership(AudienceKey(namespace, audience), _STATUSES[status], parse_time(at), name))
    return ProfileEvent(parse_time(one["at"]), profile, identities, tuple(memberships), received_at, event_id)


def _check_depth(profile: dict[str, object]) -> None:
    """Level by level, as what is nested too deeply must not be recursed into."""
    level: list[Any] = [profile]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise ValueError("is nested too deeply")


def _finite(text: str) -> float:
    """A number of JSON: `1e999` is one, but no double, and NaN is none."""
    number = float(text)
    if not isfinite(number):
        raise ValueError("not a finite number")
    return number


_decode = json.JSONDecoder(parse_float=_finite, parse_constant=_finite).decode
_LOST = frozenset(Lost)
_STATUSES = {status.value: status for status in MembershipStatus}


def messages(event: Mapping[str, Any]) -> list[Message]:
    """The messages of an SQS batch as Lambda hands it over."""
    return [
        Message(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
        )
        for record in event["Records"]
    ]


def batch_response(requeued: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Lambda's partial batch response: the messages that stay in the queue."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in requeued]}


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
        return _send(
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
        return _send(self.client, self.url, [_entry(letter) for letter in letters])

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
        length = _size(entries[index])
        if batch and (len(batch) == MAX_BATCH_ENTRIES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += length
    if batch:
        yield batch


def _size(entry: "SendMessageBatchRequestEntryTypeDef") -> int:
    """Bytes of a message as SQS counts them: its body, and the name, type and value of each attribute.

    Source: Amazon SQS, "Amazon SQS message metadata".
    """
    attributes = entry.get("MessageAttributes", {}).items()
    texts = [text for name, one in attributes for text in (name, one["DataType"], one.get("StringValue", ""))]
    return sum(len(text.encode()) for text in (entry["MessageBody"], *texts))
