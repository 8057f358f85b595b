"""The console's files, as a custom resource of the stack: put into their bucket, and taken out before it goes."""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.cloudformation import RequestKind, ResourceRequest
from destination.composition.console import unpack_console

TIME_TO_ANSWER = 30_000
"""Milliseconds: for one file more, and for an answer that takes some tries."""

logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    request = ResourceRequest.of(event)
    name, failure = request.physical_id or request.identity["RequestId"], None
    try:
        name = _done(request, context) or name
    except Exception as error:  # noqa: BLE001 - whatever it is: CloudFormation waits for an answer
        failure = error
    if failure is None:
        request.answer(name)
    else:
        logger.error("console not unpacked", exc_info=failure)
        request.answer(name, f"{type(failure).__name__}: {failure}")


def _done(request: ResourceRequest, context: LambdaContext) -> str | None:
    """The new name of the resource, which is that of the bucket; one that is to be deleted keeps the name it has."""
    bucket = request.properties["Bucket"]
    console = unpack_console(bucket, lambda: context.get_remaining_time_in_millis() > TIME_TO_ANSWER)
    if request.kind is RequestKind.DELETE:
        logger.info("console removed", extra={"files": console.empty()})
        return None
    files = console.fill(request.properties["Config"], request.properties["Connects"])
    logger.info("console unpacked", extra={"files": files})
    return str(bucket)
