"""The audit log as JSON."""

from collections.abc import Iterable
from typing import Any, Self

from pydantic import Field

from destination.api.audiences import Namespace
from destination.api.representation import Representation, Time
from destination.domain.audit import AuditAction, AuditRecord


class ChangeOut(Representation):
    """A property before and after the change; null: not there. Of a secret only the change shows."""

    path: str = Field(examples=["mapping.firstName"])
    before: Any
    after: Any


class AuditedAudience(Representation):
    id: str
    namespace: Namespace | None


class AuditRecordOut(Representation):
    """One change. `connection_id`, `audience`: what was changed; null where the change concerns none."""

    id: str
    at: Time
    actor: str = Field(
        description="The caller's IAM ARN; `system` for what the schedule does, `local` on the local stack."
    )
    action: AuditAction
    connection_id: str | None
    audience: AuditedAudience | None
    changes: list[ChangeOut]

    @classmethod
    def of(cls, record: AuditRecord) -> Self:
        audience = record.audience and {"id": record.audience.id, "namespace": record.audience.namespace or None}
        return cls.model_validate(
            {
                "id": record.id,
                "at": record.at,
                "actor": record.actor,
                "action": record.action,
                "connection_id": record.connection_id,
                "audience": audience,
                "changes": [{"path": one.path, "before": one.before, "after": one.after} for one in record.changes],
            }
        )


class AuditLog(Representation):
    """Newest first. `cursor`: pass it on to read what follows; null: there is no more."""

    records: list[AuditRecordOut]
    cursor: str | None

    @classmethod
    def of(cls, records: Iterable[AuditRecord], cursor: str | None) -> Self:
        return cls(records=[AuditRecordOut.of(one) for one in records], cursor=cursor)
