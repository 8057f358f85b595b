"""What a connection was sent lately: attributes, identities and audiences, by their names alone, never their values.

It is what a mapping is made from, so that sources and audiences can be chosen. Attributes and identities are those of a
sample of the events, audiences are counted in all of them.

A key of an object is a name where it is written as one; keys may as well be values, such as the e-mail addresses of a
map. What is no plain name, has more digits than names have, or is an identity of the same profile, is left out with all
that is below it.

    events ──gather──▶ Seen ──plus──▶ a day's Seen, within bounds of bytes ──together──▶ the last days
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, Final, NamedTuple, Self, TypeVar

from destination.domain.audience import AudienceKey
from destination.domain.connection import SourceType
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.times import format_time, parse_time

DAYS: Final = 7
"""For how many days it is known what was seen: today, by UTC, and those before it."""

MAX_SAMPLE: Final = 20
"""Events of which attributes and identities are looked at, of those that come together."""

MAX_VALUES: Final = 500
"""Values that are looked at in a profile."""

MAX_LEVELS: Final = 10
"""How deep a profile is looked into; each object and each array is a level."""

MAX_ENTRIES: Final = 5
"""Entries that are looked at in an array, which are alike in most."""

MAX_ATTRIBUTE_BYTES: Final = 32_000
MAX_IDENTITY_BYTES: Final = 4_000
MAX_AUDIENCE_BYTES: Final = 64_000
"""What names take of a day, with what is counted of each: about 400 attributes, and 600 audiences."""

MAX_WORKING: Final = 100
"""Of how many connections and days a worker remembers what it has written."""

WRITE_EVERY: Final = timedelta(minutes=1)
"""How often counts alone are written; a new name is written at once."""

_MAX_DIGITS: Final = 4
"""A name has a number or a year in it; dates, telephone numbers and ids have more digits."""

_MAX_LENGTH: Final = 64
"""Of one name in a path."""

_COUNTS_BYTES: Final = 40
"""About what is written beside a name."""

_NAME: Final = re.compile(r"[^\W\d][\w-]*")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")
_IDENTITIES: Final = "identitymap"
"""An attribute of this name cannot be mapped, as a path of it leads to identities."""

_REALIZED: Final = MembershipStatus.REALIZED
_MAX_INTEGER: Final = 2**31

_T = TypeVar("_T")
_Key = TypeVar("_Key", str, AudienceKey)
_Seen = TypeVar("_Seen", "SeenAttribute", "SeenIdentity", "SeenAudience")


class SeenAttribute(NamedTuple):
    """How many events had the attribute, when the last of them was received, and in how many it was of which type."""

    events: int
    last_at: datetime
    types: Mapping[SourceType, int]

    def plus(self, other: Self) -> Self:
        types = Counter(self.types) + Counter(other.types)
        return self._replace(events=self.events + other.events, last_at=max(self.last_at, other.last_at), types=types)


class SeenIdentity(NamedTuple):
    """How many events had an identity of the namespace, and when the last of them was received."""

    events: int
    last_at: datetime

    def plus(self, other: Self) -> Self:
        return self._replace(events=self.events + other.events, last_at=max(self.last_at, other.last_at))


class SeenAudience(NamedTuple):
    """How often the audience was named, as entered or left, when last, and what its source calls it, if anything."""

    realized: int
    exited: int
    last_at: datetime
    name: str | None = None

    @property
    def events(self) -> int:
        return self.realized + self.exited

    def plus(self, other: Self) -> Self:
        newer, older = (other, self) if other.last_at >= self.last_at else (self, other)
        return newer._replace(
            realized=self.realized + other.realized, exited=self.exited + other.exited, name=newer.name or older.name
        )


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of some events. `attributes` are by their paths, as a mapping row writes them (domain/path.py);
    `identities` by namespace, in lower case.

    `events`: all of them; `sampled`: those whose attributes and identities were looked at; `unnamed`: those of them
    with keys that were left out, as they may be values. `is_cut`: there was more than the bounds take.
    """

    attributes: Mapping[str, SeenAttribute] = field(default_factory=dict)
    identities: Mapping[str, SeenIdentity] = field(default_factory=dict)
    audiences: Mapping[AudienceKey, SeenAudience] = field(default_factory=dict)
    events: int = 0
    sampled: int = 0
    unnamed: int = 0
    is_cut: bool = False

    def __len__(self) -> int:
        return len(self.attributes) + len(self.identities) + len(self.audiences)

    @property
    def names(self) -> frozenset[Hashable]:
        """All names: what a mapping row can have as its source, and audiences."""
        return frozenset([*self.attributes, *map(identity_path, self.identities), *self.audiences])

    def plus(self, other: "Seen") -> "Seen":
        """Both together, within the bounds: what was seen least often, and longest ago, gives way."""
        whole = self.with_all(other)
        kept = replace(
            whole,
            attributes=_within(whole.attributes, MAX_ATTRIBUTE_BYTES),
            identities=_within(whole.identities, MAX_IDENTITY_BYTES),
            audiences=_within(whole.audiences, MAX_AUDIENCE_BYTES),
        )
        return replace(kept, is_cut=whole.is_cut or len(kept) < len(whole))

    def with_all(self, other: "Seen") -> "Seen":
        """Both together, whatever the bounds."""
        return Seen(
            _together(self.attributes, other.attributes),
            _together(self.identities, other.identities),
            _together(self.audiences, other.audiences),
            self.events + other.events,
            self.sampled + other.sampled,
            self.unnamed + other.unnamed,
            self.is_cut or other.is_cut,
        )


def first_day(now: datetime) -> date:
    """The first of the last DAYS days."""
    return now.date() - timedelta(days=DAYS - 1)


def gather(events: Sequence[ProfileEvent]) -> Seen:
    """What is seen of events that came together."""
    said = ((one.received_at, one.memberships) for one in events)
    return seen_in(sample_of(events, len(events)), said, len(events))


def sample_of(found: Iterable[_T], count: int) -> Iterator[_T]:
    """Those of which attributes and identities are looked at, of so many, spread over all."""
    return islice(found, 0, None, -(-count // MAX_SAMPLE) or 1)


def seen_in(sample: Iterable[ProfileEvent], said: Iterable[tuple[datetime, Sequence[Membership]]], events: int) -> Seen:
    """What is seen of so many events, given some of them, and of all what they say of audiences, and when."""
    looks = _Looks()
    for one in sample:
        looks.at(one)
    found = Seen(
        {path: SeenAttribute(*one) for path, one in looks.attributes.items()},
        {namespace: SeenIdentity(*one) for namespace, one in looks.identities.items()},
        _audiences(said),
        events,
        looks.count,
        looks.unnamed,
        looks.is_cut,
    )
    return Seen().plus(found)


def _audiences(said: Iterable[tuple[datetime, Sequence[Membership]]]) -> dict[AudienceKey, SeenAudience]:
    """Counted in all events, and so in few steps for each."""
    ordered = sorted(said, key=itemgetter(0))
    entered = Counter([one.audience for _, each in ordered for one in each if one.status is _REALIZED])
    left = Counter([one.audience for _, each in ordered for one in each if one.status is not _REALIZED])
    names = {one.audience: one.name for _, each in ordered for one in each if one.name is not None}
    count, last = len(entered.keys() | left.keys()), dict[AudienceKey, datetime]()
    for at, each in reversed(ordered):
        for one in each:
            last.setdefault(one.audience, at)
        if len(last) == count:
            break
    return {one: SeenAudience(entered[one], left[one], at, names.get(one)) for one, at in last.items()}


@dataclass(slots=True)
class _Looks:
    """Looks at profiles, one after the other. What is counted stands in lists, as a SeenAttribute has it, or the like.

    Of the profile that is looked at: `values` may be no keys, and so many more are looked at as are `left`; `types`:
    by path, those of its values.
    """

    attributes: dict[str, list[Any]] = field(default_factory=dict)
    identities: dict[str, list[Any]] = field(default_factory=dict)
    count: int = 0
    unnamed: int = 0
    is_cut: bool = False
    values: frozenset[str] = frozenset()
    left: int = 0
    types: dict[str, set[SourceType]] = field(default_factory=dict)
    is_unnamed: bool = False

    def at(self, event: ProfileEvent) -> None:
        self.values = frozenset([one.casefold() for ids in event.identities.values() for one in ids])
        self.left, self.types, self.is_unnamed = MAX_VALUES, {}, False
        mapped = {name: value for name, value in event.profile.items() if name.lower() != _IDENTITIES}
        self._object(mapped, "", MAX_LEVELS)
        for path, types in self.types.items():
            found = _counted(self.attributes.setdefault(path, [0, event.received_at, {}]), event)
            for one in types:
                found[2][one] = found[2].get(one, 0) + 1
        for namespace in event.identities:
            if is_name(namespace):
                _counted(self.identities.setdefault(namespace, [0, event.received_at]), event)
            else:
                self.is_unnamed = True
        self.count += 1
        self.unnamed += self.is_unnamed

    def _object(self, value: Mapping[str, object], path: str, levels: int) -> None:
        for name, inner in value.items():
            if self._ends(levels):
                return
            if is_name(name) and name.casefold() not in self.values:
                self._value(inner, f"{path}.{name}" if path else name, levels - 1)
            else:
                self.is_unnamed = True

    def _value(self, value: object, path: str, levels: int) -> None:
        if isinstance(value, dict):
            self._object(value, path, levels)
        elif isinstance(value, list):
            for inner in value[:MAX_ENTRIES]:
                if self._ends(levels):
                    return
                self._value(inner, f"{path}[*]", levels - 1)
        elif value is not None:
            self.types.setdefault(path, set()).add(_type_of(value))

    def _ends(self, levels: int) -> bool:
        """Whether nothing more is looked at here."""
        self.left -= 1
        ends = self.left < 0 or levels == 0
        self.is_cut = self.is_cut or ends
        return ends


def _counted(found: list[Any], event: ProfileEvent) -> list[Any]:
    found[0] += 1
    found[1] = max(found[1], event.received_at)
    return found


def identity_path(namespace: str) -> str:
    """What a mapping row writes to take the identities of a namespace."""
    return f"identityMap.{namespace}"


def is_name(key: str) -> bool:
    """Whether a key is written as names are, and cannot well be a value."""
    return len(key) <= _MAX_LENGTH and _is_name(key)


@lru_cache(maxsize=2_048)
def _is_name(key: str) -> bool:
    return _NAME.fullmatch(key) is not None and sum(map(str.isdigit, key)) <= _MAX_DIGITS


def _type_of(value: object) -> SourceType:
    if isinstance(value, str):
        if not value[:4].isdigit():
            return SourceType.STRING
        if _DATE_TIME.fullmatch(value):
            return SourceType.DATE_TIME
        return SourceType.DATE if _DATE.fullmatch(value) else SourceType.STRING
    if isinstance(value, bool):
        return SourceType.BOOLEAN
    if isinstance(value, int | float) and value == value // 1:
        return SourceType.INTEGER if abs(value) < _MAX_INTEGER else SourceType.LONG
    return SourceType.DOUBLE


def _together(some: Mapping[_Key, _Seen], others: Mapping[_Key, _Seen]) -> dict[_Key, _Seen]:
    return {**some, **{name: some[name].plus(one) if name in some else one for name, one in others.items()}}


def _within(found: Mapping[_Key, _Seen], max_bytes: int) -> Mapping[_Key, _Seen]:
    """Those that fit, the ones that were seen most often first."""
    room = max_bytes - sum(_size(name, one) for name, one in found.items())
    if room >= 0:
        return found
    kept = dict(found)
    for name, one in sorted(found.items(), key=lambda pair: (pair[1].events, pair[1].last_at)):
        if room >= 0:
            break
        del kept[name]
        room += _size(name, one)
    return kept


def _size(name: str | AudienceKey, one: SeenAttribute | SeenIdentity | SeenAudience) -> int:
    called = one.name or "" if isinstance(one, SeenAudience) else ""
    return _COUNTS_BYTES + len("".join((*name, called)).encode(errors="surrogatepass"))


# How it is written, in messages and in the table. A later release may have written more, which is left out.


def write_seen(seen: Seen) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "events": seen.events,
        "sampled": seen.sampled,
        "unnamed": seen.unnamed,
        "is_cut": seen.is_cut,
        "attributes": [
            [path, one.events, format_time(one.last_at), one.types] for path, one in seen.attributes.items()
        ],
        "identities": [[name, one.events, format_time(one.last_at)] for name, one in seen.identities.items()],
        "audiences": [
            [*audience, one.realized, one.exited, format_time(one.last_at), one.name]
            for audience, one in seen.audiences.items()
        ],
    }


def read_seen(stored: Mapping[str, Any]) -> Seen:
    """What was written, and no more than fits. Raises ValueError, TypeError or KeyError for what is none of that."""
    attributes = {
        _text(path): SeenAttribute(_number(events), parse_time(last), _types(types))
        for path, events, last, types, *_ in stored["attributes"]
    }
    identities = {
        _text(name): SeenIdentity(_number(events), parse_time(last)) for name, events, last, *_ in stored["identities"]
    }
    audiences = {
        AudienceKey(_text(namespace), _text(name)): SeenAudience(
            _number(realized), _number(exited), parse_time(last), None if called is None else _text(called)
        )
        for namespace, name, realized, exited, last, called, *_ in stored["audiences"]
    }
    events, sampled, unnamed = (_number(stored[name]) for name in ("events", "sampled", "unnamed"))
    found = Seen(attributes, identities, audiences, events, sampled, unnamed, is_cut=stored["is_cut"] is True)
    return Seen().plus(found)


def _types(stored: Mapping[str, Any]) -> dict[SourceType, int]:
    return {SourceType(name): _number(count) for name, count in stored.items() if name in _TYPES}


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a number of events")
    return value


def _text(value: object) -> str:
    if type(value) is not str:
        raise TypeError("not a name")
    return value


_TYPES: Final = frozenset(SourceType)


@dataclass(slots=True)
class _Work:
    """`seen`: what is not written yet; `stored`: what is known to be written, and when that was last."""

    seen: Seen = field(default_factory=Seen)
    stored: Seen = field(default_factory=Seen)
    written_at: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """New names are, but not where there is no room for more: a flood of random names has no end."""
        is_new = not (self.stored.is_cut or self.seen.names <= self.stored.names)
        return is_new or self.written_at is None or now - self.written_at >= WRITE_EVERY


class Unwritten:
    """What a worker has seen and not written yet, by connection, or by connection and day.

    It is the memory of one worker while it is warm; with it goes a minute of counts, and no name.
    """

    def __init__(self) -> None:
        self._work: dict[Hashable, _Work] = {}

    def due(self, of: Hashable, seen: Seen, now: datetime) -> Seen | None:
        """All that is to be written by now, with what is seen; None: nothing yet."""
        work = self._work.pop(of, _Work())
        self._work[of] = work
        if len(self._work) > MAX_WORKING:
            del self._work[next(iter(self._work))]
        work.seen = work.seen.plus(seen)
        return work.seen if work.is_due(now) else None

    def wrote(self, of: Hashable, now: datetime, stored: Seen | None = None) -> None:
        """What was due is written; `stored`: what is there now, by others as well, if that is known."""
        work = self._work[of]
        self._work[of] = _Work(stored=work.stored.plus(work.seen) if stored is None else stored, written_at=now)
