"""What was seen of a connection as JSON: names alone, never values."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Self

from pydantic import Field

from destination.api.representation import Representation, Time
from destination.domain.audience import AudienceKey
from destination.domain.connection import SourceType
from destination.domain.seen import SeenAttribute, SeenAudience, SeenIdentity, identity_path
from destination.domain.seen_of import SeenOf

_LAST = "When the last of them was received."


class SeenAttributeOut(Representation):
    """An attribute of profiles."""

    path: str = Field(description="The source of a mapping row that takes it.", examples=["person.name.firstName"])
    types: Mapping[SourceType, int] = Field(
        description="In how many of the events it was of which XDM type, as a row's source_type has it."
    )
    events: int = Field(description="How many of the sampled events had it.")
    last_seen: Time = Field(description=_LAST)
    mapped: bool = Field(description="Whether a mapping row takes it, or something of the array that it is in.")

    @classmethod
    def of(cls, path: str, one: SeenAttribute, found: SeenOf) -> Self:
        return cls(path=path, types=one.types, events=one.events, last_seen=one.last_at, mapped=found.is_mapped(path))


class SeenIdentityOut(Representation):
    """A namespace of identities."""

    namespace: str
    path: str = Field(description="The source of a mapping row that takes it.", examples=["identityMap.email"])
    events: int = Field(description="How many of the sampled events had an identity of it.")
    last_seen: Time = Field(description=_LAST)
    mapped: bool

    @classmethod
    def of(cls, namespace: str, one: SeenIdentity, found: SeenOf) -> Self:
        return cls(
            namespace=namespace,
            path=identity_path(namespace),
            events=one.events,
            last_seen=one.last_at,
            mapped=found.is_mapped_identity(namespace),
        )


class SeenAudienceOut(Representation):
    """An audience, activated or not."""

    id: str
    namespace: str
    name: str | None = Field(description="What its source calls it; null: it says no name.")
    events: int = Field(description="How many memberships of it came, of all events.")
    realized: int
    exited: int
    last_seen: Time = Field(description=_LAST)
    activated: bool
    activation_id: str | None = Field(description="The activation that takes it; null: it is not activated.")

    @classmethod
    def of(cls, audience: AudienceKey, one: SeenAudience, found: SeenOf) -> Self:
        activation = found.activation_of(audience)
        return cls(
            id=audience.id,
            namespace=audience.namespace,
            name=one.name,
            events=one.events,
            realized=one.realized,
            exited=one.exited,
            last_seen=one.last_at,
            activated=activation is not None,
            activation_id=None if activation is None else activation.id,
        )


class SeenOut(Representation):
    """What a connection was sent lately, also while it was a draft or disabled: by names, and without any value.

    Events are counted as they came, an event that was sent twice twice; the last minute may not be counted yet.
    """

    since: Time
    until: Time
    events: int = Field(description="How many events were seen; the audiences are those of all of them.")
    sampled_events: int = Field(description="Of how many of them the attributes and identities are.")
    unnamed_events: int = Field(
        description="How many of these had keys that may be values, such as e-mail addresses, and are not shown."
    )
    truncated: bool = Field(description="Whether there was more than is kept; what is seen most often is.")
    attributes: list[SeenAttributeOut] = Field(description="By path.")
    identities: list[SeenIdentityOut] = Field(description="By namespace.")
    audiences: list[SeenAudienceOut] = Field(description="Those that were named most often first.")

    @classmethod
    def of(cls, found: SeenOf) -> Self:
        seen = found.seen
        often = sorted(seen.audiences.items(), key=lambda pair: (-pair[1].events, pair[0]))
        return cls(
            since=_midnight(found.since),
            until=found.until,
            events=seen.events,
            sampled_events=seen.sampled,
            unnamed_events=seen.unnamed,
            truncated=seen.is_cut,
            attributes=[SeenAttributeOut.of(path, one, found) for path, one in sorted(seen.attributes.items())],
            identities=[SeenIdentityOut.of(name, one, found) for name, one in sorted(seen.identities.items())],
            audiences=[SeenAudienceOut.of(audience, one, found) for audience, one in often],
        )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
