"""RunsTable: the counters of an hour and connection, an item for each shard that counted something; kept 90 days.

connection_id   id = 2026-11-21T10:00Z#<shard>   version, counts, details, expires_at

What was lost at the webhook has an item of its own (LOSSES_PART), as nobody needs a lease to count it. Reading adds the
items of an hour up; that of an older release, which had one an hour, is added as it is.

The details are JSON, terse, as they are written with every transaction: a run with 1,000 audiences, with 200 bytes of
namespace and id each, takes some 370 KB of the 400 that DynamoDB allows.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.latency import Latency
from destination.domain.loss import Loss, Lost
from destination.domain.outcome import OTHER, Class, Reason
from destination.domain.run import RETENTION, Counters, Run, Tally, hour_of, last_event_of, run_id, whole
from destination.domain.schema import AttributeWarning
from destination.domain.shard import SHARDS
from destination.domain.times import format_time, parse_time
from destination.store.items import Item, attributes, item, known_words, runs_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputPaginateTypeDef, QueryInputTypeDef, TransactWriteItemTypeDef

LOSSES_PART: Final = SHARDS
"""In place of a shard's number."""

_BESIDE: Final = 2_000
"""Bytes that an item takes at most beside its details."""

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode

# A part's time line, and the condition of each of its writes:
#
#   no item ──put──▶ version 1 ──put──▶ version 2 ──▶ … (its hour ends) … ──put──▶ version n, late ──▶ expired, no item
#      _HAS_NOT_BEGUN         _IS_AS_READ                              _IS_AS_READ              _HAS_NOT_BEGUN
#
# A part that was read before it began is of version 0.
_HAS_NOT_BEGUN: Final = "attribute_not_exists(version)"
_IS_AS_READ: Final = "version = :read"

_LATE: Final = {"late": {"S": "late"}}
"""By this attribute the index Late knows the run: its hour may have been summed up already."""


class Runs:
    """The runs of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self, connection_id: str, run_id: str) -> Run | None:
        return next(self._whole(self._items(connection_id, run_id, run_id, consistent=True)), None)

    def between(self, connection_id: str, first: str, last: str) -> Iterator[Run]:
        """The runs from one hour to another, both included, oldest first; none where the other comes before it."""
        return self._whole(self._items(connection_id, first, last)) if first <= last else iter(())

    def counts(self, connection_id: str, first: str, last: str) -> Counter[str]:
        """What was counted in the runs from one hour to another, both included, by the names that a tally has."""
        total: Counter[str] = Counter()
        for found in self._items(connection_id, first, last, only="counts"):
            total.update({name: int(count) for name, count in attributes(found)["counts"].items()})
        return total

    def last_event_at(self, connection_id: str, now: datetime) -> datetime | None:
        """When the last event came (domain/run.py, last_event_of), of those that are remembered."""
        items = self._items(connection_id, run_id(now - RETENTION), run_id(now), newest_first=True)
        return last_event_of(self._whole(items), now)

    def part(self, connection_id: str, run_id: str, shard: int) -> Run:
        """A shard's part of a run, empty if it has not begun."""
        key = {"connection_id": {"S": connection_id}, "id": {"S": _name(run_id, shard)}}
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return _run(answer["Item"]) if "Item" in answer else Run(connection_id, run_id, shard=shard)

    def forget(self, connection_id: str, names: Collection[str], after: str | None) -> tuple[int, str | None]:
        """Give the person with these pseudonyms as an example no longer, in some parts of runs: in how many it was one,
        and beyond which part it goes on (None: all were looked at).

        It is for whoever holds the lease of the instance, as is all that writes parts but those of losses, which name
        nobody.
        """
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "connection_id = :connection AND id BETWEEN :first AND :last",
            "ExpressionAttributeValues": item({":connection": connection_id, ":first": "0", ":last": "9"}),
            "ConsistentRead": True,
        }
        if after is not None:
            request["ExclusiveStartKey"] = runs_key(connection_id, after)
        answer = self._client.query(**request)
        changed = sum(self._forget(found, names) for found in answer["Items"])
        last = answer.get("LastEvaluatedKey")
        return changed, last["id"]["S"] if last else None

    def _forget(self, found: Item, names: Collection[str]) -> bool:
        """Whether the person was an example in a part."""
        details = found.get("details", {}).get("S", "")
        if not any(name in details for name in names):
            return False
        run = _run(found)
        if not run.tally.forget(names):
            return False
        self._client.put_item(
            TableName=self._table,
            Item={**found, **_item(run), "id": found["id"]},
            ConditionExpression=_IS_AS_READ,
            ExpressionAttributeValues={":read": {"N": str(run.version)}},
        )
        return True

    def _items(
        self,
        connection_id: str,
        first: str,
        last: str,
        *,
        newest_first: bool = False,
        consistent: bool = False,
        only: str | None = None,
    ) -> Iterator[Item]:
        """What is stored of the runs from one hour to another, shard by shard; `only`: nothing but this attribute."""
        request: QueryInputPaginateTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "connection_id = :connection AND id BETWEEN :first AND :last",
            "ExpressionAttributeValues": {
                ":connection": {"S": connection_id},
                ":first": {"S": first},
                ":last": {"S": _name(last, LOSSES_PART)},
            },
            "ScanIndexForward": not newest_first,
            "ConsistentRead": consistent,
        }
        if only is not None:
            request["ProjectionExpression"] = only
        pages = self._client.get_paginator("query").paginate(**request)
        return (found for page in pages for found in page["Items"])

    def _whole(self, items: Iterable[Item]) -> Iterator[Run]:
        for _, of_hour in groupby(items, key=lambda found: hour_in(found["id"]["S"])):
            yield whole({found["id"]["S"]: _run(found) for found in of_hour})

    def put(self, run: Run, now: datetime) -> "TransactWriteItemTypeDef":
        """A transaction's write of a shard's part over the version it was read at; late if its hour is over."""
        return {
            "Put": {
                "TableName": self._table,
                "Item": _item(run) | (_LATE if now >= hour_of(run.id) + timedelta(hours=1) else {}),
                "ConditionExpression": f"{_HAS_NOT_BEGUN} OR {_IS_AS_READ}",
                "ExpressionAttributeValues": {":read": {"N": str(run.version)}},
            }
        }


def hour_in(name: str) -> str:
    """The id of the run that an item is of, by the item's name."""
    return name.partition("#")[0]


def bytes_of(run: Run) -> int:
    """How much a part's item takes at most."""
    return _BESIDE + len(_text(run.tally))


def _name(run_id: str, shard: int) -> str:
    return f"{run_id}#{shard}"


def _item(run: Run) -> dict[str, Any]:
    return item(
        {
            "connection_id": run.connection_id,
            "id": _name(run.id, run.shard),
            "version": run.version + 1,
            "counts": {name: count for name, count in run.tally.counts.items() if count},
            "details": _text(run.tally),
            "expires_at": int((hour_of(run.id) + RETENTION).timestamp()),
        }
    )


def _text(tally: Tally) -> str:
    """The details; a reason is written once, and its place in the list from there on."""
    places: dict[Reason, int] = {}
    for counters in (tally, *tally.audiences.values()):
        for reason in counters.reasons:
            places.setdefault(reason, len(places))
    audiences = [
        [*audience, counters.counts[Class.ACTIVATED], _placed(counters, places)]
        for audience, counters in tally.audiences.items()
    ]
    latency = tally.latency
    return _encode(
        {
            "codes": [[reason.outcome, reason.code] for reason in places],
            "reasons": _placed(tally, places),
            "audiences": audiences,
            "dropped": tally.dropped,
            "warned": [[*one, count] for one, count in tally.warned.items()],
            "losses": [[*one, count] for one, count in tally.losses.items()],
            "latency": [latency.total_ms, latency.min_ms, latency.max_ms, list(latency.buckets.items())],
            "first_at": tally.first_at and format_time(tally.first_at),
            "last_at": tally.last_at and format_time(tally.last_at),
        }
    )


def _placed(counters: Counters, places: Mapping[Reason, int]) -> list[list[int | str]]:
    examples = counters.examples
    return [
        [places[reason], count, examples[reason]] if reason in examples else [places[reason], count]
        for reason, count in counters.reasons.items()
    ]


def _run(found: dict[str, Any]) -> Run:
    stored = attributes(found)
    counts = Counter({name: int(count) for name, count in stored["counts"].items()})
    tally = _detailed(counts, json.loads(stored["details"])) if "details" in stored else _plain(counts, stored)
    hour, _, shard = stored["id"].partition("#")
    return Run(stored["connection_id"], hour, int(stored["version"]), tally, int(shard or 0))


def _detailed(counts: Counter[str], details: Mapping[str, Any]) -> Tally:
    codes = [Reason(Class(outcome), code) for outcome, code, *_ in details["codes"]]
    audiences: defaultdict[AudienceKey, Counters] = defaultdict(Counters)
    for namespace, audience, activated, placed, *_ in details["audiences"]:
        reasons, examples = _reasons(placed, codes)
        audiences[AudienceKey(namespace, audience)] = Counters(_classes(activated, reasons), reasons, examples)
    total, least, most, buckets, *_ = details["latency"]
    return Tally(
        counts,
        *_reasons(details["reasons"], codes),
        audiences,
        Counter(details["dropped"]),
        Latency(Counter(dict(buckets)), total, least, most),
        _time(details["first_at"]),
        _time(details["last_at"]),
        {AttributeWarning(name, code): count for name, code, count, *_ in details["warned"]},
        {
            Loss(Lost(kind), code): count
            for kind, code, count, *_ in details.get("losses", ())
            if known_words(Lost, [kind])
        },
    )


def _reasons(placed: Iterable[Sequence[Any]], codes: Sequence[Reason]) -> tuple[Counter[Reason], dict[Reason, str]]:
    reasons: Counter[Reason] = Counter()
    examples: dict[Reason, str] = {}
    for place, count, *example in placed:
        reasons[codes[place]] = count
        if example:
            examples[codes[place]] = example[0]
    return reasons, examples


def _classes(activated: int, reasons: Counter[Reason]) -> Counter[str]:
    """The counters of an audience, which follow from its reasons."""
    counts = Counter({Class.ACTIVATED.value: activated}) if activated else Counter()
    for reason, count in reasons.items():
        counts[reason.outcome.value] += count
    counts["received"] = activated + reasons.total()
    return counts


def _plain(counts: Counter[str], stored: Mapping[str, Any]) -> Tally:
    """A run as it was written before there were details: its audiences have no reasons."""
    audiences: defaultdict[AudienceKey, Counters] = defaultdict(Counters)
    for one in stored["audiences"]:
        reasons = Counter(
            {Reason(kind, OTHER): int(one["counts"].get(kind, 0)) for kind in Class if kind is not Class.ACTIVATED}
        )
        activated = int(one["counts"].get(Class.ACTIVATED, 0))
        audiences[AudienceKey(one["namespace"], one["id"])] = Counters(_classes(activated, +reasons), +reasons)
    known = Counter({Reason(Class(one["class"]), one["code"]): int(one["count"]) for one in stored["reasons"]})
    return Tally(counts, known, audiences=audiences)


def _time(text: str | None) -> datetime | None:
    return None if text is None else parse_time(text)
