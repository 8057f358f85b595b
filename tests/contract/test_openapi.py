"""The published description of the interface: valid, current, and true of what the template and the function serve."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from destination.api.problem_kinds import CONTENT_TYPE, KINDS
from destination.control.errors import BusyError, PolicyViolationError
from destination.domain.problem import ConfigurationError, RefusedError
from docs.openapi import TARGET, render
from functions.connections.refusals import REFUSALS
from testing.control_plane import CREATE
from testing.template import source

TOKEN = "/oauth2/token"
FOR_SENDERS = ("/connections/{connection_id}/events", TOKEN)
SOURCE_CALLS = "/connections/{connection_id}/source/"
DOCUMENT: Mapping[str, Any] = json.loads(TARGET.read_text())
CREATE_FULL = {
    **CREATE,
    "description": None,
    "partition": "EMEA",
    "limits": {"calls_per_20s": 80, "concurrency": 5, "daily_calls": 40000, "lead_updates_per_hour": None},
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
    # Where senders post, the function gets every other method too, so that it can refuse them.
    written = source()["Resources"]["Api"]["Properties"]["DefinitionBody"]["paths"]
    for path in FOR_SENDERS:
        assert {event["Method"] for event in events if event["Path"] == path} == {"POST"}
        assert list(written[path]) == ["x-amazon-apigateway-any-method"]
    # What they call besides, the source knows.
    calls = {event["Method"] for event in events if event["Path"].startswith(SOURCE_CALLS)}
    others = {event["Method"] for event in events if event["Path"] == "/{proxy+}"}
    of_senders = {path for _, path in operations() if path.startswith(SOURCE_CALLS)} | {*FOR_SENDERS}
    assert others == {method for method, path in operations() if path not in of_senders}
    assert calls == others
    assert len(events) == 2 * len(others) + len(FOR_SENDERS)


OF_OAUTH = ("POST", TOKEN)
"""Its errors are those of RFC 6749, which senders read with libraries; it ignores what it does not know (section 3.2).
"""


@pytest.mark.parametrize(("method", "path"), operations().keys() - {OF_OAUTH})
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


def test_only_what_senders_call_is_authorised_by_what_they_have() -> None:
    secured = {call: operation.get("security") for call, operation in operations().items()}
    tokens: list[dict[str, list[str]]] = [{"ingestToken": []}, {"ingestTokenAsPassword": []}, {"senderToken": []}]
    assert secured.pop(("POST", "/connections/{connection_id}/events")) == tokens
    calls = [secured.pop(one) for one in list(secured) if one[1].startswith(SOURCE_CALLS)]
    assert calls == [tokens] * 8
    assert secured.pop(("POST", TOKEN)) == [{"senderCredentials": []}, {}]
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


ANYTHING = {"previewEvents", "migrateLegacyFlow", "postEvents"}
"""The calls that read what others made: events, and exports."""


def schemas_within(schema: Any) -> Iterator[Mapping[str, Any]]:
    """The schemas of objects that a schema leads to."""
    seen: set[str] = set()
    waiting = [schema]
    while waiting:
        match waiting.pop():
            case {"$ref": str(name)} if name in seen:
                continue
            case {"$ref": str(name)}:
                seen.add(name)
                waiting.append(DOCUMENT["components"]["schemas"][name.rpartition("/")[2]])
            case dict() as found:
                if found.get("type") == "object" and "properties" in found:
                    yield found
                waiting.extend(found.values())
            case list() as found:
                waiting.extend(found)


@pytest.mark.parametrize(
    "operation",
    [one for call, one in operations().items() if "requestBody" in one and call != OF_OAUTH],
    ids=lambda one: one["operationId"],
)
def test_no_body_takes_an_unknown_property(operation: Mapping[str, Any]) -> None:
    objects = list(schemas_within(operation["requestBody"]))
    if operation["operationId"] in ANYTHING:
        assert objects == []
    for one in objects:
        assert one["additionalProperties"] is False, one["title"]
