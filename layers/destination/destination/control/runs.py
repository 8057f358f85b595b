"""The use case of those who ask what became of events: the hourly runs, a page at a time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import Waiting
from destination.domain.outcome import Class
from destination.domain.parking import waiting_of
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.run import RETENTION, Run, hour_of, of_activation, run_id
from destination.domain.verification import ListSize
from destination.store.connections import Connections
from destination.store.cursors import InvalidCursorError
from destination.store.errors import NotFoundError
from destination.store.parking import Parking
from destination.store.removed import RemovedConnections
from destination.store.runs import Runs
from destination.store.verifications import Verifications

DEFAULT_PERIOD: Final = timedelta(days=1)
MAX_READ: Final = 500
"""Runs that are read for a page, each with the parts of all shards."""

MAX_LINES_READ: Final = 100_000
"""Audiences and reasons of the runs that are read for a page: with eight parts a run and names as long as can be, which
are repeated in each, they are 200 MB."""

MAX_LINES: Final = 10_000
"""Audiences and reasons on a page: Lambda answers 6 MB at most (Lambda quotas)."""


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs of a connection: of which time, and of them those of an audience, with failures, with exclusions."""

    first: datetime | None = None
    last: datetime | None = None
    activation_id: str | None = None
    failures_only: bool = False
    with_excluded: bool = False
    cursor: str | None = None
    limit: int = 100

    def of(self, run: Run) -> Run | None:
        """The run as far as it is wanted. Where both failures and exclusions are asked for, either will do."""
        found = run if self.activation_id is None else of_activation(run, self.activation_id)
        classes = [Class.FAILED] * self.failures_only + [Class.EXCLUDED] * self.with_excluded
        if found is None or (classes and not any(found.tally.counts[one] for one in classes)):
            return None
        return found


@dataclass(frozen=True, slots=True)
class Owner:
    """The connection that runs are of. `removed_at`: when it was removed (None: it is there).

    `audiences`: what its activated audiences are called, or were. `waiting`: its oldest event that waits.
    `activations`: of its audiences by now; `sizes`: those of their lists, as far as they are known, by the ids of the
    activations.
    """

    name: str
    audiences: Mapping[AudienceKey, str] = field(default_factory=dict)
    waiting: Waiting | None = None
    removed_at: datetime | None = None
    activations: Mapping[AudienceKey, Activation] = field(default_factory=dict)
    sizes: Mapping[str, ListSize] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunsPage:
    """Runs, oldest first, and the cursor of those that follow (None: there are no more)."""

    runs: tuple[Run, ...]
    owner: Owner
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ReadRuns:
    """Reads runs, those of connections that were removed too.

    Every method raises NotFoundError when there is no connection, and was none for as long as runs are kept.
    """

    connections: Connections
    removed: RemovedConnections
    runs: Runs
    parking: Parking
    verifications: Verifications
    clock: Callable[[], datetime]

    def run(self, connection_id: str, hour: str, activation_id: str | None = None) -> RunsPage:
        """One run. Raises NotFoundError also when there is none: nothing was received in that hour, or it is long ago.

        So it does when the audience that is asked for was in none of its events.
        """
        owner = self._owner(connection_id)
        run = self.runs.get(connection_id, hour) if is_hour(hour) else None
        if run is None:
            raise NotFoundError(f"there is no run {hour}")
        found = RunQuery(activation_id=activation_id).of(run)
        if found is None:
            raise NotFoundError(f"no event of run {hour} named this audience")
        return RunsPage((found,), owner)

    def page(self, connection_id: str, wanted: RunQuery) -> RunsPage:
        """Some of the runs that are wanted; a page may hold fewer than its limit, or none, and have others after it.

        Without a first and last time, it is a day up to the other or to now. Raises ConfigurationError when they are
        out of order or further apart than runs are kept, and InvalidCursorError.
        """
        owner = self._owner(connection_id)
        first, last = self._hours(wanted)
        found: list[Run] = []
        lines = lines_read = 0
        for read, run in enumerate(self.runs.between(connection_id, first, last)):
            of_run = wanted.of(run)
            lines += _lines(of_run) if of_run else 0
            has_read_enough = read == MAX_READ or lines_read > MAX_LINES_READ
            if has_read_enough or len(found) == wanted.limit or (found and lines > MAX_LINES):
                return RunsPage(tuple(found), owner, run.id)
            lines_read += _lines(run)
            found += [of_run] if of_run else []
        return RunsPage(tuple(found), owner)

    def _owner(self, connection_id: str) -> Owner:
        try:
            target = self.connections.active(connection_id)
        except NotFoundError:
            if (removed := self.removed.find(connection_id)) is None:
                raise
            return Owner(removed.name, removed.audiences, removed_at=removed.at)
        waiting = waiting_of(target.connection, self.parking.of(connection_id), self.clock())
        sizes = self.verifications.list_sizes(connection_id)
        return Owner(target.connection.name, target.names, waiting, activations=target.activations, sizes=sizes)

    def _hours(self, wanted: RunQuery) -> tuple[str, str]:
        message = f"must be from 0 to {RETENTION.days} days before to"
        try:
            last = wanted.last or (wanted.first + DEFAULT_PERIOD if wanted.first else self.clock())
            first = wanted.first or last - DEFAULT_PERIOD
        except OverflowError:
            raise ConfigurationError([Problem("from", message)]) from None
        if not timedelta(0) <= last - first <= RETENTION:
            raise ConfigurationError([Problem("from", message)])
        return max(run_id(first), _start_of(wanted.cursor) if wanted.cursor is not None else ""), run_id(last)


def is_hour(name: str) -> bool:
    """Whether this is a run's id; the table holds other things of a connection beside its runs."""
    try:
        return run_id(hour_of(name)) == name
    except ValueError:
        return False


def _start_of(cursor: str) -> str:
    """The cursor is the hour that the next page begins with."""
    try:
        return run_id(hour_of(cursor))
    except ValueError as invalid:
        raise InvalidCursorError("not a cursor of this listing") from invalid


def _lines(run: Run) -> int:
    tally = run.tally
    return len(tally.reasons) + sum(1 + len(one.reasons) for one in tally.audiences.values())
