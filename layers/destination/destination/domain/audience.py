"""An audience, and its activation: switched on for a connection, with its static list and its start and end."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from destination.domain.times import EPOCH

DEFAULT_NAMESPACE = "ups"
"""The namespace of audiences built by Experience Platform's own Segmentation Service; of events that name none."""

ANY_NAMESPACE: Final = ""
"""Of an activation that says none: what is said of its audience in any namespace counts. No event has it."""

MAX_NAMESPACE_LENGTH: Final = 64

DORMANT_FOR: Final = timedelta(days=90)
"""How long it is remembered what the source says of an audience that was deactivated, so that it can come back."""


class AudienceKey(NamedTuple):
    """An audience as its source names it; ids are unique within a namespace only, which is in lower case."""

    namespace: str
    id: str

    def __str__(self) -> str:
        """For people."""
        return f"{self.id} ({self.namespace or 'any namespace'})"

    @property
    def in_any_namespace(self) -> "AudienceKey":
        return AudienceKey(ANY_NAMESPACE, self.id)


@lru_cache(maxsize=16_384)
def code_of(audience: AudienceKey) -> bytes:
    """Six bytes that stand for an audience where its name would be too long."""
    return hashlib.sha256(f"{audience.namespace}\0{audience.id}".encode()).digest()[:6]


@lru_cache(maxsize=1_024)
def namespace_code(namespace: str) -> int:
    """A number of 64 bits that stands for a namespace."""
    return int.from_bytes(hashlib.sha256(namespace.encode()).digest()[:8])


def activation_id(audience: AudienceKey) -> str:
    """What an activation is called in paths, commands and logs: 12 hexadecimal digits, the same on every connection.

    An audience's own id is free text. By 560 million connections of 1,000 audiences one has two that share an id.
    """
    return code_of(audience).hex()


class WhenListMissing(StrEnum):
    """What happens when Marketo no longer has an audience's list: the connection is blocked, or a new list is made."""

    BLOCK = "block"
    CREATE = "create"


@dataclass(frozen=True, slots=True)
class EmptiedTo:
    """How far a list was emptied: where in the ledger, when, how many are `left` on it by then, by Marketo's code."""

    cursor: str
    at: datetime
    left: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Activation:
    """An audience switched on for a connection; on a `profile_only` connection it has no list.

    `may_hold_others`: whether others may have put people on the list, as it was there before the audience was
    activated. `fill_at`: from when on the list is to be filled with those whom the ledger knows (None: it is not).
    `made_by_sender`: a sender activated it by a call, and may rename and delete it so.
    `named_at`: when it got its name (None: at the beginning); what was said of its name before that is old.
    `emptied_to`: how far it was emptied, if it is to be deactivated empty. `begun_at`: its beginning, since which the
    connection has been told of the audience without a gap. `version`: grows with every change by an operator; 0 as long
    as it is not stored.
    """

    audience: AudienceKey
    name: str
    data_type: str = "people"
    origin: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    list_id: int | None = None
    list_name: str | None = None
    when_list_missing: WhenListMissing = WhenListMissing.BLOCK
    labels: tuple[str, ...] = ()
    may_hold_others: bool = True
    made_by_sender: bool = False
    fill_at: datetime | None = None
    emptied_to: EmptiedTo | None = None
    named_at: datetime | None = None
    begun_at: datetime = EPOCH
    version: int = 0

    @property
    def id(self) -> str:
        return activation_id(self.audience)

    def is_scheduled(self, at: datetime) -> bool:
        """Whether an event of a time counts: from the start on, and before the end."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)

    def opens_at(self, now: datetime) -> datetime | None:
        """When events count next: at once, at the start, or never again (None)."""
        opens = now if self.start is None else max(now, self.start)
        return opens if self.is_scheduled(opens) else None

    def is_fill_due(self, now: datetime) -> bool:
        """Whether it has a list that is to be filled by now."""
        return self.list_id is not None and self.fill_at is not None and self.fill_at <= now
