"""What waits of a connection, and its return."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.parking import ParkingOut
from destination.composition.connections import manage_parking
from functions.connections.parameters import JSON, ConnectionId

router = Router()


@router.get("/connections/<connection_id>/parking", summary="Show what waits, and what for", operation_id="getParking")
def get_parking(connection_id: ConnectionId) -> ParkingOut:
    return ParkingOut.of(manage_parking().backlog(connection_id))


@router.post(
    "/connections/<connection_id>/resume",
    summary="Bring back what is parked, and try it at once",
    operation_id="resumeConnection",
    status_code=202,
)
def resume_connection(connection_id: ConnectionId) -> Response[ParkingOut]:
    manage_parking()(connection_id, ends_pause=True)
    return Response(202, JSON, ParkingOut.of(manage_parking().backlog(connection_id)))
