"""What a connection's Marketo instance offers to choose from."""

from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from destination.api.choices import (
    Cursor,
    DedupeFieldList,
    LeadFieldList,
    ListName,
    PartitionList,
    StaticListPage,
    WorkspaceList,
)
from destination.composition.connections import read_choices
from functions.connections.parameters import ConnectionId

router = Router()


@router.get(
    "/connections/<connection_id>/marketo/dedupe-fields",
    summary="List the fields that people can be found by",
    operation_id="listDedupeFields",
)
def list_dedupe_fields(connection_id: ConnectionId) -> DedupeFieldList:
    return DedupeFieldList.of(read_choices().dedupe_fields(connection_id))


@router.get("/connections/<connection_id>/marketo/fields", summary="List lead fields", operation_id="listFields")
def list_fields(connection_id: ConnectionId) -> LeadFieldList:
    return LeadFieldList.of(read_choices().fields(connection_id))


@router.get(
    "/connections/<connection_id>/marketo/partitions", summary="List lead partitions", operation_id="listPartitions"
)
def list_partitions(connection_id: ConnectionId) -> PartitionList:
    return PartitionList.of(read_choices().partitions(connection_id))


@router.get("/connections/<connection_id>/marketo/workspaces", summary="List workspaces", operation_id="listWorkspaces")
def list_workspaces(connection_id: ConnectionId) -> WorkspaceList:
    found = read_choices().workspaces(connection_id)
    return WorkspaceList.of(found.source, found.names)


@router.get("/connections/<connection_id>/marketo/lists", summary="List static lists", operation_id="listStaticLists")
def list_static_lists(
    connection_id: ConnectionId,
    name: Annotated[ListName | None, Query(description="Only lists of exactly this name.")] = None,
    cursor: Annotated[Cursor | None, Query(description="The `cursor` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=300)] = 100,
) -> StaticListPage:
    page = read_choices().lists(connection_id, name, cursor, limit)
    return StaticListPage.of(page.lists, page.cursor)
