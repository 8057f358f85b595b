"""Who may use the control interface on a port."""

from base64 import b64encode

import pytest

from marketo_simulator import Request
from marketo_simulator.access import ControlAccess

HERE = ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"]
ELSEWHERE = ["192.0.2.7", "2001:db8::7", "fe80::7%eth0", "::ffff:192.0.2.7", "0.0.0.0", "::"]  # noqa: S104
CONTROL = ["/_simulator", "/_simulator/", "/_simulator/dump", "/123-ABC-456/_simulator/seed", "/_simulator/a\nb"]


def status(access: ControlAccess, path: str, peer: str, **headers: str) -> int:
    """0: not refused."""
    answer = access.refusal(Request.of("GET", path.replace("\n", "%0A"), headers), peer)
    return 0 if answer is None else answer.status


def basic(password: str) -> str:
    return f"Basic {b64encode(f'anybody:{password}'.encode()).decode()}"


@pytest.mark.parametrize("path", CONTROL)
def test_control_calls_are_for_this_machine_unless_said_otherwise(path: str) -> None:
    assert [status(ControlAccess(), path, peer) for peer in HERE] == [0] * len(HERE)
    assert [status(ControlAccess(), path, peer) for peer in ELSEWHERE] == [403] * len(ELSEWHERE)
    assert {status(ControlAccess(is_open=True), path, peer) for peer in HERE + ELSEWHERE} == {0}


@pytest.mark.parametrize("path", CONTROL)
@pytest.mark.parametrize("peer", ["127.0.0.1", "192.0.2.7"])
def test_with_a_token_control_calls_are_for_whoever_gives_it(path: str, peer: str) -> None:
    access = ControlAccess(token="s3cret", is_open=True)
    for given in ("Bearer s3cret", "bearer s3cret ", basic("s3cret")):
        assert status(access, path, peer, Authorization=given) == 0
    for given in (
        "",
        "Bearer",
        "Bearer s3cre",
        "Bearer s3crét",
        "s3cret",
        basic(""),
        basic("s3cret:"),
        "Basic s3cret",
        "Basic é",
    ):
        assert status(access, path, peer, Authorization=given) == 401


@pytest.mark.parametrize("path", ["/_simulator/health", "/123-ABC-456/_simulator/health", "/rest/v1/leads.json", "/"])
def test_health_and_the_api_are_for_everybody(path: str) -> None:
    assert status(ControlAccess(), path, "192.0.2.7") == status(ControlAccess("s3cret"), path, "192.0.2.7") == 0


def test_a_browser_is_told_how_to_ask_for_the_token() -> None:
    refusal = ControlAccess("s3cret").refusal(Request.of("GET", "/_simulator"), "127.0.0.1")
    assert refusal is not None
    assert refusal.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", CONTROL)
def test_a_name_that_somebody_else_has_let_point_here_does_not_open_it(path: str) -> None:
    for host in ("evil.example", "evil.example:9000", "localhost.evil.example", "127.0.0.1.evil.example", "[", "a@b:c"):
        assert status(ControlAccess(), path, "127.0.0.1", Host=host) == 403
        assert status(ControlAccess(is_open=True), path, "127.0.0.1", Host=host) == 0
    for host in ("localhost:9000", "LOCALHOST", "app.localhost:80", "127.0.0.1:9000", "[::1]:9000", "192.0.2.7", ""):
        assert status(ControlAccess(), path, "127.0.0.1", Host=host) == 0
        assert status(ControlAccess(), path, "192.0.2.7", Host=host) == 403


def test_the_names_that_it_was_given_are_its_own() -> None:
    access = ControlAccess(names=frozenset({"Marketo.test"}))
    assert status(access, "/_simulator", "127.0.0.1", Host="marketo.test:9000") == 0
    assert status(access, "/_simulator", "127.0.0.1", Host="a.marketo.test") == 403
