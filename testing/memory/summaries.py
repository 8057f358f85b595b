"""The summaries of hours in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from destination.domain.run import Run
from destination.store.summaries import SummedUp
from testing.memory.runs import MemoryRuns


@dataclass
class MemorySummaries:
    """Over the runs, as it is they that come late."""

    runs: MemoryRuns
    stored: dict[tuple[str, str], SummedUp] = field(default_factory=dict)

    def last_hour(self, connection_id: str) -> str | None:
        return max((hour for owner, hour in self.stored if owner == connection_id), default=None)

    def get(self, connection_id: str, hour: str) -> SummedUp | None:
        return self.stored.get((connection_id, hour))

    def put(self, run: Run) -> None:
        self.stored[run.connection_id, run.id] = SummedUp(run.version, run.tally.counts.copy())

    def late(self) -> Iterator[tuple[str, str]]:
        runs = {(connection_id, hour) for connection_id, hour, _ in self.runs.late}
        yield from sorted(runs, key=lambda one: one[1])

    def settle(self, run: Run) -> None:
        self.runs.settle(run)
