"""Who makes the call."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.me import MeOut
from destination.composition.connections import caller
from destination.domain.caller import CallerIdentity

router = Router()


@router.get("/me", summary="Show who makes the call", operation_id="getMe")
def get_me() -> MeOut:
    return MeOut.of(CallerIdentity.of(caller.get()))
