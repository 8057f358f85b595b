"""Who gets the alerts of a connection."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from destination.api.recipients import RecipientIn, RecipientList
from destination.composition.connections import manage_recipients
from functions.connections.parameters import JSON, ConnectionId

router = Router()


@router.get("/connections/<connection_id>/recipients", summary="Show who gets alerts", operation_id="getRecipients")
def get_recipients(connection_id: ConnectionId) -> RecipientList:
    return RecipientList.of(manage_recipients().of(connection_id))


@router.put("/connections/<connection_id>/recipients", summary="Replace who gets alerts", operation_id="setRecipients")
def set_recipients(connection_id: ConnectionId, body: Annotated[list[RecipientIn], Body()]) -> RecipientList:
    return RecipientList.of(manage_recipients().replace(connection_id, [one.recipient() for one in body]))


@router.post(
    "/connections/<connection_id>/alerts/test",
    summary="Send a test alert",
    operation_id="testAlerts",
    status_code=202,
)
def test_alerts(connection_id: ConnectionId) -> Response[RecipientList]:
    return Response(202, JSON, RecipientList.of(manage_recipients().test(connection_id)))
