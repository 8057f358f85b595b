"""The use case of whoever wants lists verified, and asks what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from destination.control.audit import Recorder
from destination.control.errors import IncompleteError, QueueRefusesError, VerifyingError
from destination.domain.audience import AudienceKey
from destination.domain.audit import AuditAction
from destination.domain.connection import OPEN, ActiveConnection
from destination.domain.matching import rule_of
from destination.domain.problem import Problem
from destination.domain.verification import AudienceCheck, Repair, Verification
from destination.queue import EventQueue, verification_message
from destination.store.connections import Connections
from destination.store.errors import NotFoundError
from destination.store.verifications import Verifications as Stored

SHOWN = 50
"""How many verifications a list of them shows; they are kept for 90 days."""


@dataclass(frozen=True, slots=True)
class ManageVerifications:
    """Requests verifications, and shows them. `new_id`: 8 hexadecimal digits by chance."""

    connections: Connections
    stored: Stored
    queue: EventQueue
    record: Recorder
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    def request(self, connection_id: str, audience: AudienceKey | None, repair: Repair) -> Verification:
        """Have the lists of one audience, or of all, compared with the ledger.

        Raises NotFoundError, IncompleteError when the connection does not deliver or the audience has no list,
        VerifyingError, and QueueRefusesError.
        """
        target = self.connections.active(connection_id)
        self._refuse_idle(target)
        if going_on := [one for one in self._newest(connection_id, 1) if not one.is_finished]:
            raise VerifyingError(f"verification {going_on[0].id} is {going_on[0].status}")
        checks = _checks(target, audience)
        if not checks:
            raise NotFoundError("the audience is not activated, or has no list")
        now = self.clock()
        made = Verification(
            id=f"{now:%Y%m%dT%H%M%S%fZ}-{self.new_id()}",
            connection_id=connection_id,
            repair=repair,
            requested_at=now,
            audiences=len(checks),
            is_whole=audience is None,
        )
        self.stored.create(
            made, checks, self.record(AuditAction.REQUEST_VERIFICATION, connection_id, audience=audience)
        )
        if self.queue.send(connection_id, [verification_message(connection_id, made.id, now)]):
            self.stored.remove(made)
            raise QueueRefusesError("the queue does not take the request")
        return made

    def get(self, connection_id: str, verification_id: str) -> tuple[Verification, Sequence[AudienceCheck]]:
        """One with what was found so far. Raises NotFoundError."""
        self.connections.get(connection_id)
        found = self.stored.get(connection_id, verification_id)
        if found is None:
            raise NotFoundError(f"there is no verification {verification_id}")
        return found.at(self.clock()), self.stored.checks(found)

    def newest(self, connection_id: str, limit: int = SHOWN) -> Sequence[Verification]:
        """The newest, newest first. Raises NotFoundError."""
        self.connections.get(connection_id)
        return self._newest(connection_id, limit)

    def _newest(self, connection_id: str, limit: int) -> list[Verification]:
        now = self.clock()
        return [one.at(now) for one in self.stored.newest(connection_id, limit)]

    def _refuse_idle(self, target: ActiveConnection) -> None:
        connection = target.connection
        if connection.status not in OPEN:
            raise IncompleteError([Problem("status", f"it is {connection.status}: enable the connection first")])
        if not rule_of(connection).keeps_lists:
            raise IncompleteError([Problem("sync_type", "a connection with profile_only keeps no lists to verify")])


def _checks(target: ActiveConnection, audience: AudienceKey | None) -> list[AudienceCheck]:
    return [
        AudienceCheck.of(one, one.list_id)
        for key, one in sorted(target.activations.items())
        if one.list_id is not None and audience in {None, key}
    ]
