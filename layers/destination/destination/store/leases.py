"""One writer per Marketo instance: a lease in ConnectionsTable, with a fencing token and the pace.

    pk = instance#<munchkin id>   sk = instance   fence, leased_until, pace, pause

Marketo's limits are per instance, and two overlapping upserts of one new key make two leads; so whoever delivers to an
instance holds its lease. The pace travels with the lease, so that two holders in turn keep one limit.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from destination.domain.pace import NOTHING_KNOWN, DayCount, Lowered, PaceState
from destination.domain.pause import Pause
from destination.domain.times import format_time, parse_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# An instance's time line, and where whoever comes next gets through:
#
#   never leased     fence 1        released     fence 2, whose holder dies                    fence 3
#   ────────────────┬──────────────┬────────────┬─────────────────────────────┬───────────────┬──────────▶ time
#                acquire        release      acquire                     leased_until      acquire
#   ├── _IS_FREE ───┤              ├─ _IS_FREE ─┤                             ├ _HAS_RUN_OUT ─┤
#
# At leased_until itself the lease is still held. A holder whose lease ran out still writes until somebody takes the
# next: _IS_OURS holds for the last fence alone.
_IS_FREE: Final = "attribute_not_exists(leased_until)"
_HAS_RUN_OUT: Final = "leased_until < :now"
_IS_OURS: Final = "fence = :fence"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to deliver to an instance until a time. `fence` grows with every lease of the instance.

    `pace`: what the holders before knew of the use of the instance's limits. `pause`: the last one, over or not.
    """

    munchkin_id: str
    fence: int
    until: datetime
    pace: PaceState = NOTHING_KNOWN
    pause: Pause | None = None


class Leases:
    """The leases of all instances, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None:
        """Take the lease until a time beyond which the taker cannot run; None while somebody else holds it.

        Whoever waits only reads: a write beside the holder's transactions would make them conflict.
        """
        if self._is_held(munchkin_id, now):
            return None
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(munchkin_id),
                UpdateExpression="SET leased_until = :until ADD fence :one",
                ConditionExpression=f"{_IS_FREE} OR {_HAS_RUN_OUT}",
                ExpressionAttributeValues={
                    ":until": {"N": str(until.timestamp())},
                    ":now": {"N": str(now.timestamp())},
                    ":one": {"N": "1"},
                },
                ReturnValues="ALL_NEW",
            )
        except (
            self._client.exceptions.ConditionalCheckFailedException,
            self._client.exceptions.TransactionConflictException,
        ):
            return None
        stored: dict[str, Any] = answer["Attributes"]
        pace = _pace(json.loads(stored["pace"]["S"])) if "pace" in stored else NOTHING_KNOWN
        pause = _pause(json.loads(stored["pause"]["S"])) if "pause" in stored else None
        return Lease(munchkin_id, int(stored["fence"]["N"]), until, pace, pause)

    def release(self, lease: Lease, pace: PaceState, pause: Pause | None) -> None:
        """Hand the lease over at once, with the pace and the pause; a lease that was lost is left alone."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(lease.munchkin_id),
                UpdateExpression="SET pace = :pace, pause = :pause REMOVE leased_until",
                ConditionExpression=_IS_OURS,
                ExpressionAttributeValues={
                    ":pace": {"S": json.dumps(asdict(pace))},
                    ":pause": {"S": json.dumps(pause and {**asdict(pause), "until": format_time(pause.until)})},
                    ":fence": {"N": str(lease.fence)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return

    def today(self, munchkin_id: str) -> DayCount | None:
        """What is known of the calls of Marketo's day, as it was when the lease was last given up."""
        answer = self._client.get_item(TableName=self._table, Key=_key(munchkin_id), ProjectionExpression="pace")
        stored = answer.get("Item", {}).get("pace")
        return _pace(json.loads(stored["S"])).today if stored else None

    def _is_held(self, munchkin_id: str, now: datetime) -> bool:
        answer = self._client.get_item(
            TableName=self._table,
            Key=_key(munchkin_id),
            ConsistentRead=True,
            ProjectionExpression="leased_until",
        )
        until = answer.get("Item", {}).get("leased_until")
        return until is not None and float(until["N"]) >= now.timestamp()

    def held(self, lease: Lease) -> "TransactWriteItemTypeDef":
        """A transaction's condition that the lease is still ours."""
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": _key(lease.munchkin_id),
                "ConditionExpression": _IS_OURS,
                "ExpressionAttributeValues": {":fence": {"N": str(lease.fence)}},
            }
        }


def _key(munchkin_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"instance#{munchkin_id}"}, "sk": {"S": "instance"}}


def _pace(stored: dict[str, Any]) -> PaceState:
    share, concurrency, today = stored["share"], stored["concurrency"], stored["today"]
    return PaceState(
        calls=tuple(stored["calls"]),
        share=share and Lowered(**share),
        concurrency=concurrency and Lowered(**concurrency),
        today=today and DayCount(**today),
    )


def _pause(stored: dict[str, Any] | None) -> Pause | None:
    return None if stored is None else Pause(**{**stored, "until": parse_time(stored["until"])})
