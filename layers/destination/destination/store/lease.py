"""One writer per Marketo instance: a lease in ConnectionsTable, with a fencing token and the pace's window.

    pk = instance#<munchkin id>   sk = instance   fence, leased_until, calls

Marketo's limits are per instance, and two overlapping upserts of one new key make two leads; so whoever delivers to an
instance holds its lease. The window of calls travels with the lease, so that two holders in turn keep one limit.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to deliver to an instance until a time. `fence` grows with every lease of the instance.

    `calls` are the times (Unix seconds) at which the holders before sent their last calls.
    """

    munchkin_id: str
    fence: int
    until: datetime
    calls: tuple[float, ...] = ()


class Leases:
    """The leases of all instances, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None:
        """Take the lease until a time beyond which the taker cannot run; None while somebody else holds it."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(munchkin_id),
                UpdateExpression="SET leased_until = :until ADD fence :one",
                ConditionExpression="attribute_not_exists(leased_until) OR leased_until < :now",
                ExpressionAttributeValues={
                    ":until": {"N": str(until.timestamp())},
                    ":now": {"N": str(now.timestamp())},
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return None
        stored: dict[str, Any] = answer["Attributes"]
        calls = json.loads(stored["calls"]["S"]) if "calls" in stored else []
        return Lease(munchkin_id, int(stored["fence"]["N"]), until, tuple(calls))

    def release(self, lease: Lease, calls: list[float]) -> None:
        """Hand the lease over at once, with the window of calls; a lease that was lost is left alone."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(lease.munchkin_id),
                UpdateExpression="SET calls = :calls REMOVE leased_until",
                ConditionExpression="fence = :fence",
                ExpressionAttributeValues={
                    ":calls": {"S": json.dumps(calls)},
                    ":fence": {"N": str(lease.fence)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def held(self, lease: Lease) -> "TransactWriteItemTypeDef":
        """A transaction's condition that the lease is still ours."""
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": _key(lease.munchkin_id),
                "ConditionExpression": "fence = :fence",
                "ExpressionAttributeValues": {":fence": {"N": str(lease.fence)}},
            }
        }


def _key(munchkin_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"instance#{munchkin_id}"}, "sk": {"S": "instance"}}
