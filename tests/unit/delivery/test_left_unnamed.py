"""Whoever was not named since a time has left: written down by a verification, which then takes them off the list."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.event import MembershipStatus
from destination.domain.person import Desired, LedgerRow, Said
from destination.domain.verification import AudienceCheck, Repair, Verification
from destination.queue import verification_message
from testing.crashes import CrashError, mortal
from testing.world import START, World, audience, event

ID = "20261121T100000000000Z-0a1b2c3d"
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED


def emails(world: World, name: str) -> list[str]:
    leads = world.leads_now()
    return sorted(leads[one]["email"].partition("@")[0] for one in world.members(name))


def request(world: World, *names: str) -> None:
    """Have whoever was not named since now taken off these lists."""
    activations = world.target.activations
    checks = [
        replace(
            AudienceCheck.of(activations[audience(one)], activations[audience(one)].list_id or 0), named_since=world.now
        )
        for one in names
    ]
    made = Verification(ID, world.connection.id, frozenset({Repair.LEAVERS}), world.now, len(checks), is_whole=False)
    world.verifications.create(made, checks)
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, world.now)])


@pytest.fixture
def world() -> World:
    made = World()
    made.deliver(*(event(f"{who}@example.com", ("a", REALIZED), ("b", REALIZED)) for who in ("ada", "bob", "eve")))
    made.now += timedelta(hours=1)
    return made


def test_who_is_named_since_stays_and_the_others_leave_that_audience_alone(world: World) -> None:
    request(world, "a")
    world.now += timedelta(seconds=1)
    world.deliver(event("ada@example.com", ("a", REALIZED)))
    world.deliver()

    assert emails(world, "a") == ["ada"]
    assert emails(world, "b") == ["ada", "bob", "eve"]


def test_what_is_known_of_other_audiences_stays(world: World) -> None:
    request(world, "a")
    world.deliver()

    row = world.ledger.row(world.connection.id, "bob@example.com")
    assert row is not None
    assert row.desired[audience("b")].status is REALIZED
    assert row.applied[audience("b")].leads
    world.now += timedelta(minutes=1)
    world.deliver(event("bob@example.com", ("b", EXITED), at=world.now))
    assert emails(world, "b") == ["ada", "eve"]


def test_what_is_said_after_it_counts(world: World) -> None:
    request(world, "a")
    world.deliver()
    assert emails(world, "a") == []
    world.now += timedelta(minutes=1)
    world.deliver(event("bob@example.com", ("a", REALIZED), at=world.now))
    assert emails(world, "a") == ["bob"]


def test_an_older_word_that_comes_late_brings_nobody_back(world: World) -> None:
    late = event("bob@example.com", ("a", REALIZED))
    request(world, "a")
    world.deliver()
    world.deliver(replace(late, at=START, memberships=tuple(one._replace(at=START) for one in late.memberships)))
    assert emails(world, "a") == []


@pytest.mark.parametrize("moments", range(0, 30, 3))
def test_whoever_carries_it_on_may_die(world: World, moments: int) -> None:
    request(world, "a")
    life = mortal(world)
    life.moments = moments
    with suppress(CrashError):
        world.deliver()
    life.moments = None
    world.now += timedelta(minutes=10)
    for _ in range(3):
        world.deliver()
        world.now += timedelta(minutes=10)
    assert emails(world, "a") == []
    assert emails(world, "b") == ["ada", "bob", "eve"]


def test_of_an_audience_in_any_namespace_every_part_that_was_in_it_has_left() -> None:
    key, since = AudienceKey(ANY_NAMESPACE, "x"), START + timedelta(hours=1)
    before, since_then = Said(START, START), Said(since, since)
    parts = ((1, Desired(REALIZED, before)), (2, Desired(EXITED, before)))
    row = LedgerRow({key: Desired(REALIZED, before, parts)})

    left = row.left_unnamed(key, since)
    assert left is not None
    assert left.desired[key] == Desired(
        EXITED, since_then, ((1, Desired(EXITED, since_then)), (2, Desired(EXITED, before)))
    )
    assert left.left_unnamed(key, since) is None
    assert row.left_unnamed(key, START) is None
    assert row.left_unnamed(AudienceKey("ups", "y"), since) is None
