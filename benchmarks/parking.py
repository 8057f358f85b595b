"""A backlog that was parked comes back: how fast, what it takes of AWS, and whom it holds up.

The sync use case, the queue, Lambda's event source mapping and the monitor are on a clock that needs no waiting, with
the numbers of template.yaml; stores and Marketo are in memory. Each course is run twice: with a connection that is
disabled while its events arrive, and enabled when all of them are parked; and with one that delivers them as they come.
Workers run side by side on that clock, and their work takes none of it: Marketo's limits are what takes time.
"""

import functools
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from statistics import quantiles
from typing import Any, Final

from benchmarks.row import BenchmarkRow, Say
from benchmarks.workload import LIMITLESS
from destination.control.listing import by_connection
from destination.control.parking import ManageParking
from destination.domain.audience import Activation
from destination.domain.connection import ActiveConnection, Limits, Status
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.parking import Bundle
from destination.queue import MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Message, encode_event, pack
from destination.store.ledger import Entry
from testing.counts import assert_balanced
from testing.event_source import Invocation
from testing.memory import MemoryLedger, MemoryParking
from testing.queued_world import Deployed
from testing.side_by_side import SideBySide
from testing.standard_queue import Received, StandardQueue
from testing.timeline import Timeline
from testing.world import MONITORED, MUNCHKIN, START, audience, connection, event
from testing.world_in_time import MappingInTime, WorldInTime, threads_of

MILLION: Final = 1_000_000
GET_SECONDS: Final = 0.5
"""To read a bundle and its messages, of 6 MB."""
LISTED: Final = 1000
"""Objects that a listing of S3 answers at a time."""
BACKLOG, NEIGHBOUR, OTHER = "backlog", "same-instance", "another-instance"
"""The connection whose events wait, one to the same Marketo instance, and one to another."""
OTHER_INSTANCE: Final = "456-DEF-789"
BESIDE: Final = 20
"""People that each of the others brings while the backlog comes back, one at a time."""
EVERY: Final = 17.0
"""Seconds between them."""

ENTERED: Final = ("a", MembershipStatus.REALIZED)
BUNDLES: Final = 40
LARGE: Final = 7_200
SLOWER: Final = Limits(calls_per_20s=8)
NEW: Final = 30_000
"""Large events at a tenth of the usual rate, so that a bundle of 6 MB keeps the instance for about as long as one of
usual events at the usual rate, with a tenth of the people: 40 bundles stand for 300,000 usual events, as many as the
monitor sends back at a time.
"""
USUAL: Final = 600
"""Characters of a profile, so that an event has some 720 bytes, as in the other benchmarks."""
UNCHANGED: Final = 7_500
TIMES: Final = 12
"""People of whom nothing is new, 6 MB of usual events, so many times."""
TRICKLED: Final = 3_000
PATIENCE: Final = 150.0
"""Seconds for which what is parked stays parked, so that no listing leaves it out as too new (JUST_NOW)."""
RATE: Final = 95


@dataclass
class _Counts:
    """Requests to AWS, by service and operation, and bytes that S3 was given."""

    requests: Counter[str] = field(default_factory=Counter)
    stored: int = 0

    def since(self, before: Counter[str]) -> Counter[str]:
        return Counter({name: number - before[name] for name, number in self.requests.items() if number > before[name]})


class _CountedParking(MemoryParking):
    """What is parked, with S3's requests counted."""

    def __init__(self, counts: _Counts, sleep: Callable[[float], None]) -> None:
        super().__init__()
        self._counts = counts
        self._sleep = sleep

    def put(self, bundle: Bundle, bodies: Iterable[str]) -> None:
        self._counts.requests["S3 PUT"] += 1
        super().put(bundle, bodies)
        self._counts.stored += sum(map(len, super().get(bundle)))

    def get(self, bundle: Bundle) -> list[str]:
        self._counts.requests["S3 GET"] += 1
        self._sleep(GET_SECONDS)
        return super().get(bundle)

    def remove(self, bundle: Bundle) -> None:
        self._counts.requests["S3 DELETE"] += 1
        super().remove(bundle)

    def of(self, connection_id: str) -> Iterator[Bundle]:
        found = list(super().of(connection_id))
        self._counts.requests["S3 LIST"] += 1 + len(found) // LISTED
        yield from found

    def all(self) -> Iterator[Bundle]:
        found = list(super().all())
        self._counts.requests["S3 LIST"] += 1 + len(found) // LISTED
        yield from found


class _CountedStore:
    """A store of which each call is counted as a request to DynamoDB."""

    def __init__(self, store: object, counts: _Counts) -> None:
        self._store = store
        self._counts = counts

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def counted(*args: Any, **kwargs: Any) -> Any:
            self._counts.requests["DynamoDB"] += 1
            return found(*args, **kwargs)

        return counted


class _ToldLedger:
    """The ledger, and somebody who is told what is recorded."""

    def __init__(self, ledger: MemoryLedger, told: Callable[[str, Entry], None]) -> None:
        self._ledger = ledger
        self._told = told

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def record(self, connection_id: str, entry: Entry, *rest: Any) -> None:
        self._ledger.record(connection_id, entry, *rest)
        self._told(connection_id, entry)


@dataclass(frozen=True, slots=True)
class _Queue:
    """The queue as the use cases see it, with the requests counted that SQS charges."""

    queue: StandardQueue
    counts: _Counts

    def send(self, _connection_id: str, bodies: Sequence[str]) -> list[int]:
        size = entries = 0
        for body in bodies:
            if not entries or entries == MAX_BATCH_ENTRIES or size + len(body) > MAX_BATCH_BYTES:
                self.counts.requests["SQS send"] += 1
                size = entries = 0
            size, entries = size + len(body), entries + 1
            self.queue.send(body)
        return []

    def requeue(self, messages: Sequence[Message], seconds: int) -> None:
        self.counts.requests["SQS change visibility"] += -(-len(messages) // MAX_BATCH_ENTRIES)
        for one in messages:
            self.queue.change_visibility(one.receipt_handle, seconds)


class _CountedQueue(StandardQueue):
    """The queue as the pollers see it; `counts` is set before it is read."""

    counts: _Counts

    def receive(self, most: int = MAX_BATCH_ENTRIES) -> list[Received]:
        received = super().receive(most)
        self.counts.requests["SQS receive"] += bool(received)
        return received


class _Course:
    """Three connections, and what becomes of their events."""

    def __init__(self, limits: Limits) -> None:
        self.deployed = Deployed.by_template()
        self.timeline = Timeline()
        self.side_by_side = SideBySide(self.timeline)
        self.counts = _Counts()
        self.queue = _CountedQueue(self.timeline, self.deployed.visibility)
        self.queue.counts = self.counts
        self.world = WorldInTime(connection(id=BACKLOG, limits=limits), side_by_side=self.side_by_side)
        self.other = WorldInTime(connection(id=OTHER, limits=limits), side_by_side=self.side_by_side)
        self._connect(NEIGHBOUR, MUNCHKIN, limits)
        self._connect(OTHER, OTHER_INSTANCE, limits)
        self.parking = _CountedParking(self.counts, self.world.sleep)
        self.sent_at: dict[str, float] = {}
        self.latencies: dict[str, list[float]] = {NEIGHBOUR: [], OTHER: []}
        self.numbers = count()
        self._deploy()

    def _connect(self, connection_id: str, munchkin_id: str, limits: Limits) -> None:
        activation = Activation(audience("b"), "b", list_id=1002, list_name="b")
        made = connection(id=connection_id, munchkin_id=munchkin_id, limits=limits)
        self.world.connections.stored[connection_id] = ActiveConnection(made, {audience("b"): activation})

    def _deploy(self) -> None:
        world, deployed, events = self.world, self.deployed, _Queue(self.queue, self.counts)
        instances = {MUNCHKIN: world.marketo, OTHER_INSTANCE: self.other.marketo}
        connections: Any = _CountedStore(world.connections, self.counts)
        leases: Any = _CountedStore(world.leases, self.counts)
        self.sync = world.delivery(
            connections=connections,
            leases=leases,
            ledger=_CountedStore(_ToldLedger(world.ledger, self._recorded), self.counts),
            queue=events,
            parking=self.parking,
            marketo=lambda of: instances[of.munchkin_id],
            window=timedelta(seconds=deployed.window),
        )
        self.resume = ManageParking(connections, self.parking, leases, events, lambda: world.now)
        mapping = deployed.mapped(MappingInTime, self.timeline, self.queue, self._invoke)
        mapping.side_by_side = self.side_by_side

    def post(self, connection_id: str, *events: ProfileEvent) -> None:
        """Put events into the queue now, as ingest does with those of a body."""
        at = START + timedelta(seconds=self.timeline.now)
        envelope_id = f"envelope-{next(self.numbers)}"
        self.sent_at[envelope_id] = self.timeline.now
        for _, body in pack(connection_id, at, map(encode_event, events), envelope_id=envelope_id):
            self.queue.send(body)

    def _recorded(self, connection_id: str, entry: Entry) -> None:
        if connection_id in self.latencies:
            self.latencies[connection_id] += [self.timeline.now - self.sent_at[one] for one in entry.counted]

    def run(self, until: Callable[[], bool]) -> None:
        """Let time pass, and the monitor look every five minutes, until something is so."""
        while not until():
            self.timeline.run(self.timeline.now + 1)
            if self.timeline.now % MONITORED.total_seconds() < 1:
                self._monitor()

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is in the queue, nor received from it."""
        return not (self.queue.visible or self.queue.in_flight)

    def is_delivered(self, events: int) -> bool:
        """Whether so many of the backlog are accounted for, and nothing waits of anybody."""
        return self.received(BACKLOG) >= events and self.is_quiet

    def received(self, connection_id: str) -> int:
        return self.world.ledger.total(connection_id).counts["received"]

    def _invoke(self, batch: Sequence[Received]) -> Invocation:
        self.world.look_at_clock()
        messages = [Message(one.id, one.receipt, one.body, one.receives) for one in batch]
        report = self.sync(messages, timedelta(seconds=self.deployed.timeout))
        done = len(batch) - len(report.requeued)
        self.counts.requests["SQS delete"] += -(-done // MAX_BATCH_ENTRIES)
        return Invocation(0, report.requeued)

    def _monitor(self) -> None:
        self.world.look_at_clock()
        bundles = by_connection(self.parking.all())
        for one in list(self.world.connections.all()):
            self.resume.send_back(one, bundles.get(one.id, ()), self.world.now)

    def bring(self, people: int, text: str, times: int = 1) -> None:
        """Let the backlog's connection get the events of so many people, so many times."""
        for _ in range(times):
            self.post(BACKLOG, *(event(f"{one}@example.org", ENTERED, text=text) for one in range(people)))

    def park(self, people: int, text: str, times: int = 1) -> None:
        """The same while it is disabled, until all of that is parked."""
        self.world.reconfigure(status=Status.DISABLED)
        self.bring(people, text, times)
        self.run(lambda: self.is_quiet)
        assert sum(one.events for one in self.parking.stored) == people * times
        self.timeline.run(self.timeline.now + PATIENCE)

    def enable(self) -> None:
        self.world.reconfigure(status=Status.ENABLED)
        self.world.look_at_clock()
        self.resume(BACKLOG)

    def bring_beside(self) -> None:
        """Let the two others bring their people, one at a time, from now on."""
        for number in range(BESIDE):
            for connection_id in self.latencies:
                one = event(f"{connection_id}-{number}@example.org", ("b", MembershipStatus.REALIZED))
                post = functools.partial(self.post, connection_id, one)
                self.timeline.at(self.timeline.now + EVERY * (number + 0.5), post)

    def check(self, created: int, unchanged: int) -> None:
        """Nothing is lost and nothing counted twice, in the accounts as in Marketo, and nothing is parked any more."""
        assert_balanced(self.world)
        counts = self.world.ledger.total(BACKLOG).counts
        wanted = {"received": created + unchanged, "created": created, "added": created, "unchanged": unchanged}
        assert {name: counts[name] for name in wanted} == wanted, counts
        assert len(self.world.members("a")) == created
        assert not self.parking.stored
        assert all(len(seconds) in {0, BESIDE} for seconds in self.latencies.values()), self.latencies


@contextmanager
def _course(limits: Limits) -> Iterator[_Course]:
    """A course, of which the workers are its own."""
    course = _Course(limits)
    with threads_of(course.side_by_side, "delivery.batch"):
        yield course


def run(say: Say) -> list[BenchmarkRow]:
    """New people come back at Marketo's limits, then people of whom nothing is new."""
    say(f"parking: {NEW:,} new people come back")
    came_back = _of_new_people(is_parked=True)
    say(f"parking: {NEW:,} new people come without having been parked")
    came = _of_new_people(is_parked=False)
    say(f"parking: {UNCHANGED * TIMES:,} unchanged people, parked and not")
    return [
        _row_of_rate(came_back, came),
        *(_row_of_others(came_back, came, connection_id) for connection_id in (NEIGHBOUR, OTHER)),
        *_rows_of_requests(_of_unchanged(is_parked=True), _of_unchanged(is_parked=False), _of_trickle()),
    ]


@dataclass(frozen=True, slots=True)
class _Delivered:
    """How long the backlog took, from its first call to Marketo to its last one; `began`: when that first one was."""

    seconds: float
    began: float
    latencies: dict[str, list[float]]


def _of_new_people(*, is_parked: bool) -> _Delivered:
    with _course(SLOWER) as course:
        text = "x" * LARGE
        if is_parked:
            course.park(NEW, text)
            course.enable()
        else:
            course.bring(NEW, text)
        start = course.timeline.now
        course.bring_beside()
        course.run(lambda: course.is_delivered(NEW))
        course.check(created=NEW, unchanged=0)
        calls = [(one.time - START).total_seconds() - start for one in course.world.simulator.log() if one.records]
        return _Delivered(calls[-1] - calls[0], calls[0], course.latencies)


def _row_of_rate(came_back: _Delivered, came: _Delivered) -> BenchmarkRow:
    return BenchmarkRow(
        "rate of new people that come back, of those that were never parked",
        came.seconds / came_back.seconds * 100,
        RATE,
        "%",
        f"{NEW:,} people of {LARGE / 1000:.1f} KB at {SLOWER.calls_per_20s} calls/20 s, which stand for ten times as "
        f"many: {came_back.seconds:.0f} s from the first call to the last, after {came_back.began:.0f} s; else "
        f"{came.seconds:.0f} s, after {came.began:.0f} s. None is lost or counted twice",
        at_least=True,
    )


def _row_of_others(came_back: _Delivered, came: _Delivered, connection_id: str) -> BenchmarkRow:
    (p50, p95), (other_p50, other_p95) = (_percentiles(one.latencies[connection_id]) for one in (came_back, came))
    return BenchmarkRow(
        f"from receipt to Marketo while they come back, p95, {connection_id.replace('-', ' ')}",
        p95,
        None,
        "s",
        f"{BESIDE} people of another connection, one each {EVERY:.0f} s: p50 {p50:.0f} s; beside a backlog that was "
        f"never parked p50 {other_p50:.0f} s, p95 {other_p95:.0f} s. SQS's fair queues are not in it",
    )


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    cuts = quantiles(seconds, n=20, method="inclusive")
    return cuts[9], cuts[18]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the events of UNCHANGED people took, TIMES times: requests to AWS, and CPU seconds of their last way."""

    requests: Counter[str]
    bundles: int
    stored: int
    seconds: float


def _of_unchanged(*, is_parked: bool) -> _Asked:
    with _course(LIMITLESS) as course:
        text = "x" * USUAL
        course.bring(UNCHANGED, text)
        course.run(lambda: course.is_delivered(UNCHANGED))
        before = Counter(course.counts.requests)
        if is_parked:
            course.park(UNCHANGED, text, TIMES)
        else:
            course.bring(UNCHANGED, text, TIMES)
        bundles, start = len(course.parking.stored), time.process_time()
        if is_parked:
            course.enable()
        course.run(lambda: course.is_delivered(UNCHANGED * (1 + TIMES)))
        seconds = time.process_time() - start
        course.check(created=UNCHANGED, unchanged=UNCHANGED * TIMES)
        return _Asked(course.counts.since(before), bundles, course.counts.stored, seconds)


def _of_trickle() -> _Asked:
    """What TRICKLED events take that come one a second, and wait."""
    with _course(LIMITLESS) as course:
        course.world.reconfigure(status=Status.DISABLED)
        for number in range(TRICKLED):
            one = event(f"{number}@example.org", ENTERED, text="x" * USUAL)
            course.timeline.at(course.timeline.now + number, functools.partial(course.post, BACKLOG, one))
        course.timeline.run(course.timeline.now + TRICKLED)
        course.run(lambda: course.is_quiet)
        course.timeline.run(course.timeline.now + PATIENCE)
        bundles, start = len(course.parking.stored), time.process_time()
        assert sum(one.events for one in course.parking.stored) == TRICKLED
        course.enable()
        course.run(lambda: course.is_delivered(TRICKLED))
        course.check(created=TRICKLED, unchanged=0)
        return _Asked(course.counts.since(Counter()), bundles, course.counts.stored, time.process_time() - start)


def of_a_million() -> dict[str, Counter[str]]:
    """By how they come, the bundles of a million usual events that are parked, and the requests that S3 gets for them.

    Their names are `bundles`, and those of the benchmark's rows.
    """
    ways = {
        "in full messages": (_of_unchanged(is_parked=True), UNCHANGED * TIMES),
        "one a second": (_of_trickle(), TRICKLED),
    }
    return {
        way: Counter(
            {
                name: round(number * MILLION / events)
                for name, number in {**taken.requests, "bundles": taken.bundles}.items()
                if name == "bundles" or name.startswith("S3 ")
            }
        )
        for way, (taken, events) in ways.items()
    }


def _rows_of_requests(came_back: _Asked, came: _Asked, trickled: _Asked) -> list[BenchmarkRow]:
    events = UNCHANGED * TIMES
    more = Counter({name: number - came.requests[name] for name, number in came_back.requests.items()})
    what = "requests to {} for a million events that are parked and come back"
    return [
        _row_of_requests(what.format("S3"), "S3", came_back, came_back.requests, events),
        _row_of_requests(f"{what.format('S3')}, one a second", "S3", trickled, trickled.requests, TRICKLED),
        _row_of_requests(f"more {what.format('SQS')}", "SQS", came_back, more, events),
        BenchmarkRow(
            "CPU of sync for unchanged people that come back, of those that were never parked",
            came_back.seconds / came.seconds,
            None,
            "",
            f"{came_back.seconds / events * 1e6:.0f} µs an event, to {came.seconds / events * 1e6:.0f}, with what "
            "stands in for the queue",
        ),
    ]


def _row_of_requests(what: str, service: str, taken: _Asked, requests: Counter[str], events: int) -> BenchmarkRow:
    """Of a service, scaled to a million events."""
    many = MILLION / events
    counts = {name.removeprefix(f"{service} "): number * many for name, number in requests.items() if service in name}
    parts = ", ".join(f"{name} {number:,.0f}" for name, number in sorted(counts.items()))
    about = f"{taken.bundles * many:,.0f} bundles of {taken.stored / taken.bundles / 1e6:.2g} MB"
    return BenchmarkRow(what, sum(counts.values()), None, "", f"{parts}: {about}; counted of {events:,} usual events")
