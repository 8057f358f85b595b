"""Adobe's card: its files are what the documentation of Destination SDK describes, and what it sends can be read."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from adobe.write import CARDS, EXAMPLES
from destination.domain.connection import DEDUPE_TARGET
from destination.domain.event import MembershipStatus
from destination.domain.times import parse_time
from destination.ingest.sources.record import RecordTimes
from destination.ingest.webhook import MAX_BODY_BYTES
from destination_client.adobe_card import RENDERED, SCRIPT, SOURCE_FORMAT, AudiencesFrom, creating, write
from destination_client.adobe_configuration import (
    AWKWARD_PROFILES,
    DEDUPE_IDENTITY,
    DESTINATION,
    MAX_BATCH_AGE,
    MAX_EVENTS,
    MAX_USERS,
    PROFILES_TEMPLATE,
    Aggregation,
    Authentication,
    Card,
    FieldsFrom,
    calls,
    files,
)
from destination_client.documents import read
from destination_client.plan import Create, Enable, plan
from destination_client.wanted import wanted
from testing.pebble import rendered
from testing.sources import read_body
from testing.template import ROOT

DOCUMENT = (ROOT / "docs/adobe-card.md").read_text()
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
URL = "https://api.example.org/v1"
FIELDS = ({"name": "firstName", "display_name": 'First "Name"', "type": "string"},)
VARIANTS = [
    Card(URL, "Marketo: Webinar leads", aggregation, authentication, fields_from, FIELDS, tells)
    for aggregation, authentication, fields_from, tells in product(
        Aggregation, Authentication, FieldsFrom, (False, True)
    )
]
SCHEMAS = {
    "events-server.json": "destination-server",
    "fields-server.json": "destination-server",
    "audience-template.json": "audience-template",
    "destination.json": "destination",
    "template-test.json": "template-test",
}
EVERYTHING = CARDS["volume"]

every_variant = pytest.mark.parametrize("card", VARIANTS, ids=lambda card: "-".join(map(str, variant(card))))


def variant(card: Card) -> tuple[object, ...]:
    told = "told" if card.tells_audiences else "known"
    return card.aggregation, card.authentication, card.fields_from, told


def schema(name: str) -> dict[str, Any]:
    return dict(json.loads((ROOT / f"adobe/schemas/{SCHEMAS[name]}.schema.json").read_text()))


def problems(name: str, content: object) -> list[str]:
    return [one.message for one in jsonschema.Draft202012Validator(schema(name)).iter_errors(content)]


def strings(value: object) -> Iterator[str]:
    match value:
        case dict():
            for one in value.values():
                yield from strings(one)
        case list() | tuple():
            for one in value:
                yield from strings(one)
        case str():
            yield value


def put(content: Any, path: Sequence[str | int], value: object) -> Any:
    """A copy with something else at a path."""
    copy = json.loads(json.dumps(content))
    at = copy
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return copy


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schemas_are_schemas(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


@every_variant
def test_every_file_of_every_card_is_in_the_documented_form(card: Card) -> None:
    assert {name: problems(name, content) for name, content in files(card).items()} == {
        name: [] for name in files(card)
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["destinationDelivery", 0, "destinationServerID"], "x"),
        (["status"], "DRAFT"),
        (["identityNamespaces"], {}),
        (["uiAttributes", "category"], "marketing"),
        (["customerDataFields", 0, "type"], "uuid"),
        (["customerAuthenticationConfigurations"], [{"authType": "OAUTH2", "grant": "OAUTH2_CLIENT_CREDENTIALS"}]),
        (["customerAuthenticationConfigurations"], [{"authType": "Bearer"}]),
        (["schemaConfig", "profileFields"], []),
        (["schemaConfig", "segmentRequired"], False),
        (["schemaConfig", "requiredMappings"], [{"source": "personalEmail.address"}]),
        (["aggregation", "configurableAggregation", "maxNumEventsInBatch"], 100),
        (["aggregation", "configurableAggregation", "maxBatchAgeInSecs"], 300),
        (["aggregation", "aggregationType"], "BEST_EFFORT"),
    ],
)
def test_the_schema_of_a_card_refuses_what_the_documentation_does_not_have(
    path: list[str | int], value: object
) -> None:
    assert problems(DESTINATION, put(files(EVERYTHING)[DESTINATION], path, value))


@every_variant
def test_each_id_that_a_file_needs_is_made_by_a_call_before(card: Card) -> None:
    made: list[str] = []
    for call in calls(card):
        text = json.dumps(files(card)[call.file])
        assert set(re.findall(r"[A-Z]+(?:_[A-Z]+)*_ID\b", text)) <= set(made)
        made += [call.makes] if call.makes else []
    needed = json.dumps(list(files(card).values()))
    assert all(one in needed for one in made)


@every_variant
def test_templates_ask_for_nothing_that_they_are_not_given(card: Card) -> None:
    content = files(card)
    destination = content[DESTINATION]
    authentication = destination["customerAuthenticationConfigurations"][0]
    given = {
        *(f"customerData.{one['name']}" for one in destination["customerDataFields"]),
        *(f"authData.{one['name']}" for one in authentication.get("authenticationDataFields", ())),
        "oauth2ServiceAccessToken" if authentication["authType"] == "OAUTH2" else "authData.token",
        *("segment.id", "segment.name", "segment.alias", "body.id", "detail", "response.body", "profile"),
        *(f"response.body.{name}" for name in ("access_token", "token_type", "expires_in")),
    }
    asked = {
        name
        for file, one in content.items()
        if file != "template-test.json"
        for template in strings(one)
        for macro in re.findall(r"\{\{(.*?)\}\}", template)
        for name in re.findall(r"[A-Za-z_][\w.]*", re.sub(r"'[^']*'|\|\s*raw|formUrlEncode", "", macro))
    }
    assert asked <= given


@every_variant
def test_every_address_is_the_stacks(card: Card) -> None:
    found = [one for content in files(card).values() for one in strings(content) if "://" in one]
    assert found
    assert all(one.startswith(f"{URL}/") for one in found)


def test_a_card_for_latency_asks_for_few_at_once_and_one_for_volume_for_many() -> None:
    latency, volume = (files(CARDS[name])[DESTINATION]["aggregation"] for name in ("latency", "volume"))
    assert latency["bestEffortAggregation"]["maxUsersPerRequest"] == 100
    assert volume["configurableAggregation"]["maxNumEventsInBatch"] == MAX_EVENTS
    assert MAX_BODY_BYTES / MAX_EVENTS >= 6_000


def test_audiences_of_every_origin_and_all_their_members_are_sent() -> None:
    destination = files(EVERYTHING)[DESTINATION]
    assert destination["schemaConfig"]["segmentNamespaceDenyList"] == []
    assert destination["backfillHistoricalProfileData"] is True


@pytest.mark.parametrize("name", CARDS)
def test_the_examples_are_what_the_description_makes(name: str, tmp_path: Path) -> None:
    write(CARDS[name], tmp_path)
    kept = {path.name: path.read_text() for path in (EXAMPLES / name).iterdir()}
    assert kept == {path.name: path.read_text() for path in tmp_path.iterdir()}, "run `python -m adobe.write`"


@pytest.mark.parametrize("profiles", [AWKWARD_PROFILES[:1], AWKWARD_PROFILES, []], ids=["one", "several", "none"])
def test_the_template_prints_json_whatever_is_in_the_profiles(profiles: Sequence[Mapping[str, Any]]) -> None:
    assert json.loads(rendered(PROFILES_TEMPLATE, profiles)) == {"profiles": list(profiles)}


def test_what_the_template_prints_is_read_as_the_profiles_that_it_was_given() -> None:
    parsed = read_body("adobe_sdk", rendered(PROFILES_TEMPLATE, AWKWARD_PROFILES).encode(), RecordTimes(NOW))
    assert (parsed.rejected, parsed.warnings, len(parsed.events)) == ([], [], len(AWKWARD_PROFILES))
    for given, (_, event) in zip(AWKWARD_PROFILES, parsed.events, strict=True):
        values = {name: one["value"] for name, one in given["attributes"].items() if one}
        assert {name: value for name, value in event.profile.items() if value != {}} == values
        ids = [one["id"] for one in given["identityMap"][DEDUPE_IDENTITY]]
        assert event.identities == {DEDUPE_IDENTITY.lower(): tuple(ids)}
        said = {
            (namespace.lower(), audience_id, MembershipStatus(one["status"]), parse_time(one["lastQualificationTime"]))
            for namespace, audiences in given["segmentMembership"].items()
            for audience_id, one in audiences.items()
        }
        assert {(*one.audience, one.status, one.at) for one in event.memberships} == said


def test_profiles_of_a_predefined_schema_are_read_the_same() -> None:
    given = {**AWKWARD_PROFILES[1], "attributes": {"firstName": "岩"}}
    ((_, plain), (_, wrapped)) = read_body(
        "adobe_sdk", rendered(PROFILES_TEMPLATE, [given, AWKWARD_PROFILES[1]]).encode(), RecordTimes(NOW)
    ).events
    assert (plain.profile, plain.identities) == (wrapped.profile, wrapped.identities)


CURL = """#!/bin/sh
# Stands for curl: keeps what it is given, and answers as Adobe's authoring API does.
number=$(ls | grep -c '^call-.*headers$' || :)
for last; do :; done
printf '%s\\n' "$@" > "call-$number.arguments"
cat > "call-$number.headers"
cp filled.json "call-$number.body"
case "$last" in *"$REFUSED") echo '{"message": "no"}' > answer.json; exit 22 ;; esac
printf '{\\n  "name": "x",\\n  "instanceId" : "id-%s"\\n}\\n' "$number" > answer.json
"""


def created(folder: Path, card: Card, refused: str = "nothing") -> subprocess.CompletedProcess[str]:
    """The script of a card, run with a curl that calls nobody."""
    write(card, folder)
    tools = folder / "tools"
    tools.mkdir()
    (tools / "curl").write_text(CURL)
    (tools / "curl").chmod(0o755)
    names = ("ADOBE_TOKEN", "ADOBE_API_KEY", "ADOBE_ORG_ID", "ADOBE_SANDBOX")
    environment = {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "REFUSED": refused,
        **{name: f"my-{name}" for name in names},
    }
    script = [str(folder / "create.sh")]
    return subprocess.run(script, env=environment, capture_output=True, text=True, check=False)  # noqa: S603


def test_the_script_posts_the_files_in_order_each_with_the_ids_of_those_before(tmp_path: Path) -> None:
    done = created(tmp_path, EVERYTHING)
    assert done.returncode == 0, done.stderr
    paths = [(tmp_path / f"call-{number}.arguments").read_text().splitlines()[-1] for number in range(5)]
    assert paths == [
        f"https://platform.adobe.io/data/core/activation/authoring/{one.path}" for one in calls(EVERYTHING)
    ]
    posted = [json.loads((tmp_path / f"call-{number}.body").read_text()) for number in range(5)]
    destination = posted[3]
    assert destination["destinationDelivery"][0]["destinationServerId"] == "id-0"
    assert destination["schemaConfig"]["dynamicSchemaConfig"]["dynamicEnum"]["destinationServerId"] == "id-1"
    assert destination["segmentMappingConfig"]["audienceTemplateId"] == "id-2"
    assert posted[4]["destinationId"] == "id-3"
    assert "_ID" not in json.dumps(posted)
    assert (tmp_path / "rendered.json").exists()


def test_the_script_shows_its_token_to_nobody_who_lists_processes(tmp_path: Path) -> None:
    created(tmp_path, EVERYTHING)
    assert (tmp_path / "call-0.headers").read_text() == "Authorization: Bearer my-ADOBE_TOKEN\n"
    assert "my-ADOBE_TOKEN" not in (tmp_path / "call-0.arguments").read_text()


def test_the_script_ends_where_adobe_refuses(tmp_path: Path) -> None:
    done = created(tmp_path, EVERYTHING, refused="audience-templates")
    assert done.returncode != 0
    assert "audience-template.json was refused" in done.stderr
    assert '"message": "no"' in done.stderr
    assert not list(tmp_path.glob("call-3.*"))
    assert not (tmp_path / "filled.json").exists()


def test_the_script_has_a_step_for_each_file() -> None:
    assert re.findall(r"^post \S+ (\S+)$", creating(calls(EVERYTHING)), re.MULTILINE) == list(files(EVERYTHING))


def test_the_file_of_the_document_can_be_applied_and_reads_what_the_card_sends(tmp_path: Path) -> None:
    (found,) = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    (tmp_path / "connection.yaml").write_text(found)
    (document,) = read(tmp_path / "connection.yaml")
    first, *_, last = plan(wanted(document, {}), None)
    assert isinstance(first, Create)
    assert (first.properties["source"]["format"], last) == (SOURCE_FORMAT, Enable())
    assert {"source": f"identityMap.{DEDUPE_IDENTITY}", "target": DEDUPE_TARGET}.items() <= first.properties["mapping"][
        0
    ].items()


def test_the_document_names_every_file_option_and_number() -> None:
    values = (*Aggregation, *Authentication, *FieldsFrom, *AudiencesFrom)
    named = [*SCHEMAS, SCRIPT, RENDERED, *values, *(one.path for one in calls(EVERYTHING))]
    assert [one for one in named if not re.search(rf"[`/]{re.escape(one)}`", DOCUMENT)] == []
    numbers = (f"up to {MAX_USERS} profiles", f"up to {MAX_EVENTS:,}", f"after {MAX_BATCH_AGE} seconds")
    assert all(one in DOCUMENT for one in numbers)


def test_the_document_says_that_the_card_was_never_published() -> None:
    assert "never published to Adobe" in DOCUMENT
