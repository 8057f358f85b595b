"""What the ledger leaves in its table, and its patience with it; what it does is in tests/contract/stores."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.outcome import MISSING_DEDUPE_VALUE
from destination.domain.person import Delivered, LedgerRow
from destination.domain.run import Run, Tally
from destination.store.leases import Lease, Leases
from destination.store.ledger import RETENTION, Entry, Ledger
from destination.store.runs import Runs
from testing.aws import Aws, aws

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
HOUR = "2026-11-21T10:00Z"
ROW = LedgerRow(
    lead_id=7,
    looked_up_at=NOW,
    attributes_hash="0f",
    attributes_at=NOW + timedelta(microseconds=1),
    sent_at=NOW,
    memberships={
        AudienceKey("ups", "a#1"): Delivered(MembershipStatus.REALIZED, NOW, 7),
        AudienceKey("crm", "ü"): Delivered(MembershipStatus.EXITED, NOW),
    },
)


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


def run(received: int, version: int = 0) -> Run:
    return Run("c-1", HOUR, version, Tally(Counter(received=received), Counter({MISSING_DEDUPE_VALUE: received})))


def test_what_the_table_left_unread_is_read_after_a_pause(stack: Aws, leases: Leases, lease: Lease) -> None:
    pauses: list[float] = []
    runs = Runs(stack.dynamodb, "RunsTable")
    ledger = Ledger(stack.dynamodb, "LedgerTable", leases=leases, runs=runs, sleep=pauses.append)
    rows = {f"{name}@example.org": replace(ROW, lead_id=number) for number, name in enumerate(("ada", "bob", "carl"))}
    ledger.record("c-1", Entry(rows), lease, NOW)

    with reluctant(stack):
        assert ledger.rows("c-1", [*rows]) == rows
    assert len(pauses) == 2
    assert all(pause > 0 for pause in pauses)


def test_the_table_holds_no_profile_data_and_forgets_long_after_the_longest_replay(
    stack: Aws, ledger: Ledger, lease: Lease
) -> None:
    ledger.record("c-1", Entry({"ada@example.org": ROW}, {"m-1": frozenset({"0"})}, [run(1)]), lease, NOW)
    items = stack.dynamodb.scan(TableName="LedgerTable")["Items"]
    assert "ada" not in json.dumps(items)
    assert {item["expires_at"]["N"] for item in items} == {str(int((NOW + RETENTION).timestamp()))}
    assert timedelta(days=28) < RETENTION


@contextmanager
def busy(stack: Aws, times: int, *codes: str) -> Iterator[None]:
    """Transactions are cancelled so often, for these reasons."""
    left = iter(range(times))

    def cancel(**_: object) -> Any:
        if next(left, None) is None:
            return None
        error = {"Code": "TransactionCanceledException", "Message": "cancelled"}
        reasons = [{"Code": code} for code in codes]
        return AWSResponse("", 400, HTTPHeaders(), None), {"Error": error, "CancellationReasons": reasons}

    stack.dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", cancel)
    try:
        yield
    finally:
        stack.dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", cancel)


@contextmanager
def reluctant(stack: Aws) -> Iterator[None]:
    """Of all that is read at once one item is answered, as DynamoDB does where its table is busy."""

    def leave_all_but_one(parsed: dict[str, Any], **_: object) -> None:
        found = parsed["Responses"]["LedgerTable"]
        left = [{name: item[name] for name in ("connection_id", "key")} for item in found[1:]]
        parsed["Responses"]["LedgerTable"] = found[:1]
        parsed["UnprocessedKeys"] = {"LedgerTable": {"Keys": left, "ConsistentRead": True}} if left else {}

    stack.dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", leave_all_but_one)
    try:
        yield
    finally:
        stack.dynamodb.meta.events.unregister("after-call.dynamodb.BatchGetItem", leave_all_but_one)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_busy_table_is_waited_for(stack: Aws, leases: Leases, lease: Lease, code: str) -> None:
    slept: list[float] = []
    runs = Runs(stack.dynamodb, "RunsTable")
    ledger = Ledger(stack.dynamodb, "LedgerTable", leases=leases, runs=runs, sleep=slept.append)
    with busy(stack, 3, "None", code):
        ledger.record("c-1", Entry(rows={"ada": ROW}), lease, NOW)
    assert ledger.rows("c-1", ["ada"]) == {"ada": ROW}
    assert (len(slept), slept) == (3, sorted(slept))


def test_a_table_that_stays_busy_is_an_error(stack: Aws, leases: Leases, lease: Lease) -> None:
    runs = Runs(stack.dynamodb, "RunsTable")
    ledger = Ledger(stack.dynamodb, "LedgerTable", leases=leases, runs=runs, sleep=lambda _: None)
    with busy(stack, 99, "None", "ThrottlingError"), pytest.raises(ClientError):
        ledger.record("c-1", Entry(rows={"ada": ROW}), lease, NOW)
