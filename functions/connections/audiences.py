"""The audiences that are activated on a connection."""

from enum import StrEnum
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from destination.api.audiences import AudienceIn, AudienceList, AudienceOut
from destination.api.http import etag, expected_version
from destination.composition.connections import manage_audiences, manage_verifications
from destination.domain.audience import Activation
from functions.connections.parameters import JSON, ConnectionId, IfMatch, OfActivation, one_object

router = Router()

EMPTY = (
    "`empty` takes off the list the people that this connection put on it. It may take several calls: after a 503 "
    "call again, and it continues where it stopped. A 409 says how many people Marketo keeps on the list, and why."
)


class ListKept(StrEnum):
    KEEP = "keep"
    EMPTY = "empty"


@router.post(
    "/connections/<connection_id>/audiences",
    summary="Activate an audience",
    operation_id="activateAudience",
    status_code=201,
    middlewares=[one_object],
)
def activate_audience(connection_id: ConnectionId, body: AudienceIn, if_match: IfMatch = None) -> Response[AudienceOut]:
    activation, new = manage_audiences().activate(connection_id, body.activation(), expected_version(if_match))
    return _shown(connection_id, activation, 201 if new else 200)


@router.get("/connections/<connection_id>/audiences", summary="List activated audiences", operation_id="listAudiences")
def list_audiences(connection_id: ConnectionId) -> AudienceList:
    found = manage_audiences().list(connection_id)
    return AudienceList.of(found, manage_verifications().list_sizes(connection_id))


@router.get(
    "/connections/<connection_id>/audiences/<activation_id>",
    summary="Show an activated audience",
    operation_id="getAudience",
)
def get_audience(connection_id: ConnectionId, activation_id: OfActivation) -> Response[AudienceOut]:
    return _shown(connection_id, manage_audiences().get(connection_id, activation_id))


@router.patch(
    "/connections/<connection_id>/audiences/<activation_id>",
    summary="Change an activated audience (JSON merge patch)",
    operation_id="changeAudience",
    middlewares=[one_object],
)
def change_audience(
    connection_id: ConnectionId,
    activation_id: OfActivation,
    body: Annotated[dict[str, Any], Body()],
    if_match: IfMatch = None,
) -> Response[AudienceOut]:
    before = manage_audiences().get(connection_id, activation_id, expected_version(if_match))
    after = AudienceIn.of(before).patched(body).over(before)
    return _shown(connection_id, manage_audiences().change(connection_id, before, after))


@router.delete(
    "/connections/<connection_id>/audiences/<activation_id>",
    summary="Deactivate an audience",
    operation_id="deactivateAudience",
    status_code=204,
)
def deactivate_audience(
    connection_id: ConnectionId,
    activation_id: OfActivation,
    kept: Annotated[ListKept, Query(alias="list", description=EMPTY)] = ListKept.KEEP,
    if_match: IfMatch = None,
) -> Response[None]:
    version, empty = expected_version(if_match), kept is ListKept.EMPTY
    manage_audiences().deactivate(connection_id, activation_id, version, empty=empty)
    return Response(204)


def _shown(connection_id: str, activation: Activation, status: int = 200) -> Response[AudienceOut]:
    sizes = manage_verifications().list_sizes(connection_id)
    return Response(status, JSON, AudienceOut.of(activation, sizes), etag(activation.version))
