"""The use case of whoever asks how all connections are: each one's state, what waits of it, and how its day went."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from destination.control.listing import Letters, Parking, by_connection
from destination.domain.alert import Alert, AlertState, AlertStatus
from destination.domain.connection import Connection
from destination.domain.overview import OverviewOf
from destination.domain.parking import Backlog, Bundle
from destination.domain.pause import Pause
from destination.domain.run import run_id
from destination.store.alerts import Stored

DAY: Final = timedelta(days=1)

_AT_ONCE: Final = 10
"""How many connections are read at a time: as many as a client of AWS has connections (botocore, "Config")."""


class Connections(Protocol):
    """All connections, in the order in which they are listed."""

    def all(self) -> Iterator[Connection]: ...


class Instances(Protocol):
    """The pauses of the Marketo instances."""

    def pause(self, munchkin_id: str, /) -> Pause | None: ...


class Runs(Protocol):
    """What was counted."""

    def counts(self, connection_id: str, first: str, last: str, /) -> Counter[str]: ...


class Alerts(Protocol):
    """Where alerts stand."""

    def states(self, connection_id: str, /) -> Mapping[Alert, Stored]: ...


@dataclass(frozen=True, slots=True)
class Overviews:
    """How all connections were at a time, by Marketo instance."""

    connections: Sequence[OverviewOf]
    at: datetime


@dataclass(frozen=True, slots=True)
class ReadOverview:
    """Reads how all connections are, with one listing of the bucket, and two queries a connection at most."""

    connections: Connections
    instances: Instances
    parking: Parking
    letters: Letters
    runs: Runs
    alerts: Alerts
    clock: Callable[[], datetime]

    def __call__(self) -> Overviews:
        """A connection that was created a moment ago may not show yet."""
        now, connections = self.clock(), list(self.connections.all())
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            listed = threads.submit(lambda: (by_connection(self.parking.all()), by_connection(self.letters.all())))
            pauses = self._pauses(connections, threads)
            days = threads.map(partial(self._last_day, now), connections)
            triggered = threads.map(self._triggered, connections)
            parked, letters = listed.result()
            found = [
                OverviewOf(one, _backlog(one, pauses, parked, now), letters.get(one.id, ()), day, alerts)
                for one, day, alerts in zip(connections, days, triggered, strict=True)
            ]
        return Overviews(found, now)

    def _pauses(self, connections: Iterable[Connection], threads: ThreadPoolExecutor) -> dict[str, Pause | None]:
        instances = sorted({one.munchkin_id for one in connections})
        return dict(zip(instances, threads.map(self.instances.pause, instances), strict=True))

    def _last_day(self, now: datetime, connection: Connection) -> Counter[str]:
        return self.runs.counts(connection.id, run_id(now - DAY), run_id(now))

    def _triggered(self, connection: Connection) -> list[AlertState]:
        """Where nothing is subscribed, nothing is asked."""
        states = self.alerts.states(connection.id) if connection.alerts else {}
        found = (states[one.alert].state for one in connection.alerts if one.alert in states)
        return [state for state in found if state.status is AlertStatus.TRIGGERED]


def _backlog(
    connection: Connection,
    pauses: Mapping[str, Pause | None],
    parked: Mapping[str, Sequence[Bundle]],
    now: datetime,
) -> Backlog:
    return Backlog.of(connection, pauses[connection.munchkin_id], parked.get(connection.id, ()), now)
