"""The commands for what failed: what they show, what becomes of it in Marketo, and what is left."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from rich.console import Console

from destination_client import deciding, render
from destination_client.http import Api
from marketo_simulator import Fault, Simulator
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.gateway import STAGE

LEADS = "^/rest/v1/leads.json"
NARROW = 80

ONE = "00000000-0000-4000-8000-000000000000"
"""The id of a connection."""


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        yield standing


@pytest.fixture
def failed(console: Stack) -> str:
    """The id of a connection with letters: of ada and bob for one reason, of carl for another."""
    token = console.token()
    made = str(console.connection()["id"])
    for who, code in (("ada", "1003"), ("bob", "1003"), ("carl", "1015")):
        console.fail(made, token, who, code)
    return made


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at a terminal."""
    monkeypatch.setattr(deciding, "attended", lambda: True)


def on_the_list(console: Stack) -> set[str]:
    """Who is on the list of the first audience, after all that waits was delivered."""
    console.running.deliver()
    (spring,) = (number for number, name in plane.lists(console.marketo).items() if name == "Spring")
    return console.running.members(spring)


def rows(shown: str) -> list[list[str]]:
    return [line.split("\t") for line in shown.splitlines()]


def codes(console: Stack, connection_id: str) -> list[tuple[str, str]]:
    """The letters as the command shows them: code and number."""
    return [(row[1], row[3]) for row in rows(console.done("letters", connection_id))[1:]]


def scripted(console: Stack, *answers: tuple[int, int]) -> None:
    """What the next calls answer: about how many was decided, and how many are left."""
    headers = {"Content-Type": "application/json"}
    console.gateway.scripted += [
        (200, headers, json.dumps({"decided": decided, "left": left})) for decided, left in answers
    ]


def changes(console: Stack) -> list[str]:
    return [one.replace(STAGE, "") for one in console.gateway.changes()]


def bodies(console: Stack) -> list[Any]:
    return [json.loads(one.body) for one in console.gateway.seen if one.url.endswith("/letters/redrives")]


def test_letters_are_shown_by_their_reason_with_their_times(console: Stack, failed: str) -> None:
    heading, first, second = rows(console.done("letters", failed))
    assert heading == ["connection", "code", "reason", "events", "first failed", "expires"]
    assert (first[:2], first[3]) == ([failed, "MARKETO_1003"], "2")
    assert (second[:2], second[3]) == ([failed, "MARKETO_1015"], "1")
    told = plane.call("GET", f"/connections/{failed}/letters").json
    assert first[2] == told["letters"][0]["reason"]
    assert first[4:] == [told["letters"][0]["first_at"], told["letters"][0]["expires_at"]]
    assert json.loads(console.done("letters", failed, "--json")) == told


def test_without_a_connection_the_letters_of_all_are_shown(console: Stack, failed: str) -> None:
    other = plane.created(name="Another")
    shown = rows(console.done("letters"))
    assert [(row[0], row[1]) for row in shown[1:]] == [(failed, "MARKETO_1003"), (failed, "MARKETO_1015")]
    told = json.loads(console.done("letters", "--json"))
    assert told == {one: plane.call("GET", f"/connections/{one}/letters").json for one in (failed, other)}
    assert told[other] == {"events": 0, "letters": []}


def test_a_redrive_delivers_what_failed(console: Stack, failed: str) -> None:
    assert on_the_list(console) == set()
    assert console.done("redrive", failed) == "redriven 3\n"
    assert on_the_list(console) == {"ada", "bob", "carl"}
    assert codes(console, failed) == []
    assert json.loads(console.done("redrive", failed, "--json")) == {"decided": 0, "left": 0}


def test_letters_of_one_code_are_redriven_and_the_others_stay(console: Stack, failed: str) -> None:
    assert json.loads(console.done("redrive", failed, "--code", "MARKETO_1003", "--json")) == {"decided": 2, "left": 0}
    assert on_the_list(console) == {"ada", "bob"}
    assert codes(console, failed) == [("MARKETO_1015", "1")]


def test_what_fails_again_is_a_letter_again(console: Stack, failed: str) -> None:
    console.done("redrive", failed, "--code", "MARKETO_1015")
    console.marketo.script(Fault("skip", "1003", records=(0,), path=LEADS, nth=2))
    assert on_the_list(console) == set()
    assert codes(console, failed) == [("MARKETO_1003", "3")]


def test_letters_are_discarded_for_good(console: Stack, failed: str) -> None:
    assert console.done("discard", failed, "--code", "MARKETO_1015", "--yes") == "discarded 1\n"
    assert codes(console, failed) == [("MARKETO_1003", "2")]
    assert json.loads(console.done("discard", failed, "-y", "--json")) == {"decided": 2, "left": 0}
    assert console.done("redrive", failed) == "redriven 0\n"
    assert on_the_list(console) == set()


@pytest.mark.usefixtures("attended")
def test_who_discards_is_asked_first(console: Stack, failed: str) -> None:
    before = changes(console)
    refused = console.run("discard", failed, "--code", "MARKETO_1003", answer="n\n")
    assert (refused.exit_code, changes(console)) == (1, before)
    assert f"Discard 2 letters of {failed}? [y/N]" in refused.stderr
    assert codes(console, failed) == [("MARKETO_1003", "2"), ("MARKETO_1015", "1")]
    agreed = console.run("discard", failed, answer="y\n")
    assert (agreed.exit_code, agreed.stdout.splitlines()[-1]) == (0, "discarded 3")
    assert f"Discard 3 letters of {failed}?" in agreed.stderr
    assert codes(console, failed) == []


def test_without_a_terminal_nothing_is_discarded_unless_it_is_said(console: Stack, failed: str) -> None:
    console.bury("not JSON")
    for command in (("discard", failed), ("dead-letters", "--discard")):
        answered = console.run(*command, answer="y\n")
        assert (answered.exit_code, answered.stdout) == (1, "")
        assert "Give --yes" in answered.stderr
    assert codes(console, failed) == [("MARKETO_1003", "2"), ("MARKETO_1015", "1")]
    assert rows(console.done("dead-letters"))[1][3] == "1"


def test_dead_letters_are_shown_by_connection_and_reason(console: Stack) -> None:
    assert rows(console.done("dead-letters")) == [["connection", "code", "reason", "messages"]]
    console.bury("not JSON", "nor this")
    aws = console.running.aws
    aws.sqs.send_message(QueueUrl=aws.dead_letter_queue_url, MessageBody="put aside", MessageGroupId="x")
    told = plane.call("GET", "/dead-letters").json
    reason = told["dead_letters"][0]["reason"]
    assert rows(console.done("dead-letters"))[1:] == [
        ["-", "UNDECODABLE_MESSAGE", reason, "2"],
        ["-", "NONE", "-", "1"],
    ]
    assert json.loads(console.done("dead-letters", "--json")) == told


def test_dead_letters_that_were_not_looked_at_are_told(console: Stack) -> None:
    console.gateway.scripted.append((200, {}, json.dumps({"messages": 0, "left": 7, "dead_letters": []})))
    assert console.done("dead-letters").splitlines()[-1] == "about 7 more were not looked at"


def test_dead_letters_are_delivered_once_what_they_need_is_there(console: Stack) -> None:
    token = console.token()
    console.running.post((console.connection()["id"], token), ("ada", "realized"))
    (body,) = console.waiting()
    aws = console.running.aws
    aws.sqs.purge_queue(QueueUrl=aws.queue_url)
    aws.sqs.send_message(QueueUrl=aws.dead_letter_queue_url, MessageBody=body, MessageGroupId="x")
    assert console.done("dead-letters", "--redrive") == "redriven 1\n"
    assert on_the_list(console) == {"ada"}
    assert json.loads(console.done("dead-letters", "--redrive", "--json")) == {"decided": 0, "left": 0}


def test_dead_letters_of_one_code_are_decided_about_and_the_others_stay(console: Stack) -> None:
    console.bury("not JSON")
    aws = console.running.aws
    aws.sqs.send_message(QueueUrl=aws.dead_letter_queue_url, MessageBody="put aside", MessageGroupId="x")
    console.done("dead-letters", "--redrive", "--code", "NONE")
    assert console.waiting() == ["put aside"]
    console.done("dead-letters", "--discard", "--yes", "--code", "NONE")
    assert [row[1] for row in rows(console.done("dead-letters"))[1:]] == ["UNDECODABLE_MESSAGE"]


@pytest.mark.usefixtures("attended")
def test_dead_letters_are_discarded_once_somebody_agrees(console: Stack) -> None:
    console.bury("not JSON", "nor this")
    refused = console.run("dead-letters", "--discard", answer="n\n")
    assert refused.exit_code == 1
    assert "Discard 2 dead letters of the whole stack?" in refused.stderr
    assert console.done("dead-letters", "--discard", "--yes") == "discarded 2\n"
    assert rows(console.done("dead-letters"))[1:] == []
    assert "--code needs --redrive or --discard" in console.refused("dead-letters", "--code", "NONE")
    assert "Leave out one of them" in console.refused("dead-letters", "--discard", "--redrive")


def test_the_status_has_letters_and_dead_letters(console: Stack, failed: str) -> None:
    console.bury("not JSON", "nor this")
    shown = console.done("status")
    assert rows(shown)[1][-2:] == ["3", "-"]
    assert shown.splitlines()[-1] == "dead letters: 2"
    told = json.loads(console.done("status", "--json"))
    assert told["connections"][0]["letters"] == plane.call("GET", f"/connections/{failed}/letters").json
    assert told["dead_letters"]["messages"] == 2


def test_the_status_looks_at_the_dead_letters_while_it_asks_about_the_connections(
    console: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, both = Api.get, Barrier(2, timeout=30)

    def meet(api: Api, path: str, **query: str | None) -> Any:
        if path in {"/connections", "/dead-letters"}:
            both.wait()
        return asked(api, path, **query)

    monkeypatch.setattr(Api, "get", meet)
    assert console.done("status").splitlines()[-1] == "dead letters: 0"


@pytest.mark.parametrize(
    ("denied", "command"),
    [
        ("GET /connections/*/letters", ("letters", "ID")),
        ("GET /connections/*/letters", ("letters",)),
        ("POST /connections/*/letters/redrives", ("redrive", "ID")),
        ("DELETE /connections/*/letters", ("discard", "ID", "--yes")),
        ("GET /dead-letters", ("dead-letters",)),
        ("POST /dead-letters/redrives", ("dead-letters", "--redrive")),
        ("DELETE /dead-letters", ("dead-letters", "--discard", "--yes")),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_who_has_no_right_is_told_so_and_nothing_is_done(
    console: Stack, failed: str, denied: str, command: tuple[str, ...]
) -> None:
    console.gateway.denied.add(denied)
    answered = console.run(*(failed if part == "ID" else part for part in command))
    assert (answered.exit_code, answered.stdout) == (1, "")
    assert "User is not authorized" in answered.stderr
    assert plane.call("GET", f"/connections/{failed}/letters").json["events"] == 3


def test_of_a_connection_that_is_not_there_nothing_is_shown_or_decided(console: Stack) -> None:
    for command in (("letters", "none"), ("redrive", "none"), ("discard", "none", "--yes")):
        assert "No connection is called none" in console.refused(*command)


# What a call has no time for


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (("redrive", ONE), f"POST /connections/{ONE}/letters/redrives"),
        (("discard", ONE, "--yes"), f"DELETE /connections/{ONE}/letters"),
        (("dead-letters", "--redrive"), "POST /dead-letters/redrives"),
        (("dead-letters", "--discard", "--yes"), "DELETE /dead-letters"),
    ],
    ids=["redrive", "discard", "redrive dead letters", "discard dead letters"],
)
def test_the_command_calls_until_nothing_is_left(console: Stack, command: tuple[str, ...], call: str) -> None:
    scripted(console, (400, 600), (400, 200), (200, 0))
    assert json.loads(console.done(*command, "--json")) == {"decided": 1000, "left": 0}
    assert changes(console) == [call] * 3


def test_every_call_is_for_the_same_code(console: Stack) -> None:
    scripted(console, (400, 600), (600, 0))
    console.done("redrive", ONE, "--code", "MARKETO_1003")
    assert bodies(console) == [{"code": "MARKETO_1003"}] * 2
    scripted(console, (400, 600), (600, 0))
    console.done("discard", ONE, "--code", "A B", "--yes")
    discards = [one.url for one in console.gateway.seen if one.method == "DELETE"]
    assert [one.split("?")[1] for one in discards] == ["code=A%20B"] * 2


@pytest.mark.parametrize(
    ("answers", "decided", "left"),
    [
        ([(0, 600)], 0, 600),
        ([(400, 600), (0, 600)], 400, 600),
        ([(400, 200), (200, 50)], 600, 50),
    ],
    ids=["none at all", "no more", "those that failed anew"],
)
def test_what_is_left_is_told_by_the_exit_code(
    console: Stack, answers: list[tuple[int, int]], decided: int, left: int
) -> None:
    scripted(console, *answers)
    result = console.run("redrive", ONE)
    assert (result.exit_code, result.stdout) == (1, f"redriven {decided}\n")
    assert f"error: letters that are left: {left}" in result.stderr
    assert len(changes(console)) == len(answers)
    scripted(console, *answers)
    result = console.run("redrive", ONE, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, {"decided": decided, "left": left})


def test_a_call_that_is_refused_midway_leaves_what_was_decided(console: Stack) -> None:
    scripted(console, (400, 600))
    console.gateway.scripted.append((500, {}, '{"title": "Something went wrong"}'))
    result = console.run("redrive", ONE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "redriven 400 until then" in result.stderr
    assert "error: Something went wrong" in result.stderr


def test_an_interrupted_command_can_be_run_again(console: Stack, failed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Api.post

    def interrupted(api: Api, path: str, content: object = None, *, version: int | None = None) -> Mapping[str, Any]:
        monkeypatch.setattr(Api, "post", stop)
        return {**called(api, path, {"code": "MARKETO_1003"}, version=version), "left": 1}

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Api, "post", interrupted)
    result = console.run("redrive", failed)
    assert result.exit_code == 130
    assert "redriven 2 until then" in result.stderr
    monkeypatch.setattr(Api, "post", called)
    assert console.done("redrive", failed) == "redriven 1\n"
    assert on_the_list(console) == {"ada", "bob", "carl"}


# On a terminal


def test_how_far_it_is_is_shown_at_a_terminal(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Console(stderr=True, force_terminal=True, color_system=None, width=NARROW)
    monkeypatch.setattr(render, "err", shown)
    scripted(console, (400, 600), (600, 0))
    result = console.run("redrive", ONE)
    assert result.stdout == "redriven 1000\n"
    assert "1000/1000" in result.stderr


def screen(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(
        render, "out", Console(force_terminal=True, color_system=None, highlight=False, soft_wrap=True, width=width)
    )


@pytest.mark.parametrize("width", [NARROW, 100, 120, 160, 240])
@pytest.mark.parametrize("command", ["letters", "status", "dead-letters", "list"])
def test_no_id_and_no_number_is_cut_on_a_terminal(
    console: Stack, monkeypatch: pytest.MonkeyPatch, command: str, width: int
) -> None:
    connection_id = "9b2f4f0e-5c1d-4f0e-8f57-0d4f6c1a2b3c"
    reason = "A required attribute has no value, or one that Marketo does not take for this field."
    one = {"code": "MISSING_REQUIRED_ATTRIBUTE", "reason": reason, "events": 1234567}
    times = dict.fromkeys(("first_at", "last_at", "expires_at"), "2026-11-21T10:00:00Z")
    letters = {"events": 1234567, "letters": [{**one, **times}]}
    dead = [{"connection_id": connection_id, "code": "NONE", "reason": reason, "messages": 1234567}]
    hold = {
        "waits_for": "blocked",
        "cause": "603: the role lacks a permission",
        "since": "2026-11-20T10:00:00Z",
        "until": "2026-11-21T10:00:00Z",
        "remedy": "Give the API user's role the permission that it lacks, and check Marketo's IP allow-list.",
    }
    answers = {
        "/connections": {
            "connections": [
                {
                    "id": connection_id,
                    "name": "Webinar leads",
                    "munchkin_id": "123-ABC-456",
                    "sync_type": "audience_and_profile",
                    "status": "blocked",
                    "hold": hold,
                }
            ],
            "cursor": None,
        },
        f"/connections/{connection_id}/letters": letters,
        f"/connections/{connection_id}/runs": {"runs": [], "cursor": None},
        f"/connections/{connection_id}/alerts": {"alerts": [{"alert": "connection_blocked", "status": "triggered"}]},
        f"/connections/{connection_id}/parking": {
            "hold": hold,
            "events": 7654321,
            "oldest_at": "2026-11-20T10:00:00Z",
            "queued_since": None,
        },
        "/dead-letters": {"messages": 1234567, "left": 0, "dead_letters": dead},
    }
    monkeypatch.setattr(Api, "get", lambda _api, path, **_: answers[path])
    screen(monkeypatch, width)

    lines = console.done(command).splitlines()

    assert max(len(line) for line in lines if ": to do: " not in line) <= width  # a sentence is wrapped by the terminal
    words = {
        "letters": (connection_id, "MISSING_REQUIRED_ATTRIBUTE", "1234567", "2026-11-21T10:00:00Z"),
        "status": (connection_id, "123-ABC-456", "1234567", "7654321", "connection_blocked", "2026-11-20T10:00:00Z"),
        "dead-letters": (connection_id, "NONE", "1234567"),
        "list": (connection_id, "123-ABC-456", "blocked"),
    }[command]
    shown = " ".join(lines).split()
    assert [word for word in words if word not in shown] == []


@pytest.mark.parametrize(
    ("command", "doing"), [("status", "looking at the connections"), ("letters", "counting letters")]
)
def test_what_asks_about_every_connection_shows_how_far_it_is(
    console: Stack, monkeypatch: pytest.MonkeyPatch, command: str, doing: str
) -> None:
    for name in ("Spring", "Autumn", "Winter"):
        plane.created(name=name)
    monkeypatch.setattr(render, "err", Console(stderr=True, force_terminal=True, color_system=None, width=NARROW))
    shown = console.run(command).stderr
    assert doing in shown
    assert "3/3" in shown
