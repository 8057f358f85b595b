"""Paths into a profile: names with dots between them, and what of an array is meant, in brackets.

`emails[0].address` is that of the first entry, `emails[?primary==true].address` that of every entry for which the
condition holds, `interests[*]` is every value; `identityMap.email` leads to identities. It is JSONPath (RFC 9535)
without its `$` and `@`, and with one comparison.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self, TypeAlias

from destination.domain.schema import BOOLEAN, Field, InvalidValueError, coerce

EXAMPLES: Final = "person.name.firstName, emails[0].address, emails[?type=='work'].address or interests[*]"

_IDENTITIES: Final = "identitymap"
_NAME: Final = re.compile(r"[^.\[\]]+")
_SELECTOR: Final = re.compile(
    r"""
    \[ (?: (?P<index>[0-9]{1,5})
         | (?P<every>\*)
         | \? \s* (?P<names>[^=\[\]'"()@!<>&|?]+?) \s* == \s*
           (?P<value> true | false | -?[0-9]+(?:\.[0-9]+)? | '[^']*' | "[^"]*" ) \s*
       ) \]
    """,
    re.VERBOSE,
)
_CHOSEN: Final = "[]"
"""No name has brackets."""

_NUMBER: Final = Field("", "float")
_TRUTH: Final = Field("", BOOLEAN)


class PathError(ValueError):
    """A path that leads nowhere; the message says what is wrong, and how a path is written."""


@dataclass(frozen=True, slots=True)
class WrittenValues:
    """Values as a configuration writes them, which a profile may have in another form: `1` is `1.0`, and `true` true.

    Text is compared exactly, but for space around it; numbers and booleans by what lead fields would read of the words.
    """

    texts: frozenset[str]
    numbers: frozenset[object]
    booleans: frozenset[object]

    @classmethod
    def of(cls, words: Iterable[str]) -> Self:
        given = frozenset([one.strip() for one in words])
        return cls(given, _read(given, _NUMBER), _read(given, _TRUTH))

    def __contains__(self, value: object) -> bool:
        match value:
            case str():
                return value.strip() in self.texts
            case bool():
                return value in self.booleans
            case int() | float():
                return value in self.numbers
        return False


class _Index(NamedTuple):
    """One entry of an array, by its number from 0."""

    number: int

    def select(self, entries: list[Any]) -> list[Any]:
        return entries[self.number : self.number + 1]


class _Every(NamedTuple):
    """All entries of an array."""

    def select(self, entries: list[Any]) -> list[Any]:
        return entries


class _Condition(NamedTuple):
    """The entries of an array that have a value at a path of names."""

    names: tuple[str, ...]
    wanted: WrittenValues

    def select(self, entries: list[Any]) -> list[Any]:
        return [one for one in entries if value_below(one, self.names) in self.wanted]


_Step: TypeAlias = str | _Index | _Every | _Condition


@dataclass(frozen=True, slots=True)
class Path:
    """`names`: those before the first brackets; `steps`: what follows. `namespace`: that of the identities it leads to,
    in lower case (None: it leads into the profile).
    """

    names: tuple[str, ...]
    steps: tuple[_Step, ...] = ()
    namespace: str | None = None

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what somebody wrote. Raises PathError."""
        steps = list(_steps(text))
        count = next((number for number, one in enumerate(steps) if not isinstance(one, str)), len(steps))
        names = tuple([str(one) for one in steps[:count]])
        if names[0].lower() != _IDENTITIES:
            return cls(names, tuple(steps[count:]))
        if len(names) == 1 or count < len(steps):
            alone = "of several, each is a person as DedupeField, and the first counts elsewhere"
            raise PathError(f"must name the namespace of an identity alone, as in identityMap.email; {alone}")
        return cls(names, (), ".".join(names[1:]).lower())

    @property
    def is_plain(self) -> bool:
        """Whether it is made of names only, and leads into the profile."""
        return self.namespace is None and not self.steps

    @property
    def shape(self) -> tuple[str, ...]:
        """Its names, and `[]` wherever something of an array is chosen; paths of one shape lead to the same attribute.

        An array at the end stands for its values, so that it is of the shape of all of them.
        """
        shape = [*self.names, *(one if isinstance(one, str) else _CHOSEN for one in self.steps)]
        while shape[-1] == _CHOSEN:
            del shape[-1]
        return tuple(shape)

    def values(self, profile: Mapping[str, object]) -> list[object]:
        """Every value there, of an array at the end each; null and `{}` are none."""
        found = [value_below(profile, self.names)]
        for step in self.steps:
            if isinstance(step, str):
                found = [one.get(step) for one in found if isinstance(one, dict)]
            else:
                found = [entry for one in found if isinstance(one, list) for entry in step.select(one)]
        return present([entry for one in found for entry in (one if isinstance(one, list) else [one])])


def value_below(value: Any, names: tuple[str, ...]) -> Any:
    """What is at a path of names below a value, arrays as a whole; None: nothing."""
    try:
        for name in names:
            value = value[name]
    except (KeyError, TypeError):  # Absent, or below what is no object.
        return None
    return value


def present(values: list[Any]) -> list[Any]:
    """Those of several values that are there: blank text counts only if there is nothing else."""
    there = [one for one in values if one is not None and one != {}]
    if len(there) < 2:
        return there
    return [one for one in there if not (isinstance(one, str) and not one.strip())] or there[:1]


def _steps(text: str) -> Iterable[_Step]:
    position = 0
    while True:
        name = _NAME.match(text, position)
        if name is None:
            raise _error("a name is missing", position)
        yield name[0]
        position = name.end()
        while position < len(text) and text[position] == "[":
            selector = _SELECTOR.match(text, position)
            if selector is None:
                forms = "[0], [*], [?primary==true] or [?type=='work']"
                raise _error(f"what the bracket begins is none of {forms}", position)
            yield _selector(selector)
            position = selector.end()
        if position == len(text):
            return
        if text[position] != ".":
            raise _error("a dot is missing", position)
        position += 1


def _selector(found: re.Match[str]) -> _Step:
    if found["index"]:
        return _Index(int(found["index"]))
    if found["every"]:
        return _Every()
    names = tuple(found["names"].split("."))
    if not all(names):
        raise _error("a name is missing in the condition", found.start())
    value = found["value"]
    return _Condition(names, WrittenValues.of([value[1:-1] if value[0] in "'\"" else value]))


def _error(what: str, position: int) -> PathError:
    return PathError(f"{what} at character {position + 1}; write a path such as {EXAMPLES}")


def _read(words: Iterable[str], into: Field) -> frozenset[object]:
    found = set()
    for one in words:
        try:
            found.add(coerce(one, into))
        except InvalidValueError:
            continue
    return frozenset(found)
