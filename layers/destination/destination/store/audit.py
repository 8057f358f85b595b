"""The audit log, in ConnectionsTable beside what it is about, so that one transaction writes both.

    pk = audit#<connection id>   sk = <time>#<record id>   actor, action, audience, changes (JSON), expires_at
    index Listing                listing = audit, listed_as = <time>#<record id>

Records outlive their connection and expire after RETENTION. What concerns no connection stands under `audit#`.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.audit import RETENTION, AuditAction, AuditChange, AuditRecord, bounded
from destination.domain.times import format_time, parse_time
from destination.store.cursors import InvalidCursorError, cursor_of, position_of
from destination.store.items import attributes, item, known_words

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef, TransactWriteItemTypeDef

_LISTING: Final = "audit"
_PREFIX: Final = "audit#"

_IS_NEW: Final = "attribute_not_exists(pk)"
"""A record is written once and never changed: nothing ──put──▶ the record, until it expires."""

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some of the records, newest first, and the cursor of those that follow (None: there are no more).

    Records of actions that this release does not know are left out.
    """

    records: tuple[AuditRecord, ...]
    cursor: str | None


class Audit:
    """The records of all changes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def put(self, record: AuditRecord) -> "TransactWriteItemTypeDef":
        """A transaction's write of a record, to stand beside the change that it is about."""
        sk = f"{_stamp(record.at)}#{record.id}"
        stored = {
            "pk": f"{_PREFIX}{record.connection_id or ''}",
            "sk": sk,
            "listing": _LISTING,
            "listed_as": sk,
            "id": record.id,
            "at": format_time(record.at),
            "actor": record.actor,
            "action": record.action.value,
            "connection_id": record.connection_id,
            "namespace": record.audience and record.audience.namespace,
            "audience_id": record.audience and record.audience.id,
            "changes": json.dumps([[one.path, one.before, one.after] for one in bounded(record.changes)]),
            "expires_at": int((record.at + RETENTION).timestamp()),
        }
        return {"Put": {"TableName": self._table, "Item": item(stored), "ConditionExpression": _IS_NEW}}

    def write(self, record: AuditRecord) -> None:
        """Write a record of what no transaction changes."""
        put = self.put(record)["Put"]
        self._client.put_item(
            TableName=put["TableName"], Item=put["Item"], ConditionExpression=put["ConditionExpression"]
        )

    def page(
        self,
        connection_id: str | None = None,
        first: datetime | None = None,
        last: datetime | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> AuditPage:
        """Records from one time on and before another, newest first: one connection's, or all.

        All are read from an index: a change made a moment ago may not show yet. Raises InvalidCursorError.
        """
        lowest, highest = _stamp(first or _FIRST), _stamp(last or _LAST)
        request: QueryInputTypeDef = {"TableName": self._table, "Limit": limit, "ScanIndexForward": False}
        if connection_id is None:
            request["IndexName"] = "Listing"
            hash_key, range_key, value = "listing", "listed_as", _LISTING
        else:
            request["ConsistentRead"] = True
            hash_key, range_key, value = "pk", "sk", f"{_PREFIX}{connection_id}"
        request["KeyConditionExpression"] = f"{hash_key} = :key AND {range_key} BETWEEN :first AND :last"
        request["ExpressionAttributeValues"] = item({":key": value, ":first": lowest, ":last": highest})
        if cursor is not None:
            pk, _, sk = position_of(cursor).partition("\n")
            is_of_log = pk.startswith(_PREFIX) and connection_id in {None, pk.removeprefix(_PREFIX)}
            if not is_of_log or "\n" in sk or not lowest <= sk <= highest:
                raise InvalidCursorError
            start = {"pk": pk, "sk": sk} | ({"listing": _LISTING, "listed_as": sk} if connection_id is None else {})
            request["ExclusiveStartKey"] = item(start)
        answer = self._client.query(**request)
        end, found = answer.get("LastEvaluatedKey"), answer["Items"]
        return AuditPage(
            records=tuple(_record(one) for one in found if known_words(AuditAction, [one["action"]["S"]])),
            cursor=cursor_of(f"{end['pk']['S']}\n{end['sk']['S']}") if end else None,
        )


def _stamp(at: datetime) -> str:
    """Of one length, so that the strings have the order of the times."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def _record(found: dict[str, Any]) -> AuditRecord:
    stored = attributes(found)
    audience = AudienceKey(stored["namespace"], stored["audience_id"]) if "audience_id" in stored else None
    return AuditRecord(
        id=stored["id"],
        at=parse_time(stored["at"]),
        actor=stored["actor"],
        action=AuditAction(stored["action"]),
        connection_id=stored.get("connection_id"),
        audience=audience,
        changes=tuple(AuditChange(*change[:3]) for change in json.loads(stored["changes"])),
    )
