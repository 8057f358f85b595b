"""The webhook through its handler: what senders are answered, and what the queue holds then."""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.api.problem_kinds import MAX_ERRORS
from destination.domain.audience import AudienceKey
from destination.domain.connection import Admission, OnRejected, Status
from destination.domain.event import MembershipStatus
from destination.domain.loss import BODY_NOT_JSON
from destination.domain.row_form import RowForm
from destination.queue import MAX_MESSAGE_BYTES, Envelope, decode
from destination.store.connections import Connections
from functions.ingest import app
from testing.aws import Aws, Context, as_json, aws, emitted, logged, webhook_request
from testing.composition import composed
from testing.world import connection

TOKEN = "token-of-the-test"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
PROFILE: Mapping[str, Any] = {
    "personalEmail": {"address": "ada@example.org"},
    "segmentMembership": {"ups": {"a": {"status": "realized", "lastQualificationTime": "2026-11-20T09:30:00+0000"}}},
}


@pytest.fixture
def stack() -> Iterator[Aws]:
    """Enabled connections `aep` and `canonical`, named by their format, and one of each other status."""
    with aws() as stack, composed(stack.environment()):
        stored = Connections(stack.dynamodb, "ConnectionsTable")
        for source_format in ("aep", "canonical"):
            enabled = connection(id=source_format, source_format=source_format)
            stored.create(enabled, hashlib.sha256(TOKEN.encode()).hexdigest())
            for status in (Status.DRAFT, Status.DISABLED):
                other = replace(enabled, id=f"{source_format}-{status}", status=status)
                stored.create(other, hashlib.sha256(TOKEN.encode()).hexdigest())
        yield stack


def post(
    body: object, *, to: str = "aep", headers: Mapping[str, str] | None = None, is_base64: bool = False
) -> dict[str, Any]:
    text = body if isinstance(body, str | bytes) or body is None else json.dumps(body)
    request = webhook_request(to, text, HEADERS if headers is None else headers, is_base64=is_base64)
    answer: dict[str, Any] = app.handler(request, Context())
    return answer


def queued(stack: Aws) -> list[Envelope]:
    return [decode(one["Body"]) for one in stack.receive()]


def assert_problem(answer: Mapping[str, Any], status: int, kind: str) -> Any:
    problem = as_json(answer)
    assert problem["type"] == f"urn:marketo-destination:problem:{kind}"
    assert answer["statusCode"] == problem["status"] == status
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "errors", "correlation_id"} == problem.keys()
    assert answer["headers"]["X-Correlation-Id"] == problem["correlation_id"]
    return problem


def test_a_profile_is_accepted_and_queued(stack: Aws) -> None:
    before = datetime.now(UTC)
    answer = post(PROFILE)
    headers = {"Content-Type": "application/json", "X-Correlation-Id": "request-1"}
    assert (answer["statusCode"], answer["headers"]) == (202, headers)
    assert as_json(answer) == {"accepted": 1, "rejected": []}
    (envelope,) = queued(stack)
    assert envelope.connection_id == "aep"
    assert timedelta(0) <= envelope.received_at - before < timedelta(minutes=1)
    (event,) = envelope.events
    assert event.profile == {"personalEmail": {"address": "ada@example.org"}}
    assert [(one.audience, one.status) for one in event.memberships] == [(("ups", "a"), MembershipStatus.REALIZED)]


def test_every_body_is_an_envelope_of_its_own(stack: Aws) -> None:
    assert [post(PROFILE)["statusCode"] for _ in range(3)] == [202] * 3
    assert len({one.id for one in queued(stack)}) == 3


def test_one_broken_record_among_a_thousand_is_named_and_the_others_are_queued_in_order(stack: Aws) -> None:
    records: list[dict[str, Any]] = [{"id": str(number), "profile": {"text": "x" * 900}} for number in range(1000)]
    records[417] = {"audiences": [{"id": "a", "status": "paused"}]}
    answer = post(records, to="canonical")
    assert answer["statusCode"] == 202
    error = {
        "path": "audiences[0].status",
        "message": "must be realized or exited (existing counts as realized)",
    }
    assert as_json(answer) == {"accepted": 999, "rejected": [{"index": 417, "errors": [error]}]}
    messages = stack.receive()
    assert all(len(one["Body"].encode()) <= MAX_MESSAGE_BYTES for one in messages)
    assert {one["Attributes"]["MessageGroupId"] for one in messages} == {"canonical"}
    envelopes = sorted((decode(one["Body"]) for one in messages), key=lambda one: int(one.first))
    events = [event for one in envelopes for event in one.events]
    assert [event.id for event in events] == [str(number) for number in range(1000) if number != 417]
    assert [event.at for event in events] == sorted(event.at for event in events)


def test_audience_entries_left_out_are_warned_of(stack: Aws) -> None:
    record = {"email": "a@b.example", "segmentMembership": {"ups": {"a": {"status": "paused"}, "b": "x"}}}
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


def test_a_body_in_another_charset_arrives_whole_or_not_at_all(stack: Aws) -> None:
    headers = {**HEADERS, "Content-Type": "application/json; charset=ISO-8859-1"}
    raw = json.dumps({"id": "Jörg"}, ensure_ascii=False).encode("latin-1")
    assert post(raw, to="canonical", headers=headers, is_base64=True)["statusCode"] == 202
    (envelope,) = queued(stack)
    assert [event.id for event in envelope.events] == ["Jörg"]
    replaced = post(raw.decode(errors="replace"), to="canonical", headers=headers)
    assert "send UTF-8" in assert_problem(replaced, 400, "not-json")["detail"]
    assert_problem(post(raw, to="canonical", is_base64=True), 400, "not-json")
    unknown = post(raw, to="canonical", headers={**headers, "Content-Type": "text/json; charset=x"}, is_base64=True)
    assert_problem(unknown, 415, "unsupported-media-type")


def test_a_compressed_body_is_refused_whether_or_not_it_says_so(stack: Aws) -> None:
    raw = gzip.compress(json.dumps(PROFILE).encode())
    headers = {**HEADERS, "Content-Encoding": "gzip"}
    assert_problem(post(raw, headers=headers, is_base64=True), 415, "unsupported-media-type")
    assert_problem(post(raw, is_base64=True), 400, "not-json")


def test_headers_are_known_in_any_case(stack: Aws) -> None:
    headers = {"AUTHORIZATION": f"bearer {TOKEN}", "content-TYPE": "application/x-ndjson"}
    assert post('{"id":"1"}\n{"id":"2"}', to="canonical", headers=headers)["statusCode"] == 202


@pytest.mark.parametrize("path", [None, {}, {"connection_id": None}, {"connection_id": ""}, {"proxy": "aep"}])
def test_a_request_without_a_connection_is_404(stack: Aws, path: dict[str, str | None] | None) -> None:
    request = {**webhook_request("aep", "[]", HEADERS), "pathParameters": path}
    assert_problem(app.handler(request, Context()), 404, "not-found")
    del request["pathParameters"]
    assert_problem(app.handler(request, Context()), 404, "not-found")


@pytest.mark.parametrize("name", ["headers", "body", "isBase64Encoded"])
def test_a_request_that_lacks_something_is_refused_and_no_fault(stack: Aws, name: str) -> None:
    request = webhook_request("aep", "[", HEADERS)
    del request[name]
    assert app.handler(request, Context())["statusCode"] in {400, 401}


@pytest.mark.parametrize("connection_id", ["c" * 65, "c" * 3000, "a/b", "\ud800"])
def test_what_cannot_be_a_connection_is_404_even_where_nothing_can_be_read(stack: Aws, connection_id: str) -> None:
    stack.dynamodb.delete_table(TableName="ConnectionsTable")
    assert_problem(post(PROFILE, to=connection_id), 404, "not-found")


def test_a_connection_that_cannot_be_read_is_503_and_logged_by_its_code(
    stack: Aws, caplog: pytest.LogCaptureFixture
) -> None:
    stack.dynamodb.delete_table(TableName="ConnectionsTable")
    problem = assert_problem(post(PROFILE), 503, "unavailable")
    assert (problem["title"], problem["errors"]) == ("The service is unavailable now", [])
    (record,) = logged(app.logger, caplog)
    assert (record["status"], record["cause"]) == (503, "ResourceNotFoundException")
    assert "ResourceNotFound" not in json.dumps(problem)


@pytest.mark.parametrize("body", ["A", "e30", "e30=!", "{}", "é", "\ud800"])
def test_what_is_announced_as_base64_and_is_not_is_400(stack: Aws, body: str) -> None:
    request = {**webhook_request("aep", None, HEADERS, is_base64=True), "body": body}
    assert "Base64" in assert_problem(app.handler(request, Context()), 400, "not-json")["detail"]
    assert queued(stack) == []


def test_a_text_that_is_no_unicode_is_400(stack: Aws) -> None:
    request = {**webhook_request("aep", None, HEADERS), "body": '{"a":"\ud800"}'}
    assert_problem(app.handler(request, Context()), 400, "not-json")


@pytest.mark.parametrize(
    ("on_rejected", "status"), [(OnRejected.ACCEPT, 202), (OnRejected.MULTI_STATUS, 207), (OnRejected.REFUSE, 422)]
)
def test_the_status_tells_of_rejected_records_as_the_connection_says(
    stack: Aws, on_rejected: OnRejected, status: int
) -> None:
    stored = Connections(stack.dynamodb, "ConnectionsTable")
    stored.update(replace(stored.get("canonical"), on_rejected=on_rejected))
    answer = post([{"id": "0"}, 7], to="canonical")
    assert answer["statusCode"] == status
    if status == 422:
        problem = assert_problem(answer, 422, "rejected-records")
        assert [one["path"] for one in problem["errors"]] == ["[1]"]
        assert [envelope.events for envelope in queued(stack)] == [()]
    else:
        assert (as_json(answer)["accepted"], [one["index"] for one in as_json(answer)["rejected"]]) == (1, [1])
    assert post([{"id": "0"}], to="canonical")["statusCode"] == 202


def of_format(stack: Aws, source_format: str, **changes: Any) -> None:
    """An enabled connection, named by its format."""
    enabled = connection(id=source_format, source_format=source_format, **changes)
    Connections(stack.dynamodb, "ConnectionsTable").create(enabled, hashlib.sha256(TOKEN.encode()).hexdigest())


def test_a_call_in_json_rpc_is_answered_in_json_rpc_with_each_of_its_records(stack: Aws) -> None:
    of_format(stack, "census")
    plan = {
        "object": {"object_api_name": "audience:ups:a"},
        "operation": "upsert",
        "schema": {"email": {"active_identifier": True}},
    }
    params = {"sync_plan": plan, "records": [{"email": "ada@example.org"}, {"email": "\ud83d"}]}
    answer = post({"jsonrpc": "2.0", "id": "1", "method": "sync_batch", "params": params}, to="census")
    assert (answer["statusCode"], answer["headers"]["Content-Type"]) == (200, "application/json")
    told = as_json(answer)["result"]["record_results"]
    assert [(one["identifier"], one["success"]) for one in told] == [("ada@example.org", True), ("\ud83d", False)]
    assert [len(envelope.events) for envelope in queued(stack)] == [1]
    none = post({"jsonrpc": "2.0", "id": "2", "method": "sync_batch", "params": {}}, to="census")
    assert (none["statusCode"], as_json(none)["id"], as_json(none)["error"]["code"]) == (200, "2", -32602)


def test_rows_are_read_in_the_form_of_the_connection_and_say_the_rest_in_the_address(stack: Aws) -> None:
    of_format(stack, "rows", rows=RowForm("people", "mail", status="$.change", realized=("in",), exited=("out",)))
    body = json.dumps({"change": "out", "people": [{"mail": "ada@example.org"}]})
    request = {**webhook_request("rows", body, HEADERS), "queryStringParameters": {"audience": "a"}}
    assert app.handler(request, Context())["statusCode"] == 202
    ((event,),) = (envelope.events for envelope in queued(stack))
    assert event.identities == {"dedupefield": ("ada@example.org",)}
    assert [(one.audience, one.status) for one in event.memberships] == [
        (AudienceKey("ups", "a"), MembershipStatus.EXITED)
    ]


def test_a_token_comes_where_the_connection_says(stack: Aws) -> None:
    basic = "Basic " + base64.b64encode(f"canonical:{TOKEN}".encode()).decode()
    assert post([{}], to="canonical", headers={"Authorization": basic})["statusCode"] == 202
    assert_problem(post([{}], to="canonical", headers={"X-Api-Key": TOKEN}), 401, "unauthorized")
    stored = Connections(stack.dynamodb, "ConnectionsTable")
    stored.update(replace(stored.get("canonical"), admission=Admission("X-Api-Key", "token")))
    assert post([{}], to="canonical", headers={"X-Api-Key": TOKEN})["statusCode"] == 202
    request = {**webhook_request("canonical", "[{}]", {}), "queryStringParameters": {"token": TOKEN}}
    assert app.handler(request, Context())["statusCode"] == 202


LIMIT = 6 * 1024 * 1024
"""What Lambda returns at most, in bytes."""


def test_the_worst_of_records_have_an_answer_that_fits(stack: Aws) -> None:
    name = "\U0001f600" * 400
    entries = {f"{number}{name}": None for number in range(1_000)}
    worst = {"email": "a@b.example", "segmentMembership": {name[:64]: entries}}
    answer = post([worst, *[7] * 10_000])
    assert answer["statusCode"] == 202
    assert len(answer["body"].encode()) < LIMIT
    found = as_json(answer)
    assert (found["accepted"], found["rejected_count"], found["warning_count"]) == (1, 10_000, 1_000)
    assert [len(found["rejected"]), found["warnings"]] == [1_000, []]
    alone = post([worst, {"email": "a@b.example", "segmentMembership": {name[:64]: {name: None}}}])
    assert len(alone["body"].encode()) < LIMIT
    assert "rejected_count" not in as_json(alone)
    assert (as_json(alone)["warning_count"], as_json(alone)["rejected"]) == (1_001, [])
    assert [len(one["errors"]) for one in as_json(alone)["warnings"]] == [1_000]


def test_problems_are_all_listed_up_to_the_limit_rejected_records_first(stack: Aws) -> None:
    entries = {str(number): None for number in range(MAX_ERRORS - 1)}
    record = {"email": "a@b.example", "segmentMembership": {"ups": entries}}
    full = as_json(post([7, record]))
    assert full.keys() == {"accepted", "rejected", "warnings"}
    cut = as_json(post([7, 7, record]))
    assert cut.keys() == {"accepted", "rejected", "warnings", "warning_count"}
    assert (len(cut["rejected"]), len(cut["warnings"][0]["errors"])) == (2, MAX_ERRORS - 2)
    assert cut["warning_count"] == MAX_ERRORS - 1


def test_a_record_with_hundreds_of_thousands_of_audiences_is_rejected_as_one(stack: Aws) -> None:
    entries = {f"{number:06}": 0 for number in range(400_000)}
    answer = post([{}, {"segmentMembership": {"ups": entries}}], is_base64=True)
    error = {"path": "segmentMembership", "message": "must not have more than 10000 audiences"}
    assert as_json(answer) == {"accepted": 1, "rejected": [{"index": 1, "errors": [error]}]}


def test_a_problem_of_many_records_tells_how_many(stack: Aws) -> None:
    refused = as_json(post([7] * 3_000))
    assert (refused["status"], len(refused["errors"]), refused["error_count"]) == (400, MAX_ERRORS, 3_000)
    stack.sqs.delete_queue(QueueUrl=stack.queue_url)
    lost = as_json(post([{}] * 3_000))
    assert (lost["status"], len(lost["errors"]), lost["error_count"]) == (503, MAX_ERRORS, 3_000)


def test_an_unknown_connection_is_404(stack: Aws) -> None:
    assert_problem(post(PROFILE, to="elsewhere"), 404, "not-found")


@pytest.mark.parametrize("authorization", [None, "Bearer another", f"Basic {TOKEN}", ""])
def test_a_wrong_token_is_401_and_never_shown(
    stack: Aws, authorization: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = post(PROFILE, headers=headers)
    assert_problem(answer, 401, "unauthorized")
    shown = answer["body"] + json.dumps(logged(app.logger, caplog))
    assert TOKEN not in shown
    assert "another" not in shown
    assert queued(stack) == []


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_a_connection_that_is_not_enabled_is_409_and_queues_no_event(stack: Aws, status: Status) -> None:
    assert status.value in assert_problem(post(PROFILE, to=f"aep-{status}"), 409, "not-enabled")["detail"]
    assert not any(one.events or one.losses for one in queued(stack))


def test_a_connection_that_is_being_deleted_says_so(stack: Aws) -> None:
    Connections(stack.dynamodb, "ConnectionsTable").begin_deletion("aep", 1, datetime.now(UTC))
    detail = assert_problem(post(PROFILE), 409, "not-enabled")["detail"]
    assert "is being deleted" in detail
    assert "enable" not in detail
    assert queued(stack) == []


def test_disabling_holds_for_the_next_event(stack: Aws) -> None:
    assert post(PROFILE)["statusCode"] == 202
    Connections(stack.dynamodb, "ConnectionsTable").set_status("aep", 1, Status.DISABLED, datetime.now(UTC))
    assert_problem(post(PROFILE), 409, "not-enabled")


def test_a_body_too_large_is_413(stack: Aws) -> None:
    assert_problem(post(b"[" + b" " * 6_000_000 + b"]", is_base64=True), 413, "too-large")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post"])
def test_another_method_is_405_and_tells_nothing_of_the_connection(stack: Aws, method: str) -> None:
    answers = [
        app.handler(webhook_request(connection_id, None, headers) | {"httpMethod": method}, Context())
        for connection_id in ("aep", "aep-disabled", "elsewhere", "a/b")
        for headers in (HEADERS, {})
    ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["headers"]["Allow"] == "POST"
    if method == "HEAD":
        assert (answers[0]["statusCode"], answers[0]["body"]) == (405, "")
        assert answers[0]["headers"]["Content-Type"] == "application/problem+json"
        return
    assert assert_problem(answers[0], 405, "method-not-allowed")["detail"] == "Use POST."
    assert queued(stack) == []


def test_a_refused_post_says_nothing_of_other_methods(stack: Aws) -> None:
    assert "Allow" not in post(PROFILE, headers={})["headers"]


def test_other_content_is_415(stack: Aws) -> None:
    assert_problem(post("<a/>", headers={**HEADERS, "Content-Type": "application/xml"}), 415, "unsupported-media-type")


@pytest.mark.parametrize("body", [None, "", "not JSON", '{"a":', "[1, 2", "[" * 50_000])
def test_what_is_not_json_is_400(stack: Aws, body: str | None) -> None:
    assert assert_problem(post(body), 400, "not-json")["errors"] == []
    assert [(one.events, one.losses) for one in queued(stack)] == [((), {BODY_NOT_JSON: 1})]


def test_a_body_without_any_event_is_400_with_a_path_for_each_record(stack: Aws) -> None:
    problem = assert_problem(post([7, {"identityMap": []}]), 400, "no-events")
    assert [error["path"] for error in problem["errors"]] == ["[0]", "[1].identityMap"]


def test_a_queue_in_trouble_is_503_and_names_what_was_not_stored(stack: Aws) -> None:
    stack.sqs.delete_queue(QueueUrl=stack.queue_url)
    problem = assert_problem(post([PROFILE, PROFILE]), 503, "unavailable")
    assert [error["path"] for error in problem["errors"]] == ["[0]", "[1]"]


def test_no_value_of_a_profile_is_logged(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", app.logger.name)
    secret = {
        "personalEmail": {"address": "hidden@example.org"},
        "segmentMembership": {"ups": {"a": {"status": "hush"}}},
    }
    answers = [post([secret, {"identityMap": {"email": ["hidden@example.org"]}}]), post(["hidden@example.org"])]
    shown = json.dumps([answers, logged(app.logger, caplog)])
    assert "events accepted" in shown
    assert "hidden" not in shown
    assert "hush" not in shown


def test_events_keep_the_id_of_the_request_that_brought_them(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    request = webhook_request("aep", json.dumps([PROFILE]), HEADERS)
    request["requestContext"]["requestId"] = request_id
    assert app.handler(request, Context())["headers"]["X-Correlation-Id"] == request_id
    assert [one.correlation_id for one in queued(stack)] == [request_id]
    assert [line["correlation_id"] for line in logged(app.logger, caplog)] == [request_id]


@pytest.mark.parametrize("context", [None, {}, {"requestId": None}, {"requestId": "a b"}, {"requestId": "a" * 65}])
def test_a_request_without_a_usable_id_goes_by_that_of_the_invocation(stack: Aws, context: object) -> None:
    request = {**webhook_request("aep", json.dumps([PROFILE]), HEADERS), "requestContext": context}
    assert app.handler(request, Context())["headers"]["X-Correlation-Id"] == Context().aws_request_id
    assert [one.correlation_id for one in queued(stack)] == [Context().aws_request_id]


def test_what_was_taken_and_refused_is_measured(stack: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    post([PROFILE, 7, PROFILE])
    post(PROFILE, headers={})
    accepted, refused = emitted(capsys.readouterr().out)
    assert (accepted["accepted"], accepted["rejected"], accepted["stack"]) == ([2], [1], "destination")
    assert (refused["refused"], refused["status"], refused["stack"]) == ([1], "401", "destination")
