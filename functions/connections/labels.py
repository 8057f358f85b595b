"""Data usage labels, apart from what they are on."""

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.http import etag, expected_version
from destination.api.labels import LabelsIn, LabelsOut
from destination.composition.connections import manage_labels
from destination.domain.governance import Labelled
from functions.connections.parameters import JSON, ConnectionId, IfMatch, one_object

router = Router()


@router.get("/connections/<connection_id>/labels", summary="Show data usage labels", operation_id="getLabels")
def get_labels(connection_id: ConnectionId) -> Response[LabelsOut]:
    return _shown(manage_labels().show(connection_id))


@router.patch(
    "/connections/<connection_id>/labels",
    summary="Label sources and audiences, and take labels off",
    operation_id="changeLabels",
    middlewares=[one_object],
)
def change_labels(connection_id: ConnectionId, body: LabelsIn, if_match: IfMatch = None) -> Response[LabelsOut]:
    changed = manage_labels().change(connection_id, body.sources, body.audiences, expected_version(if_match))
    return _shown(changed)


def _shown(labelled: Labelled) -> Response[LabelsOut]:
    return Response(200, JSON, LabelsOut.of(labelled), etag(labelled.version))
