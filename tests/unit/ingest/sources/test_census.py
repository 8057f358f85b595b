"""Calls of Census' Custom Destination API: what becomes of their records, and what each of them is answered.

Shapes: Census documentation, "Custom Destination API", RPC details; JSON-RPC 2.0 Specification, section 5.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from destination.domain.audience import MAX_NAMESPACE_LENGTH, AudienceKey
from destination.domain.connection import OnRejected
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.loss import (
    ATTRIBUTE_UNREADABLE,
    RECORD_OF_OTHER_FORMAT,
    RECORD_REFUSED_WITH_OTHERS,
    RECORD_TOO_LARGE,
    RECORD_UNREADABLE,
)
from destination.ingest.reply import Reply
from destination.ingest.sources.body import MAX_RECORDS, Parsed, TooManyRecordsError
from destination.ingest.sources.census import MAX_LEVELS
from destination.ingest.sources.census_rpc import audience_of, object_name
from destination.ingest.sources.record import MAX_INNER, RecordTimes
from destination.ingest.webhook_errors import WebhookError
from destination.queue import decode
from testing.sources import read_body
from testing.webhook import WebhookStand, submission

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
WEBINAR = AudienceKey("ups", "webinar")


def call(method: str, params: object = None, call_id: object = "call-1") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "id": call_id, "params": params or {}}


def batch(
    records: object,
    *,
    name: object = object_name(WEBINAR),
    operation: object = "upsert",
    identifier: str = "email",
    fields: Sequence[str] = (),
) -> dict[str, Any]:
    schema = {one: {"active_identifier": one == identifier, "field": {}} for one in ["name", identifier, *fields]}
    plan = {"object": {"object_api_name": name, "label": "…"}, "operation": operation, "schema": schema}
    return call("sync_batch", {"sync_plan": plan, "records": records})


def read(body: object) -> Parsed:
    return read_body("census", json.dumps(body).encode(), RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    assert not parsed.rejected
    return event


def answered(body: object, webhook: WebhookStand | None = None) -> Reply:
    """What the webhook tells the sender of a body."""
    stand = webhook or WebhookStand(source_format="census")
    try:
        reply = stand.ingest(submission(body)).reply
    except WebhookError as refused:
        reply = refused.reply
    assert reply is not None
    assert reply.body["jsonrpc"] == "2.0"
    assert ("result" in reply.body) != ("error" in reply.body)
    return reply


def results(reply: Reply) -> dict[object, bool]:
    """Of each identifier, whether it was named a success; each failure says why."""
    assert (reply.status, reply.body["id"]) == (200, "call-1")
    told = reply.body["result"]["record_results"]
    assert all(one["success"] or one["error_message"] for one in told)
    return {one["identifier"]: one["success"] for one in told}


def error_of(reply: Reply) -> tuple[object, int]:
    return reply.body["id"], reply.body["error"]["code"]


@pytest.mark.parametrize(("operation", "status"), [("upsert", REALIZED), ("update", REALIZED), ("delete", EXITED)])
def test_the_operation_of_a_batch_says_who_joins_an_audience_and_who_leaves(
    operation: str, status: MembershipStatus
) -> None:
    event = only(read(batch([{"email": "ada@example.org"}], operation=operation)))
    assert [(one.audience, one.status, one.at) for one in event.memberships] == [(WEBINAR, status, NOW)]
    assert event.profile == {"email": "ada@example.org"}


def test_people_without_an_audience_are_sent_to_an_object_of_their_own() -> None:
    event = only(read(batch([{"email": "ada@example.org", "score": 0}], name="lead")))
    assert (event.memberships, event.profile) == ((), {"email": "ada@example.org", "score": 0})


def test_a_field_lies_where_its_path_leads_and_an_identity_in_its_namespace() -> None:
    record = {
        "email": "ada@example.org",
        "person.name.firstName": "Ada",
        "person.name.lastName": "",
        "person.address": {"city": "London"},
        "consents.marketing": False,
        "identityMap.CRM": 4711,
        "identityMap.ecid": ["1", "2"],
        "identityMap.phone": None,
    }
    event = only(read(batch([record])))
    assert event.profile == {
        "email": "ada@example.org",
        "person": {"name": {"firstName": "Ada", "lastName": ""}, "address": {"city": "London"}},
        "consents": {"marketing": False},
    }
    assert event.identities == {"crm": ("4711",), "ecid": ("1", "2")}


@pytest.mark.parametrize("value", [0, False, "", 0.0, None, [], [0]])
def test_a_value_arrives_as_it_was_sent(value: object) -> None:
    found = only(read(batch([{"email": "ada@example.org", "a.b": value}]))).profile["a"]
    assert json.dumps(found) == json.dumps({"b": value})


@pytest.mark.parametrize(
    ("record", "profile"),
    [
        ({"a": 1, "a.b": 2}, {"a": 1}),
        ({"a.b": 2, "a": 1}, {"a": {"b": 2}}),
        ({"a": {"b": 1}, "a.c": 2}, {"a": {"b": 1}}),
        ({"a": None, "a.c": 2}, {"a": None}),
    ],
)
def test_a_field_in_the_way_of_another_keeps_its_place_and_the_other_is_told_of(
    record: Mapping[str, object], profile: Mapping[str, object]
) -> None:
    parsed = read(batch([{"email": "ada@example.org", **record}]))
    assert only(parsed).profile == {"email": "ada@example.org", **profile}
    assert (parsed.warning_count, set(parsed.losses)) == (1, {ATTRIBUTE_UNREADABLE})


@pytest.mark.parametrize("name", ["a..b", ".a", "a.", ".", "", ".".join("a" * (MAX_LEVELS + 1)), "identityMap."])
def test_a_name_that_is_no_path_is_a_name(name: str) -> None:
    assert only(read(batch([{"email": "ada@example.org", name: 1}]))).profile == {"email": "ada@example.org", name: 1}


def test_the_objects_that_paths_take_are_bounded() -> None:
    wide = {f"a{number}.b.c.d.e.f.g.h": 1 for number in range(MAX_INNER // 7 + 1)}
    parsed = read(batch([{"email": "ada@example.org", **wide}]))
    assert (parsed.events, dict(parsed.losses)) == ([], {RECORD_TOO_LARGE: 1})


@pytest.mark.parametrize(
    "audience", [AudienceKey("ups", "a:b/c d%é"), AudienceKey("crm:eu", "1"), AudienceKey("a", "ü")]
)
def test_an_object_is_called_so_that_its_audience_is_known_again(audience: AudienceKey) -> None:
    name = object_name(audience)
    assert name.isascii()
    assert audience_of(name) == audience
    event = only(read(batch([{"email": "ada@example.org"}], name=name)))
    assert [one.audience for one in event.memberships] == [audience]


@pytest.mark.parametrize(
    "body",
    [
        batch([{"email": "a"}], name="contact"),
        batch([{"email": "a"}], name=None),
        batch([{"email": "a"}], name=["lead"]),
        batch([{"email": "a"}], name="audience:ups"),
        batch([{"email": "a"}], name="audience::webinar"),
        batch([{"email": "a"}], name="audience:ups:"),
        batch([{"email": "a"}], name="audience:ups:webinar:1"),
        batch([{"email": "a"}], name="audience:ups:\ud83d"),
        batch([{"email": "a"}], name=f"audience:{'n' * (MAX_NAMESPACE_LENGTH + 1)}:a"),
        batch([{"email": "a"}], operation="insert"),
        batch([{"email": "a"}], operation="mirror"),
        batch([{"email": "a"}], operation=["upsert"]),
        batch([{"email": "a"}], operation="delete", name="lead"),
        batch({"email": "a"}),
        call("sync_batch", {"sync_plan": 7, "records": [{"email": "a"}]}),
        call("sync_batch", {"sync_plan": {**batch([])["params"]["sync_plan"], "schema": {"email": {}}}, "records": []}),
        call("sync_batch"),
    ],
)
def test_a_batch_that_cannot_be_carried_out_is_an_error_and_none_of_its_records_is_taken(body: object) -> None:
    webhook = WebhookStand(source_format="census")
    reply = answered(body, webhook)
    assert (reply.status, error_of(reply)) == (200, ("call-1", -32602))
    assert webhook.queued() == []


def test_of_a_batch_that_cannot_be_carried_out_every_record_counts_as_lost() -> None:
    webhook = WebhookStand(source_format="census")
    answered(batch([{"email": "a"}, {"email": "b"}], operation="insert"), webhook)
    assert webhook.lost() == {RECORD_UNREADABLE: 2}


def test_each_record_is_answered_by_its_identifier_whether_it_is_a_success() -> None:
    webhook = WebhookStand(source_format="census")
    records = [
        {"email": "ada@example.org"},
        7,
        {"email": None, "name": "Nobody"},
        {"email": "\ud83d"},
        {"email": "grace@example.org", "name": "Grace"},
        {"email": ["list@example.org"]},
    ]
    reply = answered(batch(records), webhook)
    assert results(reply) == {"ada@example.org": True, "\ud83d": False, "grace@example.org": True}
    sent = [dict(event.profile) for body in webhook.sqs.bodies() for event in decode(body).events]
    assert sent == [records[0], records[4]]


@pytest.mark.parametrize("identifier", [4711, "4711", 0, "", 4.5, False])
def test_an_identifier_is_repeated_as_it_was_sent(identifier: object) -> None:
    reply = answered(batch([{"id": identifier}], identifier="id"))
    told = reply.body["result"]["record_results"]
    assert json.dumps(told) == json.dumps([{"identifier": identifier, "success": True}])


@pytest.mark.parametrize(("value", "is_taken"), [(4711, True), ("x", True), (4.5, False), (True, False)])
def test_a_record_that_its_identity_makes_nobodys_is_no_success(value: object, *, is_taken: bool) -> None:
    reply = answered(batch([{"identityMap.crm": value, "email": "ada@example.org"}], identifier="identityMap.crm"))
    assert results(reply) == {value: is_taken}


def test_of_a_batch_with_no_good_record_each_is_told_why() -> None:
    reply = answered(batch([{"email": "\ud83d"}, {"email": "\ud83d\ud83d"}]))
    assert results(reply) == {"\ud83d": False, "\ud83d\ud83d": False}


def test_where_the_connection_takes_all_or_nothing_the_good_records_are_no_success() -> None:
    webhook = WebhookStand(source_format="census")
    webhook.ingresses.known = replace(webhook.ingresses.known, on_rejected=OnRejected.REFUSE)
    reply = answered(batch([{"email": "ada@example.org"}, {"email": "\ud83d"}]), webhook)
    assert results(reply) == {"ada@example.org": False, "\ud83d": False}
    good, bad = (one["error_message"] for one in reply.body["result"]["record_results"])
    assert ("all of a body or nothing" in good, "Unicode" in bad) == (True, True)
    assert webhook.lost()[RECORD_REFUSED_WITH_OTHERS] == 1


def test_nothing_is_a_success_that_the_queue_has_not() -> None:
    webhook = WebhookStand(source_format="census")
    webhook.sqs.down = 99
    reply = answered(batch([{"email": "ada@example.org"}]), webhook)
    assert (reply.status, error_of(reply)) == (None, ("call-1", -32000))


def test_a_batch_without_records_has_no_results() -> None:
    assert results(answered(batch([]))) == {}


def test_the_test_of_a_connection_succeeds_and_stores_nothing() -> None:
    webhook = WebhookStand(source_format="census")
    reply = answered(call("test_connection"), webhook)
    assert (reply.status, reply.body["result"]) == (200, {"success": True})
    assert webhook.sqs.bodies() == []


def test_the_speed_is_within_what_census_and_the_webhook_take() -> None:
    speed = answered(call("get_sync_speed")).body["result"]
    assert set(speed) == {"maximum_batch_size", "maximum_parallel_batches", "maximum_records_per_second"}
    assert 0 < speed["maximum_batch_size"] <= MAX_RECORDS
    assert 0 < speed["maximum_parallel_batches"] <= 50
    assert speed["maximum_records_per_second"] > 0


def test_another_method_is_one_that_is_not_found() -> None:
    assert error_of(answered(call("drop_everything"))) == ("call-1", -32601)


@pytest.mark.parametrize(
    "body",
    [
        {"method": "test_connection", "id": "1"},
        {"jsonrpc": "1.0", "method": "test_connection"},
        {"jsonrpc": "2.0", "method": 7},
        {"email": "ada@example.org"},
        7,
        None,
        [],
        [call("test_connection"), call("test_connection")],
    ],
)
def test_what_is_no_call_is_an_invalid_request_and_counts_as_lost(body: object) -> None:
    webhook = WebhookStand(source_format="census")
    reply = answered(body, webhook)
    assert (reply.status, error_of(reply)) == (200, (None, -32600))
    assert set(webhook.lost()) == {RECORD_OF_OTHER_FORMAT}


def test_a_body_that_is_not_json_is_a_parse_error() -> None:
    assert error_of(answered(b'{"jsonrpc": ')) == (None, -32700)


@pytest.mark.parametrize("call_id", ["x", 7, 7.5, "", 0])
def test_the_id_of_a_call_is_repeated(call_id: object) -> None:
    assert answered(call("test_connection", call_id=call_id)).body["id"] == call_id


@pytest.mark.parametrize("call_id", [None, [1], {"a": 1}, float("inf"), float("nan")])
def test_what_is_no_id_is_null(call_id: object) -> None:
    assert answered(call("test_connection", call_id=call_id)).body["id"] is None


def test_a_batch_has_no_more_records_than_a_body() -> None:
    with pytest.raises(TooManyRecordsError):
        read(batch([7] * (MAX_RECORDS + 1)))
