"""Problems: every error of the webhook and of the control plane has this form, `application/problem+json` (RFC 9457).

    type            urn:marketo-destination:problem:<kind>, one of KINDS; title and status go with it
    detail          what to do, of this request
    errors          [{"path", "message"}], MAX_ERRORS at most: what is wrong with which member, and how to mend it
    error_count     the number of all errors; only when `errors` does not list them all
    correlation_id  the request, as the logs name it

Nothing is imported here that would make the webhook's function slow to start; as models, problems are in `problems`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destination.domain.problem import Problem

CONTENT_TYPE: Final = "application/problem+json"

MAX_ERRORS: Final = 1_000
"""Listed in one answer: Lambda returns 6 MB and no more (Lambda quotas)."""


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """What programs tell problems apart by; each has its status, and a title that is the same for all of the kind."""

    name: str
    status: int
    title: str

    @property
    def type(self) -> str:
        return f"urn:marketo-destination:problem:{self.name}"


KINDS: Final[Mapping[str, ProblemKind]] = {
    kind.name: kind
    for kind in (
        ProblemKind("not-json", 400, "The body is not JSON"),
        ProblemKind("no-events", 400, "No record of the body is an event"),
        ProblemKind("unauthorized", 401, "There is no ingest token, or a wrong one"),
        ProblemKind("not-found", 404, "There is no such thing"),
        ProblemKind("method-not-allowed", 405, "The resource does not know this method"),
        ProblemKind("not-enabled", 409, "The connection is not enabled"),
        ProblemKind("incomplete", 409, "The connection cannot deliver like this"),
        ProblemKind("checks-failed", 409, "The connection does not fit the Marketo instance"),
        ProblemKind("already-bound", 409, "The list or the audience is taken"),
        ProblemKind("policy-violation", 409, "A data usage policy denies it"),
        ProblemKind("deleting", 409, "The connection is being deleted"),
        ProblemKind("verifying", 409, "The connection is being verified"),
        ProblemKind("marketo-blocked", 409, "Marketo refuses the connection"),
        ProblemKind("stale", 412, "Somebody else was faster"),
        ProblemKind("too-large", 413, "The body is too large"),
        ProblemKind("unsupported-media-type", 415, "The body is announced as something other than JSON"),
        ProblemKind("invalid", 422, "The request breaks a rule"),
        ProblemKind("marketo-rejected", 502, "Marketo refuses the request"),
        ProblemKind("marketo-unavailable", 503, "Marketo cannot be asked now"),
        ProblemKind("unavailable", 503, "The service is unavailable now"),
    )
}
"""Every kind of problem, by name."""


def problem(
    kind: ProblemKind, detail: str, problems: Sequence[Problem] = (), correlation_id: str | None = None
) -> dict[str, Any]:
    """The members of a problem, in JSON's types."""
    members: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "errors": [error(one) for one in problems[:MAX_ERRORS]],
        "correlation_id": correlation_id,
    }
    if len(problems) > MAX_ERRORS:
        members["error_count"] = len(problems)
    return members


def error(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "message": problem.message}


def by_record(problems: Iterable[tuple[int, Problem]]) -> list[dict[str, Any]]:
    """One entry for each record that has problems, which stand with its index in the body."""
    records: dict[int, list[dict[str, str]]] = {}
    for index, one in problems:
        records.setdefault(index, []).append(error(one))
    return [{"index": index, "errors": errors} for index, errors in records.items()]
