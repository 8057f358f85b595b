"""The audit log: what every use case that changes something writes beside the change, and what was written."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import Activation, AudienceKey
from destination.domain.audit import AuditAction, AuditChange, AuditRecord
from destination.domain.connection import Connection, MappingRow
from destination.domain.credentials import ClientCredentials
from destination.domain.policy import PolicySet
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.times import format_time
from destination.store.audit import Audit, AuditPage
from destination.store.governance import policy_properties

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_NOT_CONFIGURED: Final = frozenset(
    {
        "id",
        "version",
        "audience",
        "blocked_cause",
        "deleting_since",
        "waiting",
        "begun_at",
        "credentials_version",
        "delivered_at",
        "is_discarded",
        "held_since",
        "retry_at",
        "resumed_at",
        "resumed_up_to",
        "drained_since",
        "resyncing",
        "enabled_at",
        "may_hold_others",
        "made_by_sender",
        "fill_at",
        "emptied_to",
        "named_at",
    }
)
"""Properties of connections and activations that no caller sets."""


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
        return self.audit.put(self._made(action, connection_id, changes, audience))

    def write(self, action: AuditAction, connection_id: str | None = None, changes: Sequence[AuditChange] = ()) -> None:
        """Write the record of what is about to be done outside of a transaction."""
        self.audit.write(self._made(action, connection_id, changes, None))

    def _made(
        self,
        action: AuditAction,
        connection_id: str | None,
        changes: Sequence[AuditChange],
        audience: AudienceKey | None,
    ) -> AuditRecord:
        return AuditRecord(self.new_id(), self.clock(), self.actor(), action, connection_id, audience, tuple(changes))


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


def differences(
    before: Connection | Activation | None, after: Connection | Activation | None
) -> tuple[AuditChange, ...]:
    """What is configured differently, by path; rows of the mapping stand under their target."""
    return _between(_properties(before), _properties(after))


def credential_changes(before: ClientCredentials | None, after: ClientCredentials | None) -> tuple[AuditChange, ...]:
    """The client ids; of the client secrets only that they differ."""
    was, now = before and before.client_id, after and after.client_id
    changes: tuple[AuditChange, ...] = (AuditChange("credentials.client_id", was, now),) if was != now else ()
    if after is not None and (before is None or before.client_secret != after.client_secret):
        changes += (AuditChange("credentials.client_secret", None, "changed"),)
    return changes


def policy_changes(before: PolicySet, after: PolicySet) -> tuple[AuditChange, ...]:
    """What is different, policy by policy."""
    was, now = (
        {f"policies.{one.id}": policy_properties(one) for one in policies.policies} for policies in (before, after)
    )
    return _between(was, now)


def _between(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[AuditChange, ...]:
    return tuple(
        AuditChange(path, was.get(path), now.get(path))
        for path in dict.fromkeys((*was, *now))
        if was.get(path) != now.get(path)
    )


def _properties(thing: Connection | Activation | None) -> dict[str, Any]:
    if thing is None:
        return {}
    given = {one.name: getattr(thing, one.name) for one in fields(thing) if one.name not in _NOT_CONFIGURED}
    return {path: value for path, value in _flat("", given).items() if value not in (None, [])}


def _flat(path: str, value: Any) -> dict[str, Any]:
    match value:
        case Mapping():
            below = [_flat(f"{path}.{name}" if path else name, entry) for name, entry in value.items()]
            return {name: entry for flat in below for name, entry in flat.items()}
        case [MappingRow(), *_]:
            return {f"{path}.{row.target}": _plain(row) for row in value}
        case _ if is_dataclass(value):
            return _flat(path, {one.name: getattr(value, one.name) for one in fields(value)})
    return {path: _plain(value)}


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case datetime():
            return format_time(value)
        case timedelta():
            return f"PT{value.total_seconds():.0f}S"
        case tuple() | list() | frozenset():
            plain = [_plain(one) for one in value]
            return sorted(plain) if isinstance(value, frozenset) else plain
        case _ if is_dataclass(value):
            properties = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
            return {name: entry for name, entry in properties.items() if entry not in (None, [])}
    return value
