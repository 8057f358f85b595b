"""What a person sees. Answers go to standard output, progress and errors to standard error.

Colours, boxes and progress are for terminals only; elsewhere tables are lines with tabs, for other programs to cut.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import typer
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

_STYLES = {
    **dict.fromkeys(("enabled", "ok", "resolved", "completed"), "green"),
    **dict.fromkeys(("blocked", "deleting", "failed", "triggered"), "red"),
}


def text(*parts: object, style: str | None = None) -> None:
    """A line of the answer."""
    out.print(" ".join(map(str, parts)), style=style, markup=False)


def note(*parts: object, style: str | None = "dim") -> None:
    """A line about the work."""
    err.print(" ".join(map(str, parts)), style=style, markup=False)


def as_json(content: object) -> None:
    out.print(json.dumps(content, indent=2, ensure_ascii=False), markup=False)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows under their columns; None is a dash."""
    shown = [[_cell(value) for value in row] for row in rows]
    if not out.is_terminal:
        for row in [columns, *shown]:
            typer.echo("\t".join(" ".join(cell.split()) for cell in row))  # rich makes spaces of tabs
        return
    made = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in shown:
        made.add_row(*(f"[{_STYLES[cell]}]{cell}[/]" if cell in _STYLES else escape(cell) for cell in row))
    out.print(made, soft_wrap=False)


def properties(content: Mapping[str, object]) -> None:
    """One thing: its properties by name, those of its objects by path."""
    table(("property", "value"), _flat(content))


def error(refused: CommandError) -> None:
    """Why the command ended: title, detail, and what is wrong where."""
    err.print(f"error: {refused.title}", style="bold red", markup=False)
    if refused.detail:
        err.print(refused.detail, style="red", markup=False)
    for problem in refused.problems:
        err.print(f"  {problem.path}: {problem.message}".replace("  : ", "  "), style="red", markup=False)


@contextmanager
def progress(doing: str, total: int | None = None) -> Iterator["Bar"]:
    """A bar, where somebody looks at it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as shown:
        yield Bar(shown, doing, total)


class Bar:
    def __init__(self, shown: Progress, doing: str, total: int | None) -> None:
        self._shown = shown
        self._task = shown.add_task(doing, total=total)

    def advance(self, by: int = 1) -> None:
        self._shown.advance(self._task, by)


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
