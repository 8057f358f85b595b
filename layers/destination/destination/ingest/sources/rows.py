"""Rows of any sender, in the form that the connection says (`source.rows`).

A row is an object, all of which is its profile, or a value alone, by which somebody is found. Where the connection says
no form, rows have profiles, and the address says of which audience they are, and whether they joined it or left it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.connection import DEDUPE_TARGET
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import (
    EVENT_TIME_UNREADABLE,
    IDENTITY_UNREADABLE,
    MEMBERSHIP_STATUS_UNKNOWN,
    MEMBERSHIP_UNREADABLE,
    RECORD_NO_OBJECT,
    RECORD_OF_OTHER_FORMAT,
)
from destination.domain.row_form import Place, RowForm, as_words, word
from destination.ingest.admission import SourceRequest
from destination.ingest.source import Source
from destination.ingest.sources.body import MAX_RECORDS, Parsed, TooManyRecordsError, as_object, records
from destination.ingest.sources.record import (
    LeftOut,
    RecordError,
    RecordTimes,
    attributes,
    distinct,
    identifier,
    may_hold_halves,
)

VALUE: Final = DEDUPE_TARGET.lower()
"""The namespace of what people are found by: `identityMap.DedupeField` in the mapping."""

IN_MILLISECONDS: Final = 100_000_000_000
"""From here on, a time in numbers counts milliseconds; in seconds it would be the year 5138."""

_IDENTITY: Final = "must be a string or a whole number"


@dataclass(frozen=True, slots=True)
class _Posted:
    """A row, and the body that holds it: the row itself, where no list does.

    `is_missing`: the body has no list of rows, where the form says that there is one.
    """

    row: object
    body: object
    form: RowForm
    query: Mapping[str, str]
    is_missing: bool = False

    @property
    def is_value(self) -> bool:
        """Whether it is a value alone, by which somebody is found."""
        return isinstance(self.row, str | int | float) and not self.is_missing

    def values(self, name: str) -> list[object]:
        """What stands in the place that the form says; without one, in the query parameter of this name."""
        text: str | None = getattr(self.form, name)
        if text is not None:
            return Place.of(text).values(self.row, self.body)
        given = self.query.get(name)
        return [] if given is None else [given]


def _read(request: SourceRequest, times: RecordTimes) -> Parsed:
    """Read a body: a row, an array, one row a line, or objects that hold rows where the form says.

    A part that cannot be read is left out with a warning; a record is rejected if nothing else is in it.

    Raises UnreadableBodyError when the body is not JSON, TooManyRecordsError when it has too many rows.
    """
    parsed = Parsed()
    halves = may_hold_halves(request.body)
    found = list(islice(_rows(request), MAX_RECORDS + 1))
    if len(found) > MAX_RECORDS:
        raise TooManyRecordsError
    for index, row in enumerate(found):
        losses = parsed.of_record()
        try:
            event = _event(row, index, times, parsed, losses, halves)
        except RecordError as error:
            parsed.reject(index, error.loss, error.problem)
        else:
            parsed.take(index, event, losses)
    return parsed


def _rows(request: SourceRequest) -> Iterator[_Posted]:
    form = request.rows or RowForm()
    place = None if form.records is None else Place.of(form.records)
    for body in records(request.body, ""):
        held = place.list_in(body) if place is not None and isinstance(body, dict) else None
        if held is None:
            yield _Posted(body, body, form, request.query, is_missing=place is not None)
        else:
            yield from (_Posted(row, body, form, request.query) for row in held)


def _event(row: _Posted, index: int, times: RecordTimes, parsed: Parsed, losses: LeftOut, halves: bool) -> ProfileEvent:
    profile: dict[str, Any] = {}
    if row.is_value:
        values = [row.row]
    else:
        record = as_object(row.row)
        if row.is_missing:
            raise RecordError(RECORD_OF_OTHER_FORMAT, row.form.records or "", "must be a list of rows")
        profile = attributes(dict(record), "", losses, may_hold_halves=halves)
        values = [] if row.form.value is None else row.values("value")
    at = _time(row, index, times, losses)
    memberships = _memberships(row, at, parsed, losses)
    known = _identities(values, row.form.value or "", losses)
    if not profile and not known:
        raise RecordError(RECORD_NO_OBJECT, "", "must be an object, or a string by which somebody is found")
    return ProfileEvent(at, profile, known, memberships, times.of(index))


def _identities(values: list[object], path: str, losses: LeftOut) -> dict[str, tuple[str, ...]]:
    found = [identifier(one) for one in values]
    if None in found:
        losses.add(IDENTITY_UNREADABLE, path, _IDENTITY)
    ids = distinct([one for one in found if one is not None], path, losses)
    return {VALUE: ids} if ids else {}


def _time(row: _Posted, index: int, times: RecordTimes, losses: LeftOut) -> datetime:
    """The time of the row; that of its receipt where it has none, and where it lies in the future."""
    path = row.form.time
    found = [] if path is None else row.values("time")
    if not found:
        return times.of(index)
    try:
        return min(_since_the_epoch(found[0]), times.of(index))
    except ValueError:
        pass
    try:
        return times.time(found[0], index, path or "")
    except RecordError as error:
        losses.add(
            EVENT_TIME_UNREADABLE, path or "", f"{error.problem.message}, or a time in seconds; the receipt counts"
        )
        return times.of(index)


def _since_the_epoch(value: object) -> datetime:
    """A time in seconds or milliseconds since 1970, a number or its text. Raises ValueError for anything else."""
    text = value if isinstance(value, str) else ""
    if not isinstance(value, int | float) or isinstance(value, bool):
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise ValueError
        value = int(text)
    try:
        return datetime.fromtimestamp(value / 1_000 if value >= IN_MILLISECONDS else value, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError from error


def _memberships(row: _Posted, at: datetime, parsed: Parsed, losses: LeftOut) -> tuple[Membership, ...]:
    ids = row.values("audience")
    if not ids:
        if row.form.audience is not None:
            losses.add(MEMBERSHIP_UNREADABLE, row.form.audience, "must have the id of an audience")
        return ()
    parsed.admit_audiences(len(ids), row.form.audience or "")
    status = _status(row)
    if status is None:
        message = "must have one of the words of source.rows.realized or source.rows.exited"
        losses.add(MEMBERSHIP_STATUS_UNKNOWN, row.form.status or "", message)
        return ()
    made = []
    for one in ids:
        audience_id = identifier(one)
        if audience_id:
            made.append(Membership(AudienceKey(row.form.namespace.lower(), audience_id), status, at))
        else:
            losses.add(MEMBERSHIP_UNREADABLE, row.form.audience or "", "must be the id of an audience")
    return tuple(made)


def _status(row: _Posted) -> MembershipStatus | None:
    """Whether the row joined the audience or left it; None for a word that says neither, and where one is missing."""
    found = row.values("status")
    if not found:
        return MembershipStatus.REALIZED if row.form.status is None else None
    said = word(found[0])
    if said in as_words(row.form.realized):
        return MembershipStatus.REALIZED
    return MembershipStatus.EXITED if said in as_words(row.form.exited) else None


SOURCE: Final = Source(name="rows", label="Whatever posts rows, in the form that the connection says", read=_read)
