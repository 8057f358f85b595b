"""What is seen of events is noted once, when they come first, whatever becomes of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from destination.domain.connection import Status
from destination.domain.event import MembershipStatus
from destination.domain.seen import Seen, gather
from destination.queue import decode, encode_event, open_envelope, pack, seen_message
from destination.store.errors import StaleVersionError
from marketo_simulator import Fault
from testing.counts import outcomes
from testing.stages import ADA, BOB, EXITED, REALIZED
from testing.world import START, World, audience, event

THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")


def seen_of(world: World) -> Seen:
    return world.seen.stored.get((world.connection.id, START.date()), Seen())


def realized(world: World) -> dict[str, int]:
    return {one.id: found.realized for one, found in seen_of(world).audiences.items()}


def test_audiences_are_seen_activated_or_not() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED), ("new", REALIZED)), event(BOB, ("other", EXITED), plan="gold"))
    assert realized(world) == {"a": 1, "new": 1, "other": 0}
    assert "plan" in seen_of(world).attributes
    assert outcomes(world) == {"activated": 1}


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.ENABLED])
def test_it_is_noted_whatever_the_connection_is(status: Status) -> None:
    world = World()
    world.reconfigure(status=status)
    world.deliver(event(ADA, ("a", REALIZED)))
    assert realized(world) == {"a": 1}


def test_what_comes_again_is_noted_once() -> None:
    world = World()
    world.simulator.script(Fault(code="713", path="^/rest", every=1))
    world.deliver(event(ADA, ("a", REALIZED)))
    [message] = world.queue.waiting.values()
    world.queue.waiting[message.id] = replace(message, receives=2)
    world.simulator.clear_faults()
    world.now += timedelta(hours=1)
    world.deliver()
    assert (realized(world), outcomes(world)) == ({"a": 1}, {"activated": 1})


def test_what_comes_back_from_where_it_was_parked_is_noted_once() -> None:
    world = World()
    world.reconfigure(status=Status.DISABLED)
    world.deliver(event(ADA, ("a", REALIZED)))
    assert world.parking.stored
    world.reconfigure(status=Status.ENABLED)
    world.deliver()
    assert (realized(world), outcomes(world)) == ({"a": 1}, {"activated": 1})


def test_a_letter_is_not_noted_again() -> None:
    world = World()
    world.simulator.script(Fault("skip", "1018", records=(0,), path="^/rest/v1/leads.json", nth=2))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert list(world.letters.all())
    world.now += timedelta(minutes=5)
    world.redrive()
    world.deliver()
    assert (realized(world), outcomes(world)) == ({"a": 1}, {"activated": 1})


def test_the_day_is_that_of_the_receipt() -> None:
    world = World()
    world.post(event(ADA, ("a", REALIZED)))
    world.now += timedelta(days=2)
    world.deliver()
    assert list(world.seen.stored) == [(world.connection.id, START.date())]


def tell(world: World, seen: Seen) -> None:
    """Put into the queue what ingest tells of a body that it refused."""
    message = seen_message(world.connection.id, world.now, seen, envelope_id=f"envelope-{next(world.numbers)}")
    world.queue.send(world.connection.id, [message])


@pytest.mark.parametrize("status", list(Status))
def test_what_was_refused_is_noted_and_done(status: Status) -> None:
    world = World()
    world.reconfigure(status=status)
    tell(world, gather([event(ADA, ("a", REALIZED))]))
    world.deliver()
    assert (realized(world), world.waiting, world.calls()) == ({"a": 1}, [], [])


@pytest.mark.parametrize("failure", [THROTTLED, StaleVersionError("others were faster")])
def test_what_cannot_be_written_now_is_with_what_is_seen_next(failure: Exception) -> None:
    world = World()
    world.seen.fails = failure
    world.deliver(event(ADA, ("a", REALIZED)))
    assert (realized(world), outcomes(world)) == ({}, {"activated": 1})
    world.seen.fails = None
    world.deliver(event(BOB, ("b", REALIZED)))
    assert realized(world) == {"a": 1, "b": 1}


def test_counts_alone_are_written_once_a_minute_and_new_names_at_once() -> None:
    world = World()
    world.deliver(event(ADA, ("a", REALIZED)))
    world.deliver(event(BOB, ("a", REALIZED)))
    assert realized(world) == {"a": 1}
    world.deliver(event(BOB, ("b", MembershipStatus.REALIZED)))
    assert realized(world) == {"a": 2, "b": 1}
    world.deliver(event(ADA, ("a", REALIZED)))
    world.now += timedelta(minutes=1)
    world.deliver(event(ADA, ("a", REALIZED)))
    assert realized(world) == {"a": 4, "b": 1}
    assert set(seen_of(world).audiences) == {audience("a"), audience("b")}


def test_what_an_event_says_of_audiences_is_read_without_the_rest_of_it() -> None:
    misleading: dict[str, Any] = {"audiences": [["ups", "nested", "realized"]], "text": '"audiences":[["ups","text"]]'}
    given = replace(
        event(ADA, ("a", REALIZED), ("ü😀", EXITED), **misleading), identities={"audiences": ("x",)}, id='"audiences":'
    )
    [(_, body)] = pack("connection-1", START, [encode_event(given)], envelope_id="envelope-1")
    for envelope in (open_envelope(body), decode(body)):
        assert list(envelope.memberships(0)) == list(given.memberships)


def test_an_event_that_cannot_be_read_is_not_seen_and_hides_no_other() -> None:
    world = World()
    [(_, body)] = pack(
        "connection-1",
        START,
        [
            encode_event(event(ADA, ("a", REALIZED))),
            '{"id":null,"audiences":7}',
            encode_event(event(BOB, ("b", EXITED))),
        ],
        envelope_id="envelope-1",
    )
    world.queue.send(world.connection.id, [body])
    world.deliver()
    assert realized(world) == {"a": 1, "b": 0}
    assert (seen_of(world).events, seen_of(world).sampled) == (3, 2)
