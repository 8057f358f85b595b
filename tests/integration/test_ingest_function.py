"""The webhook through its handler: what senders are answered, and what the queue holds then."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.connection import Status
from destination.domain.event import MembershipStatus
from destination.queue import MAX_MESSAGE_BYTES, Envelope, decode
from destination.store.connections import Connections
from functions.ingest import app
from tests.support.aws import Aws, Context, as_json, aws, logged, webhook_request
from tests.support.world import connection

TOKEN = "token-of-the-test"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
PROFILE: Mapping[str, Any] = {
    "personalEmail": {"address": "ada@example.org"},
    "segmentMembership": {"ups": {"a": {"status": "realized", "lastQualificationTime": "2026-11-20T09:30:00+0000"}}},
}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """Enabled connections `aep` and `canonical`, named by their format, and one of each other status."""
    with aws() as stack:
        for name, value in stack.environment().items():
            monkeypatch.setenv(name, value)
        stored = Connections(stack.dynamodb, "ConnectionsTable")
        for source_format in ("aep", "canonical"):
            enabled = connection(id=source_format, source_format=source_format)
            stored.create(enabled, hashlib.sha256(TOKEN.encode()).hexdigest())
            for status in (Status.DRAFT, Status.DISABLED):
                other = replace(enabled, id=f"{source_format}-{status}", status=status)
                stored.create(other, hashlib.sha256(TOKEN.encode()).hexdigest())
        app.ingest.cache_clear()
        yield stack
        app.ingest.cache_clear()


def post(
    body: object, *, to: str = "aep", headers: Mapping[str, str] | None = None, is_base64: bool = False
) -> dict[str, Any]:
    text = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
    request = webhook_request(to, text, HEADERS if headers is None else headers, is_base64=is_base64)
    answer: dict[str, Any] = app.handler(request, Context())
    return answer


def queued(stack: Aws) -> list[Envelope]:
    return [decode(one["Body"]) for one in stack.receive()]


def assert_problem(answer: Mapping[str, Any], status: int) -> Any:
    problem = as_json(answer)
    assert answer["statusCode"] == problem["status"] == status
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "errors"} == problem.keys()
    return problem


def test_a_profile_is_accepted_and_queued(stack: Aws) -> None:
    before = datetime.now(UTC)
    answer = post(PROFILE)
    assert (answer["statusCode"], answer["headers"]) == (202, {"Content-Type": "application/json"})
    assert as_json(answer) == {"accepted": 1, "rejected": []}
    (envelope,) = queued(stack)
    assert envelope.connection_id == "aep"
    assert timedelta(0) <= envelope.received_at - before < timedelta(minutes=1)
    (event,) = envelope.events
    assert event.profile == {"personalEmail": {"address": "ada@example.org"}}
    assert [(one.audience, one.status) for one in event.memberships] == [(("ups", "a"), MembershipStatus.REALIZED)]


def test_one_broken_record_among_a_thousand_is_named_and_the_others_are_queued_in_order(stack: Aws) -> None:
    records: list[dict[str, Any]] = [{"id": str(number), "profile": {"text": "x" * 900}} for number in range(1000)]
    records[417]["audiences"] = [{"id": "a", "status": "paused"}]
    answer = post(records, to="canonical")
    assert answer["statusCode"] == 202
    error = {"path": "audiences[0].status", "message": "must be realized or exited"}
    assert as_json(answer) == {"accepted": 999, "rejected": [{"index": 417, "errors": [error]}]}
    messages = stack.receive()
    assert all(len(one["Body"].encode()) <= MAX_MESSAGE_BYTES for one in messages)
    assert {one["Attributes"]["MessageGroupId"] for one in messages} == {"canonical"}
    events = [event for one in messages for event in decode(one["Body"]).events]
    assert [event.id for event in events] == [str(number) for number in range(1000) if number != 417]
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_audience_entries_left_out_are_warned_of(stack: Aws) -> None:
    record = {"segmentMembership": {"ups": {"a": {"status": "paused"}, "b": "x"}}}
    answer = post([PROFILE, record])
    assert as_json(answer)["accepted"] == 2
    ((warning),) = as_json(answer)["warnings"]
    assert (warning["index"], [one["path"] for one in warning["errors"]]) == (
        1,
        ["segmentMembership.ups.a.status", "segmentMembership.ups.b"],
    )


@pytest.mark.parametrize("body", ['[{"id":"é"}]', b'\xef\xbb\xbf{"id":"\xc3\xa9"}\n'])
def test_a_body_may_come_encoded_in_base64(stack: Aws, body: str | bytes) -> None:
    assert post(body, to="canonical", is_base64=True)["statusCode"] == 202
    (envelope,) = queued(stack)
    assert [event.id for event in envelope.events] == ["é"]


def test_headers_are_known_in_any_case(stack: Aws) -> None:
    headers = {"AUTHORIZATION": f"bearer {TOKEN}", "content-TYPE": "application/x-ndjson"}
    assert post('{"id":"1"}\n{"id":"2"}', to="canonical", headers=headers)["statusCode"] == 202


def test_an_unknown_connection_is_404(stack: Aws) -> None:
    assert_problem(post(PROFILE, to="elsewhere"), 404)


@pytest.mark.parametrize("authorization", [None, "Bearer another", f"Basic {TOKEN}", ""])
def test_a_wrong_token_is_401_and_never_shown(
    stack: Aws, authorization: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = post(PROFILE, headers=headers)
    assert_problem(answer, 401)
    shown = answer["body"] + json.dumps(logged(app.logger, caplog))
    assert TOKEN not in shown
    assert "another" not in shown
    assert queued(stack) == []


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_a_connection_that_is_not_enabled_is_409_and_queues_nothing(stack: Aws, status: Status) -> None:
    assert status.value in assert_problem(post(PROFILE, to=f"aep-{status}"), 409)["detail"]
    assert queued(stack) == []


def test_disabling_holds_for_the_next_event(stack: Aws) -> None:
    assert post(PROFILE)["statusCode"] == 202
    Connections(stack.dynamodb, "ConnectionsTable").set_status("aep", 1, Status.DISABLED)
    assert_problem(post(PROFILE), 409)


def test_a_body_too_large_is_413(stack: Aws) -> None:
    assert_problem(post(b"[" + b" " * 6_000_000 + b"]", is_base64=True), 413)


def test_other_content_is_415(stack: Aws) -> None:
    assert_problem(post("<a/>", headers={**HEADERS, "Content-Type": "application/xml"}), 415)


@pytest.mark.parametrize("body", [None, "", "not JSON", '{"a":', "[1, 2", "[" * 50_000])
def test_what_is_not_json_is_400(stack: Aws, body: str | None) -> None:
    assert assert_problem(post(body), 400)["errors"] == []
    assert queued(stack) == []


def test_a_body_without_any_event_is_400_with_a_path_for_each_record(stack: Aws) -> None:
    problem = assert_problem(post([7, {"identityMap": []}]), 400)
    assert [error["path"] for error in problem["errors"]] == ["[0]", "[1].identityMap"]


def test_a_queue_in_trouble_is_503_and_names_what_was_not_stored(stack: Aws) -> None:
    stack.sqs.delete_queue(QueueUrl=stack.queue_url)
    problem = assert_problem(post([PROFILE, PROFILE]), 503)
    assert [error["path"] for error in problem["errors"]] == ["[0]", "[1]"]


def test_no_value_of_a_profile_is_logged(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    secret = {
        "personalEmail": {"address": "hidden@example.org"},
        "segmentMembership": {"ups": {"a": {"status": "hush"}}},
    }
    answers = [post([secret, {"identityMap": {"email": ["hidden@example.org"]}}]), post(["hidden@example.org"])]
    shown = json.dumps([answers, logged(app.logger, caplog)])
    assert "events accepted" in shown
    assert "hidden" not in shown
    assert "hush" not in shown
