"""Export jobs: one queue for leads and activities, which advances with the clock (Marketo REST, Bulk Extract).

What a job writes comes from the endpoint that creates it: this module knows no call.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Final

from marketo_simulator import tables
from marketo_simulator.errors import CallError
from marketo_simulator.fields import timestamp
from marketo_simulator.limits import quota_day
from marketo_simulator.settings import Settings

MAX_QUEUED: Final = 10
"""Jobs queued, processed ones included."""
MAX_PROCESSED: Final = 2
FORMATS: Final = frozenset(name.upper() for name in tables.DELIMITERS)
FILE_KEPT: Final = timedelta(days=7)
LISTED: Final = timedelta(days=7)
STATUS_KEPT: Final = timedelta(days=30)

CREATED: Final = "Created"
QUEUED: Final = "Queued"
PROCESSING: Final = "Processing"
CANCELLED: Final = "Cancelled"
COMPLETED: Final = "Completed"
FAILED: Final = "Failed"
STATUSES: Final = frozenset({CREATED, QUEUED, PROCESSING, CANCELLED, COMPLETED, FAILED})
_ENDED: Final = frozenset({CANCELLED, COMPLETED, FAILED})

Rows = tuple[Sequence[str], Iterable[Sequence[str]]]
"""Header and rows of a file."""


@dataclass(slots=True, eq=False)
class Job:
    """One export. `select` reads the rows when the job starts, the file can be had when it is completed."""

    number: int
    id: str
    kind: str
    owner: str
    format: str
    select: Callable[[], Rows]
    created_at: datetime
    status: str = CREATED
    queued_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    records: int = 0
    file: bytes = b""
    size: int = 0
    checksum: str = ""
    problem: str = ""

    def shown(self) -> dict[str, object]:
        """The row of every answer but the file; what is not known yet is left out."""
        row: dict[str, object] = {"exportId": self.id, "format": self.format, "status": self.status}
        times = {
            "createdAt": self.created_at,
            "queuedAt": self.queued_at,
            "startedAt": self.started_at,
            "finishedAt": self.finished_at,
        }
        row |= {name: timestamp(moment) for name, moment in times.items() if moment is not None}
        if self.status == COMPLETED:
            row |= {"numberOfRecords": self.records, "fileSize": self.size, "fileChecksum": self.checksum}
        return row | {"errorMsg": self.problem} if self.status == FAILED else row

    def start(self, moment: datetime, settings: Settings) -> None:
        """Read the rows and write the file, which nobody gets before the job is finished."""
        self.status, self.started_at = PROCESSING, moment
        try:
            header, rows = self.select()
        except CallError as error:
            self.problem = error.reason.message
            return
        text = tables.write(chain([header], self._counted(rows)), tables.DELIMITERS[self.format.lower()])
        is_null = self.records == 0 and settings.export_empty_file == "null"
        self.file = b"null" if is_null else text.encode(errors="replace")  # half a surrogate has no bytes

    def _counted(self, rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
        for row in rows:
            self.records += 1
            yield row

    def has_file(self, now: datetime) -> bool:
        """Whether its file can be had; it is thrown away after a week."""
        return self.status == COMPLETED and self.finished_at is not None and now - self.finished_at <= FILE_KEPT

    def is_forgotten(self, now: datetime) -> bool:
        """Whether its end, or its creation if it was never queued, is a month ago."""
        waits = self.status in (QUEUED, PROCESSING)
        return not waits and now - (self.finished_at or self.created_at) > STATUS_KEPT

    def finish(self, moment: datetime) -> None:
        """Complete the job, or let it fail for what went wrong at its start."""
        self.finished_at = moment
        self.status = FAILED if self.problem else COMPLETED
        self.size, self.checksum = len(self.file), f"sha256:{hashlib.sha256(self.file).hexdigest()}"


class Exports:
    """The export jobs of an instance."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._queue: list[Job] = []
        self._processed: list[tuple[datetime, Job]] = []
        """With the time when they end."""
        self._written: Counter[date] = Counter()
        self._latest: datetime | None = None
        """When a job was started or finished last."""
        self.created = 0

    def settle(self, now: datetime, settings: Settings) -> None:
        """Start and finish what is due by now, in the order of time."""
        self._latest = min(self._latest or now, now)
        while True:
            starts = self._next_start(settings)
            first = min(self._processed, key=_end, default=None)
            if first is not None and first[0] <= min(now, starts or now):
                self._finish(*first, settings)
            elif starts is not None and starts <= now:
                self._latest = starts
                job = self._queue.pop(0)
                self._processed.append((starts + timedelta(seconds=settings.export_seconds), job))
                job.start(starts, settings)
            else:
                return

    def _finish(self, ends: datetime, job: Job, settings: Settings) -> None:
        self._latest = ends
        self._processed.remove((ends, job))
        job.finish(ends)
        self._written[quota_day(ends, settings)] += job.size

    def _next_start(self, settings: Settings) -> datetime | None:
        """When the first of the queue starts; None while it has to wait for others."""
        if not self._queue or len(self._processed) >= MAX_PROCESSED:
            return None
        queued = self._queue[0].queued_at or self._queue[0].created_at
        ready = queued + timedelta(seconds=settings.export_queue_seconds)
        return max(ready, self._latest or ready)

    def add(self, job: Job, settings: Settings) -> None:
        """Keep a new job, and forget the oldest. Raises CallError 1029 when the day's bytes are used up."""
        now = job.created_at
        self._refuse_more_bytes(now, settings)
        self._jobs = {each.id: each for each in self._jobs.values() if not each.is_forgotten(now)} | {job.id: job}
        for each in self._jobs.values():
            if each.finished_at is not None and not each.has_file(now):
                each.file = b""
        self.created += 1

    def enqueue(self, job: Job, now: datetime, settings: Settings) -> None:
        """Put a created job into the queue. Raises CallError 1029."""
        if job.status != CREATED:
            raise CallError("1029", "Job already queued")
        self._refuse_more_bytes(now, settings)
        if len(self._queue) + len(self._processed) >= MAX_QUEUED:
            raise CallError("1029", "Too many jobs in queue")
        job.status, job.queued_at = QUEUED, now
        self._queue.append(job)

    def cancel(self, job: Job, now: datetime) -> None:
        """Take a job out of the queue or stop it. Raises CallError 1003 for one that has ended."""
        if job.status in _ENDED:
            raise CallError("1003", f"Job cannot be cancelled, its status is {job.status}")
        if job.status == QUEUED:
            self._queue.remove(job)
        elif job.status == PROCESSING:
            self._processed = [each for each in self._processed if each[1] is not job]
            self._latest = now
        job.status, job.file = CANCELLED, b""

    def get(self, kind: str, owner: str, job_id: str, now: datetime) -> Job:
        """The user's own job of that kind and id. Raises CallError 1013."""
        job = self._jobs.get(job_id)
        if job is None or job.kind != kind or job.owner != owner or job.is_forgotten(now):
            raise CallError("1013", "Export job not found")
        return job

    def latest(self, kind: str, owner: str, now: datetime) -> dict[int, Job]:
        """The user's jobs of that kind that were created within a week, by their number."""
        return {
            job.number: job
            for job in self._jobs.values()
            if job.kind == kind and job.owner == owner and now - job.created_at <= LISTED
        }

    def _refuse_more_bytes(self, now: datetime, settings: Settings) -> None:
        most = settings.export_daily_bytes
        if most is not None and self._written[quota_day(now, settings)] >= most:
            raise CallError("1029", "Export daily quota exceeded")


def _end(processed: tuple[datetime, Job]) -> datetime:
    return processed[0]
