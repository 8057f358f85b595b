"""RunsTable: verifications, what they found of each audience, and what they read of a list so far.

    connection_id   id = verification#<id>                status, repair, position, times, expires_at
    connection_id   id = verified#<id>#<number>           the audience's check
    connection_id   id = read#<id>#<number>#<part>        lead ids, 8 bytes each, compressed; digests, 8 bytes each
    connection_id   id = stands#<id>#<number>#<part>      what the ledger says of leads, 37 bytes each
    connection_id   id = out_of_sync                      by audience, what its last verification left out of place
    connection_id   id = list_sizes                       by audience, how many its last verification left on its list
    connection_id   id = last_verification                the id of the one that was requested last

Ids of verifications begin with their time, so that the newest is found first. Whatever is written of one is written
over the version that it was read at, so that whoever carries on what is cancelled, or what somebody else carries on as
well, changes nothing:

    request ──create──▶ version 1, queued ──put──▶ version 2, running ──put_check──▶ … ──put──▶ finished
                                          └──────────────────── cancel ────────────────▶ cancelled
"""

import json
import struct
import zlib
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.run import RETENTION
from destination.domain.shard import NO_DIGEST
from destination.domain.times import format_time, parse_time
from destination.domain.verification import (
    MAX_DURATION,
    AudienceCheck,
    Differences,
    LedgerReading,
    ListSize,
    Phase,
    Repair,
    Stand,
    Standing,
    Verification,
    VerificationStatus,
)
from destination.store.errors import StaleVersionError
from destination.store.items import Attributes, Item, attributes, item, known, known_words, runs_key
from destination.store.lead_extracts import extract_of, stored_extract
from destination.store.transactions import refused
from destination.store.versioned import Versioned

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

PART: Final = 30_000
"""Lead ids to an item: 240 KB before compression, and an item holds 400 KB. With digests 20,000: 320 KB."""

STANDS: Final = 8_000
"""What the ledger says of so many leads to an item: 296 KB."""

_STAND: Final = struct.Struct(">32sIB")
_PERSON: Final = "person#"

_KEPT: Final = MAX_DURATION
"""What was read of a list is of no use any longer."""

_CHECK, _READ, _STANDS = "verified#", "read#", "stands#"
_OUT_OF_SYNC, _LIST_SIZES, _LAST = "out_of_sync", "list_sizes", "last_verification"

_IS_LAST: Final = "verification = :last"
_IS_FIRST: Final = "attribute_not_exists(verification)"
_IS_GOING_ON: Final = "#status IN (:queued, :running)"


class Verifications(Versioned[Verification]):
    """The verifications of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        super().__init__(
            client,
            table,
            "verification",
            write=_written,
            read=_verification,
            expires=lambda one: one.requested_at + RETENTION,
        )

    def create(
        self,
        verification: Verification,
        checks: Sequence[AudienceCheck],
        last: str | None,
        record: "TransactWriteItemTypeDef",
    ) -> None:
        """Store a new one with its audit record. What it is to check comes first: what can be seen is whole.

        `last`: the one that was requested last when it was decided that there may be another. Raises StaleVersionError
        when somebody else requested one since.
        """
        for number, check in enumerate(checks):
            self._client.put_item(TableName=self._table, Item=self._check_item(verification, number, check))
        if refused(self._client, [self.new(verification), self._becomes_last(verification, last), record]):
            raise StaleVersionError(f"another verification of connection {verification.connection_id} was requested")

    def last(self, connection_id: str) -> str | None:
        """The id of the one that was requested last; all that were before it are finished."""
        answer = self._client.get_item(TableName=self._table, Key=runs_key(connection_id, _LAST), ConsistentRead=True)
        return str(attributes(answer["Item"])["verification"]) if "Item" in answer else None

    def cancel(self, verification: Verification, now: datetime, record: "TransactWriteItemTypeDef") -> bool:
        """Cancel it, with its audit record, at whatever version it is; whether it was not finished yet."""
        values = {
            ":cancelled": VerificationStatus.CANCELLED.value,
            ":queued": VerificationStatus.QUEUED.value,
            ":running": VerificationStatus.RUNNING.value,
            ":now": format_time(now),
            ":one": 1,
        }
        update: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._table,
                "Key": runs_key(verification.connection_id, self._prefix + verification.id),
                "UpdateExpression": "SET #status = :cancelled, finished_at = :now, #version = #version + :one",
                "ConditionExpression": _IS_GOING_ON,
                "ExpressionAttributeNames": {"#status": "status", "#version": "version"},
                "ExpressionAttributeValues": item(values),
            }
        }
        return not refused(self._client, [update, record])

    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> Verification:
        """Store what was found of an audience, as `put` does, beside the verification."""
        item_of_check = self._check_item(verification, number, check)
        return self.put(verification, {"Put": {"TableName": self._table, "Item": item_of_check}})

    def checks(self, verification: Verification) -> list[AudienceCheck]:
        """What was found of each audience, in the order in which they are verified."""
        found = self._items(verification.connection_id, f"{_CHECK}{verification.id}#")
        return [_check(json.loads(attributes(one)["found"])) for one in found]

    def put_read(
        self,
        verification: Verification,
        number: int,
        part: int,
        lead_ids: Iterable[int],
        digests: Sequence[bytes] = (),
    ) -> None:
        """Keep lead ids that were read of a list, PART at most. Raises StaleVersionError.

        `digests`: one for each of the leads, of the person whose value it has; then 20,000 at most.
        """
        name = f"{_READ}{verification.id}#{number:04}#{part:06}"
        # Digests are as good as chance, which nothing makes shorter.
        beside: Item = {"digests": {"B": b"".join(digests)}} if digests else {}
        self._keep(verification, name, array("Q", lead_ids).tobytes(), beside)

    def put_stands(self, verification: Verification, number: int, part: int, stands: Sequence[Stand]) -> None:
        """Keep what was read of the ledger, STANDS at most. Raises StaleVersionError."""
        packed = b"".join(_STAND.pack(_hash_of(one.row), one.lead_id, one.standing) for one in stands)
        self._keep(verification, f"{_STANDS}{verification.id}#{number:04}#{part:06}", packed)

    def stands(self, verification: Verification, number: int, parts: int) -> Iterator[Stand]:
        """What was read of the ledger about an audience, in so many parts."""
        for part in range(parts):
            key = runs_key(verification.connection_id, f"{_STANDS}{verification.id}#{number:04}#{part:06}")
            answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
            for row, lead_id, standing in _STAND.iter_unpack(zlib.decompress(answer["Item"]["kept"]["B"])):
                yield Stand(lead_id, Standing(standing), f"{_PERSON}{row.hex()}")

    def forget_stands(self, verification: Verification, number: int, parts: int) -> None:
        """Drop what was read of the ledger about an audience, in so many parts."""
        for part in range(parts):
            key = runs_key(verification.connection_id, f"{_STANDS}{verification.id}#{number:04}#{part:06}")
            self._client.delete_item(TableName=self._table, Key=key)

    def _keep(self, verification: Verification, name: str, content: bytes, beside: Item | None = None) -> None:
        kept_until = item({"expires_at": int((verification.requested_at + _KEPT).timestamp())})
        stored = {"kept": {"B": zlib.compress(content)}} | kept_until | (beside or {})
        key = runs_key(verification.connection_id, name)
        self.put_beside(verification, {"Put": {"TableName": self._table, "Item": key | stored}})

    def read(self, verification: Verification, number: int) -> set[int]:
        """All lead ids that were read of a list so far."""
        leads: set[int] = set()
        for found in self._items(verification.connection_id, f"{_READ}{verification.id}#{number:04}#"):
            leads.update(_ids(found))
        return leads

    def digests(self, verification: Verification, number: int, wanted: Collection[int]) -> dict[int, bytes]:
        """Of those of the leads that were read with one: the digest of the person whose value each of them has."""
        digests: dict[int, bytes] = {}
        for found in self._items(verification.connection_id, f"{_READ}{verification.id}#{number:04}#"):
            if "digests" in found:
                kept, size = found["digests"]["B"], len(NO_DIGEST)
                places = enumerate(_ids(found))
                digests |= {one: kept[size * place : size * (place + 1)] for place, one in places if one in wanted}
        return digests

    def forget_read(self, verification: Verification, number: int) -> None:
        """Drop what was read of a list."""
        for found in self._items(verification.connection_id, f"{_READ}{verification.id}#{number:04}#"):
            key = {"connection_id": found["connection_id"], "id": found["id"]}
            self._client.delete_item(TableName=self._table, Key=key)

    def out_of_sync(
        self, connection_id: str, audiences: Callable[[], Collection[AudienceKey]]
    ) -> dict[AudienceKey, int] | None:
        """How many people the last verification of each audience left out of place; None: there was none.

        `audiences`: those of the connection now; of others nothing is out of place any more.
        """
        found = self._out_of_sync(connection_id)
        if not found:
            return None if found is None else {}
        return {one: found[name] for one in audiences() if (name := activation_id(one)) in found}

    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        """Remember what was left out of place; a whole verification is all that is known then.

        Of an audience that could not be compared, what was known before is. Only what is out of place is stored, so
        that it fits into an item.
        """
        before = self._out_of_sync(verification.connection_id) or {}
        unknown = {activation_id(one.audience) for one in checks if one.code is not None}
        kept = {name: count for name, count in before.items() if name in unknown or not verification.is_whole}
        known = kept | {activation_id(one.audience): one.out_of_sync for one in checks if one.code is None}
        stored = {name: count for name, count in known.items() if count}
        out_of_sync = runs_key(verification.connection_id, _OUT_OF_SYNC) | item({"audiences": stored})
        self._client.put_item(TableName=self._table, Item=out_of_sync)

    def list_sizes(self, connection_id: str) -> dict[str, ListSize]:
        """How many people were on the lists when they were verified last, by the ids of the activations."""
        answer = self._client.get_item(
            TableName=self._table, Key=runs_key(connection_id, _LIST_SIZES), ConsistentRead=True
        )
        if "Item" not in answer:
            return {}
        stored = json.loads(attributes(answer["Item"])["sizes"])
        return {name: ListSize(list_id, people, parse_time(at)) for name, (list_id, people, at, *_) in stored.items()}

    def put_list_sizes(self, verification: Verification, checks: Sequence[AudienceCheck], at: datetime) -> None:
        """Remember how many are on the lists at a time, as `put_out_of_sync` does with who is out of place."""
        unknown = {activation_id(one.audience) for one in checks if one.code is not None}
        before = self.list_sizes(verification.connection_id)
        kept = {name: size for name, size in before.items() if name in unknown or not verification.is_whole}
        found = {activation_id(one.audience): ListSize(one.list_id, one.people, at) for one in checks if not one.code}
        sizes = {name: [one.list_id, one.people, format_time(one.at)] for name, one in (kept | found).items()}
        stored = {"sizes": json.dumps(sizes), "expires_at": int((at + RETENTION).timestamp())}
        self._client.put_item(
            TableName=self._table, Item=runs_key(verification.connection_id, _LIST_SIZES) | item(stored)
        )

    def _out_of_sync(self, connection_id: str) -> dict[str, int] | None:
        key = runs_key(connection_id, _OUT_OF_SYNC)
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        return {name: int(count) for name, count in attributes(answer["Item"])["audiences"].items()}

    def _becomes_last(self, verification: Verification, last: str | None) -> "TransactWriteItemTypeDef":
        last_one = item({"verification": verification.id, "expires_at": self.expires_at(verification)})
        stored = runs_key(verification.connection_id, _LAST) | last_one
        if last is None:
            return {"Put": {"TableName": self._table, "Item": stored, "ConditionExpression": _IS_FIRST}}
        return {
            "Put": {
                "TableName": self._table,
                "Item": stored,
                "ConditionExpression": _IS_LAST,
                "ExpressionAttributeValues": item({":last": last}),
            }
        }

    def _check_item(self, verification: Verification, number: int, check: AudienceCheck) -> Item:
        found = asdict(check) | {
            "fill_at": check.fill_at and format_time(check.fill_at),
            "named_since": check.named_since and format_time(check.named_since),
            "extract": stored_extract(check.extract),
        }
        stored = {"found": json.dumps(found), "expires_at": self.expires_at(verification)}
        return runs_key(verification.connection_id, f"{_CHECK}{verification.id}#{number:04}") | item(stored)


def _written(verification: Verification) -> Attributes:
    return {
        "repair": sorted(verification.repair),
        "status": verification.status.value,
        "audiences": verification.audiences,
        "is_whole": verification.is_whole,
        "position": verification.position,
        "ledger": json.dumps(asdict(verification.ledger)),
        "requested_at": format_time(verification.requested_at),
        "started_at": verification.started_at and format_time(verification.started_at),
        "finished_at": verification.finished_at and format_time(verification.finished_at),
        "code": verification.code,
        "touched_at": verification.touched_at and format_time(verification.touched_at),
        "requeued_at": verification.requeued_at and format_time(verification.requeued_at),
    }


def _verification(stored: Attributes) -> Verification:
    return Verification(
        id=stored["id"],
        connection_id=stored["connection_id"],
        repair=frozenset(known_words(Repair, stored["repair"])),
        requested_at=parse_time(stored["requested_at"]),
        audiences=int(stored["audiences"]),
        is_whole=stored["is_whole"],
        status=VerificationStatus(stored["status"]),
        position=int(stored["position"]),
        ledger=_reading(json.loads(stored["ledger"])),
        started_at=_time(stored.get("started_at")),
        finished_at=_time(stored.get("finished_at")),
        code=stored.get("code"),
        version=stored["version"],
        touched_at=_time(stored.get("touched_at")),
        requeued_at=_time(stored.get("requeued_at")),
    )


def _check(stored: dict[str, Any]) -> AudienceCheck:
    parsed = {
        "audience": AudienceKey(*stored["audience"][:2]),
        "phase": Phase(stored["phase"]),
        "fill_at": _time(stored["fill_at"]),
        "named_since": _time(stored.get("named_since")),
        "extract": extract_of(stored.get("extract")),
        **{kind: _differences(stored[kind]) for kind in ("missing", "leavers", "foreign", "waiting")},
    }
    return AudienceCheck(**known(AudienceCheck, stored) | parsed)


def _reading(stored: dict[str, Any]) -> LedgerReading:
    return LedgerReading(
        stored["is_read"],
        stored["cursor"],
        {int(number): parts for number, parts in stored["parts"].items()},
        {int(number): reasons for number, reasons in stored["unapplied"].items()},
    )


def _ids(found: Item) -> "array[int]":
    """The lead ids of a part of what was read of a list."""
    unpacked = array("Q")
    unpacked.frombytes(zlib.decompress(found["kept"]["B"]))
    return unpacked


def _hash_of(row: str) -> bytes:
    return bytes.fromhex(row.removeprefix(_PERSON))


def _differences(stored: dict[str, Any]) -> Differences:
    return Differences(**known(Differences, stored) | {"sample": tuple(stored["sample"])})


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
