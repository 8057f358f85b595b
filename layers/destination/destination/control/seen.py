"""The use case of whoever builds a mapping, or chooses audiences: what a connection was sent lately, by its names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Protocol

from destination.domain.connection import ActiveConnection
from destination.domain.seen import Seen, first_day
from destination.domain.seen_of import SeenOf


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str, /) -> ActiveConnection: ...


class SeenDays(Protocol):
    """What was seen, by connection and day."""

    def between(self, connection_id: str, first: date, last: date, /) -> Sequence[Seen]: ...


@dataclass(frozen=True, slots=True)
class ReadSeen:
    """Reads what was seen."""

    connections: Connections
    days: SeenDays
    clock: Callable[[], datetime]

    def __call__(self, connection_id: str) -> SeenOf:
        """Raises NotFoundError when the connection does not exist."""
        now = self.clock()
        target, first = self.connections.active(connection_id), first_day(now)
        days = self.days.between(connection_id, first, now.date())
        return SeenOf(target, reduce(Seen.with_all, days, Seen()), first, now)
