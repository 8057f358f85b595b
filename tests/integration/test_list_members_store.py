"""Whom the ledger knows to be on an audience's list, and how that is forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.person import Delivered, LedgerRow
from destination.store.leases import Lease, Leases
from destination.store.ledger import RETENTION, TRANSACTION_ITEMS, Entry, LeaseLostError, Ledger
from destination.store.runs import Runs
from testing.aws import Aws, aws

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
UNTIL = NOW + timedelta(minutes=6)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
A, OF_ANOTHER_NAMESPACE, B = AudienceKey("ups", "a"), AudienceKey("crm", "a"), AudienceKey("ups", "b")
ADA, BOB, CARL, DORA = (f"{name}@example.org" for name in ("ada", "bob", "carl", "dora"))
ROWS = {
    ADA: LedgerRow(7, NOW, "0f", NOW, NOW, {A: Delivered(REALIZED, NOW, 7, 1001), B: Delivered(EXITED, NOW, 7)}),
    BOB: LedgerRow(memberships={A: Delivered(REALIZED, NOW)}, consented_at=NOW),
    CARL: LedgerRow(9, memberships={A: Delivered(EXITED, NOW, 9), B: Delivered(REALIZED, NOW, 9, 1002)}),
    DORA: LedgerRow(10, memberships={OF_ANOTHER_NAMESPACE: Delivered(REALIZED, NOW, 10, 1003)}),
}
"""On the list of `a` are Ada, and Bob with a lead that nobody knows any more."""


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def leases(stack: Aws) -> Leases:
    return Leases(stack.dynamodb, "ConnectionsTable")


@pytest.fixture
def ledger(stack: Aws, leases: Leases) -> Ledger:
    return Ledger(stack.dynamodb, "LedgerTable", leases=leases, runs=Runs(stack.dynamodb, "RunsTable"))


@pytest.fixture
def lease(leases: Leases) -> Lease:
    held = leases.acquire("123-ABC-456", NOW, UNTIL)
    assert held is not None
    return held


@pytest.fixture
def written(ledger: Ledger, lease: Lease) -> Ledger:
    ledger.record("c-1", Entry(ROWS, {"m-1": frozenset({"0"})}), lease, NOW)
    ledger.record("c-2", Entry({ADA: replace(ROWS[ADA], lead_id=70)}), lease, NOW)
    return ledger


def test_on_a_list_is_who_was_put_there_and_not_taken_off(written: Ledger) -> None:
    found = {one.delivered.lead_id: one for one in written.on_list("c-1", A)}
    assert {lead_id: (one.row, one.delivered) for lead_id, one in found.items()} == {
        7: (ROWS[ADA], Delivered(REALIZED, NOW, 7, 1001)),
        None: (ROWS[BOB], Delivered(REALIZED, NOW)),
    }
    assert sorted(written.placed("c-1", A), key=str) == sorted((one.delivered for one in found.values()), key=str)
    assert list(written.members("c-1", A)) == [7]
    assert list(written.members("c-1", B)) == [9]
    assert list(written.members("c-1", OF_ANOTHER_NAMESPACE)) == [10]
    assert list(written.members("c-3", A)) == []


def test_who_is_forgotten_of_one_list_was_never_told_of_it_and_keeps_the_rest(
    stack: Aws, written: Ledger, lease: Lease
) -> None:
    written.forget("c-1", A, list(written.on_list("c-1", A)), lease, LATER)
    assert list(written.on_list("c-1", A)) == []
    assert written.rows("c-1", [*ROWS]) == {
        **ROWS,
        ADA: replace(ROWS[ADA], memberships={B: Delivered(EXITED, NOW, 7)}),
        BOB: replace(ROWS[BOB], memberships={}),
    }
    assert written.counted("c-1", ["m-1"]) == {"m-1": {"0"}}
    assert list(written.members("c-2", A)) == [7]
    expiries = {item["expires_at"]["N"] for item in stack.dynamodb.scan(TableName="LedgerTable")["Items"]}
    assert expiries == {str(int((at + RETENTION).timestamp())) for at in (NOW, LATER)}


@pytest.mark.parametrize("count", [TRANSACTION_ITEMS - 1, TRANSACTION_ITEMS, 2 * TRANSACTION_ITEMS - 1])
def test_any_number_of_members_is_forgotten(ledger: Ledger, lease: Lease, count: int) -> None:
    row = LedgerRow(memberships={A: Delivered(REALIZED, NOW, 7, 1001)})
    keys = [f"person-{number}@example.org" for number in range(count)]
    for start in range(0, count, 90):
        ledger.record("c-1", Entry(dict.fromkeys(keys[start : start + 90], row)), lease, NOW)
    ledger.forget("c-1", A, list(ledger.on_list("c-1", A)), lease, NOW)
    assert ledger.rows("c-1", keys) == dict.fromkeys(keys, LedgerRow())


def test_who_lost_the_lease_forgets_nobody(written: Ledger, leases: Leases, lease: Lease) -> None:
    members = list(written.on_list("c-1", A))
    late = UNTIL + timedelta(seconds=1)
    assert leases.acquire("123-ABC-456", late, late + timedelta(minutes=6)) is not None
    with pytest.raises(LeaseLostError):
        written.forget("c-1", A, members, lease, late)
    assert written.rows("c-1", [*ROWS]) == ROWS
