"""What the control plane's calls and those of senders have in common in docs/openapi.json."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from destination.api.problem_kinds import CONTENT_TYPE, KINDS

Document = dict[str, Any]

REF: Final = "#/components/schemas/"
"""What the name of a schema stands behind."""

ANSWERS: Final[Mapping[str, str]] = {"200": "Done.", "201": "Created.", "202": "Begun.", "204": "Gone."}
"""What is said of an answer, by its status."""

MARKETO: Final = ("marketo-blocked", "marketo-rejected", "marketo-unavailable")
"""The kinds of problems of a call that asks Marketo."""

CORRELATED: Final[Document] = {
    "X-Correlation-Id": {"description": "The request, as the logs name it.", "schema": {"type": "string"}}
}
"""The headers of an answer to a sender."""

EVENTS: Final[Document] = {
    "required": True,
    "content": {"application/json": {"schema": {}}, "application/x-ndjson": {"schema": {}}},
}
"""A body of events, in whatever form the connection's source reads."""


def problems(kinds: Sequence[str]) -> Document:
    """The answers of these kinds (destination.api.problem_kinds), by their status."""
    by_status: dict[str, list[str]] = {}
    for kind in kinds:
        one = KINDS[kind]
        by_status.setdefault(str(one.status), []).append(f"{one.title} (`{one.type}`).")
    content = {CONTENT_TYPE: {"schema": {"$ref": f"{REF}ProblemDetails"}}}
    described = {status: " ".join(titles) for status, titles in sorted(by_status.items())}
    return {status: {"description": description, "content": content} for status, description in described.items()}
