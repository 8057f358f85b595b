"""What was delivered and counted, written together by the holder of the lease alone: in memory as in the tables."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest
from botocore.exceptions import ClientError

from destination.delivery.accounts import Ledger as DeliveryLedger
from destination.delivery.turn import Leases as DeliveryLeases
from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.outcome import MISSING_DEDUPE_VALUE
from destination.domain.person import Delivered, LedgerRow
from destination.domain.run import Run, Tally
from destination.store.leases import Lease, Leases
from destination.store.ledger import Entry, LeaseLostError, Ledger, StaleRunError
from destination.store.runs import Runs
from testing.aws import Aws
from testing.memory import MemoryLeases, MemoryLedger

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
AFTER = UNTIL + timedelta(seconds=1)
HOUR = "2026-11-21T10:00Z"
ADA, BOB, CARL = "ada@example.org", "bob@example.org", "carl@example.org"
A, B = AudienceKey("ups", "a#1"), AudienceKey("crm", "ü")
ROW = LedgerRow(
    lead_id=7,
    looked_up_at=NOW,
    attributes_hash="0f",
    attributes_at=NOW + timedelta(microseconds=1),
    sent_at=NOW,
    memberships={A: Delivered(MembershipStatus.REALIZED, NOW, 7, 1001), B: Delivered(MembershipStatus.EXITED, NOW)},
)
NUMBERS = frozenset({"0", "0.1"})


class ReadLedger(DeliveryLedger, Protocol):
    """With what verifications read of it."""

    def placed(self, connection_id: str, audience: AudienceKey) -> Iterable[Delivered]: ...


class LedgerStand(Protocol):
    @property
    def leases(self) -> DeliveryLeases: ...
    @property
    def ledger(self) -> ReadLedger: ...


@dataclass
class LedgerInMemory:
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    ledger: MemoryLedger = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.leases)


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
    held = stand.leases.acquire("123-ABC-456", NOW, UNTIL)
    assert held is not None
    return held


def run(received: int, version: int = 0) -> Run:
    return Run("c-1", HOUR, version, Tally(Counter(received=received), Counter({MISSING_DEDUPE_VALUE: received})))


def entry(received: int, version: int = 0) -> Entry:
    return Entry({ADA: ROW}, {"m-1": NUMBERS}, [run(received, version)])


def assert_untouched(ledger: DeliveryLedger) -> None:
    assert (ledger.rows("c-1", [ADA]), ledger.counted("c-1", ["m-1"])) == ({}, {})


def test_what_is_recorded_reads_as_it_was_written(stand: LedgerStand, lease: Lease) -> None:
    rows = {
        ADA: ROW,
        "empty@example.org": LedgerRow(),
        "yes@example.org": LedgerRow(consented_at=NOW + timedelta(microseconds=1)),
        "no@example.org": LedgerRow(lead_id=7, consented_at=NOW, withdrawn_at=NOW),
    }
    stand.ledger.record("c-1", Entry(rows, {"m-1": NUMBERS}, [run(2)]), lease, NOW)
    assert stand.ledger.rows("c-1", [*rows, "nobody@example.org"]) == rows
    assert stand.ledger.counted("c-1", ["m-1", "m-2"]) == {"m-1": NUMBERS}
    assert stand.ledger.run("c-1", HOUR) == run(2, version=1)


def test_another_connection_knows_nothing_of_it(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", entry(1), lease, NOW)
    assert stand.ledger.rows("c-2", [ADA]) == {}
    assert stand.ledger.counted("c-2", ["m-1"]) == {}
    assert stand.ledger.run("c-2", HOUR) == Run("c-2", HOUR)
    assert list(stand.ledger.placed("c-2", A)) == []


def test_a_row_takes_the_place_of_the_one_before(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", Entry({ADA: ROW}), lease, NOW)
    stand.ledger.record("c-1", Entry({ADA: LedgerRow(lead_id=8)}), lease, NOW)
    assert stand.ledger.rows("c-1", [ADA]) == {ADA: LedgerRow(lead_id=8)}


def test_marks_of_a_message_add_up(stand: LedgerStand, lease: Lease) -> None:
    for number in ("0", "1", "1"):
        stand.ledger.record("c-1", Entry(counted={"m-1": frozenset({number})}), lease, NOW)
    assert stand.ledger.counted("c-1", ["m-1"]) == {"m-1": {"0", "1"}}


def test_on_a_list_are_those_who_were_put_on_it_and_not_taken_off(stand: LedgerStand, lease: Lease) -> None:
    lost = LedgerRow(memberships={A: Delivered(MembershipStatus.REALIZED, NOW), B: ROW.memberships[A]})
    gone = LedgerRow(lead_id=9, memberships={A: Delivered(MembershipStatus.EXITED, NOW, 9)})
    stand.ledger.record("c-1", Entry({ADA: ROW, BOB: lost, CARL: gone}), lease, NOW)
    placed = sorted(stand.ledger.placed("c-1", A), key=lambda one: one.lead_id or 0)
    assert placed == [lost.memberships[A], ROW.memberships[A]]
    assert list(stand.ledger.members("c-1", A)) == [7]
    assert list(stand.ledger.members("c-1", AudienceKey("ups", "other"))) == []


def test_whoever_is_recorded_while_a_list_is_read_is_no_trouble(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", Entry({ADA: ROW, BOB: ROW}), lease, NOW)
    reading = iter(stand.ledger.members("c-1", A))
    first = next(reading)
    stand.ledger.record("c-1", Entry({CARL: LedgerRow()}), lease, NOW)
    assert [first, *reading] == [7, 7]


def test_a_run_that_was_written_since_it_was_read_is_not_overwritten(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", Entry(runs=[run(1)]), lease, NOW)
    with pytest.raises(StaleRunError):
        stand.ledger.record("c-1", entry(5), lease, NOW)
    assert_untouched(stand.ledger)
    assert stand.ledger.run("c-1", HOUR) == run(1, version=1)
    stand.ledger.record("c-1", Entry(runs=[run(6, version=1)]), lease, NOW)
    assert stand.ledger.run("c-1", HOUR) == run(6, version=2)


def test_a_run_that_expired_since_it_was_read_is_written_anew(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", entry(5, version=4), lease, NOW)
    assert stand.ledger.run("c-1", HOUR) == run(5, version=5)


def test_a_run_is_its_readers_own(stand: LedgerStand, lease: Lease) -> None:
    given = run(1)
    stand.ledger.record("c-1", Entry(runs=[given]), lease, NOW)
    for seen in (given, stand.ledger.run("c-1", HOUR)):
        seen.tally.counts["received"] = 99
    assert stand.ledger.run("c-1", HOUR) == run(1, version=1)


def test_who_lost_the_lease_writes_nothing(stand: LedgerStand, lease: Lease) -> None:
    assert stand.leases.acquire("123-ABC-456", AFTER, AFTER + timedelta(minutes=6)) is not None
    with pytest.raises(LeaseLostError, match="123-ABC-456"):
        stand.ledger.record("c-1", entry(1), lease, NOW)
    assert_untouched(stand.ledger)
    assert stand.ledger.run("c-1", HOUR) == Run("c-1", HOUR)


def test_a_lost_lease_is_told_before_a_stale_run(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", Entry(runs=[run(1)]), lease, NOW)
    assert stand.leases.acquire("123-ABC-456", AFTER, AFTER + timedelta(minutes=6)) is not None
    with pytest.raises(LeaseLostError):
        stand.ledger.record("c-1", entry(5), lease, NOW)


def test_a_lease_that_nobody_took_since_it_ran_out_still_writes(stand: LedgerStand, lease: Lease) -> None:
    stand.ledger.record("c-1", entry(1), lease, AFTER)
    assert stand.ledger.run("c-1", HOUR) == run(1, version=1)


def test_a_lease_of_an_instance_that_was_never_leased_writes_nothing(stand: LedgerStand) -> None:
    with pytest.raises(LeaseLostError):
        stand.ledger.record("c-1", entry(1), Lease("999-ZZZ-999", 1, UNTIL), NOW)
    assert_untouched(stand.ledger)


def test_a_transaction_takes_a_hundred_items_and_reads_take_any_number(stand: LedgerStand, lease: Lease) -> None:
    keys = [f"{number}@example.org" for number in range(290)]
    for start in range(0, 290, 97):
        rows = dict.fromkeys(keys[start : start + 97], ROW)
        full = Entry(rows, {f"m-{start}": frozenset({"0"})}, [run(start, version=start // 97)])
        assert full.items <= 100
        stand.ledger.record("c-1", full, lease, NOW)
    assert stand.ledger.rows("c-1", keys) == dict.fromkeys(keys, ROW)


def test_a_transaction_takes_no_more_than_a_hundred_items(stand: LedgerStand, lease: Lease) -> None:
    rows = {f"{number}@example.org": ROW for number in range(100)}
    with pytest.raises(ClientError, match="ValidationException"):
        stand.ledger.record("c-1", Entry(rows), lease, NOW)
    assert stand.ledger.rows("c-1", list(rows)) == {}
