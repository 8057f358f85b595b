"""What Adobe calls for its card: which calls there are, and what is told of each."""

import json

import pytest

from destination.domain.audience import Activation, AudienceKey
from destination.domain.problem import Problem
from destination.domain.schema import Field
from destination.ingest.admission import SourceRequest
from destination.ingest.calls import (
    AudienceDeleted,
    AudienceShown,
    Call,
    CallError,
    CallRequest,
    CreateAudience,
    DeleteAudience,
    FieldsShown,
    ListFields,
    NotDone,
    Outcome,
    RenameAudience,
)
from destination.ingest.reply import Reply
from destination.ingest.sources import source

FORM = source("adobe_sdk").calls
WEBINAR = Activation(AudienceKey("", "aud-1"), "Webinar")
NAMED = {"id": "aud-1", "name": "Webinar"}


def asked(method: str, path: str, body: object = None) -> CallRequest:
    return CallRequest(method, path, SourceRequest(b"" if body is None else json.dumps(body).encode()))


def read(method: str, path: str, body: object = None) -> Call:
    assert FORM is not None
    return FORM.read(asked(method, path, body))


def answer(outcome: Outcome) -> Reply | None:
    assert FORM is not None
    return FORM.answer(asked("GET", "fields"), None, outcome)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("GET", "fields", None, ListFields()),
        ("POST", "audiences", NAMED, CreateAudience("Webinar", "aud-1")),
        ("POST", "audiences", {**NAMED, "description": 7}, CreateAudience("Webinar", "aud-1")),
        ("PUT", "audiences/0a1b2c3d4e5f", NAMED, RenameAudience("0a1b2c3d4e5f", "Webinar")),
        ("DELETE", "audiences/0a1b2c3d4e5f", None, DeleteAudience("0a1b2c3d4e5f")),
    ],
)
def test_each_request_of_the_card_is_a_call(method: str, path: str, body: object, expected: Call) -> None:
    assert read(method, path, body) == expected


@pytest.mark.parametrize(
    ("method", "path", "body", "kind"),
    [
        ("POST", "fields", None, "method-not-allowed"),
        ("DELETE", "audiences", None, "method-not-allowed"),
        ("GET", "audiences/0a1b2c3d4e5f", None, "method-not-allowed"),
        ("GET", "status", None, "not-found"),
        ("PUT", "audiences/0a1b2c3d4e5f/more", NAMED, "not-found"),
        ("POST", "audiences", None, "not-json"),
        ("POST", "audiences", [], "invalid"),
        ("POST", "audiences", {"id": "aud-1"}, "invalid"),
        ("POST", "audiences", {**NAMED, "id": 7}, "invalid"),
        ("PUT", "audiences/0a1b2c3d4e5f", {"id": "aud-1"}, "invalid"),
    ],
)
def test_another_request_is_none(method: str, path: str, body: object, kind: str) -> None:
    with pytest.raises(CallError) as refused:
        read(method, path, body)
    assert refused.value.kind == kind


@pytest.mark.parametrize(("is_new", "status"), [(True, 201), (False, 200)])
def test_the_answer_has_the_alias_that_the_next_call_has_in_its_path(is_new: bool, status: int) -> None:
    assert answer(AudienceShown(WEBINAR, is_new)) == Reply({"id": WEBINAR.id}, status)
    assert answer(AudienceDeleted(WEBINAR.id)) == Reply(None, 204)


def test_a_field_without_a_name_for_people_goes_by_its_own() -> None:
    told = answer(FieldsShown((Field("leadScore", "integer"),)))
    assert told is not None
    described = {"title": "leadScore", "description": "Marketo's field leadScore (integer).", "type": "string"}
    assert told.body["properties"] == {"leadScore": described}


def test_what_was_wrong_with_which_property_is_in_the_detail() -> None:
    told = answer(NotDone("invalid", 422, "Correct it.", (Problem("name", "is empty"), Problem("id", "is long"))))
    assert told == Reply({"detail": "Correct it. name: is empty; id: is long"})
    assert answer(NotDone("not-allowed", 403, "An operator alone changes it.")) is None
