"""Letters and dead letters, through the functions: told, redriven, discarded, and gone with their connection."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.composition.aws import s3, sqs
from destination.domain.letter import RETENTION
from destination.store.letters import Letters
from destination.store.parking import Parking
from functions.monitor import app as monitor
from marketo_simulator import Fault
from testing.aws import Context, refused
from testing.control_plane import call
from testing.stack import MAPPING, RunningStack, stack
from testing.template import source

LIST = {"name": "Webinar", "id": 1001, "workspace": "Default"}
LEADS = "^/rest/v1/leads.json"


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack({"lists": [LIST]}) as made:
        yield made


def connected(running: RunningStack) -> tuple[str, str]:
    """The id and the token of a connection with an audience on the list."""
    connection_id, token = running.connect(mapping=MAPPING[:3])
    activation = {"id": "aud-1", "name": "Webinar", "list": {"id": LIST["id"]}}
    assert call("POST", f"/connections/{connection_id}/audiences", activation).status == 201
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id, token


def fail(running: RunningStack, connection: tuple[str, str], who: str, code: str = "1003") -> None:
    """Let an event of somebody fail."""
    running.marketo.script(Fault("skip", code, records=(0,), path=LEADS, nth=2))
    assert running.post(connection, (who, "realized")) == 202
    assert running.deliver() == set()


def told(connection_id: str) -> Any:
    answer = call("GET", f"/connections/{connection_id}/letters")
    assert answer.status == 200, answer.text
    return answer.json


def decide(method: str, path: str, body: object = None, **query: str) -> tuple[int, int]:
    """About how many was decided, and how many are left."""
    answer = call(method, path, body, query=query)
    assert answer.status == (202 if method == "POST" else 200), answer.text
    return answer.json["decided"], answer.json["left"]


def letters(running: RunningStack) -> Letters:
    return Letters(running.aws.s3, running.aws.bucket)


def failed_of(connection_id: str) -> int:
    runs = call("GET", f"/connections/{connection_id}/runs").json["runs"]
    return sum(one["failed"] for one in runs)


def test_what_failed_is_told_by_its_reason(running: RunningStack) -> None:
    connection = connected(running)
    assert told(connection[0]) == {"events": 0, "letters": []}
    fail(running, connection, "ada")
    fail(running, connection, "bob", "1015")
    fail(running, connection, "carl")
    found = told(connection[0])
    assert found["events"] == 3
    assert [(one["code"], one["events"]) for one in found["letters"]] == [("MARKETO_1003", 2), ("MARKETO_1015", 1)]
    [first, _] = found["letters"]
    assert first["reason"].startswith("Invalid data.")
    expires_in = datetime.fromisoformat(first["expires_at"]) - datetime.now(UTC)
    assert timedelta(0) <= RETENTION - expires_in < timedelta(minutes=5)


def test_a_redrive_delivers_what_failed_and_takes_it_out_of_failed(running: RunningStack) -> None:
    connection = connected(running)
    fail(running, connection, "ada")
    fail(running, connection, "bob")
    assert (running.members(1001), failed_of(connection[0])) == (set(), 2)
    assert decide("POST", f"/connections/{connection[0]}/letters/redrives", {}) == (2, 0)
    assert told(connection[0])["events"] == 0
    assert call("GET", f"/connections/{connection[0]}/parking").json["events"] == 2, (
        "they wait until they are delivered"
    )
    running.deliver()
    assert (running.members(1001), failed_of(connection[0])) == ({"ada", "bob"}, 0)
    assert call("GET", f"/connections/{connection[0]}/parking").json["events"] == 0
    assert decide("POST", f"/connections/{connection[0]}/letters/redrives", {}) == (0, 0)


def test_letters_of_one_reason_are_redriven_and_the_others_stay(running: RunningStack) -> None:
    connection = connected(running)
    fail(running, connection, "ada", "1003")
    fail(running, connection, "bob", "1015")
    path = f"/connections/{connection[0]}/letters"
    assert decide("POST", f"{path}/redrives", {"code": "MARKETO_1015"}) == (1, 0)
    running.deliver()
    assert running.members(1001) == {"bob"}
    assert [one["code"] for one in told(connection[0])["letters"]] == ["MARKETO_1003"]
    assert decide("DELETE", path, code="MARKETO_9999") == (0, 0)
    assert decide("DELETE", path, code="MARKETO_1003") == (1, 0)
    assert told(connection[0])["events"] == 0
    running.deliver()
    assert (running.members(1001), failed_of(connection[0])) == ({"bob"}, 1), "what failed stays failed"


def test_what_fails_again_is_a_letter_again_and_failed_once(running: RunningStack) -> None:
    connection = connected(running)
    fail(running, connection, "ada")
    path = f"/connections/{connection[0]}/letters/redrives"
    running.marketo.script(Fault("skip", "1015", records=(0,), path=LEADS, nth=2))
    assert decide("POST", path, {}) == (1, 0)
    running.deliver()
    assert [(one["code"], one["events"]) for one in told(connection[0])["letters"]] == [("MARKETO_1015", 1)]
    assert failed_of(connection[0]) == 1
    assert decide("POST", path, {}) == (1, 0)
    running.deliver()
    assert (running.members(1001), failed_of(connection[0]), told(connection[0])["events"]) == ({"ada"}, 0, 0)


def test_what_is_redriven_while_the_connection_is_disabled_waits_until_it_is_enabled(running: RunningStack) -> None:
    connection = connected(running)
    connection_id = connection[0]
    fail(running, connection, "ada")
    assert call("POST", f"/connections/{connection_id}/disable").status == 200
    assert decide("POST", f"/connections/{connection_id}/letters/redrives", {}) == (1, 0)
    running.deliver()
    assert call("GET", f"/connections/{connection_id}/parking").json["events"] == 1
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    running.deliver()
    assert running.members(1001) == {"ada"}


def test_letters_that_were_left_behind_by_a_crash_are_delivered_once(running: RunningStack) -> None:
    """S3 copies and deletes in two steps; between them a letter is in both places."""
    connection = connected(running)
    fail(running, connection, "ada")
    path = f"/connections/{connection[0]}/letters/redrives"
    with refused(s3(), "DeleteObject"):
        assert call("POST", path, {}).status >= 500
    assert told(connection[0])["events"] == 1
    assert decide("POST", path, {}) == (1, 0)
    running.deliver()
    assert (running.members(1001), failed_of(connection[0]), told(connection[0])["events"]) == ({"ada"}, 0, 0)
    received = sum(one["received"] for one in call("GET", f"/connections/{connection[0]}/runs").json["runs"])
    assert received == 1


def test_letters_go_with_their_connection(running: RunningStack) -> None:
    connection, other = connected(running), running.connect(mapping=MAPPING[:3])
    fail(running, connection, "ada")
    [mine] = letters(running).all()
    etag = call("GET", f"/connections/{connection[0]}").headers["ETag"]
    answer = call("DELETE", f"/connections/{connection[0]}", headers={"If-Match": etag}, query={"discard": "true"})
    assert answer.status in {202, 204}
    monitor.handler({}, Context())
    assert call("GET", f"/connections/{connection[0]}").status == 404
    assert list(letters(running).all()) == []
    assert call("GET", f"/connections/{other[0]}/letters").status == 200
    assert mine.connection_id == connection[0]


@pytest.mark.parametrize("path", ["letters", "letters/redrives"])
def test_of_a_connection_that_is_not_there_there_are_no_letters(running: RunningStack, path: str) -> None:
    method = "POST" if path.endswith("redrives") else "GET"
    assert call(method, f"/connections/none/{path}", {} if method == "POST" else None).status == 404
    assert call("DELETE", "/connections/none/letters").status == 404


@pytest.mark.parametrize("body", [{"codes": ["MARKETO_1003"]}, {"code": ""}, {"code": 3}, [], "x"])
def test_what_is_no_redrive_is_refused(running: RunningStack, body: object) -> None:
    connection = connected(running)
    fail(running, connection, "ada")
    answer = call("POST", f"/connections/{connection[0]}/letters/redrives", body)
    assert answer.status in {400, 422}, answer.text
    assert told(connection[0])["events"] == 1


def test_decisions_are_in_the_audit_log(running: RunningStack) -> None:
    connection = connected(running)
    fail(running, connection, "ada")
    decide("POST", f"/connections/{connection[0]}/letters/redrives", {})
    running.deliver()
    fail(running, connection, "bob")
    decide("DELETE", f"/connections/{connection[0]}/letters")
    records = call("GET", "/audit", query={"connection_id": connection[0]}).json["records"]
    found = [(one["action"], one["changes"]) for one in records if one["action"].endswith("_letters")]
    change = {"path": "letters.MARKETO_1003", "before": 1, "after": None}
    assert found == [("discard_letters", [change]), ("redrive_letters", [change])]


def test_letters_that_cannot_be_stored_keep_their_events_in_the_queue(running: RunningStack) -> None:
    connection = connected(running)
    running.marketo.script(Fault("skip", "1003", records=(0,), path=LEADS, nth=2))
    running.post(connection, ("ada", "realized"))
    with refused(s3(), "PutObject"):
        assert len(running.deliver()) == 1
    assert failed_of(connection[0]) == 0
    assert told(connection[0])["events"] == 0


def test_the_bucket_forgets_letters_when_they_are_said_to_expire() -> None:
    rules = source()["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    [days] = [one["ExpirationInDays"] for one in rules if one.get("Prefix") == "letters/"]
    assert timedelta(days=days) == RETENTION


# Dead letters


def put_aside(running: RunningStack, *bodies: str) -> None:
    for body in bodies:
        running.aws.sqs.send_message(QueueUrl=running.aws.queue_url, MessageBody=body, MessageGroupId="x")
    assert running.deliver() == set()


def dead_letters() -> Any:
    answer = call("GET", "/dead-letters")
    assert answer.status == 200, answer.text
    return answer.json


def test_what_cannot_be_read_is_told_by_its_reason_and_can_be_looked_at_again(running: RunningStack) -> None:
    assert dead_letters() == {"messages": 0, "left": 0, "dead_letters": []}
    put_aside(running, "not JSON", "nor is this", json.dumps({"v": 99}))
    found = dead_letters()
    assert (found["messages"], found["left"]) == (3, 0)
    assert [(one["connection_id"], one["code"], one["messages"]) for one in found["dead_letters"]] == [
        (None, "UNDECODABLE_MESSAGE", 2),
        (None, "UNDECODABLE_MESSAGE", 1),
    ]
    assert dead_letters() == found


def test_dead_letters_go_back_to_the_queue_once_what_they_need_is_there(running: RunningStack) -> None:
    connection = connected(running)
    running.post(connection, ("ada", "realized"))
    [message] = running.aws.receive()
    running.aws.sqs.delete_message(QueueUrl=running.aws.queue_url, ReceiptHandle=message["ReceiptHandle"])
    url = running.aws.dead_letter_queue_url
    running.aws.sqs.send_message(QueueUrl=url, MessageBody=message["Body"], MessageGroupId="x")
    [found] = dead_letters()["dead_letters"]
    assert found == {"connection_id": connection[0], "code": "NONE", "reason": "", "messages": 1}
    assert decide("POST", "/dead-letters/redrives", {}) == (1, 0)
    assert dead_letters()["messages"] == 0
    running.deliver()
    assert running.members(1001) == {"ada"}


def test_dead_letters_that_nobody_wants_are_discarded(running: RunningStack) -> None:
    put_aside(running, *(f"not JSON {number}" for number in range(25)))
    assert decide("DELETE", "/dead-letters") == (25, 0)
    assert dead_letters()["messages"] == 0
    assert decide("DELETE", "/dead-letters") == (0, 0)


def test_what_the_queue_does_not_take_stays_a_dead_letter(running: RunningStack) -> None:
    put_aside(running, "not JSON")
    with refused(sqs(), "SendMessageBatch"):
        assert decide("POST", "/dead-letters/redrives", {})[0] == 0
    assert dead_letters()["messages"] == 1


def test_what_is_parked_is_no_letter(running: RunningStack) -> None:
    connection = connected(running)
    running.post(connection, ("ada", "realized"))
    call("POST", f"/connections/{connection[0]}/disable")
    running.deliver()
    assert len(list(Parking(running.aws.s3, running.aws.bucket).all())) == 1
    assert told(connection[0])["events"] == 0
