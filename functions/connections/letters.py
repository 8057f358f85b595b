"""Letters of a connection: events that failed."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.letters import DecidedOut, LetterList, RedriveIn
from destination.composition.connections import manage_letters
from destination.marketo.reasons import message_of
from functions.connections.parameters import JSON, ConnectionId, OfCode, one_object

router = Router()


@router.get(
    "/connections/<connection_id>/letters", summary="Show what failed, by its reason", operation_id="listLetters"
)
def list_letters(connection_id: ConnectionId) -> LetterList:
    return LetterList.of(manage_letters().of(connection_id), message_of)


@router.post(
    "/connections/<connection_id>/letters/redrives",
    summary="Deliver letters again",
    operation_id="redriveLetters",
    status_code=202,
    middlewares=[one_object],
)
def redrive_letters(connection_id: ConnectionId, body: RedriveIn) -> Response[DecidedOut]:
    return Response(202, JSON, DecidedOut.of(manage_letters().redrive(connection_id, body.code)))


@router.delete("/connections/<connection_id>/letters", summary="Discard letters", operation_id="discardLetters")
def discard_letters(connection_id: ConnectionId, code: OfCode = None) -> DecidedOut:
    return DecidedOut.of(manage_letters().discard(connection_id, code))
