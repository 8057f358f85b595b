"""MiniStack, the emulator of AWS: its virtual environment, its start, and what it needs told after a deployment."""

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from local import places
from local.clients import client
from local.errors import LocalStackError
from local.processes import HOST, Process, ProcessRecord, free_port, start, wait_for

NAME = "emulator"
LOG = places.STATE / "emulator.log"
START_SECONDS = 30.0

_LOCK = places.ROOT / "local" / "requirements.txt"
_ENVIRONMENT = places.CACHE / "emulator"
_INSTALLED = _ENVIRONMENT / "installed"
_WORK = places.STATE / "tmp"


_BATCHES = {
    "sqs:SendMessage": "sqs:SendMessageBatch",
    "sqs:ChangeMessageVisibility": "sqs:ChangeMessageVisibilityBatch",
}


def install() -> str:
    """Install the locked emulator into its own environment unless it is there; the digest of what is installed.

    It needs an environment of its own: it runs the handlers with its own interpreter, and what they import must come
    from the layers, not from the development tools.
    """
    wanted = places.digest([_LOCK], sys.version)
    if _INSTALLED.exists() and _INSTALLED.read_text() == wanted:
        return wanted
    shutil.rmtree(_ENVIRONMENT, ignore_errors=True)
    venv.create(_ENVIRONMENT, with_pip=True, symlinks=True)
    log = places.STATE / "emulator-install.log"
    with log.open("wb") as output:
        finished = subprocess.run(
            [str(_python()), "-m", "pip", "install", "--no-deps", "--require-hashes", "--requirement", str(_LOCK)],
            env=places.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode != 0:
        raise LocalStackError(
            "the emulator could not be installed", logs=[log], hint="is the package registry reachable?"
        )
    _INSTALLED.write_text(wanted)
    return wanted


def launch(record: ProcessRecord, port: int | None, digest: str) -> Process:
    """Start an empty emulator and wait until it answers."""
    chosen = free_port(port, "emulator")
    shutil.rmtree(_WORK, ignore_errors=True)
    _WORK.mkdir()
    process = start(
        NAME,
        [str(_python()), "-m", "ministack"],
        port=chosen,
        environment=places.environment()
        | {
            "BIND_HOST": HOST,
            "MINISTACK_HOST": HOST,
            "GATEWAY_PORT": str(chosen),
            "LAMBDA_EXECUTOR": "local",
            "AUTH": "true",  # a function may do what its role says, no more, as in the cloud
            "MINISTACK_REGION": places.REGION,
            "MINISTACK_ACCOUNT_ID": places.ACCOUNT,
            "TMPDIR": str(_WORK),  # it unpacks each function there and leaves it when it is ended
        },
        log=LOG,
        digest=digest,
        cwd=_WORK,
    )
    record.add(process)
    wait_for(f"{process.url}/_ministack/health", START_SECONDS, process, LOG)
    return process


def allow_batches(endpoint: str, stack_name: str) -> None:
    """Let each role that may send a message, or change its visibility, do so in batches.

    On AWS the permission for the one is the permission for the other (Amazon SQS, "API permissions"); the emulator asks
    for a permission on the batch, which does not exist.
    """
    iam = client("iam", endpoint)
    resources = client("cloudformation", endpoint).describe_stack_resources(StackName=stack_name)["StackResources"]
    for role in (one["PhysicalResourceId"] for one in resources if one["ResourceType"] == "AWS::IAM::Role"):
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            for statement in document["Statement"]:
                actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                statement["Action"] = sorted(
                    {*actions, *(_BATCHES[action] for action in actions if action in _BATCHES)}
                )
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))


def open_control_plane(endpoint: str, api_id: str) -> None:
    """Let the control plane be called without a signature, as only a program on this machine can reach it.

    The template asks for signed calls, and has no switch for this, so that no deployment in the cloud can be opened by
    a parameter.
    """
    gateway = client("apigateway", endpoint)
    for resource in gateway.get_resources(restApiId=api_id, limit=500, embed=["methods"])["items"]:
        for method, settings in resource.get("resourceMethods", {}).items():
            if settings.get("authorizationType") == "AWS_IAM":
                gateway.update_method(
                    restApiId=api_id,
                    resourceId=resource["id"],
                    httpMethod=method,
                    patchOperations=[{"op": "replace", "path": "/authorizationType", "value": "NONE"}],
                )


def _python() -> Path:
    return _ENVIRONMENT / "bin" / "python"
