"""ConnectionsTable: what the webhook reads of a connection before it takes an event in.

pk = connection id   sk = connection   status, source_format, token_hash, previous_token_hash, previous_token_until,
                                       admission, on_rejected, sender_credentials, sender_tokens,
                                       rows, on_delete_person, known_by
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final

from destination.domain.connection import Admission, OnDeletePerson, OnRejected, Status
from destination.domain.row_form import RowForm
from destination.domain.sender_credentials import SenderCredentials, SenderTokens
from destination.domain.times import parse_time
from destination.store.items import (
    admission_of,
    attributes,
    connection_key,
    on_delete_person_of,
    on_rejected_of,
    rows_of,
    sender_credentials_of,
    sender_tokens_of,
    stored_tokens,
)
from destination.store.marks import mark

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_READ: Final = (
    "#status, source_format, token_hash, previous_token_hash, previous_token_until, admission, on_rejected, "
    "sender_credentials, sender_tokens, #rows, on_delete_person, known_by"
)


@dataclass(frozen=True, slots=True)
class Ingress:
    """What the webhook needs to know of a connection; the tokens' hashes are SHA-256 in hexadecimal.

    The token before the current one is good until a time; without such a time there is none. `sender_credentials` and
    `sender_tokens`: those of OAuth 2, where the connection has any. `known_by`: the source of the mapping
    that people are known by, where a call may have them erased (None: there is none).
    """

    connection_id: str
    status: Status
    source_format: str
    token_hash: str = field(repr=False)
    previous_token_hash: str = field(default="", repr=False)
    previous_token_until: datetime | None = None
    admission: Admission = field(default_factory=Admission)
    on_rejected: OnRejected = OnRejected.ACCEPT
    sender_credentials: SenderCredentials | None = None
    sender_tokens: SenderTokens | None = None
    rows: RowForm | None = None
    on_delete_person: OnDeletePerson = OnDeletePerson.REJECT
    known_by: str | None = None


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
            ExpressionAttributeNames={"#status": "status", "#rows": "rows"},
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
            admission_of(stored),
            on_rejected_of(stored),
            sender_credentials_of(stored),
            sender_tokens_of(stored),
            rows_of(stored),
            on_delete_person_of(stored),
            stored.get("known_by"),
        )

    def give_token(self, connection_id: str, before: SenderTokens, after: SenderTokens) -> bool:
        """Replace the sender tokens of a connection, if they are still those that were read; whether they were.

        Nothing else of the connection is looked at or changed: the webhook's function has no right to.
        """
        values = {":before": stored_tokens(before), ":after": stored_tokens(after)}
        update, condition = "SET sender_tokens = :after", "sender_tokens = :before"
        return mark(self._client, self._table, connection_id, update, condition, values, names={})
