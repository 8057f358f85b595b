"""Adobe Experience Platform, a card of Destination SDK: what its message templates write.

    raw profiles, as `{{ profile | raw }}` prints them   {"segmentMembership", "identityMap", "attributes"}
    the standard template                                {"attributes", "identities": [{"type", "id"}],
                                                          "AdobeExperiencePlatformSegments": {"add", "remove"}}
    aggregated by audience and status                    {"audienceId", "audienceNamespace", "action", "profiles": […]}

An attribute of a freeform schema is `{"value": …}`, and `{}` where the profile has none; one of a predefined schema is
the value itself. Source: Experience Platform documentation, Destination SDK, "Message format" (profile structure,
templates, aggregation key), "Aggregation policy" and "Rate limiting and retry policy".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Self

from destination.domain.audience import DEFAULT_NAMESPACE, MAX_NAMESPACE_LENGTH, AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import (
    ATTRIBUTE_UNREADABLE,
    IDENTITY_UNREADABLE,
    MEMBERSHIP_STATUS_UNKNOWN,
    MEMBERSHIP_UNREADABLE,
    RECORD_OF_OTHER_FORMAT,
)
from destination.ingest.admission import SourceRequest
from destination.ingest.source import SenderLimits, Source
from destination.ingest.sources import adobe_calls, lookalikes
from destination.ingest.sources.aep import identity_map, memberships_of
from destination.ingest.sources.body import MAX_RECORDS, Broken, Parsed, TooManyRecordsError, as_object, records
from destination.ingest.sources.lookalikes import AGGREGATED
from destination.ingest.sources.record import (
    NAMESPACE_MESSAGE,
    LeftOut,
    RecordError,
    RecordTimes,
    attributes,
    identifier,
    identities,
    may_hold_halves,
    status_of,
)

_PROFILES: Final = "profiles"
_ATTRIBUTES: Final = "attributes"
_IDENTITIES: Final = "identities"
_SEGMENTS: Final = "AdobeExperiencePlatformSegments"
_PARTS: Final = frozenset({"segmentMembership", "identityMap", _ATTRIBUTES, _IDENTITIES, _SEGMENTS})
_CHANGES: Final = (("add", MembershipStatus.REALIZED), ("remove", MembershipStatus.EXITED))
_ACTIONS: Final = {"add": "realized", "remove": "exited"}
"""The words of Adobe's own example for what the aggregation key calls the status."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Of which audience the profiles of an aggregated body are, and whether they join or leave it, as it was sent."""

    audience_id: object
    namespace: object
    status: object

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Self:
        named = {name.replace("_", "").lower(): value for name, value in body.items()}
        return cls(
            _first(named, "audienceid", "segmentid"),
            _first(named, "audiencenamespace", "segmentnamespace", "namespace"),
            _first(named, "action", "segmentstatus", "audiencestatus", "status"),
        )


def _read(request: SourceRequest, times: RecordTimes) -> Parsed:
    """Read a body: one profile, an array, `{"profiles": […]}`, an aggregated body, or profiles in a row.

    A part that cannot be read is left out with a warning; a record is rejected if nothing else is in it.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many profiles.
    """
    parsed = Parsed()
    halves = may_hold_halves(request.body)
    found = list(islice(_profiles(_records(request.body)), MAX_RECORDS + 1))
    if len(found) > MAX_RECORDS:
        raise TooManyRecordsError
    for index, (record, group) in enumerate(found):
        losses = parsed.of_record()
        try:
            event = _event(as_object(record), group, index, times, parsed, losses, halves)
        except RecordError as error:
            parsed.reject(index, error.loss, error.problem)
        else:
            parsed.take(index, event, losses)
    return parsed


def _records(body: bytes) -> list[object]:
    """Those of the body; the simplest template of Adobe's pages prints a brace too many at its end, which is none."""
    found = records(body, _PROFILES)
    text = body.rstrip()
    if found and isinstance(found[-1], Broken) and text.endswith(b"}"):
        shorter = records(text[:-1], _PROFILES)
        if not isinstance(shorter[-1], Broken):
            return shorter
    return found


def _profiles(found: list[object]) -> Iterator[tuple[object, _Group | None]]:
    """Every profile by itself, with what is said of all in its body."""
    for record in found:
        held = record.get(_PROFILES) if isinstance(record, dict) else None
        if not isinstance(record, dict) or not isinstance(held, list):
            yield record, None
        else:
            group = None if AGGREGATED.isdisjoint(record) else _Group.of(record)
            yield from ((one, group) for one in held)


def _event(
    record: Mapping[str, Any],
    group: _Group | None,
    index: int,
    times: RecordTimes,
    parsed: Parsed,
    losses: LeftOut,
    halves: bool,
) -> ProfileEvent:
    looks = lookalikes.as_adobe_sdk(record)
    if looks:
        raise RecordError(RECORD_OF_OTHER_FORMAT, "", looks)
    received_at = times.of(index)
    memberships = memberships_of(record, index, times, parsed, losses)
    memberships += _changes(record.get(_SEGMENTS), index, times, parsed, losses)
    if group is not None and not memberships:
        memberships = _of_group(group, index, times, losses)
    known = {**identity_map(record, losses), **_identities(record.get(_IDENTITIES), losses)}
    return ProfileEvent(received_at, _profile(record, losses, halves), known, memberships, received_at)


def _profile(record: Mapping[str, Any], losses: LeftOut, halves: bool) -> dict[str, Any]:
    """The attributes by name; templates that write them without a property of their own write nothing beside them."""
    beside = {name: value for name, value in record.items() if name not in _PARTS}
    found = attributes(beside, "", losses, may_hold_halves=halves)
    mapped = record.get(_ATTRIBUTES)
    if isinstance(mapped, dict):
        values = {name: _value(one) for name, one in mapped.items()}
        return {**found, **attributes(values, _ATTRIBUTES, losses, may_hold_halves=halves)}
    if mapped is not None:
        losses.add(ATTRIBUTE_UNREADABLE, _ATTRIBUTES, "must be an object of attributes by their names")
    return found


def _value(attribute: object) -> object:
    return attribute["value"] if type(attribute) is dict and "value" in attribute else attribute


def _changes(value: object, index: int, times: RecordTimes, parsed: Parsed, losses: LeftOut) -> tuple[Membership, ...]:
    """The memberships of the standard template, which writes those of Segmentation Service alone, without times."""
    if not isinstance(value, dict):
        if value is not None:
            losses.add(MEMBERSHIP_UNREADABLE, _SEGMENTS, 'must be an object such as {"add": ["…"], "remove": []}')
        return ()
    made = []
    for name, status in _CHANGES:
        ids = value.get(name)
        if not isinstance(ids, list):
            if ids is not None:
                losses.add(MEMBERSHIP_UNREADABLE, _SEGMENTS, "must be a list of audience ids", name)
            continue
        parsed.admit_audiences(len(ids), _SEGMENTS)
        for number, one in enumerate(ids):
            audience_id = identifier(one)
            if audience_id:
                made.append(Membership(AudienceKey(DEFAULT_NAMESPACE, audience_id), status, times.of(index)))
            else:
                losses.add(MEMBERSHIP_UNREADABLE, _SEGMENTS, "must be an audience id", name, number)
    return tuple(made)


def _of_group(group: _Group, index: int, times: RecordTimes, losses: LeftOut) -> tuple[Membership, ...]:
    """The membership that all profiles of the body have. Without a status nobody knows whether they join or leave."""
    audience_id = identifier(group.audience_id)
    namespace = DEFAULT_NAMESPACE if group.namespace is None else identifier(group.namespace)
    if not audience_id or not namespace:
        losses.add(MEMBERSHIP_UNREADABLE, "audienceId", "must be the id of an audience, and its namespace a name")
        return ()
    if len(namespace) > MAX_NAMESPACE_LENGTH:
        losses.add(MEMBERSHIP_UNREADABLE, "audienceNamespace", NAMESPACE_MESSAGE)
        return ()
    if not isinstance(group.status, str):
        message = "must say whether the profiles join or leave: ADD or REMOVE, as aggregationKey.segmentStatus tells"
        losses.add(MEMBERSHIP_STATUS_UNKNOWN, "action", message)
        return ()
    try:
        status = status_of(_ACTIONS.get(group.status.lower(), group.status), "action")
    except RecordError as error:
        losses.add(error.loss, "action", "must be ADD, REMOVE, realized or exited")
        return ()
    return (Membership(AudienceKey(namespace.lower(), audience_id), status, times.of(index)),)


def _identities(value: object, losses: LeftOut) -> dict[str, tuple[str, ...]]:
    """The identities of the standard template, by namespace."""
    wanted = 'must be an object such as {"type": "email", "id": "…"}, with text or a whole number'
    if not isinstance(value, list):
        if value is not None:
            losses.add(IDENTITY_UNREADABLE, _IDENTITIES, f"must be a list, in which each {wanted}")
        return {}
    found: dict[str, list[object]] = {}
    for number, one in enumerate(value):
        namespace, known = (one.get("type"), identifier(one.get("id"))) if type(one) is dict else (None, None)
        if namespace and isinstance(namespace, str) and known is not None:
            found.setdefault(namespace, []).append(known)
        else:
            losses.add(IDENTITY_UNREADABLE, _IDENTITIES, wanted, number)
    return identities(found, _IDENTITIES, losses, iter, wanted)


def _first(named: Mapping[str, object], *names: str) -> object:
    return next((named[name] for name in names if named.get(name) is not None), None)


SOURCE: Final = Source(
    name="adobe_sdk",
    label="Adobe Experience Platform, a card of Destination SDK",
    read=_read,
    calls=adobe_calls.CALLS,
    limits=SenderLimits(
        max_records=10_000,
        retried=frozenset({429, 502, 503, 504}),
        retries="best effort: after 15 s and 30 s; configurable aggregation: after 30 minutes",
        documented='Destination SDK, "Message format", "Aggregation policy", "Rate limiting and retry policy"',
    ),
)
