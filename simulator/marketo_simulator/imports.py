"""Import jobs: their queue, which advances with the clock, and what is shown of them (Marketo REST, Bulk Lead Import).

What a job does to the leads comes from the endpoint that queues it: this module knows no call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from marketo_simulator import tables
from marketo_simulator.errors import CallError
from marketo_simulator.message import Response
from marketo_simulator.settings import Settings

KEPT: Final = timedelta(days=7)


@dataclass(slots=True)
class Job:
    """One import. Its start and end are fixed when it is queued; at its end `execute` fills in what became of it."""

    id: int
    format: str
    header: list[str]
    rows: list[list[str]]
    list_id: int | None
    execute: Callable[["Job"], None]
    starts: datetime
    ends: datetime
    done: bool = False
    processed: int = 0
    members: int = 0
    problem: str = ""
    failures: list[list[str]] = field(default_factory=list)
    warnings: list[list[str]] = field(default_factory=list)

    def shown(self, now: datetime) -> dict[str, object]:
        """The row of the poll answer."""
        row: dict[str, object] = {"batchId": self.id, "importId": str(self.id)}
        if not self.done:
            status = "Queued" if now < self.starts else "Importing"
            return row | {"status": status, "numOfLeadsProcessed": 0, "numOfRowsFailed": 0, "numOfRowsWithWarning": 0}
        failed, imported = len(self.failures), self.processed - len(self.failures)
        tally = f"{imported} records imported ({self.members} members)"
        if self.problem:
            message = self.problem
        elif failed:
            message = f"Import completed with errors, {tally}, {failed} failed"
        else:
            message = f"Import succeeded, {tally}"
        return row | {
            "status": "Failed" if self.problem else "Complete",
            "numOfLeadsProcessed": imported,
            "numOfRowsFailed": failed,
            "numOfRowsWithWarning": len(self.warnings),
            "message": message,
        }

    def is_forgotten(self, now: datetime) -> bool:
        """Whether its end is a week ago."""
        return now - self.ends > KEPT

    def report(self, rows: list[list[str]], column: str, *, shifted: bool) -> Response:
        """Rows with a last column of reasons, in the format of the job; empty when there are none.

        `shifted`: a blank cell right before the reason is left out.
        """
        shown = [[*row[:-2], row[-1]] if shifted and not row[-2] else row for row in rows]
        text = tables.write([[*self.header, column], *shown], tables.DELIMITERS[self.format]) if rows else ""
        return Response(200, text.encode(), "text/csv;charset=UTF-8")


def header_and_rows(file: bytes, file_format: str) -> tuple[list[str], list[list[str]]]:
    """What an import is made of. Raises CallError 1003 for a file without a row, or one that is no table."""
    try:
        rows = tables.read(file, tables.DELIMITERS[file_format])
    except ValueError as error:
        raise CallError("1003", "Invalid file") from error
    if len(rows) < 2:
        raise CallError("1003", "Empty file")
    return rows[0], rows[1:]


class Imports:
    """The import jobs of an instance."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}
        self._queued = 0

    def settle(self, now: datetime) -> None:
        """Execute the jobs whose time has come."""
        for job in sorted((job for job in self._jobs.values() if not job.done and job.ends <= now), key=_end):
            job.done = True
            job.execute(job)
            job.rows = []  # nobody asks for them any more, and they may be many

    def ends(self, now: datetime) -> list[datetime]:
        """When the jobs end whose time has come, in order."""
        return sorted({job.ends for job in self._jobs.values() if not job.done and job.ends <= now})

    def waiting(self, now: datetime) -> list[Job]:
        """Jobs queued or executing."""
        return [job for job in self._jobs.values() if job.ends > now]

    def is_using(self, list_id: int, now: datetime) -> bool:
        """Whether an import into the list is queued or executing."""
        return any(job.list_id == list_id for job in self.waiting(now))

    def get(self, job_id: int, now: datetime) -> Job:
        """The job of that id. Raises CallError 1013 for an unknown or expired one."""
        job = self._jobs.get(job_id)
        if job is None or job.is_forgotten(now):
            raise CallError("1013", "Batch not found")
        return job

    def schedule(
        self, settings: Settings, now: datetime, rows: int, list_id: int | None
    ) -> tuple[int, datetime, datetime]:
        """Id, start and end of the next job: it starts when a place is free, and no other fills its list."""
        waiting = self.waiting(now)
        busy = sorted((job.ends for job in waiting), reverse=True)
        most = settings.import_jobs_executing
        free = busy[most - 1] if len(busy) >= most else now
        filled = max((job.ends for job in waiting if list_id is not None and job.list_id == list_id), default=now)
        starts = max(free, filled, now + timedelta(seconds=settings.import_queue_seconds))
        seconds = settings.import_seconds
        if settings.import_rows_per_second is not None:
            seconds += rows / settings.import_rows_per_second
        return self._queued + 1, starts, starts + timedelta(seconds=seconds)

    def add(self, job: Job, now: datetime) -> None:
        """Queue the job, and forget the oldest."""
        self._jobs = {each.id: each for each in self._jobs.values() if not each.is_forgotten(now)} | {job.id: job}
        self._queued += 1


def _end(job: Job) -> datetime:
    return job.ends
