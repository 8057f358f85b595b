"""The second half of a mirror: who is in its audience and not named in the file is taken off the list.

It is a verification that first writes down of everybody who was not named since the file was received that they have
left (delivery/verify_lists.py), so that nobody has to be known by a value, and what came later counts. It is not begun
as long as something waits that was received before the file: the ledger does not know yet what that says, and would
believe it afterwards.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from destination.domain.connection import ActiveConnection
from destination.domain.file import File, FileCode, FileStatus
from destination.domain.matching import rule_of
from destination.domain.parking import Bundle
from destination.domain.problem import RefusedError
from destination.domain.verification import AudienceCheck, Repair, Verification, VerificationStatus
from destination.files.waiting import waits
from destination.store.errors import NotFoundError, StaleVersionError, StoreError


class Connections(Protocol):
    def active(self, connection_id: str, /) -> ActiveConnection: ...


class Parking(Protocol):
    """What is parked."""

    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...


class Files(Protocol):
    """Where files are kept."""

    def put(self, file: File, /) -> File: ...
    def going_on(self) -> Iterator[File]: ...


class Verifications(Protocol):
    """Has lists verified."""

    def request(
        self,
        connection_id: str,
        activation_ids: Collection[str] | None,
        repair: frozenset[Repair],
        named_since: datetime | None,
        /,
    ) -> Verification: ...
    def get(self, connection_id: str, verification_id: str, /) -> tuple[Verification, Sequence[AudienceCheck]]: ...
    def cancel(self, connection_id: str, verification_id: str, /) -> object: ...


@dataclass(frozen=True, slots=True)
class TakeOff:
    """Takes off whom mirrors do not name."""

    connections: Connections
    parking: Parking
    files: Files
    verifications: Verifications
    clock: Callable[[], datetime]

    def __call__(self, file: File) -> File:
        """Have it done, or see whether it is; the file as it stands then.

        While another verification of the connection goes on, it cannot be verified now, or something waits that was
        received before the file, it waits. Raises StaleVersionError and AWS's errors.
        """
        if file.verification is None:
            return self._request(file)
        try:
            found, checks = self.verifications.get(file.connection_id, file.verification)
        except StoreError:
            return self._ended(file, FileCode.NOT_TAKEN_OFF)
        if not found.is_finished:
            return file
        is_done = found.status is VerificationStatus.COMPLETED and not any(one.code for one in checks)
        left = sum(one.leavers.repaired for one in checks)
        return self._ended(replace(file, left=left), None if is_done else FileCode.NOT_TAKEN_OFF)

    def _request(self, file: File) -> File:
        target = self._target(file)
        if target is None or file.activation_id is None or not _keeps_list(target, file.activation_id):
            return self._ended(file, FileCode.NOT_TAKEN_OFF)
        if self._is_overtaken(file, target):
            return self._later(file)
        try:
            made = self.verifications.request(
                file.connection_id, [file.activation_id], frozenset({Repair.LEAVERS}), file.began_at
            )
        except (RefusedError, StoreError):
            return self._later(file)
        try:
            return self.files.put(replace(file, verification=made.id))
        except StaleVersionError:  # Somebody cancelled it, and knew of no verification.
            self.verifications.cancel(file.connection_id, made.id)
            raise

    def _target(self, file: File) -> ActiveConnection | None:
        try:
            return self.connections.active(file.connection_id)
        except NotFoundError:
            return None

    def _is_overtaken(self, file: File, target: ActiveConnection) -> bool:
        """Whether something waits that was received before it, or is in a file that is still being read."""
        if any(one.connection_id == file.connection_id and _is_before(one, file) for one in self.files.going_on()):
            return True
        return waits(target.connection, self.parking.of(file.connection_id), file.began_at, self.clock())

    def _later(self, file: File) -> File:
        return self._ended(file, FileCode.NOT_TAKEN_OFF) if file.is_over(self.clock()) else file

    def _ended(self, file: File, code: FileCode | None) -> File:
        return self.files.put(replace(file, status=FileStatus.COMPLETED, code=code, finished_at=self.clock()))


def _keeps_list(target: ActiveConnection, activation_id: str) -> bool:
    """Whether there is a list from which somebody could be taken; where there is none, none comes of waiting."""
    has_list = any(one.id == activation_id and one.list_id is not None for one in target.activations.values())
    return has_list and rule_of(target.connection).keeps_lists


def _is_before(one: File, file: File) -> bool:
    """Whether rows of one file may still become parts that were received before another file."""
    return one.status in {FileStatus.COUNTING, FileStatus.READING} and one.began_at <= file.began_at
