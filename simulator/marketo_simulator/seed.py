"""What an instance starts with: read from JSON, checked, and put into its state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from marketo_simulator.decode import DecodeError
from marketo_simulator.faults import Fault
from marketo_simulator.fields import MAX_ID, Field, InvalidValueError, Value
from marketo_simulator.identity import Client
from marketo_simulator.settings import Settings
from marketo_simulator.state import FIRST, Folder, Partition, State


@dataclass(frozen=True, slots=True)
class PartitionSeed:
    """One lead partition. The one of id 1 is always there; another name renames it."""

    name: str
    id: int | None = None
    description: str = ""

    def __post_init__(self) -> None:
        _check_id(self.id)


@dataclass(frozen=True, slots=True)
class WorkspaceSeed:
    """One workspace; `partitions` (names) are the ones it sees, unset = all. Id 1 renames the one always there."""

    name: str
    id: int | None = None
    description: str = ""
    partitions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check_id(self.id)


@dataclass(frozen=True, slots=True)
class FolderSeed:
    """One folder of lists, in a folder of its workspace (Group Lists); of an archived one the rows say `isArchive`."""

    name: str
    id: int | None = None
    workspace: str = ""
    folder: str = ""
    description: str = ""
    archived: bool = False

    def __post_init__(self) -> None:
        _check_id(self.id)


@dataclass(frozen=True, slots=True)
class ListSeed:
    """One static list; `folder` is the name of a folder of its workspace, `members` are lead ids."""

    name: str
    id: int | None = None
    workspace: str = ""
    folder: str = ""
    description: str = ""
    members: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        _check_id(self.id)


@dataclass(frozen=True, slots=True)
class Seed:
    """What is added to an instance. A lead is an object of field values, with `partition` for the partition's name.

    `unsubscribed` are e-mail addresses whose leads are gone. What names no partition or workspace is in that of id 1.
    """

    clients: tuple[Client, ...] = ()
    fields: tuple[Field, ...] = ()
    partitions: tuple[PartitionSeed, ...] = ()
    workspaces: tuple[WorkspaceSeed, ...] = ()
    folders: tuple[FolderSeed, ...] = ()
    leads: tuple[Mapping[str, object], ...] = ()
    lists: tuple[ListSeed, ...] = ()
    unsubscribed: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    faults: tuple[Fault, ...] = ()


def plant(seed: Seed, state: State, now: datetime, where: str = "seed") -> None:
    """Add the seed's data to the state. Raises DecodeError, perhaps after a part of it was added."""
    for new in seed.fields:
        state.add_field(new)
    for index, partition in enumerate(seed.partitions):
        _identified(partition, state.partitions, f"{where}.partitions[{index}]")
        state.add_partition(partition.name, partition.id, partition.description)
    for index, workspace in enumerate(seed.workspaces):
        _identified(workspace, state.workspaces, f"{where}.workspaces[{index}]")
        _all_known(workspace.partitions, state, f"{where}.workspaces[{index}].partitions")
        state.add_workspace(workspace.name, workspace.id, workspace.description, workspace.partitions, now)
    for index, client in enumerate(seed.clients):
        _all_known(client.partitions, state, f"{where}.clients[{index}].partitions")
    for index, folder in enumerate(seed.folders):
        _plant_folder(folder, state, now, f"{where}.folders[{index}]")
    for index, lead in enumerate(seed.leads):
        _plant_lead(lead, state, now, f"{where}.leads[{index}]")
    for index, static_list in enumerate(seed.lists):
        _plant_list(static_list, state, now, f"{where}.lists[{index}]")
    state.unsubscribed.update(email.strip().lower() for email in seed.unsubscribed)


def _plant_folder(folder: FolderSeed, state: State, now: datetime, where: str) -> None:
    _free(folder, state.folders.values(), where)
    planted = state.add_folder(folder.name, _parent(folder, state, where), now, folder.id)
    state.replace_folder(replace(planted, description=folder.description, archived=folder.archived))


def _plant_lead(lead: Mapping[str, object], state: State, now: datetime, where: str) -> None:
    values: dict[str, Value] = {}
    for name, given in lead.items():
        if name in ("partition", "id", "leadPartitionId"):
            continue
        known = state.schema.named(name)
        if known is None:
            raise DecodeError(f"{where}: there is no field '{name}'; add it under 'fields'")
        try:
            values[name] = known.take(given)
        except InvalidValueError as error:
            raise DecodeError(f"{where}.{name}: {error}; its type is {known.data_type}") from error
    lead_id = lead.get("id")
    if lead_id is not None and (type(lead_id) is not int or not 0 < lead_id <= MAX_ID or lead_id in state.leads):
        raise DecodeError(f"{where}.id: {lead_id} is not a free whole number; leave it out to get one")
    partition = _partition(lead, state, where)
    state.create_lead(values, partition.id, now, lead_id if type(lead_id) is int else None)


def _partition(lead: Mapping[str, object], state: State, where: str) -> Partition:
    name, number = lead.get("partition"), lead.get("leadPartitionId")
    if name is not None:
        _known(str(name), state.partitions, f"{where}.partition", "partition")
        return state.partitions[str(name)]
    if number is None:
        return state.default_partition
    found = next((each for each in state.partitions.values() if each.id == number), None)
    if found is None:
        raise DecodeError(f"{where}.leadPartitionId: there is no partition of this id; add it under 'partitions'")
    return found


def _plant_list(static_list: ListSeed, state: State, now: datetime, where: str) -> None:
    _free(static_list, state.lists.values(), where)
    for member in static_list.members:
        if member not in state.leads:
            raise DecodeError(f"{where}.members: there is no lead {member}; add it under 'leads' with this id")
    folder = _parent(static_list, state, where)
    planted = state.add_list(static_list.name, folder, now, static_list.description, static_list.id)
    planted.members.update(static_list.members)


def _parent(new: FolderSeed | ListSeed, state: State, where: str) -> Folder:
    workspace = new.workspace or state.default_workspace.name
    _known(workspace, state.workspaces, f"{where}.workspace", "workspace")
    if not new.folder:
        return state.group_lists(workspace)
    for folder in state.folders.values():
        if (folder.name, folder.workspace, folder.folder_type) == (new.folder, workspace, "List"):
            return folder
    raise DecodeError(f"{where}.folder: there is no folder '{new.folder}'; add it under 'folders'")


class _Numbered(Protocol):
    @property
    def id(self) -> int | None: ...

    @property
    def name(self) -> str: ...


def _free(new: _Numbered, known: Iterable[_Numbered], where: str) -> None:
    """Raise DecodeError if the id is another's."""
    for each in known:
        if new.id is not None and each.id == new.id:
            raise DecodeError(f"{where}.id: {new.id} is taken by '{each.name}'; leave the id out to get one")


def _identified(new: _Numbered, known: Mapping[str, _Numbered], where: str) -> None:
    """Raise DecodeError if name and id are not those of one; but the first, of id 1, may get another name."""
    same = known.get(new.name)
    if same is None and new.id != FIRST:
        _free(new, known.values(), where)
    elif same is not None and new.id not in (None, same.id):
        raise DecodeError(f"{where}.id: '{new.name}' has the id {same.id}, which stays; leave the id out")


def _all_known(partitions: Iterable[str] | None, state: State, where: str) -> None:
    for name in partitions or ():
        _known(name, state.partitions, where, "partition")


def _check_id(given: int | None) -> None:
    if given is not None and not 0 < given <= MAX_ID:
        raise ValueError(f"id {given} is none; give a whole number from 1 up, or leave it out to get one")


def _known(name: str, known: Mapping[str, object], where: str, what: str) -> None:
    if name not in known:
        raise DecodeError(f"{where}: there is no {what} '{name}'; known are {', '.join(known)}")
