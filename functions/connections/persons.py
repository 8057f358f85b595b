"""Who of a run did not arrive."""

from typing import Annotated, Final, Literal
from urllib.parse import quote, unquote, urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from destination.api.audiences import ActivationId
from destination.api.persons import PersonPage, csv_lines, json_lines
from destination.composition.connections import read_persons
from destination.control.persons import PersonQuery
from destination.domain.outcome import Class
from destination.marketo.reasons import message_of
from functions.connections.parameters import JSON, MAX_ANSWER_BYTES, MAX_ID_LENGTH, ConnectionId, Cursor, OfCode

JSON_LINES: Final = "application/x-ndjson"
CSV: Final = "text/csv; charset=utf-8; header=present"
MORE_CSV: Final = "text/csv; charset=utf-8; header=absent"
"""With the columns' names, and without, as on the pages after the first, so that they fit together (RFC 4180)."""

router = Router()

Outcome = Annotated[
    Literal["excluded", "failed"] | None, Query(description="Only those with this outcome; left out: both.")
]
OfAudience = Annotated[
    ActivationId | None,
    Query(alias="activation_id", description="Only those for whom nothing changed in this audience."),
]
Format = Annotated[
    Literal["json", "jsonl", "csv"],
    Query(
        alias="format",
        description="`jsonl`, `csv`: one person a line. The page that follows is in the header `Link` (RFC 8288).",
    ),
]


@router.get(
    "/connections/<connection_id>/runs/<run_id>/persons",
    summary="List who did not arrive in an hour, and why",
    operation_id="listPersons",
)
def list_persons(
    connection_id: ConnectionId,
    run_id: Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The hour.")],
    outcome: Outcome = None,
    code: OfCode = None,
    only: OfAudience = None,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    shape: Format = "json",
) -> Response[PersonPage | str]:
    wanted = PersonQuery(None if outcome is None else Class(outcome), code, only, cursor, limit)
    run = unquote(run_id)
    page = PersonPage.of(read_persons()(connection_id, run, wanted), message_of, MAX_ANSWER_BYTES)
    if shape == "json":
        return Response(200, JSON, page)
    headers: dict[str, str | list[str]] = {}
    if page.cursor is not None:
        following = {"outcome": outcome, "code": code, "activation_id": only, "cursor": page.cursor}
        query = {name: value for name, value in following.items() if value is not None}
        path = f"/connections/{quote(connection_id)}/runs/{quote(run)}/persons"
        headers["Link"] = f'<{path}?{urlencode({**query, "limit": limit, "format": shape})}>; rel="next"'
    if shape == "jsonl":
        return Response(200, JSON_LINES, json_lines(page.persons), headers)
    is_first = cursor is None
    return Response(200, CSV if is_first else MORE_CSV, csv_lines(page.persons, with_header=is_first), headers)
