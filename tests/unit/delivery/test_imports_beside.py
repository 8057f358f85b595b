"""What goes on beside an import: erasures, verifications, files, and changes of the connection."""

from datetime import timedelta

import pytest

from destination.delivery import bulk_lane
from destination.domain.connection import Consent
from destination.domain.verification import Repair
from testing.counts import assert_balanced, outcomes
from testing.importing import (
    HOUR,
    IN,
    LOOK_UP,
    OUT,
    PEOPLE,
    UPLOAD,
    address,
    calls,
    ended,
    events,
    first_names,
    world_of,
)
from testing.world import event
from tests.unit.delivery.test_verify_lists import ID, request

EVERYTHING = frozenset(Repair)


pytestmark = pytest.mark.usefixtures("few_are_many")


def test_an_erasure_waits_for_the_import_and_leaves_nothing_of_the_person() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.now += timedelta(minutes=1)
    asked = world.erase(address(0))
    world.deliver()
    assert not world.erasure(asked).is_done
    ended(world)
    assert world.erasure(asked).is_done
    assert 100 not in world.members("a")
    assert world.ledger.row(world.connection.id, address(0)) is None
    assert outcomes(world) == {"activated": PEOPLE - 1, "excluded": 1}
    assert_balanced(world)


def test_a_verification_leaves_alone_who_is_in_an_import() -> None:
    world = world_of()
    world.deliver(*events(("a", OUT)))
    world.deliver(*events(("a", IN), minutes=1))
    assert world.imports.stored
    before = calls(world)
    request(world, "a", repair=EVERYTHING)
    world.deliver()
    made = calls(world)
    assert made["POST /rest/v1/lists/{id}/leads.json"] == before["POST /rest/v1/lists/{id}/leads.json"]
    assert world.verifications.found[ID, 0].in_doubt == PEOPLE
    ended(world)
    assert len(world.members("a")) == PEOPLE


def test_a_verification_while_it_is_written_takes_nobody_off() -> None:
    """Some are on the list, by an import that has not ended here, though the ledger has them as having left."""
    world = world_of(settings={"import_seconds": 1})
    world.deliver(*events(("a", OUT)))
    world.deliver(*events(("a", IN), minutes=1))
    world.simulator.state.lists[1001].members.update(range(100, 100 + PEOPLE))
    request(world, "a", repair=EVERYTHING)
    world.deliver()
    assert len(world.members("a")) == PEOPLE
    ended(world)
    assert len(world.members("a")) == PEOPLE


def test_an_audience_that_is_deactivated_meanwhile_keeps_its_list_as_it_is() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.deactivate("a")
    ended(world, 4 * HOUR)
    assert_balanced(world)
    assert not world.parking.stored
    assert all(not one.is_going_on for one in world.imports.stored.values())


def test_whoever_withdraws_consent_meanwhile_is_off_the_list_in_the_end() -> None:
    world = world_of(consent=Consent("marketing", ("yes",)))
    world.deliver(*events(("a", IN), marketing="yes"))
    assert world.imports.stored
    world.now += timedelta(minutes=1)
    world.deliver_beside(event(address(0), ("a", IN), at=world.now, marketing="no"))
    ended(world)
    assert world.members("a") == [100 + one for one in range(1, PEOPLE)]


def test_leads_that_are_trusted_are_not_looked_up() -> None:
    world = world_of(lead_cache=timedelta(days=30))
    world.deliver(*events(("a", IN)))
    ended(world)
    before = calls(world)[LOOK_UP]
    world.deliver(*events(("a", IN), minutes=61, firstName="Newer"))
    ended(world)
    assert first_names(world)["Newer"] == PEOPLE
    assert calls(world)[LOOK_UP] == before == 1
    assert calls(world)[UPLOAD] == 2


def test_a_connection_that_is_blocked_meanwhile_tells_everybody_in_the_end() -> None:
    world = world_of()
    world.deliver(*events(("a", IN)))
    world.reconfigure(blocked_cause="603: access denied", retry_at=world.now + 2 * HOUR)
    ended(world, HOUR)
    assert world.members("a") == []
    world.reconfigure(blocked_cause=None, retry_at=None)
    ended(world, 6 * HOUR)
    assert len(world.members("a")) == PEOPLE
    assert outcomes(world) == {"activated": PEOPLE}


def test_an_import_is_as_large_as_it_may_be_and_the_next_takes_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_lane, "MAX_ROWS", 5)
    world = world_of()
    world.deliver(*events(("a", IN)))
    assert sorted(one.rows for one in world.imports.stored.values()) == [2, 5, 5]
    ended(world, 2 * HOUR)
    assert len(world.members("a")) == PEOPLE
    assert outcomes(world) == {"activated": PEOPLE}


def test_a_file_has_no_more_bytes_than_marketo_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_lane, "MAX_BYTES", 60)
    world = world_of()
    world.deliver(*events(("a", IN)))
    assert len(world.imports.stored) > 1
    assert all(one.size <= 60 for one in world.imports.stored.values())
    ended(world, 2 * HOUR)
    assert len(world.members("a")) == PEOPLE
