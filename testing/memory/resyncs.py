"""Resyncs in memory: which one of a connection goes on is marked on it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from destination.domain.connection import Resyncing
from destination.domain.resync import Resync
from destination.store.errors import StaleVersionError
from testing.memory.connections import MemoryConnections


@dataclass
class MemoryResyncs:
    connections: MemoryConnections
    stored: dict[tuple[str, str], Resync] = field(default_factory=dict)

    def create(self, resync: Resync) -> bool:
        target = self.connections.stored.get(resync.connection_id)
        if target is None or target.connection.resyncing is not None:
            return False
        chosen = resync.activation_ids
        self._mark(resync, Resyncing(resync.id, resync.opened_at, None if chosen is None else frozenset(chosen)))
        self.stored[resync.connection_id, resync.id] = resync
        return True

    def put(self, resync: Resync) -> Resync:
        if self.stored[resync.connection_id, resync.id].version != resync.version:
            raise StaleVersionError(f"resync {resync.id} is no longer at version {resync.version}")
        changed = replace(resync, version=resync.version + 1)
        self.stored[resync.connection_id, resync.id] = changed
        if changed.is_ended:
            self._mark(resync, None)
        return changed

    def get(self, connection_id: str, resync_id: str) -> Resync | None:
        return self.stored.get((connection_id, resync_id))

    def newest(self, connection_id: str, limit: int) -> list[Resync]:
        own = [one for one in self.stored.values() if one.connection_id == connection_id]
        return sorted(own, key=lambda one: one.id, reverse=True)[:limit]

    def going_on(self) -> Iterator[Resync]:
        yield from [one for one in self.stored.values() if not one.is_ended]

    def _mark(self, resync: Resync, resyncing: Resyncing | None) -> None:
        target = self.connections.stored.get(resync.connection_id)
        if target is not None:
            connection = replace(target.connection, resyncing=resyncing)
            self.connections.stored[resync.connection_id] = replace(target, connection=connection)
