"""Who may do what: exact actions on named resources, one role for each function."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from testing.permissions import EVENT_BUS, granted, name_of
from testing.template import Template, of_type, settle

Statement = dict[str, Any]

LOGS = ["logs:CreateLogStream", "logs:PutLogEvents"]
SUBSCRIPTIONS = ["sns:SetSubscriptionAttributes", "sns:Unsubscribe"]
AGES = "cloudwatch:GetMetricStatistics"
TRACES = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
CREDENTIALS, TOKENS, SECRETS = (
    "secret:${AWS::StackName}/credentials/*",
    "secret:${AWS::StackName}/tokens/*",
    "secret:${AWS::StackName}/*",
)

# For each role, the actions on each resource: a table by name, its index, a queue, a secret, or the names of secrets.
ACTIONS: dict[str, dict[str, list[str]]] = {
    "IngestRole": {
        "IngestLogGroup": LOGS,
        "*": TRACES,
        "ConnectionsTable": ["dynamodb:GetItem", "dynamodb:UpdateItem"],
        "Queue": ["sqs:SendMessage"],
    },
    "SyncRole": {
        "SyncLogGroup": LOGS,
        "*": TRACES,
        "ConnectionsTable": [
            "dynamodb:ConditionCheckItem",
            "dynamodb:GetItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
            "dynamodb:DeleteItem",
        ],
        "${ConnectionsTable.Arn}/index/Listing": ["dynamodb:Query"],
        "LedgerTable": [
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "RunsTable": [
            "dynamodb:ConditionCheckItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
        ],
        "Queue": [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
            "sqs:SendMessage",
        ],
        "Bucket": ["s3:ListBucket"],
        "${Bucket.Arn}/letters/*": ["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        "${Bucket.Arn}/files/*": ["s3:PutObject"],
        "${Bucket.Arn}/results/*": ["s3:PutObject", "s3:GetObject"],
        "${Bucket.Arn}/parked/*": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "${Bucket.Arn}/imports/*": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "DeadLetterQueue": ["sqs:SendMessage"],
        "PseudonymSecret": ["secretsmanager:GetSecretValue"],
        SECRETS: ["secretsmanager:GetSecretValue"],
        TOKENS: ["secretsmanager:CreateSecret", "secretsmanager:PutSecretValue", "secretsmanager:RestoreSecret"],
    },
    "FilesRole": {
        "FilesLogGroup": LOGS,
        "*": [*TRACES, AGES],
        "ConnectionsTable": ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:UpdateItem", "dynamodb:PutItem"],
        "LedgerTable": ["dynamodb:BatchGetItem", "dynamodb:Query"],
        "RunsTable": [
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "Bucket": ["s3:ListBucket"],
        "${Bucket.Arn}/uploads/*": ["s3:DeleteObject", "s3:GetObject"],
        "${Bucket.Arn}/files/*": ["s3:GetObject", "s3:PutObject"],
        "${Bucket.Arn}/parked/*": ["s3:PutObject"],
        "Queue": ["sqs:GetQueueAttributes", "sqs:SendMessage"],
    },
    "MonitorRole": {
        "MonitorLogGroup": LOGS,
        "*": [*TRACES, AGES, *SUBSCRIPTIONS],
        "ConnectionsTable": [
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "${ConnectionsTable.Arn}/index/Listing": ["dynamodb:Query"],
        "LedgerTable": ["dynamodb:BatchWriteItem", "dynamodb:Query"],
        "RunsTable": [
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "${RunsTable.Arn}/index/Late": ["dynamodb:Query"],
        "Bucket": ["s3:ListBucket"],
        "${Bucket.Arn}/files/*": ["s3:DeleteObject"],
        "${Bucket.Arn}/imports/*": ["s3:DeleteObject"],
        "${Bucket.Arn}/uploads/*": ["s3:DeleteObject"],
        "${Bucket.Arn}/letters/*": ["s3:DeleteObject"],
        "${Bucket.Arn}/results/*": ["s3:DeleteObject"],
        "${Bucket.Arn}/parked/*": ["s3:DeleteObject"],
        "Queue": ["sqs:GetQueueAttributes", "sqs:SendMessage"],
        "AlertTopic": ["sns:ListSubscriptionsByTopic", "sns:Publish"],
        EVENT_BUS: ["events:PutEvents"],
        CREDENTIALS: ["secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue"],
        TOKENS: ["secretsmanager:DeleteSecret"],
    },
    "ConnectionsRole": {
        "ConnectionsLogGroup": LOGS,
        "*": [*TRACES, *SUBSCRIPTIONS],
        "ConnectionsTable": [
            "dynamodb:ConditionCheckItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "${ConnectionsTable.Arn}/index/Listing": ["dynamodb:Query"],
        "LedgerTable": [
            "dynamodb:BatchGetItem",
            "dynamodb:BatchWriteItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
        ],
        "RunsTable": [
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:UpdateItem",
        ],
        "Queue": ["sqs:SendMessage"],
        "AlertTopic": ["sns:ListSubscriptionsByTopic", "sns:Publish", "sns:Subscribe"],
        "DeadLetterQueue": [
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ],
        "Bucket": ["s3:ListBucket"],
        "${Bucket.Arn}/imports/*": ["s3:DeleteObject"],
        "${Bucket.Arn}/letters/*": ["s3:DeleteObject", "s3:GetObject"],
        "${Bucket.Arn}/files/*": ["s3:DeleteObject", "s3:GetObject"],
        "${Bucket.Arn}/uploads/*": ["s3:DeleteObject", "s3:PutObject"],
        "${Bucket.Arn}/results/*": ["s3:DeleteObject", "s3:GetObject"],
        "${Bucket.Arn}/parked/*": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "PseudonymSecret": ["secretsmanager:GetSecretValue"],
        CREDENTIALS: [
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:DescribeSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:RestoreSecret",
            "secretsmanager:UpdateSecretVersionStage",
        ],
        TOKENS: [
            "secretsmanager:CreateSecret",
            "secretsmanager:DeleteSecret",
            "secretsmanager:GetSecretValue",
            "secretsmanager:PutSecretValue",
            "secretsmanager:RestoreSecret",
        ],
    },
    "ScheduleRole": {
        "FilesFunction": ["lambda:InvokeFunction"],
        "MonitorFunction": ["lambda:InvokeFunction"],
        "ScheduleDeadLetterQueue": ["sqs:SendMessage"],
    },
}


def statements(template: Template, role: str) -> Iterator[Statement]:
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("role", ACTIONS)
def test_the_actions_of_each_role(template: Template, role: str) -> None:
    assert granted(template, role) == ACTIONS[role]


def test_delivery_deletes_nothing_of_the_connections_but_claims(template: Template) -> None:
    (deletes,) = (
        one
        for one in statements(template, "SyncRole")
        if "dynamodb:DeleteItem" in as_list(one["Action"]) and name_of(one["Resource"]) == "ConnectionsTable"
    )
    assert deletes["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "instance#*"}}


def test_the_reader_of_files_writes_nothing_of_the_connections_but_audit_records(template: Template) -> None:
    (puts,) = (one for one in statements(template, "FilesRole") if one["Action"] == "dynamodb:PutItem")
    assert puts["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": "audit#*"}}


def test_each_function_has_its_own_role(template: Template) -> None:
    roles = {name: properties["Role"] for name, properties in of_type(template, "AWS::Lambda::Function").items()}

    assert roles == {name: {"Fn::GetAtt": [name.replace("Function", "Role"), "Arn"]} for name in roles}


def test_there_are_no_other_roles_but_the_one_for_the_log_of_the_api(template: Template) -> None:
    # SAM would add roles, and managed policies on all resources, where a function had no role of its own.
    assert set(of_type(template, "AWS::IAM::Role")) == {*ACTIONS, "ApiLogRole"}
    for role in ACTIONS:
        assert "ManagedPolicyArns" not in template["Resources"][role]["Properties"]


@pytest.mark.parametrize("role", [*ACTIONS, "ApiLogRole"])
def test_a_boundary_bounds_every_role(expanded: Template, template: Template, role: str) -> None:
    bounded = settle(expanded, PermissionsBoundaryArn="arn:aws:iam::111122223333:policy/boundary")

    assert bounded["Resources"][role]["Properties"]["PermissionsBoundary"] == {"Ref": "PermissionsBoundaryArn"}
    assert "PermissionsBoundary" not in template["Resources"][role]["Properties"]


def test_in_a_vpc_functions_have_their_network_interfaces(expanded: Template, template: Template) -> None:
    inside = settle(expanded, SubnetIds="subnet-0a,subnet-0b", SecurityGroupIds="sg-0a")

    for name, properties in of_type(inside, "AWS::Lambda::Function").items():
        assert properties["VpcConfig"] == {
            "SubnetIds": {"Fn::Split": [",", {"Ref": "SubnetIds"}]},
            "SecurityGroupIds": {"Fn::Split": [",", {"Ref": "SecurityGroupIds"}]},
        }
        (policy,) = inside["Resources"][name.replace("Function", "Role")]["Properties"]["ManagedPolicyArns"]
        assert policy["Fn::Sub"].endswith(":iam::aws:policy/service-role/AWSLambdaENIManagementAccess")
        assert "VpcConfig" not in template["Resources"][name]["Properties"]


def test_only_what_iam_knows_no_resources_of_goes_to_any(template: Template) -> None:
    for role in ACTIONS:
        for statement in statements(template, role):
            assert not [action for action in as_list(statement["Action"]) if "*" in action]
            if "*" in as_list(statement["Resource"]):
                assert statement["Action"] in (TRACES, SUBSCRIPTIONS, AGES), role


def test_a_key_of_the_customer_may_be_used_by_whoever_handles_what_it_encrypts(template_with_key: Template) -> None:
    for role in ACTIONS:
        on_key = [s for s in statements(template_with_key, role) if s["Resource"] == {"Ref": "KmsKeyArn"}]
        assert [statement["Action"] for statement in on_key] == [["kms:Decrypt", "kms:GenerateDataKey"]], role


def test_the_scheduler_acts_for_this_account_alone(template: Template) -> None:
    (statement,) = template["Resources"]["ScheduleRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]

    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_functions_are_invoked_by_this_api_alone_but_for_the_one_that_is_told_of_files(template: Template) -> None:
    permissions = of_type(template, "AWS::Lambda::Permission")
    by_rule = [one for one in permissions.values() if one["FunctionName"] == {"Ref": "FilesFunction"}]

    assert [one["Principal"] for one in by_rule] == ["events.amazonaws.com"]
    for name, permission in permissions.items():
        if permission in by_rule:
            continue
        assert permission["Principal"] == "apigateway.amazonaws.com", name
        written = json.dumps(permission["SourceArn"])
        assert '"__ApiId__": {"Ref": "Api"}' in written or ":${Api}/" in written, name


def test_the_api_may_pass_every_method_on_to_the_webhook(template: Template) -> None:
    """SAM gives no permission for what is written into the definition."""
    arn = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}/*/*/"
    written = [
        one["SourceArn"]["Fn::Sub"].removeprefix(arn)
        for one in of_type(template, "AWS::Lambda::Permission").values()
        if one["FunctionName"] == {"Ref": "IngestFunction"} and isinstance(one["SourceArn"]["Fn::Sub"], str)
    ]
    assert sorted(written) == ["connections/*/events", "oauth2/token"]


def test_the_webhook_can_write_the_tokens_of_senders_and_nothing_else_of_a_connection(template: Template) -> None:
    """Amazon DynamoDB, "Using IAM policy conditions for fine-grained access control": keys and attributes are named,
    and what an update returns is bounded with them.
    """
    (policy,) = template["Resources"]["IngestRole"]["Properties"]["Policies"]
    (write,) = (one for one in policy["PolicyDocument"]["Statement"] if one["Action"] == "dynamodb:UpdateItem")
    condition = write["Condition"]
    assert condition["ForAllValues:StringEquals"] == {"dynamodb:Attributes": ["pk", "sk", "sender_tokens"]}
    returned = condition["StringEqualsIfExists"]["dynamodb:ReturnValues"]
    assert {"ALL_OLD", "ALL_NEW"}.isdisjoint(returned)
