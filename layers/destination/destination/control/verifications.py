"""The use case of whoever wants lists verified, and asks what was found."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from destination.control.audit import Recorder
from destination.control.errors import IncompleteError, VerifyingError
from destination.domain.audience import Activation, activation_id
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import OPEN, ActiveConnection, Status
from destination.domain.matching import rule_of
from destination.domain.problem import Problem
from destination.domain.verification import FILLS, AudienceCheck, ListSize, Repair, Verification, VerificationStatus
from destination.queue import EventQueue, verification_message
from destination.store.connections import Connections
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.verifications import Verifications as Stored

SHOWN = 50
"""How many verifications a list of them shows; they are kept for 90 days."""

FILL_AGAIN: Final = timedelta(hours=1)
"""How long a fill that was tried last, and is still due, is left alone: its list may be gone, or it was cancelled."""


@dataclass(frozen=True, slots=True)
class ManageVerifications:
    """Requests verifications, shows and cancels them. `new_id`: 8 hexadecimal digits by chance."""

    connections: Connections
    stored: Stored
    queue: EventQueue
    record: Recorder
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    def request(
        self,
        connection_id: str,
        activation_ids: Collection[str] | None,
        repair: frozenset[Repair],
        named_since: datetime | None = None,
        *,
        keeps_times: bool = False,
    ) -> Verification:
        """Have the lists of some audiences, or of all (None), compared with the ledger.

        `named_since`: whoever the source has not named since then has left these audiences; `keeps_times`: with the
        times of their entries.

        If its message cannot be queued now, it goes on by itself a little later (`resume`). Raises NotFoundError,
        DeletingError, IncompleteError when the connection does not deliver or the audience has no list, and
        VerifyingError.
        """
        target = self.connections.active(connection_id)
        self._refuse_idle(target)
        last = self.stored.last(connection_id)
        if (going_on := self._going_on(connection_id, last)) is not None:
            raise VerifyingError(f"verification {going_on.id} is {going_on.status}")
        now = self.clock()
        checks = [
            replace(one, named_since=named_since, keeps_times=keeps_times)
            for one in _checks(target, activation_ids, None if FILLS - repair else now)
        ]
        if not checks:
            raise NotFoundError("the audience is not activated, or has no list")
        made = Verification(
            id=f"{now:%Y%m%dT%H%M%S%fZ}-{self.new_id()}",
            connection_id=connection_id,
            repair=repair,
            requested_at=now,
            audiences=len(checks),
            is_whole=activation_ids is None,
        )
        only = checks[0].audience if activation_ids is not None and len(activation_ids) == 1 else None
        record = self.record(AuditAction.REQUEST_VERIFICATION, connection_id, audience=only)
        try:
            self.stored.create(made, checks, last, record)
        except StaleVersionError:
            raise VerifyingError("another verification was requested at the same time") from None
        self._queue(made)
        return made

    def fill(self, connection_id: str) -> Verification | None:
        """Have the lists filled from the ledger that are due to be by now, as far as that can be requested now.

        It is a verification of them. None: none is due, or they stay so, as the connection does not deliver or keep
        lists, or is being verified. Raises NotFoundError.
        """
        now = self.clock()
        target = self.connections.active(connection_id)
        due = {one.id: one.fill_at for one in target.activations.values() if one.is_fill_due(now)}
        if not due or target.connection.status not in OPEN or not rule_of(target.connection).keeps_lists:
            return None
        last = self.stored.last(connection_id)
        tried = None if last is None else self.stored.get(connection_id, last)
        if tried is not None and now - tried.requested_at < FILL_AGAIN:
            for check in self.stored.checks(tried):
                if check.fill_at is not None and due.get(activation_id(check.audience)) == check.fill_at:
                    del due[activation_id(check.audience)]
        if not due:
            return None
        try:
            return self.request(connection_id, due, FILLS)
        except (DeletingError, IncompleteError, VerifyingError):
            return None

    def resume(self, connection_id: str) -> Verification | None:
        """Queue the one that is under way again if it has not gone on for long, as its message may be lost.

        None: there is none of which that is so, or the queue does not take it; then it is tried later. Of its messages
        the one that is queued now is the only one that still carries it on. Raises StaleVersionError when it goes on
        just now.
        """
        now = self.clock()
        silent = self._going_on(connection_id, self.stored.last(connection_id))
        if silent is None or not silent.is_silent(now):
            return None
        resumed = self.stored.put(replace(silent, requeued_at=now))
        return resumed if self._queue(resumed) else None

    def cancel(self, connection_id: str, verification_id: str) -> tuple[Verification, Sequence[AudienceCheck]]:
        """Have one go on no longer, whatever it is doing; another one can be requested at once.

        Nothing more is repaired from its next step on. One that is finished stays as it is. Raises NotFoundError.
        """
        found, _ = self.get(connection_id, verification_id)
        if not found.is_finished:
            status = AuditChange(f"verifications.{found.id}.status", found.status.value, VerificationStatus.CANCELLED)
            record = self.record(AuditAction.CANCEL_VERIFICATION, connection_id, [status])
            self.stored.cancel(found, self.clock(), record)
        return self.get(connection_id, verification_id)

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
        now = self.clock()
        return [one.at(now) for one in self.stored.newest(connection_id, limit)]

    def list_sizes(self, connection_id: str) -> Mapping[str, ListSize]:
        """How many people were on the lists when they were verified last, by the ids of the activations."""
        return self.stored.list_sizes(connection_id)

    def _going_on(self, connection_id: str, last: str | None) -> Verification | None:
        """The one that was requested last, unless it is finished."""
        found = None if last is None else self.stored.get(connection_id, last)
        return None if found is None or found.at(self.clock()).is_finished else found

    def _queue(self, verification: Verification) -> bool:
        """Whether the queue takes its message."""
        owner = verification.connection_id
        message = verification_message(owner, verification.id, verification.queued_at)
        return not self.queue.send(owner, [message])

    def _refuse_idle(self, target: ActiveConnection) -> None:
        connection = target.connection
        if connection.status is Status.DELETING:
            raise DeletingError(f"connection {connection.id} is being deleted")
        if connection.status not in OPEN:
            raise IncompleteError([Problem("status", f"it is {connection.status}: enable the connection first")])
        if not rule_of(connection).keeps_lists:
            message = "a connection with profile_only keeps no lists to verify; set another sync_type to have some"
            raise IncompleteError([Problem("sync_type", message)])


def _checks(
    target: ActiveConnection, activation_ids: Collection[str] | None, fills_at: datetime | None
) -> list[AudienceCheck]:
    """`fills_at`: when it was requested, if it fills lists."""

    def check(activation: Activation, list_id: int) -> AudienceCheck:
        is_due = fills_at is not None and activation.is_fill_due(fills_at)
        return replace(AudienceCheck.of(activation, list_id), fill_at=activation.fill_at if is_due else None)

    return [
        check(one, one.list_id)
        for _, one in sorted(target.activations.items())
        if one.list_id is not None and (activation_ids is None or one.id in activation_ids)
    ]
