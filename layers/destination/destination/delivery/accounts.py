"""The accounts of one connection's batch: what became of every event, recorded once, in the ledger and in the run.

Failed events go to the dead letters before they are recorded as failed, so that none can be lost in between.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from destination.delivery.open_message import OpenMessage
from destination.domain.audience import AudienceKey
from destination.domain.outcome import Class
from destination.domain.person import LedgerRow, Origin
from destination.domain.run import Run, Tally, run_id, tally_ignored, tally_persons
from destination.domain.settle import Settled, parts
from destination.marketo.reasons import message_of
from destination.queue import DeadLetter
from destination.store.leases import Lease
from destination.store.ledger import TRANSACTION_ITEMS, Entry, StaleRunError

ROWS_AT_ONCE = TRANSACTION_ITEMS - 1
"""Beside the check of the lease."""

UNITS_AT_ONCE = 40
"""Of one person: each may come from a message of its own, and a transaction has room for the marks of so many."""


class Ledger(Protocol):
    """What was delivered and counted."""

    def rows(self, connection_id: str, dedupe_keys: Sequence[str]) -> dict[str, LedgerRow]: ...
    def counted(self, connection_id: str, message_ids: Sequence[str]) -> dict[str, frozenset[str]]: ...
    def members(self, connection_id: str, audience: AudienceKey) -> Iterable[int]: ...
    def run(self, connection_id: str, run_id: str) -> Run: ...
    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None: ...


class DeadLetters(Protocol):
    """Where goes what cannot be delivered."""

    def send(self, letters: Sequence[DeadLetter]) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class _Posting:
    """What is recorded together or not at all."""

    origins: tuple[Origin, ...]
    settled: Settled | None = None

    @property
    def rows(self) -> Mapping[str, LedgerRow]:
        return {self.settled.person.key: self.settled.row} if self.settled and self.settled.row else {}


@dataclass(slots=True)
class Accounts:
    """Records outcomes under a lease; holds the runs as they were written last. `name_of` gives pseudonyms.

    `tallies` are what was recorded so far, `letters` the number of dead letters that were sent.
    """

    open_messages: Mapping[str, OpenMessage]
    connection_id: str
    ledger: Ledger
    dead_letters: DeadLetters
    lease: Lease
    clock: Callable[[], datetime]
    name_of: Callable[[str], str]
    tallies: list[Tally] = field(default_factory=list, init=False)
    letters: int = field(default=0, init=False)
    _runs: dict[str, Run] = field(default_factory=dict, init=False)

    def remember(self, rows: Mapping[str, LedgerRow]) -> None:
        """Write rows alone, without counting anything. Raises LeaseLostError."""
        items = list(rows.items())
        for start in range(0, len(items), ROWS_AT_ONCE):
            entry = Entry(rows=dict(items[start : start + ROWS_AT_ONCE]))
            self.ledger.record(self.connection_id, entry, self.lease, self.clock())

    def record(self, settled: Iterable[Settled], calls: int) -> None:
        """Record outcomes, as many as a transaction takes at a time, and the Marketo calls that they took.

        What was recorded is no longer pending in its message. Raises LeaseLostError.
        """
        newest = max(
            (run_id(open_message.envelope.received_at) for open_message in self.open_messages.values()), default=None
        )
        extra = {newest: Tally()} if newest else {}
        for tally in extra.values():
            tally.counts["marketo_calls"] = calls
        ignored = [
            _Posting(tuple(open_message.ignored))
            for open_message in self.open_messages.values()
            if open_message.ignored
        ]
        people = [
            _Posting(tuple(unit.origin for unit in part.person.units), part)
            for one in self._with_letters(list(settled))
            for part in parts(one, UNITS_AT_ONCE)
        ]
        for batch in _batches([*people, *ignored]) or ([[]] if calls else []):
            self._write(batch, extra)
            extra = {}

    def _with_letters(self, settled: Sequence[Settled]) -> list[Settled]:
        """Send the dead letters of what failed; what has no letter stays pending."""
        failed: defaultdict[tuple[str, str], list[Settled]] = defaultdict(list)
        for one in settled:
            if one.outcome.outcome is Class.FAILED:
                for unit in one.person.units:
                    if unit.origin not in one.person.superseded:
                        failed[unit.origin.message_id, unit.origin.number.split(".", maxsplit=1)[0]].append(one)
        events = list(failed)
        unsent = self.dead_letters.send([self._letter(*event, failed[event][0]) for event in events])
        self.letters += len(events) - len(unsent)
        lost = {id(one) for index in unsent for one in failed[events[index]]}
        return [one for one in settled if id(one) not in lost]

    def _letter(self, message_id: str, number: str, settled: Settled) -> DeadLetter:
        code = settled.outcome.reason.code if settled.outcome.reason else ""
        return DeadLetter(self.open_messages[message_id].event(number), code, message_of(code))

    def _write(self, batch: Sequence[_Posting], extra: Mapping[str, Tally]) -> None:
        now = self.clock()
        waits = {
            one: _milliseconds(now - open_message.envelope.received_at)
            for one, open_message in self.open_messages.items()
        }
        tallies = tally_persons((posting.settled for posting in batch if posting.settled), waits, self.name_of)
        for posting in batch:
            if posting.settled is None:
                run = posting.origins[0].run_id
                tallies[run] = tallies[run].plus(tally_ignored(len(posting.origins)))
        for run, tally in extra.items():
            tallies[run] = tallies[run].plus(tally)
        for tally in tallies.values():
            tally.happened(now)
        counted: defaultdict[str, set[str]] = defaultdict(set)
        for origin in (origin for posting in batch for origin in posting.origins):
            counted[origin.message_id].add(origin.number)
        rows = {key: row for posting in batch for key, row in posting.rows.items()}
        self._record(rows, {one: frozenset(numbers) for one, numbers in counted.items()}, tallies)
        for message_id, numbers in counted.items():
            pending = self.open_messages[message_id].pending
            if pending is not None:
                pending -= numbers

    def _record(
        self, rows: Mapping[str, LedgerRow], counted: Mapping[str, frozenset[str]], tallies: Mapping[str, Tally]
    ) -> None:
        runs = [self._added(run, tally) for run, tally in tallies.items()]
        try:
            self.ledger.record(self.connection_id, Entry(rows, counted, runs), self.lease, self.clock())
        except StaleRunError:
            self._runs.clear()
            runs = [self._added(run, tally) for run, tally in tallies.items()]
            self.ledger.record(self.connection_id, Entry(rows, counted, runs), self.lease, self.clock())
        self._runs |= {run.id: replace(run, version=run.version + 1) for run in runs}
        self.tallies += tallies.values()

    def _added(self, run: str, tally: Tally) -> Run:
        if run not in self._runs:
            self._runs[run] = self.ledger.run(self.connection_id, run)
        return replace(self._runs[run], tally=self._runs[run].tally.plus(tally))


def _milliseconds(waited: timedelta) -> int:
    """Never less than none, whatever the clocks of two machines say."""
    return max(round(waited / timedelta(milliseconds=1)), 0)


def _batches(postings: Sequence[_Posting]) -> list[list[_Posting]]:
    """Postings in runs that one transaction takes: it writes each row, message and run once, and checks the lease."""
    batches: list[list[_Posting]] = []
    keys: set[str] = set()
    for posting in postings:
        new = {*posting.rows, *(f"message {one.message_id}" for one in posting.origins)}
        new |= {f"run {one.run_id}" for one in posting.origins}
        if not batches or len(keys) + len(new - keys) >= TRANSACTION_ITEMS - 2:
            batches.append([])
            keys = set()
        batches[-1].append(posting)
        keys |= new
    return batches
