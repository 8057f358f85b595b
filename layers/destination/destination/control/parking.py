"""What is parked comes back: at once where somebody mended the cause, else when the monitor sees that it is over."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from destination.domain.connection import Connection
from destination.domain.parking import (
    RESEND_AFTER,
    Backlog,
    Bundle,
    Hold,
    Resumption,
    hold_of,
    to_send_back,
)
from destination.domain.pause import Pause
from destination.queue import bundle_message


class Connections(Protocol):
    """The configured connections."""

    def get(self, connection_id: str, /) -> Connection: ...
    def retry(self, connection_id: str, /) -> None: ...
    def resume(self, connection_id: str, resumption: Resumption, /) -> None: ...


class Parking(Protocol):
    """What is parked."""

    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...


class Instances(Protocol):
    """The pauses of the Marketo instances."""

    def pause(self, munchkin_id: str, /) -> Pause | None: ...
    def end_pause(self, munchkin_id: str, /) -> None: ...


class Queue(Protocol):
    """Whence the delivery takes messages."""

    def send(self, connection_id: str, bodies: Sequence[str], /) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class ManageParking:
    """Tells what waits, and sends back what is parked. Every method that names a connection raises NotFoundError."""

    connections: Connections
    parking: Parking
    instances: Instances
    queue: Queue
    clock: Callable[[], datetime]

    def backlog(self, connection_id: str) -> Backlog:
        """What waits of the connection, and what for."""
        connection = self.connections.get(connection_id)
        pause = self.instances.pause(connection.munchkin_id)
        return Backlog.of(connection, pause, list(self.parking.of(connection.id)), self.clock())

    def holds(self, connections: Iterable[Connection]) -> dict[str, Hold | None]:
        """What holds each of them up now, by their ids; an instance is asked about once."""
        found, now = list(connections), self.clock()
        pauses = {one: self.instances.pause(one) for one in {each.munchkin_id for each in found}}
        return {one.id: hold_of(one, pauses[one.munchkin_id], now) for one in found}

    def __call__(self, connection_id: str, *, ends_pause: bool = False) -> None:
        """Try a connection at once, and send back all that is parked of it, whenever it is due.

        `ends_pause`: its Marketo instance is tried too, whatever that waits for. A connection that is disabled stays as
        it is.
        """
        connection = self.connections.get(connection_id)
        if connection.retry_at is not None:
            self.connections.retry(connection_id)
        if ends_pause:
            self.instances.end_pause(connection.munchkin_id)
        self.send_back(connection, self.parking.of(connection_id), self.clock(), at_once=True)

    def send_back(
        self, connection: Connection, bundles: Iterable[Bundle], now: datetime, *, at_once: bool = False
    ) -> int:
        """Send back what is to be by now of a connection's bundles; how many that are."""
        found = list(bundles)
        if not found:
            return 0
        hold = hold_of(connection, self.instances.pause(connection.munchkin_id), now)
        sent, resumption = to_send_back(found, connection, hold, now, at_once=at_once)
        if resumption is not None:  # Noted first, for delivery takes the note back of what it cannot deliver.
            self.connections.resume(connection.id, resumption)
        unsent = self.queue.send(connection.id, [bundle_message(one) for one in sent])
        if resumption is not None and unsent:
            self.connections.resume(connection.id, replace(resumption, at=resumption.at - RESEND_AFTER))
        return len(sent) - len(unsent)
