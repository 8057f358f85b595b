"""One profile with its attributes, identities and audience memberships at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple, Self

from destination.domain.audience import AudienceKey, namespace_code
from destination.domain.value_object import value_object

MAX_IDENTITIES: Final = 100
"""How many values a profile may be known by at one source; each may become a person (Adobe's identity graphs hold 50).
"""


class MembershipStatus(StrEnum):
    REALIZED = "realized"
    EXITED = "exited"


class Part(NamedTuple):
    """What was said of an audience in one namespace, by the namespace's code."""

    namespace: int
    status: MembershipStatus
    at: datetime


class Membership(NamedTuple):
    """A profile entered or left an audience at a time; `name`: what the source calls the audience, where it says so.

    `parts`: of an audience in any namespace, what was said of it in each; an event has none. A tuple, as several are
    made for every event.
    """

    audience: AudienceKey
    status: MembershipStatus
    at: datetime
    name: str | None = None
    parts: tuple[Part, ...] = ()


def together(audience: AudienceKey, said: Sequence[Membership]) -> Membership:
    """What an event says of an audience in any namespace: who is in it in one of them is in it."""
    newest: dict[int, Part] = {}
    for one in said:
        part = Part(namespace_code(one.audience.namespace), one.status, one.at)
        if part.namespace not in newest or part.at >= newest[part.namespace].at:
            newest[part.namespace] = part
    parts = tuple(newest.values())
    realized = [one for one in parts if one.status is MembershipStatus.REALIZED]
    last = max(realized or parts, key=lambda one: one.at)
    return Membership(audience, last.status, last.at, next((one.name for one in said if one.name), None), parts)


@value_object
class ProfileEvent:
    """What a source said of one profile.

    `at` is the time of the attributes: when the event occurred, else when it was received. `identities` holds every
    identity of the profile by namespace, in lower case. `received_at`: the events of a body are received one after the
    other, in the order of its records. `id`: the sender's own; the same id again is the same event sent again.
    """

    at: datetime
    profile: Mapping[str, object]
    identities: Mapping[str, tuple[str, ...]]
    memberships: tuple[Membership, ...]
    received_at: datetime
    id: str | None = None

    def first_received(self, at: datetime) -> Self:
        """The event with the times that it had when it was received first, at a time not after this receipt.

        Its own times stay; those that it has from a receipt, or that lay in the future then, become the first
        receipt's. Hence an event that is sent again with the same id says nothing newer than it said before.
        """
        memberships = tuple([one if one.at <= at else one._replace(at=at) for one in self.memberships])
        return replace(self, at=min(self.at, at), memberships=memberships, received_at=at)
