"""How many people are on the lists, as verifications counted them: in audiences, runs, and the command."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from destination.domain.run import run_id
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import Stack
from testing.client import stack as client_stack
from testing.control_plane import call
from testing.stack import MAPPING, RunningStack, stack

LISTS = [{"name": name, "id": 1001 + number, "workspace": "Default"} for number, name in enumerate(("Spring", "Other"))]


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack({"lists": LISTS}) as made:
        yield made


def activated(running: RunningStack) -> tuple[str, str]:
    """An enabled connection with an audience on the list Spring, to which two people were delivered."""
    connection = running.connect(mapping=MAPPING[:3])
    body = {"id": "aud-1", "name": "Spring", "list": {"id": 1001}}
    assert call("POST", f"/connections/{connection[0]}/audiences", body).status == 201
    assert call("POST", f"/connections/{connection[0]}/enable").status == 200
    assert running.post(connection, ("ada", "realized"), ("bob", "realized")) == 202
    running.deliver()
    return connection


def verify(running: RunningStack, connection_id: str) -> datetime:
    before = datetime.now(UTC)
    assert call("POST", f"/connections/{connection_id}/verifications", {}).status == 202
    running.deliver()
    return before


def kept(connection_id: str) -> Any:
    [audience] = call("GET", f"/connections/{connection_id}/audiences").json["audiences"]
    path = f"/connections/{connection_id}/audiences/{audience['activation_id']}"
    assert call("GET", path).json == audience
    return audience["list_size"]


def test_the_size_of_a_list_is_known_once_it_was_verified(running: RunningStack) -> None:
    connection_id, _ = activated(running)
    assert kept(connection_id) is None

    before = verify(running, connection_id)

    found = kept(connection_id)
    assert (found["people"], len(running.members(1001))) == (2, 2)
    assert before <= datetime.fromisoformat(found["counted_at"]) <= datetime.now(UTC)


def test_a_run_names_the_list_of_an_audience_and_its_size(running: RunningStack) -> None:
    connection_id, _ = activated(running)
    verify(running, connection_id)
    [run] = call("GET", f"/connections/{connection_id}/runs").json["runs"]
    [audience] = run["audiences"]
    assert (audience["name"], audience["list"]) == ("Spring", {"id": 1001, "name": "Spring"})
    assert audience["list_size"] == kept(connection_id)
    [alone] = call("GET", f"/connections/{connection_id}/runs/{run['id']}").json["audiences"]
    assert alone == audience


def test_the_size_of_another_list_is_not_that_of_this_one(running: RunningStack) -> None:
    connection_id, _ = activated(running)
    verify(running, connection_id)
    [audience] = call("GET", f"/connections/{connection_id}/audiences").json["audiences"]
    path = f"/connections/{connection_id}/audiences/{audience['activation_id']}"
    assert call("DELETE", path).status == 204
    [run] = call("GET", f"/connections/{connection_id}/runs").json["runs"]
    assert [(one["name"], one["list"], one["list_size"]) for one in run["audiences"]] == [(None, None, None)]

    body = {"id": "aud-1", "name": "Spring", "list": {"id": 1002}}
    made = call("POST", f"/connections/{connection_id}/audiences", body).json

    assert (made["list"], made["list_size"]) == ({"id": 1002, "name": "Other"}, None)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with client_stack(marketo, tmp_path) as standing:
        yield standing


def test_the_command_shows_lists_with_their_sizes(console: Stack) -> None:
    token = console.token()
    made = console.connection()["id"]
    console.running.post((made, token), ("ada", "realized"))
    console.running.deliver()
    console.done("verify", made)
    console.running.deliver()

    audiences = json.loads(console.done("show", made, "--json"))["audiences"]
    [spring] = [one for one in audiences if one["name"] == "Spring"]
    assert spring["list_size"]["people"] == 1
    shown = [line.split("\t") for line in console.done("show", made).splitlines()]
    [row] = [one for one in shown if "aud-1" in one]
    assert row[4:7] == [str(spring["list"]["id"]), "Spring", "1"]
    counted_at = datetime.fromisoformat(spring["list_size"]["counted_at"])
    assert datetime.fromisoformat(row[7]) == counted_at.replace(microsecond=0)
    hour = run_id(datetime.now(UTC))
    lines = [line.split("\t") for line in console.done("run", made, hour).splitlines()]
    [counts] = [one for one in lines if one[0] == "aud-1"]
    assert counts[:5] == ["aud-1", "Spring", "-", "Spring", "1"]
    file = console.done("show", made, "--yaml")
    assert "list_size" not in file
    assert "counted_at" not in file
