"""Hours are summed up once each, those that were missed are made up for, and what comes late corrects them."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.connection import ActiveConnection, Status, Waiting
from destination.domain.run import Run, Tally, hour_of
from destination.monitoring.attempts import Attempts
from destination.monitoring.summaries import RunSummary, SummariseRuns
from destination.notify import Announcement, NotToldError
from testing.memory import MemoryConnections, MemoryRuns, MemorySummaries
from testing.notify import MemoryBus
from testing.world import connection

HOUR = "2026-11-21T10:00Z"
AFTER = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)


def shown(run: Run, now: datetime, waiting: Waiting | None) -> Mapping[str, Any]:
    return {"id": run.id, "received": run.tally.counts["received"], "audiences": []}


@dataclass
class Monitored:
    """What is summed up, of the connection c-1, and what was told of it."""

    connections: MemoryConnections = field(default_factory=MemoryConnections)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    bus: MemoryBus = field(default_factory=MemoryBus)
    attempts: Attempts = field(default_factory=lambda: Attempts(lambda *_: None))

    def __post_init__(self) -> None:
        self.summaries = MemorySummaries(self.runs)
        self.summarise = SummariseRuns(self.connections, self.runs, self.summaries, self.bus, shown)
        self.store("c-1")

    def store(self, connection_id: str, **properties: Any) -> None:
        self.connections.stored[connection_id] = ActiveConnection(connection(id=connection_id, **properties), {})

    def record(self, received: int, hour: str = HOUR, *, late: bool = False) -> None:
        """Write a run over the one there is, in its hour or after it."""
        before = self.runs.get("c-1", hour) or Run("c-1", hour)
        run = Run("c-1", hour, before.version, Tally(Counter(received=received)))
        self.runs.write(run, hour_of(hour) + timedelta(hours=1 if late else 0))

    def wake(self, now: datetime = AFTER, has_time: Callable[[], bool] = lambda: True) -> list[RunSummary]:
        return list(self.summarise({}, now, self.attempts, has_time))

    def told(self) -> list[tuple[str, int, bool]]:
        """Of each hour that was announced: its name, how many were received, and whether it was a correction."""
        details = [one.detail for one in self.bus.told]
        return [(one["run"]["id"], one["run"]["received"], one["correction"]) for one in details]


@pytest.fixture
def monitored() -> Monitored:
    return Monitored()


def test_an_hour_is_not_summed_up_before_its_last_batches_are_counted(monitored: Monitored) -> None:
    monitored.wake(AFTER - timedelta(hours=1))
    assert monitored.wake(AFTER - timedelta(seconds=1)) == []
    assert [one.run.id for one in monitored.wake()] == [HOUR]


def test_hours_that_were_missed_are_made_up_for(monitored: Monitored) -> None:
    monitored.wake()
    monitored.record(9, "2026-11-21T12:00Z")
    assert len(monitored.wake(AFTER + timedelta(hours=5))) == 5
    assert [hour for hour, _, _ in monitored.told()] == [f"2026-11-21T{hour}:00Z" for hour in range(10, 16)]
    assert [received for _, received, _ in monitored.told()] == [0, 0, 9, 0, 0, 0]


def test_hours_for_which_there_was_no_time_are_summed_up_the_next_time(monitored: Monitored) -> None:
    monitored.wake()
    turns = iter([True, True, False])
    assert len(monitored.wake(AFTER + timedelta(hours=5), lambda: next(turns))) == 2
    assert len(monitored.wake(AFTER + timedelta(hours=5))) == 3
    assert [hour for hour, _, _ in monitored.told()] == [f"2026-11-21T{hour}:00Z" for hour in range(10, 16)]


def test_after_a_long_outage_two_weeks_are_made_up_for(monitored: Monitored) -> None:
    monitored.wake()
    made_up = monitored.wake(AFTER + timedelta(days=30))
    assert (len(made_up), made_up[0].run.id, made_up[-1].run.id) == (
        14 * 24 + 1,
        "2026-12-07T10:00Z",
        "2026-12-21T10:00Z",
    )


def test_a_time_that_is_long_over_sums_nothing_up_and_has_nothing_made_up_for(monitored: Monitored) -> None:
    """As of a sample that somebody invokes the monitor with a week later: the connections are younger."""
    monitored.store("c-1", enabled_at=AFTER - timedelta(minutes=30))
    monitored.store("c-2", status=Status.DRAFT)
    assert monitored.wake(AFTER - timedelta(days=7)) == []
    assert [one.id for one in monitored.wake()] == ["c-1/2026-11-21T09:00Z/0", f"c-1/{HOUR}/0"]


def test_a_monitor_that_never_ran_makes_up_for_the_hours_since_a_connection_was_enabled(monitored: Monitored) -> None:
    monitored.store("c-1", enabled_at=AFTER - timedelta(days=7))
    monitored.record(9, "2026-11-16T12:00Z")
    made_up = monitored.wake()
    assert (len(made_up), made_up[0].run.id, made_up[-1].run.id) == (7 * 24 + 1, "2026-11-14T10:00Z", HOUR)
    assert sum(received for _, received, _ in monitored.told()) == 9
    monitored.store("c-3", enabled_at=AFTER - timedelta(days=70))
    assert len(monitored.wake()) == 14 * 24 + 1


def test_a_draft_has_no_summaries_until_it_is_enabled(monitored: Monitored) -> None:
    monitored.store("c-1", status=Status.DRAFT)
    assert monitored.wake() == []
    monitored.store("c-1", enabled_at=AFTER + timedelta(days=30))
    assert [one.run.id for one in monitored.wake(AFTER + timedelta(days=30))] == ["2026-12-21T10:00Z"]


def test_a_summary_is_published_once(monitored: Monitored) -> None:
    monitored.record(9)
    assert [len(monitored.wake()) for _ in range(3)] == [1, 0, 0]
    assert monitored.told() == [(HOUR, 9, False)]


def test_a_correction_is_published_once_and_brings_what_is_new(monitored: Monitored) -> None:
    monitored.record(9)
    monitored.wake()
    monitored.record(12, late=True)
    (correction,) = monitored.wake()
    assert (correction.news, correction.id) == (Counter(received=3), f"c-1/{HOUR}/2")
    assert monitored.wake() == []
    assert monitored.told() == [(HOUR, 9, False), (HOUR, 12, True)]


def test_what_is_late_but_in_time_for_the_summary_is_no_correction(monitored: Monitored) -> None:
    monitored.record(9, late=True)
    assert len(monitored.wake()) == 1
    assert monitored.wake(AFTER + timedelta(minutes=5)) == []
    assert (monitored.told(), monitored.runs.late) == ([(HOUR, 9, False)], set())


def test_what_came_before_the_first_summary_is_summed_up_when_it_is_delivered(monitored: Monitored) -> None:
    monitored.record(9, "2026-11-21T07:00Z", late=True)
    assert [len(monitored.wake()) for _ in range(3)] == [1, 1, 0]
    assert monitored.told() == [(HOUR, 0, False), ("2026-11-21T07:00Z", 9, False)]
    assert monitored.runs.late == set()


def test_a_run_that_is_written_while_it_is_told_is_corrected_the_next_time(monitored: Monitored) -> None:
    monitored.record(9)
    monitored.wake()
    monitored.record(10, late=True)
    for _ in monitored.summarise({}, AFTER, monitored.attempts, lambda: True):
        monitored.record(11, late=True)
    assert monitored.runs.late == {("c-1", HOUR, 0)}
    assert [one.news for one in monitored.wake()] == [Counter(received=1)]
    assert monitored.told() == [(HOUR, 9, False), (HOUR, 10, True), (HOUR, 11, True)]


def test_what_the_bus_did_not_take_is_not_remembered(monitored: Monitored) -> None:
    monitored.store("c-2")
    monitored.record(9)

    def refuses(one: Announcement) -> str | None:
        return "InternalFailure" if one.detail["connection"]["id"] == "c-1" else None

    monitored.bus.refusal = refuses
    assert [one.connection.id for one in monitored.wake()] == ["c-2"]
    assert [type(one) for one in monitored.attempts.failed] == [NotToldError]
    monitored.bus.refusal = lambda _: None
    assert [one.id for one in monitored.wake()] == [f"c-1/{HOUR}/1"]
