"""SQS in memory, with the limits it keeps and the trouble it makes; tests/contract/stores holds it to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import ClientError, EndpointConnectionError
from mypy_boto3_sqs import SQSClient

from testing.standard_queue import MAX_BYTES


@dataclass
class FakeSqs:
    """Takes batches as SQS does: at most ten entries, 1 MiB in all with their attributes, ids used once.

    Source: Amazon SQS, "Message quotas" and "Amazon SQS message metadata"; API reference, "SendMessageBatch".

    `refuses` says of a body how often it comes back as failed; `down` how many calls find nobody.
    """

    refuses: dict[str, int] = field(default_factory=dict)
    down: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[int] = field(default_factory=list)
    invisible: dict[str, int] = field(default_factory=dict)

    def client(self) -> SQSClient:
        return cast("SQSClient", self)

    def bodies(self) -> list[str]:
        return [entry["MessageBody"] for entry in self.sent]

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._call("SendMessageBatch", Entries)
        if sum(_size(entry) for entry in Entries) > MAX_BYTES:
            raise _refusal("BatchRequestTooLong", "SendMessageBatch")
        failed = []
        for entry in Entries:
            left = self.refuses.get(entry["MessageBody"], 0)
            if left:
                self.refuses[entry["MessageBody"]] = left - 1
                failed.append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"})
            else:
                self.sent.append({**entry, "QueueUrl": QueueUrl})
        refused = {one["Id"] for one in failed}
        successful = [{"Id": entry["Id"]} for entry in Entries if entry["Id"] not in refused]
        return {"Successful": successful, "Failed": failed}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self._call("ChangeMessageVisibilityBatch", Entries)
        self.invisible |= {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in Entries}
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries], "Failed": []}

    def _call(self, operation: str, entries: Sequence[Mapping[str, Any]]) -> None:
        self.calls.append(len(entries))
        if self.down:
            self.down -= 1
            raise EndpointConnectionError(endpoint_url="https://sqs.example.com")
        if not entries:
            raise _refusal("EmptyBatchRequest", operation)
        if len(entries) > 10:
            raise _refusal("TooManyEntriesInBatchRequest", operation)
        if len({entry["Id"] for entry in entries}) < len(entries):
            raise _refusal("BatchEntryIdsNotDistinct", operation)


def _refusal(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": f"AWS.SimpleQueueService.{code}"}}, operation)


def _size(entry: Mapping[str, Any]) -> int:
    attributes = entry.get("MessageAttributes", {})
    return len(entry["MessageBody"].encode()) + sum(
        len(name) + len(one["DataType"]) + len(one["StringValue"].encode()) for name, one in attributes.items()
    )
