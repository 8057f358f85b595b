"""The bulk lane: where many wait, imports tell Marketo what calls would, and all else is as it is with calls."""

from collections import Counter
from datetime import timedelta

import pytest

from destination.delivery import bulk_lane
from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.connection import PersonAction, SyncType
from destination.domain.lead_import import ImportStage
from destination.domain.parking import WaitsFor
from testing.importing import (
    HOUR,
    IN,
    JOIN,
    LOOK_UP,
    OUT,
    PEOPLE,
    POLL,
    UPLOAD,
    WRITE,
    address,
    calls,
    ended,
    events,
    first_names,
    imports,
    world_of,
)
from testing.world import START, event

pytestmark = pytest.mark.usefixtures("few_are_many")


@pytest.mark.remedy("await-import")
def test_many_are_told_by_one_import_and_each_is_looked_up_once() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    assert world.members("a") == []
    assert {one.waits_for for one in world.parking.stored} == {WaitsFor.IMPORT}
    ended(world)
    assert world.members("a") == [100 + one for one in range(PEOPLE)]
    assert first_names(world) == {"New": PEOPLE}
    made = calls(world)
    assert {name: made[name] for name in (LOOK_UP, UPLOAD, POLL, WRITE, JOIN)} == {
        **{LOOK_UP: 1, UPLOAD: 1, POLL: 1},
        **{WRITE: 0, JOIN: 0},
    }


def test_what_was_told_by_an_import_is_recorded_as_what_was_told_by_calls() -> None:
    by_import, by_calls = world_of(), world_of(known=NOTHING_KNOWN)
    for world in (by_import, by_calls):
        world.deliver(*events(("a", IN)))
        ended(world)
    assert not by_calls.imports.stored
    told, called = by_import.ledger.total("connection-1"), by_calls.ledger.total("connection-1")
    assert {name: told.counts[name] for name in ("received", "activated", "updated", "added", "failed")} == {
        name: called.counts[name] for name in ("received", "activated", "updated", "added", "failed")
    }
    assert told.counts["activated"] == told.counts["updated"] == told.counts["added"] == PEOPLE
    for one in range(PEOPLE):
        mine, theirs = (each.ledger.row("connection-1", address(one)) for each in (by_import, by_calls))
        assert mine is not None
        assert theirs is not None
        assert (mine.desired, mine.applied, mine.lead_id, mine.importing) == (
            theirs.desired,
            theirs.applied,
            theirs.lead_id,
            None,
        )
        assert mine.attributes is not None
        assert theirs.attributes is not None
        assert mine.attributes[:2] == theirs.attributes[:2]


def test_who_comes_again_has_nothing_to_be_told() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    ended(world)
    before = len(world.calls())
    world.deliver(*events(("a", IN), minutes=1))
    ended(world)
    assert len(world.calls()) == before
    assert world.ledger.total("connection-1").counts["unchanged"] == PEOPLE


@pytest.mark.parametrize(
    ("known", "sync_type", "goes"),
    [
        (NOTHING_KNOWN, SyncType.PROFILE_ONLY, True),
        (NOTHING_KNOWN, SyncType.AUDIENCE_AND_PROFILE, False),
        (Capabilities(joins_by_id=False), SyncType.AUDIENCE_AND_PROFILE, False),
        (Capabilities(joins_by_id=True), SyncType.AUDIENCE_AND_PROFILE, True),
        (Capabilities(joins_by_id=True), SyncType.AUDIENCE_ONLY, False),
        (Capabilities(joins_by_id=True, id_is_a_header=True), SyncType.AUDIENCE_ONLY, True),
    ],
)
def test_the_lane_is_taken_where_the_instance_is_known_to_do_what_it_needs(
    known: Capabilities, sync_type: SyncType, goes: bool
) -> None:
    world = world_of(known=known, sync_type=sync_type)
    world.deliver(*events(("a", IN)))
    ended(world)
    assert bool(world.imports.stored) is goes
    on_list = [] if sync_type is SyncType.PROFILE_ONLY else [100 + one for one in range(PEOPLE)]
    assert world.members("a") == on_list
    assert first_names(world) == {"Old" if sync_type is SyncType.AUDIENCE_ONLY else "New": PEOPLE}


def test_few_are_told_by_calls() -> None:
    world = world_of(people=9)
    world.deliver(*events(("a", IN), people=9))
    assert not world.imports.stored
    assert len(world.members("a")) == 9


def test_what_waits_in_the_bucket_counts_and_those_who_come_later_join_the_import() -> None:
    world = world_of()
    world.post(*events(("a", IN))[:6])
    world.post(*events(("a", IN))[6:])
    first, second = world.queue.waiting.values()
    world.reconfigure(blocked_cause="603: access denied", retry_at=START + HOUR)
    world.deliver()
    assert sum(one.events for one in world.parking.stored) == PEOPLE
    world.reconfigure(blocked_cause=None, retry_at=None)
    ended(world)
    (one,) = imports(world)
    assert one.rows == PEOPLE
    assert len(world.members("a")) == PEOPLE
    assert first != second


def test_people_with_other_fields_are_in_another_import_and_no_cell_is_empty() -> None:
    world = world_of(settings={"import_blank_cells": "clear"})
    half = PEOPLE // 2
    wordy = events(("a", IN), company="Engines")[:half]
    world.deliver(*wordy, *events(("a", IN))[half:])
    assert {one.group.columns for one in imports(world)} == {
        ("company", "firstName", "lastName"),
        ("firstName", "lastName"),
    }
    ended(world)
    assert Counter(one.get("company") for one in world.leads_now().values()) == {"Engines": half, None: half}
    assert len(world.members("a")) == PEOPLE


@pytest.mark.parametrize("name", [" Ada", "null", "Ada\nLovelace"])
def test_a_value_that_a_cell_could_say_otherwise_is_told_by_calls(name: str) -> None:
    world = world_of()
    world.deliver(*events(("a", IN))[1:], event(address(0), ("a", IN), firstName=name, lastName="L"))
    assert sum(one.rows for one in imports(world)) >= PEOPLE - 1
    row = world.ledger.row("connection-1", address(0))
    assert row is not None
    assert (row.importing is None) is (world.leads_now()[100]["firstName"] != "Old")
    ended(world)
    assert len(world.members("a")) == PEOPLE


def test_who_leaves_or_joins_several_lists_is_told_by_calls() -> None:
    world = world_of()
    world.deliver(*events(("a", IN), ("b", IN)))
    assert not world.imports.stored
    world.deliver(*events(("a", OUT), minutes=1))
    assert not world.imports.stored
    assert world.members("a") == []
    assert len(world.members("b")) == PEOPLE


def test_a_newer_event_waits_for_the_import_and_wins() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.now += timedelta(minutes=1)
    world.deliver_beside(event(address(0), ("a", OUT), at=world.now, firstName="Newest", lastName="L"))
    assert world.leads_now()[100]["firstName"] == "Old"
    ended(world)
    assert world.leads_now()[100]["firstName"] == "Newest"
    assert world.members("a") == [100 + one for one in range(1, PEOPLE)]
    total = world.ledger.total("connection-1").counts
    assert total["received"] == PEOPLE + 1 == total["activated"] + total["unchanged"]


def test_new_people_are_created_by_calls() -> None:
    world = world_of(people=6)
    world.deliver(*events(("a", IN)))
    assert len(world.members("a")) == 6
    ended(world)
    assert len(world.members("a")) == PEOPLE


def test_somebody_who_is_not_to_be_created_is_excluded_at_once() -> None:
    world = world_of(people=10, person_action=PersonAction.UPDATE_EXISTING_ONLY)
    world.deliver(*events(("a", IN)))
    ended(world)
    total = world.ledger.total("connection-1").counts
    assert (total["activated"], total["excluded"]) == (10, 2)
    assert len(world.members("a")) == 10


def test_an_import_says_which_step_it_is_at() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    (one,) = imports(world)
    assert one.stage is ImportStage.GATHERING
    ended(world)
    (one,) = imports(world)
    assert one.stage is ImportStage.ENDED
    assert one.is_through
    assert not world.imports.texts


@pytest.mark.parametrize(("messages", "is_taken"), [(0, False), (3, True)])
def test_what_waits_in_the_queue_makes_an_import_worth_it(
    messages: int, is_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A burst of a sender is in the queue, and not parked: each delivery alone has too few people."""
    monkeypatch.setattr(bulk_lane, "MIN_WAITING", 3 * PEOPLE)
    world = world_of()
    world.queue.to_receive = messages
    world.deliver(*events(("a", IN)))
    assert bool(world.imports.stored) is is_taken
