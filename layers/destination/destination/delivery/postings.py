"""Postings: what is recorded together or not at all, and how many of one shard a transaction takes.

A transaction is bounded in items, and in bytes of each partition that it writes to: the shard, and that of the runs. So
is each of its items. How much a posting takes is reckoned from above, without encoding it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from destination.domain.failure import Failure, failures_of, left_to_count
from destination.domain.not_arrived import ended_of, may_have_ended
from destination.domain.outcome import Class
from destination.domain.person import LedgerRow, Origin, Person, Unit
from destination.domain.run import Tally, tally_ignored, tally_progress
from destination.domain.settle import Progress, Settled, parts
from destination.domain.shard import name_of, shard_of, shard_of_unit
from destination.domain.value_object import value_object
from destination.store import rows
from destination.store.ledger import (
    ENDED_BYTES,
    MARK_BYTES,
    PARTITION_BYTES,
    RECEIPT_BYTES,
    TRANSACTION_ITEMS,
    failure_bytes,
)

UNITS_AT_ONCE: Final = 24
"""Of one person: each may take four items, as it may come from an envelope and an hour of its own."""

MAX_ITEM_BYTES: Final = 400 * 1024
"""DynamoDB's bound of an item; a run is bounded so that it stays below (domain/run.py)."""

_NAME_BYTES: Final = 2_400
"""By how much a run grows at most with an audience or a field: its name, counts, a reason and its example."""


@value_object
class Posting:
    """What is recorded together or not at all, in a shard.

    `settled`: whom it is of, as far as is to be counted. `rows` are by name; `tallies`: by run what counts beside the
    person; `failures` and `receipts` as in an entry of the ledger. `again`: those of the `origins` that were counted as
    failed before, `ended`: those that did not arrive.
    """

    shard: int
    origins: tuple[Origin, ...] = ()
    again: tuple[Origin, ...] = ()
    settled: Settled | None = None
    rows: Mapping[str, LedgerRow] = field(default_factory=dict)
    tallies: tuple[tuple[str, Tally], ...] = ()
    failures: Mapping[Origin, Failure | None] = field(default_factory=dict)
    receipts: Mapping[str, datetime] = field(default_factory=dict)
    ended: tuple[Origin, ...] = ()

    @property
    def items(self) -> set[str]:
        """The items of a transaction that it takes, runs aside: names that tell rows, envelopes and others apart."""
        items = {*self.rows, *[one.envelope_id for one in self.origins]}
        if self.failures or self.receipts:
            items.update([f"letter#{one.envelope_id}#{one.number}" for one in self.failures])
            items.update([f"event#{event_id}" for event_id in self.receipts])
        return items

    @property
    def bytes(self) -> int:
        """How much it writes of its shard at most."""
        size = RECEIPT_BYTES * len(self.receipts)
        for row in self.rows.values():
            size += rows.bytes_of(row)
        for origin in self.origins:
            size += MARK_BYTES + len(origin.number)
        for failure in self.failures.values():
            size += failure_bytes(failure)
        for origin in self.ended:
            size += ENDED_BYTES + len(origin.number)
        return size

    @property
    def growth(self) -> dict[str, int]:
        """By run how much its item grows by it at most, in bytes."""
        growth: dict[str, int] = {}
        for unit in self.settled.person.units if self.settled else ():
            names = 1 + len(unit.memberships) + len(unit.unscheduled) + len(unit.dropped) + len(unit.warned)
            growth[unit.origin.run_id] = growth.get(unit.origin.run_id, 0) + _NAME_BYTES * names
        for run, tally in self.tallies:
            growth[run] = growth.get(run, 0) + _NAME_BYTES * (1 + len(tally.audiences))
        return growth


def of_progress(progress: Progress) -> Posting:
    name = name_of(progress.person.key)
    return Posting(shard_of(name), rows={name: progress.row}, tallies=tuple(tally_progress([progress]).items()))


def of_ignored(shard: int, origins: Sequence[Origin], before: Mapping[Origin, Failure]) -> Posting:
    """Of units of one envelope that do not concern the connection, at least one; `before`: what failed of them."""
    ignored = origins[0].run_id, tally_ignored(len(origins))
    return Posting(
        shard,
        tuple(origins),
        again := tuple(one for one in origins if one in before),
        tallies=(ignored, *_taken_back(again, before)),
        failures=dict.fromkeys(again),
    )


def of_ignored_unit(unit: Unit, before: Mapping[Origin, Failure]) -> Posting:
    """Of a unit of somebody; where something of it is remembered all the same, when it was received first is too."""
    posting = of_ignored(shard_of_unit(unit), [unit.origin], before)
    is_remembered = bool(unit.dormant) or unit.consents is not None
    return replace(posting, receipts=_receipts([unit])) if is_remembered and unit.event_id is not None else posting


def of_person(
    settled: Settled, before: Mapping[Origin, Failure], tally_of: Callable[[Settled], Tally]
) -> list[Posting]:
    """Of a person, in as few as transactions take, the one with the row first.

    `before`: what failed of its units when they were delivered before. `tally_of` counts a person of one unit.
    """
    person = left_to_count(_once(settled.person), before)
    one = settled if person is settled.person else replace(settled, person=person)
    at_once = UNITS_AT_ONCE
    postings = [_posting(part, before, tally_of) for part in parts(one, at_once)]
    while at_once > 1 and len(person.units) > 1 and not all(_fits(posting) for posting in postings):
        at_once //= 2
        postings = [_posting(part, before, tally_of) for part in parts(one, at_once)]
    return postings


def batches(postings: Sequence[Posting], bytes_of_run: Callable[[str], int]) -> Iterator[Sequence[Posting]]:
    """Postings of one shard, at least one, in runs that one transaction takes.

    `bytes_of_run`: how much a run's item takes by now; what was yielded may have been recorded when it is asked.
    """
    batch = _Batch()
    for posting in postings:
        if not batch.takes(posting, bytes_of_run):
            yield batch.postings
            batch = _Batch()
            batch.takes(posting, bytes_of_run)
    yield batch.postings


@dataclass(slots=True)
class _Batch:
    """What one transaction takes; `run_bytes`: what the items of its runs take at most, afterwards."""

    postings: list[Posting] = field(default_factory=list)
    items: set[str] = field(default_factory=set)
    bytes: int = 0
    run_bytes: dict[str, int] = field(default_factory=dict)

    def takes(self, posting: Posting, bytes_of_run: Callable[[str], int]) -> bool:
        """Take the posting in, if there is room for it or nothing else is in."""
        items = posting.items - self.items
        size = self.bytes + posting.bytes
        run_bytes = self.run_bytes.copy()
        for run, growth in posting.growth.items():
            before = run_bytes[run] if run in run_bytes else bytes_of_run(run)
            run_bytes[run] = min(before + growth, MAX_ITEM_BYTES)
        has_room = 1 + len(self.items) + len(items) + len(run_bytes) <= TRANSACTION_ITEMS
        if self.postings and not (has_room and max(size, sum(run_bytes.values())) <= PARTITION_BYTES):
            return False
        self.postings.append(posting)
        self.items |= items
        self.bytes, self.run_bytes = size, run_bytes
        return True


def _once(person: Person) -> Person:
    """The person without units that came twice, in two messages of one envelope."""
    if len(person.units) == 1:
        return person
    units = {unit.origin: unit for unit in person.units}
    return person if len(units) == len(person.units) else replace(person, units=tuple(units.values()))


def _fits(posting: Posting) -> bool:
    return max(posting.bytes, MAX_ITEM_BYTES * len(posting.growth)) <= PARTITION_BYTES


def _posting(settled: Settled, before: Mapping[Origin, Failure], tally_of: Callable[[Settled], Tally]) -> Posting:
    units = settled.person.units
    origins = tuple([unit.origin for unit in units])
    may_fail = bool(before) or settled.outcome.outcome is Class.FAILED
    return Posting(
        shard_of_unit(units[0]),
        origins,
        again := tuple([one for one in origins if one in before]) if before else (),
        settled,
        rows={} if settled.row is None else {name_of(settled.person.key): settled.row},
        tallies=_taken_back(again, before),
        failures=dict(failures_of(settled, before, tally_of)) if may_fail else {},
        receipts=_receipts(units),
        ended=tuple([unit.origin for unit, _ in ended_of(settled)]) if may_have_ended(settled) else (),
    )


def _receipts(units: Sequence[Unit]) -> dict[str, datetime]:
    receipts: dict[str, datetime] = {}
    for unit in units:
        if unit.event_id is not None:
            receipts[unit.event_id] = min(unit.received_at, receipts.get(unit.event_id, unit.received_at))
    return receipts


def _taken_back(origins: Sequence[Origin], before: Mapping[Origin, Failure]) -> tuple[tuple[str, Tally], ...]:
    return tuple([(one.run_id, before[one].taken_back()) for one in origins])
