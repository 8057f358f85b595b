"""What people and programs are told of alerts, through the topic: in memory as in SNS."""

import json
from dataclasses import dataclass, field
from typing import Any, Protocol

import boto3
import pytest
from moto.sns.models import sns_backends

from destination.monitoring.alerts import Topic as AlertTopic
from destination.notify import Topic
from testing.aws import Aws, inbox
from testing.notify import MemoryTopic, Notification

DETAIL = {"version": "1", "alert": "failure_rate", "value": 0.013, "connection": {"name": "ü"}}
ATTRIBUTES = {"connection_id": "c-1", "status": "triggered"}


class TopicStand(Protocol):
    @property
    def topic(self) -> AlertTopic: ...
    def told(self) -> list[Notification]:
        """What the topic's subscribers get."""

    def triggered(self) -> list[Any]:
        """What those get who want to know of nothing but `status` triggered: details."""


@dataclass
class TopicInMemory:
    topic: MemoryTopic = field(default_factory=MemoryTopic)

    def told(self) -> list[Notification]:
        return self.topic.told

    def triggered(self) -> list[Any]:
        return [one.detail for one in self.topic.told if one.attributes.get("status") == "triggered"]


class TopicInSns:
    """Programs are queues here; what moto would send as e-mail is read out of it."""

    def __init__(self, stack: Aws) -> None:
        self.inbox = inbox(stack)
        self.stack = stack
        self.topic = Topic(boto3.client("sns"), stack.alert_topic_arn)
        self.queue_url = stack.sqs.create_queue(QueueName="triggered")["QueueUrl"]
        attributes = stack.sqs.get_queue_attributes(QueueUrl=self.queue_url, AttributeNames=["QueueArn"])["Attributes"]
        boto3.client("sns").subscribe(
            TopicArn=stack.alert_topic_arn,
            Protocol="sqs",
            Endpoint=attributes["QueueArn"],
            Attributes={"FilterPolicy": json.dumps({"status": ["triggered"]})},
        )

    def told(self) -> list[Notification]:
        *_, region, account, _ = self.stack.alert_topic_arn.split(":")
        topic = sns_backends[account][region].topics[self.stack.alert_topic_arn]
        texts = [json.loads(message)["email"] for _, message, *_ in topic.sent_notifications]
        return [
            Notification(one["subject"], text, one["message"], one["attributes"])
            for one, text in zip(self.inbox.told(), texts, strict=True)
        ]

    def triggered(self) -> list[Any]:
        return [json.loads(json.loads(one["Body"])["Message"]) for one in self.stack.receive(self.queue_url)]


@pytest.fixture(params=["memory", "sns"])
def stand(request: pytest.FixtureRequest) -> TopicStand:
    return TopicInMemory() if request.param == "memory" else TopicInSns(request.getfixturevalue("stack"))


def test_people_are_told_the_text_and_programs_the_detail(stand: TopicStand) -> None:
    stand.topic.publish("A subject", "A text\nof lines, ü.", DETAIL, ATTRIBUTES)
    stand.topic.publish("Another", "Another text", {}, {"status": "resolved"})
    assert stand.told() == [
        Notification("A subject", "A text\nof lines, ü.", DETAIL, ATTRIBUTES),
        Notification("Another", "Another text", {}, {"status": "resolved"}),
    ]


def test_subscribers_choose_by_the_attributes(stand: TopicStand) -> None:
    for number, status in enumerate(["resolved", "triggered", "resolved"]):
        stand.topic.publish("A subject", "A text", {"number": number}, ATTRIBUTES | {"status": status})
    assert stand.triggered() == [{"number": 1}]


@pytest.mark.parametrize(
    ("subject", "line"),
    [
        ("~ 100 % of Webinar leads!", "~ 100 % of Webinar leads!"),
        ("two\nlines\tand\x7f", "two?lines?and?"),
        ("Größe \u202e\U0001f980", "Gr??e ??"),
        ("x" * 100, "x" * 99),
        ("ü" * 300, "?" * 99),
    ],
)
def test_a_subject_is_one_line_of_printable_ascii(stand: TopicStand, subject: str, line: str) -> None:
    stand.topic.publish(subject, subject, DETAIL, ATTRIBUTES)
    assert stand.told() == [Notification(line, subject, DETAIL, ATTRIBUTES)]


def test_subscribers_are_told_what_was_so_then(stand: TopicStand) -> None:
    detail, attributes = {"values": [1]}, dict(ATTRIBUTES)
    stand.topic.publish("A subject", "A text", detail, attributes)
    detail["values"].append(2)
    attributes.clear()
    assert stand.told() == [Notification("A subject", "A text", {"values": [1]}, ATTRIBUTES)]


def test_what_is_no_json_is_not_told(stand: TopicStand) -> None:
    with pytest.raises(TypeError):
        stand.topic.publish("A subject", "A text", {"value": object()}, ATTRIBUTES)
    assert stand.told() == []
