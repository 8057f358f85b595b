"""The checks of a connection against its Marketo instance."""

import json
from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from destination.api.checks import ChecksIn, ChecksOut, ConfigurationIn, ConfigurationOut
from destination.composition.connections import check_configurations, check_connections, manage_connections
from destination.control.checks import Intended
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


@router.post(
    "/checks",
    summary="Check a configuration that is not stored; nothing is changed",
    operation_id="checkConfiguration",
    middlewares=[one_object],
)
def check_configuration(body: ConfigurationIn) -> ConfigurationOut:
    before = None if body.connection_id is None else manage_connections().get(body.connection_id)
    wanted = body.patch(before)
    intended = Intended(
        before=before,
        after=wanted.draft() if before is None else wanted.over(before),
        credentials=wanted.client_credentials(),
        activations=None if body.audiences is None else [one.activation() for one in body.audiences],
        is_open=body.enabled,
        same_people=wanted.same_people,
    )
    found = check_configurations()(intended)
    return ConfigurationOut.of(found.refusals, found.report)
