"""Twilio Segment: the calls of Engage's audiences, journeys and computed traits, as its webhooks post them.

    {"type": "identify", "userId": "usr_1", "traits": {"webinar_q4": true, "email": "ada@example.org"},
     "context": {"personas": {"computation_class": "audience", "computation_id": "aud_1",
                              "computation_key": "webinar_q4"}}}
    {"type": "track", "event": "Audience Exited", "userId": "usr_1", "properties": {"webinar_q4": false},
     "context": {"traits": {"email": "ada@example.org"}, "personas": {…}}}

Sources: Segment documentation, "Using Engage Data" (events of audiences, computed traits), "Send Journeys data to a
Destination", "Webhooks" and "Webhook (Actions)" (signature, time-outs, retries); the code of Segment's own destinations
"webhook" and "webhook-audiences" (what of a batch is signed, external audience ids).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from json import JSONDecoder
from typing import Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import MEMBERSHIP_STATUS_UNKNOWN, MEMBERSHIP_UNREADABLE, RECORD_OF_OTHER_FORMAT
from destination.ingest.admission import Signature, SourceRequest
from destination.ingest.source import SenderLimits, Source
from destination.ingest.sources import lookalikes, segment_calls
from destination.ingest.sources.body import Parsed, read_records
from destination.ingest.sources.record import (
    ErasureCallError,
    LeftOut,
    RecordError,
    RecordTimes,
    event_id,
    event_time,
    identifier,
)
from destination.ingest.sources.spec_calls import DELETE, TRACK, call_profile, check_kind, inner, known_by

_PERSONAS: Final = "context.personas"
_COMPUTED_TRAITS: Final = frozenset({"trait", "computed_trait"})
"""What is computed of a person and is a value, even where it is a boolean."""

_STATUSES: Final = {"true": MembershipStatus.REALIZED, "false": MembershipStatus.EXITED}
"""Journeys of the first version write the boolean as text."""


def _read(request: SourceRequest, times: RecordTimes) -> Parsed:
    """Read a body: one call, an array, or calls in a row.

    A part that cannot be read is left out with a warning; a record is rejected if nothing else is in it.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many records.
    """
    return read_records(request.body, None, times, _event)


def _event(
    record: Mapping[str, Any], index: int, times: RecordTimes, parsed: Parsed, losses: LeftOut, halves: bool
) -> ProfileEvent:
    looks = lookalikes.as_segment(record)
    if looks:
        raise RecordError(RECORD_OF_OTHER_FORMAT, "", looks)
    if record["type"] == DELETE:
        raise ErasureCallError(_deleted(record, index, times, losses))
    check_kind(record["type"])
    at = event_time(record.get("timestamp"), index, "timestamp", times, losses)
    personas = _personas(record, losses)
    profile = call_profile(record, losses, halves, is_computed=bool(personas))
    memberships = _memberships(record, personas, at, losses)
    parsed.admit_audiences(len(memberships), _PERSONAS)
    found = known_by(record, profile, losses)
    known_as = event_id(record.get("messageId"), "messageId", losses)
    return ProfileEvent(at, profile, found, memberships, times.of(index), known_as)


def _deleted(record: Mapping[str, Any], index: int, times: RecordTimes, losses: LeftOut) -> ProfileEvent:
    """Whom a delete names, and by which id it is known when it comes again."""
    received_at = times.of(index)
    known_as = event_id(record.get("messageId"), "messageId", losses)
    return ProfileEvent(received_at, {}, known_by(record, {}, losses), (), received_at, known_as)


def _memberships(
    record: Mapping[str, Any], personas: Mapping[str, Any], at: datetime, losses: LeftOut
) -> tuple[Membership, ...]:
    """The audience of the call, by Segment's id and by the one that its destination gave it, if it gave one."""
    if not personas or _is_computed_trait(personas):
        return ()
    given = [identifier(personas.get(name)) for name in ("computation_id", "external_audience_id")]
    ids = dict.fromkeys(filter(None, given))
    if not ids:
        losses.add(MEMBERSHIP_UNREADABLE, _PERSONAS, "must have the audience's id (computation_id)")
        return ()
    status = _status(record, personas.get("computation_key"))
    if status is None:
        message = "must name (computation_key) the trait, or the property of a track, that is true or false"
        losses.add(MEMBERSHIP_STATUS_UNKNOWN, _PERSONAS, message)
        return ()
    return tuple([Membership(AudienceKey(segment_calls.NAMESPACE, one), status, at) for one in ids])


def _personas(record: Mapping[str, Any], losses: LeftOut) -> Mapping[str, Any]:
    """What the call says of the computation that it comes from; a call that comes from none has none."""
    holder: object = record
    for name, path in (("context", "context"), ("personas", _PERSONAS)):
        holder = holder.get(name) if isinstance(holder, dict) else None
        if holder is not None and not isinstance(holder, dict):
            losses.add(MEMBERSHIP_UNREADABLE, path, "must be an object")
    return holder if isinstance(holder, dict) else {}


def _is_computed_trait(personas: Mapping[str, Any]) -> bool:
    what = personas.get("computation_class")
    return isinstance(what, str) and what in _COMPUTED_TRAITS


def _status(record: Mapping[str, Any], key: object) -> MembershipStatus | None:
    """By the boolean alone: what a track is called, such as "Audience Entered", is the customer's to choose."""
    said = inner(record, "properties" if record["type"] == TRACK else "traits")
    value = said.get(key) if isinstance(key, str) else None
    return _STATUSES.get(str(value).strip().lower()) if isinstance(value, bool | str) else None


def _signed(request: SourceRequest) -> Sequence[bytes]:
    """The whole body, and of an array the first element as it stands there: Segment signs that alone.

    It writes the array as it wrote the element when it signed it, so that nothing has to be written again. What asks
    for an audience is not signed.
    """
    if segment_calls.is_audience_call(request.body):
        return ()
    opening = _ARRAY.match(request.body)
    if opening is None:
        return (request.body,)
    try:
        text = request.body.decode()
        _, end = _DECODER.raw_decode(text, opening.end())
    except (ValueError, RecursionError):
        return (request.body,)
    return (request.body, text[opening.end() : end].encode())


_ARRAY: Final = re.compile(rb"[ \t\r\n]*\[[ \t\r\n]*")
_DECODER: Final = JSONDecoder()

SOURCE: Final = Source(
    name="segment",
    label="Twilio Segment, Engage audiences through its webhook destinations",
    read=_read,
    signature=Signature("X-Signature", "sha1", signed=_signed),
    calls=segment_calls.CALLS,
    limits=SenderLimits(
        max_records=4_000,
        deadline=timedelta(seconds=5),
        retried=frozenset({408, 423, 429, 500, 502, 503, 504}),
        retries="with longer and longer pauses, for about 4 hours",
        documented='Segment, "Webhooks", "Webhook (Actions)", "Using Engage Data"',
    ),
)
