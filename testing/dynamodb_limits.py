"""DynamoDB's limits before a client of moto's, over time: what AWS documents and no emulator does.

Its rules, in our words, each with the page of the Amazon DynamoDB Developer Guide, or the operation of its API
reference, that it stands on:

- A write takes a unit for each KB of the item, of what it was or of what it becomes, whichever is larger; a read takes
  one for each 4 KB, half of it where it need not be consistent. In a transaction it is twice that, also for an item
  that is only checked ("DynamoDB read and write operations"; "Managing complex workflows with DynamoDB transactions").
- A partition takes 1,000 write units and 3,000 read units a second ("Designing partition keys to distribute your
  workload"). So does each partition key here, as if it had a partition of its own: that DynamoDB splits one that is
  busy, or lets it use up what it left unused within five minutes, it does not promise ("Burst and adaptive capacity").
- A new table that is paid by request takes 4,000 write units and 12,000 read units a second, and twice its peak once
  that is 30 minutes ago ("DynamoDB on-demand capacity mode").
- What is beyond is refused, and takes nothing: a transaction is cancelled, with `ThrottlingError` for each item that
  had no room; of a batch of reads or writes that part is left unprocessed, and all of it refused if none had room
  (`TransactWriteItems`, `BatchGetItem`, `BatchWriteItem`). The SDK repeats what was refused up to nine times, after
  50 ms and then twice as long each time, but no cancelled transaction ("Error handling with DynamoDB").
- An item in a transaction that is under way belongs to it, checked or written: another transaction with it is
  cancelled with `TransactionConflict`, and a single write refused with `TransactionConflictException`. Reading it
  is no conflict ("Managing complex workflows with DynamoDB transactions", "Transaction conflict handling").
- An item takes 400 KB; a transaction 100 items and 4 MB; a batch of reads 100 keys, and it answers 16 MB at most and
  1 MB of a partition; a batch of writes 25 items ("Quotas in Amazon DynamoDB"; `BatchGetItem`).

A query is charged when its answer is known. What indexes take is left out.
"""

import base64
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Any, Final

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from mypy_boto3_dynamodb import DynamoDBClient

KB: Final = 1024
MAX_ITEM_BYTES: Final = 400 * KB
MAX_TRANSACTION_BYTES: Final = 4_000_000
MAX_TRANSACTION_ITEMS: Final = 100
MAX_READ_KEYS: Final = 100
MAX_READ_BYTES: Final = 16 * KB * KB
MAX_READ_BYTES_OF_PARTITION: Final = KB * KB
MAX_WRITTEN_ITEMS: Final = 25

GROWS_AFTER: Final = 30 * 60.0
SECOND: Final = 1.0
_SDK_PAUSES: Final = tuple(0.05 * 2**attempt for attempt in range(9))

_THROTTLED: Final = "ThrottlingException"

ItemKey = tuple[str, ...]
"""Table, partition key and sort key of an item."""

_Answer = tuple[AWSResponse, dict[str, Any]]


def item_bytes(item: Mapping[str, Any]) -> int:
    """How large an item is ("DynamoDB item sizes and formats"); numbers are taken for as long as they can be."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    ((kind, held),) = value.items()
    sizes: dict[str, Callable[[], int]] = {
        "M": lambda: 3 + len(held) + item_bytes(held),
        "L": lambda: 3 + sum(1 + _value_bytes(one) for one in held),
        "SS": lambda: 3 + sum(1 + len(one.encode()) for one in held),
        "S": lambda: len(held.encode()),
        "B": lambda: len(base64.b64decode(held)) if isinstance(held, str) else len(held),
        "N": lambda: 21,
    }
    return sizes[kind]() if kind in sizes else 1


@dataclass(slots=True)
class Meter:
    """What one partition, or a table, took of its units in the last second; `most`: what it takes in one.

    `grows`: it comes to take twice its peak.
    """

    most: float
    grows: bool = False
    taken: deque[tuple[float, float]] = field(default_factory=deque)
    peaks: dict[int, float] = field(default_factory=dict)

    def has_room(self, units: float, now: float) -> bool:
        """Whether so many more are taken now."""
        while self.taken and self.taken[0][0] <= now - SECOND:
            self.taken.popleft()
        return sum(one for _, one in self.taken) + units <= self.ceiling(now)

    def take(self, units: float, now: float) -> None:
        self.taken.append((now, units))
        if self.grows:
            self.peaks[int(now)] = self.peaks.get(int(now), 0.0) + units

    def ceiling(self, now: float) -> float:
        """How many it takes in a second by now."""
        peak = max((units for second, units in self.peaks.items() if second + GROWS_AFTER <= now), default=0.0)
        return max(self.most, 2 * peak)


@dataclass(frozen=True, slots=True)
class _Use:
    """What an operation takes of an item: `size` in bytes, by which its units are reckoned."""

    key: ItemKey
    size: int
    units: float

    @property
    def partition(self) -> tuple[str, ...]:
        return self.key[:2]


@dataclass(eq=False)
class DynamoDBLimits:
    """The limits, as they stand at the time of a clock; `keys`: by table the names of its partition and sort key.

    `seconds`: how long a transaction is under way, in which others go on if `sleep` lets them. `closed`: tables that
    take no write for now, as if others used up all that there is. `refused` counts what was refused, by why: the code
    of a refusal, of a reason for which an item had a transaction cancelled, or `unprocessed`. `largest` is the most
    that a transaction, and the most that one of its items took, in bytes.
    """

    clock: Callable[[], float]
    sleep: Callable[[float], None]
    keys: Mapping[str, tuple[str, str]]
    seconds: float = 0.0
    partition_writes: float = 1_000
    partition_reads: float = 3_000
    table_writes: float = 4_000
    table_reads: float = 12_000
    closed: set[str] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    largest: Counter[str] = field(default_factory=Counter)
    _meters: dict[tuple[str, ...], Meter] = field(default_factory=dict)
    _under_way: list[frozenset[ItemKey]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._plain: DynamoDBClient = boto3.client("dynamodb")

    @contextmanager
    def before(self, client: DynamoDBClient) -> Iterator[None]:
        """While the block runs, what the client asks for is held against the limits."""
        events: Any = client.meta.events
        events.register_first("before-call.dynamodb", self._ask)
        events.register_first("after-call.dynamodb", self._answered)
        try:
            yield
        finally:
            events.unregister("before-call.dynamodb", self._ask)
            events.unregister("after-call.dynamodb", self._answered)

    def _ask(self, model: Any, params: dict[str, Any], context: dict[str, Any], **_: object) -> _Answer | None:
        """None lets the operation happen; it is repeated before, as the SDK does."""
        request = json.loads(params["body"])
        for pause in (*_SDK_PAUSES, None):
            refusal = self._look_at(model.name, request, context)
            if refusal is None:
                params["body"] = json.dumps(request).encode()
                return None
            code = refusal[1]["Error"]["Code"]
            self.refused[code] += 1
            if code != _THROTTLED or pause is None:
                return refusal
            self.sleep(pause)
        raise AssertionError("the last attempt has no pause")

    def _look_at(self, operation: str, request: dict[str, Any], context: dict[str, Any]) -> _Answer | None:
        looks: dict[str, Callable[[dict[str, Any], dict[str, Any]], _Answer | None]] = {
            "GetItem": self._read,
            "Query": self._query,
            "BatchGetItem": self._reads,
            "BatchWriteItem": self._writes,
            "TransactWriteItems": self._transaction,
            **dict.fromkeys(("PutItem", "UpdateItem", "DeleteItem"), self._write),
        }
        look = looks.get(operation)
        return None if look is None else look(request, context)

    def _read(self, request: dict[str, Any], _context: dict[str, Any]) -> _Answer | None:
        return self._single(self._read_uses(request["TableName"], {**request, "Keys": [request["Key"]]}), reads=True)

    def _query(self, request: dict[str, Any], context: dict[str, Any]) -> _Answer | None:
        context["queried"] = request
        return self._single([_Use((request["TableName"], *_values_of(request)), 0, 1.0)], reads=True)

    def _write(self, request: dict[str, Any], _context: dict[str, Any]) -> _Answer | None:
        if request["TableName"] in self.closed:
            return _throttled()
        uses = self._write_uses([request])
        if any(one.key in keys for keys in self._under_way for one in uses):
            return _refusal("TransactionConflictException", "Transaction is ongoing for the item")
        if any(one.size > MAX_ITEM_BYTES for one in uses):
            return _refusal("ValidationException", "Item size has exceeded the maximum allowed size")
        return self._single(uses, reads=False)

    def _answered(self, parsed: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        for name in ("UnprocessedKeys", "UnprocessedItems"):
            if name in context and "Error" not in parsed:
                parsed[name] = context[name]
        if "queried" in context and "Items" in parsed:
            request, size = context["queried"], sum(map(item_bytes, parsed["Items"]))
            use = _Use((request["TableName"], *_values_of(request)), size, _read_units(size, request))
            self._charge([use], reads=True)

    def _single(self, uses: Sequence[_Use], *, reads: bool) -> _Answer | None:
        if not self._have_room(uses, reads=reads):
            return _throttled()
        self._charge(uses, reads=reads)
        return None

    def _transaction(self, request: dict[str, Any], _context: dict[str, Any]) -> _Answer | None:
        written = [action for one in request["TransactItems"] for action in one.values()]
        if any(one["TableName"] in self.closed for one in written):
            return self._cancelled("ThrottlingError" if one["TableName"] in self.closed else "None" for one in written)
        uses = self._write_uses(written, times=2)
        self._measure(uses)
        if (invalid := _invalid(uses)) is not None:
            return invalid
        owned = frozenset().union(*self._under_way)
        if any(one.key in owned for one in uses):
            return self._cancelled("TransactionConflict" if one.key in owned else "None" for one in uses)
        if full := self._full(uses, reads=False):
            return self._cancelled("ThrottlingError" if one.partition in full else "None" for one in uses)
        self._charge(uses, reads=False)
        self._pass_time(frozenset(one.key for one in uses))
        return None

    def _measure(self, uses: Sequence[_Use]) -> None:
        sizes = [one.size for one in uses]
        self.largest |= Counter(transaction=sum(sizes), item=max(sizes))

    def _pass_time(self, keys: frozenset[ItemKey]) -> None:
        if self.seconds:
            self._under_way.append(keys)
            self.sleep(self.seconds)
            self._under_way.remove(keys)

    def _cancelled(self, codes: Iterable[str]) -> _Answer:
        reasons = [{"Code": code} for code in codes]
        self.refused.update({one["Code"] for one in reasons} - {"None"})
        answer, parsed = _refusal("TransactionCanceledException", "Transaction cancelled")
        return answer, {**parsed, "CancellationReasons": reasons}

    def _reads(self, request: dict[str, Any], context: dict[str, Any]) -> _Answer | None:
        """Leave in the request what is answered, and in the context what is not."""
        wanted = request["RequestItems"]
        if sum(len(one["Keys"]) for one in wanted.values()) > MAX_READ_KEYS:
            return _refusal("ValidationException", "Too many items requested for the BatchGetItem call")
        sizes: Counter[tuple[str, ...]] = Counter()
        left: dict[str, Any] = {}
        answered = 0
        for table, one in wanted.items():
            uses = self._read_uses(table, one)
            kept: list[Any] = []
            for key, use in zip(one["Keys"], uses, strict=True):
                fits = sizes[use.partition] + use.size <= MAX_READ_BYTES_OF_PARTITION or not sizes[use.partition]
                if fits and sizes.total() + use.size <= MAX_READ_BYTES and self._have_room([use], reads=True):
                    self._charge([use], reads=True)
                    sizes[use.partition] += use.size
                    kept.append(key)
                else:
                    left.setdefault(table, {**one, "Keys": []})["Keys"].append(key)
            one["Keys"] = kept
            answered += len(kept)
        return self._in_part(answered, left, "UnprocessedKeys", wanted, context)

    def _writes(self, request: dict[str, Any], context: dict[str, Any]) -> _Answer | None:
        wanted = request["RequestItems"]
        if sum(map(len, wanted.values())) > MAX_WRITTEN_ITEMS:
            return _refusal("ValidationException", "Too many items requested for the BatchWriteItem call")
        left: dict[str, Any] = {}
        answered = 0
        for table, asked in wanted.items():
            actions = [{"TableName": table, **action} for one in asked for action in one.values()]
            kept: list[Any] = []
            for one, use in zip(asked, self._write_uses(actions), strict=True):
                if self._have_room([use], reads=False):
                    self._charge([use], reads=False)
                    kept.append(one)
                else:
                    left.setdefault(table, []).append(one)
            wanted[table] = kept
            answered += len(kept)
        return self._in_part(answered, left, "UnprocessedItems", wanted, context)

    def _in_part(
        self, answered: int, left: dict[str, Any], name: str, wanted: dict[str, Any], context: dict[str, Any]
    ) -> _Answer | None:
        if left and not answered:
            wanted.update(left)
            return _throttled()
        for table in [table for table, one in wanted.items() if not (one["Keys"] if isinstance(one, dict) else one)]:
            del wanted[table]
        self.refused["unprocessed"] += bool(left)
        context[name] = left
        return None

    def _write_uses(self, actions: Sequence[Mapping[str, Any]], times: int = 1) -> list[_Use]:
        """What actions take that write or check an item, each of its table."""
        keys = [self._key_of(one["TableName"], one.get("Item") or one["Key"]) for one in actions]
        stored = self._stored(zip(keys, actions, strict=True))
        uses: list[_Use] = []
        for key, action in zip(keys, actions, strict=True):
            before = stored.get(key, 0)
            size = max(before, _size_after(before, action))
            uses.append(_Use(key, size, times * max(ceil(size / KB), 1)))
        return uses

    def _read_uses(self, table: str, wanted: Mapping[str, Any]) -> list[_Use]:
        keys = [self._key_of(table, key) for key in wanted["Keys"]]
        stored = self._stored(
            (one, {"TableName": table, "Key": key}) for one, key in zip(keys, wanted["Keys"], strict=True)
        )
        return [_Use(one, stored.get(one, 0), _read_units(stored.get(one, 0), wanted)) for one in keys]

    def _stored(self, asked: Iterable[tuple[ItemKey, Mapping[str, Any]]]) -> dict[ItemKey, int]:
        """How large the items are that are there, read beside all limits."""
        by_table: dict[str, list[Any]] = {}
        for key, action in asked:
            names = self.keys[key[0]]
            found = action.get("Item") or action["Key"]
            by_table.setdefault(key[0], []).append({name: found[name] for name in names})
        sizes: dict[ItemKey, int] = {}
        for table, wanted in by_table.items():
            unique = list({json.dumps(one): one for one in wanted}.values())
            for start in range(0, len(unique), MAX_READ_KEYS):
                left: Any = {table: {"Keys": unique[start : start + MAX_READ_KEYS], "ConsistentRead": True}}
                while left:
                    answer = self._plain.batch_get_item(RequestItems=left)
                    for found in answer["Responses"].get(table, []):
                        sizes[self._key_of(table, found)] = item_bytes(found)
                    left = answer.get("UnprocessedKeys")
        return sizes

    def _key_of(self, table: str, item: Mapping[str, Any]) -> ItemKey:
        return (table, *(str(item[name]["S"]) for name in self.keys[table]))

    def _have_room(self, uses: Sequence[_Use], *, reads: bool) -> bool:
        return not self._full(uses, reads=reads)

    def _full(self, uses: Sequence[_Use], *, reads: bool) -> set[tuple[str, ...]]:
        """The partitions of these that have no room for what is asked of them, or whose table has none."""
        now, asked = self.clock(), _by_place(uses)
        full = {place for place, units in asked.items() if not self._meter(place, reads=reads).has_room(units, now)}
        full |= set() if reads else {(table,) for table in self.closed}
        return {one.partition for one in uses if one.partition in full or one.partition[:1] in full}

    def _charge(self, uses: Sequence[_Use], *, reads: bool) -> None:
        now = self.clock()
        for place, units in _by_place(uses).items():
            self._meter(place, reads=reads).take(units, now)

    def _meter(self, place: tuple[str, ...], *, reads: bool) -> Meter:
        name = ("reads" if reads else "writes", *place)
        if name not in self._meters:
            of_table = self.table_reads if reads else self.table_writes
            of_partition = self.partition_reads if reads else self.partition_writes
            self._meters[name] = Meter(of_table, grows=True) if len(place) == 1 else Meter(of_partition)
        return self._meters[name]


def _by_place(uses: Sequence[_Use]) -> Counter[tuple[str, ...]]:
    """The units by partition, and by table."""
    units: Counter[tuple[str, ...]] = Counter()
    for one in uses:
        units[one.partition] += one.units  # type: ignore[assignment]  # half a unit is one, too
        units[one.partition[:1]] += one.units  # type: ignore[assignment]
    return units


def _values_of(request: Mapping[str, Any]) -> tuple[str, ...]:
    """The partition of a query: its key is what the first condition names, of the index where it is of one."""
    name = request["KeyConditionExpression"].split(" = ")[1].split(" ")[0]
    index = request.get("IndexName")
    value = str(request["ExpressionAttributeValues"][name]["S"])
    return (value if index is None else f"{index}: {value}",)


def _read_units(size: int, request: Mapping[str, Any]) -> float:
    return max(ceil(size / (4 * KB)), 1) * (1.0 if request.get("ConsistentRead") else 0.5)


def _size_after(before: int, action: Mapping[str, Any]) -> int:
    if "Item" in action:
        return item_bytes(action["Item"])
    if "UpdateExpression" in action:
        return before + item_bytes(action.get("ExpressionAttributeValues", {}))
    return 0


def _invalid(uses: Sequence[_Use]) -> _Answer | None:
    """Of a transaction that takes too much, or one item twice."""
    if len(uses) > MAX_TRANSACTION_ITEMS or len({one.key for one in uses}) < len(uses):
        return _refusal("ValidationException", "Member must have length less than or equal to 100, each of its own")
    if sum(one.size for one in uses) > MAX_TRANSACTION_BYTES:
        return _refusal("ValidationException", "Collection size has exceeded the maximum allowed size")
    if any(one.size > MAX_ITEM_BYTES for one in uses):
        return _refusal("ValidationException", "Item size has exceeded the maximum allowed size")
    return None


def _throttled() -> _Answer:
    return _refusal(_THROTTLED, "Throughput exceeds the current throughput limit of the table or partition")


def _refusal(code: str, message: str) -> _Answer:
    return AWSResponse("", 400, HTTPHeaders(), None), {"Error": {"Code": code, "Message": message}}
