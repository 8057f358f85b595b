"""The monitor through its handler: summaries of hours, corrections of them, alerts, and who is told of all this."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from destination.composition import monitor as composition
from destination.composition.aws import dynamodb, s3
from destination.domain.alert import Alert, Subscription
from destination.domain.connection import Status, Waiting
from destination.domain.letter import LetterBundle
from destination.domain.outcome import MESSAGES, MISSING_DEDUPE_VALUE
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.run import Run, Tally, hour_of
from destination.domain.times import format_time, parse_time
from destination.notify import NotToldError
from destination.store.alerts import Alerts
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.letters import Letters
from destination.store.runs import Runs
from destination.store.summaries import Summaries
from functions.monitor import app
from testing.aws import Aws, Context, Inbox, aws, emitted, inbox, logged, refused
from testing.composition import composed, forget
from testing.notify import MemoryBus
from testing.schedule import EventBridgeSchedule
from testing.template import expand, of_type, settle
from testing.timeline import Timeline
from testing.world import connection

COUNTS = Counter(
    received=9, activated=5, unchanged=1, excluded=2, failed=1, ignored=4, rejected=2, warnings=3, marketo_calls=12
)
HOUR = "2026-11-21T10:00Z"
AFTER = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
ENOUGH_TIME = Context()
LETTERS = LetterBundle("c-1", "MARKETO_1003", AFTER - timedelta(hours=3), AFTER - timedelta(hours=4), 2, 100, "0" * 32)


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack, composed(stack.environment()):
        yield stack


@pytest.fixture
def told(stack: Aws) -> Inbox:
    return inbox(stack)


def store(stack: Aws, *ids: str, **properties: Any) -> None:
    for connection_id in ids:
        Connections(stack.dynamodb, "ConnectionsTable").create(connection(id=connection_id, **properties), "0f")


def record(
    stack: Aws, counts: Mapping[str, int], hour: str = HOUR, *, late: bool = False, connection_id: str = "c-1"
) -> None:
    """Write a run as sync does: over the one there is, in its hour or after it."""
    runs = Runs(stack.dynamodb, "RunsTable")
    before = runs.get(connection_id, hour)
    run = Run(
        connection_id, hour, before.version if before else 0, Tally(Counter(counts), Counter({MISSING_DEDUPE_VALUE: 2}))
    )
    written = hour_of(hour) + timedelta(hours=1 if late else 0)
    stack.dynamodb.transact_write_items(TransactItems=[runs.put(run, written)])


def wake(time: datetime = AFTER, context: Context = ENOUGH_TIME) -> dict[str, int]:
    return app.handler({"time": format_time(time)}, context)


def summaries(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [line for line in logged(app.logger, caplog) if line["message"] == "run summary"]


def test_the_hour_that_is_over_is_summed_up(stack: Aws, told: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    store(stack, "c-1", "c-2")
    record(stack, COUNTS)
    record(stack, {"received": 99}, "2026-11-21T11:00Z")

    assert wake() == {"sent_back": 0, "summaries": 2, "alerts": 0, "verifications": 0, "removed": 0}

    busy, idle = summaries(caplog)
    assert busy["connection"] == {"id": "c-1", "name": "Webinar leads", "status": "enabled"}
    assert (busy["run"]["id"], busy["run"]["status"]) == (HOUR, "completed")
    assert (busy["run"]["received"], busy["run"]["activated"]["persons"]) == (9, 5)
    [reason] = busy["run"]["reasons"]
    assert (reason["code"], reason["count"]) == ("MISSING_DEDUPE_VALUE", 2)
    assert reason["message"] == MESSAGES["MISSING_DEDUPE_VALUE"]
    assert (idle["connection_id"], idle["run"]["id"], idle["run"]["received"]) == ("c-2", HOUR, 0)

    events = told.announced()
    assert [kind for kind, _ in events] == ["Run Summary", "Run Summary"]
    assert {detail["id"] for _, detail in events} == {f"c-1/{HOUR}/1", f"c-2/{HOUR}/0"}
    assert {detail["run"]["received"] for _, detail in events} == {9, 0}
    assert all(detail["correction"] is False and "audiences" not in detail["run"] for _, detail in events)

    assert (busy["news"], idle["news"]) == (COUNTS, {})


def gauges(output: str) -> list[dict[str, float]]:
    """What was measured, run by run."""
    names = ("oldest_event", "oldest_parked", "oldest_letter", "quota_used")
    return [{name: value for name in names for value in line.get(name, ())} for line in emitted(output)]


def test_it_is_measured_once_a_run_how_long_events_wait(stack: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    """None for each connection: a metric costs $0.30 a month, and the lines of the summaries say the same."""
    store(stack, "c-1")
    store(stack, "c-2", status=Status.DISABLED)
    record(stack, COUNTS)
    wake()
    nothing = {"oldest_event": 0, "quota_used": 0}
    assert gauges(capsys.readouterr().out) == [nothing], "what is not there costs nothing"

    park(stack, "c-1", 3, AFTER - timedelta(hours=2))
    park(stack, "c-2", 4, AFTER - timedelta(days=21))
    delivering(stack).block("c-1", "610: a cause", AFTER)
    use(stack, 36_000)
    Letters(stack.s3, stack.bucket).put(LETTERS, ["{}", "{}"])
    wake()
    measured = {"oldest_event": 7200, "oldest_parked": 21 * 86_400, "oldest_letter": 10_800, "quota_used": 90}
    assert gauges(capsys.readouterr().out) == [measured]


def test_what_is_not_known_is_not_measured(stack: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    """No gauge tells that nothing waits where nobody could look; what is missing is noticed."""
    store(stack, "c-1")
    with refused(s3(), "ListObjectsV2"), pytest.raises(ExceptionGroup):
        wake()
    assert emitted(capsys.readouterr().out) == []


def park(stack: Aws, connection_id: str, events: int, oldest_at: datetime) -> None:
    """Put a bundle into the bucket, as its name tells it."""
    bundle = Bundle(connection_id, WaitsFor.BLOCKED, AFTER, oldest_at, events, 1, f"{events:032x}")
    stack.s3.put_object(Bucket=stack.bucket, Key=f"parked/{connection_id}/{bundle.name}", Body=b"{}")


def test_an_hour_is_summed_up_once(stack: Aws, told: Inbox) -> None:
    store(stack, "c-1")
    record(stack, COUNTS)
    assert wake()["summaries"] == 1
    assert wake()["summaries"] == 0
    assert wake(AFTER + timedelta(minutes=50))["summaries"] == 0
    assert wake(AFTER + timedelta(hours=1))["summaries"] == 1
    assert len(told.announced()) == 2


def test_what_is_delivered_late_corrects_the_hour(stack: Aws, told: Inbox, caplog: pytest.LogCaptureFixture) -> None:
    store(stack, "c-1")
    record(stack, COUNTS)
    wake()
    told.announced()

    record(stack, COUNTS + Counter(received=3, activated=3, marketo_calls=2), late=True)
    assert wake(AFTER + timedelta(minutes=5))["summaries"] == 1

    [(kind, detail)] = told.announced()
    assert (kind, detail["id"], detail["correction"]) == ("Run Summary", f"c-1/{HOUR}/2", True)
    assert detail["run"]["received"] == 12
    assert summaries(caplog)[-1]["news"] == {"received": 3, "activated": 3, "marketo_calls": 2}
    assert wake(AFTER + timedelta(minutes=10))["summaries"] == 0


def late(stack: Aws) -> list[tuple[str, str]]:
    return list(Summaries(stack.dynamodb, "RunsTable").late())


def test_late_runs_of_a_connection_that_is_gone_are_let_go(stack: Aws, told: Inbox) -> None:
    record(stack, COUNTS, late=True)
    assert late(stack) == [("c-1", HOUR)]
    assert (wake()["summaries"], told.announced(), late(stack)) == (0, [], [])


def test_every_page_of_connections_is_read(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    ids = [f"c-{number}" for number in range(51)]
    store(stack, *ids)
    assert wake()["summaries"] == 51
    assert sorted(line["connection_id"] for line in summaries(caplog)) == sorted(ids)


def test_without_connections_there_is_nothing_to_say(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    assert app.handler({}, Context()) == {"sent_back": 0, "summaries": 0, "alerts": 0, "verifications": 0, "removed": 0}
    assert summaries(caplog) == []


def test_a_time_that_nobody_put_in_is_now(stack: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule of the template names a place for it, which AWS fills and the emulator leaves as it is."""
    schedule = of_type(settle(expand()), "AWS::Scheduler::Schedule")["MonitorFunctionRegularly"]
    event = json.loads(schedule["Target"]["Input"])
    monkeypatch.setattr(app, "now", lambda: AFTER)
    store(stack, "c-1")
    record(stack, COUNTS)
    assert app.handler(event, Context())["summaries"] == 1
    with pytest.raises(ValueError, match="ISO 8601"):
        app.handler({"time": "<time>"}, Context())


@pytest.mark.remedy("the-monitor-is-silent", "a-function-fails")
@pytest.mark.parametrize("fails", [0, 1, 2])
def test_every_hour_is_summed_up_once_by_the_schedule(stack: Aws, told: Inbox, fails: int) -> None:
    """Also where Lambda could not be invoked at first, or ever, and where a time is told twice."""
    properties = of_type(settle(expand()), "AWS::Scheduler::Schedule")["MonitorFunctionRegularly"]
    store(stack, "c-1")
    record(stack, COUNTS)
    summed_up: Counter[str] = Counter()
    left = iter(range(fails))

    def invoke(event: dict[str, str]) -> None:
        if next(left, None) is not None:
            raise ConnectionError
        for _ in range(2):
            summed_up[event["time"]] += app.handler(event, Context())["summaries"]

    timeline, start = Timeline(), AFTER - timedelta(seconds=90)
    schedule = EventBridgeSchedule(timeline, start, properties, 5, invoke)
    timeline.run(20 * 60)
    first, *others = sorted(summed_up)
    due = AFTER if fails < 2 else AFTER + timedelta(minutes=5)
    assert (parse_time(first), summed_up[first], sum(summed_up[one] for one in others)) == (due, 1, 0)
    assert len([kind for kind, _ in told.announced() if kind == "Run Summary"]) == 1
    assert schedule.dead_letters == ([{"time": format_time(AFTER)}] if fails == 2 else [])


def test_an_alert_is_told_once_when_it_is_triggered_and_once_when_it_is_resolved(stack: Aws, told: Inbox) -> None:
    store(stack, "c-1", alerts=(Subscription(Alert.ACTIVATION_SKIPPED_RATE),))
    now = AFTER + timedelta(minutes=10)
    record(stack, {"received": 100, "excluded": 2}, "2026-11-21T11:00Z")
    assert [wake(now + timedelta(minutes=5 * times))["alerts"] for times in range(3)] == [1, 0, 0]

    [notification] = told.told()
    assert notification["subject"] == "activation_skipped_rate triggered: Webinar leads"
    expected = {"connection_id": "c-1", "alert": "activation_skipped_rate", "status": "triggered"}
    assert notification["attributes"] == expected
    message = notification["message"]
    assert message["id"] == "c-1/activation_skipped_rate/1"
    assert (message["value"], message["threshold"], message["unit"]) == (0.02, 0.01, "ratio")
    assert message["at"] == format_time(now)
    assert [(kind, detail) for kind, detail in told.announced() if kind != "Run Summary"] == [
        ("Alert Triggered", message)
    ]

    record(stack, {"received": 1000, "excluded": 2}, "2026-11-21T11:00Z")
    assert wake(now + timedelta(minutes=15))["alerts"] == 1
    assert wake(now + timedelta(minutes=20))["alerts"] == 0
    [notification] = told.told()
    assert (notification["message"]["status"], notification["message"]["value"]) == ("resolved", 0.002)
    history = Alerts(stack.dynamodb, "RunsTable").history("c-1", None, 10).changes
    assert [one.number for one in history] == [2, 1]


@pytest.mark.parametrize(
    ("alert", "trouble"),
    [
        (Alert.FAILURE_RATE, lambda stack: record(stack, {"received": 100, "failed": 2}, "2026-11-21T11:00Z")),
        (
            Alert.LETTERS,
            lambda stack: Letters(stack.s3, stack.bucket).put(LETTERS, ["{}"]),
        ),
        (Alert.CONNECTION_BLOCKED, lambda stack: delivering(stack).block("c-1", "610: a cause", AFTER)),
        (
            Alert.DELIVERY_DELAY,
            lambda stack: delivering(stack).wait("c-1", Waiting(AFTER - timedelta(minutes=16), AFTER)),
        ),
        (Alert.NO_EVENTS, lambda stack: record(stack, {"received": 1}, "2026-11-20T09:00Z")),
        (Alert.QUOTA_LOW, lambda stack: use(stack, 36_001)),
    ],
)
def test_each_alert_is_read_from_where_it_is_known(stack: Aws, told: Inbox, alert: Alert, trouble: Any) -> None:
    store(stack, "c-1", alerts=(Subscription(alert),))
    assert wake()["alerts"] == 0
    trouble(stack)
    assert wake()["alerts"] == 1
    assert [one["message"]["alert"] for one in told.told()] == [alert.value]


def test_a_delay_ends_when_its_message_left_the_queue_without_a_delivery(stack: Aws, told: Inbox) -> None:
    store(stack, "c-1", alerts=(Subscription(Alert.DELIVERY_DELAY),))
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="x")
    delivering(stack).wait("c-1", Waiting(AFTER - timedelta(minutes=16), AFTER))
    assert wake()["alerts"] == 1
    assert wake(AFTER + timedelta(days=1))["alerts"] == 0
    stack.sqs.purge_queue(QueueUrl=stack.queue_url)
    assert wake(AFTER + timedelta(minutes=4))["alerts"] == 0
    assert wake(AFTER + timedelta(minutes=5))["alerts"] == 1
    assert sorted(one["message"]["status"] for one in told.told()) == ["resolved", "triggered"]


def test_what_was_used_on_a_day_counts_on_that_day(stack: Aws, told: Inbox) -> None:
    store(stack, "c-1", alerts=(Subscription(Alert.QUOTA_LOW),))
    use(stack, 36_001)
    assert wake()["alerts"] == 1
    assert wake(AFTER + timedelta(days=1))["alerts"] == 1
    assert sorted(one["message"]["status"] for one in told.told()) == ["resolved", "triggered"]


def test_the_longest_and_oddest_name_can_be_told(stack: Aws, told: Inbox) -> None:
    store(stack, "c-1", name="\n\u202e\U0001f980" * 85, alerts=(Subscription(Alert.CONNECTION_BLOCKED),))
    delivering(stack).block("c-1", "610: a cause", AFTER)
    assert wake()["alerts"] == 1
    [notification] = told.told()
    assert notification["subject"] == f"connection_blocked triggered: {'?' * 255}"[:99]


def test_what_was_stored_but_not_told_is_told_the_next_time(stack: Aws, told: Inbox) -> None:
    store(stack, "c-1", alerts=(Subscription(Alert.CONNECTION_BLOCKED),))
    delivering(stack).block("c-1", "610: a cause", AFTER)
    with composed({"ALERT_TOPIC_ARN": stack.alert_topic_arn + "-gone"}), pytest.raises(ExceptionGroup):
        wake()
    assert told.told() == []

    delivering(stack).unblock("c-1")
    assert [wake()["alerts"], wake()["alerts"], wake()["alerts"]] == [1, 1, 0]
    assert sorted(one["message"]["status"] for one in told.told()) == ["resolved", "triggered"]


def test_trouble_of_one_connection_keeps_nothing_from_the_others(
    stack: Aws, told: Inbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store(stack, "c-1", "c-2", alerts=(Subscription(Alert.CONNECTION_BLOCKED),))
    for connection_id in ("c-1", "c-2"):
        record(stack, COUNTS, connection_id=connection_id)
        delivering(stack).block(connection_id, "610: a cause", AFTER)
    bus = MemoryBus(refusal=lambda one: "InternalFailure" if one.detail["connection"]["id"] == "c-1" else None)
    with monkeypatch.context() as trouble:
        trouble.setattr(composition, "bus", lambda: bus)
        with pytest.raises(ExceptionGroup) as failed:
            wake()

    assert [type(one) for one in failed.value.exceptions] == [NotToldError, NotToldError]  # its alert and its summary
    lines = [line for line in logged(app.logger, caplog) if line["message"] == "not monitored"]
    assert [(line["connection_id"], line["cause"]) for line in lines] == [("c-1", "NotToldError")] * 2
    assert [one.detail["connection"]["id"] for one in bus.told] == ["c-2", "c-2"]
    assert [one["message"]["connection"]["id"] for one in told.told()] == ["c-2"]

    forget()
    assert wake() == {"sent_back": 0, "summaries": 1, "alerts": 1, "verifications": 0, "removed": 0}
    assert {detail["connection"]["id"] for _, detail in told.announced()} == {"c-1"}


def test_trouble_of_one_part_keeps_nothing_from_those_after_it(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    """Summaries that are late cannot be found; a connection that is being deleted goes all the same."""
    store(stack, "c-1")
    connections = Connections(stack.dynamodb, "ConnectionsTable")
    connections.begin_deletion("c-1", 1, AFTER)
    connections.discard("c-1")

    def refuse(params: Mapping[str, Any], **_: object) -> None:
        if params.get("IndexName") == "Late":
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "hush"}}, "Query")

    event = "before-parameter-build.dynamodb.Query"
    dynamodb().meta.events.register(event, refuse)
    try:
        with pytest.raises(ExceptionGroup) as failed:
            wake()
    finally:
        dynamodb().meta.events.unregister(event, refuse)
    assert [type(one) for one in failed.value.exceptions] == [ClientError]
    [line] = [line for line in logged(app.logger, caplog) if line["message"] == "not monitored"]
    assert ("connection_id" in line, line["cause"]) == (False, "InternalServerError")
    assert list(connections.all()) == []


def test_a_summary_that_cannot_be_remembered_is_told_again(
    stack: Aws, told: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    store(stack, "c-1")
    record(stack, COUNTS)
    with refused(dynamodb(), "PutItem"), pytest.raises(ExceptionGroup):
        wake()
    assert wake()["summaries"] == 1
    assert [detail["id"] for _, detail in told.announced()] == [f"c-1/{HOUR}/1"] * 2
    assert [line["id"] for line in summaries(caplog)] == [f"c-1/{HOUR}/1"] * 2


def test_alerts_are_told_while_nothing_can_be_summed_up(stack: Aws, told: Inbox) -> None:
    store(stack, "c-1", alerts=(Subscription(Alert.CONNECTION_BLOCKED),))
    delivering(stack).block("c-1", "610: a cause", AFTER)
    record(stack, COUNTS)
    late = Context(milliseconds_left=app.TIME_TO_END)
    assert wake(context=late) == {"sent_back": 0, "summaries": 0, "alerts": 1, "verifications": 0, "removed": 0}
    assert wake(AFTER + timedelta(hours=3))["summaries"] == 1


def delivering(stack: Aws) -> DeliveringConnections:
    return DeliveringConnections(stack.dynamodb, "ConnectionsTable")


def use(stack: Aws, calls: int) -> None:
    """As many calls of Marketo's day as its last count tells."""
    today = {"date": "2026-11-21", "total": calls, "own": 0, "asked_at": AFTER.timestamp() - 60}
    pace: dict[str, Any] = {"calls": [], "share": None, "concurrency": None, "today": today}
    key = {"pk": {"S": "instance#123-ABC-456"}, "sk": {"S": "instance"}}
    stack.dynamodb.put_item(TableName="ConnectionsTable", Item={**key, "pace": {"S": json.dumps(pace)}})
