"""What Segment's Webhook Audiences asks for: an audience by its name, and by the id that it was given."""

import json
from typing import Any

import pytest

from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import Proof
from destination.ingest.admission import SourceRequest, WaysIn
from destination.ingest.calls import (
    AudienceShown,
    Call,
    CallError,
    CallRequest,
    CreateAudience,
    NotDone,
    Outcome,
    ShowAudience,
)
from destination.ingest.reply import Reply
from destination.ingest.sources import source

FORM = source("segment").calls
LIST = AudienceKey("segment", "lst_88012")


def asked(body: object, method: str = "POST", path: str = "audiences") -> CallRequest:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return CallRequest(method, path, SourceRequest(raw))


def read(body: object, method: str = "POST") -> Call:
    assert FORM is not None
    return FORM.read(asked(body, method))


def answer(outcome: Outcome) -> Reply | None:
    assert FORM is not None
    return FORM.answer(asked({}), None, outcome)


def test_the_documented_requests_are_read_and_extras_say_nothing() -> None:
    create = {"audienceName": "webinar_attendees_q4", "connection": "conn_01"}
    assert read(create) == CreateAudience("webinar_attendees_q4", None, "segment")
    assert read({"externalId": "lst_88012", "connection": "conn_01"}) == ShowAudience(activation_id(LIST))


@pytest.mark.parametrize("is_new", [True, False])
def test_the_answer_is_the_id_by_which_events_name_the_audience(is_new: bool) -> None:
    assert answer(AudienceShown(Activation(LIST, "Webinar"), is_new)) == Reply({"externalId": "lst_88012"}, 200)


def test_what_is_not_done_is_told_as_a_problem() -> None:
    assert answer(NotDone("not-allowed", 403, "The connection takes events alone.")) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[",
        b"\xff",
        {},
        [],
        {"audienceName": " "},
        {"audienceName": 7},
        {"externalId": ""},
        {"externalId": "\ud83d"},
    ],
)
def test_what_asks_for_nothing_is_refused(body: object) -> None:
    with pytest.raises(CallError) as refused:
        read(body)
    assert refused.value.kind == "invalid"


def test_only_a_post_asks() -> None:
    with pytest.raises(CallError) as refused:
        read({"audienceName": "a"}, "GET")
    assert refused.value.kind == "method-not-allowed"


def is_signed(body: object) -> bool:
    """Whether a request without a signature is refused where both proofs are asked for, and the token was right."""
    segment = source("segment")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    ways = WaysIn((), proof=Proof.BOTH, signature=segment.signature, keys=(b"key",))
    return ways.signs(SourceRequest(raw))


@pytest.mark.parametrize("body", [{"audienceName": "a"}, {"externalId": "b", "extra": {"c": [1]}, "d": 7}])
def test_what_asks_for_an_audience_is_not_signed(body: object) -> None:
    assert not is_signed(body)


CALL: dict[str, Any] = {"type": "identify", "traits": {"email": "ada@example.org"}}


@pytest.mark.parametrize(
    "body",
    [
        CALL,
        {**CALL, "audienceName": "a"},
        [{"audienceName": "a"}],
        {"audienceName": "a", "": [CALL]},
        {"audienceName": "a", "batch": [CALL]},
        b'{"audienceName": "a"}{"type": "identify"}',
        b'{"audienceName": "a"}\n{"type": "identify"}',
        b'\xef\xbb\xbf{"audienceName": "a"}',
        json.dumps({"audienceName": "a"}).encode("utf-16"),
        {"audienceName": "a" * 10_000},
    ],
)
def test_no_event_comes_in_unsigned_as_what_asks_for_an_audience(body: object) -> None:
    assert is_signed(body)
