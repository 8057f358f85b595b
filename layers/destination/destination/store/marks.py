"""Marks on a connection, which leave its version as it is: an operator's configuration did not change."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from destination.store.items import Attributes, connection_key, item
from destination.store.transactions import patiently

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STATUS: Final[Mapping[str, str]] = {"#status": "status"}


def mark(
    client: "DynamoDBClient",
    table: str,
    connection_id: str,
    update: str,
    condition: str,
    values: Attributes,
    names: Mapping[str, str] = STATUS,
) -> bool:
    """Whether the condition held. `names`: those that stand for others in the update and the condition."""
    given: dict[str, Any] = {"ExpressionAttributeValues": item(values)} if values else {}
    if names:
        given["ExpressionAttributeNames"] = names
    return conditionally(
        client,
        {
            "TableName": table,
            "Key": connection_key(connection_id),
            "UpdateExpression": update,
            "ConditionExpression": condition,
            **given,
        },
    )


def conditionally(client: "DynamoDBClient", update: Mapping[str, Any]) -> bool:
    """Update an item, patiently; whether the condition held."""
    try:
        patiently(lambda: client.update_item(**update))
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True
