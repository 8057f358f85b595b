"""The use case of whoever asks for a connection's alerts: where each stands, and what became of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from destination.domain.alert import Alert, AlertState
from destination.domain.connection import Connection
from destination.store.alerts import AlertHistory, Alerts
from destination.store.connections import Connections


@dataclass(frozen=True, slots=True)
class AlertsOf:
    """A connection with the states of the alerts that were ever triggered, and a page of their history."""

    connection: Connection
    states: Mapping[Alert, AlertState]
    history: AlertHistory


@dataclass(frozen=True, slots=True)
class ReadAlerts:
    """Reads alerts."""

    connections: Connections
    alerts: Alerts

    def __call__(self, connection_id: str, cursor: str | None, limit: int) -> AlertsOf:
        """What the connection subscribes to, where it stands, and the changes before the cursor.

        Raises NotFoundError.
        """
        connection = self.connections.get(connection_id)
        states = {alert: one.state for alert, one in self.alerts.states(connection_id).items()}
        return AlertsOf(connection, states, self.alerts.history(connection_id, cursor, limit))
