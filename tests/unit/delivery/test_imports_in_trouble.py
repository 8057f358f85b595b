"""Imports that Marketo refuses, loses or fails, and workers that die: everybody is told, once, and what is newest."""

from datetime import timedelta

import pytest

from destination.domain.lead_import import ImportStage
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes
from testing.importing import (
    HOUR,
    IN,
    OUT,
    PEOPLE,
    UPLOAD,
    WRITE,
    address,
    assert_all_told,
    broken_off,
    calls,
    ended,
    events,
    first_names,
    imports,
    moments_of,
    upload,
    world_of,
)
from testing.world import World, event

DAY = 24 * HOUR


pytestmark = pytest.mark.usefixtures("few_are_many")


def poll(effect: str = "error", code: str = "", **more: object) -> Fault:
    return Fault(effect, code, path="^/bulk/v1/leads/batch/[0-9]+.json$", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", ["1016", "1019", "1029"])
def test_while_marketo_has_no_room_for_an_import_it_waits(code: str) -> None:
    world = world_of()
    world.simulator.script(upload(code=code, times=3, every=1))
    world.deliver(*events(("a", IN)))
    ended(world, 3 * HOUR)
    assert_all_told(world)
    (one,) = imports(world)
    assert (one.is_through, one.attempts, calls(world)[WRITE]) == (True, 3, 0)


@pytest.mark.parametrize("code", ["1016", "1019", "1029", "1003", "610", "603", "1013", "713"])
def test_an_import_that_marketo_does_not_take_is_done_by_calls(code: str) -> None:
    world = world_of()
    world.simulator.script(upload(code=code, every=1))
    world.deliver(*events(("a", IN)))
    ended(world, 6 * HOUR)
    assert_all_told(world)
    (one,) = imports(world)
    assert (one.is_through, one.code) == (False, code)
    assert world.target.connection.blocked_cause is None


def test_an_import_whose_answer_is_lost_is_sent_once_more() -> None:
    world = world_of()
    world.simulator.script(upload("drop", executes=True, times=2, every=1))  # A call is repeated when it is lost.
    world.deliver(*events(("a", IN)))
    ended(world)
    assert_all_told(world)
    (one,) = imports(world)
    assert one.is_through
    assert calls(world)[WRITE] == 0


def test_an_import_whose_answer_is_always_lost_is_done_by_calls() -> None:
    world = world_of()
    world.simulator.script(upload("http", status=502, executes=True, every=1))
    world.deliver(*events(("a", IN)))
    ended(world, 3 * HOUR)
    assert_all_told(world)
    assert calls(world)[UPLOAD] <= 5


@pytest.mark.parametrize("fault", [poll("drop", times=6, every=1), poll(code="713", times=3, every=1)])
def test_answers_about_an_import_that_are_lost_are_asked_for_again(fault: Fault) -> None:
    world = world_of()
    world.simulator.script(fault)
    world.deliver(*events(("a", IN)))
    ended(world)
    assert_all_told(world)
    (one,) = imports(world)
    assert one.is_through


def test_an_import_that_marketo_does_not_know_is_done_by_calls_once_it_must_have_ended() -> None:
    world = world_of()
    world.simulator.script(poll(code="1013", every=1))
    world.deliver(*events(("a", IN)))
    ended(world, timedelta(minutes=30))
    assert outcomes(world) == {}
    ended(world, 3 * HOUR)
    assert_all_told(world)


def test_an_import_that_does_not_end_is_given_up() -> None:
    world = world_of(settings={"import_queue_seconds": 10 * DAY.total_seconds()})
    world.deliver(*events(("a", IN)))
    ended(world, DAY - HOUR)
    assert outcomes(world) == {}
    ended(world, 2 * HOUR)
    assert_all_told(world)


def test_an_import_that_fails_as_a_whole_is_done_by_calls() -> None:
    world = world_of(settings={"import_id_only": "fail"}, sync_type="audience_only")
    world.deliver(*events(("a", IN)))
    ended(world)
    (one,) = imports(world)
    assert (one.stage, one.is_through) == (ImportStage.ENDED, False)
    assert len(world.members("a")) == PEOPLE
    assert outcomes(world) == {"activated": PEOPLE}


def test_a_lead_that_is_deleted_while_it_is_imported_is_told_by_calls() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.simulator.state.delete_lead(world.simulator.state.leads[103])
    ended(world)
    (one,) = imports(world)
    assert (one.is_through, one.exceptions) == (True, 1)
    assert_all_told(world)
    assert 103 not in world.members("a")
    assert world.ledger.total(world.connection.id).counts["created"] == 1


FILES: list[Fault] = [
    Fault("error", "1013", path="failures", every=1),
    Fault("http", status=404, path="failures", every=1),
    Fault("error", "713", path="failures", every=1),
    Fault("drop", path="failures", every=1),
    Fault("malformed", damage="empty", path="failures", every=1),
    Fault("malformed", damage="html", path="failures", every=1),
]


@pytest.mark.parametrize("fault", FILES)
def test_where_it_cannot_be_told_who_failed_everybody_is_told_by_calls(fault: Fault) -> None:
    world = world_of()
    world.simulator.script(fault)
    world.deliver(*events(("a", IN)))
    world.simulator.state.delete_lead(world.simulator.state.leads[103])
    ended(world, 3 * HOUR)
    (one,) = imports(world)
    assert (one.stage, one.is_through) == (ImportStage.ENDED, False)
    assert_all_told(world)


def test_rows_that_are_gone_are_told_by_calls() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.imports.texts.clear()
    ended(world)
    assert_all_told(world)


def test_an_import_that_joins_nobody_is_found_out_by_the_canary_alone() -> None:
    """The lane rests on what the instance is known to do; what it says of a list is not asked again."""
    world = world_of(settings={"import_list_by_id": "ignore"})
    world.capabilities.stored.clear()
    world.deliver(*events(("a", IN)))
    ended(world)
    assert_all_told(world)
    assert not world.imports.stored


def test_a_message_that_is_lost_is_queued_anew() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.queue.waiting.clear()
    ended(world, DAY)
    assert_all_told(world)


def test_what_is_sent_back_before_the_end_waits_on() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    for _ in range(3):
        world.now += timedelta(minutes=1)
        world.deliver()
        assert first_names(world)["New"] == 0
    ended(world)
    assert_all_told(world)
    assert calls(world)[UPLOAD] == 1


def posted() -> World:
    made = world_of()
    made.post(*events(("a", IN)))
    return made


@pytest.mark.parametrize("part", range(8))
def test_a_worker_that_dies_at_any_moment_of_an_import_leaves_everybody_told_once(part: int) -> None:
    moments = moments_of(posted)
    assert moments > 60
    for number in range(part, moments, 8):
        made = broken_off(posted, number)
        ended(made, 5 * HOUR)
        assert_all_told(made)
        assert all(not one.is_going_on for one in imports(made) if one.parts)


@pytest.mark.parametrize("part", range(4))
def test_whatever_breaks_off_a_newer_event_wins(part: int) -> None:
    for number in range(part, moments_of(posted), 4):
        made = broken_off(posted, number)
        at = made.now
        made.post(event(address(0), ("a", OUT), at=at, firstName="Newest", lastName="L"))
        ended(made, 5 * HOUR)
        assert made.leads_now()[100]["firstName"] == "Newest"
        assert 100 not in made.members("a")
        assert len(made.members("a")) == PEOPLE - 1
        assert_balanced(made)
