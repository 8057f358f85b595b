"""The leads that an import created, whose ids are read back by an extract (`carry_extract`): its last step.

Where that is given up everybody in the import is looked up: 300 by a call.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from destination.delivery.carry_extract import Lead
from destination.domain.created_leads import CLOCKS_DIFFER, ids_of, names_in
from destination.domain.lead_extract import EXTRACT_FAILED, ID, LeadExtract
from destination.domain.lead_import import LeadImport
from destination.marketo.describe import Describe
from destination.marketo.errors import RequestRejectedError
from destination.marketo.lead_extracts import LeadExtracts


class Imports(Protocol):
    """The imports of connections, with their rows."""

    def rows(self, one: LeadImport, /) -> Sequence[str] | None: ...
    def exceptions(self, one: LeadImport, /) -> Collection[str] | None: ...
    def put_ids(self, one: LeadImport, ids: Mapping[str, int], /) -> None: ...


class Instance(Protocol):
    """The Marketo instance that has the leads."""

    @property
    def describe(self) -> Describe: ...
    @property
    def extracts(self) -> LeadExtracts: ...


@dataclass(slots=True)
class CreatedLeads:
    """Those that one import created. `keep` keeps the import as it is by then."""

    marketo: Instance
    imports: Imports
    one: LeadImport
    keep: Callable[[LeadImport], LeadImport]
    clock: Callable[[], datetime]

    @property
    def extract(self) -> LeadExtract:
        return self.one.extract or LeadExtract(self.clock())

    @property
    def count(self) -> int:
        return self.one.rows

    @property
    def fields(self) -> Sequence[tuple[str, ...]]:
        return ((ID, self.one.group.by),)

    def note(self, extract: LeadExtract) -> None:
        self.one = self.keep(replace(self.one, extract=extract))

    def create(self, fields: Sequence[str]) -> str:
        """The extract of the leads that were created since the import was sent."""
        since = (self.one.closed_at or self.one.opened_at) - CLOCKS_DIFFER
        return self.marketo.extracts.create_of_time(fields, since, self.clock())

    def take(self, leads: Iterator[Lead]) -> bool:
        """Store the ids of those who are in the import, and were imported as its rows say."""
        by = self.marketo.describe.schema().named(self.one.group.by)
        rows = self.imports.rows(self.one)
        exceptions = self.imports.exceptions(self.one) if self.one.exceptions else ()
        if rows is None or exceptions is None:
            raise RequestRejectedError(EXTRACT_FAILED, "read extract")
        self.imports.put_ids(self.one, ids_of(leads, names_in(rows, by).difference(exceptions), by))
        return True
