"""What a legacy dataflow becomes, as JSON."""

from dataclasses import asdict
from typing import Self

from pydantic import Field

from destination.api.audiences import AudienceIn
from destination.api.connections import MappingRowBody, SourceIn
from destination.api.representation import Representation
from destination.domain.connection import Generation, PersonAction, SyncType
from destination.domain.migration.draft import Draft, Migration
from destination.domain.migration.report import Finding, MigrationResult

SOURCE = SourceIn(format="aep")
"""What fed the legacy dataflow goes on feeding the connection."""


class ConnectionDraft(Representation):
    """A body for `POST /connections`, without credentials. Required properties that are null have to be filled in."""

    name: str
    description: str | None
    munchkin_id: str | None
    workspace: str | None
    sync_type: SyncType
    person_action: PersonAction
    dedupe_field: str
    ecid_field: str | None
    generation: Generation
    source: SourceIn
    mapping: list[MappingRowBody]
    marketing_actions: list[str]
    propagate_renames: bool

    @classmethod
    def of(cls, draft: Draft) -> Self:
        rows = [MappingRowBody.of(row) for row in draft.mapping]
        return cls.model_validate(asdict(draft) | {"source": SOURCE, "mapping": rows})


class FindingOut(Representation):
    """What became of one part of the export."""

    item: str = Field(description="Its path in the export, or the connection's property that the export lacks.")
    result: MigrationResult
    detail: str
    remedy: str | None = Field(description="What to do; null: nothing has to be done.")

    @classmethod
    def of(cls, finding: Finding) -> Self:
        return cls.model_validate(asdict(finding))


class MigrationOut(Representation):
    """Nothing was stored: post the connection, then the activations, once the report is dealt with."""

    connection: ConnectionDraft | None = Field(
        description="Null: no connection can find people in the way of the dataflow."
    )
    activations: list[AudienceIn] = Field(description="Bodies for `POST …/audiences`.")
    report: list[FindingOut]

    @classmethod
    def of(cls, migration: Migration) -> Self:
        draft = migration.connection
        return cls(
            connection=ConnectionDraft.of(draft) if draft else None,
            activations=[AudienceIn.of(one) for one in migration.activations],
            report=[FindingOut.of(one) for one in migration.report],
        )
