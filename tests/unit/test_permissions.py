"""How what functions ask of AWS is held against what their roles allow."""

from typing import Any

import pytest

from testing.permissions import CONSOLE_BUCKET, ELSEWHERE, EVENT_BUS, actions, allows, outdated, refused, unused
from testing.template import expand, settle

TRANSACTION = [
    {"Put": {"TableName": "LedgerTable"}},
    {"Update": {"TableName": "RunsTable"}},
    {"Delete": {"TableName": "LedgerTable"}},
    {"ConditionCheck": {"TableName": "ConnectionsTable"}},
]


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "asked"),
    [
        ("dynamodb", "GetItem", {"TableName": "RunsTable"}, [("dynamodb:GetItem", "RunsTable")]),
        (
            "dynamodb",
            "Query",
            {"TableName": "RunsTable", "IndexName": "Late"},
            [("dynamodb:Query", "${RunsTable.Arn}/index/Late")],
        ),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": TRANSACTION},
            [
                ("dynamodb:PutItem", "LedgerTable"),
                ("dynamodb:UpdateItem", "RunsTable"),
                ("dynamodb:DeleteItem", "LedgerTable"),
                ("dynamodb:ConditionCheckItem", "ConnectionsTable"),
            ],
        ),
        (
            "dynamodb",
            "BatchGetItem",
            {"RequestItems": {"LedgerTable": {}, "RunsTable": {}}},
            [("dynamodb:BatchGetItem", "LedgerTable"), ("dynamodb:BatchGetItem", "RunsTable")],
        ),
        ("sqs", "SendMessageBatch", {"QueueUrl": "https://sqs/1/events"}, [("sqs:SendMessage", "Queue")]),
        ("sqs", "SendMessage", {"QueueUrl": "https://sqs/1/dead-letters"}, [("sqs:SendMessage", "DeadLetterQueue")]),
        (
            "secretsmanager",
            "CreateSecret",
            {"Name": "destination/credentials/c-1"},
            [("secretsmanager:CreateSecret", "secret:${AWS::StackName}/credentials/c-1")],
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "PseudonymSecret"},
            [("secretsmanager:GetSecretValue", "PseudonymSecret")],
        ),
        ("sns", "Publish", {"TopicArn": "arn"}, [("sns:Publish", "AlertTopic")]),
        ("events", "PutEvents", {}, [("events:PutEvents", EVENT_BUS)]),
        ("s3", "GetObject", {"Bucket": "b", "Key": "parked/c-1/x"}, [("s3:GetObject", "${Bucket.Arn}/parked/c-1/x")]),
        (
            "s3",
            "PutObject",
            {"Bucket": CONSOLE_BUCKET, "Key": "index.html"},
            [("s3:PutObject", "${ConsoleBucket.Arn}/index.html")],
        ),
        ("s3", "HeadObject", {"Bucket": "b", "Key": "uploads/x"}, [("s3:GetObject", "${Bucket.Arn}/uploads/x")]),
        ("s3", "UploadPart", {"Bucket": "b", "Key": "files/x"}, [("s3:PutObject", "${Bucket.Arn}/files/x")]),
        ("kms", "GenerateMac", {"KeyId": "arn"}, [("kms:GenerateMac", "SigningKey")]),
        ("logs", "PutLogEvents", {}, [("logs:PutLogEvents", "*")]),
    ],
)
def test_what_an_operation_asks(
    service: str, operation: str, parameters: dict[str, Any], asked: list[tuple[str, str]]
) -> None:
    assert list(actions(service, operation, parameters)) == asked


def test_a_pattern_allows_what_it_stands_for() -> None:
    granted = {"secret:${AWS::StackName}/tokens/*": ["secretsmanager:GetSecretValue"]}
    assert allows(granted, "secretsmanager:GetSecretValue", "secret:${AWS::StackName}/tokens/a/b")
    assert not allows(granted, "secretsmanager:GetSecretValue", "secret:${AWS::StackName}/credentials/a")
    assert not allows(granted, "secretsmanager:PutSecretValue", "secret:${AWS::StackName}/tokens/a/b")


def role(resource: str, *allowed: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": list(allowed), "Resource": {"Ref": resource}}
    return {"Properties": {"Policies": [{"PolicyDocument": {"Statement": [statement]}}]}}


TEMPLATE = {
    "Resources": {
        "IngestRole": role("Queue", "sqs:SendMessage", "logs:PutLogEvents"),
        "SyncRole": role("Queue", "sqs:ReceiveMessage", "sqs:ChangeMessageVisibility"),
        "FilesRole": role("Queue", "sqs:SendMessage"),
        "MonitorRole": role("AlertTopic", "sns:Publish"),
        "ConnectionsRole": role("RunsTable", "dynamodb:Query"),
        "ConsoleRole": role("ConsoleBucket", "logs:PutLogEvents"),
    }
}


def test_what_is_asked_and_not_allowed_is_refused_to_its_function_alone() -> None:
    asked = {("ingest", "sqs:SendMessage", "Queue"), ("monitor", "sqs:SendMessage", "Queue")}
    assert refused(TEMPLATE, asked) == [("monitor", "sqs:SendMessage", "Queue")]


def test_what_is_allowed_and_never_asked_is_unused_but_what_lambda_does() -> None:
    asked = {("ingest", "sqs:SendMessage", "Queue"), ("connections", "sns:Publish", "AlertTopic")}
    assert unused(TEMPLATE, asked) == [
        ("connections", "dynamodb:Query", "RunsTable"),
        ("files", "sqs:SendMessage", "Queue"),
        ("monitor", "sns:Publish", "AlertTopic"),
        ("sync", "sqs:ChangeMessageVisibility", "Queue"),
    ]


def test_what_is_done_elsewhere_is_not_unused_until_it_is_asked_or_no_more_allowed() -> None:
    done = ("monitor", "dynamodb:DeleteItem", "RunsTable")
    template = {"Resources": {**TEMPLATE["Resources"], "MonitorRole": role("RunsTable", "dynamodb:DeleteItem")}}
    assert done in ELSEWHERE
    assert done not in unused(template, set())
    assert done not in outdated(template, set())
    assert done in outdated(template, {done})
    assert done in outdated(TEMPLATE, set())


def test_all_that_is_done_elsewhere_is_allowed() -> None:
    assert outdated(settle(expand(), Console="cloudfront"), set()) == []
