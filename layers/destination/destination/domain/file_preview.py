"""What a mirror would do, as far as that can be told before: by its rows, the ledger, and the size of the list."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from destination.domain.capabilities import Capabilities
from destination.domain.connection import Connection
from destination.domain.lead_extract import MIN_MEMBERS
from destination.domain.lead_import import MAX_ROWS, MIN_WAITING, is_for
from destination.domain.matching import rule_of

CHUNK: Final = 300
"""Leads in one call (Marketo REST API, "Leads", "Lists")."""

CALLS_A_ROW: Final = 3
"""To look somebody up, to write the lead, and to put it on the list."""

CALLS_A_NEW_LEAD: Final = 2
"""Who is created is told by calls beside imports: to write the lead, and to put it on the list."""

CALLS_AN_IMPORT: Final = 10
"""Its file, and questions whether it is done, for half an hour; with what failed and what is warned of some more."""

CALLS_AN_EXTRACT: Final = 15
"""Of a list of a million."""

CRM_AN_HOUR: Final = 10_000
"""So many leads, in the order of magnitude, Marketo's native synchronisation takes to a CRM in an hour."""

SPREAD: Final = 2_000
"""Rows of a file that are looked at for all: this many at most, and half of it at least where it has as many."""


@dataclass(slots=True)
class Spread:
    """Which rows of a file are looked at for all: each `step`-th, whatever number there are in the end."""

    step: int = 1

    def takes(self, number: int) -> bool:
        return number % self.step == 0

    def thin_out(self) -> None:
        """Look at half of them from now on: every other one of those so far."""
        self.step *= 2


@dataclass(frozen=True, slots=True)
class Strangers:
    """Of the rows that were `looked_at`, so many are of people whose lead is not known."""

    looked_at: int
    unknown: int

    def of(self, rows: int) -> int:
        """How many these are of so many rows, by the share of those that were looked at."""
        return ceil(rows * self.unknown / self.looked_at) if self.looked_at else 0


@dataclass(frozen=True, slots=True)
class MirrorPreview:
    """How many are named; how many are `on_list`, as far as is known. At least so many join, and leave.

    At most so many leads are created (`creating`), by a sample of the rows where there are many, and so many fields of
    leads are written (`updating`); a CRM that is synchronised with all of these takes so many hours (`crm_hours`; None:
    less than one).

    `calls`: how many it takes at most, which is a `share` of a day's, and so many `seconds` at the connection's pace;
    `bulk_calls`: by imports, where the instance is known to do what these rest on (None: it is not).
    """

    named: int
    on_list: int | None
    joining: int | None
    leaving: int | None
    creating: int | None
    updating: int
    crm_hours: int | None
    calls: int
    share: float
    seconds: int
    bulk_calls: int | None


def preview_of(
    named: int, on_list: int | None, strangers: Strangers | None, connection: Connection, capabilities: Capabilities
) -> MirrorPreview:
    """`on_list`: by the last verification of the list (None: there was none, so that only the calls can be told).
    `strangers`: among whom it names (None: nobody was looked at).
    """
    rule, limits = rule_of(connection), connection.limits
    updating = named if rule.updates_fields else 0
    chunks, removals = ceil(named / CHUNK), ceil((on_list or 0) / CHUNK)
    reading = ceil(max(on_list or 0, named) / CHUNK)
    calls = CALLS_A_ROW * chunks + reading + removals
    can_import = named >= MIN_WAITING and is_for(connection, capabilities)
    creating = None if strangers is None else strangers.of(named) if rule.creates else 0
    return MirrorPreview(
        named=named,
        on_list=on_list,
        joining=None if on_list is None else max(named - on_list, 0),
        leaving=None if on_list is None else max(on_list - named, 0),
        creating=creating,
        updating=updating,
        crm_hours=ceil(updating / CRM_AN_HOUR) if updating > CRM_AN_HOUR else None,
        calls=calls,
        share=round(calls / limits.daily_calls, 4),
        seconds=ceil(calls * 20 / limits.calls_per_20s),
        bulk_calls=_bulk_calls(named, on_list or 0, creating or 0) if can_import else None,
    )


def _bulk_calls(named: int, on_list: int, creating: int) -> int:
    """All are looked up, and whoever is on the list leaves it, at most.

    A list that was not long when it was verified last is read page by page until it is seen to be.
    """
    looked_up, removals = ceil(named / CHUNK), ceil(on_list / CHUNK)
    new = CALLS_A_NEW_LEAD * ceil(creating / CHUNK)
    imports = CALLS_AN_IMPORT * ceil((named - creating) / MAX_ROWS)
    pages = 0 if on_list >= MIN_MEMBERS else MIN_MEMBERS // CHUNK
    return looked_up + new + imports + pages + CALLS_AN_EXTRACT + removals
