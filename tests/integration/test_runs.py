"""Runs in their table."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from destination.domain.connection import AudienceKey
from destination.domain.outcome import ALREADY_DELIVERED, MISSING_DEDUPE_VALUE, rejected
from destination.domain.runs import Run, Tally
from destination.store.runs import Runs
from tests.support.aws import Aws, aws


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


def put(stack: Aws, *runs: Run) -> None:
    store = Runs(stack.dynamodb, "RunsTable")
    stack.dynamodb.transact_write_items(TransactItems=[store.put(run) for run in runs])


def tally() -> Tally:
    reasons = Counter({rejected("1006"): 2, MISSING_DEDUPE_VALUE: 1, ALREADY_DELIVERED: 3})
    full = Tally(
        Counter(received=9, activated=3, unchanged=3, excluded=1, failed=2, created=3, marketo_calls=4), reasons
    )
    full.audiences[AudienceKey("ups", "a#1")].update(received=9, activated=3)
    full.audiences[AudienceKey("crm", "a#1")].update(received=1, failed=1)
    return full


def test_a_run_reads_as_it_was_written(stack: Aws) -> None:
    run = Run("c-1", "2026-11-21T10:00Z", 0, tally())
    put(stack, run)
    found = Runs(stack.dynamodb, "RunsTable").get("c-1", "2026-11-21T10:00Z")
    assert found == Run("c-1", "2026-11-21T10:00Z", 1, tally())


def test_an_hour_that_nothing_came_in_has_no_run(stack: Aws) -> None:
    put(stack, Run("c-1", "2026-11-21T10:00Z"))
    runs = Runs(stack.dynamodb, "RunsTable")
    assert runs.get("c-1", "2026-11-21T11:00Z") is None
    assert runs.get("c-2", "2026-11-21T10:00Z") is None


def test_runs_between_two_hours_come_oldest_first_both_included(stack: Aws) -> None:
    hours = [f"2026-11-{day}T{hour:02}:00Z" for day in (20, 21) for hour in (9, 10, 23)]
    put(stack, *(Run("c-1", hour) for hour in reversed(hours)), Run("c-2", "2026-11-21T09:00Z"))
    runs = Runs(stack.dynamodb, "RunsTable")
    assert [run.id for run in runs.between("c-1", hours[1], hours[4])] == hours[1:5]
    assert list(runs.between("c-3", hours[0], hours[5])) == []


def test_a_run_is_kept_ninety_days(stack: Aws) -> None:
    put(stack, Run("c-1", "2026-11-21T10:00Z"))
    (item,) = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    expires = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
    assert expires == datetime(2027, 2, 19, 10, tzinfo=UTC)
