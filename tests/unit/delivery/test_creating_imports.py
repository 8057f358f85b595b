"""Imports that create: new people are created as by calls, by a hundredth of them, and their leads are known then."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.connection import MappingRow, SyncType
from destination.domain.lead_import import ImportStage
from destination.domain.parking import WaitsFor
from destination.domain.verification import Repair
from testing.counts import assert_balanced, assert_known, changes, outcomes
from testing.importing import (
    ALL,
    CREATES,
    EVERYBODY,
    EXTRACT,
    HOUR,
    IN,
    JOIN,
    LOOK_UP,
    OUT,
    PEOPLE,
    UPLOAD,
    WRITE,
    address,
    calls,
    emails,
    ended,
    events,
    first_names,
    imports,
    world_of,
)
from testing.world import START, event
from tests.unit.delivery.test_verify_lists import request

MINUTE = timedelta(minutes=1)


pytestmark = pytest.mark.usefixtures("few_are_many")


def test_many_new_people_are_created_by_one_import_and_looked_up_once() -> None:
    world = world_of(people=0, known=CREATES)
    world.deliver(*events(("a", IN)))
    assert world.leads_now() == {}
    assert {one.waits_for for one in world.parking.stored} == {WaitsFor.IMPORT}
    ended(world)
    assert emails(world) == EVERYBODY
    assert first_names(world) == {"New": PEOPLE}
    assert set(world.members("a")) == set(world.leads_now())
    made = calls(world)
    assert {name: made[name] for name in (LOOK_UP, UPLOAD, EXTRACT, WRITE, JOIN)} == {
        **{LOOK_UP: 1, UPLOAD: 1, EXTRACT: 1},
        **{WRITE: 0, JOIN: 0},
    }
    assert sum(made.values()) <= 14
    assert not world.parking.stored


def test_what_an_import_created_is_recorded_as_what_calls_created() -> None:
    by_import, by_calls = world_of(people=0, known=CREATES), world_of(people=0, known=NOTHING_KNOWN)
    for world in (by_import, by_calls):
        world.deliver(*events(("a", IN)))
        ended(world)
        assert_known(world, *EVERYBODY)
        assert_balanced(world)
        assert outcomes(world) == {"activated": PEOPLE}
        assert changes(world) == {"created": PEOPLE, "added": PEOPLE}
    assert not by_calls.imports.stored
    for one in range(PEOPLE):
        mine, theirs = (each.ledger.row("connection-1", address(one)) for each in (by_import, by_calls))
        assert mine is not None
        assert theirs is not None
        assert (mine.desired, mine.importing) == (theirs.desired, None)
        assert mine.looked_up_at is not None
        (lead,) = by_import.leads_by_email(address(one))
        assert mine.lead_id == lead["id"]
        assert mine.attributes is not None
        assert theirs.attributes is not None
        assert mine.attributes[:2] == theirs.attributes[:2]
        assert mine.attributes.lead_id == lead["id"]


def test_who_comes_again_has_nothing_to_be_told() -> None:
    world = world_of(people=0, known=CREATES)
    world.deliver(*events(("a", IN)))
    ended(world)
    before = len(world.calls())
    world.deliver(*events(("a", IN), minutes=1))
    ended(world)
    assert len(world.calls()) == before
    assert outcomes(world) == {"activated": PEOPLE, "unchanged": PEOPLE}


@pytest.mark.parametrize(
    ("known", "changed", "goes"),
    [
        (CREATES, {}, True),
        (ALL, {}, False),
        (replace(ALL, creates_on_list=False), {}, False),
        (Capabilities(creates_on_list=True), {}, True),
        (CREATES, {"sync_type": SyncType.AUDIENCE_ONLY}, True),
        (CREATES, {"sync_type": SyncType.PROFILE_ONLY}, False),
    ],
)
def test_people_are_created_by_imports_where_it_is_known_that_they_are_on_the_list_then(
    known: Capabilities, changed: dict[str, object], goes: bool
) -> None:
    world = world_of(people=0, known=known, **changed)
    world.deliver(*events(("a", IN)))
    assert any(one.group.creates for one in imports(world)) is goes
    ended(world)
    assert emails(world) == EVERYBODY
    on_list = 0 if changed.get("sync_type") is SyncType.PROFILE_ONLY else PEOPLE
    assert len(world.members("a")) == on_list


def test_they_are_created_in_the_partition_of_the_connection() -> None:
    world = world_of(people=0, known=CREATES, partition="EMEA")
    world.deliver(*events(("a", IN)))
    ended(world)
    assert calls(world)[WRITE] == 0
    assert Counter(one.partition_id for one in world.simulator.state.leads.values()) == {2: PEOPLE}


def test_known_and_new_people_are_in_imports_of_their_own() -> None:
    world = world_of(people=6, known=CREATES)
    world.deliver(*events(("a", IN)))
    assert sorted(one.group.by for one in imports(world)) == ["email", "id"]
    ended(world)
    assert emails(world) == EVERYBODY
    assert first_names(world) == {"New": PEOPLE}
    assert len(world.members("a")) == PEOPLE
    assert changes(world) == {"created": 6, "updated": 6, "added": PEOPLE}
    assert calls(world)[WRITE] == calls(world)[JOIN] == 0


def test_who_joins_several_lists_is_created_by_calls() -> None:
    world = world_of(people=0, known=CREATES)
    world.deliver(*events(("a", IN), ("b", IN)))
    assert not world.imports.stored
    assert emails(world) == EVERYBODY


def test_a_value_that_a_cell_could_say_otherwise_is_written_by_calls() -> None:
    world = world_of(people=0, known=CREATES)
    world.deliver(*events(("a", IN))[1:], event(address(0), ("a", IN), firstName="null", lastName="L"))
    assert [one["firstName"] for one in world.leads_now().values()] == ["null"]
    ended(world)
    assert emails(world) == EVERYBODY


def test_people_are_created_by_any_field_and_those_who_differ_in_case_alone_by_calls() -> None:
    mapping = (
        MappingRow("number", "DedupeField"),
        *(MappingRow(one, one) for one in ("email", "firstName", "lastName")),
    )
    world = world_of(people=0, known=CREATES, dedupe_field="customerNumber", mapping=mapping)
    world.simulator.seed({"fields": [{"name": "customerNumber", "ignores_case": True}]})
    numbers = [*(f"N{one}" for one in range(PEOPLE)), "ab", "AB"]
    world.deliver(
        *(event(f"{one}@example.org", ("a", IN), number=one, firstName="New", lastName="L") for one in numbers)
    )
    (one,) = imports(world)
    assert (one.group.by, one.rows, len(world.leads_now())) == ("customerNumber", PEOPLE, 1)
    ended(world)
    found = Counter(one["customerNumber"] for one in world.leads_now().values())
    assert found == Counter(numbers[:PEOPLE]) + Counter(found.keys() & {"ab", "AB"})
    assert found.total() == PEOPLE + 1 == len(world.members("a"))
    assert outcomes(world) == {"activated": len(numbers)}
    assert_balanced(world)


def test_a_newer_event_waits_for_the_import_and_wins() -> None:
    world = world_of(people=0, known=CREATES)
    world.deliver(*events(("a", IN)))
    world.now += MINUTE
    world.deliver_beside(event(address(0), ("a", OUT), at=world.now, firstName="Newest", lastName="L"))
    assert world.leads_now() == {}
    ended(world)
    assert emails(world) == EVERYBODY
    (newest,) = world.leads_by_email(address(0))
    assert newest["firstName"] == "Newest"
    assert newest["id"] not in world.members("a")
    assert len(world.members("a")) == PEOPLE - 1
    total = world.ledger.total("connection-1").counts
    assert total["received"] == PEOPLE + 1 == total["activated"] + total["unchanged"]
    assert_balanced(world)


def test_an_erasure_waits_for_the_import_and_leaves_nothing_of_the_person() -> None:
    world = world_of(people=0, known=CREATES)
    world.deliver(*events(("a", IN)))
    world.now += MINUTE
    asked = world.erase(address(0))
    world.deliver()
    assert not world.erasure(asked).is_done
    ended(world)
    assert world.erasure(asked).is_done
    (lead,) = world.leads_by_email(address(0))
    assert lead["id"] not in world.members("a")
    assert world.ledger.row(world.connection.id, address(0)) is None
    assert outcomes(world) == {"activated": PEOPLE - 1, "excluded": 1}
    assert_balanced(world)


def test_a_verification_takes_nobody_off_whom_an_import_has_just_created() -> None:
    world = world_of(people=0, known=CREATES, settings={"export_seconds": 600.0})
    world.deliver(*events(("a", IN)))
    while not world.members("a"):
        world.run(world.now + MINUTE)
    (one,) = imports(world)
    assert one.is_going_on
    request(world, "a", repair=frozenset(Repair))
    ended(world)
    assert len(world.members("a")) == PEOPLE
    assert outcomes(world) == {"activated": PEOPLE}
    assert calls(world)[JOIN] == 0


def test_an_import_that_creates_says_which_step_it_is_at() -> None:
    world = world_of(people=0, known=CREATES, settings={"export_seconds": 600.0})
    world.deliver(*events(("a", IN)))
    stages: list[ImportStage] = []
    while world.now < START + HOUR:
        (one,) = imports(world)
        stages += [] if one.stage in stages else [one.stage]
        world.run(world.now + timedelta(seconds=10))
    assert stages == [ImportStage.GATHERING, ImportStage.SENT, ImportStage.READING, ImportStage.ENDED]
    assert {name for _, name in world.imports.texts} == {"ids"}
    assert not any("@" in text for text in world.imports.texts.values())
