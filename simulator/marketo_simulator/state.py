"""What one Marketo instance holds: leads with an index per searchable field, partitions, workspaces, folders, lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from marketo_simulator.fields import Field, Schema, Value, timestamp
from marketo_simulator.standard_fields import standard_fields

DEFAULT: Final = "Default"
"""Name of the partition and of the workspace every instance starts with."""
GROUP_LISTS: Final = "Group Lists"
"""The system folder that holds the lists of a workspace."""
_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Lead:
    """One person. `values` holds every field that is set, `id`, `createdAt` and the like included."""

    id: int
    values: dict[str, Value]

    @property
    def partition_id(self) -> int:
        """Where the lead is."""
        return int(self.values["leadPartitionId"] or 0)

    @property
    def updated_at(self) -> str:
        """Time of the last real change; sorts by time."""
        return str(self.values["updatedAt"])


@dataclass(frozen=True, slots=True)
class Partition:
    """One lead partition."""

    id: int
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace; `partitions` are the names it sees, None = all."""

    id: int
    name: str
    created_at: datetime
    description: str = ""
    partitions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Folder:
    """One asset folder; `parent` is None at the top."""

    id: int
    name: str
    parent: int | None
    folder_type: str
    workspace: str
    path: str
    is_system: bool
    created_at: datetime


@dataclass(slots=True)
class StaticList:
    """One static list with its members (lead ids)."""

    id: int
    name: str
    folder: int
    workspace: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    members: set[int] = field(default_factory=set)


class State:
    """Everything an instance holds. No rules of the API are in here, only what must always be true of the data."""

    def __init__(self) -> None:
        self.schema = Schema(standard_fields())
        self.leads: dict[int, Lead] = {}
        self.partitions: dict[str, Partition] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.folders: dict[int, Folder] = {}
        self.lists: dict[int, StaticList] = {}
        self._index: dict[str, dict[str, set[int]]] = {}
        self._next_lead = 1
        self._next_list = 1001
        self._next_folder = 101
        self._index_schema()
        self.add_partition(DEFAULT, description="Initial system lead partition")
        self._zone = self._add_folder("Lead Database", None, "Zone", DEFAULT, 2)
        self.add_workspace(DEFAULT)

    # Schema

    def add_field(self, new: Field) -> None:
        """Add a field or replace the one of the same name, and index its values."""
        self.schema.add(new)
        self._index_schema()

    def _index_schema(self) -> None:
        for name in [each.name for each in self.schema if self.schema.searchable(each.name)]:
            if name not in self._index and name != "id":
                self._index[name] = {}
                for lead in self.leads.values():
                    self._put(name, lead.id, lead.values.get(name))

    # Leads

    def find(self, searched: Field, values: Iterable[str], partitions: frozenset[int] | None) -> list[int]:
        """Ids of the leads whose field has one of the values, ascending; `partitions` narrows what can be seen."""
        found: set[int] = set()
        if searched.name == "id":
            found.update(number for value in values if value.isdecimal() and (number := int(value)) in self.leads)
        else:
            index = self._index[searched.name]
            for value in values:
                found.update(index.get(searched.key(value), ()))
        return sorted(found if partitions is None else (i for i in found if self.leads[i].partition_id in partitions))

    def create_lead(
        self, values: Mapping[str, Value], partition: int, now: datetime, lead_id: int | None = None
    ) -> Lead:
        """Store a new lead; without `lead_id` it gets the next one."""
        number = self._next_lead if lead_id is None else lead_id
        self._next_lead = max(self._next_lead, number + 1)
        stamp = timestamp(now)
        held: dict[str, Value] = {"id": number, "createdAt": stamp, "updatedAt": stamp, "leadPartitionId": partition}
        held.update((name, value) for name, value in values.items() if value is not None)
        lead = Lead(number, held)
        self.leads[number] = lead
        for name in self._index:
            self._put(name, number, lead.values.get(name))
        return lead

    def update_lead(self, lead: Lead, values: Mapping[str, Value], now: datetime) -> bool:
        """Write the values; True and a new `updatedAt` only if something really changed."""
        changed = {name: value for name, value in values.items() if lead.values.get(name) != value}
        for name, value in changed.items():
            if name in self._index:
                self._take(name, lead.id, lead.values.get(name))
                self._put(name, lead.id, value)
            if value is None:
                lead.values.pop(name, None)
            else:
                lead.values[name] = value
        if changed:
            lead.values["updatedAt"] = timestamp(now)
        return bool(changed)

    def delete_lead(self, lead: Lead) -> None:
        """Remove the lead, also from its lists."""
        del self.leads[lead.id]
        for name in self._index:
            self._take(name, lead.id, lead.values.get(name))
        for static_list in self.lists.values():
            static_list.members.discard(lead.id)

    def _put(self, name: str, lead_id: int, value: Value) -> None:
        if value is not None and (searched := self.schema.get(name)) is not None:
            self._index[name].setdefault(searched.key(value), set()).add(lead_id)

    def _take(self, name: str, lead_id: int, value: Value) -> None:
        if value is not None and (searched := self.schema.get(name)) is not None:
            key = searched.key(value)
            self._index[name][key].discard(lead_id)
            if not self._index[name][key]:
                del self._index[name][key]

    # Partitions, workspaces, assets

    def add_partition(self, name: str, partition_id: int | None = None, description: str = "") -> Partition:
        """Add a partition or replace the one of the same name."""
        known = self.partitions.get(name)
        number = partition_id or (known.id if known else max((p.id for p in self.partitions.values()), default=0) + 1)
        self.partitions[name] = Partition(number, name, description)
        return self.partitions[name]

    def add_workspace(
        self,
        name: str,
        workspace_id: int | None = None,
        description: str = "",
        partitions: Iterable[str] | None = None,
        now: datetime = _EPOCH,
    ) -> Workspace:
        """Add a workspace with its Group Lists folder, or replace the one of the same name."""
        known = self.workspaces.get(name)
        number = workspace_id or (known.id if known else max((w.id for w in self.workspaces.values()), default=0) + 1)
        seen = None if partitions is None else frozenset(partitions)
        self.workspaces[name] = Workspace(number, name, known.created_at if known else now, description, seen)
        if known is None:
            first = name == DEFAULT
            home = self._add_folder(name, self._zone.id, "Zone", name, 5 if first else None, now)
            self._add_folder(GROUP_LISTS, home.id, "List", name, 12 if first else None, now)
        return self.workspaces[name]

    def group_lists(self, workspace: str) -> Folder:
        """The system folder of the workspace's lists."""
        return next(
            f for f in self.folders.values() if f.is_system and f.name == GROUP_LISTS and f.workspace == workspace
        )

    def add_folder(self, name: str, parent: Folder, now: datetime, folder_id: int | None = None) -> Folder:
        """Add a folder of lists below `parent`."""
        return self._add_folder(name, parent.id, "List", parent.workspace, folder_id, now, system=False)

    def _add_folder(
        self,
        name: str,
        parent: int | None,
        folder_type: str,
        workspace: str,
        folder_id: int | None = None,
        now: datetime = _EPOCH,
        *,
        system: bool = True,
    ) -> Folder:
        number = self._next_folder if folder_id is None else folder_id
        self._next_folder = max(self._next_folder, number + 1)
        path = f"{self.folders[parent].path if parent else ''}/{name}"
        self.folders[number] = Folder(number, name, parent, folder_type, workspace, path, system, now)
        return self.folders[number]

    def add_list(
        self, name: str, folder: Folder, now: datetime, description: str = "", list_id: int | None = None
    ) -> StaticList:
        """Add an empty static list."""
        number = self._next_list if list_id is None else list_id
        self._next_list = max(self._next_list, number + 1)
        self.lists[number] = StaticList(number, name, folder.id, folder.workspace, now, now, description)
        return self.lists[number]
