"""The state of an instance as plain data, and back: all that the API shows of what it holds.

What belongs to one run is left out: tokens, what the limits have counted, the call log, faults, import and export jobs.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from marketo_simulator.activities import TYPES
from marketo_simulator.control import Control
from marketo_simulator.decode import DecodeError, decode
from marketo_simulator.field_notes import FieldNote
from marketo_simulator.fields import Field, Schema
from marketo_simulator.identity import Client
from marketo_simulator.journal import Activity
from marketo_simulator.settings import Settings
from marketo_simulator.state import FIRST, GROUP_LISTS, Folder, Partition, State, StaticList, Workspace


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One instance at one moment; `next_ids` are those of State, `last_activity` is the id of the latest one.

    `fields` are the whole schema, so that an instance keeps its own when the standard one changes; `field_notes` are by
    the names of the fields.
    """

    settings: Settings
    clients: tuple[Client, ...]
    fields: tuple[Field, ...]
    field_notes: Mapping[str, FieldNote]
    partitions: tuple[Partition, ...]
    workspaces: tuple[Workspace, ...]
    folders: tuple[Folder, ...]
    lists: tuple[StaticList, ...]
    leads: tuple[Mapping[str, object], ...]
    unsubscribed: frozenset[str]
    activities: tuple[Activity, ...]
    last_activity: int
    next_ids: tuple[int, ...]


def take(control: Control) -> Snapshot:
    """What the instance holds now; later changes of the instance are not in it."""
    control.settle()
    with control.lock:
        state = control.state
        return Snapshot(
            control.settings,
            tuple(control.identity.clients.values()),
            tuple(state.schema),
            {each.name: state.field_notes[each.id] for each in state.schema if each.id in state.field_notes},
            tuple(state.partitions.values()),
            tuple(state.workspaces.values()),
            tuple(state.folders.values()),
            tuple(replace(each, members=set(each.members)) for each in state.lists.values()),
            tuple(dict(lead.values) for lead in state.leads.values()),
            frozenset(state.unsubscribed),
            state.journal.all(),
            state.journal.last_id,
            state.next_ids,
        )


def plain(value: object) -> object:
    """What JSON cannot hold by itself, as it can: for the `default` of json.dumps. Raises TypeError."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} is nothing that an instance holds")


def read(content: object, where: str) -> Snapshot:
    """A snapshot from the JSON that `plain` made of it. Raises DecodeError, which names place and problem."""
    snapshot = decode(Snapshot, content, where)
    _check_places(snapshot, where)
    _check_leads(snapshot, where)
    _known(snapshot.field_notes, {each.name for each in snapshot.fields}, f"{where}.field_notes")
    _check_activities(snapshot, where)
    if len(snapshot.next_ids) != len(State().next_ids):
        raise DecodeError(f"{where}.next_ids: expected the ids of the next lead, list and folder")
    return snapshot


def _check_places(snapshot: Snapshot, where: str) -> None:
    workspaces = {each.name for each in snapshot.workspaces}
    folders = {each.id for each in snapshot.folders}
    homes = {each.workspace for each in snapshot.folders if each.is_system and each.name == GROUP_LISTS}
    _known(workspaces, homes, f"{where}.folders: the {GROUP_LISTS} folder of every workspace is needed")
    for name, known in (("partitions", snapshot.partitions), ("workspaces", snapshot.workspaces)):
        _known([FIRST], [each.id for each in known], f"{where}.{name}: the one that was always there is needed")
    for index, folder in enumerate(snapshot.folders):
        _known([folder.parent] if folder.parent else [], folders, f"{where}.folders[{index}].parent")
        _known([folder.workspace], workspaces, f"{where}.folders[{index}].workspace")
    for index, static_list in enumerate(snapshot.lists):
        _known([static_list.folder], folders, f"{where}.lists[{index}].folder")
        _known([static_list.workspace], workspaces, f"{where}.lists[{index}].workspace")


def _check_leads(snapshot: Snapshot, where: str) -> None:
    partitions = {each.id for each in snapshot.partitions}
    leads: set[object] = set()
    for index, lead in enumerate(snapshot.leads):
        place = f"{where}.leads[{index}]"
        _known([lead.get("leadPartitionId")], partitions, f"{place}.leadPartitionId")
        for name, value in lead.items():
            if not isinstance(value, str | int | float | bool):
                raise DecodeError(f"{place}.{name}: expected text, a number, true or false")
        lead_id = lead.get("id")
        if type(lead_id) is not int or lead_id in leads:
            raise DecodeError(f"{place}.id: expected a whole number that no other lead has")
        leads.add(lead_id)
    for index, static_list in enumerate(snapshot.lists):
        if unknown := static_list.members - leads:
            raise DecodeError(f"{where}.lists[{index}].members: there is no {min(unknown)}")


def _check_activities(snapshot: Snapshot, where: str) -> None:
    """Journal finds an activity by its id, so that none may be missing."""
    first = snapshot.last_activity - len(snapshot.activities) + 1
    for index, activity in enumerate(snapshot.activities):
        if activity.id != first + index:
            raise DecodeError(f"{where}.activities[{index}].id: expected {first + index}, since ids have no gap")
        _known([activity.type_id], TYPES, f"{where}.activities[{index}].type_id")


def _known(names: Iterable[object], known: Collection[object], where: str) -> None:
    for name in names:
        if name not in known:
            raise DecodeError(f"{where}: there is no {name}")


def put(snapshot: Snapshot, control: Control) -> None:
    """Let the instance hold what is in the snapshot, and nothing else; its faults and its log stay."""
    state = State(Schema(snapshot.fields))
    state.partitions = {each.name: each for each in snapshot.partitions}
    state.workspaces = {each.name: each for each in snapshot.workspaces}
    state.folders = {each.id: each for each in snapshot.folders}
    state.lists = {each.id: replace(each, members=set(each.members)) for each in snapshot.lists}
    now = control.clock.now()
    for lead in snapshot.leads:
        values: dict[str, Any] = dict(lead)
        state.create_lead(values, values["leadPartitionId"], now, values["id"])
    state.field_notes = {
        each.id: snapshot.field_notes[each.name] for each in snapshot.fields if each.name in snapshot.field_notes
    }
    state.journal.begin_with(snapshot.activities, snapshot.last_activity)
    state.unsubscribed = set(snapshot.unsubscribed)
    lead_id, list_id, folder_id = snapshot.next_ids
    state.next_ids = lead_id, list_id, folder_id
    with control.lock:
        control.state = state
        control.identity.clients = {each.client_id: each for each in snapshot.clients}
        control.configure(**{each.name: getattr(snapshot.settings, each.name) for each in fields(Settings)})
