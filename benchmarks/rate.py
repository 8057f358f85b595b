"""The rate of delivery at Marketo's limits, in real time, against the best that these limits let anybody have.

With N calls in any W seconds, C calls at once and L seconds a call, K calls need at least

    floor((K - 1) / N) * W  +  floor(((K - 1) mod N) / C) * L  +  L

seconds from the first one sent to the last one answered: full windows first, then the rest as fast as the bound on
concurrent calls lets it, then the last answer. That is measured as the simulator sees it, over several batches; what a
delivery takes before its first call and after its last one is shown beside it.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from benchmarks import marketo, workload
from benchmarks.marketo import RunningSimulator
from benchmarks.row import BenchmarkRow, Say
from benchmarks.worker import WorkerJob, follow
from benchmarks.workload import MUNCHKIN
from destination.domain.connection import Limits

WINDOW: Final = 20.0
LATENCY: Final = 0.5
CHUNK: Final = 300
AWS_SECONDS: Final = {"TransactWriteItems": 0.015, "BatchGetItem": 0.005, "GetItem": 0.005, "UpdateItem": 0.005}
LIMITS: Final = {"123-ABC-456": Limits(80, 5), "456-DEF-789": Limits(95, 9)}
"""The defaults, and nearly all that Marketo allows; each on an instance of its own, at the same time."""


@dataclass(frozen=True, slots=True)
class _Load:
    """So many new persons in batches of so many, each in so many audiences; `transaction`: seconds that one takes."""

    persons: int
    batch: int
    audiences: int = 1
    transaction: float = AWS_SECONDS["TransactWriteItems"]

    @property
    def calls(self) -> int:
        """Look up, create, put on each list."""
        return (2 + self.audiences) * ceil(self.persons / CHUNK)


USUAL: Final = _Load(30_000, 7_500)
"""Batches of the queue, 6 MB each."""
BY_AUDIENCES: Final = ((15_000, 7_500, 1), (4_500, 1_500, 20), (900, 300, 100))
"""Persons, those of a batch, and audiences of each person: batches that the queue's 6 MB hold, for several windows."""
TRANSACTIONS: Final = {"123-ABC-456": 0.015, "456-DEF-789": 0.05, "789-GHI-012": 0.1}
"""Seconds, each on an instance of its own, at the same time."""
JUDGED: Final = (20, 0.05)
"""Audiences, and seconds a transaction."""


@dataclass(frozen=True, slots=True)
class _Run:
    load: _Load
    limits: Limits
    seconds: float
    in_all: float
    stats: Mapping[str, Any]

    @property
    def best(self) -> float:
        return least_seconds(self.load.calls, self.limits.calls_per_20s, self.limits.concurrency)

    @property
    def share(self) -> float:
        """Of the best, in per cent."""
        return self.best / self.seconds * 100

    @property
    def how(self) -> str:
        return (
            f"{self.load.persons:,} new persons, {self.load.calls} calls: best {self.best:.1f} s, took "
            f"{self.seconds:.1f} s (with start and accounting {self.in_all:.1f} s); "
            f"{self.load.persons / self.seconds * 3600:,.0f} persons an hour"
        )


def least_seconds(calls: int, per_window: int, concurrency: int) -> float:
    """What so many calls take at best, given a window that is empty at first."""
    windows, rest = divmod(calls - 1, per_window)
    return windows * WINDOW + rest // concurrency * LATENCY + LATENCY


def run(say: Say) -> list[BenchmarkRow]:
    """Two deliveries at once, on two instances, and what their limits had to refuse."""
    say("rate: preparing")
    with _prepared(USUAL) as (simulator, files), ThreadPoolExecutor(len(LIMITS)) as threads:
        runs = list(threads.map(lambda one: _delivered(simulator, one, LIMITS[one], USUAL, files, say), LIMITS))
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


def by_audiences(say: Say) -> list[BenchmarkRow]:
    """The same at the defaults, for persons in more audiences and slower transactions; one of them is judged."""
    rows: list[BenchmarkRow] = []
    for persons, batch, audiences in BY_AUDIENCES:
        loads = {one: _Load(persons, batch, audiences, seconds) for one, seconds in TRANSACTIONS.items()}
        with _prepared(loads[MUNCHKIN]) as (simulator, files), ThreadPoolExecutor(len(loads)) as threads:
            runs = threads.map(
                lambda one, simulator=simulator, loads=loads, files=files: _delivered(
                    simulator, one, LIMITS[MUNCHKIN], loads[one], files, say
                ),
                loads,
            )
            rows += map(_row_of_audiences, runs)
    return rows


@contextmanager
def _prepared(load: _Load) -> Iterator[tuple[RunningSimulator, list[str]]]:
    """A simulator, and the files with the batches."""
    with tempfile.TemporaryDirectory() as folder, marketo.running({"latency": LATENCY}) as simulator:
        files = []
        for number, messages in enumerate(workload.batches(load.persons, load.batch, load.audiences)):
            file = Path(folder, f"{number}.json")
            file.write_text(json.dumps(workload.batch(messages)))
            files.append(str(file))
        yield simulator, files


def _delivered(
    simulator: RunningSimulator, munchkin_id: str, limits: Limits, load: _Load, files: Sequence[str], say: Say
) -> _Run:
    aws_seconds = AWS_SECONDS | {"TransactWriteItems": load.transaction}
    job = WorkerJob(munchkin_id, simulator.url, limits, files, aws_seconds, load.audiences)
    about = f"{limits.calls_per_20s} calls/20 s, {load.audiences} audiences, {load.transaction * 1000:.0f} ms"
    seconds = 0.0
    for done, report in enumerate(follow(job)):
        seconds = report.seconds
        say(f"rate at {about}: {done * load.batch:,} of {load.persons:,} persons after {seconds:.0f} s")
    sent = simulator.sent(munchkin_id)
    assert len(sent) == load.calls, len(sent)
    busy = (sent[-1] - sent[0]).total_seconds() + LATENCY
    return _Run(load, limits, busy, seconds, simulator.stats(munchkin_id))


def _row(one: _Run) -> BenchmarkRow:
    limits = one.limits
    what = f"rate at {limits.calls_per_20s} calls/20 s, {limits.concurrency} at once, of the best"
    return BenchmarkRow(what, one.share, 95, "%", one.how, at_least=True)


def _row_of_audiences(one: _Run) -> BenchmarkRow:
    load = one.load
    what = f"rate with {load.audiences} audiences a person, {load.transaction * 1000:.0f} ms a transaction, of the best"
    target = 95 if (load.audiences, load.transaction) == JUDGED else None
    return BenchmarkRow(what, one.share, target, "%", one.how, at_least=True)
