"""CPU of the sync use case, with Marketo and AWS answered in this process and their own CPU taken off.

What stands in for them runs within `Apart`, which adds up the CPU time of the threads in it. All the rest of the
process's CPU counts as ours: decoding messages, mapping, coalescing, planning, hashing, encoding requests (that of
`requests` above its adapter too), reading answers, encoding ledger rows, threads and garbage. The garbage collector is
set as the function sets it, and what exists before a delivery is none of its business.
"""

import functools
import gc
import importlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final

import requests

from benchmarks import aws, workload
from benchmarks.row import Row, Say
from destination.domain.credentials import ClientCredentials
from destination.domain.pseudonym import pseudonym
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import DeadLetters, EventQueue, Message
from destination.store.delivering import DeliveringConnections
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.runs import Runs
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.delivery import delivery
from testing.memory import MemoryToken

EVENTS: Final = 10_000
ROUNDS: Final = 3


@dataclass(slots=True)
class Apart:
    """CPU seconds that are not ours."""

    seconds: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timed(self) -> Iterator[None]:
        start = time.thread_time()
        try:
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


class Stand:
    """The sync use case with its real stores, on AWS and Marketo in this process."""

    def __init__(self) -> None:
        self.apart = Apart()
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
        leases = Leases(dynamodb, aws.CONNECTIONS)
        workload.store(dynamodb, workload.active(workload.connection()))
        self.sync = delivery(
            connections=DeliveringConnections(dynamodb, aws.CONNECTIONS),
            leases=leases,
            ledger=Ledger(dynamodb, aws.LEDGER, leases=leases, runs=Runs(dynamodb, aws.RUNS)),
            queue=EventQueue(sqs, "queue"),
            dead_letters=DeadLetters(sqs, "dead letters"),
            marketo=lambda _: marketo,
            pace=lambda limits, state, _: Pace(limits.calls_per_20s, limits.concurrency, state=state),
            clock=lambda: datetime.now(UTC),
            verify=lambda *_: None,
            sleep=time.sleep,
            chance=lambda: 0.0,
            name_of=functools.partial(pseudonym, b"secret"),
        )

    def cpu(self, messages: Sequence[Message]) -> float:
        """Deliver; answers our CPU seconds."""
        gc.collect()
        gc.freeze()
        apart, start = self.apart.seconds, time.process_time()
        report = self.sync(messages, timedelta(minutes=5))
        spent = time.process_time() - start - (self.apart.seconds - apart)
        assert not report.given_back, report.halts
        return spent


def run(say: Say) -> list[Row]:
    """New, changed and unchanged persons; new ones take the most."""
    profiles = [workload.profile(number) for number in range(EVENTS)]
    changed = [workload.profile(number, revision=1) for number in range(EVENTS)]
    sent = {
        "new": workload.messages(profiles),
        "unchanged": workload.messages(profiles, workload.START + timedelta(minutes=1)),
        "changed": workload.messages(changed, workload.START + timedelta(minutes=2)),
    }
    micros: dict[str, list[float]] = {name: [] for name in sent}
    with _collector_of_sync():
        for number in range(ROUNDS):
            say(f"CPU of sync, {EVENTS:,} events, round {number + 1} of {ROUNDS}")
            stand = Stand()
            for name, messages in sent.items():
                micros[name].append(stand.cpu(messages) / EVENTS * 1e6)
    how = f"{EVENTS:,} events; process CPU less that of the stand-ins of AWS and Marketo; median of {ROUNDS}, least "
    return [
        Row(
            f"CPU of sync for one event, {name} persons",
            median(taken),
            150,
            "µs",
            f"{how}{min(taken):.0f}",
        )
        for name, taken in micros.items()
    ]


@contextmanager
def _collector_of_sync() -> Iterator[None]:
    before = gc.get_threshold()
    importlib.import_module("functions.sync.app")
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
