"""What Marketo instances are known to do: one item of ConnectionsTable for each, beside its lease.

    pk = instance#<munchkin id>   sk = capabilities    state (JSON)

It is the instance's, and not a connection's: whoever delivers to it takes the same lanes.
"""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.times import format_time, parse_time
from destination.store.items import Item, item, known

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SORT_KEY: Final = "capabilities"


class CapabilitiesOfInstances:
    """The capabilities of all instances, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, munchkin_id: str) -> Capabilities:
        """What the last canary found out; NOTHING_KNOWN where none was sent."""
        answer = self._client.get_item(TableName=self._table, Key=_key(munchkin_id), ConsistentRead=True)
        if "Item" not in answer:
            return NOTHING_KNOWN
        stored = known(Capabilities, json.loads(answer["Item"]["state"]["S"]))
        asked_at = stored["asked_at"]
        return Capabilities(**stored | {"asked_at": None if asked_at is None else parse_time(asked_at)})

    def put(self, munchkin_id: str, capabilities: Capabilities) -> None:
        """Over what was known before."""
        asked_at = capabilities.asked_at and format_time(capabilities.asked_at)
        stored = item({"state": json.dumps(asdict(capabilities) | {"asked_at": asked_at})})
        self._client.put_item(TableName=self._table, Item=_key(munchkin_id) | stored)


def _key(munchkin_id: str) -> Item:
    return item({"pk": f"instance#{munchkin_id}", "sk": _SORT_KEY})
