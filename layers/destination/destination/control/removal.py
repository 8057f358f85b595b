"""The removal of a connection with all that belongs to it, once nothing of it is to be delivered any more."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from destination.control.audit import Recorder
from destination.domain.audit import AuditAction
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.store.alerts import Alerts
from destination.store.connections import Connections
from destination.store.errors import NotFoundError
from destination.store.secrets import Credentials, TokenSecret


@dataclass(frozen=True, slots=True)
class Removal:
    """Takes away a connection with all that belongs to it; its lists stay in Marketo, its audit records and runs here.

    It can be repeated after it broke off: the connection itself goes last.
    """

    connections: Connections
    credentials: Credentials
    alerts: Alerts
    token_of: Callable[[Connection, ClientCredentials], TokenSecret]
    record: Recorder

    def __call__(self, connection: Connection) -> None:
        with contextlib.suppress(NotFoundError):
            # Others with the same credentials obtain a new one.
            self.token_of(connection, self.credentials.get(connection)).delete()
        self.credentials.delete(connection.id)
        self.alerts.forget(connection.id)
        self.connections.remove(connection.id, self.record(AuditAction.REMOVE_CONNECTION, connection.id))
        self.credentials.delete(connection.id)  # A change that was under way may have given some since.
