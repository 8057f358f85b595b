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

_SEGMENTS: Final = "AdobeExperiencePlatformSegments"
_CANONICAL: Final = frozenset({"id", "occurred_at", "profile", "identities", "audiences"})
_SEGMENT: Final = frozenset({"identify", "track", "group", "page", "screen", "alias", "delete"})
_CALLS: Final = _SEGMENT | {"record", "audiencelist"}
_OF_CALLS: Final = frozenset(
    {"userId", "anonymousId", "messageId", "traits", "properties", "groupId", "previousId", "rudderId", "fields"}
)
_NOTICES: Final = frozenset({"Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"})

_WRAPPERS: Final = frozenset(
    {"attributes", "batch", "children", "contacts", "customers", "data", "entities", "input", "items", "members"}
    | {"people", "persons", "records", "rows", "subscribers", "users"}
)
"""What senders call a list of people in a body of theirs; in XDM a company's own fields are below an object of it."""

_MISSPELT: Final = {"segmentmembership": "segmentMembership", "identitymap": "identityMap"}

_WANTED: Final = {
    "adobe_sdk": "let the card's template write raw profiles",
    "aep": "post profiles with segmentMembership and identityMap, as the HTTP API destination does",
    "canonical": "post canonical events (profile, identities, audiences)",
    "census": "post calls in JSON-RPC, as the Custom Destination API does",
    "rudderstack": "post records, audience lists, or rows of an activation",
    "segment": "post identify and track calls",
}
_REMEDY: Final = {
    "adobe_sdk": "set source.format to canonical, or",
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
    return _foreign(record, "aep") or _near(record, "aep")


def as_adobe_sdk(record: Record) -> str | None:
    """What a record looks like that no template of Destination SDK's writes; None where it may be one.

    One with attributes, memberships or identities in their places is one; so are attributes that nothing else has.
    """
    if any(isinstance(record.get(name), dict) for name in ("attributes", "segmentMembership", "identityMap")):
        return None
    if _SEGMENTS in record:
        return None
    if _is_canonical(record):
        return f"looks like a canonical event; {_REMEDY['adobe_sdk']} {_WANTED['adobe_sdk']}"
    if _is_input(record):
        return "looks like all that a template is given; let it write each profile by itself"
    return _foreign(record, "adobe_sdk") or _near(record, "adobe_sdk")


def as_canonical(record: Record) -> str | None:
    """What a record looks like that is no canonical event; None where it may be one, and for an empty record."""
    if any(isinstance(record.get(name), dict) for name in ("profile", "identities")) or "audiences" in record:
        return None
    if isinstance(record.get("events"), list):
        return "must hold events alone; say in each of them which audience it is about"
    record = _profile_of(record)
    if "segmentMembership" in record or "identityMap" in record:
        return f"looks like a profile of Experience Platform; {_REMEDY['canonical']} {_WANTED['canonical']}"
    return _foreign(record, "canonical")


def as_segment(record: Record) -> str | None:
    """What a record looks like that is no call of Segment's; None where it is one."""
    if _kind(record) in _SEGMENT:
        return None
    return _of_other_source(record, "segment") or f"must be a call with its type; {_WANTED['segment']}"


def as_rudderstack(record: Record) -> str | None:
    """What a record looks like that RudderStack does not send; None where it may be a call or a row."""
    return None if is_call(record) else _of_other_source(record, "rudderstack")


def as_census(record: Record) -> str | None:
    """What a record looks like that is no call in JSON-RPC; None where nobody can tell."""
    return _of_other_source(record, "census")


def is_call(record: Record) -> bool:
    """Whether a record has the type of a call of Segment's or RudderStack's."""
    return _kind(record) in _CALLS


def _of_other_source(record: Record, source_format: str) -> str | None:
    wanted, record = _WANTED[source_format], _profile_of(record)
    if _is_canonical(record):
        return f"looks like a canonical event; set source.format to canonical, or {wanted}"
    if "segmentMembership" in record or "identityMap" in record:
        return f"looks like a profile of Experience Platform; set source.format to aep, or {wanted}"
    return _foreign(record, source_format)


def _profile_of(record: Record) -> Record:
    """The first of a body of profiles, by which all can be told; and of any other body the body."""
    profiles = record.get("profiles")
    if not isinstance(profiles, list) or not AGGREGATED.isdisjoint(record):
        return record
    return profiles[0] if profiles and isinstance(profiles[0], dict) else {"identityMap": {}}


def _is_canonical(record: Record) -> bool:
    if "occurred_at" in record or isinstance(record.get("audiences"), list):
        return True
    return isinstance(record.get("profile"), dict) and record.keys() <= _CANONICAL


def _foreign(record: Record, source_format: str) -> str | None:
    for is_one, looks, remedy in _FOREIGN if source_format == "adobe_sdk" else (*_TEMPLATES, *_FOREIGN):
        if is_one(record):
            return f"looks like {looks}; {remedy or _WANTED[source_format]}"
    return None


def _near(record: Record, source_format: str) -> str | None:
    """What is wrong with a record that holds profiles, or people, in a form that nobody reads; None if not."""
    for name, value in record.items():
        is_object = isinstance(value, dict)
        if is_object and (wanted := _MISSPELT.get(name.rpartition(":")[2].replace("_", "").lower())):
            return f"has {name}, which is read as {wanted} alone"
        if not (is_object or isinstance(value, list)) or name.startswith("_"):  # Below "_" are a company's own names.
            continue
        inner = value[0] if isinstance(value, list) and value else value
        if isinstance(inner, dict) and any(_is_profile(one) for one in (inner, *inner.values())):
            return f"looks like an envelope; post the profiles that are within {name} by themselves"
    lists = [name for name, value in record.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if lists and not any(isinstance(one, dict) for one in record.values()) and _WRAPPERS.issuperset(lists):
        return f"looks like a body of another sender with people in {lists[0]}; {_WANTED[source_format]}"
    return None


def _is_profile(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(value.get(one), dict) for one in _MISSPELT.values())


def _is_template(record: Record) -> bool:
    return _SEGMENTS in record or isinstance(record.get("attributes"), dict) or _is_input(record)


def _is_input(record: Record) -> bool:
    inner = record.get("input")
    return isinstance(inner, dict) and not inner.keys().isdisjoint({"profile", "profiles", "aggregationKey"})


def _is_aggregated(record: Record) -> bool:
    return isinstance(record.get("profiles"), list) and not AGGREGATED.isdisjoint(record)


def _is_streamed(record: Record) -> bool:
    body = record.get("body")
    return "xdmEntity" in record or (isinstance(body, dict) and "xdmEntity" in body)


def _kind(record: Record) -> str | None:
    kind = record.get("type")
    return kind if isinstance(kind, str) else None


def _is_whole_call(record: Record) -> bool:
    return is_call(record) and any(name in record for name in _OF_CALLS)


def _is_notice(record: Record) -> bool:
    kind = record.get("Type")
    return isinstance(kind, str) and kind in _NOTICES and "TopicArn" in record


_Kind = tuple[Callable[[Record], bool], str, str]
_TO_ADOBE_SDK: Final = "set source.format to adobe_sdk"
_TEMPLATES: Final[tuple[_Kind, ...]] = (
    (_is_template, "a body of a Destination SDK template", _TO_ADOBE_SDK),
    (_is_aggregated, "an aggregated body of a Destination SDK template", _TO_ADOBE_SDK),
)
_FOREIGN: Final[tuple[_Kind, ...]] = (
    (
        _is_streamed,
        "a message of Experience Platform's streaming ingestion",
        "post its xdmEntity alone, with source.format aep",
    ),
    (
        _is_whole_call,
        "a call of Segment or RudderStack",
        "set source.format to segment or rudderstack",
    ),
    (
        lambda record: "user_profiles" in record and "firehose_version" in record,
        "a message of an mParticle audience feed",
        "",
    ),
    (
        lambda record: "jsonrpc" in record and "method" in record,
        "a call in JSON-RPC, as Census makes",
        "set source.format to census",
    ),
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
        lambda record: isinstance(record.get("action"), str) and isinstance(record.get("parameters"), dict),
        "a cohort sync of Mixpanel",
        "set source.format to rows, with its records at parameters.members",
    ),
    (
        lambda record: "subscriptionType" in record and "portalId" in record,
        "a webhook of HubSpot",
        "set source.format to rows",
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
