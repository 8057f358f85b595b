"""The removal of a connection with all that belongs to it, once nothing of it is to be delivered any more."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from destination.control.audit import Recorder
from destination.control.recipients import EndSubscriptions
from destination.domain.audit import AuditAction
from destination.domain.connection import Connection, RemovedConnection
from destination.domain.credentials import ClientCredentials
from destination.domain.shard import SHARDS
from destination.store.alerts import Alerts
from destination.store.connections import Connections
from destination.store.erasures import Erasures
from destination.store.errors import NotFoundError
from destination.store.files import FileObjects
from destination.store.lead_imports import ImportsOfConnections
from destination.store.leases import LeaseLostError, Leases
from destination.store.ledger import Ledger
from destination.store.letters import Letters
from destination.store.parking import Parking
from destination.store.removed import RemovedConnections
from destination.store.results import Results
from destination.store.secrets import Credentials, TokenSecret

LEASE: Final = timedelta(seconds=30)
"""Longer than it takes to enter all shards, which is what the lease is held for."""


@dataclass(frozen=True, slots=True)
class Removal:
    """Takes away a connection with all that belongs to it; its lists stay in Marketo, its audit records here, and its
    runs with its name.

    It can be repeated after it broke off: the connection itself goes last. `time`: how much one call of it takes.
    """

    connections: Connections
    credentials: Credentials
    alerts: Alerts
    ledger: Ledger
    leases: Leases
    parking: Parking
    letters: Letters
    results: Results
    files: FileObjects
    removed: RemovedConnections
    erasures: Erasures
    imports: ImportsOfConnections
    end_subscriptions: EndSubscriptions
    token_of: Callable[[Connection, ClientCredentials], TokenSecret]
    record: Recorder
    clock: Callable[[], datetime]
    time: timedelta

    def __call__(self, connection: Connection) -> bool:
        """Whether it is gone; if not, another call goes on with it."""
        if not self._erase(connection):
            return False
        with contextlib.suppress(NotFoundError):
            # Others with the same credentials obtain a new one.
            self.token_of(connection, self.credentials.get(connection)).delete()
        self.credentials.delete(connection.id)
        self.alerts.forget(connection.id)
        self.end_subscriptions(connection.id)
        self._remember(connection.id)
        self.connections.remove(connection.id, self.record(AuditAction.REMOVE_CONNECTION, connection.id))
        self.credentials.delete(connection.id)  # A change that was under way may have given some since.
        return True

    def _remember(self, connection_id: str) -> None:
        with contextlib.suppress(NotFoundError):  # Another attempt has removed it.
            target = self.connections.active(connection_id)
            self.removed.put(RemovedConnection(connection_id, target.connection.name, self.clock(), target.names))

    def _erase(self, connection: Connection) -> bool:
        """Whether nothing of it is left in the ledger and in the bucket."""
        until = self.clock() + self.time
        if connection.is_discarded and connection.delivered_at is not None and not self._ends_deliveries(connection):
            return False
        parts = (
            self.ledger,
            self.letters,
            self.parking,
            self.results,
            self.files,
            self.erasures,
            self.imports,
        )  # A redrive parks letters meanwhile.
        while self.clock() < until:
            if all(part.erase(connection.id) for part in parts):
                return True
        return False

    def _ends_deliveries(self, connection: Connection) -> bool:
        """Whether no delivery goes on that began before the connection was discarded: it would write rows that nobody
        erases.

        One that is under way holds the instance's lease. Of one that held it before and is frozen nothing is written
        any more, once all shards are entered. Whoever has the lease after us looks first whether the connection is
        still delivered, so that we need not keep it.
        """
        lease = self.leases.acquire(connection.munchkin_id, self.clock(), self.clock() + LEASE)
        if lease is None:
            return False
        try:
            self.leases.enter(lease, range(SHARDS))
        except LeaseLostError:
            return False
        finally:
            self.leases.release(lease, lease.pace, lease.pause)
        return True
