"""What is desired, applied and counted, written together by whoever holds the lease: in memory as in the tables."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from botocore.exceptions import ClientError

from destination.delivery.accounts import Ledger as DeliveryLedger
from destination.delivery.turn import Leases as DeliveryLeases
from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.failure import Failure
from destination.domain.outcome import ALREADY_DELIVERED, MISSING_DEDUPE_VALUE, rejected
from destination.domain.person import Applied, Attributes, ConsentWord, Desired, LedgerRow, Origin, Said
from destination.domain.run import Run, Tally
from destination.domain.shard import SHARDS, name_of, shard_of
from destination.domain.times import EPOCH
from destination.store.leases import Lease, LeaseLostError, Leases
from destination.store.ledger import Entry, Ledger, Page, StaleRunError, entries_of
from destination.store.runs import Runs
from testing.aws import Aws
from testing.memory import MemoryLeases, MemoryLedger

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
AFTER = UNTIL + timedelta(seconds=1)
SECOND = timedelta(seconds=1)
HOUR = "2026-11-21T10:00Z"
ADA, BOB = name_of("ada@example.org"), name_of("bob@example.org")
A, B, C, UNKNOWN = (
    AudienceKey("ups", "a#1"),
    AudienceKey("crm", "ü"),
    AudienceKey("ups", "c"),
    AudienceKey("crm", "a#1"),
)
AUDIENCES = dict.fromkeys([A, B, C], EPOCH)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
SAID = Said(NOW - timedelta(days=20_000, microseconds=1), NOW + timedelta(microseconds=999_999))
ROW = LedgerRow(
    desired={A: Desired(REALIZED, SAID), B: Desired(EXITED, Said(NOW, NOW))},
    applied={A: Applied(1001, (7,)), C: Applied(1003, ())},
    attributes=Attributes("0f" * 32, SAID, NOW, 7),
    consent=ConsentWord(is_given=True, said=SAID),
    lead_id=7,
    looked_up_at=NOW,
)
ROWS = {
    "as a whole": ROW,
    "empty": LedgerRow(),
    "with what is being told": LedgerRow(
        applied={A: Applied(2**32 - 1, (1, 2**32 - 1, 3), is_sure=False), B: Applied(1, (), is_sure=False)},
        attributes=Attributes(None, SAID, NOW),
    ),
    "desired and told twice": LedgerRow({A: Desired(REALIZED, SAID)}, {A: Applied(5, (8, 9)), B: Applied(6, (10,))}),
    "without consent": LedgerRow(consent=ConsentWord(is_given=False, said=SAID), looked_up_at=NOW),
}
NUMBERS = frozenset({"0", "0.1", "17"})
RESULTS = "00000000000a"
ORIGIN = Origin("e-1", "0.1", HOUR)
FAILURE = Failure(rejected("1006"), {A: rejected("1006"), B: None, C: ALREADY_DELIVERED}, ("company",))


class JobLedger(DeliveryLedger, Protocol):
    """With what jobs read of it."""

    def rows_by_name(
        self, connection_id: str, names: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]: ...
    def pages(
        self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None = None
    ) -> Page: ...
    def ended(
        self, connection_id: str, envelopes: Collection[tuple[int, str]]
    ) -> Mapping[tuple[int, str], Mapping[str, frozenset[str]]]: ...


class LedgerStand(Protocol):
    @property
    def leases(self) -> DeliveryLeases: ...
    @property
    def ledger(self) -> JobLedger: ...


@dataclass
class LedgerInMemory:
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    ledger: MemoryLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.leases, page_rows=30)


@dataclass
class LedgerInTables:
    stack: Aws
    leases: Leases = field(init=False)
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        self.leases = Leases(self.stack.dynamodb, "ConnectionsTable")
        runs = Runs(self.stack.dynamodb, "RunsTable")
        self.ledger = Ledger(self.stack.dynamodb, "LedgerTable", leases=self.leases, runs=runs)


@pytest.fixture(params=["memory", "tables"])
def stand(request: pytest.FixtureRequest) -> LedgerStand:
    return LedgerInMemory() if request.param == "memory" else LedgerInTables(request.getfixturevalue("stack"))


@pytest.fixture
def lease(stand: LedgerStand) -> Lease:
    return entered(stand, NOW, range(SHARDS))


def entered(stand: LedgerStand, now: datetime, shards: Collection[int]) -> Lease:
    held = stand.leases.acquire("123-ABC-456", now, now + timedelta(minutes=6))
    assert held is not None
    stand.leases.enter(held, shards)
    return held


def run(received: int, version: int = 0, shard: int = 3) -> Run:
    reasons = Counter({MISSING_DEDUPE_VALUE: received})
    return Run("c-1", HOUR, version, Tally(Counter(received=received), reasons), shard)


def entry(received: int, version: int = 0) -> Entry:
    """Of shard 3; it has all that can be recorded."""
    receipts = {"evt-1": NOW + timedelta(microseconds=1)}
    rows = {of_shard(3): ROW}
    ended = {"e-1": {RESULTS: NUMBERS - {"17"}}}
    return Entry(3, rows, {"e-1": NUMBERS}, {ORIGIN: FAILURE}, receipts, [run(received, version)], ended)


NAMES = [name_of(f"{attempt}@example.org") for attempt in range(1_500)]


def of_shard(shard: int, number: int = 0) -> str:
    """The name of a row that is in this shard."""
    return [name for name in NAMES if shard_of(name) == shard][number]


def record(stand: LedgerStand, lease: Lease, rows: dict[str, LedgerRow], connection_id: str = "c-1") -> None:
    for one in entries_of(rows):
        stand.ledger.record(connection_id, one, lease, NOW)


def read(ledger: JobLedger, connection_id: str = "c-1") -> tuple[object, ...]:
    """All that is known of what `entry` records."""
    return (
        ledger.rows_by_name(connection_id, [of_shard(3)], AUDIENCES),
        ledger.counted(connection_id, {(3, "e-1")}),
        ledger.failures(connection_id, {(3, ORIGIN)}),
        ledger.receipts(connection_id, {(3, "evt-1")}),
        ledger.ended(connection_id, {(3, "e-1")}),
    )


NOTHING: tuple[object, ...] = ({}, {}, {}, {}, {})


def test_what_is_recorded_reads_as_it_was_written(stand: LedgerStand, lease: Lease) -> None:
    given = entry(2)
    stand.ledger.record("c-1", given, lease, NOW)
    assert read(stand.ledger) == (
        given.rows,
        {(3, "e-1"): NUMBERS},
        {ORIGIN: FAILURE},
        {(3, "evt-1"): NOW + timedelta(microseconds=1)},
        {(3, "e-1"): {RESULTS: {"0", "0.1"}}},
    )
    assert stand.ledger.run("c-1", HOUR, 3) == run(2, version=1)


def test_an_envelope_knows_in_which_results_its_units_ended(stand: LedgerStand, lease: Lease) -> None:
    """Turn by turn; whoever arrived is in none."""
    other = "00000000000b"
    for number, ended in (("0", {RESULTS: frozenset("0")}), ("1", {}), ("2", {other: frozenset("2")})):
        given = Entry(3, counted={"e-1": frozenset(number), "e-2": frozenset("9")}, ended={"e-1": ended})
        stand.ledger.record("c-1", given, lease, NOW)
    assert stand.ledger.counted("c-1", [(3, "e-1")]) == {(3, "e-1"): {"0", "1", "2"}}
    assert stand.ledger.ended("c-1", [(3, "e-1"), (3, "e-2"), (4, "e-1"), (3, "e-3")]) == {
        (3, "e-1"): {RESULTS: {"0"}, other: {"2"}},
        (3, "e-2"): {},
    }


@pytest.mark.parametrize("kind", ROWS)
def test_a_row_of_any_kind_reads_as_it_was_written(stand: LedgerStand, lease: Lease, kind: str) -> None:
    record(stand, lease, {ADA: ROWS[kind]})
    keys = ["ada@example.org", "nobody@example.org"]
    assert stand.ledger.rows("c-1", keys, AUDIENCES) == {"ada@example.org": ROWS[kind]}
    assert stand.ledger.rows_by_name("c-1", [ADA, BOB], AUDIENCES) == {ADA: ROWS[kind]}


def test_a_row_has_nothing_of_audiences_that_are_not_asked_for(stand: LedgerStand, lease: Lease) -> None:
    row = ROWS["desired and told twice"]
    record(stand, lease, {ADA: row})
    assert stand.ledger.rows_by_name("c-1", [ADA], dict.fromkeys([B, UNKNOWN], EPOCH)) == {
        ADA: LedgerRow(applied={B: row.applied[B]})
    }
    assert stand.ledger.rows_by_name("c-1", [ADA], {}) == {ADA: LedgerRow()}


def test_what_was_desired_before_the_beginning_of_its_audience_counts_for_nothing(
    stand: LedgerStand, lease: Lease
) -> None:
    """Who was put on the list then may be there still; of whoever was taken off nothing is known."""
    before, since = Desired(REALIZED, Said(NOW, NOW)), Desired(EXITED, Said(SAID.at, NOW + SECOND))
    told = {A: Applied(1001, (7, 8)), B: Applied(1002, ()), C: Applied(1003, (), is_sure=False)}
    row = LedgerRow(dict.fromkeys([A, B, C], before), told, lead_id=7)
    record(stand, lease, {ADA: row, BOB: replace(row, desired={A: since, B: since}, applied={**told, B: told[A]})})
    begun = dict.fromkeys([A, B, C], NOW + SECOND)
    rows = {
        ADA: LedgerRow(applied={A: Applied(1001, (7, 8), is_sure=False)}, lead_id=7),
        BOB: LedgerRow({A: since, B: since}, {**told, B: told[A]}, lead_id=7),
    }
    assert stand.ledger.rows_by_name("c-1", [ADA, BOB], begun) == rows
    found = dict(stand.ledger.pages("c-1", begun).rows)
    assert all(rows[name] == one for name, one in found.items())
    assert stand.ledger.rows_by_name("c-1", [ADA], {**begun, C: NOW})[ADA].desired == {C: before}


def test_another_connection_or_shard_knows_nothing_of_it(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", entry(1), lease, NOW)
    assert read(stand.ledger, "c-2") == NOTHING
    assert stand.ledger.run("c-2", HOUR, 3) == Run("c-2", HOUR, shard=3)
    assert stand.ledger.run("c-1", HOUR, 4) == Run("c-1", HOUR, shard=4)
    assert stand.ledger.counted("c-1", {(4, "e-1")}) == {}
    assert stand.ledger.failures("c-1", {(4, ORIGIN)}) == {}
    assert stand.ledger.receipts("c-1", {(4, "evt-1")}) == {}
    assert stand.ledger.pages("c-2", AUDIENCES).rows == ()


def test_a_row_takes_the_place_of_the_one_before(stand: LedgerStand, lease: Lease) -> None:
    record(stand, lease, {ADA: ROW})
    record(stand, lease, {ADA: LedgerRow(lead_id=8)})
    assert stand.ledger.rows_by_name("c-1", [ADA], AUDIENCES) == {ADA: LedgerRow(lead_id=8)}


def test_marks_of_an_envelope_add_up_within_a_shard(stand: LedgerStand, lease: Lease) -> None:
    for shard, number in ((3, "0"), (3, "1"), (3, "1"), (4, "2")):
        stand.ledger.record("c-1", Entry(shard, counted={"e-1": frozenset({number})}), lease, NOW)
    wanted = {(3, "e-1"), (4, "e-1"), (5, "e-1"), (3, "e-2")}
    assert stand.ledger.counted("c-1", wanted) == {(3, "e-1"): {"0", "1"}, (4, "e-1"): {"2"}}


def test_a_failure_is_of_one_unit_and_is_replaced_and_taken_back(stand: LedgerStand, lease: Lease) -> None:
    other = ORIGIN._replace(number="0.2")
    again = Failure(rejected("1003"))
    for failures in ({ORIGIN: FAILURE, other: FAILURE}, {ORIGIN: again}):
        stand.ledger.record("c-1", Entry(3, failures=failures), lease, NOW)
    assert stand.ledger.failures("c-1", {(3, ORIGIN), (3, other)}) == {ORIGIN: again, other: FAILURE}
    stand.ledger.record("c-1", Entry(3, failures={ORIGIN: None}), lease, NOW)
    assert stand.ledger.failures("c-1", {(3, ORIGIN), (3, other)}) == {other: FAILURE}
    stand.ledger.record("c-1", Entry(3, failures={ORIGIN: None}), lease, NOW)


def test_a_failure_is_known_again_in_whatever_hour_it_is_asked_for(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", Entry(3, failures={ORIGIN: FAILURE}), lease, NOW)
    later = ORIGIN._replace(run_id="2026-11-21T11:00Z")
    assert stand.ledger.failures("c-1", {(3, later)}) == {later: FAILURE}


def test_all_rows_are_read_page_by_page(stand: LedgerStand, lease: Lease) -> None:
    """Of 31 KB each, so that the table needs several pages to a shard."""
    audiences = [AudienceKey("ups", f"{number:036}") for number in range(1000)]
    large = LedgerRow(desired={audience: Desired(REALIZED, SAID) for audience in audiences}, lead_id=1)
    small = {of_shard(shard): replace(ROW, lead_id=shard) for shard in range(1, SHARDS)}
    rows = {**{of_shard(0, number): large for number in range(70)}, **small}
    record(stand, lease, rows)
    record(stand, lease, {ADA: LedgerRow()}, connection_id="c-2")
    found: list[str] = []
    page = Page((), None)
    for _ in range(3 * SHARDS):
        page = stand.ledger.pages("c-1", {**dict.fromkeys(audiences, EPOCH), **AUDIENCES}, page.cursor)
        assert all(row == rows[name] for name, row in page.rows)
        found += [name for name, _ in page.rows]
        if page.cursor is None:
            break
    assert page.cursor is None
    assert sorted(found) == sorted(rows)


def test_a_page_holds_rows_alone_and_those_who_come_while_it_is_read_are_no_trouble(
    stand: LedgerStand, lease: Lease
) -> None:
    stand.ledger.record("c-1", entry(1), lease, NOW)
    record(stand, lease, {of_shard(shard): ROW for shard in range(SHARDS)})
    page = stand.ledger.pages("c-1", AUDIENCES)
    names = [name for name, _ in page.rows]
    record(stand, lease, {of_shard(shard, 5): ROW for shard in range(SHARDS)})
    while page.cursor is not None:
        page = stand.ledger.pages("c-1", AUDIENCES, page.cursor)
        names += [name for name, _ in page.rows]
    assert len(names) == len(set(names))
    before = {of_shard(shard) for shard in range(SHARDS)}
    assert before <= set(names) <= before | {of_shard(shard, 5) for shard in range(SHARDS)}


def test_a_run_that_was_written_since_it_was_read_is_not_overwritten(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", Entry(3, runs=[run(1)]), lease, NOW)
    with pytest.raises(StaleRunError):
        stand.ledger.record("c-1", entry(5), lease, NOW)
    assert read(stand.ledger) == NOTHING
    assert stand.ledger.run("c-1", HOUR, 3) == run(1, version=1)
    stand.ledger.record("c-1", Entry(3, runs=[run(6, version=1)]), lease, NOW)
    assert stand.ledger.run("c-1", HOUR, 3) == run(6, version=2)


def test_every_shard_has_its_own_part_of_a_run(stand: LedgerStand, lease: Lease) -> None:
    for shard in (3, 4):
        stand.ledger.record("c-1", Entry(shard, runs=[run(shard, shard=shard)]), lease, NOW)
    assert [stand.ledger.run("c-1", HOUR, shard) for shard in (3, 4)] == [run(3, 1, 3), run(4, 1, 4)]


def test_a_run_that_expired_since_it_was_read_is_written_anew(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", entry(5, version=4), lease, NOW)
    assert stand.ledger.run("c-1", HOUR, 3) == run(5, version=5)


def test_a_run_is_its_readers_own(stand: LedgerStand, lease: Lease) -> None:
    given = run(1)
    stand.ledger.record("c-1", Entry(3, runs=[given]), lease, NOW)
    for seen in (given, stand.ledger.run("c-1", HOUR, 3)):
        seen.tally.counts["received"] = 99
    assert stand.ledger.run("c-1", HOUR, 3) == run(1, version=1)


def test_who_died_and_lost_the_lease_writes_in_no_shard_that_was_entered_since(
    stand: LedgerStand, lease: Lease
) -> None:
    entered(stand, AFTER, {3})
    with pytest.raises(LeaseLostError, match="123-ABC-456"):
        stand.ledger.record("c-1", entry(1), lease, NOW)
    assert read(stand.ledger) == NOTHING
    assert stand.ledger.run("c-1", HOUR, 3) == Run("c-1", HOUR, shard=3)


def test_in_the_other_shards_what_it_knows_is_still_worth_recording(stand: LedgerStand, lease: Lease) -> None:
    held = entered(stand, AFTER, {3})
    stand.ledger.record("c-1", Entry(4, {of_shard(4): ROW}), lease, NOW)
    stand.leases.enter(held, {4})
    assert stand.ledger.rows_by_name("c-1", [of_shard(4)], AUDIENCES) == {of_shard(4): ROW}
    with pytest.raises(LeaseLostError):
        stand.ledger.record("c-1", Entry(4, {of_shard(4): LedgerRow()}), lease, NOW)
    assert stand.ledger.rows_by_name("c-1", [of_shard(4)], AUDIENCES) == {of_shard(4): ROW}


def test_a_lost_lease_is_told_before_a_stale_run(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", Entry(3, runs=[run(1)]), lease, NOW)
    entered(stand, AFTER, {3})
    with pytest.raises(LeaseLostError):
        stand.ledger.record("c-1", entry(5), lease, NOW)


def test_a_lease_that_nobody_took_since_it_ran_out_still_writes(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", entry(1), lease, AFTER)
    assert stand.ledger.run("c-1", HOUR, 3) == run(1, version=1)


def test_nobody_writes_in_a_shard_without_entering_it(stand: LedgerStand) -> None:
    held = entered(stand, NOW, {2})
    with pytest.raises(LeaseLostError):
        stand.ledger.record("c-1", entry(1), held, NOW)
    assert read(stand.ledger) == NOTHING


def test_a_transaction_takes_a_hundred_items_and_reads_take_any_number(stand: LedgerStand, lease: Lease) -> None:
    rows = {of_shard(3, number): replace(ROW, lead_id=number + 1) for number in range(120)}
    rows |= {of_shard(4, number): replace(ROW, lead_id=number + 1) for number in range(5)}
    entries = list(entries_of(rows))
    assert sorted(one.items for one in entries) == [6, 22, 100]
    for one in entries:
        stand.ledger.record("c-1", one, lease, NOW)
    assert stand.ledger.rows_by_name("c-1", list(rows), AUDIENCES) == rows
    marks = {f"e-{number}": frozenset({str(number)}) for number in range(98)}
    full = Entry(3, counted=marks, runs=[run(1)])
    assert full.items == 100
    stand.ledger.record("c-1", full, lease, NOW)
    wanted = [(3, f"e-{number}") for number in range(250)]
    assert stand.ledger.counted("c-1", wanted) == {(3, one): numbers for one, numbers in marks.items()}


def test_a_transaction_takes_no_more_than_a_hundred_items(stand: LedgerStand, lease: Lease) -> None:
    marks = {f"e-{number}": frozenset({"0"}) for number in range(100)}
    with pytest.raises(ClientError, match="ValidationException"):
        stand.ledger.record("c-1", Entry(3, counted=marks), lease, NOW)
    assert stand.ledger.counted("c-1", [(3, one) for one in marks]) == {}
