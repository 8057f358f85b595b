"""The stack's tables, queues and secrets in moto, and what Lambda hands to the functions."""

import base64
import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_secretsmanager import SecretsManagerClient
from mypy_boto3_sqs import SQSClient
from mypy_boto3_sqs.type_defs import MessageTypeDef

from testing.serial import one_call_at_a_time
from testing.template import source, tables

TABLES = tables(source())
SECRETS_PREFIX = "destination"
PSEUDONYM_SECRET = "PseudonymSecret"


@dataclass(frozen=True)
class Context(LambdaContext):
    """Lambda's context, as far as the functions and Powertools read it; with five minutes left."""

    function_name: str = "function"
    memory_limit_in_mb: int = 1024
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:function"
    aws_request_id: str = "request-1"
    milliseconds_left: int = 300_000

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # Lambda's is an instance's method, too
        return self.milliseconds_left


@dataclass(frozen=True)
class Aws:
    dynamodb: DynamoDBClient
    sqs: SQSClient
    secrets: SecretsManagerClient
    s3: S3Client
    bucket: str
    queue_url: str
    dead_letter_queue_url: str
    alert_topic_arn: str

    def environment(self, marketo_url: str = "https://{munchkin_id}.example.invalid") -> dict[str, str]:
        """What the template sets for the functions."""
        return {
            "STACK_NAME": "destination",
            "CONNECTIONS_TABLE": "ConnectionsTable",
            "LEDGER_TABLE": "LedgerTable",
            "RUNS_TABLE": "RunsTable",
            "BUCKET": self.bucket,
            "BATCH_WINDOW_SECONDS": "1",
            "QUEUE_URL": self.queue_url,
            "DEAD_LETTER_QUEUE_URL": self.dead_letter_queue_url,
            "ALERT_TOPIC_ARN": self.alert_topic_arn,
            "SECRETS_PREFIX": SECRETS_PREFIX,
            "PSEUDONYM_SECRET": PSEUDONYM_SECRET,
            "MARKETO_URL": marketo_url,
        }

    def receive(self, queue_url: str | None = None) -> list[MessageTypeDef]:
        """All messages that are visible in a queue, the event queue unless said otherwise."""
        found: list[MessageTypeDef] = []
        while True:
            answer = self.sqs.receive_message(
                QueueUrl=queue_url or self.queue_url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            if not answer.get("Messages"):
                return found
            found += answer["Messages"]


@functools.cache
def _clients() -> tuple[DynamoDBClient, SQSClient, SecretsManagerClient, S3Client]:
    dynamodb = boto3.client("dynamodb")
    dynamodb.meta.events.register("before-parameter-build.dynamodb.Query", _bounds_are_in_order)
    return dynamodb, boto3.client("sqs"), boto3.client("secretsmanager"), boto3.client("s3")


def _bounds_are_in_order(params: Mapping[str, Any], **_: object) -> None:
    """DynamoDB refuses a range whose end comes before its beginning; moto finds nothing in it."""
    values = params.get("ExpressionAttributeValues", {})
    for first, last in re.findall(r"BETWEEN (:\w+) AND (:\w+)", params.get("KeyConditionExpression", "")):
        if values[last]["S"] < values[first]["S"]:
            message = "The BETWEEN operator requires upper bound to be greater than or equal to lower bound"
            raise ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Query")


def bucket(client: S3Client) -> str:
    """The name of a new bucket."""
    client.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    return "bucket"


@contextmanager
def aws() -> Iterator[Aws]:
    """An account with the stack's tables and queues, and nothing in them."""
    one_call_at_a_time()
    with mock_aws():
        dynamodb, sqs, secrets, s3 = _clients()
        for table in TABLES.values():
            dynamodb.create_table(**table)
        secrets.create_secret(Name=PSEUDONYM_SECRET, SecretString="secret")
        yield Aws(
            dynamodb=dynamodb,
            sqs=sqs,
            secrets=secrets,
            s3=s3,
            bucket=bucket(s3),
            queue_url=sqs.create_queue(QueueName="events")["QueueUrl"],
            dead_letter_queue_url=sqs.create_queue(QueueName="dead-letters")["QueueUrl"],
            alert_topic_arn=boto3.client("sns").create_topic(Name="alerts")["TopicArn"],
        )


@contextmanager
def refused(client: BaseClient, operation: str) -> Iterator[None]:
    """While the block runs, AWS refuses an operation to a client."""
    name = f"before-call.{client.meta.service_model.service_id.hyphenize()}.{operation}"

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "InternalServiceError", "Message": "hush"}}, operation)

    client.meta.events.register_first(name, refuse)
    try:
        yield
    finally:
        client.meta.events.unregister(name, refuse)


@dataclass(frozen=True)
class Inbox:
    """What subscribers of the alerts' topic and of the event bus are told."""

    aws: Aws
    topic: str
    bus: str

    def told(self) -> list[dict[str, Any]]:
        """The notifications of the topic so far: their subject, attributes, and message as webhooks get it."""
        envelopes = [json.loads(message["Body"]) for message in self.aws.receive(self.topic)]
        return [
            {
                "subject": one["Subject"],
                "attributes": {name: value["Value"] for name, value in one["MessageAttributes"].items()},
                "message": json.loads(one["Message"]),
            }
            for one in envelopes
        ]

    def announced(self) -> list[tuple[str, dict[str, Any]]]:
        """The events of the bus so far, by kind."""
        events = [json.loads(message["Body"]) for message in self.aws.receive(self.bus)]
        assert all(event["source"] == "marketo-destination" for event in events)
        return [(event["detail-type"], event["detail"]) for event in events]


def inbox(aws: Aws) -> Inbox:
    """Subscribe to all that is told."""
    urls = [aws.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("told", "announced")]
    topic, bus = (
        aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        for url in urls
    )
    boto3.client("sns").subscribe(TopicArn=aws.alert_topic_arn, Protocol="sqs", Endpoint=topic)
    events = boto3.client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["marketo-destination"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": bus}])
    return Inbox(aws, *urls)


def webhook_request(
    connection_id: str, body: str | bytes | None, headers: Mapping[str, str], *, is_base64: bool = False
) -> dict[str, Any]:
    """`POST /connections/{connection_id}/events` as API Gateway hands it over."""
    raw = body.encode() if isinstance(body, str) else body
    return {
        "resource": "/connections/{connection_id}/events",
        "path": f"/connections/{connection_id}/events",
        "httpMethod": "POST",
        "headers": dict(headers) or None,
        "pathParameters": {"connection_id": connection_id},
        "requestContext": {"stage": "live", "requestId": "request-1"},
        "body": base64.b64encode(raw).decode() if is_base64 and raw is not None else raw and raw.decode(),
        "isBase64Encoded": is_base64,
    }


def sqs_batch(messages: Sequence[MessageTypeDef]) -> dict[str, Any]:
    """Messages as Lambda hands them over."""
    return {
        "Records": [
            {
                "messageId": one["MessageId"],
                "receiptHandle": one["ReceiptHandle"],
                "body": one["Body"],
                "attributes": one.get("Attributes", {}),
                "messageAttributes": {},
                "eventSource": "aws:sqs",
            }
            for one in messages
        ]
    }


def logged(logger: Logger, caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The lines that a function logged, as CloudWatch gets them."""
    return [json.loads(logger.registered_formatter.format(record)) for record in caplog.records]


def emitted(output: str) -> list[dict[str, Any]]:
    """The metrics that a function wrote to its output, in the embedded metric format of CloudWatch."""
    lines = (json.loads(line) for line in output.splitlines() if line.startswith("{"))
    return [line for line in lines if "_aws" in line]


def as_json(answer: Mapping[str, Any]) -> Any:
    return json.loads(answer["body"])
