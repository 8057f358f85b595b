"""Which hours were summed up, and which runs came late: in memory as in the table."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

import pytest

from destination.domain.run import Run, Tally, hour_of
from destination.monitoring.summaries import Runs as ReadRuns
from destination.monitoring.summaries import Summaries as MonitoredSummaries
from destination.store.runs import Runs
from destination.store.summaries import Summaries, SummedUp
from testing.aws import Aws
from testing.memory import MemoryRuns, MemorySummaries

HOUR, NEXT = "2026-11-21T10:00Z", "2026-11-21T11:00Z"
RUN = Run("c-1", HOUR, 3, Tally(Counter(received=5, activated=5, failed=0)))


class SummariesStand(Protocol):
    """An implementation, the runs beside it, and how runs are written."""

    @property
    def summaries(self) -> MonitoredSummaries: ...
    @property
    def runs(self) -> ReadRuns: ...
    def write(self, run: Run, after: timedelta) -> None:
        """Write a run so long after its hour ended."""


@dataclass
class SummariesInMemory:
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    summaries: MemorySummaries = field(init=False)

    def __post_init__(self) -> None:
        self.summaries = MemorySummaries(self.runs)

    def write(self, run: Run, after: timedelta) -> None:
        self.runs.write(run, hour_of(run.id) + timedelta(hours=1) + after)


@dataclass
class SummariesInTable:
    stack: Aws

    @property
    def summaries(self) -> Summaries:
        return Summaries(self.stack.dynamodb, "RunsTable")

    @property
    def runs(self) -> Runs:
        return Runs(self.stack.dynamodb, "RunsTable")

    def write(self, run: Run, after: timedelta) -> None:
        put = self.runs.put(run, hour_of(run.id) + timedelta(hours=1) + after)
        self.stack.dynamodb.transact_write_items(TransactItems=[put])


@pytest.fixture(params=["memory", "table"])
def stand(request: pytest.FixtureRequest) -> SummariesStand:
    if request.param == "memory":
        return SummariesInMemory()
    return SummariesInTable(request.getfixturevalue("stack"))


def written(stand: SummariesStand, seconds: int, *, version: int = 0, shard: int = 0) -> Run:
    """A run as it reads after a part of it was written so many seconds after its hour ended."""
    part = Run("c-1", HOUR, version, Tally(Counter(received=version + 1)), shard)
    stand.write(part, timedelta(seconds=seconds))
    read = stand.runs.get("c-1", HOUR)
    assert read is not None
    return read


def test_a_summed_up_hour_is_known_with_its_version_and_counts(stand: SummariesStand) -> None:
    stand.summaries.put(RUN)
    assert stand.summaries.get("c-1", HOUR) == SummedUp(3, Counter(received=5, activated=5))
    assert stand.summaries.get("c-1", NEXT) is None
    assert stand.summaries.get("c-2", HOUR) is None


def test_what_was_summed_up_last_is_known(stand: SummariesStand) -> None:
    stand.summaries.put(RUN)
    stand.summaries.put(Run("c-1", HOUR, 4, Tally(Counter(received=6, failed=6))))
    assert stand.summaries.get("c-1", HOUR) == SummedUp(4, Counter(received=6, failed=6))


def test_the_counts_stay_those_that_were_summed_up(stand: SummariesStand) -> None:
    run = Run("c-1", HOUR, 1, Tally(Counter(received=5)))
    stand.summaries.put(run)
    run.tally.counts["received"] = 99
    assert stand.summaries.get("c-1", HOUR) == SummedUp(1, Counter(received=5))


def test_the_last_hour_is_that_of_the_connection(stand: SummariesStand) -> None:
    assert stand.summaries.last_hour("c-1") is None
    for run in (Run("c-1", NEXT), RUN, Run("c-2", "2026-11-21T12:00Z")):
        stand.summaries.put(run)
    assert stand.summaries.last_hour("c-1") == NEXT


@pytest.mark.parametrize(("seconds", "late"), [(-1, []), (0, [("c-1", HOUR)]), (60, [("c-1", HOUR)])])
def test_late_are_the_runs_that_were_written_after_their_hour(
    stand: SummariesStand, seconds: int, late: list[tuple[str, str]]
) -> None:
    written(stand, seconds)
    assert list(stand.summaries.late()) == late


def test_late_runs_come_by_their_hours(stand: SummariesStand) -> None:
    late = [("c-2", HOUR), ("c-1", NEXT), ("c-3", "2026-11-21T12:00Z")]
    for connection_id, hour in reversed(late):
        stand.write(Run(connection_id, hour), timedelta(minutes=1))
    assert list(stand.summaries.late()) == late


def test_a_run_that_was_settled_is_late_no_more_and_stays_as_it_is(stand: SummariesStand) -> None:
    run = written(stand, 60)
    stand.write(Run("c-2", HOUR), timedelta(minutes=1))
    stand.summaries.settle(run)
    assert list(stand.summaries.late()) == [("c-2", HOUR)]
    assert stand.runs.get("c-1", HOUR) == run


def test_runs_can_be_settled_while_the_late_ones_are_read(stand: SummariesStand) -> None:
    runs = {(name, HOUR): Run(name, HOUR) for name in ("c-1", "c-2")}
    for run in runs.values():
        stand.write(run, timedelta(minutes=1))
    for connection_id, hour in stand.summaries.late():
        read = stand.runs.get(connection_id, hour)
        assert read is not None
        stand.summaries.settle(read)
    assert list(stand.summaries.late()) == []


def test_a_run_that_was_written_again_since_it_was_read_stays_late(stand: SummariesStand) -> None:
    read = written(stand, 60)
    again = written(stand, 120, version=read.version)
    stand.summaries.settle(read)
    assert list(stand.summaries.late()) == [("c-1", HOUR)]
    stand.summaries.settle(again)
    assert list(stand.summaries.late()) == []


def test_a_settled_run_is_late_once_more_when_it_is_written_again(stand: SummariesStand) -> None:
    read = written(stand, 60)
    stand.summaries.settle(read)
    written(stand, 120, version=read.version)
    assert list(stand.summaries.late()) == [("c-1", HOUR)]


def test_a_run_is_late_once_and_as_long_as_a_part_of_it_is(stand: SummariesStand) -> None:
    written(stand, 60, shard=3)
    read = written(stand, 60, shard=4)
    assert list(stand.summaries.late()) == [("c-1", HOUR)]
    again = written(stand, 120, version=1, shard=4)
    stand.summaries.settle(read)
    assert list(stand.summaries.late()) == [("c-1", HOUR)]
    stand.summaries.settle(again)
    assert list(stand.summaries.late()) == []


def test_a_run_that_expired_since_it_was_read_is_not_made_anew(stand: SummariesStand) -> None:
    stand.summaries.settle(replace(RUN, parts={f"{HOUR}#3": 3}))
    assert (stand.runs.get("c-1", HOUR), list(stand.summaries.late())) == (None, [])
