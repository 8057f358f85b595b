"""LedgerTable: what is desired and what is applied of each person, and which events were counted.

    pk = <connection id>#<shard>   sk = person#<sha256 of the dedupe key>   memberships, rest, maybe expires_at
                                   sk = envelope#<envelope id>              counted, expires_at,
                                                                            results#<id> …
                                   sk = letter#<envelope id>#<number>       failure, expires_at
                                   sk = event#<sha256 of the event's id>    received_at, expires_at

Rows of persons, the marks of counted events and the run's counters are written in one transaction, under the fence of
their shard: after any crash the ledger and the counters agree, and an event that comes again is known. Transactions of
two shards have no item in common, so that they may be written side by side.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.failure import Failure
from destination.domain.outcome import Class, Reason
from destination.domain.person import LedgerRow, Origin
from destination.domain.run import Run
from destination.domain.schema import AttributeWarning
from destination.domain.shard import SHARDS, name_of, shard_of
from destination.domain.times import EPOCH
from destination.store import rows, runs
from destination.store.cursors import InvalidCursorError, cursor_of, position_of
from destination.store.items import Item
from destination.store.leases import Lease, LeaseLostError, Leases
from destination.store.runs import Runs
from destination.store.transactions import refused, throttled

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

RETENTION: Final = timedelta(days=90)
"""Of marks, and of rows that do not last: beyond the longest replay, whatever waited before."""

RECEIPT_RETENTION: Final = timedelta(days=14)
"""How long a sender may repeat an event by its id."""

TRANSACTION_ITEMS: Final = 100
PARTITION_BYTES: Final = 400 * 1024
"""What a transaction writes of one partition at most: a shard of the ledger, or a connection's runs.

A partition takes 1,000 write units a second, and a transaction that needs more in one is cancelled, however often it is
tried (Amazon DynamoDB, "Designing partition keys to distribute your workload"; "Managing complex workflows with
DynamoDB transactions"). A KB of an item costs two of them there, and each of a hundred items is rounded up.
"""

MARK_BYTES: Final = 250
ENDED_BYTES: Final = 60
RECEIPT_BYTES: Final = 300
"""What a mark takes at most beside its numbers, in all and for each of the results in it, and a first receipt."""

_RESULTS: Final = "results#"

_READ_ITEMS = 100
_WRITE_ITEMS = 25
ERASED: Final = 500
"""How many items of a shard are deleted at a time."""

_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds until what a batch left unread is read; the last one from then on."""

_Name = tuple[int, str]
"""Of an item: its shard and its sort key."""

_encode = json.JSONEncoder(check_circular=False, separators=(",", ":")).encode


class StaleRunError(Exception):
    """A run was written since it was read; nothing was written."""


class ThrottledShardError(Exception):
    """The shard has no room for so many rows at once, and nothing was written; fewer may find room."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by name, some of all; `cursor`: where the next page begins (None: there is none)."""

    rows: tuple[tuple[str, LedgerRow], ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """What one transaction records in a shard.

    `rows` are by name, `counted` the numbers of counted events by envelope, `failures` what of them was counted as
    failed (None: no longer), `receipts` when events were received first, by the id that their sender gave them, and
    `runs` the shard's parts of runs so far. `ended`: by envelope and the id of results, those of the counted that are
    in them, as they did not arrive.
    """

    shard: int
    rows: Mapping[str, LedgerRow] = field(default_factory=dict)
    counted: Mapping[str, frozenset[str]] = field(default_factory=dict)
    failures: Mapping[Origin, Failure | None] = field(default_factory=dict)
    receipts: Mapping[str, datetime] = field(default_factory=dict)
    runs: Sequence[Run] = ()
    ended: Mapping[str, Mapping[str, frozenset[str]]] = field(default_factory=dict)

    @property
    def items(self) -> int:
        """How many of a transaction's 100 items it takes; one is that of the fence."""
        return 1 + sum(len(one) for one in (self.rows, self.counted, self.failures, self.receipts, self.runs))

    @property
    def item_bytes(self) -> list[int]:
        """How much each of its items takes at most."""
        return [
            *(rows.bytes_of(row) for row in self.rows.values()),
            *(MARK_BYTES + _bytes_of(numbers) + self._ended_bytes(one) for one, numbers in self.counted.items()),
            *(failure_bytes(one) for one in self.failures.values()),
            *(RECEIPT_BYTES for _ in self.receipts),
            *(runs.bytes_of(run) for run in self.runs),
        ]

    def _ended_bytes(self, envelope_id: str) -> int:
        return sum(ENDED_BYTES + _bytes_of(numbers) for numbers in self.ended.get(envelope_id, {}).values())


def entries_of(given: Mapping[str, LedgerRow]) -> Iterator[Entry]:
    """Rows by name, alone, in as few transactions as take them."""
    by_shard: defaultdict[int, dict[str, LedgerRow]] = defaultdict(dict)
    for name, row in given.items():
        by_shard[shard_of(name)][name] = row
    for shard, named in by_shard.items():
        held: dict[str, LedgerRow] = {}
        size = 0
        for name, row in named.items():
            added = rows.bytes_of(row)
            if held and (len(held) + 1 == TRANSACTION_ITEMS or size + added > PARTITION_BYTES):
                yield Entry(shard, held)
                held, size = {}, 0
            held[name] = row
            size += added
        yield Entry(shard, held)


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

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]:
        """The rows there are of these persons, by dedupe key, as far as they are of these audiences and count."""
        names = {name_of(key): key for key in keys}
        return {names[name]: row for name, row in self.rows_by_name(connection_id, names, audiences).items()}

    def rows_by_name(
        self, connection_id: str, names: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]:
        """The same by the names of the rows."""
        codes = rows.by_code(audiences)
        found = self._read(connection_id, ((shard_of(name), name) for name in names))
        return {name: rows.decoded(item, codes) for (_, name), item in found}

    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None = None) -> Page:
        """One page of all rows, as far as they are of these audiences: the first, or where the one before ended.

        A page takes 1 MB at most, and may hold none though others follow. Who is recorded meanwhile may be in it or
        not. Raises InvalidCursorError.
        """
        shard, start = _position(cursor)
        partition = _partition(connection_id, shard)
        request: dict[str, Any] = {"ExclusiveStartKey": {**partition, "sk": {"S": start}}} if start else {}
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :person)",
            ExpressionAttributeValues={":pk": partition["pk"], ":person": {"S": "person#"}},
            ConsistentRead=True,
            **request,
        )
        codes = rows.by_code(audiences)
        found = tuple((item["sk"]["S"], rows.decoded(item, codes)) for item in answer["Items"])
        if last := answer.get("LastEvaluatedKey"):
            return Page(found, cursor_of(f"{shard}:{last['sk']['S']}"))
        return Page(found, cursor_of(f"{shard + 1}:") if shard + 1 < SHARDS else None)

    def counted(
        self, connection_id: str, envelopes: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], frozenset[str]]:
        """By shard and envelope the numbers of the events that were counted there."""
        names = {(shard, _mark(envelope_id)): (shard, envelope_id) for shard, envelope_id in envelopes}
        return {names[name]: frozenset(item["counted"]["SS"]) for name, item in self._read(connection_id, names)}

    def ended(
        self, connection_id: str, envelopes: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], dict[str, frozenset[str]]]:
        """By shard and envelope, and by the id of results, the numbers of the events that were counted as in them."""
        names = {(shard, _mark(envelope_id)): (shard, envelope_id) for shard, envelope_id in envelopes}
        return {
            names[name]: {
                attribute.removeprefix(_RESULTS): frozenset(stored["SS"])
                for attribute, stored in item.items()
                if attribute.startswith(_RESULTS)
            }
            for name, item in self._read(connection_id, names)
        }

    def failures(self, connection_id: str, origins: Collection[tuple[int, Origin]]) -> dict[Origin, Failure]:
        """What was counted as failed of these units, each with its shard."""
        names = {(shard, _letter(origin)): origin for shard, origin in origins}
        return {names[name]: _failure(item["failure"]["S"]) for name, item in self._read(connection_id, names)}

    def receipts(self, connection_id: str, events: Collection[tuple[int, str]]) -> dict[tuple[int, str], datetime]:
        """By shard and the sender's id when an event was received first, as far as it is known there."""
        names = {(shard, _event(event_id)): (shard, event_id) for shard, event_id in events}
        return {
            names[name]: EPOCH + timedelta(microseconds=int(item["received_at"]["N"]))
            for name, item in self._read(connection_id, names)
        }

    def run(self, connection_id: str, run_id: str, shard: int) -> Run:
        """The shard's part of a run as it stands, empty if it has not begun."""
        return self._runs.part(connection_id, run_id, shard)

    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None:
        """Write an entry, all of it or nothing, patiently where the table is busy.

        An entry with runs that is recorded again as its answer was lost is written once; for ten minutes, with the same
        `now`. An entry of rows alone is written in parts where its shard has no room for it: rows may have been larger
        before than they are now, and are reckoned by that. Raises LeaseLostError, StaleRunError, ThrottledShardError.
        """
        fence = self._leases.held(lease, entry.shard)
        parts = [self._runs.put(run, now) for run in entry.runs]
        items = [fence, *parts, *self._items(connection_id, entry, now)]
        token = _token(connection_id, entry, lease, now, parts) if parts else None
        try:
            places = refused(self._client, items, self._sleep, token)
        except self._client.exceptions.TransactionCanceledException as cancelled:
            if len(entry.rows) < 2 or not throttled(cancelled, 1 + len(entry.runs)):
                raise
            if entry.counted or entry.runs:
                raise ThrottledShardError(f"shard {entry.shard} has no room for {len(entry.rows)} rows") from cancelled
            for half in _halves(entry):
                self.record(connection_id, half, lease, now)
            return
        if 0 in places:
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
        if places:
            raise StaleRunError("a run was written since it was read")

    def forget(self, connection_id: str, name: str, lease: Lease) -> None:
        """Delete a person's row. None there is as good. Raises LeaseLostError."""
        shard = shard_of(name)
        key = {**_partition(connection_id, shard), "sk": {"S": name}}
        delete: TransactWriteItemTypeDef = {"Delete": {"TableName": self._table, "Key": key}}
        if refused(self._client, [self._leases.held(lease, shard), delete], self._sleep):
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")

    def erase(self, connection_id: str) -> bool:
        """Delete some of all that is known of a connection; whether nothing is left.

        It is for one of which nothing is delivered any more.
        """
        with ThreadPoolExecutor(max_workers=SHARDS) as threads:
            return all(list(threads.map(lambda shard: self._erase(connection_id, shard), range(SHARDS))))

    def _erase(self, connection_id: str, shard: int) -> bool:
        partition = _partition(connection_id, shard)
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": partition["pk"]},
            ProjectionExpression="pk, sk",
            Limit=ERASED,
            ConsistentRead=True,
        )
        found = answer["Items"]
        for start in range(0, len(found), _WRITE_ITEMS):
            left: Any = {self._table: [{"DeleteRequest": {"Key": key}} for key in found[start : start + _WRITE_ITEMS]]}
            pauses = iter(_PAUSES)
            while left := self._client.batch_write_item(RequestItems=left)["UnprocessedItems"]:
                self._sleep(next(pauses, _PAUSES[-1]))
        return "LastEvaluatedKey" not in answer

    def _items(self, connection_id: str, entry: Entry, now: datetime) -> "Iterator[TransactWriteItemTypeDef]":
        """What is written without a condition."""
        partition = _partition(connection_id, entry.shard)
        expires = _expires(now, RETENTION)
        for envelope_id, numbers in entry.counted.items():
            key = {**partition, "sk": {"S": _mark(envelope_id)}}
            yield self._count(key, {"counted": numbers, **_named(entry.ended.get(envelope_id, {}))}, expires)
        for name, row in entry.rows.items():
            yield self._put(partition, name, rows.encoded(row), {} if row.is_lasting else expires)
        for event_id, received_at in entry.receipts.items():
            received = {"N": str((received_at - EPOCH) // timedelta(microseconds=1))}
            yield self._put(partition, _event(event_id), {"received_at": received}, _expires(now, RECEIPT_RETENTION))
        for origin, failure in entry.failures.items():
            if failure is None:
                key = {**partition, "sk": {"S": _letter(origin)}}
                yield {"Delete": {"TableName": self._table, "Key": key}}
            else:
                yield self._put(partition, _letter(origin), {"failure": {"S": _text(failure)}}, expires)

    def _put(self, partition: Item, name: str, stored: Item, expires: Item) -> "TransactWriteItemTypeDef":
        return {"Put": {"TableName": self._table, "Item": {**partition, "sk": {"S": name}, **stored, **expires}}}

    def _count(self, key: Item, marked: Mapping[str, Iterable[str]], expires: Item) -> "TransactWriteItemTypeDef":
        """`marked`: numbers of events, by the attribute that they join."""
        places = range(len(marked))
        sets = {f":{place}": {"SS": sorted(numbers)} for place, numbers in enumerate(marked.values())}
        return {
            "Update": {
                "TableName": self._table,
                "Key": key,
                "UpdateExpression": f"ADD {', '.join(f'#{one} :{one}' for one in places)} SET expires_at = :expires",
                "ExpressionAttributeNames": {f"#{place}": name for place, name in enumerate(marked)},
                "ExpressionAttributeValues": {**sets, ":expires": expires["expires_at"]},
            }
        }

    def _read(self, connection_id: str, names: Iterable[_Name]) -> Iterator[tuple[_Name, Item]]:
        wanted = [
            {**_partition(connection_id, shard), "sk": {"S": sort_key}} for shard, sort_key in dict.fromkeys(names)
        ]
        for start in range(0, len(wanted), _READ_ITEMS):
            left: Any = {self._table: {"Keys": wanted[start : start + _READ_ITEMS], "ConsistentRead": True}}
            pauses = iter(_PAUSES)
            while left:
                answer = self._client.batch_get_item(RequestItems=left)
                for found in answer["Responses"].get(self._table, []):
                    yield (int(found["pk"]["S"].rpartition("#")[2]), found["sk"]["S"]), found
                left = answer.get("UnprocessedKeys")
                if left:
                    self._sleep(next(pauses, _PAUSES[-1]))


def _token(
    connection_id: str, entry: Entry, lease: Lease, now: datetime, parts: "Sequence[TransactWriteItemTypeDef]"
) -> str:
    """What an entry is known by when it is recorded again; of its rows the names do, as what it counts is with them."""
    counted = sorted((envelope_id, sorted(numbers)) for envelope_id, numbers in entry.counted.items())
    known = (connection_id, entry.shard, lease.fence, now.isoformat(), parts, counted, [*entry.rows])
    return hashlib.sha256(repr(known).encode()).hexdigest()[:36]


def _halves(entry: Entry) -> Iterator[Entry]:
    """Of an entry of rows alone, at least two."""
    named = list(entry.rows.items())
    middle = len(named) // 2
    for part in (named[:middle], named[middle:]):
        yield replace(entry, rows=dict(part))


def failure_bytes(failure: Failure | None) -> int:
    """How much a failure's item takes at most."""
    return MARK_BYTES if failure is None else MARK_BYTES + len(_text(failure))


def _partition(connection_id: str, shard: int) -> Item:
    return {"pk": {"S": f"{connection_id}#{shard}"}}


def _mark(envelope_id: str) -> str:
    return f"envelope#{envelope_id}"


def _named(ended: Mapping[str, Iterable[str]]) -> dict[str, Iterable[str]]:
    return {f"{_RESULTS}{one}": numbers for one, numbers in ended.items()}


def _bytes_of(numbers: Iterable[str]) -> int:
    return sum(len(number) for number in numbers)


def _letter(origin: Origin) -> str:
    return f"letter#{origin.envelope_id}#{origin.number}"


def _event(event_id: str) -> str:
    return f"event#{hashlib.sha256(event_id.encode()).hexdigest()}"


def _expires(now: datetime, retention: timedelta) -> Item:
    return {"expires_at": {"N": str(int((now + retention).timestamp()))}}


def _position(cursor: str | None) -> tuple[int, str]:
    """The shard that is being read, and the name after which it goes on."""
    if cursor is None:
        return 0, ""
    shard, colon, name = position_of(cursor).partition(":")
    if shard not in map(str, range(SHARDS)) or not colon:
        raise InvalidCursorError
    return int(shard), name


def _text(failure: Failure) -> str:
    """A reason is written once, and its place in the list from there on."""
    places = {failure.reason: 0}
    for why in failure.audiences.values():
        if why is not None:
            places.setdefault(why, len(places))
    return _encode(
        {
            "reasons": [[one.outcome, one.code] for one in places],
            "audiences": [[*one, None if why is None else places[why]] for one, why in failure.audiences.items()],
            "dropped": failure.dropped,
            "warned": failure.warned,
            "attempt": failure.attempt,
        }
    )


def _failure(text: str) -> Failure:
    stored = json.loads(text)
    reasons = [Reason(Class(outcome), code) for outcome, code, *_ in stored["reasons"]]
    audiences = {
        AudienceKey(namespace, audience): None if place is None else reasons[place]
        for namespace, audience, place, *_ in stored["audiences"]
    }
    warned = tuple(AttributeWarning(*one[:2]) for one in stored["warned"])
    return Failure(reasons[0], audiences, tuple(stored["dropped"]), stored["attempt"], warned)
