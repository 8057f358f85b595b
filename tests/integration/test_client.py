"""The command's `apply` against the handlers, tables on moto and a simulator: connections as files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, SECRET_VARIABLE, Stack, stack
from testing.control_plane import AUD_1

WRITTEN_BACK = """\
id: {id}
name: Webinar leads, renamed
"""


EVERYTHING: dict[str, Any] = {
    "name": "Everything",
    "description": "All at other values than the defaults, but for what is of legacy_v2 alone",
    "munchkin_id": "123-ABC-456",
    "workspace": "Default",
    "sync_type": "audience_and_profile",
    "person_action": "update_existing_and_create_new",
    "partition": "Default",
    "dedupe_field": "email",
    "source": {
        "format": "canonical",
        "admission": {"proof": "token", "header": "X-Api-Key", "query_parameter": "token"},
        "on_rejected": "multi_status",
        "on_delete_person": "reject",
        "calls": {"on_delete": "empty", "max_audiences": 7},
        "rows": None,
    },
    "credentials": {"client_id": "client", "client_secret": f"${{{SECRET_VARIABLE}}}"},
    "mapping": [
        {"source": "email", "target": "DedupeField", "labels": ["I1"], "source_type": "string"},
        {"source": "first", "target": "firstName", "when_missing": "clear", "when_empty": "send"},
        {"source": "last", "target": "lastName"},
    ],
    "limits": {"calls_per_20s": 70, "concurrency": 3, "daily_calls": 30000, "lead_updates_per_hour": 9000},
    "scope": "all_profiles",
    "on_invalid": "fail",
    "resend_unchanged_after": "P2D",
    "lead_cache": "PT1H",
    "generation": "current",
    "ecid_field": None,
    "marketing_actions": ["emailTargeting"],
    "consent": {"source": "consents.marketing.email.val", "allowed": ["y", "vi"]},
    "person_id": "crm.id",
    "propagate_renames": True,
    "verification": {"every": "P1D", "repair": ["foreign", "missing"]},
    "alerts": [{"alert": "failure_rate", "threshold": 0.05}, {"alert": "no_events"}],
}


LEGACY_ALONE = ("generation", "ecid_field")


EVERYTHING_OF_AN_AUDIENCE: dict[str, Any] = {
    "id": "aud-1",
    "namespace": "crm",
    "name": "Spring",
    "data_type": "people",
    "origin": "CRM",
    "start": "2026-11-21T10:00:00Z",
    "end": "2027-11-21T10:00:00Z",
    "when_list_missing": "create",
    "labels": ["I2"],
    "list": {"id": 4711},
}


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        yield standing


def test_a_new_connection_is_made_whole_and_works(console: Stack) -> None:
    shown = console.apply()

    made = console.connection()
    assert made["status"] == "enabled"
    assert made["limits"]["concurrency"] == 3
    assert [(one["id"], one["list"]["name"]) for one in made["audiences"]] == [("aud 2", "Autumn"), ("aud-1", "Spring")]
    assert plane.credentials(made["id"]).client_secret == "secret"
    assert sorted(plane.lists(console.marketo).values()) == ["Autumn", "Spring"]
    assert "+ create the connection, 3 mapping rows" in shown
    assert f"/live/connections/{made['id']}/events\n" in shown
    assert "which is shown this once" in shown


def test_a_second_run_changes_nothing(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    console.apply()
    before, version = console.gateway.changes(), console.connection()["version"]
    monkeypatch.delenv(SECRET_VARIABLE)  # a pipeline needs it only where it is given

    shown = console.apply()

    assert "nothing to do" in shown
    assert console.gateway.changes() == before
    assert console.connection()["version"] == version


def test_a_dry_run_shows_the_plan_and_changes_nothing(console: Stack) -> None:
    shown = console.apply(FILE, "--dry-run")
    assert "+ activate audience aud-1 (any namespace), Spring" in shown
    assert "enable" in shown
    assert console.gateway.changes() == []
    assert json.loads(console.done("list", "--json")) == []


def test_changes_reach_the_connection_and_its_audiences(console: Stack) -> None:
    console.apply()
    before = len(console.gateway.changes())

    shown = console.apply(
        FILE.replace("concurrency: 3", "concurrency: 4")
        .replace("lastName, target: lastName}", "surname, target: lastName}")
        .replace("name: Spring", "name: Spring 2027")
        .replace("enabled: true", "enabled: false")
    )

    made = console.connection()
    assert made["status"] == "disabled"
    assert made["limits"]["concurrency"] == 4
    assert made["mapping"][2]["source"] == "surname"
    assert {one["id"]: one["name"] for one in made["audiences"]} == {"aud-1": "Spring 2027", "aud 2": "Autumn"}
    assert "~ limits.concurrency: 3 -> 4" in shown
    assert "+ source: surname, target: lastName" in shown
    stage = "/live/connections/" + made["id"]
    assert console.gateway.changes()[before:] == [
        f"POST {stage}/disable",
        f"PATCH {stage}",
        f"PATCH {stage}/audiences/{AUD_1}",
    ]


def test_a_file_that_names_the_id_may_rename_and_leaves_the_rest_alone(console: Stack) -> None:
    console.apply()
    made = console.connection()
    console.apply(WRITTEN_BACK.format(id=made["id"]))
    renamed = console.connection()
    assert renamed["name"] == "Webinar leads, renamed"
    assert {**renamed, "name": made["name"], "version": made["version"]} == made


def test_audiences_that_are_not_named_go_only_when_pruned(console: Stack) -> None:
    console.apply()
    fewer = FILE[: FILE.index("  - id: aud 2")] + "enabled: true\n"
    kept = "audience aud 2 (any namespace) stays, as the file does not name it; --prune deactivates it"
    assert kept in console.apply(fewer)
    assert "stays" not in console.apply()
    assert kept in console.apply(fewer, "--dry-run")
    assert "- deactivate audience aud 2 (any namespace)" in console.apply(fewer, "--prune")
    assert [one["id"] for one in console.connection()["audiences"]] == ["aud-1"]


def test_a_change_by_somebody_else_in_between_is_not_overwritten(console: Stack) -> None:
    console.apply()
    made = console.connection()
    stale = plane.stored(made["id"])
    plane.connections().update(stale)  # another version, as after a change
    console.gateway.scripted.append(
        (200, {"Content-Type": "application/json"}, json.dumps({"connections": [made], "cursor": None}))
    )

    said = console.refused("apply", console.file(FILE.replace("concurrency: 3", "concurrency: 4")))

    assert "The resource has changed since it was read" in said
    assert console.connection()["limits"]["concurrency"] == 3


def test_an_interrupted_run_is_finished_by_the_next(console: Stack) -> None:
    console.gateway.denied.add("POST /connections/*/audiences")
    assert "not authorized" in console.refused("apply", console.file(FILE))
    assert console.connection()["status"] == "draft"
    console.gateway.denied.clear()
    console.apply()
    assert console.connection()["status"] == "enabled"
    assert len(console.connection()["audiences"]) == 2


def test_credentials_that_came_late_are_given_to_a_draft(console: Stack) -> None:
    bare = FILE[: FILE.index("credentials:")] + FILE[FILE.index("mapping:") :]
    console.apply(bare[: bare.index("audiences:")])
    assert console.connection()["status"] == "draft"
    assert "~ give the credentials" in console.apply()
    assert console.connection()["status"] == "enabled"


def test_credentials_are_given_anew_on_demand(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    console.apply()
    console.marketo.seed({"clients": [{"client_id": "client", "client_secret": "another"}]})
    monkeypatch.setenv(SECRET_VARIABLE, "another")
    assert "nothing to do" in console.apply()
    console.apply(FILE, "--credentials")
    assert plane.credentials(console.connection()["id"]).client_secret == "another"


def test_several_documents_are_several_connections(console: Stack) -> None:
    draft = FILE[: FILE.index("audiences:")]
    console.apply(f"{draft}---\n{draft.replace('Webinar leads', 'Newsletter')}")
    assert {one["name"] for one in json.loads(console.done("list", "--json"))} == {"Webinar leads", "Newsletter"}


def test_a_document_of_a_connection_that_another_names_by_its_id_is_refused(console: Stack) -> None:
    console.apply()
    by_id = WRITTEN_BACK.format(id=console.connection()["id"])
    said = console.refused("apply", console.file(f"{FILE}---\n{by_id}"))
    assert "connection.yaml:27: id: is of the connection that the document of line 1 describes" in said
    assert console.connection()["name"] == "Webinar leads"


def test_a_connection_as_a_file_is_what_there_is(console: Stack) -> None:
    console.apply()
    made = console.connection()
    written = console.done("show", made["id"], "--yaml")
    assert f"id: {made['id']}\n" in written
    assert "sync_type: audience_and_profile\n" in written
    assert "partition" not in written
    assert "nothing to do" in console.apply(written, "--prune")
    assert "Leave out one of them" in console.refused("show", made["id"], "--yaml", "--json")


def test_a_file_can_say_all_that_can_be_configured(console: Stack) -> None:
    assert EVERYTHING.keys() == ConnectionIn.model_fields.keys()
    assert EVERYTHING_OF_AN_AUDIENCE.keys() == AudienceIn.model_fields.keys()
    console.marketo.seed({"lists": [{"id": 4711, "name": "Spring"}]})
    document = yaml.safe_dump({**EVERYTHING, "audiences": [EVERYTHING_OF_AN_AUDIENCE]})

    console.apply(document)

    made = console.connection()
    for name in EVERYTHING.keys() - {"credentials", "mapping", "alerts"}:
        assert made[name] == EVERYTHING[name], name
    [audience] = made["audiences"]
    for name in EVERYTHING_OF_AN_AUDIENCE.keys() - {"list"}:
        assert audience[name] == EVERYTHING_OF_AN_AUDIENCE[name], name
    assert "nothing to do" in console.apply(document)
    written = yaml.safe_load(console.done("show", made["id"], "--yaml"))
    assert written.keys() == EVERYTHING.keys() - {"credentials", *LEGACY_ALONE} | {"id", "audiences", "enabled"}
    assert written["mapping"] == EVERYTHING["mapping"]
    assert written["alerts"] == EVERYTHING["alerts"]


@pytest.mark.parametrize("prune", [False, True])
def test_an_audience_that_somebody_else_changed_in_between_is_not_overwritten(console: Stack, prune: bool) -> None:
    console.apply()
    made = console.connection()
    audiences = [{**one, "version": one["version"] + 1} for one in made["audiences"]]
    console.gateway.scripted += [
        (200, {"Content-Type": "application/json"}, json.dumps(content))
        for content in ({"connections": [made], "cursor": None}, {"audiences": audiences})
    ]
    file = FILE[: FILE.index("  - id: aud-1")] + FILE[FILE.index("  - id: aud 2") :] if prune else FILE
    file = file if prune else FILE.replace("name: Spring", "name: Spring 2027")
    said = console.refused("apply", console.file(file), *(["--prune"] if prune else []))
    assert "The resource has changed since it was read" in said
    assert console.connection()["audiences"] == made["audiences"]
