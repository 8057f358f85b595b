"""What all source formats have in common: a body of JSON records, each an event or rejected by itself."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from json import JSONDecodeError, JSONDecoder
from math import isfinite
from typing import Any

from destination.domain.event import MAX_IDENTITIES, MembershipStatus, ProfileEvent
from destination.domain.loss import (
    ATTRIBUTE_UNREADABLE,
    BODY_NOT_JSON,
    BODY_WRONG_CHARSET,
    IDENTITY_UNREADABLE,
    MEMBERSHIP_STATUS_UNKNOWN,
    MEMBERSHIP_TIME_UNREADABLE,
    RECORD_NO_OBJECT,
    RECORD_NOT_JSON,
    RECORD_TOO_LARGE,
    RECORD_TOO_MANY_AUDIENCES,
    RECORD_UNREADABLE,
    TOO_MANY_IDENTITIES,
    Loss,
    Lost,
)
from destination.domain.problem import Problem
from destination.domain.times import parse_time
from destination.ingest.sources.lookalikes import AGGREGATED

MAX_DEPTH = 32
"""How deep attributes may nest; profiles are a handful of levels deep."""

MAX_INNER = 100_000
"""How many objects and lists attributes may hold; a thousand times what a profile has, and no message is larger."""

MAX_RECORD_LENGTH = 400_000
"""Characters, white space included, of a record that is one among others in a row."""

MAX_READ_IN_VAIN = 100 * MAX_RECORD_LENGTH
"""Characters of a body that are read for records on several lines which turn out to be none; then each has its line."""

MAX_INTEGER_DIGITS = 400
"""Digits; more do not fit into a double, and Python refuses to read some thousands."""

MAX_RECORDS = 20_000
"""How many records a body may have; every one that is refused is named in the answer, which has a limit of its own."""

MAX_ENTRIES = 1_000
"""How many ids of a namespace are looked at, the same one again included."""

MAX_EXACT = 2**53
"""Below it a double tells every whole number from its neighbours."""

MAX_NAMESPACES = 1_000
"""How many namespaces of identities are read of a record; Adobe's sandboxes have some dozens."""

MAX_AUDIENCES = 10_000
"""How many audience entries a record may have; a sandbox has 4,000 audiences (Real-Time CDP guardrails)."""

MAX_AUDIENCES_OF_BODY = 100_000
"""How many audience entries a body may have; each becomes several times as long as the shortest in which it is sent."""

MAX_WARNINGS = 1_000
"""How many warnings of a body are kept; the others are counted."""

MAX_AUDIENCE_NAME = 255
"""A longer one is no name that an audience, or its list, could have."""

MAX_NAME_LENGTH = 100
"""How much of a name is shown in a problem's path; names are the sender's, and may be as long as the body."""

MAX_PATH_LENGTH = 250
"""How much of a path is shown."""

HALF = re.compile("[\ud800-\udfff]")
"""Half a surrogate pair: no character, though JSON can write it. Senders cut texts in the middle of one."""

HALF_MESSAGE = "must be valid Unicode; it has half a character (an unpaired surrogate)"


class UnreadableBodyError(Exception):
    """The body is not JSON in any form that a source sends; the message says where it stops being so."""

    def __init__(self, loss: Loss, message: str) -> None:
        super().__init__(message)
        self.loss = loss


class TooManyRecordsError(Exception):
    """The body has more records than are taken at a time."""


class RecordError(Exception):
    """A record, or a part of one, that cannot be read."""

    def __init__(self, loss: Loss, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.loss = loss
        self.problem = Problem(path, message)


@dataclass(frozen=True, slots=True)
class Broken:
    """A record whose text is not JSON."""

    message: str


@dataclass(slots=True)
class LeftOut:
    """What could not be read of a record and was left out: the first `limit` problems, and the numbers of all."""

    limit: int = MAX_WARNINGS
    problems: list[Problem] = field(default_factory=list)
    count: int = 0
    by_code: dict[str, int] = field(default_factory=dict)

    def add(self, loss: Loss, path: str, message: str) -> None:
        self.count += 1
        self.by_code[loss.code] = self.by_code.get(loss.code, 0) + 1  # A text is hashed once, a loss every time.
        if self.count <= self.limit:
            shortened = path if len(path) <= MAX_PATH_LENGTH else f"{path[:MAX_PATH_LENGTH]}…"
            self.problems.append(Problem(shortened, message))


@dataclass(slots=True)
class Parsed:
    """A body's events and rejected records, each with its index in the body.

    `warnings` name the first MAX_WARNINGS parts that were left out of events; `warning_count` is the number of all.
    `incomplete`: what was left out of the events, by the index of their records.
    """

    events: list[tuple[int, ProfileEvent]] = field(default_factory=list)
    rejected: list[tuple[int, Problem]] = field(default_factory=list)
    warnings: list[tuple[int, Problem]] = field(default_factory=list)
    warning_count: int = 0
    audience_count: int = 0
    incomplete: dict[int, LeftOut] = field(default_factory=dict)
    _rejections: Counter[Loss] = field(default_factory=Counter)

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
                self.reject(index, RECORD_UNREADABLE, losses.problems[0])
                return
            self.incomplete[index] = losses
            self.warning_count += losses.count
            room = MAX_WARNINGS - len(self.warnings)
            self.warnings += [(index, problem) for problem in losses.problems[:room]]
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


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """When a body was received. The order of its records is kept in microseconds, so that the later one is newer."""

    received_at: datetime

    def of(self, index: int) -> datetime:
        return self.received_at + timedelta(microseconds=index)

    def time(self, value: object, index: int, path: str) -> datetime:
        """A record's own time; none may lie in the future, where it would overtake all that follows."""
        if not isinstance(value, str):
            raise RecordError(MEMBERSHIP_TIME_UNREADABLE, path, "must be a string with an ISO 8601 date and time")
        try:
            return min(parse_time(value), self.of(index))
        except ValueError:
            message = "must be an ISO 8601 date and time, such as 2026-11-21T10:00:00Z"
            raise RecordError(MEMBERSHIP_TIME_UNREADABLE, path, message) from None


def read_records(
    body: bytes,
    container: str,
    times: RecordTimes,
    event_of: Callable[[Mapping[str, object], int, RecordTimes, Parsed, LeftOut, bool], ProfileEvent],
) -> Parsed:
    """Read a body's records, held as `container` or not (see `records`).

    `event_of` makes an event of a record with an index, or raises RecordError; it adds to the losses what it leaves
    out. The last that it is given says whether texts may hold half a character.
    """
    parsed = Parsed()
    halves = may_hold_halves(body)
    for index, record in enumerate(records(body, container)):
        losses = parsed.of_record()
        try:
            event = event_of(as_object(record), index, times, parsed, losses, halves)
        except RecordError as error:
            parsed.reject(index, error.loss, error.problem)
        else:
            parsed.take(index, event, losses)
    return parsed


def records(body: bytes, container: str) -> list[object]:
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


def distinct(ids: Iterable[str], path: str, losses: LeftOut) -> tuple[str, ...]:
    """The ids of a namespace, each once; those beyond MAX_IDENTITIES are lost."""
    found = tuple(dict.fromkeys(ids))
    if len(found) > MAX_IDENTITIES:
        message = f"must not have more than {MAX_IDENTITIES} identities; the others were left out"
        losses.add(TOO_MANY_IDENTITIES, path, message)
        return found[:MAX_IDENTITIES]
    return found


def identifier(value: object) -> str | None:
    """An id as text; None for what is none. Senders write ids as numbers, too, of which the whole ones are exact."""
    if type(value) is str:
        return value if value.isascii() or not HALF.search(value) else None
    if type(value) is int or (type(value) is float and value.is_integer() and abs(value) < MAX_EXACT):
        return str(int(value))
    return None


def identities(
    value: object, path: str, losses: LeftOut, id_of: Callable[[Any], object], wanted: str
) -> dict[str, tuple[str, ...]]:
    """Ids by namespace in lower case, for sources write it in either.

    `id_of` takes the id out of an entry, `wanted` says what an entry must be. What is none, or beyond the bounds, is
    lost.
    """
    if not isinstance(value, dict):
        if value is not None:
            losses.add(IDENTITY_UNREADABLE, path, "must be an object with a list of ids for each namespace")
        return {}
    if len(value) > MAX_NAMESPACES:
        message = f"must not have more than {MAX_NAMESPACES} namespaces; the others were left out"
        losses.add(TOO_MANY_IDENTITIES, path, message)
    found: dict[str, tuple[str, ...]] = {}
    for namespace, entries in islice(value.items(), MAX_NAMESPACES):
        if not isinstance(entries, list):
            losses.add(IDENTITY_UNREADABLE, f"{path}.{shown(namespace)}", f"must be a list, in which each {wanted}")
        elif not namespace.isascii() and HALF.search(namespace):
            losses.add(IDENTITY_UNREADABLE, f"{path}.{shown(namespace)}", HALF_MESSAGE)
        else:
            ids = _ids(entries, f"{path}.{shown(namespace)}", losses, id_of, wanted)
            name = namespace.lower()
            known = found.get(name)
            whole = ids if known is None else (*known, *ids)
            found[name] = tuple(whole) if len(whole) < 2 else distinct(whole, f"{path}.{shown(namespace)}", losses)
    return found


def _ids(entries: list[Any], path: str, losses: LeftOut, id_of: Callable[[Any], object], wanted: str) -> list[str]:
    if len(entries) > MAX_ENTRIES:
        message = f"must not have more than {MAX_ENTRIES} entries; the others were left out"
        losses.add(TOO_MANY_IDENTITIES, f"{path}[{MAX_ENTRIES}]", message)
    ids = []
    for number, entry in enumerate(entries[:MAX_ENTRIES]):
        one = identifier(id_of(entry))
        if one is None:
            losses.add(IDENTITY_UNREADABLE, f"{path}[{number}]", wanted)
        else:
            ids.append(one)
    return ids


def status_of(value: object, path: str) -> MembershipStatus:
    """What a membership's status says, without regard to case; none is `realized`, XDM's default.

    Raises RecordError for a word that is none.
    """
    if value is None:
        return MembershipStatus.REALIZED
    status = _STATUSES.get(value.lower()) if isinstance(value, str) else None
    if status is None:
        message = "must be realized or exited (existing counts as realized)"
        raise RecordError(MEMBERSHIP_STATUS_UNKNOWN, path, message)
    return status


def audience_name(given: object) -> str | None:
    """What a sender calls an audience; None where that can be no name, for nothing else depends on it."""
    name = given.strip() if isinstance(given, str) else ""
    return name if name.isprintable() and 0 < len(name) <= MAX_AUDIENCE_NAME else None


def shown(name: str) -> str:
    """A name of the sender's, as it stands in a path."""
    cut = name if len(name) <= MAX_NAME_LENGTH else f"{name[:MAX_NAME_LENGTH]}…"
    return cut if cut.isascii() else HALF.sub("\ufffd", cut)


def _records(body: bytes, container: str) -> list[object]:
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
    try:
        root = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        found = list(islice(_in_a_row(text), MAX_RECORDS + 1))
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


def may_hold_halves(body: bytes) -> bool:
    """Whether a body can hold half a character at all, which only an escape can bring into UTF-8."""
    return b"\\ud" in body or b"\\uD" in body


def attributes(found: dict[str, Any], path: str, losses: LeftOut, *, may_hold_halves: bool) -> dict[str, Any]:
    """Of attributes, what can be stored and delivered: finite numbers, whole characters, MAX_DEPTH levels.

    What is left out of a list leaves null in its place, so that the others keep theirs.

    Raises RecordError when they hold more than MAX_INNER objects and lists.
    """
    if _is_shallow_and_finite(found) and not (may_hold_halves and _holds_halves(found)):
        return found
    readable: dict[str, Any] = _readable(found, path, MAX_DEPTH, losses)
    return readable


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


def _is_shallow_and_finite(found: Mapping[str, object]) -> bool:
    """Level by level: a call for each value would take as long as all the rest that is done with a body."""
    level: list[Any] = [found]
    count, is_finite = 0, True
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            for value in one.values() if type(one) is dict else one:
                kind = type(value)
                if kind is dict or kind is list:
                    inner.append(value)
                elif kind is float and not isfinite(value):
                    is_finite = False
        if not inner:
            return is_finite
        level = inner
        count += len(inner)
        if count > MAX_INNER:
            message = f"must not have attributes of more than {MAX_INNER} objects and lists"
            raise RecordError(RECORD_TOO_LARGE, "", message)
    return False


def _holds_halves(found: Mapping[str, object]) -> bool:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _readable(found: Any, path: str, levels: int, losses: LeftOut) -> Any:
    """A copy of an object or list without what is lost of it, of so many levels."""
    if type(found) is dict:
        kept = {}
        for name, value in found.items():
            here = f"{path}.{shown(name)}" if path else shown(name)
            message = HALF_MESSAGE if HALF.search(name) else _fault(value, levels)
            if message:
                losses.add(ATTRIBUTE_UNREADABLE, here, message)
            else:
                is_inner = type(value) is dict or type(value) is list
                kept[name] = _readable(value, here, levels - 1, losses) if is_inner else value
        return kept
    items: list[Any] = []
    for number, value in enumerate(found):
        message = _fault(value, levels)
        if message:
            losses.add(ATTRIBUTE_UNREADABLE, f"{path}[{number}]", message)
            items.append(None)
        else:
            is_inner = type(value) is dict or type(value) is list
            items.append(_readable(value, f"{path}[{number}]", levels - 1, losses) if is_inner else value)
    return items


def _fault(value: object, levels: int) -> str | None:
    """Why a value cannot be kept, in an object or list that has so many levels at most."""
    if type(value) is str:
        return None if value.isascii() or not HALF.search(value) else HALF_MESSAGE
    if type(value) is float and not isfinite(value):
        return "must be a number within a double's range; NaN and Infinity are not JSON"
    if levels == 1 and (type(value) is dict or type(value) is list):
        return f"must not nest deeper than {MAX_DEPTH} levels"
    return None


def _integer(digits: str) -> float:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else math.inf


_DECODER = JSONDecoder(parse_int=_integer)
"""It takes NaN, Infinity and endless integers, so that they cost their record and not the body."""

_STATUSES = {
    "realized": MembershipStatus.REALIZED,
    "existing": MembershipStatus.REALIZED,
    "exited": MembershipStatus.EXITED,
}
"""`existing` is deprecated and means realized."""

_SPACE = re.compile(r"[\s,]*")
_OPENING = re.compile(r'(?:\{\s*"\w+"\s*:\s*)?\[[ \t\r]*\n\s*')
"""Of an array with a record a line, which can be read so where the array as a whole cannot."""
