"""What legacy dataflows become."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Body, Query

from destination.api.migrations import MigrationOut
from destination.composition import now
from destination.domain.connection import Generation
from destination.domain.migration.draft import migrate
from functions.connections.parameters import bounded

router = Router()


@router.post(
    "/migrations/legacy-v2", summary="Draft a connection from a legacy dataflow", operation_id="migrateLegacyFlow"
)
def migrate_legacy_flow(
    _body: Annotated[
        Any, Body(alias="body", description="Flow Service's export of the dataflow; docs/migration.md says more.")
    ],
    generation: Annotated[Generation, Query(description="Which destination the draft behaves like.")] = (
        Generation.CURRENT
    ),
) -> MigrationOut:
    # Of a list the resolver hands on the first entry alone.
    export = router.current_event.json_body
    return bounded(MigrationOut.of(migrate(export, generation, now())), "leave out what is not the dataflow's")
