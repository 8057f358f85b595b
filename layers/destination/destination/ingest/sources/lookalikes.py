"""What a record is that is no event of its connection's format: the bodies that senders post in its place.

Sources: Experience Platform documentation, Destination SDK "Message format" and "Streaming ingestion APIs"; Segment and
RudderStack "Spec"; Amazon SNS "HTTP/HTTPS notification JSON format"; Amazon EventBridge "Event structure"; CloudEvents
1.0, JSON format; JSON-RPC 2.0.
"""

from collections.abc import Callable, Mapping
from typing import Final

Record = Mapping[str, object]

AGGREGATED: Final = frozenset({"audienceId", "audience_id", "segmentId", "segment_id", "segmentStatus", "action"})
"""Of which audience, and whether they join or leave it: said once for all whom a body holds."""

_CANONICAL: Final = frozenset({"id", "occurred_at", "profile", "identities", "audiences"})
_CALLS: Final = frozenset({"identify", "track", "group", "page", "screen", "alias", "record", "delete"})
_OF_CALLS: Final = frozenset(
    {"userId", "anonymousId", "messageId", "traits", "properties", "groupId", "previousId", "rudderId", "fields"}
)
_NOTICES: Final = frozenset({"Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"})

_WANTED: Final = {
    "aep": "post profiles with segmentMembership and identityMap, as the HTTP API destination does",
    "canonical": "post canonical events (profile, identities, audiences)",
}
_REMEDY: Final = {
    "aep": "set source.format to canonical, or",
    "canonical": "set source.format to aep, or",
}


def as_aep(record: Record) -> str | None:
    """What a record looks like that is no profile of Experience Platform's; None where it may be one.

    One with memberships or identities is one, whatever else is in it; so are attributes that nothing else has.
    """
    if isinstance(record.get("segmentMembership"), dict) or isinstance(record.get("identityMap"), dict):
        return None
    if _is_canonical(record):
        return f"looks like a canonical event; {_REMEDY['aep']} {_WANTED['aep']}"
    return _foreign(record, "aep")


def as_canonical(record: Record) -> str | None:
    """What a record looks like that is no canonical event; None where it may be one, and for an empty record."""
    if any(isinstance(record.get(name), dict) for name in ("profile", "identities")) or "audiences" in record:
        return None
    if isinstance(record.get("events"), list):
        return "must hold events alone; say in each of them which audience it is about"
    profiles = record.get("profiles")
    if isinstance(profiles, list) and profiles and AGGREGATED.isdisjoint(record):
        record = profiles[0] if isinstance(profiles[0], dict) else {"identityMap": {}}
    if profiles == [] or "segmentMembership" in record or "identityMap" in record:
        return f"looks like a profile of Experience Platform; {_REMEDY['canonical']} {_WANTED['canonical']}"
    return _foreign(record, "canonical")


def _is_canonical(record: Record) -> bool:
    if "occurred_at" in record or isinstance(record.get("audiences"), list):
        return True
    return isinstance(record.get("profile"), dict) and record.keys() <= _CANONICAL


def _foreign(record: Record, source_format: str) -> str | None:
    for is_one, looks, remedy in _FOREIGN:
        if is_one(record):
            return f"looks like {looks}; {remedy or _WANTED[source_format]}"
    return None


def _is_template(record: Record) -> bool:
    if "AdobeExperiencePlatformSegments" in record or isinstance(record.get("attributes"), dict):
        return True
    inner = record.get("input")
    return isinstance(inner, dict) and not inner.keys().isdisjoint({"profile", "profiles", "aggregationKey"})


def _is_aggregated(record: Record) -> bool:
    return isinstance(record.get("profiles"), list) and not AGGREGATED.isdisjoint(record)


def _is_streamed(record: Record) -> bool:
    body = record.get("body")
    return "xdmEntity" in record or (isinstance(body, dict) and "xdmEntity" in body)


def _is_call(record: Record) -> bool:
    kind = record.get("type")
    return isinstance(kind, str) and kind in _CALLS and any(name in record for name in _OF_CALLS)


def _is_notice(record: Record) -> bool:
    kind = record.get("Type")
    return isinstance(kind, str) and kind in _NOTICES and "TopicArn" in record


_TEMPLATE: Final = "let the template write each profile with its segmentMembership and identityMap"
_FOREIGN: Final[tuple[tuple[Callable[[Record], bool], str, str], ...]] = (
    (
        _is_template,
        "a body of a Destination SDK template",
        f"use the HTTP API destination with source.format aep, or {_TEMPLATE}",
    ),
    (
        _is_aggregated,
        "an aggregated body of a Destination SDK template",
        f"use best-effort aggregation with source.format aep, and {_TEMPLATE}",
    ),
    (
        _is_streamed,
        "a message of Experience Platform's streaming ingestion",
        "post its xdmEntity alone, with source.format aep",
    ),
    (
        _is_call,
        "a call of Segment or RudderStack",
        "let the source write canonical events, with source.format canonical",
    ),
    (
        lambda record: "user_profiles" in record and "firehose_version" in record,
        "a message of an mParticle audience feed",
        "",
    ),
    (lambda record: "jsonrpc" in record and "method" in record, "a call in JSON-RPC", ""),
    (_is_notice, "a notification of Amazon SNS", "switch raw message delivery on for the subscription"),
    (
        lambda record: "detail-type" in record and "detail" in record,
        "an event of Amazon EventBridge",
        "let the rule send its detail alone (InputPath $.detail)",
    ),
    (
        lambda record: "specversion" in record and "source" in record,
        "a CloudEvents envelope",
        "send it in binary mode, or its data alone",
    ),
    (
        lambda record: isinstance(record.get("Records"), list),
        "an event of AWS Lambda with records",
        "send the body of each record alone",
    ),
    (
        lambda record: isinstance(record.get("events"), list),
        "a body of canonical events",
        "set source.format to canonical",
    ),
)
"""Of each: how it is told, what it is called, and what to change; without it, what the connection takes."""
