"""What all source formats have in common: a body of JSON records, each an event or rejected by itself."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from json import JSONDecodeError, JSONDecoder

from destination.domain.event import ProfileEvent
from destination.domain.loss import (
    BODY_NOT_JSON,
    BODY_WRONG_CHARSET,
    RECORD_NO_OBJECT,
    RECORD_NOT_JSON,
    RECORD_REFUSED_WITH_OTHERS,
    RECORD_TOO_MANY_AUDIENCES,
    RECORD_UNREADABLE,
    Loss,
    Lost,
)
from destination.domain.problem import Problem
from destination.ingest.sources.lookalikes import AGGREGATED
from destination.ingest.sources.record import (
    MAX_WARNINGS,
    ErasureCallError,
    LeftOut,
    RecordError,
    RecordTimes,
    may_hold_halves,
)

MAX_RECORD_LENGTH = 400_000
"""Characters, white space included, of a record that is one among others in a row."""

MAX_READ_IN_VAIN = 15 * MAX_RECORD_LENGTH
"""Characters of a body that are read for records on several lines which turn out to be none; then each has its line.

As many as the longest body has.
"""

MAX_INTEGER_DIGITS = 400
"""Digits; more do not fit into a double, and Python refuses to read some thousands."""

MAX_RECORDS = 20_000
"""How many records a body may have; every one that is refused is named in the answer, which has a limit of its own."""

MAX_AUDIENCES = 10_000
"""How many audience entries a record may have; a sandbox has 4,000 audiences (Real-Time CDP guardrails)."""

MAX_AUDIENCES_OF_BODY = 100_000
"""How many audience entries a body may have; each becomes several times as long as the shortest in which it is sent."""


class UnreadableBodyError(Exception):
    """The body is not JSON in any form that a source sends; the message says where it stops being so."""

    def __init__(self, loss: Loss, message: str) -> None:
        super().__init__(message)
        self.loss = loss


class TooManyRecordsError(Exception):
    """The body has more records than are taken at a time."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A record whose text is not JSON."""

    message: str


@dataclass(slots=True)
class Parsed:
    """A body's events and rejected records, each with its index in the body.

    `warnings` name the first MAX_WARNINGS parts that were left out of events; `warning_count` is the number of all.
    `incomplete`: what was left out of the events, by the index of their records. `note`: what the source's answer needs
    to know of the body. `erasure_calls`: the records that ask to forget a person, each as an event that names it.
    """

    events: list[tuple[int, ProfileEvent]] = field(default_factory=list)
    rejected: list[tuple[int, Problem]] = field(default_factory=list)
    warnings: list[tuple[int, Problem]] = field(default_factory=list)
    warning_count: int = 0
    audience_count: int = 0
    incomplete: dict[int, LeftOut] = field(default_factory=dict)
    note: object = None
    erasure_calls: list[tuple[int, ProfileEvent]] = field(default_factory=list)
    _rejections: Counter[Loss] = field(default_factory=Counter)

    def losses_of_all(self, good: int) -> Counter[Loss]:
        """What is lost where nothing of the body is taken, with so many good records in it, as others were rejected."""
        return self._rejections + Counter({RECORD_REFUSED_WITH_OTHERS: good})

    @property
    def losses(self) -> Counter[Loss]:
        """All that was lost: rejected records, and what was left out of the others."""
        found = self._rejections.copy()
        for losses in self.incomplete.values():
            found.update({Loss(Lost.LEFT_OUT, code): number for code, number in losses.by_code.items()})
        return found

    def of_record(self) -> LeftOut:
        """For the next record: with room for what is still kept, and for the reason why it may be rejected."""
        return LeftOut(max(1, MAX_WARNINGS - len(self.warnings)))

    def reject(self, index: int, loss: Loss, problem: Problem) -> None:
        """Reject a record; what was left out of it is lost with it."""
        self.rejected.append((index, problem))
        self._rejections[loss] += 1
        losses = self.incomplete.pop(index, None)
        if losses is not None:
            self.warning_count -= losses.count
            self.warnings = [one for one in self.warnings if one[0] != index]

    def take(self, index: int, event: ProfileEvent, losses: LeftOut) -> None:
        """Take what was read of a record, with warnings of what was lost; reject it if that was all there was."""
        if losses.count:
            if not (event.profile or event.memberships or any(event.identities.values())):
                self.reject(index, RECORD_UNREADABLE, losses.problems(1)[0])
                return
            self.incomplete[index] = losses
            self.warning_count += losses.count
            room = MAX_WARNINGS - len(self.warnings)
            self.warnings += [(index, problem) for problem in losses.problems(room)]
        self.events.append((index, event))

    def admit_audiences(self, count: int, path: str) -> None:
        """Raises RecordError when a record has too many audience entries, or the body has with it."""
        if count > MAX_AUDIENCES:
            raise RecordError(RECORD_TOO_MANY_AUDIENCES, path, f"must not have more than {MAX_AUDIENCES} audiences")
        if self.audience_count + count > MAX_AUDIENCES_OF_BODY:
            raise RecordError(
                RECORD_TOO_MANY_AUDIENCES,
                path,
                f"must not bring the body over {MAX_AUDIENCES_OF_BODY} audience entries; send fewer records at a time",
            )
        self.audience_count += count


def read_records(
    body: bytes,
    container: str | None,
    times: RecordTimes,
    event_of: Callable[[Mapping[str, object], int, RecordTimes, Parsed, LeftOut, bool], ProfileEvent],
) -> Parsed:
    """Read a body's records, held as `container` or not (see `records`); None: no object holds any.

    `event_of` makes an event of a record with an index, or raises RecordError or ErasureCallError; it adds to the
    losses what it leaves out. The last that it is given says whether texts may hold half a character.
    """
    parsed = Parsed()
    halves = may_hold_halves(body)
    for index, record in enumerate(records(body, container)):
        losses = parsed.of_record()
        try:
            event = event_of(as_object(record), index, times, parsed, losses, halves)
        except RecordError as error:
            parsed.reject(index, error.loss, error.problem)
        except ErasureCallError as asked:
            parsed.erasure_calls.append((index, asked.event))
        else:
            parsed.take(index, event, losses)
    return parsed


def records(body: bytes, container: str | None) -> list[object]:
    """Split a body into records: an object, an array, an object that holds them as `container`, or objects in a row.

    An object that also says what is to be done with those whom it holds, as aggregated templates do, is one record.

    Objects in a row may stand on lines of their own (NDJSON) or follow one another without a separator. A record that
    is not JSON becomes `Broken`, and reading goes on at the next line.

    Raises UnreadableBodyError when there is no record at all to be read, TooManyRecordsError when there are too many.
    """
    found = _records(body, container)
    if len(found) > MAX_RECORDS:
        raise TooManyRecordsError
    return found


def _records(body: bytes, container: str | None) -> list[object]:
    try:
        text = body.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise UnreadableBodyError(
            BODY_WRONG_CHARSET,
            f"the body is not UTF-8 (byte {error.start}); send UTF-8, or say its charset in the content type",
        ) from error
    if not text:
        raise UnreadableBodyError(
            BODY_NOT_JSON, "the body is empty; send a JSON object, an array of objects, or one object a line"
        )
    decoder = _TOLERANT if may_hold_endless_integers(body) else _DECODER
    try:
        root = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        found = list(islice(_in_a_row(text, decoder), MAX_RECORDS + 1))
        if all(isinstance(one, Broken) for one in found):
            raise UnreadableBodyError(BODY_NOT_JSON, f"the body is not JSON ({_where(error)})") from error
        return found
    if isinstance(root, dict) and isinstance(root.get(container), list) and AGGREGATED.isdisjoint(root):
        root = root[container]
    return root if isinstance(root, list) else [root]


def as_object(record: object) -> Mapping[str, object]:
    """The record as a JSON object. Raises RecordError when it is none."""
    if isinstance(record, Broken):
        raise RecordError(RECORD_NOT_JSON, "", record.message)
    if not isinstance(record, dict):
        raise RecordError(RECORD_NO_OBJECT, "", "must be a JSON object")
    return record


def may_hold_endless_integers(body: bytes) -> bool:
    """Whether there are so many digits in a row anywhere in a body; a call for every number would take longer."""
    return _ENDLESS in body.translate(_DIGITS)


def _in_a_row(text: str, decoder: JSONDecoder) -> Iterator[object]:
    opening = _OPENING.match(text)
    position, end = (opening.end(), len(text.rstrip("]} \t\r\n"))) if opening else (0, len(text))
    row = _Line(text, decoder)
    while position < end:
        try:
            record, position = row.record_at(position)
            yield record
        except (ValueError, RecursionError) as error:
            yield Broken(f"not JSON ({_where(error)}); reading went on at the next line")
            position = row.line_end
        position = _SPACE.match(text, position).end()  # type: ignore[union-attr]


@dataclass(slots=True)
class _Line:
    """Records in a row, in time that grows with the length of the text alone, wherever they end, begin and break off.

    `line` is the one that begins at `start`, or the rest of one: it is cut out once, however many records are on it,
    and never the whole text, for a decoder's error counts all lines before it. `in_vain`: how many characters were read
    for records on several lines which are none.
    """

    text: str
    decoder: JSONDecoder
    start: int = 0
    line: str = ""
    in_vain: int = 0

    @property
    def line_end(self) -> int:
        return self.start + len(self.line)

    def record_at(self, position: int) -> tuple[object, int]:
        """The record that begins at a place, and where it ends; read from its own line, or else from several.

        Raises ValueError, RecursionError when there is none.
        """
        if position >= self.line_end:
            line_end = self.text.find("\n", position)
            self.start, self.line = position, self.text[position : line_end if line_end >= 0 else len(self.text)]
        if self.text[position] != "{":
            raise ValueError("a record begins with {")
        try:
            record, end = self.decoder.raw_decode(self.line, position - self.start)
        except JSONDecodeError as error:  # No further line makes whole what is broken within this one.
            if error.pos < len(self.line) or self.in_vain >= MAX_READ_IN_VAIN:
                raise
            return self._on_several_lines(position)
        return record, self.start + end

    def _on_several_lines(self, position: int) -> tuple[object, int]:
        """Ever more lines at a time, so that all that is read is little more than the last time's."""
        limit = min(position + MAX_RECORD_LENGTH, len(self.text))
        end, read = self.line_end, 0
        while True:
            line_end = self.text.find("\n", min(position + 4 * (end - position), limit), limit)
            end = line_end if line_end >= 0 else limit
            lines = self.text[position:end]
            read += len(lines)
            try:
                record, length = self.decoder.raw_decode(lines)
            except (JSONDecodeError, RecursionError) as error:
                if isinstance(error, JSONDecodeError) and error.pos == len(lines) and end < limit:
                    continue
                self.in_vain += read
                raise
            return record, position + length


def _where(error: ValueError | RecursionError) -> str:
    if isinstance(error, JSONDecodeError):
        return f"{error.msg}, line {error.lineno} column {error.colno}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else math.inf


_DECODER = JSONDecoder()
_TOLERANT = JSONDecoder(parse_int=_integer)
"""It takes endless integers, as either takes NaN and Infinity, so that they cost their record and not the body."""

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_ENDLESS = b"0" * (MAX_INTEGER_DIGITS + 1)

_SPACE = re.compile(r"[\s,]*")
_OPENING = re.compile(r'(?:\{\s*"\w+"\s*:\s*)?\[[ \t\r]*\n\s*')
"""Of an array with a record a line, which can be read so where the array as a whole cannot."""
