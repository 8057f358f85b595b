"""What an administrator changes while others call: names, places and what is there at all (Marketo, Admin)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, TypeVar

from marketo_simulator.decode import DecodeError
from marketo_simulator.fields import Field
from marketo_simulator.identity import Identity
from marketo_simulator.state import FIRST, Folder, Lead, Partition, State, StaticList, Workspace


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `action` on the `kind` of thing that has this `name` or `id`; `to` is its new name or place.

    `rename`: partition, workspace, folder, list, field. `remove`: these and lead; what is not empty stays, but the
    leads of a partition may go `to` another. `move`: a list to a folder, a lead to a partition. `archive` and
    `restore`: folder. `hide` and `show`: field.
    """

    action: str
    kind: str
    name: str = ""
    id: int | None = None
    to: str = ""

    def __post_init__(self) -> None:
        if (self.action, self.kind) not in _CHANGES:
            known = ", ".join(f"{action} {kind}" for action, kind in _CHANGES)
            raise ValueError(f"there is no change '{self.action} {self.kind}'; there are {known}")
        if bool(self.name) == (self.id is not None):
            raise ValueError(f"say which {self.kind}: give its name or its id")
        if not self.to and self.action in ("rename", "move"):
            raise ValueError(f"'to' is missing; say what to {self.action} it to")


@dataclass(frozen=True, slots=True)
class _Changing:
    """A change with all that it may touch."""

    change: Change
    state: State
    identity: Identity
    now: datetime


def carry_out(change: Change, state: State, identity: Identity, now: datetime) -> None:
    """Make the change. Raises DecodeError, and nothing is changed then."""
    _CHANGES[change.action, change.kind](_Changing(change, state, identity, now))


# Partitions and workspaces


def _rename_partition(changing: _Changing) -> None:
    partition = _partition(changing)
    _refuse_taken(changing, changing.state.partitions)
    changing.state.add_partition(changing.change.to, partition.id, partition.description)
    changing.identity.rename_partition(partition.name, changing.change.to)


def _remove_partition(changing: _Changing) -> None:
    partition, state = _partition(changing), changing.state
    if partition.id == FIRST:
        raise DecodeError("change: the first partition is always there; rename it")
    leads = [lead for lead in state.leads.values() if lead.partition_id == partition.id]
    if changing.change.to == partition.name or (leads and not changing.change.to):
        raise DecodeError(f"change.to: say where the leads of '{partition.name}' go, of which there are {len(leads)}")
    if changing.change.to:
        place = _target(changing, state.partitions)
        for lead in leads:
            state.update_lead(lead, {"leadPartitionId": place.id}, changing.now)
    state.remove_partition(partition)


def _rename_workspace(changing: _Changing) -> None:
    workspace = _workspace(changing)
    _refuse_taken(changing, changing.state.workspaces)
    changing.state.add_workspace(changing.change.to, workspace.id, workspace.description, workspace.partitions)


def _remove_workspace(changing: _Changing) -> None:
    workspace, state = _workspace(changing), changing.state
    if workspace.id == FIRST:
        raise DecodeError("change: the first workspace is always there; rename it")
    if any(each.workspace == workspace.name for each in state.lists.values()):
        raise DecodeError(f"change: there are lists in '{workspace.name}'; move or remove them first")
    state.remove_workspace(workspace)


# Folders and lists


def _rename_folder(changing: _Changing) -> None:
    folder = _folder(changing)
    path = f"{folder.path.rpartition('/')[0]}/{changing.change.to}"
    changing.state.replace_folder(replace(folder, name=changing.change.to, path=path))


def _remove_folder(changing: _Changing) -> None:
    folder, state = _folder(changing), changing.state
    inside: Iterable[int | None] = (
        *(each.parent for each in state.folders.values()),
        *(each.folder for each in state.lists.values()),
    )
    if folder.id in inside:
        raise DecodeError(f"change: the folder '{folder.name}' is not empty; move or remove what is in it first")
    del state.folders[folder.id]


def _archive_folder(changing: _Changing) -> None:
    changing.state.replace_folder(replace(_folder(changing), archived=changing.change.action == "archive"))


def _rename_list(changing: _Changing) -> None:
    static_list = _list(changing)
    if any(
        (each.name, each.workspace) == (changing.change.to, static_list.workspace)
        for each in changing.state.lists.values()
    ):
        raise DecodeError(f"change.to: there is a list '{changing.change.to}' already; give another name")
    static_list.name, static_list.updated_at = changing.change.to, changing.now


def _remove_list(changing: _Changing) -> None:
    del changing.state.lists[_list(changing).id]


def _move_list(changing: _Changing) -> None:
    static_list = _list(changing)
    lists = {each.name: each for each in changing.state.folders.values() if each.folder_type == "List"}
    own = {name: each for name, each in lists.items() if each.workspace == static_list.workspace}
    folder = _target(changing, lists | own)
    static_list.folder, static_list.workspace, static_list.updated_at = folder.id, folder.workspace, changing.now


# Fields and leads


def _rename_field(changing: _Changing) -> None:
    known = _needless(changing)
    _refuse_taken(changing, {each.name: each for each in changing.state.schema})
    try:
        replace(known, name=changing.change.to)
    except ValueError as error:
        raise DecodeError(f"change.to: {error}") from error
    changing.state.rename_field(known, changing.change.to)


def _remove_field(changing: _Changing) -> None:
    changing.state.remove_field(_needless(changing).name)


def _needless(changing: _Changing) -> Field:
    known = _field(changing)
    if known.name in _NEEDED:
        raise DecodeError(f"change: a lead is nothing without '{known.name}'; hide it instead")
    return known


def _hide_field(changing: _Changing) -> None:
    changing.state.add_field(replace(_field(changing), hidden=changing.change.action == "hide"))


def _remove_lead(changing: _Changing) -> None:
    changing.state.delete_lead(_lead(changing))


def _move_lead(changing: _Changing) -> None:
    partition = _target(changing, changing.state.partitions)
    changing.state.update_lead(_lead(changing), {"leadPartitionId": partition.id}, changing.now)


_NEEDED: Final = frozenset({"id", "createdAt", "updatedAt", "leadPartitionId"})
_CHANGES: Final[Mapping[tuple[str, str], Callable[[_Changing], None]]] = {
    ("rename", "partition"): _rename_partition,
    ("rename", "workspace"): _rename_workspace,
    ("rename", "folder"): _rename_folder,
    ("rename", "list"): _rename_list,
    ("rename", "field"): _rename_field,
    ("remove", "partition"): _remove_partition,
    ("remove", "workspace"): _remove_workspace,
    ("remove", "folder"): _remove_folder,
    ("remove", "list"): _remove_list,
    ("remove", "field"): _remove_field,
    ("remove", "lead"): _remove_lead,
    ("move", "list"): _move_list,
    ("move", "lead"): _move_lead,
    ("archive", "folder"): _archive_folder,
    ("restore", "folder"): _archive_folder,
    ("hide", "field"): _hide_field,
    ("show", "field"): _hide_field,
}


# Which one is meant


class _Known(Protocol):
    @property
    def id(self) -> int: ...

    @property
    def name(self) -> str: ...


K = TypeVar("K", bound=_Known)


def _one(change: Change, known: Iterable[K]) -> K:
    found = [each for each in known if (each.name == change.name if change.id is None else each.id == change.id)]
    if len(found) == 1:
        return found[0]
    which = f"'{change.name}'" if change.id is None else f"of the id {change.id}"
    if found:
        raise DecodeError(f"change.name: there are {len(found)} {change.kind}s {which}; give the id")
    raise DecodeError(f"change: there is no {change.kind} {which}; see what there is in the dump")


def _partition(changing: _Changing) -> Partition:
    return _one(changing.change, changing.state.partitions.values())


def _workspace(changing: _Changing) -> Workspace:
    return _one(changing.change, changing.state.workspaces.values())


def _folder(changing: _Changing) -> Folder:
    folder = _one(changing.change, changing.state.folders.values())
    if folder.is_system:
        raise DecodeError(f"change: '{folder.name}' is a folder of Marketo's own, which stays as it is")
    return folder


def _list(changing: _Changing) -> StaticList:
    return _one(changing.change, changing.state.lists.values())


def _field(changing: _Changing) -> Field:
    return _one(changing.change, changing.state.schema)


def _lead(changing: _Changing) -> Lead:
    lead = changing.state.leads.get(changing.change.id or 0)
    if lead is None:
        raise DecodeError("change.id: there is no lead of this id; leads are named by their ids alone")
    return lead


def _target(changing: _Changing, known: Mapping[str, K]) -> K:
    if changing.change.to not in known:
        raise DecodeError(f"change.to: there is no '{changing.change.to}'; known are {', '.join(known)}")
    return known[changing.change.to]


def _refuse_taken(changing: _Changing, known: Mapping[str, object]) -> None:
    if changing.change.to in known:
        raise DecodeError(
            f"change.to: there is a {changing.change.kind} '{changing.change.to}' already; give another name"
        )
