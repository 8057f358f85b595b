"""The ledger is restored by the commands that docs/operations.md has for it."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore import xform_name
from botocore.model import Shape, StructureShape

from testing.aws import Aws, aws
from testing.template import ROOT

NAME = "LedgerTable"
ROWS: list[dict[str, Any]] = [
    {"pk": {"S": f"c-1#{shard}"}, "sk": {"S": "person#0f"}, "rest": {"B": bytes([shard])}} for shard in range(8)
]


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


def commands() -> list[list[str]]:
    """The commands of the section, as a shell splits them."""
    _, _, below = (ROOT / "docs/operations.md").read_text().partition("\n## Restoring the ledger\n")
    section, _, _ = below.partition("\n## ")
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line.strip()]


def carried_out(stack: Aws, command: list[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """What AWS answers a command of its command line, in which shell variables are replaced by their values."""
    program, service, name, *options = command
    assert (program, service) == ("aws", "dynamodb")
    for variable, value in variables.items():
        options = [one.replace(variable, value) for one in options]
    method = name.replace("-", "_")
    shape = stack.dynamodb.meta.service_model.operation_model(
        stack.dynamodb.meta.method_to_api_mapping[method]
    ).input_shape
    assert isinstance(shape, StructureShape)
    members = {xform_name(member, "-"): member for member in shape.members}
    given = dict(zip([one.removeprefix("--") for one in options[::2]], options[1::2], strict=True))
    arguments = {members[option]: _value(value, shape.members[members[option]]) for option, value in given.items()}
    answer: dict[str, Any] = getattr(stack.dynamodb, method)(**arguments)
    return answer


def _value(text: str, shape: Shape) -> Any:
    """What an option says, in the shorthand of the command line where it is a structure."""
    if not isinstance(shape, StructureShape):
        return text
    found = (pair.split("=") for pair in text.split(","))
    return {name: {"true": True}.get(value, value) for name, value in found}


def described(stack: Aws) -> tuple[object, ...]:
    client = stack.dynamodb
    backups = client.describe_continuous_backups(TableName=NAME)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    expiry = client.describe_time_to_live(TableName=NAME)["TimeToLiveDescription"]
    table = client.describe_table(TableName=NAME)["Table"]
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    tables = sorted(client.list_tables()["TableNames"])
    return recovery, expiry["TimeToLiveStatus"], expiry.get("AttributeName"), keys, tables


def test_the_ledger_is_what_it_was(stack: Aws) -> None:
    client = stack.dynamodb
    client.update_time_to_live(TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})
    client.update_continuous_backups(
        TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    before = described(stack)
    for row in ROWS:
        client.put_item(TableName=NAME, Item=row)
    variables = {"$TABLE": NAME}
    for command in commands():
        answer = carried_out(stack, command, variables)
        if "BackupDetails" in answer:
            variables["$BACKUP"] = answer["BackupDetails"]["BackupArn"]
    assert described(stack) == before == ("ENABLED", "ENABLED", "expires_at", ["pk", "sk"], before[-1])
    found = client.scan(TableName=NAME)["Items"]
    assert sorted((dict(one) for one in found), key=lambda one: one["pk"]["S"]) == ROWS
