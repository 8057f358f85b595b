"""Import jobs: their queue, which advances with the clock, and what is shown of them (Marketo REST, Bulk Lead Import).

What a job does to the leads comes from the endpoint that queues it: this module knows no call.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from marketo_simulator.errors import CallError
from marketo_simulator.message import Response
from marketo_simulator.settings import Settings

MAX_JOBS: Final = 10
"""Queued imports, executing ones included."""
EXECUTING_JOBS: Final = 2
KEPT: Final = timedelta(days=7)
DELIMITERS: Final = {"csv": ",", "tsv": "\t", "ssv": ";"}


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

    def report(self, rows: list[list[str]], column: str) -> Response:
        """Rows with a last column of reasons, in the format of the job; empty when there are none."""
        text = io.StringIO()
        if rows:
            writer = csv.writer(text, delimiter=DELIMITERS[self.format], lineterminator="\n")
            writer.writerows([[*self.header, column], *rows])
        return Response(200, text.getvalue().encode(), "text/csv;charset=UTF-8")


class Imports:
    """The import jobs of an instance."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}

    def settle(self, now: datetime) -> None:
        """Execute the jobs whose time has come."""
        for job in sorted((job for job in self._jobs.values() if not job.done and job.ends <= now), key=_end):
            job.done = True
            job.execute(job)

    def waiting(self, now: datetime) -> list[Job]:
        """Jobs queued or executing."""
        return [job for job in self._jobs.values() if job.ends > now]

    def is_using(self, list_id: int, now: datetime) -> bool:
        """Whether an import into the list is queued or executing."""
        return any(job.list_id == list_id for job in self.waiting(now))

    def get(self, job_id: int, now: datetime) -> Job:
        """The job of that id. Raises CallError 1013 for an unknown or expired one."""
        job = self._jobs.get(job_id)
        if job is None or now - job.ends > KEPT:
            raise CallError("1013", "Batch not found")
        return job

    def schedule(self, settings: Settings, now: datetime) -> tuple[int, datetime, datetime]:
        """Id, start and end of the next job: it starts when fewer than two are executing."""
        busy = sorted((job.ends for job in self.waiting(now)), reverse=True)
        free = busy[EXECUTING_JOBS - 1] if len(busy) >= EXECUTING_JOBS else now
        starts = max(free, now + timedelta(seconds=settings.import_queue_seconds))
        return len(self._jobs) + 1, starts, starts + timedelta(seconds=settings.import_seconds)

    def add(self, job: Job) -> None:
        """Queue the job."""
        self._jobs[job.id] = job


def _end(job: Job) -> datetime:
    return job.ends
