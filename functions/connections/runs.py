"""What became of events: the hourly runs."""

from typing import Annotated, Literal
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from destination.api.audiences import ActivationId
from destination.api.flow_runs import FlowRun, FlowRunPage
from destination.api.representation import Time
from destination.api.runs import RunOut, RunOwner, RunPage
from destination.composition import now
from destination.composition.connections import read_runs
from destination.control.runs import RunQuery, RunsPage
from destination.marketo.reasons import message_of
from functions.connections.parameters import MAX_ID_LENGTH, ConnectionId, Cursor

router = Router()

OfAudience = Annotated[
    ActivationId | None,
    Query(
        alias="activation_id",
        description="Show runs of this audience only: its counters and reasons, in runs that it is in.",
    ),
]
Format = Annotated[Literal["run", "flow-run"], Query(alias="format", description="`flow-run`: as Adobe's flow runs.")]


@router.get("/connections/<connection_id>/runs", summary="List hourly runs", operation_id="listRuns")
def list_runs(
    connection_id: ConnectionId,
    first: Annotated[Time | None, Query(alias="from", description="Default: a day before `to`.")] = None,
    last: Annotated[Time | None, Query(alias="to", description="Default: a day after `from`, or now.")] = None,
    only: OfAudience = None,
    failures_only: Annotated[bool, Query(description="Only runs with failed persons.")] = False,
    with_excluded: Annotated[
        bool, Query(description="Only runs with excluded persons; together with `failures_only`, runs with either.")
    ] = False,
    cursor: Cursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    shape: Format = "run",
) -> RunPage | FlowRunPage:
    wanted = RunQuery(first, last, only, failures_only, with_excluded, cursor, limit)
    page = read_runs().page(connection_id, wanted)
    if shape == "flow-run":
        return FlowRunPage(items=_flow_runs(page, only), cursor=page.cursor)
    owner = RunOwner(name=page.owner.name, removed_at=page.owner.removed_at)
    return RunPage(connection=owner, runs=_runs(page, only), cursor=page.cursor)


@router.get("/connections/<connection_id>/runs/<run_id>", summary="Show an hourly run", operation_id="getRun")
def get_run(
    connection_id: ConnectionId,
    run_id: Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The hour.")],
    only: OfAudience = None,
    shape: Format = "run",
) -> RunOut | FlowRunPage:
    page = read_runs().run(connection_id, unquote(run_id), only)
    if shape == "flow-run":
        return FlowRunPage(items=_flow_runs(page, only), cursor=None)
    return _runs(page, only)[0]


def _runs(page: RunsPage, only: str | None) -> list[RunOut]:
    return [
        RunOut.of(
            run,
            now(),
            message_of,
            page.owner.waiting,
            page.owner.audiences,
            page.owner.activations.values(),
            page.owner.sizes,
            of_audience=only is not None,
        )
        for run in page.runs
    ]


def _flow_runs(page: RunsPage, only: str | None) -> list[FlowRun]:
    return [FlowRun.of(run, now(), message_of, page.owner.waiting, of_audience=only is not None) for run in page.runs]
