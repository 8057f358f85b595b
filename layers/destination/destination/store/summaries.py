"""RunsTable: which hours of a connection were summed up, and with which counts; kept 90 days, as the runs are.

connection_id   id = summary#<hour>   version, counts, expires_at
index Late      late = late, id = <hour>#<shard>   parts of runs that were written after their hour, by sync
"""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from destination.domain.run import RETENTION, Run, hour_of
from destination.store.items import OF_KIND, attributes, item, runs_key
from destination.store.runs import hour_in

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_PREFIX: Final = "summary#"

# A late run's time line:
#
#   written after its hour: late ──read, summed up, settle──▶ late no more
#   written after its hour: late ──read, written again, summed up, settle──▶ late still, to be summed up once more
#                                                       _IS_AS_READ does not hold
_IS_AS_READ: Final = "version = :read"


@dataclass(frozen=True, slots=True)
class SummedUp:
    """What was told of an hour last: the version of its run, and the counts."""

    version: int
    counts: Counter[str]


class Summaries:
    """The hours that were summed up, of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def last_hour(self, connection_id: str) -> str | None:
        """The last hour that was summed up; None: none was."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression=OF_KIND,
            ExpressionAttributeValues=item({":connection": connection_id, ":prefix": _PREFIX}),
            ProjectionExpression="id",
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        found = [str(attributes(one)["id"]) for one in answer["Items"]]
        return found[0].removeprefix(_PREFIX) if found else None

    def get(self, connection_id: str, hour: str) -> SummedUp | None:
        answer = self._client.get_item(
            TableName=self._table, Key=runs_key(connection_id, _PREFIX + hour), ConsistentRead=True
        )
        if "Item" not in answer:
            return None
        stored = attributes(answer["Item"])
        return SummedUp(int(stored["version"]), Counter({name: int(count) for name, count in stored["counts"].items()}))

    def put(self, run: Run) -> None:
        """Remember that a run was summed up as it is."""
        stored = {
            "version": run.version,
            "counts": {name: count for name, count in run.tally.counts.items() if count},
            "expires_at": int((hour_of(run.id) + RETENTION).timestamp()),
        }
        self._client.put_item(TableName=self._table, Item=runs_key(run.connection_id, _PREFIX + run.id) | item(stored))

    def late(self) -> Iterator[tuple[str, str]]:
        """The runs that were written after their hour, by connection and hour; one just written may not show yet."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName="Late",
            KeyConditionExpression="late = :late",
            ExpressionAttributeValues=item({":late": "late"}),
        )
        told: set[tuple[str, str]] = set()
        for page in pages:
            for found in page["Items"]:
                stored = attributes(found)
                run = stored["connection_id"], hour_in(stored["id"])
                if run not in told:
                    told.add(run)
                    yield run

    def settle(self, run: Run) -> None:
        """Take a run off the late ones, unless it was written again since it was read: then those parts stay late."""
        for name, version in run.parts.items():
            with contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
                self._client.update_item(
                    TableName=self._table,
                    Key=runs_key(run.connection_id, name),
                    UpdateExpression="REMOVE late",
                    ConditionExpression=_IS_AS_READ,
                    ExpressionAttributeValues=item({":read": version}),
                )
