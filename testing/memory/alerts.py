"""The states of alerts in memory."""

from dataclasses import dataclass, field, replace

from destination.domain.alert import Alert, AlertState
from destination.store.alerts import Stored
from destination.store.errors import StaleVersionError


@dataclass
class MemoryAlerts:
    """`changes`: the history of all connections' alerts, oldest first."""

    stored: dict[tuple[str, Alert], Stored] = field(default_factory=dict)
    changes: list[tuple[str, AlertState]] = field(default_factory=list)

    def states(self, connection_id: str) -> dict[Alert, Stored]:
        return {alert: one for (owner, alert), one in self.stored.items() if owner == connection_id}

    def change(self, connection_id: str, state: AlertState, published: int) -> None:
        before = self.stored.get((connection_id, state.alert))
        if before and before.state.number >= state.number:
            raise StaleVersionError(f"alert {state.alert} of {connection_id} was changed meanwhile")
        self.stored[connection_id, state.alert] = Stored(state, published)
        self.changes.append((connection_id, state))

    def publish(self, connection_id: str, state: AlertState) -> None:
        before = self.stored[connection_id, state.alert]
        self.stored[connection_id, state.alert] = replace(before, published=state.number)
