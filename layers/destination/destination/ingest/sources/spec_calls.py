"""Calls: what those of Segment and those of RudderStack have in common.

    {"type": "identify", "userId", "anonymousId", "messageId", "timestamp", "traits": {…},
     "context": {"traits": {…}, "externalIds": [{"type", "id", "encoding"}]}}

Sources: Segment documentation, "Spec: Common Fields", "Spec: Identify", "Spec: Track", "Identity Resolution: External
IDs"; RudderStack documentation, "Common Fields", "Identify".
"""

from collections.abc import Mapping
from typing import Any, Final

from destination.domain.loss import ATTRIBUTE_UNREADABLE, IDENTITY_UNREADABLE, RECORD_OF_OTHER_KIND
from destination.ingest.sources.record import LeftOut, RecordError, attributes, identifier, identities

IDENTIFY: Final = "identify"
TRACK: Final = "track"
DELETE: Final = "delete"

_UNTOUCHED: Final = "says nothing of a person's traits or audiences; send identify and track calls alone"
_OTHERS: Final[Mapping[str, str]] = {
    "group": "is about an account; let the audience send an identify or track call for each of its users",
    "page": _UNTOUCHED,
    "screen": _UNTOUCHED,
    "alias": _UNTOUCHED,
    DELETE: "asks to forget a person, which the webhook does not do; see to it by hand",
}
"""The kinds of calls that are not taken, and why."""

_IDS: Final = (("userId", "user_id"), ("anonymousId", "anonymous_id"))
"""Of a call's own ids, and the namespaces in which Segment has them as external ids."""

_WANTED: Final = "must be a string or a whole number"


def check_kind(kind: object) -> None:
    """Raises RecordError for a call that says nothing of a person, with what to do about it."""
    if isinstance(kind, str) and kind in _OTHERS:
        raise RecordError(RECORD_OF_OTHER_KIND, "type", _OTHERS[kind])


def inner(record: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object of a record; an empty one where there is none."""
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def attributes_at(holder: Mapping[str, Any], name: str, path: str, losses: LeftOut, halves: bool) -> dict[str, Any]:
    """The attributes that a call has under a name, and what cannot be read of them is lost."""
    found = holder.get(name)
    if isinstance(found, dict):
        return attributes(found, path, losses, may_hold_halves=halves)
    if found is not None:
        losses.add(ATTRIBUTE_UNREADABLE, path, "must be an object of attributes by their names")
    return {}


def traits(record: Mapping[str, Any], losses: LeftOut, halves: bool) -> dict[str, Any]:
    """What a call says of its person: of an identify its traits, beside those that either has in its context."""
    beside = attributes_at(inner(record, "context"), "traits", "context.traits", losses, halves)
    return {**beside, **attributes_at(record, "traits", "traits", losses, halves)}


def call_profile(
    record: Mapping[str, Any], losses: LeftOut, halves: bool, *, is_computed: bool = False
) -> dict[str, Any]:
    """The traits of a call; with them what was computed of the person, which a track has as its properties.

    Those of any other track are the event's and not the person's, and stay by themselves.
    """
    found = traits(record, losses, halves)
    if record["type"] != TRACK:
        return found
    properties = attributes_at(record, "properties", "properties", losses, halves)
    if is_computed:
        return {**properties, **found}
    return {**found, "properties": properties} if properties else found


def known_by(record: Mapping[str, Any], profile: Mapping[str, Any], losses: LeftOut) -> dict[str, tuple[str, ...]]:
    """The ids of a call's person: its own, the address among the attributes, and external ones that are no hashes."""
    found: dict[str, list[object]] = {}
    for name, namespace in _IDS:
        given = record.get(name)
        known = identifier(given)
        if known:
            found[namespace] = [known]
        elif given not in (None, ""):
            losses.add(IDENTITY_UNREADABLE, name, _WANTED)
    email = profile.get("email")
    if isinstance(email, str) and email:
        found["email"] = [email]
    for namespace, known in _external_ids(inner(record, "context").get("externalIds"), losses):
        found.setdefault(namespace, []).append(known)
    return identities(found, "context.externalIds", losses, iter, _WANTED)


def _external_ids(value: object, losses: LeftOut) -> list[tuple[str, str]]:
    path = "context.externalIds"
    if not isinstance(value, list):
        if value is not None:
            losses.add(IDENTITY_UNREADABLE, path, 'must be a list of objects such as {"type": "email", "id": "…"}')
        return []
    found = []
    for number, one in enumerate(value):
        entry = one if isinstance(one, dict) else {}
        namespace, known = identifier(entry.get("type")), identifier(entry.get("id"))
        if not namespace or not known:
            losses.add(IDENTITY_UNREADABLE, path, 'must be an object such as {"type": "email", "id": "…"}', number)
        elif entry.get("encoding") in (None, "none"):
            found.append((namespace.lower(), known))
    return found
