"""RudderStack: what reverse ETL, audiences and custom activations post.

    {"type": "record", "action": "insert", "fields": {…}, "identifiers": {…},
     "context": {"externalId": [{"id": "lst_1"}]}}
    {"type": "audiencelist", "properties": {"listData": {"add": [{…}], "remove": [{…}]}}, "context": {…}}
    {"audienceId": "lst_1", "action": "add", "users": [{…}]}

The last is written by a template of the customer's; rows alone, with `?audience=lst_1&action=add` in the address, are
the same.

Sources: RudderStack documentation, "Record events", "Custom Activation", "Webhook"; the code of its transformer,
destination "marketo_static_list" (`audiencelist`, `externalId`), and of its server (retries of the router).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import MEMBERSHIP_STATUS_UNKNOWN, MEMBERSHIP_UNREADABLE, RECORD_OF_OTHER_FORMAT
from destination.ingest.admission import SourceRequest
from destination.ingest.source import SenderLimits, Source
from destination.ingest.sources import lookalikes
from destination.ingest.sources.body import MAX_RECORDS, Parsed, TooManyRecordsError, as_object, records
from destination.ingest.sources.lookalikes import is_call
from destination.ingest.sources.record import (
    LeftOut,
    RecordError,
    RecordTimes,
    attributes,
    event_id,
    event_time,
    identifier,
    identities,
    may_hold_halves,
)
from destination.ingest.sources.spec_calls import (
    IDENTIFY,
    TRACK,
    attributes_at,
    call_profile,
    check_kind,
    inner,
    known_by,
)

NAMESPACE: Final = "rudderstack"
"""Of all audiences: RudderStack calls them by the ids that they have at the destination."""

AUDIENCE: Final = "audience"
ACTION: Final = "action"
"""The query parameters that say which audience a body is about, and what becomes of it, where the body does not."""

_RECORD: Final = "record"
_LIST: Final = "audiencelist"
_USERS: Final = "users"
_CHANGES: Final = ("remove", "add")
"""In the order in which RudderStack's own destination of Marketo's lists does it."""

_ACTIONS: Final = {
    **dict.fromkeys(("insert", "update", "upsert", "add"), MembershipStatus.REALIZED),
    **dict.fromkeys(("delete", "remove"), MembershipStatus.EXITED),
}
_ROW_CHANGES: Final = frozenset({"insert", "update", "upsert"})
"""What happens to a row that need not be of an audience."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A person of a body. `about`: the object that says what is done to it and when, if any; a call says it of itself.

    `number`: of one that a call holds among others, its place there.
    """

    row: object
    about: Mapping[str, Any] = field(default_factory=dict)
    action: object = None
    number: int | None = None


def _read(request: SourceRequest, times: RecordTimes) -> Parsed:
    """Read a body: one record, audience list, call, or row; an array of them, `{"users": […]}`, or several in a row.

    Every person of an audience list, and of rows that are held by an object, is a record by itself. A part that cannot
    be read is left out with a warning; a record is rejected if nothing else is in it.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many records.
    """
    parsed = Parsed()
    halves = may_hold_halves(request.body)
    found = list(islice(_rows(records(request.body, None)), MAX_RECORDS + 1))
    if len(found) > MAX_RECORDS:
        raise TooManyRecordsError
    for index, one in enumerate(found):
        losses = parsed.of_record()
        try:
            event = _event(one, request.query, index, times, losses, halves)
        except RecordError as error:
            parsed.reject(index, error.loss, error.problem)
        else:
            parsed.take(index, event, losses)
    return parsed


def _rows(found: list[object]) -> Iterator[_Entry]:
    for record in found:
        if not isinstance(record, dict):
            yield _Entry(record)
        elif record.get("type") == _LIST:
            yield from _listed(record)
        elif isinstance(record.get(_USERS), list):
            yield from (_Entry(one, record, record.get(ACTION)) for one in record[_USERS])
        elif is_call(record):
            yield _Entry(record, record, record.get(ACTION) if record["type"] == _RECORD else None)
        else:
            yield _Entry(record)


def _listed(call: Mapping[str, Any]) -> Iterator[_Entry]:
    """The persons of an audience list. One without a readable list is no row."""
    listed = inner(inner(call, "properties"), "listData")
    changes = [(action, listed[action]) for action in _CHANGES if isinstance(listed.get(action), list)]
    if not changes:
        yield _Entry(None, call)
    persons = ((action, one) for action, ones in changes for one in ones)
    yield from (_Entry(one, call, action, number) for number, (action, one) in enumerate(persons))


def _event(
    one: _Entry, query: Mapping[str, str], index: int, times: RecordTimes, losses: LeftOut, halves: bool
) -> ProfileEvent:
    row, about = as_object(one.row), one.about
    profile, found = _person(row, about, losses, halves)
    at = event_time(about.get("timestamp"), index, "timestamp", times, losses)
    known_as = event_id(about.get("messageId"), "messageId", losses)
    if known_as is not None and one.number is not None:
        known_as = f"{known_as}/{one.number}"
    action = query.get(ACTION) if one.action is None else one.action
    memberships = _memberships(_audience(about, query), action, at, losses)
    return ProfileEvent(at, profile, found, memberships, times.of(index), known_as)


def _person(
    row: Mapping[str, Any], about: Mapping[str, Any], losses: LeftOut, halves: bool
) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """The attributes and the identities of a row, a record or a call."""
    if not about or about is row:
        looks = lookalikes.as_rudderstack(row)
        if looks:
            raise RecordError(RECORD_OF_OTHER_FORMAT, "", looks)
    kind = row.get("type") if about is row else None
    check_kind(kind)
    if kind == _RECORD:
        named = attributes_at(row, "identifiers", "identifiers", losses, halves)
        profile = {**named, **attributes_at(row, "fields", "fields", losses, halves)}
        return profile, _identified(named, profile, losses)
    if kind in (IDENTIFY, TRACK):
        profile = call_profile(row, losses, halves)
        return profile, known_by(row, profile, losses)
    profile = attributes(dict(row), "", losses, may_hold_halves=halves)
    return profile, _identified({}, profile, losses)


def _identified(named: Mapping[str, Any], profile: Mapping[str, Any], losses: LeftOut) -> dict[str, tuple[str, ...]]:
    """The identities of a row: what identifies it, and its address."""
    found = {name: [value] for name, value in named.items() if value is not None}
    email = profile.get("email")
    if isinstance(email, str) and email:
        found.setdefault("email", [email])
    return identities(found, "identifiers", losses, iter, "must be a string or a whole number")


def _audience(about: Mapping[str, Any], query: Mapping[str, str]) -> object:
    """The id of the audience where it is said first: in the call, in what holds the rows, in the address; or None."""
    external = inner(about, "context").get("externalId")
    ids = [one.get("id") for one in external if isinstance(one, dict)] if isinstance(external, list) else []
    said = (*ids, about.get("audienceId"), about.get("audience_id"), query.get(AUDIENCE))
    return next((one for one in said if one not in (None, "")), None)


def _memberships(given: object, action: object, at: datetime, losses: LeftOut) -> tuple[Membership, ...]:
    word = action.strip().lower() if isinstance(action, str) else ""
    if given is None:
        if action is not None and word not in _ROW_CHANGES:
            message = "must name an audience (context.externalId, audienceId), or the address must (?audience=…)"
            losses.add(MEMBERSHIP_UNREADABLE, "", message)
        return ()
    audience_id = identifier(given)
    if not audience_id:
        losses.add(MEMBERSHIP_UNREADABLE, "", "must name its audience by a string or a whole number")
        return ()
    status = _ACTIONS.get(word)
    if status is None:
        message = f"must be one of {', '.join(_ACTIONS)}; or the address must say it (?action=add, ?action=remove)"
        losses.add(MEMBERSHIP_STATUS_UNKNOWN, ACTION, message)
        return ()
    return (Membership(AudienceKey(NAMESPACE, audience_id), status, at),)


SOURCE: Final = Source(
    name="rudderstack",
    label="RudderStack: webhooks of reverse ETL and audiences, Custom Activation",
    read=_read,
    limits=SenderLimits(
        max_records=5_000,
        retried=frozenset({408, 429, 500, 501, 502, 503, 504}),
        retries="every 10 s to 300 s, for at least 180 minutes and 3 times",
        documented='RudderStack, "Custom Activation", "Webhook", code of its server (router)',
    ),
)
