"""What became of events: the hourly runs."""

from typing import Annotated
from urllib.parse import unquote

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from destination.api.representation import Time
from destination.api.runs import RunList, RunOut
from destination.reasons import message_of
from functions.connections.parameters import ConnectionId
from functions.connections.wiring import management, now

router = Router()


@router.get("/connections/<connection_id>/runs", summary="List hourly runs", operation_id="listRuns")
def list_runs(
    connection_id: ConnectionId,
    first: Annotated[Time | None, Query(alias="from", description="Default: a day before `to`.")] = None,
    last: Annotated[Time | None, Query(alias="to", description="Default: a day after `from`, or now.")] = None,
) -> RunList:
    return RunList.of(management().runs_between(connection_id, first, last), now(), message_of)


@router.get("/connections/<connection_id>/runs/<run_id>", summary="Show an hourly run", operation_id="getRun")
def get_run(connection_id: ConnectionId, run_id: Annotated[str, Path(description="The hour.")]) -> RunOut:
    return RunOut.of(management().run(connection_id, unquote(run_id)), now(), message_of)
