"""What a person sees. Answers go to standard output, progress and errors to standard error.

Colours, boxes and progress are for terminals only; elsewhere tables are lines with tabs, for other programs to cut.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

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

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

RECORD: Final = 2
"""A table of so many columns has names and values, which need no other form where room is scarce."""

_CONTROLS: Final = [one for one in (*range(32), *range(127, 160)) if chr(one) not in "\n\t"]
"""Characters that terminals obey (ECMA-48, 5): what somebody typed into a form is shown to people, and does nothing."""
_HARMLESS: Final = dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}")
_ESCAPED: Final = {one: f"\\u{one:04x}" for one in _CONTROLS}

GAP: Final = 2
"""Spaces between columns."""

_STYLES = {
    **dict.fromkeys(("enabled", "ok", "resolved", "completed"), "green"),
    **dict.fromkeys(("blocked", "deleting", "failed", "triggered"), "red"),
}


def text(*parts: object, style: str | None = None) -> None:
    """A line of the answer."""
    out.print(_plain(" ".join(map(str, parts))), style=style, markup=False)


def note(*parts: object, style: str | None = "dim") -> None:
    """A line about the work."""
    err.print(_plain(" ".join(map(str, parts))), style=style, markup=False)


def as_json(content: object) -> None:
    out.print(json.dumps(content, indent=2, ensure_ascii=False).translate(_ESCAPED), markup=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their columns; None is a dash."""
    shown = [[_plain(_cell(value)) for value in row] for row in rows]
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
    scarce = _width(max(map(cell_len, column)) for column in cells) > out.width
    for heading, *column in cells:
        of_words = not any(" " in cell for cell in column)
        width = _longest_word([heading, *column]) if scarce and of_words and len(cells) > RECORD else None
        made.add_column(heading, width=width, overflow="fold")
    for row in rows:
        made.add_row(*(f"[{_STYLES[cell]}]{cell}[/]" if cell in _STYLES else escape(cell) for cell in row))
    return made


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
    err.print(f"error: {refused.title}", style="bold red", markup=False)
    if refused.detail:
        err.print(_plain(refused.detail), style="red", markup=False)
    for problem in refused.problems:
        told = f"  {problem.path}: {problem.message}".replace("  : ", "  ")
        err.print(_plain(told), style="red", markup=False)


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator["Bar"]:
    """A bar, where somebody looks at it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        yield Bar(shown, doing, total)


class Bar:
    def __init__(self, shown: Progress, doing: str, total: int | None) -> None:
        self._shown = shown
        self._done = 0
        self._task = shown.add_task(doing, total=total)

    def advance(self, by: int = 1, *, left: int | None = None) -> None:
        """`left`: how many there are to go, where that is not known from the beginning."""
        self._shown.advance(self._task, by)
        if left is not None:
            self._done += by
            self._shown.update(self._task, total=self._done + left)


def step(taken: Step) -> None:
    """A step of a plan: + makes, ~ changes, - takes away."""
    match taken:
        case Create(properties):
            rows = len(properties.get("mapping") or ())
            text(f"  + create the connection, {rows} mapping rows", style="green")
        case Change(differences=found):
            _differences(found, "    ")
        case GiveCredentials():
            text("  ~ give the credentials", style="yellow")
        case Activate(audience, content):
            text(f"  + activate audience {audience}, {content.get('name')}", style="green")
        case ChangeAudience(audience, differences=found):
            text(f"  ~ audience {audience}", style="yellow")
            _differences(found, "      ")
        case Deactivate(audience=audience):
            text(f"  - deactivate audience {audience}", style="red")
        case Enable():
            text("  ~ enable", style="yellow")
        case Disable():
            text("  ~ disable", style="yellow")


def _differences(found: Sequence[Difference], indent: str) -> None:
    for one in found:
        if isinstance(one.before, list) or isinstance(one.after, list):
            text(f"{indent[2:]}~ {one.path}", style="yellow")
            for gone in one.before or ():
                text(f"{indent}- {_cell(gone)}", style="red")
            for new in one.after or ():
                text(f"{indent}+ {_cell(new)}", style="green")
        else:
            text(f"{indent[2:]}~ {one.path}: {_cell(one.before)} -> {_cell(one.after)}", style="yellow")


def _plain(shown: str) -> str:
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
