"""The conversation with Marketo in a delivery: questions and changes, in sets of persons.

What Marketo answers for a record is returned as the domain sees it; a record that has to be tried later has none.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from destination.delivery.calls import Caller, HaltError, Work
from destination.delivery.circuits import Held
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.matching import Lead
from destination.domain.parking import WaitsFor
from destination.domain.plan import Plan, Write, partition_for
from destination.domain.refusal import ADD, CREATE, REMOVE, UPDATE, KindOfCalls
from destination.domain.schema import Field, FieldValue, Schema
from destination.domain.settle import Answer, puts_on, takes_off
from destination.marketo.describe import Describe
from destination.marketo.errors import (
    BY_SCHEMA,
    LIST_MISSING,
    NOT_SEARCHABLE,
    OF_PARTITION,
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    MarketoError,
    RequestRejectedError,
    error_for,
)
from destination.marketo.leads import Record, RecordResult, SyncAction, chunks, record_chunks
from destination.marketo.pace import OutOfTimeError
from destination.marketo.update_rate import UpdateRate

_OF_CALL: Final = "refused"
"""The status of records whose whole call was refused."""

_GIVEN_UP: Final = "given up"
"""The status of records that are not tried any more, though others are taken."""

_RATE_REACHED: Final = "as many leads were created or updated in the last hour as limits.lead_updates_per_hour allows"

_SOMEBODY_ELSE: Final = {"integer": "1", "float": "1", "currency": "1", "percent": "1", "score": "1"}
"""A value to look up by that may be anybody's, by the type of the field; of other types an address is one."""

_Change = tuple[bool, AudienceKey, str]
"""Whether somebody joins, which audience, and who."""


class Leads(Protocol):
    """Leads, looked up and written."""

    def find(self, by: Field, keys: Sequence[str], also: Sequence[Field] = (), /) -> dict[str, list[Lead]]: ...
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


@dataclass(frozen=True, slots=True)
class Found:
    """`leads`: for every key that could be looked up its leads, none for an unknown person. `failed`: key to code."""

    leads: dict[str, list[Lead]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listed:
    """What was answered to the changes of lists, by the person's key and the audience."""

    joins: defaultdict[str, dict[AudienceKey, Answer]] = field(default_factory=lambda: defaultdict(dict))
    leaves: defaultdict[str, dict[AudienceKey, list[Answer]]] = field(default_factory=lambda: defaultdict(dict))


def unbounded() -> UpdateRate:
    """Of as many leads as there are."""
    return UpdateRate(None, (), time.time)


def schema_for(connection: Connection, describe: Describe) -> Schema:
    """The instance's fields. Raises MarketoError, so ConnectionBlockedError when an identity's field finds no leads."""
    schema = describe.schema()
    for name in connection.lookup_fields:
        if schema.searchable and name not in schema.searchable:
            raise ConnectionBlockedError(NOT_SEARCHABLE, f"look up leads by {name}")
    return schema


@dataclass(slots=True)
class Conversation:
    """What one delivery asks and tells. `calls`: how, and what became of what could not be answered.

    `rate`: how many leads may be created or updated.
    """

    target: ActiveConnection
    marketo: Instance
    calls: Caller
    rate: UpdateRate = field(default_factory=unbounded)
    _refused_by_schema: bool = field(default=False, init=False)
    _answered: set[str] = field(default_factory=set, init=False)

    def find(
        self,
        by: Field,
        keys: Sequence[str],
        also: Sequence[Field] = (),
        persons_of: Callable[[str], Collection[str]] = lambda key: (key,),
    ) -> Found:
        """The leads of each key, `also` with their keys by other fields. `persons_of`: whom a key is of.

        What is in neither part of the answer could not be asked for yet.
        """
        work: Work[str, tuple[str, list[Lead] | str]] = Work(
            KindOfCalls("look up by", by.name),
            keys,
            sets=chunks,
            call=lambda part: self._find(by, part, also),
            persons_of=persons_of,
            code_of=lambda _: None,
            give_up=lambda key, code: (key, code),
            name="look up leads",
        )
        found = Found()
        for key, answer in self.calls.make([work]):
            if isinstance(answer, str):
                found.failed[key] = answer
            else:
                found.leads[key] = answer
        return found

    def _ask_for_somebody_else(self, by: Field, also: Sequence[Field]) -> None:
        """Ask whether a look-up of somebody else is answered, unless one was: then it is a value that is refused.

        1003 has several meanings, among them that too many leads match, and only its text tells them apart. Where all
        is refused that is known before each person was asked for. Raises ConnectionBlockedError, and as a look-up.
        """
        if by.name in self._answered:
            return
        try:
            self.marketo.leads.find(by, [_SOMEBODY_ELSE.get(by.data_type, "nobody@example.invalid")], also)
        except RequestRejectedError as error:
            blocked = ConnectionBlockedError(error.code, error.operation)
            self.calls.stop(blocked)
            raise blocked from error
        self._answered.add(by.name)

    def within_rate(self, plans: Sequence[Plan]) -> list[Plan]:
        """The plans but those that write more leads than may be written now; whose those are is held, and told nothing.

        They wait until all of them may be written, or as many as may be in an hour.
        """
        free = self.rate.free()
        writing = [one for one in plans if one.write is not Write.NOTHING]
        if free is None or len(writing) <= free:
            return list(plans)
        late = {one.person.key for one in writing[free:]}
        until = self.calls.circuits.clock() + self.rate.wait(len(late), after=free)
        self.calls.hold(late, Held(until, _RATE_REACHED, WaitsFor.RATE))
        return [one for one in plans if one.person.key not in late]

    def write(self, plans: Sequence[Plan], *, last: bool) -> dict[str, Answer]:
        """Create and update leads; the answers by the person's key.

        `last`: whether a field or a value that Marketo refuses a call for is to be traced to the records that have it.
        Before that it is answered for all of the call, as they are tried again by the instance's fields as they are.
        """
        answered = self.calls.make(
            [
                self._writing(action, [plan for plan in plans if plan.write is write], last=last)
                for write, action in ((Write.UPDATE, SyncAction.UPDATE_ONLY), (Write.CREATE, SyncAction.CREATE_ONLY))
            ]
        )
        self._refused_by_schema = self._refused_by_schema or any(one.code in BY_SCHEMA for _, one in answered)
        answers = (
            (plan.person.key, self._answer(result, creates=plan.write is Write.CREATE)) for plan, result in answered
        )
        return {key: answer for key, answer in answers if answer is not None}

    def change_lists(self, plans: Sequence[Plan], written: Mapping[str, Answer]) -> Listed:
        """Put leads on lists and take them off, once they are written."""
        listed = Listed()
        works = [self._changing(*change) for change in _changes(plans, written)]
        for (joins, audience, key), result in self.calls.make(works):
            if (answer := self._answer(result)) is None:
                continue
            if joins:
                listed.joins[key][audience] = answer
            else:
                listed.leaves[key].setdefault(audience, []).append(answer)
        return listed

    def fields_by_now(self) -> Mapping[str, Field] | None:
        """The instance's fields, read anew, if Marketo refused a field or a value that is to be written; else None."""
        if not self._refused_by_schema or self.calls.halt is not None:
            return None
        self.marketo.describe.refresh()
        try:
            return self.marketo.describe.schema().fields
        except (InstanceWaitsError, ConnectionBlockedError, OutOfTimeError) as error:
            self.calls.stop(error)
            return None

    @property
    def halt(self) -> HaltError | None:
        """What ended the conversation early."""
        return self.calls.halt

    @property
    def _connection(self) -> Connection:
        return self.target.connection

    def _find(self, by: Field, keys: Sequence[str], also: Sequence[Field]) -> list[tuple[str, list[Lead] | str]]:
        """Each key with its leads."""
        try:
            leads = self.marketo.leads.find(by, keys, also)
        except RequestRejectedError:
            # It may be one value, or "too many leads match": fewer keys have fewer leads.
            self._ask_for_somebody_else(by, also)
            raise
        self._answered.add(by.name)
        return [(key, leads[key]) for key in keys]

    def _writing(
        self, action: SyncAction, plans: Sequence[Plan], *, last: bool
    ) -> Work[Plan, tuple[Plan, RecordResult]]:
        updates = action is SyncAction.UPDATE_ONLY
        return Work(
            UPDATE if updates else CREATE,
            plans,
            sets=_sets,
            call=lambda part: [*zip(part, self._sync(action, part, last=last), strict=True)],
            persons_of=lambda plan: (plan.person.key,),
            code_of=lambda one: one[1].code,
            give_up=lambda plan, code: (plan, RecordResult(None, _GIVEN_UP, code)),
            name="update leads" if updates else "create leads",
        )

    def _sync(self, action: SyncAction, plans: Sequence[Plan], *, last: bool) -> Sequence[RecordResult]:
        lookup_field = "id" if action is SyncAction.UPDATE_ONLY else self._connection.dedupe_field
        partition = partition_for(self._connection)
        try:
            with self.rate.taken(len(plans)) as is_taken:
                if not is_taken:  # After a call of which nobody knows whether it was carried out.
                    raise OutOfTimeError(_RATE_REACHED)
                return self.marketo.leads.sync(action, lookup_field, [_record(plan) for plan in plans], partition)
        except (RequestRejectedError, ConnectionBlockedError) as error:
            if error.code in OF_PARTITION:
                raise _of_partition(error, action) from error
            if last or len(plans) == 1 or error.code not in BY_SCHEMA:
                raise
            return [RecordResult(None, _OF_CALL, error.code)] * len(plans)

    def _changing(
        self, joins: bool, audience: AudienceKey, members: Sequence[tuple[str, int]]
    ) -> Work[tuple[str, int], tuple[_Change, RecordResult]]:
        activation = self.target.activations[audience]
        list_id = activation.list_id
        change = self.marketo.lists.add if joins else self.marketo.lists.remove

        def tell(part: Sequence[tuple[str, int]]) -> list[tuple[_Change, RecordResult]]:
            if list_id is None:
                raise ListMissingError(LIST_MISSING, "change a list")
            try:
                results = change(list_id, [lead_id for _, lead_id in part])
            except ConnectionBlockedError as error:
                if error.code in OF_PARTITION:
                    raise _of_partition(error) from error
                raise
            return [((joins, audience, key), results[lead_id]) for key, lead_id in part]

        of_list = f"list {activation.list_name!r} ({list_id}) of audience {audience.id} ({audience.namespace})"
        return Work(
            KindOfCalls(ADD if joins else REMOVE, str(list_id)),
            members,
            sets=chunks,
            call=tell,
            persons_of=lambda one: (one[0],),
            code_of=lambda one: one[1].code,
            give_up=lambda one, code: ((joins, audience, one[0]), RecordResult(one[1], _GIVEN_UP, code)),
            name=f"{'add to' if joins else 'remove from'} {of_list}",
        )

    def _answer(self, result: RecordResult, *, creates: bool = False) -> Answer | None:
        """The domain's view of a record's result; None where the connection is blocked by it."""
        if result.code is None:
            return Answer(result.id)
        if creates and result.code in OF_PARTITION:
            self.calls.stop(ConnectionBlockedError(result.code, "create a lead"))  # Nobody else can be created there.
            return None
        error = error_for(result.code, "a record")
        is_of_record = result.status == _GIVEN_UP or result.code in OF_PARTITION
        if isinstance(error, ConnectionBlockedError) and not is_of_record:
            self.calls.stop(error)
            return None
        return Answer(result.id, result.code, is_of_call=result.status == _OF_CALL, field=result.field)


def _of_partition(error: MarketoError, action: SyncAction | None = None) -> MarketoError:
    """A refusal of a whole call for a partition, as the connection's where leads are created, else as its records'."""
    refusal = ConnectionBlockedError if action is SyncAction.CREATE_ONLY else RequestRejectedError
    return refusal(error.code, error.operation)


def lead_of(plan: Plan, written: Answer | None) -> int | None:
    """The lead that is put on lists: none until it is created, if it is to be created."""
    if plan.write is not Write.CREATE:
        return plan.lead_id
    return written.lead_id if written is not None and written.code is None else None


def _sets(plans: Sequence[Plan]) -> Iterator[Sequence[Plan]]:
    start = 0
    for chunk in record_chunks([plan.fields for plan in plans]):
        yield plans[start : start + len(chunk)]
        start += len(chunk)


def _record(plan: Plan) -> dict[str, FieldValue]:
    if plan.write is Write.UPDATE:
        return {"id": plan.lead_id, **plan.fields}
    return dict(plan.fields)


def _changes(
    plans: Sequence[Plan], written: Mapping[str, Answer]
) -> list[tuple[bool, AudienceKey, list[tuple[str, int]]]]:
    """Whether leads join, the audience, and the persons' keys and leads; leaves first.

    Nothing is changed before it was answered for a lead that is to be written; one that could not be created joins
    nothing, and those that are not the person's any more leave all the same.
    """
    changes: defaultdict[tuple[bool, AudienceKey], list[tuple[str, int]]] = defaultdict(list)
    for plan in plans:
        answer = written.get(plan.person.key)
        if not takes_off(plan, answer):
            continue
        lead_id = lead_of(plan, answer)
        if lead_id is not None and puts_on(plan, answer):
            for audience in plan.add:
                changes[True, audience].append((plan.person.key, lead_id))
        for audience, leads in plan.remove.items():
            changes[False, audience] += [(plan.person.key, one) for one in leads]
    return [(*change, members) for change, members in sorted(changes.items())]
