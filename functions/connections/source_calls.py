"""What senders ask of their connection besides taking events: all below `/connections/{connection_id}/source/`.

API Gateway authorises none of it: a sender proves itself here as at the webhook, before anything of the request is
read. The calls of the control plane are not to be had by these paths, nor these by theirs, whatever a path looks like:
API Gateway names the resource that a request came to.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any, Final

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from destination.api.problem_kinds import CONTENT_TYPE, KINDS, problem
from destination.composition.connections import answer_source_calls, caller
from destination.control.source_calls import AdmittedCall, SourceCall
from destination.domain.caller import sender_of
from destination.ingest.calls import Call, CallError, NotDone, Outcome
from destination.ingest.reply import Reply
from destination.ingest.webhook import Submission
from destination.ingest.webhook_errors import NotJsonError, WebhookError
from destination.marketo.errors import MarketoError
from functions.connections.parameters import JSON
from functions.connections.refusals import REFUSALS, refusal_of

SOURCE_CALLS: Final = "/connections/{connection_id}/source/{proxy+}"

_KNOWN: Final[tuple[type[Exception], ...]] = (
    *REFUSALS,
    MarketoError,
    ClientError,
    BotoCoreError,
    WebhookError,
    CallError,
)
"""What a call may end with; all else is a fault of ours."""


def answered(event: Mapping[str, Any], logger: Logger) -> dict[str, Any]:
    """API Gateway's answer to a request."""
    parameters = event.get("pathParameters") or {}
    connection_id = parameters.get("connection_id") or ""
    caller.set(sender_of(connection_id))
    try:
        admitted = answer_source_calls().admit(_call(event, connection_id, parameters.get("proxy") or "", logger))
    except _KNOWN as error:
        return _refused(_not_done(error, logger), logger)
    call, outcome = _done(admitted, logger)
    reply = outcome if isinstance(outcome, Reply) else admitted.answer(call, outcome)
    logger.info("source call answered", extra={"connection_id": connection_id, "call": type(call).__name__})
    if reply is not None:
        return _replied(reply, outcome)
    if isinstance(outcome, NotDone):
        return _refused(outcome, logger)
    raise TypeError("the source has no answer to what was done")


def _done(admitted: AdmittedCall, logger: Logger) -> tuple[Call | None, Outcome | Reply]:
    call = None
    try:
        call = admitted.read()
        return call, answer_source_calls().do(admitted, call)
    except _KNOWN as error:
        return call, _not_done(error, logger)


def _call(event: Mapping[str, Any], connection_id: str, path: str, logger: Logger) -> SourceCall:
    submission = Submission(
        connection_id=connection_id,
        headers={name.lower(): value for name, value in (event.get("headers") or {}).items()},
        query=event.get("queryStringParameters") or {},
        body=_body(event),
        is_text=not event.get("isBase64Encoded"),
        correlation_id=logger.get_correlation_id(),
    )
    return SourceCall(event["httpMethod"], path, submission)


def _body(event: Mapping[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode(errors="surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise NotJsonError("The body was sent as Base64, and is not valid Base64.") from error


def _not_done(error: Exception, logger: Logger) -> NotDone:
    if isinstance(error, WebhookError):
        return NotDone(error.kind, KINDS[error.kind].status, error.detail, error.problems, reply=error.reply)
    if isinstance(error, CallError):
        return NotDone(error.kind, KINDS[error.kind].status, str(error), error.problems)
    if isinstance(error, ClientError | BotoCoreError):
        logger.error("AWS refuses a call", exc_info=error)
    found = refusal_of(error)
    wait = found.headers.get("Retry-After")
    return NotDone(
        found.kind, KINDS[found.kind].status, found.detail, found.problems, None if wait is None else int(wait)
    )


def _refused(refusal: NotDone, logger: Logger) -> dict[str, Any]:
    logger.info("request refused", extra={"problem": refusal.kind, "status": refusal.status})
    body = problem(KINDS[refusal.kind], refusal.detail, refusal.problems, logger.get_correlation_id())
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return _response(refusal.status, CONTENT_TYPE, body, headers)


def _replied(reply: Reply, outcome: Outcome | Reply) -> dict[str, Any]:
    usual = outcome.status if isinstance(outcome, NotDone) else 200
    return _response(reply.status or usual, JSON, reply.body, reply.headers)


def _response(status: int, content_type: str, body: Any, headers: Mapping[str, str]) -> dict[str, Any]:
    sent = {name: [value] for name, value in {"Content-Type": content_type, **headers}.items()}
    text = "" if status == 204 else json.dumps(body)
    return {"statusCode": status, "multiValueHeaders": sent, "body": text, "isBase64Encoded": False}
