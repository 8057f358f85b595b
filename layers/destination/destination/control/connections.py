"""The control plane's use case: what operators do with connections.

Every change is written together with its audit record, or not at all.
"""

import contextlib
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from destination.control.audiences import BindLists
from destination.control.audit import Recorder, credential_changes, differences
from destination.control.checks import CheckConnections
from destination.control.errors import IncompleteError
from destination.control.governance import ManagePolicies
from destination.control.parking import ManageParking
from destination.control.removal import Removal
from destination.control.sources import source_problems
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import (
    OPEN,
    Connection,
    Status,
)
from destination.domain.connection_rules import (
    change_problems,
    connection_problems,
    connection_warnings,
    grace_problems,
    key_problems,
    missing_to_enable,
)
from destination.domain.credentials import ClientCredentials
from destination.domain.governance import taken_off
from destination.domain.matching import rule_of
from destination.domain.problem import Problem, refuse
from destination.store.connections import Connections, ConnectionsPage
from destination.store.errors import AWS_ERRORS, DeletingError, NotFoundError, StaleVersionError
from destination.store.secrets import Credentials, TokenSecret

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(frozen=True, slots=True)
class Created:
    """A new connection and its ingest token, which is not stored and cannot be shown again.

    `signing_key`: what its senders sign with, if they do (None: the stack has no keys for it).
    """

    connection: Connection
    token: str = field(repr=False)
    signing_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A connection with a new ingest token, which is not stored; the previous one is valid until a time.

    `signing_key`: the key that goes with the token; that of the previous one is valid as long as it is.
    """

    connection: Connection
    token: str = field(repr=False)
    previous_valid_until: datetime
    signing_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ManageConnections:
    """What operators do. `new_id` and `new_token` are random; a token has 256 bits and goes into an HTTP header.

    `token_of` gives the access token that the connections of an API user share. `record` makes the audit record that is
    written beside each change. `bind_lists` gives a connection's audiences the lists that they lack (BindLists).
    `resume` sends back what is parked of a connection whose cause may have been mended. `signing_key` makes the key
    that goes with a connection's token, by the token's hash (None: the stack has no such keys).
    Where a version is `expected`, any other raises StaleVersionError; None expects nothing.
    Every method that names a connection raises NotFoundError when there is none, and every change of one DeletingError
    when it is being deleted.
    """

    connections: Connections
    credentials: Credentials
    checks: CheckConnections
    token_of: Callable[[Connection, ClientCredentials], TokenSecret]
    removal: Removal
    record: Recorder
    governance: ManagePolicies
    bind_lists: BindLists
    resume: ManageParking
    new_id: Callable[[], str]
    new_token: Callable[[], str]
    clock: Callable[[], datetime]
    signing_key: Callable[[str, str], bytes] | None = None

    def create(self, draft: Connection, credentials: ClientCredentials | None) -> Created:
        """Store a draft under a new id. Raises ConfigurationError, PolicyViolationError."""
        refuse([*source_problems(draft, has_keys=self.signing_key is not None), *connection_problems(draft)])
        self.governance.admit(draft)
        connection = replace(draft, id=self.new_id(), version=1, status=Status.DRAFT)
        token = self.new_token()
        signing_key = self._signing_key(connection.id, token)
        # The credentials first: a connection that can be seen has all that was given for it.
        if credentials is not None:
            connection = replace(connection, credentials_version=self.credentials.put(connection.id, credentials))
        changes = (*differences(None, connection), *credential_changes(None, credentials))
        record = self.record(AuditAction.CREATE_CONNECTION, connection.id, changes)
        self.connections.create(connection, _hash(token), record)
        return Created(connection, token, signing_key)

    def get(self, connection_id: str, expected: int | None = None) -> Connection:
        connection = self.connections.get(connection_id)
        _expect(connection, expected)
        return connection

    def warnings(self, connection: Connection, audiences: int = 0) -> Sequence[Problem]:
        """What works, but may not be what was meant; `audiences`: how many are activated, where that is known."""
        return [*connection_warnings(connection, audiences), *self.governance.warnings(connection)]

    def list(self, cursor: str | None, limit: int) -> ConnectionsPage:
        """Raises InvalidCursorError."""
        return self.connections.list(cursor, limit)

    def change(
        self,
        before: Connection,
        after: Connection,
        credentials: ClientCredentials | None = None,
        action: AuditAction = AuditAction.CHANGE_CONNECTION,
        *,
        same_people: bool = False,
    ) -> Connection:
        """Store a changed configuration; enabled, it must stay complete, and fit Marketo.

        Where it comes to keep lists while it is enabled, its audiences get theirs first. `same_people`: other sources
        of the identities give the same people the same values.

        Raises ConfigurationError, PolicyViolationError, IncompleteError, ChecksFailedError, AlreadyBoundError,
        MarketoError or OutOfTimeError when Marketo is not available now, and StaleVersionError when it changed since
        `before` was read.
        """
        _refuse_deleting(before)
        # Counted before they are looked for, so that a list that somebody makes meanwhile in the old one is not missed.
        bindings = self.connections.bindings(before.id) if before.workspace != after.workspace else None
        has_lists = bindings is not None and self._has_lists(before)
        refuse(change_problems(before, after, has_lists=has_lists, same_people=same_people))
        has_keys = self.signing_key is not None
        asked = source_problems(after, before, has_keys=has_keys)
        refuse([*asked, *connection_problems(after), *taken_off(before, after)])
        self.governance.admit(after, before)
        if before.status in OPEN:
            self._admit_open(before, after, credentials)
        elif _comes_to_keep_lists(before, after):
            self.bind_lists.make_due(after)
        if after == before and credentials is None:
            return before
        if _comes_to_keep_lists(before, after):
            bindings = None  # They have got theirs with this very change.
        changed = self._change(before, after, credentials, action, same_people=same_people, bindings=bindings)
        self._resume(changed, ends_pause=before.limits != after.limits)
        return changed

    def _change(
        self,
        before: Connection,
        after: Connection,
        credentials: ClientCredentials | None,
        action: AuditAction,
        *,
        same_people: bool,
        bindings: int | None,
    ) -> Connection:
        undelivered = bool(key_problems(before, after, same_people=same_people))
        changes = differences(before, after)
        if credentials is None:
            record = self.record(action, before.id, changes)
            return self.connections.update(after, record, undelivered=undelivered, bindings=bindings)
        replaced = self.credentials.find(before)
        changes += credential_changes(replaced, credentials)
        record = self.record(action, before.id, changes)
        changed = self._give(before, after, credentials, record, undelivered=undelivered, bindings=bindings)
        if replaced is not None and replaced.client_id != credentials.client_id:
            # Others with the same credentials obtain a new one.
            self.token_of(before, replaced).delete()
        return changed

    def enable(self, connection_id: str, expected: int | None = None) -> Connection:
        """Let events in, and end a block: what is queued and parked is tried again.

        Raises IncompleteError, PolicyViolationError, ChecksFailedError, and MarketoError or OutOfTimeError when Marketo
        is not available now.
        """
        connection = self._changeable(connection_id, expected)
        self._refuse_incomplete(connection)
        self.governance.admit(connection)
        if connection.status is not Status.ENABLED:
            self.checks.admit(connection)
        enabled = self._set_status(connection, Status.ENABLED, AuditAction.ENABLE_CONNECTION)
        self._resume(enabled)
        return enabled

    def disable(self, connection_id: str, expected: int | None = None) -> Connection:
        """Let no further events in; a draft stays one, for it never let any in."""
        connection = self._changeable(connection_id, expected)
        if connection.status is Status.DRAFT:
            return connection
        return self._set_status(connection, Status.DISABLED, AuditAction.DISABLE_CONNECTION)

    def delete(self, connection_id: str, expected: int | None = None, *, discard: bool = False) -> Connection | None:
        """Let nothing in any more, and remove the connection once what is queued was delivered; its lists stay.

        It is removed at once, and None answered, where nothing was ever let in, or what is queued is to be discarded:
        then its events end as dead letters. What does not end in the time of a call is gone on with by the monitor, or
        when it is asked for again.
        """
        connection = self.get(connection_id, expected)
        at_once = discard or connection.status is Status.DRAFT
        if connection.status is not Status.DELETING:
            status = AuditChange("status", connection.status.value, Status.DELETING.value)
            record = self.record(AuditAction.DELETE_CONNECTION, connection_id, [status])
            connection = self.connections.begin_deletion(
                connection_id, connection.version, self.clock(), record, discard=at_once
            )
        elif at_once and not connection.is_discarded:
            self.connections.discard(connection_id)
            connection = replace(connection, is_discarded=True)
        return None if at_once and self.removal(connection) else connection

    def rotate_ingest_token(self, connection_id: str, grace: timedelta, expected: int | None = None) -> Rotated:
        """Make a new ingest token; the current one stays valid for the grace period, an older one does not.

        Raises ConfigurationError.
        """
        connection = self._changeable(connection_id, expected)
        refuse(grace_problems(grace))
        token, until = self.new_token(), self.clock() + grace
        signing_key = self._signing_key(connection.id, token)
        record = self.record(AuditAction.ROTATE_INGEST_TOKEN, connection_id)
        connection = self.connections.rotate_token(connection_id, connection.version, _hash(token), until, record)
        return Rotated(connection, token, until, signing_key)

    def _signing_key(self, connection_id: str, token: str) -> str | None:
        return None if self.signing_key is None else self.signing_key(connection_id, _hash(token)).decode()

    def _give(
        self,
        before: Connection,
        after: Connection,
        credentials: ClientCredentials,
        record: "TransactWriteItemTypeDef",
        *,
        undelivered: bool,
        bindings: int | None,
    ) -> Connection:
        """Store new credentials, then the connection that names them.

        Of two changes at once each writes a version of the secret, and the one that is stored names its own.
        """
        if before.credentials_version is not None:
            # Whoever gave them may not have come to this.
            self.credentials.keep(before.id, before.credentials_version)
        version = self.credentials.put(before.id, credentials)
        try:
            changed = self.connections.update(
                replace(after, credentials_version=version), record, undelivered=undelivered, bindings=bindings
            )
        except NotFoundError:
            self.credentials.delete(before.id)  # It was removed meanwhile, and its secret before it.
            raise
        with contextlib.suppress(*AWS_ERRORS):  # The change is made, and the next one comes to it.
            self.credentials.keep(before.id, version)
        return changed

    def _admit_open(self, before: Connection, after: Connection, credentials: ClientCredentials | None) -> None:
        comes_to_keep_lists = _comes_to_keep_lists(before, after)
        wanted = replace(after, sync_type=before.sync_type) if comes_to_keep_lists else after
        self._refuse_incomplete(wanted, has_credentials=credentials is not None)
        self.checks.admit_change(before, after, credentials)
        if comes_to_keep_lists:
            self.bind_lists(after, credentials)
            self._refuse_incomplete(after, has_credentials=credentials is not None)

    def _resume(self, connection: Connection, *, ends_pause: bool = False) -> None:
        with contextlib.suppress(*AWS_ERRORS, NotFoundError):  # The change is made, and the monitor sends back later.
            self.resume(connection.id, ends_pause=ends_pause)

    def _has_lists(self, connection: Connection) -> bool:
        activations = self.connections.active(connection.id).activations
        return any(one.list_id is not None for one in activations.values())

    def _refuse_incomplete(self, connection: Connection, *, has_credentials: bool = False) -> None:
        active = replace(self.connections.active(connection.id), connection=connection)
        has_credentials = has_credentials or self.credentials.find(connection) is not None
        if missing := missing_to_enable(active, has_credentials=has_credentials):
            raise IncompleteError(missing)

    def _changeable(self, connection_id: str, expected: int | None = None) -> Connection:
        connection = self.get(connection_id, expected)
        _refuse_deleting(connection)
        return connection

    def _set_status(self, connection: Connection, status: Status, action: AuditAction) -> Connection:
        if connection.status is status:
            return connection
        record = self.record(action, connection.id, [AuditChange("status", connection.status.value, status.value)])
        return self.connections.set_status(connection.id, connection.version, status, self.clock(), record)


def _refuse_deleting(connection: Connection) -> None:
    if connection.status is Status.DELETING:
        raise DeletingError(f"connection {connection.id} is being deleted")


def _comes_to_keep_lists(before: Connection, after: Connection) -> bool:
    return rule_of(after).keeps_lists and not rule_of(before).keeps_lists


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _expect(connection: Connection, version: int | None) -> None:
    if version not in {None, connection.version}:
        raise StaleVersionError(f"connection {connection.id} is at version {connection.version}, not {version}")
