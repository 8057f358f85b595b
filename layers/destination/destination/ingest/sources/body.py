"""What all source formats have in common: a body of JSON records, each an event or rejected by itself."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from json import JSONDecodeError, JSONDecoder
from math import isfinite
from typing import Any

from destination.domain.event import ProfileEvent
from destination.domain.problem import Problem
from destination.domain.times import parse_time

MAX_DEPTH = 32
"""How deep a record may nest; profiles are a handful of levels deep."""


MAX_RECORD_LENGTH = 400_000
"""Characters, white space included, of a record that is one among others in a row."""

MAX_READ_IN_VAIN = 100 * MAX_RECORD_LENGTH
"""Characters of a body that are read for records on several lines which turn out to be none; then each has its line."""

MAX_INTEGER_DIGITS = 400
"""Digits; more do not fit into a double, and Python refuses to read some thousands."""

MAX_RECORDS = 20_000
"""How many records a body may have; every one that is refused is named in the answer, which has a limit of its own."""

MAX_IDENTITIES = 100
"""How many ids a profile may have in a namespace; each may become a person (Adobe's identity graphs hold 50)."""

MAX_AUDIENCES = 1_000
"""How many audience entries a record may have; every one that is left out of its event is a problem to be told."""

MAX_AUDIENCE_NAME = 255
"""A longer one is no name that an audience, or its list, could have."""

MAX_NAME_LENGTH = 100
"""How much of a name is shown in a problem's path; names are the sender's, and may be as long as the body."""


class UnreadableBodyError(Exception):
    """The body is not JSON in any form that a source sends; the message says where it stops being so."""


class TooManyRecordsError(Exception):
    """The body has more records than are taken at a time."""


class RecordError(Exception):
    """A record that cannot become an event."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.problem = Problem(path, message)


@dataclass(frozen=True, slots=True)
class Broken:
    """A record whose text is not JSON."""

    message: str


@dataclass(slots=True)
class Parsed:
    """A body's events and rejected records, each with its index in the body.

    `warnings` name audience entries that were left out of an event that is otherwise good.
    """

    events: list[tuple[int, ProfileEvent]] = field(default_factory=list)
    rejected: list[tuple[int, Problem]] = field(default_factory=list)
    warnings: list[tuple[int, Problem]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """When a body was received. The order of its records is kept in microseconds, so that the later one is newer."""

    received_at: datetime

    def of(self, index: int) -> datetime:
        return self.received_at + timedelta(microseconds=index)

    def time(self, value: object, index: int, path: str) -> datetime:
        """A record's own time; none may lie in the future, where it would overtake all that follows."""
        if not isinstance(value, str):
            raise RecordError(path, "must be a string with an ISO 8601 date and time")
        try:
            return min(parse_time(value), self.of(index))
        except ValueError:
            raise RecordError(path, "must be an ISO 8601 date and time, such as 2026-11-21T10:00:00Z") from None


def records(body: bytes, container: str) -> list[object]:
    """Split a body into records: an object, an array, an object whose only list is `container`, or objects in a row.

    Objects in a row may stand on lines of their own (NDJSON) or follow one another without a separator. A record that
    is not JSON becomes `Broken`, and reading goes on at the next line.

    Raises UnreadableBodyError when there is no record at all to be read, TooManyRecordsError when there are too many.
    """
    found = _records(body, container)
    if len(found) > MAX_RECORDS:
        raise TooManyRecordsError
    return found


def distinct(ids: Iterable[str], path: str) -> tuple[str, ...]:
    """The ids of a namespace, each once. Raises RecordError when there are too many."""
    found = tuple(dict.fromkeys(ids))
    if len(found) > MAX_IDENTITIES:
        raise RecordError(path, f"must not have more than {MAX_IDENTITIES} identities")
    return found


def audience_name(given: object) -> str | None:
    """What a sender calls an audience; None where that can be no name, for nothing else depends on it."""
    name = given.strip() if isinstance(given, str) else ""
    return name if name.isprintable() and 0 < len(name) <= MAX_AUDIENCE_NAME else None


def check_audiences(count: int, path: str) -> None:
    """Raises RecordError when a record has too many audience entries."""
    if count > MAX_AUDIENCES:
        raise RecordError(path, f"must not have more than {MAX_AUDIENCES} audiences")


def shown(name: str) -> str:
    """A name of the sender's, as it stands in a path."""
    return name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…"


def _records(body: bytes, container: str) -> list[object]:
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UnreadableBodyError(f"the body is not UTF-8 (byte {error.start}); send JSON in UTF-8") from error
    if not text:
        raise UnreadableBodyError("the body is empty; send a JSON object, an array of objects, or one object a line")
    try:
        root = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        found = list(islice(_in_a_row(text), MAX_RECORDS + 1))
        if all(isinstance(one, Broken) for one in found):
            raise UnreadableBodyError(f"the body is not JSON ({_where(error)})") from error
        return found
    if isinstance(root, dict) and isinstance(root.get(container), list):
        root = root[container]
    return root if isinstance(root, list) else [root]


def as_object(record: object) -> Mapping[str, object]:
    """The record as a JSON object of bounded depth, with finite numbers. Raises RecordError when it is none."""
    if isinstance(record, Broken):
        raise RecordError("", record.message)
    if not isinstance(record, dict):
        raise RecordError("", "must be a JSON object")
    _check(record)
    return record


def _in_a_row(text: str) -> Iterator[object]:
    opening = _OPENING.match(text)
    position, end = (opening.end(), len(text.rstrip("]} \t\r\n"))) if opening else (0, len(text))
    in_vain = 0
    while position < end:
        try:
            record, position = _record_at(text, position, on_several_lines=in_vain < MAX_READ_IN_VAIN)
            yield record
        except (ValueError, RecursionError) as error:
            in_vain += _read_until(error)
            yield Broken(f"not JSON ({_where(error)}); reading went on at the next line")
            line_end = text.find("\n", position)
            position = len(text) if line_end < 0 else line_end
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]


def _record_at(text: str, position: int, *, on_several_lines: bool) -> tuple[object, int]:
    """Read one record, first from its own line, then from as much text as a record may have.

    Not from the whole text: a decoder's error counts all lines before it, which is too slow for a body of many errors.
    """
    if text[position] != "{":
        raise ValueError("a record begins with {")
    line_end = text.find("\n", position)
    line = text[position : line_end if line_end >= 0 else len(text)]
    try:
        record, length = _DECODER.raw_decode(line)
    except JSONDecodeError as error:
        if error.pos < len(line) or not on_several_lines:  # No further line makes whole what is broken within this one.
            raise
        record, length = _DECODER.raw_decode(text[position : position + MAX_RECORD_LENGTH])
    return record, position + length


def _read_until(error: ValueError | RecursionError) -> int:
    """How many characters were read before it, or at most: a decoder that gives up on the depth does not tell."""
    if isinstance(error, RecursionError):
        return MAX_RECORD_LENGTH
    return error.pos if isinstance(error, JSONDecodeError) else 0


def _where(error: ValueError | RecursionError) -> str:
    if isinstance(error, JSONDecodeError):
        return f"{error.msg}, line {error.lineno} column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _check(record: Mapping[str, object]) -> None:
    """Level by level: a call for each value would take as long as all the rest that is done with a body."""
    level: list[Any] = [record]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            for value in one.values() if type(one) is dict else one:
                kind = type(value)
                if kind is dict or kind is list:
                    inner.append(value)
                elif kind is float and not isfinite(value):
                    raise RecordError(
                        "", "must not have numbers beyond a double's range, nor NaN or Infinity, which are not JSON"
                    )
        level = inner
    if level:
        raise RecordError("", f"must not nest deeper than {MAX_DEPTH} levels")


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else math.inf


_DECODER = JSONDecoder(parse_int=_integer)
"""It takes NaN, Infinity and endless integers, so that they cost their record and not the body."""

_SPACE = re.compile(r"[\s,]*")
_OPENING = re.compile(r'(?:\{\s*"\w+"\s*:\s*)?\[[ \t\r]*\n\s*')
"""Of an array with a record a line, which can be read so where the array as a whole cannot."""
