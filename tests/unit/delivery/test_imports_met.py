"""Imports, and what people do meanwhile: files that are cancelled, mirrors, erasures, lists that go, rates."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from destination.delivery import bulk_lane
from destination.domain.capabilities import Capabilities
from destination.domain.connection import Status
from destination.domain.verification import AudienceCheck, Repair, Verification, VerificationStatus
from destination.queue import verification_message
from marketo_simulator import Fault
from testing.counts import assert_balanced, changes, outcomes, outcomes_of
from testing.crashes import CrashError, mortal
from testing.importing import (
    ALL,
    CREATES,
    FEW,
    HOUR,
    IN,
    OUT,
    PEOPLE,
    UPLOAD,
    address,
    calls,
    ended,
    events,
    first_names,
    imports,
    upload,
    world_of,
)
from testing.world import World, audience, event

ID = "20261121T100000000000Z-0a1b2c3d"
MINUTE = timedelta(minutes=1)
SLOW = {"import_queue_seconds": 20 * 60}


pytestmark = pytest.mark.usefixtures("few_are_many")


def nobody_is_named(world: World) -> None:
    """Have everybody taken off the list of audience `a` who is not named from now on."""
    one = world.target.activations[audience("a")]
    check = replace(AudienceCheck.of(one, one.list_id or 0), named_since=world.now)
    made = Verification(ID, world.connection.id, frozenset({Repair.LEAVERS}), world.now, 1, is_whole=False)
    world.verifications.create(made, [check])
    world.queue.send(world.connection.id, [verification_message(world.connection.id, ID, world.now)])


def cancel(world: World) -> None:
    """Have nobody come back to what is parked, as of a file that is cancelled."""
    world.parking.stored.clear()


@pytest.mark.parametrize("minutes", [1, 4, 7, 30])
@pytest.mark.parametrize("meanwhile", [cancel, lambda _: None])
@pytest.mark.parametrize(("people", "known"), [(PEOPLE, ALL), (0, CREATES)])
@pytest.mark.parametrize("is_lost", [False, True])
def test_whom_a_mirror_does_not_name_leaves_though_an_import_puts_them_on_the_list(
    minutes: int, meanwhile: Callable[[World], None], people: int, known: Capabilities, is_lost: bool
) -> None:
    """However far the import is, whether it creates, its answer is lost, and anybody comes back to what it was for."""
    world = world_of(people, known, settings={"import_queue_seconds": 60})
    if is_lost:
        world.simulator.script(Fault("drop", method="POST", path="^/bulk/v1/leads.json$", executes=True, nth=1))
    world.deliver(*events(("a", IN)))
    world.run(world.now + minutes * MINUTE)
    meanwhile(world)
    nobody_is_named(world)
    ended(world, 3 * HOUR)
    assert world.members("a") == []
    made = world.verifications.stored[ID]
    (checked,) = world.verifications.checks(made)
    assert (made.status, checked.foreign.count, checked.out_of_sync) == (VerificationStatus.COMPLETED, 0, 0)
    assert_balanced(world)


def test_who_was_named_since_and_whom_others_put_on_the_list_stay() -> None:
    """The ledger knows no lead of whom an import created, if nobody came back to what it was for."""
    world = world_of(1, CREATES)
    world.deliver(*events(("a", IN))[1:])
    cancel(world)
    ended(world)
    world.simulator.state.lists[1001].members.add(100)
    nobody_is_named(world)
    world.now += MINUTE
    world.deliver(event(address(2), ("a", IN), at=world.now))
    ended(world)
    leads = world.leads_now()
    assert {leads[one]["email"] for one in world.members("a")} == {address(0), address(2)}
    (checked,) = world.verifications.checks(world.verifications.stored[ID])
    assert (checked.foreign.count, checked.leavers.repaired) == (1, PEOPLE - 2)


def test_what_is_told_by_imports_counts_for_audiences_as_what_is_told_by_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def story() -> World:
        world = world_of()
        for minutes, profile in ((0, "New"), (61, "Newer"), (122, "Newer")):
            world.deliver(*events(("a", IN), minutes=minutes, firstName=profile))
            ended(world)
        world.deliver(*events(("a", OUT), ("b", IN), minutes=190, firstName="Newest"))
        ended(world)
        return world

    by_imports = story()
    for name in FEW:
        monkeypatch.setattr(bulk_lane, name, 1_000)
    by_calls = story()
    assert imports(by_imports)
    assert not imports(by_calls)
    for told in (outcomes, changes):
        assert told(by_imports) == told(by_calls)
    for name in "ab":
        assert outcomes_of(by_imports, name) == outcomes_of(by_calls, name)


@pytest.mark.parametrize("hours", [2, 25, 50])
def test_somebody_is_erased_though_nobody_carries_the_import_on(hours: int) -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.reconfigure(status=Status.DISABLED)
    world.now += MINUTE
    asked = world.erase(address(0))
    world.run(world.now + hours * HOUR)
    assert world.erasure(asked).is_done
    assert not world.imports.texts
    world.reconfigure(status=Status.ENABLED)
    world.resume()
    ended(world, 8 * HOUR)
    assert world.ledger.row(world.connection.id, address(0)) is None
    assert world.members("a") == [100 + one for one in range(1, PEOPLE)]
    assert first_names(world) == {"Old": 1, "New": PEOPLE - 1}
    assert_balanced(world)


def test_somebody_is_erased_once_an_import_that_was_sent_must_have_ended() -> None:
    world = world_of(settings=SLOW)
    world.deliver(*events(("a", IN)))
    world.run(world.now + 5 * MINUTE)
    world.reconfigure(status=Status.DISABLED)
    asked = world.erase(address(0))
    world.run(world.now + 22 * HOUR)
    assert not world.erasure(asked).is_done
    world.run(world.now + 4 * HOUR)
    assert world.erasure(asked).is_done
    world.reconfigure(status=Status.ENABLED)
    world.resume()
    ended(world, 8 * HOUR)
    assert world.members("a") == [100 + one for one in range(1, PEOPLE)]


def lost(**more: Any) -> Fault:
    """An upload that Marketo takes, without an answer."""
    return upload("http", status=502, executes=True, every=1, **more)


@pytest.mark.parametrize(
    "faults",
    [
        [lost()],
        [lost(times=2), upload(code="603", every=1)],
        [lost(times=2), upload(code="1016", every=1)],
    ],
)
def test_what_was_lost_and_is_written_late_overwrites_nothing(faults: list[Fault]) -> None:
    world = world_of(settings=SLOW)
    world.simulator.script(*faults)
    world.deliver(*events(("a", IN)))
    world.run(world.now + MINUTE)
    world.post(event(address(0), ("a", OUT), at=world.now, firstName="Newest", lastName="L"))
    ended(world, 8 * HOUR)
    assert world.leads_now()[100]["firstName"] == "Newest"
    assert 100 not in world.members("a")
    assert_balanced(world)
    assert all(not one.is_going_on for one in imports(world))


def test_an_import_whose_sender_died_is_one_that_was_lost() -> None:
    """It may be in Marketo; the one that is sent after it is waited for twice as long."""
    for moment in range(400):
        world = world_of()
        world.deliver(*events(("a", IN)))
        life = mortal(world)
        life.moments = moment
        try:
            ended(world)
        except CrashError:
            life.moments = None
            if calls(world)[UPLOAD] == 1 and imports(world)[0].sent_at is None:
                break
    world.now += 7 * MINUTE
    ended(world, 2 * HOUR)
    (one,) = imports(world)
    assert calls(world)[UPLOAD] == 2
    assert (one.lost, one.is_through) == (1, True)
    assert one.seen_at is not None
    assert outcomes(world) == {"activated": PEOPLE}


def test_people_are_put_on_no_list_that_the_connection_does_not_keep_any_more() -> None:
    """It may be another audience's by the time that the import is sent."""
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.deactivate("a")
    ended(world, 4 * HOUR)
    assert calls(world)[UPLOAD] == 0
    assert world.members("a") == []
    assert_balanced(world)
    assert not world.parking.stored


def test_a_rate_holds_for_what_gathered_before_it_was_set() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.reconfigure(limits=replace(world.target.connection.limits, lead_updates_per_hour=5))
    ended(world, 50 * MINUTE)
    assert first_names(world)["New"] == 5
    ended(world, 6 * HOUR)
    assert first_names(world)["New"] == PEOPLE
    assert outcomes(world) == {"activated": PEOPLE}
    assert_balanced(world)


def test_rows_of_a_delivery_that_broke_off_do_not_stay_behind() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    (one,) = imports(world)
    world.imports.put_part(one, "f" * 32, "1,2\r\n")
    ended(world)
    assert not world.imports.texts
