"""Adobe Experience Platform, HTTP API destination: mapped attributes, `segmentMembership` and `identityMap`.

Source: Experience Platform documentation, "HTTP API connection", profile export behavior and exported data; the
defaults of memberships are those of XDM's data type "Segment Membership Details".
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from destination.domain.audience import MAX_NAMESPACE_LENGTH, AudienceKey
from destination.domain.event import Membership, ProfileEvent
from destination.domain.loss import MEMBERSHIP_UNREADABLE, RECORD_OF_OTHER_FORMAT
from destination.ingest.admission import SourceRequest
from destination.ingest.source import SenderLimits, Source
from destination.ingest.sources import lookalikes
from destination.ingest.sources.body import Parsed, read_records
from destination.ingest.sources.record import (
    HALF,
    HALF_MESSAGE,
    NAMESPACE_MESSAGE,
    LeftOut,
    RecordError,
    RecordTimes,
    attributes,
    audience_name,
    identities,
    status_of,
)

_MEMBERSHIPS = "segmentMembership"
_IDENTITIES = "identityMap"
_WANTED = 'must be an object such as {"id": "…"}, with text or a whole number'


def _read(request: SourceRequest, times: RecordTimes) -> Parsed:
    """Read a body: one profile, an array, `{"profiles": […]}`, one profile a line, or profiles in a row.

    A part that cannot be read is left out with a warning; a record is rejected if nothing else is in it.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many records.
    """
    return read_records(request.body, "profiles", times, _event)


def _event(
    record: Mapping[str, object], index: int, times: RecordTimes, parsed: Parsed, losses: LeftOut, halves: bool
) -> ProfileEvent:
    looks = lookalikes.as_aep(record)
    if looks:
        raise RecordError(RECORD_OF_OTHER_FORMAT, "", looks)
    memberships = memberships_of(record, index, times, parsed, losses)
    found = identity_map(record, losses)
    mapped = {name: value for name, value in record.items() if name not in {_MEMBERSHIPS, _IDENTITIES}}
    profile = attributes(mapped, "", losses, may_hold_halves=halves)
    received_at = times.of(index)
    return ProfileEvent(received_at, profile, found, memberships, received_at)


def identity_map(record: Mapping[str, object], losses: LeftOut) -> dict[str, tuple[str, ...]]:
    """The identities of a profile's `identityMap` (XDM), by namespace; none where it has none."""
    return identities(record.get(_IDENTITIES), _IDENTITIES, losses, _ids, _WANTED)


def memberships_of(
    record: Mapping[str, object], index: int, times: RecordTimes, parsed: Parsed, losses: LeftOut
) -> tuple[Membership, ...]:
    """The memberships of a profile's `segmentMembership` (XDM); none where it has none.

    Raises RecordError when there are too many.
    """
    value = record.get(_MEMBERSHIPS)
    if not isinstance(value, dict):
        if value is not None:
            message = "must be an object with an object of audiences for each namespace"
            losses.add(MEMBERSHIP_UNREADABLE, _MEMBERSHIPS, message)
        return ()
    parsed.admit_audiences(sum([len(one) if type(one) is dict else 1 for one in value.values()]), _MEMBERSHIPS)
    memberships = []
    for namespace, audiences in value.items():
        if not isinstance(audiences, dict):
            if audiences is not None:
                message = "must be an object of audiences by their ids"
                losses.add(MEMBERSHIP_UNREADABLE, _MEMBERSHIPS, message, namespace)
            continue
        if audiences and not namespace:
            losses.add(MEMBERSHIP_UNREADABLE, _MEMBERSHIPS, "must not have audiences without a namespace")
            continue
        if len(namespace) > MAX_NAMESPACE_LENGTH:
            losses.add(MEMBERSHIP_UNREADABLE, _MEMBERSHIPS, NAMESPACE_MESSAGE, namespace)
            continue
        name = namespace.lower()
        for audience_id, entry in audiences.items():
            try:
                memberships.append(_membership(AudienceKey(name, audience_id), entry, index, times))
            except RecordError as error:
                place = (namespace, audience_id, *filter(None, (error.problem.path,)))
                losses.add(error.loss, _MEMBERSHIPS, error.problem.message, *place)
    return tuple(memberships)


def _membership(audience: AudienceKey, entry: object, index: int, times: RecordTimes) -> Membership:
    if not isinstance(entry, dict):
        raise RecordError(MEMBERSHIP_UNREADABLE, "", "must be an object with a status")
    status = status_of(entry.get("status"), "status")
    if not (audience.id.isascii() and audience.namespace.isascii()) and HALF.search("".join(audience)):
        raise RecordError(MEMBERSHIP_UNREADABLE, "", HALF_MESSAGE)
    time = entry.get("lastQualificationTime")
    at = times.of(index) if time is None else times.time(time, index, "lastQualificationTime")
    return Membership(audience, status, at, audience_name(entry.get("name")))


def _ids(entries: list[Any]) -> list[object]:
    return [entry.get("id") if type(entry) is dict else None for entry in entries]


SOURCE: Final = Source(
    name="aep",
    label="Adobe Experience Platform, HTTP API destination",
    read=_read,
    limits=SenderLimits(
        max_records=10,
        deadline=timedelta(seconds=2),
        retries="twice",
        documented='Experience Platform, "HTTP API connection": prerequisites, export behavior',
    ),
)
