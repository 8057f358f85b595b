"""The command `destination` with a stack in AWS: how it is found, how calls are signed."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

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
    assert "It has no output ApiUrl;" in console.refused("--stack", "other", "list")


def test_without_a_region_it_is_said_what_to_set(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "Set AWS_REGION" in console.refused("list")


def test_without_any_stack_it_is_said_what_to_name(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESTINATION_STACK")
    (console.folder / ".local" / "stack.json").unlink()
    assert "Name one with --stack or DESTINATION_STACK" in console.refused("list")
