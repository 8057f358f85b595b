"""Files of connections: YAML whose every property knows its line, with values from the environment.

The scalars are those of JSON (YAML 1.2, "JSON Schema"), so that `y`, `no`, `1:30` and dates are strings. `${NAME}` in
a string stands for the environment variable, `$${NAME}` for `${NAME}`.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from destination.domain.problem import Problem
from destination_client.errors import CommandError

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 500_000
"""In a document, those of an alias counted wherever it stands: a few lines of aliases of aliases can mean billions."""

MERGE: Final = "<<"
"""YAML 1.1's key that takes over the properties of another object, which YAML 1.2 does not have."""

REFUSED: Final = "The file cannot be applied"
_DIGITS: Final = 300
"""Of a whole number; with more a double has no room for it (IEEE 754), and Python does not read just any (`int`)."""

_REFERENCE: Final = re.compile(r"\$(\$?)\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""With a second `$` before it, it is what stands there without that one."""

JSON_SCALARS: Final = (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(?:0|[1-9]\d*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", list("-0123456789")),
)
"""The tag of each kind, how it is written, and how that begins."""


_TAGS: Final = "tag:yaml.org,2002:"
"""What the tags of YAML's own begin with."""


class _Loader(yaml.SafeLoader):
    """Reads the scalars of JSON only."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (the parent's form)


for _tag, _pattern, _first in JSON_SCALARS:
    _Loader.add_implicit_resolver(f"{_TAGS}{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


class InvalidFileError(CommandError):
    """A file that does not say what it is meant to; each problem is named with its line."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: an object, and the line of each of its properties by path, as in `mapping[0].source`."""

    file: str
    content: Mapping[str, Any]
    lines: Mapping[str, int]

    def refused(self, problems: Sequence[Problem]) -> InvalidFileError:
        """The error that says what is wrong, and in which lines."""
        return InvalidFileError(REFUSED, "", self.placed(problems))

    def placed(self, problems: Sequence[Problem]) -> list[Problem]:
        """What is wrong, in the order of the lines in which it stands; each is told once."""
        lines = {one: self._line(one.path) for one in problems}
        return [
            Problem(f"{self.file}:{line}: {one.path}", one.message)
            for one, line in sorted(lines.items(), key=lambda each: each[1])
        ]

    def _line(self, path: str) -> int:
        """The line of the property, else of the nearest one that it would be in."""
        while path not in self.lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.lines[path]


def read(file: Path) -> list[Document]:
    """The documents of a file. Raises CommandError when it cannot be read, InvalidFileError when it is not YAML."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read", str(error)) from error
    try:
        found = [_document(str(file), node) for node in yaml.compose_all(text, _Loader) if not _is_empty(node)]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidFileError(f"{file} is not YAML", "", [Problem(f"{file}:{line}", str(error.problem))]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        told = f"has the character U+{int(error.character):04X}, which YAML does not allow"
        raise InvalidFileError(f"{file} is not YAML", "", [Problem(f"{file}:{line}", told)]) from error
    except RecursionError as error:  # of PyYAML, which reads what is within by calling itself
        raise InvalidFileError(f"{file} cannot be read", "It is nested too deeply.") from error
    if not found:
        raise InvalidFileError(f"{file} is empty")
    return found


def filled(content: Any, environment: Mapping[str, str], path: str = "") -> tuple[Any, list[Problem]]:
    """Content with the environment's values in place of references, and what is not set."""
    problems: list[Problem] = []

    def fill(value: Any, path: str) -> Any:
        match value:
            case dict():
                return {name: fill(one, f"{path}.{name}" if path else name) for name, one in value.items()}
            case list():
                return [fill(one, f"{path}[{index}]") for index, one in enumerate(value)]
            case str():
                problems.extend(
                    Problem(path, f"the environment variable {name} is not set")
                    for name in references(value)
                    if name not in environment
                )
                return _REFERENCE.sub(lambda found: found[0][1:] if found[1] else environment.get(found[2], ""), value)
        return value

    return fill(content, path), problems


def references(text: str) -> list[str]:
    """The environment variables that a string names."""
    return [name for escaped, name in _REFERENCE.findall(text) if not escaped]


def literal(content: Any) -> Any:
    """Content that `filled` makes what it is now: what looks like a reference was somebody's text."""
    match content:
        case dict():
            return {name: literal(one) for name, one in content.items()}
        case list():
            return [literal(one) for one in content]
        case str():
            return _REFERENCE.sub(lambda found: f"${found[0]}", content)
    return content


def _is_empty(node: yaml.Node | None) -> bool:
    """Whether there is nothing, or only comments, between two `---`."""
    return node is None or (isinstance(node, yaml.ScalarNode) and not node.value and node.tag == f"{_TAGS}null")


def _document(file: str, root: yaml.Node) -> Document:
    building = _Building(file)
    content = building.value(root, "")
    if not isinstance(content, dict):
        building.refuse(root, "", "must be an object with the properties of a connection")
    if building.problems:
        raise InvalidFileError(REFUSED, "", building.problems)
    return Document(file, content, building.lines)


class _Building:
    """Makes a document of its nodes, and notes in which line each property stands and what is wrong."""

    def __init__(self, file: str) -> None:
        self.lines: dict[str, int] = {}
        self.problems: list[Problem] = []
        self._file = file
        self._values = 0

    def refuse(self, node: yaml.Node, path: str, message: str) -> None:
        place = f"{self._file}:{node.start_mark.line + 1}"
        self.problems.append(Problem(f"{place}: {path[:100]}" if path else place, message))

    def value(self, node: yaml.Node, path: str, depth: int = 0) -> Any:
        """What a node says. Raises InvalidFileError when there is no end of values."""
        self.lines.setdefault(path, node.start_mark.line + 1)
        self._values += 1
        if self._values > MAX_VALUES:
            raise InvalidFileError(f"{self._file} cannot be read", f"A document has more than {MAX_VALUES:,} values.")
        if depth > MAX_DEPTH:
            self.refuse(node, path, "is nested too deeply")
            return None
        match node:
            case yaml.MappingNode():
                return self._object(node, path, depth)
            case yaml.SequenceNode():
                return [self.value(one, f"{path}[{index}]", depth + 1) for index, one in enumerate(node.value)]
        return self._scalar(node, path)

    def _object(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Any]:
        content: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.refuse(key, path, "has a property whose name is no string")
                continue
            name = str(key.value)
            inner = f"{path}.{name}" if path else name
            if name == MERGE:
                self.refuse(key, inner, "is not read: write out the properties it stands for")
                continue
            if name in content:
                self.refuse(key, inner, f"is already given in line {self.lines[inner]}")
            self.lines[inner] = key.start_mark.line + 1
            content[name] = self.value(value, inner, depth + 1)
        return content

    def _scalar(self, node: yaml.Node, path: str) -> Any:
        """A tag (`!!int`) may be written where it says what is so without it."""
        if node.tag == f"{_TAGS}str":
            return node.value
        if node.tag != f"{_TAGS}{_kind(node.value)}":
            tag = node.tag.replace(_TAGS, "!!")
            self.refuse(node, path, f"has the tag {tag}, which does not fit its value; leave the tag out")
            return None
        try:
            return _of_json(node.value)
        except OverflowError:
            self.refuse(node, path, "is too large a number")
            return None


def _kind(text: str) -> str | None:
    """Of a scalar that is not quoted; None: a string."""
    return next((kind for kind, pattern, _ in JSON_SCALARS if re.fullmatch(pattern, text)), None)


def _of_json(text: str) -> Any:
    """A scalar that is no string, from how it is written. Raises OverflowError for a number that nobody can mean."""
    match _kind(text):
        case "null":
            return None
        case "bool":
            return text == "true"
        case "int" if len(text) <= _DIGITS:
            return int(text)
    if math.isinf(number := float(text)):
        raise OverflowError
    return number
