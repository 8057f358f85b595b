"""The canonical event: this system's own format, for sources that can be told what to send."""

from collections.abc import Mapping

from destination.domain.audience import DEFAULT_NAMESPACE, AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.ingest.sources.body import (
    Parsed,
    RecordError,
    RecordTimes,
    as_object,
    audience_name,
    check_audiences,
    distinct,
    records,
    shown,
)

_EVENT = frozenset({"id", "occurred_at", "profile", "identities", "audiences"})
_STATUSES = frozenset(MembershipStatus)
_AUDIENCE = frozenset({"id", "namespace", "status", "at", "name"})


def parse(body: bytes, times: RecordTimes) -> Parsed:
    """Read a body: one event, an array, `{"events": […]}`, one event a line, or events in a row.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many records.
    """
    parsed = Parsed()
    for index, record in enumerate(records(body, "events")):
        try:
            parsed.events.append((index, _event(as_object(record), index, times)))
        except RecordError as error:
            parsed.rejected.append((index, error.problem))
    return parsed


def _event(record: Mapping[str, object], index: int, times: RecordTimes) -> ProfileEvent:
    _refuse_unknown(record, _EVENT, "")
    profile = record.get("profile", {})
    if not isinstance(profile, dict):
        raise RecordError("profile", "must be an object of attributes")
    occurred = record.get("occurred_at")
    received_at = times.of(index)
    at = received_at if occurred is None else times.time(occurred, index, "occurred_at")
    audiences = record.get("audiences", [])
    if not isinstance(audiences, list):
        raise RecordError("audiences", "must be a list of audience memberships")
    check_audiences(len(audiences), "audiences")
    event_id = record.get("id")
    if event_id is not None and not isinstance(event_id, str):
        raise RecordError("id", "must be a string")
    memberships = []
    for number, entry in enumerate(audiences):
        status, key, own, name = _membership(entry, f"audiences[{number}]")
        time = at if own is None else times.time(own, index, f"audiences[{number}].at")
        memberships.append(Membership(key, status, time, name))
    identities = _identities(record.get("identities", {}))
    return ProfileEvent(at, profile, identities, tuple(memberships), received_at, event_id)


def _membership(entry: object, path: str) -> tuple[MembershipStatus, AudienceKey, object, str | None]:
    if not isinstance(entry, dict):
        raise RecordError(path, "must be an object with id and status")
    _refuse_unknown(entry, _AUDIENCE, f"{path}.")
    audience_id, namespace = entry.get("id"), entry.get("namespace", DEFAULT_NAMESPACE)
    if not isinstance(audience_id, str) or not audience_id:
        raise RecordError(f"{path}.id", "must be the audience's id, a string")
    if not isinstance(namespace, str) or not namespace:
        raise RecordError(f"{path}.namespace", "must be a string; leave it out for ups")
    status = entry.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise RecordError(f"{path}.status", "must be realized or exited")
    name = audience_name(entry.get("name"))
    return MembershipStatus(status), AudienceKey(namespace, audience_id), entry.get("at"), name


def _identities(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise RecordError("identities", 'must be an object such as {"email": ["…"]}')
    identities = {}
    for namespace, ids in value.items():
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise RecordError(f"identities.{shown(namespace)}", "must be a list of strings")
        identities[namespace.lower()] = distinct(ids, f"identities.{shown(namespace)}")
    return identities


def _refuse_unknown(given: Mapping[str, object], known: frozenset[str], prefix: str) -> None:
    for name in given:
        if name not in known:
            raise RecordError(
                f"{prefix}{shown(name)}", f"is not a known property; known are {', '.join(sorted(known))}"
            )
