"""Problems: every error of the webhook and of the control plane has this form, `application/problem+json` (RFC 9457).

    type            urn:marketo-destination:problem:<kind>, one of KINDS; title and status go with it
    detail          what to do, of this request
    errors          [{"path", "message"}], MAX_ERRORS at most: what is wrong with which property, and how to fix it
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
        ProblemKind("not-allowed", 403, "The connection does not allow this call"),
        ProblemKind("not-found", 404, "Not found"),
        ProblemKind("method-not-allowed", 405, "The resource does not support this method"),
        ProblemKind("not-enabled", 409, "The connection is not enabled"),
        ProblemKind("incomplete", 409, "The connection is not ready for this"),
        ProblemKind("checks-failed", 409, "A check against the Marketo instance failed"),
        ProblemKind("already-bound", 409, "The list or the audience is already in use"),
        ProblemKind("policy-violation", 409, "The change violates a data usage policy"),
        ProblemKind("deleting", 409, "The connection is being deleted"),
        ProblemKind("verifying", 409, "The connection is being verified"),
        ProblemKind("resyncing", 409, "A resync of the connection goes on"),
        ProblemKind("canary-going-on", 409, "A canary of the instance is not at its end"),
        ProblemKind("not-emptied", 409, "People are left on the list"),
        ProblemKind("marketo-blocked", 409, "Marketo refuses the connection"),
        ProblemKind("stale", 412, "The resource has changed since it was read"),
        ProblemKind("too-large", 413, "The body is too large"),
        ProblemKind("unsupported-media-type", 415, "The content type is not JSON"),
        ProblemKind("rejected-records", 422, "Some records of the body are not events"),
        ProblemKind("invalid", 422, "The request is not valid"),
        ProblemKind("marketo-rejected", 502, "Marketo rejected the request"),
        ProblemKind("marketo-unavailable", 503, "Marketo is not available now"),
        ProblemKind("unavailable", 503, "The service is unavailable now"),
    )
}
"""Every kind of problem, by name."""


def problem(
    kind: ProblemKind, detail: str, problems: Sequence[Problem] = (), correlation_id: str | None = None
) -> dict[str, Any]:
    """The properties of a problem, in JSON's types."""
    properties: dict[str, Any] = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "errors": [error(one) for one in problems[:MAX_ERRORS]],
        "correlation_id": correlation_id,
    }
    if len(problems) > MAX_ERRORS:
        properties["error_count"] = len(problems)
    return properties


def error(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "message": problem.message}


def by_record(problems: Iterable[tuple[int, Problem]]) -> list[dict[str, Any]]:
    """One entry for each record that has problems, which stand with its index in the body."""
    records: dict[int, list[dict[str, str]]] = {}
    for index, one in problems:
        records.setdefault(index, []).append(error(one))
    return [{"index": index, "errors": errors} for index, errors in records.items()]
