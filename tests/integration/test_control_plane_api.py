"""What holds for every call of the control plane, and the runs that it shows."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from destination.domain.connection import AudienceKey
from destination.domain.outcome import PERSON_NOT_FOUND, rejected
from destination.domain.runs import Run, Tally
from destination.store.runs import Runs
from marketo_simulator import Simulator
from tests.support.control_plane import (
    CREATE,
    activated,
    call,
    control_plane,
    created,
    dynamodb,
    fresh,
    items,
    logged,
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Simulator]:
    with control_plane() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def marketo(stack: Simulator) -> Iterator[Simulator]:
    with fresh(stack):
        yield stack


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
        ("GET", "/audiences/aud-1", None),
        ("PATCH", "/audiences/aud-1", {}),
        ("DELETE", "/audiences/aud-1", None),
        ("GET", "/runs", None),
        ("GET", "/runs/2026-11-21T10:00Z", None),
    ],
)
def test_an_unknown_connection_is_not_found(method: str, below: str, body: object) -> None:
    answer = call(method, f"/connections/nobody{below}", body)
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["type"] == "urn:marketo-destination:problem:not-found"
    assert answer.json["detail"] == "there is no connection nobody."


@pytest.mark.parametrize(("path", "allow"), [("/connections", "GET, POST"), ("/connections/c-1/enable", "POST")])
def test_a_method_that_a_resource_does_not_know_is_refused(path: str, allow: str) -> None:
    answer = call("PUT", path, {})
    assert (answer.status, answer.headers["Allow"]) == (405, allow)
    assert answer.json["type"] == "urn:marketo-destination:problem:method-not-allowed"


def test_there_is_nothing_elsewhere() -> None:
    answer = call("GET", "/elsewhere")
    assert (answer.status, answer.json["title"]) == (404, "There is no such thing")


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
        ("[" * 100_000, 400, "not-json"),
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


def test_trouble_of_aws_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    dynamodb().delete_table(TableName="ConnectionsTable")
    answer = call("GET", "/connections/c-1")
    assert (answer.status, answer.json["type"]) == (503, "urn:marketo-destination:problem:unavailable")
    assert "ResourceNotFoundException" in logged(caplog)


def test_no_secret_shows_in_answers_or_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
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
    for text in (*(answer.text for answer in answers), logged(caplog)):
        assert "hush-hush" not in text
        assert token not in text
    assert "hush-hush" not in made.text


def run_of(connection_id: str, hour: str) -> None:
    counts = Counter(received=5, activated=3, excluded=1, failed=1, created=2, updated=1, added=3, marketo_calls=4)
    tally = Tally(counts, Counter({PERSON_NOT_FOUND: 2, rejected("1003"): 1}))
    tally.audiences[AudienceKey("ups", "aud-1")].update(received=5, activated=3, excluded=1, failed=1)
    dynamodb().transact_write_items(
        TransactItems=[Runs(dynamodb(), "RunsTable").put(Run(connection_id, hour, tally=tally))]
    )


def test_a_run_shows_its_counters_and_reasons() -> None:
    connection_id = created()
    run_of(connection_id, "2026-01-01T10:00Z")
    answer = call("GET", f"/connections/{connection_id}/runs/2026-01-01T10%3A00Z")
    assert answer.status == 200
    assert answer.json == {
        "id": "2026-01-01T10:00Z",
        "status": "completed",
        "received": 5,
        "activated": {"persons": 3, "created": 2, "updated": 1, "added": 3, "removed": 0},
        "unchanged": 0,
        "excluded": 1,
        "failed": 1,
        "warnings": 0,
        "ignored": 0,
        "reasons": [
            {
                "code": "PERSON_NOT_FOUND",
                "class": "excluded",
                "count": 2,
                "message": "No lead has this dedupe value, and the connection creates nobody for such an event.",
            },
            {
                "code": "MARKETO_1003",
                "class": "failed",
                "count": 1,
                "message": "Invalid data. Check the values against the fields' types and lengths.",
            },
        ],
        "audiences": [
            {
                "id": "aud-1",
                "namespace": "ups",
                "received": 5,
                "activated": 3,
                "unchanged": 0,
                "excluded": 1,
                "failed": 1,
            }
        ],
        "marketo_calls": 4,
    }
    period = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T12:00:00Z"}
    assert call("GET", f"/connections/{connection_id}/runs", query=period).json == {"runs": [answer.json]}


def test_the_last_day_is_shown_unless_asked_otherwise() -> None:
    connection_id = created()
    run_of(connection_id, "2026-01-01T10:00Z")
    assert call("GET", f"/connections/{connection_id}/runs").json == {"runs": []}
    assert call("GET", f"/connections/{connection_id}/runs/2026-01-01T11:00Z").status == 404


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": "2026"}, "to"),
        ({"from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}, "from"),
    ],
)
def test_a_period_is_checked(query: Mapping[str, str], path: str) -> None:
    answer = call("GET", f"/connections/{created()}/runs", query=query)
    assert answer.status == 422
    assert answer.errors.keys() == {path}
