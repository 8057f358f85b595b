"""Who calls is read from the ARN. The forms: AWS Identity and Access Management, "IAM identifiers"."""

import pytest

from destination.domain.caller import CallerIdentity, CallerKind

ACCOUNT = "123456789012"


@pytest.mark.parametrize(
    ("arn", "kind", "name", "shows_policies"),
    [
        (
            f"arn:aws:sts::{ACCOUNT}:assumed-role/Operators/ada@example.com",
            CallerKind.ROLE,
            "Operators",
            "aws iam list-attached-role-policies --role-name Operators",
        ),
        (
            f"arn:aws-us-gov:iam::{ACCOUNT}:user/division/ops/ada",
            CallerKind.USER,
            "ada",
            "aws iam list-attached-user-policies --user-name ada",
        ),
        (f"arn:aws:iam::{ACCOUNT}:root", CallerKind.OTHER, None, None),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/ada", CallerKind.OTHER, None, None),
        ("local", CallerKind.LOCAL, None, None),
    ],
)
def test_a_caller_is_told_by_the_arn(arn: str, kind: CallerKind, name: str | None, shows_policies: str | None) -> None:
    caller = CallerIdentity.of(arn)
    assert caller == CallerIdentity(arn, kind, name)
    assert caller.shows_policies == shows_policies
