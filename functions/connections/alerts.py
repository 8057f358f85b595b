"""The alerts of a connection: what it subscribes to, where each stands, and what became of them."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from destination.api.alerts import AlertList
from destination.api.http import etag
from destination.composition.connections import read_alerts
from destination.domain.audit import AuditAction
from functions.connections.connections import changed
from functions.connections.parameters import JSON, ConnectionId, IfMatch

router = Router()

Cursor = Annotated[
    str | None,
    Query(pattern=r"^[0-9TZ:.+-]{1,40}#[a-z_]{1,64}$", description="The `cursor` of the previous page."),
]


@router.get("/connections/<connection_id>/alerts", summary="Show alerts and their history", operation_id="getAlerts")
def get_alerts(
    connection_id: ConnectionId, cursor: Cursor = None, limit: Annotated[int, Query(ge=1, le=100)] = 50
) -> Response[AlertList]:
    return _shown(connection_id, cursor, limit)


@router.put("/connections/<connection_id>/alerts", summary="Replace the subscriptions", operation_id="setAlerts")
def set_alerts(
    connection_id: ConnectionId, body: Annotated[list[Any], Body()], if_match: IfMatch = None
) -> Response[AlertList]:
    changed(connection_id, {"alerts": body}, if_match, AuditAction.SET_ALERTS)
    return _shown(connection_id, None, 50)


def _shown(connection_id: str, cursor: str | None, limit: int) -> Response[AlertList]:
    found = read_alerts()(connection_id, cursor, limit)
    history = found.history
    shown = AlertList.of(found.connection.alerts, found.states, history.changes, history.cursor)
    return Response(200, JSON, shown, etag(found.connection.version))
