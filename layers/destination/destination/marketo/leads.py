"""Leads: looked up by a field, created and updated.

Source: Marketo REST API, "Leads" (query by filter type, Sync Leads) and "Lead database" (long requests).
"""

import marshal
import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from destination.domain.matching import Lead
from destination.domain.schema import Field, FieldValue, InvalidValueError, dedupe_key
from destination.domain.times import parse_time
from destination.domain.value_object import value_object
from destination.marketo.client import LEADS_QUERY_TIMEOUT, SYNC_TIMEOUT, Client, json_body
from destination.marketo.errors import (
    SKIPPED,
    UNEXPECTED_ANSWER,
    InstanceWaitsError,
)
from destination.marketo.transport import Request

CHUNK: Final = 300
"""Records, or filter values, that one call takes."""

BODY_BYTES: Final = 900_000
"""Marketo takes bodies of 1 MB."""

PARTITION: Final = "leadPartitionId"
"""The field that says in which partition a lead is, by its id."""

_MOST_BYTES: Final = 6
"""What a byte of `marshal`'s takes in JSON at most: a control character is written as six."""

_BY_VALUE: Final = 2
"""The version of `marshal` that knows no references, so that what is said twice counts twice."""

_QUOTED: Final = re.compile(r"""['"\[]([^'"\]]{1,255})['"\]]""")

_DONE: Final = frozenset({"created", "updated", "deleted", "added", "removed", "memberof", "notmemberof"})

_NEVER = datetime.min.replace(tzinfo=UTC)

T = TypeVar("T")

Record = Mapping[str, FieldValue]
"""What one lead is to be: REST field names and their values; null clears a field."""


class SyncAction(StrEnum):
    CREATE_ONLY = "createOnly"
    UPDATE_ONLY = "updateOnly"
    CREATE_OR_UPDATE = "createOrUpdate"
    CREATE_DUPLICATE = "createDuplicate"


@value_object
class RecordResult:
    """What became of one record: `created`, `updated`, `added`, `removed`, or another status with the code of why.

    A record that Sync Leads skipped has no id. A status that is not known says nothing certain, nor does a creation
    without the lead that was made: their code is UNEXPECTED_ANSWER. `field`: which of the fields that were sent it was
    skipped for, where Marketo says so.
    """

    id: int | None
    status: str
    code: str | None = None
    field: str | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any], sent: Container[str] = ()) -> "RecordResult":
        """Read one row of a result; the messages of reasons may hold profile values and are left out.

        `sent`: the names of the record's fields, one of which a message may name.
        """
        lead_id = row.get("id")
        status = str(row.get("status"))
        code = field = None
        if status not in _DONE or (status == "created" and not isinstance(lead_id, int)):
            match row.get("reasons"):
                case [{"code": str() | int() as given, **others}, *_]:
                    code = str(given)
                    field = _named(others.get("message"), sent)
                case _:
                    code = SKIPPED if status == "skipped" else UNEXPECTED_ANSWER
        return cls(lead_id if isinstance(lead_id, int) else None, status, code, field)


@dataclass(frozen=True, slots=True)
class LeadRecord:
    """A lead with the partition that it is in, and with the values of the fields that were asked for, as Marketo has
    them.
    """

    lead: Lead
    partition_id: int | None
    values: Mapping[str, Any]


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def record_chunks(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The records in runs that one Sync Leads call takes, by number and by size; one that is too large stays alone."""
    for chunk in chunks(records):
        # Nearly always, so that nothing is encoded to be measured
        if _MOST_BYTES * len(marshal.dumps([*map(dict, chunk)], _BY_VALUE)) <= BODY_BYTES:
            yield chunk
        else:
            yield from _by_size(chunk)


def _by_size(records: Iterable[Record]) -> Iterator[list[Record]]:
    chunk: list[Record] = []
    size = 0
    for record in records:
        length = len(json_body(record)) + 1
        if chunk and size + length > BODY_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(record)
        size += length
    if chunk:
        yield chunk


class Leads:
    """The leads of one instance, in all partitions that the API user may see."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def find(self, by: Field, keys: Sequence[str], also: Sequence[Field] = ()) -> dict[str, list[Lead]]:
        """The leads of at most 300 keys (normalised with `dedupe_key`), none for an unknown one; several may share one.

        Whose exact value no lead has gets those that differ from it in case alone, as Marketo may search without case.
        `also`: fields whose keys each lead brings with it.

        An answer without a result, or with a row that is no lead, does not say that nobody was found: who is taken for
        unknown leaves lists.

        Raises MarketoError; RequestRejectedError 1003 where a key has more than 1,000 leads, among other causes.
        """
        _check_size(keys)
        leads: dict[str, list[Lead]] = {key: [] for key in keys}
        if not leads:
            return leads
        others: list[Lead] = []
        for row in self._rows(by, leads, (by.name, *(one.name for one in also))):
            lead = _lead(row, by, also)
            leads.get(lead.key, others).append(lead)
        if others:
            _join_in_other_case(leads, others)
        return leads

    def records(self, by: Field, key: str, names: Sequence[str] = (), also: Sequence[Field] = ()) -> list[LeadRecord]:
        """The leads of one key, as `find` gives them, with their partitions and the values of further fields.

        Raises as `find`.
        """
        asked = (by.name, *(one.name for one in also), PARTITION, *names)
        found = [
            LeadRecord(_lead(row, by, also), _whole(row.get(PARTITION)), {name: row.get(name) for name in names})
            for row in self._rows(by, [key], asked)
        ]
        exact = [one for one in found if one.lead.key == key]
        return exact or [one for one in found if one.lead.key.casefold() == key.casefold()]

    def _rows(self, by: Field, keys: Iterable[str], names: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """The leads of at most 300 keys, each with its id, the fields of these names and its times."""
        # Always the form of long requests: the values of 300 people do not fit into an address.
        request = Request(
            "find leads",
            "POST",
            "/rest/v1/leads.json",
            LEADS_QUERY_TIMEOUT,
            params={"_method": "GET"},
            form={
                "filterType": by.name,
                "filterValues": ",".join(keys),
                "fields": ",".join(dict.fromkeys(("id", *names, "updatedAt", "createdAt"))),
                "batchSize": str(CHUNK),
            },
        )
        for page in self._client.pages(request):
            if not page.is_whole:
                raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)
            for row in page.result:
                if not isinstance(row.get("id"), int):
                    raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)
                yield row

    def sync(
        self, action: SyncAction, lookup_field: str, records: Sequence[Record], partition: str | None = None
    ) -> list[RecordResult]:
        """Create or update at most 300 leads (see `record_chunks`); the results are in the order of the records.

        `partition`: where new leads go; Marketo ignores or refuses it on updates, so it is sent with creations only.
        Raises MarketoError; `executed_unknown` on an InstanceWaitsError says that leads may have been created.
        """
        _check_size(records)
        if not records:
            return []
        body: dict[str, object] = {"action": action, "lookupField": lookup_field, "input": records}
        if partition is not None and action is not SyncAction.UPDATE_ONLY:
            body["partitionName"] = partition
        request = Request(
            f"sync leads ({action})",
            "POST",
            "/rest/v1/leads.json",
            SYNC_TIMEOUT,
            body=json_body(body),
            repeatable=action is SyncAction.UPDATE_ONLY,
        )
        rows = self._client.call(request).result
        if len(rows) != len(records):
            # The order is the only thing that tells whose result it is.
            raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)
        return [RecordResult.of(row, record) for row, record in zip(rows, records, strict=True)]

    def delete(self, lead_ids: Sequence[int]) -> list[RecordResult]:
        """Delete at most 300 leads, for good: `deleted`, or `skipped` with its code (1004: there is none).

        Source: Marketo REST API, "Leads" (Delete Leads). Raises MarketoError.
        """
        _check_size(lead_ids)
        body = json_body({"input": [{"id": lead_id} for lead_id in lead_ids]})
        request = Request("delete leads", "POST", "/rest/v1/leads/delete.json", SYNC_TIMEOUT, body=body)
        return [RecordResult.of(row) for row in self._client.call(request).result]


def _join_in_other_case(leads: Mapping[str, list[Lead]], others: Iterable[Lead]) -> None:
    """Give leads of values that were not asked for to those keys without leads that differ from them in case alone."""
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for key, found in leads.items():
        if not found:
            wanted[key.casefold()].append(key)
    for lead in others:
        for key in wanted.get(lead.key.casefold(), ()):
            leads[key].append(lead)


def _named(message: object, sent: Container[str]) -> str | None:
    """The field that a reason is about: it names one in quotes, before it cites any value.

    Seen of Marketo: "Invalid value for field 'x' and value 'y'", "Field 'x' not found".
    """
    found = _QUOTED.search(message) if isinstance(message, str) else None
    return found[1] if found is not None and found[1] in sent else None


def _check_size(items: Sequence[object]) -> None:
    if len(items) > CHUNK:
        raise ValueError(f"one call takes at most {CHUNK}")


def _lead(row: Mapping[str, Any], by: Field, also: Sequence[Field]) -> Lead:
    return Lead(row["id"], _key(row, by), _last_change(row), tuple([_key(row, one) or None for one in also]))


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _key(row: Mapping[str, Any], by: Field) -> str:
    """Rows do not come in the order of the values asked for: each is joined by its own value."""
    try:
        return dedupe_key(row.get(by.name), by)
    except InvalidValueError:
        return ""


def _last_change(row: Mapping[str, Any]) -> datetime:
    for name in ("updatedAt", "createdAt"):
        value = row.get(name)
        if isinstance(value, str):
            try:
                return parse_time(value.strip().replace("Z+0000", "Z"))
            except ValueError:
                continue
    return _NEVER
