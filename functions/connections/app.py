"""The control plane: connections, their mapping and audiences, their runs, and the audit log."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from destination.api.http import caller_of
from destination.api.problem_kinds import CONTENT_TYPE
from destination.api.problems import problem_details, problems_of
from destination.composition.connections import caller, watch
from destination.control.errors import (
    AlreadyBoundError,
    BusyError,
    ChecksFailedError,
    IncompleteError,
    NotEmptiedError,
    PolicyViolationError,
    TooLargeError,
    UnreadableError,
    VerifyingError,
)
from destination.domain.governance import Violation
from destination.domain.problem import ConfigurationError, Problem
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError, MarketoError
from destination.marketo.pace import OutOfTimeError
from destination.observation import log_call
from destination.store.cursors import InvalidCursorError
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from functions.connections import (
    alerts,
    audiences,
    audit,
    checks,
    choices,
    connections,
    dead_letters,
    governance,
    letters,
    me,
    migrations,
    overview,
    parking,
    people,
    persons,
    previews,
    recipients,
    runs,
    verifications,
)
from functions.connections.parameters import JSON
from functions.connections.resolver import Resolver

FIX = "Correct the properties that errors names."
NOT_JSON = "The body must be JSON in UTF-8, nested a few levels deep at most."

REFUSALS: Mapping[type[Exception], tuple[str, str]] = {
    ConfigurationError: ("invalid", FIX),
    ChecksFailedError: ("checks-failed", "Fix what errors names; POST …/checks shows every check."),
    IncompleteError: ("incomplete", "Add what errors names first."),
    InvalidCursorError: ("invalid", "Use the cursor of the previous page, or leave it out to start at the first."),
    NotFoundError: ("not-found", "{}."),
    PolicyViolationError: ("policy-violation", "Denied by {}; fix what errors names, or change the policy."),
    StaleVersionError: ("stale", "{}; read it again before you change it."),
    DeletingError: ("deleting", "{}; it can no longer be changed."),
    AlreadyBoundError: ("already-bound", "{}."),
    RequestUnsupportedContentType: ("unsupported-media-type", f"Send the body as {JSON}."),
    UnreadableError: ("not-json", "{}."),
    TooLargeError: ("too-large", "{}"),
    UnicodeDecodeError: ("not-json", NOT_JSON),
    RecursionError: ("not-json", NOT_JSON),
    VerifyingError: ("verifying", "{}; wait until it is finished, or cancel it."),
    NotEmptiedError: (
        "not-emptied",
        "{}. The audience is still active: mend that in Marketo and call again, or deactivate it with list=keep.",
    ),
    BusyError: ("marketo-unavailable", "{}; try again."),
    OutOfTimeError: ("marketo-unavailable", "Marketo takes too long to answer; try again."),
}
"""By error: the kind of problem, and its detail."""

logger = Logger()
api = Resolver()
for calls in (
    connections,
    audiences,
    choices,
    checks,
    previews,
    governance,
    runs,
    persons,
    alerts,
    verifications,
    audit,
    migrations,
    letters,
    dead_letters,
    parking,
    people,
    overview,
    me,
    recipients,
):
    api.include_router(calls.router)


@logger.inject_lambda_context(clear_state=True, correlation_id_path="requestContext.requestId")
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    caller.set(caller_of(event))
    watch.set(functools.partial(log_call, logger))
    answer = api.resolve(event, context)
    answer["multiValueHeaders"]["X-Correlation-Id"] = [logger.get_correlation_id()]
    answer["multiValueHeaders"]["Cache-Control"] = ["no-store"]  # some carry an ingest token
    answer["body"] = answer["body"] or ""  # API Gateway takes null for an empty body; the local emulator does not
    return answer


def refused(error: Exception) -> Response[str]:
    kind, detail = REFUSALS[type(error)]
    detail = detail.format(error)
    return _problem(kind, detail, getattr(error, "problems", ()), violations=getattr(error, "violations", None))


def malformed(error: RequestValidationError) -> Response[str]:
    errors = error.errors()
    if any(one["type"] == "json_invalid" for one in errors):
        return _problem("not-json", NOT_JSON)
    return _problem("invalid", FIX, problems_of(errors))


def refused_by_marketo(error: MarketoError) -> Response[str]:
    detail = f"{error}. {error.remedy}".strip()
    match error:
        case InstanceWaitsError():
            return _problem("marketo-unavailable", detail, headers={"Retry-After": f"{error.wait.total_seconds():.0f}"})
        case ConnectionBlockedError():
            return _problem("marketo-blocked", detail)
    return _problem("marketo-rejected", detail)


def aws_trouble(error: ClientError | BotoCoreError) -> Response[str]:
    logger.error("AWS refuses a call", exc_info=error)
    return _problem("unavailable", "The configuration cannot be read or written now; try again.")


api.exception_handler(list(REFUSALS))(refused)
api.exception_handler(RequestValidationError)(malformed)
api.exception_handler(MarketoError)(refused_by_marketo)
api.exception_handler([ClientError, BotoCoreError])(aws_trouble)


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
