"""Somebody is forgotten, through the functions: asked by an operator, done by the delivery, told by the state."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from destination.composition.aws import sqs
from destination.domain.pseudonym import pseudonym
from destination.domain.shard import name_of as row_of
from destination.domain.times import EPOCH
from destination.store.erasures import Erasures
from marketo_simulator import Fault
from testing.aws import refused
from testing.control_plane import call
from testing.stack import MAPPING, RunningStack, stack
from tests.integration.test_people_api import ADA, SEED, activate, connected, delivered

NAME = pseudonym(b"secret", ADA)


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack(SEED) as made:
        yield made


def asked(connection: tuple[str, str], value: str = ADA, **more: object) -> Any:
    answer = call("POST", f"/connections/{connection[0]}/people/erasures", {"value": value, **more})
    assert answer.status == 202, answer.text
    assert value not in answer.text
    return answer.json


def shown(connection: tuple[str, str], erasure: Any) -> Any:
    answer = call("GET", f"/connections/{connection[0]}/people/erasures/{erasure['id']}")
    assert answer.status == 200, answer.text
    return answer.json


def kept(running: RunningStack) -> str:
    """All that is in tables and bucket, but for the marks and the audit log, which name people by pseudonyms."""
    tables = [
        item
        for table in ("ConnectionsTable", "LedgerTable", "RunsTable")
        for item in running.aws.dynamodb.scan(TableName=table)["Items"]
        if not item.get("pk", {"S": ""})["S"].startswith(("erasures#", "audit#"))
    ]
    listed = running.aws.s3.list_objects_v2(Bucket=running.aws.bucket).get("Contents", [])
    objects = [
        running.aws.s3.get_object(Bucket=running.aws.bucket, Key=one["Key"])["Body"].read().decode() for one in listed
    ]
    return f"{tables} {objects}"


def assert_forgotten(running: RunningStack) -> None:
    left = kept(running)
    assert ADA not in left
    assert NAME not in left
    assert row_of(ADA) not in left


def test_the_person_leaves_lists_ledger_and_bucket_and_the_state_tells_it(running: RunningStack) -> None:
    connection = connected(running)
    activate(connection[0], "aud-2", 1002)
    delivered(running, connection, ("ada", "realized"), ("bob", "realized"))
    assert row_of(ADA) in kept(running)
    made = asked(connection)
    assert (made["status"], made["person"], made["lists"]) == ("requested", NAME, [])
    assert shown(connection, made) == made
    running.deliver()
    found = shown(connection, made)
    assert (found["status"], found["held_up"], found["ledger_rows"]) == ("completed", None, 1)
    [left] = found["lists"]
    assert (left["id"], left["list_id"], left["leads"]) == ("aud-1", 1001, 1)
    assert running.members(1001) == {"bob"}
    assert_forgotten(running)


def test_what_was_queued_before_is_dropped_and_what_comes_after_is_new(running: RunningStack) -> None:
    connection = connected(running)
    assert running.post(connection, ("ada", "realized")) == 202
    before = running.aws.receive()
    made = asked(connection)
    running.deliver()
    assert shown(connection, made)["status"] == "completed"
    for one in before:
        running.aws.sqs.change_message_visibility(
            QueueUrl=running.aws.queue_url, ReceiptHandle=one["ReceiptHandle"], VisibilityTimeout=0
        )
    running.deliver()
    assert running.members(1001) == set()
    [run] = call("GET", f"/connections/{connection[0]}/runs").json["runs"]
    details = call("GET", f"/connections/{connection[0]}/runs/{run['id']}").json
    [why] = details["reasons"]
    assert (why["code"], why["count"], why["example"]) == ("ERASED", 1, None)
    assert_forgotten(running)
    delivered(running, connection, ("ada", "realized"))
    assert running.members(1001) == {"ada"}


def test_what_is_parked_and_who_did_not_arrive_is_cleared(running: RunningStack) -> None:
    connection = connected(running, person_action="update_existing_only")
    delivered(running, connection, ("ada", "realized"), ("bob", "realized"))
    call("POST", f"/connections/{connection[0]}/disable")
    assert call("POST", f"/connections/{connection[0]}/enable").status == 200
    assert running.post(connection, ("ada", "realized"), ("bob", "realized")) == 202
    call("POST", f"/connections/{connection[0]}/disable")
    running.deliver()
    made = asked(connection)
    running.deliver()
    found = shown(connection, made)
    assert [found[one] for one in ("parked_events", "results", "run_examples")] == [1, 1, 1]
    assert_forgotten(running)


def test_letters_go_with_the_person(running: RunningStack) -> None:
    connection = connected(running)
    running.marketo.script(Fault(effect="skip", code="1003", path="^/rest/v1/leads.json$", method="POST", every=1))
    delivered(running, connection, ("ada", "realized"))
    assert call("GET", f"/connections/{connection[0]}/letters").json["letters"] != []
    running.marketo.clear_faults()
    made = asked(connection)
    running.deliver()
    assert shown(connection, made)["letters"] == 1
    assert call("GET", f"/connections/{connection[0]}/letters").json["letters"] == []
    assert_forgotten(running)


def test_who_asked_is_in_the_audit_log_by_pseudonym(running: RunningStack) -> None:
    connection = connected(running)
    asked(connection)
    [record] = [
        one
        for one in call("GET", "/audit", query={"connection_id": connection[0]}).json["records"]
        if one["action"] == "erase_person"
    ]
    assert record["changes"] == [{"path": "person", "before": NAME, "after": None}]


def test_another_identity_of_the_mapping_will_do_and_an_attribute_will_not(running: RunningStack) -> None:
    connection = connected(running)
    assert asked(connection, f" {ADA.upper()} ", source="email")["person"] == NAME
    path = f"/connections/{connection[0]}/people/erasures"
    for body, at in (
        ({"value": "ada", "source": "key"}, "source"),
        ({"value": "ada", "source": "nowhere"}, "source"),
        ({"value": "no address"}, "value"),
    ):
        answer = call("POST", path, body)
        assert (answer.status, answer.json["errors"][0]["path"]) == (422, at), answer.text
        assert json.dumps(body["value"]) not in answer.text


def test_by_another_field_marketo_tells_how_values_are_compared(running: RunningStack) -> None:
    mapping = [{"source": "key", "target": "DedupeField"}, *MAPPING[1:3], {"source": "email", "target": "email"}]
    connection = connected(running, mapping=mapping, dedupe_field="customerKey")
    delivered(running, connection, ("ada", "realized"))
    made = asked(connection, "ada")
    running.deliver()
    assert shown(connection, made)["status"] == "completed"
    assert running.members(1001) == set()
    assert made["person"] == pseudonym(b"secret", "ada")


def test_what_cannot_be_queued_is_told_and_the_mark_stands(running: RunningStack) -> None:
    connection = connected(running)
    delivered(running, connection, ("bob", "realized"))
    assert running.post(connection, ("ada", "realized")) == 202
    path = f"/connections/{connection[0]}/people/erasures"
    with refused(sqs(), "SendMessageBatch"):
        answer = call("POST", path, {"value": ADA})
    assert (answer.status, answer.json["type"].rpartition(":")[2]) == (503, "unavailable")
    running.deliver()
    assert running.members(1001) == {"bob"}


def test_what_is_not_there_is_not_found(running: RunningStack) -> None:
    connection = connected(running)
    assert call("POST", "/connections/0/people/erasures", {"value": ADA}).status == 404
    assert call("GET", f"/connections/{connection[0]}/people/erasures/0").status == 404


def test_marks_go_with_the_connection(running: RunningStack) -> None:
    connection = connected(running)
    asked(connection)
    assert call("DELETE", f"/connections/{connection[0]}", query={"discard": "true"}).status == 204
    assert Erasures(running.aws.dynamodb, "ConnectionsTable").marks(connection[0], EPOCH) == {}
