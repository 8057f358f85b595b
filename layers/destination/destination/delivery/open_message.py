"""An open message: one that was received and read, with what is still to be done of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from destination.domain.connection import ActiveConnection
from destination.domain.mapping import Mapper
from destination.domain.person import Origin, Unit
from destination.domain.run import run_id
from destination.queue import DeadLetter, Envelope, Message, UndecodableMessageError, decode, encode_event, pack
from destination.store.errors import NotFoundError


@dataclass(slots=True)
class OpenMessage:
    """A message that was opened: its connection is known; `pending` numbers its persons that are not recorded yet."""

    message: Message
    envelope: Envelope
    target: ActiveConnection
    pending: set[str] | None = None
    ignored: list[Origin] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        return self.pending is not None and not self.pending

    def units(self, mapper: Mapper, counted: frozenset[str]) -> list[Unit]:
        """The persons that the message's events mean, less those that were counted when it was delivered before."""
        run = run_id(self.envelope.received_at)
        units: list[Unit] = []
        for index, event in enumerate(self.envelope.events):
            origin = Origin(self.message.id, str(index), run)
            found = mapper.units(event, origin)
            units += (unit for unit in found if unit.origin.number not in counted)
            if not found and origin.number not in counted:
                self.ignored.append(origin)
        self.pending = {unit.origin.number for unit in units} | {origin.number for origin in self.ignored}
        return units

    def event(self, number: str) -> str:
        """The event that a person came from, as a message of its own."""
        event = self.envelope.events[int(number.split(".", maxsplit=1)[0])]
        own = self.envelope
        _, body = next(pack(own.connection_id, own.received_at, [encode_event(event)], own.correlation_id))
        return body


def opened(message: Message, active: Callable[[str], ActiveConnection]) -> OpenMessage | DeadLetter:
    """The message with its connection, or as a dead letter where it is none of ours or of no connection.

    `active` reads a connection. Raises AWS's errors.
    """
    try:
        envelope = decode(message.body)
        return OpenMessage(message, envelope, active(envelope.connection_id))
    except UndecodableMessageError as error:
        return DeadLetter(message.body, "UNDECODABLE_MESSAGE", str(error))
    except NotFoundError as error:
        return DeadLetter(message.body, "UNKNOWN_CONNECTION", str(error))
