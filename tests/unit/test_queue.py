"""The queue's messages: packed to SQS's limits, sent until stored, and read back as what they were."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import LOSSES, RECORD_NOT_JSON, UNKNOWN_PROPERTY, Loss, Lost
from destination.domain.times import format_time
from destination.ingest.sources.record import MAX_DEPTH, LeftOut, attributes
from destination.queue import (
    MAX_BATCH_BYTES,
    MAX_EVENT_BYTES,
    MAX_FIRST,
    MAX_MESSAGE_BYTES,
    DeadLetter,
    DeadLetters,
    Envelope,
    EventQueue,
    Message,
    UndecodableMessageError,
    batch_response,
    decode,
    encode_event,
    messages,
    open_envelope,
    pack,
    verification_message,
)
from testing.sqs import FakeSqs

NOW = datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)
EVENT = ProfileEvent(
    at=NOW - timedelta(seconds=1),
    profile={"name": {"first": "Zoë"}, "score": 0, "ok": False, "empty": "", "none": None, "list": [1.5, {"a": []}]},
    identities={"email": ("zoe@example.org", "z@example.org"), "crmid": ()},
    memberships=(
        Membership(AudienceKey("ups", "a#1"), MembershipStatus.REALIZED, NOW - timedelta(days=1)),
        Membership(AudienceKey("Customer Upload", "ü"), MembershipStatus.EXITED, NOW, "Käufer"),
    ),
    received_at=NOW,
    id="event-1",
)
MICROSECOND = timedelta(microseconds=1)


def packed(*texts: str) -> list[tuple[int, str]]:
    return list(pack("connection-1", NOW, texts, envelope_id="envelope-1"))


def test_a_message_reads_as_it_was_written() -> None:
    bare = ProfileEvent(NOW, {}, {}, (), NOW + MICROSECOND)
    ((count, body),) = packed(encode_event(EVENT), encode_event(bare))
    assert count == 2
    assert decode(body) == Envelope("envelope-1", "connection-1", NOW, 0, (EVENT, bare))
    assert json.loads(body)["v"] == 1


def test_a_message_carries_what_was_lost_of_its_body() -> None:
    losses = {RECORD_NOT_JSON: 7, UNKNOWN_PROPERTY: 1}
    ((count, body),) = pack("connection-1", NOW, [encode_event(EVENT)], envelope_id="envelope-1", losses=losses)
    assert (count, decode(body)) == (1, Envelope("envelope-1", "connection-1", NOW, 0, (EVENT,), losses=losses))
    ((count, alone),) = pack("connection-1", NOW, [], envelope_id="envelope-1", losses=losses)
    assert (count, decode(alone)) == (0, Envelope("envelope-1", "connection-1", NOW, 0, (), losses=losses))
    assert "losses" not in packed(encode_event(EVENT))[0][1]
    assert list(pack("connection-1", NOW, [], envelope_id="envelope-1", losses={})) == []


def test_every_loss_that_there_is_passes_the_queue_and_one_that_is_to_come() -> None:
    losses = {**dict.fromkeys(LOSSES, 1_000), Loss(Lost.REJECTED, "A_CODE_TO_COME"): 1}
    ((_, body),) = pack("connection-1", NOW, [], envelope_id="envelope-1", losses=losses)
    assert decode(body).losses == losses
    assert len(body) < MAX_MESSAGE_BYTES - MAX_EVENT_BYTES


@pytest.mark.parametrize(
    "losses",
    [
        None,
        [],
        7,
        {"rejected": 7},
        {"rejected": {"A": 0}},
        {"rejected": {"A": -1}},
        {"rejected": {"A": True}},
        {"rejected": {"A": "1"}},
        {"rejected": {"A": 10**9}},
        {"rejected": {"a b": 1}},
        {"rejected": {"A" * 51: 1}},
        {"rejected": {f"A_{'A' * number}": 1 for number in range(40)}, "left_out": {"A" * n: 1 for n in range(1, 20)}},
    ],
)
def test_losses_of_another_form_are_no_message(losses: object) -> None:
    message = json.loads(packed(encode_event(EVENT))[0][1]) | {"losses": losses}
    with pytest.raises(UndecodableMessageError):
        decode(json.dumps(message))


def test_a_message_carries_the_id_of_its_request_where_there_is_one() -> None:
    texts = [encode_event(EVENT)]
    ((_, body),) = pack("connection-1", NOW, texts, envelope_id="envelope-1", correlation_id="c6af9ac6-7b61")
    assert decode(body) == Envelope("envelope-1", "connection-1", NOW, 0, (EVENT,), correlation_id="c6af9ac6-7b61")
    assert DeadLetter(body, "", "").group == "connection-1"
    ((_, body),) = packed(*texts)
    assert "correlation_id" not in body


def test_the_events_of_a_body_are_numbered_through_its_messages_and_received_in_their_order() -> None:
    bare = replace(EVENT, profile={"text": "x" * 400_000}, id=None)
    texts = [encode_event(bare)] * 7
    found = [decode(body) for _, body in pack("connection-1", NOW, texts, envelope_id="envelope-1", first=10)]
    assert [(one.id, one.first, len(one.events)) for one in found] == [
        ("envelope-1", first, count) for first, count in ((10, 2), (12, 2), (14, 2), (16, 1))
    ]
    assert [event.received_at for one in found for event in one.events] == [
        NOW + n * MICROSECOND for n in range(10, 17)
    ]
    assert {one.received_at for one in found} == {NOW}


def test_the_largest_event_fits_beside_the_longest_ids() -> None:
    text = json.dumps("x" * (MAX_EVENT_BYTES - 2))
    ((_, body),) = pack("c" * 64, NOW, [text], envelope_id="e" * 64, first=MAX_FIRST - 1, correlation_id="r" * 64)
    assert len(body) <= MAX_MESSAGE_BYTES
    assert DeadLetter(body, "", "").group == "c" * 64


@pytest.mark.parametrize("number", [1, 2, 12])
def test_events_are_read_from_their_lines_as_from_the_message(number: int) -> None:
    losses = {Loss(Lost.REJECTED, "NO_PROFILE"): 2}
    texts = [encode_event(replace(EVENT, id=f"event-{one}")) for one in range(number)]
    ((_, body),) = pack("connection-1", NOW, texts, envelope_id="envelope-1", first=3, losses=losses)
    found = open_envelope(body)
    assert replace(found, events=tuple(found.events)) == decode(body)
    assert [found.text(place) for place in range(number)] == texts == [decode(body).text(one) for one in range(number)]
    assert found.events[:2] == list(decode(body).events[:2])
    assert open_envelope(json.dumps(json.loads(body), indent=1)) == decode(body)


@pytest.mark.parametrize("body", ["", "\n]}", '{"v": 2,"events":[\n]}', '{"v": 1,"events":[\n]}', "a\nb"])
def test_lines_that_are_no_message_of_ours_are_refused(body: str) -> None:
    with pytest.raises(UndecodableMessageError):
        open_envelope(body)


@pytest.mark.parametrize("after", ["]", ", ", "{}", ',{"id": 1}', "\r"])
def test_a_line_holds_one_event_and_nothing_after_it(after: str) -> None:
    ((_, body),) = packed(encode_event(EVENT), encode_event(EVENT))
    opening, first, *rest = body.split("\n")
    found = open_envelope("\n".join([opening, first.removesuffix(",") + after, *rest])).events
    assert found[1] == replace(EVENT, received_at=found[1].received_at)
    with pytest.raises(UndecodableMessageError):
        found[0]


def test_a_verification_is_a_message_without_events() -> None:
    name = "20261121T100000123456Z-0123abcd"
    body = verification_message("connection-1", name, NOW)
    assert decode(body) == Envelope(name, "connection-1", NOW, 0, (), verification=name)
    assert DeadLetter(body, "", "").group == "connection-1"


def envelope(**changes: object) -> str:
    """A message without events, with properties of any shape; those that are `...` are left out."""
    good: dict[str, object] = {
        "v": 1,
        "id": "e" * 64,
        "connection_id": "c" * 64,
        "received_at": "2026-11-21T10:00:00Z",
        "first": MAX_FIRST - 1,
        "events": [],
    }
    return json.dumps({name: value for name, value in {**good, **changes}.items() if value is not ...})


@pytest.mark.parametrize("wrong", [7, True, [], {}, "", "a b", "a" * 65, "a\n", "\ud800"])
@pytest.mark.parametrize("name", ["id", "correlation_id"])
def test_what_is_no_id_of_an_envelope_or_of_a_request_is_no_message_of_ours(name: str, wrong: object) -> None:
    with pytest.raises(UndecodableMessageError):
        decode(envelope(**{name: wrong}))


def test_messages_are_filled_to_the_limit_in_order() -> None:
    texts = [json.dumps(f"{number:04}" + "x" * 400_000) for number in range(7)]
    found = packed(*texts)
    assert [count for count, _ in found] == [2, 2, 2, 1]
    assert all(len(body.encode()) <= MAX_MESSAGE_BYTES for _, body in found)
    assert [event for _, body in found for event in json.loads(body)["events"]] == [json.loads(text) for text in texts]


def test_the_largest_event_there_may_be_fits_into_a_message() -> None:
    largest = json.dumps("x" * (MAX_EVENT_BYTES - 2))
    assert len(largest) == MAX_EVENT_BYTES
    found = packed(largest, largest, json.dumps("x" * 10_000), largest)
    assert [count for count, _ in found] == [1, 1, 1, 1]
    assert all(len(body) <= MAX_MESSAGE_BYTES for _, body in found)


def test_messages_hold_nearly_as_much_as_sqs_takes() -> None:
    """A mebibyte, of which a dead letter's attributes and the envelope take little."""
    mebibyte = 1024 * 1024
    assert 0.97 * mebibyte < MAX_EVENT_BYTES < MAX_MESSAGE_BYTES < MAX_BATCH_BYTES == mebibyte
    ((count, body),) = packed(*[json.dumps("x" * 998)] * 1_000)
    assert (count, len(body) > 1_000_000) == (1_000, True)


def test_a_dead_letter_of_the_largest_event_is_stored_with_its_reason() -> None:
    ((_, body),) = packed(json.dumps("x" * (MAX_EVENT_BYTES - 2)))
    sqs = FakeSqs()
    assert DeadLetters(sqs.client(), "https://letters").send([DeadLetter(body, "FAILED", "x" * 10_000)] * 2) == []
    assert sqs.calls == [1, 1]


def test_an_event_of_a_profile_in_all_audiences_of_a_sandbox_fits() -> None:
    memberships = tuple(
        Membership(
            AudienceKey("ups", f"c3d0a6a1-5b7e-4c57-9a40-{number:012}"), MembershipStatus.REALIZED, NOW, "x" * 40
        )
        for number in range(4_000)
    )
    text = encode_event(replace(EVENT, memberships=memberships))
    assert len(text) <= MAX_EVENT_BYTES
    ((_, body),) = packed(text)
    assert decode(body).events[0].memberships == memberships


@pytest.mark.parametrize("first", [0, 8, 9, 99_999])
def test_a_message_is_full_at_the_limit_and_not_before(first: int) -> None:
    def lengths(last: int) -> list[int]:
        texts = [json.dumps("x" * 100_000)] * 2 + [json.dumps("x" * last)]
        return [len(body) for _, body in pack("connection-1", NOW, texts, envelope_id="envelope-1", first=first)]

    (short,) = lengths(0)
    room = MAX_MESSAGE_BYTES - short
    assert lengths(room) == [MAX_MESSAGE_BYTES]
    assert len(lengths(room + 1)) == 2


def test_nothing_to_pack_is_no_message() -> None:
    assert packed() == []


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\udc00\ud800"])
def test_a_lone_surrogate_is_refused_wherever_it_stands(text: str) -> None:
    for event in (
        ProfileEvent(NOW, {"a": [{"b": text}]}, {}, (), NOW),
        ProfileEvent(NOW, {text: 1}, {}, (), NOW),
        ProfileEvent(NOW, {}, {"email": (text,)}, (), NOW),
        ProfileEvent(NOW, {}, {}, (), NOW, id=text),
    ):
        with pytest.raises(ValueError, match="surrogates"):
            encode_event(event)


@pytest.mark.parametrize("text", ["😀", "C:\\ud800", "\\\\ud800 as text", "\x00\x1f", "\u2028"])
def test_every_other_text_is_taken(text: str) -> None:
    event = ProfileEvent(NOW, {"a": text}, {}, (), NOW)
    ((_, body),) = packed(encode_event(event))
    assert decode(body).events == (event,)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "text",
        "null",
        "[]",
        "{}",
        *(envelope(**{name: ...}) for name in ("v", "id", "connection_id", "received_at", "first", "events")),
    ],
)
def test_what_is_no_message_of_this_version_is_refused(body: str) -> None:
    with pytest.raises(UndecodableMessageError):
        decode(body)


def wire(**changes: object) -> str:
    """An event as it stands in a message, with properties of any shape."""
    plain: dict[str, object] = {
        "id": None,
        "at": "2026-11-21T10:00:00Z",
        "profile": {},
        "identities": {},
        "audiences": [],
    }
    return json.dumps({**plain, **changes})


def shapes(*values: object) -> tuple[object, ...]:
    return values


MEMBERSHIP = ("ups", "a", "realized", "2026-11-21T10:00:00Z")


@pytest.mark.parametrize(
    "event",
    [
        *(wire(id=wrong) for wrong in shapes(7, True, [], {}, "\ud800")),
        *(
            wire(at=wrong)
            for wrong in shapes(None, 7, [], ["x"] * 20, "soon", "2026-11-21", "0001-01-01T00:00:00+05:00")
        ),
        *(wire(profile=wrong) for wrong in shapes(None, 7, "", [], ["a"], {"a": "\ud800"}, {"\udfff": 1})),
        *(
            wire(profile={"a": [{"b": wrong}]})
            for wrong in shapes(float("nan"), float("inf"), -float("inf"), "x\udc00")
        ),
        wire(profile={"a": 7}).replace("7", "1e999"),
        wire(profile={"a": 7}).replace("7", "9" * 5000),
        wire(profile={"a": 7}).replace("7", "[" * 70 + "]" * 70),
        wire(profile={"a": 7}).replace("7", '[{"b":' * 200 + "1" + "}]" * 200),
        *(wire(identities=wrong) for wrong in shapes(None, 7, "", [], ["email"])),
        *(
            wire(identities={"email": wrong})
            for wrong in shapes(None, 7, "a@b.example", {"a": 1}, [7], [["x"]], [None])
        ),
        *(wire(audiences=wrong) for wrong in shapes(None, 7, "", {}, {"abcd": 1}, ["abcd"])),
        *(wire(audiences=[wrong]) for wrong in shapes(None, 7, [], {}, dict.fromkeys(MEMBERSHIP), MEMBERSHIP[:3])),
        *(
            wire(audiences=[[*MEMBERSHIP[:place], wrong, *MEMBERSHIP[place + 1 :]]])
            for place in range(4)
            for wrong in shapes(None, 7, ["x"], {}, "\ud800")
        ),
        *(wire(audiences=[[*MEMBERSHIP, wrong]]) for wrong in shapes(7, ["x"], {}, "\ud800")),
    ],
)
def test_a_message_with_an_event_of_a_wrong_shape_is_refused(event: str) -> None:
    """Or the event alone, where it has a line of its own."""
    ((_, body),) = packed(wire(), event, wire())
    with pytest.raises(UndecodableMessageError):
        decode(body)
    first, wrong, last = range(3)
    found = open_envelope(body).events
    assert [found[first].profile, found[last].profile] == [{}, {}]
    with pytest.raises(UndecodableMessageError):
        found[wrong]
    with pytest.raises(UndecodableMessageError):
        open_envelope(json.dumps(json.loads(body)) if is_json(body) else body.replace("\n", ""))


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("connection_id", wrong)
            for wrong in shapes("", "c" * 65, "a/b", "a b", "c\n", "é", "\ud800", None, 7, ["c"], {})
        ),
        *(
            ("received_at", wrong)
            for wrong in shapes("1999-12-31T23:59:59Z", "2101-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
        ),
        *(("received_at", wrong) for wrong in shapes("9999-12-31T23:59:59-05:00", None, 7, [], ["x"] * 20, "soon")),
        *(("events", wrong) for wrong in shapes(None, 7, "", {}, {"a": 1}, [None], [7], ["x"], [[]], [{}])),
        *(("first", wrong) for wrong in shapes(None, -1, MAX_FIRST, 1.0, True, "1", [], {})),
        *(("v", wrong) for wrong in shapes(None, 0, 2, True, 1.0, "1", [], {}, "x" * 100_000)),
        ("more", "\ud800"),
        ("more", float("nan")),
    ],
)
def test_a_message_with_a_property_of_a_wrong_shape_is_refused_in_few_words(name: str, value: object) -> None:
    assert decode(envelope()).first == MAX_FIRST - 1
    with pytest.raises(UndecodableMessageError) as refused:
        decode(envelope(**{name: value}))
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"v":' * 100_000, '{"v":1,"a":"\ud800"}', "\ud800", '{"v":1,"a":"\\uD800"}']
)
def test_a_text_that_no_parser_likes_is_refused(body: str) -> None:
    with pytest.raises(UndecodableMessageError):
        decode(body)


def test_a_profile_may_nest_as_deep_as_sources_let_it() -> None:
    deepest = json.loads('{"n":[' * (MAX_DEPTH // 2) + "]}" * (MAX_DEPTH // 2))
    assert attributes(deepest, "", LeftOut(), may_hold_halves=False) is deepest
    ((_, body),) = packed(encode_event(ProfileEvent(NOW, deepest, {}, (), NOW)))
    assert decode(body).events[0].profile == deepest


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
def test_an_event_may_be_of_any_time(at: str) -> None:
    ((_, body),) = packed(wire(at=at))
    assert format_time(decode(body).events[0].at) == at


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(UndecodableMessageError, match="message version 2, not 1"):
        decode('{"v":2}')


@pytest.mark.parametrize(
    ("audience", "error"),
    [(["ups", "a", "paused", "2026-11-21T10:00:00Z"], "KeyError"), (["ups", "a"], "ValueError"), (7, "TypeError")],
)
def test_a_message_with_a_wrong_membership_is_refused_without_showing_it(audience: object, error: str) -> None:
    ((_, body),) = packed(wire(audiences=[audience]))
    with pytest.raises(UndecodableMessageError, match=error) as refused:
        decode(body)
    assert "paused" not in str(refused.value)


def test_lambdas_records_become_messages_and_those_that_stay_are_named() -> None:
    record = {"messageId": "m-1", "receiptHandle": "r-1", "body": "{}", "attributes": {"ApproximateReceiveCount": "3"}}
    alone = {"messageId": "m-2", "receiptHandle": "r-2", "body": "[]"}
    assert messages({"Records": [record, alone]}) == [Message("m-1", "r-1", "{}", 3), Message("m-2", "r-2", "[]")]
    assert batch_response(["m-2"]) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert batch_response([]) == {"batchItemFailures": []}


def test_messages_go_in_order_under_their_connections_group() -> None:
    sqs = FakeSqs()
    bodies = [str(number) for number in range(23)]
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", bodies) == []
    assert (sqs.bodies(), sqs.calls) == (bodies, [10, 10, 3])
    assert {(entry["MessageGroupId"], entry["QueueUrl"]) for entry in sqs.sent} == {("connection-1", "https://queue")}


def test_large_messages_share_calls_as_far_as_they_may() -> None:
    sqs = FakeSqs()
    bodies = [f"{number}" + "x" * (MAX_BATCH_BYTES // 4 - 1) for number in range(9)]
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", bodies) == []
    assert (sqs.bodies(), sqs.calls) == (bodies, [4, 4, 1])


def test_full_messages_have_a_call_each() -> None:
    sqs = FakeSqs()
    bodies = [f"{number}" + "x" * (MAX_MESSAGE_BYTES - 1) for number in range(3)]
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", bodies) == []
    assert (sqs.bodies(), sqs.calls) == (bodies, [1, 1, 1])


@pytest.mark.parametrize(("left", "calls"), [(0, [2]), (-1, [1, 1])])
def test_letters_share_a_call_as_far_as_their_attributes_let_them(left: int, calls: list[int]) -> None:
    """Each has `code` and `reason` with their type, `String`, beside its body."""
    sqs = FakeSqs()
    code, reason = "FAILED", "Käufer"
    attributes = len(f"code{code}reason") + len(reason.encode()) + 2 * len("String")
    body = "x" * (MAX_BATCH_BYTES // 2 - attributes)
    letters = [DeadLetter(body, code, reason), DeadLetter(body + "x" * -left, code, reason)]
    assert DeadLetters(sqs.client(), "https://letters").send(letters) == []
    assert (len(sqs.sent), sqs.calls) == (2, calls)


def test_nothing_to_send_is_no_call() -> None:
    sqs = FakeSqs()
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", []) == []
    assert sqs.calls == []


def test_what_fails_once_is_sent_again_alone() -> None:
    sqs = FakeSqs(refuses={"b": 1})
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", ["a", "b", "c"]) == []
    assert (sqs.bodies(), sqs.calls) == (["a", "c", "b"], [3, 1])


def test_what_cannot_be_stored_is_named() -> None:
    sqs = FakeSqs(refuses={"b": 99, "d": 99})
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", ["a", "b", "c", "d"]) == [1, 3]
    assert sqs.bodies() == ["a", "c"]


def test_a_queue_that_does_not_answer_stored_nothing() -> None:
    sqs = FakeSqs(down=99)
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", ["a", "b"]) == [0, 1]


def test_a_queue_that_answers_late_stored_all() -> None:
    sqs = FakeSqs(down=1)
    assert EventQueue(sqs.client(), "https://queue").send("connection-1", [str(n) for n in range(12)]) == []
    assert sorted(sqs.bodies(), key=int) == [str(n) for n in range(12)]


def test_dead_letters_carry_their_reason_beside_an_untouched_body() -> None:
    sqs = FakeSqs()
    ((_, body),) = packed(encode_event(EVENT))
    assert DeadLetters(sqs.client(), "https://dead").send([DeadLetter(body, "MARKETO_1006", "Field not found.")]) == []
    (entry,) = sqs.sent
    assert decode(entry["MessageBody"]).events == (EVENT,)
    assert {name: one["StringValue"] for name, one in entry["MessageAttributes"].items()} == {
        "code": "MARKETO_1006",
        "reason": "Field not found.",
    }


@pytest.mark.parametrize(
    ("body", "group"),
    [
        (packed(encode_event(EVENT))[0][1], "connection-1"),
        ('{"v": 2, "id": "e", "connection_id": "connection-2", "more": []}', "connection-2"),
        ("not JSON", "undecodable"),
        (envelope(id="e", connection_id="c"), "c"),
        (envelope(id="a b", connection_id="c"), "undecodable"),
        (envelope(connection_id=""), "undecodable"),
        (envelope(connection_id="a b"), "undecodable"),
        (envelope(connection_id="c" * 65), "undecodable"),
    ],
)
def test_a_dead_letter_has_the_group_of_its_connection_so_that_a_redrive_has_it_too(body: str, group: str) -> None:
    sqs = FakeSqs()
    DeadLetters(sqs.client(), "https://dead").send([DeadLetter(body, "CODE", "Why.")])
    assert [entry["MessageGroupId"] for entry in sqs.sent] == [group]


def test_dead_letters_that_are_not_stored_are_named() -> None:
    sqs = FakeSqs(refuses={"b": 99})
    letters = [DeadLetter(body, "CODE", "Why.") for body in "abc"]
    assert DeadLetters(sqs.client(), "https://dead").send(letters) == [1]


@pytest.mark.parametrize(("asked", "seconds"), [(-5, 0), (0, 0), (90, 90), (99_999, 43_200)])
def test_requeued_messages_are_invisible_as_long_as_sqs_can(asked: int, seconds: int) -> None:
    sqs = FakeSqs()
    held = [Message(f"m-{number}", f"r-{number}", "{}") for number in range(12)]
    EventQueue(sqs.client(), "https://queue").requeue(held, asked)
    assert sqs.invisible == {one.receipt_handle: seconds for one in held}
    assert sqs.calls == [10, 2]


def test_a_message_that_cannot_be_made_invisible_does_no_harm() -> None:
    sqs = FakeSqs(down=1)
    EventQueue(sqs.client(), "https://queue").requeue([Message(f"m-{n}", f"r-{n}", "{}") for n in range(11)], 5)
    assert sqs.invisible == {"r-10": 5}
