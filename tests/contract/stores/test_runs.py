"""Runs as the monitor reads them: in memory as in the table."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from destination.control import overview
from destination.domain.outcome import MISSING_DEDUPE_VALUE
from destination.domain.run import Run, Tally, total_of
from destination.monitoring import alerts, summaries
from destination.store.runs import Runs
from testing.aws import Aws
from testing.memory import MemoryRuns

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
HOUR, BEFORE, NEXT = "2026-11-21T10:00Z", "2026-11-21T09:00Z", "2026-11-21T11:00Z"
RUN = Run("c-1", HOUR, tally=Tally(Counter(received=2, excluded=2), Counter({MISSING_DEDUPE_VALUE: 2})))


class ReadRuns(alerts.Runs, summaries.Runs, overview.Runs, Protocol):
    """All that the monitor and the overview ask of runs."""


class RunsStand(Protocol):
    """An implementation, and how runs come into it."""

    @property
    def runs(self) -> ReadRuns: ...
    def write(self, run: Run) -> None: ...


@dataclass
class RunsInMemory:
    runs: MemoryRuns = field(default_factory=MemoryRuns)

    def write(self, run: Run) -> None:
        self.runs.write(run, NOW)


@dataclass
class RunsInTable:
    stack: Aws

    @property
    def runs(self) -> Runs:
        return Runs(self.stack.dynamodb, "RunsTable")

    def write(self, run: Run) -> None:
        self.stack.dynamodb.transact_write_items(TransactItems=[self.runs.put(run, NOW)])


@pytest.fixture(params=["memory", "table"])
def stand(request: pytest.FixtureRequest) -> RunsStand:
    return RunsInMemory() if request.param == "memory" else RunsInTable(request.getfixturevalue("stack"))


def run_of(hour: str, **counts: int) -> Run:
    return Run("c-1", hour, tally=Tally(Counter(counts)))


def test_a_run_reads_as_it_was_written_last(stand: RunsStand) -> None:
    stand.write(RUN)
    assert stand.runs.get("c-1", HOUR) == replace(RUN, version=1)
    stand.write(replace(RUN, version=1, tally=Tally(Counter(received=3))))
    assert stand.runs.get("c-1", HOUR) == replace(RUN, version=2, tally=Tally(Counter(received=3)))


def test_the_parts_of_an_hour_read_as_one_run(stand: RunsStand) -> None:
    parts = [replace(RUN, shard=shard, version=version) for shard, version in ((0, 0), (3, 4), (7, 1))]
    for one in parts:
        stand.write(one)
    read = stand.runs.get("c-1", HOUR)
    assert read == Run("c-1", HOUR, 8, total_of(parts))
    assert read.parts == {f"{HOUR}#0": 1, f"{HOUR}#3": 5, f"{HOUR}#7": 2}


def test_an_hour_that_nothing_came_in_has_no_run(stand: RunsStand) -> None:
    stand.write(RUN)
    assert (stand.runs.get("c-1", NEXT), stand.runs.get("c-2", HOUR)) == (None, None)


def test_a_run_is_its_readers_own(stand: RunsStand) -> None:
    stand.write(RUN)
    read = stand.runs.get("c-1", HOUR)
    assert read is not None
    read.tally.counts["received"] = 99
    assert stand.runs.get("c-1", HOUR) == replace(RUN, version=1)


@pytest.mark.parametrize(
    ("runs", "last"),
    [
        ([], None),
        ([run_of(HOUR, received=1)], NOW),
        ([run_of(HOUR, ignored=1), run_of(BEFORE, received=1)], NOW),
        ([run_of(HOUR, marketo_calls=1), run_of(BEFORE, ignored=1)], NOW.replace(minute=0)),
        ([run_of(BEFORE, received=1), run_of("2026-11-20T23:00Z", received=9)], NOW.replace(minute=0)),
        ([run_of("2026-11-20T23:00Z", received=1), run_of(HOUR)], NOW.replace(hour=0, minute=0)),
        ([run_of(NEXT, received=1)], None),
        ([run_of("2026-08-23T10:00Z", received=1)], NOW.replace(minute=0) - timedelta(days=90, hours=-1)),
        ([run_of("2026-08-23T09:00Z", received=1)], None),
    ],
    ids=[
        "no-run",
        "received-in-this-hour",
        "ignored-in-this-hour",
        "an-hour-of-calls-alone-is-none",
        "the-last-hour-of-two",
        "an-empty-hour-is-none",
        "an-hour-to-come",
        "just-kept",
        "too-long-ago",
    ],
)
def test_the_last_event_came_in_the_last_hour_with_any_and_not_after_now(
    stand: RunsStand, runs: list[Run], last: datetime | None
) -> None:
    for one in runs:
        stand.write(one)
    assert stand.runs.last_event_at("c-1", NOW) == last
    assert stand.runs.last_event_at("c-2", NOW) is None


def test_the_counts_of_hours_add_up_over_all_their_parts(stand: RunsStand) -> None:
    of_others = [run_of(NEXT, received=50), replace(run_of(HOUR, received=70), connection_id="c-2")]
    of_losses = replace(run_of(HOUR, rejected=4), shard=8)
    for one in (run_of(BEFORE, received=1, failed=1), RUN, replace(RUN, shard=3), of_losses, *of_others):
        stand.write(one)
    assert stand.runs.counts("c-1", BEFORE, HOUR) == Counter(received=5, excluded=4, failed=1, rejected=4)
    assert stand.runs.counts("c-3", BEFORE, HOUR) == Counter()
