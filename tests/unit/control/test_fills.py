"""Lists that are filled from the ledger: when they are due, and that each ends with those who are in its audience."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from destination.control.verifications import FILL_AGAIN
from destination.domain.audience import Activation, WhenListMissing, activation_id
from destination.domain.connection import Consent, Status, SyncType
from destination.domain.parking import hold_of
from destination.domain.verification import FILLS, Repair, VerificationStatus
from testing.filling import WANTED, A, B, Whole, said, whole

ADA, BEN, CAM = "ada@example.org", "ben@example.org", "cam@example.org"
HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> Iterator[Whole]:
    with whole() as world:
        world.people(ADA, BEN, CAM)
        yield world


def forever(world: Whole) -> None:
    """An hour of the monitor: whatever is due is done."""
    for _ in range(12):
        world.clock.sleep(300)
        world.monitor()


def test_a_list_that_was_deleted_is_made_and_filled_when_its_audience_is_deactivated_and_activated(
    world: Whole,
) -> None:
    many = [f"p{number}@example.org" for number in range(21)]
    world.people(*many)
    world.make()
    world.join("a", *many)
    lost = world.lose_list()
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    world.carry_out()
    world.join("a", ADA)
    assert world.members() == sorted([*many, ADA])
    assert world.activation().list_id != lost
    assert world.activation().fill_at is None


def test_the_remedy_of_a_missing_list_names_list_and_audience_and_works(world: Whole) -> None:
    world.make(WANTED, Activation(A, "a"), Activation(B, "Spring"))
    world.join("b", ADA, BEN)
    lost = world.lose_list(B)
    world.join("b", CAM)
    cause = world.connection.blocked_cause or ""
    assert f"1013: Marketo has no list 'Spring' ({lost}) any more, which is that of audience b (ups)" in cause
    hold = hold_of(world.connection, None, world.clock.now)
    assert hold is not None
    assert "Activate the audience again: it gets a new list, which is filled" in hold.remedy
    world.plane.audiences.activate(world.id, Activation(B, "Spring"))
    world.carry_out()
    assert world.members("Spring") == [ADA, BEN, CAM]
    assert (world.connection.status, world.connection.blocked_cause) == (Status.ENABLED, None)


def test_the_other_remedy_of_a_missing_list_works_as_well(world: Whole) -> None:
    world.make()
    world.join("a", ADA, BEN)
    world.lose_list()
    world.join("a", CAM)
    hold = hold_of(world.connection, None, world.clock.now)
    assert hold is not None
    assert "With when_list_missing set to create" in hold.remedy
    before = world.activation()
    world.plane.audiences.change(world.id, before, replace(before, when_list_missing=WhenListMissing.CREATE))
    world.deliver()
    assert not world.activation().may_hold_others
    world.monitor()
    assert world.members() == [ADA, BEN, CAM]
    assert world.connection.status is Status.ENABLED
    assert world.activation().fill_at is None


def test_what_was_said_while_an_audience_was_off_counts_when_it_comes_back_to_its_list(world: Whole) -> None:
    world.make(WANTED, Activation(A, "a"), Activation(B, "b"))
    world.join("a", ADA, BEN)
    world.join("b", CAM)
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.leave("a", ADA)
    world.deliver(said(CAM, world.clock.now, joined="ab"))
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    [requested] = world.verifications.newest(world.id)
    assert (requested.repair, requested.is_whole) == (FILLS, False)
    world.carry_out()
    assert world.members() == [BEN, CAM]
    [done] = world.verifications.newest(world.id)
    assert done.status is VerificationStatus.COMPLETED


@pytest.mark.parametrize("list_name", ["a", "new"])
def test_an_audience_that_was_off_for_long_is_filled_with_nobody_who_may_have_left_meanwhile(
    world: Whole, list_name: str
) -> None:
    world.make(WANTED, Activation(A, "a"), Activation(B, "b"))
    world.join("a", ADA, BEN, CAM)
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.clock.sleep(timedelta(days=91).total_seconds())
    world.expire()
    world.leave("a", ADA)
    began = world.clock.now
    world.plane.audiences.activate(world.id, Activation(A, list_name))
    assert world.activation().begun_at == began
    world.join("b", BEN)
    world.carry_out()
    before = [ADA, BEN, CAM] if list_name == "a" else []
    assert world.members(list_name) == before
    world.join("a", BEN)
    world.leave("a", CAM)
    assert world.members(list_name) == ([ADA, BEN] if list_name == "a" else [BEN])


def test_a_fill_puts_nobody_off_who_was_put_on_by_others(world: Whole) -> None:
    world.make()
    world.join("a", ADA)
    list_id = world.activation().list_id
    assert list_id is not None
    world.plane.audiences.deactivate(world.id, activation_id(A))
    [stranger] = world.lead_ids(CAM)
    world.plane.marketo.state.lists[list_id].members.add(stranger)
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    world.carry_out()
    assert world.members() == [ADA, CAM]


@pytest.mark.parametrize("status", [Status.ENABLED, Status.DISABLED])
def test_what_was_said_while_a_connection_kept_no_lists_counts_when_it_keeps_them_again(
    world: Whole, status: Status
) -> None:
    world.make()
    world.join("a", ADA, BEN)
    world.change(sync_type=SyncType.PROFILE_ONLY)
    world.leave("a", ADA)
    world.join("a", CAM)
    if status is Status.DISABLED:
        world.plane.connections.disable(world.id)
    world.change(sync_type=SyncType.AUDIENCE_AND_PROFILE)
    world.monitor()
    if status is Status.DISABLED:
        assert world.members() == [ADA, BEN]
        assert world.activation().fill_at is not None
        world.plane.connections.enable(world.id)
        world.monitor()
    assert world.members() == [BEN, CAM]
    assert world.activation().fill_at is None


def test_who_withdrew_consent_while_a_connection_kept_no_lists_is_taken_off(world: Whole) -> None:
    world.make(replace(WANTED, consent=Consent("consent", ("yes",))))
    world.deliver(said(ADA, world.clock.now, joined="a", consent="yes"))
    assert world.members() == [ADA]
    world.change(sync_type=SyncType.PROFILE_ONLY)
    world.clock.sleep(1)
    world.deliver(said(ADA, world.clock.now, joined="a", consent="no"))
    world.change(sync_type=SyncType.AUDIENCE_AND_PROFILE)
    world.monitor()
    assert world.members() == []


def test_a_connection_that_comes_to_keep_lists_gets_them_filled(world: Whole) -> None:
    world.make(replace(WANTED, sync_type=SyncType.PROFILE_ONLY), Activation(A, "a"), Activation(B, "b"))
    world.join("a", ADA)
    world.join("b", BEN)
    world.leave("a", BEN)
    world.change(sync_type=SyncType.AUDIENCE_ONLY)
    world.monitor()
    assert (world.members("a"), world.members("b")) == ([ADA], [BEN])
    assert not world.activation().may_hold_others


def test_members_of_before_the_start_are_put_on_the_list_when_it_comes(world: Whole) -> None:
    start = world.clock.now + 3 * HOUR
    world.make(WANTED, Activation(A, "a", start=start), Activation(B, "b"))
    world.deliver(said(ADA, world.clock.now, joined="ab"), said(BEN, world.clock.now, joined="ab"))
    world.leave("a", BEN)
    assert world.activation().fill_at == start
    assert world.monitor() == []
    assert world.members() == []
    world.clock.now = start
    world.monitor()
    assert world.members() == [ADA]
    assert world.activation().fill_at is None


@pytest.mark.parametrize("end", [None, timedelta(days=30)], ids=["taken away", "moved"])
def test_who_left_after_the_end_is_taken_off_when_the_audience_opens_again(world: Whole, end: timedelta | None) -> None:
    world.make(WANTED, Activation(A, "a", end=world.clock.now + HOUR))
    world.join("a", ADA, BEN)
    world.clock.sleep(7200)
    world.leave("a", ADA)
    world.join("a", CAM)
    assert world.members() == [ADA, BEN]
    world.reschedule(end=None if end is None else world.clock.now + end)
    world.carry_out()
    assert world.members() == [BEN]  # The lead of who joined meanwhile is not known: the next event tells it.


def test_a_start_that_is_taken_away_fills_the_list_at_once(world: Whole) -> None:
    world.make(WANTED, Activation(A, "a", start=world.clock.now + 72 * HOUR), Activation(B, "b"))
    world.deliver(said(ADA, world.clock.now, joined="ab"))
    world.reschedule(start=None)
    world.carry_out()
    assert world.members() == [ADA]
    assert world.activation().fill_at is None


def test_a_start_that_is_moved_moves_the_fill(world: Whole) -> None:
    first, second = world.clock.now + HOUR, world.clock.now + 5 * HOUR
    world.make(WANTED, Activation(A, "a", start=first), Activation(B, "b"))
    world.deliver(said(ADA, world.clock.now, joined="ab"))
    world.reschedule(start=second)
    world.clock.now = first + timedelta(minutes=5)
    assert world.monitor() == []
    world.clock.now = second
    world.monitor()
    assert world.members() == [ADA]


def test_a_list_to_be_filled_waits_for_a_verification_that_is_under_way(world: Whole) -> None:
    world.make(WANTED, Activation(A, "a"), Activation(B, "b"))
    world.join("a", ADA)
    world.plane.audiences.deactivate(world.id, activation_id(A))
    under_way = world.verifications.request(world.id, None, frozenset())
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    assert [one.id for one in world.verifications.newest(world.id)] == [under_way.id]
    world.leave("a", ADA)
    world.carry_out()
    assert world.activation().fill_at is not None
    world.monitor()
    assert world.activation().fill_at is None


def test_any_verification_that_repairs_as_much_fills_a_list_and_no_other_does(world: Whole) -> None:
    world.make()
    world.join("a", ADA)
    world.plane.connections.disable(world.id)
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    world.plane.connections.enable(world.id)
    for repair in (frozenset[Repair](), frozenset({Repair.MISSING})):
        world.verifications.request(world.id, None, repair)
        world.carry_out()
        assert world.activation().fill_at is not None
    world.verifications.request(world.id, None, FILLS | {Repair.FOREIGN})
    world.carry_out()
    assert world.activation().fill_at is None


def test_what_becomes_due_while_it_is_filled_stays_due(world: Whole) -> None:
    world.make(WANTED, Activation(A, "a"), Activation(B, "b"))
    world.join("a", ADA)
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    due = world.activation()
    assert due.fill_at is not None
    assert due.list_id is not None
    later = due.fill_at + timedelta(microseconds=1)
    world.plane.audiences.audiences.make_due(world.id, A, due.list_id, later)
    world.carry_out()
    assert world.activation().fill_at == later


def test_a_fill_that_cannot_be_is_tried_again_by_the_hour_and_not_by_every_run_of_the_monitor(world: Whole) -> None:
    world.make()
    world.join("a", ADA)
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    world.lose_list()
    world.carry_out()
    began: datetime = world.clock.now
    requested = []
    while world.clock.now < began + 3 * FILL_AGAIN:
        world.clock.sleep(300)
        requested += world.monitor()
    assert len(requested) == 3
    assert world.activation().fill_at is not None


def test_a_list_that_is_filled_asks_for_nothing_more(world: Whole) -> None:
    world.make()
    world.join("a", ADA)
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    world.carry_out()
    forever(world)
    assert len(world.verifications.newest(world.id)) == 1


def test_an_audience_of_a_connection_that_never_delivered_has_nothing_to_be_filled_with(world: Whole) -> None:
    world.make()
    assert world.activation().fill_at is None
    world.join("a", ADA)
    world.plane.audiences.activate(world.id, Activation(B, "b"))
    assert world.activation(B).fill_at is not None


def test_a_rename_asks_for_no_fill(world: Whole) -> None:
    world.make()
    world.join("a", ADA)
    before = world.activation()
    after = world.plane.audiences.change(world.id, before, replace(before, name="Renamed"))
    assert (after.fill_at, world.verifications.newest(world.id)) == (None, [])


def test_a_list_that_we_made_holds_nobody_else_and_one_that_was_found_may(world: Whole) -> None:
    world.plane.marketo.seed({"lists": [{"name": "Found", "id": 4711, "workspace": "Default"}]})
    world.make(WANTED, Activation(A, "a"), Activation(B, "Found"))
    assert not world.activation(A).may_hold_others
    assert world.activation(B).may_hold_others
    world.plane.audiences.activate(world.id, Activation(A, "a", origin="anew"))
    assert not world.activation(A).may_hold_others
    before = world.activation(A)
    world.plane.audiences.change(world.id, before, replace(before, name="Renamed"))
    assert not world.activation(A).may_hold_others
    world.plane.audiences.deactivate(world.id, activation_id(A))
    world.plane.audiences.activate(world.id, Activation(A, "a"))
    assert world.activation(A).may_hold_others


def test_an_audience_that_was_dormant_is_due_whatever_was_known_when_it_was_activated(world: Whole) -> None:
    """The connection may have been read before its first delivery, and the audience been on and off since."""
    world.make()
    world.plane.audiences.deactivate(world.id, activation_id(A))
    off_since = world.clock.now
    world.clock.sleep(60)
    again, _ = world.plane.audiences.activate(world.id, Activation(A, "a"))
    assert again.fill_at == off_since
    world.carry_out()
    assert world.activation().fill_at is None
