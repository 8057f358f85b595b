"""Who of a run did not arrive, through the functions: listed, as a file, made good by a redrive, gone with the rest."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from destination.composition.aws import s3
from destination.store.results import Results
from functions.monitor import app as monitor
from marketo_simulator import Fault
from testing.aws import Context, refused
from testing.control_plane import call
from testing.stack import MAPPING, RunningStack, stack

LIST = {"name": "Webinar", "id": 1001, "workspace": "Default"}
LEADS = "^/rest/v1/leads.json"


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack({"lists": [LIST]}) as made:
        yield made


def connected(running: RunningStack, **changes: object) -> tuple[str, str]:
    """The id and the token of a connection with an audience on the list, that names people by their keys."""
    connection_id, token = running.connect(**{"mapping": MAPPING[:3], "person_id": "key", **changes})
    activation = {"id": "aud-1", "name": "Webinar", "list": {"id": LIST["id"]}}
    assert call("POST", f"/connections/{connection_id}/audiences", activation).status == 201
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id, token


def said(who: str, **changes: object) -> dict[str, Any]:
    profile = {"email": f"{who}@example.org", "firstName": who, "lastName": "Lovelace", "key": who}
    return {"profile": profile | changes, "audiences": [{"id": "aud-1", "status": "realized"}]}


def a_run(connection_id: str) -> dict[str, Any]:
    """The one in which something was received."""
    [run] = call("GET", f"/connections/{connection_id}/runs").json["runs"]
    assert isinstance(run, dict)
    return run


def persons(connection_id: str, **query: str) -> Any:
    answer = call("GET", a_run(connection_id)["not_arrived"]["href"], query=query)
    assert answer.status == 200, answer.text
    return answer.json


def nobody_and_two(running: RunningStack, connection: tuple[str, str]) -> None:
    """Two who are excluded, one who fails, and one who arrives."""
    running.marketo.script(Fault("skip", "1003", records=(0,), path=LEADS, nth=2))
    running.send(connection, [said("carl")])
    running.deliver()
    running.send(connection, [said("ada", firstName=None), said("bob", email="bob"), said("dora")])
    assert running.deliver() == set()


def test_who_did_not_arrive_is_listed_with_why(running: RunningStack) -> None:
    connection = connected(running)
    nobody_and_two(running, connection)
    run = a_run(connection[0])
    assert run["not_arrived"]["persons"] == run["excluded"] + run["failed"] == 3
    assert [one["name"] for one in run["audiences"]] == ["Webinar"]
    found = persons(connection[0])["persons"]
    assert {(one["person_id"], one["outcome"], one["code"]) for one in found} == {
        ("carl", "failed", "MARKETO_1003"),
        ("ada", "excluded", "MISSING_REQUIRED_ATTRIBUTE"),
        ("bob", "excluded", "INVALID_DEDUPE_VALUE"),
    }
    [ada] = [one for one in found if one["person_id"] == "ada"]
    assert ada["message"] == "To create a person, firstName, lastName and email must not be empty."
    assert ada["fields"] == [
        {"field": "firstName", "code": "MISSING", "message": "the profile has no value for it", "value": None}
    ]
    [audience] = ada["audiences"]
    assert (audience["id"], audience["namespace"], audience["name"]) == ("aud-1", None, "Webinar")
    assert ada["received_at"] <= ada["ended_at"].replace("Z", ".999999Z")


def test_an_event_is_named_as_its_letter_names_it(running: RunningStack) -> None:
    connection = connected(running)
    nobody_and_two(running, connection)
    [failed] = persons(connection[0], outcome="failed")["persons"]
    [key] = [one["Key"] for one in s3().list_objects_v2(Bucket=running.aws.bucket, Prefix="letters/")["Contents"]]
    letter = json.loads(s3().get_object(Bucket=running.aws.bucket, Key=key)["Body"].read())
    assert failed["event"] == f"{letter['id']}/{letter.get('first', 0)}"


@pytest.mark.parametrize(
    ("query", "who"),
    [
        ({"outcome": "excluded"}, {"ada", "bob"}),
        ({"outcome": "failed"}, {"carl"}),
        ({"code": "INVALID_DEDUPE_VALUE"}, {"bob"}),
        ({"code": "NONE"}, set()),
        ({"outcome": "failed", "code": "INVALID_DEDUPE_VALUE"}, set()),
        ({"activation_id": "0123456789ab"}, set()),
    ],
)
def test_some_of_them_are_listed(running: RunningStack, query: dict[str, str], who: set[str]) -> None:
    connection = connected(running)
    nobody_and_two(running, connection)
    assert {one["person_id"] for one in persons(connection[0], **query)["persons"]} == who


def test_those_of_an_audience_are_listed_by_the_link_of_its_run(running: RunningStack) -> None:
    connection = connected(running)
    nobody_and_two(running, connection)
    run = a_run(connection[0])
    only = run["audiences"][0]["activation_id"]
    shown = call("GET", f"/connections/{connection[0]}/runs/{run['id']}", query={"activation_id": only}).json
    assert shown["not_arrived"]["persons"] is None
    path, _, query = shown["not_arrived"]["href"].partition("?")
    found = call("GET", path, query=dict(parse_qsl(query))).json["persons"]
    assert {one["person_id"] for one in found} == {"ada", "bob", "carl"}


def test_where_no_id_is_mapped_the_pseudonym_of_the_run_stands(running: RunningStack) -> None:
    connection = connected(running, person_id=None)
    running.send(connection, [said("ada", firstName=None)])
    running.deliver()
    [one] = persons(connection[0])["persons"]
    [reason] = a_run(connection[0])["reasons"]
    assert (one["person_id"], one["pseudonym"]) == (None, reason["example"])


def test_pages_are_read_to_the_end(running: RunningStack) -> None:
    connection = connected(running)
    running.send(connection, [said(f"p{number}", firstName=None) for number in range(7)])
    running.deliver()
    found: list[str] = []
    query = {"limit": "3"}
    while True:
        page = persons(connection[0], **query)
        found += [one["person_id"] for one in page["persons"]]
        if page["cursor"] is None:
            break
        query["cursor"] = page["cursor"]
    assert sorted(found) == [f"p{number}" for number in range(7)]


@pytest.mark.parametrize("shape", ["csv", "jsonl"])
def test_the_pages_of_a_file_fit_together(running: RunningStack, shape: str) -> None:
    connection = connected(running)
    hostile = ["=1+1", "+49", "-x", "@y", 'a"b', "c,d", "Zoë"]
    running.send(
        connection, [said("p", key=key, firstName=None, email=f"{n}@example.org") for n, key in enumerate(hostile)]
    )
    running.deliver()
    text, href, query = "", a_run(connection[0])["not_arrived"]["href"], {"format": shape, "limit": "3"}
    while True:
        answer = call("GET", href, query=query)
        assert answer.status == 200, answer.text
        assert answer.headers["Content-Type"].startswith("text/csv" if shape == "csv" else "application/x-ndjson")
        text += answer.text
        if "Link" not in answer.headers:
            break
        target, _, relation = answer.headers["Link"].partition(">; ")
        assert relation == 'rel="next"'
        parts = urlsplit(target.lstrip("<"))
        href, query = parts.path, dict(parse_qsl(parts.query))
    if shape == "jsonl":
        assert [json.loads(line)["person_id"] for line in text.splitlines()] == hostile
        return
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [one["person_id"] for one in rows] == ["'=1+1", "'+49", "'-x", "'@y", *hostile[4:]]
    assert {(one["fields"], one["audiences"]) for one in rows} == {
        ("firstName: the profile has no value for it", "Webinar (aud-1)")
    }


def test_what_a_redrive_makes_good_leaves_the_list(running: RunningStack) -> None:
    connection = connected(running)
    nobody_and_two(running, connection)
    assert call("POST", f"/connections/{connection[0]}/letters/redrives", {}).json["decided"] == 1
    running.deliver()
    assert {one["person_id"] for one in persons(connection[0])["persons"]} == {"ada", "bob"}
    assert a_run(connection[0])["not_arrived"]["persons"] == 2


def test_those_who_cannot_be_stored_wait_in_the_queue(running: RunningStack) -> None:
    connection = connected(running)
    running.send(connection, [said("ada", firstName=None)])
    with refused(s3(), "PutObject"):
        assert len(running.deliver()) == 1
    assert [one["excluded"] for one in call("GET", f"/connections/{connection[0]}/runs").json["runs"]] == [0]


def test_they_go_with_their_connection(running: RunningStack) -> None:
    connection, other = connected(running), running.connect(mapping=MAPPING[:3])
    nobody_and_two(running, connection)
    run = a_run(connection[0])["id"]
    results = Results(running.aws.s3, running.aws.bucket)
    assert list(results.of(connection[0], run))
    etag = call("GET", f"/connections/{connection[0]}").headers["ETag"]
    answer = call("DELETE", f"/connections/{connection[0]}", headers={"If-Match": etag}, query={"discard": "true"})
    assert answer.status in {202, 204}
    monitor.handler({}, Context())
    assert list(results.of(connection[0], run)) == []
    assert call("GET", f"/connections/{connection[0]}/runs/{run}/persons").status == 404
    assert call("GET", f"/connections/{other[0]}/runs").status == 200


@pytest.mark.parametrize("query", [{"discard": "true"}, {}])
def test_rows_of_imports_go_with_their_connection(running: RunningStack, query: dict[str, str]) -> None:
    """At once, or by the monitor when the queue is empty."""
    connection, other = connected(running), running.connect(mapping=MAPPING[:3])
    bucket = running.aws.bucket
    for owner, _ in (connection, other):
        key = f"imports/{owner}/{'0' * 32}/parts/{'1' * 32}"
        running.aws.s3.put_object(Bucket=bucket, Key=key, Body=b"7,Ada")
    etag = call("GET", f"/connections/{connection[0]}").headers["ETag"]
    answer = call("DELETE", f"/connections/{connection[0]}", headers={"If-Match": etag}, query=query)
    assert answer.status in {202, 204}
    monitor.handler({"time": (datetime.now(UTC) + timedelta(minutes=10)).isoformat()}, Context())
    left = running.aws.s3.list_objects_v2(Bucket=bucket, Prefix="imports/")["Contents"]
    assert [one["Key"].split("/")[1] for one in left] == [other[0]]


@pytest.mark.parametrize(
    ("run", "query", "status"),
    [
        ("2026-01-01T10:00Z", {}, 404),
        ("2026-01-01T10:00Z%230", {}, 404),
        ("summary", {}, 404),
        (None, {"cursor": "x"}, 422),
        (None, {"cursor": "YWJj"}, 422),
        (None, {"outcome": "activated"}, 422),
        (None, {"limit": "0"}, 422),
        (None, {"limit": "1001"}, 422),
        (None, {"format": "xml"}, 422),
        (None, {"activation_id": "aud-1"}, 422),
    ],
)
def test_what_cannot_be_listed_is_refused(
    running: RunningStack, run: str | None, query: dict[str, str], status: int
) -> None:
    connection = connected(running)
    nobody_and_two(running, connection)
    answer = call("GET", f"/connections/{connection[0]}/runs/{run or a_run(connection[0])['id']}/persons", query=query)
    assert answer.status == status, answer.text


@pytest.mark.parametrize("path", ["a..b", "emails[", "", 7])
def test_an_id_that_leads_nowhere_is_refused(running: RunningStack, path: object) -> None:
    answer = call("POST", "/connections", {"person_id": path})
    assert answer.status == 422
    assert running.aws.bucket
    connection_id, _ = connected(running)
    assert call("PATCH", f"/connections/{connection_id}", {"person_id": path}).status == 422
    assert call("PATCH", f"/connections/{connection_id}", {"person_id": "identityMap.crmId"}).json["person_id"]
    assert call("PATCH", f"/connections/{connection_id}", {"person_id": None}).json["person_id"] is None
