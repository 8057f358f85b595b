"""A new connection takes the lists of another one over, as the answer to a change of what people are known by says."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from functions.ingest import app as ingest
from functions.sync import app as sync
from marketo_simulator import Simulator
from marketo_simulator.server import serve
from testing.aws import Aws, Context, aws, sqs_batch, webhook_request
from testing.composition import composed
from testing.control_plane import CREATE, audience_path, call

LIST = 4711
EMAIL = {"source": "email", "target": "email"}
MAPPING = [
    {"source": "email", "target": "DedupeField"},
    {"source": "firstName", "target": "firstName"},
    {"source": "lastName", "target": "lastName"},
    {"source": "key", "target": "customerKey"},
]
BY_KEY = [{"source": "key", "target": "DedupeField"}, EMAIL, *MAPPING[1:3]]


@dataclass(frozen=True)
class Stack:
    aws: Aws
    marketo: Simulator

    def connect(self, **changes: object) -> tuple[str, str]:
        """The id of a new connection, and its token."""
        answer = call("POST", "/connections", {**CREATE, "source": {"format": "canonical"}, **changes})
        assert answer.status == 201, answer.text
        return answer.json["id"], answer.json["ingest"]["token"]

    def post(self, connection: tuple[str, str], *events: tuple[str, str]) -> int:
        """Events of people by their names, who have entered or left the audience; the webhook's status."""
        connection_id, token = connection
        said = [
            {
                "profile": {"email": f"{who}@example.org", "firstName": who, "lastName": "Lovelace", "key": who},
                "audiences": [{"id": "aud-1", "status": status}],
            }
            for who, status in events
        ]
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        answer = ingest.handler(webhook_request(connection_id, json.dumps(said), headers), Context())
        return int(answer["statusCode"])

    def deliver(self) -> None:
        batch = self.aws.receive()
        assert sync.handler(sqs_batch(batch), Context()) == {"batchItemFailures": []}
        for one in batch:
            self.aws.sqs.delete_message(QueueUrl=self.aws.queue_url, ReceiptHandle=one["ReceiptHandle"])

    @property
    def members(self) -> set[str]:
        """Who is on the list, by name."""
        dumped: Any = self.marketo.dump()
        names = {lead["id"]: lead["firstName"] for lead in dumped["leads"]}
        return {names[member] for one in dumped["lists"] if one["id"] == LIST for member in one["members"]}


@pytest.fixture
def stack() -> Iterator[Stack]:
    simulator = Simulator(
        seed={
            "fields": [{"name": "customerKey", "searchable": True}],
            "lists": [{"name": "Webinar", "id": LIST, "workspace": "Default"}],
        }
    )
    with aws() as account, serve(simulator) as server, composed(account.environment(server.url)):
        yield Stack(account, simulator)


def activate(connection_id: str, **properties: object) -> int:
    body = {"id": "aud-1", "name": "Webinar, spring", "list": {"id": LIST}, **properties}
    return call("POST", f"/connections/{connection_id}/audiences", body).status


def test_another_connection_takes_a_list_over_with_its_people(stack: Stack) -> None:
    old = stack.connect(mapping=MAPPING)
    assert activate(old[0]) == 201
    assert call("POST", f"/connections/{old[0]}/enable").status == 200
    assert stack.post(old, ("Ada", "realized"), ("Bob", "realized")) == 202
    stack.deliver()
    assert stack.members == {"Ada", "Bob"}

    rekeyed = call("PATCH", f"/connections/{old[0]}", {"dedupe_field": "customerKey", "mapping": BY_KEY})
    assert rekeyed.status == 422
    for step in ("create another connection", "deactivate it here", "activate it there", "list.id"):
        assert step in rekeyed.errors["dedupe_field"]

    new = stack.connect(name="By key", dedupe_field="customerKey", mapping=BY_KEY)
    assert activate(new[0]) == 409
    # What the old one let in and has not delivered by then changes the list no more.
    assert stack.post(old, ("Ada", "exited")) == 202
    assert call("DELETE", audience_path(old[0], "aud-1")).status == 204
    assert activate(new[0]) == 201
    assert call("POST", f"/connections/{new[0]}/enable").status == 200
    stack.deliver()
    assert stack.members == {"Ada", "Bob"}
    assert call("POST", f"/connections/{old[0]}/disable").status == 200

    # The source sends everybody to the new one: nobody is made a second time, and who has left meanwhile leaves.
    assert stack.post(new, ("Ada", "realized"), ("Bob", "exited"), ("Cy", "realized")) == 202
    stack.deliver()
    assert stack.members == {"Ada", "Cy"}
    dumped: Any = stack.marketo.dump()["leads"]
    assert sorted(lead["firstName"] for lead in dumped) == ["Ada", "Bob", "Cy"]

    assert call("DELETE", f"/connections/{old[0]}", query={"discard": "true"}).status == 204
    assert stack.members == {"Ada", "Cy"}
    assert activate(stack.connect(name="A third")[0]) == 409
