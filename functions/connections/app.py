"""The control plane: connections, their mapping and audiences, their runs, and the audit log."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from destination.api.http import caller_of, shared_with
from destination.api.problem_kinds import CONTENT_TYPE
from destination.api.problems import problem_details
from destination.composition.connections import caller, settings, watch
from destination.control.errors import (
    PolicyViolationError,
)
from destination.domain.governance import Violation
from destination.domain.problem import Problem
from destination.marketo.errors import MarketoError
from destination.observation import log_call
from functions.connections import (
    alerts,
    audiences,
    audit,
    canaries,
    checks,
    choices,
    connections,
    dead_letters,
    erasures,
    files,
    governance,
    labels,
    letters,
    me,
    migrations,
    overview,
    parking,
    people,
    persons,
    previews,
    recipients,
    resyncs,
    runs,
    seen,
    sender_credentials,
    source_calls,
    verifications,
)
from functions.connections.refusals import REFUSALS, refusal_of
from functions.connections.resolver import Resolver
from functions.connections.source_calls import SOURCE_CALLS

logger = Logger()
api = Resolver()
for calls in (
    connections,
    audiences,
    choices,
    checks,
    canaries,
    previews,
    governance,
    labels,
    runs,
    persons,
    alerts,
    verifications,
    files,
    resyncs,
    audit,
    migrations,
    letters,
    dead_letters,
    parking,
    people,
    erasures,
    overview,
    me,
    recipients,
    seen,
    sender_credentials,
):
    api.include_router(calls.router)


@logger.inject_lambda_context(clear_state=True, correlation_id_path="requestContext.requestId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    watch.set(functools.partial(log_call, logger))
    if event.get("resource") == SOURCE_CALLS:  # which no policy of IAM stands before
        answer = source_calls.answered(event, logger)
    else:
        caller.set(caller_of(event))
        answer = api.resolve(event, context)
        answer["multiValueHeaders"].update(shared_with(settings().console_origin))
    answer["multiValueHeaders"]["X-Correlation-Id"] = [logger.get_correlation_id()]
    answer["multiValueHeaders"]["Cache-Control"] = ["no-store"]  # some carry an ingest token or a client secret
    answer["body"] = answer["body"] or ""  # API Gateway takes null for an empty body; the local emulator does not
    return answer


def refused(error: Exception) -> Response[str]:
    if isinstance(error, ClientError | BotoCoreError):
        logger.error("AWS refuses a call", exc_info=error)
    found = refusal_of(error)
    violations = error.violations if isinstance(error, PolicyViolationError) else None
    return _problem(found.kind, found.detail, found.problems, found.headers, violations)


api.exception_handler([*REFUSALS, RequestValidationError, MarketoError, ClientError, BotoCoreError])(refused)


@api.not_found
def no_route(error: NoRouteError) -> Response[str]:
    asked = api.current_event
    allowed = api.methods_of(asked.path)
    if allowed and asked.http_method.upper() not in allowed:
        methods = ", ".join(sorted(allowed))
        return _problem("method-not-allowed", f"Use {methods}.", headers={"Allow": methods})
    return _problem("not-found", "No resource has this path.")


def _problem(
    kind: str,
    detail: str,
    errors: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
    violations: Sequence[Violation] | None = None,
) -> Response[str]:
    details = problem_details(kind, detail, errors, violations, logger.get_correlation_id())
    logger.info("request refused", extra={"problem": kind, "status": details.status})
    return Response(details.status, CONTENT_TYPE, details.model_dump_json(exclude_none=True), dict(headers or {}))
