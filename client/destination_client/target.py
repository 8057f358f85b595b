"""Which stack a command is for: one of an AWS account, or the local one of this checkout."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import boto3
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, ProfileNotFound

from destination_client.errors import CommandError
from destination_client.http import Api, session
from destination_client.signing import Signed

LOCAL_FILE: Final = Path(".local", "stack.json")
API_URL: Final = "ApiUrl"
"""The output of the stack that has the interface's URL."""


@dataclass(frozen=True, slots=True)
class Target:
    """A stack's interface."""

    name: str
    api: Api


@dataclass(frozen=True, slots=True)
class Account:
    """Where a stack in AWS is looked for, and as whom; None: as AWS's usual variables and files say."""

    region: str | None = None
    profile: str | None = None

    def session(self, environment: Mapping[str, str] = os.environ) -> boto3.Session:
        """Raises CommandError when there is no such profile, or no region.

        AWS_REGION goes before AWS_DEFAULT_REGION, as in AWS's other tools ("AWS SDKs and Tools Reference Guide",
        "AWS Region"); boto3 reads the second alone.
        """
        region = self.region or environment.get("AWS_REGION") or None
        try:
            session = boto3.Session(region_name=region, profile_name=self.profile)
        except ProfileNotFound as error:
            raise CommandError(str(error), "Name one of ~/.aws/config with --profile or AWS_PROFILE.") from error
        if session.region_name is None:
            raise CommandError("No region of AWS is named", "Give --region, or set AWS_REGION.")
        return session


def choose(stack: str | None, url: str | None, account: Account, *, local: bool, folder: Path) -> Target:
    """The interface at the URL, else the named stack, else the local stack of the folder or one above it.

    Raises CommandError when there is none.
    """
    if url and not local:
        return known(url, account)
    if stack and not local:
        return deployed(stack, account)
    file = next((at / LOCAL_FILE for at in (folder, *folder.parents) if (at / LOCAL_FILE).is_file()), None)
    if file is None:
        named = "Name one with --stack or DESTINATION_STACK, or --url"
        hint = "Start the local stack with 'make up'" if local else named
        raise CommandError("No stack was found", f"{hint}; {folder} has no {LOCAL_FILE}.")
    return standing(file)


def known(url: str, account: Account) -> Target:
    """The interface at a stack's output `ApiUrl`; CloudFormation is not asked for it. Raises CommandError."""
    session = account.session()
    return Target(url, Api(url.rstrip("/"), Signed(_credentials(session), session.region_name)))


def _credentials(session: boto3.Session) -> Credentials:
    credentials = session.get_credentials()
    if credentials is None:
        hint = "Give --profile, or set AWS_PROFILE or the variables of your credentials (AWS_ACCESS_KEY_ID, …)."
        raise CommandError("There are no credentials of AWS", hint)
    if not all(map(_can_be_sent, credentials.get_frozen_credentials())):
        hint = "They have a line break, a space or a character that is not ASCII, as from a file of another system."
        raise CommandError("The credentials of AWS are none", hint)
    return credentials


def _can_be_sent(part: str | None) -> bool:
    """Whether it can stand in a header of HTTP; what refuses it otherwise may say it."""
    return part is None or (part.isascii() and part.isprintable() and " " not in part)


def deployed(stack: str, account: Account) -> Target:
    """A stack of an AWS account and region. Raises CommandError."""
    session = account.session()
    credentials = _credentials(session)
    try:
        found = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    except ClientError as error:
        told = error.response["Error"]["Message"]
        where = f"It was looked for in {session.region_name}, with cloudformation:DescribeStacks, which --url saves."
        raise CommandError(f"Stack {stack} cannot be read", f"{told}. {where}") from error
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
    http = session(trust_env=False)  # a proxy would be asked for the loopback address
    return Target(name=f"the local stack at {url}", api=Api(url, None, http))
