"""ConnectionsTable: the connections as operators configure them.

    pk = connection id   sk = connection   the connection, and the hashes of its ingest token
    index Listing        listing = connections, listed_as = <munchkin id>#<connection id>

What else stands under the id of a connection: its audiences (audiences.py). What the webhook reads of a connection is
in ingress.py, what delivery reads and marks in delivering.py.

Reads of one connection are strongly consistent: what an operator was told is done must hold for the next event. A
change by an operator takes what is to be written `beside` it, in the same transaction: its audit record.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from destination.domain.connection import OPEN, ActiveConnection, Connection, Status
from destination.domain.parking import Resumption
from destination.domain.times import format_time
from destination.store.claims import Claim
from destination.store.cursors import InvalidCursorError, cursor_of, position_of
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from destination.store.items import (
    Attributes,
    Item,
    activation_from,
    audience_of,
    begun_at_of,
    configuration,
    connection_from,
    connection_key,
    is_connection,
    is_dormant,
    item,
)
from destination.store.marks import mark
from destination.store.transactions import refused
from destination.store.versions import change_over

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import DeleteTypeDef, QueryInputTypeDef, TransactWriteItemTypeDef

_LISTING: Final = "connections"

# A connection's time line, and the condition of each of its writes:
#
#   nothing ──create──▶ version 1 ──update──▶ … ──begin_deletion──▶ version n ──remove──▶ nothing
#         _IS_NEW              AS_READ                 AS_READ               _IS_THERE
#
# As `update` go `set_status` and `rotate_token`. Delivery's marks leave the version (delivering.py).
_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_THERE: Final = "attribute_exists(pk)"
_HAS_STATUS: Final = "attribute_exists(#status)"
_IS_DELETING: Final = "#status = :deleting"
_IS_UNDELIVERED: Final[tuple[str, Attributes]] = ("attribute_not_exists(delivered_at)", {})
"""Delivery's first mark takes its turn among the versions (delivering.py)."""


BINDINGS: Final = "bindings"
"""Counts how often audiences were given lists, so that nothing is decided about lists that others make meanwhile."""


@dataclass(frozen=True, slots=True)
class ConnectionsPage:
    """Some of the connections, and the cursor of those that follow (None: there are no more)."""

    connections: tuple[Connection, ...]
    cursor: str | None


class Connections:
    """All connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, connection_id: str) -> Connection:
        """Raises NotFoundError."""
        answer = self._client.get_item(TableName=self._table, Key=connection_key(connection_id), ConsistentRead=True)
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
        connection, activations, dormant = None, {}, {}
        for found in self._query(connection_id):
            if is_connection(found):
                connection = connection_from(found)
            elif is_dormant(found):
                dormant[audience_of(found)] = begun_at_of(found)
            else:
                activation = activation_from(found)
                activations[activation.audience] = activation
        if connection is None:
            raise _no_connection(connection_id)
        return ActiveConnection(connection, activations, dormant)

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
                "Item": connection_key(connection.id) | item(new),
                "ConditionExpression": _IS_NEW,
            }
        }
        if refused(self._client, [put, *beside]):
            raise StaleVersionError(f"there is a connection {connection.id}")

    def bindings(self, connection_id: str) -> int:
        """How often an audience of a connection was given a list so far. Raises NotFoundError."""
        answer = self._client.get_item(TableName=self._table, Key=connection_key(connection_id), ConsistentRead=True)
        if "Item" not in answer:
            raise _no_connection(connection_id)
        return int(answer["Item"].get(BINDINGS, {"N": "0"})["N"])

    def update(
        self,
        connection: Connection,
        *beside: "TransactWriteItemTypeDef",
        undelivered: bool = False,
        bindings: int | None = None,
    ) -> Connection:
        """Store a changed configuration over the version it was read at, and return it as it stands then.

        The status is left as it stands, so that a block that came in between is not undone. `undelivered`: only as long
        as nothing was delivered. `bindings`: only as long as no audience was given a list since there were so many.
        Raises NotFoundError, StaleVersionError.
        """
        held = [_IS_UNDELIVERED] if undelivered else []
        held += [] if bindings is None else [_bound_so_often(bindings)]
        also = (" AND ".join(one for one, _ in held), {name: value for _, own in held for name, value in own.items()})
        return self._change(connection.id, connection.version, configuration(connection), beside, also=also)

    def set_status(
        self, connection_id: str, version: int, status: Status, at: datetime, *beside: "TransactWriteItemTypeDef"
    ) -> Connection:
        """Set what an operator wants, and forget a block. Raises NotFoundError, StaleVersionError."""
        held_since = None if status in OPEN else format_time(at)
        changes = {"status": status.value, "blocked_cause": None, "retry_at": None, "held_since": held_since}
        if status in OPEN:
            changes["enabled_at"] = format_time(at)
        return self._change(connection_id, version, changes, beside)

    def begin_deletion(
        self,
        connection_id: str,
        version: int,
        since: datetime,
        *beside: "TransactWriteItemTypeDef",
        discard: bool = False,
    ) -> Connection:
        """Let nothing in any more; what blocks the connection is still shown. `discard`: nor deliver what is queued.

        Raises NotFoundError, StaleVersionError.
        """
        changes = {"status": Status.DELETING.value, "deleting_since": format_time(since), "discarded": discard or None}
        return self._change(connection_id, version, changes, beside)

    def discard(self, connection_id: str) -> None:
        """Deliver nothing any more of a connection that is being deleted, if it still is there."""
        values = {":yes": True, ":deleting": Status.DELETING.value}
        mark(self._client, self._table, connection_id, "SET discarded = :yes", _IS_DELETING, values)

    def retry(self, connection_id: str) -> None:
        """Let a connection that is blocked be tried at once."""
        mark(self._client, self._table, connection_id, "REMOVE retry_at", _HAS_STATUS, {})

    def resume(self, connection_id: str, resumption: Resumption) -> None:
        """Note that what was parked of a connection has been sent back."""
        values = {":at": format_time(resumption.at), ":up_to": format_time(resumption.up_to)}
        update = "SET resumed_at = :at, resumed_up_to = :up_to"
        mark(self._client, self._table, connection_id, update, _HAS_STATUS, values)

    def drain(self, connection_id: str, since: datetime | None) -> None:
        """Note since when no message of a connection can have been in the queue that nobody had received (None: not).

        Only of a connection that is being deleted.
        """
        update = "REMOVE drained_since" if since is None else "SET drained_since = :since"
        values = {":deleting": Status.DELETING.value} | ({} if since is None else {":since": format_time(since)})
        mark(self._client, self._table, connection_id, update, _IS_DELETING, values)

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
        """Remove the activations with their claims, then the connection, so that it can be repeated.

        None there is as good.
        """
        self._remove_activations(connection_id)
        delete: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": connection_key(connection_id),
                "ConditionExpression": _IS_THERE,
            }
        }
        refused(self._client, [delete, *beside])

    def _remove_activations(self, connection_id: str) -> None:
        """Again until there is none: a delivery that goes on may have given one of them another list meanwhile."""
        while True:
            connections: list[Item] = []
            activations: list[Item] = []
            for found in self._query(connection_id):
                (connections if is_connection(found) else activations).append(found)
            if not activations:
                return
            for found in activations:
                claims = [_claim_of(found, connection_from(one)) for one in connections if "list_id" in found]
                refused(self._client, [_removal(self._table, found), *(one.released(self._table) for one in claims)])

    def _change(
        self,
        connection_id: str,
        version: int,
        changes: Attributes,
        beside: Sequence["TransactWriteItemTypeDef"],
        copies: Mapping[str, str] | None = None,
        also: tuple[str, Attributes] | None = None,
    ) -> Connection:
        """`copies`: attributes that take the value that another one had before; `also`: a condition that must hold."""
        update = change_over(self._table, connection_key(connection_id), version, changes, also=also, copies=copies)
        is_stale = refused(self._client, [update, *beside])
        connection = self.get(connection_id)
        if is_stale:
            raise StaleVersionError(f"connection {connection_id} is no longer as it was at version {version}")
        return connection

    def _query(self, connection_id: str) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :id",
            ExpressionAttributeValues={":id": {"S": connection_id}},
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def _bound_so_often(bindings: int) -> tuple[str, Attributes]:
    if bindings == 0:
        return f"attribute_not_exists({BINDINGS})", {}
    return f"{BINDINGS} = :bindings", {":bindings": bindings}


def _claim_of(activation: Item, connection: Connection) -> Claim:
    list_id = int(activation["list_id"]["N"])
    return Claim(connection.munchkin_id, list_id, connection.id, audience_of(activation))


def _removal(table: str, activation: Item) -> "TransactWriteItemTypeDef":
    """The end of an activation while it has the list, or none, that it was found with."""
    delete: DeleteTypeDef = {
        "TableName": table,
        "Key": {"pk": activation["pk"], "sk": activation["sk"]},
        "ConditionExpression": "attribute_not_exists(list_id)",
    }
    if "list_id" in activation:
        delete["ConditionExpression"] = "list_id = :bound"
        delete["ExpressionAttributeValues"] = {":bound": activation["list_id"]}
    return {"Delete": delete}


def _cursor_at(found: Item) -> str:
    return cursor_of(found["listed_as"]["S"])


def _start_of(cursor: str) -> Item:
    listed_as = position_of(cursor)
    _, separator, connection_id = listed_as.partition("#")
    if not separator or not connection_id or "#" in connection_id:  # no key is empty
        raise InvalidCursorError
    return {**connection_key(connection_id), "listing": {"S": _LISTING}, "listed_as": {"S": listed_as}}


def _no_connection(connection_id: str) -> NotFoundError:
    return NotFoundError(f"there is no connection {connection_id}")
