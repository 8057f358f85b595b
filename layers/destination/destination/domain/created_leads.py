"""The leads that an import created: it says no ids, so they are read back by an extract of the leads of that time.

An extract of the list would give everybody who is on it, again for each import that fills it; of those who were created
since the import was sent there are few others (Marketo REST API, "Bulk Lead Extract", filter `createdAt`).
"""

import csv
import io
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final

from destination.domain.schema import Field, InvalidValueError, dedupe_key
from destination.domain.shard import name_of

CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""So much before it was sent a lead may have been created by it, by Marketo's clock."""

MAX_READING: Final = timedelta(hours=2)
"""An extract that takes longer is given up: people wait for it, and looking them up takes 300 a call."""

_DIGITS: Final = 32
"""Of a person's hash: enough that no two of any instance have the same."""


def name_in_import(key: str) -> str:
    """What a person is called in what is kept of an import, by the dedupe key: hex digits that do not tell it."""
    return name_of(key).rpartition("#")[2][:_DIGITS]


def names_in(parts: Iterable[str], by: Field) -> set[str]:
    """The persons of an import that creates by a field, by what it says of them; each row begins with the value."""
    rows = (row for part in parts for row in csv.reader(io.StringIO(part, newline="")))
    names = (_name(row[0], by) for row in rows if row)
    return {one for one in names if one is not None}


def ids_of(leads: Iterable[tuple[int, str | None]], own: Collection[str], by: Field) -> dict[str, int]:
    """By person the lead of each of its `own`, of leads with their values of the field; none of whom there are several.

    Whoever is missing is to be looked up.
    """
    found: dict[str, int] = {}
    several: set[str] = set()
    for lead_id, value in leads:
        name = None if value is None else _name(value, by)
        if name is not None and name in own and found.setdefault(name, lead_id) != lead_id:
            several.add(name)
    return {name: lead_id for name, lead_id in found.items() if name not in several}


def _name(value: str, by: Field) -> str | None:
    try:
        return name_in_import(dedupe_key(value, by))
    except InvalidValueError:
        return None
