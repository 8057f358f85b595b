"""Which stack a command is for: one of an AWS account, or the local one of this checkout."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
import requests
from botocore.exceptions import ClientError

from destination_client.errors import CommandError
from destination_client.http import Api
from destination_client.signing import Signed

LOCAL_FILE: Final = Path(".local", "stack.json")
API_URL: Final = "ApiUrl"
"""The output of the stack that has the interface's URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """A stack's interface."""

    name: str
    api: Api


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
    if API_URL not in outputs:
        detail = f"It has no output {API_URL}; name the stack that was deployed from template.yaml."
        raise CommandError(f"Stack {stack} is no destination", detail)
    api = Api(outputs[API_URL], Signed(credentials, session.region_name))
    return Target(name=f"{stack} ({session.region_name})", api=api)


def standing(file: Path) -> Target:
    """The local stack, as the file that `make up` wrote tells it. Raises CommandError."""
    try:
        url = json.loads(file.read_text())["api_url"]
    except (ValueError, KeyError, TypeError) as error:
        raise CommandError(
            f"{file} was written by another version", "Start the local stack again with 'make up'."
        ) from error
    http = requests.Session()
    http.trust_env = False  # a proxy would be asked for the loopback address
    return Target(name=f"the local stack at {url}", api=Api(url, None, http))
