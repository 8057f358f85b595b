"""The audit log: who changed what, when, and how it was before.

Source: Adobe Experience Platform, "Audit logs": action, time, user and resource of every change are kept.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, Final

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import Connection, MappingRow
from destination.domain.credentials import ClientCredentials
from destination.domain.times import format_time

RETENTION: Final = timedelta(days=365)
"""As long as Adobe keeps its own audit log."""

MAX_CHANGES: Final = 100_000
"""Characters of all changes as JSON, so that a record fits into one DynamoDB item (400 KB) beside its names."""

SYSTEM: Final = "system"
"""Who changes what no caller asks for at that moment."""

_NOT_CONFIGURED: Final = frozenset({"id", "version", "audience", "blocked_cause", "deleting_since", "waiting"})


class AuditAction(StrEnum):
    CREATE_CONNECTION = "create_connection"
    CHANGE_CONNECTION = "change_connection"
    SET_MAPPING = "set_mapping"
    ENABLE_CONNECTION = "enable_connection"
    DISABLE_CONNECTION = "disable_connection"
    DELETE_CONNECTION = "delete_connection"
    REMOVE_CONNECTION = "remove_connection"
    ROTATE_INGEST_TOKEN = "rotate_ingest_token"  # noqa: S105
    ACTIVATE_AUDIENCE = "activate_audience"
    CHANGE_AUDIENCE = "change_audience"
    DEACTIVATE_AUDIENCE = "deactivate_audience"
    SET_ALERTS = "set_alerts"
    REQUEST_VERIFICATION = "request_verification"
    SET_POLICIES = "set_policies"


@dataclass(frozen=True, slots=True)
class AuditChange:
    """A member before and after, in JSON's types; None: it was, or is, not there. Secrets are never among them."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One change. `id` tells records of the same microsecond apart; `connection_id`, `audience`: what was changed."""

    id: str
    at: datetime
    actor: str
    action: AuditAction
    connection_id: str | None = None
    audience: AudienceKey | None = None
    changes: tuple[AuditChange, ...] = field(default=())


def differences(
    before: Connection | Activation | None, after: Connection | Activation | None
) -> tuple[AuditChange, ...]:
    """What is configured differently, by path; rows of the mapping stand under their target."""
    was, now = _members(before), _members(after)
    return tuple(
        AuditChange(path, was.get(path), now.get(path))
        for path in dict.fromkeys((*was, *now))
        if was.get(path) != now.get(path)
    )


def credential_changes(before: ClientCredentials | None, after: ClientCredentials | None) -> tuple[AuditChange, ...]:
    """The client ids; of the client secrets only that they differ."""
    was, now = before and before.client_id, after and after.client_id
    changes: tuple[AuditChange, ...] = (AuditChange("credentials.client_id", was, now),) if was != now else ()
    if after is not None and (before is None or before.client_secret != after.client_secret):
        changes += (AuditChange("credentials.client_secret", None, "changed"),)
    return changes


def bounded(changes: tuple[AuditChange, ...]) -> tuple[AuditChange, ...]:
    """The changes as they can be stored: beyond MAX_CHANGES only the paths are kept, as many as there is room for."""
    if _length(changes) <= MAX_CHANGES:
        return changes
    kept, length = [], 0
    for change in changes:
        bare = AuditChange(change.path, None, "too long to be kept")
        length += _length((bare,))
        if length <= MAX_CHANGES:
            kept.append(bare)
    return tuple(kept)


def _length(changes: tuple[AuditChange, ...]) -> int:
    return len(json.dumps([(one.path, one.before, one.after) for one in changes]))


def _members(thing: Connection | Activation | None) -> dict[str, Any]:
    if thing is None:
        return {}
    given = {one.name: getattr(thing, one.name) for one in fields(thing) if one.name not in _NOT_CONFIGURED}
    return {path: value for path, value in _flat("", given).items() if value not in (None, [])}


def _flat(path: str, value: Any) -> dict[str, Any]:
    match value:
        case Mapping():
            below = [_flat(f"{path}.{name}" if path else name, member) for name, member in value.items()]
            return {name: member for flat in below for name, member in flat.items()}
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
        case tuple() | list():
            return [_plain(one) for one in value]
        case _ if is_dataclass(value):
            members = {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
            return {name: member for name, member in members.items() if member not in (None, [])}
    return value
