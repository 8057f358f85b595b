"""Verifications: those whose message may be lost are queued again, and those that are due are requested.

So are those that fill lists from the ledger: first of all, as people are missing from these.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from destination.control.errors import IncompleteError, VerifyingError
from destination.control.verifications import ManageVerifications
from destination.domain.connection import OPEN, Connection
from destination.domain.verification import Verification
from destination.monitoring.attempts import Attempts
from destination.store.connections import Connections
from destination.store.errors import NotFoundError, StaleVersionError


@dataclass(frozen=True, slots=True)
class ScheduleVerifications:
    """Has verifications go on, and requests those that are due."""

    connections: Connections
    verifications: ManageVerifications

    def __call__(self, now: datetime, attempt: Attempts) -> Iterator[Verification]:
        """Queue what has not gone on for long, and request what was requested long enough ago."""
        for connection in self.connections.all():
            if connection.status in OPEN:
                with attempt(connection.id):
                    yield from self._silent(connection)
                with attempt(connection.id):
                    yield from self._fill(connection)
                with attempt(connection.id):
                    yield from self._due(connection, now)

    def _silent(self, connection: Connection) -> Iterator[Verification]:
        with contextlib.suppress(StaleVersionError):  # It goes on.
            resumed = self.verifications.resume(connection.id)
            if resumed is not None:
                yield resumed

    def _fill(self, connection: Connection) -> Iterator[Verification]:
        with contextlib.suppress(NotFoundError):  # It may have been removed since it was listed.
            requested = self.verifications.fill(connection.id)
            if requested is not None:
                yield requested

    def _due(self, connection: Connection, now: datetime) -> Iterator[Verification]:
        schedule = connection.verification
        if schedule is None:
            return
        # It may have been removed since it was listed, have no list yet, or be verified by somebody else.
        with contextlib.suppress(IncompleteError, NotFoundError, VerifyingError):
            newest = self.verifications.newest(connection.id)
            last = next((one for one in newest if one.is_whole), None)
            is_free = not newest or newest[0].is_finished
            if is_free and (last is None or now - last.requested_at >= schedule.every):
                yield self.verifications.request(connection.id, None, schedule.repair)
