"""What waits for long, through the functions: parked, told, sent back, delivered; and deletions that wait for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.composition.aws import s3, sqs
from destination.domain.parking import MAX_WAIT, Bundle, WaitsFor
from destination.domain.run import CLOSES_AFTER
from destination.domain.times import format_time
from destination.store.alerts import Alerts
from destination.store.connections import Connections
from destination.store.parking import Parking
from functions.monitor import app as monitor
from functions.sync import app as sync
from marketo_simulator import Fault
from testing.aws import Context, logged, refused, sqs_batch
from testing.control_plane import call
from testing.permissions import ActionRecorder
from testing.stack import MAPPING, RunningStack, stack

LIST = {"name": "Webinar", "id": 1001, "workspace": "Default"}
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack({"lists": [LIST]}) as made:
        yield made


def connected(running: RunningStack, *, enabled: bool = True) -> tuple[str, str]:
    """The id and the token of a connection with an audience on the list."""
    connection_id, token = running.connect(mapping=MAPPING[:3])
    activation = {"id": "aud-1", "name": "Webinar", "list": {"id": LIST["id"]}}
    answer = call("POST", f"/connections/{connection_id}/audiences", activation)
    assert answer.status == 201, answer.text
    if enabled:
        assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id, token


def disable(connection_id: str) -> None:
    assert call("POST", f"/connections/{connection_id}/disable").status == 200


def waiting(connection_id: str) -> Any:
    answer = call("GET", f"/connections/{connection_id}/parking")
    assert answer.status == 200, answer.text
    return answer.json


def tick(at: datetime | None = None) -> dict[str, int]:
    """The monitor, at a time: now unless said otherwise."""
    return monitor.handler({"time": format_time(at or datetime.now(UTC))}, Context())


def parking(running: RunningStack) -> Parking:
    return Parking(running.aws.s3, running.aws.bucket)


def depth(running: RunningStack) -> tuple[int, int]:
    """How many messages are to be received, and in flight."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = running.aws.sqs.get_queue_attributes(QueueUrl=running.aws.queue_url, AttributeNames=names)["Attributes"]
    return int(found[names[0]]), int(found[names[1]])


# The calls


def test_nothing_waits_of_a_connection_that_delivers(running: RunningStack) -> None:
    connection = connected(running)
    nothing: dict[str, object] = {"hold": None, "events": 0, "oldest_at": None, "parked": [], "queued_since": None}
    assert waiting(connection[0]) == nothing
    running.post(connection, ("ada", "realized"))
    running.deliver()
    assert waiting(connection[0]) == nothing
    assert running.members(1001) == {"ada"}


@pytest.mark.parametrize(("method", "path"), [("GET", "parking"), ("POST", "resume")])
def test_of_a_connection_that_is_not_there_nothing_is_told(running: RunningStack, method: str, path: str) -> None:
    assert call(method, f"/connections/none/{path}").status == 404


@pytest.mark.remedy("enable", "too-many-messages-in-flight")
def test_what_waits_of_a_disabled_connection_is_told_and_comes_back_when_it_is_enabled(running: RunningStack) -> None:
    connection = connected(running)
    connection_id = connection[0]
    for who in ("ada", "bob", "carl"):
        assert running.post(connection, (who, "realized")) == 202
    disable(connection_id)
    assert running.deliver() == set()
    assert depth(running) == (0, 0), "nothing of it is in flight"
    told = waiting(connection_id)
    assert (told["hold"]["waits_for"], told["hold"]["until"], told["events"]) == ("disabled", None, 3)
    assert told["hold"]["since"] is not None
    [cause] = told["parked"]
    assert (cause["waits_for"], cause["events"], cause["oldest_at"]) == ("disabled", 3, told["oldest_at"])

    assert call("POST", f"/connections/{connection_id}/resume").status == 202
    running.deliver()
    assert waiting(connection_id) == told, "it is disabled still"

    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    running.deliver()
    assert running.members(1001) == {"ada", "bob", "carl"}
    assert waiting(connection_id)["events"] == 0
    assert list(parking(running).all()) == []


def test_what_marketo_refuses_is_told_with_its_cause_and_tried_at_once_by_a_resume(running: RunningStack) -> None:
    connection = connected(running)
    connection_id = connection[0]
    running.marketo.script(Fault(code="603", path="describe2", every=1))
    running.post(connection, ("ada", "realized"), ("bob", "realized"))
    assert running.deliver() == set()
    told = waiting(connection_id)
    assert (told["hold"]["waits_for"], told["events"]) == ("blocked", 2)
    assert told["hold"]["cause"].startswith("603")
    since, until = (datetime.fromisoformat(told["hold"][name]) for name in ("since", "until"))
    assert timedelta(minutes=14) < until - since < timedelta(minutes=16)
    assert tick()["sent_back"] == 0
    running.marketo.clear_faults()
    resumed = call("POST", f"/connections/{connection_id}/resume")
    assert resumed.status == 202
    assert resumed.json["events"] == 2, "what is on its way waits until it is delivered"
    running.deliver()
    assert running.members(1001) == {"ada", "bob"}
    assert waiting(connection_id)["hold"] is None
    assert waiting(connection_id)["events"] == 0


def test_new_credentials_bring_back_at_once_what_waited_for_them(running: RunningStack) -> None:
    connection = connected(running)
    connection_id = connection[0]
    running.marketo.script(Fault(code="603", path="describe2", every=1))
    running.post(connection, ("ada", "realized"))
    running.deliver()
    running.marketo.clear_faults()
    given = call("GET", f"/connections/{connection_id}")
    credentials = {"client_id": "client", "client_secret": "secret"}
    answer = call(
        "PATCH",
        f"/connections/{connection_id}",
        {"credentials": credentials},
        headers={"If-Match": given.headers["ETag"]},
    )
    assert answer.status == 200, answer.text
    running.deliver()
    assert running.members(1001) == {"ada"}


def test_a_raised_limit_brings_back_at_once_what_waited_for_tomorrow(running: RunningStack) -> None:
    connection = connected(running)
    connection_id = connection[0]
    running.marketo.script(Fault(code="607", path="describe2", every=1))
    running.post(connection, ("ada", "realized"))
    running.deliver()
    told = waiting(connection_id)
    assert (told["hold"]["waits_for"], told["events"]) == ("paused", 1)
    assert datetime.fromisoformat(told["hold"]["until"]) > datetime.now(UTC) + 5 * MINUTE
    running.marketo.clear_faults()
    given = call("GET", f"/connections/{connection_id}")
    limits = {**given.json["limits"], "daily_calls": given.json["limits"]["daily_calls"] + 1000}
    answer = call(
        "PATCH", f"/connections/{connection_id}", {"limits": limits}, headers={"If-Match": given.headers["ETag"]}
    )
    assert answer.status == 200, answer.text
    running.deliver()
    assert running.members(1001) == {"ada"}
    assert waiting(connection_id)["hold"] is None


# The monitor


def test_the_monitor_sends_back_what_is_due(running: RunningStack, caplog: pytest.LogCaptureFixture) -> None:
    connection = connected(running)
    running.marketo.script(Fault(code="607", path="describe2", every=1))
    running.post(connection, ("ada", "realized"))
    running.deliver()
    running.marketo.clear_faults()
    due = datetime.fromisoformat(waiting(connection[0])["parked"][0]["due_at"])
    due += MINUTE - (due.minute + 1) % 5 * MINUTE
    assert due.minute % 5 == 0
    assert tick(due - 10 * MINUTE)["sent_back"] == 0, "the pause is not over"
    assert tick(due)["sent_back"] == 1
    lines = [one for one in logged(monitor.logger, caplog) if one["message"] == "parked messages sent back"]
    assert [(one["connection_id"], one["bundles"]) for one in lines] == [(connection[0], 1)]
    assert tick(due + 10 * MINUTE)["sent_back"] == 0
    assert tick(due + 2 * HOUR)["sent_back"] == 1, "its message may have been lost"


def test_while_nobody_knows_what_is_parked_no_hour_is_said_to_be_over(running: RunningStack) -> None:
    connected(running)
    closed = datetime.now(UTC) + CLOSES_AFTER  # By then the hour before this one is, whatever the time is now.
    with refused(s3(), "ListObjectsV2"), pytest.raises(ExceptionGroup):
        tick(closed)
    assert tick(closed)["summaries"] == 1


def test_what_is_too_old_fails_and_is_a_letter(running: RunningStack) -> None:
    connection = connected(running)
    running.post(connection, ("ada", "realized"))
    disable(connection[0])
    running.deliver()
    [old] = parking(running).all()
    assert tick(old.oldest_at + MAX_WAIT + MINUTE)["sent_back"] == 1


# Deletions


def leave(connection_id: str, **query: str) -> datetime:
    """Begin the deletion; the time at which the queue's counts tell of it."""
    given = call("GET", f"/connections/{connection_id}")
    answer = call("DELETE", f"/connections/{connection_id}", headers={"If-Match": given.headers["ETag"]}, query=query)
    assert answer.status in {202, 204}, answer.text
    return datetime.now(UTC) + 6 * MINUTE


def is_there(connection_id: str) -> bool:
    return call("GET", f"/connections/{connection_id}").status == 200


def end(running: RunningStack, connection_id: str, first: datetime, until: timedelta) -> timedelta | None:
    """Let the monitor look every five minutes; after how long the connection was gone."""
    passed = timedelta(0)
    while passed <= until:
        tick(first + passed)
        if not is_there(connection_id):
            return passed
        passed += 5 * MINUTE
    return None


@pytest.mark.parametrize("received", [True, False], ids=["in flight", "parked"])
def test_a_deleted_connection_goes_whatever_waits_of_others(running: RunningStack, *, received: bool) -> None:
    other, leaving = connected(running), running.connect(mapping=MAPPING[:3])
    running.post(other, ("ada", "realized"))
    if received:
        assert running.aws.receive(), "a worker has it and does not come to an end"
    else:
        disable(other[0])
        running.deliver()
        assert waiting(other[0])["events"] == 1
    first = leave(leaving[0])
    assert end(running, leaving[0], first, HOUR) is not None
    assert is_there(other[0])
    if not received:
        assert waiting(other[0])["events"] == 1


def test_a_deleted_connection_stays_while_something_of_it_is_parked(running: RunningStack) -> None:
    connection = connected(running)
    running.marketo.script(Fault(code="603", path="describe2", every=1))
    running.post(connection, ("ada", "realized"))
    running.deliver()
    first = leave(connection[0])
    assert end(running, connection[0], first, 2 * HOUR) is None
    assert waiting(connection[0])["events"] == 1
    running.marketo.clear_faults()
    assert call("POST", f"/connections/{connection[0]}/resume").status == 202
    running.deliver()
    assert running.members(1001) == {"ada"}
    assert end(running, connection[0], first + 3 * HOUR, HOUR) is not None


def test_a_deleted_connection_stays_while_something_of_it_is_in_flight_and_is_parked_in_the_end(
    running: RunningStack,
) -> None:
    """A worker received it before the deletion, and comes to its end after the queue had nothing to be received."""
    connection = connected(running)
    connection_id = connection[0]
    running.post(connection, ("ada", "realized"))
    [message] = running.aws.receive()
    first = leave(connection_id)
    assert end(running, connection_id, first, 10 * MINUTE) is None
    bundle = bundle_of(connection_id)
    parking(running).put(bundle, [message["Body"]])
    running.aws.sqs.delete_message(QueueUrl=running.aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert end(running, connection_id, first + 15 * MINUTE, 2 * HOUR) is None
    running.deliver()
    assert running.members(1001) == {"ada"}
    assert end(running, connection_id, first + 4 * HOUR, HOUR) is not None


def bundle_of(connection_id: str) -> Bundle:
    now = datetime.now(UTC).replace(microsecond=0)
    return Bundle(connection_id, WaitsFor.RETRY, now, now, 1, 300, "0" * 31 + "1")


@contextmanager
def meanwhile(recorder: ActionRecorder, act: Callable[[], None]) -> Iterator[None]:
    """Let something happen once, after the bucket was listed and before the queue is counted."""
    done = False

    def once(**_: object) -> None:
        nonlocal done
        if not done:
            done = True
            before, recorder.running = recorder.running, None  # It is not the monitor that does it.
            act()
            recorder.running = before

    event = "before-call.sqs.GetQueueAttributes"
    sqs().meta.events.register_first(event, once)
    try:
        yield
    finally:
        sqs().meta.events.unregister(event, once)


def test_what_is_parked_while_the_monitor_looks_is_not_lost_with_a_deleted_connection(
    running: RunningStack, recorder: ActionRecorder
) -> None:
    """When the bucket was listed it was in flight, when the queue is counted it is parked."""
    connection = connected(running)
    connection_id = connection[0]
    running.post(connection, ("ada", "realized"))
    [message] = running.aws.receive()
    first = leave(connection_id)

    def park() -> None:
        parking(running).put(bundle_of(connection_id), [message["Body"]])
        running.aws.sqs.delete_message(QueueUrl=running.aws.queue_url, ReceiptHandle=message["ReceiptHandle"])

    with meanwhile(recorder, park):
        tick(first)
    assert is_there(connection_id)
    assert len(list(parking(running).of(connection_id))) == 1


@pytest.mark.parametrize("after", [timedelta(0), HOUR])
def test_a_discarded_connection_goes_with_what_is_parked_of_it(running: RunningStack, after: timedelta) -> None:
    connection = connected(running)
    running.post(connection, ("ada", "realized"))
    disable(connection[0])
    running.deliver()
    assert len(list(parking(running).all())) == 1
    first = leave(connection[0], discard="true")
    tick(first + after)
    tick(first + after + 5 * MINUTE)
    assert not is_there(connection[0])
    assert list(parking(running).all()) == []
    assert list(Connections(running.aws.dynamodb, "ConnectionsTable").all()) == []


def test_the_monitor_goes_on_with_what_the_call_could_not_take_out_of_the_bucket(running: RunningStack) -> None:
    connection_id, token = connected(running)
    running.post((connection_id, token), ("ada", "realized"))
    disable(connection_id)
    running.deliver()
    for folder in ("letters", "results"):
        running.aws.s3.put_object(Bucket=running.aws.bucket, Key=f"{folder}/{connection_id}/one", Body=b"{}")
    etag = {"If-Match": call("GET", f"/connections/{connection_id}").headers["ETag"]}
    with refused(s3(), "DeleteObjects"):
        answer = call("DELETE", f"/connections/{connection_id}", headers=etag, query={"discard": "true"})
        assert answer.status >= 500
    assert len(list(parking(running).all())) == 1
    tick()
    assert not is_there(connection_id)
    assert running.aws.s3.list_objects_v2(Bucket=running.aws.bucket)["KeyCount"] == 0


# Crashes and refusals through the function


def attempt(running: RunningStack) -> None:
    """Deliver what is in the queue; what is requeued can be received again at once."""
    batch = running.aws.receive()
    answer = sync.handler(sqs_batch(batch), Context())
    requeued = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
    for one in batch:
        url, handle = running.aws.queue_url, one["ReceiptHandle"]
        if one["MessageId"] in requeued:
            running.aws.sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)
        else:
            running.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)


@pytest.mark.parametrize("operation", ["PutObject", "DeleteObject", "GetObject"])
def test_what_s3_refuses_to_the_delivery_is_delivered_once_it_works(running: RunningStack, operation: str) -> None:
    connection = connected(running)
    running.post(connection, ("ada", "realized"))
    disable(connection[0])
    with refused(s3(), operation):
        attempt(running)
        assert sum(depth(running)) + len(list(parking(running).all())) == 1
        call("POST", f"/connections/{connection[0]}/enable")
        attempt(running)
    call("POST", f"/connections/{connection[0]}/resume")
    attempt(running)
    assert running.members(1001) == {"ada"}
    assert depth(running) == (0, 0)
    assert list(parking(running).all()) == []


def test_a_refused_listing_is_a_problem_that_callers_can_read(running: RunningStack) -> None:
    connection = connected(running)
    with refused(s3(), "ListObjectsV2"):
        answer = call("GET", f"/connections/{connection[0]}/parking")
    assert answer.status >= 500
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_what_cannot_be_listed_is_no_news_that_nothing_is_late(running: RunningStack) -> None:
    connection_id, _ = connected(running)
    given = call("GET", f"/connections/{connection_id}")
    alerts = [{"alert": "delivery_delay"}]
    etag = {"If-Match": given.headers["ETag"]}
    assert call("PATCH", f"/connections/{connection_id}", {"alerts": alerts}, headers=etag).status == 200
    now = datetime.now(UTC).replace(microsecond=0)
    late = Bundle(connection_id, WaitsFor.REFUSED, now + HOUR, now - 5 * HOUR, 1, 300, "0" * 31 + "1")
    parking(running).put(late, ["{}"])
    assert tick()["alerts"] == 1
    told = Alerts(running.aws.dynamodb, "RunsTable")
    before = told.states(connection_id)
    with refused(s3(), "ListObjectsV2"), pytest.raises(ExceptionGroup):
        tick()
    assert told.states(connection_id) == before
