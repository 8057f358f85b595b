"""ConnectionsTable: the connections and their activations.

    pk = connection id   sk = connection                              the connection, and the hash of its ingest token
    pk = connection id   sk = activation#<namespace>#<audience id>    one activated audience
    index Listing        listing = connections, listed_as = <munchkin id>#<connection id>

Reads of one connection are strongly consistent: what an operator was told is done must hold for the next event.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from destination.domain.connection import Activation, ActiveConnection, AudienceKey, Connection, Limits, Status, Waiting
from destination.domain.times import format_time
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.items import (
    Attributes,
    Item,
    activation_attributes,
    activation_from,
    attributes,
    configuration,
    connection_from,
    item,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutItemInputTypeDef, QueryInputTypeDef

_CONNECTION: Final = "connection"
_LISTING: Final = "connections"


class InvalidCursorError(ValueError):
    """The cursor is none that a listing gave."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """What the webhook needs to know of a connection; the token's hash is SHA-256 in hexadecimal."""

    connection_id: str
    status: Status
    source_format: str
    token_hash: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the connections, and the cursor of those that follow (None: there are no more)."""

    connections: tuple[Connection, ...]
    cursor: str | None


class Connections:
    """The connections and activations in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, connection_id: str) -> Connection:
        """Raises NotFoundError."""
        answer = self._client.get_item(TableName=self._table, Key=_key(connection_id), ConsistentRead=True)
        if "Item" not in answer:
            raise _no_connection(connection_id)
        return connection_from(answer["Item"])

    def active(self, connection_id: str) -> ActiveConnection:
        """The connection with its activations. Raises NotFoundError."""
        connection, activations = None, {}
        for found in self._query(connection_id):
            if _is_connection(found):
                connection = connection_from(found)
            else:
                activation = activation_from(found)
                activations[activation.audience] = activation
        if connection is None:
            raise _no_connection(connection_id)
        return ActiveConnection(connection, activations)

    def ingress(self, connection_id: str) -> Ingress | None:
        """What the webhook checks before it takes an event in; None when there is no such connection.

        Strongly consistent, so that nothing is queued once disabling was answered or a token was replaced.
        """
        answer = self._client.get_item(
            TableName=self._table,
            Key=_key(connection_id),
            ConsistentRead=True,
            ProjectionExpression="#status, source_format, token_hash",
            ExpressionAttributeNames={"#status": "status"},
        )
        if "Item" not in answer:
            return None
        stored = attributes(answer["Item"])
        return Ingress(connection_id, Status(stored["status"]), stored["source_format"], stored["token_hash"])

    def list(self, cursor: str | None = None, limit: int = 50) -> Page:
        """Connections by Marketo instance; one created a moment ago may not show yet.

        Raises InvalidCursorError.
        """
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "IndexName": "Listing",
            "KeyConditionExpression": "listing = :listing",
            "ExpressionAttributeValues": {":listing": {"S": _LISTING}},
            "Limit": limit,
        }
        if cursor is not None:
            request["ExclusiveStartKey"] = _start_of(cursor)
        answer = self._client.query(**request)
        last = answer.get("LastEvaluatedKey")
        return Page(
            connections=tuple(connection_from(found) for found in answer["Items"]),
            cursor=_cursor_at(last) if last else None,
        )

    def limits(self, munchkin_id: str) -> tuple[Limits, ...]:
        """The limits of the connections of an instance that deliver, enabled or blocked, which they share."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="Listing",
            KeyConditionExpression="listing = :listing AND begins_with(listed_as, :instance)",
            ExpressionAttributeValues={":listing": {"S": _LISTING}, ":instance": {"S": f"{munchkin_id}#"}},
        )
        listed = (connection_from(found) for page in pages for found in page["Items"])
        return tuple(one.limits for one in listed if one.status in {Status.ENABLED, Status.BLOCKED})

    def create(self, connection: Connection, token_hash: str) -> None:
        """Store a new connection. Raises StaleVersionError when there is one with its id."""
        new = {
            "listing": _LISTING,
            "listed_as": f"{connection.munchkin_id}#{connection.id}",
            "version": connection.version,
            "status": connection.status.value,
            "token_hash": token_hash,
            **configuration(connection),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=_key(connection.id) | item(new),
                ConditionExpression="attribute_not_exists(pk)",
            )
        except self._client.exceptions.ConditionalCheckFailedException as exists:
            raise StaleVersionError(f"there is a connection {connection.id}") from exists

    def update(self, connection: Connection) -> Connection:
        """Store a changed configuration over the version it was read at, and return it at its new version.

        The status is left as it stands, so that a block that came in between is not undone.
        Raises NotFoundError, StaleVersionError.
        """
        return self._change(connection.id, connection.version, configuration(connection))

    def set_status(self, connection_id: str, version: int, status: Status) -> Connection:
        """Set what an operator wants, and forget a block. Raises NotFoundError, StaleVersionError."""
        return self._change(connection_id, version, {"status": status.value, "blocked_cause": None})

    def delete(self, connection_id: str) -> None:
        """Remove the activations, then the connection, so that it can be repeated; none there is as good."""
        for found in sorted(self._query(connection_id), key=_is_connection):
            self._client.delete_item(TableName=self._table, Key={"pk": found["pk"], "sk": found["sk"]})

    def block(self, connection_id: str, cause: str) -> None:
        """Show that Marketo refuses the work, and why; only an enabled connection (or a blocked one, anew) is blocked.

        The version stays: an operator's configuration did not change.
        """
        self._mark(
            connection_id,
            update="SET #status = :blocked, blocked_cause = :cause",
            condition="#status IN (:enabled, :blocked)",
            values={":blocked": Status.BLOCKED.value, ":enabled": Status.ENABLED.value, ":cause": cause},
        )

    def unblock(self, connection_id: str) -> None:
        """Back to enabled, if it is blocked; the version stays."""
        self._mark(
            connection_id,
            update="SET #status = :enabled REMOVE blocked_cause",
            condition="#status = :blocked",
            values={":blocked": Status.BLOCKED.value, ":enabled": Status.ENABLED.value},
        )

    def wait(self, connection_id: str, waiting: Waiting | None) -> None:
        """Note the oldest event that waits (None: there is none); the version stays."""
        times = {"since": format_time(waiting.since), "until": format_time(waiting.until)} if waiting else {}
        self._mark(
            connection_id,
            update="SET waiting = :waiting",
            condition="attribute_exists(#status)",
            values={":waiting": times},
        )

    def activation(self, connection_id: str, audience: AudienceKey) -> Activation:
        """Raises NotFoundError."""
        answer = self._client.get_item(
            TableName=self._table, Key=_activation_key(connection_id, audience), ConsistentRead=True
        )
        if "Item" not in answer:
            raise NotFoundError(f"audience {audience.id} of namespace {audience.namespace} is not activated")
        return activation_from(answer["Item"])

    def activations(self, connection_id: str) -> tuple[Activation, ...]:
        """All of a connection, by namespace and id; empty when there is no such connection."""
        return tuple(activation_from(found) for found in self._query(connection_id) if not _is_connection(found))

    def put_activation(self, connection_id: str, activation: Activation, before: Activation | None = None) -> None:
        """Store an activation: a new one, or one in place of that of the same audience that was read before.

        Raises StaleVersionError when it was activated, deactivated or given another list since then.
        """
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": _activation_key(connection_id, activation.audience) | item(activation_attributes(activation)),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if before is not None and before.list_id is None:
            request["ConditionExpression"] = "attribute_exists(pk) AND attribute_not_exists(list_id)"
        elif before is not None:
            request["ConditionExpression"] = "list_id = :before"
            request["ExpressionAttributeValues"] = item({":before": before.list_id})
        try:
            self._client.put_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException as changed:
            raise StaleVersionError(f"audience {activation.audience.id} was changed meanwhile") from changed

    def rebind(self, connection_id: str, audience: AudienceKey, before: int, list_id: int, list_name: str) -> None:
        """Give an activated audience another list, unless an operator has done so already."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_activation_key(connection_id, audience),
                UpdateExpression="SET list_id = :id, list_name = :name",
                ConditionExpression="list_id = :before",
                ExpressionAttributeValues=item({":id": list_id, ":name": list_name, ":before": before}),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def delete_activation(self, connection_id: str, audience: AudienceKey) -> None:
        """Remove an activation; none there is as good."""
        self._client.delete_item(TableName=self._table, Key=_activation_key(connection_id, audience))

    def _change(self, connection_id: str, version: int, changes: Attributes) -> Connection:
        present = {name: value for name, value in changes.items() if value is not None}
        assignments = ["#version = #version + :one", *(f"#{name} = :{name}" for name in present)]
        absent = [f"#{name}" for name in changes if name not in present]
        remove = f" REMOVE {', '.join(absent)}" if absent else ""
        values = {f":{name}": value for name, value in present.items()}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(connection_id),
                UpdateExpression=f"SET {', '.join(assignments)}{remove}",
                ConditionExpression="#version = :read",
                ExpressionAttributeNames={f"#{name}": name for name in ("version", *changes)},
                ExpressionAttributeValues=item({**values, ":one": 1, ":read": version}),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as failed:
            if "Item" not in failed.response:
                raise _no_connection(connection_id) from failed
            raise StaleVersionError(f"connection {connection_id} is no longer at version {version}") from failed
        return connection_from(answer["Attributes"])

    def _mark(self, connection_id: str, *, update: str, condition: str, values: Attributes) -> None:
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(connection_id),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=item(values),
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def _query(self, connection_id: str) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :id",
            ExpressionAttributeValues={":id": {"S": connection_id}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def _key(connection_id: str, sk: str = _CONNECTION) -> Item:
    return {"pk": {"S": connection_id}, "sk": {"S": sk}}


def _activation_key(connection_id: str, audience: AudienceKey) -> Item:
    return _key(connection_id, f"activation#{audience.namespace}#{audience.id}")


def _is_connection(found: Item) -> bool:
    return bool(found["sk"] == {"S": _CONNECTION})


def _cursor_at(found: Item) -> str:
    listed_as: str = found["listed_as"]["S"]
    return urlsafe_b64encode(listed_as.encode()).decode()


def _start_of(cursor: str) -> Item:
    try:
        listed_as = urlsafe_b64decode(cursor.encode()).decode()
        _, connection_id = listed_as.split("#")
    except ValueError as invalid:
        raise InvalidCursorError("not a cursor of this listing") from invalid
    return {**_key(connection_id), "listing": {"S": _LISTING}, "listed_as": {"S": listed_as}}


def _no_connection(connection_id: str) -> NotFoundError:
    return NotFoundError(f"there is no connection {connection_id}")
