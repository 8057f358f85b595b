"""What holds for every call of the control plane, and the runs that it shows."""

import dataclasses
import json
from base64 import urlsafe_b64encode

import pytest

from destination.composition.connections import settings
from functions.connections import app
from testing.aws import Context
from testing.control_plane import (
    AUD_1,
    CREATE,
    activated,
    call,
    created,
    dynamodb,
    items,
    logged,
)

pytestmark = pytest.mark.usefixtures("marketo")


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("GET", "", None),
        ("PATCH", "", {}),
        ("DELETE", "", None),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
        ("GET", "/mapping", None),
        ("PUT", "/mapping", []),
        ("GET", "/audiences", None),
        ("POST", "/audiences", {"id": "aud-1", "name": "Webinar"}),
        ("GET", f"/audiences/{AUD_1}", None),
        ("PATCH", f"/audiences/{AUD_1}", {}),
        ("DELETE", f"/audiences/{AUD_1}", None),
        ("GET", "/runs", None),
        ("GET", "/runs/2026-11-21T10:00Z", None),
        ("GET", "/alerts", None),
        ("PUT", "/alerts", []),
        ("GET", "/recipients", None),
        ("PUT", "/recipients", []),
        ("POST", "/alerts/test", None),
    ],
)
def test_an_unknown_connection_is_not_found(method: str, below: str, body: object) -> None:
    answer = call(method, f"/connections/nobody{below}", body)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["type"] == "urn:marketo-destination:problem:not-found"
    assert answer.json["detail"] == "there is no connection nobody."


@pytest.mark.parametrize(
    ("method", "below", "body", "named"),
    [
        ("PATCH", "", {"partitoin": None}, ["partitoin"]),
        ("PATCH", "", {"limits": {"calls": None}}, ["limits.calls"]),
        ("PATCH", "", {"name": "Other", "limits": {"calls": None}, "id": None}, ["limits.calls", "id"]),
        ("PATCH", "", {"verification": {"every": "P1D", "repeat": None}}, ["verification.repeat"]),
        ("PATCH", f"/audiences/{AUD_1}", {"ends": None}, ["ends"]),
        ("POST", "/enable", {"force": True}, ["force"]),
        ("POST", "/resume", ["now"], [""]),
        ("DELETE", f"/audiences/{AUD_1}", {"list": "empty"}, ["list"]),
        ("DELETE", "", "discard", [""]),
    ],
)
def test_what_a_body_says_in_vain_is_refused(method: str, below: str, body: object, named: list[str]) -> None:
    """Taken without a word, a misspelled property would seem to have been set back."""
    connection_id = created()
    activated(connection_id)
    before = items()
    answer = call(method, f"/connections/{connection_id}{below}", body)
    assert answer.status == 422
    assert sorted(answer.errors) == sorted(named)
    assert items() == before


@pytest.mark.parametrize(
    "body", [{"verification": {"every": "P1D", "repair": None}}, {"consent": None, "limits": None}]
)
def test_a_null_sets_back_what_there_is(body: object) -> None:
    assert call("PATCH", f"/connections/{created()}", body).status == 200


@pytest.mark.parametrize("body", [{}, None])
def test_an_empty_body_says_nothing(body: object) -> None:
    assert call("POST", f"/connections/{created()}/disable", body).status == 200


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/connections", "GET, POST"),
        ("/connections/", "GET, POST"),
        ("/connections/c-1/enable", "POST"),
        ("/connections/c-1/audiences/a%2Fb", "DELETE, GET, PATCH"),
    ],
)
def test_a_method_that_a_resource_does_not_know_is_refused(path: str, allow: str) -> None:
    answer = call("PUT", path, {})
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert answer.json["type"] == "urn:marketo-destination:problem:method-not-allowed"


@pytest.mark.parametrize(
    ("method", "path", "longest"),
    [
        ("GET", "/connections/{}", 64),
        ("DELETE", "/connections/{}", 64),
        ("GET", "/connections/c-1/audiences/{}", 64),
        ("GET", "/connections/c-1/runs/{}", 64),
        ("GET", "/connections/c-1/verifications/{}", 64),
    ],
)
def test_a_name_too_long_for_a_key_is_refused(method: str, path: str, longest: int) -> None:
    assert call(method, path.format("x" * longest)).status == 404
    answer = call(method, path.format("x" * (longest + 1)))
    assert (answer.status, [*answer.errors.values()]) == (422, [f"must have at most {longest} characters"])


@pytest.mark.parametrize("path", ["/connections", "/audit"])
@pytest.mark.parametrize("position", ["#", "123-ABC-456#", "\n", "\n2026-11-21T10:00:00.000000", "x" * 400])
def test_a_made_up_cursor_is_refused(path: str, position: str) -> None:
    answer = call("GET", path, query={"cursor": urlsafe_b64encode(position.encode()).decode()})
    assert (answer.status, answer.json["type"]) == (422, "urn:marketo-destination:problem:invalid")


@pytest.mark.parametrize("path", ["/elsewhere", "/", "/connections/c-1/audiences/a/b", '/connections/"'])
def test_there_is_nothing_elsewhere(path: str) -> None:
    answer = call("GET", path)
    assert (answer.status, answer.json["title"]) == (404, "Not found")


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("{", 400, "not-json"),
        ("", 422, "invalid"),
        ("null", 422, "invalid"),
        ("7", 422, "invalid"),
        ("[]", 422, "invalid"),
        (json.dumps([CREATE, CREATE]), 422, "invalid"),
        ('{"name": "\\ud800"}', 422, "invalid"),
        ('{"name": "\ud800"}', 400, "not-json"),
        ("[" * 100_000, 400, "not-json"),
        ("9" * 10_000, 422, "invalid"),
    ],
)
def test_a_body_that_is_no_object_is_refused(text: str, status: int, kind: str) -> None:
    answer = call("POST", "/connections", text=text)
    assert (answer.status, answer.json["type"]) == (status, f"urn:marketo-destination:problem:{kind}")
    assert items() == []


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml"])
def test_other_content_is_refused(content_type: str) -> None:
    answer = call("POST", "/connections", CREATE, headers={"Content-Type": content_type})
    assert (answer.status, answer.json["type"]) == (415, "urn:marketo-destination:problem:unsupported-media-type")


def test_a_problem_of_many_errors_lists_some_and_names_the_request() -> None:
    answer = call("POST", "/connections", {**CREATE, **{f"unknown-{number}": 1 for number in range(1_500)}})
    assert (answer.status, len(answer.json["errors"]), answer.json["error_count"]) == (422, 1_000, 1_500)
    assert answer.json["correlation_id"] == "request-1"
    few = call("POST", "/connections", {**CREATE, "unknown": 1})
    assert few.errors.keys() == {"unknown"}
    assert "error_count" not in few.json


def test_trouble_of_aws_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    dynamodb().delete_table(TableName="ConnectionsTable")
    answer = call("GET", "/connections/c-1")
    assert (answer.status, answer.json["type"]) == (503, "urn:marketo-destination:problem:unavailable")
    assert "ResourceNotFoundException" in logged(caplog)


def test_no_secret_shows_in_answers_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", app.logger.name)
    hush = {"client_id": "client", "client_secret": "hush-hush-1"}
    made = call("POST", "/connections", {**CREATE, "credentials": hush})
    path = f"/connections/{made.json['id']}"
    answers = [
        activated(made.json["id"]),
        call("PATCH", path, {"credentials": {**hush, "client_secret": "hush-hush-2", "extra": "hush-hush-3"}}),
        call("PATCH", path, {"credentials": {**hush, "client_secret": ["hush-hush-4"]}}),
        call("PATCH", path, {"credentials": CREATE["credentials"]}),
        activated(made.json["id"]),
        call("POST", "/connections", text='{"credentials": {"client_secret": "hush-hush-5"'),
        call("POST", f"{path}/enable"),
        call("GET", "/connections"),
        call("GET", "/audit"),
        call("DELETE", path),
        call("DELETE", path, query={"discard": "true"}),
    ]
    statuses = [409, 422, 422, 200, 201, 400, 200, 200, 200, 202, 204]
    assert [answer.status for answer in answers] == statuses
    token = made.json["ingest"]["token"]
    assert "request refused" in logged(caplog)
    assert "marketo call answered" in logged(caplog)
    assert "marketo call refused" in logged(caplog)
    for text in (*(answer.text for answer in answers), logged(caplog)):
        assert "hush-hush" not in text
        assert token not in text
    assert "hush-hush" not in made.text


def test_no_answer_is_stored_on_its_way() -> None:
    """Two carry an ingest token, and the others what only some may see."""
    made = call("POST", "/connections", CREATE)
    shown = call("GET", f"/connections/{made.json['id']}")
    rotated = call("POST", f"/connections/{made.json['id']}/ingest-token")
    for answer in (made, shown, rotated, call("GET", "/connections/nobody"), call("PUT", "/connections")):
        assert answer.headers["Cache-Control"] == "no-store"


def test_every_answer_names_its_request() -> None:
    connection_id = created()
    for answer in (call("GET", f"/connections/{connection_id}"), call("GET", "/connections/nobody")):
        assert answer.headers["X-Correlation-Id"] == "request-1"
    assert answer.json["correlation_id"] == "request-1"


@pytest.mark.parametrize(
    ("method", "path", "query", "there_are"),
    [
        ("GET", "/connections", {"limits": "5"}, "cursor, limit"),
        ("GET", "/connections/c-1/runs", {"audience": "aud-1"}, "activation_id"),
        ("GET", "/connections/c-1/runs", {"failure_only": "true", "from": "2026-11-21T00:00:00Z"}, "failures_only"),
        ("DELETE", "/connections/c-1/letters", {"cod": "MARKETO_1003"}, "code"),
        ("DELETE", "/dead-letters", {"codes": "NONE"}, "code"),
        ("GET", "/connections/c-1", {"x": "y"}, "none"),
        ("POST", "/connections/c-1/enable", {"force": "true"}, "none"),
    ],
)
def test_a_parameter_that_a_call_does_not_have_is_refused(
    method: str, path: str, query: dict[str, str], there_are: str
) -> None:
    """Else one that is misspelled would mean all, which cannot be undone where something is discarded."""
    answer = call(method, path, query=query)
    assert answer.status == 422, answer.text
    [problem] = answer.json["errors"]
    assert problem["path"] == next(iter(query))
    assert there_are in problem["message"]


def test_a_page_of_the_console_may_read_every_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of refusals too, in which the reason stands. A stack without the console says nothing of origins."""
    connection_id = created()
    assert "Access-Control-Allow-Origin" not in call("GET", f"/connections/{connection_id}").headers

    with_console = dataclasses.replace(settings(), console_origin="https://console.example.org")
    monkeypatch.setattr(app, "settings", lambda: with_console)
    for path, status in ((f"/connections/{connection_id}", 200), ("/connections/nobody", 404), ("/nowhere", 404)):
        answer = call("GET", path)
        assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (status, "https://console.example.org")
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


def test_senders_are_told_nothing_of_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    with_console = dataclasses.replace(settings(), console_origin="https://console.example.org")
    monkeypatch.setattr(app, "settings", lambda: with_console)
    answer = app.handler(
        {
            "resource": "/connections/{connection_id}/source/{proxy+}",
            "path": "/connections/nobody/source/audiences",
            "httpMethod": "GET",
            "headers": {},
            "pathParameters": {"connection_id": "nobody", "proxy": "audiences"},
            "requestContext": {"requestId": "request-1"},
            "body": None,
            "isBase64Encoded": False,
        },
        Context(),
    )
    assert answer["statusCode"] >= 400
    assert "Access-Control-Allow-Origin" not in answer["multiValueHeaders"]
