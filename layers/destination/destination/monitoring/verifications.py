"""The schedule of verifications: those that are due are requested."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from destination.control.errors import IncompleteError, QueueRefusesError, VerifyingError
from destination.control.verifications import ManageVerifications
from destination.domain.connection import OPEN, Connection
from destination.domain.verification import Verification
from destination.monitoring.attempts import Attempts
from destination.store.connections import Connections
from destination.store.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class ScheduleVerifications:
    """Requests the verifications that are due."""

    connections: Connections
    verifications: ManageVerifications

    def __call__(self, now: datetime, attempt: Attempts) -> Iterator[Verification]:
        """Request the verification of each connection whose last one was requested long enough ago."""
        for connection in self.connections.all():
            with attempt(connection.id):
                yield from self._due(connection, now)

    def _due(self, connection: Connection, now: datetime) -> Iterator[Verification]:
        schedule = connection.verification
        if schedule is None or connection.status not in OPEN:
            return
        # It may have been removed since it was listed, have no list yet, or be verified by somebody else; or the next
        # time will do.
        with contextlib.suppress(IncompleteError, NotFoundError, VerifyingError, QueueRefusesError):
            last = next(iter(self.verifications.newest(connection.id, 1)), None)
            if last is None or (last.is_finished and now - last.requested_at >= schedule.every):
                yield self.verifications.request(connection.id, None, schedule.repair)
