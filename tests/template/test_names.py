"""What is named after the stack has a name that AWS takes, whatever legal name the stack has."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from testing.template import Template

# CloudFormation, "CreateStack", StackName: "It can't be longer than 128 characters." The region's name is a long one.
SHORT, LONG = "d", "d" * 128
STACK_ID = "arn:aws:cloudformation:ap-southeast-1:111122223333:stack/{}/0f8fad5b-d9cb-469f-a165-70867728950e"

# By kind of resource, the property that names it, and how long it may be (the quotas of each service).
LENGTHS = {
    ("AWS::ApiGateway::RestApi", "Name"): 1024,
    ("AWS::CloudWatch::Dashboard", "DashboardName"): 255,
    ("AWS::Lambda::LayerVersion", "LayerName"): 140,
    ("AWS::Logs::LogGroup", "LogGroupName"): 512,
    ("AWS::SQS::Queue", "QueueName"): 80,
}
NAMES = re.compile("Name$")
OF_OTHERS = {"AttributeName", "IndexName", "FunctionName", "MetricName", "PolicyName", "DomainName", "StageName"}
"""Names of what stands inside of a resource, or of another one."""


def said(value: Any, stack: str) -> str:
    """What CloudFormation makes of a name."""
    pseudo = {
        "AWS::StackName": stack,
        "AWS::Region": "ap-southeast-1",
        "AWS::StackId": STACK_ID.format(stack),
    }
    match value:
        case str():
            return value
        case {"Ref": name}:
            return pseudo[name]
        case {"Fn::Select": [index, {"Fn::Split": [separator, text]}]}:
            return said(text, stack).split(str(separator))[int(index)]
        case {"Fn::Sub": [str() as text, dict() as parts]}:
            pseudo |= {name: said(part, stack) for name, part in parts.items()}
            return re.sub(r"\$\{([\w:]+)}", lambda found: pseudo[found[1]], text)
        case {"Fn::Sub": str() as text}:
            return said({"Fn::Sub": [text, {}]}, stack)
    raise AssertionError(value)


def names(template: Template) -> Iterator[tuple[str, str, Any]]:
    """Every property that names its resource: the kind of the resource, the property, and its value."""
    for resource in template["Resources"].values():
        for name, value in resource["Properties"].items():
            if NAMES.search(name) and name not in OF_OTHERS:
                yield resource["Type"], name, value


def test_every_name_fits(template: Template) -> None:
    found = list(names(template))
    assert {(kind, name) for kind, name, _ in found} == LENGTHS.keys()
    for kind, name, value in found:
        for stack in (SHORT, LONG):
            assert 1 <= len(said(value, stack)) <= LENGTHS[kind, name], (kind, value)


def test_stacks_share_no_name(template: Template) -> None:
    for kind, _, value in names(template):
        assert "AWS::Stack" in json.dumps(value), (kind, value)


def test_secrets_fit_below_the_name_of_the_stack() -> None:
    """AWS Secrets Manager, "Quotas": 512 characters. The longest are of tokens: instance, and client id."""
    assert len(f"{LONG}/tokens/123-ABC-456/{'0' * 36}") <= 512


def test_a_rule_of_x_ray_has_a_short_name(template: Template) -> None:
    """AWS X-Ray, "SamplingRule": RuleName has 32 characters at most."""
    name = template["Resources"]["TraceSampling"]["Properties"]["SamplingRule"]["RuleName"]
    assert said(name, LONG) == "destination-0f8fad5b"


@pytest.mark.parametrize(
    "role", ["IngestRole", "SyncRole", "FilesRole", "MonitorRole", "ConnectionsRole", "ScheduleRole"]
)
def test_what_a_role_may_do_fits_into_it(template: Template, role: str) -> None:
    """IAM, "IAM and AWS STS quotas": 10,240 characters of all inline policies of a role, white space not counted."""
    text = json.dumps(template["Resources"][role]["Properties"]["Policies"], separators=(",", ":"))
    # Each reference becomes an ARN, in which a name has what its service takes, a table's 255 characters.
    arns = re.sub(r'\{"(?:Ref|Fn::GetAtt)":[^}]+\}', '"' + "x" * 320 + '"', text)
    whole = re.sub(r"\$\{AWS::StackName}", LONG, re.sub(r"\$\{\w+\.Arn}", "x" * 320, arns))
    assert len(whole) < 10_240
