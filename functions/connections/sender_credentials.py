"""The credentials with which a connection's senders get their tokens."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body

from destination.api.connections import RotationIn
from destination.api.http import etag, expected_version, token_url
from destination.api.sender_credentials import SenderCredentialsOut
from destination.composition.connections import manage_sender_credentials
from functions.connections.parameters import JSON, ConnectionId, IfMatch, one_object

router = Router()


@router.post(
    "/connections/<connection_id>/sender-credentials",
    summary="Make or replace the sender credentials",
    operation_id="replaceSenderCredentials",
    status_code=201,
    middlewares=[one_object],
)
def replace_sender_credentials(
    connection_id: ConnectionId, body: Annotated[RotationIn | None, Body()] = None, if_match: IfMatch = None
) -> Response[SenderCredentialsOut]:
    grace = (body or RotationIn()).grace
    made = manage_sender_credentials().replace(connection_id, grace, expected_version(if_match))
    shown = SenderCredentialsOut(
        token_url=token_url(router.current_event.raw_event, connection_id),
        client_id=connection_id,
        client_secret=made.secret,
        previous_valid_until=made.previous_valid_until,
    )
    return Response(201, JSON, shown, etag(made.version))


@router.delete(
    "/connections/<connection_id>/sender-credentials",
    summary="Revoke the sender credentials",
    operation_id="revokeSenderCredentials",
    status_code=204,
)
def revoke_sender_credentials(connection_id: ConnectionId, if_match: IfMatch = None) -> Response[None]:
    manage_sender_credentials().revoke(connection_id, expected_version(if_match))
    return Response(204)
