"""The world of the soak, and all that happens in it."""

import functools
import itertools
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import requests

from benchmarks.soak.story import (
    ALWAYS,
    AUDIENCES,
    ONE,
    SOMETIMES,
    SoakEvent,
    any_person,
    email,
    leads_before,
    persons,
    story,
)
from destination.control.parking import ManageParking
from destination.domain.audience import Activation
from destination.domain.connection import ActiveConnection, Connection, Limits, MappingRow, SyncType
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import PaceState
from destination.domain.pseudonym import pseudonym
from destination.domain.shard import SHARDS
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import Message, encode_event, pack
from destination.store.leases import Lease
from marketo_simulator import Fault, Simulator
from testing.crashes import CrashError, Life, Mortal, MortalAdapter
from testing.delivery import delivery
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
from testing.world import MUNCHKIN, START, audience, connection

VISIBILITY: Final = timedelta(minutes=7)
WAITING: Final = 300
"""So many messages wait in the queue while the source still sends."""

LISTS: Final = {name: 1001 + number for number, name in enumerate("abcxy")}
MARKETO: Final = {"calls_per_window": 25, "concurrency": 10, "latency": 0.2}
CALLS_PER_20S: Final = 20
"""A tighter limit than Marketo's, so that it is felt; with as much room below it as by default."""

LEADS_PATH, LISTS_PATH = "^/rest/v1/leads.json", "^/rest/v1/lists/"
HTML: Final = "<html><body>Sorry</body></html>"
FAULTS: Final = (
    *(Fault(code=code) for code in ("600", "601", "602", "604", "606", "606", "607", "615", "615", "713", "719")),
    *(Fault(code=code) for code in ("603", "610", "1003", "9999")),
    *(Fault(code=code, executes=True) for code in ("502", "604", "606")),
    *(Fault("http", status=status, executes=executes) for status in (502, 503) for executes in (True, False)),
    *(Fault("http", status=200, body=HTML, executes=executes) for executes in (True, False)),
    Fault("http", status=401),
    *(Fault("drop", executes=executes) for executes in (True, False)),
    *(Fault("slow", seconds=seconds) for seconds in (5, 60, 120)),
    *(Fault("skip", "1003", records=records, path="^/rest/v1/l") for records in ((0,), (1, 5), (2,))),
    *(Fault("skip", code, records=(0, 7), path=LEADS_PATH) for code in ("1003", "1004", "1005", "1006", "713", "9999")),
    *(Fault("skip", code, records=(0, 3), path=LISTS_PATH) for code in ("1003", "713")),
    # Not on removal: of a lead that was just looked up it would be a lie, and whoever is not there is on no list.
    Fault("skip", "1004", records=(0, 3), method="POST", path=LISTS_PATH),
)


@dataclass
class Fate(Life):
    """A worker that dies after so many moments, or lives on and has something happen to it then."""

    happens: Callable[[], None] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def moment(self) -> None:
        with self.lock:
            if self.moments == 0 and self.happens is not None:
                self.moments, happens, self.happens = None, self.happens, None
                happens()
            super().moment()


class Soak:
    """The world of the soak, and its course."""

    def __init__(self, events: int, seed: int, concurrency: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same seed is to take the same course
        self.events = events
        self.now = START
        self.clock_lock = threading.Lock()
        self.said: list[SoakEvent] = []
        self.events_of: dict[tuple[str, str], int] = {}
        self.visible_at: dict[str, datetime] = {}
        self.done: list[Message] = []
        self.poison = 0
        self.counts: defaultdict[str, int] = defaultdict(int)
        self.simulator = Simulator(_seed(events), MARKETO, clock=lambda: self.now, sleep=self._sleep_of_marketo)
        self.connections = MemoryConnections()
        for name, fields in {one: (ALWAYS[one], SOMETIMES[one]) for one in AUDIENCES}.items():
            mapping = [MappingRow("email", "DedupeField")]
            mapping += [MappingRow(one, one) for one in ("firstName", "lastName", *fields)]
            made = connection(
                id=name,
                mapping=tuple(mapping),
                limits=Limits(calls_per_20s=CALLS_PER_20S, concurrency=concurrency),
                sync_type=SyncType.AUDIENCE_AND_PROFILE,
                lead_cache=timedelta(hours=24 if name == ONE else 1),
            )
            lists = {audience(one): Activation(audience(one), one, list_id=LISTS[one]) for one in AUDIENCES[name]}
            self.connections.stored[name] = ActiveConnection(made, lists)
        self.leases = MemoryLeases()
        self.ledger = MemoryLedger(self.leases)
        self.queue = MemoryQueue()
        self.parking = MemoryParking()
        self.resume = ManageParking(self.connections, self.parking, self.leases, self.queue, lambda: self.now)
        self.share_refused = 0.0
        self.letters = MemoryLetters(self.parking, refuses=lambda _: self.chance.random() < self.share_refused)
        self.dead_letters = MemoryDeadLetters(refuses=lambda _: self.chance.random() < self.share_refused)
        self.tokens = MemoryToken()
        self.fate = Fate()
        self._begin_worker()

    # The world

    def _begin_worker(self) -> None:
        http = requests.Session()
        http.mount("https://", MortalAdapter(self.simulator, self.fate))
        kept: dict[str, Marketo] = {}

        def marketo(of: Connection) -> Marketo:
            if of.id not in kept:
                kept[of.id] = Marketo(
                    munchkin_id=MUNCHKIN,
                    credentials=ClientCredentials("client", "secret"),
                    tokens=self.tokens,
                    http=http,
                    pace=self._pace(of.limits, PaceState(), timedelta(minutes=5)),
                    clock=lambda: self.now,
                    sleep=self._sleep,
                )
            return kept[of.id]

        used: dict[str, Any] = {
            "connections": self.connections,
            "leases": self.leases,
            "ledger": self.ledger,
            "losses": MemoryLosses(self.ledger.runs),
            "queue": self.queue,
            "parking": self.parking,
            "letters": self.letters,
            "dead_letters": self.dead_letters,
        }
        mortal: dict[str, Any] = {name: Mortal(one, self.fate) for name, one in used.items()}
        self.sync = delivery(
            **mortal,
            marketo=marketo,
            pace=self._pace,
            clock=lambda: self.now,
            verify=lambda *_: None,
            sleep=self._sleep,
            chance=self.chance.random,
            name_of=functools.partial(pseudonym, b"secret"),
        )

    def _pace(self, limits: Limits, state: PaceState, time_left: timedelta) -> Pace:
        return Pace(
            limits.calls_per_20s,
            limits.concurrency,
            daily_calls=limits.daily_calls,
            updates_per_hour=limits.lead_updates_per_hour,
            state=state,
            deadline=self.now.timestamp() + time_left.total_seconds(),
            monotonic=lambda: self.now.timestamp(),  # noqa: PLW0108 - `now` moves
            wall=lambda: self.now.timestamp(),  # noqa: PLW0108
            sleep=self._sleep,
            random=lambda: 0.5,
        )

    def _sleep(self, seconds: float) -> None:
        with self.clock_lock:
            self.now += timedelta(seconds=seconds)

    def _sleep_of_marketo(self, seconds: float) -> None:
        # A call that goes on behind the caller's back does not make the caller's time pass.
        if not threading.current_thread().daemon:
            self._sleep(seconds)

    # Its course

    def run(self, progress: Callable[[int, int], None]) -> None:
        """Send and deliver everything, then let it come to rest; `progress` is told the events sent, and waiting."""
        source = story(self.chance, self.events)
        while True:
            self._send(source)
            progress(len(self.said), len(self.queue.waiting))
            if len(self.said) == self.events and len(self.queue.waiting) < WAITING // 10:
                break
            if self.chance.random() < 0.05:
                self._redrive()
            for _ in range(self.chance.choice([0, 0, 1, 3])):
                self._merge()
            self._disturb()
            self._deliver(timedelta(seconds=self.chance.choice([115, 130, 200, 300])))
            self._calm()
        while self.queue.waiting or self.parking.stored or self.letters.stored:
            self._redrive()
            self._deliver(timedelta(minutes=5))
            progress(len(self.said), len(self.queue.waiting))

    def _send(self, source: Iterator[SoakEvent]) -> None:
        while len(self.said) < self.events and len(self.queue.waiting) < WAITING:
            together = list(itertools.islice(source, self.chance.randint(1, 40)))
            self.said += together
            for name in AUDIENCES:
                own = [one.event for one in together if one.connection == name]
                envelope_id = f"{name}-{len(self.said)}"
                if own:
                    self.events_of[name, envelope_id] = len(own)
                for _, body in pack(name, self.now, map(encode_event, own), envelope_id=envelope_id):
                    self._post(name, body)
            if self.chance.random() < 0.01:
                self.poison += 1
                self._post("nobody", f'{{"v": 1, "poison": {self.poison}}}')

    def _post(self, name: str, body: str) -> None:
        self.queue.send(name, [body])
        newest = next(reversed(self.queue.waiting))
        self.visible_at[newest] = self.now

    def _redrive(self) -> None:
        """Letters back into the queue, and dead letters out of the way."""
        self.counts["poison"] += len(self.dead_letters.letters)
        self.dead_letters.letters.clear()
        for bundle in list(self.letters.all()):
            self.counts["redriven"] += bundle.events
            self.letters.redrive(bundle)

    def _merge(self) -> None:
        """In Marketo somebody merges a lead into a new one, which takes over fields and lists."""
        with self.simulator.lock:
            state = self.simulator.state
            person = any_person(self.chance, persons(self.events))
            searched = state.schema.searchable("email")
            found = state.find(searched, [email(person)], None) if searched else []
            if len(found) != 1:
                return
            old = state.leads[found[0]]
            on = [one for one in state.lists.values() if old.id in one.members]
            values = {name: one for name, one in old.values.items() if name not in {"id", "createdAt", "updatedAt"}}
            state.delete_lead(old)
            new = state.create_lead(values, old.partition_id, self.now)
            for each in on:
                each.members.add(new.id)
            self.counts["merged"] += 1

    def _lose_lease(self) -> None:
        """A rival takes the lease, as if it had ended, and dies."""
        self.leases.fences[MUNCHKIN] += 1
        until = self.now + timedelta(minutes=1)
        self.leases.held[MUNCHKIN] = rival = Lease(MUNCHKIN, self.leases.fences[MUNCHKIN], until)
        self.leases.enter(rival, range(SHARDS))
        self.counts["leases lost"] += 1

    def _disturb(self) -> None:
        self.share_refused = self.chance.choice([0, 0, 0.3])
        if self.chance.random() < 0.7:
            faults = self.chance.choices(FAULTS, k=self.chance.randint(1, 6))
            self.simulator.script(
                *(replace(one, path=one.path or "^/", nth=self.chance.randint(1, 6)) for one in faults)
            )
        self.fate.moments, self.fate.happens = None, None
        if self.chance.random() < 0.5:
            self.fate.moments = int(self.chance.expovariate(1 / 40))
            self.fate.happens = self.chance.choice([None, None, self._lose_lease, self._merge])

    def _calm(self) -> None:
        for thread in threading.enumerate():
            if "_finish_unheard" in thread.name:
                thread.join()
        self.simulator.clear_faults()
        self.share_refused = 0.0
        self.fate.moments, self.fate.happens = None, None

    def _send_back(self) -> None:
        """What is parked comes back, at once or as the monitor sends it back."""
        before = set(self.queue.waiting)
        at_once = not before or self.chance.random() < 0.2
        for one in AUDIENCES:
            if at_once:
                self.resume(one)
            else:
                self.resume.send_back(self.connections.get(one), self.parking.of(one), self.now)
        self.visible_at |= dict.fromkeys(self.queue.waiting.keys() - before, self.now)

    def _deliver(self, time_left: timedelta) -> None:
        """One batch of what is visible, in any order, with messages among it that were deleted before."""
        self._send_back()
        if not self.queue.waiting:
            return
        self.now = max(self.now, min(self.visible_at[one] for one in self.queue.waiting))
        pause = self.leases.pauses.get(MUNCHKIN)
        if pause is not None and self.chance.random() < 0.8:
            self.now = max(self.now, pause.until)
        visible = [one for name, one in self.queue.waiting.items() if self.visible_at[name] <= self.now]
        batch = self.chance.sample(
            visible, min(len(visible), 1 + int(self.chance.expovariate(1 / self.chance.choice([1, 5, 30]))))
        )
        again = [one for one in self.done if self.chance.random() < 0.02]
        for one in batch:
            self.visible_at[one.id] = self.now + VISIBILITY
        self.counts["deliveries"] += 1
        self.counts["delivered again"] += len(again)
        calls = self.simulator.stats()["calls"]
        self.queue.invisible_for.clear()
        try:
            report = self.sync([*batch, *again], time_left)
        except CrashError:
            self.counts["crashes"] += 1
            self._begin_worker()
        else:
            kept = set(report.requeued)
            for name in kept & self.queue.waiting.keys() & self.queue.invisible_for.keys():
                self.visible_at[name] = self.now + timedelta(seconds=self.queue.invisible_for[name])
            finished = [one for one in batch if one.id not in kept]
            self.queue.delete([one.id for one in finished])
            self.done = [*self.done, *finished][-200:]
            self.counts["requeued"] += len(kept)
        newest = itertools.islice(reversed(self.simulator.calls.log), self.simulator.stats()["calls"] - calls)
        self.counts["faults"] += sum(call.fault for call in newest)
        self._sleep(1)


def _seed(events: int) -> dict[str, object]:
    leads = [{"email": email(one)} for one in range(persons(events)) for _ in range(leads_before(one))]
    lists = [{"name": name, "id": number, "workspace": "Default"} for name, number in LISTS.items()]
    return {"leads": leads, "lists": lists}
