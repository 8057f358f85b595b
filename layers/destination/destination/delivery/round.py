"""The delivery of one connection's persons to Marketo: look up, decide, write leads, change lists, settle.

Each step is done for all persons before the next, in as few and as full calls as Marketo takes, a few at a time.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol, TypeVar

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.consent import sift
from destination.domain.outcome import NO_CONSENT, TOO_MANY_MATCHES, Reason, rejected
from destination.domain.person import LedgerRow, Person, Unit, coalesce
from destination.domain.plan import Plan, Write, decide, in_doubt, needs_lookup, partition_for
from destination.domain.schema import Field, FieldValue, Schema, dedupe_key
from destination.domain.settle import Answer, Answers, Settled, refused, refused_unit, settle
from destination.marketo.describe import Describe
from destination.marketo.errors import (
    INVALID_DATA,
    LIST_MISSING,
    NOT_SEARCHABLE,
    ConnectionBlockedError,
    FailureClass,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
    classify,
    error_for,
)
from destination.marketo.leads import Found, Record, RecordResult, SyncAction, chunks, record_chunks
from destination.marketo.pace import OutOfTimeError

HaltError = InstanceWaitsError | ConnectionBlockedError | OutOfTimeError

LEAD_GONE = "1004"
FIELD_UNKNOWN = "1006"
SOMEBODY_ELSE_CREATED_IT = frozenset({"1005", "1007", "1010"})


class Leads(Protocol):
    """Leads, looked up and written."""

    def find(self, by: Field, keys: Sequence[str], /) -> Found: ...
    def sync(
        self, action: SyncAction, lookup_field: str, records: Sequence[Record], partition: str | None, /
    ) -> list[RecordResult]: ...


class Lists(Protocol):
    """Static lists, whose members change."""

    def add(self, list_id: int, lead_ids: Sequence[int], /) -> dict[int, RecordResult]: ...
    def remove(self, list_id: int, lead_ids: Sequence[int], /) -> dict[int, RecordResult]: ...


class Instance(Protocol):
    """What a delivery asks Marketo and tells it; what is told goes through `leads.sync` and `lists` alone."""

    @property
    def describe(self) -> Describe: ...
    @property
    def leads(self) -> Leads: ...
    @property
    def lists(self) -> Lists: ...


T = TypeVar("T")
R = TypeVar("R")


def schema_for(connection: Connection, describe: Describe) -> Schema:
    """The instance's fields. Raises MarketoError, so ConnectionBlockedError when an identity's field finds no leads."""
    schema = describe.schema()
    for name in connection.lookup_fields:
        if schema.searchable and name not in schema.searchable:
            raise ConnectionBlockedError(NOT_SEARCHABLE, f"look up leads by {name}")
    return schema


@dataclass(frozen=True, slots=True)
class Result:
    """The persons that are settled; those missing from it were held up by `halt` and are to be tried later.

    `ignored` are units that do not concern the connection, as the ledger does not know their persons.
    """

    settled: tuple[Settled, ...]
    halt: HaltError | None
    ignored: tuple[Unit, ...] = ()


@dataclass(slots=True)
class Delivery:
    """One batch of one connection, on its way.

    Leads are looked up by the `dedupe_field`; those who are not found by it, by the `ecid_field` (`legacy_v2`).

    `given_up`: codes that no table knows and that were waited out often enough; they count against the records.
    `remember`: writes rows to the ledger before Marketo is told anything else of these persons.
    """

    target: ActiveConnection
    marketo: Instance
    dedupe_field: Field
    clock: Callable[[], datetime]
    remember: Callable[[Mapping[str, LedgerRow]], None]
    given_up: frozenset[str] = frozenset()
    ecid_field: Field | None = None
    _halt: HaltError | None = field(default=None, init=False)
    _field_refused: bool = field(default=False, init=False)
    _missing: frozenset[str] = field(default=frozenset(), init=False)

    def __call__(self, persons: Mapping[str, Sequence[Unit]], rows: Mapping[str, LedgerRow]) -> Result:
        """Deliver what is wanted of each person, by dedupe key, given the ledger's rows."""
        settled: list[Settled] = []
        ignored: list[Unit] = []
        lists = self.target.lists
        known = {key: row.on_lists(lists) for key, row in rows.items()}
        if self._connection.consent is not None:
            sifted = sift(persons, known, self._connection.scope)
            persons, ignored = sifted.persons, sifted.ignored
            known |= sifted.rows
            settled += [refused_unit(unit, reason) for unit, reason in sifted.aside]
        wanted = [coalesce(key, units, known.get(key)) for key, units in persons.items()]
        again = self._round(wanted, known, settled, last=False)
        if again:
            self._missing = self._missing_fields()
            known |= {key: known.get(key, LedgerRow()).forgetting_lead() for key in again}
            wanted = [coalesce(key, persons[key], known[key]).without(self._missing) for key in again]
            self._round(wanted, known, settled, last=True)
        return Result(tuple(settled), self._halt, tuple(ignored))

    @property
    def halt(self) -> HaltError | None:
        """What holds the delivery up, if anything does."""
        return self._halt

    @property
    def _connection(self) -> Connection:
        return self.target.connection

    def _round(
        self, persons: Sequence[Person], rows: Mapping[str, LedgerRow], settled: list[Settled], *, last: bool
    ) -> list[str]:
        """Settle the persons that can be; return those (by key) to be tried once more with what is true by now."""
        now = self.clock()
        unknown = [one for one in persons if needs_lookup(self._connection, one, rows.get(one.key), now)]
        answer = self._find(unknown)
        found, failed = answer.leads, answer.failed
        settled += [refused(one, _lookup_refusal(failed[one.key])) for one in persons if one.key in failed]
        held_up = {one.key for one in unknown} - found.keys()
        persons = [one if found.get(one.key, [None]) else self._as_new(one, rows.get(one.key)) for one in persons]
        plans = [
            decide(self._connection, one, rows.get(one.key), found.get(one.key), now)
            for one in persons
            if one.key not in held_up
        ]
        doubtful = {
            plan.person.key: in_doubt(plan, rows[plan.person.key])
            for plan in plans
            if plan.tells and plan.person.key in rows
        }
        self.remember({key: row for key, row in doubtful.items() if row != rows[key]})
        written = self._write(plans, last=last)
        listed = self._change_lists(plans, written)
        again = []
        for plan in plans:
            key = plan.person.key
            if not _is_answered(plan, written.get(key), listed[key]):
                continue
            answers = Answers(written.get(key), {audience: tuple(given) for audience, given in listed[key].items()})
            if not last and _is_stale(plan, answers):
                again.append(key)
            else:
                settled.append(settle(self.target, plan, answers, rows.get(key), now))
        return again

    def _as_new(self, person: Person, row: LedgerRow | None) -> Person:
        """Somebody without a lead, who has none of the attributes that were delivered, however new they were."""
        if row is None or row.attributes_at is None:
            return person
        return coalesce(person.key, person.units, replace(row, attributes_at=None)).without(self._missing)

    def _find(self, persons: Sequence[Person]) -> Found:
        """The leads of each person. Who is in neither part of the answer could not be asked for yet."""
        if self.ecid_field is None:
            return self._find_by(self.dedupe_field, [one.key for one in persons])
        found = self._find_by(self.dedupe_field, [one.key for one in persons if one.dedupe_value is not None])
        by_ecid: defaultdict[str, list[str]] = defaultdict(list)
        for one in persons:
            if one.ecid is not None and (one.dedupe_value is None or found.leads.get(one.key) == []):
                by_ecid[dedupe_key(one.ecid, self.ecid_field)].append(one.key)
        second = self._find_by(self.ecid_field, list(by_ecid))
        for ecid, keys in by_ecid.items():
            for key in keys:
                found.leads.pop(key, None)
                if ecid in second.leads:
                    found.leads[key] = second.leads[ecid]
                elif ecid in second.failed:
                    found.failed[key] = second.failed[ecid]
        return found

    def _find_by(self, by: Field, keys: Sequence[str]) -> Found:
        found = Found()
        for answer in self._each(chunks(keys), lambda chunk: self._find_chunk(by, chunk)):
            found.leads.update(answer.leads)
            found.failed.update(answer.failed)
        return found

    def _find_chunk(self, by: Field, keys: Sequence[str]) -> Found:
        try:
            return self.marketo.leads.find(by, keys)
        except InstanceWaitsError as error:
            if error.code not in self.given_up:
                raise
            return Found(failed=dict.fromkeys(keys, error.code))

    def _write(self, plans: Sequence[Plan], *, last: bool) -> dict[str, Answer]:
        updates = [plan for plan in plans if plan.write is Write.UPDATE]
        creations = [plan for plan in plans if plan.write is Write.CREATE]
        calls = [*_writes(SyncAction.UPDATE_ONLY, updates), *_writes(SyncAction.CREATE_ONLY, creations)]
        answers: dict[str, Answer] = {}
        for answered in self._each(calls, lambda call: [*zip(call[1], self._sync(*call, last=last), strict=True)]):
            for plan, result in answered:
                if (answer := self._answer(result)) is not None:
                    answers[plan.person.key] = answer
        return answers

    def _sync(self, action: SyncAction, plans: Sequence[Plan], *, last: bool) -> list[RecordResult]:
        records = [_record(plan) for plan in plans]
        lookup_field = "id" if action is SyncAction.UPDATE_ONLY else self._connection.dedupe_field
        try:
            return self.marketo.leads.sync(action, lookup_field, records, partition_for(self._connection))
        except RequestRejectedError as error:
            if len(plans) == 1 or (error.code == FIELD_UNKNOWN and not last):
                return [RecordResult(None, "skipped", error.code)] * len(plans)
        except InstanceWaitsError as error:
            if error.code not in self.given_up:
                raise
            return [RecordResult(None, "skipped", error.code)] * len(plans)
        half = len(plans) // 2
        return self._sync(action, plans[:half], last=last) + self._sync(action, plans[half:], last=last)

    def _change_lists(
        self, plans: Sequence[Plan], written: Mapping[str, Answer]
    ) -> defaultdict[str, dict[AudienceKey, list[Answer]]]:
        changes: defaultdict[tuple[bool, AudienceKey], list[tuple[str, int]]] = defaultdict(list)
        for plan in plans:
            lead_id = _lead_of(plan, written.get(plan.person.key))
            if lead_id is None and plan.write is not Write.NOTHING:
                continue
            if lead_id is not None:
                for audience in plan.add:
                    changes[True, audience].append((plan.person.key, lead_id))
            for audience, leads in plan.remove.items():
                changes[False, audience] += [(plan.person.key, one) for one in leads]
        calls = [(*change, chunk) for change, members in sorted(changes.items()) for chunk in chunks(members)]
        listed: defaultdict[str, dict[AudienceKey, list[Answer]]] = defaultdict(dict)
        for audience, answers in self._each(calls, lambda call: (call[1], self._change_list(*call))):
            for key, result in answers:
                if (answer := self._answer(result)) is not None:
                    listed[key].setdefault(audience, []).append(answer)
        return listed

    def _change_list(
        self, joins: bool, audience: AudienceKey, members: Sequence[tuple[str, int]]
    ) -> list[tuple[str, RecordResult]]:
        list_id = self.target.activations[audience].list_id
        if list_id is None:
            raise ListMissingError(LIST_MISSING, "change a list")
        change = self.marketo.lists.add if joins else self.marketo.lists.remove
        try:
            results = change(list_id, [lead_id for _, lead_id in members])
            return [(key, results[lead_id]) for key, lead_id in members]
        except RequestRejectedError as error:
            if len(members) == 1:
                return [(members[0][0], RecordResult(members[0][1], "skipped", error.code))]
        except InstanceWaitsError as error:
            if error.code not in self.given_up:
                raise
            return [(key, RecordResult(lead_id, "skipped", error.code)) for key, lead_id in members]
        half = len(members) // 2
        return self._change_list(joins, audience, members[:half]) + self._change_list(joins, audience, members[half:])

    def _answer(self, result: RecordResult) -> Answer | None:
        """The domain's view of a record's result; None where the record is to be tried later."""
        if result.code is None:
            return Answer(result.id)
        self._field_refused = self._field_refused or result.code == FIELD_UNKNOWN
        if classify(result.code) is FailureClass.RECORD_REJECTED or result.code in self.given_up:
            return Answer(result.id, result.code)
        self._stop(error_for(result.code, "a record"))
        return None

    def _missing_fields(self) -> frozenset[str]:
        """The mapped fields that Marketo does not have any more, if it refused a field; they are asked for at once."""
        if not self._field_refused or self._halt is not None:
            return frozenset()
        self.marketo.describe.refresh()
        try:
            fields = self.marketo.describe.schema().fields
        except (InstanceWaitsError, ConnectionBlockedError, OutOfTimeError) as error:
            self._stop(error)
            return frozenset()
        return frozenset(row.target for row in self._connection.mapping if row.target not in fields)

    def _each(self, inputs: Iterable[T], call: Callable[[T], R]) -> list[R]:
        """Make calls, a few at a time, until one of them says that the instance or the connection cannot go on."""

        def one(given: T) -> tuple[R] | None:
            if self._halt is not None:
                return None
            try:
                return (call(given),)
            except (InstanceWaitsError, ConnectionBlockedError, OutOfTimeError) as error:
                self._stop(error)
            except RequestRejectedError as error:
                # Not for what a record says: those are tried alone. The connection asks for what Marketo does not have.
                self._stop(ConnectionBlockedError(error.code, error.operation))
            return None

        work = list(inputs)
        if len(work) <= 1:
            answers = [one(given) for given in work]
        else:
            with ThreadPoolExecutor(self._connection.limits.concurrency) as threads:
                answers = list(threads.map(one, work))
        return [answer[0] for answer in answers if answer is not None]

    def _stop(self, error: Exception) -> None:
        if self._halt is None and isinstance(error, HaltError):
            self._halt = error


def _lookup_refusal(code: str) -> Reason:
    return TOO_MANY_MATCHES if code == INVALID_DATA else rejected(code)


def _writes(action: SyncAction, plans: Sequence[Plan]) -> Iterator[tuple[SyncAction, Sequence[Plan]]]:
    start = 0
    for chunk in record_chunks(_record(plan) for plan in plans):
        yield action, plans[start : start + len(chunk)]
        start += len(chunk)


def _record(plan: Plan) -> dict[str, FieldValue]:
    if plan.write is Write.UPDATE:
        return {"id": plan.lead_id, **plan.fields}
    return dict(plan.fields)


def _lead_of(plan: Plan, written: Answer | None) -> int | None:
    """The lead whose lists change: none until it is written, if it is to be written."""
    if plan.write is Write.NOTHING:
        return plan.lead_id
    return written.lead_id if written is not None and written.code is None else None


def _is_answered(plan: Plan, written: Answer | None, listed: Mapping[AudienceKey, Sequence[Answer]]) -> bool:
    if plan.write is not Write.NOTHING:
        if written is None:
            return False
        if written.code is not None:
            return True
    joined = all(audience in listed for audience in plan.add)
    return joined and all(len(listed.get(audience, ())) == len(leads) for audience, leads in plan.remove.items())


def _is_stale(plan: Plan, answers: Answers) -> bool:
    """Whether the lead is gone, somebody else made one since it was looked up, or a field is no longer there."""
    if answers.write is not None and answers.write.code is not None:
        stale = {LEAD_GONE} if plan.write is Write.UPDATE else SOMEBODY_ELSE_CREATED_IT
        return answers.write.code in {*stale, FIELD_UNKNOWN}
    gone = {one.lead_id for given in answers.lists.values() for one in given if one.code == LEAD_GONE}
    return plan.lead_id in gone or (plan.verdict is NO_CONSENT and bool(gone))
