"""The calls that the files of Adobe's card describe are made as Adobe makes them, and do what the files say."""

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest

from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, Stack, stack
from testing.composition import composed

AUDIENCE = {"id": "11111111-1111-1111-1111-111111111111", "name": "Webinar"}
TAKES_CALLS = (
    FILE.partition("audiences:")[0].replace("format: canonical", "format: adobe_sdk\n  calls: {}") + "enabled: true\n"
)
EVERYTHING = ("--auth", "oauth2", "--fields", "live", "--audiences", "adobe")
LIVE = ("--fields", "live", "--audiences", "adobe")

Answer = tuple[int, Any]


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing, composed({"STACK_NAME": "destination"}):
        yield standing


def printed(template: str, known: Mapping[str, str]) -> str:
    """A text with its macros filled in."""
    return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda found: known[found[1]], template)


def asked(method: str, url: str, body: str | None, headers: Mapping[str, str]) -> Answer:
    """The status and the body of an answer."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, dict(headers), method=method)  # noqa: S310 - of the gateway on loopback
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            text = answer.read()
            return answer.status, json.loads(text) if text else None
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.loads(refused.read())


@dataclass
class Adobe:
    """Experience Platform with a card's files, and what somebody typed into its form."""

    files: Mapping[str, Any]
    known: dict[str, str] = field(default_factory=dict)

    def has_token(self) -> None:
        """Fetch one by client id and secret, as `accessTokenRequest` says."""
        (way,) = self.files["destination.json"]["customerAuthenticationConfigurations"]
        request = way["accessTokenRequest"]
        template = request["httpTemplate"]["requestBody"]["value"]
        arguments = re.findall(r"'(\w+)', (?:'(\w+)'|(authData\.\w+))", template)
        form = urlencode({name: text or self.known[macro] for name, text, macro in arguments})
        url = request["urlBasedDestination"]["url"]["value"]
        kind = {"Content-Type": request["httpTemplate"]["contentType"]}
        status, body = asked(request["httpTemplate"]["httpMethod"], url, form, kind)
        assert status == 200, body
        told = {one["name"]: one["value"] for one in request["responseFields"]}
        given = {f"response.body.{name}": str(value) for name, value in body.items()}
        assert printed(told["tokenType"], given) == "Bearer"
        assert int(printed(told["expiresIn"], given)) >= 86_400
        self.known["oauth2ServiceAccessToken"] = printed(told["accessToken"], given)

    def fields(self) -> Answer:
        """What `fields-server.json` asks, with what the card proves itself by."""
        server = self.files["fields-server.json"]
        url = printed(server["urlBasedDestination"]["url"]["value"], self.known)
        token = self.known.get("oauth2ServiceAccessToken") or self.known["authData.token"]
        return asked(server["httpTemplate"]["httpMethod"], url, None, {"Authorization": f"Bearer {token}"})

    def tell(self, event: str, audience: Mapping[str, str] = AUDIENCE) -> Answer:
        """An event of `audience-template.json`. What `create` answers is kept as it says."""
        call = self.files["audience-template.json"]["metadataTemplate"][event]
        known = {**self.known, **{f"segment.{name}": value for name, value in audience.items()}}
        body = json.dumps(call["requestBody"]["json"]) if "requestBody" in call else None
        headers = {one["header"]: printed(one["value"], known) for one in call["headers"]}
        status, answer = asked(call["httpMethod"], printed(call["url"], known), body and printed(body, known), headers)
        for one in call.get("responseFields", ()) if status < 300 else ():
            assert one["name"] == "externalAudienceId"
            self.known["segment.alias"] = printed(one["value"], {"body.id": answer["id"]})
        return status, answer

    def shown(self, event: str, answer: Answer) -> str:
        """What of an error is shown to people."""
        (one,) = self.files["audience-template.json"]["metadataTemplate"][event]["responseErrorFields"]
        return printed(one["value"], answer[1])


def adobe(console: Stack, *options: str, file: str = TAKES_CALLS, **typed: str) -> Adobe:
    """With a card for a new connection, made by a file."""
    token = console.folder / "token"
    console.apply(file, "--token-file", str(token))
    connection_id = console.connection()["id"]
    folder = console.folder / "card"
    console.done("adobe-card", connection_id, "--out", str(folder), *options)
    files = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    known = {"customerData.connectionId": connection_id, "authData.token": token.read_text().strip(), **typed}
    return Adobe(files, known)


def active(console: Stack) -> list[tuple[str, str]]:
    connection_id = console.connection()["id"]
    shown = plane.call("GET", f"/connections/{connection_id}/audiences").json["audiences"]
    return [(one["id"], one["name"]) for one in shown]


def test_the_fields_are_a_schema_with_a_property_for_each_that_a_value_can_be_sent_to(console: Stack) -> None:
    sender = adobe(console, *LIVE)
    status, schema = sender.fields()
    assert status == 200
    jsonschema.Draft7Validator.check_schema(schema)
    choices = plane.call("GET", f"/connections/{console.connection()['id']}/marketo/fields").json["fields"]
    expected = {one["name"]: one["display_name"] for one in choices if one["writable"]}
    assert {name: one["title"] for name, one in schema["properties"].items()} == expected
    assert expected.keys() > {"email", "firstName", "lastName"}
    assert (schema["type"], {one["type"] for one in schema["properties"].values()}) == ("object", {"string"})
    assert sender.tell("validate") == (200, schema)


def test_audiences_are_made_renamed_and_deleted_as_adobe_tells_of_them(console: Stack) -> None:
    sender = adobe(console, *LIVE)
    status, made = sender.tell("create")
    assert (status, active(console)) == (201, [(AUDIENCE["id"], "Webinar")])
    assert list(plane.lists(console.marketo).values()) == ["Webinar"]
    assert sender.tell("create") == (200, made)
    assert sender.tell("update", {**AUDIENCE, "name": "Fair"}) == (200, made)
    assert active(console) == [(AUDIENCE["id"], "Fair")]
    assert sender.tell("delete") == (204, None)
    assert active(console) == []
    gone = sender.tell("delete")
    assert (gone[0], bool(sender.shown("delete", gone))) == (404, True)


def test_an_audience_that_adobe_made_takes_those_whom_the_card_sends(console: Stack) -> None:
    sender = adobe(console, *LIVE)
    sender.tell("create")
    running, connection_id = console.running, console.connection()["id"]
    (list_id,) = plane.lists(console.marketo)
    values = {"email": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace"}
    entry = {"lastQualificationTime": "2026-11-21T08:15:42Z", "status": "realized"}
    profile = {
        "segmentMembership": {"ups": {AUDIENCE["id"]: entry}},
        "attributes": {name: {"value": value} for name, value in values.items()},
    }
    assert running.send((connection_id, sender.known["authData.token"]), {"profiles": [profile]}) == 202
    assert running.deliver() == set()
    assert running.members(list_id) == {"Ada"}


def test_a_card_with_oauth_2_calls_with_a_token_of_its_client_secret(console: Stack) -> None:
    sender = adobe(console, *EVERYTHING, **{"authData.token": "none"})
    connection_id = console.connection()["id"]
    secret = console.folder / "secret"
    console.done("sender-credentials", connection_id, "--secret-file", str(secret))
    sender.known |= {"authData.clientId": connection_id, "authData.clientSecret": secret.read_text().strip()}
    sender.has_token()
    assert sender.fields()[0] == 200
    assert sender.tell("create")[0] == 201
    assert active(console) == [(AUDIENCE["id"], "Webinar")]


def test_what_an_operator_activated_is_known_to_adobe_and_stays_the_operators(console: Stack) -> None:
    sender = adobe(console, *LIVE)
    path = f"/connections/{console.connection()['id']}/audiences"
    assert plane.call("POST", path, AUDIENCE).status == 201
    assert sender.tell("create")[0] == 200
    refused = sender.tell("update", {**AUDIENCE, "name": "Fair"})
    assert refused[0] == 403
    assert "operator" in sender.shown("update", refused)
    assert active(console) == [(AUDIENCE["id"], "Webinar")]


@pytest.mark.parametrize(
    ("audience", "says"), [({**AUDIENCE, "name": " "}, "name: must have"), ({**AUDIENCE, "id": ""}, "id: must have")]
)
def test_adobe_can_show_what_is_wrong(console: Stack, audience: Mapping[str, str], says: str) -> None:
    sender = adobe(console, *LIVE)
    refused = sender.tell("create", audience)
    assert (refused[0], active(console)) == (422, [])
    assert says in sender.shown("create", refused)


def test_a_connection_that_takes_no_calls_says_so(console: Stack) -> None:
    sender = adobe(console, *LIVE, file=TAKES_CALLS.replace("  calls: {}\n", "").replace("enabled: true\n", ""))
    refused = sender.tell("create")
    assert (refused[0], sender.fields()[0]) == (403, 403)
    assert "source.calls" in sender.shown("create", refused)
