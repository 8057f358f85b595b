"""The stores and queues in memory: small real implementations, with which the use cases run without AWS.

What each of them does is what the real one does over AWS: tests/contract/stores holds both to it.
"""

import copy
import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from botocore.exceptions import ClientError

from destination.domain.audience import AudienceKey
from destination.domain.connection import DELIVERING, ActiveConnection, Limits, Status, Waiting
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.domain.event import MembershipStatus
from destination.domain.pace import PaceState
from destination.domain.pause import Pause
from destination.domain.person import Delivered, LedgerRow
from destination.domain.run import Run, Tally, total_of
from destination.domain.verification import AudienceCheck, Verification
from destination.queue import MAX_VISIBILITY_SECONDS, DeadLetter, Message
from destination.store.errors import NotFoundError
from destination.store.leases import Lease
from destination.store.ledger import TRANSACTION_ITEMS, Entry, LeaseLostError, StaleRunError


@dataclass
class MemoryConnections:
    stored: dict[str, ActiveConnection] = field(default_factory=dict)

    def active(self, connection_id: str) -> ActiveConnection:
        if connection_id not in self.stored:
            raise NotFoundError(f"there is no connection {connection_id}")
        return self.stored[connection_id]

    def limits(self, munchkin_id: str) -> list[Limits]:
        connections = (target.connection for target in self.stored.values())
        return [one.limits for one in connections if one.munchkin_id == munchkin_id and one.status in DELIVERING]

    def rebind(self, connection_id: str, audience: AudienceKey, before: int, list_id: int, list_name: str) -> bool:
        target = self.stored.get(connection_id)
        activation = target.activations.get(audience) if target else None
        if target is None or activation is None or activation.list_id != before:
            return False
        if self._owner(target.connection.munchkin_id, list_id) not in {None, (connection_id, audience)}:
            return False
        bound = {audience: replace(activation, list_id=list_id, list_name=list_name)}
        self.stored[connection_id] = replace(target, activations={**target.activations, **bound})
        return True

    def deactivate(self, connection_id: str, audience: AudienceKey) -> None:
        """What an operator does."""
        target = self.stored[connection_id]
        left = {one: activation for one, activation in target.activations.items() if one != audience}
        self.stored[connection_id] = replace(target, activations=left, dormant=target.dormant | {audience})

    def begin_delivery(self, connection_id: str, version: int, at: datetime) -> bool:
        target = self.stored.get(connection_id)
        if target is None or target.connection.version != version:
            return False
        begun = replace(target.connection, delivered_at=target.connection.delivered_at or at)
        self.stored[connection_id] = replace(target, connection=begun)
        return True

    def block(self, connection_id: str, cause: str) -> None:
        status = self._status(connection_id)
        if status in DELIVERING:
            self._mark(connection_id, status if status is Status.DELETING else Status.BLOCKED, cause)

    def unblock(self, connection_id: str) -> None:
        status = self._status(connection_id)
        if status in {Status.BLOCKED, Status.DELETING}:
            self._mark(connection_id, status if status is Status.DELETING else Status.ENABLED, None)

    def wait(self, connection_id: str, waiting: Waiting | None) -> None:
        if target := self.stored.get(connection_id):
            self.stored[connection_id] = replace(target, connection=replace(target.connection, waiting=waiting))

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

    def _mark(self, connection_id: str, status: Status, cause: str | None) -> None:
        target = self.stored[connection_id]
        connection = replace(target.connection, status=status, blocked_cause=cause)
        self.stored[connection_id] = replace(target, connection=connection)


@dataclass
class MemoryLeases:
    held: dict[str, Lease] = field(default_factory=dict)
    paces: dict[str, PaceState] = field(default_factory=dict)
    pauses: dict[str, Pause | None] = field(default_factory=dict)
    fences: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None:
        if munchkin_id in self.held and self.held[munchkin_id].until >= now:
            return None
        self.fences[munchkin_id] += 1
        pace, pause = self.paces.get(munchkin_id, PaceState()), self.pauses.get(munchkin_id)
        lease = Lease(munchkin_id, self.fences[munchkin_id], until, pace, pause)
        self.held[munchkin_id] = lease
        return lease

    def release(self, lease: Lease, pace: PaceState, pause: Pause | None) -> None:
        if self.fences[lease.munchkin_id] == lease.fence:
            self.held.pop(lease.munchkin_id, None)
            self.paces[lease.munchkin_id] = pace
            self.pauses[lease.munchkin_id] = pause


@dataclass
class MemoryLedger:
    leases: MemoryLeases
    people: dict[tuple[str, str], LedgerRow] = field(default_factory=dict)
    marks: defaultdict[tuple[str, str], frozenset[str]] = field(default_factory=lambda: defaultdict(frozenset))
    runs: dict[tuple[str, str], Run] = field(default_factory=dict)

    def rows(self, connection_id: str, dedupe_keys: Sequence[str]) -> dict[str, LedgerRow]:
        return {key: self.people[connection_id, key] for key in dedupe_keys if (connection_id, key) in self.people}

    def counted(self, connection_id: str, message_ids: Sequence[str]) -> dict[str, frozenset[str]]:
        return {one: self.marks[connection_id, one] for one in message_ids if (connection_id, one) in self.marks}

    def members(self, connection_id: str, audience: AudienceKey) -> Iterator[int]:
        return (one.lead_id for one in self.placed(connection_id, audience) if one.lead_id is not None)

    def placed(self, connection_id: str, audience: AudienceKey) -> Iterator[Delivered]:
        for (owner, _), row in list(self.people.items()):
            delivered = row.memberships.get(audience)
            if owner == connection_id and delivered and delivered.status is MembershipStatus.REALIZED:
                yield delivered

    def run(self, connection_id: str, run_id: str) -> Run:
        return copy.deepcopy(self.runs.get((connection_id, run_id), Run(connection_id, run_id)))

    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None:
        if entry.items > TRANSACTION_ITEMS:
            raise ClientError({"Error": {"Code": "ValidationException"}}, "TransactWriteItems")
        if self.leases.fences[lease.munchkin_id] != lease.fence:
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
        stored = (self.runs.get((connection_id, run.id), run).version == run.version for run in entry.runs)
        if not all(stored):
            raise StaleRunError("a run was written since it was read")
        self.people |= {(connection_id, key): row for key, row in entry.rows.items()}
        for message_id, numbers in entry.counted.items():
            self.marks[connection_id, message_id] |= numbers
        for run in entry.runs:
            self.runs[connection_id, run.id] = copy.deepcopy(replace(run, version=run.version + 1))

    def total(self, connection_id: str) -> Tally:
        """All runs of a connection added up."""
        return total_of(run for (owner, _), run in self.runs.items() if owner == connection_id)


@dataclass
class MemoryQueue:
    """Keeps what is not done; a requeued message keeps its id, as it does in SQS."""

    waiting: dict[str, Message] = field(default_factory=dict)
    invisible_for: dict[str, int] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def send(self, connection_id: str, bodies: Sequence[str]) -> list[int]:
        for body in bodies:
            message_id = f"message-{next(self.numbers)}"
            self.waiting[message_id] = Message(message_id, f"receipt of {message_id}", body)
        return []

    def requeue(self, messages: Sequence[Message], seconds: int) -> None:
        invisible = min(max(seconds, 0), MAX_VISIBILITY_SECONDS)
        self.invisible_for |= {message.id: invisible for message in messages}

    def delete(self, message_ids: Sequence[str]) -> None:
        for message_id in message_ids:
            self.waiting.pop(message_id, None)


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

    def get(self, connection_id: str) -> ClientCredentials:
        if connection_id not in self.given:
            raise NotFoundError(f"connection {connection_id} has no credentials")
        return self.given[connection_id]


@dataclass
class MemoryVerifications:
    """`left`: by connection and audience, how many people the last verification left out of place, if any."""

    stored: dict[str, Verification] = field(default_factory=dict)
    found: dict[tuple[str, int], AudienceCheck] = field(default_factory=dict)
    leads: dict[tuple[str, int], dict[int, list[int]]] = field(default_factory=dict)
    left: dict[str, dict[AudienceKey, int]] = field(default_factory=dict)

    def create(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        self.stored[verification.id] = verification
        self.found |= {(verification.id, number): one for number, one in enumerate(checks)}

    def get(self, connection_id: str, verification_id: str) -> Verification | None:
        found = self.stored.get(verification_id)
        return found if found and found.connection_id == connection_id else None

    def put(self, verification: Verification) -> None:
        self.stored[verification.id] = verification

    def checks(self, verification: Verification) -> list[AudienceCheck]:
        return [check for (owner, _), check in sorted(self.found.items(), key=_place) if owner == verification.id]

    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> None:
        self.found[verification.id, number] = check

    def put_read(self, verification: Verification, number: int, part: int, lead_ids: Iterable[int]) -> None:
        self.leads.setdefault((verification.id, number), {})[part] = list(lead_ids)

    def read(self, verification: Verification, number: int) -> set[int]:
        return {one for part in self.leads.get((verification.id, number), {}).values() for one in part}

    def forget_read(self, verification: Verification, number: int) -> None:
        self.leads.pop((verification.id, number), None)

    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        before = self.left.get(verification.connection_id, {})
        unknown = {one.audience for one in checks if one.code is not None}
        kept = {one: count for one, count in before.items() if one in unknown or not verification.is_whole}
        known = kept | {one.audience: one.out_of_sync for one in checks if one.code is None}
        self.left[verification.connection_id] = {one: count for one, count in known.items() if count}

    def out_of_sync(self, connection_id: str, audiences: Callable[[], Collection[AudienceKey]]) -> int | None:
        if connection_id not in self.left:
            return None
        now = audiences()
        return sum(count for one, count in self.left[connection_id].items() if one in now)


def _place(found: tuple[tuple[str, int], AudienceCheck]) -> tuple[str, int]:
    return found[0]
