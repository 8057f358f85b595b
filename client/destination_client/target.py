"""Which stack a command is for: one of an AWS account, or the local one of this checkout."""

import functools
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import boto3
import botocore.session
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from destination_client.errors import CommandError
from destination_client.http import Api
from destination_client.signing import Signed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LOCAL_FILE: Final = Path(".local", "stack.json")
LOCAL_REGION, LOCAL_CREDENTIAL = "us-east-1", "test"
OUTPUTS: Final = ("ApiUrl", "QueueUrl", "DeadLetterQueueUrl")


@dataclass(frozen=True, slots=True)
class Target:
    """A stack's interface and its queues."""

    name: str
    api: Api
    queue_url: str
    dead_letter_queue_url: str
    sqs: Callable[[], "SQSClient"]


def choose(stack: str | None, *, local: bool, folder: Path) -> Target:
    """The named stack, else the local stack of the folder or one above it. Raises CommandError when there is none."""
    if stack and not local:
        return deployed(stack)
    file = next((at / LOCAL_FILE for at in (folder, *folder.parents) if (at / LOCAL_FILE).is_file()), None)
    if file is None:
        hint = "Start the local stack with 'make up'" if local else "Name one with --stack or DESTINATION_STACK"
        raise CommandError("No stack was found", f"{hint}; {folder} has no {LOCAL_FILE}.")
    return standing(file)


def deployed(stack: str) -> Target:
    """A stack of the AWS account, region and profile that the environment names. Raises CommandError."""
    session = boto3.Session()
    credentials = session.get_credentials()
    if session.region_name is None or credentials is None:
        raise CommandError(
            "AWS is not configured here", "Set AWS_REGION, and AWS_PROFILE or the variables of your credentials."
        )
    try:
        found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        raise CommandError(f"Stack {stack} cannot be read", error.response["Error"]["Message"]) from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}
    if missing := [name for name in OUTPUTS if name not in outputs]:
        detail = f"It has no output {', '.join(missing)}; name the stack that was deployed from template.yaml."
        raise CommandError(f"Stack {stack} is no destination", detail)
    return Target(
        name=f"{stack} ({session.region_name})",
        api=Api(outputs["ApiUrl"], Signed(credentials, session.region_name)),
        queue_url=outputs["QueueUrl"],
        dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
        sqs=functools.partial(session.client, "sqs"),
    )


def standing(file: Path) -> Target:
    """The local stack, as the file that `make up` wrote tells it. Raises CommandError."""
    try:
        told = json.loads(file.read_text())
        http = requests.Session()
        http.trust_env = False  # a proxy would be asked for the loopback address
        return Target(
            name=f"the local stack at {told['api_url']}",
            api=Api(told["api_url"], None, http),
            queue_url=told["queues"]["events"],
            dead_letter_queue_url=told["queues"]["dead_letters"],
            sqs=functools.partial(_local_sqs, told["emulator_url"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"{file} was written by another version", "Start the local stack again with 'make up'."
        ) from error


def _local_sqs(endpoint: str) -> "SQSClient":
    """Whatever profile or proxy the caller's environment names."""
    core = botocore.session.Session({"profile": (None, [], None, None), "config_file": (None, None, os.devnull, None)})
    return boto3.Session(
        aws_access_key_id=LOCAL_CREDENTIAL,
        aws_secret_access_key=LOCAL_CREDENTIAL,
        region_name=LOCAL_REGION,
        botocore_session=core,
    ).client("sqs", endpoint_url=endpoint, config=Config(proxies={}))
