"""DynamoDB's limits, as its documents have them: by the units of partitions and tables, by bytes, and by conflicts."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from destination.store.transactions import cancellation_codes
from testing.aws import Aws, aws
from testing.busy_world import KEYS
from testing.dynamodb_limits import KB, DynamoDBLimits, Meter
from testing.side_by_side import SideBySide
from testing.timeline import Timeline

TABLE = "LedgerTable"


class Stage:
    """A table, and a clock that goes on when somebody sleeps."""

    def __init__(self, stack: Aws) -> None:
        self.now = 0.0
        self.client = stack.dynamodb
        self.limits = DynamoDBLimits(lambda: self.now, self.sleep, KEYS)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def transact(self, *items: dict[str, Any]) -> None:
        self.client.transact_write_items(TransactItems=[{"Put": {"TableName": TABLE, "Item": one}} for one in items])

    def refused(self, *items: dict[str, Any]) -> ClientError:
        with pytest.raises(ClientError) as error:
            self.transact(*items)
        return error.value


def item(partition: str, name: str, kilobytes: float = 0.5) -> dict[str, Any]:
    return {"pk": {"S": partition}, "sk": {"S": name}, "filling": {"S": "x" * int(kilobytes * KB - 50)}}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with aws() as stack:
        stage = Stage(stack)
        with stage.limits.before(stage.client):
            yield stage


def test_a_partition_takes_a_thousand_units_a_second_and_a_transaction_two_for_each_kilobyte(stage: Stage) -> None:
    stage.transact(item("a", "first", 250))
    stage.transact(item("a", "second", 250))
    assert cancellation_codes(stage.refused(item("b", "small"), item("a", "small"))) == ["None", "ThrottlingError"]
    stage.now = 1.0
    stage.transact(item("b", "small"), item("a", "small"))


def test_another_partition_has_units_of_its_own_and_the_table_four_thousand(stage: Stage) -> None:
    for partition in "abcd":
        stage.transact(item(partition, "first", 250), item(partition, "second", 250))
    assert cancellation_codes(stage.refused(item("e", "small"))) == ["ThrottlingError"]


def test_what_needs_more_than_a_second_gives_is_never_taken(stage: Stage) -> None:
    for now in (0.0, 10.0, 4_000.0):
        stage.now = now
        assert cancellation_codes(stage.refused(item("a", "1", 300), item("a", "2", 300))) == ["ThrottlingError"] * 2


def test_what_an_item_was_counts_where_it_was_more(stage: Stage) -> None:
    stage.transact(item("a", "large", 390))
    stage.now = 1.0
    stage.transact(item("a", "large"), item("a", "other", 110))
    assert stage.refused(item("a", "small")).response["Error"]["Code"] == "TransactionCanceledException"


def test_a_table_takes_twice_its_peak_after_thirty_minutes() -> None:
    meter = Meter(4_000, grows=True)
    meter.take(4_000, now=0.0)
    assert not meter.has_room(1, now=0.5)
    assert [meter.ceiling(now) for now in (0.0, 1_799.0, 1_800.0)] == [4_000, 4_000, 8_000]
    meter.take(8_000, now=1_800.0)
    assert [meter.ceiling(now) for now in (3_599.0, 3_600.0)] == [8_000, 16_000]


def test_the_sdk_repeats_a_single_write_that_was_throttled(stage: Stage) -> None:
    stage.transact(item("a", "first", 390), item("a", "second", 110))
    stage.client.put_item(TableName=TABLE, Item=item("a", "third", 10))
    assert 1.0 <= stage.now < 2.0
    stage.limits.closed.add(TABLE)
    with pytest.raises(ClientError, match="ThrottlingException"):
        stage.client.put_item(TableName=TABLE, Item=item("b", "first"))
    assert stage.now > 25


@pytest.mark.parametrize(
    "items",
    [
        [item("a", str(number), 390) for number in range(11)],
        [item("a", "large", 401)],
        [item(str(number), "1") for number in range(101)],
        [item("a", "twice"), item("a", "twice")],
    ],
    ids=["4 MB a transaction", "400 KB an item", "100 items", "each item once"],
)
def test_what_no_patience_makes_fit(stage: Stage, items: list[dict[str, Any]]) -> None:
    assert stage.refused(*items).response["Error"]["Code"] == "ValidationException"


def read(stage: Stage, names: list[tuple[str, str]]) -> tuple[int, int]:
    """How many items are answered, and how many are left."""
    keys = [{"pk": {"S": partition}, "sk": {"S": name}} for partition, name in names]
    answer = stage.client.batch_get_item(RequestItems={TABLE: {"Keys": keys, "ConsistentRead": True}})
    return len(answer["Responses"][TABLE]), len(answer["UnprocessedKeys"].get(TABLE, {"Keys": []})["Keys"])


def stored(stage: Stage, partitions: int, each: int) -> list[tuple[str, str]]:
    """Items of 300 KB."""
    names = [(str(partition), str(number)) for partition in range(partitions) for number in range(each)]
    for partition, name in names:
        stage.transact(item(partition, name, 300))
        stage.now += 1
    return names


def test_a_batch_of_reads_answers_one_megabyte_of_a_partition_and_sixteen_in_all(stage: Stage) -> None:
    """And says which keys it has left."""
    names = stored(stage, 20, 4)
    assert read(stage, names[:4]) == (3, 1)
    assert read(stage, names) == (54, 26)
    with pytest.raises(ClientError, match="Too many items"):
        read(stage, [("a", str(number)) for number in range(101)])


def test_a_batch_of_reads_leaves_what_is_throttled_and_is_refused_where_all_is(stage: Stage) -> None:
    names = stored(stage, 1, 3)
    stage.limits.partition_reads = 160
    assert read(stage, names) == (2, 1)
    assert stage.limits.refused["ThrottlingException"] == 0
    now = stage.now
    assert read(stage, names) == (2, 1)
    assert stage.now > now
    assert stage.limits.refused["ThrottlingException"] > 0


def test_a_batch_of_writes_takes_25_and_leaves_what_is_throttled(stage: Stage) -> None:
    def write(number: int) -> int:
        requests: Any = [{"PutRequest": {"Item": item("a", str(one), 60)}} for one in range(number)]
        answer = stage.client.batch_write_item(RequestItems={TABLE: requests})
        return len(answer["UnprocessedItems"].get(TABLE, []))

    assert write(25) == 9
    with pytest.raises(ClientError, match="Too many items"):
        write(26)


def test_a_query_takes_units_for_what_it_reads(stage: Stage) -> None:
    stored(stage, 1, 3)
    stage.limits.partition_reads = 200

    def query() -> None:
        values: Any = {":pk": {"S": "0"}}
        condition = "pk = :pk"
        stage.client.query(
            TableName=TABLE,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        )

    query()
    now = stage.now
    query()
    assert stage.now >= now + 1


def test_an_item_is_in_one_transaction_at_a_time() -> None:
    with aws() as stack:
        side_by_side = SideBySide(Timeline())
        stage = Stage(stack)
        clock, sleep = (lambda: side_by_side.timeline.now), side_by_side.sleep
        stage.limits = DynamoDBLimits(clock, sleep, KEYS, seconds=1.0)
        said: list[Any] = []

        def other() -> None:
            said.append(cancellation_codes(stage.refused(item("b", "1"), item("a", "1"))))
            with pytest.raises(ClientError, match="TransactionConflictException"):
                stage.client.put_item(TableName=TABLE, Item=item("a", "1"))
            stage.transact(item("a", "2"))
            said.append(read(stage, [("a", "1"), ("a", "2")]))

        with stage.limits.before(stage.client):
            side_by_side.start(lambda: stage.transact(item("a", "1")))
            side_by_side.timeline.at(0.5, lambda: side_by_side.start(other))
            side_by_side.timeline.run(10)
        assert said == [["None", "TransactionConflict"], (2, 0)]
