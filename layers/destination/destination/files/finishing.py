"""Ends files: once it is known what became of every row, their result is written, row by row.

What became of a row counts once the ledger has it: who delivers stores it before, and may die in between. Of a file
that was cancelled nobody comes back to such a row.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from destination.domain.file import (
    NOT_DELIVERED,
    REJECTED,
    File,
    FileStatus,
    MirrorHold,
    Mode,
    RowOutcome,
    envelope_of,
    holds_of,
    newest,
)
from destination.domain.outcome import INVALID_DEDUPE_VALUE, MISSING_DEDUPE_VALUE, WAITED_TOO_LONG
from destination.domain.shard import SHARDS
from destination.store.errors import StaleVersionError

COLUMNS: Final = ("row", "outcome", "reason", "lead_id", "created")
"""None has anything that somebody else wrote, so that no spreadsheet takes a cell for a formula."""


NAMELESS: Final = (MISSING_DEDUPE_VALUE, INVALID_DEDUPE_VALUE, WAITED_TOO_LONG)
"""Of rows by which the ledger learnt of nobody that they are in the audience."""


class Files(Protocol):
    """Where files are kept."""

    def put(self, file: File, /) -> File: ...


class FileObjects(Protocol):
    """What became of the rows of files."""

    def counts(self, file: File, /) -> Mapping[str, tuple[int, Counter[str]]]: ...
    def outcomes(self, file: File, name: str, /) -> list[RowOutcome]: ...
    def remove(self, file: File, /) -> None: ...
    def write_result(self, file: File, pieces: Iterable[bytes], /) -> None: ...


class Ledger(Protocol):
    """What was counted."""

    def counted(
        self, connection_id: str, envelopes: Collection[tuple[int, str]], /
    ) -> dict[tuple[int, str], frozenset[str]]: ...


class _NotYetError(Exception):
    """Of some row it is not known yet what became of it, or it cannot be told now."""


@dataclass(frozen=True, slots=True)
class FinishFiles:
    files: Files
    objects: FileObjects
    ledger: Ledger
    clock: Callable[[], datetime]

    def __call__(self, file: File, has_time: Callable[[], bool]) -> File:
        """End a file if it can be, and there is time for it, or have a mirror go on; it as it stands then.

        Raises AWS's errors; another call does it then.
        """
        is_over = file.is_over(self.clock())
        found = self.objects.counts(file)
        if not is_over and (
            file.cancelled_at is not None or sum(sum(counts.values()) for _, counts in found.values()) < file.rows
        ):
            return file
        by_part: defaultdict[int, list[str]] = defaultdict(list)
        for name in sorted(found):
            by_part[found[name][0]].append(name)
        if file.cancelled_at is not None:
            file = self._with_last(file, by_part)
        persons: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        try:
            self.objects.write_result(file, self._lines(file, by_part, persons, codes, has_time, is_over=is_over))
            nameless = sum(codes[one.code] for one in NAMELESS)
            told = self.files.put(_told(replace(file, persons=dict(persons)), nameless, self.clock()))
        except (_NotYetError, StaleVersionError):
            return file
        self.objects.remove(told)
        return told

    def _with_last(self, file: File, by_part: Mapping[int, list[str]]) -> File:
        """The file with the part that was being stored when it was cancelled, as far as something became of it."""
        last = len(file.parts)
        places = [one.place for one in self._known(file, last, by_part.get(last, ()))]
        return replace(file, parts=(*file.parts, max(places) + 1)) if places else file

    def _known(self, file: File, part: int, names: Iterable[str]) -> list[RowOutcome]:
        """What became of the rows of a part, as far as it counts; a row that is no event is in no ledger."""
        stored = newest(one for name in names for one in self.objects.outcomes(file, name))
        envelopes = [(shard, envelope_of(file.id, part)) for shard in range(SHARDS)] if stored else []
        marks = self.ledger.counted(file.connection_id, envelopes).values()
        counted = frozenset[str]().union(*marks)
        return [one for one in stored if one.outcome == REJECTED or one.number in counted]

    def _lines(
        self,
        file: File,
        by_part: Mapping[int, list[str]],
        persons: Counter[str],
        codes: Counter[str],
        has_time: Callable[[], bool],
        *,
        is_over: bool,
    ) -> Iterator[bytes]:
        """The result, a part at a time; adds to `persons`, and to `codes` why they were not activated.

        Raises _NotYetError where a row is missing that may come, or there is no more time.
        """
        yield _csv([COLUMNS])
        first = 1
        for part, rows in enumerate(file.parts):
            if not has_time():
                raise _NotYetError
            by_place: defaultdict[int, list[RowOutcome]] = defaultdict(list)
            for one in self._known(file, part, by_part.get(part, ())):
                by_place[one.place].append(one)
            if len(by_place) < rows and not is_over:
                raise _NotYetError
            lines: list[tuple[object, ...]] = []
            for place in range(rows):
                for one in by_place.get(place) or [RowOutcome(str(place), NOT_DELIVERED)]:
                    persons[one.outcome] += 1
                    codes[one.code or ""] += 1
                    created = "true" if one.created else ""
                    lines.append((first + place, one.outcome, one.code, one.lead_id, created))
            yield _csv(lines)
            first += rows


def _told(file: File, nameless: int, now: datetime) -> File:
    """The file once it is told what became of its rows: at its end, but for a mirror that was read whole.

    Who is named in a row that could not be read would be taken off, so that somebody has to say yes to that; and so
    would everybody where most rows name nobody, as if these were not there.
    """
    if file.cancelled_at is not None:
        return replace(file, status=FileStatus.CANCELLED, finished_at=now)
    if file.mode is not Mode.MIRROR or file.code is not None:
        return replace(file, status=FileStatus.COMPLETED, finished_at=now)
    if file.rejected and file.approved_at is None:
        return file.held((MirrorHold.REJECTED_ROWS,))
    before = file.rows if file.before is None else file.before
    if MirrorHold.SMALLER in holds_of(file.rows - nameless, 0, before) and MirrorHold.SMALLER not in file.holds:
        return file.held((MirrorHold.SMALLER,))
    return replace(file, status=FileStatus.LEAVING)


def _csv(lines: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
