"""ConnectionsTable: the activated audiences of the connections.

    pk = connection id   sk = activation#<activation id>   one activated audience, or a dormant one

Whose a list is stands beside it (claims.py): an activation that has one and the claim are written together.

Reads are strongly consistent. A change by an operator takes what is to be written `beside` it, in the same transaction:
its audit record.
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import DORMANT_FOR, Activation, AudienceKey, EmptiedTo, activation_id
from destination.domain.connection import Connection, Status
from destination.domain.times import format_time
from destination.store.claims import Claim
from destination.store.connections import BINDINGS, Connections
from destination.store.errors import DeletingError, ListTakenError, NotFoundError, StaleVersionError
from destination.store.items import (
    ACTIVATION,
    Attributes,
    Item,
    activation_attributes,
    activation_from,
    activation_key,
    connection_key,
    emptied_attributes,
    is_dormant,
    item,
    list_attributes,
)
from destination.store.transactions import patiently, refused
from destination.store.versions import change_over, change_where

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# An audience's time line, and the condition of each of its writes:
#
#   off ────put────▶ version 1 ────put────▶ version 2 ───deactivate───▶ dormant, version 3 ────put────▶ version 4
#      _IS_OFF                   AS_READ               AS_READ          │                   _IS_OFF
#                                                                       └── DORMANT_FOR (time to live) ──▶ off
#
# Its list has a time line of its own, as delivery makes a new one where one is missing, and the version stays:
#
#   none ────put────▶ list 1001 ───rebind───▶ list 2002 ────put────▶ list 3003 ───deactivate───▶ none
#      _HAS_NO_LIST            _HAS_LIST               _HAS_LIST              _HAS_LIST
#
# Its beginning is written where it is off, and stays from there on, until its time to live is over.
#
# So has what is to be done with it: a list that is due to be filled stays so until that was done for the time at which
# it became due, and a dormant audience is due when it comes back. Where emptying has come to ends with the list.
#
#   nothing ───due: t1───▶ fill_at t1 ───due: t2───▶ fill_at t2 ───filled: t1───▶ fill_at t2 ───filled: t2───▶ nothing
#         _HAS_LIST              _HAS_LIST               _IS_DUE fails                   _IS_DUE
#
# All that an operator does stands beside _TAKES_CHANGES, of the connection that the audience is of.
_IS_OFF: Final = "attribute_not_exists(pk) OR attribute_exists(deactivated_at)"
_HAS_NO_LIST: Final = "attribute_not_exists(list_id)"
_HAS_LIST: Final = "list_id = :bound"
_HAS_NAME: Final = "#name = :before"
_IS_DUE: Final = f"{_HAS_LIST} AND fill_at = :due"
_TAKES_CHANGES: Final = "attribute_exists(pk) AND #status <> :deleting"
_IN_WORKSPACE: Final = "workspace = :workspace"


class Audiences:
    """The activated audiences of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._connections = Connections(client, table)

    def get(self, connection_id: str, activation_id: str) -> Activation:
        """Raises NotFoundError, also of a dormant one."""
        activation = self._find(connection_id, activation_id)
        if activation is None:
            raise NotFoundError(f"no audience is activated as {activation_id}")
        return activation

    def list(self, connection_id: str) -> tuple[Activation, ...]:
        """The active ones of a connection, by namespace and id; empty when the connection does not exist."""
        active = [activation_from(found) for found in self._items(connection_id) if not is_dormant(found)]
        return tuple(sorted(active, key=lambda one: one.audience))

    def known(self, connection_id: str) -> tuple[Activation, ...]:
        """The active ones of a connection and the dormant ones, by namespace and id."""
        return tuple(sorted(map(activation_from, self._items(connection_id)), key=lambda one: one.audience))

    def relabel(
        self, connection_id: str, before: Activation, labels: tuple[str, ...], *beside: "TransactWriteItemTypeDef"
    ) -> None:
        """Give an audience, active or dormant, other labels than it was read with.

        Raises NotFoundError and DeletingError for the connection, and StaleVersionError.
        """
        owner = self._connections.get(connection_id)
        changes = {"labels": activation_attributes(replace(before, labels=labels))["labels"]}
        write = change_over(self._table, activation_key(connection_id, before.id), before.version, changes)
        self._write(owner, before.audience, write, (None, None), beside)

    def put(
        self,
        connection_id: str,
        activation: Activation,
        before: Activation | None = None,
        *beside: "TransactWriteItemTypeDef",
        workspace: str | None = None,
    ) -> Activation:
        """Store an activation: a new one, or one in place of that of the same audience that was read before.

        A list that it does not change is left as it stands, so that one that was created again meanwhile is kept; so is
        the time from when on it is to be filled. The list of an audience that was dormant is to be filled at once, if
        no other time is given; it keeps its beginning. `workspace`: a list is given only while the connection has it.

        Raises NotFoundError and DeletingError for the connection, StaleVersionError when the audience was activated,
        changed, deactivated or given another list since then, or the connection has another workspace, and
        ListTakenError when the list is that of another.
        """
        owner = self._connections.get(connection_id)
        write = (
            self._creation(connection_id, activation)
            if before is None
            else self._change(connection_id, activation, before)
        )
        lists = (before.list_id if before else None, activation.list_id)
        self._write(owner, activation.audience, write, lists, beside, workspace)
        return self.get(connection_id, activation.id)

    def deactivate(
        self, connection_id: str, activation: Activation, at: datetime, *beside: "TransactWriteItemTypeDef"
    ) -> None:
        """Make an activation dormant as it was read, whatever list it has by now, and let go of the list.

        Raises NotFoundError, DeletingError, StaleVersionError.
        """
        owner = self._connections.get(connection_id)
        now = format_time(at)
        off = {"deactivated_at": now, "fill_at": now, "expires_at": int((at + DORMANT_FOR).timestamp())}
        without = dict.fromkeys(("list_id", "list_name", "may_hold_others", "emptied_to"))
        key = activation_key(connection_id, activation.id)
        while True:
            write = change_over(self._table, key, activation.version, without | off, also=_list_as_read(activation))
            try:
                self._write(owner, activation.audience, write, (activation.list_id, None), beside)
            except StaleVersionError:
                found = self._find(connection_id, activation.id)
                if found is None or found.version != activation.version or found.list_id == activation.list_id:
                    raise
                activation = found
            else:
                return

    def rebind(
        self,
        connection_id: str,
        audience: AudienceKey,
        before: int,
        list_id: int,
        list_name: str,
        *,
        may_hold_others: bool,
        fill_at: datetime | None,
    ) -> bool:
        """Give an activated audience another list, that is to be filled from a time on; whether it was given.

        It is not where an operator has given it another one, or none, and where the list is that of another audience.
        The version stays: an operator's configuration did not change.
        """
        try:
            owner = self._connections.get(connection_id)
        except NotFoundError:
            return False
        given = {":id": list_id, ":name": list_name, ":others": may_hold_others, ":bound": before}
        due = "" if fill_at is None else ", fill_at = :fill"
        forgotten = "emptied_to, fill_at" if fill_at is None else "emptied_to"
        update: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": activation_key(connection_id, activation_id(audience)),
                "UpdateExpression": f"SET list_id = :id, list_name = :name, may_hold_others = :others{due} "
                f"REMOVE {forgotten}",
                "ConditionExpression": _HAS_LIST,
                "ExpressionAttributeValues": item({**given, ":fill": fill_at and format_time(fill_at)}),
            }
        }
        return not refused(self._client, [update, *self._claims(owner, audience, before, list_id)])

    def rename(
        self, connection_id: str, audience: AudienceKey, before: str, name: str, list_name: str | None, at: datetime
    ) -> None:
        """Give an activated audience the name that it had at a time, if it still has the name from before.

        The version stays: an operator's configuration did not change.
        """
        values = {":before": before, ":name": name, ":list_name": list_name, ":at": format_time(at)}
        of_list = "" if list_name is None else ", list_name = :list_name"
        update = f"SET #name = :name, named_at = :at{of_list}"
        self._mark(connection_id, audience, update, _HAS_NAME, values, {"#name": "name"})

    def make_due(self, connection_id: str, audience: AudienceKey, list_id: int, at: datetime) -> None:
        """Have a list filled from a time on, if the audience still has it. The version stays."""
        values = {":bound": list_id, ":fill": format_time(at)}
        self._mark(connection_id, audience, "SET fill_at = :fill", _HAS_LIST, values)

    def filled(self, connection_id: str, audience: AudienceKey, list_id: int, due: datetime) -> None:
        """Note that a list was filled that was to be from a time on, unless it has become due again since."""
        self._mark(connection_id, audience, "REMOVE fill_at", _IS_DUE, {":bound": list_id, ":due": format_time(due)})

    def note_emptied(self, connection_id: str, activation: Activation, emptied_to: EmptiedTo | None) -> None:
        """Keep how far the list was emptied (None: it begins anew), if the audience still has it. The version stays."""
        values = {
            ":bound": activation.list_id,
            **{f":{name}": one for name, one in emptied_attributes(emptied_to).items()},
        }
        update = "REMOVE emptied_to" if emptied_to is None else "SET emptied_to = :emptied_to"
        self._mark(connection_id, activation.audience, update, _HAS_LIST, values)

    def _mark(
        self,
        connection_id: str,
        audience: AudienceKey,
        update: str,
        condition: str,
        values: Attributes,
        names: Mapping[str, str] | None = None,
    ) -> None:
        named: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
        with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            patiently(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key=activation_key(connection_id, activation_id(audience)),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=item(values),
                    **named,
                )
            )

    def _find(self, connection_id: str, activation_id: str) -> Activation | None:
        found = self._item(connection_id, activation_id)
        return None if found is None or is_dormant(found) else activation_from(found)

    def _item(self, connection_id: str, activation_id: str) -> Item | None:
        key = activation_key(connection_id, activation_id)
        return self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")

    def _items(self, connection_id: str) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :id AND begins_with(sk, :activation)",
            ExpressionAttributeValues={":id": {"S": connection_id}, ":activation": {"S": ACTIVATION}},
            ConsistentRead=True,
        )
        return (found for page in pages for found in page["Items"])

    def _creation(self, connection_id: str, activation: Activation) -> "TransactWriteItemTypeDef":
        new = {**activation_attributes(activation), **list_attributes(activation)}
        if activation.list_id is None or activation.fill_at is not None:
            new["fill_at"] = activation.fill_at and format_time(activation.fill_at)
        key = activation_key(connection_id, activation.id)
        on = {**new, "deactivated_at": None, "expires_at": None}
        return change_where(self._table, key, (_IS_OFF, {}), on, kept={"begun_at": format_time(activation.begun_at)})

    def _change(self, connection_id: str, activation: Activation, before: Activation) -> "TransactWriteItemTypeDef":
        changes, list_as_read = dict(activation_attributes(activation)), None
        if list_attributes(activation) != list_attributes(before):
            changes |= {**list_attributes(activation), **emptied_attributes(None)}
            list_as_read = _list_as_read(before)
        if activation.fill_at != before.fill_at:
            changes["fill_at"] = activation.fill_at and format_time(activation.fill_at)
        key = activation_key(connection_id, activation.id)
        return change_over(self._table, key, before.version, changes, also=list_as_read)

    def _claims(
        self, owner: Connection, audience: AudienceKey, before: int | None, after: int | None
    ) -> "Sequence[TransactWriteItemTypeDef]":
        """What has to be written of the claims when an audience gets another list; the new list's stands first."""
        if before == after:
            return []
        new, old = (
            None if one is None else Claim(owner.munchkin_id, one, owner.id, audience) for one in (after, before)
        )
        return [*([new.made(self._table)] if new else ()), *([old.released(self._table)] if old else ())]

    def _write(
        self,
        owner: Connection,
        audience: AudienceKey,
        write: "TransactWriteItemTypeDef",
        lists: tuple[int | None, int | None],
        beside: Sequence["TransactWriteItemTypeDef"],
        workspace: str | None = None,
    ) -> None:
        """`lists`: the list that the audience had, and the one that it gets."""
        of_owner = _binding(self._table, owner.id, lists, workspace)
        places = refused(self._client, [of_owner, write, *self._claims(owner, audience, *lists), *beside])
        if 0 in places:
            if self._connections.get(owner.id).status is Status.DELETING:
                raise DeletingError(f"connection {owner.id} is being deleted")
            raise StaleVersionError(f"connection {owner.id} has another workspace than when it was read")
        if places and 1 not in places and lists[1] is not None:
            self._refuse_taken(Claim(owner.munchkin_id, lists[1], owner.id, audience))
        if places:
            raise StaleVersionError(f"audience {audience} was changed meanwhile")

    def _refuse_taken(self, wanted: Claim) -> None:
        standing = wanted.standing(self._client, self._table)
        if standing is not None and standing != wanted:
            raise ListTakenError(wanted.list_id, standing.connection_id, standing.audience)


def _binding(
    table: str, connection_id: str, lists: tuple[int | None, int | None], workspace: str | None
) -> "TransactWriteItemTypeDef":
    """That the connection takes the change, which is counted where an audience gets a list."""
    key, names = connection_key(connection_id), {"#status": "status"}
    values: dict[str, object] = {":deleting": Status.DELETING.value}
    before, after = lists
    if after is None or after == before:
        return {
            "ConditionCheck": {
                "TableName": table,
                "Key": key,
                "ConditionExpression": _TAKES_CHANGES,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": item(values),
            }
        }
    values |= {":one": 1} | ({} if workspace is None else {":workspace": workspace})
    return {
        "Update": {
            "TableName": table,
            "Key": key,
            "UpdateExpression": f"ADD {BINDINGS} :one",
            "ConditionExpression": _TAKES_CHANGES if workspace is None else f"{_TAKES_CHANGES} AND {_IN_WORKSPACE}",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": item(values),
        }
    }


def _list_as_read(activation: Activation) -> tuple[str, Attributes]:
    if activation.list_id is None:
        return _HAS_NO_LIST, {}
    return _HAS_LIST, {":bound": activation.list_id}
