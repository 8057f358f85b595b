"""ConnectionsTable: the hashes of the credentials of a connection's senders, as operators replace them.

They stand at the connection (connections.py), with the tokens that they gave, so that the webhook reads all that opens
it at once (ingress.py).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from destination.domain.sender_credentials import SenderCredentials, SenderTokens
from destination.store.connections import Connections
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.items import (
    attributes,
    connection_key,
    sender_credentials_attributes,
    sender_credentials_of,
    sender_tokens_of,
    stored_tokens,
)
from destination.store.transactions import refused
from destination.store.versions import change_over

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(frozen=True, slots=True)
class StoredSenderCredentials:
    """What a connection has, None where it has none, and at which of its versions that was read."""

    version: int
    credentials: SenderCredentials | None
    tokens: SenderTokens | None


class SendersCredentials:
    """Those of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._connections = Connections(client, table)

    def get(self, connection_id: str) -> StoredSenderCredentials:
        """Raises NotFoundError, and DeletingError when the connection is being deleted."""
        self._connections.changeable(connection_id)
        answer = self._client.get_item(TableName=self._table, Key=connection_key(connection_id), ConsistentRead=True)
        if "Item" not in answer:
            raise NotFoundError(f"there is no connection {connection_id}")
        stored = attributes(answer["Item"])
        return StoredSenderCredentials(int(stored["version"]), sender_credentials_of(stored), sender_tokens_of(stored))

    def replace(
        self,
        connection_id: str,
        before: StoredSenderCredentials,
        credentials: SenderCredentials | None,
        tokens: SenderTokens | None,
        *beside: "TransactWriteItemTypeDef",
    ) -> int:
        """Store others in the place of those that were read, or none, and return the connection's version then.

        Raises StaleVersionError when the connection was changed since then, or a token was given.
        """
        change = change_over(
            self._table,
            connection_key(connection_id),
            before.version,
            sender_credentials_attributes(credentials, tokens),
            also=("attribute_not_exists(sender_tokens)", {})
            if before.tokens is None
            else ("sender_tokens = :tokens", {":tokens": stored_tokens(before.tokens)}),
        )
        if refused(self._client, [change, *beside]):
            raise StaleVersionError(f"connection {connection_id} is no longer as it was at version {before.version}")
        return before.version + 1
