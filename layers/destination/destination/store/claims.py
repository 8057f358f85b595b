"""ConnectionsTable: which audience has which list of a Marketo instance.

    pk = instance#<munchkin id>   sk = list#<list id>   connection_id, namespace, audience_id

Two audiences on one list would take off each other's people, be they of one connection or of two. So a list is claimed
in the transaction that gives it to an audience, and released in the one that takes it away:

    free ────claim────▶ ours ────release────▶ free
        _FREE_OR_OURS         _FREE_OR_OURS

An audience has a list while its activation has a `list_id`, and for as long it has the claim of that list.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from destination.domain.audience import AudienceKey
from destination.store.items import Item, audience_of, item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_IS_OURS: Final = "connection_id = :connection AND namespace = :namespace AND audience_id = :audience"
_FREE_OR_OURS: Final = f"attribute_not_exists(pk) OR ({_IS_OURS})"


@dataclass(frozen=True, slots=True)
class Claim:
    """A list, and the audience of a connection that it is that of."""

    munchkin_id: str
    list_id: int
    connection_id: str
    audience: AudienceKey

    @property
    def key(self) -> Item:
        return _key(self.munchkin_id, self.list_id)

    def made(self, table: str) -> "TransactWriteItemTypeDef":
        """A transaction's claim, refused where another audience has the list."""
        return {
            "Update": {
                "TableName": table,
                "Key": self.key,
                "UpdateExpression": "SET connection_id = :connection, namespace = :namespace, audience_id = :audience",
                "ConditionExpression": _FREE_OR_OURS,
                "ExpressionAttributeValues": self._values,
            }
        }

    def released(self, table: str) -> "TransactWriteItemTypeDef":
        """A transaction's end of the claim."""
        return {
            "Delete": {
                "TableName": table,
                "Key": self.key,
                "ConditionExpression": _FREE_OR_OURS,
                "ExpressionAttributeValues": self._values,
            }
        }

    def standing(self, client: "DynamoDBClient", table: str) -> "Claim | None":
        """The claim of the same list as it stands, whosever it is."""
        return claim_of(client, table, self.munchkin_id, self.list_id)

    @property
    def _values(self) -> Item:
        namespace, audience_id = self.audience
        return item({":connection": self.connection_id, ":namespace": namespace, ":audience": audience_id})


def claim_of(client: "DynamoDBClient", table: str, munchkin_id: str, list_id: int) -> Claim | None:
    """The claim of a list as it stands; None: it is free."""
    found = client.get_item(TableName=table, Key=_key(munchkin_id, list_id), ConsistentRead=True).get("Item")
    if found is None:
        return None
    return Claim(munchkin_id, list_id, found["connection_id"]["S"], audience_of(found))


def _key(munchkin_id: str, list_id: int) -> Item:
    return {"pk": {"S": f"instance#{munchkin_id}"}, "sk": {"S": f"list#{list_id}"}}
