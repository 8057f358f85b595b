"""Imports of leads that go on, or have ended lately: items of RunsTable, and their rows in a folder of the bucket.

    connection_id   id = import#<id>            state (JSON), version, expires_at
    connection_id   id = import_of#<group>      import: the id of the one that gathered last, expires_at

    imports/<connection id>/<import id>/parts/<part>      rows, as they go into the file
    imports/<connection id>/<import id>/exceptions        who was not told, by lead id, or by a digest of the key
    imports/<connection id>/<import id>/ids               who was created: by a digest of the key, the lead

What is written is written under the lease of the connection's instance: its transaction checks the fence of one shard
of the ledger, which whoever holds the lease enters before an import is read. So nobody adds to it who held the lease
before.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from destination.domain.lead_import import Group, ImportPart, ImportStage, LeadImport, shard_of_imports
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.folders import Folder
from destination.store.items import Attributes, attributes, item, runs_key
from destination.store.lead_extracts import extract_of, stored_extract
from destination.store.leases import Lease, LeaseLostError, Leases
from destination.store.transactions import refused
from destination.store.versioned import Versioned, state_in, state_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef
    from mypy_boto3_s3 import S3Client

IMPORTS: Final = "imports"
"""The folder's name."""

RETENTION: Final = timedelta(days=30)
"""As long as what waits for an import may be parked."""

_GROUP: Final = "import_of#"
_EXCEPTIONS: Final = "exceptions"
_IDS: Final = "ids"
_TIMES: Final = (
    *("opened_at", "queued_at", "touched_at", "added_at"),
    *("closed_at", "asked_at", "lost_at", "sent_at", "seen_at", "ended_at"),
)


class ImportsOfConnections:
    """The imports of all connections. `leases`: those of their instances, with the fences of the shards."""

    def __init__(self, client: "DynamoDBClient", table: str, s3: "S3Client", bucket: str, *, leases: Leases) -> None:
        self._client = client
        self._table = table
        self._imports = Versioned(
            client, table, "import", write=_written, read=_import, expires=lambda one: one.opened_at + RETENTION
        )
        self._folder = Folder(s3, bucket, IMPORTS)
        self._leases = leases

    def get(self, connection_id: str, import_id: str) -> LeadImport | None:
        return self._imports.get(connection_id, import_id)

    def of(self, connection_id: str) -> Iterator[LeadImport]:
        """All that are known of a connection."""
        return self._imports.of(connection_id)

    def gathering(self, connection_id: str, group: Group) -> LeadImport | None:
        """The import of a group that gathers, if one does."""
        key = runs_key(connection_id, _GROUP + group.name)
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        found = self.get(connection_id, attributes(answer["Item"])["import"])
        return found if found is not None and found.stage is ImportStage.GATHERING and found.group == group else None

    def create(self, one: LeadImport, lease: Lease) -> LeadImport:
        """Store a new one, as that of its group that gathers. Raises LeaseLostError."""
        made = replace(one, version=1)
        pointer = item({"import": one.id, "expires_at": self._imports.expires_at(one)})
        key = runs_key(one.connection_id, _GROUP + one.group.name)
        gathers: TransactWriteItemTypeDef = {"Put": {"TableName": self._table, "Item": key | pointer}}
        if refused(self._client, [self._imports.new(made), gathers, self._held(one, lease)]):
            raise _lost(lease)
        return made

    def put(self, one: LeadImport, lease: Lease) -> LeadImport:
        """Store it over the version it was read at; it as it stands then. Raises LeaseLostError."""
        try:
            return self._imports.put(one, self._held(one, lease))
        except StaleVersionError:
            raise _lost(lease) from None

    def put_part(self, one: LeadImport, part: str, rows: str) -> None:
        """Store rows, which count once the import has the part."""
        self._folder.put_text(one.connection_id, _place(one, part), rows)

    def rows(self, one: LeadImport) -> Sequence[str] | None:
        """The rows of all parts; None where some are gone."""
        try:
            return [self._folder.get_text(one.connection_id, _place(one, part.name)) for part in one.parts]
        except NotFoundError:
            return None

    def put_exceptions(self, one: LeadImport, names: Collection[str]) -> None:
        """Keep who was not told."""
        self._folder.put_text(one.connection_id, f"{one.id}/{_EXCEPTIONS}", "\n".join(sorted(names)))

    def exceptions(self, one: LeadImport) -> Collection[str] | None:
        """Who was not told; None where that is gone."""
        text = self._text(one, _EXCEPTIONS)
        return None if text is None else set(text.split())

    def put_ids(self, one: LeadImport, ids: Mapping[str, int]) -> None:
        """Keep the leads that were created, by person."""
        lines = (f"{name} {lead_id}" for name, lead_id in sorted(ids.items()))
        self._folder.put_text(one.connection_id, f"{one.id}/{_IDS}", "\n".join(lines))

    def ids(self, one: LeadImport, names: Collection[str]) -> Mapping[str, int] | None:
        """The leads that were created, of these persons; None where they are gone."""
        text = self._text(one, _IDS)
        if text is None:
            return None
        entries = (line.split() for line in text.splitlines())
        return {name: int(lead_id) for name, lead_id in entries if name in names}

    def forget_rows(self, one: LeadImport) -> None:
        """Remove the rows, those of parts as well that were stored and never noted; none there are as good."""
        for _, name in self._folder.names(one.connection_id, begin=_place(one, "")):
            self._folder.remove(one.connection_id, name)

    def erase(self, connection_id: str) -> bool:
        """Delete some of the rows of a connection; whether nothing is left."""
        return self._folder.erase(connection_id)

    def _text(self, one: LeadImport, name: str) -> str | None:
        try:
            return self._folder.get_text(one.connection_id, f"{one.id}/{name}")
        except NotFoundError:
            return None

    def _held(self, one: LeadImport, lease: Lease) -> "TransactWriteItemTypeDef":
        return self._leases.held(lease, shard_of_imports(one.connection_id))


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"the lease on {lease.munchkin_id} was lost")


def _place(one: LeadImport, part: str) -> str:
    return f"{one.id}/parts/{part}"


def _written(one: LeadImport) -> Attributes:
    return {"state": state_of(one, _TIMES, extract=stored_extract(one.extract))}


def _import(stored: Attributes) -> LeadImport:
    state = state_in(LeadImport, stored, _TIMES)
    list_id, columns, *rest = state["group"]
    return LeadImport(
        **state
        | {
            "group": Group(list_id, tuple(columns), *rest[:2]),
            "stage": ImportStage(state["stage"]),
            "extract": extract_of(state.get("extract")),
            "parts": tuple(ImportPart(name, rows, size) for name, rows, size, *_ in state["parts"]),
        }
    )
