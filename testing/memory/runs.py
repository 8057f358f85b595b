"""The runs in memory."""

import copy
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from destination.domain.run import RETENTION, Run, hour_of, last_event_of, run_id, whole


@dataclass
class MemoryRuns:
    """`parts` by connection, hour and shard; `late`: those written after their hour, and not settled since."""

    parts: dict[tuple[str, str, int], Run] = field(default_factory=dict)
    late: set[tuple[str, str, int]] = field(default_factory=set)

    @property
    def stored(self) -> dict[tuple[str, str], Run]:
        """The runs of all connections as they read, by connection and hour."""
        of_run: defaultdict[tuple[str, str], dict[str, Run]] = defaultdict(dict)
        for (connection_id, hour, shard), part in sorted(self.parts.items(), key=lambda one: one[0]):
            of_run[connection_id, hour][f"{hour}#{shard}"] = copy.deepcopy(part)
        return {name: whole(parts) for name, parts in of_run.items()}

    def get(self, connection_id: str, run_id: str) -> Run | None:
        return self.stored.get((connection_id, run_id))

    def part(self, connection_id: str, run_id: str, shard: int) -> Run:
        empty = Run(connection_id, run_id, shard=shard)
        return copy.deepcopy(self.parts.get((connection_id, run_id, shard), empty))

    def counts(self, connection_id: str, first: str, last: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for (owner, hour, _), part in self.parts.items():
            if owner == connection_id and first <= hour <= last:
                total.update(part.tally.counts)
        return total

    def between(self, connection_id: str, first: str, last: str) -> Iterator[Run]:
        runs = ((hour, run) for (owner, hour), run in self.stored.items() if owner == connection_id)
        return (run for hour, run in runs if first <= hour <= last)

    def last_event_at(self, connection_id: str, now: datetime) -> datetime | None:
        kept = list(self.between(connection_id, run_id(now - RETENTION), run_id(now)))
        return last_event_of(reversed(kept), now)

    def forget(self, connection_id: str, names: Collection[str], after: str | None) -> tuple[int, str | None]:
        assert after is None
        own = [key for key in self.parts if key[0] == connection_id]
        changed = 0
        for key in own:
            part = copy.deepcopy(self.parts[key])
            if part.tally.forget(names):
                self.parts[key] = replace(part, version=part.version + 1)
                changed += 1
        return changed, None

    def is_as_read(self, part: Run) -> bool:
        """Whether nobody wrote it since."""
        return self.parts.get((part.connection_id, part.id, part.shard), part).version == part.version

    def write(self, part: Run, now: datetime) -> None:
        """Store the next version, in place of any."""
        key = (part.connection_id, part.id, part.shard)
        self.parts[key] = copy.deepcopy(replace(part, version=part.version + 1))
        is_late = now >= hour_of(part.id) + timedelta(hours=1)
        (self.late.add if is_late else self.late.discard)(key)

    def settle(self, run: Run) -> None:
        """Take those parts off the late ones that nobody wrote since."""
        for (connection_id, hour, shard), part in self.parts.items():
            is_of_run = (connection_id, hour) == (run.connection_id, run.id)
            if is_of_run and run.parts.get(f"{hour}#{shard}") == part.version:
                self.late.discard((connection_id, hour, shard))
