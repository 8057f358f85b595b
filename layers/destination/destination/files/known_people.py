"""Whose lead is known of those whom a file names: by some of its rows, for all."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.file_preview import SPREAD, Spread, Strangers
from destination.domain.file_text import Row
from destination.domain.mapping import Mapper
from destination.domain.person import LedgerRow, Origin
from destination.domain.schema import schema_of_keys
from destination.files.records import RejectedRow, RowReader

_NOWHERE: Final = Origin("", "0", "")


class Ledger(Protocol):
    """What is known of people."""

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime], /
    ) -> dict[str, LedgerRow]: ...


@dataclass(slots=True)
class KnownPeople:
    """Looks at rows of a file that follow one another, spread over however many there are."""

    target: ActiveConnection
    reader: RowReader
    now: datetime
    spread: Spread = field(default_factory=Spread, init=False)
    _keys: list[str | None] = field(default_factory=list, init=False)
    _mapper: Mapper = field(init=False)

    def __post_init__(self) -> None:
        schema = schema_of_keys(self.target.connection.lookup_fields)
        self._mapper = Mapper.of(self.target, schema, self.now)

    def look_at(self, row: Row, number: int) -> None:
        if not self.spread.takes(number):
            return
        self._keys.append(self._key(row, number))
        if len(self._keys) >= SPREAD:
            self._keys = self._keys[::2]
            self.spread.thin_out()

    def strangers(self, ledger: Ledger) -> Strangers:
        """Raises AWS's errors."""
        keys = {one for one in self._keys if one is not None}
        rows = ledger.rows(self.target.connection.id, keys, self.target.known)
        unknown = [one for one in self._keys if one is not None and _lead_of(rows.get(one)) is None]
        return Strangers(len(self._keys), len(unknown))

    def _key(self, row: Row, number: int) -> str | None:
        """Whom a row names, by the ledger; None: nobody whom it could create."""
        said = self.reader.said(row, number)
        units = () if isinstance(said, RejectedRow) else self._mapper.units(said, _NOWHERE)
        return next((one.key for one in units), None)


def _lead_of(row: LedgerRow | None) -> int | None:
    """The lead that somebody is, as far as is known."""
    if row is None:
        return None
    if row.lead_id is not None:
        return row.lead_id
    sent = row.attributes
    applied = (lead for told in row.applied.values() for lead in told.leads)
    return next(applied, None) if sent is None or sent.lead_id is None else sent.lead_id
