"""CPU of the sync use case, with Marketo and AWS answered in this process and their own CPU taken off.

What stands in for them runs within `Apart`, which adds up the CPU time of the threads in it. All the rest of the
process's CPU counts as ours: decoding messages, mapping, coalescing, planning, hashing, encoding requests (that of
`requests` above its adapter too), reading answers, encoding ledger rows, threads and garbage. The garbage collector is
set as the function sets it, and what exists before a delivery is none of its business.

Whenever Marketo or AWS has its turn, so has the yardstick, in the same thread: some pieces of it are done before the
answer is given. A delivery makes about 40 such calls, all over its time.
"""

import functools
import gc
import importlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

import requests

from benchmarks import aws, workload
from benchmarks.row import BenchmarkRow, Say, best
from benchmarks.yardstick import Yardstick
from destination.domain.credentials import ClientCredentials
from destination.domain.pseudonym import pseudonym
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import DeadLetters, EventQueue, Message
from destination.store.delivering import DeliveringConnections
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.losses import Losses
from destination.store.runs import Runs
from destination.store.seen import SeenDays
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.delivery import delivery
from testing.memory import MemoryLetters, MemoryParking, MemoryToken

EVENTS: Final = 1_000
"""Of a delivery."""
DELIVERIES: Final = 12
"""Of each kind, all to one world."""
TAKES: Final = 3
"""At most; the first that reaches all targets is the last."""
KINDS: Final = (("new", 0, "created"), ("unchanged", 0, "unchanged"), ("changed", 1, "updated"))
"""In this order for each thousand persons: the revision of their profiles, and how all of them are counted."""
PIECES: Final = 30
"""Of the yardstick, at each call of Marketo or AWS: about one for an event."""


@dataclass(slots=True)
class Apart:
    """CPU seconds that are not ours, those of the yardstick among them."""

    yardstick: Yardstick
    seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timed(self) -> Iterator[None]:
        start = time.thread_time()
        try:
            self.yardstick.take(PIECES)
            yield
        finally:
            spent = time.thread_time() - start
            with self.lock:
                self.seconds += spent


@dataclass(frozen=True, slots=True)
class _Client:
    """An AWS client whose operations are not ours."""

    backend: object
    apart: Apart

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation: Callable[..., Any] = getattr(self.backend, name)

        def timed(*given: Any, **request: Any) -> Any:
            with self.apart.timed():
                return operation(*given, **request)

        return timed


class _Adapter(SimulatorAdapter):
    def __init__(self, simulator: Simulator, apart: Apart) -> None:
        super().__init__(simulator)
        self._apart = apart

    def send(self, *given: Any, **options: Any) -> requests.Response:
        with self._apart.timed():
            return super().send(*given, **options)


class CpuBench:
    """The sync use case with its real stores, on AWS and Marketo in this process."""

    def __init__(self) -> None:
        self.apart = Apart(yardstick([workload.profile(0)]))
        dynamodb: Any = _Client(aws.DynamoDB(), self.apart)
        sqs: Any = _Client(aws.Sqs(), self.apart)
        simulator = Simulator(seed=workload.SEED, settings=workload.NO_LIMITS)
        http = requests.Session()
        http.mount("https://", _Adapter(simulator, self.apart))
        marketo = Marketo(
            munchkin_id=workload.MUNCHKIN,
            credentials=ClientCredentials("client", "secret"),
            tokens=MemoryToken(),
            http=http,
            pace=Pace(1, 1),
        )
        leases, runs = Leases(dynamodb, aws.CONNECTIONS), Runs(dynamodb, aws.RUNS)
        workload.store(dynamodb, workload.active(workload.connection()))
        self.sync = delivery(
            connections=DeliveringConnections(dynamodb, aws.CONNECTIONS),
            leases=leases,
            ledger=Ledger(dynamodb, aws.LEDGER, leases=leases, runs=runs),
            losses=Losses(dynamodb, aws.RUNS, runs),
            seen=SeenDays(dynamodb, aws.RUNS),
            queue=EventQueue(sqs, "queue"),
            parking=MemoryParking(),
            letters=MemoryLetters(),
            dead_letters=DeadLetters(sqs, "dead letters"),
            marketo=lambda _: marketo,
            pace=lambda limits, state, _: Pace(limits.calls_per_20s, limits.concurrency, state=state),
            clock=lambda: datetime.now(UTC),
            verify=lambda *_: None,
            sleep=time.sleep,
            chance=lambda: 0.0,
            name_of=functools.partial(pseudonym, b"secret"),
        )

    def deliver(self, messages: Sequence[Message], outcome: str, yardstick: Yardstick) -> float:
        """Deliver, in turns with the yardstick; answers our CPU seconds. All events must have the outcome."""
        gc.collect()
        gc.freeze()
        self.apart.yardstick = yardstick
        apart, start = self.apart.seconds, time.process_time()
        report = self.sync(messages, timedelta(minutes=5))
        spent = time.process_time() - start - (self.apart.seconds - apart)
        assert not report.requeued, report.halts
        assert not report.parked, report.halts
        assert report.tally.counts[outcome] == EVENTS, report.tally.counts
        return spent


@dataclass(frozen=True, slots=True)
class _Taken:
    """CPU seconds for one event, and for one piece of the yardstick meanwhile."""

    ours: float
    yardstick: float

    @property
    def ratio(self) -> float:
        return self.ours / self.yardstick


def yardstick(profiles: Iterable[workload.Payload]) -> Yardstick:
    """`json.loads` plus `json.dumps` of one event at a time, as its source sent it."""
    return Yardstick(
        lambda text: json.dumps(json.loads(text)), [json.dumps(one, separators=(",", ":")) for one in profiles]
    )


def run(say: Say) -> list[BenchmarkRow]:
    """New, unchanged and changed persons."""
    return best(TAKES, lambda: _measured(say))


def _measured(say: Say) -> list[BenchmarkRow]:
    taken: dict[str, list[_Taken]] = {kind: [] for kind, _, _ in KINDS}
    received_at = workload.START
    with _collector_of_sync():
        stand = CpuBench()
        for number in range(DELIVERIES):
            say(f"CPU of sync, {EVENTS:,} events each new, unchanged, changed: {number + 1} of {DELIVERIES}")
            persons = range(number * EVENTS, (number + 1) * EVENTS)
            for kind, revision, outcome in KINDS:
                received_at += timedelta(seconds=1)  # a message's id is made of it
                profiles = [workload.profile(person, revision) for person in persons]
                meanwhile = yardstick(profiles)
                spent = stand.deliver(workload.messages(profiles, received_at), outcome, meanwhile)
                taken[kind].append(_Taken(spent / EVENTS, meanwhile.each))
    return [_row(kind, deliveries) for kind, deliveries in taken.items()]


def _row(kind: str, deliveries: Sequence[_Taken]) -> BenchmarkRow:
    ratios = sorted(one.ratio for one in deliveries)
    ours, each = median(one.ours for one in deliveries), median(one.yardstick for one in deliveries)
    how = (
        f"{ours * 1e6:.0f} µs; yardstick {each * 1e6:.1f} µs; "
        f"median of {DELIVERIES} deliveries, {ratios[0]:.1f} to {ratios[-1]:.1f}"
    )
    return BenchmarkRow(f"CPU of sync for one event, {kind} persons", median(ratios), 9, "yardsticks", how)


@contextmanager
def _collector_of_sync() -> Iterator[None]:
    before = gc.get_threshold()
    importlib.import_module("functions.sync.app")
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
