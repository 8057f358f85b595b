"""The control plane's use case: what operators do with the audiences activated on connections, and with their lists.

Every change is written together with its audit record, or not at all.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from destination.control.audit import Recorder, differences
from destination.control.emptying import Emptying
from destination.control.errors import AlreadyBoundError, IncompleteError
from destination.control.governance import ManagePolicies
from destination.control.parking import ManageParking
from destination.control.verifications import ManageVerifications
from destination.domain.audience import Activation, AudienceKey
from destination.domain.audience_rules import (
    activation_change_problems,
    activation_problems,
    fill_time,
    list_problem,
    over_problems,
    room_problems,
)
from destination.domain.audit import AuditAction
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.governance import labels_of_same, taken_off_audience
from destination.domain.matching import rule_of
from destination.domain.problem import ConfigurationError, Problem, refuse
from destination.marketo.errors import NAME_TAKEN, RequestRejectedError
from destination.marketo.instance import Marketo
from destination.marketo.lists import Lists, StaticList, safe_name
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.errors import AWS_ERRORS, ListTakenError, NotFoundError, StaleVersionError
from destination.store.secrets import Credentials

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(frozen=True, slots=True)
class BindLists:
    """Gives audiences their lists. `marketo_for` gives the connection's instance, seen as its API user.

    `record` makes the audit record that is written beside each change.
    """

    audiences: Audiences
    credentials: Credentials
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    record: Recorder
    clock: Callable[[], datetime]

    def __call__(self, connection: Connection, credentials: ClientCredentials | None = None) -> None:
        """Give each audience of a connection that comes to keep lists the list of its name, where it has none, and have
        all lists filled once it keeps them.

        What was given stays, so that a call that ran out of time goes on from there when it is repeated. `credentials`:
        those that the connection is given with the same change.

        Raises IncompleteError, AlreadyBoundError, StaleVersionError, and MarketoError or OutOfTimeError.
        """
        self.make_due(connection)
        for bare in self.audiences.list(connection.id):
            if bare.list_id is None:
                found = self.find(connection, bare, None, credentials)
                bound = replace(
                    bare,
                    list_id=found.id,
                    list_name=found.name,
                    may_hold_others=not found.is_new,
                    fill_at=bare.opens_at(self.clock()),
                )
                record = self.record(
                    AuditAction.CHANGE_AUDIENCE, connection.id, differences(bare, bound), bare.audience
                )
                self.store(connection.id, bound, bare, record)

    def make_due(self, connection: Connection) -> None:
        """Have the lists that audiences of a connection have kept filled, once it keeps lists again."""
        for kept in self.audiences.list(connection.id):
            opens = kept.opens_at(self.clock())
            if kept.list_id is not None and opens is not None:
                self.audiences.make_due(connection.id, kept.audience, kept.list_id, opens)

    def find(
        self,
        connection: Connection,
        wanted: Activation,
        bound: int | None,
        credentials: ClientCredentials | None = None,
    ) -> StaticList:
        """The list of an audience that has list `bound`, if any: the one that it names, else `bound` if Marketo still
        has it, else the workspace's list of the audience's name, which is created if there is none.

        Raises AlreadyBoundError, ConfigurationError, IncompleteError, and MarketoError or OutOfTimeError.
        """
        if bound is not None and wanted.list_id not in {None, bound}:
            raise AlreadyBoundError(f"the audience is delivered to list {bound}; deactivate it first to choose another")
        lists = self.of(connection, "the list is looked up in Marketo", credentials)
        list_id = wanted.list_id or bound
        if list_id is not None and (found := lists.get(list_id)):
            return found
        if wanted.list_id is not None:
            raise ConfigurationError([list_problem(wanted.list_id)])
        return lists.ensure(wanted.name, connection.workspace)

    def rename(self, connection: Connection, list_id: int, name: str) -> str:
        """Give a list another name, and say which it has then. Raises as `find`."""
        try:
            renamed = self.of(connection, "the list is renamed in Marketo").rename(list_id, name)
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

    def store(
        self,
        connection_id: str,
        activation: Activation,
        before: Activation | None,
        record: "TransactWriteItemTypeDef",
        workspace: str | None = None,
    ) -> Activation:
        """Store an activation with the claim of its list; `workspace`: only while this is that of the connection.

        Raises AlreadyBoundError when the list is that of another audience of this or another connection, one that keeps
        no lists now included, and what the store raises.
        """
        try:
            return self.audiences.put(connection_id, activation, before, record, workspace=workspace)
        except ListTakenError as taken:
            other = f"list {taken.list_id} is that of audience {taken.audience}"
            where = "" if taken.connection_id == connection_id else f" of connection {taken.connection_id}"
            raise AlreadyBoundError(f"{other}{where}; choose another name or another list for this one") from taken

    def given_credentials(self, connection: Connection, why: str) -> ClientCredentials:
        """Raises IncompleteError."""
        credentials = self.credentials.find(connection)
        if credentials is None:
            raise IncompleteError([Problem("credentials", f"give them first: {why}")])
        return credentials

    def of(self, connection: Connection, why: str, credentials: ClientCredentials | None = None) -> Lists:
        """The instance's lists. Raises IncompleteError."""
        return self.marketo_for(connection, credentials or self.given_credentials(connection, why)).lists


@dataclass(frozen=True, slots=True)
class ManageAudiences:
    """What operators do with audiences. `record` makes the audit record that is written beside each change, `resume`
    sends back what is parked of a connection that may have waited for the change.

    Where a version is `expected`, any other raises StaleVersionError; None expects nothing.
    Every method raises NotFoundError when the connection does not exist, and every change DeletingError when it is
    being deleted.
    """

    connections: Connections
    audiences: Audiences
    lists: BindLists
    emptying: Emptying
    verifications: ManageVerifications
    resume: ManageParking
    governance: ManagePolicies
    record: Recorder
    clock: Callable[[], datetime]

    def activate(
        self, connection_id: str, activation: Activation, expected: int | None = None
    ) -> tuple[Activation, bool]:
        """Switch an audience on, and say whether it was off; switching it on again renews what is known of it.

        On a connection that keeps lists the audience gets the list of the given id, else the one it has, else the
        workspace's list of the audience's name, which is created if there is none. A new name renames the list that it
        has where the connection propagates renames. Whoever the ledger knows as a member is put on the list by a
        verification, which is requested at once if it can be.

        Raises ConfigurationError, PolicyViolationError, AlreadyBoundError, StaleVersionError when somebody else did
        meanwhile, and MarketoError or OutOfTimeError from the instance.
        """
        connection = self.connections.changeable(connection_id)
        refuse(activation_problems(connection, activation))
        self.governance.admit_audience(connection, activation)
        present = self._present(connection_id, activation.id)
        _expect(present, activation.audience, expected)
        refuse(over_problems(present, activation, self.clock()))
        refuse(taken_off_audience(present.labels if present else (), activation))
        if present is None:
            refuse(taken_off_audience(labels_of_same(activation, self.audiences.known(connection_id)), activation))
            refuse(room_problems(activation, self.audiences.list(connection_id)))
        else:
            activation = replace(activation, made_by_sender=present.made_by_sender)
        if rule_of(connection).keeps_lists:
            kept = self.lists.find(connection, activation, present.list_id if present else None)
            has_it = present is not None and present.list_id == kept.id
            may_hold_others = present.may_hold_others if present is not None and has_it else not kept.is_new
            activation = replace(activation, list_id=kept.id, list_name=kept.name, may_hold_others=may_hold_others)
            if present is not None and _renames_list(connection, present, activation):
                activation = replace(activation, list_name=self.lists.rename(connection, kept.id, activation.name))
        elif present is not None:
            activation = replace(
                activation,
                list_id=present.list_id,
                list_name=present.list_name,
                may_hold_others=present.may_hold_others,
            )
        activation = self._named(present, activation)
        changes = differences(present, activation)
        if present is not None and not changes:
            return present, False
        activation = self._due(connection, present, replace(activation, begun_at=self.clock()))
        record = self.record(AuditAction.ACTIVATE_AUDIENCE, connection_id, changes, activation.audience)
        stored = self.lists.store(connection_id, activation, present, record, connection.workspace)
        self._go_on(connection_id, stored)
        return stored, present is None

    def list(self, connection_id: str) -> tuple[Activation, ...]:
        self.connections.get(connection_id)
        return self.audiences.list(connection_id)

    def get(self, connection_id: str, activation_id: str, expected: int | None = None) -> Activation:
        """Raises NotFoundError also when no audience is activated with this activation id."""
        self.connections.get(connection_id)
        activation = self.audiences.get(connection_id, activation_id)
        _expect(activation, activation.audience, expected)
        return activation

    def change(self, connection_id: str, before: Activation, after: Activation) -> Activation:
        """Store a changed name, origin, start or end.

        A new name renames the list where the connection propagates renames; otherwise the list keeps its name.

        Raises ConfigurationError, StaleVersionError, AlreadyBoundError when another list has the name, and MarketoError
        or OutOfTimeError.
        """
        connection = self.connections.changeable(connection_id)
        refuse(activation_change_problems(before, after))
        # The list was decided when the audience was activated.
        refuse(
            [*activation_problems(connection, replace(after, list_id=None)), *taken_off_audience(before.labels, after)]
        )
        self.governance.admit_audience(connection, after)
        if after.list_id is not None and _renames_list(connection, before, after):
            after = replace(after, list_name=self.lists.rename(connection, after.list_id, after.name))
        after = self._named(before, after)
        changes = differences(before, after)
        if not changes:
            return before
        after = self._due(connection, before, after)
        record = self.record(AuditAction.CHANGE_AUDIENCE, connection_id, changes, before.audience)
        stored = self.audiences.put(connection_id, after, before, record)
        self._go_on(connection_id, stored)
        return stored

    def deactivate(
        self, connection_id: str, activation_id: str, expected: int | None = None, *, empty: bool = False
    ) -> None:
        """Switch an audience off; its list stays in Marketo, with its members or `empty` of those put on it.

        The list is free for another audience then. For a while it is remembered what the source says of the audience.

        Raises NotFoundError. Emptying may take several calls: it raises BusyError, OutOfTimeError or MarketoError, with
        the audience still active, and goes on where it was; NotEmptiedError where Marketo keeps people on the list.
        """
        connection = self.connections.changeable(connection_id)
        activation = self.audiences.get(connection_id, activation_id)
        _expect(activation, activation.audience, expected)
        if empty and activation.list_id is not None:
            credentials = self.lists.given_credentials(connection, "the list is emptied in Marketo")
            self.emptying(connection, activation, credentials)
        changes = differences(activation, None)
        record = self.record(AuditAction.DEACTIVATE_AUDIENCE, connection_id, changes, activation.audience)
        self.audiences.deactivate(connection_id, activation, self.clock(), record)

    def _named(self, before: Activation | None, after: Activation) -> Activation:
        """The activation with the time of its name: what events said of it before that is old."""
        if before is not None and before.name == after.name:
            return replace(after, named_at=before.named_at)
        return replace(after, named_at=self.clock())

    def _due(self, connection: Connection, before: Activation | None, after: Activation) -> Activation:
        """The activation with the time from when on its list is to be filled."""
        has_delivered = connection.delivered_at is not None
        return replace(after, fill_at=fill_time(before, after, self.clock(), has_delivered=has_delivered))

    def _go_on(self, connection_id: str, stored: Activation) -> None:
        """Try at once what waits, and begin to fill the list if it is due; else the monitor comes to both."""
        with contextlib.suppress(NotFoundError, *AWS_ERRORS):
            self.resume(connection_id)
        if stored.is_fill_due(self.clock()):
            with contextlib.suppress(NotFoundError, *AWS_ERRORS):
                self.verifications.fill(connection_id)

    def _present(self, connection_id: str, activation_id: str) -> Activation | None:
        try:
            return self.audiences.get(connection_id, activation_id)
        except NotFoundError:
            return None


def _renames_list(connection: Connection, before: Activation, after: Activation) -> bool:
    return connection.propagate_renames and before.name != after.name and before.list_id == after.list_id


def _expect(activation: Activation | None, audience: AudienceKey, version: int | None) -> None:
    if version is not None and (activation is None or activation.version != version):
        stands = f"at version {activation.version}" if activation else "not activated"
        raise StaleVersionError(f"audience {audience} is {stands}, not at version {version}")
