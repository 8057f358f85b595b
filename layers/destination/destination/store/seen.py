"""RunsTable: what a connection was sent on a day, by its names; a day's item ends with the days that are shown.

connection_id   id = seen#<day>   seen: JSON, compressed   version   expires_at

Several workers may add to a day at once; each writes over the version that it read, or reads again:

    no item ──add──▶ version 1 ──add──▶ version 2 ──add──▶ …
    _IS_FIRST            AS_READ            AS_READ
"""

import json
import zlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from destination.domain.seen import DAYS, Seen, read_seen, write_seen
from destination.store.errors import StaleVersionError
from destination.store.items import Item, attributes, item, runs_key
from destination.store.versions import AS_READ

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_DAY: Final = "seen#"
_ATTEMPTS: Final = 3
_IS_FIRST: Final = "attribute_not_exists(id)"
_BETWEEN: Final = "connection_id = :connection AND id BETWEEN :first AND :last"


class SeenDays:
    """What was seen of all connections, day by day, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, connection_id: str, day: date, seen: Seen) -> Seen:
        """Add to what was seen on a day; all that there is of it then.

        Raises StaleVersionError where others were faster every time.
        """
        key = runs_key(connection_id, f"{_DAY}{day}")
        for _ in range(_ATTEMPTS):
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
            before = attributes(answer["Item"]) if "Item" in answer else None
            together = (Seen() if before is None else _seen(answer["Item"])).plus(seen)
            if self._put(key, day, together, None if before is None else int(before["version"])):
                return together
        raise StaleVersionError(f"what was seen on {day} was written by others at the same time")

    def between(self, connection_id: str, first: date, last: date) -> Sequence[Seen]:
        """What was seen on the days from one to another, both included; nothing is told of a day without events, nor
        where the other comes before the one.
        """
        if last < first:  # DynamoDB refuses that.
            return []
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression=_BETWEEN,
            ExpressionAttributeValues=item(
                {":connection": connection_id, ":first": f"{_DAY}{first}", ":last": f"{_DAY}{last}"}
            ),
        )
        return [_seen(one) for one in answer["Items"]]  # DAYS items within their bounds are one page of 1 MB.

    def _put(self, key: Item, day: date, seen: Seen, version: int | None) -> bool:
        """Whether it is written, as nobody else wrote since it was read."""
        text = json.dumps(write_seen(seen), ensure_ascii=False, separators=(",", ":"))
        stored = item(
            {
                "seen": zlib.compress(text.encode()),
                "version": (version or 0) + 1,
                "expires_at": int((_midnight(day) + timedelta(days=DAYS)).timestamp()),
            }
        )
        try:
            if version is None:
                self._client.put_item(TableName=self._table, Item=key | stored, ConditionExpression=_IS_FIRST)
            else:
                self._client.put_item(
                    TableName=self._table,
                    Item=key | stored,
                    ConditionExpression=AS_READ,
                    ExpressionAttributeNames={"#version": "version"},
                    ExpressionAttributeValues=item({":read": version}),
                )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _seen(stored: Item) -> Seen:
    return read_seen(json.loads(zlib.decompress(stored["seen"]["B"])))
