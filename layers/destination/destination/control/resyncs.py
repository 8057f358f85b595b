"""Resyncs: opened before a sender sends everybody again, shown, closed, approved and cancelled.

What comes of them after that is in files/resyncs.py.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from destination.control.audit import Recorder
from destination.control.errors import IncompleteError, ResyncingError
from destination.control.verifications import ManageVerifications
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import OPEN, ActiveConnection, Status
from destination.domain.matching import rule_of
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.resync import (
    DEFAULT_OPEN,
    DEFAULT_QUIET,
    MAX_CHOSEN,
    MAX_LABEL_LENGTH,
    ClosedBy,
    Resync,
    ResyncStatus,
)
from destination.domain.text import hidden_at
from destination.store.connections import Connections
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.resyncs import Resyncs

SHOWN: Final = 50
"""How many resyncs a list of them shows; they are known for 90 days."""

ATTEMPTS: Final = 5
"""How often one is read again that was carried on meanwhile."""


@dataclass(frozen=True, slots=True)
class WantedResync:
    """A resync that somebody wants. `activation_ids`: of which audiences (None: of all that have a list)."""

    activation_ids: Collection[str] | None = None
    label: str | None = None
    quiet: timedelta = DEFAULT_QUIET
    longest: timedelta = DEFAULT_OPEN


class ShownResync(NamedTuple):
    """`names`: what its audiences are called that are activated, by their activations."""

    resync: Resync
    names: dict[str, str]


@dataclass(frozen=True, slots=True)
class ManageResyncs:
    """Opens resyncs, shows, closes, approves and cancels them. `new_id`: 16 hexadecimal digits by chance."""

    connections: Connections
    resyncs: Resyncs
    verifications: ManageVerifications
    record: Recorder
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    def open(self, connection_id: str, wanted: WantedResync) -> ShownResync:
        """Note from now on who is named in some audiences, or in all.

        Raises NotFoundError, DeletingError, ConfigurationError, IncompleteError when the connection does not deliver or
        keeps no lists, and ResyncingError.
        """
        target = self.connections.active(connection_id)
        _refuse_idle(target)
        if problems := list(_problems(target, wanted)):
            raise ConfigurationError(problems)
        now = self.clock()
        made = Resync(
            id=f"{now:%Y%m%dT%H%M%SZ}-{self.new_id()}",
            connection_id=connection_id,
            status=ResyncStatus.OPEN,
            opened_at=now,
            activation_ids=None if wanted.activation_ids is None else tuple(dict.fromkeys(wanted.activation_ids)),
            label=wanted.label,
            quiet=wanted.quiet,
            longest=wanted.longest,
        )
        chosen = None if made.activation_ids is None else list(made.activation_ids)
        change = AuditChange(f"resyncs.{made.id}", None, {"label": made.label, "activation_ids": chosen})
        if not self.resyncs.create(made, self.record(AuditAction.OPEN_RESYNC, connection_id, [change])):
            going_on = self.connections.get(connection_id).resyncing
            raise ResyncingError(f"resync {going_on.id if going_on else 'of somebody else'} goes on")
        return _shown(target, made)

    def get(self, connection_id: str, resync_id: str) -> ShownResync:
        """One of them. Raises NotFoundError."""
        target = self.connections.active(connection_id)
        return _shown(target, self._found(connection_id, resync_id))

    def newest(self, connection_id: str) -> Sequence[ShownResync]:
        """The newest, newest first. Raises NotFoundError."""
        target = self.connections.active(connection_id)
        return [_shown(target, one) for one in self.resyncs.newest(connection_id, SHOWN)]

    def close(self, connection_id: str, resync_id: str) -> ShownResync:
        """Everybody has been sent: who was not named is to be taken off, once all that was received is delivered.

        Raises NotFoundError, IncompleteError where it is not open, StaleVersionError.
        """
        return self._change(connection_id, resync_id, AuditAction.CLOSE_RESYNC, self._closed)

    def approve(self, connection_id: str, resync_id: str) -> ShownResync:
        """Have one carried on that is held.

        Raises NotFoundError, IncompleteError where it is not held, StaleVersionError.
        """
        return self._change(connection_id, resync_id, AuditAction.APPROVE_RESYNC, self._approved)

    def cancel(self, connection_id: str, resync_id: str) -> ShownResync:
        """Have nobody more taken off; who was by then is. One that is at its end stays as it is.

        Raises NotFoundError, StaleVersionError.
        """
        shown = self._change(connection_id, resync_id, AuditAction.CANCEL_RESYNC, self._cancelled)
        if shown.resync.status is ResyncStatus.CANCELLED and shown.resync.verification is not None:
            self.verifications.cancel(connection_id, shown.resync.verification)
        return shown

    def _closed(self, resync: Resync) -> Resync:
        if resync.status is not ResyncStatus.OPEN:
            raise IncompleteError([Problem("status", f"it is {resync.status}, and open no longer")])
        return resync.closed(ClosedBy.REQUEST, self.clock())

    def _approved(self, resync: Resync) -> Resync:
        if resync.status is not ResyncStatus.HELD:
            raise IncompleteError([Problem("status", f"it is {resync.status}, and waits for nobody's yes")])
        return resync.approved(self.clock())

    def _cancelled(self, resync: Resync) -> Resync:
        return resync if resync.is_ended else resync.cancelled(self.clock())

    def _change(
        self, connection_id: str, resync_id: str, action: AuditAction, change: Callable[[Resync], Resync]
    ) -> ShownResync:
        target = self.connections.active(connection_id)
        for _ in range(ATTEMPTS):
            before = self._found(connection_id, resync_id)
            after = change(before)
            if after is before:
                return _shown(target, before)
            status = AuditChange(f"resyncs.{resync_id}.status", before.status.value, after.status.value)
            try:
                return _shown(target, self.resyncs.put(after, self.record(action, connection_id, [status])))
            except StaleVersionError:  # It was carried on meanwhile.
                continue
        raise StaleVersionError(f"resync {resync_id} is being carried on")

    def _found(self, connection_id: str, resync_id: str) -> Resync:
        found = self.resyncs.get(connection_id, resync_id)
        if found is None:
            raise NotFoundError(f"there is no resync {resync_id}")
        return found


def _shown(target: ActiveConnection, resync: Resync) -> ShownResync:
    return ShownResync(resync, {one.id: one.name for one in target.activations.values() if resync.covers(one.id)})


def _refuse_idle(target: ActiveConnection) -> None:
    connection = target.connection
    if connection.status is Status.DELETING:
        raise DeletingError(f"connection {connection.id} is being deleted")
    if connection.status not in OPEN:
        raise IncompleteError([Problem("status", f"it is {connection.status}: enable the connection first")])
    if not rule_of(connection).keeps_lists:
        raise IncompleteError([Problem("sync_type", "a connection with profile_only keeps no lists to resync")])


def _problems(target: ActiveConnection, wanted: WantedResync) -> Iterator[Problem]:
    kept = {one.id for one in target.activations.values() if one.list_id is not None}
    chosen = wanted.activation_ids
    if chosen is None and not kept:
        yield Problem("activation_ids", "no audience is activated that has a list: activate one")
    if chosen is not None and not 0 < len(chosen) <= MAX_CHOSEN:
        yield Problem("activation_ids", f"must name 1 to {MAX_CHOSEN} audiences; leave it out for all of them")
    for one in chosen or ():
        if one not in kept:
            yield Problem("activation_ids", f"{one} must be that of an audience that is activated and has a list")
    label = wanted.label
    if label is not None and (not 0 < len(label) <= MAX_LABEL_LENGTH or hidden_at(label) is not None):
        yield Problem("label", f"must be 1 to {MAX_LABEL_LENGTH} characters that can be seen")
