"""Queues and tables: nothing is lost, nothing lies in clear text."""

import json
from typing import Any

import pytest

from destination.queue import MAX_BATCH_BYTES
from testing.template import Template, of_type, settle, source, tables

QUEUES = ["Queue", "DeadLetterQueue", "ScheduleDeadLetterQueue"]
TABLES = ["ConnectionsTable", "LedgerTable", "RunsTable"]
FOURTEEN_DAYS = 14 * 24 * 3600


def properties(template: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_messages_stay_invisible_while_they_are_gathered_and_delivered_and_no_longer(template: Template) -> None:
    """Lambda takes no mapping whose function may run for longer; what a dead worker had is to be back in 7 minutes."""
    timeout = properties(template, "SyncFunction")["Timeout"]
    window = source()["Parameters"]["BatchWindowSeconds"]
    (mapping,) = of_type(template, "AWS::Lambda::EventSourceMapping").values()

    assert mapping["MaximumBatchingWindowInSeconds"] == {"Ref": "BatchWindowSeconds"}
    assert 1 <= window["MinValue"] <= window["Default"] <= window["MaxValue"]
    visibility = properties(template, "Queue")["VisibilityTimeout"]
    assert timeout + window["MaxValue"] + 20 <= visibility <= 7 * 60


def test_a_message_that_always_fails_ends_among_the_dead_letters(template: Template) -> None:
    queue = properties(template, "Queue")
    redrive = queue["RedrivePolicy"]

    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    days = redrive["maxReceiveCount"] * queue["VisibilityTimeout"] / 86_400
    assert 1 < days < 14, "waits for Marketo count as receives, and the queue forgets after 14 days"


@pytest.mark.parametrize("queue", ["Queue", "DeadLetterQueue"])
def test_messages_may_be_as_large_as_sqs_takes(template: Template, queue: str) -> None:
    assert properties(template, queue)["MaximumMessageSize"] == 1024 * 1024 == MAX_BATCH_BYTES


def test_only_the_queue_may_use_the_dead_letter_queue(template: Template) -> None:
    pattern, parts = properties(template, "Queue")["QueueName"]["Fn::Sub"]
    allowed = properties(template, "DeadLetterQueue")["RedriveAllowPolicy"]

    arn = f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{pattern}"
    assert allowed == {"redrivePermission": "byQueue", "sourceQueueArns": [{"Fn::Sub": [arn, parts]}]}


@pytest.mark.parametrize("queue", QUEUES)
def test_messages_are_kept_as_long_as_sqs_can_and_encrypted(template: Template, queue: str) -> None:
    assert properties(template, queue)["MessageRetentionPeriod"] == FOURTEEN_DAYS
    assert properties(template, queue)["SqsManagedSseEnabled"] is True
    assert "FifoQueue" not in properties(template, queue)


def test_there_are_no_other_queues_and_tables(template: Template) -> None:
    assert sorted(of_type(template, "AWS::SQS::Queue")) == sorted(QUEUES)
    assert sorted(of_type(template, "AWS::DynamoDB::Table")) == sorted(TABLES)


@pytest.mark.parametrize("table", TABLES)
def test_tables_are_on_demand_and_encrypted(template: Template, table: str) -> None:
    assert properties(template, table)["BillingMode"] == "PAY_PER_REQUEST"
    assert properties(template, table)["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}


@pytest.mark.parametrize("table", TABLES)
def test_what_cannot_be_made_anew_is_backed_up_and_outlives_the_stack(template: Template, table: str) -> None:
    resource = template["Resources"][table]

    assert resource["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("table", TABLES)
def test_a_table_is_deleted_by_nobody_unless_the_stack_says_so(
    expanded: Template, template: Template, table: str
) -> None:
    assert properties(template, table)["DeletionProtectionEnabled"] is True
    assert properties(settle(expanded, DeletionProtection="false"), table)["DeletionProtectionEnabled"] is False


def test_the_ledger_is_warmed_up_where_that_is_wanted(expanded: Template, template: Template) -> None:
    warm = settle(expanded, LedgerWarmReads="12000", LedgerWarmWrites="20000")

    assert properties(warm, "LedgerTable")["WarmThroughput"] == {
        "ReadUnitsPerSecond": {"Ref": "LedgerWarmReads"},
        "WriteUnitsPerSecond": {"Ref": "LedgerWarmWrites"},
    }
    assert not [one for one in TABLES if "WarmThroughput" in properties(template, one)]


@pytest.mark.parametrize("table", TABLES)
def test_a_restored_table_takes_the_place_of_its_own_everywhere(
    expanded: Template, template: Template, table: str
) -> None:
    """In what the functions are told, in what they may do, and in the outputs, and the other tables in none."""
    restored = settle(expanded, **{f"Restored{table}": "restored"})

    for name, function in of_type(restored, "AWS::Lambda::Function").items():
        before = of_type(template, "AWS::Lambda::Function")[name]["Environment"]["Variables"]
        variables = function["Environment"]["Variables"]
        changed = {one for one, value in variables.items() if value != before[one]}
        assert changed == {one for one, value in before.items() if value == {"Ref": table}}
        assert all(variables[one] == {"Ref": f"Restored{table}"} for one in changed)
    for role in of_type(restored, "AWS::IAM::Role").values():
        said = json.dumps(role)
        assert f'"{table}"' not in said
        assert f"${{{table}." not in said
    assert restored["Outputs"][f"{table}Name"]["Value"] == {"Ref": f"Restored{table}"}
    assert table in restored["Resources"]


def test_nobody_reads_or_writes_a_queue_or_a_topic_without_tls(expanded: Template, template: Template) -> None:
    """That AWS refuses it can be seen on AWS alone."""
    topics = sorted(of_type(template, "AWS::SNS::Topic"))
    for kind, place, names in (("SQS::QueuePolicy", "Queues", QUEUES), ("SNS::TopicPolicy", "Topics", topics)):
        policies = of_type(template, f"AWS::{kind}")
        assert sorted(one["Ref"] for policy in policies.values() for one in policy[place]) == sorted(names)
        for policy in policies.values():
            (deny,) = (one for one in policy["PolicyDocument"]["Statement"] if one["Effect"] == "Deny")
            assert (deny["Principal"], deny["Condition"]) == ("*", {"Bool": {"aws:SecureTransport": False}})
        # The emulator is reached without TLS.
        assert not of_type(settle(expanded, AwsEndpointUrl="http://127.0.0.1:4566"), f"AWS::{kind}")


def test_only_alarms_publish_to_their_topic(template: Template) -> None:
    (allow,) = (
        one
        for one in properties(template, "AlarmTopicPolicy")["PolicyDocument"]["Statement"]
        if one["Effect"] == "Allow"
    )
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


@pytest.mark.parametrize("table", TABLES)
def test_rows_that_grow_old_expire(template: Template, table: str) -> None:
    assert properties(template, table)["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_keys_of_the_tables(expanded: Template) -> None:
    keys = {
        name: [key["AttributeName"] for key in arguments["KeySchema"]] for name, arguments in tables(expanded).items()
    }

    assert keys == {
        "ConnectionsTable": ["pk", "sk"],
        "LedgerTable": ["pk", "sk"],
        "RunsTable": ["connection_id", "id"],
    }


def test_connections_are_listed_by_an_index(expanded: Template) -> None:
    (index,) = tables(expanded)["ConnectionsTable"]["GlobalSecondaryIndexes"]

    assert index["IndexName"] == "Listing"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["listing", "listed_as"]
    assert index["Projection"] == {"ProjectionType": "ALL"}


def test_a_key_of_the_customer_encrypts_everything_at_rest(template_with_key: Template) -> None:
    key = {"Ref": "KmsKeyArn"}

    for queue in QUEUES:
        assert properties(template_with_key, queue)["KmsMasterKeyId"] == key
        assert properties(template_with_key, queue)["KmsDataKeyReusePeriodSeconds"] == 3600
        assert "SqsManagedSseEnabled" not in properties(template_with_key, queue)
    for table in TABLES:
        assert properties(template_with_key, table)["SSESpecification"]["KMSMasterKeyId"] == key
    for group in of_type(template_with_key, "AWS::Logs::LogGroup").values():
        assert group["KmsKeyId"] == key
    for topic in of_type(template_with_key, "AWS::SNS::Topic").values():
        assert topic["KmsMasterKeyId"] == key
