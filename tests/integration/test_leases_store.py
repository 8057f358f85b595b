"""What the leases' table tells those who hold no lease, and what they cost; the rest is in tests/contract/stores."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from destination.domain.pace import DayCount, PaceState
from destination.store.leases import Lease, LeaseLostError, Leases
from testing.aws import Aws, aws

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
MUNCHKIN = "123-ABC-456"


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def leases(stack: Aws) -> Leases:
    return Leases(stack.dynamodb, "ConnectionsTable")


def acquired(leases: Leases, now: datetime = NOW, until: datetime = UNTIL) -> Lease:
    lease = leases.acquire(MUNCHKIN, now, until)
    assert lease is not None
    return lease


@contextmanager
def written(stack: Aws) -> Iterator[list[object]]:
    """The updates that are made meanwhile."""
    updates: list[object] = []

    def note(**call: object) -> None:
        updates.append(call)

    stack.dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", note)
    try:
        yield updates
    finally:
        stack.dynamodb.meta.events.unregister("before-call.dynamodb.UpdateItem", note)


def test_whoever_waits_for_it_only_reads(stack: Aws, leases: Leases) -> None:
    """A write beside the holder's transactions would make them conflict."""
    acquired(leases)
    with written(stack) as updates:
        assert leases.acquire(MUNCHKIN, NOW, UNTIL) is None
        assert leases.acquire(MUNCHKIN, UNTIL, UNTIL) is None
        assert updates == []
        acquired(leases, UNTIL + timedelta(seconds=1), UNTIL + timedelta(minutes=6))
        assert len(updates) == 1


@contextmanager
def conflicting(stack: Aws, times: int) -> Iterator[None]:
    """Updates meet a transaction at the same item, so often."""
    left = iter(range(times))

    def conflict(**_: object) -> Any:
        if next(left, None) is None:
            return None
        return AWSResponse("", 400, HTTPHeaders(), None), {"Error": {"Code": "TransactionConflictException"}}

    stack.dynamodb.meta.events.register("before-call.dynamodb.UpdateItem", conflict)
    try:
        yield
    finally:
        stack.dynamodb.meta.events.unregister("before-call.dynamodb.UpdateItem", conflict)


def test_a_transaction_of_a_holder_before_is_waited_for_when_its_shard_is_entered(stack: Aws) -> None:
    pauses: list[float] = []
    leases = Leases(stack.dynamodb, "ConnectionsTable", sleep=pauses.append)
    held = acquired(leases)
    with conflicting(stack, 2):
        leases.enter(held, {3})
    assert (len(pauses), pauses) == (2, sorted(pauses))
    (shard,) = (
        one for one in stack.dynamodb.scan(TableName="ConnectionsTable")["Items"] if one["sk"] == {"S": "shard#3"}
    )
    assert shard["fence"] == {"N": str(held.fence)}


def test_a_shard_that_stays_busy_is_an_error(stack: Aws) -> None:
    leases = Leases(stack.dynamodb, "ConnectionsTable", sleep=lambda _: None)
    held = acquired(leases)
    with conflicting(stack, 99), pytest.raises(ClientError, match="TransactionConflictException"):
        leases.enter(held, {3})


def test_a_shard_that_somebody_else_entered_is_not_tried_again(stack: Aws) -> None:
    pauses: list[float] = []
    leases = Leases(stack.dynamodb, "ConnectionsTable", sleep=pauses.append)
    lost = acquired(leases)
    later = UNTIL + timedelta(seconds=1)
    leases.enter(acquired(leases, later, later + timedelta(minutes=6)), {3})
    with written(stack) as updates, pytest.raises(LeaseLostError):
        leases.enter(lost, {3})
    assert (len(updates), pauses) == (1, [])


def test_the_calls_of_the_day_are_known_as_they_were_when_the_lease_was_released(leases: Leases) -> None:
    day = DayCount("2026-11-21", 1200, 300, 1795255100.0)
    assert leases.today(MUNCHKIN) is None
    leases.release(acquired(leases), PaceState(today=day), None)
    assert leases.today(MUNCHKIN) == day
    held = acquired(leases)
    assert leases.today(MUNCHKIN) == day
    leases.release(held, PaceState(), None)
    assert leases.today(MUNCHKIN) is None
    assert leases.today("999-ZZZ-999") is None
