"""One writer per Marketo instance: a lease in ConnectionsTable, with a fencing token and the pace.

    pk = instance#<munchkin id>   sk = instance    fence, leased_until, pace, pause, circuits
    pk = instance#<munchkin id>   sk = shard#<n>   fence

Marketo's limits are per instance, and two overlapping upserts of one new key make two leads; so whoever delivers to an
instance holds its lease. The pace travels with the lease, so that two holders in turn keep one limit.

Transactions that check one item conflict with each other, so every shard of the ledger has a copy of the fence, which
its own transactions check. A holder copies it before it reads a row of the shard: from then on no holder before writes
there, and what was read stays as it is.
"""

import contextlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from destination.domain.pace import NOTHING_KNOWN, DayCount, Lowered, PaceState, Updated
from destination.domain.pause import Pause
from destination.domain.refusal import Circuit
from destination.domain.shard import SHARDS
from destination.domain.times import format_time, parse_time
from destination.store.items import known
from destination.store.transactions import patiently

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
# At leased_until itself the lease is still held. A holder whose lease ran out still writes in a shard until the next
# enters it: _IS_OURS holds for the last fence alone.
_IS_FREE: Final = "attribute_not_exists(leased_until)"
_HAS_RUN_OUT: Final = "leased_until < :now"
_IS_OURS: Final = "fence = :fence"
_IS_KNOWN: Final = "attribute_exists(fence)"

# A shard's time line:
#
#   never entered      holder of fence 1 enters     holder of fence 3 enters     holder of fence 1 would enter again
#   ──────────────────┬────────────────────────────┬────────────────────────────┬──────────────────────────▶ time
#   ├ _IS_NOT_FENCED ─┤                            │                            │
#   ├ _IS_OLDER ───────────────────────────────────┴─ of fences up to one's own ┴ refused
_IS_NOT_FENCED: Final = "attribute_not_exists(fence)"
_IS_OLDER: Final = "fence <= :fence"


class LeaseLostError(Exception):
    """Somebody else holds the lease by now; nothing was written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to deliver to an instance until a time. `fence` grows with every lease of the instance.

    `pace`: what the holders before knew of the use of the instance's limits. `pause`: the last one, over or not.
    `circuits`: what is known of kinds of calls, by their names.
    """

    munchkin_id: str
    fence: int
    until: datetime
    pace: PaceState = NOTHING_KNOWN
    pause: Pause | None = None
    circuits: Mapping[str, Circuit] = field(default_factory=dict)


class Leases:
    """The leases of all instances, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

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
        circuits = json.loads(stored["circuits"]["S"]) if "circuits" in stored else {}
        known = {kind: _circuit(one) for kind, one in circuits.items()}
        return Lease(munchkin_id, int(stored["fence"]["N"]), until, pace, pause, known)

    def release(
        self, lease: Lease, pace: PaceState, pause: Pause | None, circuits: Mapping[str, Circuit] | None = None
    ) -> None:
        """Hand the lease over at once, with the pace and the pause; a lease that was lost is left alone.

        `circuits`: None leaves them as they were.
        """
        given = lease.circuits if circuits is None else circuits
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(lease.munchkin_id),
                UpdateExpression="SET pace = :pace, pause = :pause, circuits = :circuits REMOVE leased_until",
                ConditionExpression=_IS_OURS,
                ExpressionAttributeValues={
                    ":pace": {"S": json.dumps(asdict(pace))},
                    ":pause": {"S": json.dumps(_stored(pause))},
                    ":circuits": {"S": json.dumps({kind: _stored_circuit(one) for kind, one in given.items()})},
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

    def pause(self, munchkin_id: str) -> Pause | None:
        """The last pause of the instance, over or not, as it was when the lease was last given up."""
        answer = self._client.get_item(TableName=self._table, Key=_key(munchkin_id), ProjectionExpression="pause")
        stored = answer.get("Item", {}).get("pause")
        return _pause(json.loads(stored["S"])) if stored else None

    def end_pause(self, munchkin_id: str) -> None:
        """Let the instance be tried at once. Whoever holds the lease now still decides about the next pause."""
        with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            patiently(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key=_key(munchkin_id),
                    UpdateExpression="REMOVE pause",
                    ConditionExpression=_IS_KNOWN,
                ),
                self._sleep,
            )

    def _is_held(self, munchkin_id: str, now: datetime) -> bool:
        answer = self._client.get_item(
            TableName=self._table,
            Key=_key(munchkin_id),
            ConsistentRead=True,
            ProjectionExpression="leased_until",
        )
        until = answer.get("Item", {}).get("leased_until")
        return until is not None and float(until["N"]) >= now.timestamp()

    def enter(self, lease: Lease, shards: Collection[int]) -> None:
        """Copy the fence into shards, side by side: before one of their rows is read. Raises LeaseLostError.

        It may be done again, and waits for the transactions of a holder before.
        """
        with ThreadPoolExecutor(max_workers=SHARDS) as threads:
            for _ in threads.map(lambda shard: self._enter(lease, shard), sorted(set(shards))):
                pass

    def _enter(self, lease: Lease, shard: int) -> None:
        try:
            patiently(
                lambda: self._client.update_item(
                    TableName=self._table,
                    Key=_shard_key(lease.munchkin_id, shard),
                    UpdateExpression="SET fence = :fence",
                    ConditionExpression=f"{_IS_NOT_FENCED} OR {_IS_OLDER}",
                    ExpressionAttributeValues={":fence": {"N": str(lease.fence)}},
                ),
                self._sleep,
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost") from None

    def held(self, lease: Lease, shard: int) -> "TransactWriteItemTypeDef":
        """A transaction's condition that nobody entered the shard since we did."""
        return {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": _shard_key(lease.munchkin_id, shard),
                "ConditionExpression": _IS_OURS,
                "ExpressionAttributeValues": {":fence": {"N": str(lease.fence)}},
            }
        }


def _key(munchkin_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"instance#{munchkin_id}"}, "sk": {"S": "instance"}}


def _shard_key(munchkin_id: str, shard: int) -> dict[str, Any]:
    return {"pk": {"S": f"instance#{munchkin_id}"}, "sk": {"S": f"shard#{shard}"}}


def _pace(stored: dict[str, Any]) -> PaceState:
    share, concurrency, today = stored["share"], stored["concurrency"], stored["today"]
    return PaceState(
        calls=tuple(stored["calls"]),
        share=share and Lowered(**known(Lowered, share)),
        concurrency=concurrency and Lowered(**known(Lowered, concurrency)),
        today=today and DayCount(**known(DayCount, today)),
        # A release before wrote none.
        # A release before wrote none.
        updates=tuple(Updated(**known(Updated, one)) for one in stored.get("updates", ())),
    )


def _stored(pause: Pause | None) -> dict[str, Any] | None:
    if pause is None:
        return None
    return {**asdict(pause), "until": format_time(pause.until), "since": pause.since and format_time(pause.since)}


def _stored_circuit(circuit: Circuit) -> dict[str, Any]:
    return {
        "refused_at": format_time(circuit.refused_at),
        "pause": _stored(circuit.pause),
        "worked_at": circuit.worked_at and format_time(circuit.worked_at),
    }


def _circuit(stored: dict[str, Any]) -> Circuit:
    worked_at = stored["worked_at"]
    return Circuit(
        parse_time(stored["refused_at"]), _pause(stored["pause"]), None if worked_at is None else parse_time(worked_at)
    )


def _pause(stored: dict[str, Any] | None) -> Pause | None:
    if stored is None:
        return None
    since = stored.get("since")
    return Pause(**{**known(Pause, stored), "until": parse_time(stored["until"]), "since": since and parse_time(since)})
