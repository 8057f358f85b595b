"""The stores and queues in memory: small real implementations, with which the use cases run without AWS.

What each of them does is what the real one does over AWS: tests/contract/stores holds both to it.
"""

import copy
import itertools
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from botocore.exceptions import ClientError

from destination.domain.alert import Alert, AlertState
from destination.domain.audience import AudienceKey
from destination.domain.connection import DELIVERING, ActiveConnection, Connection, Limits, Status, Waiting
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.domain.failure import Failure
from destination.domain.letter import LetterBundle
from destination.domain.loss import Loss
from destination.domain.not_arrived import NotArrived, ResultsKey
from destination.domain.pace import PaceState
from destination.domain.parking import RETRY_BLOCKED, Bundle, Resumption
from destination.domain.pause import Pause
from destination.domain.person import LedgerRow, Origin
from destination.domain.refusal import Circuit
from destination.domain.run import RETENTION, Run, Tally, hour_of, last_event_of, run_id, tally_losses, total_of, whole
from destination.domain.shard import name_of
from destination.domain.verification import AudienceCheck, Stand, Verification
from destination.queue import MAX_VISIBILITY_SECONDS, DeadLetter, Message
from destination.store.alerts import Stored
from destination.store.cursors import cursor_of, position_of
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import TRANSACTION_ITEMS, Entry, Page, StaleRunError
from destination.store.runs import LOSSES_PART
from destination.store.summaries import SummedUp

MAX_MESSAGE_BYTES = 1024 * 1024
"""What SQS takes (Amazon SQS, "Message quotas")."""
MAX_TRANSACTION_BYTES = 4_000_000
MAX_ITEM_BYTES = 400 * 1024
"""What DynamoDB takes (Service quotas, "Transactions", "Items")."""

MAX_PARTITION_UNITS = 1_000
"""Of writes a second, of which a transaction takes two for each KB of an item (testing/dynamodb_limits.py)."""


@dataclass
class MemoryConnections:
    stored: dict[str, ActiveConnection] = field(default_factory=dict)

    def active(self, connection_id: str) -> ActiveConnection:
        if connection_id not in self.stored or self.stored[connection_id].connection.is_discarded:
            raise NotFoundError(f"there is no connection {connection_id}")
        return self.stored[connection_id]

    def get(self, connection_id: str) -> Connection:
        if connection_id not in self.stored:
            raise NotFoundError(f"there is no connection {connection_id}")
        return self.stored[connection_id].connection

    def all(self) -> Iterator[Connection]:
        connections = (target.connection for target in self.stored.values())
        yield from sorted(connections, key=lambda one: (one.munchkin_id, one.id))

    def limits(self, munchkin_id: str) -> list[Limits]:
        connections = (target.connection for target in self.stored.values())
        return [one.limits for one in connections if one.munchkin_id == munchkin_id and one.status in DELIVERING]

    def rebind(
        self,
        connection_id: str,
        audience: AudienceKey,
        before: int,
        list_id: int,
        list_name: str,
        *,
        may_hold_others: bool,
        fill_at: datetime | None,
    ) -> bool:
        target = self.stored.get(connection_id)
        activation = target.activations.get(audience) if target else None
        if target is None or activation is None or activation.list_id != before:
            return False
        if self._owner(target.connection.munchkin_id, list_id) not in {None, (connection_id, audience)}:
            return False
        bound = replace(
            activation,
            list_id=list_id,
            list_name=list_name,
            may_hold_others=may_hold_others,
            fill_at=fill_at,
            emptied_to=None,
        )
        self.stored[connection_id] = replace(target, activations={**target.activations, audience: bound})
        return True

    def rename_audience(
        self, connection_id: str, audience: AudienceKey, before: str, name: str, list_name: str | None, at: datetime
    ) -> None:
        target = self.stored.get(connection_id)
        activation = target.activations.get(audience) if target else None
        if target is not None and activation is not None and activation.name == before:
            renamed = replace(activation, name=name, list_name=list_name, named_at=at)
            self.stored[connection_id] = replace(target, activations={**target.activations, audience: renamed})

    def filled(self, connection_id: str, audience: AudienceKey, list_id: int, due: datetime) -> None:
        target = self.stored.get(connection_id)
        activation = target.activations.get(audience) if target else None
        if target is not None and activation is not None and (activation.list_id, activation.fill_at) == (list_id, due):
            filled = {audience: replace(activation, fill_at=None)}
            self.stored[connection_id] = replace(target, activations={**target.activations, **filled})

    def deactivate(self, connection_id: str, audience: AudienceKey) -> None:
        """What an operator does."""
        target = self.stored[connection_id]
        left = {one: activation for one, activation in target.activations.items() if one != audience}
        begun_at = target.activations[audience].begun_at
        self.stored[connection_id] = replace(target, activations=left, dormant={**target.dormant, audience: begun_at})

    def is_delivered(self, connection_id: str) -> bool:
        target = self.stored.get(connection_id)
        return target is not None and not target.connection.is_discarded

    def begin_delivery(self, connection_id: str, version: int, at: datetime) -> bool:
        target = self.stored.get(connection_id)
        if target is None or target.connection.version != version or target.connection.is_discarded:
            return False
        begun = replace(target.connection, delivered_at=target.connection.delivered_at or at)
        self.stored[connection_id] = replace(target, connection=begun)
        return True

    def block(self, connection_id: str, cause: str, at: datetime) -> None:
        status = self._status(connection_id)
        if status in DELIVERING:
            shown = status if status is Status.DELETING else Status.BLOCKED
            since = self.stored[connection_id].connection.held_since or at
            self._mark(connection_id, status=shown, blocked_cause=cause, held_since=since, retry_at=at + RETRY_BLOCKED)

    def unblock(self, connection_id: str) -> None:
        status = self._status(connection_id)
        if status in {Status.BLOCKED, Status.DELETING}:
            shown = status if status is Status.DELETING else Status.ENABLED
            self._mark(connection_id, status=shown, blocked_cause=None, held_since=None, retry_at=None)

    def resume_later(self, connection_id: str) -> None:
        self._mark(connection_id, resumed_at=None, resumed_up_to=None)

    def retry(self, connection_id: str) -> None:
        self._mark(connection_id, retry_at=None)

    def resume(self, connection_id: str, resumption: Resumption) -> None:
        self._mark(connection_id, resumed_at=resumption.at, resumed_up_to=resumption.up_to)

    def drain(self, connection_id: str, since: datetime | None) -> None:
        if self._status(connection_id) is Status.DELETING:
            self._mark(connection_id, drained_since=since)

    def wait(self, connection_id: str, waiting: Waiting | None) -> None:
        self._mark(connection_id, waiting=waiting)

    def _owner(self, munchkin_id: str, list_id: int) -> tuple[str, AudienceKey] | None:
        """The connection and the audience that have a list of an instance."""
        for target in self.stored.values():
            for audience, activation in target.activations.items():
                if target.connection.munchkin_id == munchkin_id and activation.list_id == list_id:
                    return target.connection.id, audience
        return None

    def _status(self, connection_id: str) -> Status | None:
        target = self.stored.get(connection_id)
        return target.connection.status if target else None

    def _mark(self, connection_id: str, **marks: Any) -> None:
        if target := self.stored.get(connection_id):
            self.stored[connection_id] = replace(target, connection=replace(target.connection, **marks))


@dataclass
class MemoryLeases:
    held: dict[str, Lease] = field(default_factory=dict)
    paces: dict[str, PaceState] = field(default_factory=dict)
    pauses: dict[str, Pause | None] = field(default_factory=dict)
    circuits: dict[str, Mapping[str, Circuit]] = field(default_factory=dict)
    fences: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    entered: dict[tuple[str, int], int] = field(default_factory=dict)

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None:
        if munchkin_id in self.held and self.held[munchkin_id].until >= now:
            return None
        self.fences[munchkin_id] += 1
        pace, pause = self.paces.get(munchkin_id, PaceState()), self.pauses.get(munchkin_id)
        circuits = self.circuits.get(munchkin_id, {})
        lease = Lease(munchkin_id, self.fences[munchkin_id], until, pace, pause, circuits)
        self.held[munchkin_id] = lease
        return lease

    def release(
        self, lease: Lease, pace: PaceState, pause: Pause | None, circuits: Mapping[str, Circuit] | None = None
    ) -> None:
        if self.fences[lease.munchkin_id] == lease.fence:
            self.held.pop(lease.munchkin_id, None)
            self.paces[lease.munchkin_id] = pace
            self.pauses[lease.munchkin_id] = pause
            self.circuits[lease.munchkin_id] = lease.circuits if circuits is None else circuits

    def pause(self, munchkin_id: str) -> Pause | None:
        return self.pauses.get(munchkin_id)

    def end_pause(self, munchkin_id: str) -> None:
        self.pauses.pop(munchkin_id, None)

    def enter(self, lease: Lease, shards: Collection[int]) -> None:
        for shard in shards:
            if self.entered.get((lease.munchkin_id, shard), 0) > lease.fence:
                raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
            self.entered[lease.munchkin_id, shard] = lease.fence


@dataclass
class MemoryRuns:
    """`parts` by connection, hour and shard; `late`: those written after their hour, and not settled since."""

    parts: dict[tuple[str, str, int], Run] = field(default_factory=dict)
    late: set[tuple[str, str, int]] = field(default_factory=set)

    @property
    def stored(self) -> dict[tuple[str, str], Run]:
        """The runs of all connections as they read, by connection and hour."""
        of_run: defaultdict[tuple[str, str], dict[str, Run]] = defaultdict(dict)
        for (connection_id, hour, shard), part in sorted(self.parts.items(), key=lambda one: one[0]):
            of_run[connection_id, hour][f"{hour}#{shard}"] = copy.deepcopy(part)
        return {name: whole(parts) for name, parts in of_run.items()}

    def get(self, connection_id: str, run_id: str) -> Run | None:
        return self.stored.get((connection_id, run_id))

    def part(self, connection_id: str, run_id: str, shard: int) -> Run:
        empty = Run(connection_id, run_id, shard=shard)
        return copy.deepcopy(self.parts.get((connection_id, run_id, shard), empty))

    def counts(self, connection_id: str, first: str, last: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for (owner, hour, _), part in self.parts.items():
            if owner == connection_id and first <= hour <= last:
                total.update(part.tally.counts)
        return total

    def between(self, connection_id: str, first: str, last: str) -> Iterator[Run]:
        runs = ((hour, run) for (owner, hour), run in self.stored.items() if owner == connection_id)
        return (run for hour, run in runs if first <= hour <= last)

    def last_event_at(self, connection_id: str, now: datetime) -> datetime | None:
        kept = list(self.between(connection_id, run_id(now - RETENTION), run_id(now)))
        return last_event_of(reversed(kept), now)

    def is_as_read(self, part: Run) -> bool:
        """Whether nobody wrote it since."""
        return self.parts.get((part.connection_id, part.id, part.shard), part).version == part.version

    def write(self, part: Run, now: datetime) -> None:
        """Store the next version, in place of any."""
        key = (part.connection_id, part.id, part.shard)
        self.parts[key] = copy.deepcopy(replace(part, version=part.version + 1))
        is_late = now >= hour_of(part.id) + timedelta(hours=1)
        (self.late.add if is_late else self.late.discard)(key)

    def settle(self, run: Run) -> None:
        """Take those parts off the late ones that nobody wrote since."""
        for (connection_id, hour, shard), part in self.parts.items():
            is_of_run = (connection_id, hour) == (run.connection_id, run.id)
            if is_of_run and run.parts.get(f"{hour}#{shard}") == part.version:
                self.late.discard((connection_id, hour, shard))


@dataclass
class MemoryLosses:
    """Over the runs, in which they are counted; `counted`: connections and envelopes."""

    runs: MemoryRuns
    counted: set[tuple[str, str]] = field(default_factory=set)

    def count(self, connection_id: str, run_id: str, bodies: Mapping[str, Mapping[Loss, int]], now: datetime) -> None:
        new = {one: losses for one, losses in bodies.items() if (connection_id, one) not in self.counted}
        if new:
            part = self.runs.part(connection_id, run_id, LOSSES_PART)
            self.runs.write(replace(part, tally=part.tally.plus(tally_losses(new.values()))), now)
            self.counted |= {(connection_id, one) for one in new}


@dataclass
class MemoryLedger:
    """`page_rows`: how many rows a page holds. A transaction is refused as DynamoDB refuses it."""

    leases: MemoryLeases
    people: dict[tuple[str, str], LedgerRow] = field(default_factory=dict)
    marks: defaultdict[tuple[str, int, str], frozenset[str]] = field(default_factory=lambda: defaultdict(frozenset))
    failed: dict[tuple[str, int, str, str], Failure] = field(default_factory=dict)
    received: dict[tuple[str, int, str], datetime] = field(default_factory=dict)
    results: defaultdict[tuple[str, int, str], dict[str, frozenset[str]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    page_rows: int = 100
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]:
        names = {name_of(key): key for key in keys}
        return {names[name]: row for name, row in self.rows_by_name(connection_id, names, audiences).items()}

    def rows_by_name(
        self, connection_id: str, names: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]:
        found = {name: self.people.get((connection_id, name)) for name in names}
        return {name: _of_audiences(row, audiences) for name, row in found.items() if row is not None}

    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None = None) -> Page:
        after = position_of(cursor) if cursor else ""
        own = sorted(name for owner, name in list(self.people) if owner == connection_id and name > after)
        names = own[: self.page_rows]
        rows = tuple(self.rows_by_name(connection_id, names, audiences).items())
        return Page(rows, cursor_of(names[-1]) if len(own) > len(names) else None)

    def counted(
        self, connection_id: str, envelopes: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], frozenset[str]]:
        return {one: self.marks[connection_id, *one] for one in envelopes if (connection_id, *one) in self.marks}

    def ended(
        self, connection_id: str, envelopes: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], dict[str, frozenset[str]]]:
        return {one: self.results.get((connection_id, *one), {}) for one in self.counted(connection_id, envelopes)}

    def failures(self, connection_id: str, origins: Collection[tuple[int, Origin]]) -> dict[Origin, Failure]:
        names = {origin: (connection_id, shard, origin.envelope_id, origin.number) for shard, origin in origins}
        return {origin: self.failed[name] for origin, name in names.items() if name in self.failed}

    def receipts(self, connection_id: str, events: Collection[tuple[int, str]]) -> dict[tuple[int, str], datetime]:
        return {one: self.received[connection_id, *one] for one in events if (connection_id, *one) in self.received}

    def run(self, connection_id: str, run_id: str, shard: int) -> Run:
        return self.runs.part(connection_id, run_id, shard)

    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None:
        sizes = entry.item_bytes
        of_runs = len(sizes) - len(entry.runs)
        units = max(_write_units(sizes[:of_runs]), _write_units(sizes[of_runs:]))
        if (
            entry.items > TRANSACTION_ITEMS
            or sum(sizes) > MAX_TRANSACTION_BYTES
            or max(sizes, default=0) > MAX_ITEM_BYTES
            or units > MAX_PARTITION_UNITS
        ):
            raise ClientError({"Error": {"Code": "ValidationException"}}, "TransactWriteItems")
        with self.lock:
            self._record(connection_id, entry, lease, now)

    def _record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None:
        if self.leases.entered.get((lease.munchkin_id, entry.shard)) != lease.fence:
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
        if not all(self.runs.is_as_read(run) for run in entry.runs):
            raise StaleRunError("a run was written since it was read")
        self.people |= {(connection_id, name): row for name, row in entry.rows.items()}
        for envelope_id, numbers in entry.counted.items():
            self.marks[connection_id, entry.shard, envelope_id] |= numbers
            own = self.results[connection_id, entry.shard, envelope_id]
            for one, ended in entry.ended.get(envelope_id, {}).items():
                own[one] = own.get(one, frozenset()) | ended
        for origin, failure in entry.failures.items():
            name = (connection_id, entry.shard, origin.envelope_id, origin.number)
            self.failed.pop(name, None)
            self.failed |= {name: failure} if failure else {}
        self.received |= {(connection_id, entry.shard, event): at for event, at in entry.receipts.items()}
        for run in entry.runs:
            self.runs.write(run, now)

    def row(self, connection_id: str, key: str) -> LedgerRow | None:
        """The row of a person as it is, whatever audiences it is of."""
        return self.people.get((connection_id, name_of(key)))

    def total(self, connection_id: str) -> Tally:
        """All runs of a connection added up."""
        return total_of(run for (owner, _, _), run in self.runs.parts.items() if owner == connection_id)


def _write_units(sizes: Sequence[int]) -> int:
    return sum(2 * ceil(size / 1024) for size in sizes)


def _of_audiences(row: LedgerRow, audiences: Mapping[AudienceKey, datetime]) -> LedgerRow:
    known = {one: told for one, told in row.desired.items() if one in audiences}
    desired = {one: told for one, told in known.items() if told.said.received_at >= audiences[one]}
    applied = {one: told for one, told in row.applied.items() if one in audiences}
    for one in known.keys() - desired.keys():
        if one in applied and applied[one].leads:
            applied[one] = applied[one]._replace(is_sure=False)
        else:
            applied.pop(one, None)
    return replace(row, desired=desired, applied=applied)


@dataclass
class MemoryQueue:
    """Keeps what is not done; a requeued message keeps its id, as it does in SQS."""

    waiting: dict[str, Message] = field(default_factory=dict)
    invisible_for: dict[str, int] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def send(self, connection_id: str, bodies: Sequence[str]) -> list[int]:
        refused = [number for number, body in enumerate(bodies) if len(body.encode()) > MAX_MESSAGE_BYTES]
        for number, body in enumerate(bodies):
            if number not in refused:
                message_id = f"message-{next(self.numbers)}"
                self.waiting[message_id] = Message(message_id, f"receipt of {message_id}", body)
        return refused

    def requeue(self, messages: Sequence[Message], seconds: int) -> None:
        invisible = min(max(seconds, 0), MAX_VISIBILITY_SECONDS)
        self.invisible_for |= {message.id: invisible for message in messages}

    def delete(self, message_ids: Sequence[str]) -> None:
        for message_id in message_ids:
            self.waiting.pop(message_id, None)


@dataclass
class MemoryParking:
    """`refuses` says whether nothing can be stored now."""

    stored: dict[Bundle, list[str]] = field(default_factory=dict)
    refuses: bool = False

    def put(self, bundle: Bundle, bodies: Iterable[str]) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        self.stored[Bundle.named(bundle.connection_id, bundle.name)] = list(bodies)

    def get(self, bundle: Bundle) -> list[str]:
        if bundle not in self.stored:
            raise NotFoundError(f"there is no bundle {bundle.name}")
        return self.stored[bundle]

    def remove(self, bundle: Bundle) -> None:
        self.stored.pop(bundle, None)

    def of(self, connection_id: str) -> Iterator[Bundle]:
        yield from sorted((one for one in self.stored if one.connection_id == connection_id), key=lambda one: one.name)

    def all(self) -> Iterator[Bundle]:
        yield from sorted(self.stored, key=lambda one: (one.connection_id, one.name))

    def erase(self, connection_id: str) -> bool:
        for bundle in list(self.of(connection_id)):
            del self.stored[bundle]
        return True


@dataclass
class MemoryResults:
    """`refuses` says whether nothing can be stored now."""

    stored: dict[ResultsKey, list[NotArrived]] = field(default_factory=dict)
    refuses: bool = False

    def put(self, key: ResultsKey, persons: Sequence[NotArrived]) -> None:
        if self.refuses:
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        self.stored[ResultsKey.named(key.connection_id, key.run_id, key.name)] = list(persons)

    def get(self, key: ResultsKey) -> list[NotArrived]:
        if key not in self.stored:
            raise NotFoundError(f"there are no results {key.name}")
        return self.stored[key]

    def of(self, connection_id: str, run_id: str, after: str = "") -> Iterator[ResultsKey]:
        own = (one for one in self.stored if (one.connection_id, one.run_id) == (connection_id, run_id))
        yield from sorted((one for one in own if one.name > after), key=lambda one: one.name)

    def erase(self, connection_id: str) -> bool:
        for key in [one for one in self.stored if one.connection_id == connection_id]:
            del self.stored[key]
        return True


@dataclass
class MemoryLetters:
    """`refuses` says of letters whether they cannot be stored now."""

    parking: MemoryParking = field(default_factory=MemoryParking)
    stored: dict[LetterBundle, list[str]] = field(default_factory=dict)
    refuses: Callable[[LetterBundle], bool] = lambda _: False

    @property
    def bodies(self) -> list[str]:
        return [body for bodies in self.stored.values() for body in bodies]

    @property
    def codes(self) -> list[str]:
        """Of each letter."""
        return [bundle.code for bundle, bodies in self.stored.items() for _ in bodies]

    def take(self) -> list[str]:
        """Take all letters away; their bodies."""
        bodies = self.bodies
        self.stored.clear()
        return bodies

    def put(self, bundle: LetterBundle, bodies: Iterable[str]) -> None:
        if self.refuses(bundle):
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        self.stored[LetterBundle.named(bundle.connection_id, bundle.name)] = list(bodies)

    def get(self, bundle: LetterBundle) -> list[str]:
        if bundle not in self.stored:
            raise NotFoundError(f"there are no letters {bundle.name}")
        return self.stored[bundle]

    def redrive(self, bundle: LetterBundle) -> None:
        self.parking.put(bundle.redriven, self.get(bundle))
        self.remove(bundle)

    def remove(self, bundle: LetterBundle) -> None:
        self.stored.pop(bundle, None)

    def of(self, connection_id: str) -> Iterator[LetterBundle]:
        yield from sorted((one for one in self.stored if one.connection_id == connection_id), key=lambda one: one.name)

    def all(self) -> Iterator[LetterBundle]:
        yield from sorted(self.stored, key=lambda one: (one.connection_id, one.name))

    def erase(self, connection_id: str) -> bool:
        for bundle in list(self.of(connection_id)):
            del self.stored[bundle]
        return True


@dataclass
class MemoryDeadLetters:
    """`refuses` says of a letter whether it is not taken, however often it is sent."""

    letters: list[DeadLetter] = field(default_factory=list)
    refuses: Callable[[DeadLetter], bool] = lambda _: False

    def send(self, letters: Sequence[DeadLetter]) -> list[int]:
        refused = [number for number, letter in enumerate(letters) if self.refuses(letter)]
        self.letters += [letter for number, letter in enumerate(letters) if number not in refused]
        return refused


@dataclass
class MemoryToken:
    token: AccessToken | None = None

    def get(self) -> AccessToken | None:
        return self.token

    def put(self, token: AccessToken) -> None:
        self.token = token


@dataclass
class MemoryCredentials:
    """The credentials of the connections, by their ids."""

    given: dict[str, ClientCredentials] = field(default_factory=dict)

    def get(self, connection: Connection) -> ClientCredentials:
        if connection.id not in self.given:
            raise NotFoundError(f"connection {connection.id} has no credentials")
        return self.given[connection.id]


@dataclass
class MemoryVerifications:
    """`left`: by connection and audience, how many people the last verification left out of place, if any."""

    stored: dict[str, Verification] = field(default_factory=dict)
    found: dict[tuple[str, int], AudienceCheck] = field(default_factory=dict)
    leads: dict[tuple[str, int], dict[int, list[int]]] = field(default_factory=dict)
    standings: dict[tuple[str, int], dict[int, list[Stand]]] = field(default_factory=dict)
    left: dict[str, dict[AudienceKey, int]] = field(default_factory=dict)

    def create(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        """As one that is seen for the first time."""
        self.stored[verification.id] = verification
        self.found |= {(verification.id, number): one for number, one in enumerate(checks)}

    def get(self, connection_id: str, verification_id: str) -> Verification | None:
        found = self.stored.get(verification_id)
        return found if found and found.connection_id == connection_id else None

    def put(self, verification: Verification) -> Verification:
        self._refuse_stale(verification)
        changed = replace(verification, version=verification.version + 1)
        self.stored[verification.id] = changed
        return changed

    def checks(self, verification: Verification) -> list[AudienceCheck]:
        return [check for (owner, _), check in sorted(self.found.items(), key=_place) if owner == verification.id]

    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> Verification:
        changed = self.put(verification)
        self.found[verification.id, number] = check
        return changed

    def put_read(self, verification: Verification, number: int, part: int, lead_ids: Iterable[int]) -> None:
        self._refuse_stale(verification)
        self.leads.setdefault((verification.id, number), {})[part] = list(lead_ids)

    def read(self, verification: Verification, number: int) -> set[int]:
        return {one for part in self.leads.get((verification.id, number), {}).values() for one in part}

    def put_stands(self, verification: Verification, number: int, part: int, stands: Sequence[Stand]) -> None:
        self._refuse_stale(verification)
        self.standings.setdefault((verification.id, number), {})[part] = list(stands)

    def stands(self, verification: Verification, number: int, parts: int) -> Iterator[Stand]:
        found = self.standings.get((verification.id, number), {})
        return (one for part in range(parts) for one in found[part])

    def forget_read(self, verification: Verification, number: int) -> None:
        self.leads.pop((verification.id, number), None)

    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        before = self.left.get(verification.connection_id, {})
        unknown = {one.audience for one in checks if one.code is not None}
        kept = {one: count for one, count in before.items() if one in unknown or not verification.is_whole}
        known = kept | {one.audience: one.out_of_sync for one in checks if one.code is None}
        self.left[verification.connection_id] = {one: count for one, count in known.items() if count}

    def out_of_sync(
        self, connection_id: str, audiences: Callable[[], Collection[AudienceKey]]
    ) -> dict[AudienceKey, int] | None:
        if connection_id not in self.left:
            return None
        now = audiences()
        return {one: count for one, count in self.left[connection_id].items() if one in now}

    def _refuse_stale(self, verification: Verification) -> None:
        found = self.stored.get(verification.id)
        if found is None or found.version != verification.version:
            raise StaleVersionError(f"verification {verification.id} is no longer at version {verification.version}")


@dataclass
class MemorySummaries:
    """Over the runs, as it is they that come late."""

    runs: MemoryRuns
    stored: dict[tuple[str, str], SummedUp] = field(default_factory=dict)

    def last_hour(self, connection_id: str) -> str | None:
        return max((hour for owner, hour in self.stored if owner == connection_id), default=None)

    def get(self, connection_id: str, hour: str) -> SummedUp | None:
        return self.stored.get((connection_id, hour))

    def put(self, run: Run) -> None:
        self.stored[run.connection_id, run.id] = SummedUp(run.version, run.tally.counts.copy())

    def late(self) -> Iterator[tuple[str, str]]:
        runs = {(connection_id, hour) for connection_id, hour, _ in self.runs.late}
        yield from sorted(runs, key=lambda one: one[1])

    def settle(self, run: Run) -> None:
        self.runs.settle(run)


@dataclass
class MemoryAlerts:
    """`changes`: the history of all connections' alerts, oldest first."""

    stored: dict[tuple[str, Alert], Stored] = field(default_factory=dict)
    changes: list[tuple[str, AlertState]] = field(default_factory=list)

    def states(self, connection_id: str) -> dict[Alert, Stored]:
        return {alert: one for (owner, alert), one in self.stored.items() if owner == connection_id}

    def change(self, connection_id: str, state: AlertState, published: int) -> None:
        before = self.stored.get((connection_id, state.alert))
        if before and before.state.number >= state.number:
            raise StaleVersionError(f"alert {state.alert} of {connection_id} was changed meanwhile")
        self.stored[connection_id, state.alert] = Stored(state, published)
        self.changes.append((connection_id, state))

    def publish(self, connection_id: str, state: AlertState) -> None:
        before = self.stored[connection_id, state.alert]
        self.stored[connection_id, state.alert] = replace(before, published=state.number)


def _place(found: tuple[tuple[str, int], AudienceCheck]) -> tuple[str, int]:
    return found[0]
