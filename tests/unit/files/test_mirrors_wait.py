"""A mirror waits for what was received before it and not delivered: it says nothing to what it does not know of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.event import MembershipStatus
from destination.domain.file import File, FileStatus, Mode
from testing.counts import assert_balanced
from testing.file_world import FileWorld
from testing.importing import events, few_are_many, world_of
from testing.world import event

IN = MembershipStatus.REALIZED


def mirrored(made: FileWorld, *rows: str) -> File:
    """The file once all was done that could be within some hours."""
    key = made.drop(Mode.MIRROR, "a", "people.csv", "\n".join(["email,firstName,lastName", *rows]).encode())
    made.tell(key)
    (file,) = made.all_files()
    made.manage.approve(file.connection_id, file.id)
    for _ in range(60):
        made.tick()
        made.world.run(made.world.now + timedelta(minutes=5))
    return made.files.stored[file.connection_id, file.id]


def emails(made: FileWorld) -> list[str]:
    leads = made.world.leads_now()
    return sorted(leads[one]["email"] for one in made.world.members("a"))


def test_whoever_waited_for_the_rate_of_lead_updates_is_taken_off_all_the_same() -> None:
    made = FileWorld()
    world = made.world
    world.deliver(event("ada@example.org", ("a", IN)))
    world.reconfigure(limits=replace(world.target.connection.limits, lead_updates_per_hour=1))
    world.now += timedelta(minutes=1)
    world.deliver(*(event(f"{who}@example.org", ("a", IN)) for who in ("bob", "eve")))
    assert world.parking.stored
    world.now += timedelta(minutes=1)
    file = mirrored(made, "ada@example.org,Ada,Lovelace")
    assert file.status is FileStatus.COMPLETED
    assert emails(made) == ["ada@example.org"]
    assert_balanced(world)


def test_so_is_whoever_waited_for_an_import_of_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger knows that they are in an import, and not that they have come into the audience since."""
    few_are_many(monkeypatch)
    made = FileWorld(world_of(settings={"import_queue_seconds": 3_600}))
    world = made.world
    for minutes in (0, 1):
        world.now += timedelta(minutes=1)
        world.deliver(*events(("a", MembershipStatus.EXITED), minutes=minutes, firstName=f"New{minutes}"))
    assert world.imports.stored
    world.now += timedelta(minutes=1)
    world.deliver(*events(("a", IN), minutes=3))
    world.now += timedelta(minutes=1)
    file = mirrored(made, "ada@example.org,Ada,Lovelace")
    assert file.status is FileStatus.COMPLETED
    assert emails(made) == ["ada@example.org"]
    assert_balanced(world)
