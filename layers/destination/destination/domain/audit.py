"""The audit log: who changed what, when, and how it was before.

Source: Adobe Experience Platform, "Audit logs": action, time, user and resource of every change are kept.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from destination.domain.audience import AudienceKey

RETENTION: Final = timedelta(days=365)
"""As long as Adobe keeps its own audit log."""

MAX_CHANGES: Final = 100_000
"""Characters of all changes as JSON, so that a record fits into one DynamoDB item (400 KB) beside its names."""

SYSTEM: Final = "system"
"""Who changes what no caller asks for at that moment."""


class AuditAction(StrEnum):
    CREATE_CONNECTION = "create_connection"
    CHANGE_CONNECTION = "change_connection"
    SET_MAPPING = "set_mapping"
    SET_LABELS = "set_labels"
    ENABLE_CONNECTION = "enable_connection"
    DISABLE_CONNECTION = "disable_connection"
    DELETE_CONNECTION = "delete_connection"
    REMOVE_CONNECTION = "remove_connection"
    ROTATE_INGEST_TOKEN = "rotate_ingest_token"  # noqa: S105
    REPLACE_SENDER_CREDENTIALS = "replace_sender_credentials"
    REVOKE_SENDER_CREDENTIALS = "revoke_sender_credentials"
    ACTIVATE_AUDIENCE = "activate_audience"
    CHANGE_AUDIENCE = "change_audience"
    DEACTIVATE_AUDIENCE = "deactivate_audience"
    SET_ALERTS = "set_alerts"
    SET_RECIPIENTS = "set_recipients"
    REQUEST_VERIFICATION = "request_verification"
    CANCEL_VERIFICATION = "cancel_verification"
    SEND_CANARY = "send_canary"
    REQUEST_UPLOAD = "request_upload"
    CANCEL_FILE = "cancel_file"
    APPROVE_FILE = "approve_file"
    OPEN_RESYNC = "open_resync"
    CLOSE_RESYNC = "close_resync"
    APPROVE_RESYNC = "approve_resync"
    CANCEL_RESYNC = "cancel_resync"
    REDRIVE_LETTERS = "redrive_letters"
    DISCARD_LETTERS = "discard_letters"
    REDRIVE_DEAD_LETTERS = "redrive_dead_letters"
    DISCARD_DEAD_LETTERS = "discard_dead_letters"
    SET_POLICIES = "set_policies"
    LOOK_UP_PERSON = "look_up_person"
    VIEW_PROFILE = "view_profile"
    ERASE_PERSON = "erase_person"


@dataclass(frozen=True, slots=True)
class AuditChange:
    """A property before and after the change, in JSON's types; None: not there. Secrets are never among them."""

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
