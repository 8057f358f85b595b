"""ConnectionsTable: what the webhook reads of a connection before it takes an event in.

pk = connection id   sk = connection   status, source_format, token_hash, previous_token_hash, previous_token_until
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from destination.domain.connection import Status
from destination.domain.times import parse_time
from destination.store.items import attributes, connection_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_READ: Final = "#status, source_format, token_hash, previous_token_hash, previous_token_until"


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


class Ingresses:
    """The ways into all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, connection_id: str) -> Ingress | None:
        """None: there is no such connection.

        Strongly consistent, so that nothing is queued once disabling was answered or a token was replaced.
        """
        answer = self._client.get_item(
            TableName=self._table,
            Key=connection_key(connection_id),
            ConsistentRead=True,
            ProjectionExpression=_READ,
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
