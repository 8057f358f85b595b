"""RunsTable: verifications, what they found of each audience, and what they read of a list so far.

    connection_id   id = verification#<id>                status, repair, position, times, expires_at
    connection_id   id = verified#<id>#<number>           the audience's check
    connection_id   id = read#<id>#<number>#<part>        lead ids, 8 bytes each, compressed
    connection_id   id = out_of_sync                      by audience, what its last verification left out of place

Ids of verifications begin with their time, so that the newest is found first.
"""

import json
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.run import RETENTION
from destination.domain.times import format_time, parse_time
from destination.domain.verification import AudienceCheck, Differences, Phase, Repair, Verification, VerificationStatus
from destination.store.items import OF_KIND, Item, attributes, item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

PART: Final = 30_000
"""Lead ids to an item: 240 KB before compression, and an item holds 400 KB."""

_KEPT: Final = timedelta(days=2)
"""What was read of a list is of no use any longer."""

_HEAD, _CHECK, _READ, _OUT_OF_SYNC = "verification#", "verified#", "read#", "out_of_sync"


class Verifications:
    """The verifications of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(
        self, verification: Verification, checks: Sequence[AudienceCheck], record: "TransactWriteItemTypeDef"
    ) -> None:
        """Store a new one with its audit record. What it is to check comes first: what can be seen is whole."""
        for number, check in enumerate(checks):
            self.put_check(verification, number, check)
        put: TransactWriteItemTypeDef = {"Put": {"TableName": self._table, "Item": _item(verification)}}
        self._client.transact_write_items(TransactItems=[put, record])

    def put(self, verification: Verification) -> None:
        self._client.put_item(TableName=self._table, Item=_item(verification))

    def remove(self, verification: Verification) -> None:
        """Take one back that nobody will carry out."""
        self._client.delete_item(TableName=self._table, Key=_key(verification.connection_id, _HEAD + verification.id))

    def get(self, connection_id: str, verification_id: str) -> Verification | None:
        key = _key(connection_id, _HEAD + verification_id)
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return _verification(answer["Item"]) if "Item" in answer else None

    def newest(self, connection_id: str, limit: int) -> list[Verification]:
        """The newest verifications, newest first."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression=OF_KIND,
            ExpressionAttributeValues=item({":connection": connection_id, ":prefix": _HEAD}),
            ScanIndexForward=False,
            Limit=limit,
            ConsistentRead=True,
        )
        return [_verification(found) for found in answer["Items"]]

    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> None:
        stored = {
            "found": json.dumps(asdict(check)),
            "expires_at": int((verification.requested_at + RETENTION).timestamp()),
        }
        self._put(verification.connection_id, f"{_CHECK}{verification.id}#{number:04}", item(stored))

    def checks(self, verification: Verification) -> list[AudienceCheck]:
        """What was found of each audience, in the order in which they are verified."""
        found = self._query(verification.connection_id, f"{_CHECK}{verification.id}#")
        return [_check(json.loads(attributes(one)["found"])) for one in found]

    def put_read(self, verification: Verification, number: int, part: int, lead_ids: Iterable[int]) -> None:
        """Keep lead ids that were read of a list, PART at most."""
        packed = zlib.compress(array("Q", lead_ids).tobytes())
        stored = {"leads": {"B": packed}} | item({"expires_at": int((verification.requested_at + _KEPT).timestamp())})
        self._put(verification.connection_id, f"{_READ}{verification.id}#{number:04}#{part:06}", stored)

    def read(self, verification: Verification, number: int) -> set[int]:
        """All lead ids that were read of a list so far."""
        leads: set[int] = set()
        for found in self._query(verification.connection_id, f"{_READ}{verification.id}#{number:04}#"):
            unpacked = array("Q")
            unpacked.frombytes(zlib.decompress(found["leads"]["B"]))
            leads.update(unpacked)
        return leads

    def forget_read(self, verification: Verification, number: int) -> None:
        for found in self._query(verification.connection_id, f"{_READ}{verification.id}#{number:04}#"):
            key = {"connection_id": found["connection_id"], "id": found["id"]}
            self._client.delete_item(TableName=self._table, Key=key)

    def out_of_sync(self, connection_id: str, audiences: Callable[[], Collection[AudienceKey]]) -> int | None:
        """How many people the last verification of each audience left out of place, in all; None: there was none.

        `audiences`: those of the connection now; of others nothing is out of place any more.
        """
        found = self._out_of_sync(connection_id)
        if not found:
            return None if found is None else 0
        names = {_name(one) for one in audiences()}
        return sum(count for name, count in found.items() if name in names)

    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        """Remember what was left out of place; a whole verification is all that is known then.

        Of an audience that could not be compared, what was known before is. Only what is out of place is stored, so
        that it fits into an item.
        """
        before = self._out_of_sync(verification.connection_id) or {}
        unknown = {_name(one.audience) for one in checks if one.code is not None}
        kept = {name: count for name, count in before.items() if name in unknown or not verification.is_whole}
        known = kept | {_name(one.audience): one.out_of_sync for one in checks if one.code is None}
        stored = {name: count for name, count in known.items() if count}
        self._put(verification.connection_id, _OUT_OF_SYNC, item({"audiences": stored}))

    def _out_of_sync(self, connection_id: str) -> dict[str, int] | None:
        key = _key(connection_id, _OUT_OF_SYNC)
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        return {name: int(count) for name, count in attributes(answer["Item"])["audiences"].items()}

    def _put(self, connection_id: str, name: str, stored: Item) -> None:
        self._client.put_item(TableName=self._table, Item=_key(connection_id, name) | stored)

    def _query(self, connection_id: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=OF_KIND,
            ExpressionAttributeValues=item({":connection": connection_id, ":prefix": prefix}),
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]


def _key(connection_id: str, name: str) -> Item:
    return item({"connection_id": connection_id, "id": name})


def _name(audience: AudienceKey) -> str:
    return f"{audience.namespace}#{audience.id}"


def _item(verification: Verification) -> Item:
    stored = {
        "repair": verification.repair.value,
        "status": verification.status.value,
        "audiences": verification.audiences,
        "is_whole": verification.is_whole,
        "position": verification.position,
        "requested_at": format_time(verification.requested_at),
        "started_at": verification.started_at and format_time(verification.started_at),
        "finished_at": verification.finished_at and format_time(verification.finished_at),
        "code": verification.code,
        "expires_at": int((verification.requested_at + RETENTION).timestamp()),
    }
    return _key(verification.connection_id, _HEAD + verification.id) | item(stored)


def _verification(found: Item) -> Verification:
    stored = attributes(found)
    return Verification(
        id=stored["id"].removeprefix(_HEAD),
        connection_id=stored["connection_id"],
        repair=Repair(stored["repair"]),
        requested_at=parse_time(stored["requested_at"]),
        audiences=int(stored["audiences"]),
        is_whole=stored["is_whole"],
        status=VerificationStatus(stored["status"]),
        position=int(stored["position"]),
        started_at=_time(stored.get("started_at")),
        finished_at=_time(stored.get("finished_at")),
        code=stored.get("code"),
    )


def _check(stored: dict[str, Any]) -> AudienceCheck:
    parsed = {
        "audience": AudienceKey(*stored["audience"]),
        "phase": Phase(stored["phase"]),
        "missing": _differences(stored["missing"]),
        "unexpected": _differences(stored["unexpected"]),
    }
    return AudienceCheck(**stored | parsed)


def _differences(stored: dict[str, Any]) -> Differences:
    return Differences(**stored | {"sample": tuple(stored["sample"])})


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
