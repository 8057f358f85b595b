"""What every use case that changes something writes beside the change: who made it, and when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from destination.domain.audience import AudienceKey
from destination.domain.audit import AuditAction, AuditChange, AuditRecord
from destination.store.audit import Audit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef


@dataclass(frozen=True, slots=True)
class Recorder:
    """Makes audit records. `actor` tells who asks for what is being done."""

    audit: Audit
    actor: Callable[[], str]
    new_id: Callable[[], str]
    clock: Callable[[], datetime]

    def __call__(
        self,
        action: AuditAction,
        connection_id: str | None = None,
        changes: Sequence[AuditChange] = (),
        audience: AudienceKey | None = None,
    ) -> "TransactWriteItemTypeDef":
        """A transaction's write of the record, to stand beside the change."""
        record = AuditRecord(self.new_id(), self.clock(), self.actor(), action, connection_id, audience, tuple(changes))
        return self.audit.put(record)
