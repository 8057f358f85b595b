"""Which endpoint answers which method and path."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from marketo_simulator import assets, bulk, leads, lists, sync, usage
from marketo_simulator.context import Context
from marketo_simulator.errors import CallError
from marketo_simulator.message import Response

Endpoint = Callable[[Context], Response]

READ_LEADS: Final = "Read-Only Lead"
WRITE_LEADS: Final = "Read-Write Lead"
READ_ASSETS: Final = "Read-Only Assets"
WRITE_ASSETS: Final = "Read-Write Assets"
READ_USERS: Final = "Access User Management Api"

_NUMBER: Final = re.compile(r"/(\d+)(?=[/.])")

_ENDPOINTS: Final[dict[tuple[str, str], tuple[Endpoint, str]]] = {
    ("GET", "/rest/v1/leads/describe.json"): (leads.describe, READ_LEADS),
    ("GET", "/rest/v1/leads/describe2.json"): (leads.describe2, READ_LEADS),
    ("GET", "/rest/v1/leads/partitions.json"): (leads.partitions, READ_LEADS),
    ("GET", "/rest/v1/leads.json"): (leads.by_filter, READ_LEADS),
    ("POST", "/rest/v1/leads.json"): (sync.sync, WRITE_LEADS),
    ("DELETE", "/rest/v1/leads.json"): (leads.delete, WRITE_LEADS),
    ("POST", "/rest/v1/leads/delete.json"): (leads.delete, WRITE_LEADS),
    ("GET", "/rest/v1/lead/{id}.json"): (leads.by_id, READ_LEADS),
    ("GET", "/rest/v1/leads/{id}/listMembership.json"): (lists.of_lead, READ_ASSETS),
    ("GET", "/rest/v1/lists.json"): (lists.browse, READ_LEADS),
    ("GET", "/rest/v1/lists/{id}.json"): (lists.by_id, READ_LEADS),
    ("GET", "/rest/v1/lists/{id}/leads.json"): (lists.members, READ_LEADS),
    ("POST", "/rest/v1/lists/{id}/leads.json"): (lists.add, WRITE_LEADS),
    ("DELETE", "/rest/v1/lists/{id}/leads.json"): (lists.remove, WRITE_LEADS),
    ("GET", "/rest/v1/lists/{id}/leads/ismember.json"): (lists.is_member, READ_LEADS),
    ("GET", "/rest/v1/stats/usage.json"): (usage.usage_today, ""),
    ("GET", "/rest/v1/stats/usage/last7days.json"): (usage.usage_last_days, ""),
    ("GET", "/rest/v1/stats/errors.json"): (usage.errors_today, ""),
    ("GET", "/rest/v1/stats/errors/last7days.json"): (usage.errors_last_days, ""),
    ("GET", "/rest/asset/v1/staticList/{id}.json"): (assets.list_by_id, READ_ASSETS),
    ("GET", "/rest/asset/v1/staticList/byName.json"): (assets.list_by_name, READ_ASSETS),
    ("GET", "/rest/asset/v1/staticLists.json"): (assets.browse_lists, READ_ASSETS),
    ("POST", "/rest/asset/v1/staticLists.json"): (assets.create_list, WRITE_ASSETS),
    ("POST", "/rest/asset/v1/staticList/{id}.json"): (assets.update_list, WRITE_ASSETS),
    ("POST", "/rest/asset/v1/staticList/{id}/delete.json"): (assets.delete_list, WRITE_ASSETS),
    ("GET", "/rest/asset/v1/folder/{id}.json"): (assets.folder_by_id, READ_ASSETS),
    ("GET", "/rest/asset/v1/folder/byName.json"): (assets.folder_by_name, READ_ASSETS),
    ("GET", "/rest/asset/v1/folders.json"): (assets.browse_folders, READ_ASSETS),
    ("POST", "/bulk/v1/leads.json"): (bulk.create, WRITE_LEADS),
    ("GET", "/bulk/v1/leads/batch/{id}.json"): (bulk.poll, WRITE_LEADS),
    ("GET", "/bulk/v1/leads/batch/{id}/failures.json"): (bulk.failures, WRITE_LEADS),
    ("GET", "/bulk/v1/leads/batch/{id}/warnings.json"): (bulk.warnings, WRITE_LEADS),
    ("GET", "/userservice/management/v1/users/workspaces.json"): (usage.workspaces, READ_USERS),
}
_PATHS: Final = {path for _, path in _ENDPOINTS}


@dataclass(frozen=True, slots=True)
class Route:
    """Where a call leads."""

    endpoint: Endpoint
    permission: str
    ids: tuple[int, ...]


def template(path: str) -> str:
    """The path with `{id}` for its numbers; the two spellings of list paths are one."""
    shown = _NUMBER.sub("/{id}", path)
    return shown.replace("/rest/v1/list/{id}", "/rest/v1/lists/{id}")


def route(method: str, path: str) -> Route:
    """The endpoint of a call. Raises CallError 610 (no such path) or 605 (not with this method)."""
    shown = template(path)
    found = _ENDPOINTS.get((method, shown))
    if found is None:
        if shown in _PATHS:
            raise CallError("605", f"Request method '{method}' not supported")
        raise CallError("610")
    return Route(found[0], found[1], tuple(int(number) for number in _NUMBER.findall(path)))
