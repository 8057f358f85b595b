"""docs/data-model.md names every key that is written, and until when what stands there is kept."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import pytest

from destination.domain.file import OutcomesKey, RowOutcome
from destination.domain.not_arrived import NotArrived, ResultsKey
from destination.domain.outcome import MISSING_DEDUPE_VALUE, Class
from destination.domain.recipient import Protocol, Recipient
from destination.store.files import FileObjects
from destination.store.recipients import Recipients
from destination.store.results import Results
from testing.aws import SECRETS_PREFIX, TABLES, Aws, aws
from testing.persons import RUN, START
from testing.recorded import Recording, write
from testing.recorded_files import FILE
from testing.recorded_values import ORIGIN
from testing.template import ROOT, source

DOCUMENT: Final = (ROOT / "docs/data-model.md").read_text()
STORE: Final = ROOT / "layers/destination/destination/store"
OF_TABLES: Final = {
    table["TableName"]: [key["AttributeName"] for key in table["KeySchema"]] for table in TABLES.values()
}

FORMS: Final[Mapping[str, str]] = {
    "connection id": r"connection-\d",
    "munchkin id": r"\d{3}-[A-Z]{3}-\d{3}",
    "shard": r"\d",
    "hour": r"\d{4}-\d\d-\d\dT\d\d:00Z",
    "SHA-256": r"[0-9a-f]{64}",
    "stack": SECRETS_PREFIX,
    "mode": "(?:add|incremental|mirror)",
}
"""What stands for placeholders; for others anything without a separator of keys."""


@dataclass(frozen=True)
class Row:
    """A row of the document's tables: the parts of the key, and until when it is kept."""

    key: tuple[str, ...]
    until: str

    def is_of(self, key: tuple[str, ...]) -> bool:
        return len(key) == len(self.key) and all(map(_matches, self.key, key))


def _matches(shown: str, part: str) -> bool:
    pieces = re.split(r"<([^>]+)>", shown)
    forms = (FORMS.get(one, "[^#/]+") if place % 2 else re.escape(one) for place, one in enumerate(pieces))
    return re.fullmatch("".join(forms), part) is not None


def rows(heading: str, parts: int) -> list[Row]:
    """The rows below a heading, whose first columns are parts of a key."""
    _, _, below = DOCUMENT.partition(f"\n## {heading}\n")
    cells = [
        line.strip("| ").split(" | ") for line in re.findall(r"^\| `.*", below.partition("\n## ")[0], re.MULTILINE)
    ]
    return [Row(tuple(one.strip("`") for one in row[:parts]), row[-1]) for row in cells if row[-1] != "until"]


@pytest.fixture(scope="module")
def recording() -> Iterator[Recording]:
    """What an account has once one of everything was written."""
    with aws() as stack:
        write(stack)
        _write_the_rest(stack)
        yield Recording.of(stack)


def _write_the_rest(stack: Aws) -> None:
    """What no release reads of another."""
    recipients, recipient = Recipients(stack.dynamodb, "ConnectionsTable"), Recipient(Protocol.EMAIL, "ops@example.com")
    recipients.replace("connection-1", [recipient], [])
    recipients.note(recipient, "arn:aws:sns:eu-central-1:123456789012:alerts:1")
    person = NotArrived(ORIGIN, 5, Class.EXCLUDED, MISSING_DEDUPE_VALUE.code, START)
    Results(stack.s3, stack.bucket).put(ResultsKey("connection-1", RUN, START, 1, "0" * 12), [person])
    objects = FileObjects(stack.s3, stack.bucket)
    outcome = RowOutcome("0", "activated", lead_id=1)
    objects.put("connection-1", OutcomesKey(FILE.id, 0, START, {"activated": 1}, "0" * 12), [outcome])
    objects.write_result(FILE, [b"row,outcome\n"])
    for key in (
        objects.upload_key("connection-1", FILE.id, "people.csv"),
        "uploads/connection-1/add/activation-1/people.csv",
    ):
        stack.s3.put_object(Bucket=stack.bucket, Key=key, Body=b"email\n")


def of_table(recording: Recording, table: str) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    keys = OF_TABLES[table]
    return [(tuple(one[key]["S"] for key in keys), one) for one in recording.tables[table]]


@pytest.mark.parametrize("table", OF_TABLES)
def test_every_item_has_one_row_and_every_row_an_item(recording: Recording, table: str) -> None:
    described, found = rows(table, 2), [key for key, _ in of_table(recording, table)]
    assert {
        key: [row.key for row in described if row.is_of(key)] for key in found if not _is_in_one(key, described)
    } == {}
    assert [row.key for row in described if not any(map(row.is_of, found))] == []


def _is_in_one(key: tuple[str, ...], described: list[Row]) -> bool:
    return sum(row.is_of(key) for row in described) == 1


@pytest.mark.parametrize("table", OF_TABLES)
def test_what_expires_says_after_how_many_days(recording: Recording, table: str) -> None:
    for key, item in of_table(recording, table):
        (until,) = (row.until for row in rows(table, 2) if row.is_of(key))
        if "expires_at" in item:
            ends = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
            assert f"{round((ends - START).total_seconds() / 86_400)} days" in until, key
        else:
            assert re.match(r"for ever|it |its |the |another", until), key


def test_every_object_has_one_row_and_every_row_an_object(recording: Recording) -> None:
    described, found = rows("The bucket", 1), [(key,) for key in recording.bucket]
    assert [key for key in found if not _is_in_one(key, described)] == []
    assert [row.key for row in described if not any(map(row.is_of, found))] == []


def test_every_rule_of_the_bucket_is_told() -> None:
    rules = source()["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    days = {one["Prefix"]: one["ExpirationInDays"] for one in rules if "ExpirationInDays" in one}
    assert days
    for prefix, number in days.items():
        assert [row for row in rows("The bucket", 1) if row.key[0].startswith(prefix) and f"{number} days" in row.until]


def test_every_secret_has_one_row_and_every_row_a_secret(recording: Recording) -> None:
    described, found = rows("Secrets", 1), [(name,) for name in recording.secrets]
    assert [key for key in found if not _is_in_one(key, described)] == []
    assert [row.key for row in described if not any(map(row.is_of, found))] == []


def test_every_prefix_in_the_code_of_the_stores_is_named() -> None:
    """Also of what nobody thought of writing here."""
    written = {found for path in sorted(STORE.glob("*.py")) for found in re.findall(r'"([a-z_]+#)', path.read_text())}
    assert len(written) > 15
    assert {one for one in written if f"`{one}" not in DOCUMENT} == set()


def test_every_queue_is_named_with_how_long_it_keeps_messages() -> None:
    for name, one in source()["Resources"].items():
        if one["Type"] == "AWS::SQS::Queue":
            days = one["Properties"]["MessageRetentionPeriod"] // 86_400
            assert re.search(rf"^\| `{name}` \|.*\b{days} days \|$", DOCUMENT, re.MULTILINE), name
