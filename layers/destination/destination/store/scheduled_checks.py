"""What the last scheduled checks of a connection found: one item beside its runs, for 90 days."""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from destination.domain.check import CheckName
from destination.domain.scheduled_checks import CheckedConnection, FailingCheck
from destination.domain.times import format_time, parse_time
from destination.store.items import attributes, item, known_words, runs_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RETENTION: Final = timedelta(days=90)
_ID: Final = "checks"


class ScheduledChecks:
    """The last checks of all connections, in the table of runs."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def last(self, connection_id: str) -> CheckedConnection | None:
        """None: they were not made yet. A check that this release does not know is left out."""
        key = runs_key(connection_id, _ID)
        found = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if found is None:
            return None
        stored = attributes(found)
        failing = (one for one in stored["failing"] if known_words(CheckName, [one["name"]]))
        return CheckedConnection(
            parse_time(stored["at"]),
            tuple(FailingCheck(CheckName(one["name"]), one["detail"], one["hint"]) for one in failing),
            int(stored.get("version", 0)),  # A release before wrote none.
        )

    def put(self, connection_id: str, checked: CheckedConnection) -> None:
        """Over what was found before."""
        failing = [{"name": one.name.value, "detail": one.detail, "hint": one.hint} for one in checked.failing]
        written = {
            "connection_id": connection_id,
            "id": _ID,
            "at": format_time(checked.at),
            "failing": failing,
            "version": checked.version,
            "expires_at": int((checked.at + RETENTION).timestamp()),
        }
        self._client.put_item(TableName=self._table, Item=item(written))
