"""The audit log: what every use case that changes something writes beside the change, and what was written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from destination.domain.audience import AudienceKey
from destination.domain.audit import AuditAction, AuditChange, AuditRecord
from destination.domain.problem import ConfigurationError, Problem
from destination.store.audit import Audit, AuditPage

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


@dataclass(frozen=True, slots=True)
class ReadAudit:
    """Reads the audit log."""

    audit: Audit

    def __call__(
        self,
        connection_id: str | None,
        first: datetime | None,
        last: datetime | None,
        cursor: str | None,
        limit: int,
    ) -> AuditPage:
        """The changes from one time on and before another, newest first: of one connection, there or not, or of all.

        Raises ConfigurationError, InvalidCursorError.
        """
        if first and last and first > last:
            raise ConfigurationError([Problem("from", "must not be later than to")])
        return self.audit.page(connection_id, first, last, cursor, limit)
