"""AWS in memory: the operations that the functions call, in the shapes of its APIs.

There is one writer at a time, so conditions always hold and none is checked.
"""

import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders

CONNECTIONS: Final = "connections"
LEDGER: Final = "ledger"
RUNS: Final = "runs"
_KEYS: Final = {CONNECTIONS: ("pk", "sk"), LEDGER: ("pk", "sk"), RUNS: ("connection_id", "id")}
_CLAUSE: Final = re.compile(r"(SET|ADD|REMOVE) (.*?)(?= (?:SET|ADD|REMOVE) |$)")

_COMMA: Final = re.compile(r", (?![^(]*\))")
_UNLESS_THERE: Final = re.compile(r"if_not_exists\(#?\w+, (:\w+)\)(?: \+ (:\w+))?")

Item = dict[str, Any]


class DynamoDB:
    """The three tables."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple[str, ...], Item]] = {table: {} for table in _KEYS}

    def get_item(self, **request: Any) -> Item:
        found = self._find(request["TableName"], request["Key"])
        return {} if found is None else {"Item": found}

    def put_item(self, **request: Any) -> Item:
        self._put(request["TableName"], request["Item"])
        return {}

    def query(self, **request: Any) -> Item:
        """By the partition key, whatever it is called, from a sort key on if one is given; of the index, all of it."""
        values = {name: value["S"] for name, value in request["ExpressionAttributeValues"].items()}
        items = self.tables[request["TableName"]].items()
        if "IndexName" in request:
            return {"Items": [item for _, item in items if "listed_as" in item]}
        wanted, *since = values.values()
        return {"Items": [item for key, item in items if key[0] == wanted and list(key[1:]) >= since]}

    def update_item(self, **request: Any) -> Item:
        table, key = request["TableName"], request["Key"]
        item = {**key, **(self._find(table, key) or {})}
        values = request.get("ExpressionAttributeValues", {})
        names = request.get("ExpressionAttributeNames", {})
        for clause, body in _CLAUSE.findall(request["UpdateExpression"]):
            for action in _COMMA.split(body):
                _change(item, clause, action, values, names)
        self._put(table, item)
        return {"Attributes": item}

    def batch_get_item(self, **request: Any) -> Item:
        return {
            "Responses": {
                table: [item for key in wanted["Keys"] if (item := self._find(table, key)) is not None]
                for table, wanted in request["RequestItems"].items()
            },
            "UnprocessedKeys": {},
        }

    def transact_write_items(self, **request: Any) -> Item:
        for action in request["TransactItems"]:
            if "Put" in action:
                self.put_item(**action["Put"])
            elif "Update" in action:
                self.update_item(**action["Update"])
            elif "Delete" in action:
                table = action["Delete"]["TableName"]
                self.tables[table].pop(_place(table, action["Delete"]["Key"]), None)
        return {}

    def get_paginator(self, operation: str) -> "_Pages":
        return _Pages(getattr(self, operation))

    def _find(self, table: str, key: Item) -> Item | None:
        return self.tables[table].get(_place(table, key))

    def _put(self, table: str, item: Item) -> None:
        self.tables[table][_place(table, item)] = item


@dataclass(frozen=True, slots=True)
class _Pages:
    operation: Callable[..., Item]

    def paginate(self, **request: Any) -> Iterator[Item]:
        yield self.operation(**request)


def _place(table: str, item: Item) -> tuple[str, ...]:
    return tuple(item[name]["S"] for name in _KEYS[table])


def _change(item: Item, clause: str, action: str, values: Mapping[str, Any], names: Mapping[str, str]) -> None:
    if clause == "REMOVE":
        item.pop(names.get(action, action), None)
        return
    name, value = action.split(" = ") if clause == "SET" else action.split(" ")
    name = names.get(name, name)
    if (unless := _UNLESS_THERE.fullmatch(value)) is not None:
        new = item.get(name, values[unless[1]])
        if unless[2]:
            new = {"N": str(int(new["N"]) + int(values[unless[2]]["N"]))}
    else:
        new = values[value]
    if clause == "ADD" and name in item:
        old = item[name]
        new = {"SS": sorted({*old["SS"], *new["SS"]})} if "SS" in new else {"N": str(int(old["N"]) + int(new["N"]))}
    item[name] = new


@dataclass(slots=True)
class Sqs:
    """Queues that take everything; `sent` are the bodies by queue URL."""

    sent: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def send_message_batch(self, **request: Any) -> Item:
        self.sent[request["QueueUrl"]] += [entry["MessageBody"] for entry in request["Entries"]]
        return {"Successful": [], "Failed": []}

    def change_message_visibility_batch(self, **_: Any) -> Item:
        return {"Successful": [], "Failed": []}

    def get_queue_attributes(self, **request: Any) -> Item:
        """None waits: what there is to deliver is delivered at once."""
        return {"Attributes": dict.fromkeys(request["AttributeNames"], "0")}


@dataclass(slots=True)
class SecretsManager:
    secrets: dict[str, str] = field(default_factory=dict)

    def get_secret_value(self, **request: Any) -> Item:
        return {"SecretString": self.secrets[request["SecretId"]]}

    def put_secret_value(self, **request: Any) -> Item:
        self.secrets[request["SecretId"]] = request["SecretString"]
        return {}

    def create_secret(self, **request: Any) -> Item:
        self.secrets[request["Name"]] = request["SecretString"]
        return {}


@dataclass(slots=True)
class S3:
    """One bucket, whose objects are files below a folder, so that they take no memory (None: nothing is stored)."""

    folder: Path | None = None

    def put(self, key: str, body: bytes) -> None:
        file = self._file(key)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)

    def get(self, key: str) -> bytes | None:
        file = self._file(key)
        return file.read_bytes() if file.is_file() else None

    def delete(self, key: str) -> None:
        self._file(key).unlink(missing_ok=True)

    def keys(self, prefix: str) -> Iterator[str]:
        assert self.folder is not None
        found = (one.relative_to(self.folder).as_posix() for one in self.folder.rglob("*") if one.is_file())
        return (key for key in sorted(found) if key.startswith(prefix))

    def _file(self, key: str) -> Path:
        assert self.folder is not None
        return self.folder / key


@dataclass(slots=True)
class AwsInProcess:
    """The services, and real boto3 clients whose requests they answer in place of the network.

    `seconds` is how long an operation takes, by its name; those not named take no time. `asked`: the requests, by
    service and operation.
    """

    seconds: Mapping[str, float] = field(default_factory=dict)
    dynamodb: DynamoDB = field(default_factory=DynamoDB)
    sqs: Sqs = field(default_factory=Sqs)
    secretsmanager: SecretsManager = field(default_factory=SecretsManager)
    s3: S3 = field(default_factory=S3)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)

    def client(self, service: str, **settings: Any) -> Any:
        """A boto3 client, with all its own work of encoding, signing and decoding."""
        session = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name="eu-central-1")
        client = session.client(service, **settings)  # type: ignore[call-overload]
        if service == "s3":
            client.meta.events.register("before-send.s3", self._answer_of_s3)
            return client
        backend = getattr(self, service, None)

        def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
            target: Any = request.headers["X-Amz-Target"]
            operation = bytes(target).decode().rpartition(".")[2]
            self.asked[service, operation] += 1
            time.sleep(self.seconds.get(operation, 0.0))
            method = getattr(backend, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())
            try:
                return _response(request.url, 200, method(**json.loads(cast("bytes", request.body))))
            except KeyError:
                return _response(request.url, 400, {"__type": "ResourceNotFoundException", "message": operation})

        client.meta.events.register(f"before-send.{service}", answer)
        return client

    def _answer_of_s3(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        address = urlsplit(request.url)
        key, query = unquote(address.path[1:]), parse_qs(address.query)
        self.asked["s3", request.method if key else "LIST"] += 1
        if not key:
            contents = "".join(f"<Contents><Key>{one}</Key></Contents>" for one in self.s3.keys(query["prefix"][0]))
            listed = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
            return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(listed.encode()))
        if request.method == "PUT":
            self.s3.put(key, cast("BytesIO", request.body).read())
        elif request.method == "DELETE":
            self.s3.delete(key)
        found = self.s3.get(key) if request.method == "GET" else b""
        if found is None:
            return AWSResponse(request.url, 404, HTTPHeaders(), _Raw(b"<Error><Code>NoSuchKey</Code></Error>"))
        return AWSResponse(request.url, 200, HTTPHeaders(), _Raw(found))


class _Raw(BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _response(url: str, status: int, content: Item) -> AWSResponse:
    return AWSResponse(url, status, HTTPHeaders(), _Raw(json.dumps(content).encode()))
