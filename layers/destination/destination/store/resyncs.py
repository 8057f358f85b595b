"""Resyncs: how far each is, in RunsTable; which one of a connection goes on, beside the connection.

    connection_id   id = resync#<id>                      the resync; expires_at
    resyncs         id = <connection id>#<id>             those that are not at their end yet

    pk = connection id   sk = connection                  resyncing: its id, since when, and in which audiences

There is one at a time. It begins with the mark on the connection, and ends with its removal, in one transaction with
what is stored of it.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from destination.domain.resync import ClosedBy, Named, Resync, ResyncCode, ResyncHold, ResyncStatus
from destination.domain.run import RETENTION
from destination.domain.times import format_time
from destination.store.errors import StaleVersionError
from destination.store.items import Attributes, connection_key, item, known_words
from destination.store.versioned import Ongoing, state_in, state_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_IS_FREE: Final = "attribute_exists(pk) AND attribute_not_exists(resyncing)"
_IS_OWN: Final = "resyncing.id = :own"
_TIMES: Final = (
    "opened_at",
    "closed_at",
    "heard_at",
    "drained_since",
    "counted_at",
    "approved_at",
    "finished_at",
)


class Resyncs(Ongoing[Resync]):
    """The resyncs of all connections, in their tables."""

    def __init__(self, client: "DynamoDBClient", runs_table: str, connections_table: str) -> None:
        super().__init__(
            client, runs_table, "resync", write=_written, read=_resync, expires=lambda one: one.opened_at + RETENTION
        )
        self._connections_table = connections_table

    def create(self, resync: Resync, *beside: "TransactWriteItemTypeDef") -> bool:
        """Open a new one, with its audit record; whether it is open: there is one at a time, of a connection that is
        there.
        """
        mark: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._connections_table,
                "Key": connection_key(resync.connection_id),
                "UpdateExpression": "SET resyncing = :resyncing",
                "ConditionExpression": _IS_FREE,
                "ExpressionAttributeValues": item({":resyncing": _mark_of(resync)}),
            }
        }
        return super().create(resync, mark, *beside)

    def put(self, resync: Resync, *beside: "TransactWriteItemTypeDef") -> Resync:
        """As of all that is listed; once it is at its end nobody is noted any more."""
        if not resync.is_ended:
            return super().put(resync, *beside)
        try:
            return super().put(resync, self._released(resync), *beside)
        except StaleVersionError:  # Or its connection is gone, and the mark with it.
            return super().put(resync, *beside)

    def _released(self, resync: Resync) -> "TransactWriteItemTypeDef":
        return {
            "Update": {
                "TableName": self._connections_table,
                "Key": connection_key(resync.connection_id),
                "UpdateExpression": "REMOVE resyncing",
                "ConditionExpression": _IS_OWN,
                "ExpressionAttributeValues": item({":own": resync.id}),
            }
        }


def _mark_of(resync: Resync) -> dict[str, Any]:
    chosen = {} if resync.activation_ids is None else {"activation_ids": list(resync.activation_ids)}
    return {"id": resync.id, "since": format_time(resync.opened_at), **chosen}


def _written(resync: Resync) -> Attributes:
    seconds = {name: int(getattr(resync, name).total_seconds()) for name in ("quiet", "longest")}
    return {"state": state_of(resync, _TIMES, **seconds)}


def _resync(stored: Attributes) -> Resync:
    state = state_in(Resync, stored, _TIMES)
    chosen, closed_by, code = state["activation_ids"], state["closed_by"], state["code"]
    parsed: dict[str, Any] = {
        "status": ResyncStatus(state["status"]),
        "activation_ids": None if chosen is None else tuple(chosen),
        "quiet": timedelta(seconds=state["quiet"]),
        "longest": timedelta(seconds=state["longest"]),
        "closed_by": None if closed_by is None else ClosedBy(closed_by),
        "counts": {activation: Named(*one[:2]) for activation, one in state["counts"].items()},
        "holds": tuple(known_words(ResyncHold, state["holds"])),
        "code": None if code is None else ResyncCode(code),
    }
    return Resync(**state | parsed)
