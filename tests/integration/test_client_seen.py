"""The command for what was seen: two tables, in which nothing is cut."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from destination_client import render
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, Stack, stack

AUDIENCE = "c0ffee15-6d5b-4a5e-9f57-0c8f3a1d2b4c"
EVENT = {
    "profile": {"email": "marker@example.org", "_tenant": {"loyalty": {"tier": "Marker", "points": 7}}, "a@b.c": 1},
    "identities": {"crmid": ["marker-17"]},
    "audiences": [{"id": AUDIENCE, "name": "Spring webinar of all regions"}, {"id": "aud-1", "status": "exited"}],
}


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        yield standing


def sent(console: Stack) -> str:
    """The id of a connection that was sent an event."""
    token = console.token()
    made = str(console.connection()["id"])
    assert console.running.send((made, token), [EVENT]) == 202
    console.running.deliver()
    return made


def test_what_was_seen_is_shown_with_what_is_mapped_and_activated(console: Stack) -> None:
    made = sent(console)
    lines = console.done("seen", made).splitlines()
    rows = [line.split("\t") for line in lines if "\t" in line]
    today = json.loads(console.done("seen", made, "--json"))["until"][:10]
    assert rows == [
        ["source", "type", "events", "last seen", "mapped"],
        ["_tenant.loyalty.points", "integer", "1", today, "no"],
        ["_tenant.loyalty.tier", "string", "1", today, "no"],
        ["email", "string", "1", today, "yes"],
        ["identityMap.crmid", "-", "1", today, "no"],
        ["audience", "namespace", "name", "in / out", "activated"],
        ["aud-1", "ups", "-", "0 / 1", "yes"],
        [AUDIENCE, "ups", "Spring webinar of all regions", "1 / 0", "no"],
    ]
    assert lines[0].endswith("1 event; sources are those of 1 of them")
    assert "keys that may be values are not shown, in 1 event" in lines
    assert "marker" not in "".join(lines).lower()


def test_json_is_the_answer_as_it_came(console: Stack) -> None:
    made = sent(console)
    shown = json.loads(console.done("seen", made, "--json"))
    answer = plane.call("GET", f"/connections/{made}/seen").json
    assert {**shown, "until": None} == {**answer, "until": None}


def test_of_a_connection_without_events_it_is_said(console: Stack) -> None:
    console.apply(FILE)
    made = str(console.connection()["id"])
    assert console.done("seen", made) == "nothing was sent within seven days\n"


def test_on_a_terminal_nothing_is_cut(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sent(console)
    monkeypatch.setattr(render, "out", Console(force_terminal=True, width=80, color_system=None))
    shown = console.done("seen", made)
    assert all(len(line.rstrip()) <= 80 for line in shown.splitlines())
    for word in (AUDIENCE, "_tenant.loyalty.points", "identityMap.crmid", "integer", "activated"):
        assert any(word in line for line in shown.splitlines()), word
    assert "…" not in shown
