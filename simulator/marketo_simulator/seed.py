"""What an instance starts with: read from JSON, checked, and put into its state."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from marketo_simulator.decode import DecodeError
from marketo_simulator.faults import Fault
from marketo_simulator.fields import Field, InvalidValueError, Value
from marketo_simulator.identity import Client
from marketo_simulator.settings import Settings
from marketo_simulator.state import DEFAULT, Folder, State


@dataclass(frozen=True, slots=True)
class PartitionSeed:
    """One lead partition."""

    name: str
    id: int | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class WorkspaceSeed:
    """One workspace; `partitions` (names) are the ones it sees, unset = all."""

    name: str
    id: int | None = None
    description: str = ""
    partitions: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class FolderSeed:
    """One folder of lists, in the Group Lists folder of its workspace."""

    name: str
    id: int | None = None
    workspace: str = DEFAULT


@dataclass(frozen=True, slots=True)
class ListSeed:
    """One static list; `folder` is the name of a folder of its workspace, `members` are lead ids."""

    name: str
    id: int | None = None
    workspace: str = DEFAULT
    folder: str = ""
    description: str = ""
    members: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Seed:
    """What is added to an instance. A lead is an object of field values, with `partition` for the partition's name."""

    clients: tuple[Client, ...] = ()
    fields: tuple[Field, ...] = ()
    partitions: tuple[PartitionSeed, ...] = ()
    workspaces: tuple[WorkspaceSeed, ...] = ()
    folders: tuple[FolderSeed, ...] = ()
    leads: tuple[Mapping[str, object], ...] = ()
    lists: tuple[ListSeed, ...] = ()
    settings: Settings = field(default_factory=Settings)
    faults: tuple[Fault, ...] = ()


def plant(seed: Seed, state: State, now: datetime, where: str = "seed") -> None:
    """Add the seed's data to the state. Raises DecodeError."""
    for new in seed.fields:
        state.add_field(new)
    for index, partition in enumerate(seed.partitions):
        _free(partition, _others(partition.name, state.partitions), f"{where}.partitions[{index}]")
        state.add_partition(partition.name, partition.id, partition.description)
    for index, workspace in enumerate(seed.workspaces):
        _free(workspace, _others(workspace.name, state.workspaces), f"{where}.workspaces[{index}]")
        for name in workspace.partitions or ():
            _known(name, state.partitions, f"{where}.workspaces[{index}].partitions", "partition")
        state.add_workspace(workspace.name, workspace.id, workspace.description, workspace.partitions, now)
    for index, folder in enumerate(seed.folders):
        _free(folder, state.folders.values(), f"{where}.folders[{index}]")
        _known(folder.workspace, state.workspaces, f"{where}.folders[{index}].workspace", "workspace")
        state.add_folder(folder.name, state.group_lists(folder.workspace), now, folder.id)
    for index, lead in enumerate(seed.leads):
        _plant_lead(lead, state, now, f"{where}.leads[{index}]")
    for index, static_list in enumerate(seed.lists):
        _plant_list(static_list, state, now, f"{where}.lists[{index}]")


def _plant_lead(lead: Mapping[str, object], state: State, now: datetime, where: str) -> None:
    values: dict[str, Value] = {}
    for name, given in lead.items():
        if name in ("partition", "id"):
            continue
        known = state.schema.get(name)
        if known is None:
            raise DecodeError(f"{where}: there is no field '{name}'; add it under 'fields'")
        try:
            values[name] = known.take(given)
        except InvalidValueError as error:
            raise DecodeError(f"{where}.{name}: {error}; its type is {known.data_type}") from error
    partition = str(lead.get("partition", DEFAULT))
    _known(partition, state.partitions, f"{where}.partition", "partition")
    lead_id = lead.get("id")
    if lead_id is not None and (type(lead_id) is not int or lead_id < 1 or lead_id in state.leads):
        raise DecodeError(f"{where}.id: {lead_id} is not a free whole number; leave it out to get one")
    state.create_lead(values, state.partitions[partition].id, now, lead_id if type(lead_id) is int else None)


def _plant_list(static_list: ListSeed, state: State, now: datetime, where: str) -> None:
    _known(static_list.workspace, state.workspaces, f"{where}.workspace", "workspace")
    _free(static_list, state.lists.values(), where)
    for member in static_list.members:
        if member not in state.leads:
            raise DecodeError(f"{where}.members: there is no lead {member}; add it under 'leads' with this id")
    folder = _list_folder(static_list, state, where)
    planted = state.add_list(static_list.name, folder, now, static_list.description, static_list.id)
    planted.members.update(static_list.members)


def _list_folder(static_list: ListSeed, state: State, where: str) -> Folder:
    if not static_list.folder:
        return state.group_lists(static_list.workspace)
    for folder in state.folders.values():
        if (folder.name, folder.workspace, folder.folder_type) == (static_list.folder, static_list.workspace, "List"):
            return folder
    raise DecodeError(f"{where}.folder: there is no folder '{static_list.folder}'; add it under 'folders'")


class _Numbered(Protocol):
    @property
    def id(self) -> int | None: ...

    @property
    def name(self) -> str: ...


def _free(new: _Numbered, known: Iterable[_Numbered], where: str) -> None:
    for each in known:
        if new.id is not None and each.id == new.id:
            raise DecodeError(f"{where}.id: {new.id} is taken by '{each.name}'; leave the id out to get one")


def _others(name: str, known: Mapping[str, _Numbered]) -> Iterable[_Numbered]:
    return (each for key, each in known.items() if key != name)


def _known(name: str, known: Mapping[str, object], where: str, what: str) -> None:
    if name not in known:
        raise DecodeError(f"{where}: there is no {what} '{name}'; known are {', '.join(known)}")
