"""The rows of a file as events: what a row says of its audience, of identities, and of attributes.

A row becomes a record as Experience Platform posts one, and is read as such, so that the same is left out of it, for
the same reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from destination.domain.audience import DEFAULT_NAMESPACE, AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.file_form import membership_words, record_of, take_own_membership
from destination.domain.file_text import ROW_OF_OTHER_WIDTH, BadRow, Row
from destination.domain.loss import (
    MEMBERSHIP_STATUS_UNKNOWN,
    RECORD_NOT_JSON,
    RECORD_TOO_LARGE,
    RECORD_UNREADABLE,
    Loss,
)
from destination.ingest.sources.aep import identity_map, memberships_of
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import HALF, LeftOut, RecordError, RecordTimes, attributes
from destination.queue import MAX_EVENT_BYTES, encode_event

_MICROSECOND: Final = timedelta(microseconds=1)
_PROPERTIES: Final = frozenset({"segmentMembership", "identityMap"})


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that is no event: the loss that it counts as, a stable code, and why."""

    loss: Loss
    code: str


@dataclass(frozen=True, slots=True)
class RowReader:
    """Makes events of rows. `columns`: of CSV (None: rows are objects); `audience`: that of the file, if it has one;
    `status`: where a row says who is in it, which it must where it `needs_status`. `received_at`: of the file's first
    row; each is a microsecond later. `is_mirror`: it says who is in the audience now, since whenever.
    """

    audience: AudienceKey | None
    status: str | None
    needs_status: bool
    columns: Sequence[str] | None
    received_at: datetime
    is_mirror: bool = False
    _none: Parsed = field(default_factory=Parsed, init=False)

    def time_of(self, number: int) -> datetime:
        """When the row of a number, from 0, was received."""
        return self.received_at + number * _MICROSECOND

    def event(self, row: Row, number: int) -> str | RejectedRow:
        """The event of a row, as messages hold it, or why it is none."""
        made = self.said(row, number)
        if isinstance(made, RejectedRow):
            return made
        text = encode_event(made)
        if len(text) > MAX_EVENT_BYTES:
            return RejectedRow(RECORD_TOO_LARGE, RECORD_TOO_LARGE.code)
        return text

    def said(self, row: Row, number: int) -> ProfileEvent | RejectedRow:
        """What a row says, or why it says nothing."""
        if isinstance(row, BadRow):
            return RejectedRow(RECORD_NOT_JSON if self.columns is None else RECORD_UNREADABLE, row.code)
        if self.columns is not None and len(row) != len(self.columns):
            return RejectedRow(RECORD_UNREADABLE, ROW_OF_OTHER_WIDTH)
        record = row if isinstance(row, dict) else record_of(self.columns or (), row)
        try:
            return self._event(record, RecordTimes(self.time_of(number)))
        except RecordError as error:
            return RejectedRow(error.loss, error.loss.code)

    def _event(self, record: dict[str, Any], times: RecordTimes) -> ProfileEvent:
        """Raises RecordError where nothing of the row can be read, or its status is no word that is known."""
        losses, at = LeftOut(), times.received_at
        if self.audience is None:
            membership_words(record)
            self._none.audience_count = 0
            memberships = memberships_of(record, 0, times, self._none, losses)
        else:
            memberships = (self._own(self.audience, record, times),)
        identities = identity_map(record, losses)
        profile = {name: value for name, value in record.items() if name not in _PROPERTIES}
        if self.columns is not None and any(HALF.search(one) for one in _texts(profile)):
            raise RecordError(RECORD_UNREADABLE, "", "has a byte that is none of the file's encoding")
        kept = attributes(profile, "", losses, may_hold_halves=True)
        if not (kept or any(identities.values())):
            raise RecordError(RECORD_UNREADABLE, "", "says nothing of a person")
        return ProfileEvent(at, kept, identities, memberships, at)

    def _own(self, audience: AudienceKey, record: dict[str, Any], times: RecordTimes) -> Membership:
        said = take_own_membership(record, self.status, needs_status=self.needs_status)
        if said.is_in is None:
            raise RecordError(MEMBERSHIP_STATUS_UNKNOWN, self.status or "status", "must say who is in the audience")
        status = MembershipStatus.REALIZED if said.is_in else MembershipStatus.EXITED
        at = times.received_at
        if isinstance(said.at, str) and said.at and not self.is_mirror:
            at = times.time(said.at, 0, "lastQualificationTime")
        named = audience if audience.namespace else AudienceKey(DEFAULT_NAMESPACE, audience.id)
        return Membership(named, status, at)


def _texts(record: dict[str, Any]) -> list[str]:
    """The texts of a row of CSV, which nests but has no lists."""
    found: list[str] = []
    level: list[Any] = [record]
    while level:
        one = level.pop()
        if isinstance(one, dict):
            found += one
            level += one.values()
        elif isinstance(one, str):
            found.append(one)
    return found
