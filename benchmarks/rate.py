"""The rate of delivery at Marketo's limits, in real time, against the best that these limits let anybody have.

With N calls in any W seconds, C calls at once and L seconds a call, K calls need at least

    floor((K - 1) / N) * W  +  floor(((K - 1) mod N) / C) * L  +  L

seconds from the first one sent to the last one answered: full windows first, then the rest as fast as the bound on
concurrent calls lets it, then the last answer. That is measured as the simulator sees it, over several batches; what a
delivery takes before its first call and after its last one is shown beside it.
"""

import json
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from benchmarks import marketo, workload
from benchmarks.row import BenchmarkRow, Say
from benchmarks.worker import WorkerJob, follow
from destination.domain.connection import Limits

WINDOW: Final = 20.0
LATENCY: Final = 0.5
PERSONS: Final = 30_000
BATCH: Final = 7_500
"""A batch of the queue, 6 MB."""
CALLS: Final = 3 * ceil(PERSONS / 300)
"""Look up, create, put on the list."""
AWS_SECONDS: Final = {"TransactWriteItems": 0.015, "BatchGetItem": 0.005, "GetItem": 0.005, "UpdateItem": 0.005}
LIMITS: Final = {"123-ABC-456": Limits(80, 5), "456-DEF-789": Limits(95, 9)}
"""The defaults, and nearly all that Marketo allows; each on an instance of its own, at the same time."""


@dataclass(frozen=True, slots=True)
class _Run:
    limits: Limits
    seconds: float
    in_all: float
    stats: Mapping[str, Any]

    @property
    def best(self) -> float:
        return least_seconds(CALLS, self.limits.calls_per_20s, self.limits.concurrency)


def least_seconds(calls: int, per_window: int, concurrency: int) -> float:
    """What so many calls take at best, given a window that is empty at first."""
    windows, rest = divmod(calls - 1, per_window)
    return windows * WINDOW + rest // concurrency * LATENCY + LATENCY


def run(say: Say) -> list[BenchmarkRow]:
    """Two deliveries at once, on two instances, and what their limits had to refuse."""
    say("rate: preparing")
    with tempfile.TemporaryDirectory() as folder, marketo.running({"latency": LATENCY}) as simulator:
        files = []
        for number, messages in enumerate(workload.batches(PERSONS, BATCH)):
            file = Path(folder, f"{number}.json")
            file.write_text(json.dumps(workload.batch(messages)))
            files.append(str(file))

        def deliver(munchkin_id: str) -> _Run:
            limits = LIMITS[munchkin_id]
            job = WorkerJob(munchkin_id, simulator.url, limits, files, AWS_SECONDS)
            seconds = 0.0
            for done, report in enumerate(follow(job)):
                seconds = report.seconds
                about = f"{limits.calls_per_20s} calls/20 s, {limits.concurrency} at once"
                say(f"rate at {about}: {done * BATCH:,} of {PERSONS:,} persons after {seconds:.0f} s")
            sent = simulator.sent(munchkin_id)
            assert len(sent) == CALLS, len(sent)
            busy = (sent[-1] - sent[0]).total_seconds() + LATENCY
            return _Run(limits, busy, seconds, simulator.stats(munchkin_id))

        with ThreadPoolExecutor(len(LIMITS)) as threads:
            runs = list(threads.map(deliver, LIMITS))
    by_limit = [dict(one.stats["by_limit"]) for one in runs]
    most = "; ".join(
        f"at most {one.stats['most_in_window']} in 20 s, {one.stats['most_executing']} at once" for one in runs
    )
    return [
        *(_row(one) for one in runs),
        BenchmarkRow(
            "606 and 615 caused by us",
            sum(sum(counts.values()) for counts in by_limit),
            0,
            "",
            f"in these runs: {most}",
        ),
    ]


def _row(one: _Run) -> BenchmarkRow:
    limits = one.limits
    how = (
        f"{PERSONS:,} new persons, {CALLS} calls: best {one.best:.1f} s, took {one.seconds:.1f} s "
        f"(with start and accounting {one.in_all:.1f} s); {PERSONS / one.seconds * 3600:,.0f} persons an hour"
    )
    what = f"rate at {limits.calls_per_20s} calls/20 s, {limits.concurrency} at once, of the best"
    return BenchmarkRow(what, one.best / one.seconds * 100, 95, "%", how, at_least=True)
