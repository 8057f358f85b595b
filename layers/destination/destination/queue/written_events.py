"""An event as a line of a message (envelopes.py):

    {"id": …, "at": …, "profile": …, "identities": …, "audiences": [[namespace, id, status, at, name], …]}

Each is read when it is asked for: a delivery has a thousand of them, and a profile takes several times its text in
memory. What was read is safe to work with: of the right types all through, storable in UTF-8, of finite numbers, and of
bounded depth.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Any, Final, overload

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.times import format_time, parse_time

MAX_DEPTH: Final = 64
"""How deep a profile of a message may nest; sources let in half of it."""

BETWEEN: Final = timedelta(microseconds=1)
"""Between the events of a body, which are received one after the other."""

_AFTER_EVENT: Final = frozenset({"", ","})

encode = json.JSONEncoder(separators=(",", ":")).encode
"""JSON as messages have it."""


class UndecodableMessageError(Exception):
    """A message that is none of ours, or of a version this code does not know."""


class WrittenEvents(Sequence[ProfileEvent]):
    """Events in the lines of a message, each read whenever it is asked for.

    One that cannot be read raises UndecodableMessageError, and is no matter of the others.
    """

    __slots__ = ("_first", "_lines", "_received_at")

    def __init__(self, lines: Sequence[str], received_at: datetime, first: int) -> None:
        self._lines = lines
        self._received_at = received_at
        self._first = first

    def __len__(self) -> int:
        return len(self._lines)

    @overload
    def __getitem__(self, place: int) -> ProfileEvent: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[ProfileEvent]: ...
    def __getitem__(self, place: int | slice) -> ProfileEvent | Sequence[ProfileEvent]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        line, received_at = self._lines[place], self._received_at + (self._first + place) * BETWEEN
        try:
            event, end = _read(line)
            if line[end:] not in _AFTER_EVENT:
                raise ValueError("more than an event")
            check_text(line, event)
            return event_from(event, received_at, may_be_deep=line.count("[") + line.count("{") > MAX_DEPTH)
        except WRONG as error:
            raise UndecodableMessageError(f"not an event of this system ({type(error).__name__})") from error

    def text(self, place: int) -> str:
        return self._lines[place].removesuffix(",")

    def memberships(self, place: int) -> Sequence[Membership]:
        """Their property stands last in a line, and within strings its quotes are escaped."""
        line = self._lines[place]
        try:
            entries, _ = _read(line, line.rindex(_AUDIENCES) + len(_AUDIENCES))
            check_text(line, entries)
            return _memberships(entries)
        except WRONG as error:
            raise UndecodableMessageError(f"not an event of this system ({type(error).__name__})") from error


def encode_event(event: ProfileEvent) -> str:
    """The event as JSON; when it was received, its message says by its own time and the event's number.

    Raises ValueError when a string in it is not valid Unicode (a lone surrogate).
    """
    parts = {
        "id": event.id,
        "at": format_time(event.at),
        "profile": event.profile,
        "identities": event.identities,
        "audiences": [
            [one.audience.namespace, one.audience.id, one.status.value, format_time(one.at), one.name]
            if one.name is not None
            else [one.audience.namespace, one.audience.id, one.status.value, format_time(one.at)]
            for one in event.memberships
        ],
    }
    text = encode(parts)
    if "\\ud" in text:
        json.dumps(parts, ensure_ascii=False).encode()
    return text


def check_text(text: str, read: object) -> None:
    """Raises ValueError if a string in what was read of a text is not valid Unicode."""
    if not text.isascii() or ("\\u" in text and ("\\ud" in text or "\\uD" in text)):
        json.dumps(read, ensure_ascii=False).encode()


def event_from(one: Mapping[str, Any], received_at: datetime, *, may_be_deep: bool) -> ProfileEvent:
    """Every event of the system passes here: the checks are written out, and of exact types, for speed."""
    event_id, profile, audiences = one["id"], one["profile"], one["audiences"]
    if (event_id is not None and type(event_id) is not str) or type(profile) is not dict or type(audiences) is not list:
        raise TypeError("not an event")
    if may_be_deep:
        _check_depth(profile)
    identities = {}
    for namespace, ids in one["identities"].items():
        if type(ids) is not list:
            raise TypeError("not a list of identities")
        for identity in ids:
            if type(identity) is not str:
                raise TypeError("not an identity")
        identities[namespace] = tuple(ids)
    memberships = tuple(_memberships(audiences))
    return ProfileEvent(parse_time(one["at"]), profile, identities, memberships, received_at, event_id)


def _memberships(audiences: Sequence[Any]) -> list[Membership]:
    memberships = []
    for entry in audiences:
        namespace, audience, status, at, *names = entry
        if type(entry) is not list or type(namespace) is not str or type(audience) is not str:
            raise TypeError("not a membership")
        name = names[0] if names else None
        if name is not None and type(name) is not str:
            raise TypeError("not the name of an audience")
        memberships.append(Membership(AudienceKey(namespace, audience), _STATUSES[status], parse_time(at), name))
    return memberships


def _check_depth(profile: dict[str, object]) -> None:
    """Level by level, as what is nested too deeply must not be recursed into."""
    level: list[Any] = [profile]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return
    raise ValueError("is nested too deeply")


def _finite(text: str) -> float:
    """A number of JSON: `1e999` is one, but no double, and NaN is none."""
    number = float(text)
    if not isfinite(number):
        raise ValueError("not a finite number")
    return number


_AUDIENCES = '"audiences":'
_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
decode_text, _read = _decoder.decode, _decoder.raw_decode
"""JSON of a message, or the one that a text begins with."""
WRONG = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What is raised for a text that no message or event of this system has."""
_STATUSES = {status.value: status for status in MembershipStatus}
