"""What a message of the queue says: events of a body, packed to SQS's limits, or work that is to be carried on.

A message is

    {"v": 1, "id": …, "connection_id": …, "received_at": …, "correlation_id": …, "losses": …, "first": …, "events": [
    {"id": …, "at": …, "profile": …, "identities": …, "audiences": …},
    …
    ]}

The messages of one body have one `id`, that of the envelope, and its events are numbered through them: the event at
place i of a message has the number `first` + i. The envelope's id and the number are the key of an event for ever. What
was lost of a body is in its first message, which may have no events: `{"rejected": {code: number}, "left_out": …}`. A
message with `seen` (domain/seen.py) has none: it tells what a body was like that was refused as a whole. One with
`bundle` has none either: it stands for parked messages (domain/parking.py); nor has one with `verification` or
`erasure`, which asks for that. A letter (domain/letter.py) is a message too, of the same id and numbers, so that what
comes back of it is the same event.

Each event has a line of its own, so that a delivery reads one after the other, and keeps what it needs of it: a profile
takes several times its text in memory, and a delivery has a thousand of them.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from destination.domain.event import Membership, ProfileEvent
from destination.domain.loss import Loss, Lost
from destination.domain.parking import Bundle
from destination.domain.seen import Seen, read_seen, write_seen
from destination.domain.times import format_time, parse_time
from destination.queue.batches import MAX_BATCH_BYTES
from destination.queue.written_events import (
    BETWEEN,
    WRONG,
    UndecodableMessageError,
    WrittenEvents,
    check_text,
    decode_text,
    encode,
    encode_event,
    event_from,
)

VERSION = 1
"""Grows where the release before could not read a message, or would misread it, by leaving out what it does not know
(docs/decisions/0030-what-releases-read.md).
"""
ERASURE_VERSION = 2
"""Of messages that ask for an erasure: a release before would take one for a message without events, and delete it."""
MAX_MESSAGE_BYTES = MAX_BATCH_BYTES - 16 * 1024
"""Up to which bodies are filled: a dead letter has the same body, and attributes for which there must be room."""
MAX_EVENT_BYTES = MAX_MESSAGE_BYTES - 8 * 1024
"""What one event may take: a message, less its envelope and the losses in it."""
MAX_LOSSES = 50
"""How many reasons for losses a message may have."""

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

_EVENTS = '"events":['
_BETWEEN_EVENTS = ",\n"
_END = "\n]}"

_YEARS = range(2000, 2101)

VERIFICATION_ID = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{8}")
"""What the id of a verification looks like: the time of its request, and chance."""

ERASURE_ID = re.compile(r"[0-9]{8}T[0-9]{12}Z-[0-9a-f]{16}")
"""What the id of an erasure looks like: the time of its mark, and the person's pseudonym."""


IMPORT_ID = re.compile(r"[0-9a-f]{32}")
"""What the id of an import looks like."""


@dataclass(frozen=True, slots=True)
class ErasureCall:
    """A sender's call that asks to forget a person. `value`: what the person is known by, as the call has it; `call`:
    the call's id, by which it is one and the same when it is sent again.
    """

    value: str = field(repr=False)
    call: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a message says: events to be delivered, or the verification or erasure to be carried on.

    `id`: of the body that the events came in, in this message and in others; `first` is the number of the first event.
    `correlation_id`: the request that brought them, where one did. `attempt`: how often they have been letters.
    `losses`: how much of the body was lost, and why; in one message of it alone. `bundle`: the parked messages that the
    message stands for. `erasure`: the dedupe key of the person to be erased; the erasure's id is the message's. `seen`:
    what was seen of a body of which nothing was let in. `erasure_call`: the call of a sender that asks for an erasure.
    `lead_import`: the id of the import to be carried on.
    """

    id: str
    connection_id: str
    received_at: datetime
    first: int
    events: Sequence[ProfileEvent]
    verification: str | None = None
    correlation_id: str | None = None
    attempt: int = 0
    losses: Mapping[Loss, int] = field(default_factory=dict)
    bundle: Bundle | None = None
    erasure: str | None = field(default=None, repr=False)
    seen: Seen | None = None
    erasure_call: ErasureCall | None = None
    lead_import: str | None = None

    @property
    def is_request(self) -> bool:
        """Whether it asks for something to be done, and brings no events."""
        return self.verification is not None or self.lead_import is not None or self.is_erasure

    @property
    def is_erasure(self) -> bool:
        """Whether somebody is to be erased."""
        return self.erasure is not None or self.erasure_call is not None

    def text(self, place: int) -> str:
        """The event at a place as messages hold it, whether or not it can be read."""
        return self.events.text(place) if isinstance(self.events, WrittenEvents) else encode_event(self.events[place])

    def memberships(self, place: int) -> Sequence[Membership]:
        """What the event at a place says of audiences, without reading more of it; UndecodableMessageError as it."""
        if isinstance(self.events, WrittenEvents):
            return self.events.memberships(place)
        return self.events[place].memberships


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
    start = _start(f'{opening},"losses":{_by_kind(losses)}' if losses else opening, first)
    for event in events:
        if held and len(start) + size + len(event) + len(_END) > MAX_MESSAGE_BYTES:
            yield len(held), _body(start, held)
            first += len(held)
            start, held, size, losses = _start(opening, first), [], 0, None
        held.append(event)
        size += len(event) + len(_BETWEEN_EVENTS)
    if held or losses:
        yield len(held), _body(start, held)


def _start(opening: str, first: int) -> str:
    return f'{opening},"first":{first},{_EVENTS}\n'


def _body(start: str, events: Sequence[str]) -> str:
    return f"{start}{_BETWEEN_EVENTS.join(events)}{_END}" if events else f"{start}]}}"


def _by_kind(losses: Mapping[Loss, int]) -> str:
    by_kind: dict[str, dict[str, int]] = {}
    for loss, number in losses.items():
        by_kind.setdefault(loss.kind.value, {})[loss.code] = number
    return encode(by_kind)


def verification_message(connection_id: str, verification_id: str, requested_at: datetime) -> str:
    """The message that has a verification carried on; its id is that of the verification."""
    opening = {
        "v": VERSION,
        "id": verification_id,
        "connection_id": connection_id,
        "received_at": format_time(requested_at),
    }
    return json.dumps({**opening, "first": 0, "events": [], "verification": verification_id})


def import_message(connection_id: str, import_id: str, queued_at: datetime) -> str:
    """The message that has an import carried on; its id is that of the import."""
    opening = {"v": VERSION, "id": import_id, "connection_id": connection_id, "received_at": format_time(queued_at)}
    return json.dumps({**opening, "first": 0, "events": [], "lead_import": import_id})


def erasure_message(connection_id: str, erasure_id: str, key: str, at: datetime) -> str:
    """The message that has a person erased; nowhere else is its dedupe key kept meanwhile."""
    opening = {"v": ERASURE_VERSION, "id": erasure_id, "connection_id": connection_id, "received_at": format_time(at)}
    return json.dumps({**opening, "first": 0, "events": [], "erasure": key})


def erasure_call_message(
    connection_id: str, message_id: str, received_at: datetime, asked: ErasureCall, *, correlation_id: str | None = None
) -> str:
    """The message by which a sender's call asks to forget a person; nothing else keeps the value."""
    opening = {
        "v": ERASURE_VERSION,
        "id": message_id,
        "connection_id": connection_id,
        "received_at": format_time(received_at),
    }
    if correlation_id is not None:
        opening["correlation_id"] = correlation_id
    call = {"value": asked.value, "call": asked.call}
    return json.dumps({**opening, "first": 0, "events": [], "erasure_call": call})


def emptied(body: str, places: Collection[int]) -> str:
    """A message of events with nothing left of those at some places: each is still there, so that others keep their
    numbers, but says nothing any more.
    """
    envelope = open_envelope(body)
    nothing = encode_event(ProfileEvent(envelope.received_at, {}, {}, (), envelope.received_at))
    texts = [nothing if place in places else envelope.text(place) for place in range(len(envelope.events))]
    opening = body.split("\n", maxsplit=1)[0]
    message = json.loads(f"{opening}]}}" if isinstance(envelope.events, WrittenEvents) else body)
    message.pop("events")
    return _body(f"{json.dumps(message)[:-1]},{_EVENTS}\n", texts)


def readable(envelope: Envelope) -> Iterator[tuple[int, ProfileEvent]]:
    """The events of a message with their places, but for those that cannot be read."""
    for place in range(len(envelope.events)):
        with suppress(UndecodableMessageError):
            yield place, envelope.events[place]


def seen_message(connection_id: str, received_at: datetime, seen: Seen, *, envelope_id: str) -> str:
    """The message that tells what was seen of a body of which nothing is let in; it has no value of it."""
    opening = {
        "v": VERSION,
        "id": envelope_id,
        "connection_id": connection_id,
        "received_at": format_time(received_at),
    }
    return json.dumps({**opening, "first": 0, "events": [], "seen": write_seen(seen)})


def bundle_message(bundle: Bundle) -> str:
    """The message that brings parked messages back."""
    opening = {
        "v": VERSION,
        "id": bundle.id,
        "connection_id": bundle.connection_id,
        "received_at": format_time(bundle.oldest_at),
    }
    return json.dumps({**opening, "first": 0, "events": [], "bundle": bundle.name})


def open_envelope(body: str) -> Envelope:
    """Read a message, of which events that have lines of their own are read when they are asked for.

    Raises UndecodableMessageError as `decode`, but for such events.
    """
    opening, *lines = body.split("\n")
    if not lines or lines.pop() != "]}" or not opening.endswith(_EVENTS):
        return decode(body)
    envelope = decode(f"{opening}]}}")
    return replace(envelope, events=WrittenEvents(lines, envelope.received_at, envelope.first))


def decode(body: str) -> Envelope:
    """Read a message and all of its events. Raises UndecodableMessageError, with the cause, for whatever is not one.

    Properties that this release does not know are left out, and so is what follows in a list of known length.
    What this returns is safe to work with: of the right types all through, storable in UTF-8, of finite numbers, of
    bounded depth, and received in this century.
    """
    try:
        message = decode_text(body)
        version = message["v"]
        if type(version) is not int or version != _version_of(message):
            raise UndecodableMessageError(f"message version {str(version)[:20]}, not {VERSION}")
        check_text(body, message)
        return _envelope(message)
    except WRONG as error:
        raise UndecodableMessageError(f"not a message of this system ({type(error).__name__})") from error


def _version_of(message: Mapping[str, Any]) -> int:
    return ERASURE_VERSION if "erasure" in message or "erasure_call" in message else VERSION


def _envelope(message: Mapping[str, Any]) -> Envelope:
    connection_id, received_at, events = message["connection_id"], parse_time(message["received_at"]), message["events"]
    if not CONNECTION_ID.fullmatch(connection_id) or received_at.year not in _YEARS or type(events) is not list:
        raise ValueError("not as ingest writes it")
    envelope_id, first = message["id"], message["first"]
    if not ENVELOPE_ID.fullmatch(envelope_id) or type(first) is not int or not 0 <= first < MAX_FIRST:
        raise ValueError("not the key of events")
    verification = _id_in(message, "verification", VERIFICATION_ID)
    lead_import = _id_in(message, "lead_import", IMPORT_ID)
    erasure = message.get("erasure")
    if erasure is not None and (type(erasure) is not str or not erasure or not ERASURE_ID.fullmatch(envelope_id)):
        raise ValueError("not an erasure")
    correlation_id = _id_in(message, "correlation_id", CORRELATION_ID)
    read = tuple(
        [event_from(one, received_at + number * BETWEEN, may_be_deep=True) for number, one in enumerate(events, first)]
    )
    attempt = int(message.get("attempt", "0"))
    losses = _losses(message["losses"]) if "losses" in message else {}
    bundle = Bundle.named(connection_id, message["bundle"]) if "bundle" in message else None
    return Envelope(
        envelope_id,
        connection_id,
        received_at,
        first,
        read,
        verification,
        correlation_id,
        attempt,
        losses,
        bundle,
        erasure,
        read_seen(message["seen"]) if "seen" in message else None,
        _erasure_call(message["erasure_call"]) if "erasure_call" in message else None,
        lead_import,
    )


def _id_in(message: Mapping[str, Any], name: str, form: re.Pattern[str]) -> str | None:
    found: str | None = message.get(name)
    if found is not None and not form.fullmatch(found):
        raise ValueError(f"{name}: no id of one")
    return found


def _erasure_call(asked: Mapping[str, Any]) -> ErasureCall:
    value, call = asked["value"], asked["call"]
    if type(value) is not str or type(call) is not str or not value or not call:
        raise ValueError("not a call for an erasure")
    return ErasureCall(value, call)


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


_LOST = frozenset(Lost)
