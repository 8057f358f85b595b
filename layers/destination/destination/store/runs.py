"""RunsTable: one item an hour and connection, with its counters; kept 90 days.

connection_id   id = 2026-11-21T10:00Z   version, counts, reasons, audiences, expires_at
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from destination.domain.connection import AudienceKey
from destination.domain.outcome import Class, Reason
from destination.domain.runs import RETENTION, Run, Tally, hour_of, run_id
from destination.store.items import attributes, item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


class Runs:
    """The runs of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, connection_id: str, run_id: str) -> Run | None:
        answer = self._client.get_item(TableName=self._table, Key=_key(connection_id, run_id), ConsistentRead=True)
        return _run(answer["Item"]) if "Item" in answer else None

    def between(self, connection_id: str, first: str, last: str) -> Iterator[Run]:
        """The runs from one hour to another, both included, oldest first."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="connection_id = :connection AND id BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":connection": {"S": connection_id},
                ":first": {"S": first},
                ":last": {"S": last},
            },
        )
        for page in pages:
            yield from (_run(found) for found in page["Items"])

    def last_event_at(self, connection_id: str, now: datetime) -> datetime | None:
        """The end of the last hour in which events were received, or now if that is not over; None: there is none."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="connection_id = :connection AND id BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":connection": {"S": connection_id},
                ":first": {"S": run_id(now - RETENTION)},
                ":last": {"S": run_id(now)},
            },
            ScanIndexForward=False,
        )
        found = (_run(one) for page in pages for one in page["Items"])
        hours = (hour_of(run.id) for run in found if run.tally.counts["received"] or run.tally.counts["ignored"])
        last = next(hours, None)
        return None if last is None else min(last + timedelta(hours=1), now)

    def put(self, run: Run) -> "TransactWriteItemTypeDef":
        """A transaction's write of a run over the version it was read at."""
        return {
            "Put": {
                "TableName": self._table,
                "Item": _item(run),
                "ConditionExpression": "attribute_not_exists(version) OR version = :read",
                "ExpressionAttributeValues": {":read": {"N": str(run.version)}},
            }
        }


def _key(connection_id: str, run_id: str) -> dict[str, Any]:
    return {"connection_id": {"S": connection_id}, "id": {"S": run_id}}


def _item(run: Run) -> dict[str, Any]:
    tally = run.tally
    return item(
        {
            "connection_id": run.connection_id,
            "id": run.id,
            "version": run.version + 1,
            "counts": {name: count for name, count in tally.counts.items() if count},
            "reasons": [
                {"code": reason.code, "class": reason.outcome.value, "count": count}
                for reason, count in tally.reasons.items()
            ],
            "audiences": [
                {"namespace": audience.namespace, "id": audience.id, "counts": dict(counts)}
                for audience, counts in tally.audiences.items()
            ],
            "expires_at": int((hour_of(run.id) + RETENTION).timestamp()),
        }
    )


def _run(found: dict[str, Any]) -> Run:
    stored = attributes(found)
    audiences: defaultdict[AudienceKey, Counter[str]] = defaultdict(Counter)
    for one in stored["audiences"]:
        audiences[AudienceKey(one["namespace"], one["id"])] = _counter(one["counts"])
    reasons = Counter({Reason(Class(one["class"]), one["code"]): int(one["count"]) for one in stored["reasons"]})
    tally = Tally(_counter(stored["counts"]), reasons, audiences)
    return Run(stored["connection_id"], stored["id"], int(stored["version"]), tally)


def _counter(counts: dict[str, Any]) -> Counter[str]:
    return Counter({name: int(count) for name, count in counts.items()})
