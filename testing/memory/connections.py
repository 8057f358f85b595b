"""The connections in memory."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from destination.domain.audience import AudienceKey
from destination.domain.connection import DELIVERING, ActiveConnection, Connection, Limits, Status, Waiting
from destination.domain.parking import RETRY_BLOCKED, Resumption
from destination.store.errors import NotFoundError


@dataclass
class MemoryConnections:
    stored: dict[str, ActiveConnection] = field(default_factory=dict)

    def active(self, connection_id: str) -> ActiveConnection:
        if connection_id not in self.stored or self.stored[connection_id].connection.is_discarded:
            raise NotFoundError(f"there is no connection {connection_id}")
        return self.stored[connection_id]

    def get(self, connection_id: str) -> Connection:
        if connection_id not in self.stored:
            raise NotFoundError(f"there is no connection {connection_id}")
        return self.stored[connection_id].connection

    def all(self) -> Iterator[Connection]:
        connections = (target.connection for target in self.stored.values())
        yield from sorted(connections, key=lambda one: (one.munchkin_id, one.id))

    def limits(self, munchkin_id: str) -> list[Limits]:
        connections = (target.connection for target in self.stored.values())
        return [one.limits for one in connections if one.munchkin_id == munchkin_id and one.status in DELIVERING]

    def rebind(
        self,
        connection_id: str,
        audience: AudienceKey,
        before: int,
        list_id: int,
        list_name: str,
        *,
        may_hold_others: bool,
        fill_at: datetime | None,
    ) -> bool:
        target = self.stored.get(connection_id)
        activation = target.activations.get(audience) if target else None
        if target is None or activation is None or activation.list_id != before:
            return False
        if self._owner(target.connection.munchkin_id, list_id) not in {None, (connection_id, audience)}:
            return False
        bound = replace(
            activation,
            list_id=list_id,
            list_name=list_name,
            may_hold_others=may_hold_others,
            fill_at=fill_at,
            emptied_to=None,
        )
        self.stored[connection_id] = replace(target, activations={**target.activations, audience: bound})
        return True

    def rename_audience(
        self, connection_id: str, audience: AudienceKey, before: str, name: str, list_name: str | None, at: datetime
    ) -> None:
        target = self.stored.get(connection_id)
        activation = target.activations.get(audience) if target else None
        if target is not None and activation is not None and activation.name == before:
            renamed = replace(activation, name=name, list_name=list_name, named_at=at)
            self.stored[connection_id] = replace(target, activations={**target.activations, audience: renamed})

    def filled(self, connection_id: str, audience: AudienceKey, list_id: int, due: datetime) -> None:
        target = self.stored.get(connection_id)
        activation = target.activations.get(audience) if target else None
        if target is not None and activation is not None and (activation.list_id, activation.fill_at) == (list_id, due):
            filled = {audience: replace(activation, fill_at=None)}
            self.stored[connection_id] = replace(target, activations={**target.activations, **filled})

    def is_claimed(self, munchkin_id: str, list_id: int) -> bool:
        return self._owner(munchkin_id, list_id) is not None

    def deactivate(self, connection_id: str, audience: AudienceKey) -> None:
        """What an operator does."""
        target = self.stored[connection_id]
        left = {one: activation for one, activation in target.activations.items() if one != audience}
        begun_at = target.activations[audience].begun_at
        self.stored[connection_id] = replace(target, activations=left, dormant={**target.dormant, audience: begun_at})

    def is_delivered(self, connection_id: str) -> bool:
        target = self.stored.get(connection_id)
        return target is not None and not target.connection.is_discarded

    def begin_delivery(self, connection_id: str, version: int, at: datetime) -> bool:
        target = self.stored.get(connection_id)
        if target is None or target.connection.version != version or target.connection.is_discarded:
            return False
        begun = replace(target.connection, delivered_at=target.connection.delivered_at or at)
        self.stored[connection_id] = replace(target, connection=begun)
        return True

    def block(self, connection_id: str, cause: str, at: datetime) -> None:
        status = self._status(connection_id)
        if status in DELIVERING:
            shown = status if status is Status.DELETING else Status.BLOCKED
            since = self.stored[connection_id].connection.held_since or at
            self._mark(connection_id, status=shown, blocked_cause=cause, held_since=since, retry_at=at + RETRY_BLOCKED)

    def unblock(self, connection_id: str) -> None:
        status = self._status(connection_id)
        if status in {Status.BLOCKED, Status.DELETING}:
            shown = status if status is Status.DELETING else Status.ENABLED
            self._mark(connection_id, status=shown, blocked_cause=None, held_since=None, retry_at=None)

    def resume_later(self, connection_id: str) -> None:
        self._mark(connection_id, resumed_at=None, resumed_up_to=None)

    def retry(self, connection_id: str) -> None:
        self._mark(connection_id, retry_at=None)

    def resume(self, connection_id: str, resumption: Resumption) -> None:
        self._mark(connection_id, resumed_at=resumption.at, resumed_up_to=resumption.up_to)

    def drain(self, connection_id: str, since: datetime | None) -> None:
        if self._status(connection_id) is Status.DELETING:
            self._mark(connection_id, drained_since=since)

    def wait(self, connection_id: str, waiting: Waiting | None) -> None:
        self._mark(connection_id, waiting=waiting)

    def _owner(self, munchkin_id: str, list_id: int) -> tuple[str, AudienceKey] | None:
        """The connection and the audience that have a list of an instance."""
        for target in self.stored.values():
            for audience, activation in target.activations.items():
                if target.connection.munchkin_id == munchkin_id and activation.list_id == list_id:
                    return target.connection.id, audience
        return None

    def _status(self, connection_id: str) -> Status | None:
        target = self.stored.get(connection_id)
        return target.connection.status if target else None

    def _mark(self, connection_id: str, **marks: Any) -> None:
        if target := self.stored.get(connection_id):
            self.stored[connection_id] = replace(target, connection=replace(target.connection, **marks))
