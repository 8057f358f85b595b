"""The template as a document: what cfn-lint says of it, its parameters and its outputs."""

import re
from typing import Any

import pytest

from testing.template import Template, findings, of_type


def test_cfn_lint_finds_nothing(expanded: Template) -> None:
    assert findings(expanded) == []


def test_every_parameter_is_documented_and_constrained(expanded: Template) -> None:
    for name, parameter in expanded["Parameters"].items():
        assert len(parameter.get("Description", "")) > 20, name
        assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), name
        if "AllowedPattern" in parameter:
            assert "ConstraintDescription" in parameter, name


def test_every_parameter_has_a_default_that_is_allowed(expanded: Template) -> None:
    for name, parameter in expanded["Parameters"].items():
        default = parameter["Default"]
        if "AllowedPattern" in parameter:
            assert re.fullmatch(parameter["AllowedPattern"], default), name
        if "AllowedValues" in parameter:
            assert default in parameter["AllowedValues"], name
        if "MinValue" in parameter:
            assert parameter["MinValue"] <= default <= parameter["MaxValue"], name


def test_every_parameter_is_grouped(expanded: Template) -> None:
    groups = expanded["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]

    grouped = [name for group in groups for name in group["Parameters"]]

    assert sorted(grouped) == sorted(expanded["Parameters"])


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("MarketoUrl", "https://{munchkin_id}.mktorest.com", True),
        ("MarketoUrl", "http://127.0.0.1:9000", True),
        ("MarketoUrl", "http://127.0.0.1:9000/{munchkin_id}", True),
        ("MarketoUrl", "ftp://example.org", False),
        ("MarketoUrl", "https://user:password@example.org", False),
        ("MarketoUrl", "https://example.org/?x=1", False),
        ("AlarmEmail", "on-call@example.org", True),
        ("AlarmEmail", "on-call", False),
        ("KmsKeyArn", "arn:aws:kms:eu-central-1:111122223333:key/mrk-0123456789abcdef", True),
        ("KmsKeyArn", "alias/mine", False),
        ("StageName", "live", True),
        ("StageName", "a/b", False),
        ("AwsEndpointUrl", "http://127.0.0.1:4566", True),
        ("AwsEndpointUrl", "https://aws.example.org", False),
    ],
)
def test_patterns_of_parameters(expanded: Template, parameter: str, value: str, allowed: bool) -> None:
    assert bool(re.fullmatch(expanded["Parameters"][parameter]["AllowedPattern"], value)) is allowed


def test_outputs_are_documented(template: Template) -> None:
    outputs: dict[str, Any] = template["Outputs"]

    assert set(outputs) >= {
        "ApiUrl",
        "QueueUrl",
        "DeadLetterQueueUrl",
        "ConnectionsTableName",
        "LedgerTableName",
        "RunsTableName",
        "AlarmTopicArn",
    }
    for name, output in outputs.items():
        assert len(output.get("Description", "")) > 20, name


def test_in_the_cloud_functions_are_told_of_no_stand_in_for_aws(template: Template) -> None:
    for name, properties in of_type(template, "AWS::Lambda::Function").items():
        assert "AWS_ENDPOINT_URL" not in properties["Environment"]["Variables"], name
