"""The parts of a record that all source formats have: identities, attributes, statuses, times, and what is left out."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from json import JSONEncoder
from math import isfinite
from typing import Any

from destination.domain.audience import MAX_NAMESPACE_LENGTH
from destination.domain.event import MAX_IDENTITIES, MembershipStatus, ProfileEvent
from destination.domain.loss import (
    ATTRIBUTE_UNREADABLE,
    EVENT_ID_UNREADABLE,
    EVENT_TIME_UNREADABLE,
    IDENTITY_UNREADABLE,
    MEMBERSHIP_STATUS_UNKNOWN,
    MEMBERSHIP_TIME_UNREADABLE,
    RECORD_TOO_LARGE,
    TOO_MANY_IDENTITIES,
    Loss,
)
from destination.domain.problem import Problem
from destination.domain.times import parse_time

MAX_DEPTH = 32
"""How deep attributes may nest; profiles are a handful of levels deep."""

MAX_INNER = 100_000
"""How many objects and lists attributes may hold; a thousand times what a profile has, and no message is larger."""

MAX_ENTRIES = 1_000
"""How many ids of a namespace are looked at, the same one again included."""

MAX_EXACT = 2**53
"""Below it a double tells every whole number from its neighbours."""

MAX_NAMESPACES = 1_000
"""How many namespaces of identities are read of a record; Adobe's sandboxes have some dozens."""

MAX_WARNINGS = 1_000
"""How many warnings of a body are kept; the others are counted."""

NAMESPACE_MESSAGE = f"must be of a namespace of {MAX_NAMESPACE_LENGTH} characters at most"
"""No activation has a longer one, and it is written anew with each of its audiences."""

MAX_AUDIENCE_NAME = 255
"""A longer one is no name that an audience, or its list, could have."""

MAX_NAME_LENGTH = 100
"""How much of a name is shown in a problem's path; names are the sender's, and may be as long as the body."""

MAX_PATH_LENGTH = 250
"""How much of a path is shown."""

HALF = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair: no character, though JSON can write it. Senders cut texts in the middle of one."""

HALF_MESSAGE = "must be valid Unicode; it has half a character (an unpaired surrogate)"


DEPTH_MESSAGE = f"must not nest deeper than {MAX_DEPTH} levels"
NUMBER_MESSAGE = "must be a number within a double's range; NaN and Infinity are not JSON"

_Place = tuple[Any, ...]
"""Of an object or list among attributes: the place of what holds it, and its name or number there. The place of all is
the path to them alone. Put together only where it is told.
"""


class RecordError(Exception):
    """A record, or a part of one, that cannot be read."""

    def __init__(self, loss: Loss, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.loss = loss
        self.problem = Problem(path, message)


class ErasureCallError(Exception):
    """A record is no event, but asks that the person be forgotten whom `event` names; it says nothing else."""

    def __init__(self, event: ProfileEvent) -> None:
        super().__init__("asks to forget a person")
        self.event = event


@dataclass(slots=True)
class LeftOut:
    """What could not be read of a record and was left out: the first `limit` problems, and the numbers of all.

    A body may have millions, of which a thousand are told at most: those alone are put into words.
    """

    limit: int = MAX_WARNINGS
    count: int = 0
    by_code: dict[str, int] = field(default_factory=dict)
    _first: list[tuple[str, str, tuple[str | int, ...], Sequence[int]]] = field(default_factory=list)
    """Path, message, the names and numbers that follow the path, and, where it is so with several, items of a list."""

    def add(self, loss: Loss, path: str, message: str, *place: str | int) -> None:
        """`place`: names, and numbers of items, that follow the path."""
        self.count += 1
        self.by_code[loss.code] = self.by_code.get(loss.code, 0) + 1  # A text is hashed once, a loss every time.
        if self.count <= self.limit:
            self._first.append((path, message, place, ()))

    def add_items(self, loss: Loss, path: str, message: str, name: str, numbers: Sequence[int]) -> None:
        """Add items of the list that has a name below a path."""
        if self.count < self.limit:
            self._first.append((path, message, (name,), numbers[: self.limit - self.count]))
        self.count += len(numbers)
        self.by_code[loss.code] = self.by_code.get(loss.code, 0) + len(numbers)

    def add_attribute(self, place: _Place, name: str | int, message: str) -> None:
        """Add an attribute, or an item, of what has a place."""
        self.count += 1
        code = ATTRIBUTE_UNREADABLE.code
        self.by_code[code] = self.by_code.get(code, 0) + 1
        if self.count <= self.limit:
            path, names = _unrolled(place)
            self._first.append((path, message, (*names, name), ()))

    def problems(self, number: int = MAX_WARNINGS) -> list[Problem]:
        """So many, at most, of those that are kept."""
        return [Problem(_told(path, place), message) for path, message, place in islice(self._each(), number)]

    def _each(self) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
        for path, message, place, items in self._first:
            if items:
                yield from ((path, message, (*place, number)) for number in items)
            else:
                yield path, message, place


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """When a body was received. The order of its records is kept in microseconds, so that the later one is newer."""

    received_at: datetime

    def of(self, index: int) -> datetime:
        return self.received_at + timedelta(microseconds=index)

    def time(self, value: object, index: int, path: str) -> datetime:
        """A record's own time; none may lie in the future, where it would overtake all that follows."""
        if not isinstance(value, str):
            raise RecordError(MEMBERSHIP_TIME_UNREADABLE, path, "must be a string with an ISO 8601 date and time")
        try:
            return min(parse_time(value), self.of(index))
        except ValueError:
            message = "must be an ISO 8601 date and time, such as 2026-11-21T10:00:00Z"
            raise RecordError(MEMBERSHIP_TIME_UNREADABLE, path, message) from None


def event_time(value: object, index: int, path: str, times: RecordTimes, losses: LeftOut) -> datetime:
    """When an event occurred; where that is not said, or cannot be read, when it was received."""
    if value is None:
        return times.of(index)
    try:
        return times.time(value, index, path)
    except RecordError as error:
        losses.add(EVENT_TIME_UNREADABLE, path, f"{error.problem.message}; the time of receipt counts")
        return times.of(index)


def event_id(value: object, path: str, losses: LeftOut) -> str | None:
    """What the sender calls an event; None where it has no name, or one that cannot be read."""
    found = identifier(value)
    if found is None and value is not None:
        message = "must be a string or a whole number; without it, the event sent again is another one"
        losses.add(EVENT_ID_UNREADABLE, path, message)
    return found


def distinct(ids: Iterable[str], path: str, losses: LeftOut, *place: str | int) -> tuple[str, ...]:
    """The ids of a namespace, each once; those beyond MAX_IDENTITIES are lost."""
    found = tuple(dict.fromkeys(ids))
    if len(found) > MAX_IDENTITIES:
        message = f"must not have more than {MAX_IDENTITIES} identities; the others were left out"
        losses.add(TOO_MANY_IDENTITIES, path, message, *place)
        return found[:MAX_IDENTITIES]
    return found


def identifier(value: object) -> str | None:
    """An id as text; None for what is none. Senders write ids as numbers, too, of which the whole ones are exact."""
    if type(value) is str:
        return value if value.isascii() or not HALF.search(value) else None
    if type(value) is int or (type(value) is float and value.is_integer() and abs(value) < MAX_EXACT):
        return str(int(value))
    return None


def identities(
    value: object, path: str, losses: LeftOut, ids_of: Callable[[list[Any]], Iterable[object]], wanted: str
) -> dict[str, tuple[str, ...]]:
    """Ids by namespace in lower case, for sources write it in either.

    `ids_of` takes the ids out of entries, one of each, `wanted` says what an entry must be. What is none, or beyond the
    bounds, is lost.
    """
    if not isinstance(value, dict):
        if value is not None:
            losses.add(IDENTITY_UNREADABLE, path, "must be an object with a list of ids for each namespace")
        return {}
    if len(value) > MAX_NAMESPACES:
        message = f"must not have more than {MAX_NAMESPACES} namespaces; the others were left out"
        losses.add(TOO_MANY_IDENTITIES, path, message)
    found: dict[str, tuple[str, ...]] = {}
    for namespace, entries in islice(value.items(), MAX_NAMESPACES):
        if type(entries) is not list:
            losses.add(IDENTITY_UNREADABLE, path, f"must be a list, in which each {wanted}", namespace)
        elif not namespace.isascii() and HALF.search(namespace):
            losses.add(IDENTITY_UNREADABLE, path, HALF_MESSAGE, namespace)
        else:
            ids = _ids(entries, path, namespace, losses, ids_of, wanted)
            name = namespace.lower()
            known = found.get(name)
            whole = ids if known is None else [*known, *ids]
            found[name] = tuple(whole) if len(whole) < 2 else distinct(whole, path, losses, namespace)
    return found


def _ids(
    entries: list[Any],
    path: str,
    namespace: str,
    losses: LeftOut,
    ids_of: Callable[[list[Any]], Iterable[object]],
    wanted: str,
) -> list[str]:
    if len(entries) > MAX_ENTRIES:
        message = f"must not have more than {MAX_ENTRIES} entries; the others were left out"
        losses.add(TOO_MANY_IDENTITIES, path, message, namespace, MAX_ENTRIES)
        entries = entries[:MAX_ENTRIES]
    found, unreadable = [], []
    for number, one in enumerate(ids_of(entries)):
        known = str(one) if type(one) is int else one if type(one) is str and one.isascii() else identifier(one)
        if known is None:
            unreadable.append(number)
        else:
            found.append(known)
    if unreadable:
        losses.add_items(IDENTITY_UNREADABLE, path, wanted, namespace, unreadable)
    return found


def status_of(value: object, path: str) -> MembershipStatus:
    """What a membership's status says, without regard to case; none is `realized`, XDM's default.

    Raises RecordError for a word that is none.
    """
    if value is None:
        return MembershipStatus.REALIZED
    status = _STATUSES.get(value.lower()) if isinstance(value, str) else None
    if status is None:
        message = "must be realized or exited (existing counts as realized)"
        raise RecordError(MEMBERSHIP_STATUS_UNKNOWN, path, message)
    return status


def audience_name(given: object) -> str | None:
    """What a sender calls an audience; None where that can be no name, for nothing else depends on it."""
    name = given.strip() if isinstance(given, str) else ""
    return name if name.isprintable() and 0 < len(name) <= MAX_AUDIENCE_NAME else None


def _unrolled(place: _Place) -> tuple[str, list[str | int]]:
    names: list[str | int] = []
    while len(place) == 2:
        place, name = place
        names.append(name)
    return place[0], names[::-1]


def _told(path: str, place: tuple[str | int, ...]) -> str:
    for part in place:
        path += f"[{part}]" if type(part) is int else f".{shown(str(part))}" if path else shown(str(part))
    return path if len(path) <= MAX_PATH_LENGTH else f"{path[:MAX_PATH_LENGTH]}…"


def shown(name: str) -> str:
    """A name of the sender's, as it stands in a path."""
    cut = name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…"
    return cut if cut.isascii() else HALF.sub("\ufffd", cut)


def may_hold_halves(body: bytes) -> bool:
    """Whether a body can hold half a character at all, which only an escape can bring into UTF-8."""
    return b"\\ud" in body or b"\\uD" in body


def attributes(found: dict[str, Any], path: str, losses: LeftOut, *, may_hold_halves: bool) -> dict[str, Any]:
    """Of attributes, what can be stored and delivered: finite numbers, whole characters, MAX_DEPTH levels.

    What is left out of a list leaves null in its place, so that the others keep theirs.

    Raises RecordError when they hold more than MAX_INNER objects and lists.
    """
    if _is_shallow_and_finite(found) and not (may_hold_halves and _holds_halves(found)):
        return found
    return _readable_object(found, (path,), MAX_DEPTH, losses)


def _is_shallow_and_finite(found: Mapping[str, object]) -> bool:
    """Level by level: a call for each value would take as long as all the rest that is done with a body."""
    level: list[Any] = [found]
    count, is_finite = 0, True
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            for value in one.values() if type(one) is dict else one:
                kind = type(value)
                if kind is dict or kind is list:
                    inner.append(value)
                elif kind is float and not isfinite(value):
                    is_finite = False
        if not inner:
            return is_finite
        level = inner
        count += len(inner)
        if count > MAX_INNER:
            message = f"must not have attributes of more than {MAX_INNER} objects and lists"
            raise RecordError(RECORD_TOO_LARGE, "", message)
    return False


def _holds_halves(found: Mapping[str, object]) -> bool:
    try:
        _as_text(found).encode()
    except UnicodeEncodeError:
        return True
    return False


def _readable_object(found: dict[str, Any], place: _Place, levels: int, losses: LeftOut) -> dict[str, Any]:
    """An object without what is lost of it, of so many levels; itself where nothing in it can be.

    Written out as its sibling is, for a call for each value would take as long as all the rest.
    """
    if _FALLIBLE.isdisjoint(map(type, found.values())) and all(map(str.isascii, found)):
        return found
    kept = {}
    for name, value in found.items():
        kind = type(value)
        message, inner = None, None
        if kind is str:
            if not value.isascii() and HALF.search(value):
                message = HALF_MESSAGE
        elif kind is float:
            if not isfinite(value):
                message = NUMBER_MESSAGE
        elif kind is dict or kind is list:
            inner = _READABLE[kind]
            message = DEPTH_MESSAGE if levels == 1 else None
        if not name.isascii() and HALF.search(name):
            message = HALF_MESSAGE
        if message:
            losses.add_attribute(place, name, message)
        else:
            kept[name] = inner(value, (place, name), levels - 1, losses) if inner and value else value
    return kept


def _readable_list(found: list[Any], place: _Place, levels: int, losses: LeftOut) -> list[Any]:
    if len(found) > 1 and _FALLIBLE.isdisjoint(map(type, found)):
        return found
    items: list[Any] = []
    for value in found:
        kind, message = type(value), None
        if kind is list or kind is dict:
            if levels > 1:
                inner = _readable_list if kind is list else _readable_object
                items.append(inner(value, (place, len(items)), levels - 1, losses) if value else value)
                continue
            message = DEPTH_MESSAGE
        elif kind is str:
            if not value.isascii() and HALF.search(value):
                message = HALF_MESSAGE
        elif kind is float and not isfinite(value):
            message = NUMBER_MESSAGE
        if message:
            losses.add_attribute(place, len(items), message)
        items.append(None if message else value)
    return items


_STATUSES = {
    "realized": MembershipStatus.REALIZED,
    "existing": MembershipStatus.REALIZED,
    "exited": MembershipStatus.EXITED,
}
"""`existing` is deprecated and means realized."""

_FALLIBLE = frozenset({str, float, dict, list})
"""The types of which a value may be one that cannot be kept, or hold one."""

_READABLE: Mapping[type, Callable[[Any, _Place, int, LeftOut], Any]] = {dict: _readable_object, list: _readable_list}
_as_text = JSONEncoder(ensure_ascii=False).encode
