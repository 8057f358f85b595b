"""The bulk lane: where many wait, Marketo is told of them by imports of up to 100,000 rather than by calls for 300.

    plans ─▶ whom an import can tell ─▶ rows stored ─▶ in doubt in the ledger ─▶ noted with the import
                                                                                  └─▶ held until it has ended
    held before ─▶ has it ended? ─▶ told by it: settled by it, without a call
                                └─▶ anybody else: told by calls

Nothing else is told of somebody who is in an import that goes on, so that it can overwrite nothing newer. Who is in one
is said by the import, as the last of the three steps: whatever breaks off before it, a row of the ledger that names a
part which the import does not have says nothing, and the person is looked at anew. Whom an import created is known by
the ids that were read back; who is not among them is looked up.

What is under way is carried on by messages of their own (delivery/carry_imports.py).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from destination.delivery.circuits import Held
from destination.domain.capabilities import Capabilities
from destination.domain.connection import ActiveConnection
from destination.domain.created_leads import name_in_import
from destination.domain.lead_import import (
    MAX_BYTES,
    MAX_ROWS,
    MIN_MORE,
    MIN_ROWS,
    MIN_WAITING,
    Group,
    ImportPart,
    LeadImport,
    audience_of,
    being_imported,
    group_of,
    is_told,
    lines,
    shard_of_imports,
)
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.person import Importing, LedgerRow, Person
from destination.domain.plan import Plan, Planner, Write
from destination.domain.settle import Answer, Answers
from destination.queue import import_message
from destination.queue.events import QueueCounts
from destination.store.leases import Lease

_CAUSE: Final = "an import that tells Marketo of them is under way"

Rows = Mapping[str, LedgerRow]
"""What the ledger knows, by the person's key."""


class Imports(Protocol):
    """The imports of connections."""

    def get(self, connection_id: str, import_id: str, /) -> LeadImport | None: ...
    def gathering(self, connection_id: str, group: Group, /) -> LeadImport | None: ...
    def create(self, one: LeadImport, lease: Lease, /) -> LeadImport: ...
    def put(self, one: LeadImport, lease: Lease, /) -> LeadImport: ...
    def put_part(self, one: LeadImport, part: str, rows: str, /) -> None: ...
    def exceptions(self, one: LeadImport, /) -> Collection[str] | None: ...
    def ids(self, one: LeadImport, names: Collection[str], /) -> Mapping[str, int] | None: ...


class Parking(Protocol):
    """What is parked."""

    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...


class Queue(Protocol):
    """Where events wait, and the messages lie that carry imports on."""

    def send(self, connection_id: str, bodies: Sequence[str], /) -> list[int]: ...
    def counts(self) -> QueueCounts: ...


class KnownOfInstances(Protocol):
    """What instances are known to do."""

    def get(self, munchkin_id: str, /) -> Capabilities: ...


class Told(NamedTuple):
    """Whom imports told Marketo of, with what they told; `rows`: of all others who were in one, as they are without."""

    answers: Mapping[str, tuple[Plan, Answers]]
    rows: Rows


@dataclass(frozen=True, slots=True)
class BulkLane:
    """Takes persons into imports, and out of them. `new_id` gives 32 hex digits."""

    imports: Imports
    parking: Parking
    queue: Queue
    capabilities: KnownOfInstances
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def of(
        self,
        target: ActiveConnection,
        lease: Lease,
        remember: Callable[[Rows], None],
        enter: Callable[[Iterable[int]], None],
        persons: int,
        messages: int,
    ) -> "Lane":
        """The lane of one delivery of so many persons, from so many messages, under the instance's lease.

        `remember` writes ledger rows, `enter` fences shards of the ledger for the lease, unless they are.
        """
        return Lane(self, target, lease, remember, enter, persons, messages)


@dataclass(slots=True)
class Lane:
    """The lane of one delivery. `held`: who is in an import that goes on, by key.

    Every method raises LeaseLostError and AWS's errors.
    """

    use_case: BulkLane
    target: ActiveConnection
    lease: Lease
    remember: Callable[[Rows], None]
    enter: Callable[[Iterable[int]], None]
    persons: int
    messages: int
    held: dict[str, Held] = field(default_factory=dict, init=False)
    _known: dict[str, LeadImport | None] = field(default_factory=dict, init=False)
    _exceptions: dict[str, Collection[str] | None] = field(default_factory=dict, init=False)
    _ids: dict[str, Mapping[str, int]] = field(default_factory=dict, init=False)
    _is_worth_it: bool | None = field(default=None, init=False)
    _to_be_called: set[str] = field(default_factory=set, init=False)

    def hold(self, rows: Rows) -> None:
        """Hold those who are in an import that goes on; one whose message was lost gets another."""
        for key, row in rows.items():
            one = None if row.importing is None else self._import(row.importing)
            if one is not None and one.is_going_on:
                self.held[key] = self._held(one)
        for one in [one for one in self._known.values() if one is not None and one.is_silent(self.use_case.clock())]:
            self._announce(one)

    def told(self, planner: Planner, persons: Iterable[Person], rows: Rows) -> Told:
        """Who was told of by an import that has ended, and nothing else is to be told of."""
        answers: dict[str, tuple[Plan, Answers]] = {}
        forgotten: dict[str, LedgerRow] = {}
        imported = [
            (person, row, row.importing)
            for person in persons
            if (row := rows.get(person.key)) is not None and row.importing is not None
        ]
        self._read_ids((person.key, one) for person, _, one in imported)
        for person, row, one in imported:
            plan = planner.decide(person, row, None)
            lead_id = self._lead_told(person.key, one)
            if lead_id is not None and is_told(plan, one, self.target):
                # What was read back of a lead that an import created tells as much as a look-up.
                told = replace(plan, looked_up=True) if one.lead_id is None else plan
                answers[person.key] = told, _answers(plan, lead_id)
            else:
                if self._import(one) is not None:
                    self._to_be_called.add(person.key)
                forgotten[person.key] = row.forgetting_import(audience_of(one, self.target))
        return Told(answers, forgotten)

    def take(self, plans: Sequence[Plan], rows: Rows) -> None:
        """Take into imports whom they can tell, where it is worth it; they are `held` then.

        Whom an import did not tell is told by calls, which say why. `rows`: theirs, less what was forgotten.
        """
        groups: defaultdict[Group, list[Plan]] = defaultdict(list)
        for plan in plans if len(plans) >= MIN_MORE else ():
            group = group_of(plan, rows.get(plan.person.key), self.target)
            if group is not None and plan.person.key not in self._to_be_called:
                groups[group].append(plan)
        many = {group: _one_of_each_lead(own) for group, own in groups.items() if len(own) >= MIN_MORE}
        if not many:
            return
        known = self.use_case.capabilities.get(self.lease.munchkin_id)
        for group, own in many.items():
            if group.is_allowed(known):
                self._take(group, own, rows)

    def _take(self, group: Group, plans: Sequence[Plan], rows: Rows) -> None:
        self._enter()
        one = self.use_case.imports.gathering(self._connection_id, group)
        if one is None and (len(plans) < MIN_ROWS or not self._is_worth):
            return
        while len(plans) >= MIN_MORE:
            fitting, text = ([], "") if one is None else _fitting(one, plans)
            if one is None or (one.rows and not fitting):
                one = self._begin(group)
                if one is None:
                    return
                continue
            if not fitting:
                return
            one = self._add(one, fitting, text, rows)
            plans = plans[len(fitting) :]

    def _begin(self, group: Group) -> LeadImport | None:
        """Another import; None where no message can be sent that carries it on. One without an import says nothing."""
        now = self.use_case.clock()
        one = LeadImport(self.use_case.new_id(), self._connection_id, group, now, now, now, now)
        if self.use_case.queue.send(self._connection_id, [import_message(one.connection_id, one.id, now)]):
            return None
        return self.use_case.imports.create(one, self.lease)

    def _add(self, one: LeadImport, plans: Sequence[Plan], text: str, rows: Rows) -> LeadImport:
        now, part = self.use_case.clock(), self.use_case.new_id()
        self.use_case.imports.put_part(one, part, text)
        self.remember(
            {
                plan.person.key: being_imported(
                    plan, rows.get(plan.person.key, LedgerRow()), self.target, one.group, one.id, part, now
                )
                for plan in plans
            }
        )
        added = (*one.parts, ImportPart(part, len(plans), len(text.encode())))
        one = self.use_case.imports.put(replace(one, parts=added, added_at=now, touched_at=now), self.lease)
        self.held |= {plan.person.key: self._held(one) for plan in plans}
        return one

    def _announce(self, one: LeadImport) -> None:
        """Queue the message anew that carries it on; the one before it says nothing from then on."""
        now = self.use_case.clock()
        if not self.use_case.queue.send(self._connection_id, [import_message(one.connection_id, one.id, now)]):
            self._known[one.id] = self.use_case.imports.put(replace(one, queued_at=now), self.lease)

    def _held(self, one: LeadImport) -> Held:
        return Held(one.held_until(self.use_case.clock()), _CAUSE, WaitsFor.IMPORT)

    def _import(self, importing: Importing) -> LeadImport | None:
        """The import that somebody is in, if it is so."""
        if importing.import_id not in self._known:
            self._enter()
            self._known[importing.import_id] = self.use_case.imports.get(self._connection_id, importing.import_id)
        one = self._known[importing.import_id]
        is_in = one is not None and any(part.name == importing.part for part in one.parts)
        return one if is_in else None

    def _lead_told(self, key: str, importing: Importing) -> int | None:
        """The lead by which an import told Marketo of a person, lately; None where it did not, or it is not known."""
        one = self._import(importing)
        if one is None or not one.counts(self.use_case.clock()):
            return None
        if importing.lead_id is None:
            return self._ids.get(one.id, {}).get(name_in_import(key))
        if one.id not in self._exceptions:
            self._exceptions[one.id] = self.use_case.imports.exceptions(one) if one.exceptions else ()
        exceptions = self._exceptions[one.id]
        return None if exceptions is None or str(importing.lead_id) in exceptions else importing.lead_id

    def _read_ids(self, imported: Iterable[tuple[str, Importing]]) -> None:
        """Read the leads that imports created, of these persons alone: an import has 100,000."""
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        for key, importing in imported:
            if importing.lead_id is None and (one := self._import(importing)) is not None and one.is_through:
                wanted[one.id].add(name_in_import(key))
        for import_id, names in wanted.items():
            if (one := self._known[import_id]) is not None:
                self._ids[import_id] = self.use_case.imports.ids(one, names) or {}

    def _enter(self) -> None:
        """Before anything is read of imports: from then on nobody changes them who held the lease before."""
        self.enter([shard_of_imports(self._connection_id)])

    @property
    def _is_worth(self) -> bool:
        """Whether enough waits of the connection; what waits for imports does not count.

        Of the queue SQS tells how many messages it has, of all connections: they are taken to be as these are.
        """
        if self._is_worth_it is None:
            parked = self.use_case.parking.of(self._connection_id)
            waiting = sum(one.events for one in parked if one.waits_for is not WaitsFor.IMPORT)
            if (waiting := max(waiting, self.persons)) < MIN_WAITING:
                waiting += self.use_case.queue.counts().to_receive * self.persons // max(self.messages, 1)
            self._is_worth_it = waiting >= MIN_WAITING
        return self._is_worth_it

    @property
    def _connection_id(self) -> str:
        return self.target.connection.id


def _answers(plan: Plan, lead_id: int) -> Answers:
    answer = Answer(lead_id)
    return Answers(None if plan.write is Write.NOTHING else answer, dict.fromkeys(plan.add, answer))


def _one_of_each_lead(plans: Iterable[Plan]) -> list[Plan]:
    """Of several persons with one lead, which are told one after the other, none is taken; nor of those whose values
    differ in case alone, who would become one.
    """
    by_lead: defaultdict[int | str, list[Plan]] = defaultdict(list)
    for plan in plans:
        by_lead[plan.person.key.casefold() if plan.lead_id is None else plan.lead_id].append(plan)
    return [own[0] for own in by_lead.values() if len(own) == 1]


def _fitting(one: LeadImport, plans: Sequence[Plan]) -> tuple[Sequence[Plan], str]:
    """As many of the persons as there is room for in one that gathers, with their lines."""
    fitting, room = plans[: max(MAX_ROWS - one.rows, 0)], MAX_BYTES - one.size
    text = lines(one.group, fitting)
    while fitting and (size := len(text.encode())) > room:
        fitting = fitting[: max(len(fitting) * room // size, 0)]
        text = lines(one.group, fitting)
    return fitting, text
