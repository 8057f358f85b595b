"""Resyncs: how far each is, in RunsTable; which one of a connection goes on, beside the connection.

    connection_id   id = resync#<id>                      the resync; expires_at
    resyncs         id = <connection id>#<id>             those that are not at their end yet

    pk = connection id   sk = connection                  resyncing: its id, since when, and in which audiences

There is one at a time. It begins with the mark on the connection, and ends with its removal, in one transaction with
what is stored of it.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from destination.domain.resync import ClosedBy, Named, Resync, ResyncCode, ResyncHold, ResyncStatus
from destination.domain.run import RETENTION
from destination.domain.times import format_time, parse_time
from destination.store.errors import StaleVersionError
from destination.store.items import OF_KIND, Item, attributes, connection_key, item, known, known_words
from destination.store.transactions import refused
from destination.store.versions import AS_READ

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

RESYNCS: Final = "resyncs"
"""The partition of the resyncs that are not at their end."""

_HEAD: Final = "resync#"
_VERSION: Final = {"#version": "version"}
_IS_FREE: Final = "attribute_exists(pk) AND attribute_not_exists(resyncing)"
_IS_OWN: Final = "resyncing.id = :own"
_TIMES: Final = (
    "opened_at",
    "closed_at",
    "heard_at",
    "drained_since",
    "counted_at",
    "approved_at",
    "finished_at",
)


class Resyncs:
    """The resyncs of all connections, in their tables."""

    def __init__(self, client: "DynamoDBClient", runs_table: str, connections_table: str) -> None:
        self._client = client
        self._table = runs_table
        self._connections_table = connections_table

    def create(self, resync: Resync, record: "TransactWriteItemTypeDef") -> bool:
        """Open a new one, with its audit record; whether it is open: there is one at a time, of a connection that is
        there.
        """
        mark: TransactWriteItemTypeDef = {
            "Update": {
                "TableName": self._connections_table,
                "Key": connection_key(resync.connection_id),
                "UpdateExpression": "SET resyncing = :resyncing",
                "ConditionExpression": _IS_FREE,
                "ExpressionAttributeValues": item({":resyncing": _mark_of(resync)}),
            }
        }
        put: TransactWriteItemTypeDef = {"Put": {"TableName": self._table, "Item": _item(resync)}}
        return not refused(self._client, [mark, put, self._listed(resync), record])

    def put(self, resync: Resync, record: "TransactWriteItemTypeDef | None" = None) -> Resync:
        """Store it over the version it was read at; it as it stands then. Once it is at its end nobody is noted any
        more. Raises StaleVersionError.
        """
        changed = replace(resync, version=resync.version + 1)
        put: TransactWriteItemTypeDef = {
            "Put": {
                "TableName": self._table,
                "Item": _item(changed),
                "ConditionExpression": AS_READ,
                "ExpressionAttributeNames": _VERSION,
                "ExpressionAttributeValues": item({":read": resync.version}),
            }
        }
        writes = [put, self._listed(changed), *([record] if record else [])]
        places = refused(self._client, [*writes, self._released(changed)] if changed.is_ended else writes)
        if changed.is_ended and places == {len(writes)}:  # Its connection is gone, and the mark with it.
            places = refused(self._client, writes)
        if places:
            raise StaleVersionError(f"resync {resync.id} is no longer at version {resync.version}")
        return changed

    def get(self, connection_id: str, resync_id: str) -> Resync | None:
        key = _key(connection_id, _HEAD + resync_id)
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return _resync(answer["Item"]) if "Item" in answer else None

    def newest(self, connection_id: str, limit: int) -> list[Resync]:
        """The newest, newest first."""
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression=OF_KIND,
            ExpressionAttributeValues=item({":connection": connection_id, ":prefix": _HEAD}),
            ScanIndexForward=False,
            Limit=limit,
            ConsistentRead=True,
        )
        return [_resync(found) for found in answer["Items"]]

    def going_on(self) -> Iterator[Resync]:
        """The resyncs of all connections that are not at their end."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="connection_id = :resyncs",
            ExpressionAttributeValues=item({":resyncs": RESYNCS}),
            ConsistentRead=True,
        )
        for page in pages:
            for found in page["Items"]:
                connection_id, _, resync_id = str(attributes(found)["id"]).partition("#")
                if (resync := self.get(connection_id, resync_id)) is not None and not resync.is_ended:
                    yield resync

    def _listed(self, resync: Resync) -> "TransactWriteItemTypeDef":
        key = _key(RESYNCS, f"{resync.connection_id}#{resync.id}")
        if resync.is_ended:
            return {"Delete": {"TableName": self._table, "Key": key}}
        return {"Put": {"TableName": self._table, "Item": key | item({"expires_at": _expires_at(resync)})}}

    def _released(self, resync: Resync) -> "TransactWriteItemTypeDef":
        return {
            "Update": {
                "TableName": self._connections_table,
                "Key": connection_key(resync.connection_id),
                "UpdateExpression": "REMOVE resyncing",
                "ConditionExpression": _IS_OWN,
                "ExpressionAttributeValues": item({":own": resync.id}),
            }
        }


def _mark_of(resync: Resync) -> dict[str, Any]:
    chosen = {} if resync.activation_ids is None else {"activation_ids": list(resync.activation_ids)}
    return {"id": resync.id, "since": format_time(resync.opened_at), **chosen}


def _key(connection_id: str, name: str) -> Item:
    return item({"connection_id": connection_id, "id": name})


def _expires_at(resync: Resync) -> int:
    return int((resync.opened_at + RETENTION).timestamp())


def _item(resync: Resync) -> Item:
    state = {name: value for name, value in asdict(resync).items() if name not in {"id", "connection_id", "version"}}
    written: dict[str, Any] = {name: format_time(value) for name in _TIMES if (value := state[name]) is not None}
    written |= {name: int(state[name].total_seconds()) for name in ("quiet", "longest")}
    stored = {"state": json.dumps(state | written), "version": resync.version, "expires_at": _expires_at(resync)}
    return _key(resync.connection_id, _HEAD + resync.id) | item(stored)


def _resync(found: Item) -> Resync:
    stored = attributes(found)
    state = known(Resync, json.loads(stored["state"]))
    times = {name: parse_time(state[name]) for name in _TIMES if state.get(name) is not None}
    chosen, closed_by, code = state["activation_ids"], state["closed_by"], state["code"]
    parsed: dict[str, Any] = {
        "status": ResyncStatus(state["status"]),
        "activation_ids": None if chosen is None else tuple(chosen),
        "quiet": timedelta(seconds=state["quiet"]),
        "longest": timedelta(seconds=state["longest"]),
        "closed_by": None if closed_by is None else ClosedBy(closed_by),
        "counts": {activation: Named(*one[:2]) for activation, one in state["counts"].items()},
        "holds": tuple(known_words(ResyncHold, state["holds"])),
        "code": None if code is None else ResyncCode(code),
    }
    return Resync(
        **{**state, **parsed, **times},
        id=stored["id"].removeprefix(_HEAD),
        connection_id=stored["connection_id"],
        version=int(stored["version"]),
    )
