"""Every few minutes, what is parked is sent back where its cause is over."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Protocol

from destination.control.parking import ManageParking
from destination.domain.connection import Connection
from destination.domain.parking import Bundle
from destination.monitoring.attempts import Attempts


class Connections(Protocol):
    def all(self) -> Iterator[Connection]: ...


class Parking(Protocol):
    """What is parked of all connections, one after the other."""

    def all(self) -> Iterable[Bundle]: ...


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


def by_connection(parking: Parking) -> dict[str, list[Bundle]]:
    """All bundles, by connection: one listing for all that is asked of them."""
    return {one: list(bundles) for one, bundles in groupby(parking.all(), key=lambda bundle: bundle.connection_id)}
