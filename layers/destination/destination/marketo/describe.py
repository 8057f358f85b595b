"""What an instance knows: its lead fields, and its lead partitions.

Source: Marketo REST API, "Describe" (describe2) and "Lead partitions"; both may be cached for a day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from destination.domain.schema import Field, Schema
from destination.marketo.client import DEFAULT_TIMEOUT, Client
from destination.marketo.transport import Request

KEPT_FOR: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Partition:
    """A lead partition: new leads are created by its name, leads carry its id."""

    id: int
    name: str


class Describe:
    """Reads the instance's description and keeps it for a day."""

    def __init__(self, client: Client, *, clock: Callable[[], datetime]) -> None:
        self._client = client
        self._clock = clock
        self._schema: tuple[datetime, Schema] | None = None
        self._partitions: tuple[datetime, tuple[Partition, ...]] | None = None

    def schema(self) -> Schema:
        """The fields of leads, and those that a lookup may filter by; raises MarketoError."""
        if self._schema is None or self._schema[0] <= self._clock():
            page = self._client.call(Request("describe leads", "GET", "/rest/v1/leads/describe2.json", DEFAULT_TIMEOUT))
            self._schema = (self._clock() + KEPT_FOR, _schema(page.result))
        return self._schema[1]

    def partitions(self) -> tuple[Partition, ...]:
        """The lead partitions that the API user may see; raises MarketoError."""
        if self._partitions is None or self._partitions[0] <= self._clock():
            page = self._client.call(
                Request("get partitions", "GET", "/rest/v1/leads/partitions.json", DEFAULT_TIMEOUT)
            )
            found = tuple(Partition(int(row["id"]), str(row["name"])) for row in page.result if _named(row))
            self._partitions = (self._clock() + KEPT_FOR, found)
        return self._partitions[1]

    def refresh(self) -> None:
        """Forget what was read: a field or a value was refused (1006, 1003), so it may be out of date."""
        self._schema = self._partitions = None


def _schema(result: Any) -> Schema:
    fields: dict[str, Field] = {}
    searchable: set[str] = set()
    for described in result:
        for row in described.get("fields") or ():
            if isinstance(row, dict) and isinstance(row.get("name"), str):
                fields[row["name"]] = _field(row)
        for names in described.get("searchableFields") or ():
            # An array of names is a compound key; leads have single ones only.
            match names:
                case [str() as name] | (str() as name):
                    searchable.add(name)
    return Schema(fields, frozenset(searchable))


def _field(row: Mapping[str, Any]) -> Field:
    length = row.get("length")
    return Field(
        name=row["name"],
        data_type=str(row.get("dataType", "")),
        length=length if isinstance(length, int) else None,
        updateable=row.get("updateable") is not False,
        display_name=str(row.get("displayName") or row["name"]),
        crm_managed=row.get("crmManaged") is True,
    )


def _named(row: Mapping[str, Any]) -> bool:
    return isinstance(row.get("id"), int) and isinstance(row.get("name"), str)
