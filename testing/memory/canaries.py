"""The canaries of instances, in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime

from destination.domain.canary import Canary
from destination.store.errors import StaleVersionError


@dataclass
class MemoryCanaries:
    stored: dict[str, Canary] = field(default_factory=dict)
    records: list[object] = field(default_factory=list)

    def create(self, canary: Canary, record: object = None) -> None:
        before = self.stored.get(canary.munchkin_id)
        if before is not None and before.is_going_on(canary.requested_at):
            raise StaleVersionError(f"another canary of {canary.munchkin_id} is going on")
        self.stored[canary.munchkin_id] = canary
        self.records.append(record)

    def last(self, munchkin_id: str) -> Canary | None:
        return self.stored.get(munchkin_id)

    def take(self, canary: Canary, now: datetime, until: datetime) -> Canary | None:
        there = self.stored[canary.munchkin_id]
        if not _is_same(there, canary) or (there.busy_until is not None and there.busy_until > now):
            return None
        self.stored[canary.munchkin_id] = replace(canary, busy_until=until, version=canary.version + 1)
        return self.stored[canary.munchkin_id]

    def put(self, canary: Canary) -> Canary:
        free = replace(canary, busy_until=None, version=canary.version + 1)
        if _is_same(self.stored[canary.munchkin_id], canary):
            self.stored[canary.munchkin_id] = free
        return free


def _is_same(one: Canary, other: Canary) -> bool:
    return (one.id, one.version) == (other.id, other.version)
