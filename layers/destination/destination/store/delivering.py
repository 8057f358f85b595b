"""ConnectionsTable: what delivery reads of the connections, and what it marks them with (marks.py)."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from destination.domain.audience import AudienceKey
from destination.domain.connection import DELIVERING, ActiveConnection, Limits, Status, Waiting
from destination.domain.parking import RETRY_BLOCKED
from destination.domain.times import format_time
from destination.store.audiences import Audiences
from destination.store.claims import claim_of
from destination.store.connections import Connections
from destination.store.errors import NotFoundError
from destination.store.items import Attributes, connection_key
from destination.store.marks import STATUS, mark
from destination.store.versions import AS_READ

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# A connection's statuses in time, and where delivery's marks are let through:
#
#   enabled ──block──▶ blocked ──block──▶ blocked, by its newest cause ──unblock──▶ enabled
#       _DELIVERS           _DELIVERS                              _IS_BLOCKED
#
#   deleting ──block──▶ deleting, with a cause ──unblock──▶ deleting
#       _IS_DELETING                       _IS_DELETING
#
# Draft and disabled connections are never marked as blocked, and a mark brings back none that is gone.
_DELIVERS: Final = "#status IN (:enabled, :blocked)"
_IS_BLOCKED: Final = "#status = :blocked"
_IS_DELETING: Final = "#status = :deleting"
_IS_KEPT: Final = "attribute_not_exists(discarded)"
_IS_THERE: Final = "attribute_exists(#status)"


class DeliveringConnections:
    """The connections as delivery knows them, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._connections = Connections(client, table)
        self._audiences = Audiences(client, table)

    def active(self, connection_id: str) -> ActiveConnection:
        """The connection with its activations. Raises NotFoundError, also of one that is discarded."""
        target = self._connections.active(connection_id)
        if target.connection.is_discarded:
            raise NotFoundError(f"connection {connection_id} is discarded")
        return target

    def limits(self, munchkin_id: str) -> tuple[Limits, ...]:
        """The limits of the connections of an instance that deliver, which they share."""
        return tuple(one.limits for one in self._connections.of_instance(munchkin_id) if one.status in DELIVERING)

    def rebind(
        self,
        connection_id: str,
        audience: AudienceKey,
        before: int,
        list_id: int,
        list_name: str,
        *,
        may_hold_others: bool,
        fill_at: datetime | None,
    ) -> bool:
        """Give an activated audience another list, that is to be filled from a time on; whether it was given.

        It is not where an operator has given it another one, or none, and where the list is that of another audience.
        """
        return self._audiences.rebind(
            connection_id, audience, before, list_id, list_name, may_hold_others=may_hold_others, fill_at=fill_at
        )

    def rename_audience(
        self, connection_id: str, audience: AudienceKey, before: str, name: str, list_name: str | None, at: datetime
    ) -> None:
        """Note the name that an audience had at a time, and that of its list, unless it was renamed meanwhile."""
        self._audiences.rename(connection_id, audience, before, name, list_name, at)

    def filled(self, connection_id: str, audience: AudienceKey, list_id: int, due: datetime) -> None:
        """Note that a list was filled that was to be from a time on, unless it has become due again since."""
        self._audiences.filled(connection_id, audience, list_id, due)

    def is_claimed(self, munchkin_id: str, list_id: int) -> bool:
        """Whether a list is that of an activated audience, of whichever connection."""
        return claim_of(self._client, self._table, munchkin_id, list_id) is not None

    def is_delivered(self, connection_id: str) -> bool:
        """Whether what is queued for the connection is delivered: it is there, and is not discarded."""
        answer = self._client.get_item(
            TableName=self._table,
            Key=connection_key(connection_id),
            ProjectionExpression="pk, discarded",
            ConsistentRead=True,
        )
        return "Item" in answer and "discarded" not in answer["Item"]

    def begin_delivery(self, connection_id: str, version: int, at: datetime) -> bool:
        """Note when the first event is delivered, before it is, by the configuration of a version.

        From then on what people are found by cannot be changed. False: the configuration has been changed since it was
        read, or is gone or discarded, and the event must not be delivered by it.
        """
        return self._mark(
            connection_id,
            "SET delivered_at = if_not_exists(delivered_at, :at)",
            f"{AS_READ} AND {_IS_KEPT}",
            {":at": format_time(at), ":read": version},
            {"#version": "version"},
        )

    def block(self, connection_id: str, cause: str, at: datetime) -> None:
        """Show that Marketo refuses the connection, why, and when it is tried again; only one that delivers is blocked.

        One that is being deleted stays so, and shows the cause.
        """
        shown = "blocked_cause = :cause, retry_at = :retry, held_since = if_not_exists(held_since, :at)"
        values = {":cause": cause, ":at": format_time(at), ":retry": format_time(at + RETRY_BLOCKED)}
        blocked = self._mark(
            connection_id,
            f"SET #status = :blocked, {shown}",
            _DELIVERS,
            {**values, ":blocked": Status.BLOCKED.value, ":enabled": Status.ENABLED.value},
        )
        if not blocked:
            deleting = {":deleting": Status.DELETING.value}
            self._mark(connection_id, f"SET {shown}", _IS_DELETING, {**values, **deleting})

    def unblock(self, connection_id: str) -> None:
        """Back to enabled, if it is blocked, and no cause any more."""
        forgotten = "REMOVE blocked_cause, retry_at, held_since"
        unblocked = self._mark(
            connection_id,
            f"SET #status = :enabled {forgotten}",
            _IS_BLOCKED,
            {":blocked": Status.BLOCKED.value, ":enabled": Status.ENABLED.value},
        )
        if not unblocked:
            self._mark(connection_id, forgotten, _IS_DELETING, {":deleting": Status.DELETING.value})

    def resume_later(self, connection_id: str) -> None:
        """Note that messages came back that could not be delivered: once they can be, all have to be sent back."""
        self._mark(connection_id, "REMOVE resumed_at, resumed_up_to", _IS_THERE, {})

    def wait(self, connection_id: str, waiting: Waiting | None) -> None:
        """Note the oldest event that waits (None: there is none)."""
        times = {"since": format_time(waiting.since), "until": format_time(waiting.until)} if waiting else {}
        self._mark(connection_id, "SET waiting = :waiting", _IS_THERE, {":waiting": times})

    def _mark(
        self,
        connection_id: str,
        update: str,
        condition: str,
        values: Attributes,
        names: Mapping[str, str] = STATUS,
    ) -> bool:
        """Whether the condition held."""
        return mark(self._client, self._table, connection_id, update, condition, values, names)
