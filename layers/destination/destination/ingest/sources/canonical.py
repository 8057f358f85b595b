"""The canonical event: this system's own format, for sources that can be told what to send."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from destination.domain.audience import DEFAULT_NAMESPACE, MAX_NAMESPACE_LENGTH, AudienceKey
from destination.domain.event import Membership, ProfileEvent
from destination.domain.loss import (
    ATTRIBUTE_UNREADABLE,
    MEMBERSHIP_UNREADABLE,
    RECORD_OF_OTHER_FORMAT,
    UNKNOWN_PROPERTY,
)
from destination.ingest.admission import Signature, SourceRequest
from destination.ingest.plain_calls import PLAIN_CALLS
from destination.ingest.source import Source
from destination.ingest.sources import lookalikes
from destination.ingest.sources.body import Parsed, read_records
from destination.ingest.sources.record import (
    NAMESPACE_MESSAGE,
    LeftOut,
    RecordError,
    RecordTimes,
    attributes,
    audience_name,
    event_id,
    event_time,
    identifier,
    identities,
    status_of,
)

_EVENT = frozenset({"id", "occurred_at", "profile", "identities", "audiences"})
_AUDIENCE = frozenset({"id", "namespace", "status", "at", "name"})


def _read(request: SourceRequest, times: RecordTimes) -> Parsed:
    """Read a body: one event, an array, `{"events": […]}`, one event a line, or events in a row.

    A part that cannot be read is left out with a warning; a record is rejected if nothing else is in it.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many records.
    """
    return read_records(request.body, "events", times, _event)


def _event(
    record: Mapping[str, object], index: int, times: RecordTimes, parsed: Parsed, losses: LeftOut, halves: bool
) -> ProfileEvent:
    looks = lookalikes.as_canonical(record)
    if looks:
        raise RecordError(RECORD_OF_OTHER_FORMAT, "", looks)
    if not record.keys() <= _EVENT:
        _leave_out_unknown(record, _EVENT, "", losses)
    profile = record.get("profile")
    if profile is not None and not isinstance(profile, dict):
        losses.add(ATTRIBUTE_UNREADABLE, "profile", "must be an object of attributes")
    known_as = event_id(record.get("id"), "id", losses)
    at = event_time(record.get("occurred_at"), index, "occurred_at", times, losses)
    memberships = _memberships(record.get("audiences"), index, at, times, parsed, losses)
    found = identities(record.get("identities"), "identities", losses, iter, "must be a string or a whole number")
    kept = attributes(profile, "profile", losses, may_hold_halves=halves) if isinstance(profile, dict) else {}
    return ProfileEvent(at, kept, found, memberships, times.of(index), known_as)


def _memberships(
    value: object, index: int, at: datetime, times: RecordTimes, parsed: Parsed, losses: LeftOut
) -> tuple[Membership, ...]:
    if not isinstance(value, list):
        if value is not None:
            losses.add(MEMBERSHIP_UNREADABLE, "audiences", "must be a list of audience memberships")
        return ()
    parsed.admit_audiences(len(value), "audiences")
    memberships = []
    for number, entry in enumerate(value):
        path = f"audiences[{number}]"
        try:
            memberships.append(_membership(entry, path, index, at, times, losses))
        except RecordError as error:
            losses.add(error.loss, error.problem.path, error.problem.message)
    return tuple(memberships)


def _membership(entry: object, path: str, index: int, at: datetime, times: RecordTimes, losses: LeftOut) -> Membership:
    if not isinstance(entry, dict):
        raise RecordError(MEMBERSHIP_UNREADABLE, path, "must be an object with the audience's id")
    audience_id, namespace = identifier(entry.get("id")), entry.get("namespace")
    if not audience_id:
        raise RecordError(MEMBERSHIP_UNREADABLE, f"{path}.id", "must be the audience's id, a string")
    namespace = DEFAULT_NAMESPACE if namespace is None else identifier(namespace)
    if namespace and len(namespace) > MAX_NAMESPACE_LENGTH:
        raise RecordError(MEMBERSHIP_UNREADABLE, f"{path}.namespace", NAMESPACE_MESSAGE)
    if not namespace:
        message = f"must be a string; leave it out for {DEFAULT_NAMESPACE}"
        raise RecordError(MEMBERSHIP_UNREADABLE, f"{path}.namespace", message)
    status = status_of(entry.get("status"), f"{path}.status")
    own = entry.get("at")
    time = at if own is None else times.time(own, index, f"{path}.at")
    if not entry.keys() <= _AUDIENCE:
        _leave_out_unknown(entry, _AUDIENCE, path, losses)
    return Membership(AudienceKey(namespace.lower(), audience_id), status, time, audience_name(entry.get("name")))


def _leave_out_unknown(given: Mapping[str, object], known: frozenset[str], path: str, losses: LeftOut) -> None:
    message = f"is not a known property; known are {', '.join(sorted(known))}"
    for name in given:
        if name not in known:
            losses.add(UNKNOWN_PROPERTY, path, message, name)


SOURCE: Final = Source(
    name="canonical",
    label="Whatever can be told what to send",
    read=_read,
    signature=Signature("X-Signature"),
    calls=PLAIN_CALLS,
)
