"""What functions ask of AWS, and what their roles allow, in the same words: an action, and a resource of the template.

A resource is named by the logical id of a table, a queue, a topic or a secret, by the text of the template's Fn::Sub
without what all ARNs have, or, where it is asked for, by what such a text stands for.
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from botocore.client import BaseClient

if TYPE_CHECKING:
    from testing.template import Template

FUNCTIONS = ("ingest", "sync", "files", "monitor", "connections", "console")
EVENT_BUS = "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default"
STACK = "${AWS::StackName}"
CONSOLE_BUCKET = "console-of-the-tests"
"""The name that the bucket of the console has in tests."""

BY_LAMBDA = {
    ("sync", "sqs:ReceiveMessage"),
    ("sync", "sqs:DeleteMessage"),
    ("sync", "sqs:GetQueueAttributes"),
}
"""What Lambda does with a function's role, beside log and traces (AWS Lambda, "Using Lambda with Amazon SQS")."""

Ask = tuple[str, str, str]
"""Function, action and resource."""

SECRETS = "secret:${AWS::StackName}"
ELSEWHERE: dict[Ask, str] = {
    ("connections", "s3:GetObject", "${Bucket.Arn}/files/*"): "by whoever has the address of a result",
    ("connections", "s3:PutObject", "${Bucket.Arn}/uploads/*"): "by whoever has an address for an upload",
    ("connections", "sqs:GetQueueAttributes", "DeadLetterQueue"): "how many dead letters a call had no time for",
    (
        "connections",
        "secretsmanager:RestoreSecret",
        f"{SECRETS}/credentials/*",
    ): "tests/integration/test_secrets_store.py",
    ("connections", "secretsmanager:RestoreSecret", f"{SECRETS}/tokens/*"): "tests/integration/test_secrets_store.py",
    ("files", "dynamodb:UpdateItem", "RunsTable"): "the end of a verification, at one moment of a cancellation",
    ("monitor", "dynamodb:DeleteItem", "RunsTable"): "the states of the alerts of a connection that is removed",
    ("sync", "secretsmanager:RestoreSecret", f"{SECRETS}/tokens/*"): "tests/integration/test_secrets_store.py",
}
"""What functions do for a reason that no test of tests/integration gives a handler; one that gets a test must go."""

_ONLY = {"events": EVENT_BUS, "kms": "SigningKey"}
_OF_OPERATION = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
}
"""Operations that have no action of their own (Amazon S3, "Required permissions for Amazon S3 API operations")."""
_OF_NO_TOPIC = frozenset({"SetSubscriptionAttributes", "Unsubscribe"})
"""Operations of SNS that name a subscription, of which IAM knows no resources."""

_CALL = "_make_api_call"
"""Where every operation of every client of botocore comes through, retries aside."""

ASKED: set[Ask] = set()
"""What all tests of this process made the functions ask so far."""


def granted(template: "Template", role: str) -> dict[str, list[str]]:
    """By resource, the actions that a role allows."""
    found: dict[str, list[str]] = {}
    for policy in template["Resources"][role]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for resource in _listed(statement["Resource"]):
                found.setdefault(name_of(resource), []).extend(_listed(statement["Action"]))
    return found


def name_of(resource: Any) -> str:
    """The logical id, or the text of a Fn::Sub without the part of the ARN that is the same for all secrets."""
    match resource:
        case {"Ref": name}:
            return str(name)
        case {"Fn::GetAtt": [name, "Arn" | "Id"]}:  # a secret has its ARN as Id
            return str(name)
        case {"Fn::Sub": text}:
            secrets = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:"
            return str(text).removeprefix(secrets)
    return str(resource)


def allows(granted: Mapping[str, list[str]], action: str, resource: str) -> bool:
    return any(action in actions and fnmatchcase(resource, name) for name, actions in granted.items())


@dataclass
class ActionRecorder:
    """The actions that functions take while their handlers run, in whatever thread."""

    asked: set[Ask] = field(default_factory=set)
    running: str | None = None

    @contextmanager
    def recording(self) -> Iterator[None]:
        call = getattr(BaseClient, _CALL)

        def recorded(client: BaseClient, operation: str, parameters: Mapping[str, Any]) -> Any:
            if self.running is not None:
                service = client.meta.service_model.service_name
                self.asked.update((self.running, *one) for one in actions(service, operation, parameters))
            return call(client, operation, parameters)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(BaseClient, _CALL, recorded)
            for name in FUNCTIONS:
                module = importlib.import_module(f"functions.{name}.app")  # not before its environment is there
                patch.setattr(module, "handler", self._named(name, module.handler))
            yield

    def _named(self, name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        def run(event: Any, context: Any) -> Any:
            before, self.running = self.running, name
            try:
                return handler(event, context)
            finally:
                self.running = before

        return run


def actions(service: str, operation: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The actions of IAM that an operation takes, each with its resource (Service Authorization Reference)."""
    match service, operation:
        case "dynamodb", "TransactWriteItems":
            for item in parameters["TransactItems"]:
                ((kind, request),) = item.items()
                yield f"dynamodb:{kind}Item", request["TableName"]
        case "dynamodb", "BatchGetItem" | "BatchWriteItem":
            for table in parameters["RequestItems"]:
                yield f"dynamodb:{operation}", table
        case "dynamodb", _:
            index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
            table = parameters["TableName"]
            yield f"dynamodb:{operation}", f"${{{table}.Arn}}{index}" if index else table
        case "sqs", _:
            queue = "DeadLetterQueue" if parameters["QueueUrl"].endswith("/dead-letters") else "Queue"
            yield f"sqs:{operation.removesuffix('Batch')}", queue
        case "secretsmanager", _:
            secret = parameters.get("SecretId") or parameters["Name"]
            within = re.sub(r"^[^/]+/", f"secret:{STACK}/", secret)
            yield f"secretsmanager:{operation}", within if "/" in secret else secret
        case "s3", _:
            yield from _of_bucket(operation, parameters)
        case "sns" | "events" | "kms", _:
            yield f"{service}:{operation}", _of_stack(service, operation)
        case _:
            yield f"{service}:{operation}", "*"


def _of_stack(service: str, operation: str) -> str:
    """Of a service of which the stack has one resource."""
    if service in _ONLY:
        return _ONLY[service]
    return "*" if operation in _OF_NO_TOPIC else "AlertTopic"


def _of_bucket(operation: str, parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    bucket = "ConsoleBucket" if parameters["Bucket"] == CONSOLE_BUCKET else "Bucket"
    if operation == "ListObjectsV2":
        yield "s3:ListBucket", bucket
        return
    if operation == "CopyObject":  # has no action of its own (Amazon S3, "CopyObject", permissions)
        yield "s3:GetObject", f"${{{bucket}.Arn}}/{parameters['CopySource']['Key']}"
        yield "s3:PutObject", f"${{{bucket}.Arn}}/{parameters['Key']}"
        return
    objects = parameters["Delete"]["Objects"] if operation == "DeleteObjects" else [parameters]
    for one in objects:
        yield f"s3:{_OF_OPERATION.get(operation, operation.removesuffix('s'))}", f"${{{bucket}.Arn}}/{one['Key']}"


def refused(template: "Template", asked: set[Ask]) -> list[Ask]:
    """What functions asked, and their roles do not allow."""
    roles = {name: granted(template, f"{name.title()}Role") for name in FUNCTIONS}
    return sorted(one for one in asked if not allows(roles[one[0]], *one[1:]))


def unused(template: "Template", asked: set[Ask]) -> list[Ask]:
    """What roles allow to functions that never asked for it, and have no reason elsewhere."""
    return sorted(
        (function, action, resource)
        for function in FUNCTIONS
        for resource, actions in granted(template, f"{function.title()}Role").items()
        for action in actions
        if not action.startswith(("logs:", "xray:"))
        and (function, action) not in BY_LAMBDA
        and (function, action, resource) not in ELSEWHERE
        and not _is_asked((function, action, resource), asked)
    )


def outdated(template: "Template", asked: set[Ask]) -> list[Ask]:
    """Of what is done elsewhere, what was asked after all, and what no role allows any more."""
    roles = {name: granted(template, f"{name.title()}Role") for name in FUNCTIONS}
    return sorted(one for one in ELSEWHERE if _is_asked(one, asked) or one[1] not in roles[one[0]].get(one[2], ()))


def _is_asked(allowed: Ask, asked: set[Ask]) -> bool:
    return any(allowed[:2] == one[:2] and fnmatchcase(one[2], allowed[2]) for one in asked)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
