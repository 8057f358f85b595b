"""Erasures of people."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path

from destination.api.erasures import ErasureIn, ErasureOut
from destination.composition import now
from destination.composition.connections import manage_erasures
from destination.control.people import AskedFor
from destination.marketo.reasons import message_of
from functions.connections.parameters import JSON, MAX_ID_LENGTH, ConnectionId, one_object

ErasureId = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The erasure's id.")]

router = Router()


@router.post(
    "/connections/<connection_id>/people/erasures",
    summary="Forget a person",
    operation_id="erasePerson",
    status_code=202,
    middlewares=[one_object],
)
def erase_person(connection_id: ConnectionId, body: ErasureIn) -> Response[ErasureOut]:
    made = manage_erasures().request(connection_id, AskedFor(body.value, body.source))
    return Response(202, JSON, ErasureOut.of(made, now(), message_of))


@router.get(
    "/connections/<connection_id>/people/erasures/<erasure_id>",
    summary="Show what was forgotten of a person",
    operation_id="getErasure",
)
def get_erasure(connection_id: ConnectionId, erasure_id: ErasureId) -> ErasureOut:
    return ErasureOut.of(manage_erasures().get(connection_id, erasure_id), now(), message_of)
