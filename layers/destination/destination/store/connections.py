"""ConnectionsTable: the connections and their activations.

    pk = connection id   sk = connection                              the connection, and the hashes of its ingest token
    pk = connection id   sk = activation#<namespace>#<audience id>    one activated audience
    index Listing        listing = connections, listed_as = <munchkin id>#<connection id>

Reads of one connection are strongly consistent: what an operator was told is done must hold for the next event. A
change by an operator takes what is to be written `beside` it, in the same transaction: its audit record.
"""

import contextlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import DELIVERING, ActiveConnection, Connection, Limits, Status, Waiting
from destination.domain.times import format_time, parse_time
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.items import (
    Attributes,
    Item,
    activation_attributes,
    activation_from,
    attributes,
    configuration,
    connection_from,
    item,
    list_attributes,
)
from destination.store.transactions import failed, patiently

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

_CONNECTION: Final = "connection"
_LISTING: Final = "connections"


class InvalidCursorError(ValueError):
    """The cursor is none that a listing gave."""


@dataclass(frozen=True, slots=True)
class Ingress:
    """What the webhook needs to know of a connection; the tokens' hashes are SHA-256 in hexadecimal.

    The token before the current one is good until a time; without such a time there is none.
    """

    connection_id: str
    status: Status
    source_format: str
    token_hash: str = field(repr=False)
    previous_token_hash: str = field(default="", repr=False)
    previous_token_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConnectionsPage:
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

    def changeable(self, connection_id: str) -> Connection:
        """Raises NotFoundError, and DeletingError when it is being deleted."""
        connection = self.get(connection_id)
        if connection.status is Status.DELETING:
            raise DeletingError(f"connection {connection_id} is being deleted")
        return connection

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
            ProjectionExpression="#status, source_format, token_hash, previous_token_hash, previous_token_until",
            ExpressionAttributeNames={"#status": "status"},
        )
        if "Item" not in answer:
            return None
        stored = attributes(answer["Item"])
        until = stored.get("previous_token_until")
        return Ingress(
            connection_id,
            Status(stored["status"]),
            stored["source_format"],
            stored["token_hash"],
            stored.get("previous_token_hash", ""),
            None if until is None else parse_time(until),
        )

    def list(self, cursor: str | None = None, limit: int = 50) -> ConnectionsPage:
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
        return ConnectionsPage(
            connections=tuple(connection_from(found) for found in answer["Items"]),
            cursor=_cursor_at(last) if last else None,
        )

    def all(self) -> Iterator[Connection]:
        """Every connection, page by page, by Marketo instance."""
        page = self.list()
        yield from page.connections
        while page.cursor is not None:
            page = self.list(page.cursor)
            yield from page.connections

    def of_instance(self, munchkin_id: str) -> tuple[Connection, ...]:
        """The connections of an instance; one created a moment ago may not show yet."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="Listing",
            KeyConditionExpression="listing = :listing AND begins_with(listed_as, :instance)",
            ExpressionAttributeValues={":listing": {"S": _LISTING}, ":instance": {"S": f"{munchkin_id}#"}},
        )
        return tuple(connection_from(found) for page in pages for found in page["Items"])

    def limits(self, munchkin_id: str) -> tuple[Limits, ...]:
        """The limits of the connections of an instance that deliver, which they share."""
        return tuple(one.limits for one in self.of_instance(munchkin_id) if one.status in DELIVERING)

    def create(self, connection: Connection, token_hash: str, *beside: "TransactWriteItemTypeDef") -> None:
        """Store a new connection. Raises StaleVersionError when there is one with its id."""
        new = {
            "listing": _LISTING,
            "listed_as": f"{connection.munchkin_id}#{connection.id}",
            "version": connection.version,
            "status": connection.status.value,
            "token_hash": token_hash,
            **configuration(connection),
        }
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": _key(connection.id) | item(new),
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }
        if self._refused(put, *beside):
            raise StaleVersionError(f"there is a connection {connection.id}")

    def update(self, connection: Connection, *beside: "TransactWriteItemTypeDef") -> Connection:
        """Store a changed configuration over the version it was read at, and return it as it stands then.

        The status is left as it stands, so that a block that came in between is not undone.
        Raises NotFoundError, StaleVersionError.
        """
        return self._change(connection.id, connection.version, configuration(connection), beside)

    def set_status(
        self, connection_id: str, version: int, status: Status, *beside: "TransactWriteItemTypeDef"
    ) -> Connection:
        """Set what an operator wants, and forget a block. Raises NotFoundError, StaleVersionError."""
        return self._change(connection_id, version, {"status": status.value, "blocked_cause": None}, beside)

    def begin_deletion(
        self, connection_id: str, version: int, since: datetime, *beside: "TransactWriteItemTypeDef"
    ) -> Connection:
        """Let nothing in any more; what blocks the connection is still shown.

        Raises NotFoundError, StaleVersionError.
        """
        changes = {"status": Status.DELETING.value, "deleting_since": format_time(since)}
        return self._change(connection_id, version, changes, beside)

    def rotate_token(
        self,
        connection_id: str,
        version: int,
        token_hash: str,
        previous_until: datetime,
        *beside: "TransactWriteItemTypeDef",
    ) -> Connection:
        """Replace the ingest token; the one that it replaces, and no older one, is good until a time.

        Raises NotFoundError, StaleVersionError.
        """
        changes = {"token_hash": token_hash, "previous_token_until": format_time(previous_until)}
        return self._change(connection_id, version, changes, beside, copies={"previous_token_hash": "token_hash"})

    def remove(self, connection_id: str, *beside: "TransactWriteItemTypeDef") -> None:
        """Remove the activations, then the connection, so that it can be repeated; none there is as good."""
        for found in self._query(connection_id):
            if not _is_connection(found):
                self._client.delete_item(TableName=self._table, Key={"pk": found["pk"], "sk": found["sk"]})
        there_is = "attribute_exists(pk)"
        self._refused(
            {"Delete": {"TableName": self._table, "Key": _key(connection_id), "ConditionExpression": there_is}},
            *beside,
        )

    def block(self, connection_id: str, cause: str) -> None:
        """Show that Marketo refuses the work, and why; only a connection that delivers is blocked.

        The version stays: an operator's configuration did not change. One that is being deleted stays so.
        """
        blocked = self._mark(
            connection_id,
            update="SET #status = :blocked, blocked_cause = :cause",
            condition="#status IN (:enabled, :blocked)",
            values={":blocked": Status.BLOCKED.value, ":enabled": Status.ENABLED.value, ":cause": cause},
        )
        if not blocked:
            self._mark(
                connection_id,
                update="SET blocked_cause = :cause",
                condition="#status = :deleting",
                values={":deleting": Status.DELETING.value, ":cause": cause},
            )

    def unblock(self, connection_id: str) -> None:
        """Back to enabled, if it is blocked, and no cause any more; the version stays."""
        unblocked = self._mark(
            connection_id,
            update="SET #status = :enabled REMOVE blocked_cause",
            condition="#status = :blocked",
            values={":blocked": Status.BLOCKED.value, ":enabled": Status.ENABLED.value},
        )
        if not unblocked:
            self._mark(
                connection_id,
                update="REMOVE blocked_cause",
                condition="#status = :deleting",
                values={":deleting": Status.DELETING.value},
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

    def put_activation(
        self,
        connection_id: str,
        activation: Activation,
        before: Activation | None = None,
        *beside: "TransactWriteItemTypeDef",
    ) -> Activation:
        """Store an activation: a new one, or one in place of that of the same audience that was read before.

        A list that it does not change is left as it stands, so that one that was made anew meanwhile is kept.

        Raises NotFoundError and DeletingError for the connection, and StaleVersionError when the audience was
        activated, changed, deactivated or given another list since then.
        """
        key = _activation_key(connection_id, activation.audience)
        if before is None:
            new = {**activation_attributes(activation), **list_attributes(activation), "version": 1}
            write: TransactWriteItemTypeDef = {
                "Put": {
                    "TableName": self._table,
                    "Item": key | item(new),
                    "ConditionExpression": "attribute_not_exists(pk)",
                }
            }
        else:
            write = self._update_of_activation(key, activation, before)
        self._change_activation(connection_id, activation.audience, write, beside)
        return self.activation(connection_id, activation.audience)

    def rebind(self, connection_id: str, audience: AudienceKey, before: int, list_id: int, list_name: str) -> None:
        """Give an activated audience another list, unless an operator has done so already.

        The version stays: an operator's configuration did not change.
        """
        with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            patiently(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key=_activation_key(connection_id, audience),
                    UpdateExpression="SET list_id = :id, list_name = :name",
                    ConditionExpression="list_id = :before",
                    ExpressionAttributeValues=item({":id": list_id, ":name": list_name, ":before": before}),
                )
            )

    def delete_activation(
        self, connection_id: str, activation: Activation, *beside: "TransactWriteItemTypeDef"
    ) -> None:
        """Remove an activation as it was read. Raises NotFoundError, DeletingError, StaleVersionError."""
        delete: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": _activation_key(connection_id, activation.audience),
                "ConditionExpression": "#version = :read",
                "ExpressionAttributeNames": {"#version": "version"},
                "ExpressionAttributeValues": item({":read": activation.version}),
            }
        }
        self._change_activation(connection_id, activation.audience, delete, beside)

    def _update_of_activation(
        self, key: Item, activation: Activation, before: Activation
    ) -> "TransactWriteItemTypeDef":
        changes = activation_attributes(activation)
        if list_attributes(activation) == list_attributes(before):
            return self._update(key, before.version, changes)
        changes = {**changes, **list_attributes(activation)}
        if before.list_id is None:
            return self._update(key, before.version, changes, "attribute_not_exists(list_id)")
        return self._update(key, before.version, changes, "list_id = :bound", {":bound": before.list_id})

    def _change_activation(
        self,
        connection_id: str,
        audience: AudienceKey,
        write: "TransactWriteItemTypeDef",
        beside: Sequence["TransactWriteItemTypeDef"],
    ) -> None:
        takes_changes: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": _key(connection_id),
                "ConditionExpression": "attribute_exists(pk) AND #status <> :deleting",
                "ExpressionAttributeNames": {"#status": "status"},
                "ExpressionAttributeValues": item({":deleting": Status.DELETING.value}),
            }
        }
        refused = self._refused(takes_changes, write, *beside)
        if 0 in refused:
            self.get(connection_id)
            raise DeletingError(f"connection {connection_id} is being deleted")
        if refused:
            raise StaleVersionError(f"audience {audience.id} was changed meanwhile")

    def _change(
        self,
        connection_id: str,
        version: int,
        changes: Attributes,
        beside: Sequence["TransactWriteItemTypeDef"],
        copies: Mapping[str, str] | None = None,
    ) -> Connection:
        """`copies`: attributes that take the value that another one had before."""
        update = self._update(_key(connection_id), version, changes, copies=copies or {})
        refused = self._refused(update, *beside)
        connection = self.get(connection_id)
        if refused:
            raise StaleVersionError(f"connection {connection_id} is no longer at version {version}")
        return connection

    def _update(
        self,
        key: Item,
        version: int,
        changes: Attributes,
        condition: str = "",
        values: Attributes | None = None,
        copies: Mapping[str, str] | None = None,
    ) -> "TransactWriteItemTypeDef":
        """Change attributes over the version they were read at, which it raises; what is None is removed."""
        present = {name: value for name, value in changes.items() if value is not None}
        assignments = ["#version = #version + :one", *(f"#{name} = :{name}" for name in present)]
        assignments += [f"{name} = {other}" for name, other in (copies or {}).items()]
        absent = [f"#{name}" for name in changes if name not in present]
        remove = f" REMOVE {', '.join(absent)}" if absent else ""
        given = {**{f":{name}": value for name, value in present.items()}, **(values or {})}
        return {
            "Update": {
                "TableName": self._table,
                "Key": key,
                "UpdateExpression": f"SET {', '.join(assignments)}{remove}",
                "ConditionExpression": " AND ".join(filter(None, ("#version = :read", condition))),
                "ExpressionAttributeNames": {f"#{name}": name for name in ("version", *changes)},
                "ExpressionAttributeValues": item({**given, ":one": 1, ":read": version}),
            }
        }

    def _refused(self, *items: "TransactWriteItemTypeDef") -> set[int]:
        """Write all of it or nothing; the places of the items whose condition did not hold, if any."""
        try:
            patiently(lambda: self._client.transact_write_items(TransactItems=items))
        except self._client.exceptions.TransactionCanceledException as cancelled:
            if refused := failed(cancelled):
                return refused
            raise
        return set()

    def _mark(
        self,
        connection_id: str,
        *,
        update: str,
        condition: str,
        values: Attributes,
    ) -> bool:
        """Whether the condition held."""
        try:
            patiently(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key=_key(connection_id),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues=item(values),
                )
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

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
    if not connection_id:  # no key is empty
        raise InvalidCursorError("not a cursor of this listing")
    return {**_key(connection_id), "listing": {"S": _LISTING}, "listed_as": {"S": listed_as}}


def _no_connection(connection_id: str) -> NotFoundError:
    return NotFoundError(f"there is no connection {connection_id}")
