"""LedgerTable: what was last delivered of each person, and which events were counted.

    connection_id   key = person#<sha256 of the dedupe value>   delivered, expires_at
    connection_id   key = message#<message id>                  counted, expires_at

Rows of persons, the marks of counted events and the run's counters are written in one transaction, under the lease of
the instance: after any crash the ledger and the counters agree, and an event that the queue delivers again is known.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.person import Delivered, LedgerRow
from destination.domain.run import Run
from destination.domain.times import format_time, parse_time
from destination.store.leases import Lease, Leases
from destination.store.runs import Runs
from destination.store.transactions import refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

RETENTION = timedelta(days=60)
"""Beyond the longest replay: 14 days in the queue, 14 days among the dead letters, and a redrive after that."""

TRANSACTION_ITEMS = 100
_READ_ITEMS = 100
_PAUSE = 0.05
"""Seconds until what a batch left unread is read."""

_encode = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


class LeaseLostError(Exception):
    """Somebody else holds the lease by now; nothing was written."""


class StaleRunError(Exception):
    """A run was written since it was read; nothing was written."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who was put on a list and not taken off; `key` is the row's name in the table."""

    key: str
    row: LedgerRow
    delivered: Delivered


@dataclass(frozen=True, slots=True)
class Entry:
    """What one transaction records: rows by dedupe value, numbers of counted events by message, and the runs so far."""

    rows: Mapping[str, LedgerRow] = field(default_factory=dict)
    counted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    runs: Sequence[Run] = ()

    @property
    def items(self) -> int:
        """How many of a transaction's 100 items it takes; one is the lease's."""
        return 1 + len(self.rows) + len(self.counted) + len(self.runs)


class Ledger:
    """The ledger of all connections, in its table."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        leases: Leases,
        runs: Runs,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._leases = leases
        self._runs = runs
        self._sleep = sleep

    def rows(self, connection_id: str, dedupe_keys: Sequence[str]) -> dict[str, LedgerRow]:
        """The rows there are of these persons."""
        names = {_person(key): key for key in dedupe_keys}
        found = self._read(connection_id, list(names))
        return {names[name]: _row(stored["delivered"]["S"]) for name, stored in found}

    def counted(self, connection_id: str, message_ids: Sequence[str]) -> dict[str, frozenset[str]]:
        """The numbers of the events that were counted of each message."""
        names = {_message(one): one for one in message_ids}
        found = self._read(connection_id, list(names))
        return {names[name]: frozenset(stored["counted"]["SS"]) for name, stored in found}

    def members(self, connection_id: str, audience: AudienceKey) -> Iterator[int]:
        """The leads that were put on the audience's list and not taken off."""
        return (one.lead_id for one in self.placed(connection_id, audience) if one.lead_id is not None)

    def placed(self, connection_id: str, audience: AudienceKey) -> Iterator[Delivered]:
        """The memberships of those who were put on the audience's list and not taken off."""
        return (member.delivered for member in self.on_list(connection_id, audience))

    def on_list(self, connection_id: str, audience: AudienceKey) -> Iterator[Member]:
        """Those who were put on the audience's list and not taken off, with their rows."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="connection_id = :connection AND begins_with(#key, :person)",
            ExpressionAttributeNames={"#key": "key"},
            ExpressionAttributeValues={":connection": {"S": connection_id}, ":person": {"S": "person#"}},
            ConsistentRead=True,
        )
        for page in pages:
            for stored in page["Items"]:
                row = _row(stored["delivered"]["S"])
                delivered = row.memberships.get(audience)
                if delivered and delivered.status is MembershipStatus.REALIZED:
                    yield Member(stored["key"]["S"], row, delivered)

    def forget(
        self, connection_id: str, audience: AudienceKey, members: Sequence[Member], lease: Lease, now: datetime
    ) -> None:
        """Let it be as if nothing was ever delivered of the members' membership. Raises LeaseLostError."""
        expires = {"N": str(int((now + RETENTION).timestamp()))}
        for start in range(0, len(members), TRANSACTION_ITEMS - 1):
            items: list[TransactWriteItemTypeDef] = [self._leases.held(lease)]
            for member in members[start : start + TRANSACTION_ITEMS - 1]:
                left = {one: status for one, status in member.row.memberships.items() if one != audience}
                items.append(self._put(connection_id, member.key, replace(member.row, memberships=left), expires))
            self._write(items, lease)

    def run(self, connection_id: str, run_id: str) -> Run:
        """The run as it stands, empty if it has not begun."""
        return self._runs.get(connection_id, run_id) or Run(connection_id, run_id)

    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None:
        """Write an entry, all of it or nothing, patiently where the table is busy.

        Raises LeaseLostError, StaleRunError.
        """
        expires = {"N": str(int((now + RETENTION).timestamp()))}
        items: list[TransactWriteItemTypeDef] = [self._leases.held(lease)]
        items += [self._runs.put(run, now) for run in entry.runs]
        items += [self._count(connection_id, one, numbers, expires) for one, numbers in entry.counted.items()]
        items += [self._put(connection_id, _person(key), row, expires) for key, row in entry.rows.items()]
        self._write(items, lease)

    def _write(self, items: "Sequence[TransactWriteItemTypeDef]", lease: Lease) -> None:
        """`items`: the lease's condition first; of the others only the runs have one."""
        places = refused(self._client, items, self._sleep)
        if 0 in places:
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
        if places:
            raise StaleRunError("a run was written since it was read")

    def _read(self, connection_id: str, names: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        for start in range(0, len(names), _READ_ITEMS):
            wanted: Any = {
                self._table: {
                    "Keys": [_key(connection_id, name) for name in names[start : start + _READ_ITEMS]],
                    "ConsistentRead": True,
                }
            }
            while wanted:
                answer = self._client.batch_get_item(RequestItems=wanted)
                for found in answer["Responses"].get(self._table, []):
                    yield found["key"]["S"], found
                wanted = answer.get("UnprocessedKeys")
                if wanted:
                    self._sleep(_PAUSE)

    def _put(self, connection_id: str, name: str, row: LedgerRow, expires: Any) -> "TransactWriteItemTypeDef":
        stored = {**_key(connection_id, name), "delivered": {"S": _text(row)}, "expires_at": expires}
        return {"Put": {"TableName": self._table, "Item": stored}}

    def _count(
        self, connection_id: str, message_id: str, numbers: Iterable[str], expires: Any
    ) -> "TransactWriteItemTypeDef":
        return {
            "Update": {
                "TableName": self._table,
                "Key": _key(connection_id, _message(message_id)),
                "UpdateExpression": "ADD counted :numbers SET expires_at = :expires",
                "ExpressionAttributeValues": {":numbers": {"SS": sorted(numbers)}, ":expires": expires},
            }
        }


def _key(connection_id: str, name: str) -> dict[str, Any]:
    return {"connection_id": {"S": connection_id}, "key": {"S": name}}


def _person(dedupe_key: str) -> str:
    return f"person#{hashlib.sha256(dedupe_key.encode()).hexdigest()}"


def _message(message_id: str) -> str:
    return f"message#{message_id}"


def _text(row: LedgerRow) -> str:
    return _encode(
        {
            "lead_id": row.lead_id,
            "looked_up_at": _time(row.looked_up_at),
            "attributes_hash": row.attributes_hash,
            "attributes_at": _time(row.attributes_at),
            "sent_at": _time(row.sent_at),
            **({"consented_at": format_time(row.consented_at)} if row.consented_at else {}),
            **({"withdrawn_at": format_time(row.withdrawn_at)} if row.withdrawn_at else {}),
            "memberships": [
                [audience.namespace, audience.id, one.status.value, format_time(one.at), one.lead_id, one.list_id]
                for audience, one in row.memberships.items()
            ],
        }
    )


def _row(text: str) -> LedgerRow:
    stored = json.loads(text)
    return LedgerRow(
        lead_id=stored["lead_id"],
        looked_up_at=_parsed(stored["looked_up_at"]),
        attributes_hash=stored["attributes_hash"],
        attributes_at=_parsed(stored["attributes_at"]),
        sent_at=_parsed(stored["sent_at"]),
        memberships={
            AudienceKey(namespace, audience): Delivered(MembershipStatus(status), parse_time(at), lead_id, list_id)
            for namespace, audience, status, at, lead_id, list_id in stored["memberships"]
        },
        consented_at=_parsed(stored.get("consented_at")),
        withdrawn_at=_parsed(stored.get("withdrawn_at")),
    )


def _time(time: datetime | None) -> str | None:
    return None if time is None else format_time(time)


def _parsed(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
