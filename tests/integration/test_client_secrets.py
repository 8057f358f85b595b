"""Tokens and secrets on the command line: shown once, written for their owner alone, replaced and revoked."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import FILE, Stack, stack
from testing.template import ROOT

MADE = "00000000-0000-4000-8000-000000000001"
"""The id of a connection whose answers are scripted."""


LEGACY = str(ROOT / "events/migrations/legacy-v2.json")


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        yield standing


def test_the_token_goes_to_a_file_of_its_owner_alone(console: Stack) -> None:
    token = console.folder / "token"
    shown = console.apply(FILE, "--token-file", str(token))
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.read_text().strip() not in shown
    said = console.refused("apply", console.file(FILE.replace("Webinar leads", "Another")), "--token-file", str(token))
    assert "already exists" in said
    assert len(json.loads(console.done("list", "--json"))) == 1


def test_a_signing_key_is_handed_over_beside_the_token_and_overwrites_nothing(console: Stack) -> None:
    answer = {"url": "https://x", "token": "t-1", "signing_key": "k-1", "previous_valid_until": "2026-11-21T10:00:00Z"}
    scripted = (201, {"Content-Type": "application/json"}, json.dumps(answer))
    file, key = console.folder / "new", console.folder / "new.signing-key"
    console.gateway.scripted.append(scripted)
    told = console.done("rotate-token", MADE, "--token-file", str(file))
    assert (file.read_text(), key.read_text(), key.stat().st_mode & 0o777) == ("t-1\n", "k-1\n", 0o600)
    assert "k-1" not in told
    file.unlink()
    assert "already exists" in console.refused("rotate-token", MADE, "--token-file", str(file))
    console.gateway.scripted.append(scripted)
    assert "with the key k-1" in console.done("rotate-token", MADE)


def test_a_rotated_token_opens_the_webhook_and_so_does_the_one_before_for_a_while(console: Stack) -> None:
    first, second = console.token(), console.folder / "second"
    made, events = console.connection()["id"], console.file(json.dumps([{"profile": {}}]), "events.json")
    assert "the previous token is valid until 20" in console.done(
        "rotate-token", made, "--grace", "PT1H", "--token-file", str(second)
    )
    for token in (first, second.read_text().strip()):
        assert console.done("send", made, events, "--token", f"{token}\r\n").endswith("accepted 1, rejected 0\n")
    assert "no ingest token, or a wrong one" in console.refused("send", made, events, "--token", "another")


def test_a_sender_gets_its_tokens_for_a_secret_that_is_shown_once_and_can_be_revoked(console: Stack) -> None:
    console.apply()
    made, kept = console.connection()["id"], console.folder / "secret"
    shown = console.done("sender-credentials", made)
    assert f"/oauth2/token\nwith the client id {made}\nand the client secret " in shown
    replaced = console.done("sender-credentials", made, "--grace", "PT0S", "--secret-file", str(kept))
    assert "the previous secret is valid until 20" in replaced
    assert kept.read_text().strip() not in replaced
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    (url,) = re.findall(r"get tokens at (\S+)", replaced)
    form = {"grant_type": "client_credentials", "client_id": made, "client_secret": kept.read_text().strip()}
    answer = requests.post(url.replace("https://", "http://"), form, timeout=10)
    assert (answer.status_code, answer.json()["expires_in"]) == (200, 86_400)
    assert "no longer valid" in console.done("sender-credentials", made, "--revoke")
    assert requests.post(url.replace("https://", "http://"), form, timeout=10).status_code == 401


def test_a_token_file_that_cannot_be_written_ends_it_before_there_is_a_token(console: Stack) -> None:
    for wrong in ("nowhere/token", "x" * 300):
        file = console.folder / wrong
        assert f"{file} cannot be read or written" in console.refused(
            "apply", console.file(FILE), "--token-file", str(file)
        )
        assert json.loads(console.done("list", "--json")) == []
    dangling = console.folder / "link"
    dangling.symlink_to("nowhere")
    assert "already exists" in console.refused("apply", console.file(FILE), "--token-file", str(dangling))
    assert console.gateway.changes() == []


def test_a_token_file_is_there_only_with_a_token_in_it(console: Stack) -> None:
    token = console.folder / "token"
    console.apply(FILE, "--dry-run", "--token-file", str(token))
    assert not token.exists()
    console.gateway.denied.add("POST /connections")
    console.refused("apply", console.file(FILE), "--token-file", str(token))
    assert not token.exists()
    assert "cannot be read or written" in console.refused(
        "migrate", LEGACY, "--output", str(console.folder / "nowhere" / "connection.yaml")
    )
