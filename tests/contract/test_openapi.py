"""The published description of the interface: valid, current, and true of what the template and the function serve."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from destination.api.problem_kinds import CONTENT_TYPE, KINDS
from destination.control.errors import BusyError, PolicyViolationError
from destination.domain.problem import ConfigurationError, RefusedError
from docs.openapi import TARGET, render
from functions.connections.app import REFUSALS
from testing.control_plane import CREATE
from testing.template import source

DOCUMENT: Mapping[str, Any] = json.loads(TARGET.read_text())
CREATE_FULL = {
    **CREATE,
    "description": None,
    "partition": "EMEA",
    "limits": {"calls_per_20s": 80, "concurrency": 5, "daily_calls": 40000},
    "resend_unchanged_after": "PT24H",
}


def operations() -> dict[tuple[str, str], Mapping[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
    }


def errors_of(schema: str, content: object) -> list[str]:
    checker = jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]}
    )
    return [error.message for error in checker.iter_errors(content)]


def test_the_document_is_current() -> None:
    assert TARGET.read_text() == render(), "run `make openapi`"


def test_the_document_is_openapi() -> None:
    validate(json.loads(TARGET.read_text()))
    assert DOCUMENT["openapi"].startswith("3.1")


def test_every_method_of_the_template_is_described_and_no_other() -> None:
    """The control plane is one resource; the paths of its calls are those of the function's routes."""
    events = [
        event["Properties"]
        for resource in source()["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] == "Api"
    ]
    webhook = "/connections/{connection_id}/events"
    # The webhook gets every other method too, so that it can refuse them.
    assert {event["Method"] for event in events if event["Path"] == webhook} == {"POST", "ANY"}
    others = {event["Method"] for event in events if event["Path"] != webhook}
    assert others == {method for method, path in operations() if path != webhook}


@pytest.mark.parametrize(("method", "path"), operations())
def test_every_error_is_a_problem(method: str, path: str) -> None:
    answers = operations()[method, path]["responses"]
    errors = {status: answer for status, answer in answers.items() if int(status) >= 400}
    assert "503" in errors
    for answer in errors.values():
        assert answer["content"] == {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}


def test_every_kind_of_problem_has_its_status_and_is_described() -> None:
    assert {kind for kind, _ in REFUSALS.values()} <= KINDS.keys()
    described = json.dumps(DOCUMENT["paths"])
    undescribed = {kind for kind in KINDS if f"urn:marketo-destination:problem:{kind}`" not in described}
    assert undescribed == {"method-not-allowed"}


def test_whatever_a_use_case_refuses_has_its_kind() -> None:
    waiting, refusals = [RefusedError], set[type[Exception]]()
    while waiting:
        below = waiting.pop().__subclasses__()
        refusals.update(below)
        waiting.extend(below)
    assert {ConfigurationError, PolicyViolationError, BusyError} < refusals <= REFUSALS.keys()


def test_only_the_webhook_is_authorised_by_a_token() -> None:
    secured = {call: operation.get("security") for call, operation in operations().items()}
    assert secured.pop(("POST", "/connections/{connection_id}/events")) == [{"ingestToken": []}]
    assert set(secured.values()) == {None}
    assert DOCUMENT["security"] == [{"sigv4": []}]


def test_the_schemas_take_what_the_interface_takes() -> None:
    assert errors_of("ConnectionIn", CREATE_FULL) == []
    assert errors_of("ConnectionPatch", {"description": None, "limits": {"concurrency": 3}}) == []
    assert errors_of("AudienceIn", {"id": "aud-1", "name": "Webinar", "start": "2026-11-21T10:00:00Z"}) == []
    assert errors_of("AudiencePatch", {"end": None}) == []


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        ("ConnectionIn", {**CREATE_FULL, "unknown": 1}),
        ("ConnectionIn", {**CREATE_FULL, "sync_type": "profiles"}),
        ("ConnectionPatch", {"version": 2}),
        ("AudienceIn", {"id": "aud-1"}),
        ("AudiencePatch", {"list": {"name": "Webinar"}}),
    ],
)
def test_the_schemas_refuse_what_the_interface_refuses(schema: str, content: object) -> None:
    assert errors_of(schema, content) != []


def test_no_answer_has_a_place_for_credentials() -> None:
    assert "credentials" not in DOCUMENT["components"]["schemas"]["ConnectionOut"]["properties"]
    assert "credentials" not in DOCUMENT["components"]["schemas"]["ConnectionCreated"]["properties"]
