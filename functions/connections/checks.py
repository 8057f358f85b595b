"""The checks of a connection against its Marketo instance."""

import json
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from destination.api.checks import ChecksIn, ChecksOut
from destination.composition.connections import check_connections
from functions.connections.parameters import ConnectionId, one_object

router = Router()


@router.post(
    "/connections/<connection_id>/checks",
    summary="Check a connection against Marketo; nothing is changed there",
    operation_id="checkConnection",
    middlewares=[one_object],
)
def check_connection(connection_id: ConnectionId, body: Annotated[ChecksIn | None, Body()] = None) -> ChecksOut:
    sample = None if body is None or body.sample is None else json.dumps(body.sample).encode()
    return ChecksOut.of(check_connections()(connection_id, sample))
