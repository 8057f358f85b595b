"""Several workers at once, in threads: one at a time at an instance, all at once at several, and one that dies."""

import itertools
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
import requests
from requests import PreparedRequest, Response

from destination.delivery.batch import BatchReport, DeliverBatch
from destination.delivery.turn import LEASE_MARGIN, RETRY_LEASE
from destination.domain.audience import Activation
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.event import ProfileEvent
from destination.domain.pace import PaceState
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import Message, encode_event, pack
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.counts import CLASSES
from testing.delivery import delivery
from testing.meddler import creates
from testing.memory import (
    MemoryConnections,
    MemoryDeadLetters,
    MemoryLeases,
    MemoryLedger,
    MemoryLetters,
    MemoryLosses,
    MemoryParking,
    MemoryQueue,
    MemoryToken,
)
from testing.stages import ADA, REALIZED, looks_up
from testing.world import MUNCHKIN, START, audience, connection, event, name_of

OTHER_MUNCHKIN = "456-DEF-789"
SPEED = 100
"""How much faster than ours the time of these tests is."""

LATENCY = 2.0
FIVE_MINUTES = timedelta(minutes=5)
TIME_OUT = timedelta(seconds=200)
"""Of a worker whose lease others wait for."""

HUNG = 30.0
"""Real seconds, after which a test has failed."""


T = TypeVar("T")


class DeadError(Exception):
    """The worker is dead."""


@dataclass(frozen=True)
class Span:
    """When a call of a worker was under way."""

    worker: str
    munchkin_id: str
    start: datetime
    end: datetime


class Guarded:
    """A store that is used by several threads."""

    def __init__(self, used: object, lock: threading.RLock) -> None:
        self._used = used
        self._lock = lock

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._used, name)

        def guarded(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return method(*args, **kwargs)

        return guarded


class LostRelease(Guarded):
    """The leases as a worker uses them that dies before it releases any."""

    def release(self, *_: object) -> None:
        return


class Unwritable(Guarded):
    """The ledger as a worker uses it that dies before it writes anything."""

    def record(self, *_: object) -> None:
        raise DeadError("before anything was recorded")


class Watch(SimulatorAdapter):
    """Notes when the calls of a worker are under way; before one that is meant, something happens."""

    def __init__(self, site: "Site", worker: str) -> None:
        super().__init__(site.simulator)
        self._site = site
        self._worker = worker
        self.meant: Callable[[PreparedRequest], bool] = lambda _: False
        self.before: Callable[[], object] = lambda: None

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if self.meant(request):
            self.before()
        start = self._site.now()
        answer = super().send(request, *args, **kwargs)
        munchkin_id = request.path_url.split("/")[1]
        self._site.spans.append(Span(self._worker, munchkin_id, start, self._site.now()))
        return answer


@dataclass
class Worker:
    """A process that delivers."""

    sync: DeliverBatch
    watch: Watch

    def __call__(self, messages: Sequence[Message], time_left: timedelta = FIVE_MINUTES) -> BatchReport:
        return self.sync(messages, time_left)


@dataclass
class Site:
    """Marketo with two instances, a connection to each, and what all workers share; time passes, but fast."""

    began: float = field(default_factory=time.monotonic)
    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.simulator = Simulator(
            {"lists": [{"name": "a", "id": 1001, "workspace": "Default"}]},
            {"latency": LATENCY, "create_race": True},
            clock=self.now,
            sleep=self.sleep,
        )
        self.connections = MemoryConnections()
        for munchkin_id in (MUNCHKIN, OTHER_MUNCHKIN):
            own = connection(id=f"connection-{munchkin_id}", munchkin_id=munchkin_id)
            activation = Activation(audience("a"), "a", list_id=1001, list_name="a")
            self.connections.stored[own.id] = ActiveConnection(own, {activation.audience: activation})
        self.leases = MemoryLeases()
        self.ledger = MemoryLedger(self.leases)
        self.losses = MemoryLosses(self.ledger.runs)
        self.queue = MemoryQueue()
        self.parking = MemoryParking()
        self.dead_letters = MemoryDeadLetters()
        self.letters = MemoryLetters(self.parking)
        self.lock = threading.RLock()
        self.envelopes = itertools.count()

    def now(self) -> datetime:
        return START + timedelta(seconds=(time.monotonic() - self.began) * SPEED)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / SPEED)

    def worker(self, name: str, **others: Any) -> Worker:
        """A process; `others` are used in place of what the site has."""
        watch = Watch(self, name)
        http = requests.Session()
        http.mount("https://", watch)
        kept: dict[str, Marketo] = {}

        def marketo(of: Connection) -> Marketo:
            if of.id not in kept:
                kept[of.id] = Marketo(
                    munchkin_id=of.munchkin_id,
                    credentials=ClientCredentials("client", "secret"),
                    tokens=MemoryToken(),
                    http=http,
                    pace=self.pace(of.limits, PaceState(), FIVE_MINUTES),
                    url="https://example.org/{munchkin_id}",
                    clock=self.now,
                    sleep=self.sleep,
                )
            return kept[of.id]

        used: dict[str, Any] = {
            one: Guarded(getattr(self, one), self.lock)
            for one in ("connections", "leases", "ledger", "losses", "queue", "parking", "letters", "dead_letters")
        } | others
        sync = delivery(
            **used,
            marketo=marketo,
            pace=self.pace,
            clock=self.now,
            verify=lambda *_: None,
            sleep=self.sleep,
            chance=lambda: 0.0,
            name_of=name_of,
        )
        return Worker(sync, watch)

    def pace(self, limits: Any, state: PaceState, time_left: timedelta) -> Pace:
        return Pace(
            limits.calls_per_20s,
            limits.concurrency,
            daily_calls=limits.daily_calls,
            updates_per_hour=limits.lead_updates_per_hour,
            state=state,
            deadline=(self.now() + time_left).timestamp(),
            monotonic=lambda: self.now().timestamp(),
            wall=lambda: self.now().timestamp(),
            sleep=self.sleep,
        )

    def post(self, munchkin_id: str, *events: ProfileEvent) -> Message:
        """Put events into the queue, in one message."""
        name = f"connection-{munchkin_id}"
        envelope_id = f"envelope-{next(self.envelopes)}"
        [(_, body)] = pack(name, START, map(encode_event, events), envelope_id=envelope_id)
        self.queue.send(name, [body])
        return list(self.queue.waiting.values())[-1]

    def leads(self, munchkin_id: str = MUNCHKIN) -> list[str]:
        state: dict[str, Any] = self.simulator.instance(munchkin_id).dump()
        return sorted(one["email"] for one in state["leads"])

    def members(self, munchkin_id: str = MUNCHKIN) -> int:
        state: dict[str, Any] = self.simulator.instance(munchkin_id).dump()
        return len(state["lists"][0]["members"])

    def told(self) -> dict[str, int]:
        """All that was counted but the calls, which count whoever made them."""
        counts = self.ledger.total(f"connection-{MUNCHKIN}").counts
        return {name: count for name, count in counts.items() if name != "marketo_calls"}

    def counted(self, munchkin_id: str = MUNCHKIN) -> dict[str, int]:
        counts = self.ledger.total(f"connection-{munchkin_id}").counts
        assert counts["received"] == sum(counts[name] for name in CLASSES)
        return {name: counts[name] for name in CLASSES if counts[name]}


@pytest.fixture
def site() -> Site:
    return Site()


def together(*work: Callable[[], T]) -> list[T]:
    """What comes of work that begins at the same time."""
    ready = threading.Barrier(len(work))

    def begin(one: Callable[[], T]) -> T:
        ready.wait(HUNG)
        return one()

    with ThreadPoolExecutor(len(work)) as threads:
        return [one.result(HUNG) for one in [threads.submit(begin, each) for each in work]]


def overlapping(spans: Sequence[Span]) -> list[tuple[Span, Span]]:
    """The calls of different workers that were under way at the same time."""
    return [
        (one, other)
        for one in spans
        for other in spans
        if one.worker < other.worker and one.start < other.end and other.start < one.end
    ]


def insist(site: Site, worker: Worker, *messages: Message) -> int:
    """Deliver again, as the queue does, until it is done; how often it took."""
    began = site.now()
    deliveries = 1
    while worker(messages).requeued:
        assert site.now() < began + timedelta(hours=1)
        site.sleep(max(site.queue.invisible_for.values()))
        deliveries += 1
    return deliveries


def people(*numbers: int) -> list[ProfileEvent]:
    return [event(f"person-{number}@example.org", ("a", REALIZED)) for number in numbers]


def test_two_workers_at_one_instance_take_turns_and_create_everybody_once(site: Site) -> None:
    """In a race Marketo would make two leads of a new key: the simulator's `create_race` is on."""
    batches = [[site.post(MUNCHKIN, *people(*range(start, start + 400)))] for start in (0, 100, 200)]
    first, second = site.worker("first"), site.worker("second")
    together(
        lambda: [insist(site, first, *batch) for batch in batches],
        lambda: [insist(site, second, *batch) for batch in reversed(batches)],
    )
    assert {span.worker for span in site.spans} == {"first", "second"}
    assert overlapping(site.spans) == []
    assert site.leads() == sorted(f"person-{number}@example.org" for number in range(600))
    assert site.members() == 600
    assert site.counted() == {"activated": 600, "unchanged": 600}


def test_two_workers_at_two_instances_do_not_wait_for_each_other(site: Site) -> None:
    """Each looks people up while the other does, or neither would go on."""
    meet = threading.Barrier(2)
    workers = {munchkin_id: site.worker(munchkin_id) for munchkin_id in (MUNCHKIN, OTHER_MUNCHKIN)}
    batches = {munchkin_id: [site.post(munchkin_id, *people(1))] for munchkin_id in workers}
    for worker in workers.values():
        worker.watch.meant, worker.watch.before = looks_up, lambda: meet.wait(HUNG)
    together(*(lambda name=name: workers[name](batches[name]) for name in workers))
    assert overlapping(site.spans)
    for munchkin_id in workers:
        assert site.leads(munchkin_id) == ["person-1@example.org"]
        assert site.counted(munchkin_id) == {"activated": 1}


def test_one_batch_for_two_instances_is_delivered_to_both_at_once(site: Site) -> None:
    meet = threading.Barrier(2)
    worker = site.worker("only")
    worker.watch.meant, worker.watch.before = looks_up, lambda: meet.wait(HUNG)
    report = worker([site.post(munchkin_id, *people(1, 2)) for munchkin_id in (MUNCHKIN, OTHER_MUNCHKIN)])
    assert report.requeued == ()
    for munchkin_id in (MUNCHKIN, OTHER_MUNCHKIN):
        assert len(site.leads(munchkin_id)) == site.members(munchkin_id) == 2


def test_an_instance_whose_lease_is_held_does_not_hold_up_another_one_of_the_batch(site: Site) -> None:
    site.leases.acquire(MUNCHKIN, site.now(), site.now() + timedelta(hours=1))
    waits = site.post(MUNCHKIN, *people(1))
    report = site.worker("only")([waits, site.post(OTHER_MUNCHKIN, *people(1))], timedelta(seconds=130))
    assert report.requeued == (waits.id,)
    assert site.leads(OTHER_MUNCHKIN) == ["person-1@example.org"]


def test_a_worker_that_dies_holds_others_up_until_the_end_of_its_lease_and_nothing_is_lost(site: Site) -> None:
    """It dies after it has created a lead and before it has recorded that; nobody releases its lease."""
    message = site.post(MUNCHKIN, *people(1))
    leases, ledger = LostRelease(site.leases, site.lock), Unwritable(site.ledger, site.lock)
    dying, other = site.worker("dying", leases=leases, ledger=ledger), site.worker("other")
    began = site.now()
    with pytest.raises(DeadError):
        dying([message], TIME_OUT)
    died = site.now()
    assert len(site.leads()) == 1
    insist(site, other, message)
    first_call = min(span.start for span in site.spans if span.worker == "other")
    assert began + TIME_OUT + LEASE_MARGIN <= first_call
    assert first_call <= died + TIME_OUT + LEASE_MARGIN + RETRY_LEASE + timedelta(minutes=2)
    assert site.leads() == ["person-1@example.org"]
    assert site.members() == 1
    assert site.counted() == {"activated": 1}


def test_a_worker_that_was_frozen_until_its_lease_was_over_writes_nothing(site: Site) -> None:
    """It stands before the creation of a lead while another worker delivers the same, and more."""
    message = site.post(MUNCHKIN, event(ADA, ("a", REALIZED), company="Old"))
    newer = site.post(MUNCHKIN, event(ADA, ("a", REALIZED), at=START + timedelta(minutes=1), company="New"))
    frozen, other = site.worker("frozen"), site.worker("other")
    stands, goes_on = threading.Event(), threading.Event()

    def freeze() -> None:
        stands.set()
        assert goes_on.wait(HUNG)

    frozen.watch.meant, frozen.watch.before = creates, freeze
    with ThreadPoolExecutor(1) as threads:
        delivered = threads.submit(frozen, [message], TIME_OUT)
        try:
            assert stands.wait(HUNG)
            insist(site, other, message, newer)
            rows, told, paces = dict(site.ledger.people), site.told(), dict(site.leases.paces)
        finally:
            goes_on.set()
        report = delivered.result(HUNG)
    assert report.requeued == (message.id,)
    assert (site.ledger.people, site.told(), site.leases.paces) == (rows, told, paces)
    assert site.leads() == [ADA]
    assert site.worker("third")([message]).requeued == ()
    assert site.counted() == {"activated": 1, "unchanged": 1}
    state: dict[str, Any] = site.simulator.instance(MUNCHKIN).dump()
    assert [lead["company"] for lead in state["leads"]] == ["New"]
