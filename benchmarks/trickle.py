"""What a trickle of new people costs in calls to Marketo a day, and how long it takes, with the pollers that AWS runs.

The queue, the event source mapping and their numbers are those of the template, on a clock that needs no waiting
(testing/event_source.py). What a turn at an instance costs is measured by real deliveries, one for each number of full
calls that occurs. The time of AWS's own services is not in it.
"""

import functools
import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from random import Random
from statistics import quantiles
from typing import Final

from benchmarks.row import BenchmarkRow, Say
from destination.delivery.batch import INSTANCES_AT_ONCE
from destination.delivery.turn import LEASE_PATIENCE
from destination.domain.connection import Limits
from destination.domain.event import MembershipStatus
from destination.marketo.budget import MAX_COUNT_AGE, MAX_OWN_CALLS
from destination.queue import encode_event, pack
from testing.event_source import Invocation
from testing.queued_world import Deployed
from testing.standard_queue import Received, StandardQueue
from testing.timeline import Timeline
from testing.world import START, World, connection, event

CHUNK: Final = 300
"""People that a call takes."""
LATENCY: Final = 0.5
DAY: Final = 24 * 3600
HOURS: Final = {0.25: 24.0, 1: 12.0, 5: 3.0, 25: 1.0}
"""By new people a second at one instance, for how long it is simulated."""
MANY: Final = 24
HOURS_OF_MANY: Final = {0.25: 3.0, 1: 1.0, 5: 0.35, 25: 0.5}
TARGETS: Final = {(1, 0.25): 14_000, (1, 1): 14_000, (1, 5): 14_000, (1, 25): 30_000} | {
    (MANY, rate): 14_000 for rate in (0.25, 1, 5)
}
"""By instances and people a second at each. The last of many is no trickle: 600 people a second fill each batch."""
P50, P95 = 60, 150
PROFILE: Final = "x" * 600
"""With which an event has some 720 bytes, as in the other benchmarks."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What a turn costs: calls for people, and seconds."""

    calls: int
    seconds: float


@functools.cache
def turn(full_calls: int) -> _Turn:
    """The turn of so many full calls' worth of new people, each on one list, by a real delivery.

    The world's clock takes calls that go side by side for one after the other, so that the seconds are those of one
    call of each kind, as often as the bound on concurrent calls makes it.
    """
    at_once = Limits().concurrency
    world = World(connection(), settings={"latency": LATENCY})
    world.deliver(event("first@example.org"))  # describes the fields, and asks for the day's calls
    before, start = len(world.calls()), world.now
    world.deliver(*(event(f"{one}@example.org", ("a", MembershipStatus.REALIZED)) for one in range(full_calls * CHUNK)))
    calls, seconds = len(world.calls()) - before, (world.now - start).total_seconds()
    return _Turn(calls, seconds if full_calls == 1 else turn(1).seconds * ceil(full_calls / at_once))


@dataclass(slots=True)
class _Instance:
    """What was called, and until when somebody is at it; `asked_at` and `since`: of the day's calls, by its budget."""

    calls: int = 0
    turns: int = 0
    busy_until: float = 0.0
    asked_at: float = float("-inf")
    since: int = 0

    def take(self, people: int, start: float) -> float:
        """A turn from a time on, or when the one before is over; answers its end."""
        cost = turn(ceil(people / CHUNK))
        start = max(start, self.busy_until)
        if self.since >= MAX_OWN_CALLS or start - self.asked_at >= MAX_COUNT_AGE.total_seconds():
            self.asked_at, self.since = start, 0
            self.calls += 1
        self.calls += cost.calls
        self.since += cost.calls
        self.turns += 1
        self.busy_until = start + cost.seconds
        return self.busy_until


@dataclass
class _Trickle:
    """New people at each of some instances, `rate` a second, `together` of them in a message."""

    deployed: Deployed
    rate: float
    instances: int
    together: int
    latencies: list[float] = field(default_factory=list)
    last: float = 0.0
    longest_wait: float = 0.0

    def __post_init__(self) -> None:
        self.timeline = Timeline()
        self.chance = Random(1)  # noqa: S311 - the same course every time
        self.queue = StandardQueue(self.timeline, self.deployed.visibility)
        self.mapping = self.deployed.mapping(self.timeline, self.queue, self._invoke)
        self.bodies = [_body(number, self.together) for number in range(self.instances)]
        self.number_of = {body: number for number, body in enumerate(self.bodies)}
        self.at = [_Instance() for _ in self.bodies]
        self._arrive()

    def run(self, hours: float) -> "_Trickle":
        self.timeline.run(hours * 3600)
        return self

    @property
    def calls_a_day(self) -> float:
        """Of the instance with the most calls, counted to the end of the last turn, with which its window is whole."""
        return max(one.calls for one in self.at) * DAY / self.last

    @property
    def how(self) -> str:
        turns = sum(one.turns for one in self.at)
        people = len(self.latencies) * self.together / turns
        p50, p95 = self.percentiles()
        return (
            f"{turns / self.instances * DAY / self.last:,.0f} turns a day at an instance, {people:.3g} people a turn; "
            f"from receipt to Marketo p50 {p50:.0f} s, p95 {p95:.0f} s"
        )

    def percentiles(self) -> tuple[float, float]:
        """Half of the people, and 95 % of them, are in Marketo after so many seconds at most."""
        cuts = quantiles(self.latencies, n=20)
        return cuts[9], cuts[18]

    def _arrive(self) -> None:
        self.queue.send(self.bodies[self.chance.randrange(self.instances)])
        gap = self.chance.expovariate(self.rate * self.instances / self.together)
        self.timeline.at(self.timeline.now + gap, self._arrive)

    def _invoke(self, batch: Sequence[Received]) -> Invocation:
        """A turn at each instance that the batch has people of, so many at once."""
        now = self.timeline.now
        free = [now] * INSTANCES_AT_ONCE
        ends: dict[int, float] = {}
        for number, messages in Counter(self.number_of[one.body] for one in batch).items():
            start = heapq.heappop(free)
            self.longest_wait = max(self.longest_wait, self.at[number].busy_until - start)
            ends[number] = self.at[number].take(messages * self.together, start)
            heapq.heappush(free, ends[number])
        self.latencies += [ends[self.number_of[one.body]] - one.sent_at for one in batch]
        self.last = max(ends.values())
        return Invocation(self.last - now)


def _body(number: int, together: int) -> str:
    events = [event(f"{one}@example.org", ("a", MembershipStatus.REALIZED), text=PROFILE) for one in range(together)]
    ((_, body),) = pack(f"connection-{number}", START, map(encode_event, events), envelope_id=f"{number:036}")
    return body


def run(say: Say) -> list[BenchmarkRow]:
    """One instance, then many of them, each at each rate."""
    deployed = Deployed.by_template()
    rows: list[BenchmarkRow] = []
    for instances, hours_of in ((1, HOURS), (MANY, HOURS_OF_MANY)):
        slowest: list[tuple[float, float]] = []
        for rate, hours in hours_of.items():
            together = 10 if rate * instances > 500 else 1
            say(f"trickle: {instances} instances, {rate:g} people a second at each")
            trickle = _Trickle(deployed, rate, instances, together).run(hours)
            assert timedelta(seconds=trickle.longest_wait) < LEASE_PATIENCE, "somebody had to come again"
            slowest.append(trickle.percentiles())
            rows.append(_row(trickle))
        rows += _of_latency(instances, slowest)
    return rows


def _row(trickle: _Trickle) -> BenchmarkRow:
    requests = "" if trickle.together == 1 else f", in requests of {trickle.together}"
    return BenchmarkRow(
        f"calls a day at {trickle.rate:g} new people/s{requests}{_at(trickle.instances)}",
        trickle.calls_a_day,
        TARGETS.get((trickle.instances, trickle.rate)),
        "calls",
        trickle.how,
    )


def _of_latency(instances: int, measured: Sequence[tuple[float, float]]) -> list[BenchmarkRow]:
    how = "the slowest of these rates, without AWS's own time"
    p50s, p95s = zip(*measured, strict=True)
    return [
        BenchmarkRow(f"from receipt to Marketo, p50{_at(instances)}", max(p50s), P50, "s", how),
        BenchmarkRow(f"from receipt to Marketo, p95{_at(instances)}", max(p95s), P95, "s", how),
    ]


def _at(instances: int) -> str:
    return "" if instances == 1 else f", at each of {instances} instances"
