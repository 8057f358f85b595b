"""Parts of a file by the bulk lane, in the sync function: its memory, its time, and what it asks of AWS.

The function runs in a process of its own (`python -m benchmarks.waves`, a JSON job on stdin), with real boto3 clients
up to the network. The queue hands it ten messages at a time, and its clock goes on while nothing else is to be done.
"""

import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from subprocess import PIPE
from subprocess import run as run_process
from typing import Any, Final
from unittest import mock

from benchmarks import aws, marketo, workload
from benchmarks.row import BenchmarkRow, Say
from benchmarks.worker import BUCKET, QUEUE, ROOT, WorkerContext, WorkerJob, peak, prepare
from destination import composition
from destination.domain.capabilities import Capabilities
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.parking import Bundle, WaitsFor
from destination.queue import Message, bundle_message, encode_event, pack
from destination.store.capabilities import CapabilitiesOfInstances
from destination.store.parking import Parking

PARTS: Final = 12
PART: Final = 5_000
TOGETHER: Final = 10
MINUTE: Final = timedelta(minutes=1)
MOST_MEMORY: Final = 300
"""MiB, as of any batch of 6 MB."""

_FILE: Final = "20261121T100000Z-0000000000000000"
_IMPORTS: Final = {"import_queue_seconds": 0, "import_seconds": 0}


@dataclass(frozen=True, slots=True)
class WavesReport:
    """Seconds of wall and CPU time; the most memory, that before, and that of AWS's tables in the end, in MiB.

    `asked`: requests, by what they are.
    """

    seconds: float
    cpu: float
    before: float
    peak: float
    tables: float
    asked: dict[str, int]


def run(say: Say) -> list[BenchmarkRow]:
    """Parts of people whose leads are to be looked up, attributes and one list."""
    rows = PARTS * PART
    say(f"memory and requests of sync for {rows:,} rows by an import")
    leads = [{"id": 1 + one, "email": _address(one)} for one in range(rows)]
    with (
        marketo.running({**workload.NO_LIMITS, **_IMPORTS}, leads) as simulator,
        tempfile.TemporaryDirectory() as folder,
    ):
        job = WorkerJob(workload.MUNCHKIN, simulator.url, workload.LIMITLESS, [folder], {})
        command = [sys.executable, "-m", "benchmarks.waves"]
        done = run_process(  # noqa: S603
            command, cwd=ROOT, input=json.dumps(asdict(job)), text=True, stdout=PIPE, check=True
        )
    found = WavesReport(**json.loads(done.stdout))
    asked = ", ".join(f"{name} {count * 1_000_000 / rows:,.0f}" for name, count in sorted(found.asked.items()))
    return [
        BenchmarkRow(
            "memory of sync for parts of a file, by an import",
            found.peak - found.tables,
            MOST_MEMORY,
            "MiB",
            f"peak RSS less what AWS's tables hold in the end ({found.tables:.0f}), {PARTS} parts of {PART:,} rows, "
            f"{TOGETHER} in a batch; before them {found.before:.0f}",
        ),
        BenchmarkRow(
            "rows of a file a second of CPU of sync, by an import",
            rows / found.cpu,
            None,
            "",
            f"{rows:,} rows, once to take them into an import and once to settle them: {found.cpu:.1f} s of CPU, "
            f"{found.seconds:.1f} s in all, with what stands in for AWS",
        ),
        BenchmarkRow(
            "requests to AWS for 1,000,000 rows of a file, by imports",
            sum(found.asked.values()) * 1_000_000 / rows,
            None,
            "requests",
            f"{asked}; counted of {rows:,} rows, of sync alone",
        ),
    ]


@dataclass(slots=True)
class _Clock:
    """The time, and by how much it was let go on."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def main() -> None:
    given = json.load(sys.stdin)
    job = WorkerJob(**given | {"limits": workload.LIMITLESS})
    services = aws.AwsInProcess(s3=aws.S3(Path(job.batches[0])))
    prepare(services, job)
    os.environ["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"  # else bodies come in chunks, as of a stream
    clock = _Clock()
    with mock.patch("boto3.client", services.client), mock.patch.object(composition, "now", clock):
        from functions.sync.app import handler  # noqa: PLC0415 - reads the environment and the clock

        _park(services, clock())
        services.asked.clear()
        before, start, cpu = peak(), time.monotonic(), time.process_time()
        for batch in _batches(services.sqs, clock):
            context: Any = WorkerContext()
            failures = handler(workload.batch(batch), context)["batchItemFailures"]
            kept = {one["itemIdentifier"] for one in failures}
            services.asked["sqs", "Receive"] += 1
            services.asked["sqs", "Delete"] += len(kept) < len(batch)
            services.sqs.sent[QUEUE] += [one.body for one in batch if one.id in kept]
    assert not list(services.s3.keys("parked/"))
    asked = Counter({f"{service} {operation}": count for (service, operation), count in services.asked.items()})
    seconds, used, most = time.monotonic() - start, time.process_time() - cpu, peak()
    tables = _size(services.dynamodb.tables) / 2**20
    report = WavesReport(seconds, used, before, most, tables, dict(asked))
    print(json.dumps(asdict(report)))


def _batches(queue: aws.Sqs, clock: _Clock) -> Iterator[list[Message]]:
    """What is in the queue, ten at a time; where that is an import alone, a minute later."""
    number = 0
    while bodies := queue.sent.pop(QUEUE, []):
        if len(bodies) == 1:
            clock.ahead += MINUTE
        queue.sent[QUEUE] += bodies[TOGETHER:]
        batch = [Message(f"{number:06}-{one}", "receipt " * 30, body) for one, body in enumerate(bodies[:TOGETHER])]
        number += 1
        yield batch


def _park(services: aws.AwsInProcess, now: datetime) -> None:
    """Have the parts wait, as those of a file that was read."""
    CapabilitiesOfInstances(services.client("dynamodb"), aws.CONNECTIONS).put(
        workload.MUNCHKIN, Capabilities(joins_by_id=True)
    )
    parking = Parking(services.client("s3"), BUCKET)
    for part in range(PARTS):
        texts = [encode_event(_event(number, now)) for number in range(part * PART, (part + 1) * PART)]
        packed = pack(workload.CONNECTION_ID, now, texts, envelope_id=f"file-{_FILE}-{part:05}")
        bodies = [body for _, body in packed]
        bundle = Bundle(workload.CONNECTION_ID, WaitsFor.RETRY, now, now, PART, sum(map(len, bodies)), f"{part:032x}")
        parking.put(bundle, bodies)
        services.sqs.sent[QUEUE].append(bundle_message(bundle))


def _size(held: object) -> int:
    """Bytes of what is held, and of what that holds."""
    within: Iterable[object] = ()
    if isinstance(held, dict):
        within = (*held.keys(), *held.values())
    elif isinstance(held, (list, tuple)):
        within = held
    return sys.getsizeof(held) + sum(map(_size, within))


def _event(number: int, at: datetime) -> ProfileEvent:
    """A row of eight columns."""
    profile = {
        "personalEmail": {"address": _address(number)},
        "person": {"name": {"firstName": "Ada", "lastName": f"Lovelace {number}"}},
        "homeAddress": {"city": "London", "countryCode": "GB"},
        "mobilePhone": {"number": f"+44 20 7946 {number % 10_000:04}"},
        "_tenant": {"work": {"company": "Analytical Engines Ltd"}, "loyalty": {"points": number % 5_000}},
    }
    memberships = (Membership(workload.AUDIENCE, MembershipStatus.REALIZED, at),)
    return ProfileEvent(at=at, profile=profile, identities={}, memberships=memberships, received_at=at)


def _address(number: int) -> str:
    return f"ada.{number}@example.org"


if __name__ == "__main__":
    main()
