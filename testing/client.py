"""The command `destination` before the whole interface: the functions behind a gateway on loopback, queues in moto."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from mypy_boto3_sqs import SQSClient
from typer.testing import CliRunner, Result

from destination.queue import DeadLetter, DeadLetters, pack
from destination_client.context import wall_clock
from destination_client.main import app
from marketo_simulator import Simulator
from testing.composition import composed
from testing.control_plane import fresh
from testing.gateway import Gateway, gateway

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
    marketo: Simulator
    sqs: SQSClient
    queue_url: str
    dead_letter_queue_url: str
    folder: Path
    clock: Callable[[], datetime] = wall_clock
    """What the command takes for the time."""

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        """One command; `answer` is what a person types when asked."""
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

    def bury(self, connection_id: str, code: str, count: int = 1) -> list[str]:
        """Make dead letters; their bodies."""
        event = '{"id":"%s","at":"2026-11-21T10:00:00Z","profile":{},"identities":{},"audiences":[]}'
        received = datetime(2026, 11, 21, 10, tzinfo=UTC)
        bodies = [
            body
            for number in range(count)
            for _, body in pack(
                connection_id, received, [event % f"{code}-{number}"], envelope_id=f"{connection_id}-{code}-{number}"
            )
        ]
        DeadLetters(self.sqs, self.dead_letter_queue_url).send([DeadLetter(one, code, "Because.") for one in bodies])
        return bodies

    def waiting(self, url: str) -> list[str]:
        """The bodies of the visible messages of a queue, sorted; they are taken out of it."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [one["Body"] for one in messages]
        return sorted(found)


@contextmanager
def stack(marketo: Simulator, folder: Path) -> Iterator[Stack]:
    """A local stack in the folder that the command is called from. `marketo` is that of the control plane."""
    with fresh(marketo), gateway() as entrance, pytest.MonkeyPatch.context() as environment:
        sqs = boto3.client("sqs")
        queues = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("events", "dead_letters")}
        (folder / ".local").mkdir()
        told = {"api_url": entrance.url, "emulator_url": "http://127.0.0.1:9", "queues": queues}
        (folder / ".local" / "stack.json").write_text(json.dumps(told))
        environment.setenv(SECRET_VARIABLE, "secret")
        environment.chdir(folder)
        with composed({"STACK_NAME": STACK, "QUEUE_URL": queues["events"]}):
            yield Stack(entrance, marketo, sqs, queues["events"], queues["dead_letters"], folder)


def deployed(standing: Stack) -> None:
    """The same stack as CloudFormation tells of it, so that it can be named."""
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {
            "ApiUrl": {"Value": standing.gateway.url},
            "QueueUrl": {"Value": standing.queue_url},
            "DeadLetterQueueUrl": {"Value": standing.dead_letter_queue_url},
        },
    }
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(template))
