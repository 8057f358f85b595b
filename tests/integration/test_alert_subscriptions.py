"""Subscriptions of alerts by the commands of docs/monitoring.md, for whoever does not use the recipients."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from testing.aws import Aws, aws
from testing.aws_commands import carried_out
from testing.documents import SHELLS, blocks
from testing.template import ROOT


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


def printed(service: str, placeholder: str, arn: str) -> list[list[str]]:
    """The commands for a service, as a shell splits them once the placeholder is replaced."""
    shown = (one.text.replace("\\\n", " ") for one in blocks(ROOT / "docs/monitoring.md") if one.language in SHELLS)
    parts = (part for text in shown if text.startswith(f"aws {service} ") for part in text.split("\naws "))
    return [shlex.split(f"aws {part.removeprefix('aws ')}".replace(placeholder, arn)) for part in parts]


def test_a_subscription_chooses_its_alerts(stack: Aws) -> None:
    client = boto3.client("sns")
    topic = client.create_topic(Name="alerts")["TopicArn"]
    queue = stack.sqs.create_queue(QueueName="chosen")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    subscription = client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)["SubscriptionArn"]

    (command,) = printed("sns", "<arn>", subscription)
    carried_out(client, command, {})

    for alert, status in (
        ("connection_blocked", "triggered"),
        ("connection_blocked", "resolved"),
        ("letters", "triggered"),
    ):
        told = {"alert": alert, "status": status}
        attributes: dict[str, Any] = {
            name: {"DataType": "String", "StringValue": value} for name, value in told.items()
        }
        client.publish(TopicArn=topic, Message=json.dumps(told), MessageAttributes=attributes)
    received = stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(json.loads(one["Body"])["Message"])["status"] for one in received] == ["triggered"]


def test_a_rule_chooses_by_any_property(stack: Aws) -> None:
    client = boto3.client("events")
    queue = stack.sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = stack.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    rule, targets = printed("events", "<arn of a queue that lets EventBridge send>", arn)
    chosen = json.loads(rule[rule.index("--event-pattern") + 1])["detail"]["connection"]["id"][0]
    carried_out(client, rule, {})
    carried_out(client, targets, {})

    for connection_id in (chosen, "another"):
        entry: Any = {
            "Source": "marketo-destination",
            "DetailType": "Alert Triggered",
            "Detail": json.dumps({"connection": {"id": connection_id}}),
        }
        client.put_events(Entries=[entry])
    received = stack.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    assert [json.loads(one["Body"])["detail"]["connection"]["id"] for one in received] == [chosen]
