"""Which hours were summed up, and which runs came late, in the table of the template."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.run import RETENTION, Run, Tally, hour_of
from destination.store.runs import Runs
from destination.store.summaries import Summaries, SummedUp
from testing.aws import Aws, aws

HOUR, NEXT = "2026-11-21T10:00Z", "2026-11-21T11:00Z"
LATE = hour_of(HOUR) + timedelta(hours=1)
RUN = Run("c-1", HOUR, 3, Tally(Counter(received=5, activated=5, failed=0)))


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def summaries(stack: Aws) -> Summaries:
    return Summaries(stack.dynamodb, "RunsTable")


def written(stack: Aws, seconds: int, *, version: int = 0) -> Run:
    """A run as it reads after it was written so many seconds after its hour ended."""
    runs = Runs(stack.dynamodb, "RunsTable")
    given = Run("c-1", HOUR, version, Tally(Counter(received=version + 1)))
    stack.dynamodb.transact_write_items(TransactItems=[runs.put(given, LATE + timedelta(seconds=seconds))])
    read = runs.get("c-1", HOUR)
    assert read is not None
    return read


def test_a_summed_up_hour_is_known_with_its_counts(summaries: Summaries) -> None:
    summaries.put(RUN)
    assert summaries.get("c-1", HOUR) == SummedUp(3, Counter(received=5, activated=5))
    assert summaries.get("c-1", NEXT) is None
    assert summaries.get("c-2", HOUR) is None


def test_the_last_hour_is_that_of_the_connection(summaries: Summaries) -> None:
    assert summaries.last_hour("c-1") is None
    for run in (Run("c-1", NEXT), RUN, Run("c-2", "2026-11-21T12:00Z")):
        summaries.put(run)
    assert summaries.last_hour("c-1") == NEXT


def test_what_is_known_of_an_hour_leaves_with_its_run(summaries: Summaries, stack: Aws) -> None:
    summaries.put(RUN)
    [stored] = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    assert stored["expires_at"]["N"] == str(int((hour_of(HOUR) + RETENTION).timestamp()))


@pytest.mark.parametrize(("seconds", "late"), [(-1, []), (0, [("c-1", HOUR)]), (60, [("c-1", HOUR)])])
def test_late_are_the_runs_that_were_written_after_their_hour(
    summaries: Summaries, stack: Aws, seconds: int, late: list[tuple[str, str]]
) -> None:
    written(stack, seconds)
    assert list(summaries.late()) == late


def test_a_run_that_was_settled_is_late_no_more(summaries: Summaries, stack: Aws) -> None:
    summaries.settle(written(stack, 60))
    assert list(summaries.late()) == []


def test_a_run_that_was_written_again_since_it_was_read_stays_late(summaries: Summaries, stack: Aws) -> None:
    read = written(stack, 60)
    again = written(stack, 120, version=read.version)
    summaries.settle(read)
    assert list(summaries.late()) == [("c-1", HOUR)]
    summaries.settle(again)
    assert list(summaries.late()) == []


def test_a_run_is_late_once_and_as_long_as_a_part_of_it_is(summaries: Summaries, stack: Aws) -> None:
    runs = Runs(stack.dynamodb, "RunsTable")

    def write(shard: int, version: int) -> Run:
        given = Run("c-1", HOUR, version, Tally(Counter(received=1)), shard)
        stack.dynamodb.transact_write_items(TransactItems=[runs.put(given, LATE)])
        read = runs.get("c-1", HOUR)
        assert read is not None
        return read

    write(3, 0)
    read = write(4, 0)
    assert list(summaries.late()) == [("c-1", HOUR)]
    again = write(4, 1)
    summaries.settle(read)
    assert list(summaries.late()) == [("c-1", HOUR)]
    summaries.settle(again)
    assert list(summaries.late()) == []


def test_a_run_that_expired_since_it_was_read_is_not_made_anew(summaries: Summaries, stack: Aws) -> None:
    summaries.settle(replace(RUN, parts={f"{HOUR}#3": 3}))
    assert stack.dynamodb.scan(TableName="RunsTable")["Items"] == []
