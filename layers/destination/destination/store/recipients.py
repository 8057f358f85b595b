"""The recipients of alerts, in ConnectionsTable: those of a connection, and the connections of each.

    pk = recipients#<connection id>          sk = <protocol>#<endpoint>
    pk = recipient#<protocol>#<endpoint>     sk = connection#<connection id>
    pk = recipient#<protocol>#<endpoint>     sk = subscription                 arn

SNS has one subscription of an address to a topic, whatever the number of connections that it gets alerts of (Amazon
SNS, "Subscribe"). Its ARN is kept from when we ask for it until it has ended, so that it is known for ours.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from destination.domain.recipient import Protocol, Recipient
from destination.store.errors import DeletingError, NotFoundError
from destination.store.items import Attributes, Item, attributes, connection_key, item
from destination.store.transactions import refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_OF_CONNECTION: Final = "connection#"
_SUBSCRIPTION: Final = "subscription"


@dataclass(frozen=True, slots=True)
class Subscribed:
    """The connections whose alerts an address is to get, and its subscription; None: we have made none."""

    connection_ids: frozenset[str]
    arn: str | None


class Recipients:
    """The recipients of all connections, in their table. All reads are strongly consistent."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def of(self, connection_id: str) -> list[Recipient]:
        """Those of a connection, in order."""
        names = (one["sk"].partition("#") for one in self._query(f"recipients#{connection_id}"))
        return sorted(Recipient(Protocol(protocol), endpoint) for protocol, _, endpoint in names)

    def subscribed(self, recipient: Recipient) -> Subscribed:
        """Whose alerts a recipient is to get."""
        found = {one["sk"]: one for one in self._query(_name(recipient))}
        subscription = found.pop(_SUBSCRIPTION, {})
        return Subscribed(
            frozenset(name.removeprefix(_OF_CONNECTION) for name in found), subscription.get("arn") or None
        )

    def replace(
        self,
        connection_id: str,
        added: Collection[Recipient],
        removed: Collection[Recipient],
        *beside: "TransactWriteItemTypeDef",
    ) -> None:
        """Add and remove recipients of a connection, and write what is to be written beside that.

        Raises NotFoundError, and DeletingError when the connection is being deleted.
        """
        is_there: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": connection_key(connection_id),
                "ConditionExpression": "attribute_exists(pk) AND #status <> :deleting",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": {":deleting": {"S": "deleting"}},
            }
        }
        if refused(self._client, [is_there, *self._writes(connection_id, added, removed), *beside]):
            key = connection_key(connection_id)
            if "Item" in self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True):
                raise DeletingError(f"connection {connection_id} is being deleted")
            raise NotFoundError(f"there is no connection {connection_id}")

    def forget(self, connection_id: str) -> list[Recipient]:
        """Remove all recipients of a connection that is being removed; who they were."""
        found = self.of(connection_id)
        if found:
            refused(self._client, self._writes(connection_id, (), found))
        return found

    def note(self, recipient: Recipient, arn: str | None) -> None:
        """Keep the ARN of our subscription of a recipient; None: it has ended."""
        key = item({"pk": _name(recipient), "sk": _SUBSCRIPTION})
        if arn is None:
            self._client.delete_item(TableName=self._table, Key=key)
        else:
            self._client.put_item(TableName=self._table, Item=key | item({"arn": arn}))

    def _writes(
        self, connection_id: str, added: Collection[Recipient], removed: Collection[Recipient]
    ) -> "Sequence[TransactWriteItemTypeDef]":
        puts: list[TransactWriteItemTypeDef] = [
            {"Put": {"TableName": self._table, "Item": key}} for one in added for key in _keys(connection_id, one)
        ]
        deletes: list[TransactWriteItemTypeDef] = [
            {"Delete": {"TableName": self._table, "Key": key}} for one in removed for key in _keys(connection_id, one)
        ]
        return [*puts, *deletes]

    def _query(self, name: str) -> list[Attributes]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :name",
            ExpressionAttributeValues={":name": {"S": name}},
            ConsistentRead=True,
        )
        return [attributes(one) for page in pages for one in page["Items"]]


def _name(recipient: Recipient) -> str:
    return f"recipient#{recipient.protocol}#{recipient.endpoint}"


def _keys(connection_id: str, recipient: Recipient) -> tuple[Item, Item]:
    return (
        item({"pk": f"recipients#{connection_id}", "sk": f"{recipient.protocol}#{recipient.endpoint}"}),
        item({"pk": _name(recipient), "sk": f"{_OF_CONNECTION}{connection_id}"}),
    )
