"""Who changed what: the audit log."""

from typing import Annotated

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from destination.api.audit import AuditLog
from destination.api.representation import Time
from destination.composition.connections import read_audit
from functions.connections.parameters import MAX_ID_LENGTH, Cursor, Limit

router = Router()


@router.get("/audit", summary="List changes", operation_id="listAuditRecords")
def list_audit_records(
    connection_id: Annotated[
        str | None,
        Query(
            max_length=MAX_ID_LENGTH,
            description="Only the changes of this connection, deleted or not; by default of all.",
        ),
    ] = None,
    first: Annotated[Time | None, Query(alias="from", description="From this time on.")] = None,
    last: Annotated[Time | None, Query(alias="to", description="Before this time.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> AuditLog:
    page = read_audit()(connection_id, first, last, cursor, limit)
    return AuditLog.of(page.records, page.cursor)
