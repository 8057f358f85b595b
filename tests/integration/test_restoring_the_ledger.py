"""The ledger is restored by the commands that docs/operations.md has for it."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from testing.aws import Aws, aws
from testing.aws_commands import carried_out
from testing.template import ROOT, expand, settle

NAME, RESTORED = "LedgerTable", "LedgerTable-restored"
ROWS: list[dict[str, Any]] = [
    {"pk": {"S": f"c-1#{shard}"}, "sk": {"S": "person#0f"}, "rest": {"B": bytes([shard])}} for shard in range(8)
]


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


def section() -> str:
    _, _, below = (ROOT / "docs/operations.md").read_text().partition("\n## Restoring the ledger\n")
    return below.partition("\n## ")[0]


def commands() -> list[list[str]]:
    """The commands of the section, as a shell splits them."""
    blocks = re.findall(r"```sh\n(.*?)```", section(), re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line.strip()]


def described(stack: Aws, name: str) -> tuple[object, ...]:
    client = stack.dynamodb
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    expiry = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    table = client.describe_table(TableName=name)["Table"]
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    return recovery, expiry["TimeToLiveStatus"], expiry.get("AttributeName"), table["DeletionProtectionEnabled"], keys


def rows(stack: Aws, name: str) -> list[dict[str, Any]]:
    found = stack.dynamodb.scan(TableName=name)["Items"]
    return sorted((dict(one) for one in found), key=lambda one: one["pk"]["S"])


def test_the_ledger_is_what_it_was_in_a_table_beside_it(stack: Aws) -> None:
    """Up to its deployment, which only AWS does: that the functions and their roles change is seen in the template."""
    client = stack.dynamodb
    client.update_time_to_live(TableName=NAME, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})
    client.update_continuous_backups(
        TableName=NAME, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    client.update_table(TableName=NAME, DeletionProtectionEnabled=True)
    before = described(stack, NAME)
    for row in ROWS:
        client.put_item(TableName=NAME, Item=row)

    *restore, deploy = commands()
    for command in restore:
        carried_out(stack.dynamodb, command, {"$TABLE": NAME, "$RESTORED": RESTORED})

    assert described(stack, RESTORED) == before == ("ENABLED", "ENABLED", "expires_at", True, ["pk", "sk"])
    assert rows(stack, RESTORED) == rows(stack, NAME) == ROWS
    assert deploy[:4] == ["sam", "deploy", "--parameter-overrides", "$PARAMETERS"]
    parameter, _, value = deploy[4].partition("=")
    deployed = settle(expand(), **{parameter: value.replace("$RESTORED", RESTORED)})
    sync = deployed["Resources"]["SyncFunction"]["Properties"]["Environment"]["Variables"]
    assert sync["LEDGER_TABLE"] == {"Ref": parameter}


def test_a_table_that_was_deleted_comes_from_its_backup(stack: Aws) -> None:
    client = stack.dynamodb
    for row in ROWS:
        client.put_item(TableName=NAME, Item=row)
    backup = client.create_backup(TableName=NAME, BackupName="as DynamoDB makes one")["BackupDetails"]["BackupArn"]
    client.delete_table(TableName=NAME)
    (command,) = re.findall(r"`(aws dynamodb restore-table-from-backup [^`]+)`", section())

    carried_out(stack.dynamodb, shlex.split(command), {"$RESTORED": RESTORED, "$BACKUP": backup})

    assert rows(stack, RESTORED) == ROWS
