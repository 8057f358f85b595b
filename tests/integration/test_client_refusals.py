"""What `destination apply` refuses: all at once, with the lines of the file, before anything is made."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, SECRET_VARIABLE, Stack, stack


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        yield standing


def test_two_documents_of_one_connection_are_refused(console: Stack) -> None:
    """They would make two connections of one name, or overwrite each other."""
    said = console.refused("apply", console.file(f"{FILE}---\n{FILE}"))
    assert "connection.yaml:27: name: is of the connection that the document of line 1 describes" in said
    assert console.gateway.changes() == []


@pytest.mark.parametrize("wrong", ['""', "..", "3f0e", "00000000-0000-4000-8000-000000000000"])
def test_an_id_of_no_connection_is_told_with_all_else_that_is_wrong(console: Stack, wrong: str) -> None:
    said = console.refused("apply", console.file(f"id: {wrong}\nlimts: 1\n---\n{FILE}others: 1\n"))
    assert places(said).keys() == {"1 id", "2 limts", "29 others"}
    assert console.gateway.changes() == []


WRONG = """\
name: Webinar leads
munchkin_id: 123-ABC-456
workspace: Atlantis
sync_type: audience_and_profile
person_action: update_existing_and_create_new
dedupe_field: email
source: {format: canonical}
credentials: {client_id: client, client_secret: "${MARKETO_CLIENT_SECRET}"}
partner: EMEA
marketing_actions: [emailTargeting]
mapping:
  - {source: email, target: DedupeField}
  - {source: firstName, target: firstName}
  - {source: lastName, target: lastName}
  - {source: score, target: nowhere}
audiences:
  - id: aud-1
    name: Spring
    labels: [S1]
  - id: aud-2
    name: Autumn
    list: {id: 4711}
  - id: aud-3
    nam: Winter
enabled: true
"""
"""A file with something wrong of every kind, which nothing but the stack and Marketo can tell of most."""


DENIED = {
    "policies": [
        {
            "id": "no-sensitive",
            "name": "No sensitive data in e-mail",
            "status": "enabled",
            "marketing_actions": ["emailTargeting"],
            "deny": {"label": "S1"},
        }
    ]
}


def places(said: str) -> dict[str, str]:
    """By line and path, what an error says."""
    found = re.findall(r"connection\.yaml:(\d+): (\S+): (.*)", said)
    return {f"{line} {path}": message for line, path, message in found}


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["", "dry run"])
def test_all_that_would_be_refused_is_told_at_once_with_its_lines_before_anything_is_made(
    console: Stack, options: tuple[str, ...]
) -> None:
    plane.call("PUT", "/governance/policies", DENIED)
    said = places(console.refused("apply", console.file(WRONG), *options))
    assert said["9 partner"].startswith("is not a known property")
    assert said["23 audiences[2].name"] == "must be given"
    assert not any("audiences[2].id" in place for place in said)
    assert said["24 audiences[2].nam"].startswith("is not a known property")

    readable = WRONG.replace("  - id: aud-3\n    nam: Winter\n", "").replace("partner: EMEA\n", "description: x\n")
    said = places(console.refused("apply", console.file(readable), *options))
    assert said.keys() == {
        "3 workspace",
        "10 marketing_actions",
        "15 mapping[3].target",
        "19 audiences[0].labels",
        "22 audiences[1].list.id",
    }
    assert "`destination choices CONNECTION fields`" in said["15 mapping[3].target"]
    assert "`destination choices CONNECTION workspaces`" in said["3 workspace"]
    assert console.gateway.changes() == []
    assert json.loads(console.done("list", "--json")) == []


@pytest.mark.parametrize(
    ("credentials", "place", "message"),
    [
        ('{client_id: c, client_secret: "${MARKETO_CLIENT_SECRET}", other: x}', "other", "is not a known property"),
        ('{client_id: 5, client_secret: "${MARKETO_CLIENT_SECRET}"}', "client_id", "must be a string"),
        ('{client_secret: "${MARKETO_CLIENT_SECRET}"}', "client_id", "must be given"),
    ],
)
def test_credentials_that_cannot_be_read_are_told_before_anything_is_made(
    console: Stack, credentials: str, place: str, message: str
) -> None:
    content = FILE.replace(FILE[FILE.index("credentials:") : FILE.index("mapping:")], f"credentials: {credentials}\n")
    said = places(console.refused("apply", console.file(content), "--dry-run"))
    assert said.keys() == {f"9 credentials.{place}"}
    assert said[f"9 credentials.{place}"].startswith(message)

    wrong = content.replace("limits:", "limts: 3\nalerts: {}\nlimits:")
    told = console.refused("apply", console.file(wrong), "--dry-run").splitlines()
    assert len([line for line in told if "alerts" in line]) == 1
    assert {f"9 credentials.{place}", "15 alerts", "14 limts"} == places("\n".join(told)).keys()


def test_a_secret_that_is_not_set_is_told_once(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET_VARIABLE)
    said = places(console.refused("apply", console.file(FILE)))
    assert said == {"11 credentials.client_secret": f"the environment variable {SECRET_VARIABLE} is not set"}


def test_a_draft_need_not_be_complete(console: Stack) -> None:
    draft = WRONG[: WRONG.index("partner:")].replace("Atlantis", "Default")
    console.apply(draft)
    assert console.connection()["status"] == "draft"
    assert "mapping: map a source to" in console.refused("apply", console.file(f"{draft}enabled: true\n"))
    assert console.connection()["status"] == "draft"


def test_of_several_documents_all_errors_are_told_before_anything_is_made(console: Stack) -> None:
    other = FILE.replace("Webinar leads", "Another").replace("workspace: Default", "workspace: Atlantis")
    said = console.refused("apply", console.file(f"{FILE}---\n{other}---\nname: Third\nmunchkin_id: 1\n"))
    assert "workspace: " in said
    assert "munchkin_id: must be given" in said
    assert json.loads(console.done("list", "--json")) == []


def test_who_may_not_have_it_checked_before_is_told_so_and_may_go_on(console: Stack) -> None:
    console.gateway.denied.add("POST /checks")
    result = console.run("apply", console.file(FILE))
    assert result.exit_code == 0
    assert "not checked before" in result.stderr
    assert console.connection()["status"] == "enabled"
