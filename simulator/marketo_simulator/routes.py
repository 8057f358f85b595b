"""Which endpoint answers which method and path."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from marketo_simulator import (
    activities,
    assets,
    bulk,
    extracts,
    leads,
    lists,
    merging,
    moving,
    schema,
    sync,
    usage,
)
from marketo_simulator.context import Context
from marketo_simulator.errors import CallError
from marketo_simulator.fields import MAX_ID_DIGITS
from marketo_simulator.message import Response
from marketo_simulator.unsimulated import names_of

Endpoint = Callable[[Context], Response]

READ_LEADS: Final = "Read-Only Lead"
WRITE_LEADS: Final = "Read-Write Lead"
READ_ACTIVITIES: Final = "Read-Only Activity"
READ_ASSETS: Final = "Read-Only Assets"
WRITE_ASSETS: Final = "Read-Write Assets"
READ_USERS: Final = "Access User Management Api"
WRITE_CUSTOM_FIELDS: Final = "Read-Write Schema Custom Field"

NOT_SIMULATED: Final = "501"
"""Not a code of Marketo's: the call is Marketo's, but not one of the simulator's."""

_LISTS: Final = "/rest/v1/lists"
_SCHEMA: Final = "/rest/v1/leads/schema/fields"
_STATS: Final = "/rest/v1/stats"
_ACTIVITIES: Final = "/rest/v1/activities"
_ASSETS: Final = "/rest/asset/v1"
_IMPORT: Final = "/bulk/v1/leads"


@dataclass(frozen=True, slots=True)
class Operation:
    """One call of the API, by the name Adobe's definitions give it; an empty permission asks for none."""

    name: str
    endpoint: Endpoint
    permission: str


def _exports(path: str, kind: str, permission: str, create: Endpoint) -> dict[tuple[str, str], Operation]:
    """The calls of bulk extract for one kind of records."""
    return {
        ("GET", f"{path}.json"): Operation(f"Get Export {kind} Jobs", extracts.browse, permission),
        ("POST", f"{path}/create.json"): Operation(f"Create Export {kind} Job", create, permission),
        ("POST", f"{path}/{{name}}/enqueue.json"): Operation(
            f"Enqueue Export {kind} Job", extracts.enqueue, permission
        ),
        ("POST", f"{path}/{{name}}/cancel.json"): Operation(f"Cancel Export {kind} Job", extracts.cancel, permission),
        ("GET", f"{path}/{{name}}/status.json"): Operation(
            f"Get Export {kind} Job Status", extracts.status, permission
        ),
        ("GET", f"{path}/{{name}}/file.json"): Operation(f"Get Export {kind} File", extracts.file, permission),
    }


OPERATIONS: Final[dict[tuple[str, str], Operation]] = {
    ("GET", "/rest/v1/leads/describe.json"): Operation("Describe Lead", leads.describe, READ_LEADS),
    ("GET", "/rest/v1/leads/describe2.json"): Operation("Describe Lead2", leads.describe2, READ_LEADS),
    ("GET", "/rest/v1/leads/partitions.json"): Operation("Get Lead Partitions", leads.partitions, READ_LEADS),
    ("POST", "/rest/v1/leads/partitions.json"): Operation("Update Lead Partition", moving.update, WRITE_LEADS),
    ("GET", "/rest/v1/leads.json"): Operation("Get Leads by Filter Type", leads.by_filter, READ_LEADS),
    ("POST", "/rest/v1/leads.json"): Operation("Sync Leads", sync.sync, WRITE_LEADS),
    ("DELETE", "/rest/v1/leads.json"): Operation("Delete Leads", leads.delete, WRITE_LEADS),
    ("POST", "/rest/v1/leads/delete.json"): Operation("Delete Leads", leads.delete, WRITE_LEADS),
    ("GET", "/rest/v1/lead/{id}.json"): Operation("Get Lead by Id", leads.by_id, READ_LEADS),
    ("GET", "/rest/v1/leads/{id}/listMembership.json"): Operation("Get Lists by Lead Id", lists.of_lead, READ_ASSETS),
    ("POST", "/rest/v1/leads/{id}/merge.json"): Operation("Merge Leads", merging.merge, WRITE_LEADS),
    ("POST", "/rest/v1/leads/{id}/associate.json"): Operation("Associate Lead", merging.associate, WRITE_LEADS),
    ("GET", f"{_SCHEMA}.json"): Operation("Get Lead Fields", schema.browse, ""),
    ("POST", f"{_SCHEMA}.json"): Operation("Create Lead Fields", schema.create, WRITE_CUSTOM_FIELDS),
    ("GET", f"{_SCHEMA}/{{name}}.json"): Operation("Get Lead Field by Name", schema.by_name, ""),
    ("POST", f"{_SCHEMA}/{{name}}.json"): Operation("Update Lead Field", schema.update, ""),
    ("GET", f"{_LISTS}.json"): Operation("Get Lists", lists.browse, READ_LEADS),
    ("GET", f"{_LISTS}/{{id}}.json"): Operation("Get List by Id", lists.by_id, READ_LEADS),
    ("GET", f"{_LISTS}/{{id}}/leads.json"): Operation("Get Leads By List Id", lists.members, READ_LEADS),
    ("POST", f"{_LISTS}/{{id}}/leads.json"): Operation("Add to List", lists.add, WRITE_LEADS),
    ("DELETE", f"{_LISTS}/{{id}}/leads.json"): Operation("Remove from List", lists.remove, WRITE_LEADS),
    ("GET", f"{_LISTS}/{{id}}/leads/ismember.json"): Operation("Member of List", lists.is_member, READ_LEADS),
    ("GET", f"{_ACTIVITIES}/pagingtoken.json"): Operation("Get Paging Token", activities.paging_token, READ_ACTIVITIES),
    ("GET", f"{_ACTIVITIES}/types.json"): Operation("Get Activity Types", activities.types, READ_ACTIVITIES),
    ("GET", f"{_ACTIVITIES}.json"): Operation("Get Lead Activities", activities.by_type, READ_ACTIVITIES),
    ("GET", f"{_ACTIVITIES}/leadchanges.json"): Operation("Get Lead Changes", activities.lead_changes, READ_ACTIVITIES),
    ("GET", f"{_ACTIVITIES}/deletedleads.json"): Operation(
        "Get Deleted Leads", activities.deleted_leads, READ_ACTIVITIES
    ),
    ("GET", f"{_STATS}/usage.json"): Operation("Get Daily Usage", usage.usage_today, ""),
    ("GET", f"{_STATS}/usage/last7days.json"): Operation("Get Weekly Usage", usage.usage_last_days, ""),
    ("GET", f"{_STATS}/errors.json"): Operation("Get Daily Errors", usage.errors_today, ""),
    ("GET", f"{_STATS}/errors/last7days.json"): Operation("Get Weekly Errors", usage.errors_last_days, ""),
    ("GET", f"{_ASSETS}/staticList/{{id}}.json"): Operation("Get Static List by Id", assets.list_by_id, READ_ASSETS),
    ("GET", f"{_ASSETS}/staticList/byName.json"): Operation(
        "Get Static List by Name", assets.list_by_name, READ_ASSETS
    ),
    ("GET", f"{_ASSETS}/staticLists.json"): Operation("Get Static Lists", assets.browse_lists, READ_ASSETS),
    ("POST", f"{_ASSETS}/staticLists.json"): Operation("Create Static List", assets.create_list, WRITE_ASSETS),
    ("POST", f"{_ASSETS}/staticList/{{id}}.json"): Operation(
        "Update Static List Metadata", assets.update_list, WRITE_ASSETS
    ),
    ("POST", f"{_ASSETS}/staticList/{{id}}/delete.json"): Operation(
        "Delete Static List", assets.delete_list, WRITE_ASSETS
    ),
    ("GET", f"{_ASSETS}/folder/{{id}}.json"): Operation("Get Folder by Id", assets.folder_by_id, READ_ASSETS),
    ("POST", f"{_ASSETS}/folder/{{id}}.json"): Operation("Update Folder Metadata", assets.update_folder, WRITE_ASSETS),
    ("GET", f"{_ASSETS}/folder/byName.json"): Operation("Get Folder by Name", assets.folder_by_name, READ_ASSETS),
    ("GET", f"{_ASSETS}/folders.json"): Operation("Get Folders", assets.browse_folders, READ_ASSETS),
    ("POST", f"{_ASSETS}/folders.json"): Operation("Create Folder", assets.create_folder, WRITE_ASSETS),
    ("GET", f"{_ASSETS}/folder/{{id}}/content.json"): Operation(
        "Get Folder Contents", assets.folder_content, READ_ASSETS
    ),
    ("POST", f"{_ASSETS}/folder/{{id}}/delete.json"): Operation("Delete Folder", assets.delete_folder, WRITE_ASSETS),
    ("POST", f"{_IMPORT}.json"): Operation("Import Leads", bulk.create, WRITE_LEADS),
    ("GET", f"{_IMPORT}/batch/{{id}}.json"): Operation("Get Import Lead Status", bulk.poll, WRITE_LEADS),
    ("GET", f"{_IMPORT}/batch/{{id}}/failures.json"): Operation("Get Import Lead Failures", bulk.failures, WRITE_LEADS),
    ("GET", f"{_IMPORT}/batch/{{id}}/warnings.json"): Operation("Get Import Lead Warnings", bulk.warnings, WRITE_LEADS),
    ("GET", "/userservice/management/v1/users/workspaces.json"): Operation(
        "Get Workspaces", usage.workspaces, READ_USERS
    ),
    **_exports("/bulk/v1/leads/export", "Lead", READ_LEADS, extracts.create_leads),
    **_exports("/bulk/v1/activities/export", "Activity", READ_ACTIVITIES, extracts.create_activities),
}
_PATHS: Final = {path for _, path in OPERATIONS}
_NAMED: Final = [
    (re.compile(re.escape(path).replace(r"\{name\}", "([^/]+)")), path) for path in sorted(_PATHS) if "{name}" in path
]
_NUMBER: Final = re.compile(r"/([0-9]+)(?=[/.]|$)")


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call leads: `ids` and `names` are what varies in its path, in order."""

    operation: str
    endpoint: Endpoint
    permission: str
    ids: tuple[int, ...]
    names: tuple[str, ...]


def template(path: str) -> str:
    """The path with `{id}` for its numbers and `{name}` for names; the two spellings of list paths are one."""
    shown = _NUMBER.sub("/{id}", path).replace("/rest/v1/list/{id}", "/rest/v1/lists/{id}")
    if shown in _PATHS:
        return shown
    return next((named for pattern, named in _NAMED if pattern.fullmatch(path)), shown)


def route(method: str, path: str) -> Route:
    """The endpoint of a call.

    Raises CallError 610 (no such path), 605 (not with this method), 1001 (a number too long) or 501 (not simulated).
    """
    shown = template(path)
    found = OPERATIONS.get((method, shown))
    if found is None:
        others = names_of(path)
        if method in others:
            raise CallError(NOT_SIMULATED, f"{others[method]} ({method} {path}) is not simulated")
        if others or shown in _PATHS:
            raise CallError("605", f"Request method '{method}' not supported")
        raise CallError("610")
    if "{name}" in shown:
        names = next(match.groups() for pattern, _ in _NAMED if (match := pattern.fullmatch(path)))
        return Route(found.name, found.endpoint, found.permission, (), names)
    return Route(found.name, found.endpoint, found.permission, tuple(_ids(path)), ())


def operation_of(method: str, path: str) -> str:
    """What Adobe's definitions call it; empty where they have no such call."""
    found = OPERATIONS.get((method, template(path)))
    return names_of(path).get(method, "") if found is None else found.name


def _ids(path: str) -> list[int]:
    numbers: list[str] = _NUMBER.findall(path)
    if any(len(number) > MAX_ID_DIGITS for number in numbers):
        raise CallError("1001", "Invalid value for id. Required of type 'Integer'")
    return [int(number) for number in numbers]
