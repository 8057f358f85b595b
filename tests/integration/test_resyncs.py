"""Resyncs through the interface: opened, closed, held, approved and cancelled, on the stack's tables and its queue."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from destination.files import resyncs
from testing.control_plane import AUD_1, call
from testing.stack import MAPPING, RunningStack, stack
from testing.uploads import tick

LIST = {"name": "Webinar", "id": 1001, "workspace": "Default"}
OLD = "2026-01-01T10:00:00Z"
PEOPLE = ("ada", "bob", "cam")


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningStack]:
    """Nobody waits for the queue's counts."""
    monkeypatch.setattr(resyncs, "COUNTS_LAG", timedelta(0))
    with stack({"lists": [LIST]}) as made:
        yield made


def connected(running: RunningStack, **changes: object) -> tuple[str, str]:
    """A connection with an audience of three, and its token."""
    connection_id, token = running.connect(mapping=MAPPING[:3], **changes)
    activation = {"id": "aud-1", "name": "Webinar", "list": {"id": LIST["id"]}}
    assert call("POST", f"/connections/{connection_id}/audiences", activation).status == 201
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    send(running, (connection_id, token), *PEOPLE)
    assert running.members(1001) == set(PEOPLE)
    return connection_id, token


def send(running: RunningStack, connection: tuple[str, str], *names: str) -> None:
    """Everybody's entry, with its own old time, as a sender has it that sends all again."""
    body = [
        {
            "profile": {"email": f"{who}@example.org", "firstName": who, "lastName": "Lovelace"},
            "audiences": [{"id": "aud-1", "status": "realized", "at": OLD}],
        }
        for who in names
    ]
    assert running.send(connection, body) == 202
    while running.deliver():
        pass


def opened(connection_id: str, **asked: object) -> str:
    answer = call("POST", f"/connections/{connection_id}/resyncs", asked)
    assert answer.status == 201, answer.text
    return str(answer.json["id"])


def shown(connection_id: str, resync_id: str) -> Any:
    answer = call("GET", f"/connections/{connection_id}/resyncs/{resync_id}")
    assert answer.status == 200, answer.text
    return answer.json


def said(connection_id: str, resync_id: str, word: str) -> int:
    return call("POST", f"/connections/{connection_id}/resyncs/{resync_id}/{word}").status


def settle(running: RunningStack) -> None:
    """What is done every few minutes, and what is delivered in between."""
    for _ in range(5):
        tick()
        while running.deliver():
            pass


def test_who_is_not_named_is_taken_off_once_somebody_said_yes(running: RunningStack) -> None:
    connection = connected(running)
    connection_id, _ = connection
    resync_id = opened(connection_id, activation_ids=[AUD_1], label="November")
    found = shown(connection_id, resync_id)
    assert (found["status"], found["label"], found["quiet_minutes"], found["max_hours"]) == ("open", "November", 30, 24)

    send(running, connection, "ada", "cam", "dan")
    assert said(connection_id, resync_id, "close") == 200
    settle(running)
    found = shown(connection_id, resync_id)
    assert (found["status"], found["closed_by"], found["holds"]) == ("held", "request", ["FIRST"])
    assert found["audiences"] == [{"activation_id": AUD_1, "name": "Webinar", "members": 4, "named": 3, "leaving": 1}]
    assert running.members(1001) == {*PEOPLE, "dan"}

    assert said(connection_id, resync_id, "approve") == 200
    settle(running)
    found = shown(connection_id, resync_id)
    assert (found["status"], found["left"], found["code"]) == ("completed", 1, None)
    assert running.members(1001) == {"ada", "cam", "dan"}
    actions = [one["action"] for one in call("GET", "/audit", query={"connection_id": connection_id}).json["records"]]
    assert actions[:4] == ["request_verification", "approve_resync", "close_resync", "open_resync"]

    second = opened(connection_id)
    send(running, connection, "ada", "cam")
    assert said(connection_id, second, "close") == 200
    settle(running)
    assert (shown(connection_id, second)["status"], running.members(1001)) == ("completed", {"ada", "cam"})
    listed = call("GET", f"/connections/{connection_id}/resyncs").json["resyncs"]
    assert sorted(one["id"] for one in listed) == sorted([resync_id, second])


def test_whoever_was_named_stays_though_the_time_is_older_than_what_is_known(running: RunningStack) -> None:
    connection = connected(running)
    connection_id, _ = connection
    assert running.post(connection, *((who, "realized") for who in PEOPLE)) == 202  # By its receipt it is newer.
    while running.deliver():
        pass
    resync_id = opened(connection_id)
    send(running, connection, "ada")
    assert said(connection_id, resync_id, "close") == 200
    settle(running)
    assert said(connection_id, resync_id, "approve") == 200
    settle(running)
    assert running.members(1001) == {"ada"}

    send(running, connection, "bob")  # The same as before, which is older than what was known.
    assert running.members(1001) == {"ada"}
    assert running.post(connection, ("bob", "realized")) == 202
    while running.deliver():
        pass
    assert running.members(1001) == {"ada", "bob"}


def test_one_goes_on_at_a_time_and_a_cancelled_one_takes_nobody_off(running: RunningStack) -> None:
    connection_id, _ = connected(running)
    resync_id = opened(connection_id)
    refused = call("POST", f"/connections/{connection_id}/resyncs", {})
    assert (refused.status, refused.json["type"]) == (409, "urn:marketo-destination:problem:resyncing")
    assert resync_id in refused.json["detail"]

    assert said(connection_id, resync_id, "approve") == 409
    assert said(connection_id, resync_id, "cancel") == 200
    assert said(connection_id, resync_id, "cancel") == 200
    assert said(connection_id, resync_id, "close") == 409
    settle(running)
    assert (shown(connection_id, resync_id)["status"], running.members(1001)) == ("cancelled", set(PEOPLE))
    assert opened(connection_id) != resync_id


def test_one_that_takes_off_is_cancelled_with_its_verification(running: RunningStack) -> None:
    connection_id, _ = connected(running)
    resync_id = opened(connection_id)
    assert said(connection_id, resync_id, "close") == 200
    for _ in range(3):
        tick()
    assert said(connection_id, resync_id, "approve") == 200
    tick()
    assert shown(connection_id, resync_id)["status"] == "leaving"
    assert said(connection_id, resync_id, "cancel") == 200
    settle(running)
    assert running.members(1001) == set(PEOPLE)
    (verification,) = call("GET", f"/connections/{connection_id}/verifications").json["verifications"]
    assert verification["status"] == "cancelled"


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"activation_ids": []}, "activation_ids"),
        ({"activation_ids": ["0123456789ab"]}, "activation_ids"),
        ({"label": ""}, "label"),
        ({"quiet_minutes": 9}, "quiet_minutes"),
        ({"max_hours": 73}, "max_hours"),
    ],
)
def test_what_is_asked_for_has_to_fit(running: RunningStack, asked: dict[str, object], path: str) -> None:
    connection_id, _ = connected(running)
    answer = call("POST", f"/connections/{connection_id}/resyncs", asked)
    assert (answer.status, [one["path"] for one in answer.json["errors"]]) == (422, [path])


def test_a_connection_has_to_deliver_and_to_keep_lists(running: RunningStack) -> None:
    connection_id, _ = connected(running)
    assert call("GET", f"/connections/{connection_id}/resyncs/nothing").status == 404
    assert call("POST", f"/connections/{connection_id}/disable").status == 200
    assert call("POST", f"/connections/{connection_id}/resyncs", {}).status == 409

    other, _ = running.connect(mapping=MAPPING[:3], sync_type="profile_only")
    assert call("POST", f"/connections/{other}/enable").status in {200, 409}
    assert call("POST", f"/connections/{other}/resyncs", {}).status == 409


def test_it_waits_while_others_have_something_to_be_received_of_which_nobody_knows_how_old_it_is(
    running: RunningStack,
) -> None:
    connection_id, _ = connected(running)
    resync_id = opened(connection_id)
    assert said(connection_id, resync_id, "close") == 200
    running.aws.sqs.send_message(QueueUrl=running.aws.queue_url, MessageBody="{}")
    tick()
    assert shown(connection_id, resync_id)["status"] == "draining"
