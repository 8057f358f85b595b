"""The command for Adobe's card: files for this stack and connection, the calls to Adobe in order, and no secret."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_client.adobe_configuration import AWKWARD_PROFILES, PROFILES_TEMPLATE
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, Stack, stack
from testing.pebble import rendered


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        yield standing


@pytest.fixture
def connection_id(console: Stack) -> str:
    console.apply(FILE.replace("canonical", "adobe_sdk"))
    return str(console.connection()["id"])


def written(folder: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}


def test_the_files_are_this_stacks_with_the_fields_that_marketo_has(console: Stack, connection_id: str) -> None:
    told = console.done("adobe-card", connection_id, "--out", str(console.folder / "card"))
    found = written(console.folder / "card")
    assert sorted(found) == ["destination.json", "events-server.json", "template-test.json"]
    url = found["events-server.json"]["urlBasedDestination"]["url"]["value"]
    assert url == f"{console.gateway.url}/connections/{{{{customerData.connectionId}}}}/events"
    fields = {one["name"] for one in found["destination.json"]["schemaConfig"]["profileFields"]}
    choices = plane.call("GET", f"/connections/{connection_id}/marketo/fields").json["fields"]
    assert fields == {one["name"] for one in choices if one["writable"]} > {"email", "firstName", "lastName"}
    assert found["destination.json"]["name"] == "Marketo: Webinar leads"
    assert connection_id in told
    assert [line.split("\t")[0] for line in told.splitlines()[:4]] == ["step", "1", "2", "3"]


def test_the_table_says_which_answers_id_goes_where(console: Stack, connection_id: str) -> None:
    options = ("--for", "volume", "--auth", "oauth2", "--fields", "live", "--audiences", "adobe")
    told = console.done("adobe-card", connection_id, "--out", str(console.folder / "card"), *options)
    rows = [line.split("\t")[3:] for line in told.splitlines()[1:6]]
    assert rows == [
        ["destination-servers", "EVENTS_SERVER_ID", "destination.json"],
        ["destination-servers", "FIELDS_SERVER_ID", "destination.json"],
        ["audience-templates", "AUDIENCE_TEMPLATE_ID", "destination.json"],
        ["destinations", "DESTINATION_ID", "template-test.json"],
        ["testing/template/render", "-", "-"],
    ]
    assert "source/fields, source/audiences, and the connection takes no calls" in " ".join(told.split())
    assert f"destination sender-credentials {connection_id}" in " ".join(told.split())
    aggregation = written(console.folder / "card")["destination.json"]["aggregation"]
    assert aggregation["aggregationType"] == "CONFIGURABLE_AGGREGATION"


def test_a_card_whose_calls_the_connection_takes_has_no_warning_of_them(console: Stack) -> None:
    console.apply(FILE.replace("format: canonical", "format: adobe_sdk\n  calls: {}"))
    options = ("--fields", "live", "--audiences", "adobe")
    told = console.done("adobe-card", console.connection()["id"], "--out", str(console.folder / "card"), *options)
    assert "source.calls" not in told
    assert "sender-credentials" not in told


def test_no_secret_is_in_the_files(console: Stack) -> None:
    token = console.token()
    console.done("adobe-card", str(console.connection()["id"]), "--out", str(console.folder / "card"))
    texts = [path.read_text() for path in (console.folder / "card").iterdir()]
    assert len(texts) == 4
    assert not any(token in text or plane.CREATE["credentials"]["client_secret"] in text for text in texts)


def test_what_stands_in_the_way_of_the_card_is_told(console: Stack) -> None:
    console.apply()
    told = console.done("adobe-card", str(console.connection()["id"]), "--out", str(console.folder / "card"))
    assert "set its source.format to adobe_sdk" in told
    assert f"Adobe cannot reach {console.gateway.url}" in told


def test_files_are_not_written_without_a_folder(console: Stack, connection_id: str) -> None:
    refused = console.run("adobe-card", connection_id)
    assert (refused.exit_code, "--out" in refused.stderr) == (2, True)
    (console.folder / "occupied").write_text("")
    assert console.run("adobe-card", connection_id, "--out", str(console.folder / "occupied")).exit_code == 2
    blocked = str(console.folder / "occupied" / "card")
    assert f"{blocked} cannot be written" in console.refused("adobe-card", connection_id, "--out", blocked)


def answer(output: str) -> dict[str, object]:
    return {"results": [{"profiles": list(AWKWARD_PROFILES), "output": output}]}


def test_adobes_rendering_is_held_against_the_profiles_that_it_was_made_of(console: Stack) -> None:
    as_they_are = console.file(json.dumps(answer(json.dumps({"profiles": AWKWARD_PROFILES}))), "rendered.json")
    assert "as they are" in console.done("adobe-card", "any", "--rendered", as_they_are)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (answer(json.dumps({"profiles": AWKWARD_PROFILES[:1]})), "prints other profiles"),
        (answer('{"profiles": [{&quot;'), "cannot be read"),
        (answer("[]"), "cannot be read"),
        ({"message": "no such destination"}, PROFILES_TEMPLATE),
        ({"results": []}, "has no results"),
    ],
)
def test_a_rendering_that_is_another_is_refused(console: Stack, content: object, says: str) -> None:
    file = console.file(json.dumps(content), "rendered.json")
    assert says in " ".join(console.refused("adobe-card", "any", "--rendered", file).split())


AUDIENCE = "11111111-1111-1111-1111-111111111111"


def profile(first_name: str, email: str, status: str) -> dict[str, Any]:
    """As the card is given it for a freeform schema."""
    entry = {"lastQualificationTime": "2026-11-21T08:15:42.000+0000", "status": status}
    values = {"firstName": first_name, "lastName": "O'Neill & Söhne", "email": email}
    return {
        "segmentMembership": {"ups": {AUDIENCE: entry}},
        "identityMap": {"DedupeField": [{"id": email}]},
        "attributes": {**{name: {"value": value} for name, value in values.items()}, "company": {}},
    }


def test_what_the_card_posts_becomes_people_and_lists_in_marketo(console: Stack) -> None:
    running = console.running
    mapping = [{"source": name, "target": name} for name in ("email", "firstName", "lastName", "company")]
    connection = running.connect(
        source={"format": "adobe_sdk"},
        mapping=[{"source": "identityMap.DedupeField", "target": "DedupeField"}, *mapping],
    )
    answer = plane.call("POST", f"/connections/{connection[0]}/audiences", {"id": AUDIENCE, "name": "Webinar"})
    assert (answer.status, plane.call("POST", f"/connections/{connection[0]}/enable").status) == (201, 200)
    ada = profile('Ada "the first" \\ {{ raw }}', "ada@example.org", "realized")
    body = rendered(PROFILES_TEMPLATE, [ada, profile("Bob", "bob@example.org", "exited")])
    assert running.send(connection, json.loads(body)) == 202
    assert running.deliver() == set()
    (lead,) = running.marketo.dump()["leads"]
    assert (lead["firstName"], lead["lastName"]) == ('Ada "the first" \\ {{ raw }}', "O'Neill & Söhne")
    assert running.members(answer.json["list"]["id"]) == {lead["firstName"]}
