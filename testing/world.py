"""The whole delivery without AWS and without sockets: the sync use case, stores in memory, the Marketo simulator."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import requests

from destination.control.listing import by_connection
from destination.control.parking import ManageParking
from destination.delivery.batch import BatchReport, DeliverBatch
from destination.delivery.erase_people import ErasePeople
from destination.delivery.verify_lists import VerifyLists
from destination.domain.audience import Activation
from destination.domain.connection import ActiveConnection, Connection, Limits
from destination.domain.credentials import ClientCredentials
from destination.domain.erasure import Erasure
from destination.domain.event import ProfileEvent
from destination.domain.lead_extract import MIN_MEMBERS
from destination.domain.loss import Loss
from destination.domain.pace import PaceState
from destination.domain.times import EPOCH
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import ErasureCall, Message, encode_event, erasure_call_message, erasure_message, pack
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.delivery import delivery
from testing.memory import (
    MemoryCapabilities,
    MemoryConnections,
    MemoryDeadLetters,
    MemoryErasures,
    MemoryExtracted,
    MemoryImports,
    MemoryLeases,
    MemoryLedger,
    MemoryLetters,
    MemoryLosses,
    MemoryParking,
    MemoryQueue,
    MemoryResults,
    MemorySeenDays,
    MemoryToken,
    MemoryTraces,
    MemoryVerifications,
)
from testing.persons import EMAIL_MAPPING, MUNCHKIN, START, audience, connection, event, name_of

__all__ = ["EMAIL_MAPPING", "MUNCHKIN", "START", "World", "audience", "connection", "event", "name_of"]

MONITORED = timedelta(minutes=5)
"""How often the monitor looks (template.yaml)."""


@dataclass
class World:
    """A simulator with lists for audiences `a` and `b` (ids 1001, 1002), and one connection to it.

    `may_hold_others`: whether others may have put people on these lists. `extract_from`: of how many members on a list
    is read by an extract.
    """

    connection: Connection = field(default_factory=connection)
    leads: Sequence[Mapping[str, object]] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    now: datetime = START
    may_hold_others: bool = True
    extract_from: int = MIN_MEMBERS
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        lists = [{"name": name, "id": 1001 + number, "workspace": "Default"} for number, name in enumerate("ab")]
        seed = {"partitions": [{"name": "EMEA", "id": 2}], "lists": lists, "leads": list(self.leads)}
        self.simulator = Simulator(seed=seed, settings=dict(self.settings), clock=lambda: self.now, sleep=self.sleep)
        self.connections = MemoryConnections()
        self.leases = MemoryLeases()
        self.ledger = MemoryLedger(self.leases)
        self.losses = MemoryLosses(self.ledger.runs)
        self.queue = MemoryQueue()
        self.parking = MemoryParking()
        self.dead_letters = MemoryDeadLetters()
        self.letters = MemoryLetters(self.parking)
        self.results = MemoryResults()
        self.seen = MemorySeenDays()
        self.verifications = MemoryVerifications()
        self.extracted = MemoryExtracted()
        self.imports = MemoryImports(self.leases)
        self.capabilities = MemoryCapabilities()
        self.erasures = MemoryErasures()
        self.traces = MemoryTraces(self.letters, self.parking, self.results)
        self.http = requests.Session()
        self.http.mount("https://", SimulatorAdapter(self.simulator))
        activations = {
            audience(name): Activation(
                audience(name), name, list_id=1001 + number, list_name=name, may_hold_others=self.may_hold_others
            )
            for number, name in enumerate("ab")
        }
        self.connections.stored[self.connection.id] = ActiveConnection(self.connection, activations)
        self.marketo = Marketo(
            munchkin_id=MUNCHKIN,
            credentials=ClientCredentials("client", "secret"),
            tokens=MemoryToken(),
            http=self.http,
            pace=self.pace(self.connection.limits, PaceState(), timedelta(minutes=5)),
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        self.sync = self.delivery()
        self.manage_parking = ManageParking(self.connections, self.parking, self.leases, self.queue, lambda: self.now)

    def delivery(self, **others: Any) -> DeliverBatch:
        """The use case over what is here, but for others that are given by name."""
        parts: dict[str, Any] = {
            "connections": self.connections,
            "leases": self.leases,
            "ledger": self.ledger,
            "losses": self.losses,
            "queue": self.queue,
            "parking": self.parking,
            "dead_letters": self.dead_letters,
            "letters": self.letters,
            "results": self.results,
            "seen": self.seen,
            "marketo": lambda _: self.marketo,
            "pace": self.pace,
            "clock": lambda: self.now,
            "verify": VerifyLists(
                self.verifications,
                self.ledger,
                self.imports,
                self.leases.enter,
                lambda: self.now,
                self.connections.filled,
                self.extracted,
                self.extract_from,
            ),
            "imports": self.imports,
            "capabilities": self.capabilities,
            "extracted": self.extracted,
            "marks": self.erasures,
            "erase": ErasePeople(
                self.erasures,
                self.ledger,
                self.traces,
                self.ledger.runs,
                self.imports,
                self.leases.enter,
                self.connections.is_claimed,
                name_of,
                lambda: self.now,
            ),
            "sleep": self.sleep,
            "chance": lambda: 0.0,
            "name_of": name_of,
        }
        return delivery(**(parts | others))

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def pace(self, limits: Limits, state: PaceState, time_left: timedelta) -> Pace:
        return Pace(
            limits.calls_per_20s,
            limits.concurrency,
            daily_calls=limits.daily_calls,
            updates_per_hour=limits.lead_updates_per_hour,
            state=state,
            deadline=self.now.timestamp() + time_left.total_seconds(),
            until=self.now.timestamp() + time_left.total_seconds(),
            monotonic=lambda: self.now.timestamp(),  # noqa: PLW0108 - `now` moves
            wall=lambda: self.now.timestamp(),  # noqa: PLW0108
            sleep=self.sleep,
            random=lambda: 0.5,
        )

    @property
    def target(self) -> ActiveConnection:
        """The connection and its audiences as they are configured by now."""
        return self.connections.stored[self.connection.id]

    def reconfigure(self, **changes: Any) -> None:
        """Change the connection, as an operator does."""
        changed = replace(self.target.connection, **changes)
        self.connections.stored[self.connection.id] = replace(self.target, connection=changed)

    def activate(self, name: str, **changes: Any) -> None:
        """Activate an audience, anew or with changes, on the list that it had unless said otherwise."""
        key = audience(name)
        list_id = 1001 + ord(name) - ord("a")
        plain = Activation(
            key,
            name,
            list_id=list_id,
            list_name=name,
            may_hold_others=self.may_hold_others,
            begun_at=self.target.dormant.get(key, self.now),
        )
        activation = replace(self.target.activations.get(key, plain), **changes)
        self.connections.stored[self.connection.id] = replace(
            self.target,
            activations={**self.target.activations, key: activation},
            dormant={one: at for one, at in self.target.dormant.items() if one != key},
        )

    def deactivate(self, name: str) -> None:
        """Deactivate an audience, as an operator does."""
        self.connections.deactivate(self.connection.id, audience(name))

    def forget(self, name: str) -> None:
        """Let an audience that was deactivated be dormant no longer: nothing is remembered of it from now on."""
        left = {one: at for one, at in self.target.dormant.items() if one != audience(name)}
        self.connections.stored[self.connection.id] = replace(self.target, dormant=left)

    def post(self, *events: ProfileEvent, losses: Mapping[Loss, int] | None = None) -> None:
        """Put events into the queue, as ingest does with those of a body, and what was lost of it."""
        if not events and not losses:
            return
        envelope_id = f"envelope-{next(self.numbers)}"
        texts = map(encode_event, events)
        packed = pack(self.connection.id, self.now, texts, envelope_id=envelope_id, losses=losses)
        self.queue.send(self.connection.id, [body for _, body in packed])

    def deliver(self, *events: ProfileEvent) -> BatchReport:
        """Post events and deliver all that waits, in the queue or parked."""
        self.post(*events)
        self.resume()
        return self._receive(list(self.queue.waiting.values()))

    def deliver_beside(self, *events: ProfileEvent) -> BatchReport:
        """Post events and deliver them alone, whatever else waits."""
        before = set(self.queue.waiting)
        self.post(*events)
        return self._receive([message for message in self.queue.waiting.values() if message.id not in before])

    def run(self, until: datetime) -> None:
        """Let time pass; what waits is delivered when it is visible, as much as is at a time.

        What is parked comes back as the monitor sends it back, every five minutes.
        """
        visible_at = dict.fromkeys(self.queue.waiting, self.now)
        while visible_at or self.parking.stored:
            tick = self.now + MONITORED - (self.now - EPOCH) % MONITORED
            following = min([*visible_at.values(), *([tick] if self.parking.stored else [])])
            if following > until:
                break
            self.now = max(self.now, following)
            if following == tick:
                self.monitor()
            visible_at |= {one: self.now for one in self.queue.waiting if one not in visible_at}
            report = self._receive([self.queue.waiting[one] for one, at in visible_at.items() if at <= self.now])
            visible_at = {one: at for one, at in visible_at.items() if one in self.queue.waiting}
            for one in report.requeued:
                visible_at[one] = self.now + timedelta(seconds=self.queue.invisible_for.pop(one, 0))
        self.now = max(self.now, until)

    @property
    def waiting(self) -> list[str]:
        """The bodies of the messages that wait, in the queue or parked."""
        parked = [body for bodies in self.parking.stored.values() for body in bodies]
        return parked + [one.body for one in self.queue.waiting.values() if "bundle" not in json.loads(one.body)]

    def resume(self) -> None:
        """Send back all that is parked, as an operator does."""
        for connection_id in list(self.connections.stored):
            self.manage_parking(connection_id)

    def redrive(self) -> None:
        """Redrive all letters, as an operator does."""
        for bundle in list(self.letters.all()):
            self.letters.redrive(bundle)
        self.resume()

    def erase(self, email: str) -> Erasure:
        """Have somebody erased, as an operator does."""
        key = email.lower()
        made = Erasure(self.connection.id, name_of(key), self.now)
        self.erasures.create(made)
        self.queue.send(self.connection.id, [erasure_message(self.connection.id, made.id, key, made.at)])
        return made

    def delete(self, value: str, call: str = "call-1") -> None:
        """Have somebody erased, as a sender's call does."""
        body = erasure_call_message(self.connection.id, f"m-{next(self.numbers)}", self.now, ErasureCall(value, call))
        self.queue.send(self.connection.id, [body])

    def erasure(self, made: Erasure) -> Erasure:
        """How far it came by now."""
        return self.erasures.stored[made.connection_id, made.id]

    def monitor(self) -> None:
        """Send back what is due, as the monitor does."""
        bundles = by_connection(self.parking.all())
        for one in list(self.connections.all()):
            self.manage_parking.send_back(one, bundles.get(one.id, ()), self.now)

    def _receive(self, messages: Sequence[Message]) -> BatchReport:
        report = self.sync(messages, timedelta(minutes=5))
        self.queue.delete([message.id for message in messages if message.id not in report.requeued])
        return report

    def leads_now(self) -> dict[int, dict[str, Any]]:
        state: dict[str, Any] = self.simulator.dump()
        return {one["id"]: one for one in state["leads"]}

    def leads_by_email(self, email: str) -> list[dict[str, Any]]:
        return [one for one in self.leads_now().values() if one["email"] == email]

    def members(self, name: str) -> list[int]:
        state: dict[str, Any] = self.simulator.dump()
        return sorted(next(one["members"] for one in state["lists"] if one["name"] == name))

    def calls(self) -> list[str]:
        """The endpoints called so far that count towards Marketo's limits."""
        return [call.endpoint for call in self.simulator.log() if call.counted]
