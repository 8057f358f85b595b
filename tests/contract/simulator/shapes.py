"""What Marketo's answers look like, as JSON Schemas.

Stated from Adobe's published definitions (Lead Database, Asset, Identity and User Management API), with the known
differences between these and real answers: properties that do not apply are left out, sync rows carry `reasons`, asset
warnings are plain texts, list folders are of type `List`, lists carry `workspaceId` and no `url`, a queued import has
no counters, system folders have a null `url` and the topmost a null `parent`, `currencyInfo` may be null.
"""

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
LEAD_TIME: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
ASSET_TIME: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\+0000$"}
DAY: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}


def shape(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with exactly these properties."""
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def rows(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def one_of(*values: object) -> Schema:
    return {"enum": list(values)}


REASON: Final = shape({"code": {"type": "string", "pattern": r"^\d{3,4}$"}, "message": TEXT})
REQUEST_ID: Final[Schema] = {"type": "string", "pattern": r"^[0-9a-f]+#[0-9a-f]+$"}


def lead_answer(item: Schema, *, more_result: bool = False) -> Schema:
    """Envelope of the lead database."""
    paging = {"nextPageToken": TEXT} | ({"moreResult": one_of(True)} if more_result else {})
    return shape({"requestId": REQUEST_ID, "success": one_of(True), "result": rows(item)}, paging)


def asset_answer(item: Schema) -> Schema:
    """Envelope of the Asset API when something was found."""
    head = {"requestId": REQUEST_ID, "success": one_of(True), "errors": rows(REASON), "warnings": rows(TEXT)}
    return shape(head | {"result": rows(item)})


FAILURE: Final = shape(
    {"requestId": REQUEST_ID, "success": one_of(False), "errors": {**rows(REASON), "minItems": 1}},
)
NOTHING_FOUND: Final = shape(
    {
        "requestId": REQUEST_ID,
        "success": one_of(True),
        "errors": {**rows(REASON), "maxItems": 0},
        "warnings": {**rows(TEXT), "minItems": 1},
    }
)
USER_FAILURE: Final = shape({"errors": {**rows(REASON), "minItems": 1}})

TOKEN: Final = shape({"access_token": TEXT, "token_type": one_of("bearer"), "expires_in": NUMBER, "scope": TEXT})
TOKEN_REFUSED: Final = shape({"error": one_of("unauthorized", "invalid_client"), "error_description": TEXT})

_IN_API: Final = shape({"name": TEXT, "readOnly": FLAG})
DESCRIBE: Final = lead_answer(
    shape({"id": NUMBER, "displayName": TEXT, "dataType": TEXT}, {"length": NUMBER, "rest": _IN_API, "soap": _IN_API})
)
DESCRIBE2: Final = lead_answer(
    shape(
        {
            "name": TEXT,
            "searchableFields": rows({**rows(TEXT), "minItems": 1}),
            "fields": rows(
                shape(
                    {"name": TEXT, "displayName": TEXT, "dataType": TEXT, "updateable": FLAG, "crmManaged": FLAG},
                    {"length": NUMBER},
                )
            ),
        }
    )
)
PARTITIONS: Final = lead_answer(shape({"id": NUMBER, "name": TEXT}, {"description": TEXT}))

_NULLABLE_TEXT: Final[Schema] = {"type": ["string", "null"]}
_LEAD: Final = shape(
    {
        "id": NUMBER,
        "email": _NULLABLE_TEXT,
        "firstName": _NULLABLE_TEXT,
        "lastName": _NULLABLE_TEXT,
        "createdAt": LEAD_TIME,
        "updatedAt": LEAD_TIME,
    }
)
LEADS: Final = lead_answer(_LEAD, more_result=True)
LIST_MEMBERS: Final = lead_answer(_LEAD)


def _statuses(*done: str) -> Schema:
    """Rows with the lead's id, skipped or not."""
    return lead_answer(shape({"id": NUMBER, "status": one_of(*done, "skipped")}, {"reasons": rows(REASON)}))


SYNCED: Final = lead_answer(
    {
        "oneOf": [
            shape({"id": NUMBER, "status": one_of("created", "updated")}),
            shape({"status": one_of("skipped"), "reasons": {**rows(REASON), "minItems": 1}}),
        ]
    }
)
DELETED: Final = _statuses("deleted")
ADDED: Final = _statuses("added")
REMOVED: Final = _statuses("removed")
MEMBERSHIP: Final = _statuses("memberof", "notmemberof")

LISTS_OF_LEAD: Final = lead_answer(shape({"listId": NUMBER, "createdAt": LEAD_TIME, "updatedAt": LEAD_TIME}))

LISTS: Final = lead_answer(
    shape(
        {"id": NUMBER, "name": TEXT, "createdAt": LEAD_TIME, "updatedAt": LEAD_TIME},
        {"description": TEXT, "programName": TEXT, "workspaceName": TEXT, "workspaceId": NUMBER},
    )
)

_FOLDER_ID: Final = shape({"id": NUMBER, "type": one_of("Folder", "Program")})
STATIC_LISTS: Final = asset_answer(
    shape(
        {
            "id": NUMBER,
            "name": TEXT,
            "createdAt": ASSET_TIME,
            "updatedAt": ASSET_TIME,
            "folder": _FOLDER_ID,
            "computedUrl": TEXT,
            "workspace": TEXT,
        },
        {"description": TEXT},
    )
)
ASSET_DELETED: Final = asset_answer(shape({"id": NUMBER}))
FOLDERS: Final = asset_answer(
    shape(
        {
            "id": NUMBER,
            "name": TEXT,
            "createdAt": ASSET_TIME,
            "updatedAt": ASSET_TIME,
            "url": _NULLABLE_TEXT,
            "description": _NULLABLE_TEXT,
            "parent": {"oneOf": [_FOLDER_ID, {"type": "null"}]},
            "folderId": _FOLDER_ID,
            "folderType": TEXT,
            "path": {"type": "string", "pattern": "^/"},
            "isArchive": FLAG,
            "isSystem": FLAG,
        },
        {"accessZoneId": NUMBER, "workspace": TEXT},
    )
)

_USER_TIME: Final[Schema] = {"type": "string", "pattern": r"^\d{8}T\d\d:\d\d:\d\d\.\d+t[+-]\d{4}$"}
WORKSPACES: Final = rows(
    shape(
        {
            "id": NUMBER,
            "name": TEXT,
            "description": TEXT,
            "globalViz": NUMBER,
            "status": TEXT,
            "currencyInfo": {"type": ["string", "null"]},
        },
        {"createdAt": _USER_TIME, "updatedAt": _USER_TIME},
    )
)

USAGE: Final = lead_answer(
    shape({"date": DAY, "total": NUMBER, "users": rows(shape({"userId": TEXT, "count": NUMBER}))})
)
ERRORS: Final = lead_answer(
    shape({"date": DAY, "total": NUMBER, "errors": rows(shape({"errorCode": TEXT, "count": NUMBER}))})
)

_BATCH: Final = {"batchId": NUMBER, "importId": TEXT}
_COUNTERS: Final = {"numOfLeadsProcessed": NUMBER, "numOfRowsFailed": NUMBER, "numOfRowsWithWarning": NUMBER}
IMPORT_QUEUED: Final = lead_answer(shape(_BATCH | {"status": one_of("Queued", "Failed")}))
IMPORT_STATUS: Final = lead_answer(
    shape(
        _BATCH | {"status": one_of("Queued", "Importing", "Complete", "Failed")} | _COUNTERS,
        {"message": TEXT},
    )
)

WITHOUT_RESULT: Final = shape({"requestId": REQUEST_ID, "success": one_of(True)})
MOVED: Final = lead_answer(
    shape({"status": one_of("updated", "skipped")}, {"id": NUMBER, "reasons": {**rows(REASON), "minItems": 1}})
)
FIELDS: Final = lead_answer(
    shape(
        {
            "displayName": TEXT,
            "name": TEXT,
            "description": _NULLABLE_TEXT,
            "dataType": TEXT,
            "isHidden": FLAG,
            "isHtmlEncodingInEmail": FLAG,
            "isSensitive": FLAG,
            "isCustom": FLAG,
            "isApiCreated": FLAG,
        },
        {"length": NUMBER},
    ),
    more_result=True,
)
FIELD_STATUS: Final = lead_answer(shape({"name": TEXT, "status": one_of("created", "updated")}))
FOLDER_CONTENT: Final = asset_answer(shape({"id": NUMBER, "type": TEXT}))

PAGING_TOKEN: Final = shape({"requestId": REQUEST_ID, "success": one_of(True), "nextPageToken": TEXT})
_KIND: Final = shape({"name": TEXT, "dataType": TEXT})
ACTIVITY_TYPES: Final = lead_answer(
    shape({"id": NUMBER, "name": TEXT, "description": TEXT, "attributes": rows(_KIND)}, {"primaryAttribute": _KIND})
)
_HAPPENED: Final = {
    "id": NUMBER,
    "marketoGUID": TEXT,
    "leadId": NUMBER,
    "activityDate": LEAD_TIME,
    "activityTypeId": NUMBER,
    "attributes": rows(shape({"name": TEXT, "value": {}})),
}


def _activities(item: Schema) -> Schema:
    """Envelope of pages by time: always a token, a result where something happened."""
    paging = {"nextPageToken": TEXT, "moreResult": FLAG}
    return shape({"requestId": REQUEST_ID, "success": one_of(True)} | paging, {"result": {**rows(item), "minItems": 1}})


ACTIVITIES: Final = _activities(
    shape(_HAPPENED, {"primaryAttributeValueId": NUMBER, "primaryAttributeValue": TEXT, "campaignId": NUMBER})
)
_FIELD_CHANGE: Final = shape(
    {"id": NUMBER, "name": TEXT, "newValue": _NULLABLE_TEXT, "oldValue": _NULLABLE_TEXT},
)
LEAD_CHANGES: Final = _activities(shape(_HAPPENED | {"fields": rows(_FIELD_CHANGE)}, {"campaignId": NUMBER}))

EXPORTS: Final = lead_answer(
    shape(
        {
            "exportId": TEXT,
            "format": one_of("CSV", "TSV", "SSV"),
            "status": one_of("Created", "Queued", "Processing", "Cancelled", "Completed", "Failed"),
            "createdAt": LEAD_TIME,
        },
        {
            "queuedAt": LEAD_TIME,
            "startedAt": LEAD_TIME,
            "finishedAt": LEAD_TIME,
            "numberOfRecords": NUMBER,
            "fileSize": NUMBER,
            "fileChecksum": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
            "errorMsg": TEXT,
        },
    )
)
