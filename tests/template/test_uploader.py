"""The role for somebody else's account who drops files: it is there when it is asked for, and can put and nothing else.

Source: AWS Identity and Access Management, "The confused deputy problem": whoever acts for many customers names an
external id, and the role wants it.
"""

import re
from typing import Any

import pytest

from testing.template import Template, of_type, settle
from tests.template.conftest import KEY

ADOBE, ORGANISATION = "arn:aws:iam::123456789012:role/exporter", "ABCDEF0123456789@AdobeOrg"
UPLOADS = {"Fn::Sub": "${Bucket.Arn}/uploads/*"}


def role(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"]["UploaderRole"]["Properties"]
    return found


def statements(template: Template) -> list[dict[str, Any]]:
    (policy,) = role(template)["Policies"]
    return [*policy["PolicyDocument"]["Statement"]]


@pytest.fixture(scope="module")
def asked_for(expanded: Template) -> Template:
    return settle(expanded, UploaderArn=ADOBE, UploaderExternalId=ORGANISATION)


@pytest.mark.parametrize("given", [{}, {"UploaderArn": ADOBE}, {"UploaderExternalId": ORGANISATION}])
def test_without_both_there_is_none(expanded: Template, given: dict[str, str]) -> None:
    template = settle(expanded, **given)
    assert "UploaderRole" not in template["Resources"]
    assert "UploaderRoleArn" not in template["Outputs"]


def test_who_names_the_external_id_may_take_it_and_nobody_else(asked_for: Template) -> None:
    assert role(asked_for)["AssumeRolePolicyDocument"]["Statement"] == [
        {
            "Effect": "Allow",
            "Principal": {"AWS": {"Ref": "UploaderArn"}},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": {"Ref": "UploaderExternalId"}}},
        }
    ]
    assert asked_for["Outputs"]["UploaderRoleArn"]["Value"] == {"Fn::GetAtt": ["UploaderRole", "Arn"]}


def test_it_puts_uploads_and_does_nothing_else(asked_for: Template) -> None:
    assert statements(asked_for) == [{"Effect": "Allow", "Action": "s3:PutObject", "Resource": UPLOADS}]
    assert "ManagedPolicyArns" not in role(asked_for)
    assert "PermissionsBoundary" not in role(asked_for)


def test_a_key_of_the_customer_may_be_used_by_it(expanded: Template) -> None:
    template = settle(expanded, UploaderArn=ADOBE, UploaderExternalId=ORGANISATION, KmsKeyArn=KEY)
    _, uses = statements(template)
    assert (uses["Action"], uses["Resource"]) == (["kms:Decrypt", "kms:GenerateDataKey"], {"Ref": "KmsKeyArn"})


def test_a_boundary_bounds_it(expanded: Template) -> None:
    boundary = "arn:aws:iam::111122223333:policy/boundary"
    template = settle(expanded, UploaderArn=ADOBE, UploaderExternalId=ORGANISATION, PermissionsBoundaryArn=boundary)
    assert role(template)["PermissionsBoundary"] == {"Ref": "PermissionsBoundaryArn"}


def test_it_is_the_only_role_that_is_added(template: Template, asked_for: Template) -> None:
    roles = [set(of_type(one, "AWS::IAM::Role")) for one in (asked_for, template)]
    assert roles[0] - roles[1] == {"UploaderRole"}


@pytest.mark.parametrize(
    ("parameter", "value", "allowed"),
    [
        ("UploaderArn", ADOBE, True),
        ("UploaderArn", "arn:aws:iam::123456789012:root", True),
        ("UploaderArn", "*", False),
        ("UploaderArn", "arn:aws:iam::123456789012:role/*", False),
        ("UploaderArn", "123456789012", False),
        ("UploaderExternalId", ORGANISATION, True),
        ("UploaderExternalId", "*", False),
        ("UploaderExternalId", "a b", False),
    ],
)
def test_nobody_in_general_is_let_in(expanded: Template, parameter: str, value: str, allowed: bool) -> None:
    assert bool(re.fullmatch(expanded["Parameters"][parameter]["AllowedPattern"], value)) is allowed
