"""A release that was rolled back to delivers what the later one queued, as far as it knows it, and keeps the rest."""

import json
from dataclasses import replace
from typing import Any

from destination.domain.connection import Status
from destination.domain.event import MembershipStatus
from destination.queue import VERSION
from testing.counts import outcomes
from testing.world import World, event

REALIZED = MembershipStatus.REALIZED


def queued_by_a_later_release(world: World, **properties: Any) -> str:
    """A message of somebody who enters list a, with more properties or others; its body."""
    world.post(event("ada@example.org", ("a", REALIZED)))
    [(name, message)] = world.queue.waiting.items()
    body = json.dumps({**json.loads(message.body), **properties})
    world.queue.waiting[name] = replace(message, body=body)
    return body


def test_what_has_to_wait_is_parked_as_it_was_written() -> None:
    """So that the later release finds its own again."""
    world = World()
    world.reconfigure(status=Status.DISABLED)
    body = queued_by_a_later_release(world, later={"a": 1})
    world.deliver()
    assert world.waiting == [body]
    world.reconfigure(status=Status.ENABLED)
    world.deliver()
    assert (outcomes(world), world.waiting) == ({"activated": 1}, [])


def test_what_it_cannot_read_is_a_dead_letter_as_it_was_written() -> None:
    world = World()
    body = queued_by_a_later_release(world, v=VERSION + 1)
    report = world.deliver()
    [letter] = world.dead_letters.letters
    assert (letter.body, letter.code, report.requeued) == (body, "UNDECODABLE_MESSAGE", ())
