"""The webhook's use case: who may send, what is taken, what is refused and why, and what the queue gets."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from destination.api.problem_kinds import KINDS
from destination.domain.connection import Admission, OnDeletePerson, OnRejected, Status
from destination.domain.loss import (
    ATTRIBUTE_UNREADABLE,
    BODY_NOT_JSON,
    BODY_TOO_LARGE,
    BODY_WRONG_CHARSET,
    BODY_WRONG_TYPE,
    EVENT_ID_UNREADABLE,
    EVENT_TIME_UNREADABLE,
    IDENTITY_UNREADABLE,
    LOSSES,
    MEMBERSHIP_STATUS_UNKNOWN,
    MEMBERSHIP_TIME_UNREADABLE,
    MEMBERSHIP_UNREADABLE,
    RECORD_NO_OBJECT,
    RECORD_NOT_JSON,
    RECORD_OF_OTHER_FORMAT,
    RECORD_OF_OTHER_KIND,
    RECORD_REFUSED_WITH_OTHERS,
    RECORD_TOO_LARGE,
    RECORD_TOO_MANY_AUDIENCES,
    RECORD_UNREADABLE,
    TOO_MANY_IDENTITIES,
    UNKNOWN_PROPERTY,
    Loss,
    Lost,
)
from destination.ingest.webhook import MAX_BODY_BYTES, Submission
from destination.ingest.webhook_errors import (
    BodyTooLargeError,
    NoEventsError,
    NotEnabledError,
    NotJsonError,
    QueueUnavailableError,
    RejectedRecordsError,
    UnauthorizedError,
    UnavailableError,
    UnknownConnectionError,
    UnsupportedTypeError,
    WebhookError,
)
from destination.queue import MAX_EVENT_BYTES, MAX_MESSAGE_BYTES, ErasureCall, decode
from testing.webhook import NOW, TOKEN, WebhookStand, submission

THROTTLED = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "hush"}}, "GetItem")
ENDPOINT_DOWN = EndpointConnectionError(endpoint_url="https://hush.example.org")


def test_events_are_queued_in_order_with_the_time_of_their_receipt() -> None:
    webhook = WebhookStand()
    acceptance = webhook.ingest(submission([{"id": str(number)} for number in range(50)]))
    assert (acceptance.accepted, acceptance.rejected, acceptance.warnings) == (50, (), ())
    assert webhook.queued() == [str(number) for number in range(50)]
    envelope = decode(webhook.sqs.bodies()[0])
    assert (envelope.connection_id, envelope.received_at) == ("connection-1", NOW)
    assert {entry["MessageGroupId"] for entry in webhook.sqs.sent} == {"connection-1"}


def test_the_messages_of_a_body_are_one_envelope_and_number_its_events() -> None:
    webhook = WebhookStand()
    large = {"text": "x" * (MAX_MESSAGE_BYTES // 2 - 500)}
    records: list[object] = [{"id": str(number), "profile": large} for number in range(5)]
    records[1] = 7
    webhook.ingest(submission(records))
    webhook.ingest(submission(records[:1]))
    found = sorted(map(decode, webhook.sqs.bodies()), key=lambda one: (one.id, one.first))
    assert [(one.id, one.first, [event.id for event in one.events]) for one in found] == [
        ("envelope-1", 0, ["0", "2"]),
        ("envelope-1", 2, ["3", "4"]),
        ("envelope-2", 0, ["0"]),
    ]
    received = [event.received_at for one in found[:2] for event in one.events]
    assert received == [NOW + timedelta(microseconds=number) for number in range(4)]


def test_the_connection_says_the_format() -> None:
    webhook = WebhookStand(source_format="aep")
    assert webhook.ingest(submission({"profiles": [{}, {}]})).accepted == 2


def test_an_empty_array_is_a_good_body_and_queues_nothing() -> None:
    webhook = WebhookStand()
    assert webhook.ingest(submission([])).accepted == 0
    assert webhook.sqs.calls == []


@pytest.mark.parametrize(
    "connection_id", ["", "c" * 65, "a/b", "connection-1 ", "connection-1\n", "é", "\ud800", "a#b"]
)
def test_what_is_no_connections_id_is_not_found_before_anything_is_read(connection_id: str) -> None:
    webhook = WebhookStand()
    webhook.ingresses.fails = ENDPOINT_DOWN
    with pytest.raises(UnknownConnectionError):
        webhook.ingest(submission(connection_id=connection_id))


@pytest.mark.parametrize(
    ("fails", "cause"),
    [(THROTTLED, "ProvisionedThroughputExceededException"), (ENDPOINT_DOWN, "EndpointConnectionError")],
)
def test_a_connection_that_cannot_be_read_is_unavailable(fails: Exception, cause: str) -> None:
    webhook = WebhookStand()
    webhook.ingresses.fails = fails
    with pytest.raises(UnavailableError) as refused:
        webhook.ingest(submission([{}]))
    assert (refused.value.kind, refused.value.cause) == ("unavailable", cause)
    assert "hush" not in refused.value.detail
    assert webhook.sqs.sent == []


def test_an_unknown_connection_is_not_found_before_its_token_is_looked_at() -> None:
    with pytest.raises(UnknownConnectionError):
        WebhookStand().ingest(submission(connection_id="connection-2", authorization=None))


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_token_opens_in_any_writing_of_its_scheme(scheme: str) -> None:
    assert WebhookStand().ingest(submission(authorization=f"{scheme} {TOKEN} ")).accepted == 0


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer \ud800é",
    ],
)
def test_no_token_or_another_is_refused_whatever_the_body(authorization: str | None) -> None:
    webhook = WebhookStand()
    with pytest.raises(UnauthorizedError) as refused:
        webhook.ingest(submission(b"not JSON", authorization=authorization))
    assert TOKEN not in refused.value.detail
    assert webhook.sqs.sent == []


@pytest.mark.parametrize(
    ("token", "until", "opens"),
    [
        ("previous", NOW + timedelta(seconds=1), True),
        ("previous", NOW, False),
        ("previous", None, False),
        (TOKEN, NOW, True),
        ("older", NOW + timedelta(days=1), False),
        ("-" * 64, None, False),
    ],
)
def test_the_token_before_is_good_until_its_time(token: str, until: datetime | None, opens: bool) -> None:
    webhook = WebhookStand()
    previous = hashlib.sha256(b"previous").hexdigest() if until else ""
    known = webhook.ingresses.known
    webhook.ingresses.known = replace(known, previous_token_hash=previous, previous_token_until=until)
    if opens:
        assert webhook.ingest(submission([{}], authorization=f"Bearer {token}")).accepted == 1
        return
    with pytest.raises(UnauthorizedError):
        webhook.ingest(submission([{}], authorization=f"Bearer {token}"))


@pytest.mark.parametrize(
    ("status", "refused"),
    [
        (Status.DRAFT, "is draft; enable it"),
        (Status.DISABLED, "is disabled; enable it"),
        (Status.ENABLED, None),
        (Status.BLOCKED, None),
        (Status.DELETING, "is being deleted"),
    ],
)
def test_only_an_enabled_connection_takes_events_and_a_blocked_one_is_enabled(
    status: Status, refused: str | None
) -> None:
    webhook = WebhookStand(status=status)
    if refused is None:
        assert webhook.ingest(submission([{}])).accepted == 1
        return
    with pytest.raises(NotEnabledError, match=refused):
        webhook.ingest(submission([{}]))
    assert webhook.sqs.sent == []


def test_a_body_is_taken_up_to_the_limit() -> None:
    fill = b" " * (MAX_BODY_BYTES - 2)
    assert WebhookStand().ingest(submission(b"[" + fill + b"]")).accepted == 0
    with pytest.raises(BodyTooLargeError, match=str(MAX_BODY_BYTES)):
        WebhookStand().ingest(submission(b"[ " + fill + b"]"))


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/x-ndjson",
        "text/plain",
        "text/json",
    ],
)
def test_json_is_taken_by_any_name(content_type: str | None) -> None:
    assert WebhookStand().ingest(submission(content_type=content_type)).accepted == 0


@pytest.mark.parametrize("content_type", ["application/xml", "text/csv", "application/x-www-form-urlencoded"])
def test_other_content_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedTypeError):
        WebhookStand().ingest(submission(content_type=content_type))


def test_a_body_is_read_in_the_charset_that_it_announces() -> None:
    webhook = WebhookStand()
    body = json.dumps([{"id": "Jörg"}], ensure_ascii=False).encode("latin-1")
    assert webhook.ingest(submission(body, content_type="application/json; charset=ISO-8859-1")).accepted == 1
    assert webhook.queued() == ["Jörg"]


def test_a_charset_that_is_unknown_or_not_that_of_the_body_is_refused() -> None:
    webhook = WebhookStand()
    with pytest.raises(UnsupportedTypeError, match=r"utf-8, utf-16, iso-8859-1, windows-1252"):
        webhook.ingest(submission([{}], content_type="application/json; charset=EBCDIC"))
    with pytest.raises(NotJsonError, match="charset"):
        webhook.ingest(submission(b"[{}", content_type="application/json; charset=utf-16"))
    with pytest.raises(NotJsonError, match="charset"):
        webhook.ingest(submission('[{"id": "Jörg"}]'.encode("latin-1")))
    assert webhook.queued() == []


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
def test_a_body_that_is_encoded_is_refused(encoding: str) -> None:
    with pytest.raises(UnsupportedTypeError, match="Content-Encoding"):
        WebhookStand().ingest(submission(headers={"content-encoding": encoding}))
    assert WebhookStand().ingest(submission(headers={"content-encoding": " Identity "})).accepted == 0


@pytest.mark.parametrize("body", [b"", b"not JSON", b"\xff\xfe", b'{"id":"1"', b"[" * 9999])
def test_what_is_not_json_is_refused_with_the_place(body: bytes) -> None:
    with pytest.raises(NotJsonError, match=r"^the body is .+\.$"):
        WebhookStand().ingest(submission(body))


def test_a_broken_record_is_named_and_never_loses_the_good_ones() -> None:
    webhook = WebhookStand()
    records: list[object] = [{"id": str(number)} for number in range(1000)]
    records[417] = {"id": "417", "audiences": [{"id": "a", "status": "paused"}]}
    records[418] = {"id": "418", "audiences": [{"id": "a", "status": "paused"}], "profile": {"firstName": "Ada"}}
    acceptance = webhook.ingest(submission(records))
    assert acceptance.accepted == 999
    ((index, problem),) = acceptance.rejected
    assert (index, problem.path) == (417, "audiences[0].status")
    assert [(index, problem.path) for index, problem in acceptance.warnings] == [(418, "audiences[0].status")]
    assert webhook.queued() == [str(number) for number in range(1000) if number != 417]


def test_records_that_no_message_can_hold_are_rejected_in_their_place() -> None:
    webhook = WebhookStand()
    records = [
        {"id": "0"},
        {"id": "1", "profile": {"text": "x" * MAX_EVENT_BYTES}},
        {"id": "2", "profile": {"text": "\ud800", "more": 1}},
        3,
        {"id": "4"},
    ]
    acceptance = webhook.ingest(submission(records))
    assert [index for index, _ in acceptance.rejected] == [1, 3]
    assert webhook.queued() == ["0", "2", "4"]
    assert webhook.lost() == {RECORD_TOO_LARGE: 1, ATTRIBUTE_UNREADABLE: 1, RECORD_NO_OBJECT: 1}


def test_audience_entries_left_out_are_warned_of() -> None:
    webhook = WebhookStand(source_format="aep")
    record = {"email": "a@b.example", "segmentMembership": {"ups": {"a": {"status": "paused"}}}}
    acceptance = webhook.ingest(submission([{}, record]))
    assert acceptance.accepted == 2
    assert [(index, problem.path) for index, problem in acceptance.warnings] == [(1, "segmentMembership.ups.a.status")]
    assert acceptance.warning_count == 1


def test_a_body_without_any_event_is_refused_with_every_record() -> None:
    webhook = WebhookStand()
    with pytest.raises(NoEventsError) as refused:
        webhook.ingest(submission([None, {"profile": 7}]))
    assert [problem.path for problem in refused.value.problems] == ["[0]", "[1].profile"]
    assert (webhook.queued(), webhook.lost()) == ([], {RECORD_NO_OBJECT: 1, RECORD_UNREADABLE: 1})


def test_a_queue_in_trouble_is_told_and_nothing_is_half_accepted_silently() -> None:
    webhook = WebhookStand()
    webhook.sqs.down = 99
    with pytest.raises(QueueUnavailableError, match="2 of 2 records were not stored") as refused:
        webhook.ingest(submission([{"id": "0"}, None, {"id": "2"}]))
    assert [problem.path for problem in refused.value.problems] == ["[0]", "[2]"]


def test_a_queue_that_stored_some_of_a_body_says_which_were_not() -> None:
    webhook = WebhookStand()
    large = "x" * (MAX_EVENT_BYTES - 500)
    records = [{"id": str(number), "profile": {"text": large}} for number in range(3)]
    webhook.ingest(submission(records))
    webhook.sqs.refuses = {webhook.sqs.bodies()[1].replace("envelope-1", "envelope-2"): 99}
    with pytest.raises(QueueUnavailableError, match="1 of 3") as refused:
        webhook.ingest(submission(records))
    assert [problem.path for problem in refused.value.problems] == ["[1]"]


def test_every_refusal_is_of_a_kind_that_the_interface_has() -> None:
    statuses = [KINDS[error.kind].status for error in WebhookError.__subclasses__()]
    assert sorted(statuses) == [400, 400, 401, 404, 405, 409, 413, 415, 422, 503, 503]


# What is lost comes to the run through the queue.

NAME = {"profile": {"firstName": "Ada"}}
GOOD = {"email": "a@b.example"}
AEP_LOSSES: Mapping[Loss, object] = {
    MEMBERSHIP_UNREADABLE: GOOD | {"segmentMembership": {"ups": {"a": 7}}},
    MEMBERSHIP_STATUS_UNKNOWN: GOOD | {"segmentMembership": {"ups": {"a": {"status": "paused"}}}},
    MEMBERSHIP_TIME_UNREADABLE: GOOD | {"segmentMembership": {"ups": {"a": {"lastQualificationTime": "soon"}}}},
    IDENTITY_UNREADABLE: GOOD | {"identityMap": {"email": [{"id": {}}]}},
    TOO_MANY_IDENTITIES: GOOD | {"identityMap": {"email": [{"id": number} for number in range(101)]}},
    ATTRIBUTE_UNREADABLE: GOOD | {"name": "half \ud83d"},
    RECORD_NO_OBJECT: "Ada",
    RECORD_OF_OTHER_FORMAT: {"occurred_at": "2026-11-21T10:00:00Z", "profile": {}},
    RECORD_TOO_LARGE: {"inner": [[]] * 100_001},
    RECORD_TOO_MANY_AUDIENCES: {"segmentMembership": {"ups": dict.fromkeys(map(str, range(10_001)))}},
    RECORD_UNREADABLE: {"identityMap": 7},
}
SEGMENT_LOSSES: Mapping[Loss, object] = {
    RECORD_OF_OTHER_KIND: {"type": "group", "groupId": "g-1", "userId": "u-1", "traits": {"email": "a@b.example"}},
}
CANONICAL_LOSSES: Mapping[Loss, object] = {
    MEMBERSHIP_UNREADABLE: NAME | {"audiences": [{"status": "realized"}]},
    MEMBERSHIP_STATUS_UNKNOWN: NAME | {"audiences": [{"id": "a", "status": "paused"}]},
    MEMBERSHIP_TIME_UNREADABLE: NAME | {"audiences": [{"id": "a", "at": "soon"}]},
    IDENTITY_UNREADABLE: NAME | {"identities": 7},
    TOO_MANY_IDENTITIES: NAME | {"identities": {"email": list(range(101))}},
    ATTRIBUTE_UNREADABLE: {"id": "1", "profile": {"firstName": "Ada", "lastName": "half \ud83d"}},
    EVENT_ID_UNREADABLE: NAME | {"id": []},
    EVENT_TIME_UNREADABLE: NAME | {"occurred_at": "soon"},
    UNKNOWN_PROPERTY: NAME | {"colour": "red"},
    RECORD_NO_OBJECT: None,
    RECORD_OF_OTHER_FORMAT: GOOD | {"segmentMembership": {}},
    RECORD_TOO_LARGE: {"profile": {"text": "x" * MAX_EVENT_BYTES}},
    RECORD_TOO_MANY_AUDIENCES: NAME | {"audiences": [None] * 10_001},
    RECORD_UNREADABLE: {"audiences": 7},
}
RECORD_LOSSES = {"aep": AEP_LOSSES, "canonical": CANONICAL_LOSSES, "segment": SEGMENT_LOSSES}
GOOD_RECORDS: Mapping[str, object] = {
    "aep": {"email": "b@b.example"},
    "canonical": NAME,
    "segment": {"type": "identify", "traits": {"email": "b@b.example"}},
}
WHOLE_BODIES: Mapping[str, tuple[Loss, Submission]] = {
    "empty": (BODY_NOT_JSON, submission(b"")),
    "no JSON": (BODY_NOT_JSON, submission(b"not JSON")),
    "no UTF-8": (BODY_WRONG_CHARSET, submission(b'{"name": "J\xf6rg"}')),
    "of another charset": (BODY_WRONG_CHARSET, submission(b"[{}", content_type="text/json; charset=utf-16")),
    "characters were lost": (
        BODY_WRONG_CHARSET,
        replace(submission("\ufffd".encode(), content_type="text/json; charset=latin1"), is_text=True),
    ),
    "of an unknown charset": (BODY_WRONG_TYPE, submission([{}], content_type="text/json; charset=EBCDIC")),
    "of another type": (BODY_WRONG_TYPE, submission([{}], content_type="text/csv")),
    "compressed": (BODY_WRONG_TYPE, submission(headers={"content-encoding": "gzip"})),
    "too many records": (BODY_TOO_LARGE, submission([{}] * 20_001)),
    "too large": (BODY_TOO_LARGE, submission(b" " * (MAX_BODY_BYTES + 1))),
}


def test_every_loss_that_there_is_can_happen() -> None:
    of_bodies = {loss for loss, _ in WHOLE_BODIES.values()}
    elsewhere = {RECORD_NOT_JSON, RECORD_REFUSED_WITH_OTHERS}
    assert {*AEP_LOSSES, *CANONICAL_LOSSES, *SEGMENT_LOSSES, *of_bodies, *elsewhere} == LOSSES.keys()


@pytest.mark.parametrize(
    ("source_format", "loss"),
    [(name, one) for name, found in RECORD_LOSSES.items() for one in found],
    ids=lambda one: getattr(one, "code", one),
)
def test_what_is_lost_of_a_record_is_queued_beside_the_events(source_format: str, loss: Loss) -> None:
    webhook = WebhookStand(source_format=source_format)
    record, good = RECORD_LOSSES[source_format][loss], GOOD_RECORDS[source_format]
    acceptance = webhook.ingest(submission([record, good, record]))
    is_rejected = loss.kind is Lost.REJECTED
    assert (acceptance.accepted, len(acceptance.rejected)) == ((1, 2) if is_rejected else (3, 0))
    assert webhook.lost() == {loss: 2}
    (body,) = webhook.sqs.bodies()
    assert len(decode(body).events) == acceptance.accepted


def test_a_line_that_is_not_json_is_a_record_that_is_lost() -> None:
    webhook = WebhookStand()
    assert webhook.ingest(submission(b'{"id": "1"}\n{"id": \n{"id": "3"}')).accepted == 2
    assert webhook.lost() == {RECORD_NOT_JSON: 1}


@pytest.mark.parametrize(("loss", "given"), WHOLE_BODIES.values(), ids=WHOLE_BODIES)
def test_a_body_that_is_refused_as_a_whole_is_queued_as_one_that_was_lost(loss: Loss, given: Submission) -> None:
    webhook = WebhookStand(source_format="aep")
    with pytest.raises(WebhookError):
        webhook.ingest(replace(given, correlation_id="request-1"))
    (body,) = webhook.sqs.bodies()
    envelope = decode(body)
    assert (envelope.losses, envelope.events, envelope.correlation_id) == ({loss: 1}, (), "request-1")
    assert (envelope.id, envelope.connection_id, envelope.received_at) == ("envelope-1", "connection-1", NOW)


@pytest.mark.parametrize(("loss", "given"), WHOLE_BODIES.values(), ids=WHOLE_BODIES)
def test_of_strangers_and_where_nothing_is_wanted_nothing_counts(loss: Loss, given: Submission) -> None:
    for webhook, refused in (
        (WebhookStand(), replace(given, headers={**given.headers, "authorization": "Bearer another"})),
        (WebhookStand(), replace(given, connection_id="elsewhere")),
        (WebhookStand(status=Status.DISABLED), given),
        (WebhookStand(status=Status.DELETING), given),
    ):
        with pytest.raises((UnauthorizedError, UnknownConnectionError, NotEnabledError)):
            webhook.ingest(refused)
        assert webhook.sqs.calls == [], loss


@pytest.mark.parametrize("given", [submission(b"not JSON"), submission([7, {"profile": 7}])])
def test_what_cannot_be_noted_is_to_be_sent_again(given: Submission) -> None:
    webhook = WebhookStand()
    webhook.sqs.down = 99
    with pytest.raises(QueueUnavailableError, match="send it again") as refused:
        webhook.ingest(given)
    assert refused.value.problems == ()


def test_of_several_messages_of_a_body_one_tells_what_was_lost() -> None:
    webhook = WebhookStand()
    large = {"text": "x" * (MAX_MESSAGE_BYTES // 2 - 500)}
    webhook.ingest(submission([7, *({"id": str(number), "profile": large} for number in range(5))]))
    found = {decode(body).first: decode(body).losses for body in webhook.sqs.bodies()}
    assert found == {0: {RECORD_NO_OBJECT: 1}, 2: {}, 4: {}}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_of_a_body_that_is_sent_again_what_was_lost_is_told_once(number: int) -> None:
    webhook = WebhookStand()
    large = {"text": "x" * (MAX_MESSAGE_BYTES // 2 - 500)}
    body = submission([7, *({"id": str(each), "profile": large} for each in range(5))])
    webhook.ingest(body)
    stored = sorted(webhook.sqs.bodies(), key=lambda one: decode(one).first)
    webhook.sqs.sent.clear()
    webhook.sqs.refuses = {stored[number].replace("envelope-1", "envelope-2"): 99}
    with pytest.raises(QueueUnavailableError) as refused:
        webhook.ingest(body)
    assert len(refused.value.problems) >= 1
    webhook.ingest(body)
    assert webhook.lost() == {RECORD_NO_OBJECT: 1}
    assert set(webhook.queued()) == {str(each) for each in range(5)}


def test_the_largest_event_fits_beside_all_that_can_be_lost() -> None:
    webhook = WebhookStand(source_format="canonical")
    bad = [one for loss, one in CANONICAL_LOSSES.items() if loss is not RECORD_TOO_LARGE]
    text = "x" * (MAX_EVENT_BYTES - 200)
    assert webhook.ingest(submission([{"profile": {"text": text}}, *bad])).accepted == 10
    assert max(map(len, webhook.sqs.bodies())) > MAX_EVENT_BYTES
    assert len(webhook.lost()) == len(bad)


def test_what_is_told_of_thousands_of_bad_records_is_short_and_has_no_value_of_them() -> None:
    webhook = WebhookStand()
    secret = {"id": {}, "profile": {"hush": "hush"}, "audiences": [{"id": "hush", "status": "hush"}], "hush": "hush"}
    webhook.ingest(submission([secret, *[{"audiences": [{"id": "hush", "status": "hush"}]}] * 10_000, *["hush"] * 9]))
    (body,) = webhook.sqs.bodies()
    told = body.partition('"losses":')[2].partition(',"first"')[0]
    assert json.loads(told) == {
        "rejected": {"RECORD_UNREADABLE": 10_000, "RECORD_NO_OBJECT": 9},
        "left_out": {"UNKNOWN_PROPERTY": 1, "EVENT_ID_UNREADABLE": 1, "MEMBERSHIP_STATUS_UNKNOWN": 1},
    }


def test_what_was_left_out_of_a_record_that_no_message_can_hold_is_lost_with_it() -> None:
    webhook = WebhookStand()
    large = {"id": "1", "colour": "red", "profile": {"text": "x" * MAX_EVENT_BYTES}}
    acceptance = webhook.ingest(submission([NAME | {"colour": "red"}, large]))
    assert [index for index, _ in acceptance.warnings] == [0]
    assert (acceptance.warning_count, webhook.lost()) == (1, {UNKNOWN_PROPERTY: 1, RECORD_TOO_LARGE: 1})


# What the sender hears of a body of which some records are rejected is the connection's to say.

TOO_LARGE = {"id": "2", "profile": {"text": "x" * MAX_EVENT_BYTES}}


def told_by(on_rejected: OnRejected) -> WebhookStand:
    webhook = WebhookStand()
    webhook.ingresses.known = replace(webhook.ingresses.known, on_rejected=on_rejected)
    return webhook


@pytest.mark.parametrize("on_rejected", [OnRejected.ACCEPT, OnRejected.MULTI_STATUS])
def test_good_records_are_taken_and_the_status_may_tell_of_the_others(on_rejected: OnRejected) -> None:
    webhook = told_by(on_rejected)
    is_multi_status = on_rejected is OnRejected.MULTI_STATUS
    acceptance = webhook.ingest(submission([{"id": "0"}, 7, TOO_LARGE]))
    assert (acceptance.accepted, acceptance.is_multi_status) == (1, is_multi_status)
    assert not webhook.ingest(submission([{"id": "1", "profile": {"a": 1}, "more": 1}])).is_multi_status
    assert webhook.queued() == ["0", "1"]


def test_a_connection_may_take_all_of_a_body_or_nothing() -> None:
    webhook = told_by(OnRejected.REFUSE)
    with pytest.raises(RejectedRecordsError, match="2 of 4 records") as refused:
        webhook.ingest(submission([{"id": "0"}, 7, TOO_LARGE, {"id": "3", "profile": {"a": 1}, "more": 1}]))
    assert [problem.path for problem in refused.value.problems] == ["[1]", "[2]"]
    assert webhook.queued() == []
    assert webhook.lost() == {RECORD_NO_OBJECT: 1, RECORD_TOO_LARGE: 1, RECORD_REFUSED_WITH_OTHERS: 2}
    assert webhook.ingest(submission([{"id": "0"}, {"id": "3", "profile": {"a": 1}, "more": 1}])).accepted == 2
    assert webhook.queued() == ["0", "3"]


@pytest.mark.parametrize("on_rejected", OnRejected)
def test_a_body_without_any_event_is_refused_whatever_the_connection_says(on_rejected: OnRejected) -> None:
    with pytest.raises(NoEventsError):
        told_by(on_rejected).ingest(submission([7]))


def test_the_connection_names_the_places_of_the_token() -> None:
    webhook = WebhookStand()
    places = Admission(header="X-Api-Key", query_parameter="token")
    given = [
        submission([{}], authorization=None, headers={"x-api-key": TOKEN}),
        submission([{}], authorization=None, query={"token": TOKEN}),
    ]
    for one in given:
        with pytest.raises(UnauthorizedError):
            webhook.ingest(one)
    webhook.ingresses.known = replace(webhook.ingresses.known, admission=places)
    assert [webhook.ingest(one).accepted for one in given] == [1, 1]


DELETE = {"type": "delete", "userId": "usr_1", "messageId": "m-1"}
IDENTIFY = GOOD_RECORDS["segment"]


def erasing(known_by: str | None = "identityMap.user_id") -> WebhookStand:
    webhook = WebhookStand(source_format="segment")
    webhook.ingresses.known = replace(webhook.ingresses.known, on_delete_person=OnDeletePerson.ERASE, known_by=known_by)
    return webhook


def calls_in(webhook: WebhookStand) -> list[ErasureCall]:
    return [one for body in webhook.sqs.bodies() if (one := decode(body).erasure_call) is not None]


def test_a_delete_is_queued_as_a_call_for_an_erasure_beside_the_events_of_its_body() -> None:
    webhook = erasing()
    acceptance = webhook.ingest(submission([IDENTIFY, DELETE, {"type": "delete", "userId": "usr_2"}]))
    assert (acceptance.accepted, acceptance.rejected) == (3, ())
    named, unnamed = calls_in(webhook)
    assert named == ErasureCall("usr_1", "m-1")
    assert (unnamed.value, bool(unnamed.call)) == ("usr_2", True)
    assert webhook.lost() == {}


def test_a_body_of_deletes_alone_is_taken() -> None:
    webhook = erasing()
    assert webhook.ingest(submission(DELETE)).accepted == 1
    assert calls_in(webhook) == [ErasureCall("usr_1", "m-1")]
    assert "usr_1" not in repr(calls_in(webhook))


@pytest.mark.parametrize("known_by", ["identityMap.email", "email", None])
def test_a_delete_without_what_people_are_known_by_is_rejected_and_says_so(known_by: str | None) -> None:
    webhook = erasing(known_by)
    ((index, problem),) = webhook.ingest(submission([DELETE, IDENTIFY])).rejected
    assert (index, problem.path, (known_by or "the mapping") in problem.message) == (0, "type", True)
    assert (calls_in(webhook), webhook.lost()) == ([], {RECORD_OF_OTHER_KIND: 1})


def test_a_delete_is_rejected_unless_the_connection_says_otherwise() -> None:
    webhook = WebhookStand(source_format="segment")
    ((_, problem),) = webhook.ingest(submission([DELETE, IDENTIFY])).rejected
    assert "source.on_delete_person" in problem.message
    assert (calls_in(webhook), webhook.lost()) == ([], {RECORD_OF_OTHER_KIND: 1})


def test_a_body_full_of_deletes_is_stored_by_ten_at_a_time_and_each_is_a_call_of_its_own() -> None:
    """As many as Segment's largest body has: the sender's 5 s are enough for 400 calls to SQS."""
    webhook, many = erasing(), 4_000
    deletes = [{**DELETE, "userId": f"usr_{number}", "messageId": f"m-{number}"} for number in range(many)]
    assert webhook.ingest(submission(deletes)).accepted == many
    assert {(one.value, one.call) for one in calls_in(webhook)} == {
        (one["userId"], one["messageId"]) for one in deletes
    }
    assert webhook.sqs.calls == [10] * (many // 10)


def test_a_delete_that_was_not_stored_is_asked_for_again() -> None:
    webhook = erasing()
    webhook.sqs.down = 100
    with pytest.raises(QueueUnavailableError) as refused:
        webhook.ingest(submission([DELETE]))
    assert [problem.path for problem in refused.value.problems] == ["[0]"]
