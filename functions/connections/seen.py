"""What a connection was sent lately, by its names."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.seen import SeenOut
from destination.composition.connections import read_seen
from functions.connections.parameters import ConnectionId

router = Router()


@router.get(
    "/connections/<connection_id>/seen",
    summary="Show which attributes, identities and audiences came lately",
    operation_id="getSeen",
)
def get_seen(connection_id: ConnectionId) -> SeenOut:
    return SeenOut.of(read_seen()(connection_id))
