"""What people see: text that somebody typed shows as it is, does nothing, and goes nowhere else."""

import ast
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from destination.domain.problem import Problem
from destination_client import render
from destination_client.errors import CommandError

WIDTH = 40
TRICKY = [
    "urn:id:x :heart:",
    "[bold]a[/bold] [/x] [link=x]",
    "back\\slash\\",
    "2026-99-99T00:00:00Z",
    "0001-01-01T00:00:00Z",
]
"""What the library for terminals, or a reading as time, would make something else of."""


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One in which the first times that there are have no local form."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def console(monkeypatch: pytest.MonkeyPatch, name: str, *, terminal: bool) -> Callable[[], str]:
    """What the stream of this name shows, written to a terminal or not."""
    stream = io.StringIO()
    of = getattr(render, name)
    shown = Console(file=stream, force_terminal=terminal, color_system=None, highlight=False, emoji=of._emoji)
    shown.soft_wrap = of.soft_wrap
    shown.width = WIDTH
    monkeypatch.setattr(render, name, shown)
    return stream.getvalue


@pytest.mark.parametrize("name", TRICKY)
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_what_somebody_typed_shows_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, terminal: bool
) -> None:
    said, told = (console(monkeypatch, stream, terminal=terminal) for stream in ("out", "err"))
    render.text(name)
    assert said() == f"{name}\n"
    render.table(("a", "b"), [(name, "x")])
    row = (said() + capsys.readouterr().out).splitlines()[-1]
    assert row.replace("\t", " ").rstrip().removesuffix("x").rstrip() == name
    render.note(name)
    render.error(CommandError(name, name, [Problem(name, name)]))
    assert told() == f"{name}\nerror: {name}\n{name}\n  {name}: {name}\n"
    with render.progress(name, 3) as bar:
        bar.advance()
    assert not terminal or told().count(name) > len([name, name, name])


@pytest.mark.parametrize("name", TRICKY)
def test_json_is_what_came(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said = console(monkeypatch, "out", terminal=False)
    render.as_json({name: [name]})
    assert json.loads(said()) == {name: [name]}


@pytest.mark.parametrize("mark", ["\x1b", "\x07", "\x9b", "\u202e", "\u2066", "\u2028"])
def test_a_terminal_obeys_nothing_of_it(monkeypatch: pytest.MonkeyPatch, mark: str) -> None:
    said, told = (console(monkeypatch, stream, terminal=True) for stream in ("out", "err"))
    name = f"a{mark}[31mb"
    render.text(name)
    render.table(("a", "b"), [(name, "x")])
    render.as_json(name)
    render.note(name)
    render.error(CommandError(name, name, [Problem(name, name)]))
    with render.progress(name):
        pass
    ours = r"\x1b\[(?:\?25[lh]|2K|1A)"  # the bar hides the cursor, and goes away
    assert mark not in re.sub(ours, "", said() + told())
    assert json.loads(said()[said().index('"') :]) == name


def test_what_an_error_says_of_times_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    told = console(monkeypatch, "err", terminal=False)
    render.error(CommandError("Paused", "Try again at 2026-11-21T10:00:00Z."))
    assert "2026-11-21T05:00:00-05:00." in told()


def test_a_line_of_wide_characters_is_broken_where_the_terminal_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    said = console(monkeypatch, "out", terminal=True)
    words = ["\N{HIRAGANA LETTER A}" * 7] * 6
    render.text("  to do:", *words)
    render.text("\nnext")
    lines = said().splitlines()
    assert max(map(cell_len, lines)) <= WIDTH
    assert said().split() == ["to", "do:", *words, "next"]
    assert lines[-2:] == ["", "next"]


def test_an_encoding_without_the_character_shows_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr("sys.stdout", stream)
    render.in_any_encoding()
    render.text("\N{LOWER ONE EIGHTH BLOCK}")
    render.table(("a",), [("\N{LOWER ONE EIGHTH BLOCK}",)])
    render.as_json("\xe9")
    stream.seek(0)
    assert stream.read().split() == ["\\u2581", "a", "\\u2581", '"\\u00e9"']


@pytest.mark.parametrize("width", [200, 80, 40, 20])
def test_a_table_of_any_script_keeps_to_the_terminal_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    said = console(monkeypatch, "out", terminal=True)
    render.out.width = width
    wide = "\N{HIRAGANA LETTER A}" * 60
    hebrew = "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET} " * 9
    emoji = "\N{WAVING WHITE FLAG}\ufe0f\N{ZERO WIDTH JOINER}\N{RAINBOW} \N{COMBINING ACUTE ACCENT}"
    render.table(("id", "name", "status"), [("0" * 36, wide, "enabled"), ("1" * 36, hebrew, "x"), ("2", emoji, "\\")])
    assert max(map(cell_len, said().splitlines())) <= width
    shown = "".join(said().split())
    for one in ("0", "1", "\N{HIRAGANA LETTER A}", "\N{HEBREW LETTER ALEF}", "\N{RAINBOW}"):
        assert shown.count(one) == ("0" * 36 + "1" * 36 + wide + hebrew + emoji).count(one)


@pytest.mark.parametrize(
    ("number", "words", "shown"),
    [
        (0, ["event"], "0 events"),
        (1, ["event"], "1 event"),
        (2, ["event"], "2 events"),
        (1, ["row of the ledger", "rows of the ledger"], "1 row of the ledger"),
        (2, ["row of the ledger", "rows of the ledger"], "2 rows of the ledger"),
    ],
)
def test_a_number_stands_with_its_noun(number: int, words: list[str], shown: str) -> None:
    assert render.counted(number, *words) == shown


def test_no_text_writes_the_noun_of_any_number_itself() -> None:
    """`1 events`: a number stands behind its noun, or `counted` says both."""
    nouns = re.compile(r" (dead letters|events|leads|letters|people|rows|times)\b")
    found = [
        f"{file.name}:{text.lineno}"
        for file in sorted(Path(render.__file__).parent.glob("*.py"))
        for text in ast.walk(ast.parse(file.read_text()))
        if isinstance(text, ast.JoinedStr)
        for before, part, after in zip([None, *text.values], text.values, text.values[1:], strict=False)
        if isinstance(part, ast.FormattedValue) and isinstance(after, ast.Constant) and nouns.match(str(after.value))
        if not (isinstance(before, ast.Constant) and str(before.value).endswith(" of "))  # some of a number
    ]
    assert found == []
