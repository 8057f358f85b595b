"""The command `destination` against the functions: what it shows, and what is different afterwards."""

import json
import stat
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
from testing.legacy import export, flow, selector
from testing.template import ROOT

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
    "source": {"format": "canonical"},
    "credentials": {"client_id": "client", "client_secret": f"${{{SECRET_VARIABLE}}}"},
    "mapping": [
        {"source": "email", "target": "DedupeField", "labels": ["I1"], "source_type": "string"},
        {"source": "first", "target": "firstName", "when_missing": "clear", "when_empty": "send"},
        {"source": "last", "target": "lastName"},
    ],
    "limits": {"calls_per_20s": 70, "concurrency": 3, "daily_calls": 30000},
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

LEGACY = str(ROOT / "events/migrations/legacy-v2.json")


def leads(console: Stack) -> list[object]:
    found: Any = console.marketo.dump()["leads"]
    return list(found)


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
    assert "nothing to do" in console.apply(fewer)
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
    wrong = FILE.replace("name: Autumn\n", "name: Autumn\n    list: {id: 4711}\n")
    assert "Marketo has no list 4711" in console.refused("apply", console.file(wrong))
    assert console.connection()["status"] == "draft"
    console.apply()
    assert console.connection()["status"] == "enabled"
    assert len(console.connection()["audiences"]) == 2


def test_credentials_that_came_late_are_given_to_a_draft(console: Stack) -> None:
    bare = FILE[: FILE.index("credentials:")] + FILE[FILE.index("mapping:") :]
    assert "credentials: give them first" in console.refused("apply", console.file(bare))
    assert "~ give the credentials" in console.apply()
    assert console.connection()["status"] == "enabled"


def test_credentials_are_given_anew_on_demand(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    console.apply()
    console.marketo.seed({"clients": [{"client_id": "client", "client_secret": "another"}]})
    monkeypatch.setenv(SECRET_VARIABLE, "another")
    assert "nothing to do" in console.apply()
    console.apply(FILE, "--credentials")
    assert plane.credentials(console.connection()["id"]).client_secret == "another"


def test_the_token_goes_to_a_file_of_its_owner_alone(console: Stack) -> None:
    token = console.folder / "token"
    shown = console.apply(FILE, "--token-file", str(token))
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.read_text().strip() not in shown
    said = console.refused("apply", console.file(FILE.replace("Webinar leads", "Another")), "--token-file", str(token))
    assert "already exists" in said
    assert len(json.loads(console.done("list", "--json"))) == 1


def test_several_documents_are_several_connections(console: Stack) -> None:
    draft = FILE[: FILE.index("audiences:")]
    console.apply(f"{draft}---\n{draft.replace('Webinar leads', 'Newsletter')}")
    assert {one["name"] for one in json.loads(console.done("list", "--json"))} == {"Webinar leads", "Newsletter"}


def test_connections_of_one_name_are_told_apart_by_id(console: Stack) -> None:
    for _ in range(2):
        plane.created(name="Webinar leads")
    said = console.refused("apply", console.file(FILE))
    assert "2 connections are named Webinar leads" in said


def test_connections_show_in_tables_and_as_json(console: Stack) -> None:
    console.apply()
    made = console.connection()
    heading, row = console.done("list").splitlines()
    assert heading.split("\t") == ["id", "name", "munchkin id", "sync type", "status", "blocked because"]
    assert row.split("\t") == [made["id"], "Webinar leads", "123-ABC-456", "audience_and_profile", "enabled", "-"]
    assert "limits.concurrency\t3" in console.done("show", made["id"])


def test_a_connection_as_a_file_is_what_there_is(console: Stack) -> None:
    console.apply()
    made = console.connection()
    written = console.done("show", made["id"], "--yaml")
    assert f"id: {made['id']}\n" in written
    assert "sync_type: audience_and_profile\n" in written
    assert "partition" not in written
    assert "nothing to do" in console.apply(written, "--prune")


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


def test_checks_are_a_table_and_all_are_well(console: Stack) -> None:
    rows = [line.split("\t") for line in console.done("checks", plane.created()).splitlines()]
    assert rows[0] == ["check", "result", "detail", "hint"]
    assert rows[1][:2] == ["credentials", "ok"]


def test_a_sample_is_checked_too_and_what_fails_is_told_by_the_exit_code(console: Stack) -> None:
    made = plane.created(credentials={"client_id": "client", "client_secret": "wrong"})
    sample = console.file(json.dumps({"personalEmail": {"address": "ada@example.org"}}), "event.json")
    result = console.run("checks", made, "--sample", sample)
    assert result.exit_code == 1
    assert "credentials\tfailed\t" in result.stdout
    assert console.gateway.seen[-1].body == b'{"sample": {"personalEmail": {"address": "ada@example.org"}}}'


def test_a_legacy_dataflow_becomes_a_file_that_can_be_applied(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    console.marketo.seed({"lists": [{"id": 4711, "name": "Newsletter"}]})
    monkeypatch.setenv("MARKETO_CLIENT_ID", "client")
    shown = console.done("migrate", LEGACY, "--output", "legacy.yaml")
    assert "\tcarried_over\t" in shown
    assert "already exists" in console.refused("migrate", LEGACY, "--output", "legacy.yaml")

    console.done("apply", "legacy.yaml")

    made = console.connection()
    assert made["status"] == "draft"
    assert [row["target"] for row in made["mapping"]][:2] == ["DedupeField", "firstName"]
    assert {one["name"] for one in made["audiences"]} >= {"Newsletter", "Spring fair"}
    assert "nothing to do" in console.done("apply", "legacy.yaml")


def test_a_dataflow_that_cannot_become_a_connection_writes_no_file(console: Stack) -> None:
    legacy = export(flow(selector("identityMap.ECID", "ECID")))
    said = console.refused("migrate", console.file(json.dumps(legacy), "export.json"))
    assert "cannot become a connection" in said
    assert not (console.folder / "connection.yaml").exists()


def test_a_rotated_token_opens_the_webhook_and_so_does_the_one_before_for_a_while(console: Stack) -> None:
    first, second = console.token(), console.folder / "second"
    made, events = console.connection()["id"], console.file(json.dumps([{"profile": {}}]), "events.json")
    assert "the previous token is valid until 20" in console.done(
        "rotate-token", made, "--grace", "PT1H", "--token-file", str(second)
    )
    for token in (first, second.read_text().strip()):
        assert console.done("send", made, events, "--token", token).endswith("accepted 1, rejected 0\n")
    assert "no ingest token, or a wrong one" in console.refused("send", made, events, "--token", "another")


def test_events_that_are_rejected_are_named(console: Stack) -> None:
    token = console.token()
    events = console.file('{"profile": {}}\n{"profil": {}}\n', "events.ndjson")
    said = console.refused("send", console.connection()["id"], events, "--token", token)
    assert "1 of 2 events were rejected" in said
    assert "  [1].profil: " in said
    assert len(console.waiting()) == 1


def test_a_preview_tells_what_would_be_done_and_does_nothing(console: Stack) -> None:
    console.apply()
    joins = [{"id": "aud-1", "status": "realized"}]
    people = [
        {"profile": {"email": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace"}, "audiences": joins},
        {"profile": {"email": "bob@example.org"}, "audiences": joins},
        {"profil": {}},
    ]
    shown = console.done("preview", console.connection()["id"], console.file(json.dumps(people), "events.json"))
    first, second = (line.split("\t") for line in shown.splitlines()[1:3])
    assert first[:6] == ["0", "1", "created", "-", "-", "firstName, lastName, email"]
    assert first[8].startswith("Spring: ")
    assert second[:3] == ["1", "2", "excluded"]
    assert "rejected: [2] profil: " in shown
    assert "activated.created\t1" in shown
    assert "trigger Added to List run for people who are added: 1 times.\n" in shown
    assert "Removed from List" not in shown
    assert leads(console) == []


def test_enable_disable_and_delete(console: Stack) -> None:
    console.apply()
    made = console.connection()["id"]
    assert console.done("disable", made) == "Webinar leads: disabled\n"
    assert console.done("enable", made) == "Webinar leads: enabled\n"
    assert console.run("delete", made, answer="n\n").exit_code == 1
    assert console.connection()["status"] == "enabled"
    assert "deleted" in console.done("delete", made, "--yes")


def test_a_problem_is_told_with_its_places_and_no_traceback(console: Stack) -> None:
    made = plane.created(mapping=[])
    result = console.run("enable", made)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error: The connection is not ready for this" in result.stderr
    assert "  mapping: map a source to DedupeField" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_not_there_is_said_so(console: Stack) -> None:
    assert "Not found" in console.refused("show", "nobody")


def test_runs_of_an_hour_without_events_are_none(console: Stack) -> None:
    made = plane.created()
    assert console.done("runs", made).splitlines()[1:] == []
    assert "  from: must be an ISO 8601 date and time" in console.refused("runs", made, "--from", "yesterday")
