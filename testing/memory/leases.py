"""The leases on Marketo instances in memory."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from destination.domain.pace import PaceState
from destination.domain.pause import Pause
from destination.domain.refusal import Circuit
from destination.store.leases import Lease, LeaseLostError


@dataclass
class MemoryLeases:
    held: dict[str, Lease] = field(default_factory=dict)
    paces: dict[str, PaceState] = field(default_factory=dict)
    pauses: dict[str, Pause | None] = field(default_factory=dict)
    circuits: dict[str, Mapping[str, Circuit]] = field(default_factory=dict)
    fences: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    entered: dict[tuple[str, int], int] = field(default_factory=dict)

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None:
        if munchkin_id in self.held and self.held[munchkin_id].until >= now:
            return None
        self.fences[munchkin_id] += 1
        pace, pause = self.paces.get(munchkin_id, PaceState()), self.pauses.get(munchkin_id)
        circuits = self.circuits.get(munchkin_id, {})
        lease = Lease(munchkin_id, self.fences[munchkin_id], until, pace, pause, circuits)
        self.held[munchkin_id] = lease
        return lease

    def release(
        self, lease: Lease, pace: PaceState, pause: Pause | None, circuits: Mapping[str, Circuit] | None = None
    ) -> None:
        if self.fences[lease.munchkin_id] == lease.fence:
            self.held.pop(lease.munchkin_id, None)
            self.paces[lease.munchkin_id] = pace
            self.pauses[lease.munchkin_id] = pause
            self.circuits[lease.munchkin_id] = lease.circuits if circuits is None else circuits

    def pause(self, munchkin_id: str) -> Pause | None:
        return self.pauses.get(munchkin_id)

    def end_pause(self, munchkin_id: str) -> None:
        self.pauses.pop(munchkin_id, None)

    def enter(self, lease: Lease, shards: Collection[int]) -> None:
        for shard in shards:
            if self.entered.get((lease.munchkin_id, shard), 0) > lease.fence:
                raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
            self.entered[lease.munchkin_id, shard] = lease.fence
