"""What one Marketo instance holds: leads with an index per searchable field, partitions, workspaces, folders, lists."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from marketo_simulator.field_notes import FieldNote
from marketo_simulator.fields import MAX_ID_DIGITS, Field, Schema, Value, timestamp
from marketo_simulator.journal import ADD_TO_LIST, DELETE_LEAD, MERGE_LEADS, NEW_LEAD, REMOVE_FROM_LIST, Journal
from marketo_simulator.standard_fields import UNSET, standard_fields

DEFAULT: Final = "Default"
"""Usual name of the partition and of the workspace every instance starts with; both may be renamed."""
FIRST: Final = 1
"""Number of the partition and of the workspace every instance starts with, whatever their name."""
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

    @property
    def full_name(self) -> str:
        """First and last name, as activities show the lead."""
        return " ".join(str(name) for name in (self.values.get("firstName"), self.values.get("lastName")) if name)


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
    description: str = ""
    archived: bool = False


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


_COMPUTED: Final[Mapping[str, Callable[[Lead], Value]]] = {
    "mktoName": lambda lead: (
        " ".join(str(part) for n in ("firstName", "lastName") if (part := lead.values.get(n))) or None
    ),
    "leadPerson": lambda lead: lead.id,
    "personPrimaryLeadInterest": lambda lead: lead.id,
    "contactCompany": lambda lead: lead.id,
}
"""Fields that Marketo fills by itself: what a lead reads where nothing else was put there."""


N = TypeVar("N", Partition, Workspace)


class State:
    """Everything an instance holds. No rules of the API are in here, only what must always be true of the data."""

    def __init__(self, schema: Schema | None = None) -> None:
        self.schema = Schema(standard_fields()) if schema is None else schema
        self.leads: dict[int, Lead] = {}
        self.partitions: dict[str, Partition] = {}
        self.workspaces: dict[str, Workspace] = {}
        self.folders: dict[int, Folder] = {}
        self.lists: dict[int, StaticList] = {}
        self.journal = Journal()
        self.field_notes: dict[int, FieldNote] = {}
        """By the id of the field, which stays when it is renamed."""
        self.unsubscribed: set[str] = set()
        """E-mail addresses, in lower case, that unsubscribed and whose lead is gone or has another address now."""
        self._index: dict[str, dict[str, set[int]]] = {}
        """By field and by value without case; `find` tells apart where case matters."""
        self._unset: dict[str, Value] = {}
        self._next_lead = 1
        self._next_list = 1001
        self._next_folder = 101
        self._learn_schema()
        self.add_partition(DEFAULT, description="Initial system lead partition")
        self._zone = self._add_folder("Lead Database", None, "Zone", DEFAULT, 2)
        self.add_workspace(DEFAULT)

    @property
    def next_ids(self) -> tuple[int, int, int]:
        """What the next lead, list and folder get; ids of deleted ones are not given again."""
        return self._next_lead, self._next_list, self._next_folder

    @next_ids.setter
    def next_ids(self, ids: tuple[int, int, int]) -> None:
        self._next_lead, self._next_list, self._next_folder = ids

    # Schema

    def add_field(self, new: Field) -> None:
        """Add a field or replace the one of the same name, and index its values."""
        self.schema.add(new)
        self._learn_schema()

    def remove_field(self, name: str) -> None:
        """Remove the field and what the leads have in it."""
        known = self.schema.remove(name)
        self.field_notes.pop(known.id, None)
        self._index.pop(name, None)
        self._unset.pop(name, None)
        for lead in self.leads.values():
            lead.values.pop(name, None)

    def _learn_schema(self) -> None:
        self._unset = {each.name: UNSET.get(each.name, False) for each in self.schema if each.data_type == "boolean"}
        self._unset |= {name: value for name, value in UNSET.items() if self.schema.named(name) is not None}
        for name in [each.name for each in self.schema if each.is_searchable]:
            if name not in self._index and name != "id":
                self._index[name] = {}
                for lead in self.leads.values():
                    self._put(name, lead.id, lead.values.get(name))

    # Leads

    def read(self, lead: Lead, name: str) -> Value:
        """What the API shows in a field: null where nothing was ever put there, but false for a boolean."""
        value = lead.values.get(name)
        if value is not None:
            return value
        computed = _COMPUTED.get(name)
        return self._unset.get(name) if computed is None else computed(lead)

    def find(
        self, searched: Field, values: Iterable[str], partitions: frozenset[int] | None, *, any_case: bool = False
    ) -> list[int]:
        """Ids of the leads whose field has one of the values, ascending.

        `partitions` narrows what can be seen; with `any_case` values that differ in case alone are the same.
        """
        found: set[int] = set()
        name = searched.name
        if name == "id":
            found.update(number for value in values if (number := id_of(value)) in self.leads)
        else:
            index = self._index.get(name, {})  # none, if the field was removed while an import waited
            for key in map(searched.key, values):
                alike = index.get(_caseless(key), ())
                if any_case or searched.is_caseless:
                    found.update(alike)
                else:
                    found.update(each for each in alike if searched.key(self.leads[each].values[name]) == key)
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
        self.journal.record(NEW_LEAD, number, lead.partition_id, number, lead.full_name)
        return lead

    def update_lead(self, lead: Lead, values: Mapping[str, Value], now: datetime) -> bool:
        """Write the values; True and a new `updatedAt` only if something reads differently then."""
        changed = False
        if "email" in values and values["email"] != lead.values.get("email"):
            self._remember_unsubscribed(lead)
        for name, value in values.items():
            before = lead.values.get(name)
            if (self._unset.get(name) if before is None else before) != value:
                changed = True
                if (known := self.schema.get(name)) is not None:
                    self.journal.changed(lead.id, lead.partition_id, known, before, value)
            if before != value:
                self._write(lead, name, before, value)
        if changed:
            lead.values["updatedAt"] = timestamp(now)
        return changed

    def _write(self, lead: Lead, name: str, before: Value, value: Value) -> None:
        if name in self._index:
            self._take(name, lead.id, before)
            self._put(name, lead.id, value)
        if value is None:
            lead.values.pop(name, None)
        else:
            lead.values[name] = value

    def delete_lead(self, lead: Lead) -> None:
        """Remove the lead, also from its lists."""
        self._forget(lead)
        self.journal.record(DELETE_LEAD, lead.id, lead.partition_id, lead.id, lead.full_name)

    def _forget(self, lead: Lead) -> None:
        self._remember_unsubscribed(lead)
        del self.leads[lead.id]
        for name in self._index:
            self._take(name, lead.id, lead.values.get(name))
        for static_list in self.lists.values():
            static_list.members.discard(lead.id)

    def join(self, static_list: StaticList, lead_id: int) -> None:
        """Put the lead on the list; nothing happens to who is on it."""
        if lead_id not in static_list.members:
            static_list.members.add(lead_id)
            partition_id = self.leads[lead_id].partition_id
            self.journal.record(ADD_TO_LIST, lead_id, partition_id, static_list.id, static_list.name)

    def leave(self, static_list: StaticList, lead_id: int) -> bool:
        """Take the lead off the list; False for who is not on it."""
        if lead_id not in static_list.members:
            return False
        static_list.members.discard(lead_id)
        partition_id = self.leads[lead_id].partition_id
        self.journal.record(REMOVE_FROM_LIST, lead_id, partition_id, static_list.id, static_list.name)
        return True

    def merge_leads(self, winner: Lead, losers: Sequence[Lead], now: datetime) -> None:
        """Let the losers become one with the winner, which keeps its id (Marketo REST, Leads, "Merge").

        Fields that the winner has not set take the first loser's value; its partition and times of creation stay. It is
        on every list that one of them was on. The losers are gone.
        """
        filled: dict[str, Value] = {}
        for loser in losers:
            if loser is winner:
                continue
            for static_list in self.lists.values():
                if loser.id in static_list.members:
                    static_list.members.add(winner.id)
            for name, value in loser.values.items():
                if name not in winner.values:
                    filled.setdefault(name, value)
            self._forget(loser)
            self.journal.give(loser.id, winner.id)
        self.update_lead(winner, filled, now)
        winner.values["updatedAt"] = timestamp(now)
        details: dict[str, Value] = {
            "Master Updated": bool(filled),
            "Merge IDs": ",".join(str(each.id) for each in losers),
        }
        self.journal.record(MERGE_LEADS, winner.id, winner.partition_id, winner.id, winner.full_name, details=details)

    def _remember_unsubscribed(self, lead: Lead) -> None:
        if lead.values.get("unsubscribed") is True and (email := lead.values.get("email")):
            self.unsubscribed.add(_caseless(email))

    def _put(self, name: str, lead_id: int, value: Value) -> None:
        if value is not None:
            self._index[name].setdefault(_caseless(value), set()).add(lead_id)

    def _take(self, name: str, lead_id: int, value: Value) -> None:
        if value is not None:
            key = _caseless(value)
            self._index[name][key].discard(lead_id)
            if not self._index[name][key]:
                del self._index[name][key]

    @contextmanager
    def whole_or_not_at_all(self) -> Iterator[None]:
        """Undo what is added and renamed in here if it ends in an error. Leads that are there must not be changed."""
        schema, unsubscribed, unset = self.schema.copy(), set(self.unsubscribed), self._unset
        partitions, workspaces = dict(self.partitions), dict(self.workspaces)
        folders, lists = dict(self.folders), dict(self.lists)
        indexed, leads = set(self._index), len(self.leads)
        numbers = (self._next_lead, self._next_list, self._next_folder)
        try:
            yield
        except Exception:
            while len(self.leads) > leads:
                lead_id, lead = self.leads.popitem()
                for name in self._index:
                    self._take(name, lead_id, lead.values.get(name))
            for name in self._index.keys() - indexed:
                del self._index[name]
            self.schema, self.unsubscribed, self._unset = schema, unsubscribed, unset
            self.partitions, self.workspaces, self.folders, self.lists = partitions, workspaces, folders, lists
            self._next_lead, self._next_list, self._next_folder = numbers
            self._settle_lists()
            raise

    # Partitions, workspaces, assets

    @property
    def default_partition(self) -> Partition:
        """Where new leads go if nothing else is said."""
        return next(each for each in self.partitions.values() if each.id == FIRST)

    @property
    def default_workspace(self) -> Workspace:
        """The workspace every instance starts with."""
        return next(each for each in self.workspaces.values() if each.id == FIRST)

    def add_partition(self, name: str, partition_id: int | None = None, description: str = "") -> Partition:
        """Add a partition, or replace the one of the same name or id, which may get another name."""
        known = self.partitions.get(name) or _of_id(self.partitions, partition_id)
        if known is not None and known.name != name:
            self._rename_partition(known.name, name)
        number = known.id if known else partition_id or max((p.id for p in self.partitions.values()), default=0) + 1
        self.partitions[name] = Partition(number, name, description)
        return self.partitions[name]

    def _rename_partition(self, old: str, new: str) -> None:
        self.partitions = _renamed(self.partitions, old, new)
        for name, workspace in self.workspaces.items():
            if workspace.partitions is not None and old in workspace.partitions:
                self.workspaces[name] = replace(workspace, partitions=workspace.partitions - {old} | {new})

    def remove_partition(self, partition: Partition) -> None:
        """Remove a partition without leads; no workspace sees it any longer."""
        del self.partitions[partition.name]
        for name, workspace in self.workspaces.items():
            if workspace.partitions is not None:
                self.workspaces[name] = replace(workspace, partitions=workspace.partitions - {partition.name})

    def add_workspace(
        self,
        name: str,
        workspace_id: int | None = None,
        description: str = "",
        partitions: Iterable[str] | None = None,
        now: datetime = _EPOCH,
    ) -> Workspace:
        """Add a workspace with its Group Lists folder, or replace the one of the same name or id."""
        known = self.workspaces.get(name) or _of_id(self.workspaces, workspace_id)
        if known is not None and known.name != name:
            self._rename_workspace(known.name, name)
        number = known.id if known else workspace_id or max((w.id for w in self.workspaces.values()), default=0) + 1
        seen = None if partitions is None else frozenset(partitions)
        self.workspaces[name] = Workspace(number, name, known.created_at if known else now, description, seen)
        if known is None:
            first = number == FIRST
            home = self._add_folder(name, self._zone.id, "Zone", name, 5 if first else None, now)
            self._add_folder(GROUP_LISTS, home.id, "List", name, 12 if first else None, now)
        return self.workspaces[name]

    def _rename_workspace(self, old: str, new: str) -> None:
        self.workspaces = _renamed(self.workspaces, old, new)
        for folder in list(self.folders.values()):
            if folder.workspace == old:
                self.folders[folder.id] = replace(folder, workspace=new)
        home = self.folders[self.group_lists(new).parent or 0]
        self.replace_folder(replace(home, name=new, path=f"{self._zone.path}/{new}"))
        self._settle_lists()

    def remove_workspace(self, workspace: Workspace) -> None:
        """Remove a workspace without lists, and its folders."""
        del self.workspaces[workspace.name]
        self.folders = {number: each for number, each in self.folders.items() if each.workspace != workspace.name}

    def _settle_lists(self) -> None:
        """A list is in the workspace of its folder."""
        for static_list in self.lists.values():
            static_list.workspace = self.folders[static_list.folder].workspace

    def group_lists(self, workspace: str) -> Folder:
        """The system folder of the workspace's lists."""
        return next(
            f for f in self.folders.values() if f.is_system and f.name == GROUP_LISTS and f.workspace == workspace
        )

    def add_folder(self, name: str, parent: Folder, now: datetime, folder_id: int | None = None) -> Folder:
        """Add a folder of lists below `parent`."""
        return self._add_folder(name, parent.id, "List", parent.workspace, folder_id, now, system=False)

    def replace_folder(self, folder: Folder) -> None:
        """Put the folder in the place of the one of its id; those below it follow to its path and workspace."""
        self.folders[folder.id] = folder
        for each in [each for each in self.folders.values() if each.parent == folder.id]:
            self.replace_folder(replace(each, path=f"{folder.path}/{each.name}", workspace=folder.workspace))

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

    def rename_field(self, known: Field, name: str) -> None:
        """Give the field another REST name; the values and what is noted of it stay."""
        note = self.field_notes.get(known.id)
        held = {lead.id: value for lead in self.leads.values() if (value := lead.values.get(known.name)) is not None}
        self.remove_field(known.name)
        for lead_id, value in held.items():
            self.leads[lead_id].values[name] = value
        self.add_field(replace(known, name=name))
        if note is not None:
            self.field_notes[known.id] = note


def id_of(text: str) -> int:
    """The id that a text names, 0 (which nothing has) if it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_ID_DIGITS else 0


def _of_id(known: Mapping[str, N], number: int | None) -> N | None:
    return next((each for each in known.values() if each.id == number), None)


def _renamed(known: Mapping[str, N], old: str, new: str) -> dict[str, N]:
    """The same in the same order, but for one name."""
    return {(new if name == old else name): each for name, each in known.items()}


def _caseless(value: Value) -> str:
    return str(value).strip().lower()
