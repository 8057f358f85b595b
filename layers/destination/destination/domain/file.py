"""Files: people of an audience, a row each, that are delivered as events are.

    asked for ─▶ uploaded ─▶ reading ─▶ delivering ─▶ completed
                    │            └─▶ refused, or held for a person's yes
                    └── dropped below the connection's prefix

A file is one version of one object: the same object again is the same file, and nothing is done for it. Its rows are
numbered from 1, and cut into parts; a part is an envelope (queue/envelopes.py), whose id follows from the file's, so
that a row is the same event however often the file is read.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Self

from destination.domain.file_form import FileForm
from destination.domain.outcome import Class

MAX_FILE_BYTES: Final = 5_000_000_000
"""What one upload takes (Amazon S3, "Uploading objects": 5 GB in a single PUT)."""

MAX_NAME_LENGTH: Final = 200

UPLOAD_WITHIN: Final = timedelta(hours=1)
"""How long the address for an upload is good."""

RETENTION: Final = timedelta(days=30)
"""How long what became of a file's rows is kept (template.yaml)."""

MAX_DURATION: Final = timedelta(days=30)
"""A file that is not at its end by then ends: what waited for longer than 29 days has failed (domain/parking.py)."""

SECOND: Final = timedelta(microseconds=999_999)

ON_ITS_WAY: Final = timedelta(minutes=6)
"""How long a delivery goes on that took a part before the file was cancelled: as long as its function runs."""

_ID: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{16}")
_ENVELOPE: Final = re.compile(rf"file-(?P<file>{_ID.pattern})-(?P<part>[0-9]{{5}})")
_ADOBE_AUDIENCE: Final = re.compile(r"_segment(?P<id>.+?)_[0-9]{14}(?:_[0-9]+)?\.[a-z.]+$", re.IGNORECASE)


class Mode(StrEnum):
    """What a row says of the file's audience.

    `add`: whoever is named is in it. `incremental`: the row's status says who is and who has left. `mirror`: who is
    named is in it, and nobody else is.
    """

    ADD = "add"
    INCREMENTAL = "incremental"
    MIRROR = "mirror"


class FileStatus(StrEnum):
    AWAITED = "awaited"
    COUNTING = "counting"
    HELD = "held"
    READING = "reading"
    DELIVERING = "delivering"
    LEAVING = "leaving"
    CANCELLING = "cancelling"
    COMPLETED = "completed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


ENDED: Final = frozenset({FileStatus.COMPLETED, FileStatus.REFUSED, FileStatus.CANCELLED})

REJECTED: Final = "rejected"
IGNORED: Final = "ignored"
NOT_DELIVERED: Final = "not_delivered"
"""What else becomes of rows: they cannot be read; they concern nothing activated; the file was cancelled before, or
came to its end without them.
"""


class MirrorHold(StrEnum):
    """Why a mirror waits for a person's yes: it would take people off."""

    FIRST = "FIRST"
    SMALLER = "SMALLER"
    NO_ROWS = "NO_ROWS"
    REJECTED_ROWS = "REJECTED_ROWS"


MIN_SHARE: Final = 0.5
"""Of the rows of the mirror before: one with fewer is held."""


class FileCode(StrEnum):
    """Why a file was refused, or was not read to its end."""

    NOT_ENABLED = "NOT_ENABLED"
    UNKNOWN_AUDIENCE = "UNKNOWN_AUDIENCE"
    EMPTY = "EMPTY"
    HEADER_UNFIT = "HEADER_UNFIT"
    TOO_LARGE = "TOO_LARGE"
    TOO_MANY_ROWS = "TOO_MANY_ROWS"
    NOT_GZIP = "NOT_GZIP"
    CUT_OFF = "CUT_OFF"
    WRONG_ENCODING = "WRONG_ENCODING"
    NOT_JSON = "NOT_JSON"
    CHANGED = "CHANGED"
    MANIFEST_DIFFERS = "MANIFEST_DIFFERS"
    GONE = "GONE"
    NOT_TAKEN_OFF = "NOT_TAKEN_OFF"


MEANINGS: Final[Mapping[FileCode, str]] = {
    FileCode.NOT_ENABLED: "The connection is not enabled. Enable it, and upload the file again.",
    FileCode.UNKNOWN_AUDIENCE: "No audience of this id is activated. Activate it, and upload the file again.",
    FileCode.EMPTY: "The file has no rows.",
    FileCode.HEADER_UNFIT: "The header does not fit the mapping: `missing` names the columns that have to be there.",
    FileCode.TOO_LARGE: "The file is larger than is read, or becomes so when it is unpacked. Split it.",
    FileCode.TOO_MANY_ROWS: "The file has more rows than are read. Those before were delivered; send the others again.",
    FileCode.NOT_GZIP: "What is packed in the file is damaged. The rows before that were delivered.",
    FileCode.CUT_OFF: "The file ends in the middle. The rows before that were delivered.",
    FileCode.WRONG_ENCODING: "The file is not in the encoding that was named. The rows before that were delivered.",
    FileCode.NOT_JSON: "The file is no JSON from some place on, or ends in a row. The rows before were delivered.",
    FileCode.CHANGED: "The object was written again while it was read. What is there now is a file of its own.",
    FileCode.MANIFEST_DIFFERS: "What the manifest names is not there, or of another size: `missing` names it.",
    FileCode.NOT_TAKEN_OFF: (
        "Who is not in the file was not taken off. Mend what the verification names, or give the audience a list where "
        "it names none, and repeat."
    ),
    FileCode.GONE: "The object is gone. The rows that were read before were delivered.",
}


@dataclass(frozen=True, slots=True)
class FileObject:
    """A version of an object in the bucket. `version`: its ETag."""

    key: str
    version: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class File:
    """One file, and how far it is.

    `activation_id`: the audience that its rows are of (None: rows say it, or bring attributes alone). `key`: the
    object that it comes with; the `objects` whose rows it has, and their `size`, are known once it is there. `parts`:
    how many rows each part has that was read so far; of all of them so many were `rejected`. `absent`: columns that are
    mapped and not in the header; `missing`: those without which it is refused. `code`: why it was refused, or not read
    to its end. `persons`: what became of its rows, by outcome, once that is known of all. `claimed_until`: while
    somebody reads it. `read_at`: when it was read to its end.

    Of a mirror: `counted`: how many rows it has; `before`: how many the one before had. `holds`: why it waits for a
    person's yes, given at `approved_at`. `verification`: by which who is not named is taken off; so many `left`.
    `looked_at`: how many of its rows were, for all; of these so many are of people whose lead was not known.
    """

    id: str
    connection_id: str
    name: str
    key: str
    mode: Mode
    activation_id: str | None
    form: FileForm
    status: FileStatus
    created_at: datetime
    objects: tuple[FileObject, ...] = ()
    size: int = 0
    received_at: datetime | None = None
    rejected: int = 0
    parts: tuple[int, ...] = ()
    absent: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    code: FileCode | None = None
    persons: Mapping[str, int] = field(default_factory=dict)
    claimed_until: datetime | None = None
    read_at: datetime | None = None
    cancelled_at: datetime | None = None
    finished_at: datetime | None = None
    counted: int | None = None
    before: int | None = None
    holds: tuple[MirrorHold, ...] = ()
    approved_at: datetime | None = None
    verification: str | None = None
    left: int = 0
    looked_at: int = 0
    unknown: int = 0
    version: int = 1

    @property
    def rows(self) -> int:
        """How many were read so far."""
        return sum(self.parts)

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    @property
    def began_at(self) -> datetime:
        """When its rows were received, in the ledger's sense."""
        return self.received_at or self.created_at

    def has_result(self, now: datetime) -> bool:
        """Whether it is told row by row what became of it."""
        return bool(self.persons) and self.finished_at is not None and now - self.finished_at < RETENTION

    def is_claimed(self, now: datetime) -> bool:
        return self.claimed_until is not None and now < self.claimed_until

    def has_overtaken(self, mirror: Self) -> bool:
        """Whether it is a later mirror of the same audience, by which people are taken off, or were."""
        is_same = (self.mode, self.activation_id) == (Mode.MIRROR, mirror.activation_id)
        is_taken_off = self.verification is not None and self.cancelled_at is None
        return is_same and is_taken_off and self.began_at > mirror.began_at

    def arrived(self, found: FileObject, now: datetime, objects: tuple[FileObject, ...] = ()) -> Self:
        """The file, now that its object is there. S3 tells the second of its creation, which may be going on.

        `objects`: the parts that it is a manifest of.
        """
        return replace(
            self,
            status=FileStatus.COUNTING if self.mode is Mode.MIRROR else FileStatus.READING,
            objects=objects or (found,),
            size=sum(one.size for one in objects or (found,)),
            received_at=min(found.modified_at + SECOND, now),
        )

    def refused(self, code: FileCode, now: datetime, missing: tuple[str, ...] = ()) -> Self:
        return replace(self, status=FileStatus.REFUSED, code=code, missing=missing, finished_at=now, claimed_until=None)

    def held(self, holds: tuple[MirrorHold, ...]) -> Self:
        return replace(self, status=FileStatus.HELD, holds=holds, claimed_until=None)

    def approved(self, now: datetime) -> Self:
        """Somebody says that it is to be carried on all the same."""
        status = FileStatus.READING if self.read_at is None else FileStatus.LEAVING
        return replace(self, status=status, approved_at=now)

    @property
    def may_be_empty(self) -> bool:
        return self.mode is Mode.MIRROR and self.approved_at is not None

    def cancelled(self, now: datetime) -> Self:
        """What is on its way is waited for, if anything can be."""
        if not self.parts and self.status in {FileStatus.AWAITED, FileStatus.COUNTING, FileStatus.HELD}:
            return replace(self, status=FileStatus.CANCELLED, cancelled_at=now, finished_at=now)
        return replace(self, status=FileStatus.CANCELLING, cancelled_at=now, claimed_until=None)

    def is_over(self, now: datetime) -> bool:
        """Whether nothing more becomes of its rows, though it may not be known what did of some."""
        if self.cancelled_at is not None:
            return now - self.cancelled_at >= ON_ITS_WAY
        return now - self.began_at >= MAX_DURATION


def holds_of(counted: int, bad: int, before: int | None) -> tuple[MirrorHold, ...]:
    """Why a mirror of so many rows, of which some cannot be read, has to wait; `before`: how many the last one had.

    Of a row that cannot be read nobody knows whom it names, who would be taken off.
    """
    found = {
        MirrorHold.NO_ROWS: counted == 0,
        MirrorHold.REJECTED_ROWS: bad > 0,
        MirrorHold.FIRST: before is None,
        MirrorHold.SMALLER: before is not None and counted < MIN_SHARE * before,
    }
    return tuple(hold for hold, holds in found.items() if holds)


def is_file_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def file_id_of(found: FileObject) -> str:
    """The id of a file that was dropped: the same for the same version of the same object."""
    told = f"{found.key}\0{found.version}\0{found.modified_at.isoformat()}"
    return f"{found.modified_at:%Y%m%dT%H%M%SZ}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


def envelope_of(file_id: str, part: int) -> str:
    """The id of the envelope of a part."""
    return f"file-{file_id}-{part:05}"


def part_of(envelope_id: str) -> tuple[str, int] | None:
    """The file's id, and the number of the part that an envelope is; None: it is of no file."""
    if not envelope_id.startswith("file-"):
        return None
    found = _ENVELOPE.fullmatch(envelope_id)
    return None if found is None else (found["file"], int(found["part"]))


def bundle_id_of(file_id: str, part: int) -> str:
    """The id of the bundle that a part waits in: the same whenever it is cut again."""
    return hashlib.sha256(envelope_of(file_id, part).encode()).hexdigest()[:32]


def audience_in_name(name: str) -> str | None:
    """The id of the audience that Adobe names in an export: `<destination>_segment<id>_<yyyymmddhhmmss>.csv`.

    Source: Experience Platform, "Activate audiences to batch profile export destinations", file names.
    """
    found = _ADOBE_AUDIENCE.search(name)
    return None if found is None else found["id"]


def is_manifest(name: str) -> bool:
    """Whether a file is one of Adobe's manifests, by its name: `manifest-<destination>-<run>.json`."""
    return name.lower().startswith("manifest-") and name.lower().endswith(".json")


def parts_in(manifest: bytes) -> dict[str, int]:
    """The names and sizes of the files of an export, by its manifest. Raises ValueError for what is none.

    Source: Experience Platform, "Connect to a cloud storage destination", manifest file: `exportResults`.
    """
    try:
        parts = {str(one["name"]).rpartition("/")[2]: int(one["size"]) for one in json.loads(manifest)["exportResults"]}
    except (KeyError, TypeError, OverflowError, RecursionError, ValueError):
        raise ValueError("not a manifest") from None
    if not parts:
        raise ValueError("a manifest of nothing")
    return parts


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """What became of one row, or of one of its persons.

    `number`: of the row in its part, from 0, and, after a dot, of the person. `attempt`: how often its event has been a
    letter.
    """

    number: str
    outcome: str
    code: str | None = None
    lead_id: int | None = None
    created: bool = False
    attempt: int = 0

    @property
    def place(self) -> int:
        return int(self.number.partition(".")[0])


_LETTERS: Final[Mapping[str, str]] = {
    Class.ACTIVATED.value: "a",
    Class.UNCHANGED.value: "u",
    Class.EXCLUDED.value: "x",
    Class.FAILED.value: "f",
    IGNORED: "i",
    REJECTED: "r",
}
_WORDS: Final = {letter: word for word, letter in _LETTERS.items()}
_TALLY: Final = re.compile(r"(?:[auxfir][0-9]+)+")
_OUTCOMES: Final = re.compile(
    rf"(?P<part>[0-9]{{5}})-(?P<at>[0-9]{{20}})-(?P<tally>{_TALLY.pattern})-(?P<id>[0-9a-f]{{12}})"
)


@dataclass(frozen=True, slots=True)
class OutcomesKey:
    """The outcomes of rows of one part that were known together: the name tells how many of which kind.

    `at`: when they were known, to the microsecond, as what is known later counts. `id`: 12 hexadecimal digits.
    """

    file_id: str
    part: int
    at: datetime
    counts: Mapping[str, int]
    id: str

    @property
    def name(self) -> str:
        """Begins with the part, and the time after it, so that what became of a part is listed together, in order."""
        tally = "".join(f"{_LETTERS[word]}{number}" for word, number in self.counts.items())
        return f"{self.part:05}-{self.at:%Y%m%d%H%M%S%f}-{tally}-{self.id}"


def counts_in(name: str) -> tuple[int, Counter[str]]:
    """The part, and how many rows had which outcome, by the name of outcomes. Raises ValueError for any other name."""
    found = _OUTCOMES.fullmatch(name)
    if found is None:
        raise ValueError("not the name of outcomes")
    counts = {_WORDS[letter]: int(number) for letter, number in re.findall(r"([a-z])([0-9]+)", found["tally"])}
    return int(found["part"]), Counter(counts)


def newest(outcomes: Iterable[RowOutcome]) -> list[RowOutcome]:
    """Of outcomes in the order in which they were known, what counts of each row's persons, in the order of the rows.

    A later attempt counts before an earlier one, and of the same attempt what was known last: a delivery that broke off
    before it was recorded was made again.
    """
    known: dict[str, RowOutcome] = {}
    for one in outcomes:
        before = known.get(one.number)
        if before is None or before.attempt <= one.attempt:
            known[one.number] = one
    return sorted(known.values(), key=lambda one: [int(number) for number in one.number.split(".")])


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far the delivery of a file is: rows by outcome. `settled`: how many are known; `ends_at`: an estimate."""

    counts: Mapping[str, int]
    settled: int
    ends_at: datetime | None


def progress_of(file: File, counts: Mapping[str, int], now: datetime) -> FileProgress:
    """`counts`: by the names of all outcomes so far; a delivery that was made twice is in them twice, until the end.

    The estimate is what the rows so far took, for those that are left; it is none before the first part was delivered,
    or once the file is at its end.
    """
    if file.is_ended and file.persons:
        return FileProgress(file.persons, file.rows, None)
    settled = min(sum(counts.values()), file.rows)
    delivered = settled - counts.get(REJECTED, 0)
    left = file.rows - settled
    if delivered <= 0 or file.is_ended or file.read_at is None:
        return FileProgress(counts, settled, None)
    return FileProgress(counts, settled, now + (now - file.began_at) * (left / delivered))
