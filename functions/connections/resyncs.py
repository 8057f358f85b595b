"""Resyncs of a connection: a sender sends everybody again, and whoever it does not name is taken off."""

from datetime import timedelta
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path

from destination.api.resyncs import ResyncIn, ResyncList, ResyncOut
from destination.composition.connections import manage_resyncs
from destination.control.resyncs import WantedResync
from functions.connections.parameters import JSON, MAX_ID_LENGTH, ConnectionId, one_object

ResyncId = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The resync's id.")]

router = Router()


@router.post(
    "/connections/<connection_id>/resyncs",
    summary="Open a resync, before everybody is sent again",
    operation_id="openResync",
    status_code=201,
    middlewares=[one_object],
)
def open_resync(connection_id: ConnectionId, body: ResyncIn) -> Response[ResyncOut]:
    quiet, longest = timedelta(minutes=body.quiet_minutes), timedelta(hours=body.max_hours)
    wanted = WantedResync(body.activation_ids, body.label, quiet, longest)
    return Response(201, JSON, ResyncOut.of(*manage_resyncs().open(connection_id, wanted)))


@router.get("/connections/<connection_id>/resyncs", summary="List resyncs", operation_id="listResyncs")
def list_resyncs(connection_id: ConnectionId) -> ResyncList:
    return ResyncList.of(manage_resyncs().newest(connection_id))


@router.get("/connections/<connection_id>/resyncs/<resync_id>", summary="Show a resync", operation_id="getResync")
def get_resync(connection_id: ConnectionId, resync_id: ResyncId) -> ResyncOut:
    return ResyncOut.of(*manage_resyncs().get(connection_id, resync_id))


@router.post(
    "/connections/<connection_id>/resyncs/<resync_id>/close",
    summary="Close a resync, once everybody was sent",
    operation_id="closeResync",
)
def close_resync(connection_id: ConnectionId, resync_id: ResyncId) -> ResyncOut:
    return ResyncOut.of(*manage_resyncs().close(connection_id, resync_id))


@router.post(
    "/connections/<connection_id>/resyncs/<resync_id>/approve",
    summary="Have a resync carried on that is held",
    operation_id="approveResync",
)
def approve_resync(connection_id: ConnectionId, resync_id: ResyncId) -> ResyncOut:
    return ResyncOut.of(*manage_resyncs().approve(connection_id, resync_id))


@router.post(
    "/connections/<connection_id>/resyncs/<resync_id>/cancel",
    summary="Cancel a resync",
    operation_id="cancelResync",
)
def cancel_resync(connection_id: ConnectionId, resync_id: ResyncId) -> ResyncOut:
    return ResyncOut.of(*manage_resyncs().cancel(connection_id, resync_id))
