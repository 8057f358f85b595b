"""What SQS takes in one call: in memory as in moto."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_sqs import SQSClient
from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

from testing.aws import Aws
from testing.sqs import FakeSqs

MAX_BYTES = 1024 * 1024


class SqsStand(Protocol):
    @property
    def client(self) -> SQSClient: ...
    @property
    def url(self) -> str: ...
    def bodies(self) -> list[str]: ...


@dataclass
class SqsInMemory:
    sqs: FakeSqs
    url: str = "https://queue"

    @property
    def client(self) -> SQSClient:
        return self.sqs.client()

    def bodies(self) -> list[str]:
        return self.sqs.bodies()


@dataclass
class SqsInMoto:
    stack: Aws

    @property
    def client(self) -> SQSClient:
        return self.stack.sqs

    @property
    def url(self) -> str:
        return self.stack.queue_url

    def bodies(self) -> list[str]:
        return [message["Body"] for message in self.stack.receive()]


@pytest.fixture(params=["memory", "moto"])
def stand(request: pytest.FixtureRequest) -> SqsStand:
    return SqsInMemory(FakeSqs()) if request.param == "memory" else SqsInMoto(request.getfixturevalue("stack"))


def entry(number: int, body: str = "body") -> SendMessageBatchRequestEntryTypeDef:
    return {"Id": str(number), "MessageBody": body, "MessageGroupId": "c-1"}


def test_ten_messages_are_taken_in_one_call(stand: SqsStand) -> None:
    answer = stand.client.send_message_batch(QueueUrl=stand.url, Entries=[entry(number) for number in range(10)])
    assert [one["Id"] for one in answer["Successful"]] == [str(number) for number in range(10)]
    assert answer["Failed"] == []
    assert stand.bodies() == ["body"] * 10


def test_a_call_takes_a_mebibyte_of_bodies(stand: SqsStand) -> None:
    halves = [entry(number, "x" * (MAX_BYTES // 2)) for number in range(2)]
    assert stand.client.send_message_batch(QueueUrl=stand.url, Entries=halves)["Failed"] == []
    assert len(stand.bodies()) == 2


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        (list, "AWS.SimpleQueueService.EmptyBatchRequest"),
        (lambda: [entry(number) for number in range(11)], "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
        (lambda: [entry(1), entry(1)], "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
        (lambda: [entry(1, "x" * MAX_BYTES), entry(2, "x")], "AWS.SimpleQueueService.BatchRequestTooLong"),
        (lambda: [entry(1, "x" * (MAX_BYTES + 1))], "AWS.SimpleQueueService.BatchRequestTooLong"),
    ],
    ids=["none", "eleven", "one-id-twice", "too-long", "one-too-long"],
)
def test_a_call_that_is_not_taken_stores_nothing(
    stand: SqsStand, entries: Callable[[], list[SendMessageBatchRequestEntryTypeDef]], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        stand.client.send_message_batch(QueueUrl=stand.url, Entries=entries())
    assert refused.value.response["Error"]["Code"] == code
    assert stand.bodies() == []
