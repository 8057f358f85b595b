"""What a file's bytes say: rows of CSV (RFC 4180), or of JSON in lines or in an array, packed with gzip or not.

    chunks of bytes ─▶ unpacked ─▶ decoded ─▶ lines ─▶ rows

All of it goes through memory a piece at a time: what has no end (a line of 400 MB, a cell whose quote is never closed,
a small file that unpacks to terabytes) is bounded where it is met. A bad row costs itself alone; what breaks the file
itself ends it there, and the rows before it stand.
"""

import codecs
import csv
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from destination.domain.file import FileCode
from destination.domain.file_form import FileForm, FileFormat, likely_separator

MAX_ROW_LENGTH: Final = 900_000
"""Characters of a row, line ends in cells included: what a message takes (queue/envelopes.py)."""

MAX_CELL_LENGTH: Final = 131_072
"""Characters of a cell; a quote that is never closed takes no more with it."""

MAX_ROWS: Final = 10_000_000
"""Of a file. Rows in which nothing stands count here, for a file may have nothing but these, without end."""

MAX_TEXT_BYTES: Final = 20_000_000_000
"""Of a file once it is unpacked."""

_PIECE: Final = 65_536
_GZIP: Final = b"\x1f\x8b"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CR: Final = re.compile("[^\r]*\r|[^\r]+")
"""A line where lines end with CR."""

_SPACE: Final = " \t\r\n"
_SPACES: Final = re.compile(f"[{_SPACE}]*")


class FileBrokenError(Exception):
    """The file cannot be read from here on; the rows before stand."""

    def __init__(self, code: FileCode) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read: a stable code, and why."""

    code: str
    message: str


ROW_TOO_LARGE: Final = "ROW_TOO_LARGE"
ROW_UNREADABLE: Final = "ROW_UNREADABLE"
ROW_OF_OTHER_WIDTH: Final = "ROW_OF_OTHER_WIDTH"

_TOO_LARGE: Final = BadRow(ROW_TOO_LARGE, f"the row has more than {MAX_ROW_LENGTH} characters, or a cell too many")

Row: TypeAlias = Sequence[str] | dict[str, Any] | BadRow
"""The cells of a row of CSV, or the object of a row of JSON."""


class _TooLongError(Exception):
    """The row that is being read has too many characters."""


def rows(chunks: Iterable[bytes], form: FileForm) -> Iterator[Row]:
    """The rows of a file; of CSV, the first are the names of the columns. Raises FileBrokenError.

    Rows without anything in them are none.
    """
    pieces = _decoded(_unpacked(chunks), form.encoding)
    is_json = form.format is FileFormat.JSON
    found = _json_rows(pieces) if is_json else _csv_rows(pieces, form.separator)
    for number, row in enumerate(found):
        if number >= MAX_ROWS + (not is_json):  # A header is none of them.
            raise FileBrokenError(FileCode.TOO_MANY_ROWS)
        if row is not None:
            yield row


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes themselves, in pieces of a bounded size; several packed files in a row are one (RFC 1952, 2.2)."""
    source = iter(chunks)
    first = _at_least(source, len(_GZIP))
    if not first.startswith(_GZIP):
        yield from _bounded(_pieces(first, source))
        return
    yield from _bounded(_inflated(first, source))


def _at_least(source: Iterator[bytes], size: int) -> bytes:
    found = b""
    while len(found) < size and (chunk := next(source, None)) is not None:
        found += chunk
    return found


def _pieces(first: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from source


def _inflated(first: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(wbits=31)
    packed = first
    try:
        while True:
            if not packed:
                chunk = next(source, None)
                if chunk is None and not unpacking.eof:
                    raise FileBrokenError(FileCode.CUT_OFF)
                packed = chunk or b""
                if chunk is None:
                    return
            if unpacking.eof:
                packed = packed.lstrip(b"\0")  # Tapes and file systems fill up with zeros.
                if not packed:
                    continue
                unpacking = zlib.decompressobj(wbits=31)
            yield unpacking.decompress(packed, _PIECE)
            packed = unpacking.unused_data if unpacking.eof else unpacking.unconsumed_tail
    except zlib.error:
        raise FileBrokenError(FileCode.NOT_GZIP) from None


def _bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > MAX_TEXT_BYTES:
            raise FileBrokenError(FileCode.TOO_LARGE)
        yield piece


def _decoded(pieces: Iterator[bytes], encoding: str | None) -> Iterator[str]:
    """Text. A byte that is no UTF-8 becomes half a character, by which its row alone is bad."""
    first = _at_least(pieces, 3)
    mark, found = next(((mark, name) for mark, name in _MARKS if first.startswith(mark)), (b"", None))
    name = codecs.lookup(found or encoding or "utf-8").name
    decoder = codecs.getincrementaldecoder(name)("surrogateescape" if name == "utf-8" else "strict")
    try:
        yield decoder.decode(first[len(mark) :])
        for piece in pieces:
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeError:
        raise FileBrokenError(FileCode.WRONG_ENCODING) from None


def _lines(pieces: Iterator[str]) -> Iterator[str | None]:
    """Lines with their ends; None for one that is too long. Where there is no LF, lines end with CR."""
    rest, end, is_skipping = "", "", False
    for piece in pieces:
        rest += piece
        end = end or _line_end(rest)
        if end:
            *whole, rest = rest.split(end)
            for line in whole:
                if is_skipping:
                    is_skipping = False
                else:
                    yield None if len(line) > MAX_ROW_LENGTH else f"{line}{end}"
        if len(rest) > MAX_ROW_LENGTH:
            if not is_skipping:
                yield None
            rest, is_skipping = "", True
    if rest and not is_skipping:
        yield from [rest] if end else _CR.findall(rest)


def _line_end(text: str) -> str:
    """What ends the lines of a text; empty as long as that cannot be told: a CR may stand in a cell."""
    if "\n" in text:
        return "\n"
    return "\r" if len(text) > _PIECE and "\r" in text[:-1] else ""


def _csv_rows(pieces: Iterator[str], separator: str | None) -> Iterator[Row | None]:
    """None for rows in which nothing stands."""
    lines = _lines(pieces)
    first = next(lines, "")
    if first is None:
        yield _TOO_LARGE
        return
    csv.field_size_limit(MAX_CELL_LENGTH)  # of the process, which may have set another one
    feed = _Feed(first, lines)
    reader = csv.reader(feed, delimiter=separator or likely_separator(first))
    while True:
        feed.length = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooLongError:
            yield _TOO_LARGE
        except csv.Error as error:
            yield BadRow(ROW_UNREADABLE, str(error))
        else:
            yield cells if any(cells) else None


class _Feed:
    """Lines to the reader of CSV, which takes several for one row where line ends are in quotes."""

    def __init__(self, first: str, lines: Iterator[str | None]) -> None:
        self._first: str | None = first
        self._lines = lines
        self.length = 0

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line, self._first = self._first or next(self._lines), None
        self.length += MAX_ROW_LENGTH + 1 if line is None else len(line)
        if line is None or self.length > MAX_ROW_LENGTH:
            raise _TooLongError
        return line


def _json_rows(pieces: Iterator[str]) -> Iterator[Row | None]:
    """None for lines in which nothing stands."""
    first = ""
    for piece in pieces:
        first += piece
        if first.strip(_SPACE):
            break
    if first.lstrip(_SPACE).startswith("["):
        yield from _array_rows(_chain(first.lstrip(_SPACE)[1:], pieces))
        return
    for line in _lines(_chain(first, pieces)):
        if line is None:
            yield _TOO_LARGE
        else:
            yield _json_row(json.loads, line) if line.strip(_SPACE) else None


def _chain(first: str, pieces: Iterator[str]) -> Iterator[str]:
    yield first
    yield from pieces


def _json_row(read: Callable[[str], Any], text: str) -> Row:
    try:
        found = read(text)
    except (ValueError, RecursionError) as error:
        return BadRow(ROW_UNREADABLE, f"is no JSON ({type(error).__name__})")
    return found if isinstance(found, dict) else BadRow(ROW_UNREADABLE, "is no object of JSON")


def _array_rows(pieces: Iterator[str]) -> Iterator[Row]:
    """The entries of an array, of which the bracket was read. What is no JSON ends it, for nobody knows where it would.

    An entry is taken once something follows it, for `12` may go on as `123`.
    """
    read = json.JSONDecoder().raw_decode
    text, at, is_after_entry = "", 0, False  # What was taken stays before `at`: to cut it off copies all that follows.
    while True:
        if (space := _SPACES.match(text, at)) is not None:
            at = space.end()
        if text.startswith("]", at):
            return
        if at < len(text) and is_after_entry:
            if text[at] != ",":
                raise FileBrokenError(FileCode.NOT_JSON)
            at, is_after_entry = at + 1, False
            continue
        found, end = _entry(read, text, at)
        if at < end < len(text):
            row: Row = found if isinstance(found, dict) else BadRow(ROW_UNREADABLE, "is no object of JSON")
            yield row if end - at <= MAX_ROW_LENGTH else _TOO_LARGE
            at, is_after_entry = end, True
            continue
        text, at = text[at:], 0
        if len(text) > MAX_ROW_LENGTH + _PIECE:
            raise FileBrokenError(FileCode.NOT_JSON)
        piece = next(pieces, None)
        if piece is None:
            raise FileBrokenError(FileCode.CUT_OFF if is_after_entry else FileCode.NOT_JSON)
        text += piece


def _entry(read: Callable[[str, int], tuple[Any, int]], text: str, at: int) -> tuple[Any, int]:
    """What a text goes on with, and where that ends; 0 where it ends later than the text."""
    try:
        return read(text, at) if at < len(text) else (None, 0)
    except (ValueError, RecursionError):
        return None, 0
