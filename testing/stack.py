"""The functions over AWS and the simulator: operators call, sources send, and something becomes of it in Marketo."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3

from functions.ingest import app as ingest
from functions.sync import app as sync
from marketo_simulator import Simulator
from marketo_simulator.server import serve
from testing.aws import Aws, Context, aws, sqs_batch, webhook_request
from testing.composition import composed
from testing.control_plane import CREATE, call

MAPPING = [
    {"source": "email", "target": "DedupeField"},
    {"source": "firstName", "target": "firstName"},
    {"source": "lastName", "target": "lastName"},
    {"source": "key", "target": "customerKey"},
]


@dataclass(frozen=True)
class RunningStack:
    """People are called by their names, which are in their addresses too; there is an audience `aud-1`."""

    aws: Aws
    marketo: Simulator

    def connect(self, **changes: object) -> tuple[str, str]:
        """The id of a new connection, and its token."""
        answer = call("POST", "/connections", {**CREATE, "source": {"format": "canonical"}, **changes})
        assert answer.status == 201, answer.text
        return answer.json["id"], answer.json["ingest"]["token"]

    def post(self, connection: tuple[str, str], *events: tuple[str, str]) -> int:
        """Events of people by their names, who have entered or left the audience; the webhook's status."""
        said = [
            {
                "profile": {"email": f"{who}@example.org", "firstName": who, "lastName": "Lovelace", "key": who},
                "audiences": [{"id": "aud-1", "status": status}],
            }
            for who, status in events
        ]
        return self.send(connection, said)

    def send(
        self,
        connection: tuple[str, str],
        body: object,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> int:
        """Events as they are, or bytes; the webhook's status. `headers` stand beside the token."""
        connection_id, token = connection
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token}", **(headers or {})}
        text = body if isinstance(body, bytes) else json.dumps(body)
        request = webhook_request(connection_id, text, sent) | {"queryStringParameters": query}
        return int(ingest.handler(request, Context())["statusCode"])

    def deliver(self) -> set[str]:
        """Deliver what waits once; the messages that are requeued."""
        batch = self.aws.receive()
        answer = sync.handler(sqs_batch(batch), Context())
        requeued = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
        for one in batch:
            if one["MessageId"] not in requeued:
                self.aws.sqs.delete_message(QueueUrl=self.aws.queue_url, ReceiptHandle=one["ReceiptHandle"])
        return requeued

    def members(self, list_id: int) -> set[str]:
        """Who is on a list, by name."""
        dumped: Any = self.marketo.dump()
        names = {lead["id"]: lead["firstName"] for lead in dumped["leads"]}
        return {names[member] for one in dumped["lists"] if one["id"] == list_id for member in one["members"]}


@contextmanager
def stack(seed: Mapping[str, object], *, has_signing_keys: bool = False) -> Iterator[RunningStack]:
    """Nothing but what Marketo is seeded with."""
    simulator = Simulator(seed=seed)
    with aws() as account, serve(simulator) as server:
        variables = {"SIGNING_KEY": _signing_key()} if has_signing_keys else {}
        with composed(account.environment(server.url) | variables):
            yield RunningStack(account, simulator)


def _signing_key() -> str:
    """The ARN of a new key, of the kind that the template makes."""
    made = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    return str(made["KeyMetadata"]["Arn"])
