"""The control plane's use case: what operators do with connections and the audiences activated on them.

Every change is written together with its audit record, or not at all.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from destination.domain.alerts import Alert, AlertState
from destination.domain.audit import Action, Change, credential_changes, differences
from destination.domain.configuration import (
    ConfigurationError,
    Problem,
    activation_change_problems,
    activation_problems,
    change_problems,
    connection_problems,
    connection_warnings,
    grace_problems,
    missing_to_enable,
    room_problems,
)
from destination.domain.connection import (
    Activation,
    AudienceKey,
    Connection,
    Status,
)
from destination.domain.credentials import ClientCredentials
from destination.domain.matching import rule_of
from destination.emptying import Emptying
from destination.governance import Governance
from destination.marketo.errors import NAME_TAKEN, RequestRejectedError
from destination.marketo.instance import Marketo
from destination.marketo.lists import Lists, StaticList, safe_name
from destination.preflight import Preflight
from destination.recorder import Recorder
from destination.retire import Removal
from destination.store.alerts import Alerts, History
from destination.store.audit import AuditPage
from destination.store.connections import Connections, Page
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.secrets import Credentials, TokenSecret


class IncompleteError(ConfigurationError):
    """An enabled connection must be able to deliver, and this one lacks what `problems` name."""


class AlreadyBoundError(Exception):
    """An audience has one list and a list one audience, and one of the two is taken; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Created:
    """A new connection and its ingest token, which is not stored and cannot be shown again."""

    connection: Connection
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rotated:
    """A connection with a new ingest token, which is not stored; the one before is good until a time."""

    connection: Connection
    token: str = field(repr=False)
    previous_valid_until: datetime


@dataclass(frozen=True, slots=True)
class AlertsOf:
    """A connection with the states of the alerts that were ever triggered, and a page of their history."""

    connection: Connection
    states: Mapping[Alert, AlertState]
    history: History


@dataclass(frozen=True, slots=True)
class Management:
    """What operators do. `new_id` and `new_token` are random; a token has 256 bits and goes into an HTTP header.

    `marketo_for` gives the connection's instance, seen as its API user, and `token_of` the access token that this
    user's connections share. `record` makes the audit record that is written beside each change.
    Where a version is `expected`, any other raises StaleVersionError; None expects nothing.
    Every method that names a connection raises NotFoundError when there is none, and every change of one DeletingError
    when it is being deleted.
    """

    connections: Connections
    credentials: Credentials
    preflight: Preflight
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    alerts: Alerts
    token_of: Callable[[Connection, ClientCredentials], TokenSecret]
    removal: Removal
    emptying: Emptying
    record: Recorder
    governance: Governance
    new_id: Callable[[], str]
    new_token: Callable[[], str]
    clock: Callable[[], datetime]

    def create(self, draft: Connection, credentials: ClientCredentials | None) -> Created:
        """Store a draft under a new id. Raises ConfigurationError, PolicyViolationError."""
        _refuse(connection_problems(draft))
        self.governance.admit(draft)
        connection = replace(draft, id=self.new_id(), version=1, status=Status.DRAFT)
        token = self.new_token()
        # The credentials first: a connection that can be seen has all that was given for it.
        if credentials is not None:
            self.credentials.put(connection.id, credentials)
        changes = (*differences(None, connection), *credential_changes(None, credentials))
        record = self.record(Action.CREATE_CONNECTION, connection.id, changes)
        self.connections.create(connection, _hash(token), record)
        return Created(connection, token)

    def get(self, connection_id: str, expected: int | None = None) -> Connection:
        connection = self.connections.get(connection_id)
        _expect(connection, expected)
        return connection

    def warnings(self, connection: Connection, audiences: int = 0) -> Sequence[Problem]:
        """What works, and is perhaps not what was meant; `audiences`: how many are activated, where that is known."""
        return [*connection_warnings(connection, audiences), *self.governance.warnings(connection)]

    def list(self, cursor: str | None, limit: int) -> Page:
        """Raises InvalidCursorError."""
        return self.connections.list(cursor, limit)

    def change(
        self,
        before: Connection,
        after: Connection,
        credentials: ClientCredentials | None = None,
        action: Action = Action.CHANGE_CONNECTION,
    ) -> Connection:
        """Store a changed configuration; enabled, it must stay complete, and fit Marketo.

        Raises ConfigurationError, PolicyViolationError, IncompleteError, ChecksFailedError, MarketoError or
        OutOfTimeError when Marketo cannot be asked now, and StaleVersionError when it changed since `before` was read.
        """
        _refuse_deleting(before)
        _refuse(change_problems(before, after) + connection_problems(after))
        self.governance.admit(after, before)
        if before.status in {Status.ENABLED, Status.BLOCKED}:
            self._refuse_incomplete(after, has_credentials=credentials is not None)
            self.preflight.admit_change(before, after, credentials)
        if after == before and credentials is None:
            return before
        changes = differences(before, after)
        if credentials is None:
            return self.connections.update(after, self.record(action, before.id, changes))
        # The credentials first: sync keeps them for as long as the version stays, so whoever sees the new version must
        # find the new ones. They have no condition, so the version is looked at once more, for a change that is stale.
        _expect(self.connections.get(before.id), before.version)
        replaced = self._credentials_of(before)
        self.credentials.put(before.id, credentials)
        changes += credential_changes(replaced, credentials)
        changed = self.connections.update(after, self.record(action, before.id, changes))
        if replaced is not None and replaced.client_id != credentials.client_id:
            # Others with the same credentials obtain a new one.
            self.token_of(before, replaced).delete()
        return changed

    def enable(self, connection_id: str, expected: int | None = None) -> Connection:
        """Let events in, and end a block: what is queued is tried again.

        Raises IncompleteError, PolicyViolationError, ChecksFailedError, and MarketoError or OutOfTimeError when Marketo
        cannot be asked now.
        """
        connection = self._changeable(connection_id, expected)
        self._refuse_incomplete(connection)
        self.governance.admit(connection)
        if connection.status is not Status.ENABLED:
            self.preflight.admit(connection)
        return self._set_status(connection, Status.ENABLED, Action.ENABLE_CONNECTION)

    def disable(self, connection_id: str, expected: int | None = None) -> Connection:
        """Let no further events in; a draft stays one, for it never let any in."""
        connection = self._changeable(connection_id, expected)
        if connection.status is Status.DRAFT:
            return connection
        return self._set_status(connection, Status.DISABLED, Action.DISABLE_CONNECTION)

    def delete(self, connection_id: str, expected: int | None = None, *, discard: bool = False) -> Connection | None:
        """Let nothing in any more, and remove the connection once what is queued was delivered; its lists stay.

        It is removed at once, and None answered, where nothing was ever let in, or what is queued is to be discarded:
        then its events end as dead letters. Asked again, it goes on where it broke off.
        """
        connection = self.get(connection_id, expected)
        at_once = discard or connection.status is Status.DRAFT
        if connection.status is not Status.DELETING:
            status = Change("status", connection.status.value, Status.DELETING.value)
            record = self.record(Action.DELETE_CONNECTION, connection_id, [status])
            connection = self.connections.begin_deletion(connection_id, connection.version, self.clock(), record)
        if not at_once:
            return connection
        self.removal(connection)
        return None

    def rotate_ingest_token(self, connection_id: str, grace: timedelta, expected: int | None = None) -> Rotated:
        """Make a new ingest token; the current one is good for a while longer, one before it no more.

        Raises ConfigurationError.
        """
        connection = self._changeable(connection_id, expected)
        _refuse(grace_problems(grace))
        token, until = self.new_token(), self.clock() + grace
        record = self.record(Action.ROTATE_INGEST_TOKEN, connection_id)
        connection = self.connections.rotate_token(connection_id, connection.version, _hash(token), until, record)
        return Rotated(connection, token, until)

    def audit(
        self,
        connection_id: str | None,
        first: datetime | None,
        last: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> AuditPage:
        """The changes from one time on and before another, newest first: of one connection, there or not, or of all.

        Raises ConfigurationError, InvalidCursorError.
        """
        if first and last and first > last:
            raise ConfigurationError([Problem("from", "must not be later than to")])
        return self.record.audit.page(connection_id, first, last, cursor, limit)

    def activate(
        self, connection_id: str, activation: Activation, expected: int | None = None
    ) -> tuple[Activation, bool]:
        """Switch an audience on, and say whether it was off; switching it on again renews what is known of it.

        On a connection that keeps lists the audience gets the list of the given id, else the one it has, else the
        workspace's list of the audience's name, which is created if there is none. A new name renames the list that it
        has where the connection propagates renames.

        Raises ConfigurationError, PolicyViolationError, AlreadyBoundError, StaleVersionError when somebody else did
        meanwhile, and MarketoError or OutOfTimeError from the instance.
        """
        connection = self._changeable(connection_id)
        _refuse(activation_problems(connection, activation))
        self.governance.admit_audience(connection, activation)
        present = self._present(connection_id, activation.audience)
        _expect_activation(present, activation.audience, expected)
        if present is None:
            _refuse(room_problems(len(self.connections.activations(connection_id))))
        if rule_of(connection).keeps_lists:
            kept = self._list_of(connection, activation, present)
            activation = replace(activation, list_id=kept.id, list_name=kept.name)
            if present is not None and _renames_list(connection, present, activation):
                activation = replace(activation, list_name=self._rename_list(connection, kept.id, activation.name))
        elif present is not None:
            activation = replace(activation, list_id=present.list_id, list_name=present.list_name)
        changes = differences(present, activation)
        if present is not None and not changes:
            return present, False
        record = self.record(Action.ACTIVATE_AUDIENCE, connection_id, changes, activation.audience)
        return self.connections.put_activation(connection_id, activation, present, record), present is None

    def activations(self, connection_id: str) -> tuple[Activation, ...]:
        self.connections.get(connection_id)
        return self.connections.activations(connection_id)

    def activation(self, connection_id: str, audience: AudienceKey, expected: int | None = None) -> Activation:
        """Raises NotFoundError also when the audience is not activated."""
        self.connections.get(connection_id)
        activation = self.connections.activation(connection_id, audience)
        _expect_activation(activation, audience, expected)
        return activation

    def change_activation(self, connection_id: str, before: Activation, after: Activation) -> Activation:
        """Store a changed name, origin, start or end.

        A new name renames the list where the connection propagates renames; otherwise the list keeps its name.

        Raises ConfigurationError, StaleVersionError, AlreadyBoundError when another list has the name, and MarketoError
        or OutOfTimeError.
        """
        connection = self._changeable(connection_id)
        _refuse(activation_change_problems(before, after))
        # The list was decided when the audience was activated.
        _refuse(activation_problems(connection, replace(after, list_id=None)))
        self.governance.admit_audience(connection, after)
        if after.list_id is not None and _renames_list(connection, before, after):
            after = replace(after, list_name=self._rename_list(connection, after.list_id, after.name))
        changes = differences(before, after)
        if not changes:
            return before
        record = self.record(Action.CHANGE_AUDIENCE, connection_id, changes, before.audience)
        return self.connections.put_activation(connection_id, after, before, record)

    def deactivate(
        self, connection_id: str, audience: AudienceKey, expected: int | None = None, *, empty: bool = False
    ) -> None:
        """Switch an audience off; its list stays in Marketo, with its members or `empty` of those put on it.

        Raises NotFoundError. Emptying may take several calls: it raises BusyError, OutOfTimeError or MarketoError, with
        the audience still active, and goes on where it was.
        """
        connection = self._changeable(connection_id)
        activation = self.connections.activation(connection_id, audience)
        _expect_activation(activation, audience, expected)
        if empty and activation.list_id is not None:
            self.emptying(connection, activation, self._given_credentials(connection, "the list is emptied in Marketo"))
        record = self.record(Action.DEACTIVATE_AUDIENCE, connection_id, differences(activation, None), audience)
        self.connections.delete_activation(connection_id, activation, record)

    def alerts_of(self, connection_id: str, cursor: str | None, limit: int) -> AlertsOf:
        """What the connection subscribes to, where it stands, and the changes before the cursor."""
        connection = self.connections.get(connection_id)
        states = {alert: one.state for alert, one in self.alerts.states(connection_id).items()}
        return AlertsOf(connection, states, self.alerts.history(connection_id, cursor, limit))

    def _refuse_incomplete(self, connection: Connection, *, has_credentials: bool = False) -> None:
        active = replace(self.connections.active(connection.id), connection=connection)
        has_credentials = has_credentials or self._credentials_of(connection) is not None
        if missing := missing_to_enable(active, has_credentials=has_credentials):
            raise IncompleteError(missing)

    def _changeable(self, connection_id: str, expected: int | None = None) -> Connection:
        connection = self.get(connection_id, expected)
        _refuse_deleting(connection)
        return connection

    def _set_status(self, connection: Connection, status: Status, action: Action) -> Connection:
        if connection.status is status:
            return connection
        record = self.record(action, connection.id, [Change("status", connection.status.value, status.value)])
        return self.connections.set_status(connection.id, connection.version, status, record)

    def _credentials_of(self, connection: Connection) -> ClientCredentials | None:
        try:
            return self.credentials.get(connection.id)
        except NotFoundError:
            return None

    def _present(self, connection_id: str, audience: AudienceKey) -> Activation | None:
        try:
            return self.connections.activation(connection_id, audience)
        except NotFoundError:
            return None

    def _list_of(self, connection: Connection, wanted: Activation, present: Activation | None) -> StaticList:
        bound = present.list_id if present else None
        if bound is not None and wanted.list_id not in {None, bound}:
            raise AlreadyBoundError(f"the audience is delivered to list {bound}; deactivate it first to choose another")
        credentials = self._given_credentials(connection, "the list is looked up in Marketo")
        found = self._find_list(self.marketo_for(connection, credentials).lists, connection, wanted, bound)
        self._refuse_bound(connection, wanted, found)
        return found

    def _refuse_bound(self, connection: Connection, wanted: Activation, found: StaticList) -> None:
        """Two audiences on one list would take off each other's people, be they of one connection or of two."""
        others = (one for one in self.connections.of_instance(connection.munchkin_id) if one.id != connection.id)
        for owner in (connection, *others):
            if not rule_of(owner).keeps_lists:
                continue
            for other in self.connections.activations(owner.id):
                if other.list_id == found.id and (owner.id, other.audience) != (connection.id, wanted.audience):
                    taken = f"list {found.id} is that of audience {other.audience.id} ({other.audience.namespace})"
                    where = "" if owner.id == connection.id else f" of connection {owner.id}"
                    raise AlreadyBoundError(f"{taken}{where}; choose another name or another list for this one")

    def _rename_list(self, connection: Connection, list_id: int, name: str) -> str:
        credentials = self._given_credentials(connection, "the list is renamed in Marketo")
        try:
            renamed = self.marketo_for(connection, credentials).lists.rename(list_id, name)
        except RequestRejectedError as error:
            if error.code != NAME_TAKEN:
                raise
            raise AlreadyBoundError(
                f"Marketo has another list of the name {safe_name(name)}; choose another"
            ) from error
        if renamed is None:
            message = f"Marketo has no list {list_id} any more to be renamed; activate the audience again first"
            raise ConfigurationError([Problem("name", message)])
        return renamed.name

    def _given_credentials(self, connection: Connection, why: str) -> ClientCredentials:
        credentials = self._credentials_of(connection)
        if credentials is None:
            raise IncompleteError([Problem("credentials", f"give them first: {why}")])
        return credentials

    def _find_list(self, lists: Lists, connection: Connection, wanted: Activation, bound: int | None) -> StaticList:
        list_id = wanted.list_id or bound
        if list_id is not None and (found := lists.get(list_id)):
            return found
        if wanted.list_id is not None:
            message = f"Marketo has no list {wanted.list_id} that this API user can see; leave it out to have one made"
            raise ConfigurationError([Problem("list.id", message)])
        return lists.ensure(wanted.name, connection.workspace)


def _refuse(problems: Sequence[Problem]) -> None:
    if problems:
        raise ConfigurationError(problems)


def _renames_list(connection: Connection, before: Activation, after: Activation) -> bool:
    return connection.propagate_renames and before.name != after.name and before.list_id == after.list_id


def _refuse_deleting(connection: Connection) -> None:
    if connection.status is Status.DELETING:
        raise DeletingError(f"connection {connection.id} is being deleted")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _expect_activation(activation: Activation | None, audience: AudienceKey, version: int | None) -> None:
    if version is not None and (activation is None or activation.version != version):
        stands = f"at version {activation.version}" if activation else "not activated"
        raise StaleVersionError(f"audience {audience.id} is {stands}, not at version {version}")


def _expect(connection: Connection, version: int | None) -> None:
    if version not in {None, connection.version}:
        raise StaleVersionError(f"connection {connection.id} is at version {connection.version}, not {version}")
