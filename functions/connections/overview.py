"""How all connections are, in one call."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.overview import OverviewOut
from destination.composition.connections import read_overview
from functions.connections.parameters import bounded

router = Router()


@router.get("/overview", summary="Show how all connections are", operation_id="getOverview")
def get_overview() -> OverviewOut:
    found = read_overview()()
    return bounded(OverviewOut.of(found.connections, found.at), "ask for the connections one by one")
