"""The dead letters of the stack."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.dead_letters import DeadLetterList
from destination.api.letters import DecidedOut, RedriveIn
from destination.composition.connections import manage_dead_letters
from functions.connections.parameters import JSON, OfCode, one_object

router = Router()


@router.get("/dead-letters", summary="Show what could not be read, by its reason", operation_id="listDeadLetters")
def list_dead_letters() -> DeadLetterList:
    return DeadLetterList.of(manage_dead_letters().look())


@router.post(
    "/dead-letters/redrives",
    summary="Put dead letters back into the queue",
    operation_id="redriveDeadLetters",
    status_code=202,
    middlewares=[one_object],
)
def redrive_dead_letters(body: RedriveIn) -> Response[DecidedOut]:
    return Response(202, JSON, DecidedOut.of(manage_dead_letters().redrive(body.code)))


@router.delete("/dead-letters", summary="Discard dead letters", operation_id="discardDeadLetters")
def discard_dead_letters(code: OfCode = None) -> DecidedOut:
    return DecidedOut.of(manage_dead_letters().discard(code))
