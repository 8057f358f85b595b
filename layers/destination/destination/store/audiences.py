"""ConnectionsTable: the activated audiences of the connections.

    pk = connection id   sk = activation#<namespace>#<audience id>    one activated audience

Reads are strongly consistent. A change by an operator takes what is to be written `beside` it, in the same transaction:
its audit record.
"""

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import Status
from destination.store.connections import Connections
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.items import (
    ACTIVATION,
    Attributes,
    activation_attributes,
    activation_from,
    activation_key,
    connection_key,
    item,
    list_attributes,
)
from destination.store.transactions import patiently, refused
from destination.store.versions import AS_READ, change_over

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# An audience's time line, and the condition of each of its writes:
#
#   off ────put────▶ version 1 ────put────▶ version 2 ───delete───▶ off
#      _IS_OFF                   AS_READ               AS_READ
#
# Its list has a time line of its own, as delivery makes a new one where one is missing, and the version stays:
#
#   none ────put────▶ list 1001 ───rebind───▶ list 2002 ────put────▶ list 3003
#      _HAS_NO_LIST            _HAS_LIST               _HAS_LIST
#
# All that an operator does stands beside _TAKES_CHANGES, of the connection that the audience is of.
_IS_OFF: Final = "attribute_not_exists(pk)"
_HAS_NO_LIST: Final = "attribute_not_exists(list_id)"
_HAS_LIST: Final = "list_id = :bound"
_TAKES_CHANGES: Final = "attribute_exists(pk) AND #status <> :deleting"


class Audiences:
    """The activated audiences of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._connections = Connections(client, table)

    def get(self, connection_id: str, audience: AudienceKey) -> Activation:
        """Raises NotFoundError."""
        answer = self._client.get_item(
            TableName=self._table, Key=activation_key(connection_id, audience), ConsistentRead=True
        )
        if "Item" not in answer:
            raise NotFoundError(f"audience {audience.id} of namespace {audience.namespace} is not activated")
        return activation_from(answer["Item"])

    def list(self, connection_id: str) -> tuple[Activation, ...]:
        """All of a connection, by namespace and id; empty when the connection does not exist."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :id AND begins_with(sk, :activation)",
            ExpressionAttributeValues={":id": {"S": connection_id}, ":activation": {"S": ACTIVATION}},
            ConsistentRead=True,
        )
        return tuple(activation_from(found) for page in pages for found in page["Items"])

    def put(
        self,
        connection_id: str,
        activation: Activation,
        before: Activation | None = None,
        *beside: "TransactWriteItemTypeDef",
    ) -> Activation:
        """Store an activation: a new one, or one in place of that of the same audience that was read before.

        A list that it does not change is left as it stands, so that one that was created again meanwhile is kept.

        Raises NotFoundError and DeletingError for the connection, and StaleVersionError when the audience was
        activated, changed, deactivated or given another list since then.
        """
        write = (
            self._creation(connection_id, activation)
            if before is None
            else self._change(connection_id, activation, before)
        )
        self._write(connection_id, activation.audience, write, beside)
        return self.get(connection_id, activation.audience)

    def delete(self, connection_id: str, activation: Activation, *beside: "TransactWriteItemTypeDef") -> None:
        """Remove an activation as it was read. Raises NotFoundError, DeletingError, StaleVersionError."""
        delete: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": activation_key(connection_id, activation.audience),
                "ConditionExpression": AS_READ,
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": item({":read": activation.version}),
            }
        }
        self._write(connection_id, activation.audience, delete, beside)

    def rebind(self, connection_id: str, audience: AudienceKey, before: int, list_id: int, list_name: str) -> None:
        """Give an activated audience another list, unless an operator has done so already.

        The version stays: an operator's configuration did not change.
        """
        with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            patiently(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key=activation_key(connection_id, audience),
                    UpdateExpression="SET list_id = :id, list_name = :name",
                    ConditionExpression=_HAS_LIST,
                    ExpressionAttributeValues=item({":id": list_id, ":name": list_name, ":bound": before}),
                )
            )

    def _creation(self, connection_id: str, activation: Activation) -> "TransactWriteItemTypeDef":
        new = {**activation_attributes(activation), **list_attributes(activation), "version": 1}
        return {
            "Put": {
                "TableName": self._table,
                "Item": activation_key(connection_id, activation.audience) | item(new),
                "ConditionExpression": _IS_OFF,
            }
        }

    def _change(self, connection_id: str, activation: Activation, before: Activation) -> "TransactWriteItemTypeDef":
        changes, list_as_read = activation_attributes(activation), None
        if list_attributes(activation) != list_attributes(before):
            changes = {**changes, **list_attributes(activation)}
            list_as_read = _list_as_read(before)
        key = activation_key(connection_id, activation.audience)
        return change_over(self._table, key, before.version, changes, also=list_as_read)

    def _write(
        self,
        connection_id: str,
        audience: AudienceKey,
        write: "TransactWriteItemTypeDef",
        beside: Sequence["TransactWriteItemTypeDef"],
    ) -> None:
        takes_changes: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": connection_key(connection_id),
                "ConditionExpression": _TAKES_CHANGES,
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": item({":deleting": Status.DELETING.value}),
            }
        }
        places = refused(self._client, [takes_changes, write, *beside])
        if 0 in places:
            self._connections.get(connection_id)
            raise DeletingError(f"connection {connection_id} is being deleted")
        if places:
            raise StaleVersionError(f"audience {audience.id} was changed meanwhile")


def _list_as_read(activation: Activation) -> tuple[str, Attributes]:
    if activation.list_id is None:
        return _HAS_NO_LIST, {}
    return _HAS_LIST, {":bound": activation.list_id}
