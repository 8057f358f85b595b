"""Nothing of a file that was cancelled is delivered, wherever it waits, and its result says what the ledger says."""

from datetime import timedelta

import pytest

from destination.domain.event import MembershipStatus
from destination.domain.file import File, FileStatus, Mode
from marketo_simulator import Fault
from testing.crashes import CrashError
from testing.file_world import FileWorld, parts_of
from testing.world import event

NAMES = ("ada", "bob", "eve")
CONTENT = "\n".join(["email,firstName,lastName", *(f"{one}@example.org,{one},Lovelace" for one in NAMES), "torn"])


def dropped(made: FileWorld, content: str = CONTENT) -> File:
    """The file once it is read."""
    made.tell(made.drop(Mode.ADD, "a", "people.csv", content.encode()))
    (file,) = made.all_files()
    return file


def cancelled(made: FileWorld, file: File) -> list[str]:
    """What became of the rows by the result, after nothing more can become of them."""
    made.manage.cancel(file.connection_id, file.id)
    return told(made)


def told(made: FileWorld) -> list[str]:
    made.world.now += timedelta(minutes=7)
    made.tick()
    (file,) = made.all_files()
    assert file.status is FileStatus.CANCELLED
    made.world.now += timedelta(hours=3)
    made.world.deliver()
    made.world.deliver()
    lines = [one["outcome"] for one in made.result(file)]
    counts = made.world.ledger.total(made.connection_id).counts
    assert counts["received"] == len(lines) - lines.count("not_delivered") - lines.count("rejected")
    assert len(made.world.members("a")) == lines.count("activated")
    return lines


def test_what_waits_since_marketo_refused_it_is_not_delivered() -> None:
    made = FileWorld()
    file = dropped(made)
    made.world.simulator.script(Fault("skip", "713", records=(0,), path="^/rest/v1/leads.json", nth=2))
    made.world.deliver()
    assert made.world.waiting
    assert sorted(cancelled(made, file)) == ["activated", "activated", "not_delivered", "rejected"]


def test_what_a_worker_stored_that_died_is_not_told() -> None:
    """It is stored before it is counted."""
    for moments in range(0, 80, 2):
        made = FileWorld()
        file = dropped(made)
        made.worker.moments = moments
        try:
            made.world.deliver()
        except CrashError:
            made.world.now += timedelta(minutes=30)
        made.worker.moments = None
        if any(name for name in made.objects.stored[file.id] if "-r1-" not in name):
            break
    made.manage.cancel(file.connection_id, file.id)
    made.world.now += timedelta(minutes=7)
    made.tick()
    (file,) = made.all_files()
    outcomes = [one["outcome"] for one in made.result(file)]
    assert outcomes == ["not_delivered"] * 3 + ["rejected"]
    assert made.world.ledger.total(made.connection_id).counts["received"] == 0
    made.world.deliver()
    assert made.world.ledger.total(made.connection_id).counts["received"] == 0


@pytest.mark.parametrize("moments", range(0, 40, 2))
def test_a_part_that_is_being_stored_then_is_told_as_far_as_it_counts(moments: int) -> None:
    made = FileWorld()
    with parts_of(2):
        made.reader.until_meddled = moments
        made.reader.meddle = lambda: _cancel(made)
        made.tell(made.drop(Mode.ADD, "a", "people.csv", CONTENT.encode()))
        made.reader.until_meddled = None
        _cancel(made)
        made.world.deliver()
        (file,) = made.all_files()
        if file.is_ended:
            assert not file.parts
            return
        assert set(told(made)) <= {"not_delivered", "rejected"}
        losses = made.world.ledger.total(made.connection_id).losses
        (file,) = made.all_files()
        assert sum(losses.values()) == file.persons.get("rejected", 0)


def _cancel(made: FileWorld) -> None:
    for one in made.all_files():
        if not one.is_ended:
            made.manage.cancel(one.connection_id, one.id)


@pytest.mark.parametrize("moments", [None, *range(0, 24)])
def test_nobody_is_taken_off_by_a_mirror_that_is_cancelled_meanwhile(moments: int | None) -> None:
    """At any moment at which the verification is requested, or once it is (None)."""
    made = FileWorld()
    made.world.deliver(event("old@example.org", ("a", MembershipStatus.REALIZED)))
    made.world.now += timedelta(minutes=10)
    made.tell(made.drop(Mode.MIRROR, "a", "people.csv", b"email,firstName,lastName\nada@example.org,Ada,Lovelace\n"))
    (file,) = made.all_files()
    made.manage.approve(file.connection_id, file.id)
    made.tick()
    made.world.deliver()
    made.tick()
    assert [one.status for one in made.all_files()] == [FileStatus.LEAVING]

    made.reader.until_meddled, made.reader.meddle = moments, lambda: _cancel(made)
    made.tick()
    _cancel(made)
    for _ in range(5):
        made.world.deliver()
        made.world.now += timedelta(minutes=5)
        made.tick()
    assert [one.status for one in made.all_files()] == [FileStatus.CANCELLED]
    assert len(made.world.members("a")) == 2
