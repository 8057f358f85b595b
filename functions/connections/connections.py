"""Connections and their mapping."""

from collections.abc import Mapping
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from destination.api.connections import (
    ConnectionCreated,
    ConnectionIn,
    ConnectionOut,
    ConnectionPage,
    ConnectionPatch,
    IngestOut,
    IngestRotated,
    MappingRowBody,
    RotationIn,
)
from destination.api.http import etag, expected_version, ingest_url
from destination.composition.connections import manage_audiences, manage_connections, manage_parking
from destination.domain.audit import AuditAction
from destination.domain.connection import Connection
from functions.connections.parameters import JSON, ConnectionId, Cursor, IfMatch, Limit, one_object

router = Router()


@router.post(
    "/connections",
    summary="Create a connection",
    operation_id="createConnection",
    status_code=201,
    middlewares=[one_object],
)
def create_connection(body: ConnectionIn) -> Response[ConnectionCreated]:
    created = manage_connections().create(body.draft(), body.client_credentials())
    url = ingest_url(router.current_event.raw_event, created.connection.id)
    ingest = IngestOut(url=url, token=created.token, signing_key=created.signing_key)
    shown = ConnectionCreated.with_ingest(_out(created.connection), ingest)
    return Response(201, JSON, shown, etag(created.connection.version))


@router.get("/connections", summary="List connections", operation_id="listConnections")
def list_connections(cursor: Cursor = None, limit: Limit = 50) -> ConnectionPage:
    page = manage_connections().list(cursor, limit)
    holds, warnings = manage_parking().holds(page.connections), manage_connections().warnings
    found = [ConnectionOut.of_connection(one, warnings(one), holds[one.id]) for one in page.connections]
    return ConnectionPage(connections=found, cursor=page.cursor)


@router.get("/connections/<connection_id>", summary="Show a connection", operation_id="getConnection")
def get_connection(connection_id: ConnectionId) -> Response[ConnectionOut]:
    connection = manage_connections().get(connection_id)
    shown = _out(connection, len(manage_audiences().list(connection_id)))
    return Response(200, JSON, shown, etag(connection.version))


@router.patch(
    "/connections/<connection_id>",
    summary="Change a connection (JSON merge patch)",
    operation_id="changeConnection",
    middlewares=[one_object],
)
def change_connection(
    connection_id: ConnectionId, body: Annotated[dict[str, Any], Body()], if_match: IfMatch = None
) -> Response[ConnectionOut]:
    return _shown(changed(connection_id, body, if_match))


@router.delete(
    "/connections/<connection_id>", summary="Delete a connection", operation_id="deleteConnection", status_code=202
)
def delete_connection(
    connection_id: ConnectionId,
    discard: Annotated[bool, Query(description="Remove it at once; what is queued becomes dead letters.")] = False,
    if_match: IfMatch = None,
) -> Response[ConnectionOut | None]:
    leaving = manage_connections().delete(connection_id, expected_version(if_match), discard=discard)
    if leaving is None:
        return Response(204)
    return Response(202, JSON, _out(leaving), etag(leaving.version))


@router.post(
    "/connections/<connection_id>/ingest-token",
    summary="Replace the ingest token",
    operation_id="rotateIngestToken",
    status_code=201,
    middlewares=[one_object],
)
def rotate_ingest_token(
    connection_id: ConnectionId, body: Annotated[RotationIn | None, Body()] = None, if_match: IfMatch = None
) -> Response[IngestRotated]:
    grace = (body or RotationIn()).grace
    rotated = manage_connections().rotate_ingest_token(connection_id, grace, expected_version(if_match))
    shown = IngestRotated(
        url=ingest_url(router.current_event.raw_event, connection_id),
        token=rotated.token,
        signing_key=rotated.signing_key,
        previous_valid_until=rotated.previous_valid_until,
    )
    return Response(201, JSON, shown, etag(rotated.connection.version))


@router.post("/connections/<connection_id>/enable", summary="Enable a connection", operation_id="enableConnection")
def enable_connection(connection_id: ConnectionId, if_match: IfMatch = None) -> Response[ConnectionOut]:
    return _shown(manage_connections().enable(connection_id, expected_version(if_match)))


@router.post("/connections/<connection_id>/disable", summary="Disable a connection", operation_id="disableConnection")
def disable_connection(connection_id: ConnectionId, if_match: IfMatch = None) -> Response[ConnectionOut]:
    return _shown(manage_connections().disable(connection_id, expected_version(if_match)))


@router.get("/connections/<connection_id>/mapping", summary="Show the mapping", operation_id="getMapping")
def get_mapping(connection_id: ConnectionId) -> Response[list[MappingRowBody]]:
    return _mapping(manage_connections().get(connection_id))


@router.put("/connections/<connection_id>/mapping", summary="Replace the mapping", operation_id="setMapping")
def set_mapping(
    connection_id: ConnectionId, body: Annotated[list[Any], Body()], if_match: IfMatch = None
) -> Response[list[MappingRowBody]]:
    return _mapping(changed(connection_id, {"mapping": body}, if_match, AuditAction.SET_MAPPING))


def changed(
    connection_id: str,
    patch: Mapping[str, Any],
    if_match: str | None,
    action: AuditAction = AuditAction.CHANGE_CONNECTION,
) -> Connection:
    """Apply a JSON merge patch."""
    before = manage_connections().get(connection_id, expected_version(if_match))
    wanted = ConnectionPatch.of(before).patched(patch)
    return manage_connections().change(
        before, wanted.over(before), wanted.client_credentials(), action, same_people=wanted.same_people
    )


def _shown(connection: Connection) -> Response[ConnectionOut]:
    return Response(200, JSON, _out(connection), etag(connection.version))


def _out(connection: Connection, audiences: int = 0) -> ConnectionOut:
    warnings = manage_connections().warnings(connection, audiences)
    return ConnectionOut.of_connection(connection, warnings, manage_parking().holds([connection])[connection.id])


def _mapping(connection: Connection) -> Response[list[MappingRowBody]]:
    return Response(200, JSON, [MappingRowBody.of(row) for row in connection.mapping], etag(connection.version))
