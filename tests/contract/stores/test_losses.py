"""What the webhook lost, counted once for each body: in memory as in the table."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from destination.delivery import losses
from destination.domain.loss import LOSSES, MEMBERSHIP_STATUS_UNKNOWN, RECORD_NOT_JSON, Loss, Lost
from destination.domain.run import RETENTION, Run, Tally, hour_of
from destination.store.errors import StaleVersionError
from destination.store.losses import MAX_BODIES, Losses
from destination.store.runs import LOSSES_PART, Runs
from testing.aws import Aws
from testing.memory import MemoryLosses, MemoryRuns, MemorySummaries

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
HOUR, NEXT = "2026-11-21T10:00Z", "2026-11-21T11:00Z"
BODY = {RECORD_NOT_JSON: 2, MEMBERSHIP_STATUS_UNKNOWN: 1}


class LossesStand(Protocol):
    """An implementation, and the runs in which it counts."""

    @property
    def losses(self) -> losses.Losses: ...
    def run(self, connection_id: str = "c-1", hour: str = HOUR) -> Run | None: ...
    def write(self, run: Run) -> None: ...
    def late(self) -> list[tuple[str, str]]: ...


@dataclass
class LossesInMemory:
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    losses: MemoryLosses = field(init=False)

    def __post_init__(self) -> None:
        self.losses = MemoryLosses(self.runs)

    def run(self, connection_id: str = "c-1", hour: str = HOUR) -> Run | None:
        return self.runs.get(connection_id, hour)

    def write(self, run: Run) -> None:
        self.runs.write(run, NOW)

    def late(self) -> list[tuple[str, str]]:
        return list(MemorySummaries(self.runs).late())


@dataclass
class LossesInTable:
    stack: Aws

    @property
    def runs(self) -> Runs:
        return Runs(self.stack.dynamodb, "RunsTable")

    @property
    def losses(self) -> Losses:
        return Losses(self.stack.dynamodb, "RunsTable", self.runs)

    def run(self, connection_id: str = "c-1", hour: str = HOUR) -> Run | None:
        return self.runs.get(connection_id, hour)

    def write(self, run: Run) -> None:
        self.stack.dynamodb.transact_write_items(TransactItems=[self.runs.put(run, NOW)])

    def late(self) -> list[tuple[str, str]]:
        found = self.stack.dynamodb.scan(TableName="RunsTable", IndexName="Late")["Items"]
        return [(one["connection_id"]["S"], one["id"]["S"].partition("#")[0]) for one in found]


@pytest.fixture(params=["memory", "table"])
def stand(request: pytest.FixtureRequest) -> LossesStand:
    return LossesInMemory() if request.param == "memory" else LossesInTable(request.getfixturevalue("stack"))


def lost(stand: LossesStand) -> dict[Loss, int]:
    run = stand.run()
    return {} if run is None else dict(run.tally.losses)


def test_what_was_lost_of_a_body_is_in_the_run_once(stand: LossesStand) -> None:
    for _ in range(2):
        stand.losses.count("c-1", HOUR, {"e-1": BODY}, NOW)
    run = stand.run()
    assert run is not None
    assert (run.tally.losses, +run.tally.counts) == (BODY, Counter(rejected=2, left_out=1))
    assert (run.version, stand.run("c-2"), stand.run(hour=NEXT)) == (1, None, None)


def test_of_several_bodies_those_count_that_are_new(stand: LossesStand) -> None:
    stand.losses.count("c-1", HOUR, {"e-1": BODY, "e-2": BODY}, NOW)
    stand.losses.count("c-1", HOUR, {"e-2": BODY, "e-3": {RECORD_NOT_JSON: 5}, "e-1": BODY}, NOW)
    assert lost(stand) == {RECORD_NOT_JSON: 9, MEMBERSHIP_STATUS_UNKNOWN: 2}


def test_an_envelope_is_that_of_its_connection(stand: LossesStand) -> None:
    for connection_id in ("c-1", "c-2"):
        stand.losses.count(connection_id, HOUR, {"e-1": BODY}, NOW)
    assert lost(stand) == BODY
    other = stand.run("c-2")
    assert other is not None
    assert other.tally.losses == BODY


def test_as_many_bodies_as_there_may_be_are_counted_at_a_time(stand: LossesStand) -> None:
    stand.losses.count("c-1", HOUR, {f"e-{number}": dict.fromkeys(LOSSES, 1) for number in range(MAX_BODIES)}, NOW)
    assert lost(stand) == dict.fromkeys(LOSSES, MAX_BODIES)


def test_the_run_has_what_was_delivered_beside_what_was_lost(stand: LossesStand) -> None:
    stand.losses.count("c-1", HOUR, {"e-1": BODY}, NOW)
    stand.write(Run("c-1", HOUR, tally=Tally(Counter(received=3, activated=3)), shard=7))
    run = stand.run()
    assert run is not None
    assert +run.tally.counts == Counter(received=3, activated=3, rejected=2, left_out=1)
    assert len(run.parts) == 2


def test_codes_of_another_release_are_counted(stand: LossesStand) -> None:
    unknown = {Loss(Lost.LEFT_OUT, "TO_COME"): 3}
    stand.losses.count("c-1", HOUR, {"e-1": unknown}, NOW)
    assert lost(stand) == unknown


def test_what_is_counted_after_its_hour_is_late(stand: LossesStand) -> None:
    stand.losses.count("c-1", HOUR, {"e-1": BODY}, NOW)
    assert stand.late() == []
    stand.losses.count("c-1", HOUR, {"e-2": BODY}, NOW + timedelta(hours=1))
    assert stand.late() == [("c-1", HOUR)]


# In the table alone


def test_others_may_count_at_the_same_time(stack: Aws) -> None:
    stand = LossesInTable(stack)
    left = [3]

    def write(**_: object) -> None:
        if left[0]:
            left[0] -= 1
            put = stand.runs.put(stand.runs.part("c-1", HOUR, LOSSES_PART), NOW)["Put"]
            stack.dynamodb.put_item(TableName="RunsTable", Item=put["Item"])

    stack.dynamodb.meta.events.register_first("before-call.dynamodb.TransactWriteItems", write)
    try:
        stand.losses.count("c-1", HOUR, {"e-1": BODY}, NOW)
        assert (lost(stand), left) == (BODY, [0])
        left[0] = 99
        with pytest.raises(StaleVersionError):
            stand.losses.count("c-1", HOUR, {"e-2": BODY}, NOW)
    finally:
        stack.dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", write)
    assert lost(stand) == BODY


def test_marks_and_counts_go_with_the_run(stack: Aws) -> None:
    LossesInTable(stack).losses.count("c-1", HOUR, {"e-1": BODY}, NOW)
    expires = {one["expires_at"]["N"] for one in stack.dynamodb.scan(TableName="RunsTable")["Items"]}
    assert expires == {str(int((hour_of(HOUR) + RETENTION).timestamp()))}
