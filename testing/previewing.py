"""Previews in the world without AWS, of events as the webhook would receive them."""

import json
from collections.abc import Sequence
from datetime import timedelta

from destination.control.previews import PreviewEvents
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.event import ProfileEvent
from destination.domain.pace import PaceState
from destination.domain.preview import Preview
from destination.domain.times import format_time
from destination.marketo.instance import Marketo
from testing.memory import MemoryCredentials
from testing.world import World


def previews(world: World) -> PreviewEvents:
    def marketo_for(connection: Connection, credentials: ClientCredentials) -> Marketo:
        world.marketo.pace = world.pace(connection.limits, PaceState(), timedelta(minutes=5))
        return world.marketo

    credentials = MemoryCredentials({world.connection.id: ClientCredentials("client", "secret")})
    return PreviewEvents(world.connections, credentials, world.ledger, marketo_for, lambda: world.now)


def preview(world: World, *events: ProfileEvent) -> Preview:
    """What a preview of the events says."""
    return previews(world)(world.connection.id, canonical(events))


def canonical(events: Sequence[ProfileEvent]) -> bytes:
    """Events in the canonical format."""
    return json.dumps(
        [
            {
                "occurred_at": format_time(event.at),
                "profile": event.profile,
                "identities": event.identities,
                "audiences": [
                    {**one.audience._asdict(), "status": one.status, "at": format_time(one.at)}
                    for one in event.memberships
                ],
            }
            for event in events
        ]
    ).encode()
