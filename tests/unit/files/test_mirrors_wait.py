"""A mirror waits for what was received before it and not delivered: it says nothing to what it does not know of."""

from dataclasses import replace
from datetime import timedelta

import pytest

from destination.control.files import WantedFile
from destination.domain.connection import SyncType
from destination.domain.event import MembershipStatus
from destination.domain.file import File, FileCode, FileStatus, Mode
from destination.domain.problem import ConfigurationError
from testing.counts import assert_balanced
from testing.file_world import FileWorld, parts_of
from testing.importing import events, few_are_many, world_of
from testing.world import audience, event

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


def test_so_is_whoever_is_in_a_file_that_came_before_and_is_still_being_read() -> None:
    """Their row becomes known after the mirror was delivered, and is older."""
    made = FileWorld()
    with parts_of(1):
        older = "\n".join(["email,firstName,lastName", "ada@example.org,Ada,Lovelace", "bob@example.org,Bob,B"])
        made.tell(made.drop(Mode.ADD, "a", "older.csv", older.encode()), lambda: False)
        (first,) = made.all_files()
        assert (first.status, first.rows) == (FileStatus.READING, 1)
        stuck = made.files.put(replace(first, claimed_until=made.world.now + timedelta(hours=2)))
        made.world.deliver()
        made.world.now += timedelta(minutes=1)
        made.tell(made.drop(Mode.MIRROR, "a", "people.csv", f"{older.rpartition(chr(10))[0]}\n".encode()))
        mirror = made.all_files()[1]
        made.manage.approve(mirror.connection_id, mirror.id)
        for _ in range(60):
            made.tick()
            made.world.run(made.world.now + timedelta(minutes=5))
    assert not stuck.is_claimed(made.world.now)
    assert [one.status for one in made.all_files()] == [FileStatus.COMPLETED] * 2
    assert emails(made) == ["ada@example.org"]


@pytest.mark.parametrize("change", ["deactivated", "keeps no lists"])
def test_a_mirror_whose_audience_has_no_list_any_more_waits_for_nothing(change: str) -> None:
    made = FileWorld()
    made.tell(made.drop(Mode.MIRROR, "a", "people.csv", b"email,firstName,lastName\nada@example.org,Ada,Lovelace\n"))
    (file,) = made.all_files()
    made.manage.approve(file.connection_id, file.id)
    made.tick()
    made.world.deliver()
    if change == "deactivated":
        made.world.deactivate("a")
    else:
        made.world.reconfigure(sync_type=SyncType.PROFILE_ONLY)
    for _ in range(3):
        made.tick()
    assert [(one.status, one.code) for one in made.all_files()] == [(FileStatus.COMPLETED, FileCode.NOT_TAKEN_OFF)]


def test_a_mirror_is_not_asked_for_where_no_lists_are_kept() -> None:
    made = FileWorld()
    made.world.reconfigure(sync_type=SyncType.PROFILE_ONLY)
    activation = made.world.target.activations[audience("a")].id
    for mode, paths in ((Mode.MIRROR, ["mode"]), (Mode.ADD, [])):
        problems: list[str] = []
        try:
            made.manage.request(made.connection_id, WantedFile("people.csv", 10, mode, activation, {}))
        except ConfigurationError as refused:
            problems = [one.path for one in refused.problems]
        assert problems == paths
