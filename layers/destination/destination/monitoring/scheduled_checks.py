"""Checks that are made by themselves: once a day, of each connection that subscribes to the alert about them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from destination.control.checks import CheckConnections
from destination.domain.alert import Alert
from destination.domain.connection import DELIVERING, Connection
from destination.domain.scheduled_checks import CheckedConnection, checked, is_due
from destination.monitoring.attempts import Attempts


class Connections(Protocol):
    def all(self) -> Iterator[Connection]: ...


class ScheduledChecks(Protocol):
    def last(self, connection_id: str) -> CheckedConnection | None: ...
    def put(self, connection_id: str, checked: CheckedConnection) -> None: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """The checks of a connection were made."""

    connection_id: str
    found: CheckedConnection


@dataclass(frozen=True, slots=True)
class MakeChecks:
    """Makes the checks that are due. `check` takes some eight calls to Marketo, for 15 seconds at most."""

    connections: Connections
    stored: ScheduledChecks
    check: CheckConnections

    def __call__(self, now: datetime, attempt: Attempts, has_time: Callable[[], bool]) -> Iterator[Checked]:
        """Those that there is no time for are due the next time as well."""
        for connection in self.connections.all():
            if not has_time():
                return
            if _is_watched(connection):
                with attempt(connection.id):
                    yield from self._checked(connection, now)

    def _checked(self, connection: Connection, now: datetime) -> Iterator[Checked]:
        before = self.stored.last(connection.id)
        if is_due(connection, before, now):
            found = checked(self.check(connection.id), connection.version, before, now)
            self.stored.put(connection.id, found)
            yield Checked(connection.id, found)


def _is_watched(connection: Connection) -> bool:
    """Whoever is told of nothing is asked about nothing; what is disabled may be in the middle of a change."""
    return connection.status in DELIVERING and any(one.alert is Alert.CHECKS_FAILING for one in connection.alerts)
