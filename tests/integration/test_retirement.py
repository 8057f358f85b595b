"""Connections whose deletion comes to its end, through the monitor: when they are removed, and what is left."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import boto3
import pytest

from destination.composition.aws import secretsmanager
from destination.control.recipients import settle
from destination.domain.audience import Activation
from destination.domain.connection import Status
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.domain.recipient import Protocol, Recipient
from destination.notify import Subscriptions
from destination.queue.ages import QueueAges
from destination.store.audiences import Audiences
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.recipients import Recipients
from destination.store.secrets import Credentials, TokenSecret
from functions.monitor import app
from testing.aws import SECRETS_PREFIX, Aws, Context, aws, logged, refused
from testing.composition import composed
from testing.world import START, audience, connection


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack, composed(stack.environment()):
        yield stack


@dataclass
class Leaving:
    """A connection of an audience with credentials and a shared token, whose deletion began at START."""

    stack: Aws
    connections: Connections

    @classmethod
    def of(cls, stack: Aws, connection_id: str = "c-1", *, begins: bool = True) -> "Leaving":
        connections = Connections(stack.dynamodb, "ConnectionsTable")
        credentials = ClientCredentials("client", "secret")
        version = Credentials(stack.secrets, SECRETS_PREFIX).put(connection_id, credentials)
        one = connection(id=connection_id, credentials_version=version)
        connections.create(one, "0f")
        Audiences(stack.dynamodb, "ConnectionsTable").put(connection_id, Activation(audience("a"), "a", list_id=1))
        TokenSecret(stack.secrets, SECRETS_PREFIX, one.munchkin_id, credentials).put(AccessToken("token", START))
        if begins:
            connections.begin_deletion(connection_id, 1, START)
        return cls(stack, connections)

    def left(self) -> int:
        """How many items and secrets of it there are, audit records aside."""
        items = self.stack.dynamodb.scan(TableName="ConnectionsTable")["Items"]
        secrets = [secret["Name"] for secret in self.stack.secrets.list_secrets()["SecretList"]]
        own = [one for one in items if one["pk"]["S"] == "c-1"]
        return len(own) + len([name for name in secrets if name.startswith(f"{SECRETS_PREFIX}/")])


def run_at(after: timedelta) -> None:
    app.handler({"time": (START + after).isoformat()}, Context())


@pytest.mark.parametrize("minutes", [5, 60])
def test_a_connection_is_removed_once_the_queue_is_empty(
    stack: Aws, caplog: pytest.LogCaptureFixture, minutes: int
) -> None:
    leaving = Leaving.of(stack)
    run_at(timedelta(minutes=minutes))
    assert leaving.left() == 0
    assert [
        line["connection_id"] for line in logged(app.logger, caplog) if line["message"] == "connection removed"
    ] == ["c-1"]
    (record,) = Audit(stack.dynamodb, "ConnectionsTable").page("c-1").records
    assert (record.actor, record.action) == ("system", "remove_connection")


def test_files_of_a_connection_that_is_removed_are_gone_with_it(stack: Aws) -> None:
    leaving = Leaving.of(stack)
    for key in ("files/c-1/file/result.csv", "uploads/c-1/add/people.csv"):
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"row")
    run_at(timedelta(minutes=5))
    assert leaving.left() == 0
    assert "Contents" not in stack.s3.list_objects_v2(Bucket=stack.bucket)


def test_recipients_of_a_connection_that_is_removed_get_those_of_the_others_alone(stack: Aws) -> None:
    Connections(stack.dynamodb, "ConnectionsTable").create(connection(id="c-2"), "0f")
    recipients = Recipients(stack.dynamodb, "ConnectionsTable")
    both, alone = Recipient(Protocol.EMAIL, "ops@example.com"), Recipient(Protocol.EMAIL, "ada@example.com")
    subscriptions = Subscriptions(boto3.client("sns"), stack.alert_topic_arn)
    leaving = Leaving.of(stack, begins=False)
    recipients.replace("c-1", [both, alone], [])
    recipients.replace("c-2", [both], [])
    settle([both, alone], recipients, subscriptions)
    leaving.connections.begin_deletion("c-1", 1, START)

    run_at(timedelta(minutes=5))

    assert recipients.of("c-1") == []
    assert recipients.subscribed(both).connection_ids == {"c-2"}
    assert subscriptions.standing().keys() == {both}


def test_a_connection_stays_as_long_as_the_counts_of_the_queue_lag(stack: Aws) -> None:
    leaving = Leaving.of(stack)
    run_at(timedelta(minutes=4))
    assert leaving.left() == 4


@pytest.mark.parametrize(("received", "delay"), [(False, 0), (True, 0), (False, 900)])
def test_a_connection_stays_while_something_is_in_the_queue_and_no_longer_than_it_can_be(
    stack: Aws, received: bool, delay: int
) -> None:
    leaving = Leaving.of(stack)
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="{}", DelaySeconds=delay)
    if received:
        stack.sqs.receive_message(QueueUrl=stack.queue_url)
    run_at(timedelta(days=13, hours=23))
    assert leaving.left() == 4
    run_at(timedelta(days=14))
    assert leaving.left() == 0


def test_messages_of_others_that_stay_hidden_do_not_hold_up_a_deletion(stack: Aws) -> None:
    """At no look is the queue empty; whoever had a message of the connection at the first has been done with it."""
    leaving = Leaving.of(stack)
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="{}")
    stack.sqs.receive_message(QueueUrl=stack.queue_url, VisibilityTimeout=12 * 60 * 60)
    for minutes in (5, 10, 15, 20):
        run_at(timedelta(minutes=minutes))
        assert leaving.left() == 4
    run_at(timedelta(minutes=25))
    assert leaving.left() == 0


def test_nor_do_those_that_always_have_something_to_be_received_where_that_is_young(
    stack: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaving = Leaving.of(stack)
    stack.sqs.send_message(QueueUrl=stack.queue_url, MessageBody="{}")
    monkeypatch.setattr(QueueAges, "received_until", lambda _, now: now - timedelta(minutes=7))
    for minutes in (5, 10, 15, 20, 25, 30, 35, 40):
        run_at(timedelta(minutes=minutes))
        assert leaving.left() == 4
    run_at(timedelta(minutes=45))
    assert leaving.left() == 0


def test_only_what_is_being_deleted_is_removed(stack: Aws) -> None:
    Connections(stack.dynamodb, "ConnectionsTable").create(connection(id="c-2"), "0f")
    leaving = Leaving.of(stack)
    run_at(timedelta(hours=1))
    assert [one.id for one in leaving.connections.all()] == ["c-2"]


def test_what_cannot_be_removed_now_is_tried_again(stack: Aws, caplog: pytest.LogCaptureFixture) -> None:
    leaving = Leaving.of(stack)
    with refused(secretsmanager(), "DeleteSecret"):
        run_at(timedelta(hours=1))
    lines = [line for line in logged(app.logger, caplog) if line["message"] == "connection not removed"]
    assert [(line["connection_id"], line["cause"]) for line in lines] == [("c-1", "InternalServiceError")]
    assert leaving.connections.get("c-1").status is Status.DELETING
    run_at(timedelta(hours=2))
    assert leaving.left() == 0
