"""Rows of text as they stand in the files of bulk import and bulk extract (RFC 4180, with one of three delimiters)."""

import csv
import io
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Final

DELIMITERS: Final = {"csv": ",", "tsv": "\t", "ssv": ";"}
_MAX_CELL: Final = 10 * 1024 * 1024
"""A file is smaller anyhow."""
_END: Final = "\r\n"
_reading = Lock()
"""The limit of a cell is one for the whole process, which has other readers of CSV."""


def read(file: bytes, delimiter: str) -> list[list[str]]:
    """The rows without the empty lines. Lines end in LF, CR or both; a cell may be of any length.

    Raises ValueError for what is no table.
    """
    text = io.StringIO(file.decode("utf-8-sig", "replace"), newline="")
    with _reading:
        limit = csv.field_size_limit(_MAX_CELL)
        try:
            return [row for row in csv.reader(text, delimiter=delimiter) if row]
        except csv.Error as error:
            raise ValueError(str(error)) from error
        finally:
            csv.field_size_limit(limit)


class _Lines:
    """Ends lines in LF. The writer itself ends them in CR LF, for it quotes those ends of line alone that it makes."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")

    def write(self, line: str) -> None:
        self._text.write(line.removesuffix(_END) + "\n")

    def text(self) -> str:
        return self._text.getvalue()


def write(rows: Iterable[Sequence[str]], delimiter: str) -> str:
    """The file with these rows, whose lines end in LF."""
    lines = _Lines()
    csv.writer(lines, delimiter=delimiter, lineterminator=_END).writerows(rows)
    return lines.text()
