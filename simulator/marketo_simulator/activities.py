"""What happened to leads, read from a time on (Marketo REST, Activities; Paging Tokens).

A page is what the next `SCANNED` activities of all leads have for this call: it may hold fewer rows than there are, or
none, while `moreResult` is true. It always carries the token of the page behind it.
"""

from base64 import b32decode, b32encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from marketo_simulator.context import PAGE, Context, whole_number
from marketo_simulator.errors import CallError
from marketo_simulator.fields import MAX_ID_DIGITS, Value, timestamp
from marketo_simulator.journal import (
    ADD_TO_LIST,
    CHANGE_DATA_VALUE,
    DELETE_LEAD,
    MERGE_LEADS,
    NEW_LEAD,
    REMOVE_FROM_LIST,
    Activity,
)
from marketo_simulator.message import Response, json_response

SCANNED: Final = 1000
MAX_TYPES: Final = 10
MAX_LEADS: Final = 30
_DATED: Final = "since"

_CALL: Final = {"API Method Name": "string", "Modifying User": "string", "Request Id": "string"}
_LIST: Final = {"Source": "string"} | _CALL


@dataclass(frozen=True, slots=True)
class ActivityType:
    """One kind of activity; attributes: name -> data type."""

    name: str
    description: str
    primary: tuple[str, str] | None
    attributes: Mapping[str, str]


TYPES: Final[Mapping[int, ActivityType]] = {
    NEW_LEAD: ActivityType("New Lead", "A person is new in the lead database", None, {"Source Type": "string"} | _CALL),
    CHANGE_DATA_VALUE: ActivityType(
        "Change Data Value",
        "A field of a person has another value",
        ("Attribute Name", "string"),
        {"New Value": "string", "Old Value": "string", "Reason": "string", "Source": "string"} | _CALL,
    ),
    ADD_TO_LIST: ActivityType("Add to List", "A person is on a static list", ("List ID", "integer"), _LIST),
    REMOVE_FROM_LIST: ActivityType(
        "Remove from List", "A person is on a static list no longer", ("List ID", "integer"), _LIST
    ),
    MERGE_LEADS: ActivityType(
        "Merge Leads",
        "Two or more people became one",
        ("Lead ID", "integer"),
        {"Master Updated": "boolean", "Merge IDs": "string", "Merge Source": "string", "Merged in Sales": "boolean"},
    ),
    DELETE_LEAD: ActivityType("Delete Lead", "A person is gone from the lead database", ("Lead ID", "integer"), {}),
}


def paging_token(context: Context) -> Response:
    """GET /rest/v1/activities/pagingtoken.json: the token of a time; a time without a zone is UTC.

    Raises CallError 1002 or 1001.
    """
    text = context.param("sinceDatetime")
    if not text:
        raise CallError("1002", "Missing value for required parameter 'sinceDatetime'")
    since = seconds_of(text)
    if since is None:
        raise CallError("1001", f"Invalid value '{text}'. Required of type 'DateTime'")
    token = _Token(since, context.state.journal.before(since)).text()
    return json_response({"requestId": context.request_id, "success": True, "nextPageToken": token})


def seconds_of(text: str) -> int | None:
    """Whole seconds since 1970 of an ISO 8601 time; None if it is none."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        return None
    aware = given if given.tzinfo else given.replace(tzinfo=UTC)
    return int((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())


def types(context: Context) -> Response:
    """GET /rest/v1/activities/types.json."""
    return context.lead_answer([_shown_type(type_id, each) for type_id, each in TYPES.items()])


def _shown_type(type_id: int, known: ActivityType) -> dict[str, object]:
    row: dict[str, object] = {"id": type_id, "name": known.name, "description": known.description}
    if known.primary is not None:
        row["primaryAttribute"] = {"name": known.primary[0], "dataType": known.primary[1]}
    row["attributes"] = [{"name": name, "dataType": data_type} for name, data_type in known.attributes.items()]
    return row


def by_type(context: Context) -> Response:
    """GET /rest/v1/activities.json, of up to ten types, narrowed by leads, a list, or assets of a single type.

    Raises CallError 1001, 1002, 1003, 1013.
    """
    wanted = _numbers(context, "activityTypeIds", MAX_TYPES)
    if not wanted:
        raise CallError("1002", "Missing value for required parameter 'activityTypeIds'")
    if unknown := wanted - TYPES.keys():
        raise CallError("1003", f"Invalid value '{min(unknown)}' for activityTypeIds")
    assets = _numbers(context, "assetIds", PAGE)
    if assets and len(wanted) > 1:
        raise CallError("1003", "assetIds can be used with a single activity type")
    return _page(
        context,
        lambda each: each.type_id in wanted and (not assets or each.primary_id in assets),
        lambda each: shown(each) | {"attributes": _attributes(each)},
    )


def lead_changes(context: Context) -> Response:
    """GET /rest/v1/activities/leadchanges.json: new leads, and changes of the fields that are asked for.

    Raises CallError 1001, 1002, 1003, 1006, 1013.
    """
    names = set(context.values("fields"))
    if not names:
        raise CallError("1002", "Missing value for required parameter 'fields'")
    if unknown := {name for name in names if context.state.schema.get(name) is None}:
        raise CallError("1006", f"Field '{min(unknown)}' not found")
    return _page(
        context,
        lambda each: each.type_id == NEW_LEAD or (each.type_id == CHANGE_DATA_VALUE and each.field in names),
        _shown_change,
    )


def deleted_leads(context: Context) -> Response:
    """GET /rest/v1/activities/deletedleads.json. Leads that were merged away are not among them."""
    return _page(context, lambda each: each.type_id == DELETE_LEAD, lambda each: shown(each) | {"attributes": []})


def visible(context: Context, activity: Activity) -> bool:
    """Whether the API user sees the partition that the lead is in, or was in when it was deleted."""
    seen = context.visible
    if seen is None:
        return True
    lead = context.state.leads.get(activity.lead_id)
    return (activity.partition_id if lead is None else lead.partition_id) in seen


# Rows


def shown(activity: Activity) -> dict[str, object]:
    """The row without what depends on the call."""
    row: dict[str, object] = {
        "id": activity.id,
        "marketoGUID": str(activity.id),
        "leadId": activity.lead_id,
        "activityDate": timestamp(activity.time),
        "activityTypeId": activity.type_id,
    }
    if TYPES[activity.type_id].primary is not None:
        row |= {"primaryAttributeValueId": activity.primary_id, "primaryAttributeValue": activity.primary_value}
    return row


def attributes(activity: Activity) -> dict[str, Value]:
    """Name -> value of what the activity says besides; empty values are left out."""
    cause = activity.cause
    known: dict[str, Value] = {
        "Reason": cause.source,
        "Source": cause.source,
        "Source Type": cause.source,
        "Merge Source": cause.source,
        "API Method Name": cause.method,
        "Modifying User": cause.user,
        "Request Id": cause.request_id,
        **activity.details,
    }
    names = TYPES[activity.type_id].attributes
    return {name: value for name in names if (value := known.get(name)) not in (None, "")}


def _attributes(activity: Activity) -> list[dict[str, Value]]:
    return [{"name": name, "value": value} for name, value in attributes(activity).items()]


def _shown_change(activity: Activity) -> dict[str, object]:
    row = shown(activity)
    fields: list[dict[str, object]] = []
    rest = ["Source Type"]
    if activity.type_id == CHANGE_DATA_VALUE:
        new, old = activity.details["New Value"], activity.details["Old Value"]
        change = {"name": activity.field, "newValue": new, "oldValue": old}
        fields.append({"id": row.pop("primaryAttributeValueId"), **change})
        del row["primaryAttributeValue"]
        rest = ["Reason", "Source"]
    said = attributes(activity)
    also: list[dict[str, Value]] = [{"name": "Lead ID", "value": activity.lead_id}]
    return row | {"fields": fields, "attributes": [{"name": name, "value": said[name]} for name in rest] + also}


# Pages


@dataclass(frozen=True, slots=True)
class _Token:
    """Where a page starts: from a time on (seconds since 1970), behind an activity."""

    since: int
    after: int

    def text(self) -> str:
        return b32encode(f"{_DATED}:{self.since}:{self.after}".encode()).decode()


def _token(context: Context) -> _Token:
    """The token of the call. Raises CallError 1002, or 1003 for one that is no date-based token."""
    text = context.param("nextPageToken")
    if not text:
        raise CallError("1002", "Missing value for required parameter 'nextPageToken'")
    try:
        kind, since, after = b32decode(text).decode("ascii").split(":")
        if kind != _DATED or max(len(since), len(after)) > MAX_ID_DIGITS:
            raise CallError("1003", "Invalid value for nextPageToken")
        return _Token(int(since), int(after))
    except ValueError as error:
        raise CallError("1003", "Invalid value for nextPageToken") from error


def _page(
    context: Context, is_wanted: Callable[[Activity], bool], show: Callable[[Activity], dict[str, object]]
) -> Response:
    token = _token(context)
    is_of_lead = _leads_asked(context)
    size = context.number("batchSize", PAGE, PAGE) or PAGE
    journal = context.state.journal
    rows: list[dict[str, object]] = []
    position = min(token.after, journal.last_id)  # a reset forgets what the token has seen
    for activity in journal.after(position, SCANNED):
        if len(rows) == size:
            break
        position = activity.id
        is_late = activity.seconds >= token.since
        if is_late and is_wanted(activity) and is_of_lead(activity.lead_id) and visible(context, activity):
            rows.append(show(activity))
    answer: dict[str, object] = {"requestId": context.request_id, "success": True}
    if rows:
        answer["result"] = rows
    paging = {"nextPageToken": _Token(token.since, position).text(), "moreResult": position < journal.last_id}
    return json_response(answer | paging)


def _leads_asked(context: Context) -> Callable[[int], bool]:
    """What `leadIds` and `listId` say of a lead. Raises CallError 1001, 1003 or 1013."""
    leads = _numbers(context, "leadIds", MAX_LEADS)
    list_ids = _numbers(context, "listId", 1)
    if not list_ids:
        return lambda lead_id: not leads or lead_id in leads
    static_list = context.state.lists.get(min(list_ids))
    if static_list is None:
        raise CallError("1013")
    most = context.settings.activities_list_members
    if most is not None and len(static_list.members) >= most:
        raise CallError("1003", f"The list has {most} members or more")
    members = static_list.members
    return lambda lead_id: lead_id in members and (not leads or lead_id in leads)


def _numbers(context: Context, name: str, most: int) -> set[int]:
    """The whole numbers of a parameter. Raises CallError 1001, or 1003 for too many."""
    given = context.values(name)
    numbers = set(map(whole_number, given))
    if len(given) > most:
        raise CallError("1003", f"Number of {name} exceeds the limit of {most}")
    return numbers
