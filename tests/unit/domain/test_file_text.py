"""Rows of files, however they are written, packed and cut: bounded in memory, and a bad one costs itself."""

import csv
import gzip
import io
import json
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from destination.domain import file_text
from destination.domain.file import FileCode
from destination.domain.file_form import FileForm, FileFormat
from destination.domain.file_text import BadRow, FileBrokenError, rows

CSV, JSON = FileForm(FileFormat.CSV), FileForm(FileFormat.JSON)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "iso-8859-1", "windows-1252"]


def read(content: bytes, form: FileForm = CSV, size: int = 7) -> list[Any]:
    """The rows of a file that comes in chunks, and the code that it broke off with, if it did."""
    found: list[Any] = []
    try:
        found += rows((content[at : at + size] for at in range(0, len(content), size)), form)
    except FileBrokenError as broken:
        found.append(broken.code)
    return found


def seen(content: Iterable[bytes], form: FileForm = CSV) -> list[Any]:
    """What was read before the file broke off, with the code."""
    found: list[Any] = []
    try:
        for row in rows(content, form):
            found.append(row)  # noqa: PERF402 - what was read before an error counts
    except FileBrokenError as broken:
        found.append(broken.code)
    return found


def chunked(content: bytes, size: int) -> Iterator[bytes]:
    yield from (content[at : at + size] for at in range(0, len(content), size))


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=6)


@given(TABLES, st.sampled_from(",;\t|"), st.integers(1, 40), st.booleans())
def test_whatever_is_written_as_csv_is_read_as_it_was(
    table: list[list[str]], separator: str, size: int, packed: bool
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator="\r\n").writerows(table)
    content = text.getvalue().encode()
    form = FileForm(FileFormat.CSV, separator)
    found = seen(chunked(gzip.compress(content) if packed else content, size), form)
    assert found == [row for row in table if any(row)]


OBJECTS = st.lists(st.dictionaries(CELLS, st.one_of(CELLS, st.integers(), st.booleans(), st.none())), max_size=6)


@given(OBJECTS, st.integers(1, 40), st.sampled_from([None, 2]))
def test_whatever_is_written_as_json_is_read_as_it_was(
    objects: list[dict[str, Any]], size: int, indent: int | None
) -> None:
    lines = "\n".join(json.dumps(one) for one in objects).encode()
    array = json.dumps(objects, indent=indent, ensure_ascii=False).encode()
    assert seen(chunked(lines, size), JSON) == objects
    assert seen(chunked(array, size), JSON) == objects


def test_an_array_is_read_in_the_time_of_lines_however_large_its_pieces_are() -> None:
    objects = [{"email": "ada@example.org"}] * 100_000
    took = []
    for content in ("\n".join(map(json.dumps, objects)), json.dumps(objects)):
        begun = time.process_time()
        assert sum(1 for _ in rows([content.encode()], JSON)) == len(objects)
        took.append(time.process_time() - begun)
    of_lines, of_array = took
    assert of_array < 10 * of_lines


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings(encoding: str) -> None:
    content = "name,city\r\nZoë,Köln\r\n".encode(encoding)
    form = FileForm(FileFormat.CSV, encoding=None if encoding in {"utf-8-sig", "utf-16"} else encoding)
    assert read(content, form) == [["name", "city"], ["Zoë", "Köln"]]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'a,b\r\n"x\r\ny","q""q"\r\n', [["a", "b"], ["x\r\ny", 'q"q']]),
        (b"a;b\n1,5;2\n", [["a", "b"], ["1,5", "2"]]),
        (b"a\tb\n1\t\n", [["a", "b"], ["1", ""]]),
        (b"a\rb\rc", [["a"], ["b"], ["c"]]),
        (b"\r\n\r\na,b\n\n,\n1,2\n", [["a", "b"], ["1", "2"]]),
        (b"a,b\n=1+1,@x\n", [["a", "b"], ["=1+1", "@x"]]),
        (b"a,b\nx\xff,2\n1,2\n", [["a", "b"], ["x\udcff", "2"], ["1", "2"]]),
        (b"", []),
    ],
)
def test_forms_of_csv(content: bytes, found: list[Any]) -> None:
    assert read(content) == found


PACKED = gzip.compress(b"a,b\n1,2\n", mtime=0)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (PACKED, [["a", "b"], ["1", "2"]]),
        (PACKED + gzip.compress(b"3,4\n", mtime=0), [["a", "b"], ["1", "2"], ["3", "4"]]),
        (PACKED + b"\0" * 20, [["a", "b"], ["1", "2"]]),
    ],
)
def test_what_is_packed(content: bytes, found: list[Any]) -> None:
    assert read(content) == found


def test_what_breaks_off_stands_up_to_there() -> None:
    lines = b"".join(b"%d,x\n" % number for number in range(100_000))
    packed = gzip.compress(lines)
    *before, code = seen(chunked(packed[:-10_000], 4096))
    assert code is FileCode.CUT_OFF
    assert before == [[str(number), "x"] for number in range(len(before))] != []
    *before, code = seen(chunked(packed[:20_000] + b"\0" * 50 + packed[20_050:], 4096))
    assert code is FileCode.NOT_GZIP
    assert seen([b"a,b\n1,2\n\xff"], FileForm(FileFormat.CSV, encoding="utf-16-le"))[-1] is FileCode.WRONG_ENCODING


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'[{"a":1},', [{"a": 1}, FileCode.NOT_JSON]),
        (b'[{"a":1}', [FileCode.NOT_JSON]),
        (b'[{"a":1} {"b":2}]', [{"a": 1}, FileCode.NOT_JSON]),
        (b'[{"a":1}, 3, {"b":2}]', [{"a": 1}, BadRow("ROW_UNREADABLE", "is no object of JSON"), {"b": 2}]),
        (b'{"a":1}\nnope\n{"b":2}', [{"a": 1}, BadRow("ROW_UNREADABLE", "is no JSON (JSONDecodeError)"), {"b": 2}]),
        (b"[" * 100_000, [FileCode.NOT_JSON]),
        (b'{"a":' * 100_000, [BadRow("ROW_UNREADABLE", "is no JSON (RecursionError)")]),
        (b"[]", []),
        (b" \n", []),
    ],
)
def test_json_that_is_none(content: bytes, found: list[Any]) -> None:
    assert read(content, JSON, 4096) == found


def endless() -> Iterator[bytes]:
    """400 MB without a line end, and a good row after it."""
    yield b"a,b\n"
    yield from (b"x" * 4_000_000 for _ in range(100))
    yield b"\n1,2\n"


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_of_400_mb_costs_itself_and_little_memory(packed: bool) -> None:
    content = endless() if not packed else [gzip.compress(b"a,b\n" + bytes(b"x" * 50_000_000) + b"\n1,2\n")]
    tracemalloc.start()
    found = seen(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [one if isinstance(one, list) else one.code for one in found] == [["a", "b"], "ROW_TOO_LARGE", ["1", "2"]]
    assert peak < 20_000_000


def test_a_quote_that_is_never_closed_takes_no_more_than_a_cell_may_have() -> None:
    csv.field_size_limit(10**9)  # whatever another reader of the process wanted
    content = b'a,b\n"x,' + b"1,2\n" * 100_000
    found = seen(chunked(content, 65_536))
    bad = [one for one in found if isinstance(one, BadRow)]
    assert len(bad) == 1
    assert found[-1] == ["1", "2"]
    assert len(found) > 50_000


@pytest.mark.parametrize(
    ("form", "content", "before"),
    [
        (CSV, b"a,b\n" + b"1,2\n" * 6, [["a", "b"], *([["1", "2"]] * 5)]),
        (CSV, b"a,b\n" + b"\n" * 9 + b"1,2\n", [["a", "b"]]),
        (CSV, b"\n" * 9, []),
        (JSON, b'{"a": 1}\n' * 6, [{"a": 1}] * 5),
        (JSON, b'{"a": 1}\n' + b" \n" * 9, [{"a": 1}]),
        (JSON, b"[" + b'{"a": 1},' * 6, [{"a": 1}] * 5),
    ],
)
def test_rows_without_end_end_there_though_nothing_stands_in_them(
    form: FileForm, content: bytes, before: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_text, "MAX_ROWS", 5)
    assert read(content, form) == [*before, FileCode.TOO_MANY_ROWS]


def test_what_unpacks_to_more_than_is_read_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_text, "MAX_TEXT_BYTES", 1_000_000)
    bomb = gzip.compress(b"a,b\n" * 1_000_000)
    *before, code = seen([bomb])
    assert code is FileCode.TOO_LARGE
    assert len(before) <= 250_000
