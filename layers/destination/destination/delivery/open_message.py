"""An open message: one that was received and read, with what is still to be done of it."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from destination.domain.connection import ActiveConnection
from destination.domain.event import Membership, ProfileEvent
from destination.domain.letter import Letter
from destination.domain.mapping import Mapper
from destination.domain.outcome import UNREADABLE_EVENT
from destination.domain.parking import waits_since
from destination.domain.person import Origin, Unit
from destination.domain.run import run_id
from destination.queue import DeadLetter, Envelope, Message, UndecodableMessageError, open_envelope, pack
from destination.store.errors import NotFoundError

_NONE: Final[frozenset[str]] = frozenset()


@dataclass(slots=True)
class OpenMessage:
    """A message that was opened: its connection is known.

    `pending` numbers its persons that are not recorded yet (None: not known before `units`); `ignored` are those of its
    events that do not concern the connection, and are not recorded yet either. `meant`: how many persons there are.
    `receipts`: when the events that have ids were received, by these. `heard`: what its events say of audiences, and
    when each was received (None: not known before `units`).
    """

    message: Message
    envelope: Envelope
    target: ActiveConnection
    pending: set[str] | None = None
    ignored: list[Origin] = field(default_factory=list)
    meant: int = 0
    receipts: dict[str, datetime] = field(default_factory=dict)
    heard: list[tuple[datetime, Sequence[Membership]]] | None = None

    @property
    def is_done(self) -> bool:
        return self.pending is not None and not self.pending

    @property
    def is_untouched(self) -> bool:
        """Whether nothing of it is recorded, as far as is known."""
        return self.pending is None or len(self.pending) == self.meant

    def waits_since(self, now: datetime) -> datetime:
        return waits_since(self.envelope.received_at, self.envelope.attempt, now)

    @property
    def unsettled(self) -> int:
        """How many of its events are not recorded."""
        if self.pending is None:
            return len(self.envelope.events)
        return len({_event_number(number) for number in self.pending})

    def units(self, mapper: Mapper, first_receipts: Mapping[str, datetime]) -> list[Unit]:
        """The persons that the message's events mean, all of which are pending now.

        `first_receipts`: when events were received first, by their ids. One that was received before keeps the times of
        its first receipt, so that it says nothing newer when it is sent again. An event that cannot be read is a unit
        that fails.
        """
        run = run_id(self.envelope.received_at)
        units: list[Unit] = []
        self.ignored, self.heard = [], []
        for place in range(len(self.envelope.events)):
            origin = Origin(self.envelope.id, str(self.envelope.first + place), run, self.envelope.attempt)
            try:
                event = self.envelope.events[place]
            except UndecodableMessageError:
                units.append(_unreadable(origin, self.envelope.received_at))
                continue
            received_at = event.received_at
            if event.id is not None:
                self.receipts[event.id] = min(event.received_at, self.receipts.get(event.id, event.received_at))
                event = event.first_received(min(event.received_at, first_receipts.get(event.id, event.received_at)))
            self.heard.append((event.received_at, event.memberships))
            found = mapper.units(event, origin)
            if event.received_at != received_at:
                found = [replace(unit, repeated_at=received_at) for unit in found]
            units += found
            if not found:
                self.ignored.append(origin)
        self.pending = {unit.origin.number for unit in units} | {origin.number for origin in self.ignored}
        self.meant = len(self.pending)
        return units

    def said(self) -> Iterator[tuple[datetime, Sequence[Membership]]]:
        """What its events say of audiences, and when each was received; one that cannot be read says nothing.

        Where its units were asked for this is known; else it is read now.
        """
        if self.heard is not None:
            yield from self.heard
            return
        for place in range(len(self.envelope.events)):
            with contextlib.suppress(UndecodableMessageError):
                yield self.envelope.received_at, self.envelope.memberships(place)

    def recorded(self, numbers: Set[str]) -> None:
        """Persons and events of the envelope, whichever message they came in, are recorded."""
        if self.pending is not None:
            self.pending -= numbers
        self.ignored = [origin for origin in self.ignored if origin.number not in numbers]

    def holds(self, origin: Origin) -> bool:
        """Whether it has the event of which the person came."""
        place = _event_number(origin.number) - self.envelope.first
        is_of_envelope = (origin.envelope_id, origin.attempt) == (self.envelope.id, self.envelope.attempt)
        return is_of_envelope and 0 <= place < len(self.envelope.events)

    def event(self, origin: Origin) -> ProfileEvent:
        """The event of which the person came, one that it `holds`; an empty one, where it cannot be read."""
        try:
            return self.envelope.events[_event_number(origin.number) - self.envelope.first]
        except UndecodableMessageError:
            return ProfileEvent(self.envelope.received_at, {}, {}, (), self.envelope.received_at)

    def letter(self, number: str, code: str) -> Letter:
        """The event that a person came from, as a message of its own, by which it is the same event again."""
        own, first = self.envelope, _event_number(number)
        _, body = next(
            pack(
                own.connection_id,
                own.received_at,
                [own.text(first - own.first)],
                envelope_id=own.id,
                first=first,
                attempt=own.attempt + 1,
                correlation_id=own.correlation_id,
            )
        )
        return Letter(body, code, own.received_at, own.attempt + 1)


def _unreadable(origin: Origin, received_at: datetime) -> Unit:
    return Unit(origin, received_at, None, None, {}, (), (), UNREADABLE_EVENT, received_at=received_at)


def _event_number(number: str) -> int:
    return int(number.split(".", maxsplit=1)[0])


def opened(message: Message, active: Callable[[str], ActiveConnection]) -> OpenMessage | DeadLetter | None:
    """The message with its connection, or as a dead letter where it is none of ours or of no connection.

    None: it stands for a bundle of a connection that is gone, which is gone with it, or asks for an erasure or an
    import there. Nothing is to be done of one that tells what was seen alone. `active` reads a connection. Raises AWS's
    errors.
    """
    try:
        envelope = open_envelope(message.body)
    except UndecodableMessageError as error:
        return DeadLetter(message.body, "UNDECODABLE_MESSAGE", str(error))
    try:
        nothing = set[str]() if envelope.seen is not None and not envelope.events else None
        return OpenMessage(message, envelope, active(envelope.connection_id), nothing)
    except NotFoundError as error:
        return (
            None
            if envelope.bundle or envelope.lead_import or envelope.is_erasure
            else DeadLetter(message.body, "UNKNOWN_CONNECTION", str(error))
        )


# The messages of one connection in a batch. Several may be of one envelope; an event that several hold is one event.


def receipts(open_messages: Iterable[OpenMessage]) -> dict[str, datetime]:
    """When each id of an event was received first, as far as the units of these messages told."""
    found: dict[str, datetime] = {}
    for open_message in open_messages:
        for event_id, at in open_message.receipts.items():
            found[event_id] = min(at, found.get(event_id, at))
    return found


def units_of(
    open_messages: Iterable[OpenMessage], mapper: Mapper, first_receipts: Mapping[str, datetime]
) -> list[Unit]:
    """The persons that the events of these messages mean, each once: of an event and its letter the later attempt."""
    units: dict[tuple[str, str], Unit] = {}
    ignored: set[tuple[str, str]] = set()
    for open_message in open_messages:
        for unit in open_message.units(mapper, first_receipts):
            number = unit.origin[:2]
            known = units.setdefault(number, unit)
            if known is not unit and known.origin.attempt < unit.origin.attempt:
                units[number] = unit
        open_message.ignored = [origin for origin in open_message.ignored if origin[:2] not in ignored]
        ignored.update(origin[:2] for origin in open_message.ignored)
    return list(units.values())


def uncounted(
    open_messages: Iterable[OpenMessage], units: Iterable[Unit], counted: Collection[tuple[str, str]]
) -> list[Unit]:
    """The units less those that were counted before, by envelope and number: these are pending no longer."""
    numbers: defaultdict[str, set[str]] = defaultdict(set)
    for envelope_id, number in counted:
        numbers[envelope_id].add(number)
    for open_message in open_messages:
        open_message.recorded(numbers[open_message.envelope.id])
    return [unit for unit in units if unit.origin.number not in numbers[unit.origin.envelope_id]]


def holder(open_messages: Sequence[OpenMessage], origin: Origin) -> OpenMessage:
    """A message that holds the event of which the person came. Raises LookupError when none does."""
    for open_message in open_messages:
        if open_message.holds(origin):
            return open_message
    raise LookupError(f"no message holds event {origin.number} of envelope {origin.envelope_id}")
