"""The sync function in a process of its own, as Lambda runs it: `python -m benchmarks.worker` with a JSON job on stdin.

Its boto3 clients are real up to the network, AWS is in memory behind them, Marketo is wherever the job says. Prints one
JSON line when it is ready, and one for each batch.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any, Final
from unittest import mock

from benchmarks import aws, workload
from destination.domain.connection import Limits

ROOT: Final = Path(__file__).parents[1]
TIMEOUT_SECONDS: Final = 300
_PREFIX: Final = "benchmarks"
BUCKET: Final = "bucket"
QUEUE: Final = "https://queue.invalid/events"
_PSEUDONYMS: Final = f"{_PREFIX}/pseudonyms"


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """`batches` are files with the events to invoke with; `aws_seconds` is what AWS's operations take, by name."""

    munchkin_id: str
    marketo_url: str
    limits: Limits
    batches: Sequence[str]
    aws_seconds: dict[str, float]
    audiences: int = 1


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """Wall seconds since the start of the first batch; the most memory the process ever held, MiB."""

    seconds: float
    peak: float


class WorkerContext:
    """Lambda's context, as far as the function and Powertools read it."""

    function_name = "sync"
    function_version = "$LATEST"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:eu-central-1:123456789012:function:sync"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self) -> None:
        self._end = time.monotonic() + TIMEOUT_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - time.monotonic()) * 1000)


def follow(job: WorkerJob) -> Iterator[WorkerReport]:
    """Run a worker; yields when it is ready and after each batch. Raises RuntimeError when it fails."""
    command = [sys.executable, "-m", "benchmarks.worker"]
    with Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True) as process:  # noqa: S603
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(asdict(job)))
        process.stdin.close()
        for line in process.stdout:
            yield WorkerReport(**json.loads(line))
    if process.returncode:
        raise RuntimeError(f"the worker ended with {process.returncode}")


def main() -> None:
    given = json.load(sys.stdin)
    job = WorkerJob(**{**given, "limits": Limits(**given["limits"])})
    services = aws.AwsInProcess(job.aws_seconds)
    prepare(services, job)
    from functions.sync.app import handler  # noqa: PLC0415 - reads the environment

    with mock.patch("boto3.client", services.client):
        _tell(WorkerReport(0.0, peak()))
        start = time.monotonic()
        for file in job.batches:
            event = json.loads(Path(file).read_text())
            context: Any = WorkerContext()
            failures = handler(event, context)["batchItemFailures"]
            if failures:
                sys.exit(f"{len(failures)} messages were requeued")
            del event
            _tell(WorkerReport(time.monotonic() - start, peak()))


def prepare(services: aws.AwsInProcess, job: WorkerJob) -> None:
    """Configure the connection of the job, and the environment of the function."""
    credentials = {"client_id": "client", "client_secret": "secret"}
    services.secretsmanager.secrets[f"{_PREFIX}/credentials/{workload.CONNECTION_ID}"] = json.dumps(credentials)
    target = workload.active(workload.connection(job.limits, job.munchkin_id), job.audiences)
    workload.store(services.client("dynamodb"), target)
    services.secretsmanager.secrets[_PSEUDONYMS] = "secret"
    os.environ.update(
        STACK_NAME=_PREFIX,
        CONNECTIONS_TABLE=aws.CONNECTIONS,
        LEDGER_TABLE=aws.LEDGER,
        RUNS_TABLE=aws.RUNS,
        BUCKET=BUCKET,
        BATCH_WINDOW_SECONDS="92",
        QUEUE_URL=QUEUE,
        DEAD_LETTER_QUEUE_URL="https://queue.invalid/dead-letters",
        SECRETS_PREFIX=_PREFIX,
        PSEUDONYM_SECRET=_PSEUDONYMS,
        MARKETO_URL=job.marketo_url,
        LOG_LEVEL="CRITICAL",
        POWERTOOLS_METRICS_DISABLED="true",  # they are lines of the standard output, which is ours
    )


def _tell(report: WorkerReport) -> None:
    print(json.dumps(asdict(report)), flush=True)


def peak() -> float:
    """Not `ru_maxrss`, which a new program takes over from the process that started it."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    main()
