"""Files of connections: YAML whose every property knows its line, with values from the environment.

The scalars are those of JSON (YAML 1.2, "JSON Schema"), so that `y`, `no`, `1:30` and dates are strings. `${NAME}` in
a string stands for the environment variable.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from destination.domain.problem import Problem
from destination_client.errors import CommandError

MAX_DEPTH: Final = 32
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Loader(yaml.SafeLoader):
    """Reads the scalars of JSON only."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 (the parent's form)


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", ["t", "f"]),
    ("int", r"-?(?:0|[1-9]\d*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?", list("-0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


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
        placed = [Problem(f"{self.file}:{self._line(one.path)}: {one.path}", one.message) for one in problems]
        return InvalidFileError("The file does not describe a connection", "", placed)

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
        found = [_document(str(file), node) for node in yaml.compose_all(text, _Loader) if node is not None]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InvalidFileError(f"{file} is not YAML", "", [Problem(f"{file}:{line}", str(error.problem))]) from error
    except yaml.YAMLError as error:
        raise InvalidFileError(f"{file} is not YAML", str(error)) from error
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
                return _REFERENCE.sub(lambda found: environment.get(found[1], ""), value)
        return value

    return fill(content, path), problems


def references(text: str) -> list[str]:
    """The environment variables that a string names."""
    return _REFERENCE.findall(text)


def _document(file: str, root: yaml.Node) -> Document:
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    loader = _Loader("")

    def build(node: yaml.Node, path: str, depth: int) -> Any:
        lines.setdefault(path, node.start_mark.line + 1)
        if depth > MAX_DEPTH:
            problems.append(Problem(f"{file}:{lines[path]}: {path[:100]}", "is nested too deeply"))
            return None
        match node:
            case yaml.MappingNode():
                content: dict[str, Any] = {}
                for name, key, value in _properties(node):
                    inner = f"{path}.{name}" if path else name
                    if name in content:
                        line = key.start_mark.line + 1
                        problems.append(Problem(f"{file}:{line}: {inner}", f"is already given in line {lines[inner]}"))
                    lines[inner] = key.start_mark.line + 1
                    content[name] = build(value, inner, depth + 1)
                return content
            case yaml.SequenceNode():
                return [build(one, f"{path}[{index}]", depth + 1) for index, one in enumerate(node.value)]
        return loader.construct_object(node)

    content = build(root, "", 0)
    if not isinstance(content, dict):
        problems.append(Problem(f"{file}:{lines['']}", "must be an object with the properties of a connection"))
    if problems:
        raise InvalidFileError("The file does not describe a connection", "", problems)
    return Document(file, content, lines)


def _properties(node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    for name, value in node.value:
        yield str(name.value), name, value
