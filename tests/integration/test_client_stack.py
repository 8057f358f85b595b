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
from testing.gateway import ReceivedRequest

NONE = "00000000-0000-4000-8000-000000000000"
"""The id of no connection."""

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


def signature_of(request: ReceivedRequest) -> str:
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
        ("runs", NONE, "--from", "2026-11-21T10:00:00Z"),
        ("run", NONE, "a b"),
        ("enable", NONE),
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


def test_with_the_url_no_right_is_needed_but_that_to_the_calls(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESTINATION_STACK")
    boto3.client("cloudformation").delete_stack(StackName=STACK)
    console.done("--url", f"{console.gateway.url}/", "list")
    monkeypatch.setenv("DESTINATION_URL", console.gateway.url)
    console.done("status")
    assert all(one.headers["Authorization"].startswith("AWS4-HMAC-SHA256 ") for one in console.gateway.seen)


def test_a_stack_that_is_not_there_is_said_so(console: Stack) -> None:
    assert "Stack nothing cannot be read" in console.refused("--stack", "nothing", "list")


def test_a_stack_of_something_else_is_said_so(console: Stack) -> None:
    template = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    boto3.client("cloudformation").create_stack(StackName="other", TemplateBody=json.dumps(template))
    assert "It has no output ApiUrl;" in console.refused("--stack", "other", "list")


@pytest.mark.parametrize(
    ("variables", "options", "region"),
    [
        ({"AWS_REGION": "eu-central-1"}, (), "eu-central-1"),
        ({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "us-east-1"}, (), "eu-central-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-central-1"}, (), "eu-central-1"),
        ({"AWS_REGION": "us-east-1"}, ("--region", "eu-central-1"), "eu-central-1"),
    ],
)
def test_the_region_is_the_named_one(
    console: Stack,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    options: tuple[str, ...],
    region: str,
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    console.done(*options, "list")
    assert f"/{region}/execute-api/" in console.gateway.seen[-1].headers["Authorization"]


def test_what_an_error_says_to_set_helps(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert "set AWS_REGION" in console.refused("list")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    console.done("list")


def test_a_profile_signs_with_its_credentials_in_its_region(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    for name in CALLER:
        monkeypatch.delenv(name)
    config = console.file(
        "[profile ops]\nregion = eu-central-1\naws_access_key_id = hers\naws_secret_access_key = secret\n", "config"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", config)
    console.done("--profile", "ops", "list")
    assert "Credential=hers/" in console.gateway.seen[-1].headers["Authorization"]
    assert "--profile or AWS_PROFILE" in console.refused("--profile", "nobody", "list")


def test_without_any_stack_it_is_said_what_to_name(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DESTINATION_STACK")
    (console.folder / ".local" / "stack.json").unlink()
    assert "Name one with --stack or DESTINATION_STACK" in console.refused("list")


@pytest.mark.parametrize("name", CALLER)
def test_credentials_with_a_line_break_are_said_to_be_none_and_not_shown(
    console: Stack, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "hidden\r\nx")
    for options in ((), ("--url", console.gateway.url)):
        result = console.run(*options, "list")
        assert "The credentials of AWS are none" in result.stderr
        assert "hidden" not in result.output
    assert console.gateway.seen == []


def test_an_answer_that_cannot_be_written_is_said_so(console: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("destination_client.render.table", lambda *_, **__: full())
    assert "The answer cannot be read or written\nNo space left on device." in console.refused("list")


def full() -> None:
    """A disk with no room."""
    with Path("/dev/full").open("w") as file:
        file.write("x")
