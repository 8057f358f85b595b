"""Problem details (RFC 9457) as models: the control plane's own, and what its bodies have wrong."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, Field

from destination.api.problem_kinds import KINDS, MAX_ERRORS, problem
from destination.domain.governance import Violation
from destination.domain.problem import Problem


class ProblemDetails(BaseModel):
    """An error. `errors`: what is wrong with the properties of the request, and how to fix it."""

    class PropertyError(BaseModel):
        path: str
        message: str

    class DenialCause(BaseModel):
        """What is labelled: a row of the mapping or an audience of the connection."""

        path: str
        labels: list[str]

    class Denial(BaseModel):
        """What an enabled policy denies: `causes` names the first 20 of `cause_count`."""

        connection_id: str | None = Field(None, description="Left out while the connection is being created.")
        policy_id: str
        policy_name: str
        marketing_actions: list[str]
        labels: list[str]
        causes: list["ProblemDetails.DenialCause"]
        cause_count: int

    type: str
    title: str
    status: int
    detail: str
    errors: list[PropertyError]
    error_count: int | None = Field(
        None, description=f"Of all; only when `errors`, which lists {MAX_ERRORS:,} at most, does not list them all."
    )
    violations: list[Denial] | None = Field(None, description="Of problems of the kind policy-violation only.")
    correlation_id: str | None = Field(None, description="The request, as the logs name it.")


def problem_details(
    kind: str,
    detail: str,
    errors: Sequence[Problem] = (),
    violations: Sequence[Violation] | None = None,
    correlation_id: str | None = None,
) -> ProblemDetails:
    return ProblemDetails(
        **problem(KINDS[kind], detail, errors, correlation_id),
        violations=None if violations is None else [_violation(one) for one in violations],
    )


def _violation(violation: Violation) -> ProblemDetails.Denial:
    return ProblemDetails.Denial(
        connection_id=violation.connection.id or None,
        policy_id=violation.policy.id,
        policy_name=violation.policy.name,
        marketing_actions=list(violation.marketing_actions),
        labels=sorted(violation.labels),
        causes=[ProblemDetails.DenialCause(path=one.path, labels=sorted(one.labels)) for one in violation.shown_causes],
        cause_count=len(violation.causes),
    )


def problems_of(errors: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Pydantic's errors in our words; the values that were given are never repeated, they may be secret."""
    return [Problem(_path(error["loc"]), _message(error["type"], error.get("ctx", {}))) for error in errors]


_PLACES: Final = frozenset({"body", "query", "path", "header"})

_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "must be given",
    "extra_forbidden": "is not a known property; leave it out",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "too_long": "must have a length of at most {max_length}",
    "too_short": "must not be empty",
    "time_delta_parsing": "must be an ISO 8601 duration such as PT24H",
    "string_type": "must be a string",
    "string_unicode": "must be a string of valid Unicode (no lone surrogates)",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "float_type": "must be a number",
    "recursion_loop": "is nested too deeply",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "value_error": "{error}",
}
"""By pydantic's type of error, with its context."""


def _message(kind: str, context: Mapping[str, Any]) -> str:
    return _MESSAGES.get(kind, "is not valid").format_map(context)


def _path(location: Sequence[str | int]) -> str:
    path = ""
    for step in location[1:] if location and location[0] in _PLACES else location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".")
