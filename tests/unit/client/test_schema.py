"""The JSON Schema of files for `apply`: it takes what the command takes, and finds what an editor can find."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination_client.documents import read
from destination_client.main import app
from destination_client.plan import plan
from destination_client.schema import schema
from destination_client.wanted import wanted
from docs import file_schema

ROOT = Path(__file__).resolve().parents[3]
VALIDATOR = jsonschema.Draft202012Validator(schema())

WHOLE: Mapping[str, Any] = {
    "name": "Webinar leads",
    "munchkin_id": "123-ABC-456",
    "workspace": "Default",
    "sync_type": "audience_and_profile",
    "person_action": "update_existing_and_create_new",
    "dedupe_field": "email",
    "source": {"format": "aep"},
}
ROW = {"source": "a", "target": "DedupeField"}
AUDIENCE = {"id": "aud-1", "name": "Spring"}
ID = "3f0e4d4a-4769-44c4-9874-4ce54a8150e3"
SECRET = {"client_id": "${ID}", "client_secret": "${SECRET}"}


def test_the_schema_in_the_documents_is_current_and_that_of_the_command() -> None:
    assert file_schema.main(["--check"]) == 0, "python -m docs.file_schema"
    assert json.loads(CliRunner().invoke(app, ["schema"]).stdout) == json.loads(file_schema.TARGET.read_text())


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_it_has_every_property() -> None:
    assert schema()["properties"].keys() == ConnectionIn.model_fields.keys() | {"id", "audiences", "enabled"}
    assert schema()["$defs"]["AudienceIn"]["properties"].keys() == AudienceIn.model_fields.keys()


@pytest.mark.parametrize(
    "content",
    [
        {},
        {
            "person_action": "update_existing_only",
            "mapping": [ROW, {**ROW, "target": "title", "when_missing": "clear"}],
        },
        {"audiences": [AUDIENCE, {**AUDIENCE, "id": "b", "list": {"id": 7}, "start": "2026-11-21T10:00:00Z"}]},
        {"credentials": SECRET},
        {"munchkin_id": "${MUNCHKIN}", "sync_type": "${SYNC}", "resend_unchanged_after": "${AFTER}"},
        {"partition": None, "limits": None, "mapping": None, "verification": None},
        {"limits": {"concurrency": 3}, "verification": {"every": "P1D"}, "enabled": True},
    ],
)
def test_what_the_command_takes_is_valid(tmp_path: Path, content: Mapping[str, Any]) -> None:
    described = {**WHOLE, **content}
    environment = {
        "MUNCHKIN": "123-ABC-456",
        "SYNC": "audience_only",
        "AFTER": "PT1H",
    }
    (tmp_path / "connection.yaml").write_text(yaml.safe_dump(described))
    (document,) = read(tmp_path / "connection.yaml")
    taken = wanted(document, environment)
    assert plan(taken, None)
    assert taken.problems == []
    VALIDATOR.validate(described)


@pytest.mark.parametrize(
    "content",
    [
        {"id": ID, "name": "Another"},
        {"id": ID, "limits": {"daily_calls": 7}, "audiences": [{"id": "aud-1", "end": None}]},
        {"id": ID, "source": {}},
        {"id": "${CONNECTION_ID}", "name": "Another"},
    ],
)
def test_a_file_may_name_what_changes_alone(content: Mapping[str, Any]) -> None:
    VALIDATOR.validate(content)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"partner": "EMEA"}, []),
        ({"sync_type": "both"}, ["sync_type"]),
        ({"mapping": [{"source": "a"}]}, ["mapping"]),
        ({"audiences": [{"name": "Spring"}]}, ["audiences", 0]),
        ({"audiences": [{**AUDIENCE, "when_list_missing": "forget"}]}, ["audiences", 0, "when_list_missing"]),
        ({"credentials": {**SECRET, "client_secret": "plain"}}, ["credentials"]),
        ({"credentials": {**SECRET, "client_secret": "$${SECRET}"}}, ["credentials"]),
        ({"id": "3f0e"}, ["id"]),
        ({"limits": {"concurrency": "3"}}, ["limits"]),
        ({"enabled": "yes"}, ["enabled"]),
        ({"name": None}, ["name"]),
    ],
)
def test_what_the_command_refuses_is_found_in_its_place(content: Mapping[str, Any], place: list[object]) -> None:
    assert place in [list(one.absolute_path) for one in VALIDATOR.iter_errors({**WHOLE, **content})]


def test_without_an_id_the_name_and_the_instance_are_needed() -> None:
    assert not VALIDATOR.is_valid({"workspace": "Default", "name": "Webinar leads"})


def test_the_file_of_the_documents_is_valid() -> None:
    (found,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/client.md").read_text(), re.DOTALL | re.MULTILINE)
    VALIDATOR.validate(yaml.safe_load(found))
