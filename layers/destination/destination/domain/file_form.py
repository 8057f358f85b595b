"""The form of a file: what its bytes are, which columns it must have, and the record that a row becomes.

A column's name is a path into the profile: `person.name.firstName` is what a mapping row of that source reads. Columns
of Adobe's exports are understood: `identityMap.<namespace>`, and `segmentMembership.<namespace>.<id>.status` with
`lastQualificationTime` beside it, whose words are `Active` and `Expired`.

Source: Experience Platform, "Activate audiences to batch profile export destinations", required attributes.
"""

import codecs
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, Final

from destination.domain.connection import DEDUPE_TARGET, ECID_TARGET, EMAIL_TARGET, Connection
from destination.domain.path import Path
from destination.domain.problem import Problem
from destination.domain.row_form import EXITED, REALIZED, as_words, word

MAX_COLUMNS: Final = 1_000
MAX_COLUMN_LENGTH: Final = 200
MAX_PROBLEMS: Final = 10
"""Of a header, which are told."""

ENCODINGS: Final = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1", "windows-1252")

IN_WORDS: Final = as_words((*REALIZED, "active"))
OUT_WORDS: Final = as_words((*EXITED, "expired"))
"""What a status says, without regard to case: Adobe's words, and those of rows that are posted."""

STATUS: Final = "status"
_IDENTITIES: Final = "identityMap"
_MEMBERSHIPS: Final = "segmentMembership"
_TIME: Final = "lastQualificationTime"
_IDENTITY_TARGETS: Final = frozenset({DEDUPE_TARGET, EMAIL_TARGET, ECID_TARGET})


class FileFormat(StrEnum):
    CSV = "csv"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class FileForm:
    """How a file is to be read. `json`: an array of objects, or an object a line.

    `separator`: of CSV, one character (None: the likeliest of comma, semicolon, tab and bar). `encoding`: None: that of
    the byte-order mark, or UTF-8. `status`: the column or property that says who is in the audience.
    """

    format: FileFormat
    separator: str | None = None
    encoding: str | None = None
    status: str | None = None


def form_of_name(name: str) -> FileForm:
    """What a file is by its name; whether it is packed, its first bytes say."""
    plain = name.lower().removesuffix(".gz")
    if plain.endswith((".json", ".jsonl", ".ndjson")):
        return FileForm(FileFormat.JSON)
    return FileForm(FileFormat.CSV, "\t" if plain.endswith(".tsv") else None)


def form_problems(form: FileForm) -> Iterator[Problem]:
    """What is wrong with a form, by the paths of its properties."""
    separator = form.separator
    if separator is not None and (len(separator) != 1 or separator in '"\r\n\0'):
        yield Problem("separator", "must be one character, and neither a quote nor a line end")
    if form.encoding is not None and not _is_known(form.encoding):
        yield Problem("encoding", f"must be one of {', '.join(ENCODINGS)}")
    if form.status is not None and not 0 < len(form.status) <= MAX_COLUMN_LENGTH:
        yield Problem("status", f"must be the name or the path of a column, of 1 to {MAX_COLUMN_LENGTH} characters")


def _is_known(encoding: str) -> bool:
    try:
        found = codecs.lookup(encoding)
    except (LookupError, ValueError):  # What cannot be a name at all.
        return False
    return found in [codecs.lookup(one) for one in ENCODINGS]


def likely_separator(header: str) -> str:
    """The one that the header has most of; a comma if it has none."""
    return max(",;\t|", key=header.count)


@dataclass(frozen=True, slots=True)
class HeaderFit:
    """Whether a header fits a connection: what is `missing`, without which the file is of no use, and what is `absent`,
    which is mapped and will not be sent. `problems`: what is wrong with the header itself.
    """

    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def is_fit(self) -> bool:
        return not (self.missing or self.problems)


def fit(columns: Sequence[str], connection: Connection, status: str | None, *, needs_status: bool) -> HeaderFit:
    """How a header fits. `needs_status`: every row must say who is in the audience, in the column named, or any."""
    problems = list(islice(_column_problems(columns), MAX_PROBLEMS))
    if problems:
        return HeaderFit(problems=tuple(problems))
    record = record_of(columns, ["x"] * len(columns))
    found = {row.source: _reads(row.source, record) for row in connection.mapping}
    identities = [row.source for row in connection.mapping if row.target in _IDENTITY_TARGETS]
    missing = identities if identities and not any(found[one] for one in identities) else []
    if status is not None and status not in columns:
        missing.append(status)
    elif needs_status and status is None and status_column(columns, is_ours=True) is None:
        missing.append(STATUS)
    absent = [source for source, is_there in found.items() if not is_there and source not in missing]
    return HeaderFit(tuple(missing), tuple(absent))


def status_column(columns: Iterable[str], *, is_ours: bool) -> str | None:
    """The column that says who is in the audience: Adobe's, or `status` where the file is said to have one."""
    names = list(columns)
    by_adobe = (one for one in names if one.startswith(f"{_MEMBERSHIPS}.") and one.endswith(f".{STATUS}"))
    plain = (one for one in names if one.lower() == STATUS and is_ours)
    return next(by_adobe, None) or next(plain, None)


def record_of(columns: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    """The record of a row: names with dots nest. An empty cell says nothing."""
    record: dict[str, Any] = {}
    for name, cell in zip(columns, cells, strict=True):
        if not cell:
            continue
        names = name.split(".")
        at = record
        for one in names[:-1]:
            at = at.setdefault(one, {})
        at[names[-1]] = cell
    identities = record.get(_IDENTITIES)
    if isinstance(identities, dict):
        record[_IDENTITIES] = {space: [{"id": value}] for space, value in identities.items()}
    return record


def membership_words(record: dict[str, Any]) -> None:
    """Put Adobe's words in the memberships of a record into those of the profile's own form."""
    spaces = record.get(_MEMBERSHIPS)
    for audiences in spaces.values() if isinstance(spaces, dict) else ():
        for entry in audiences.values() if isinstance(audiences, dict) else ():
            if isinstance(entry, dict) and isinstance(said := entry.get(STATUS), str):
                entry[STATUS] = {"active": "realized", "expired": "exited"}.get(said.strip().lower(), said)


@dataclass(frozen=True, slots=True)
class OwnMembership:
    """What a row says of the file's own audience. `is_in`: None: its status is no word that is known."""

    is_in: bool | None
    at: object = None


def take_own_membership(record: dict[str, Any], status: str | None, *, needs_status: bool) -> OwnMembership:
    """What a record says of the file's audience, which is taken out of it with all that it says of audiences.

    `status`: the path of its status (None: where the profile's own form has it, or `status` where that is needed).
    Where none is needed, whoever has none is in the audience.
    """
    said = None if status is None else _take(record, status.split("."))
    entry = _entry(record.pop(_MEMBERSHIPS, None))
    if status is None:
        said = entry.get(STATUS) or (record.pop(STATUS, None) if needs_status else None)
    spoken, time = word(said), entry.get(_TIME)
    if not (spoken or needs_status):
        return OwnMembership(True, time)
    return OwnMembership(True if spoken in IN_WORDS else False if spoken in OUT_WORDS else None, time)


def _take(record: dict[str, Any], names: Sequence[str]) -> object:
    at: Any = record
    for one in names[:-1]:
        at = at.get(one) if isinstance(at, dict) else None
    return at.pop(names[-1], None) if isinstance(at, dict) else None


def _entry(spaces: object) -> Mapping[str, Any]:
    """The one membership of Adobe's that a row has, whatever the ids above it are: exports write placeholders."""
    for audiences in spaces.values() if isinstance(spaces, dict) else ():
        for entry in audiences.values() if isinstance(audiences, dict) else ():
            if isinstance(entry, dict):
                return entry
    return {}


def _column_problems(columns: Sequence[str]) -> Iterator[str]:
    if len(columns) > MAX_COLUMNS:
        yield f"the header has {len(columns)} columns, and {MAX_COLUMNS} are read at most"
        return
    known: set[str] = set()
    for number, name in enumerate(columns, 1):
        if not name.strip("."):
            yield f"column {number} has no name"
        elif len(name) > MAX_COLUMN_LENGTH:
            yield f"the name of column {number} is longer than {MAX_COLUMN_LENGTH} characters"
        elif name in known:
            yield f"column {number} has the name of another one: {name}"
        known.add(name)
    for name in known:
        parts = name.split(".")
        for end in range(1, len(parts)):
            if ".".join(parts[:end]) in known:
                yield f"the columns {'.'.join(parts[:end])} and {name} are a value and what holds it at once"


def _reads(source: str, record: Mapping[str, Any]) -> bool:
    """Whether a source of the mapping finds anything in a record."""
    path = Path.of(source)
    if path.namespace is not None:
        identities = record.get(_IDENTITIES)
        return isinstance(identities, dict) and path.namespace in {one.lower() for one in identities}
    return bool(path.values(record))
