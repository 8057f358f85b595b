"""Calls of Segment's: of audiences, journeys and computed traits, in either form, and what of them is signed.

What is expected is what Segment's documentation says of its calls ("Using Engage Data", "Send Journeys data to a
Destination", "Webhooks"), not what the reader does.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import Proof
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import RECORD_OF_OTHER_KIND
from destination.ingest.admission import SourceRequest, WaysIn
from destination.ingest.sources import source
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes
from testing.sources import read_body

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
AT = datetime(2026, 11, 5, 9, 12, 44, 1000, tzinfo=UTC)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
PERSONAS = {
    "computation_class": "audience",
    "computation_id": "aud_1",
    "computation_key": "webinar_q4",
    "namespace": "spa_1",
    "space_id": "spa_1",
}


def identify(value: object = True, **traits: object) -> dict[str, Any]:
    return {
        "type": "identify",
        "userId": "usr_1",
        "messageId": "m-1",
        "timestamp": "2026-11-05T09:12:44.001Z",
        "integrations": {"All": False},
        "context": {"personas": PERSONAS},
        "traits": {"webinar_q4": value, "email": "ada@example.org", **traits},
    }


def track(value: object = True, event: str = "Audience Entered") -> dict[str, Any]:
    call = identify()
    del call["traits"]
    context = {"personas": PERSONAS, "traits": {"email": "ada@example.org"}}
    properties = {"audience_key": "webinar_q4", "webinar_q4": value}
    return {**call, "type": "track", "event": event, "context": context, "properties": properties}


def of(call: Mapping[str, Any], **personas: object) -> dict[str, Any]:
    """The call, of another computation."""
    return {**call, "context": {**call["context"], "personas": {**PERSONAS, **personas}}}


def read(body: object) -> Parsed:
    return read_body("segment", json.dumps(body).encode(), RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    assert not parsed.rejected
    return event


def told(parsed: Parsed) -> list[str]:
    return [problem.path for _, problem in parsed.warnings]


def said(call: Mapping[str, Any]) -> list[tuple[str, MembershipStatus]]:
    return [(one.audience.id, one.status) for one in only(read(call)).memberships]


def test_the_identify_of_an_audience_becomes_an_event() -> None:
    assert only(read(identify(firstName="Ada"))) == ProfileEvent(
        at=AT,
        profile={"webinar_q4": True, "email": "ada@example.org", "firstName": "Ada"},
        identities={"user_id": ("usr_1",), "email": ("ada@example.org",)},
        memberships=(Membership(AudienceKey("segment", "aud_1"), REALIZED, AT),),
        received_at=NOW,
        id="m-1",
    )


def test_the_track_of_an_audience_says_the_same_of_the_same_person() -> None:
    by_identify, by_track = only(read(identify())), only(read(track()))
    assert (by_track.memberships, by_track.identities, by_track.at) == (
        by_identify.memberships,
        by_identify.identities,
        by_identify.at,
    )
    assert by_track.profile == {**by_identify.profile, "audience_key": "webinar_q4"}


@pytest.mark.parametrize(
    ("value", "status"),
    [(True, REALIZED), (False, EXITED), ("true", REALIZED), ("false", EXITED), ("True", REALIZED)],
)
def test_whether_somebody_is_in_the_audience_is_a_boolean_or_its_text(value: object, status: MembershipStatus) -> None:
    assert said(identify(value)) == said(track(value)) == [("aud_1", status)]


@pytest.mark.parametrize("event", ["Audience Entered", "Joined", "Audience Exited"])
def test_the_name_of_a_track_is_the_customers_and_decides_nothing(event: str) -> None:
    assert said(track(False, event)) == [("aud_1", EXITED)]
    assert said(track(True, event)) == [("aud_1", REALIZED)]


def test_a_step_of_a_journey_is_an_audience() -> None:
    step = of(identify(), computation_class="journey_step", computation_id="aud_2", computation_key="welcome_2")
    step["traits"] = {"welcome_2": "true", "email": "ada@example.org"}
    assert said(step) == [("aud_2", REALIZED)]


@pytest.mark.parametrize("value", [417.5, True, "gold", 0, False, ""])
@pytest.mark.parametrize("call", [identify, track])
def test_a_computed_trait_is_an_attribute_and_no_audience(call: Any, value: object) -> None:
    parsed = read(of(call(value), computation_class="trait", computation_id="tra_1"))
    event = only(parsed)
    assert (event.memberships, event.profile["webinar_q4"], parsed.warnings) == ((), value, [])


def test_the_id_that_the_destination_gave_the_audience_names_it_too() -> None:
    assert said(of(identify(), external_audience_id="lst_1")) == [("aud_1", REALIZED), ("lst_1", REALIZED)]
    assert said(of(identify(), external_audience_id="aud_1")) == [("aud_1", REALIZED)]
    assert said(of(identify(), external_audience_id=7, computation_id=None)) == [("7", REALIZED)]


def test_traits_win_over_properties_which_are_the_persons_where_they_were_computed_only() -> None:
    computed, own = track(), track()
    for call in (computed, own):
        call["properties"] |= {"email": "old@example.org", "name": "A shirt"}
    del own["context"]["personas"]
    assert only(read(computed)).profile["email"] == "ada@example.org"
    assert only(read(computed)).profile["name"] == "A shirt"
    assert only(read(own)).profile == {"email": "ada@example.org", "properties": own["properties"]}
    assert only(read(own)).memberships == ()


def test_the_external_ids_of_a_person_are_identities_and_hashes_are_none() -> None:
    call = identify()
    call["context"] = {
        "personas": PERSONAS,
        "externalIds": [
            {"id": "usr_1", "type": "user_id", "collection": "users", "encoding": "none"},
            {"id": "second@example.org", "type": "email", "collection": "users", "encoding": "none"},
            {"id": 17, "type": "Crm", "collection": "users"},
            {"id": "66ba", "type": "email", "collection": "users", "encoding": "sha256"},
        ],
    }
    assert only(read(call)).identities == {
        "user_id": ("usr_1",),
        "email": ("ada@example.org", "second@example.org"),
        "crm": ("17",),
    }


def test_a_person_without_a_user_id_is_known_by_the_anonymous_one() -> None:
    call = {**identify(), "userId": None, "anonymousId": "an-1"}
    assert only(read(call)).identities == {"anonymous_id": ("an-1",), "email": ("ada@example.org",)}


def test_order_and_time_are_those_of_the_batch() -> None:
    late = {**identify(False), "timestamp": "2099-01-01T00:00:00Z", "messageId": "m-2"}
    parsed = read([identify(), late, {**identify(), "timestamp": None}])
    times = RecordTimes(NOW)
    assert [event.at for _, event in parsed.events] == [AT, times.of(1), times.of(2)]
    assert [event.received_at for _, event in parsed.events] == [NOW, times.of(1), times.of(2)]
    assert [event.memberships[0].at for _, event in parsed.events] == [AT, times.of(1), times.of(2)]


def test_zero_false_and_the_empty_text_are_values() -> None:
    assert only(read(identify(score=0, vip=False, plan="", gone=None))).profile == {
        "webinar_q4": True,
        "email": "ada@example.org",
        "score": 0,
        "vip": False,
        "plan": "",
        "gone": None,
    }


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"context": "web"}, "context"),
        ({"context": {"personas": ["aud_1"]}}, "context.personas"),
        ({"context": {"personas": {**PERSONAS, "computation_id": {}}}}, "context.personas"),
        ({"context": {"personas": {**PERSONAS, "computation_key": None}}}, "context.personas"),
        ({"context": {"personas": {**PERSONAS, "computation_key": ["webinar_q4"]}}}, "context.personas"),
        ({"context": {"personas": {**PERSONAS, "computation_key": "email"}}}, "context.personas"),
        ({"context": {"personas": {**PERSONAS, "computation_key": "another"}}}, "context.personas"),
        ({"context": {"externalIds": {}}}, "context.externalIds"),
        ({"context": {"externalIds": [{"type": "email"}]}}, "context.externalIds[0]"),
        ({"context": {"traits": "none"}}, "context.traits"),
        ({"userId": ["usr_1"]}, "userId"),
        ({"messageId": {}}, "messageId"),
        ({"timestamp": "soon"}, "timestamp"),
    ],
)
def test_a_part_that_cannot_be_read_costs_itself_alone(changes: Mapping[str, object], path: str) -> None:
    parsed = read({**identify(), **changes})
    assert only(parsed).profile["email"] == "ada@example.org"
    assert told(parsed) == [path]
    assert len(only(parsed).memberships) == (
        0 if path in {"context", "context.personas"} or "context" in changes else 1
    )


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("group", "account"),
        ("page", "identify and track"),
        ("screen", "identify and track"),
        ("alias", "identify and track"),
    ],
)
def test_a_call_that_says_nothing_of_a_person_is_rejected_with_what_to_do(kind: str, says: str) -> None:
    parsed = read([{**identify(), "type": kind}, identify()])
    ((index, problem),) = parsed.rejected
    assert (index, problem.path, says in problem.message) == (0, "type", True)
    assert [index for index, _ in parsed.events] == [1]
    assert parsed.losses == {RECORD_OF_OTHER_KIND: 1}


@pytest.mark.parametrize(
    "record", [{"traits": {"email": "ada@example.org"}}, {"type": ["identify"]}, {"type": "charge"}]
)
def test_what_is_no_call_is_rejected(record: object) -> None:
    ((_, problem),) = read(record).rejected
    assert "identify and track" in problem.message


# What is signed: HMAC-SHA1 in hexadecimal, of an array over its first element alone (Segment's action "webhook").

KEY = b"example-shared-secret"
SINGLE = (
    '{"type":"identify","userId":"usr_7f31","messageId":"personas_2KexampleIdentify01",'
    '"timestamp":"2025-11-05T09:12:44.001Z","receivedAt":"2025-11-05T09:12:45.220Z","integrations":{"All":false,'
    '"Webhooks":{"sample":true}},"context":{"personas":{"computation_class":"audience",'
    '"computation_id":"aud_2ExampleAudience01","computation_key":"webinar_attendees_q4",'
    '"namespace":"spa_exampleSpace01","space_id":"spa_exampleSpace01"}},"traits":{"webinar_attendees_q4":true,'
    '"email":"priya.raman@example.org"}}'
)
SINGLE_SIGNED = "e25830b8c2864026fdbbf1c1c6adda05a761d743"
"""Made with `openssl dgst -sha1 -hmac`."""


def signed(body: bytes, signature: str | None, proof: Proof = Proof.SIGNATURE) -> bool:
    segment = source("segment")
    ways = WaysIn((), proof=proof, signature=segment.signature, keys=(b"another", KEY))
    headers = {} if signature is None else {"x-signature": signature}
    return segment.admit(SourceRequest(body, headers), ways) is None


def sha1(text: bytes) -> str:
    return hmac.new(KEY, text, hashlib.sha1).hexdigest()


def test_the_signature_of_a_call_is_that_of_its_body() -> None:
    assert signed(SINGLE.encode(), SINGLE_SIGNED)
    assert not signed(SINGLE.encode().replace(b"usr_7f31", b"usr_7f32"), SINGLE_SIGNED)
    assert not signed(SINGLE.encode(), SINGLE_SIGNED.replace("e", "f"))
    assert not signed(SINGLE.encode(), "")
    assert not signed(SINGLE.encode(), None)


FIRST = '{"type":"identify","n":1.0,"traits":{"name":"J\u00f6rg \\u00e9 ]}","inner":[[1],{"a":"}"}]}}'


@pytest.mark.parametrize("batch", [f"[{FIRST}]", f'[{FIRST},{{"type":"page"}}]', f" [ {FIRST} , 7]"])
def test_a_batch_is_signed_over_its_first_element_or_as_a_whole(batch: str) -> None:
    body = batch.encode()
    assert signed(body, sha1(FIRST.encode()))
    assert signed(body, sha1(body))
    assert not signed(body, sha1(FIRST.encode() + b" "))
    assert not signed(body.replace(b"1.0", b"1"), sha1(FIRST.encode()))


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b"[\xff]", b"[" * 100_000, b"[{", b"[" + b"9" * 10_000 + b"]"])
def test_what_is_no_batch_is_signed_as_a_whole_or_not_at_all(body: bytes) -> None:
    assert signed(body, sha1(body))
    assert not signed(body, sha1(b"{}"))
    assert not signed(body, None)


def test_a_body_that_was_not_stored_comes_again() -> None:
    """Webhook (Actions): 5xx but 501, and 408, 423, 429; any other 4xx is dropped."""
    retried = source("segment").limits.retried
    assert retried is not None
    assert {429, 503} <= retried
    assert retried.isdisjoint({400, 401, 404, 409, 413, 415, 422, 501})


@pytest.mark.parametrize("name", ["", "batch", "users", "events"])
def test_no_object_holds_calls(name: str) -> None:
    assert read({name: [identify()]}).events == []


def test_a_delete_asks_for_the_erasure_of_whom_it_names() -> None:
    external = [{"type": "email", "id": "ada@example.org", "encoding": "none"}]
    call = {"type": "delete", "userId": "usr_1", "messageId": "m-1", "context": {"externalIds": external}}
    parsed = read([call, identify()])
    ((index, asked),) = parsed.erasure_calls
    assert (index, asked.id, asked.memberships, asked.profile) == (0, "m-1", (), {})
    assert asked.identities == {"user_id": ("usr_1",), "email": ("ada@example.org",)}
    assert ([index for index, _ in parsed.events], parsed.rejected) == ([1], [])
