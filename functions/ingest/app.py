"""What senders post: events to the webhook, and their credentials to the token endpoint.

The webhook is `POST /connections/{connection_id}/events`; other methods are answered 405, whatever the connection.

202 answers `{"accepted", "rejected", "warnings"}`:

    accepted        the number of events queued
    rejected        [{"index", "errors": [{"path", "message"}]}] for records that are no events; `index` counts from 0
    warnings        of the same form, for parts of good records that could not be read; absent when there are none
    rejected_count  the number of all rejected records; only when `rejected` does not list them all
    warning_count   the number of all parts left out; only when `warnings` does not list them all

A source may have an answer of its own for its sender (docs/sources.md). Everything else answers a problem, as
`destination.api.problem_kinds` says; a path in its `errors` begins with the record's place, as in `[0].profile`.

207 answers the same where some records are rejected and the connection says `on_rejected: multi_status`.

An answer lists MAX_ERRORS problems at most, rejected records before warnings.

The token endpoint is `POST /oauth2/token`: 200 answers `{"access_token", "token_type", "expires_in"}` (RFC 6749,
section 5.1), all else `{"error", "error_description"}` (section 5.2). None of its answers is stored on its way.

The header `X-Correlation-Id` of every answer, and `correlation_id` of a problem, name the request as the logs do, from
here to the calls to Marketo.
"""

import base64
import json
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.api.problem_kinds import CONTENT_TYPE, KINDS, MAX_ERRORS, by_record, problem
from destination.composition.ingest import grant_tokens, ingest, settings
from destination.ingest.reply import Reply
from destination.ingest.sender_tokens import InvalidClientError, InvalidRequestError, TokenError, TokenRequest
from destination.ingest.sources.record import MAX_NAME_LENGTH
from destination.ingest.webhook import Acceptance, Submission
from destination.ingest.webhook_errors import MethodNotAllowedError, NotJsonError, UnavailableError, WebhookError
from destination.observation import measure
from destination.queue import CORRELATION_ID

METHOD = "POST"
TOKEN_RESOURCE = "/oauth2/token"  # noqa: S105 - a path, not a secret

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    correlation_id = _correlation_id(event, context)
    logger.set_correlation_id(correlation_id)
    if event.get("resource") == TOKEN_RESOURCE:
        return _token(event, correlation_id)
    return _events(event, correlation_id)


def _events(event: dict[str, Any], correlation_id: str) -> dict[str, Any]:
    try:
        submission = _submission(_posted(event), correlation_id)
        logger.append_keys(connection_id=submission.connection_id[:MAX_NAME_LENGTH])
        acceptance = ingest()(submission)
    except WebhookError as refused:
        cause = {"cause": refused.cause} if isinstance(refused, UnavailableError) else {}
        status = KINDS[refused.kind].status
        logger.warning("events refused", extra={"status": status, "detail": refused.detail, **cause})
        measure(metrics, {"refused": 1}, {"stack": settings().stack_name, "status": str(status)})
        return _refused(refused, correlation_id, event.get("httpMethod"))
    counts = {"accepted": acceptance.accepted, "rejected": len(acceptance.rejected)}
    logger.info("events accepted", extra=counts)
    measure(metrics, counts, {"stack": settings().stack_name})
    if acceptance.reply is not None:
        return _replied(acceptance.reply, _status(acceptance), correlation_id)
    return _accepted(acceptance, correlation_id)


def _token(event: dict[str, Any], correlation_id: str) -> dict[str, Any]:
    """Neither the request nor the token is logged, but whose token it is."""
    try:
        posted = _posted(event)
        granted = grant_tokens()(TokenRequest(_body(posted), _headers(posted)))
    except (TokenError, MethodNotAllowedError, NotJsonError) as refused:
        return _no_token(refused, correlation_id, event.get("httpMethod"))
    logger.info("token given", extra={"connection_id": granted.connection_id})
    answer = {"access_token": granted.token, "token_type": "Bearer", "expires_in": granted.expires_in}
    return _unstored(_response(200, "application/json", answer, correlation_id))


def _no_token(refused: TokenError | WebhookError, correlation_id: str, method: str | None) -> dict[str, Any]:
    known = refused if isinstance(refused, TokenError) else InvalidRequestError(refused.detail)
    status = 405 if isinstance(refused, MethodNotAllowedError) else known.status
    logger.warning("token refused", extra={"status": status, "detail": str(known)})
    answer = {"error": known.code, "error_description": str(known)}
    response = _unstored(_response(status, "application/json", answer, correlation_id))
    if isinstance(refused, InvalidClientError):  # section 5.2, and RFC 9110, section 11.6.1
        response["headers"]["WWW-Authenticate"] = 'Basic realm="sender credentials", charset="UTF-8"'
    if status == 405:
        response["headers"]["Allow"] = METHOD
    if method == "HEAD":
        response["body"] = ""
    return response


def _unstored(response: dict[str, Any]) -> dict[str, Any]:
    """RFC 6749, section 5.1."""
    response["headers"] |= {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return response


def _correlation_id(event: dict[str, Any], context: LambdaContext) -> str:
    """API Gateway's id of the request, which its access log has too; Lambda's where there is none."""
    request_id = (event.get("requestContext") or {}).get("requestId") or ""
    return request_id if CORRELATION_ID.fullmatch(request_id) else context.aws_request_id


def _posted(event: dict[str, Any]) -> dict[str, Any]:
    """The request, if it is a POST; all else is refused before the connection is looked at, and tells nothing of it."""
    if event.get("httpMethod") != METHOD:
        raise MethodNotAllowedError(f"Use {METHOD}.")
    return event


def _submission(event: dict[str, Any], correlation_id: str) -> Submission:
    return Submission(
        connection_id=(event.get("pathParameters") or {}).get("connection_id") or "",
        headers=_headers(event),
        query=event.get("queryStringParameters") or {},
        body=_body(event),
        is_text=not event.get("isBase64Encoded"),
        correlation_id=correlation_id,
    )


def _headers(event: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode(errors="surrogatepass")  # what is not UTF-8 then is refused where the body is read
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise NotJsonError("The body was sent as Base64, and is not valid Base64.") from error


def _accepted(acceptance: Acceptance, correlation_id: str) -> dict[str, Any]:
    rejected = acceptance.rejected[:MAX_ERRORS]
    warnings = acceptance.warnings[: MAX_ERRORS - len(rejected)]
    answer: dict[str, Any] = {"accepted": acceptance.accepted, "rejected": by_record(rejected)}
    if acceptance.warnings:
        answer["warnings"] = by_record(warnings)
    if len(rejected) < len(acceptance.rejected):
        answer["rejected_count"] = len(acceptance.rejected)
    if len(warnings) < acceptance.warning_count:
        answer["warning_count"] = acceptance.warning_count
    return _response(_status(acceptance), "application/json", answer, correlation_id)


def _status(acceptance: Acceptance) -> int:
    return 207 if acceptance.is_multi_status else 202


def _replied(reply: Reply, status: int, correlation_id: str) -> dict[str, Any]:
    """What the source says, with the status that the webhook has for it unless the source has another."""
    response = _response(reply.status or status, "application/json", reply.body, correlation_id)
    response["headers"] |= reply.headers
    return response


def _refused(refused: WebhookError, correlation_id: str, method: str | None) -> dict[str, Any]:
    if refused.reply is not None:
        return _replied(refused.reply, KINDS[refused.kind].status, correlation_id)
    answer = problem(KINDS[refused.kind], refused.detail, refused.problems, correlation_id)
    response = _response(answer["status"], CONTENT_TYPE, answer, correlation_id)
    if isinstance(refused, MethodNotAllowedError):
        response["headers"]["Allow"] = METHOD
    if method == "HEAD":  # answered like GET, without a body (RFC 9110)
        response["body"] = ""
    return response


def _response(status: int, content_type: str, body: Any, correlation_id: str) -> dict[str, Any]:
    headers = {"Content-Type": content_type, "X-Correlation-Id": correlation_id}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
