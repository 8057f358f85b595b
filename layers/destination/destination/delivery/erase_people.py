"""The erasure of a person, carried on by whoever holds the lease of the Marketo instance (domain/erasure.py).

Nothing is delivered meanwhile, and no turn that takes the lease later delivers what was received before the mark. So
what is forgotten here does not come back: what was on its way to the bucket or the ledger when the mark was written was
written before the lease was free.

Each step can be repeated, and how far it came is stored, so that a crash costs time alone. The lead itself stays in
Marketo: it may be known there for other reasons, which are not this system's to judge.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, Protocol

from destination.delivery.conversation import schema_for
from destination.delivery.erased_person import ErasedPerson
from destination.domain.audience import AudienceKey
from destination.domain.audit import AuditAction, AuditChange, AuditRecord
from destination.domain.caller import sender_of
from destination.domain.connection import ActiveConnection
from destination.domain.erasure import Erasure, LeftList, Step, is_of_before, since
from destination.domain.lead_import import LOOK_AGAIN, LeadImport, shard_of_imports
from destination.domain.mapping import Mapper, ecid_of, key_by_ecid, keys_of
from destination.domain.matching import Lead, newest_match
from destination.domain.parking import RETRY_BLOCKED
from destination.domain.pause import waited_out
from destination.domain.person import LedgerRow, Origin, Unit
from destination.domain.schema import Field, InvalidValueError, dedupe_key
from destination.domain.settle import GONE_FROM_LIST
from destination.domain.shard import name_of, shard_of
from destination.domain.verification import is_wanted
from destination.marketo.errors import (
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
)
from destination.marketo.instance import Marketo
from destination.marketo.leads import CHUNK, chunks
from destination.queue import Envelope, ErasureCall
from destination.store.leases import Lease
from destination.store.ledger import Entry

SLICE: Final = timedelta(seconds=60)
"""How long deliveries to the instance wait at most for an erasure."""

AT_ONCE: Final = 8
"""Objects that are read side by side, in as many threads; then the time is asked for. Each may be as large as a batch
of the queue, of which every event has to be read where the person's value may be written in several ways.
"""

_LEAD_ID: Final = Field("id", "integer")

Places = Mapping[tuple[AudienceKey, int], Collection[int]]
"""By audience and list the leads that are to be taken off."""


class Marks(Protocol):
    """The marks of people who were erased."""

    def marks(self, connection_id: str, since: datetime, /) -> Mapping[str, datetime]: ...


class Erasures(Protocol):
    """Erasures, and how far they came."""

    def get(self, connection_id: str, erasure_id: str, /) -> Erasure | None: ...
    def put(self, erasure: Erasure, /) -> None: ...
    def mark(self, erasure: Erasure, /) -> None: ...
    def request(self, erasure: Erasure, call: str, record: AuditRecord, /) -> str: ...


class Ledger(Protocol):
    """What is desired and applied of everybody."""

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]: ...
    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None: ...
    def forget(self, connection_id: str, name: str, lease: Lease) -> None: ...


class Imports(Protocol):
    """The imports of connections."""

    def get(self, connection_id: str, import_id: str, /) -> LeadImport | None: ...
    def put(self, one: LeadImport, lease: Lease, /) -> LeadImport: ...
    def forget_rows(self, one: LeadImport, /) -> None: ...


class Traces(Protocol):
    """What the bucket keeps of a connection's people, by the step of an erasure that sees to it."""

    def names(self, step: Step, connection_id: str, after: str, /) -> Iterator[str]: ...
    def rewrite(
        self, step: Step, connection_id: str, name: str, change: Callable[[list[str]], list[str] | None], /
    ) -> None: ...


class Runs(Protocol):
    """The counters of a connection, which give people as examples."""

    def forget(self, connection_id: str, names: Collection[str], after: str | None, /) -> tuple[int, str | None]: ...


def erased_of(
    units: Sequence[Unit], marks_since: Callable[[datetime], Mapping[str, datetime]], name: Callable[[str], str]
) -> set[Origin]:
    """The units of people who were erased after these were received.

    `marks_since` gives the marks since a time. It is asked once, for those since the oldest unit: there is hardly ever
    one, and nobody's pseudonym is made where there is none. `name` gives it.
    """
    received = [unit.received_at for unit in units if unit.key is not None]
    marks = marks_since(min(received)) if received else {}
    if not marks:
        return set()
    return {unit.origin for unit in units if unit.key is not None and is_of_before(unit, name(unit.key), marks)}


@dataclass(frozen=True, slots=True)
class ErasePeople:
    """Carries erasures on. `enter` fences shards of the ledger for a lease. `is_claimed`: whether a list of an instance
    is that of an activated audience, of whichever connection. `pseudonym`: that of the person with a dedupe key.
    """

    erasures: Erasures
    ledger: Ledger
    traces: Traces
    runs: Runs
    imports: Imports
    enter: Callable[[Lease, Collection[int]], None]
    is_claimed: Callable[[str, int], bool]
    pseudonym: Callable[[str], str]
    clock: Callable[[], datetime]

    def __call__(
        self, target: ActiveConnection, marketo: Marketo, envelope: Envelope, lease: Lease, until: datetime
    ) -> timedelta | None:
        """Carry one on until a time; when to go on with it, None when it is done.

        What Marketo refuses is noted and tried again, for it may be of this person alone. Raises InstanceWaitsError,
        OutOfTimeError, LeaseLostError and AWS's errors.
        """
        try:
            begun = self._begun(target, marketo, envelope)
        except (ConnectionBlockedError, RequestRejectedError):
            return RETRY_BLOCKED
        erasure = None if begun is None else self.erasures.get(target.connection.id, begun.erasure_id)
        if begun is None or erasure is None or erasure.is_done:
            return None
        until = min(until, self.clock() + SLICE)
        one = _Erasing(self, target, marketo, begun.key, replace(erasure, code=None), lease, until)
        try:
            return one.go_on()
        except _ImportGoesOnError:
            return LOOK_AGAIN
        except InstanceWaitsError as error:
            if error.code not in waited_out(lease.pause):
                raise
            code = error.code
        except (ConnectionBlockedError, RequestRejectedError) as error:
            code = error.code
        self.erasures.put(replace(one.erasure, code=code))
        return RETRY_BLOCKED

    def _begun(self, target: ActiveConnection, marketo: Marketo, envelope: Envelope) -> "_Begun | None":
        """The erasure that a message asks for: one that has begun, or that begins now as a sender's call asks for it.

        None: the message names nobody whom this connection can know.
        """
        if envelope.erasure is not None:
            return _Begun(envelope.id, envelope.erasure)
        if envelope.erasure_call is None:
            return None
        by = Mapper.of(target, schema_for(target.connection, marketo.describe), self.clock()).dedupe_field
        try:
            key = dedupe_key(envelope.erasure_call.value, by)
        except InvalidValueError:
            return None
        return _Begun(self._request(target.connection.id, envelope.received_at, envelope.erasure_call, key), key)

    def _request(self, connection_id: str, at: datetime, asked: ErasureCall, key: str) -> str:
        """Write the mark and the audit record, once for a call; the id of the erasure."""
        made = Erasure(connection_id, self.pseudonym(key), at)
        person = AuditChange("person", made.name, None)
        actor = sender_of(connection_id)
        record = AuditRecord(made.id, self.clock(), actor, AuditAction.ERASE_PERSON, connection_id, None, (person,))
        return self.erasures.request(made, asked.call, record)


class _ImportGoesOnError(Exception):
    """An import tells Marketo of the person: nothing is forgotten before it has ended."""


class _Begun(NamedTuple):
    """An erasure that has its mark, and the dedupe key of its person."""

    erasure_id: str
    key: str


@dataclass(slots=True)
class _Erasing:
    """One erasure in one slice. `key`: the person's dedupe key that was asked for."""

    use_case: ErasePeople
    target: ActiveConnection
    marketo: Marketo
    key: str
    erasure: Erasure
    lease: Lease
    until: datetime
    _mapper: Mapper | None = field(default=None, init=False)
    _keys: tuple[str, ...] | None = field(default=None, init=False)

    def go_on(self) -> timedelta | None:
        while not self.erasure.is_done:
            if self.use_case.clock() >= self.until:
                return timedelta(0)
            match self.erasure.step:
                case Step.LISTS:
                    is_over = self._leave_lists()
                case Step.RUNS:
                    is_over = self._forget_examples()
                case step:
                    is_over = self._sweep(step)
            if self.erasure.code is not None:
                self._store(self.erasure)
                return RETRY_BLOCKED
            self._store(self.erasure.beyond(self.erasure.step, self.use_case.clock()) if is_over else self.erasure)
        return None

    def _store(self, erasure: Erasure) -> None:
        self.erasure = erasure
        self.use_case.erasures.put(erasure)

    @property
    def mapper(self) -> Mapper:
        """By which the person's events are known; of the connection as it is now."""
        if self._mapper is None:
            schema = schema_for(self.target.connection, self.marketo.describe)
            self._mapper = Mapper.of(self.target, schema, self.use_case.clock())
        return self._mapper

    @property
    def keys(self) -> tuple[str, ...]:
        """The person's dedupe keys: the one that was asked for, and those of ECIDs by which the same person is meant.

        An event without an address means whoever is the newest match of its ECID. If that is a lead with the address
        that was asked for, it is the same person, who would come back by it.
        """
        if self._keys is None:
            self._keys = (self.key, *self._keys_by_ecid())
        return self._keys

    def _keys_by_ecid(self) -> Iterator[str]:
        if ecid_of(self.key) is not None or not self.target.connection.lookup_fields[1:]:
            return
        by = self.mapper.ecid_field
        if by is None:
            return
        ecids = {lead.others[1] for lead in self._found(self.key)} - {None}
        for some in chunks(sorted(one for one in ecids if one is not None), CHUNK):
            for ecid, leads in self.marketo.leads.find(by, some, self._identities).items():
                if leads and newest_match(leads).others[0] == self.key:
                    yield key_by_ecid(ecid)

    @property
    def _identities(self) -> list[Field]:
        return [one for one in (self.mapper.dedupe_field, self.mapper.ecid_field) if one is not None]

    def _value_of(self, key: str) -> tuple[str, Field | None]:
        """What the person with a key is found by, and in which field; None: nobody is found by ECIDs any more."""
        ecid = ecid_of(key)
        return (key, self.mapper.dedupe_field) if ecid is None else (ecid, self.mapper.ecid_field)

    def _found(self, key: str) -> list[Lead]:
        value, by = self._value_of(key)
        return [] if by is None else self.marketo.leads.find(by, [value], self._identities)[value]

    def _leave_lists(self) -> bool:
        """Take the person off all lists, then out of the ledger; whether Marketo took everybody off.

        The marks of further keys come first, as that of the first one did: no turn that follows delivers what was
        received of them before.
        """
        connection_id, at = self.target.connection.id, self.erasure.at
        for key in self.keys[1:]:
            self.use_case.erasures.mark(
                Erasure(connection_id, self.use_case.pseudonym(key), at).beyond(Step.RUNS, self.use_case.clock())
            )
        shards = {shard_of(name_of(key)) for key in self.keys}
        self.use_case.enter(self.lease, {*shards, shard_of_imports(connection_id)})
        rows = self.use_case.ledger.rows(connection_id, self.keys, self.target.known)
        if any(self._is_imported(row) for row in rows.values()):
            raise _ImportGoesOnError
        left = {key: since(row, at) for key, row in rows.items()}
        lists: list[LeftList] = []
        for (audience, list_id), leads in self._places(rows.values(), left.values()).items():
            lists += self._leave(audience, list_id, sorted(leads))
        self.erasure = replace(self.erasure, lists=_joined(self.erasure.lists, lists))
        if self.erasure.code is not None:
            return False
        for key, row in left.items():
            self._forget(name_of(key), row)
        self.erasure = replace(self.erasure, rows=max(self.erasure.rows, len(rows)))
        return True

    def _is_imported(self, row: LedgerRow) -> bool:
        """Whether an import goes on that may put the person on a list once more.

        One that nobody carries on is ended here: an erasure is owed whatever holds the connection up.
        """
        imports, now = self.use_case.imports, self.use_case.clock()
        one = None if row.importing is None else imports.get(self.target.connection.id, row.importing.import_id)
        if one is None or not one.is_going_on:
            return False
        if one.is_left(now):
            imports.forget_rows(one)  # Without them it comes to nothing as well.
            imports.put(one.left(now), self.lease)
            return False
        return True

    def _forget(self, name: str, left: LedgerRow | None) -> None:
        """Take a row out of the ledger but for what is left of it."""
        ledger, connection_id = self.use_case.ledger, self.target.connection.id
        if left is None:
            ledger.forget(connection_id, name, self.lease)
        else:
            ledger.record(connection_id, Entry(shard_of(name), {name: left}), self.lease, self.use_case.clock())

    def _leave(self, audience: AudienceKey, list_id: int, leads: Sequence[int]) -> Iterator[LeftList]:
        """Take leads off a list; one that is gone has nobody on it."""
        removed = 0
        for some in chunks(leads, CHUNK):
            try:
                results = self.marketo.lists.remove(list_id, some)
            except ListMissingError:
                return
            refused = [one.code for one in results.values() if one.code not in {None, *GONE_FROM_LIST}]
            removed += sum(one.code is None for one in results.values())
            if refused:
                self.erasure = replace(self.erasure, code=refused[0])
        if removed:
            yield LeftList(audience, list_id, removed)

    def _places(self, rows: Collection[LedgerRow], left: Collection[LedgerRow | None]) -> Places:
        """All lists of audiences that are activated, and those that the ledger knows, each with the person's leads.

        An audience in which the person is again, by an event since the mark, keeps its members. So does a list the lead
        of another person, to whom the value of the lead has gone. A list that has become another audience's is that
        one's, of whichever connection (docs/decisions/0019-lists-that-are-let-go.md).
        """
        lists = {(one.audience, one.list_id) for one in self.target.activations.values() if one.list_id is not None}
        applied = [one for row in rows for one in row.applied.items()]
        lists |= {
            place
            for audience, told in applied
            if (place := (audience, told.list_id)) not in lists
            and not self.use_case.is_claimed(self.target.connection.munchkin_id, told.list_id)
        }
        known = {lead for _, told in applied for lead in told.leads}
        known |= {row.lead_id for row in rows if row.lead_id is not None}
        owners = self._leads(known)
        others = self.use_case.ledger.rows(
            self.target.connection.id, {one for keys in owners.values() for one in keys}, self.target.known
        )
        leads = {
            audience: [lead for lead, keys in owners.items() if not self._are_wanted(audience, map(others.get, keys))]
            for audience, _ in lists
            if not self._are_wanted(audience, left)
        }
        return {(audience, list_id): leads[audience] for audience, list_id in lists if leads.get(audience)}

    def _are_wanted(self, audience: AudienceKey, rows: Iterable[LedgerRow | None]) -> bool:
        """Whether one of these people is in the audience, and may be exported."""
        asks = self.target.connection.consent is not None
        return any(row is not None and is_wanted(row, audience, asks=asks) for row in rows)

    def _leads(self, known: set[int]) -> dict[int, set[str]]:
        """The person's leads, by Marketo and by the ledger, each with the keys of others whose it may be by now.

        A lead with the address that was asked for is nobody else's. One with the ECID alone may be: it is that of
        whoever has its address first.
        """
        found = self._found(self.key)
        others = sorted(known - {lead.id for lead in found})
        for some in chunks(others, CHUNK):
            asked = self.marketo.leads.find(_LEAD_ID, [str(one) for one in some], self._identities)
            found += (lead for matches in asked.values() for lead in matches)
        keys = {lead.id: keys_of(lead) for lead in found}
        is_address = ecid_of(self.key) is None
        return {lead: set() if is_address and self.key in own else own - set(self.keys) for lead, own in keys.items()}

    def _sweep(self, step: Step) -> bool:
        """Take the person out of objects of the bucket, as far as the time goes; whether all were looked at."""
        use_case = self.use_case
        names = use_case.traces.names(step, self.target.connection.id, self.erasure.cursor or "")
        values = {key: self._value_of(key) for key in self.keys}
        rewrite = partial(self._rewrite, step, ErasedPerson(values, self._names, self.mapper, self.erasure.at))
        while some := list(islice(names, AT_ONCE)):
            with ThreadPoolExecutor(AT_ONCE) as threads:
                found = sum(threads.map(rewrite, some))
            counts = {step.value: getattr(self.erasure, step.value) + found}
            self.erasure = replace(self.erasure, cursor=some[-1], **counts)
            if use_case.clock() >= self.until:
                return False
        return True

    def _rewrite(self, step: Step, person: ErasedPerson, name: str) -> int:
        """Take the person out of one object; in how many of its lines, or events, it was."""
        found = 0

        def change(lines: list[str]) -> list[str] | None:
            nonlocal found
            changed, found = person.taken_out_of(step, lines)
            return changed if found else None

        self.use_case.traces.rewrite(step, self.target.connection.id, name, change)
        return found

    @property
    def _names(self) -> frozenset[str]:
        """The pseudonyms of the person."""
        return frozenset({self.erasure.name, *map(self.use_case.pseudonym, self.keys[1:])})

    def _forget_examples(self) -> bool:
        """Give the person as an example in runs no longer, as far as the time goes; whether all were looked at."""
        while True:
            changed, cursor = self.use_case.runs.forget(self.target.connection.id, self._names, self.erasure.cursor)
            self.erasure = replace(self.erasure, runs=self.erasure.runs + changed, cursor=cursor)
            if cursor is None or self.use_case.clock() >= self.until:
                return cursor is None


def _joined(before: Sequence[LeftList], now: Sequence[LeftList]) -> tuple[LeftList, ...]:
    """What was left in several attempts: whom one took off a list, the next does not find there."""
    leads = {(one.audience, one.list_id): one.leads for one in before}
    for one in now:
        leads[one.audience, one.list_id] = leads.get((one.audience, one.list_id), 0) + one.leads
    return tuple(LeftList(audience, list_id, count) for (audience, list_id), count in sorted(leads.items()))
