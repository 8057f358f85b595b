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
    try:
        patiently(
            lambda: client.update_item(
                TableName=table,
                Key=connection_key(connection_id),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeNames=names,
                **given,
            )
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True
