"""RunsTable: how much of Marketo's bytes of a day the extracts of this stack have used, by instance.

    connection_id = extracted#<munchkin id>   id = <day>   bytes   expires_at

Who holds the instance's lease reads and writes it; nobody else does.
"""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from destination.store.items import Item, attributes, item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INSTANCE: Final = "extracted#"
_KEPT: Final = timedelta(days=7)


class ExtractedBytes:
    """The bytes of extracts of all instances, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def of_day(self, munchkin_id: str, day: date) -> int:
        """How many were used on a day."""
        answer = self._client.get_item(TableName=self._table, Key=_key(munchkin_id, day), ConsistentRead=True)
        return int(attributes(answer["Item"])["bytes"]) if "Item" in answer else 0

    def add(self, munchkin_id: str, day: date, size: int) -> None:
        """Count more of them."""
        expires_at = int((datetime.combine(day, time(), UTC) + _KEPT).timestamp())
        used = item({"bytes": self.of_day(munchkin_id, day) + size, "expires_at": expires_at})
        self._client.put_item(TableName=self._table, Item=_key(munchkin_id, day) | used)


def _key(munchkin_id: str, day: date) -> Item:
    return item({"connection_id": f"{_INSTANCE}{munchkin_id}", "id": day.isoformat()})
