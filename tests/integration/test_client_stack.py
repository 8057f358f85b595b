"""The command `destination` with a stack in AWS: how it is found, how calls are signed, what its queues become."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from destination.queue import decode
from destination_client import redrive
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import STACK, Stack, deployed, stack
from testing.gateway import Seen

CALLER = {"AWS_ACCESS_KEY_ID": "caller", "AWS_SECRET_ACCESS_KEY": "its-secret", "AWS_SESSION_TOKEN": "its-session"}


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        deployed(standing)
        monkeypatch.setenv("DESTINATION_STACK", STACK)
        monkeypatch.setattr(redrive, "WAIT_SECONDS", 0)
        for name, value in CALLER.items():
            monkeypatch.setenv(name, value)
        yield standing


def signature_of(request: Seen) -> str:
    """The Authorization that AWS's own signer gives to the request, at the time and for the headers it names."""
    named = request.headers["Authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    headers = {name: value for name, value in request.headers.items() if name.lower() in named}
    again = AWSRequest(request.method, request.url, headers, request.body or None)
    again.context["timestamp"] = request.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials(*CALLER.values()), "execute-api", "eu-central-1")
    return f"{signer.signature(signer.string_to_sign(again, signer.canonical_request(again)), again)}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("runs", "none", "--from", "2026-11-21T10:00:00Z"),
        ("show", "a b"),
        ("enable", "none"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_calls_are_signed_for_the_interface_in_the_region(console: Stack, arguments: tuple[str, ...]) -> None:
    console.run(*arguments)
    (request,) = console.gateway.seen
    authorization = request.headers["Authorization"]
    date = request.headers["X-Amz-Date"][:8]
    assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential=caller/{date}/eu-central-1/execute-api/aws4_request")
    assert "host;" in authorization
    assert request.headers["X-Amz-Security-Token"] == CALLER["AWS_SESSION_TOKEN"]
    assert authorization.endswith(f"Signature={signature_of(request)}")


def test_the_version_and_the_body_of_a_change_are_signed(console: Stack) -> None:
    console.apply()
    made = console.connection()["id"]
    console.gateway.seen.clear()
    console.apply(f"id: {made}\nname: Another\n")
    (change,) = (one for one in console.gateway.seen if one.method == "PATCH")
    assert "SignedHeaders=content-type;host;if-match;" in change.headers["Authorization"]
    assert change.headers["Authorization"].endswith(f"Signature={signature_of(change)}")


def test_the_webhook_gets_the_token_and_no_signature(console: Stack) -> None:
    token = console.token()
    file = console.file(json.dumps([{"profile": {"email": "ada@example.org"}}]), "events.json")
    console.done("send", console.connection()["id"], file, "--token", token)
    (sent,) = (one for one in console.gateway.seen if urlsplit(one.url).path.endswith("/events"))
    assert sent.headers["Authorization"] == f"Bearer {token}"
    assert "X-Amz-Date" not in sent.headers


def test_a_named_stack_goes_before_the_local_one_unless_that_is_asked_for(console: Stack) -> None:
    console.done("list")
    console.done("--local", "list")
    signed, plain = console.gateway.seen
    assert "Authorization" in signed.headers
    assert "Authorization" not in plain.headers


def test_a_stack_that_is_not_there_is_said_so(console: Stack) -> None:
    assert "Stack nothing cannot be read" in console.refused("--stack", "nothing", "list")


def test_a_stack_of_something_else_is_said_so(console: Stack) -> None:
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    boto3.client("cloudformation").create_stack(StackName="other", TemplateBody=json.dumps(template))
    assert "It has no output ApiUrl, QueueUrl, DeadLetterQueueUrl" in console.refused("--stack", "other", "list")


def test_without_a_region_it_is_said_what_to_set(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "Set AWS_REGION" in console.refused("list")


def test_without_any_stack_it_is_said_what_to_name(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESTINATION_STACK")
    (console.folder / ".local" / "stack.json").unlink()
    assert "Name one with --stack or DESTINATION_STACK" in console.refused("list")


def test_status_tells_of_connections_and_queues(console: Stack) -> None:
    console.apply()
    console.bury(console.connection()["id"], "MARKETO_1003", 2)
    shown = console.done("status")
    assert "events\t0\t0\t0" in shown
    assert "dead letters\t2\t0\t0" in shown
    assert json.loads(console.done("status", "--json"))["queues"]["dead letters"]["waiting"] == 2


def test_letters_are_shown_by_connection_and_code_and_stay(console: Stack) -> None:
    console.bury("one", "MARKETO_1003", 12)
    console.bury("two", "MARKETO_1003")
    console.bury("two", "INVALID_ATTRIBUTE", 2)

    rows = console.done("redrive", "--dry-run").splitlines()

    assert [row.split("\t") for row in rows] == [
        ["connection", "code", "letters", "reason"],
        ["one", "MARKETO_1003", "12", "Because."],
        ["two", "INVALID_ATTRIBUTE", "2", "Because."],
        ["two", "MARKETO_1003", "1", "Because."],
    ]
    assert len(console.waiting(console.dead_letter_queue_url)) == 15
    assert console.waiting(console.queue_url) == []


@pytest.mark.parametrize(
    ("options", "moved"),
    [
        ((), ["one-a", "one-b", "two-a"]),
        (("--connection", "one"), ["one-a", "one-b"]),
        (("--code", "A"), ["one-a", "two-a"]),
        (("--connection", "two", "--code", "B"), []),
    ],
    ids=["all", "connection", "code", "none"],
)
def test_the_letters_that_are_asked_for_move_back_as_they_are_and_the_others_stay(
    console: Stack, options: tuple[str, ...], moved: list[str]
) -> None:
    bodies = {
        "one-a": console.bury("one", "A", 11),
        "one-b": console.bury("one", "B"),
        "two-a": console.bury("two", "A"),
    }

    said = console.done("redrive", *options)

    count = sum(len(bodies[name]) for name in moved)
    assert said.splitlines()[-1] == f"moved {count}"
    assert console.waiting(console.queue_url) == sorted(body for name in moved for body in bodies[name])
    assert console.waiting(console.dead_letter_queue_url) == sorted(
        body for name in bodies if name not in moved for body in bodies[name]
    )


def test_a_moved_letter_is_grouped_by_its_connection_and_has_no_reason_any_more(console: Stack) -> None:
    console.bury("one", "A")
    console.done("redrive")
    (message,) = console.sqs.receive_message(
        QueueUrl=console.queue_url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )["Messages"]
    assert decode(message["Body"]).connection_id == "one"
    assert "MessageAttributes" not in message


def test_a_message_that_the_queue_put_aside_has_no_code(console: Stack) -> None:
    console.sqs.send_message(QueueUrl=console.dead_letter_queue_url, MessageBody="not of this system")
    assert console.done("redrive", "--dry-run", "--json").strip() == json.dumps(
        {
            "letters": [{"connection_id": "undecodable", "code": "NONE", "reason": "", "count": 1}],
            "moved": 0,
            "left": 0,
        },
        indent=2,
    )


def test_no_more_letters_move_than_the_limit_says(console: Stack) -> None:
    console.bury("one", "A", 25)
    assert console.done("redrive", "--limit", "10").splitlines()[-1] == "moved 10"
    assert len(console.waiting(console.dead_letter_queue_url)) == 15
