"""The ledger in memory, with the limits of DynamoDB."""

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import ceil

from botocore.exceptions import ClientError

from destination.domain.audience import AudienceKey
from destination.domain.failure import Failure
from destination.domain.person import LedgerRow, Origin
from destination.domain.run import Run, Tally, total_of
from destination.domain.shard import name_of, shard_of
from destination.store.cursors import cursor_of, position_of
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import TRANSACTION_ITEMS, Entry, Page, StaleRunError
from testing.memory.leases import MemoryLeases
from testing.memory.runs import MemoryRuns

MAX_TRANSACTION_BYTES = 4_000_000
MAX_ITEM_BYTES = 400 * 1024
"""What DynamoDB takes (Service quotas, "Transactions", "Items")."""

MAX_PARTITION_UNITS = 1_000
"""Of writes a second, of which a transaction takes two for each KB of an item (testing/dynamodb_limits.py)."""


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

    def forget(self, connection_id: str, name: str, lease: Lease) -> None:
        if self.leases.entered.get((lease.munchkin_id, shard_of(name))) != lease.fence:
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
        self.people.pop((connection_id, name), None)

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
