"""Connections on the command line: shown, checked, tried by previews, switched, deleted, and made of what was."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from destination_client import deciding
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.legacy import export, flow, selector
from testing.template import ROOT

MADE = "00000000-0000-4000-8000-000000000001"
"""The id of a connection whose answers are scripted."""


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


def test_connections_show_in_tables_and_as_json(console: Stack) -> None:
    console.apply()
    made = console.connection()
    heading, row = console.done("list").splitlines()
    assert heading.split("\t") == ["id", "name", "munchkin id", "sync type", "status", "held up because"]
    assert row.split("\t") == [made["id"], "Webinar leads", "123-ABC-456", "audience_and_profile", "enabled", "-"]
    assert "limits.concurrency\t3" in console.done("show", made["id"])


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
    assert "trigger Added to List run for whoever is added: 1 in all.\n" in shown
    assert "Removed from List" not in shown
    assert leads(console) == []


def test_enable_disable_and_delete(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    console.apply()
    made = console.connection()["id"]
    assert console.done("disable", made) == "Webinar leads: disabled\n"
    assert console.done("enable", made) == "Webinar leads: enabled\n"
    assert "Nobody can be asked here" in console.refused("delete", made)
    monkeypatch.setattr(deciding, "attended", lambda: True)
    assert console.run("delete", made, answer="n\n").exit_code == 1
    assert console.connection()["status"] == "enabled"
    assert (
        console.done("delete", made, "--yes") == "Webinar leads: will be deleted once its queued events are delivered\n"
    )
    assert console.connection()["status"] == "deleting"


def test_what_will_not_be_needed_is_discarded_with_what_waits_of_it(
    console: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.apply()
    made = console.connection()["id"]
    monkeypatch.setattr(deciding, "attended", lambda: True)
    asked = console.run("delete", made, "--discard", answer="n\n")
    assert "and discard what waits of it? [y/N]" in asked.stderr
    assert console.connection()["status"] == "enabled"
    assert console.done("delete", made, "--discard", "--yes") == "Webinar leads: is deleted\n"
    assert plane.call("GET", "/connections").json["connections"] == []


def test_a_problem_is_told_with_its_places_and_no_traceback(console: Stack) -> None:
    made = plane.created(mapping=[])
    result = console.run("enable", made)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error: The connection is not ready for this" in result.stderr
    assert "  mapping: map a source to DedupeField" in result.stderr
    assert "Traceback" not in result.stderr


def test_runs_of_an_hour_without_events_are_none(console: Stack) -> None:
    made = plane.created()
    assert console.done("runs", made).splitlines()[1:] == []
    assert "  from: must be an ISO 8601 date and time" in console.refused("runs", made, "--from", "yesterday")


def test_what_a_source_answers_in_a_form_of_its_own_is_left_to_the_run(console: Stack) -> None:
    console.gateway.scripted.append((200, {"Content-Type": "application/json"}, '{"members": []}'))
    events = console.file("{}", "events.json")
    assert "What became of the events, the run says" in console.refused("send", MADE, events, "--token", "t-1")
