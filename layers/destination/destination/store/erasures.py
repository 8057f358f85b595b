"""ConnectionsTable: the marks of people who were erased, each with how far its erasure came; and their traces in S3.

pk = erasures#<connection id>   sk = <time>-<pseudonym>   state (JSON), expires_at
                                sk = #<hash>              erasure_id, expires_at: what a sender's call began

The time comes first, so that a delivery reads those marks alone that are newer than its oldest event; a hash, of the
call's id and the pseudonym, stands before all times.

nothing ──create──▶ the mark, to be carried on ──put──▶ … ──put──▶ done ──▶ expired, or gone with its connection
      _IS_NEW                                _IS_THERE       _IS_THERE
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.audit import AuditRecord
from destination.domain.erasure import Erasure, LeftList, Step, marks_in, stamp
from destination.domain.times import format_time, parse_time
from destination.store.audit import Audit
from destination.store.errors import NotFoundError
from destination.store.folders import Folder
from destination.store.items import Item, connection_key, item, known
from destination.store.letters import LETTERS
from destination.store.marks import conditionally
from destination.store.parking import PARKED
from destination.store.results import RESULTS
from destination.store.transactions import refused, there

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef, UpdateTypeDef
    from mypy_boto3_s3 import S3Client

_KEYS: Final = ("pk", "sk")
_IS_NEW: Final = "attribute_not_exists(pk)"
_IS_THERE: Final = "attribute_exists(pk)"
_DELETED: Final = 25
"""How many items one call deletes."""


class Erasures:
    """The erasures of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, erasure: Erasure, record: "TransactWriteItemTypeDef") -> None:
        """Write the mark, with its audit record. Raises NotFoundError when the connection is gone."""
        is_there = there(self._table, connection_key(erasure.connection_id))
        if refused(self._client, [is_there, {"Update": self._new(*_mark(erasure))}, record]):
            raise NotFoundError(f"there is no connection {erasure.connection_id}")

    def request(self, erasure: Erasure, call: str, record: AuditRecord) -> str:
        """Write the mark with its audit record, once for a sender's call; the id of the erasure that the call began.

        Written as updates, since whoever delivers may not put items. Raises NotFoundError when the connection is gone.
        """
        key, mark = _mark(erasure)
        called = _key(erasure.connection_id, _called(erasure.name, call))
        began = {"erasure_id": {"S": erasure.id}, "expires_at": mark["expires_at"]}
        audit = Audit(self._client, self._table).put(record)["Put"]["Item"]
        written = {name: audit[name] for name in audit if name not in _KEYS}
        news = [(called, began), (key, mark), ({name: audit[name] for name in _KEYS}, written)]
        updates: list[TransactWriteItemTypeDef] = [{"Update": self._new(*one)} for one in news]
        places = refused(self._client, [there(self._table, connection_key(erasure.connection_id)), *updates])
        if 0 in places:
            raise NotFoundError(f"there is no connection {erasure.connection_id}")
        return self._began(called) or erasure.id if places else erasure.id

    def _began(self, called: Item) -> str | None:
        answer = self._client.get_item(TableName=self._table, Key=called, ConsistentRead=True)
        return answer["Item"]["erasure_id"]["S"] if "Item" in answer else None

    def _new(self, key: Item, stored: Item) -> "UpdateTypeDef":
        """An item that is not there yet, as an update."""
        names = {f"#a{place}": name for place, name in enumerate(stored)}
        sets = ", ".join(f"#a{place} = :a{place}" for place in range(len(stored)))
        return {
            "TableName": self._table,
            "Key": key,
            "UpdateExpression": f"SET {sets}",
            "ConditionExpression": _IS_NEW,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {f":a{place}": stored[name] for place, name in enumerate(stored)},
        }

    def get(self, connection_id: str, erasure_id: str) -> Erasure | None:
        answer = self._client.get_item(TableName=self._table, Key=_key(connection_id, erasure_id), ConsistentRead=True)
        return _erasure(answer["Item"]) if "Item" in answer else None

    def put(self, erasure: Erasure) -> None:
        """Store how far it came; not of one that is gone."""
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(erasure.connection_id, erasure.id),
            "UpdateExpression": "SET #state = :state",
            "ConditionExpression": _IS_THERE,
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": item({":state": _state(erasure)}),
        }
        conditionally(self._client, update)

    def mark(self, erasure: Erasure) -> None:
        """Write the mark of somebody who is erased with another one, unless it is there."""
        conditionally(self._client, self._new(*_mark(erasure)))

    def marks(self, connection_id: str, since: datetime) -> dict[str, datetime]:
        """By pseudonym the newest mark of everybody who was erased since a time; strongly consistent."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND sk >= :since",
            ExpressionAttributeValues=item({":pk": _pk(connection_id), ":since": stamp(since)}),
            ProjectionExpression="sk",
            ConsistentRead=True,
        )
        return marks_in(found["sk"]["S"] for page in pages for found in page["Items"])

    def erase(self, connection_id: str) -> bool:
        """Delete some of the marks of a connection; whether none is left."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=item({":pk": _pk(connection_id)}),
            ProjectionExpression="pk, sk",
            Limit=_DELETED,
            ConsistentRead=True,
        )
        for key in answer["Items"]:
            self._client.delete_item(TableName=self._table, Key=key)
        return "LastEvaluatedKey" not in answer


class Traces:
    """What the bucket keeps of people, by the step of an erasure that sees to it."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        names = {Step.LETTERS: LETTERS, Step.PARKED: PARKED, Step.RESULTS: RESULTS}
        self._folders = {step: Folder(client, bucket, name) for step, name in names.items()}

    def names(self, step: Step, connection_id: str, after: str) -> Iterator[str]:
        """The objects of a connection, beyond one."""
        return (name for _, name in self._folders[step].names(connection_id, after=after))

    def rewrite(
        self, step: Step, connection_id: str, name: str, change: Callable[[list[str]], list[str] | None]
    ) -> None:
        """Change the lines of an object (store/folders.py)."""
        self._folders[step].rewrite(connection_id, name, change)


def _called(name: str, call: str) -> str:
    """Where it stands that a call began an erasure."""
    return f"#{hashlib.sha256(f'{name} {call}'.encode()).hexdigest()}"


def _pk(connection_id: str) -> str:
    return f"erasures#{connection_id}"


def _key(connection_id: str, erasure_id: str) -> Item:
    return item({"pk": _pk(connection_id), "sk": erasure_id})


def _mark(erasure: Erasure) -> tuple[Item, Item]:
    """Its key, and what is stored of it."""
    stored = {"state": _state(erasure), "expires_at": int(erasure.drops_until.timestamp())}
    return _key(erasure.connection_id, erasure.id), item(stored)


def _state(erasure: Erasure) -> str:
    """Without what the keys say."""
    finished_at = erasure.finished_at and format_time(erasure.finished_at)
    stored = asdict(erasure) | {"finished_at": finished_at}
    return json.dumps({name: value for name, value in stored.items() if name not in {"connection_id", "name", "at"}})


def _erasure(found: Item) -> Erasure:
    stored = known(Erasure, json.loads(found["state"]["S"]))
    ((name, at),) = marks_in([found["sk"]["S"]]).items()
    finished_at = stored["finished_at"]
    parsed = {
        "step": Step(stored["step"]),
        "lists": tuple(
            LeftList(AudienceKey(*one["audience"][:2]), one["list_id"], one["leads"]) for one in stored["lists"]
        ),
        "finished_at": None if finished_at is None else parse_time(finished_at),
    }
    connection_id = found["pk"]["S"].partition("#")[2]
    return Erasure(**stored | parsed | {"connection_id": connection_id, "name": name, "at": at})
