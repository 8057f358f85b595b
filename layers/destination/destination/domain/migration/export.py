"""An export of a legacy dataflow as people have it: which objects are in it, and what of them nobody read.

Source: Experience Platform, Flow Service API (flows, target connections, base connections) and Data Prep API (mapping
sets). Its lists are wrapped in `items`; the names under which people put the objects together are their own, so objects
are told by what they have in them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from destination.domain.problem import ConfigurationError, Problem
from destination.domain.text import without_hidden

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 100_000
"""A dataflow of 250 audiences, Adobe's own limit, has some 5,000."""

MAX_NAME_LENGTH: Final = 100
"""How much of a property's name is shown; the names are those of the export, and may be of any length."""

_WRAPPERS: Final = 4
"""How deep an object may be wrapped: a list of pages of `items`, under a name."""

_EMPTY: Final[tuple[object, ...]] = (None, "", [], {})


class Kind(Enum):
    FLOW = auto()
    TARGET_CONNECTION = auto()
    BASE_CONNECTION = auto()
    SOURCE_CONNECTION = auto()
    MAPPING_SET = auto()


@dataclass(frozen=True, slots=True)
class _Marks:
    """Which values were read, and which were looked into; by their place in the export."""

    read: set[tuple[str | int, ...]] = field(default_factory=set)
    opened: set[tuple[str | int, ...]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Node:
    """A value in the export. What is taken from it is remembered, so that the rest can be told."""

    value: object
    steps: tuple[str | int, ...] = ()
    marks: _Marks = field(default_factory=_Marks)

    def __getitem__(self, name: str) -> "Node":
        """A property; one that is not there has the value None."""
        self.marks.opened.add(self.steps)
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return Node(value, (*self.steps, name), self.marks)

    def properties(self) -> "Iterator[tuple[str, Node]]":
        for name in self.value if isinstance(self.value, dict) else ():
            yield name, self[name]

    def entries(self) -> "list[Node]":
        """The entries of a list; an object where a list is expected stands for a list of one."""
        if isinstance(self.value, dict):
            return [self]
        if not isinstance(self.value, list):
            return []
        self.marks.opened.add(self.steps)
        return [Node(value, (*self.steps, index), self.marks) for index, value in enumerate(self.value)]

    def inner(self) -> "list[Node]":
        """The values of an object or a list; others have none."""
        return [child for _, child in self.properties()] if isinstance(self.value, dict) else self.entries()

    def leaves(self) -> "Iterator[Node]":
        """Every value below, or this one, that holds no other."""
        inner = self.inner()
        if not inner:
            yield self
        for child in inner:
            yield from child.leaves()

    def take(self) -> object:
        """The value, which counts as read with all that is in it."""
        self.marks.read.add(self.steps)
        return self.value

    def text(self) -> str | None:
        """The value if it is a string that is not empty, or a whole number; anything else stays unread."""
        if isinstance(self.value, str | int) and not isinstance(self.value, bool):
            return without_hidden(str(self.take())).strip() or None
        return None

    def skip(self, *names: str) -> None:
        """Properties that say nothing about a connection."""
        for name in names:
            self[name].take()

    @property
    def path(self) -> str:
        path = ""
        for step in self.steps:
            path += f"[{step}]" if isinstance(step, int) else f".{without_hidden(step)[:MAX_NAME_LENGTH]}"
        return path.removeprefix(".")

    def unread(self) -> "Iterator[Node]":
        """The outermost values that were not read, those that hold nothing left out."""
        if self.steps in self.marks.read or self.value in _EMPTY:
            return
        if self.steps not in self.marks.opened:
            yield self
            return
        for child in self.inner():
            yield from child.unread()


def read_export(content: object) -> Node:
    """Raises ConfigurationError when it is too large to be the export of a dataflow."""
    count, level = 0, [content]
    for _ in range(MAX_DEPTH):
        count += len(level)
        level = [inner for value in level for inner in _inner(value)]
        if count + len(level) > MAX_VALUES:
            raise ConfigurationError(
                [Problem("", f"must have at most {MAX_VALUES:,} values; send one dataflow at a time")]
            )
    if level:
        message = f"must nest at most {MAX_DEPTH} levels deep; send what Flow Service answered, as it is"
        raise ConfigurationError([Problem("", message)])
    return Node(content)


def objects(root: Node) -> dict[Kind, list[Node]]:
    """The objects of the export by what they are, however they are wrapped."""
    found: dict[Kind, list[Node]] = {kind: [] for kind in Kind}
    _find(root, found, _WRAPPERS)
    return found


def _find(node: Node, found: dict[Kind, list[Node]], wrappers: int) -> None:
    if kind := _kind_of(node):
        found[kind].append(node)
    elif wrappers:
        for child in node.inner():
            _find(child, found, wrappers - 1)


def _kind_of(node: Node) -> Kind | None:
    properties = node.value.keys() if isinstance(node.value, dict) else ()
    name = str(node.steps[-1]).lower() if node.steps else ""
    has_parameters = "params" in properties
    signs = {
        Kind.FLOW: "transformations" in properties or "flowSpec" in properties,
        Kind.MAPPING_SET: "mappings" in properties,
        Kind.SOURCE_CONNECTION: "typeInfo" in properties,
        Kind.TARGET_CONNECTION: "baseConnectionId" in properties or (has_parameters and "target" in name),
        Kind.BASE_CONNECTION: "auth" in properties or (has_parameters and "base" in name),
    }
    return next((kind for kind, is_one in signs.items() if is_one), None)


def _inner(value: object) -> "list[object]":
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
