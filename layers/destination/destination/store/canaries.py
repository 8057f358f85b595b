"""The canary of each Marketo instance: one item of ConnectionsTable, beside the lease.

    pk = instance#<munchkin id>   sk = canary    connection_id, id, version, state (JSON), busy_until, finished

One item for an instance, so that two canaries never ask at once.

    nothing ──create──▶ free ──take──▶ busy ──put──▶ free … ──put──▶ finished ──create──▶ free (the next canary)
            _MAY_BEGIN      _IS_SAME and _IS_FREE  _IS_SAME                   _MAY_BEGIN
"""

import json
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from destination.domain.canary import MAX_DURATION, Canary, Question
from destination.domain.capabilities import Capabilities
from destination.domain.times import format_time, parse_time
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.items import Item, connection_key, item, known, known_words
from destination.store.marks import conditionally
from destination.store.transactions import refused, there

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_SORT_KEY: Final = "canary"
_TIMES: Final = ("requested_at", "begun_at", "finished_at", "busy_until")
_MAY_BEGIN: Final = "attribute_not_exists(pk) OR attribute_exists(finished_at) OR requested_at <= :outlived"
_IS_SAME: Final = "id = :id AND version = :version"
_IS_FREE: Final = "(attribute_not_exists(busy_until) OR busy_until <= :now)"


class Canaries:
    """The canaries of all instances, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def create(self, canary: Canary, record: "TransactWriteItemTypeDef") -> None:
        """Write one that begins, over one that is finished or took too long, with its audit record.

        Raises StaleVersionError where another one is going on, NotFoundError when the connection is gone.
        """
        outlived = format_time(canary.requested_at - MAX_DURATION)
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": _item(canary),
                "ConditionExpression": _MAY_BEGIN,
                "ExpressionAttributeValues": item({":outlived": outlived}),
            }
        }
        places = refused(self._client, [there(self._table, connection_key(canary.connection_id)), put, record])
        if 0 in places:
            raise NotFoundError(f"there is no connection {canary.connection_id}")
        if places:
            raise StaleVersionError(f"another canary of {canary.munchkin_id} is going on")

    def last(self, munchkin_id: str) -> Canary | None:
        """The one that was sent to an instance last."""
        answer = self._client.get_item(TableName=self._table, Key=_key(munchkin_id), ConsistentRead=True)
        return _canary(munchkin_id, answer["Item"]) if "Item" in answer else None

    def take(self, canary: Canary, now: datetime, until: datetime) -> Canary | None:
        """Keep others from taking a step of it until a time; None where somebody does, or did since it was read."""
        taken = replace(canary, busy_until=until, version=canary.version + 1)
        is_ours = self._put(taken, canary.version, f"{_IS_SAME} AND {_IS_FREE}", {":now": format_time(now)})
        return taken if is_ours else None

    def put(self, canary: Canary) -> Canary:
        """Store how far it came, and let others take the next step; nothing of one that others went on with since."""
        free = replace(canary, busy_until=None, version=canary.version + 1)
        self._put(free, canary.version, _IS_SAME, {})
        return free

    def _put(self, canary: Canary, version: int, condition: str, values: dict[str, Any]) -> bool:
        stored = {name: one for name, one in _item(canary).items() if name not in {"pk", "sk"}}
        gone = [name for name in ("busy_until", "finished_at") if name not in stored]
        sets = ", ".join(f"#{name} = :new_{name}" for name in stored)
        removes = f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": _key(canary.munchkin_id),
            "UpdateExpression": f"SET {sets}{removes}",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in (*stored, *gone)},
            "ExpressionAttributeValues": {f":new_{name}": one for name, one in stored.items()}
            | item({":id": canary.id, ":version": version, **values}),
        }
        return conditionally(self._client, update)


def _key(munchkin_id: str) -> Item:
    return item({"pk": f"instance#{munchkin_id}", "sk": _SORT_KEY})


def _item(canary: Canary) -> Item:
    times = {name: _written(getattr(canary, name)) for name in _TIMES}
    apart = {"munchkin_id", "connection_id", "id", "version", *_TIMES}
    answers = asdict(canary.answers) | {"asked_at": _written(canary.answers.asked_at)}
    rest = {name: one for name, one in asdict(canary).items() if name not in apart} | {"answers": answers}
    stored = {"connection_id": canary.connection_id, "id": canary.id, "version": canary.version}
    return _key(canary.munchkin_id) | item(stored | times | {"state": json.dumps(rest)})


def _canary(munchkin_id: str, found: Item) -> Canary:
    rest = known(Canary, json.loads(found["state"]["S"]))
    answers = known(Capabilities, rest["answers"])
    question = known_words(Question, [rest["question"]] if rest["question"] else [])
    times = {name: parse_time(found[name]["S"]) if name in found else None for name in _TIMES}
    parsed = {
        "munchkin_id": munchkin_id,
        "connection_id": found["connection_id"]["S"],
        "id": found["id"]["S"],
        "version": int(found["version"]["N"]),
        "question": question[0] if question else None,
        "left": tuple(rest["left"]),
        "answers": Capabilities(**answers | {"asked_at": answers["asked_at"] and parse_time(answers["asked_at"])}),
    }
    return Canary(**rest | times | parsed)


def _written(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
