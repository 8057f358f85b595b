"""The scheduled use case: after each hour, one summary of what became of it, per connection."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from destination.domain.connection import Connection
from destination.domain.runs import Run, run_id
from destination.store.connections import Connections
from destination.store.runs import Runs


@dataclass(frozen=True, slots=True)
class Summary:
    """One connection and its run of the hour; an hour in which nothing was received has an empty run."""

    connection: Connection
    run: Run


@dataclass(frozen=True, slots=True)
class Monitor:
    """Reads the runs of all connections."""

    connections: Connections
    runs: Runs

    def __call__(self, now: datetime) -> Iterator[Summary]:
        """The summaries of the hour before the one that `now` is in."""
        hour = run_id(now - timedelta(hours=1))
        for connection in self.connections.all():
            yield Summary(connection, self.runs.get(connection.id, hour) or Run(connection.id, hour))
