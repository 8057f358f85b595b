"""Canaries, and what they found out of an instance."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path

from destination.api.canaries import CanaryIn, CanaryOut, CapabilitiesOut
from destination.composition.connections import manage_canaries
from destination.marketo.reasons import message_of
from functions.connections.parameters import JSON, MAX_ID_LENGTH, ConnectionId, one_object

CanaryId = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The canary's id.")]

router = Router()


@router.post(
    "/connections/<connection_id>/canaries",
    summary="Find out what imports do in the instance",
    operation_id="sendCanary",
    status_code=202,
    middlewares=[one_object],
)
def send_canary(connection_id: ConnectionId, body: CanaryIn) -> Response[CanaryOut]:
    made = manage_canaries().request(connection_id, body.email, body.list_id)
    return Response(202, JSON, CanaryOut.of(made, message_of))


@router.get(
    "/connections/<connection_id>/canaries/<canary_id>",
    summary="Carry a canary on by a step, and show how far it is",
    operation_id="getCanary",
)
def get_canary(connection_id: ConnectionId, canary_id: CanaryId) -> CanaryOut:
    return CanaryOut.of(manage_canaries().carry_on(connection_id, canary_id), message_of)


@router.get(
    "/connections/<connection_id>/capabilities",
    summary="Show what imports are known to do in the instance",
    operation_id="getCapabilities",
)
def get_capabilities(connection_id: ConnectionId) -> CapabilitiesOut:
    munchkin_id, known, last = manage_canaries().capabilities(connection_id)
    is_own = last is not None and last.connection_id == connection_id
    return CapabilitiesOut.of(munchkin_id, known, last.id if last is not None and is_own else None)
