"""What each error becomes for callers, decided in one place: the kind of a problem, and what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from botocore.exceptions import BotoCoreError, ClientError

from destination.api.problems import problems_of
from destination.control.errors import (
    AlreadyBoundError,
    BusyError,
    CanaryGoingOnError,
    ChecksFailedError,
    IncompleteError,
    NotAllowedError,
    NotEmptiedError,
    NotQueuedError,
    PolicyViolationError,
    ResyncingError,
    TooLargeError,
    UnreadableError,
    VerifyingError,
)
from destination.domain.problem import ConfigurationError, Problem
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError, MarketoError
from destination.marketo.pace import OutOfTimeError
from destination.store.cursors import InvalidCursorError
from destination.store.errors import DeletingError, NotFoundError, StaleVersionError
from functions.connections.parameters import JSON

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
    NotAllowedError: ("not-allowed", "{}."),
    RequestUnsupportedContentType: ("unsupported-media-type", f"Send the body as {JSON}."),
    UnreadableError: ("not-json", "{}."),
    TooLargeError: ("too-large", "{}"),
    UnicodeDecodeError: ("not-json", NOT_JSON),
    RecursionError: ("not-json", NOT_JSON),
    VerifyingError: ("verifying", "{}; wait until it is finished, or cancel it."),
    ResyncingError: ("resyncing", "{}; wait until it is at its end, or cancel it."),
    CanaryGoingOnError: ("canary-going-on", "{}; ask for it until it is finished, or send another one in a day."),
    NotEmptiedError: (
        "not-emptied",
        "{}. The audience is still active: mend that in Marketo and call again, or deactivate it with list=keep.",
    ),
    NotQueuedError: ("unavailable", "{}; try again."),
    BusyError: ("marketo-unavailable", "{}; try again."),
    OutOfTimeError: ("marketo-unavailable", "Marketo takes too long to answer; try again."),
}
"""By error: the kind of problem, and its detail."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A kind of problem, and what is said of this one."""

    kind: str
    detail: str
    problems: tuple[Problem, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal_of(error: Exception) -> Refusal:
    """Of an error that has one: those of REFUSALS, of bodies, of Marketo and of AWS."""
    match error:
        case MarketoError():
            return _by_marketo(error)
        case RequestValidationError():
            return _malformed(error)
        case ClientError() | BotoCoreError():
            return Refusal("unavailable", "The configuration cannot be read or written now; try again.")
    kind, detail = next(REFUSALS[one] for one in type(error).__mro__ if one in REFUSALS)
    return Refusal(kind, detail.format(error), tuple(getattr(error, "problems", ())))


def _malformed(error: RequestValidationError) -> Refusal:
    errors = error.errors()
    if any(one["type"] == "json_invalid" for one in errors):
        return Refusal("not-json", NOT_JSON)
    return Refusal("invalid", FIX, tuple(problems_of(errors)))


def _by_marketo(error: MarketoError) -> Refusal:
    detail = f"{error}. {error.remedy}".strip()
    match error:
        case InstanceWaitsError():
            headers = {"Retry-After": f"{error.wait.total_seconds():.0f}"}
            return Refusal("marketo-unavailable", detail, headers=headers)
        case ConnectionBlockedError():
            return Refusal("marketo-blocked", detail)
    return Refusal("marketo-rejected", detail)
