"""The command `destination` before the whole interface: the functions behind a gateway on loopback, AWS in moto."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner, Result

from destination.composition.connections import paces
from destination_client.context import wall_clock
from destination_client.main import app
from marketo_simulator import Fault, Simulator
from testing import control_plane as plane
from testing.aws import Aws
from testing.composition import composed
from testing.control_plane import PREFIX, fresh
from testing.gateway import Gateway, gateway
from testing.stack import RunningStack

STACK = "marketo-destination"
SECRET_VARIABLE = "MARKETO_CLIENT_SECRET"
FILE = """\
name: Webinar leads
munchkin_id: 123-ABC-456
workspace: Default
sync_type: audience_and_profile
person_action: update_existing_and_create_new
dedupe_field: email
source:
  format: canonical
credentials:
  client_id: client
  client_secret: ${MARKETO_CLIENT_SECRET}
mapping:
  - {source: email, target: DedupeField}
  - {source: firstName, target: firstName}
  - {source: lastName, target: lastName}
limits:
  concurrency: 3
resend_unchanged_after: P1D
audiences:
  - id: aud-1
    name: Spring
  - id: aud 2
    name: Autumn
    start: 2026-11-21T10:00:00Z
enabled: true
"""
"""A connection as its file describes it."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What the command talks to, and what becomes of it."""

    gateway: Gateway
    running: RunningStack
    folder: Path
    clock: Callable[[], datetime] = wall_clock
    """What the command takes for the time."""

    @property
    def marketo(self) -> Simulator:
        return self.running.marketo

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        """One command; `answer` is what a person types when asked."""
        paces.cache_clear()  # as if the window of the calls to Marketo of the command before was over
        return CliRunner().invoke(app, arguments, input=answer, obj=self.clock)

    def done(self, *arguments: str) -> str:
        """What a command prints that must succeed."""
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str) -> str:
        """What a command says that must fail."""
        result = self.run(*arguments)
        assert result.exit_code == 1, result.output
        return result.stderr

    def file(self, content: str, name: str = "connection.yaml") -> str:
        (self.folder / name).write_text(content)
        return str(self.folder / name)

    def apply(self, content: str = FILE, *options: str) -> str:
        return self.done("apply", self.file(content), *options)

    def connection(self) -> dict[str, Any]:
        """The only connection there is, as it is shown."""
        (found,) = json.loads(self.done("list", "--json"))
        return dict(json.loads(self.done("show", found["id"], "--json")))

    def token(self) -> str:
        """Create the connection of `FILE`; its ingest token."""
        token = self.folder / "token"
        self.apply(FILE, "--token-file", str(token))
        return token.read_text().strip()

    def waiting(self) -> list[str]:
        """The bodies of the visible messages in the queue, sorted; they are taken out of it."""
        return sorted(one["Body"] for one in self.running.aws.receive())

    def fail(self, connection_id: str, token: str, who: str, code: str = "1003") -> None:
        """Let an event of somebody, who is to join the first audience, become a letter."""
        self.marketo.script(Fault("skip", code, records=(0,), path="^/rest/v1/leads.json", nth=2))
        assert self.running.post((connection_id, token), (who, "realized")) == 202
        assert self.running.deliver() == set()

    def bury(self, *bodies: str) -> None:
        """Let messages that cannot be read become dead letters."""
        aws = self.running.aws
        for body in bodies:
            aws.sqs.send_message(QueueUrl=aws.queue_url, MessageBody=body, MessageGroupId="x")
        assert self.running.deliver() == set()


@contextmanager
def stack(marketo: Simulator, folder: Path) -> Iterator[Stack]:
    """A local stack in the folder that the command is called from. `marketo` is that of the control plane."""
    with fresh(marketo), gateway() as entrance, in_utc(), pytest.MonkeyPatch.context() as environment:
        account = _account()
        (folder / ".local").mkdir()
        (folder / ".local" / "stack.json").write_text(json.dumps({"api_url": entrance.url}))
        environment.setenv(SECRET_VARIABLE, "secret")
        environment.chdir(folder)
        functions = {"STACK_NAME": STACK, "SECRETS_PREFIX": PREFIX}
        with composed({**account.environment(os.environ["MARKETO_URL"]), **functions}):
            yield Stack(entrance, RunningStack(account, marketo), folder)


@contextmanager
def in_utc() -> Iterator[None]:
    """Local time is UTC, whatever the zone of this machine is."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def deployed(standing: Stack) -> None:
    """The same stack as CloudFormation tells of it, so that it can be named."""
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"ApiUrl": {"Value": standing.gateway.url}},
    }
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))


def _account() -> Aws:
    """The account of the control plane, with what delivery needs beside."""
    urls = [plane.sqs().create_queue(QueueName=name)["QueueUrl"] for name in ("events", "dead-letters")]
    return Aws(
        dynamodb=plane.dynamodb(),
        sqs=plane.sqs(),
        secrets=plane.secretsmanager(),
        s3=plane.s3(),
        bucket="bucket",
        queue_url=urls[0],
        dead_letter_queue_url=urls[1],
        alert_topic_arn="arn:aws:sns:eu-central-1:123456789012:alerts",
    )
