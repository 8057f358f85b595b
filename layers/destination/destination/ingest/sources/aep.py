"""Adobe Experience Platform, HTTP API destination: mapped attributes, `segmentMembership` and `identityMap`.

Source: Experience Platform documentation, "HTTP API connection", profile export behavior and exported data.
"""

from collections.abc import Mapping

from destination.domain.audience import AudienceKey
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

_MEMBERSHIPS = "segmentMembership"
_IDENTITIES = "identityMap"
_STATUSES = {
    "realized": MembershipStatus.REALIZED,
    "existing": MembershipStatus.REALIZED,
    "exited": MembershipStatus.EXITED,
}
"""`existing` is deprecated and means realized."""


def parse(body: bytes, times: RecordTimes) -> Parsed:
    """Read a body: one profile, an array, `{"profiles": […]}`, one profile a line, or profiles in a row.

    An audience entry with an unknown status or time is left out with a warning; the rest of its profile is good.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many records.
    """
    parsed = Parsed()
    for index, record in enumerate(records(body, "profiles")):
        try:
            parsed.events.append((index, _event(as_object(record), index, times, parsed)))
        except RecordError as error:
            parsed.rejected.append((index, error.problem))
    return parsed


def _event(record: Mapping[str, object], index: int, times: RecordTimes, parsed: Parsed) -> ProfileEvent:
    identities = _identities(record.get(_IDENTITIES))
    namespaces = {
        namespace: _object(audiences, f"{_MEMBERSHIPS}.{shown(namespace)}")
        for namespace, audiences in _object(record.get(_MEMBERSHIPS), _MEMBERSHIPS).items()
    }
    check_audiences(sum(map(len, namespaces.values())), _MEMBERSHIPS)
    memberships = []
    for namespace, audiences in namespaces.items():
        for audience_id, entry in audiences.items():
            path = f"{_MEMBERSHIPS}.{shown(namespace)}.{shown(audience_id)}"
            try:
                memberships.append(_membership(AudienceKey(namespace, audience_id), entry, path, index, times))
            except RecordError as error:
                parsed.warnings.append((index, error.problem))
    profile = {name: value for name, value in record.items() if name not in {_MEMBERSHIPS, _IDENTITIES}}
    received_at = times.of(index)
    return ProfileEvent(received_at, profile, identities, tuple(memberships), received_at)


def _membership(audience: AudienceKey, entry: object, path: str, index: int, times: RecordTimes) -> Membership:
    if not isinstance(entry, dict):
        raise RecordError(path, "must be an object with a status")
    status = entry.get("status")
    if not isinstance(status, str) or status not in _STATUSES:
        raise RecordError(f"{path}.status", "must be realized or exited (existing counts as realized)")
    time = entry.get("lastQualificationTime")
    at = times.of(index) if time is None else times.time(time, index, f"{path}.lastQualificationTime")
    return Membership(audience, _STATUSES[status], at, audience_name(entry.get("name")))


def _identities(value: object) -> dict[str, tuple[str, ...]]:
    """Ids by namespace in lower case: Adobe writes namespaces in either case, and `email` and `Email` are one."""
    identities: dict[str, tuple[str, ...]] = {}
    for namespace, entries in _object(value, _IDENTITIES).items():
        path = f"{_IDENTITIES}.{shown(namespace)}"
        if not isinstance(entries, list):
            raise RecordError(path, 'must be a list of objects such as {"id": "…"}')
        ids = tuple(_id(entry, f"{path}[{number}]") for number, entry in enumerate(entries))
        name = namespace.lower()
        identities[name] = distinct((*identities.get(name, ()), *ids), path)
    return identities


def _id(entry: object, path: str) -> str:
    identity = entry.get("id") if isinstance(entry, dict) else None
    if not isinstance(identity, str):
        raise RecordError(path, 'must be an object such as {"id": "…"}')
    return identity


def _object(value: object, path: str) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RecordError(path, "must be an object")
    return value
