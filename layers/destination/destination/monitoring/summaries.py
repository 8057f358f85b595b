"""After each hour, one summary of what became of it, per connection, and corrections later.

An hour is summed up once, from the hour before a connection was enabled on. Events of it that are delivered afterwards
make a correction: a summary with a higher version and all of the hour's counts. After an outage the hours that were
missed are made up for, as many at a time as the time allows. A summary is announced before it is remembered, so that
none is lost; one that is announced twice has the same id both times.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from destination.domain.connection import Connection, Status, Waiting
from destination.domain.parking import Bundle, waiting_of
from destination.domain.run import CLOSES_AFTER, Run, hour_of, run_id
from destination.monitoring.attempts import Attempts
from destination.notify import Announcement
from destination.store.errors import NotFoundError
from destination.store.summaries import SummedUp

HOUR: Final = timedelta(hours=1)
MAX_CATCH_UP: Final = timedelta(days=14)
"""Hours that are longer ago are not made up for."""

RUN_SUMMARY: Final = "Run Summary"
"""The kind of the announcements."""


ShownRun = Callable[[Run, datetime, Waiting | None], Mapping[str, Any]]


class Connections(Protocol):
    def get(self, connection_id: str) -> Connection: ...
    def all(self) -> Iterator[Connection]: ...


class Runs(Protocol):
    def get(self, connection_id: str, run_id: str) -> Run | None: ...


class Summaries(Protocol):
    def last_hour(self, connection_id: str) -> str | None: ...
    def get(self, connection_id: str, hour: str) -> SummedUp | None: ...
    def put(self, run: Run) -> None: ...
    def late(self) -> Iterator[tuple[str, str]]: ...
    def settle(self, run: Run) -> None: ...


class Bus(Protocol):
    def put(self, announcements: Sequence[Announcement]) -> None: ...


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One connection and its run of the hour; an hour in which nothing was received has an empty run.

    `news`: what the run's counts have more, or less, than when the hour was summed up before, which makes it a
    correction. `waiting`: the oldest event of the connection that waits.
    """

    connection: Connection
    run: Run
    news: Counter[str]
    waiting: Waiting | None = None
    is_correction: bool = False

    @property
    def id(self) -> str:
        return f"{self.connection.id}/{self.run.id}/{self.run.version}"


@dataclass(frozen=True, slots=True)
class SummariseRuns:
    """Sums up the runs of all connections. `shown`: a run in JSON's types, as it is at a time."""

    connections: Connections
    runs: Runs
    summaries: Summaries
    bus: Bus
    shown: ShownRun

    def __call__(
        self, parked: Mapping[str, Sequence[Bundle]], now: datetime, attempt: Attempts, has_time: Callable[[], bool]
    ) -> Iterator[RunSummary]:
        """Announce the summaries that are due, as long as there is time; the next time goes on with the rest.

        `parked`: the bundles, by connection. A summary is yielded once it is announced, and remembered when the next is
        asked for: whoever tells of it in another way tells of it once more if it cannot be remembered.
        """
        yield from self._corrections(parked, now, attempt, has_time)
        last = hour_of(run_id(now - HOUR - CLOSES_AFTER))
        for connection in self.connections.all():
            with attempt(connection.id):
                for hour in self._due(connection, last):
                    if not has_time():
                        return
                    run = self.runs.get(connection.id, hour) or Run(connection.id, hour)
                    waiting = waiting_of(connection, parked.get(connection.id, ()), now)
                    yield from self._announce(RunSummary(connection, run, Counter(run.tally.counts), waiting), now)

    def _announce(self, summary: RunSummary, now: datetime) -> Iterator[RunSummary]:
        shown = self.shown(summary.run, now, summary.waiting)
        self.bus.put([Announcement(RUN_SUMMARY, announcement(summary, shown))])
        yield summary
        self.summaries.put(summary.run)

    def _due(self, connection: Connection, last: datetime) -> Iterator[str]:
        first = self._first(connection, last)
        if first is None:
            return
        hour = max(first, last - MAX_CATCH_UP)
        while hour <= last:
            yield run_id(hour)
            hour += HOUR

    def _first(self, connection: Connection, last: datetime) -> datetime | None:
        """The first hour that is to be summed up; None: there is none, as a draft receives nothing.

        It comes of the connection, whatever time the monitor is told: one that is long over would else be the first,
        and all hours since would be made up for.
        """
        before = self.summaries.last_hour(connection.id)
        if before is not None:
            return hour_of(before) + HOUR
        if connection.enabled_at is not None:
            return hour_of(run_id(connection.enabled_at)) - HOUR
        return None if connection.status is Status.DRAFT else last  # enabled before it was noted when

    def _corrections(
        self, parked: Mapping[str, Sequence[Bundle]], now: datetime, attempt: Attempts, has_time: Callable[[], bool]
    ) -> Iterator[RunSummary]:
        for connection_id, hour in self.summaries.late():
            if not has_time():
                return
            with attempt(connection_id):
                connection = self._connection(connection_id)
                before = self.summaries.get(connection_id, hour)
                run = self.runs.get(connection_id, hour)
                if run is None or (connection and before is None and self._is_to_come(connection_id, hour)):
                    continue
                if connection and (before is None or run.version > before.version):
                    # What was counted and is no more, as a failure that was made good, is below zero.
                    news = Counter(run.tally.counts)
                    news.subtract(before.counts if before else {})
                    waiting = waiting_of(connection, parked.get(connection.id, ()), now)
                    yield from self._announce(RunSummary(connection, run, news, waiting, before is not None), now)
                self.summaries.settle(run)

    def _is_to_come(self, connection_id: str, hour: str) -> bool:
        """Whether an hour is summed up in its turn; none is that is before the connection's first summary."""
        last = self.summaries.last_hour(connection_id)
        return last is None or last < hour

    def _connection(self, connection_id: str) -> Connection | None:
        try:
            return self.connections.get(connection_id)
        except NotFoundError:
            return None


def announcement(summary: RunSummary, shown: Mapping[str, Any]) -> dict[str, Any]:
    """What programs are told of an hour: docs/monitoring.md, "Run summaries".

    The audiences are left out: there may be more than an event or a line of a log can hold.
    """
    connection = summary.connection
    return {
        "version": "1",
        "id": summary.id,
        "connection": {"id": connection.id, "name": connection.name, "status": connection.status.value},
        "correction": summary.is_correction,
        "run": {name: value for name, value in shown.items() if name != "audiences"},
    }
