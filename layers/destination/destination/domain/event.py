"""One profile with its attributes, identities and audience memberships at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from destination.domain.audience import AudienceKey


class MembershipStatus(StrEnum):
    REALIZED = "realized"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Membership:
    """A profile entered or left an audience at a time."""

    audience: AudienceKey
    status: MembershipStatus
    at: datetime


@dataclass(frozen=True, slots=True)
class ProfileEvent:
    """What a source said of one profile.

    `at` is the time of the attributes: when the event occurred, else when it was received. `identities` holds every
    identity of the profile by namespace, in lower case. `received_at`: when its record was received.
    """

    at: datetime
    profile: Mapping[str, object]
    identities: Mapping[str, tuple[str, ...]]
    memberships: tuple[Membership, ...]
    id: str | None = None
    received_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
