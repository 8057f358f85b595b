"""The documents as their readers use them: blocks of commands, each command in them, and whether it exists.

A block of commands has the language `sh` or `bash`. A comment above it says who runs it, so that no command grows old
unnoticed:

    <!-- run by: tests/e2e/test_tutorial.py -->      a test, or several with a comma between
    <!-- not run here: why -->                       what is left of the block can be run by no test
    <!-- incident: its-name -->                      tests/integration/test_incidents.py (testing/runbook.py)
"""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import botocore.session
from botocore import xform_name
from click import Context, Group
from samcli.cli.main import cli as sam_command
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

from destination_client.main import app
from testing.template import ROOT

DOCUMENTS: Final = (
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "simulator/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
)

SHELLS: Final = frozenset({"sh", "bash"})

INCIDENTS: Final = "tests/integration/test_incidents.py"
"""What runs the blocks that end an incident."""

_BLOCK: Final = re.compile(
    r"(?P<notes>(?:^ *<!-- [^\n]* -->\n)*)^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.DOTALL | re.MULTILINE,
)
_NOTE: Final = re.compile(r"<!-- ([\w ]+): (.+) -->")
_INLINE: Final = re.compile(r"`((?:destination|sam|aws) [^`\n]+)`")
_HERE_DOCUMENT: Final = re.compile(r"<<(\w+)\n.*?^ *\1$", re.DOTALL | re.MULTILINE)
_SUBSTITUTED: Final = re.compile(r"\$\(([^()]*)\)")
_PLACEHOLDER: Final = re.compile(r"<[^<>\n]+>")
_ASSIGNMENT: Final = re.compile(r"\w+=")
_FUNCTION: Final = re.compile(r"^\w+\(\) \{.*?\}$", re.DOTALL | re.MULTILINE)

_VALUE: Final = "value"
"""Stands for what a placeholder or a substitution gives."""

_AWS_GLOBAL: Final = frozenset({"query", "output", "region", "profile", "endpoint-url"})
_AWS_OWN: Final = frozenset({"s3", "configure"})
"""Commands of the AWS command line that are no operation of a service."""
_AWS_RENAMED: Final = {"notification-endpoint": "endpoint"}
"""Options that it calls otherwise than the service does."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, the line it begins at, and what the comments above it note: name and content."""

    document: Path
    line: int
    language: str
    text: str
    notes: tuple[tuple[str, str], ...]

    @property
    def place(self) -> str:
        return f"{self.document.relative_to(ROOT)}:{self.line}"

    def noted(self, name: str) -> list[str]:
        return [content for one, content in self.notes if one == name]


def blocks(document: Path) -> Iterator[Block]:
    text = document.read_text()
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        yield Block(document, line, found["language"], found["text"], tuple(_NOTE.findall(found["notes"])))


def inline(document: Path) -> Iterator[str]:
    """The commands that stand in sentences and tables."""
    return iter(_INLINE.findall(_BLOCK.sub("", document.read_text())))


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a block, as a shell splits them, those that are substituted included.

    Left out are what is assigned or redirected, documents that are given in place, and functions.
    """
    for pattern, by in ((_HERE_DOCUMENT, ""), (_FUNCTION, ""), (re.compile(r"\\\n"), " ")):
        text = pattern.sub(by, text)
    for inner in _SUBSTITUTED.findall(text):
        yield from commands(inner)
    for pattern in (_SUBSTITUTED, _PLACEHOLDER):
        text = pattern.sub(_VALUE, text)
    pending = ""
    for line in text.splitlines():
        pending += f"{line}\n"
        try:
            words = _split(pending)
        except ValueError:  # a quotation goes on in the next line
            continue
        pending = ""
        yield from _parts(words)
    assert not pending, f"a quotation has no end: {pending}"


def _split(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return list(lexer)


def _parts(words: Sequence[str]) -> Iterator[list[str]]:
    """The commands of a line."""
    part: list[str] = []
    is_redirected = False
    for word in [*words, ";"]:
        if word and set(word) <= set(";|&()"):
            if part:
                yield part
            part = []
        elif word and set(word) <= set("<>"):
            is_redirected = True
        elif is_redirected:
            is_redirected = False
        elif part or not (_ASSIGNMENT.match(word) or word == "export"):
            part.append(word)


def name_of(command: Sequence[str]) -> str:
    """What a test that runs a command has to mention: the part that tells it from others of its program."""
    place = {"destination": 1, "make": 1, "sam": 1, "aws": 2}.get(command[0], 0)
    return Path(command[min(place, len(command) - 1)]).name


def flaw(command: Sequence[str], *, is_whole: bool) -> str | None:
    """What is wrong with a command of ours or of AWS, by the programs' own definitions; None: nothing is known.

    `is_whole`: it is to be typed as it stands, so that what is required has to be there.
    """
    program, *words = command
    match program:
        case "destination":
            return _flaw_of(_destination(), words, is_whole=is_whole)
        case "sam":
            return _flaw_of_sam(sam_command, words)
        case "aws":
            return _flaw_of_aws(words, is_whole=is_whole)
        case "make":
            unknown = [one for one in words if "=" not in one and one not in targets()]
            return f"no target {unknown}" if unknown else None
    return None


@cache
def targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@cache
def _destination() -> Any:
    return get_command(app)


@cache
def _service(name: str) -> Any:
    return botocore.session.get_session().get_service_model(name)


def _flaw_of(command: Any, words: Sequence[str], context: Any = None, *, is_whole: bool) -> str | None:
    """Of a command of Typer's."""
    context = command.context_class(command, info_name=command.name, parent=context)
    try:
        options, rest, _ = command.make_parser(context).parse_args(args=list(words))
    except TyperException as error:
        return str(error)
    if isinstance(command, TyperGroup):
        name, *others = rest or [""]
        found = command.get_command(context, name)
        if found is None:
            return None if not rest and not is_whole else f"no command {name!r}"
        return _flaw_of(found, others, context, is_whole=is_whole)
    missing = [one.name for one in command.params if _lacks(one, options)]
    if rest:
        return f"takes no {rest}"
    return f"lacks {missing}" if missing and is_whole else None


def _lacks(parameter: Any, options: Mapping[str, Any]) -> bool:
    return parameter.required and not parameter.envvar and options.get(parameter.name) in (None, ())


@cache
def _command_of_sam(group: Group, name: str) -> Any:
    return group.get_command(Context(group, obj=True), name)  # without an object it tells no options


def _flaw_of_sam(command: Any, words: Sequence[str]) -> str | None:
    """What it requires may stand in samconfig.toml, and how many values an option takes it finds out as it goes."""
    name, *others = words or [""]
    if isinstance(command, Group) and name and not name.startswith("-"):
        found = _command_of_sam(command, name)
        return f"no command {name!r}" if found is None else _flaw_of_sam(found, others)
    known = {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
    unknown = [one for one in words if one.startswith("-") and one not in known]
    return f"No such option: {unknown}" if unknown else None


def _flaw_of_aws(words: Sequence[str], *, is_whole: bool) -> str | None:
    service, *words = words
    if service in _AWS_OWN:
        return None
    model = _service(service)
    operations = {xform_name(one, "-"): one for one in model.operation_names}
    name, *words = words or [""]
    if name not in operations:
        return f"{service} has no {name!r}"
    shape: Any = model.operation_model(operations[name]).input_shape
    members: Mapping[str, Any] = {xform_name(one, "-"): shape.members[one] for one in shape.members}
    options = {one.removeprefix("--") for one in words if one.startswith("--")} - _AWS_GLOBAL
    given = {_AWS_RENAMED.get(one, one) for one in options}
    unknown = {
        one for one in given - members.keys() if members.get(one.removeprefix("no-"), shape).type_name != "boolean"
    }
    missing = {xform_name(one, "-") for one in shape.required_members} - given
    if unknown:
        return f"{name} has no {sorted(unknown)}"
    return f"{name} lacks {sorted(missing)}" if missing and is_whole else None
