"""RunsTable: what is of a connection, is carried on step by step, and is stored whole each time.

    connection_id   id = <name>#<id>                  what its store writes of it; version, expires_at
    <name>s         id = <connection id>#<id>         of `Ongoing`: those that are not at their end yet; expires_at

Each is written over the version that it was read at, so that of two who carry it on at once one goes on:

    nothing ──new──▶ version 1 ──put──▶ version 2 ──put──▶ …
            _IS_NEW            AS_READ            AS_READ
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Protocol, TypeVar

from destination.domain.times import format_time, parse_time
from destination.store.errors import StaleVersionError
from destination.store.items import OF_KIND, Attributes, Item, attributes, item, known, runs_key
from destination.store.transactions import refused
from destination.store.versions import AS_READ

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_OF_ANY_KIND: Final = "connection_id = :connection"
_IS_NEW: Final = "attribute_not_exists(id)"
_VERSION: Final = {"#version": "version"}
_OWN: Final = ("id", "connection_id", "version")
"""What is stored of each beside its state."""


class _Versioned(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def id(self) -> str: ...
    @property
    def connection_id(self) -> str: ...
    @property
    def version(self) -> int: ...


class _Ending(_Versioned, Protocol):
    @property
    def is_ended(self) -> bool: ...


T = TypeVar("T", bound=_Versioned)
E = TypeVar("E", bound=_Ending)


class Versioned(Generic[T]):
    """Those of one name, of all connections, in their table.

    `write` gives what is stored of one beside its keys, its version and when it `expires`; `read` makes it of that, and
    of its `id`, `connection_id` and `version`.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        name: str,
        *,
        write: Callable[[T], Attributes],
        read: Callable[[Attributes], T],
        expires: Callable[[T], datetime],
    ) -> None:
        self._client = client
        self._table = table
        self._name = name
        self._prefix = f"{name}#"
        self._write = write
        self._read = read
        self._expires = expires

    def get(self, connection_id: str, own_id: str) -> T | None:
        key = runs_key(connection_id, self._prefix + own_id)
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return self._found(answer["Item"]) if "Item" in answer else None

    def of(self, connection_id: str) -> Iterator[T]:
        """All that are known of a connection."""
        return map(self._found, self._items(connection_id, self._prefix))

    def newest(self, connection_id: str, limit: int) -> list[T]:
        """The newest, newest first: ids begin with their time."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression=OF_KIND,
            ExpressionAttributeValues=item({":connection": connection_id, ":prefix": self._prefix}),
            ScanIndexForward=False,
            Limit=limit,
            ConsistentRead=True,
        )
        return [self._found(found) for found in answer["Items"]]

    def new(self, one: T) -> "TransactWriteItemTypeDef":
        """A transaction's write of a new one."""
        return {"Put": {"TableName": self._table, "Item": self._item(one), "ConditionExpression": _IS_NEW}}

    def put(self, one: T, *beside: "TransactWriteItemTypeDef") -> T:
        """Store it over the version it was read at, and what is to be written beside it; it as it stands then.

        Raises StaleVersionError.
        """
        changed = replace(one, version=one.version + 1)
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": self._item(changed),
                "ConditionExpression": AS_READ,
                "ExpressionAttributeNames": _VERSION,
                "ExpressionAttributeValues": item({":read": one.version}),
            }
        }
        if refused(self._client, [put, *beside]):
            raise self._stale(one)
        return changed

    def put_beside(self, one: T, *beside: "TransactWriteItemTypeDef") -> None:
        """Write what belongs to it, and leave it at the version it was read at. Raises StaleVersionError."""
        as_read: TransactWriteItemTypeDef = {
            "ConditionCheck": {
                "TableName": self._table,
                "Key": runs_key(one.connection_id, self._prefix + one.id),
                "ConditionExpression": AS_READ,
                "ExpressionAttributeNames": _VERSION,
                "ExpressionAttributeValues": item({":read": one.version}),
            }
        }
        if refused(self._client, [as_read, *beside]):
            raise self._stale(one)

    def expires_at(self, one: T) -> int:
        """When it is of no use any more, in seconds since 1970."""
        return int(self._expires(one).timestamp())

    def _items(self, connection_id: str, prefix: str | None = None) -> Iterator[Item]:
        """What is of a connection, and has an id that begins so; strongly consistent."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=_OF_ANY_KIND if prefix is None else OF_KIND,
            ExpressionAttributeValues=item({":connection": connection_id, ":prefix": prefix}),
            ConsistentRead=True,
        )
        return (found for page in pages for found in page["Items"])

    def _stale(self, one: T) -> StaleVersionError:
        return StaleVersionError(f"{self._name} {one.id} is no longer at version {one.version}")

    def _item(self, one: T) -> Item:
        stored = {**self._write(one), "version": one.version, "expires_at": self.expires_at(one)}
        return runs_key(one.connection_id, self._prefix + one.id) | item(stored)

    def _found(self, found: Item) -> T:
        stored = attributes(found)
        own = {"id": stored["id"].removeprefix(self._prefix), "version": int(stored["version"])}
        return self._read({**stored, **own})


class Ongoing(Versioned[E]):
    """Those of one name, with a list of those that are not at their end yet, so that all are found at once."""

    def create(self, one: E, *beside: "TransactWriteItemTypeDef") -> bool:
        """Store a new one, and what is to be written beside it; whether it is new: the same again is none."""
        return not refused(self._client, [self.new(one), self._listed(one), *beside])

    def put(self, one: E, *beside: "TransactWriteItemTypeDef") -> E:
        return super().put(one, self._listed(one), *beside)

    def going_on(self) -> Iterator[E]:
        """Those of all connections that are not at their end."""
        for listed in self._items(self._list):
            connection_id, _, own_id = listed["id"]["S"].partition("#")
            if (one := self.get(connection_id, own_id)) is not None and not one.is_ended:
                yield one

    def _listed(self, one: E) -> "TransactWriteItemTypeDef":
        key = runs_key(self._list, f"{one.connection_id}#{one.id}")
        if one.is_ended:
            return {"Delete": {"TableName": self._table, "Key": key}}
        return {"Put": {"TableName": self._table, "Item": key | item({"expires_at": self.expires_at(one)})}}

    @property
    def _list(self) -> str:
        return f"{self._name}s"


def state_of(one: _Versioned, times: Sequence[str], **written: object) -> str:
    """All of it but what is stored beside, as JSON. `times`: which fields are times; `written`: others that JSON has
    no form for, as they are stored.
    """
    state = {name: value for name, value in asdict(one).items() if name not in _OWN}
    told = {name: format_time(state[name]) for name in times if state[name] is not None}
    return json.dumps(state | told | written)


def state_in(kind: type[_Versioned], stored: Attributes, times: Sequence[str]) -> dict[str, Any]:
    """The fields of what is stored with its state, of those that this release knows; the times are times again."""
    state = known(kind, json.loads(stored["state"]))
    told = {name: parse_time(state[name]) for name in times if state.get(name) is not None}
    return state | told | {name: stored[name] for name in _OWN}
