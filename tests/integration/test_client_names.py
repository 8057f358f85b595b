"""What connections are called on the command line, and what a shell completes of it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from destination_client.main import app
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, Stack, stack


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        yield standing


def test_connections_of_one_name_are_told_apart_by_id(console: Stack) -> None:
    for _ in range(2):
        plane.created(name="Webinar leads")
    said = console.refused("apply", console.file(FILE))
    assert "connection.yaml:1: name: is that of 2 connections; say which one by its id" in said


def test_nothing_that_is_not_named_is_called(console: Stack) -> None:
    """A path with dots would be that of the connection itself, which this would delete."""
    console.apply()
    made = console.connection()["id"]
    for part in ("", ".", ".."):
        assert "is nothing that a connection has" in console.refused("verifications", made, part, "--cancel")
    assert console.connection()["id"] == made


def test_what_is_not_there_is_said_so(console: Stack) -> None:
    assert "No connection is called nobody" in console.refused("show", "nobody")
    assert "Not found" in console.refused("show", "00000000-0000-4000-8000-000000000000")


@pytest.mark.parametrize("cut", [slice(None), slice(0, 6)], ids=["whole", "beginning"])
def test_a_connection_is_called_by_its_id_or_its_name(console: Stack, cut: slice) -> None:
    made = plane.created(name="Webinar leads")
    plane.created(name="Newsletter")
    assert f"id\t{made}" in console.done("show", made[cut])
    assert f"id\t{made}" in console.done("show", "webinar LEADS")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("show Web", {"Webinar leads"}),
        ("letters News", {"Newsletter"}),
        ("show x", set()),
        ("--stack no show Web", set()),
    ],
)
def test_a_shell_completes_names_and_ids(
    console: Stack, monkeypatch: pytest.MonkeyPatch, words: str, found: set[str]
) -> None:
    made = plane.created(name="Webinar leads")
    plane.created(name="Newsletter")
    for name, value in {
        "_DESTINATION_COMPLETE": "complete_zsh",
        "_TYPER_COMPLETE_ARGS": f"destination {words}",
    }.items():
        monkeypatch.setenv(name, value)
    shown = CliRunner().invoke(app, [], prog_name="destination").stdout
    assert {one for one in ("Webinar leads", "Newsletter") if f'"{one}":' in shown} == found
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", f"destination show {made[:6]}")
    assert f'"{made}":' in CliRunner().invoke(app, [], prog_name="destination").stdout


def test_of_several_connections_that_are_called_so_all_are_named(console: Stack) -> None:
    first, second = (plane.created(name="Webinar leads", munchkin_id=one) for one in ("123-ABC-456", "123-ABC-457"))
    said = console.refused("disable", "Webinar leads")
    assert f"{first} (Webinar leads, 123-ABC-456)" in said
    assert f"{second} (Webinar leads, 123-ABC-457)" in said
    assert console.gateway.changes() == []


@pytest.mark.parametrize(
    ("shell", "offered"),
    [("bash", [r"Spring\ \&\ \$\(reboot\)\ it\'s"]), ("pwsh", [])],
)
def test_what_a_shell_inserts_is_one_word_of_which_it_runs_nothing(
    console: Stack, monkeypatch: pytest.MonkeyPatch, shell: str, offered: list[str]
) -> None:
    made = plane.created(name="Spring & $(reboot) it's")
    monkeypatch.setenv("_DESTINATION_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("COMP_CWORD", "2")
    for typed, expected in (("Sprin", offered), (made[:9], [made])):
        for variable in ("COMP_WORDS", "_TYPER_COMPLETE_ARGS"):
            monkeypatch.setenv(variable, f"destination show {typed}")
        monkeypatch.setenv("_TYPER_COMPLETE_WORD_TO_COMPLETE", typed)
        shown = CliRunner().invoke(app, [], prog_name="destination").stdout
        assert [line.split(":::")[0] for line in shown.split("\n") if line] == expected


def test_a_name_that_would_be_an_option_is_not_offered(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    plane.created(name="--yes")
    for name, value in {"_DESTINATION_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "destination delete "}.items():
        monkeypatch.setenv(name, value)
    assert "--yes" not in re.sub(r":\".*?\"", "", CliRunner().invoke(app, [], prog_name="destination").stdout)


def test_a_shell_does_not_wait_for_a_stack_that_is_busy(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    console.gateway.scripted.append((503, {"Retry-After": "30"}, ""))
    for variable, value in {"COMPLETE": "complete_bash", "COMP_CWORD": "2", "COMP_WORDS": "destination show x"}.items():
        monkeypatch.setenv(variable if variable.startswith("COMP_") else "_DESTINATION_COMPLETE", value)
    assert CliRunner().invoke(app, [], prog_name="destination").stdout.strip() == ""
    assert len(console.gateway.seen) == 1
