"""The conversation with Marketo in a delivery: questions and changes, a few calls at a time, until something halts it.

What Marketo answers for a record is returned as the domain sees it; a record that has to be tried later has none.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.matching import Lead
from destination.domain.plan import Plan, Write, partition_for
from destination.domain.schema import Field, FieldValue, Schema
from destination.domain.settle import Answer, puts_on, takes_off
from destination.marketo.describe import Describe
from destination.marketo.errors import (
    BY_SCHEMA,
    INVALID_DATA,
    LIST_MISSING,
    NOT_SEARCHABLE,
    OF_PARTITION,
    ConnectionBlockedError,
    FailureClass,
    InstanceWaitsError,
    ListMissingError,
    MarketoError,
    RequestRejectedError,
    classify,
    error_for,
)
from destination.marketo.leads import Record, RecordResult, SyncAction, chunks, record_chunks
from destination.marketo.pace import OutOfTimeError

_OF_CALL: Final = "refused"
"""The status of records whose whole call was refused."""

HaltError = InstanceWaitsError | ConnectionBlockedError | OutOfTimeError
"""What nothing goes on after: the instance waits, the connection is blocked, or the time is up."""

_HALTS: Final = (InstanceWaitsError, ConnectionBlockedError, OutOfTimeError)

T = TypeVar("T")
R = TypeVar("R")


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


def schema_for(connection: Connection, describe: Describe) -> Schema:
    """The instance's fields. Raises MarketoError, so ConnectionBlockedError when an identity's field finds no leads."""
    schema = describe.schema()
    for name in connection.lookup_fields:
        if schema.searchable and name not in schema.searchable:
            raise ConnectionBlockedError(NOT_SEARCHABLE, f"look up leads by {name}")
    return schema


@dataclass(slots=True)
class Conversation:
    """What one delivery asks and tells. `halt`: what ended it early; nothing is asked or told after it.

    `given_up`: codes that no table knows and that were waited out often enough; they count against the records.
    """

    target: ActiveConnection
    marketo: Instance
    given_up: frozenset[str] = frozenset()
    halt: HaltError | None = field(default=None, init=False)
    _refused_by_schema: bool = field(default=False, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def find(self, by: Field, keys: Sequence[str], also: Sequence[Field] = ()) -> Found:
        """The leads of each key, `also` with their keys by other fields.

        What is in neither part of the answer could not be asked for yet.
        """
        found = Found()
        for answered in self._each(chunks(keys), lambda chunk: self._find_chunk(by, chunk, also)):
            for key, answer in answered:
                if isinstance(answer, str):
                    found.failed[key] = answer
                else:
                    found.leads[key] = answer
        return found

    def write(self, plans: Sequence[Plan], *, last: bool) -> dict[str, Answer]:
        """Create and update leads; the answers by the person's key.

        `last`: whether a field or a value that Marketo refuses a call for is to be traced to the records that have it.
        Before that it is answered for all of the call, as they are tried again by the instance's fields as they are.
        """
        updates = [plan for plan in plans if plan.write is Write.UPDATE]
        creations = [plan for plan in plans if plan.write is Write.CREATE]
        calls = [*_writes(SyncAction.UPDATE_ONLY, updates), *_writes(SyncAction.CREATE_ONLY, creations)]
        results = self._each(calls, lambda call: [*zip(call[1], self._sync(*call, last=last), strict=True)])
        answered = [one for of_call in results for one in of_call]
        self._refused_by_schema = self._refused_by_schema or any(one.code in BY_SCHEMA for _, one in answered)
        answers = (
            (plan.person.key, self._answer(result, creates=plan.write is Write.CREATE)) for plan, result in answered
        )
        return {key: answer for key, answer in answers if answer is not None}

    def change_lists(self, plans: Sequence[Plan], written: Mapping[str, Answer]) -> Listed:
        """Put leads on lists and take them off, once they are written."""
        calls = [(*change, chunk) for change, members in _changes(plans, written) for chunk in chunks(members)]
        listed = Listed()
        for joins, audience, results in self._each(calls, lambda call: (*call[:2], self._change_list(*call))):
            for key, result in results:
                if (answer := self._answer(result)) is None:
                    continue
                if joins:
                    listed.joins[key][audience] = answer
                else:
                    listed.leaves[key].setdefault(audience, []).append(answer)
        return listed

    def fields_by_now(self) -> Mapping[str, Field] | None:
        """The instance's fields, read anew, if Marketo refused a field or a value that is to be written; else None."""
        if not self._refused_by_schema or self.halt is not None:
            return None
        self.marketo.describe.refresh()
        try:
            return self.marketo.describe.schema().fields
        except _HALTS as error:
            self._stop(error)
            return None

    @property
    def _connection(self) -> Connection:
        return self.target.connection

    def _find_chunk(self, by: Field, keys: Sequence[str], also: Sequence[Field]) -> list[tuple[str, list[Lead] | str]]:
        """Each key with its leads, or with the code that it cannot be answered for, as of more than 1,000 leads."""

        def ask(part: Sequence[str]) -> list[tuple[str, list[Lead] | str]]:
            try:
                leads = self.marketo.leads.find(by, part, also)
            except RequestRejectedError as error:
                # 1003 has several meanings, among them "too many leads match": fewer keys have fewer leads.
                if error.code == INVALID_DATA:
                    raise
                raise ConnectionBlockedError(error.code, error.operation) from error
            return [(key, leads[key]) for key in part]

        return self._ask(keys, ask, lambda key, code: (key, code))

    def _sync(self, action: SyncAction, plans: Sequence[Plan], *, last: bool) -> list[RecordResult]:
        lookup_field = "id" if action is SyncAction.UPDATE_ONLY else self._connection.dedupe_field
        partition = partition_for(self._connection)

        def tell(part: Sequence[Plan]) -> list[RecordResult]:
            try:
                return self.marketo.leads.sync(action, lookup_field, [_record(plan) for plan in part], partition)
            except (RequestRejectedError, ConnectionBlockedError) as error:
                if error.code in OF_PARTITION:
                    raise _of_partition(error, action) from error
                if last or len(part) == 1 or error.code not in BY_SCHEMA:
                    raise
                return [RecordResult(None, _OF_CALL, error.code)] * len(part)

        return self._ask(plans, tell, lambda _, code: RecordResult(None, "skipped", code))

    def _change_list(
        self, joins: bool, audience: AudienceKey, members: Sequence[tuple[str, int]]
    ) -> list[tuple[str, RecordResult]]:
        list_id = self.target.activations[audience].list_id
        if list_id is None:
            raise ListMissingError(LIST_MISSING, "change a list")
        change = self.marketo.lists.add if joins else self.marketo.lists.remove

        def tell(part: Sequence[tuple[str, int]]) -> list[tuple[str, RecordResult]]:
            try:
                results = change(list_id, [lead_id for _, lead_id in part])
            except ConnectionBlockedError as error:
                if error.code in OF_PARTITION:
                    raise _of_partition(error) from error
                raise
            return [(key, results[lead_id]) for key, lead_id in part]

        return self._ask(members, tell, lambda one, code: (one[0], RecordResult(one[1], "skipped", code)))

    def _ask(
        self,
        items: Sequence[T],
        call: Callable[[Sequence[T]], list[R]],
        refused: Callable[[T, str], R],
    ) -> list[R]:
        """Call for a set. One that is refused as a whole is halved until what it is refused for is alone.

        `refused` makes the answer of an item from a code. Raises what halts the conversation.
        """
        try:
            return call(items)
        except RequestRejectedError as error:
            if len(items) == 1:
                return [refused(item, error.code) for item in items]
        except InstanceWaitsError as error:
            if error.code not in self.given_up:
                raise
            return [refused(item, error.code) for item in items]
        half = len(items) // 2
        return [part for side in (items[:half], items[half:]) for part in self._ask(side, call, refused)]

    def _answer(self, result: RecordResult, *, creates: bool = False) -> Answer | None:
        """The domain's view of a record's result; None where the record is to be tried later."""
        if result.code is None:
            return Answer(result.id)
        if creates and result.code in OF_PARTITION:
            self._stop(ConnectionBlockedError(result.code, "create a lead"))  # Nobody else can be created there either.
            return None
        is_rejected = classify(result.code) is FailureClass.RECORD_REJECTED or result.code in OF_PARTITION
        if is_rejected or result.code in self.given_up:
            return Answer(result.id, result.code, is_of_call=result.status == _OF_CALL)
        error = error_for(result.code, "a record")
        if isinstance(error, _HALTS):
            self._stop(error)
        return None

    def _each(self, inputs: Iterable[T], call: Callable[[T], R]) -> list[R]:
        """Make calls, a few at a time, until one of them says that the instance or the connection cannot go on."""

        def one(given: T) -> tuple[R] | None:
            if self.halt is not None:
                return None
            try:
                return (call(given),)
            except _HALTS as error:
                self._stop(error)
                return None

        work = list(inputs)
        if len(work) <= 1:
            answers = [one(given) for given in work]
        else:
            with ThreadPoolExecutor(self._connection.limits.concurrency) as threads:
                answers = list(threads.map(one, work))
        return [answer[0] for answer in answers if answer is not None]

    def _stop(self, error: HaltError) -> None:
        """Halt, at once and for all threads; what halted it first counts.

        A creation that Marketo may still be carrying out weighs more: nothing may be created before it has ended.
        """
        with self._lock:
            if self.halt is None or (_may_be_executed(error) and not _may_be_executed(self.halt)):
                self.halt = error


def _may_be_executed(error: HaltError) -> bool:
    return isinstance(error, InstanceWaitsError) and error.executed_unknown


def _of_partition(error: MarketoError, action: SyncAction | None = None) -> MarketoError:
    """A refusal of a whole call for a partition, as the connection's where leads are created, else as its records'."""
    refusal = ConnectionBlockedError if action is SyncAction.CREATE_ONLY else RequestRejectedError
    return refusal(error.code, error.operation)


def lead_of(plan: Plan, written: Answer | None) -> int | None:
    """The lead that is put on lists: none until it is created, if it is to be created."""
    if plan.write is not Write.CREATE:
        return plan.lead_id
    return written.lead_id if written is not None and written.code is None else None


def _writes(action: SyncAction, plans: Sequence[Plan]) -> Iterator[tuple[SyncAction, Sequence[Plan]]]:
    start = 0
    for chunk in record_chunks([plan.fields for plan in plans]):
        yield action, plans[start : start + len(chunk)]
        start += len(chunk)


def _record(plan: Plan) -> dict[str, FieldValue]:
    if plan.write is Write.UPDATE:
        return {"id": plan.lead_id, **plan.fields}
    return dict(plan.fields)


def _changes(
    plans: Sequence[Plan], written: Mapping[str, Answer]
) -> list[tuple[tuple[bool, AudienceKey], list[tuple[str, int]]]]:
    """By (whether leads join, audience) the persons' keys and leads, leaves first.

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
    return sorted(changes.items())
