"""The losses of the webhook in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from destination.domain.loss import Loss
from destination.domain.run import tally_losses
from destination.store.runs import LOSSES_PART
from testing.memory.runs import MemoryRuns


@dataclass
class MemoryLosses:
    """Over the runs, in which they are counted; `counted`: connections and envelopes."""

    runs: MemoryRuns
    counted: set[tuple[str, str]] = field(default_factory=set)

    def count(self, connection_id: str, run_id: str, bodies: Mapping[str, Mapping[Loss, int]], now: datetime) -> None:
        new = {one: losses for one, losses in bodies.items() if (connection_id, one) not in self.counted}
        if new:
            part = self.runs.part(connection_id, run_id, LOSSES_PART)
            self.runs.write(replace(part, tally=part.tally.plus(tally_losses(new.values()))), now)
            self.counted |= {(connection_id, one) for one in new}
