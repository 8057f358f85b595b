"""What persons take of AWS, in the units that it charges: `python -m benchmarks.units URL PROFILES AUDIENCES`.

New persons go from requests with so many profiles to the lists of so many audiences, at a Marketo below the URL. The
functions run with AWS in memory, where each operation is counted. Prints a JSON object: `counts`, by name of a price in
docs/prices.json, and `log_bytes`, which the functions wrote.
"""

import contextlib
import io
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any, Final
from unittest import mock

from benchmarks import aws, workload
from destination.queue import Message

PERSONS: Final = 1000
MESSAGES: Final = 10_000
"""Of a batch of the queue, at most (template.yaml)."""
BYTES: Final = 5_000_000
"""Of a batch of the queue, at most, so that it fits into what Lambda takes."""
CHUNK: Final = 64 * 1024
"""Bytes of a request to SQS that count as one request (Amazon SQS, "Pricing")."""

Item = dict[str, Any]


class MeteredDynamoDB(aws.DynamoDB):
    """The tables, and the units that their operations take (Amazon DynamoDB, "Read and write capacity")."""

    def __init__(self) -> None:
        super().__init__()
        self.units: dict[str, float] = defaultdict(float)

    def get_item(self, **request: Any) -> Item:
        answer = super().get_item(**request)
        self._read(size(answer.get("Item", {})), is_consistent=request.get("ConsistentRead", False))
        return answer

    def batch_get_item(self, **request: Any) -> Item:
        answer = super().batch_get_item(**request)
        for table, wanted in request["RequestItems"].items():
            found = [size(item) for item in answer["Responses"].get(table, ())]
            for length in [*found, *[0] * (len(wanted["Keys"]) - len(found))]:
                self._read(length, is_consistent=wanted.get("ConsistentRead", False))
        return answer

    def query(self, **request: Any) -> Item:
        answer = super().query(**request)
        self._read(sum(map(size, answer["Items"])), is_consistent=request.get("ConsistentRead", False))
        return answer

    def transact_write_items(self, **request: Any) -> Item:
        before = self.units["dynamodb_write_unit"]
        answer = super().transact_write_items(**request)
        self.units["dynamodb_write_unit"] += self.units["dynamodb_write_unit"] - before  # in a transaction it is twice
        others = sum("Delete" in action or "ConditionCheck" in action for action in request["TransactItems"])
        self.units["dynamodb_write_unit"] += 2 * others
        return answer

    def _put(self, table: str, item: Item) -> None:
        super()._put(table, item)
        self.units["dynamodb_write_unit"] += max(1, ceil(size(item) / 1024))

    def _read(self, length: int, *, is_consistent: bool) -> None:
        units = max(1, ceil(length / 4096))
        self.units["dynamodb_read_unit"] += units if is_consistent else units / 2


def size(item: Mapping[str, Any]) -> int:
    """Bytes of an item in DynamoDB's types (Amazon DynamoDB, "Item sizes and formats")."""
    return sum(len(name.encode()) + _length(value) for name, value in item.items())


def _length(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    lengths = {
        "S": lambda: len(content.encode()),
        "N": lambda: len(content) // 2 + 2,
        "B": lambda: len(content) * 3 // 4,  # as Base64 has it on its way
        "M": lambda: 3 + len(content) + size(content),
        "L": lambda: 3 + sum(1 + _length(one) for one in content),
        "SS": lambda: sum(len(one.encode()) for one in content),
    }
    return lengths.get(kind, lambda: 1)()


def counted(url: str, per_request: int, audiences: int) -> dict[str, float]:
    """What PERSONS new persons take, from their requests to Marketo."""
    services = aws.AwsInProcess()
    services.dynamodb = tables = MeteredDynamoDB()
    _configure(services, url, audiences)
    from functions.ingest.app import handler as ingest  # noqa: PLC0415 - reads the environment
    from functions.sync.app import handler as sync  # noqa: PLC0415

    counts: Counter[str] = Counter()
    tables.units.clear()
    context: Any = _Context()
    with mock.patch("boto3.client", services.client):
        for first in range(0, PERSONS, per_request):
            body = workload.body(
                workload.profile(one, audiences=audiences) for one in range(first, first + per_request)
            )
            assert ingest(_request(body), context)["statusCode"] == 202
            counts += Counter(api_request=1, lambda_request=1, ingest_requests=1)
        bodies = services.sqs.sent.pop(_QUEUE)
        counts["sqs_request"] += sum(ceil(len(body.encode()) / CHUNK) for body in bodies)
        for batch in _batches(bodies):
            assert sync(workload.batch(batch), context)["batchItemFailures"] == []
            counts += Counter(lambda_request=1, sync_batches=1, sqs_request=2 * ceil(len(batch) / 10))
    return {**counts, **tables.units}


def _batches(bodies: list[str]) -> Iterator[list[Message]]:
    batch: list[Message] = []
    length = 0
    for number, body in enumerate(bodies):
        if batch and (len(batch) == MESSAGES or length + len(body) > BYTES):
            yield batch
            batch, length = [], 0
        batch.append(Message(f"1763719200-{number:08d}-4c3d-8e4f-a5b6c7d8e9f0", "receipt " * 30, body))
        length += len(body)
    yield batch


_QUEUE: Final = "https://queue.invalid/events"


class _Context:
    """Lambda's context, as far as the functions and Powertools read it."""

    function_name = "function"
    memory_limit_in_mb = 1024
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:function"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


def _configure(services: aws.AwsInProcess, url: str, audiences: int) -> None:
    secrets = services.secretsmanager.secrets
    secrets[f"cost/credentials/{workload.CONNECTION_ID}"] = json.dumps(
        {"client_id": "client", "client_secret": "secret"}
    )
    secrets["cost/pseudonyms"] = "secret"
    workload.store(services.client("dynamodb"), workload.active(workload.connection(), audiences))
    os.environ.update(
        STACK_NAME="cost",
        CONNECTIONS_TABLE=aws.CONNECTIONS,
        LEDGER_TABLE=aws.LEDGER,
        RUNS_TABLE=aws.RUNS,
        BUCKET="bucket",
        BATCH_WINDOW_SECONDS="92",
        QUEUE_URL=_QUEUE,
        DEAD_LETTER_QUEUE_URL="https://queue.invalid/dead-letters",
        SECRETS_PREFIX="cost",
        PSEUDONYM_SECRET="cost/pseudonyms",
        MARKETO_URL=url,
        POWERTOOLS_METRICS_NAMESPACE="MarketoDestination",
    )


def _request(body: bytes) -> dict[str, Any]:
    return {
        "httpMethod": "POST",
        "headers": {"Authorization": f"Bearer {workload.TOKEN}", "Content-Type": "application/json"},
        "pathParameters": {"connection_id": workload.CONNECTION_ID},
        "requestContext": {"requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"},
        "body": body.decode(),
        "isBase64Encoded": False,
    }


if __name__ == "__main__":
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        found = counted(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({"counts": found, "log_bytes": len(said.getvalue().encode())}))
