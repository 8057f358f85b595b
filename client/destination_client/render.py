"""What a person sees. Answers go to standard output, progress and errors to standard error.

Colours, boxes and progress are for terminals only; elsewhere tables are lines with tabs, for other programs to cut.
Times are local ones with their zone; only `as_json` has them as the interface gives them.
"""

import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import TextIOWrapper
from typing import Any, Final, TypeVar

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from destination_client.errors import CommandError
from destination_client.plan import (
    Activate,
    Change,
    ChangeAudience,
    Create,
    Deactivate,
    Difference,
    Disable,
    Enable,
    GiveCredentials,
    Step,
)

Each = TypeVar("Each")

out = Console(highlight=False, soft_wrap=True, emoji=False)
err = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

RECORD: Final = 2
"""A table of so many columns has names and values, which need no other form where room is scarce."""

_DIRECTIONS: Final = (*range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Line separators and marks that turn the order of what follows (Unicode Standard Annex 9, 2)."""
_CONTROLS: Final = [one for one in (*range(32), *range(127, 160), *_DIRECTIONS) if chr(one) not in "\n\t"]
"""Characters that terminals obey (ECMA-48, 5): what somebody typed into a form is shown to people, and does nothing."""
_HARMLESS: Final = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_ESCAPED: Final = {one: f"\\u{one:04x}" for one in _CONTROLS}

_TIME: Final = re.compile(r"(?<!\S)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z(?![^\s,;.)])")
"""As the interface writes times; the ids of runs have no seconds, and stay as they are."""

_CALL: Final = re.compile(r"\bthe call marketo/([a-z-]+)")

INDENT: Final = 4
"""Of what a line goes on with, in characters more than the line's own."""

GAP: Final = 2
"""Spaces between columns."""

_STYLES = {
    **dict.fromkeys(("enabled", "ok", "resolved", "completed"), "green"),
    **dict.fromkeys(("blocked", "deleting", "failed", "triggered"), "red"),
}


def text(*parts: object, style: str | None = None) -> None:
    """A line of the answer."""
    _line(localised(" ".join(map(str, parts))), style)


def _line(content: str, style: str | None) -> None:
    shown = plain(content)
    if out.is_terminal:
        shown = "\n".join(_folded(one, out.width) for one in shown.split("\n"))
    out.print(shown, style=style, markup=False)


def _folded(line: str, width: int) -> str:
    """A line broken between words, which goes on a little further in; wide characters count as what they take up."""
    if cell_len(line) <= width:
        return line
    indent = " " * (len(line) - len(line.lstrip()))
    first, *words = line.split()
    lines = [indent + first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if cell_len(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(" " * INDENT + indent + word)
    return "\n".join(lines)


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun; `many`: the noun of any number but one, where it is not `one` with an s."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def localised(content: str) -> str:
    """Text for people: times are local ones, in a form that options take too (2026-11-21T11:00:00+01:00), and a call of
    the interface that it names is the command that makes it.
    """
    return _CALL.sub(r"`destination choices CONNECTION \1`", _TIME.sub(lambda found: _local(found[0]), content))


def _local(time: str) -> str:
    try:
        local = datetime.fromisoformat(time).astimezone()
    except (ValueError, OverflowError):  # looks like a time, and is somebody's text
        return time
    return local.isoformat(timespec="seconds").replace("+00:00", "Z")


def note(*parts: object, style: str | None = "dim") -> None:
    """A line about the work."""
    err.print(plain(localised(" ".join(map(str, parts)))), style=style, markup=False)


def as_json(content: object) -> None:
    is_ascii = not out.encoding.startswith("utf")
    out.print(json.dumps(content, indent=2, ensure_ascii=is_ascii).translate(_ESCAPED), markup=False)


def in_any_encoding() -> None:
    """Show as an escape what the encoding of a stream has no character for, in place of ending there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    beside: Collection[str] = (),
    wide: bool = True,
) -> None:
    """Rows under their columns; None is a dash. `beside`: columns that a terminal shows only if it is to be wide."""
    shown = [[plain(localised(_cell(value))) for value in row] for row in rows]
    if out.is_terminal and not wide:
        kept = [place for place, name in enumerate(columns) if name not in beside]
        columns = [columns[place] for place in kept]
        shown = [[row[place] for place in kept] for row in shown]
    if not out.is_terminal:
        for row in [columns, *shown]:
            typer.echo("\t".join(" ".join(cell.split()) for cell in row))  # rich makes spaces of tabs
        return
    cells = list(zip(columns, *shown, strict=True))
    if len(columns) > RECORD and _width(map(_longest_word, cells)) > out.width:
        _records(columns, shown)
    else:
        out.print(_grid(cells, shown), soft_wrap=False)


def _records(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Every row as a table of its own: where there is no room for its words side by side."""
    for place, row in enumerate(rows):
        if place:
            text()
        table(("", ""), zip(columns, row, strict=True))


def _grid(cells: Sequence[Sequence[str]], rows: Sequence[Sequence[str]]) -> Table:
    """A table of columns, each with its heading first. Where room is scarce, sentences give way, and words do not."""
    made = Table(box=None, header_style="bold", pad_edge=False, show_header=any(heading for heading, *_ in cells))
    for column, width in zip(cells, _widths(cells, out.width), strict=True):
        made.add_column(column[0], width=width, overflow="fold")
    for row in rows:
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return made


def _widths(cells: Sequence[Sequence[str]], room: int) -> list[int | None]:
    """Of each column at least its longest word; what is left goes to those that lack the least first, so that few wrap.

    None where there is not even room for the words.
    """
    least, most = [_longest_word(column) for column in cells], [max(map(cell_len, column)) for column in cells]
    spare = room - _width(least)
    if spare < 0:
        return [None] * len(cells)
    widths = list(least)
    wanting = sorted(range(len(cells)), key=lambda place: most[place] - least[place])
    for number, place in enumerate(wanting):
        given = min(most[place] - least[place], spare // (len(wanting) - number))
        widths[place] += given
        spare -= given
    return list(widths)


def _longest_word(cells: Sequence[str]) -> int:
    return max((cell_len(word) for cell in cells for word in cell.split()), default=0)


def _width(columns: Iterable[int]) -> int:
    """Of a table with columns of these widths, in characters."""
    widths = list(columns)
    return sum(widths) + GAP * (len(widths) - 1)


def properties(content: Mapping[str, object]) -> None:
    """One thing: its properties by name, those of its objects by path."""
    table(("property", "value"), _flat(content))


def error(refused: CommandError) -> None:
    """Why the command ended: title, detail, and what is wrong where."""
    note(f"error: {refused.title}", style="bold red")
    if refused.detail:
        note(refused.detail, style="red")
    for problem in refused.problems:
        told = f"  {problem.path}: {problem.message}".replace("  : ", "  ")
        note(told, style="red")


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator["Bar"]:
    """A bar, where somebody looks at it."""
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        yield Bar(shown, doing, total)


class Bar:
    def __init__(self, shown: Progress, doing: str, total: int | None) -> None:
        self._shown = shown
        self._done = 0
        self._task = shown.add_task(plain(doing), total=total)

    def advance(self, by: int = 1, *, left: int | None = None) -> None:
        """`left`: how many there are to go, where that is not known from the beginning."""
        self._shown.advance(self._task, by)
        if left is not None:
            self._done += by
            self._shown.update(self._task, total=self._done + left)

    def following(self, each: Iterable[Each]) -> list[Each]:
        """All of them, as they come."""
        found = []
        for one in each:
            found.append(one)
            self.advance()
        return found


def step(taken: Step) -> None:
    """A step of a plan: + makes, ~ changes, - takes away."""
    match taken:
        case Create(properties):
            rows = len(properties.get("mapping") or ())
            _line(f"  + create the connection, {rows} mapping rows", "green")
        case Change(differences=found):
            _differences(found, "    ")
        case GiveCredentials():
            _line("  ~ give the credentials", "yellow")
        case Activate(audience, content):
            _line(f"  + activate audience {audience}, {content.get('name')}", "green")
        case ChangeAudience(audience, differences=found):
            _line(f"  ~ audience {audience}", "yellow")
            _differences(found, "      ")
        case Deactivate(audience=audience):
            _line(f"  - deactivate audience {audience}", "red")
        case Enable():
            _line("  ~ enable", "yellow")
        case Disable():
            _line("  ~ disable", "yellow")


def _differences(found: Sequence[Difference], indent: str) -> None:
    for one in found:
        if isinstance(one.before, list) or isinstance(one.after, list):
            _line(f"{indent[2:]}~ {one.path}", "yellow")
            for gone in one.before or ():
                _line(f"{indent}- {_cell(gone)}", "red")
            for new in one.after or ():
                _line(f"{indent}+ {_cell(new)}", "green")
        else:
            _line(f"{indent[2:]}~ {one.path}: {_cell(one.before)} -> {_cell(one.after)}", "yellow")


def plain(shown: str) -> str:
    """Text of which a terminal obeys nothing."""
    return shown.translate(_HARMLESS)


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name}: {_cell(one)}" for name, one in value.items() if one not in (None, [], {}))
        case list() | tuple():
            return "; ".join(_cell(one) for one in value) or "-"
    return str(value)


def _flat(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, object]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            yield from ((f"{path}{name}[{index}]", one) for index, one in enumerate(value))
        else:
            yield f"{path}{name}", value
