"""The scanners' findings are compared with what stays; what they find today, `make check` says."""

from collections.abc import Sequence

import pytest

from testing.scanners.__main__ import EVERYTHING, statements
from testing.scanners.checkov import FailedCheck, Tolerance, baseline, compared
from testing.scanners.iam import wrong
from testing.template import Template, of_type, settle

QUEUE = "arn:${Partition}:sqs:${Region}:${Account}:${QueueName}"
STREAM = "arn:${Partition}:logs:${Region}:${Account}:log-group:${LogGroupName}:log-stream:${LogStreamName}"
INDEX = "arn:${Partition}:dynamodb:${Region}:${Account}:table/${TableName}/index/${IndexName}"
FORMATS = {
    "sqs:SendMessage": [QUEUE],
    "sqs:ListQueues": ["*"],
    "logs:PutLogEvents": [STREAM],
    "dynamodb:Query": [INDEX],
}


def formats(action: str) -> Sequence[str]:
    return FORMATS.get(action, [])


@pytest.mark.parametrize(
    ("action", "resource", "said"),
    [
        ("sqs:SendMessage", "arn:aws:sqs:eu-central-1:111122223333:queue", []),
        ("sqs:ListQueues", "*", []),
        ("logs:PutLogEvents", "arn:aws:logs:eu-central-1:111122223333:log-group:g:*", []),
        ("dynamodb:Query", "arn:aws:dynamodb:eu-central-1:111122223333:table/t/index/Listing", []),
        ("sqs:SendMessages", "*", ["R: there is no action sqs:SendMessages"]),
        ("sqs:*", "*", ["R: there is no action sqs:*"]),
        ("sqs:SendMessage", "*", ["R: sqs:SendMessage can be allowed on resources, and is on *"]),
        (
            "sqs:SendMessage",
            "arn:aws:sns:eu-central-1:111122223333:topic",
            ["R: sqs:SendMessage does not go with arn:aws:sns:eu-central-1:111122223333:topic"],
        ),
    ],
)
def test_a_statement_is_held_against_the_actions_of_aws(action: str, resource: str, said: list[str]) -> None:
    assert list(wrong([{"of": "R", "actions": [action], "resources": [resource]}], formats)) == said


def test_every_policy_is_looked_at(expanded: Template) -> None:
    template = settle(expanded, **EVERYTHING)
    found = list(statements(template))

    roles = {name for name, role in of_type(template, "AWS::IAM::Role").items() if "Policies" in role}
    assert {one["of"] for one in found} == roles | of_type(template, "AWS::IAM::ManagedPolicy").keys()
    for one in found:
        for resource in one["resources"]:
            assert resource == "*" or resource.startswith("arn:aws:"), one["of"]
            assert "{" not in resource


SAID = FailedCheck("CKV_1", "AWS::SQS::Queue.Queue", "encrypt")
STAYS = Tolerance("CKV_1", "AWS::SQS::Queue", "it is")


def test_a_finding_needs_a_reason_and_a_reason_a_finding() -> None:
    assert list(compared([SAID], [STAYS])) == []
    (new,) = compared([SAID], [])
    assert new.startswith("AWS::SQS::Queue.Queue: encrypt (CKV_1).")
    (old,) = compared([], [STAYS])
    assert "CKV_1 finds no AWS::SQS::Queue any more" in old


@pytest.mark.parametrize(
    "finding", [FailedCheck("CKV_2", SAID.resource, ""), FailedCheck("CKV_1", "AWS::SQS::QueuePolicy.P", "")]
)
def test_a_reason_is_for_its_check_and_its_type_alone(finding: FailedCheck) -> None:
    assert not STAYS.covers(finding)


def test_every_reason_is_one() -> None:
    for one in baseline():
        assert len(one.reason) > 30, one.check
