"""RunsTable: the names of connections that were removed, for as long as their runs are kept.

connection_id   id = connection   name, removed_at, audiences (JSON), expires_at
"""

import json
from typing import TYPE_CHECKING, Final

from destination.domain.audience import AudienceKey
from destination.domain.connection import RemovedConnection
from destination.domain.run import RETENTION
from destination.domain.times import format_time, parse_time
from destination.store.items import Item, attributes, item
from destination.store.transactions import refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_BYTES: Final = 350_000
"""Of the audiences' names; DynamoDB takes 400 KB an item. An audience beyond them is shown by its id alone."""

_IS_NEW: Final = "attribute_not_exists(connection_id)"
"""A removal that broke off may have taken the audiences away by now; what its first attempt wrote stays."""


class RemovedConnections:
    """What is still told of connections that are no more."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def put(self, removed: RemovedConnection) -> None:
        """Remember a connection that is about to be removed, unless it is remembered."""
        stored = {
            **_key(removed.id),
            "name": removed.name,
            "removed_at": format_time(removed.at),
            "audiences": _text(removed),
            "expires_at": int((removed.at + RETENTION).timestamp()),
        }
        refused(
            self._client,
            [{"Put": {"TableName": self._table, "Item": item(stored), "ConditionExpression": _IS_NEW}}],
        )

    def find(self, connection_id: str) -> RemovedConnection | None:
        answer = self._client.get_item(TableName=self._table, Key=item(_key(connection_id)), ConsistentRead=True)
        return _removed(answer["Item"]) if "Item" in answer else None


def _key(connection_id: str) -> dict[str, str]:
    return {"connection_id": connection_id, "id": "connection"}


def _text(removed: RemovedConnection) -> str:
    kept: list[list[str]] = []
    size = 0
    for audience, name in removed.audiences.items():
        named = [*audience, name]
        size += len(json.dumps(named, ensure_ascii=False).encode()) + 2
        if size > MAX_BYTES:
            break
        kept.append(named)
    return json.dumps(kept, ensure_ascii=False)


def _removed(found: Item) -> RemovedConnection:
    stored = attributes(found)
    audiences = {AudienceKey(namespace, one): name for namespace, one, name, *_ in json.loads(stored["audiences"])}
    return RemovedConnection(stored["connection_id"], stored["name"], parse_time(stored["removed_at"]), audiences)
