"""The alarms over days that nobody waits for: each is raised when it should be, ends, and is not raised otherwise."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from destination.domain.connection import ActiveConnection, Connection, Status, Waiting
from destination.domain.letter import LetterBundle
from destination.domain.pace import DayCount
from destination.domain.parking import MAX_WAIT, Bundle, WaitsFor
from destination.monitoring.gauges import ReadGauges, measured
from testing.cloudwatch import CloudWatch
from testing.memory import MemoryConnections
from testing.standard_queue import MAX_IN_FLIGHT, StandardQueue
from testing.template import Template, of_type, settle
from testing.timeline import Timeline
from testing.world import connection

START: Final = datetime(2026, 11, 21, tzinfo=UTC)
MINUTE: Final = 60.0
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
ROUND: Final = 5 * MINUTE
"""How often the monitor runs, and for how long a data point is."""


@dataclass
class Operation:
    """A stack in operation: its queues by SQS's rules, its monitor, and its alarms.

    `every`: the seconds between runs of the monitor, `runs`: whether it runs at all. `raised`: which alarms are, by the
    hours since the start at which that changed.
    """

    cloudwatch: CloudWatch
    every: float = ROUND
    runs: bool = True
    visibility: float = 420.0
    used: int = 0
    timeline: Timeline = field(default_factory=Timeline)
    connection: Connection = field(default_factory=connection)
    parked: list[Bundle] = field(default_factory=list)
    failed: list[LetterBundle] = field(default_factory=list)
    raised: dict[float, set[str]] = field(default_factory=lambda: {0.0: set()})

    def __post_init__(self) -> None:
        self.dead_letters = StandardQueue(self.timeline, self.visibility)
        self.queue = StandardQueue(self.timeline, self.visibility, dead_letters=self.dead_letters, max_receives=1000)

    @property
    def now(self) -> datetime:
        return START + timedelta(seconds=self.timeline.now)

    @property
    def hour(self) -> float:
        return self.timeline.now / HOUR

    def park(self, age: float = 0.0) -> None:
        """Park an event that is so many seconds old."""
        oldest_at = self.now - timedelta(seconds=age)
        bundle = Bundle(self.connection.id, WaitsFor.BLOCKED, self.now, oldest_at, 1, 100, "0" * 32)
        self.parked.append(bundle)

    def fail(self) -> None:
        """Let an event become a letter."""
        self.failed.append(LetterBundle(self.connection.id, "MARKETO_1003", self.now, self.now, 1, 100, "0" * 32))

    def let(self, seconds: float, also: Callable[[], object] = lambda: None) -> set[str]:
        """Let time pass, and each minute something else happen; the alarms that are raised at its end.

        What AWS tells of the queues it tells each minute, the monitor at its runs; alarms are evaluated every five.
        """
        end = self.timeline.now + seconds
        while self.timeline.now < end:
            minute = self.timeline.now
            if self.runs and minute % self.every == 0:
                self.measure()
            also()
            self.tell_of_queues()
            self.timeline.run(minute + MINUTE)
            if self.timeline.now % ROUND == 0:
                raised = self.cloudwatch.evaluate(self.timeline.now)
                if raised != list(self.raised.values())[-1]:
                    self.raised[self.hour] = raised
        return list(self.raised.values())[-1]

    def measure(self) -> None:
        """As the handler does."""
        stored = MemoryConnections({self.connection.id: ActiveConnection(self.connection, {})})
        counted = DayCount("2026-11-21", self.used, 0, self.now.timestamp())
        gauges = ReadGauges(stored, lambda _: counted, lambda: False)(
            {self.connection.id: self.parked}, {self.connection.id: self.failed}, self.now
        )
        for name, value in measured(gauges).items():
            self.tell("MarketoDestination", name, value, stack="AWS::StackName", service="monitor")

    def tell_of_queues(self) -> None:
        visible, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
        self.tell("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", self.queue.in_flight, QueueName="Queue")
        self.tell("AWS/SQS", visible, self.dead_letters.visible, QueueName="DeadLetterQueue")
        self.tell("AWS/SQS", age, self.queue.age_of_oldest(), QueueName="Queue")

    def tell(self, namespace: str, name: str, value: float, **dimensions: str) -> None:
        self.cloudwatch.tell(self.timeline.now, namespace, name, value, **dimensions)

    def deliver(self) -> None:
        """Finish all that can be received."""
        while received := self.queue.receive():
            for one in received:
                self.queue.delete(one.receipt)

    def since(self, alarm: str) -> float:
        """The hour at which it was raised last."""
        hours = [(hour, alarm in raised) for hour, raised in self.raised.items()]
        return max(hour for (_, before), (hour, after) in itertools.pairwise(hours) if after and not before)


@pytest.fixture
def operation(template: Template) -> Operation:
    made = Operation(CloudWatch.of(template))
    # Until the monitor has run for the first time its alarm may be raised.
    assert made.let(HOUR) == set()
    return made


def test_a_week_of_normal_operation_raises_nothing(template: Template) -> None:
    """A connection that somebody disabled, another that is requeued now and then, and a backlog of some minutes."""
    made = Operation(CloudWatch.of(template))
    made.connection = replace(made.connection, status=Status.DISABLED)
    made.park()

    def work() -> None:
        made.queue.send("message")
        if made.timeline.now % (10 * MINUTE) == 0:
            made.deliver()
        made.tell("AWS/DynamoDB", "WriteThrottleEvents", 2, TableName="LedgerTable")

    made.let(7 * DAY, work)
    assert set().union(*made.raised.values()) == set()


@pytest.mark.parametrize("status", [Status.ENABLED, Status.BLOCKED, Status.DELETING])
def test_events_of_a_connection_that_waits_are_seen_after_an_hour_and_until_they_are_delivered(
    operation: Operation, status: Status
) -> None:
    """SQS's age is blind to it: its queue is empty."""
    operation.connection = replace(operation.connection, status=status)
    began = operation.hour
    operation.park()
    assert operation.let(HOUR) == set()
    assert operation.let(12 * HOUR) == {"OldestEventAlarm"}
    assert began + 1 < operation.since("OldestEventAlarm") <= began + 1.25
    operation.parked.clear()
    assert operation.let(10 * MINUTE) == set()


def test_what_is_requeued_for_long_is_seen_though_sqs_leaves_it_out(operation: Operation) -> None:
    """A message that was received more than three times is in no age of SQS."""
    operation.queue.send("message")
    received_at = operation.now

    def requeue() -> None:
        for one in operation.queue.receive():
            operation.queue.change_visibility(one.receipt, 60)
        waiting = Waiting(received_at, operation.now + timedelta(minutes=1))
        operation.connection = replace(operation.connection, waiting=waiting)

    assert operation.let(3 * HOUR, requeue) == {"OldestEventAlarm"}


def test_an_hours_old_event_that_is_delivered_at_once_raises_nothing(operation: Operation) -> None:
    """Somebody enables a connection that was disabled for a week: the monitor may see it once."""
    operation.connection = replace(operation.connection, status=Status.DISABLED)
    operation.park(7 * DAY)
    assert operation.let(HOUR) == set()
    operation.connection = replace(operation.connection, status=Status.ENABLED)
    operation.let(ROUND)
    operation.parked.clear()
    assert operation.let(HOUR) == set()
    assert set().union(*operation.raised.values()) == set()


def test_an_alarm_does_not_end_because_nobody_looks(operation: Operation) -> None:
    operation.park(2 * HOUR)
    assert operation.let(HOUR) == {"OldestEventAlarm"}
    operation.runs = False
    assert operation.let(DAY) == {"OldestEventAlarm", "MonitorSilentAlarm"}


@pytest.mark.parametrize("status", Status)
def test_events_that_are_parked_for_twenty_days_are_seen_long_before_they_fail(
    operation: Operation, status: Status
) -> None:
    operation.connection = replace(operation.connection, status=status)
    operation.park(20 * DAY - 2 * HOUR)
    assert "ParkedTooLongAlarm" not in operation.let(HOUR)
    began = operation.hour
    assert "ParkedTooLongAlarm" in operation.let(2 * HOUR)
    assert operation.since("ParkedTooLongAlarm") <= began + 1.25
    assert timedelta(days=20) + timedelta(days=7) < MAX_WAIT


def test_messages_in_flight_are_seen_before_sqs_stops(operation: Operation) -> None:
    for _ in range(MAX_IN_FLIGHT):
        operation.queue.send("message")
    held: list[str] = []

    def hold() -> None:
        for receipt in held:
            operation.queue.change_visibility(receipt, 420)
        for _ in range(1000):
            held.extend(one.receipt for one in operation.queue.receive())
        in_flight.append(operation.queue.in_flight)

    in_flight: list[int] = []
    assert operation.let(5 * MINUTE, hold) == set()
    assert operation.let(5 * MINUTE, hold) == {"InFlightAlarm"}
    assert 80_000 < in_flight[-1] < MAX_IN_FLIGHT
    for receipt in held:
        operation.queue.delete(receipt)
    operation.deliver()
    assert operation.let(5 * MINUTE) == set()


@pytest.mark.remedy("the-queue-is-slow")
def test_a_queue_that_nobody_receives_from_is_slow(operation: Operation) -> None:
    operation.queue.send("message")
    assert operation.let(HOUR) == set()
    assert operation.let(HOUR) == {"SlowQueueAlarm"}
    operation.deliver()
    assert operation.let(ROUND) == set()


def test_letters_are_seen_at_once_and_a_week_before_they_are_gone(operation: Operation) -> None:
    operation.fail()
    assert operation.let(20 * MINUTE) == {"LettersAlarm"}
    assert operation.let(21 * DAY - HOUR) == {"LettersAlarm"}
    assert operation.let(HOUR) == {"LettersAlarm", "LettersExpireAlarm"}
    operation.failed.clear()
    assert operation.let(HOUR) == set()


def test_letters_that_are_redriven_before_they_expire_are_no_alarm(operation: Operation) -> None:
    for _ in range(5):
        operation.fail()
        assert operation.let(DAY) == {"LettersAlarm"}
        operation.failed.clear()
        assert operation.let(DAY) == set()


def test_dead_letters_are_seen_as_long_as_there_are_any(template: Template) -> None:
    """SQS deletes them 14 days after they were sent to the queue of events, however late they were moved."""
    made = Operation(CloudWatch.of(template), every=HOUR)
    made.queue.send("message that makes sync fail")
    while not made.dead_letters.visible:
        made.queue.receive()
        made.timeline.run(made.timeline.now + made.visibility)
    moved = made.timeline.now
    assert 4.8 * DAY < moved < 5 * DAY
    made.timeline.run(moved + ROUND - moved % ROUND)
    assert "DeadLetterAlarm" in made.let(9 * DAY)
    assert "DeadLetterAlarm" not in made.let(0.3 * DAY)
    assert made.dead_letters.visible == 0


@pytest.mark.parametrize(
    ("kind", "dimensions"),
    [
        (kind, dimensions)
        for kind in ("Read", "Write")
        for dimensions in (
            {"TableName": "ConnectionsTable"},
            {"TableName": "ConnectionsTable", "GlobalSecondaryIndexName": "Listing"},
            {"TableName": "LedgerTable"},
            {"TableName": "RunsTable"},
            {"TableName": "RunsTable", "GlobalSecondaryIndexName": "Late"},
        )
        if (kind, dimensions.get("GlobalSecondaryIndexName")) != ("Read", "Late")  # The monitor's own, whose run fails.
    ],
)
def test_throttles_of_any_table_are_seen_once_they_last(
    operation: Operation, kind: str, dimensions: dict[str, str]
) -> None:
    """A table has no data point while nothing is throttled, and an alarm on tables ignores what is missing."""

    def throttle() -> None:
        operation.tell("AWS/DynamoDB", f"{kind}ThrottleEvents", 3, **dimensions)

    assert operation.let(10 * MINUTE, throttle) == set()
    assert operation.let(5 * MINUTE, throttle) == {"TableThrottlesAlarm"}
    assert operation.let(5 * MINUTE) == set()

    def burst() -> None:
        for _ in range(100):
            throttle()

    assert operation.let(5 * MINUTE, burst) == set()


def test_the_tables_that_are_used_are_watched(expanded: Template) -> None:
    restored = {f"Restored{name}Table": f"{name}-restored" for name in ("Connections", "Ledger", "Runs")}
    metrics = of_type(settle(expanded, **restored), "AWS::CloudWatch::Alarm")["TableThrottlesAlarm"]["Metrics"]
    dimensions = [
        one for metric in metrics if "MetricStat" in metric for one in metric["MetricStat"]["Metric"]["Dimensions"]
    ]
    names = [one["Value"]["Ref"] for one in dimensions if one["Name"] == "TableName"]
    assert (set(names), len(names)) == (set(restored), 9)


@pytest.mark.parametrize("every", [MINUTE, ROUND])
def test_a_monitor_that_does_not_run_is_seen_after_a_quarter_of_an_hour(template: Template, every: float) -> None:
    made = Operation(CloudWatch.of(template), every=every)
    assert made.let(HOUR) == set()
    made.runs = False
    stopped = made.hour
    assert made.let(HOUR) == {"MonitorSilentAlarm"}
    assert stopped + 0.25 <= made.since("MonitorSilentAlarm") <= stopped + 0.34
    made.runs = True
    assert made.let(ROUND) == set()


def test_a_run_of_the_monitor_that_is_late_or_missed_raises_nothing(operation: Operation) -> None:
    operation.runs = False
    assert operation.let(2 * ROUND) == set()
    operation.runs = True
    assert operation.let(2 * ROUND) == set()
    assert set().union(*operation.raised.values()) == set()


def test_a_stack_that_was_just_made_may_miss_its_monitor_once(template: Template) -> None:
    """Nothing was measured before it was there."""
    made = Operation(CloudWatch.of(template))
    made.runs = False
    made.let(ROUND)
    made.runs = True
    assert made.let(HOUR) == set()
    assert len(made.raised) <= 3


def test_the_calls_of_a_day_that_run_out_are_seen_until_they_are_given_anew(operation: Operation) -> None:
    """Also while they have run out and nobody calls."""
    operation.used = operation.connection.limits.daily_calls * 89 // 100
    assert operation.let(HOUR) == set()
    operation.used = operation.connection.limits.daily_calls * 9 // 10
    assert operation.let(HOUR) == {"QuotaAlarm"}
    operation.used = operation.connection.limits.daily_calls
    assert operation.let(6 * HOUR) == {"QuotaAlarm"}
    operation.used = 0
    assert operation.let(ROUND) == set()
