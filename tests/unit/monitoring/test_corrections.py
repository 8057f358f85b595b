"""What a correction of an hour tells: what was counted since, and what was taken back."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from destination.domain.connection import Connection
from destination.domain.run import CLOSES_AFTER, Run, Tally, hour_of
from destination.monitoring.attempts import Attempts
from destination.monitoring.summaries import HOUR, RunSummary, SummariseRuns
from destination.notify import Announcement
from destination.store.summaries import SummedUp
from testing.persons import RUN, connection


@dataclass
class One:
    """One connection with one hour, what was remembered of it, and what was announced."""

    run: Run
    summed_up: SummedUp | None = None
    announced: list[Announcement] = field(default_factory=list)

    def get(self, connection_id: str, hour: str | None = None) -> Run:
        assert (connection_id, hour) == ("connection-1", RUN)
        return self.run

    def put(self, announcements: Sequence[Announcement]) -> None:
        self.announced += announcements


@dataclass
class Connections:
    def get(self, connection_id: str) -> Connection:
        return connection(id=connection_id)

    def all(self) -> Iterator[Connection]:
        yield connection()


@dataclass
class Summaries:
    one: One

    def last_hour(self, _connection_id: str) -> str | None:
        return self.one.run.id if self.one.summed_up else None

    def get(self, _connection_id: str, _hour: str) -> SummedUp | None:
        return self.one.summed_up

    def put(self, run: Run) -> None:
        self.one.summed_up = SummedUp(run.version, Counter(run.tally.counts))

    def late(self) -> Iterator[tuple[str, str]]:
        if self.one.summed_up is not None:
            yield self.one.run.connection_id, self.one.run.id

    def settle(self, run: Run) -> None:
        assert run == self.one.run


def summed_up(one: One) -> list[RunSummary]:
    summarise = SummariseRuns(Connections(), one, Summaries(one), one, shown=lambda *_: {})
    attempts = Attempts(lambda *_: None)
    found = list(summarise({}, hour_of(RUN) + HOUR + CLOSES_AFTER, attempts, lambda: True))
    assert attempts.failed == []
    return found


def run_of(version: int, **counts: int) -> Run:
    return Run("connection-1", RUN, version, Tally(Counter(counts)))


@pytest.mark.parametrize(
    ("after", "news"),
    [
        ({"received": 5, "activated": 4, "failed": 1}, {"activated": 2, "failed": -2}),
        ({"received": 6, "activated": 3, "failed": 3}, {"received": 1, "activated": 1}),
        ({"received": 5, "activated": 5}, {"activated": 3, "failed": -3}),
    ],
    ids=["made good", "late", "all made good"],
)
def test_a_correction_tells_what_was_taken_back_as_well(after: dict[str, int], news: dict[str, int]) -> None:
    one = One(run_of(1, received=5, activated=2, failed=3))
    [first] = summed_up(one)
    assert (first.is_correction, +first.news) == (False, {"received": 5, "activated": 2, "failed": 3})
    one.run = run_of(2, **after)
    [correction] = summed_up(one)
    assert correction.is_correction
    assert {name: count for name, count in correction.news.items() if count} == news
    assert len(one.announced) == 2


def test_the_sum_of_what_was_told_is_what_was_counted() -> None:
    one = One(run_of(1, received=5, activated=2, failed=3))
    told: Counter[str] = Counter()
    for version, failed in enumerate((3, 4, 0, 2), 1):
        one.run = run_of(version, received=5, activated=5 - failed, failed=failed)
        for summary in summed_up(one):
            told.update(summary.news)
    assert told == one.run.tally.counts
