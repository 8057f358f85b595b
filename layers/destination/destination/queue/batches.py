"""Batches of messages: as SQS takes them, up to ten and 1 MiB a call, and as Lambda hands them over."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MAX_BATCH_BYTES = 1024 * 1024
"""Of the messages of one call, and of each alone, with their attributes (Amazon SQS, "Message quotas")."""
MAX_BATCH_ENTRIES = 10
SEND_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Message:
    """A message as received, for the `receives`th time; `receipt_handle`: what SQS takes to delete or delay it."""

    id: str
    receipt_handle: str
    body: str
    receives: int = 1

    def without_body(self) -> Self:
        """For whoever keeps many of them to delete or delay them."""
        return replace(self, body="")


def messages(event: Mapping[str, Any]) -> list[Message]:
    """The messages of an SQS batch as Lambda hands it over."""
    return [
        Message(
            record["messageId"],
            record["receiptHandle"],
            record["body"],
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
        )
        for record in event["Records"]
    ]


def batch_response(requeued: Iterable[str]) -> dict[str, list[dict[str, str]]]:
    """Lambda's partial batch response: the messages that stay in the queue."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in requeued]}


def send_all(client: "SQSClient", url: str, entries: Sequence["SendMessageBatchRequestEntryTypeDef"]) -> list[int]:
    """Store messages, in as few calls as take them; answers the indexes of those that were not stored.

    An entry needs no `Id`, which is given to it here.
    """
    pending = list(range(len(entries)))
    for _ in range(SEND_ATTEMPTS):
        pending = [index for batch in _batches(pending, entries) for index in _send_batch(client, url, batch, entries)]
        if not pending:
            break
    return pending


def _send_batch(
    client: "SQSClient", url: str, batch: Sequence[int], entries: Sequence["SendMessageBatchRequestEntryTypeDef"]
) -> list[int]:
    try:
        answer = client.send_message_batch(
            QueueUrl=url, Entries=[{**entries[index], "Id": str(index)} for index in batch]
        )
    except (BotoCoreError, ClientError):
        return list(batch)
    return [int(failure["Id"]) for failure in answer.get("Failed", [])]


def _batches(indexes: Sequence[int], entries: Sequence["SendMessageBatchRequestEntryTypeDef"]) -> Iterator[list[int]]:
    batch: list[int] = []
    size = 0
    for index in indexes:
        length = _size(entries[index])
        if batch and (len(batch) == MAX_BATCH_ENTRIES or size + length > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(index)
        size += length
    if batch:
        yield batch


def _size(entry: "SendMessageBatchRequestEntryTypeDef") -> int:
    """Bytes of a message as SQS counts them: its body, and the name, type and value of each attribute.

    Source: Amazon SQS, "Amazon SQS message metadata".
    """
    attributes = entry.get("MessageAttributes", {}).items()
    texts = [text for name, one in attributes for text in (name, one["DataType"], one.get("StringValue", ""))]
    return sum(len(text.encode()) for text in (entry["MessageBody"], *texts))
