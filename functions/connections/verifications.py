"""Verifications of a connection's lists."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path

from destination.api.verifications import VerificationIn, VerificationList, VerificationOut
from destination.composition.connections import manage_verifications
from functions.connections.parameters import JSON, MAX_ID_LENGTH, ConnectionId, one_object

VerificationId = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The verification's id.")]

router = Router()


@router.post(
    "/connections/<connection_id>/verifications",
    summary="Compare Marketo's lists with what was delivered",
    operation_id="requestVerification",
    status_code=202,
    middlewares=[one_object],
)
def request_verification(connection_id: ConnectionId, body: VerificationIn) -> Response[VerificationOut]:
    made = manage_verifications().request(connection_id, body.activation_ids, frozenset(body.repair))
    return Response(202, JSON, VerificationOut.with_checks(*manage_verifications().get(connection_id, made.id)))


@router.get(
    "/connections/<connection_id>/verifications", summary="List verifications", operation_id="listVerifications"
)
def list_verifications(connection_id: ConnectionId) -> VerificationList:
    return VerificationList.of(manage_verifications().newest(connection_id))


@router.get(
    "/connections/<connection_id>/verifications/<verification_id>",
    summary="Show a verification",
    operation_id="getVerification",
)
def get_verification(connection_id: ConnectionId, verification_id: VerificationId) -> VerificationOut:
    return VerificationOut.with_checks(*manage_verifications().get(connection_id, verification_id))


@router.delete(
    "/connections/<connection_id>/verifications/<verification_id>",
    summary="Cancel a verification",
    operation_id="cancelVerification",
)
def cancel_verification(connection_id: ConnectionId, verification_id: VerificationId) -> VerificationOut:
    return VerificationOut.with_checks(*manage_verifications().cancel(connection_id, verification_id))
