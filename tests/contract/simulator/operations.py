"""Every call that the simulator has: an example of it, its parameters and what it answers.

Stated from Adobe's published definitions: which parameters a call has, which of them it needs, and which are whole
numbers. What a missing or a wrong one is answered with is stated from the table of error codes: 1001 and 1002 in the
lead database, 701 for a blank name in the Asset API; 1003 where a whole input is missing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.contract.simulator import shapes

SEED: Final[Mapping[str, object]] = {
    "partitions": [{"name": "EMEA"}],
    "fields": [{"name": "customerKey"}],
    "folders": [{"name": "Campaigns", "id": 50}],
    "leads": [{"email": f"p{number}@example.org", "firstName": "P"} for number in range(4)],
    "lists": [{"name": "Lions", "id": 7, "members": [1, 2]}],
}
EXPORT_ID: Final = "EXPORT"
"""Stands for the id of a job that was created by the test, as `TOKEN` does for a token of the morning."""
TOKEN: Final = "TOKEN"
POSITION: Final = "POSITION"
"""Stands for the token of a page by position."""

_PAGED: Final = {"batchSize": "1", "nextPageToken": POSITION}
_PAGED_BY_TIME: Final = {"batchSize": "1"}
_MARCH: Final = {"createdAt": {"startAt": "2026-03-01T00:00:00Z", "endAt": "2026-03-31T00:00:00Z"}}
_IDS: Final = {"input": [{"id": 1}, {"id": 99}]}
_FILE: Final = ("leads.csv", "email,firstName\nnew@example.org,New\n", "text/csv")


@dataclass(frozen=True)
class Described:
    """One call. `required`: parameter -> code without it; `numbers`: parameters that are whole numbers."""

    answer: shapes.Schema
    path: str = ""
    """Its example, where the path alone is none."""
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    content: Mapping[str, object] | None = None
    files: Mapping[str, tuple[str, str, str]] | None = None
    required: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    """Each of them is enough; none: it needs none."""


_READ_LEADS: Final = ("Read-Only Lead", "Read-Write Lead")
_WRITE_LEADS: Final = ("Read-Write Lead",)
_READ_ACTIVITIES: Final = ("Read-Only Activity", "Read-Write Activity")
_READ_ASSETS: Final = ("Read-Only Assets", "Read-Write Assets")
_WRITE_ASSETS: Final = ("Read-Write Assets",)
_SCHEMA: Final = ("Read-Write Schema Standard Field", "Read-Write Schema Custom Field")


def _reads(answer: shapes.Schema, **more: object) -> Described:
    return Described(answer, permissions=_READ_LEADS, **more)  # type: ignore[arg-type]


def _writes(answer: shapes.Schema, **more: object) -> Described:
    return Described(answer, permissions=_WRITE_LEADS, **more)  # type: ignore[arg-type]


_LEAD_DATABASE: Final = {
    ("GET", "/rest/v1/leads/describe.json"): _reads(shapes.DESCRIBE),
    ("GET", "/rest/v1/leads/describe2.json"): _reads(shapes.DESCRIBE2),
    ("GET", "/rest/v1/leads/partitions.json"): _reads(shapes.PARTITIONS),
    ("POST", "/rest/v1/leads/partitions.json"): _writes(
        shapes.MOVED,
        content={"input": [{"id": 1, "partitionName": "EMEA"}, {"id": 99, "partitionName": "EMEA"}]},
        required={"input": "1002"},
    ),
    ("GET", "/rest/v1/leads.json"): _reads(
        shapes.LEADS,
        query={"filterType": "id", "filterValues": "1,2,99"},
        required={"filterType": "1002", "filterValues": "1002"},
        optional=_PAGED | {"fields": "email,customerKey"},
        numbers=("batchSize",),
    ),
    ("POST", "/rest/v1/leads.json"): _writes(
        shapes.SYNCED,
        content={
            "action": "createOrUpdate",
            "lookupField": "email",
            "partitionName": "Default",
            "input": [{"email": "p0@example.org"}, {"email": "new@example.org"}, {"email": "bad"}],
        },
        required={"input": "1002"},
    ),
    ("DELETE", "/rest/v1/leads.json"): _writes(shapes.DELETED, content=_IDS, required={"input": "1003"}),
    ("POST", "/rest/v1/leads/delete.json"): _writes(shapes.DELETED, content=_IDS, required={"input": "1003"}),
    ("GET", "/rest/v1/lead/{id}.json"): _reads(
        shapes.LEADS, path="/rest/v1/lead/1.json", optional={"fields": "email,customerKey"}
    ),
    ("GET", "/rest/v1/leads/{id}/listMembership.json"): Described(
        shapes.LISTS_OF_LEAD,
        path="/rest/v1/leads/1/listMembership.json",
        optional=_PAGED,
        numbers=("batchSize",),
        permissions=_READ_ASSETS,
    ),
    ("POST", "/rest/v1/leads/{id}/merge.json"): _writes(
        shapes.WITHOUT_RESULT,
        path="/rest/v1/leads/1/merge.json",
        query={"leadIds": "2,3"},
        required={"leadIds": "1002"},
        optional={"leadId": "4", "mergeInCRM": "false"},
        numbers=("leadIds", "leadId"),
    ),
    ("POST", "/rest/v1/leads/{id}/associate.json"): _writes(
        shapes.WITHOUT_RESULT,
        path="/rest/v1/leads/1/associate.json",
        query={"cookie": "id:123-ABC-456&token:_mch-example.org-1396310362214-46169"},
        required={"cookie": "1002"},
    ),
    ("GET", "/rest/v1/leads/schema/fields.json"): Described(
        shapes.FIELDS, optional=_PAGED, numbers=("batchSize",), permissions=_SCHEMA
    ),
    ("POST", "/rest/v1/leads/schema/fields.json"): Described(
        shapes.FIELD_STATUS,
        content={"input": [{"name": "loyaltyTier", "displayName": "Loyalty Tier", "dataType": "string"}]},
        required={"input": "1002"},
        permissions=_SCHEMA[1:],
    ),
    ("GET", "/rest/v1/leads/schema/fields/{name}.json"): Described(
        shapes.FIELDS, path="/rest/v1/leads/schema/fields/email.json", permissions=_SCHEMA
    ),
    ("POST", "/rest/v1/leads/schema/fields/{name}.json"): Described(
        shapes.FIELD_STATUS,
        path="/rest/v1/leads/schema/fields/customerKey.json",
        content={"input": [{"description": "Key of the customer"}]},
        required={"input": "1002"},
        permissions=_SCHEMA[1:],
    ),
    ("GET", "/rest/v1/lists.json"): _reads(
        shapes.LISTS,
        optional=_PAGED | {"id": "7", "name": "Lions", "programName": "", "workspaceName": "Default"},
        numbers=("batchSize",),
    ),
    ("GET", "/rest/v1/lists/{id}.json"): _reads(shapes.LISTS, path="/rest/v1/lists/7.json"),
    ("GET", "/rest/v1/lists/{id}/leads.json"): _reads(
        shapes.LIST_MEMBERS,
        path="/rest/v1/lists/7/leads.json",
        optional=_PAGED | {"fields": "email,customerKey"},
        numbers=("batchSize",),
    ),
    ("POST", "/rest/v1/lists/{id}/leads.json"): _writes(
        shapes.ADDED, path="/rest/v1/lists/7/leads.json", query={"id": "3,99"}, required={"id": "1003"}
    ),
    ("DELETE", "/rest/v1/lists/{id}/leads.json"): _writes(
        shapes.REMOVED, path="/rest/v1/lists/7/leads.json", query={"id": "1,3,99"}, required={"id": "1003"}
    ),
    ("GET", "/rest/v1/lists/{id}/leads/ismember.json"): _reads(
        shapes.MEMBERSHIP, path="/rest/v1/lists/7/leads/ismember.json", query={"id": "1,3,99"}, required={"id": "1003"}
    ),
    ("GET", "/rest/v1/stats/usage.json"): Described(shapes.USAGE),
    ("GET", "/rest/v1/stats/usage/last7days.json"): Described(shapes.USAGE),
    ("GET", "/rest/v1/stats/errors.json"): Described(shapes.ERRORS),
    ("GET", "/rest/v1/stats/errors/last7days.json"): Described(shapes.ERRORS),
}

_ACTIVITIES: Final = {
    ("GET", "/rest/v1/activities/pagingtoken.json"): Described(
        shapes.PAGING_TOKEN,
        query={"sinceDatetime": "2026-03-01T00:00:00+02:00"},
        required={"sinceDatetime": "1002"},
        permissions=_READ_ACTIVITIES,
    ),
    ("GET", "/rest/v1/activities/types.json"): Described(shapes.ACTIVITY_TYPES, permissions=_READ_ACTIVITIES),
    ("GET", "/rest/v1/activities.json"): Described(
        shapes.ACTIVITIES,
        query={"nextPageToken": TOKEN, "activityTypeIds": "12,13,24,25,32,37"},
        required={"nextPageToken": "1002", "activityTypeIds": "1002"},
        optional=_PAGED_BY_TIME | {"leadIds": "1,2", "listId": "7"},
        numbers=("batchSize", "activityTypeIds", "assetIds", "leadIds", "listId"),
        permissions=_READ_ACTIVITIES,
    ),
    ("GET", "/rest/v1/activities/leadchanges.json"): Described(
        shapes.LEAD_CHANGES,
        query={"nextPageToken": TOKEN, "fields": "firstName,email"},
        required={"nextPageToken": "1002", "fields": "1002"},
        optional=_PAGED_BY_TIME | {"leadIds": "1,2", "listId": "7"},
        numbers=("batchSize", "leadIds", "listId"),
        permissions=_READ_ACTIVITIES,
    ),
    ("GET", "/rest/v1/activities/deletedleads.json"): Described(
        shapes.ACTIVITIES,
        query={"nextPageToken": TOKEN},
        required={"nextPageToken": "1002"},
        optional=_PAGED_BY_TIME,
        numbers=("batchSize",),
        permissions=_READ_ACTIVITIES,
    ),
}

_BROWSED: Final = {"offset": "0", "maxReturn": "200"}
_IN_GROUP_LISTS: Final = '{"id":12,"type":"Folder"}'
_ASSETS: Final = {
    ("GET", "/rest/asset/v1/staticList/{id}.json"): Described(
        shapes.STATIC_LISTS, path="/rest/asset/v1/staticList/7.json", permissions=_READ_ASSETS
    ),
    ("GET", "/rest/asset/v1/staticList/byName.json"): Described(
        shapes.STATIC_LISTS, query={"name": "Lions"}, required={"name": "701"}, permissions=_READ_ASSETS
    ),
    ("GET", "/rest/asset/v1/staticLists.json"): Described(
        shapes.STATIC_LISTS,
        optional=_BROWSED
        | {
            "folder": _IN_GROUP_LISTS,
            "earliestUpdatedAt": "2020-01-01T00:00:00Z",
            "latestUpdatedAt": "2030-01-01T00:00:00Z",
        },
        numbers=tuple(_BROWSED),
        permissions=_READ_ASSETS,
    ),
    ("POST", "/rest/asset/v1/staticLists.json"): Described(
        shapes.STATIC_LISTS,
        form={"name": "New", "folder": _IN_GROUP_LISTS, "description": "d"},
        required={"name": "701", "folder": "710"},
        permissions=_WRITE_ASSETS,
    ),
    ("POST", "/rest/asset/v1/staticList/{id}.json"): Described(
        shapes.STATIC_LISTS,
        path="/rest/asset/v1/staticList/7.json",
        form={"name": "Tigers", "description": "d"},
        permissions=_WRITE_ASSETS,
    ),
    ("POST", "/rest/asset/v1/staticList/{id}/delete.json"): Described(
        shapes.ASSET_DELETED, path="/rest/asset/v1/staticList/7/delete.json", permissions=_WRITE_ASSETS
    ),
    ("GET", "/rest/asset/v1/folder/{id}.json"): Described(
        shapes.FOLDERS, path="/rest/asset/v1/folder/12.json", query={"type": "Folder"}, permissions=_READ_ASSETS
    ),
    ("GET", "/rest/asset/v1/folder/byName.json"): Described(
        shapes.FOLDERS,
        query={"name": "Group Lists"},
        required={"name": "701"},
        optional={"type": "Folder", "workSpace": "Default", "root": '{"id":5,"type":"Folder"}'},
        permissions=_READ_ASSETS,
    ),
    ("GET", "/rest/asset/v1/folders.json"): Described(
        shapes.FOLDERS,
        optional=_BROWSED | {"maxDepth": "1", "root": '{"id":5,"type":"Folder"}', "workSpace": "Default"},
        numbers=(*_BROWSED, "maxDepth"),
        permissions=_READ_ASSETS,
    ),
    ("POST", "/rest/asset/v1/folders.json"): Described(
        shapes.FOLDERS,
        form={"name": "New", "parent": _IN_GROUP_LISTS, "description": "d"},
        required={"name": "701", "parent": "710"},
        permissions=_WRITE_ASSETS,
    ),
    ("POST", "/rest/asset/v1/folder/{id}.json"): Described(
        shapes.FOLDERS,
        path="/rest/asset/v1/folder/50.json",
        form={"type": "Folder", "name": "Events", "description": "d", "isArchive": "true"},
        permissions=_WRITE_ASSETS,
    ),
    ("GET", "/rest/asset/v1/folder/{id}/content.json"): Described(
        shapes.FOLDER_CONTENT,
        path="/rest/asset/v1/folder/12/content.json",
        query={"type": "Folder"},
        optional=_BROWSED,
        numbers=tuple(_BROWSED),
        permissions=_READ_ASSETS,
    ),
    ("POST", "/rest/asset/v1/folder/{id}/delete.json"): Described(
        shapes.ASSET_DELETED,
        path="/rest/asset/v1/folder/50/delete.json",
        form={"type": "Folder"},
        permissions=_WRITE_ASSETS,
    ),
    ("GET", "/userservice/management/v1/users/workspaces.json"): Described(
        shapes.WORKSPACES, permissions=("Access User Management Api",)
    ),
}

_IMPORT: Final = {
    ("POST", "/bulk/v1/leads.json"): _writes(
        shapes.IMPORT_QUEUED,
        query={"format": "csv"},
        files={"file": _FILE},
        required={"format": "1003"},
        optional={"lookupField": "email", "partitionName": "EMEA", "listId": "7"},
        numbers=("listId",),
    ),
    ("GET", "/bulk/v1/leads/batch/{id}.json"): _writes(shapes.IMPORT_STATUS, path="/bulk/v1/leads/batch/1.json"),
    ("GET", "/bulk/v1/leads/batch/{id}/failures.json"): _writes({}, path="/bulk/v1/leads/batch/1/failures.json"),
    ("GET", "/bulk/v1/leads/batch/{id}/warnings.json"): _writes({}, path="/bulk/v1/leads/batch/1/warnings.json"),
}


def _exports(
    kind: str, permissions: tuple[str, ...], fields: Sequence[str], *needs: str
) -> dict[tuple[str, str], Described]:
    path = f"/bulk/v1/{kind}/export"
    required = dict.fromkeys(needs, "1002")
    content = {"format": "CSV", "fields": fields, "columnHeaderNames": {fields[0]: "First"}, "filter": _MARCH}

    def one(answer: shapes.Schema, action: str) -> Described:
        return Described(answer, path=f"{path}/{EXPORT_ID}/{action}.json", permissions=permissions)

    return {
        ("GET", f"{path}.json"): Described(
            shapes.EXPORTS,
            optional=_PAGED | {"status": "Created,Queued"},
            numbers=("batchSize",),
            permissions=permissions,
        ),
        ("POST", f"{path}/create.json"): Described(
            shapes.EXPORTS, content=content, required=required, permissions=permissions
        ),
        ("POST", f"{path}/{{name}}/enqueue.json"): one(shapes.EXPORTS, "enqueue"),
        ("POST", f"{path}/{{name}}/cancel.json"): one(shapes.EXPORTS, "cancel"),
        ("GET", f"{path}/{{name}}/status.json"): one(shapes.EXPORTS, "status"),
        ("GET", f"{path}/{{name}}/file.json"): one({}, "file"),
    }


DESCRIBED: Final[Mapping[tuple[str, str], Described]] = {
    **_LEAD_DATABASE,
    **_ACTIVITIES,
    **_ASSETS,
    **_IMPORT,
    **_exports("leads", _READ_LEADS, ["id", "email"], "fields", "filter"),
    **_exports("activities", _READ_ACTIVITIES, ["leadId", "attributes"], "filter"),
}
