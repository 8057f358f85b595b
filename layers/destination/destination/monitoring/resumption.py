"""Every few minutes, what is parked is sent back where its cause is over."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from destination.control.parking import ManageParking
from destination.domain.connection import Connection
from destination.domain.parking import Bundle
from destination.monitoring.attempts import Attempts


class Connections(Protocol):
    def all(self) -> Iterator[Connection]: ...


@dataclass(frozen=True, slots=True)
class SentBack:
    """So many bundles of a connection were sent back."""

    connection_id: str
    bundles: int


@dataclass(frozen=True, slots=True)
class SendBack:
    """Sends back what is due of all connections."""

    connections: Connections
    resume: ManageParking

    def __call__(
        self, parked: Mapping[str, Sequence[Bundle]], now: datetime, attempt: Attempts, has_time: Callable[[], bool]
    ) -> Iterator[SentBack]:
        """`parked`: the bundles, by connection. What there is no time for is sent back the next time."""
        for connection in self.connections.all():
            if not has_time():
                return
            with attempt(connection.id):
                sent = self.resume.send_back(connection, parked.get(connection.id, ()), now)
                if sent:
                    yield SentBack(connection.id, sent)
