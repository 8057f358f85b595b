"""The accounts of one connection's batch: what became of every event, recorded once, in the ledger and in the run.

Letters of failed events are stored before these are recorded as failed, so that none can be lost in between; so are
results, which tell who did not arrive. What Marketo has answered would have to be asked for again if it was not
recorded, so AWS's refusals are outlasted.

postings ─▶ by shard ─▶ shards side by side: batch ─▶ transaction ─▶ batch ─▶ …
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, repeat
from typing import Final, Protocol, TypeVar

from destination.delivery.letters import WriteLetters
from destination.delivery.open_message import OpenMessage, holder, receipts, uncounted, units_of
from destination.delivery.outcomes import WriteOutcomes
from destination.delivery.postings import Posting, batches, of_ignored, of_ignored_unit, of_person, of_progress
from destination.delivery.results import WriteResults
from destination.domain.audience import AudienceKey
from destination.domain.failure import Failure
from destination.domain.file import part_of
from destination.domain.letter import Letter
from destination.domain.mapping import Mapper
from destination.domain.not_arrived import NotArrived, ended_of, may_have_ended, not_arrived
from destination.domain.outcome import Class
from destination.domain.person import LedgerRow, Origin, Person, Unit
from destination.domain.run import Run, Tally, run_id, tally_created, tally_persons
from destination.domain.settle import Progress, Settled
from destination.domain.shard import SHARDS, name_of, shard_of, shard_of_envelope, shard_of_unit
from destination.store import runs
from destination.store.errors import AWS_ERRORS, aws_code
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import Entry, StaleRunError, ThrottledShardError, entries_of

_Answer = TypeVar("_Answer")

PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
"""Seconds between attempts to record what AWS refuses; the last one from then on."""

HOPELESS: Final = frozenset({"AccessDeniedException", "ValidationException"})
"""Refusals that no other attempt changes."""


class Ledger(Protocol):
    """What is desired, applied and counted."""

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]: ...
    def counted(
        self, connection_id: str, envelopes: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], frozenset[str]]: ...
    def failures(self, connection_id: str, origins: Collection[tuple[int, Origin]]) -> dict[Origin, Failure]: ...
    def receipts(self, connection_id: str, events: Collection[tuple[int, str]]) -> dict[tuple[int, str], datetime]: ...
    def run(self, connection_id: str, run_id: str, shard: int) -> Run: ...
    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None: ...


@dataclass(slots=True)
class Accounts:
    """Records outcomes under a lease that entered their shards; holds the runs as they were written last.

    `until`: how long AWS's refusals are outlasted. `name_of` gives pseudonyms, `enter` fences shards for the lease;
    `at_once` shards are written side by side. `tallies` are what was recorded so far, `letters` the number of letters
    that were stored.
    """

    open_messages: Sequence[OpenMessage]
    connection_id: str
    ledger: Ledger
    write_letters: WriteLetters
    write_results: WriteResults
    write_outcomes: WriteOutcomes
    lease: Lease
    until: datetime
    clock: Callable[[], datetime]
    name_of: Callable[[str], str]
    enter: Callable[[Lease, Collection[int]], None]
    sleep: Callable[[float], None]
    at_once: int = SHARDS
    tallies: list[Tally] = field(default_factory=list, init=False)
    letters: int = field(default=0, init=False)
    _results: dict[str, str] = field(default_factory=dict, init=False)
    _entered: set[int] = field(default_factory=set, init=False)
    _runs: dict[tuple[int, str], Run] = field(default_factory=dict, init=False)
    _messages: Mapping[tuple[str, str], Sequence[OpenMessage]] = field(default_factory=dict, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def enter_shards(self, shards: Iterable[int]) -> None:
        """Fence the shards that are not yet. Before that nothing may be read in them. Raises LeaseLostError."""
        new = set(shards) - self._entered
        if new:
            self.enter(self.lease, new)
            self._entered |= new

    def rows(self, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]) -> dict[str, LedgerRow]:
        """The rows of these persons, in shards that are fenced. Raises LeaseLostError."""
        self.enter_shards(shard_of(name_of(key)) for key in keys)
        return self.ledger.rows(self.connection_id, keys, audiences)

    def left_of(self, open_messages: Sequence[OpenMessage], mapper: Mapper) -> tuple[list[Unit], dict[Origin, Failure]]:
        """The units of messages that are not counted yet, and of those that are tried again what was counted as failed.

        An event that was received before keeps the times of its first receipt. Raises LeaseLostError.
        """
        units = units_of(open_messages, mapper, {})
        places = [(shard_of_unit(unit), unit) for unit in units]
        envelopes = {(shard, unit.origin.envelope_id) for shard, unit in places}
        envelopes |= {(shard_of_envelope(one.envelope.id), one.envelope.id) for one in open_messages if one.ignored}
        self.enter_shards(shard for shard, _ in envelopes)
        first = self._first_receipts(open_messages, places)
        if any(one.event_id is not None and first[one.event_id] < one.received_at for one in units):
            units = units_of(open_messages, mapper, first)
        counted = {
            (envelope_id, number)
            for (_, envelope_id), numbers in self.ledger.counted(self.connection_id, envelopes).items()
            for number in numbers
        }
        failures = self._failures(units, counted)
        tried = {(origin.envelope_id, origin.number) for origin in failures}
        return uncounted(open_messages, units, counted - tried), failures

    def _first_receipts(
        self, open_messages: Sequence[OpenMessage], places: Sequence[tuple[int, Unit]]
    ) -> Mapping[str, datetime]:
        """When the events of these units, each with its shard, were received first, by the ids that they have."""
        seen = {(shard, unit.event_id) for shard, unit in places if unit.event_id is not None}
        if not seen:
            return {}
        first = receipts(open_messages)
        for (_, event_id), at in self.ledger.receipts(self.connection_id, seen).items():
            first[event_id] = min(at, first[event_id])
        return first

    def _failures(self, units: Sequence[Unit], counted: Set[tuple[str, str]]) -> dict[Origin, Failure]:
        """Of units that were counted what failed of them, where they are letters that are tried again since."""
        again = [
            (shard_of_unit(unit), unit.origin)
            for unit in units
            if unit.origin.attempt and (unit.origin.envelope_id, unit.origin.number) in counted
        ]
        failed = self.ledger.failures(self.connection_id, again) if again else {}
        return {origin: one for origin, one in failed.items() if one.attempt < origin.attempt}

    def remember(self, rows: Mapping[str, LedgerRow]) -> None:
        """Write rows by dedupe key alone, without counting anything. Raises LeaseLostError and AWS's errors."""
        by_shard: defaultdict[int, list[Entry]] = defaultdict(list)
        for entry in entries_of({name_of(key): row for key, row in rows.items()}):
            by_shard[entry.shard].append(entry)
        self._side_by_side([partial(self._put_all, entries) for entries in by_shard.values()])

    def note(self, persons: Iterable[Person]) -> None:
        """Count those of whom a lead was created, before anything else is asked for. Raises as `record`."""
        shard = min(self._entered)
        self._post(shard, [Posting(shard, tallies=(one,)) for one in tally_created(persons).items()])

    def record(
        self,
        settled: Iterable[Settled],
        calls: int,
        mapper: Mapper,
        *,
        progress: Iterable[Progress] = (),
        ignored: Iterable[Unit] = (),
        failures: Mapping[Origin, Failure] | None = None,
    ) -> None:
        """Record outcomes, as many as a transaction takes at a time, and the Marketo calls that they took.

        `mapper`: by which the units were read. `progress`: what was answered of those who are not settled. `ignored`:
        units that do not concern the connection, beside the events that the open messages ignore. `failures`: what the
        ledger tells of units that are delivered again after they were counted as failed.

        What was recorded is no longer pending in its message. Where a shard cannot be written, the others are. Raises
        LeaseLostError, StaleRunError and AWS's errors.
        """
        before = failures or {}
        self._messages = self._by_unit()
        every = list(settled)
        stored, aside = self._with_outcomes(every, list(ignored))
        lettered = self._with_letters(self._with_results(stored, mapper))
        waiting = {one.person.key for one in every} - {one.person.key for one in lettered}
        postings = [
            *map(of_progress, progress),
            *(part for one in lettered for part in of_person(one, before, self._tally_of)),
            *(of_ignored_unit(unit, before) for unit in aside if unit.key not in waiting),
            *(
                of_ignored(shard_of_envelope(one.envelope.id), left, before)
                for one in self.open_messages
                if (left := [origin for origin in one.ignored if origin.number in (one.pending or ())])
            ),
        ]
        by_shard: defaultdict[int, list[Posting]] = defaultdict(list)
        for posting in (*postings, *self._calls(calls, postings)):
            by_shard[posting.shard].append(posting)
        self._side_by_side([partial(self._post, shard, own) for shard, own in by_shard.items()])

    def _by_unit(self) -> dict[tuple[str, str], list[OpenMessage]]:
        """The messages that a unit is pending in, by envelope and number: several where SQS gave one twice."""
        messages: defaultdict[tuple[str, str], list[OpenMessage]] = defaultdict(list)
        for open_message in self.open_messages:
            for number in open_message.pending or ():
                messages[open_message.envelope.id, number].append(open_message)
        return messages

    def _calls(self, calls: int, postings: Sequence[Posting]) -> list[Posting]:
        """The calls, in the newest run; where nothing is recorded, in the shard of its envelope."""
        if not (calls and self.open_messages):
            return []
        newest = max((one.envelope for one in self.open_messages), key=lambda one: one.received_at)
        shard = postings[0].shard if postings else shard_of_envelope(newest.id)
        if not postings:
            self.enter_shards([shard])
        return [Posting(shard, tallies=((run_id(newest.received_at), Tally(Counter(marketo_calls=calls))),))]

    def _with_outcomes(
        self, settled: Sequence[Settled], ignored: Sequence[Unit]
    ) -> tuple[Sequence[Settled], Sequence[Unit]]:
        """Store what became of the rows of files; whoever's could not be stored stays pending."""
        if not any(part_of(one.envelope.id) for one in self.open_messages):
            return settled, ignored
        origins = [unit.origin for unit in ignored]
        for one in self.open_messages:
            origins += [origin for origin in one.ignored if origin.number in (one.pending or ())]
        lost = self.write_outcomes(self.connection_id, settled, origins)
        if not lost:
            return settled, ignored
        for one in self.open_messages:
            one.ignored = [origin for origin in one.ignored if origin not in lost]
        kept = [one for one in settled if lost.isdisjoint(unit.origin for unit in one.person.units)]
        return kept, [unit for unit in ignored if unit.origin not in lost]

    def _with_results(self, settled: Sequence[Settled], mapper: Mapper) -> Sequence[Settled]:
        """Store the results of those who did not arrive, by run; whoever is in none stays pending."""
        ended: defaultdict[str, dict[tuple[str, str], tuple[Settled, NotArrived]]] = defaultdict(dict)
        for one in settled:
            for unit, why in ended_of(one) if may_have_ended(one) else ():
                held = self._messages.get(unit.origin[:2]) or [holder(self.open_messages, unit.origin)]
                told = not_arrived(mapper, held[0].event(unit.origin), unit, one, why, self.name_of)
                ended[unit.origin.run_id][unit.origin[:2]] = one, told
        lost: set[int] = set()
        for run, units in ended.items():
            results_id = self.write_results(self.connection_id, run, [told for _, told in units.values()])
            if results_id is None:
                lost.update(id(one) for one, _ in units.values())
            else:
                self._results[run] = results_id
        return [one for one in settled if id(one) not in lost] if lost else settled

    def _with_letters(self, settled: Sequence[Settled]) -> list[Settled]:
        """Store the letters of what failed; what has no letter stays pending."""
        failed: defaultdict[tuple[str, str], list[tuple[Unit, Settled]]] = defaultdict(list)
        for one in settled:
            for unit, why in ended_of(one) if may_have_ended(one) else ():
                if why.outcome is Class.FAILED:
                    number = unit.origin.number.split(".", maxsplit=1)[0]
                    failed[unit.origin.envelope_id, number].append((unit, one))
        events = list(failed.values())
        unstored = self.write_letters(self.connection_id, [self._letter(*own[0]) for own in events])
        self.letters += len(events) - len(unstored)
        lost = {id(one) for index in unstored for _, one in events[index]}
        return [one for one in settled if id(one) not in lost]

    def _letter(self, unit: Unit, settled: Settled) -> Letter:
        why = settled.reason_of(unit)
        return holder(self.open_messages, unit.origin).letter(unit.origin.number, why.code if why is not None else "")

    def _side_by_side(self, works: Sequence[Callable[[], None]]) -> None:
        """Do all of it, each as far as it gets. Raises what kept one from its end, a lost lease before all else."""
        if len(works) <= 1:
            for work in works:
                work()
            return
        with ThreadPoolExecutor(max_workers=self.at_once) as threads:
            done = [threads.submit(work) for work in works]  # The block ends when all of them have.
        errors = [error for one in done if (error := one.exception()) is not None]
        for error in sorted(errors, key=lambda one: not isinstance(one, LeaseLostError)):
            raise error

    def _post(self, shard: int, postings: Sequence[Posting]) -> None:
        """Record the postings of one shard, batch after batch, in their order."""
        for batch in batches(postings, lambda run: runs.bytes_of(self._run(shard, run))):
            self._write_in_parts(shard, batch)

    def _write_in_parts(self, shard: int, batch: Sequence[Posting]) -> None:
        """Write a batch, in halves where its rows were so large before that the shard has no room for all of them."""
        try:
            self._write(shard, batch)
        except ThrottledShardError:
            middle = len(batch) // 2
            for part in (batch[:middle], batch[middle:]):
                self._write_in_parts(shard, part)

    def _write(self, shard: int, batch: Sequence[Posting]) -> None:
        now = self.clock()
        tallies = self._tallies((posting.settled for posting in batch if posting.settled), now)
        for run, tally in (one for posting in batch for one in posting.tallies):
            tallies[run] = tallies[run].plus(tally)
        for tally in tallies.values():
            tally.happened(now)
        self._record(
            _entry(shard, batch, self._results), {one for posting in batch for one in posting.again}, tallies, now
        )
        with self._lock:
            self.tallies += tallies.values()
            for origin in (origin for posting in batch for origin in posting.origins):
                for open_message in self._messages.get((origin.envelope_id, origin.number), ()):
                    (open_message.pending or set()).discard(origin.number)

    def _record(self, entry: Entry, again: Set[Origin], tallies: Mapping[str, Tally], now: datetime) -> None:
        """Record an entry with what it adds to the runs; once, even where AWS's answer to it is lost.

        `again`: units of it that were counted before.
        """
        try:
            self._put(self._with_runs(entry, tallies), now)
        except StaleRunError:
            for run in tallies:
                self._runs.pop((entry.shard, run), None)
            if self._is_recorded(entry, again):
                return
            self._put(self._with_runs(entry, tallies), now)

    def _with_runs(self, entry: Entry, tallies: Mapping[str, Tally]) -> Entry:
        parts = [(self._run(entry.shard, run), tally) for run, tally in tallies.items()]
        return replace(entry, runs=[replace(part, tally=part.tally.plus(tally)) for part, tally in parts])

    def _is_recorded(self, entry: Entry, again: Set[Origin]) -> bool:
        """Whether the entry was written after all: nobody but who holds the lease writes marks and failures."""
        known = {(one.envelope_id, one.number) for one in again}
        new = {(one, number) for one, numbers in entry.counted.items() for number in numbers} - known
        if new:
            envelopes = [(entry.shard, one) for one in entry.counted]
            counted = self._persistently(lambda: self.ledger.counted(self.connection_id, envelopes))
            return all(number in counted.get((entry.shard, one), ()) for one, number in new)
        origins = [(entry.shard, one) for one in again]
        failures = self._persistently(lambda: self.ledger.failures(self.connection_id, origins))
        return bool(again) and all(failures.get(one) == entry.failures.get(one) for one in again)

    def _run(self, shard: int, run: str) -> Run:
        if (shard, run) not in self._runs:
            self._runs[shard, run] = self._persistently(lambda: self.ledger.run(self.connection_id, run, shard))
        return self._runs[shard, run]

    def _put_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self._put(entry, self.clock())

    def _put(self, entry: Entry, now: datetime) -> None:
        self._persistently(lambda: self.ledger.record(self.connection_id, entry, self.lease, now))
        for run in entry.runs:
            self._runs[entry.shard, run.id] = replace(run, version=run.version + 1)

    def _persistently(self, use: Callable[[], _Answer]) -> _Answer:
        """Use the ledger, again and again as long as AWS refuses and there is time."""
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            try:
                return use()
            except AWS_ERRORS as error:
                if aws_code(error) in HOPELESS or self.clock() + timedelta(seconds=pause) >= self.until:
                    raise
                self.sleep(pause)
        raise AssertionError("the pauses have no end")

    def _tally_of(self, settled: Settled) -> Tally:
        (tally,) = self._tallies([settled], self.clock()).values()
        return tally

    def _tallies(self, settled: Iterable[Settled], now: datetime) -> defaultdict[str, Tally]:
        waits = {one.envelope.id: _milliseconds(now - one.envelope.received_at) for one in self.open_messages}
        return tally_persons(settled, waits, self.name_of)


def _entry(shard: int, batch: Sequence[Posting], results: Mapping[str, str]) -> Entry:
    """What a transaction writes of postings, runs aside. `results`: by run the id of those that units ended in."""
    counted: defaultdict[str, set[str]] = defaultdict(set)
    ended: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    receipts: dict[str, datetime] = {}
    for posting in batch:
        for origin in posting.origins:
            counted[origin.envelope_id].add(origin.number)
        for origin in posting.ended:
            ended[origin.envelope_id][results[origin.run_id]].add(origin.number)
        for event_id, at in posting.receipts.items():
            receipts[event_id] = min(at, receipts.get(event_id, at))
    return Entry(
        shard,
        rows={name: row for posting in batch for name, row in posting.rows.items()},
        counted={one: frozenset(numbers) for one, numbers in counted.items()},
        failures={one: failure for posting in batch for one, failure in posting.failures.items()},
        receipts=receipts,
        ended={one: {name: frozenset(own) for name, own in of.items()} for one, of in ended.items()},
    )


def _milliseconds(waited: timedelta) -> int:
    """Never less than none, whatever the clocks of two machines say."""
    return max(round(waited / timedelta(milliseconds=1)), 0)
