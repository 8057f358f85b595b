"""Bulk extract of leads and activities: the calls that create and follow a job (Marketo REST, Bulk Extract).

Jobs belong to the API user who created them, and know neither workspaces nor partitions.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from marketo_simulator.activities import TYPES, attributes, seconds_of
from marketo_simulator.context import Context
from marketo_simulator.errors import CallError
from marketo_simulator.exports import CANCELLED, FORMATS, STATUSES, Job, Rows
from marketo_simulator.fields import Value, timestamp
from marketo_simulator.journal import ADD_TO_LIST, CHANGE_DATA_VALUE, DELETE_LEAD, REMOVE_FROM_LIST, Activity, as_text
from marketo_simulator.message import Response
from marketo_simulator.state import Lead, State, StaticList

LEADS: Final = "leads"
ACTIVITIES: Final = "activities"
MAX_DAYS: Final = 31
MAX_TYPES: Final = 1000
MAX_PRIMARY: Final = 50
EMPTY: Final = "null"
"""What stands in a file for no value."""

_RANGES: Final = ("createdAt", "updatedAt")
_LISTS: Final = ("staticListId", "staticListName")
_NOT_EVERYWHERE: Final = ("updatedAt", "smartListId", "smartListName")
_ACTIVITY_FIELDS: Final = (
    "marketoGUID",
    "leadId",
    "activityDate",
    "activityTypeId",
    "campaignId",
    "primaryAttributeValueId",
    "primaryAttributeValue",
    "attributes",
)
_PRIMARY_FILTERS: Final = ("primaryAttributeValueIds", "primaryAttributeValues")
_PRIMARY_GROUPS: Final = (frozenset({CHANGE_DATA_VALUE}), frozenset({ADD_TO_LIST, REMOVE_FROM_LIST}))
"""Types whose primary attributes are of one sort, so that jobs can be narrowed by them."""
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")

Content = Mapping[str, object]


def create_leads(context: Context) -> Response:
    """POST /bulk/v1/leads/export/create.json: fields, filter (exactly one), format, columnHeaderNames.

    Raises CallError 609, 612, 1002, 1003, 1013, 1029, 1035.
    """
    content = context.content()
    fields = _texts(content, "fields")
    if not fields:
        raise CallError("1002", "Missing value for required parameter 'fields'")
    if unknown := [name for name in fields if context.state.schema.get(name) is None]:
        raise CallError("1003", f"Invalid fields [{', '.join(unknown)}]")
    header = _header(content, fields)
    chosen = _lead_filter(context, _filter(content))
    return _create(context, LEADS, content, lambda: (header, _lead_rows(context.state, chosen(), fields)))


def create_activities(context: Context) -> Response:
    """POST /bulk/v1/activities/export/create.json: filter (createdAt and more), fields, format, columnHeaderNames.

    Raises CallError 609, 612, 1002, 1003, 1029.
    """
    content = context.content()
    fields = _texts(content, "fields") or list(_ACTIVITY_FIELDS)
    if unknown := [name for name in fields if name not in (*_ACTIVITY_FIELDS, "actionResult")]:
        raise CallError("1003", f"Invalid fields [{', '.join(unknown)}]")
    header = _header(content, fields)
    is_chosen = _activity_filter(_filter(content))
    journal = context.state.journal

    def select() -> Rows:
        return header, _activity_rows([each for each in journal.after(0) if is_chosen(each)], fields)

    return _create(context, ACTIVITIES, content, select)


def browse(context: Context) -> Response:
    """GET /bulk/v1/…/export.json: the user's jobs of the last seven days, by `status`, paged.

    Raises CallError 1001 or 1003.
    """
    asked = {_status(text) for text in context.values("status")}
    jobs = context.exports.latest(_kind(context), context.client.user, context.now)
    page, token = context.page(number for number, job in jobs.items() if not asked or job.status in asked)
    return context.lead_answer([jobs[number].shown() for number in page], token)


def enqueue(context: Context) -> Response:
    """POST /bulk/v1/…/export/{exportId}/enqueue.json. Raises CallError 1013 or 1029."""
    job = _job(context)
    context.exports.enqueue(job, context.now, context.settings)
    return context.lead_answer([job.shown()])


def cancel(context: Context) -> Response:
    """POST /bulk/v1/…/export/{exportId}/cancel.json. Raises CallError 1003 or 1013."""
    job = _job(context)
    context.exports.cancel(job, context.now)
    return context.lead_answer([job.shown()])


def status(context: Context) -> Response:
    """GET /bulk/v1/…/export/{exportId}/status.json. Raises CallError 1013."""
    return context.lead_answer([_job(context).shown()])


def file(context: Context) -> Response:
    """GET /bulk/v1/…/export/{exportId}/file.json, whole or by `Range`; without a file 404 in plain text."""
    try:
        job = _job(context)
    except CallError:
        job = None
    if job is None or not job.has_file(context.now):
        return Response(HTTPStatus.NOT_FOUND, b"Export file not found", "text/plain;charset=UTF-8")
    return _ranged(job.file, context.request.header("Range"))


def _ranged(content: bytes, asked: str) -> Response:
    """The part of the file that a single byte range asks for (RFC 9110, 14.2); all of it for any other range."""
    kind, headers = "text/csv;charset=UTF-8", {"Accept-Ranges": "bytes"}
    match = _RANGE.fullmatch(asked.strip())
    if match is None or match.groups() == ("", ""):
        return Response(HTTPStatus.OK, content, kind, headers)
    first, last = match.groups()
    start = int(first) if first else max(len(content) - int(last), 0)
    end = min(int(last) if first and last else len(content), len(content) - 1)
    if first and last and int(last) < start:
        return Response(HTTPStatus.OK, content, kind, headers)
    if start > end:
        return Response(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            b"",
            kind,
            headers | {"Content-Range": f"bytes */{len(content)}"},
        )
    headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return Response(HTTPStatus.PARTIAL_CONTENT, content[start : end + 1], kind, headers)


# Jobs


def _kind(context: Context) -> str:
    return LEADS if context.request.path.startswith("/bulk/v1/leads/") else ACTIVITIES


def _job(context: Context) -> Job:
    return context.exports.get(_kind(context), context.client.user, context.names[0], context.now)


def _status(text: str) -> str:
    """A status to look for; Marketo writes the cancelled ones in two ways."""
    if text in ("Canceled", CANCELLED):
        return CANCELLED
    if text not in STATUSES:
        raise CallError("1003", f"Invalid value '{text}' for status")
    return text


def _create(context: Context, kind: str, content: Content, select: Callable[[], Rows]) -> Response:
    file_format = str(content.get("format") or "CSV")
    if file_format not in FORMATS:
        raise CallError("1003", "Invalid value for format, use CSV, TSV or SSV")
    exports = context.exports
    job_id = str(uuid5(NAMESPACE_URL, f"export#{context.request_id}"))
    job = Job(exports.created + 1, job_id, kind, context.client.user, file_format, select, context.now)
    exports.add(job, context.settings)
    return context.lead_answer([job.shown()])


def _texts(content: Content, name: str) -> list[str]:
    """A list of texts, empty when absent. Raises CallError 1003."""
    given = content.get(name)
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise CallError("1003", f"Invalid value for {name}, an array of strings is expected")
    return given


def _header(content: Content, fields: Sequence[str]) -> list[str]:
    """The first row: fields by name, or as `columnHeaderNames` calls them. Raises CallError 1003."""
    renamed = content.get("columnHeaderNames") or {}
    if not isinstance(renamed, dict) or not all(isinstance(each, str) for each in renamed.values()):
        raise CallError("1003", "Invalid value for columnHeaderNames, an object of strings is expected")
    if unknown := sorted(renamed.keys() - set(fields)):
        raise CallError("1003", f"Invalid columnHeaderNames, '{unknown[0]}' is not among the fields")
    return [renamed.get(name, name) for name in fields]


# Filters


def _filter(content: Content) -> Content:
    given = content.get("filter")
    if given is None or given == {}:
        raise CallError("1002", "Missing value for required parameter 'filter'")
    if not isinstance(given, dict):
        raise CallError("1003", "Invalid value for filter, an object is expected")
    return given


def _lead_filter(context: Context, given: Content) -> Callable[[], list[Lead]]:
    """Reads the leads that the filter chooses, when it is called. Raises CallError 1003, 1013 or 1035."""
    known = (*_RANGES, *_LISTS, "smartListId", "smartListName")
    if len(given) > 1 or not given.keys() <= set(known):
        raise CallError("1003", f"Invalid filter, give exactly one of {', '.join(known)}")
    name, value = next(iter(given.items()))
    if name in _NOT_EVERYWHERE and not (name in _RANGES and context.settings.export_all_filters):
        raise CallError("1035", "Unsupported filter type for target subscription")
    state = context.state
    if name in _RANGES:
        start, end = (timestamp(each) for each in _range(name, value))
        return lambda: [lead for lead in _in_order(state) if start <= str(lead.values[name]) <= end]
    list_id = _list_id(context, name, value)
    return lambda: [state.leads[lead_id] for lead_id in sorted(_members(state, list_id))]


def _in_order(state: State) -> list[Lead]:
    return [state.leads[lead_id] for lead_id in sorted(state.leads)]


def _members(state: State, list_id: int) -> set[int]:
    static_list = state.lists.get(list_id)
    if static_list is None:
        raise CallError("1013", "Static list not found")
    return static_list.members


def _list_id(context: Context, name: str, value: object) -> int:
    """The list that the filter names. Raises CallError 1013, or 1003 for several lists of this name."""
    if type(value) is not (int if name == "staticListId" else str):
        raise CallError("1003", f"Invalid value for filter {name}")
    found: list[StaticList] = [each for each in context.state.lists.values() if value in (each.id, each.name)]
    if not found:
        raise CallError("1013", "Static list not found")
    if len(found) > 1:
        raise CallError("1003", "Several static lists have this name")
    return found[0].id


def _range(name: str, value: object) -> tuple[datetime, datetime]:
    """Start and end of a range of dates, at most 31 days. Raises CallError 1003."""
    if not isinstance(value, dict) or value.keys() != {"startAt", "endAt"}:
        raise CallError("1003", f"Invalid filter {name}, startAt and endAt are expected")
    start, end = (_moment(name, value[each]) for each in ("startAt", "endAt"))
    if end < start:
        raise CallError("1003", f"Invalid filter {name}, endAt is before startAt")
    if end - start > timedelta(days=MAX_DAYS):
        raise CallError("1003", f"Invalid filter {name}, the range exceeds the limit of {MAX_DAYS} days")
    return start, end


def _moment(name: str, given: object) -> datetime:
    """A time without milliseconds, in UTC. Raises CallError 1003."""
    seconds = seconds_of(given) if isinstance(given, str) and "." not in given else None
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError):
        seconds = None
    raise CallError("1003", f"Invalid filter {name}, a date and time without milliseconds is expected")


def _activity_filter(given: Content) -> Callable[[Activity], bool]:
    """Whether the filter chooses an activity. Raises CallError 1002 or 1003."""
    if unknown := sorted(given.keys() - {"createdAt", "activityTypeIds", *_PRIMARY_FILTERS}):
        raise CallError("1003", f"Invalid filter '{unknown[0]}'")
    if "createdAt" not in given:
        raise CallError("1002", "Missing value for required parameter 'filter.createdAt'")
    start, end = _range("createdAt", given["createdAt"])
    type_ids = _set(given, "activityTypeIds", int, MAX_TYPES)
    if not type_ids <= TYPES.keys() - {DELETE_LEAD}:
        raise CallError("1003", f"Invalid activityTypeIds, use {', '.join(map(str, TYPES.keys() - {DELETE_LEAD}))}")
    ids, values = _set(given, _PRIMARY_FILTERS[0], int, MAX_PRIMARY), _set(given, _PRIMARY_FILTERS[1], str, MAX_PRIMARY)
    if ids and values:
        raise CallError("1003", f"{' and '.join(_PRIMARY_FILTERS)} cannot be used together")
    if (ids or values) and not any(type_ids and type_ids <= group for group in _PRIMARY_GROUPS):
        raise CallError("1003", "Primary attributes need activityTypeIds of one sort")

    def is_chosen(activity: Activity) -> bool:
        return (
            activity.type_id != DELETE_LEAD
            and start <= activity.time <= end
            and (not type_ids or activity.type_id in type_ids)
            and (not ids or activity.primary_id in ids)
            and (not values or activity.primary_value in values)
        )

    return is_chosen


def _set(given: Content, name: str, kind: type, most: int) -> set[object]:
    values = given.get(name, [])
    if not isinstance(values, list) or not all(type(each) is kind for each in values):
        raise CallError("1003", f"Invalid filter {name}")
    if len(values) > most:
        raise CallError("1003", f"Number of {name} exceeds the limit of {most}")
    return set(values)


# Rows


def _cell(value: Value) -> str:
    text = as_text(value)
    return EMPTY if text is None or text == "" else text


def _lead_rows(state: State, leads: Sequence[Lead], fields: Sequence[str]) -> Iterator[list[str]]:
    return ([_cell(state.read(lead, name)) for name in fields] for lead in leads)


def _activity_rows(activities: Sequence[Activity], fields: Sequence[str]) -> Iterator[list[str]]:
    shown: dict[str, Callable[[Activity], Value]] = {
        "marketoGUID": lambda each: each.id,
        "leadId": lambda each: each.lead_id,
        "activityDate": lambda each: timestamp(each.time),
        "activityTypeId": lambda each: each.type_id,
        "campaignId": lambda _: None,
        "primaryAttributeValueId": lambda each: each.primary_id,
        "primaryAttributeValue": lambda each: each.primary_value,
        "attributes": lambda each: json.dumps(attributes(each), separators=(",", ":"), ensure_ascii=False),
        "actionResult": lambda _: "succeeded",
    }
    return ([_cell(shown[name](each)) for name in fields] for each in activities)
