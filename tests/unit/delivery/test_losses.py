"""What the webhook lost is in the run, once, whatever becomes of events, the connection, and Marketo."""

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from destination.domain.connection import Status
from destination.domain.loss import BODY_NOT_JSON, MEMBERSHIP_TIME_UNREADABLE, RECORD_NO_OBJECT, Loss
from destination.domain.run import run_id
from destination.queue import decode
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes, received
from testing.crashes import CrashError, mortal
from testing.stages import ADA, BOB, REALIZED
from testing.world import START, World, event

LOST = {RECORD_NO_OBJECT: 3, MEMBERSHIP_TIME_UNREADABLE: 2}
THROTTLED = ClientError({"Error": {"Code": "ThrottlingException"}}, "TransactWriteItems")


def lost(world: World) -> dict[Loss, int]:
    assert_balanced(world)
    total = world.ledger.total(world.connection.id)
    assert sum(total.losses.values()) == total.counts["rejected"] + total.counts["left_out"]
    return dict(total.losses)


def test_what_was_lost_of_a_body_is_beside_what_was_received_of_it() -> None:
    world = World()
    world.post(event(ADA, ("a", REALIZED)), losses=LOST)
    world.deliver()
    assert (lost(world), received(world), outcomes(world)) == (LOST, 1, {"activated": 1})
    assert not world.queue.waiting


def test_a_body_that_was_lost_as_a_whole_takes_no_turn() -> None:
    world = World()
    world.post(losses={BODY_NOT_JSON: 1})
    world.deliver()
    assert (lost(world), received(world)) == ({BODY_NOT_JSON: 1}, 0)
    assert (world.calls(), world.leases.fences, world.queue.waiting) == ([], {}, {})


@pytest.mark.parametrize("status", [one for one in Status if one is not Status.ENABLED])
def test_it_is_counted_whatever_the_connection_is(status: Status) -> None:
    world = World()
    world.reconfigure(status=status)
    world.post(event(ADA, ("a", REALIZED)), losses=LOST)
    world.post(losses=LOST)
    world.deliver()
    assert lost(world) == {loss: 2 * number for loss, number in LOST.items()}
    assert len(world.waiting) == (0 if status in {Status.BLOCKED, Status.DELETING} else 1)


def test_it_is_counted_while_marketo_is_away_and_not_again_when_it_is_back() -> None:
    world = World()
    world.simulator.script(Fault(code="713", path="^/rest", every=1))
    world.post(event(ADA, ("a", REALIZED)), losses=LOST)
    world.deliver()
    assert (lost(world), received(world), len(world.queue.waiting)) == (LOST, 0, 1)
    world.simulator.clear_faults()
    world.now += timedelta(hours=1)
    world.deliver()
    assert (lost(world), received(world), len(world.queue.waiting)) == (LOST, 1, 0)


def test_a_message_that_comes_twice_counts_once_in_one_batch_and_in_two() -> None:
    world = World()
    world.post(losses=LOST)
    world.post(losses={BODY_NOT_JSON: 1})
    bodies = [one.body for one in world.queue.waiting.values()]
    world.queue.send(world.connection.id, bodies)
    world.deliver()
    world.queue.send(world.connection.id, bodies)
    world.deliver()
    assert lost(world) == LOST | {BODY_NOT_JSON: 1}


def test_it_counts_in_the_hour_in_which_the_body_was_received() -> None:
    world = World()
    world.post(losses=LOST)
    world.now += timedelta(hours=2)
    world.post(losses=LOST)
    world.deliver()
    found = {hour: run.tally.losses for (_, hour), run in world.ledger.runs.stored.items()}
    assert found == {run_id(START): LOST, run_id(world.now): LOST}


def test_what_cannot_be_counted_now_stays_in_the_queue_with_its_events(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def refuse(*_: object) -> None:
        raise THROTTLED

    world.post(event(ADA, ("a", REALIZED)), losses=LOST)
    world.post(event(BOB, ("a", REALIZED)))
    with monkeypatch.context() as patched:
        patched.setattr(world.losses, "count", refuse)
        world.deliver()
    assert (lost(world), received(world), len(world.queue.waiting)) == ({}, 1, 1)
    world.deliver()
    assert (lost(world), received(world), len(world.queue.waiting)) == (LOST, 2, 0)


def test_more_bodies_than_a_transaction_takes_are_all_counted() -> None:
    world = World()
    for _ in range(250):
        world.post(losses={BODY_NOT_JSON: 1})
    world.deliver()
    assert lost(world) == {BODY_NOT_JSON: 250}


def test_a_dead_letter_is_of_its_event_alone() -> None:
    world = World()
    world.simulator.script(Fault("skip", "1003", records=(0,), path="^/rest/v1/leads.json", times=9))
    world.post(event(ADA, ("a", REALIZED)), losses=LOST)
    world.deliver()
    (letter,) = world.letters.bodies
    assert decode(letter).losses == {}
    assert lost(world) == LOST


def test_a_worker_may_die_at_any_moment() -> None:
    for moments in range(200):
        world = World()
        world.post(event(ADA, ("a", REALIZED)), losses=LOST)
        world.post(losses={BODY_NOT_JSON: 1})
        life = mortal(world)
        life.moments = moments
        try:
            world.deliver()
        except CrashError:
            world.now += timedelta(minutes=30)
            life.moments = None
            world.deliver()
        else:
            assert moments > 10
            break
        assert (lost(world), received(world)) == (LOST | {BODY_NOT_JSON: 1}, 1)
    else:
        raise AssertionError("it dies of every number of moments")
