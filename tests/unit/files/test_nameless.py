"""A mirror whose rows name nobody empties no list, though it has as many rows as the one before."""

from datetime import timedelta

from destination.domain.event import MembershipStatus
from destination.domain.file import File, FileStatus, MirrorHold, Mode
from testing.file_world import FileWorld
from testing.world import event

HEADER = "email,firstName,lastName"


def mirrored(made: FileWorld, *rows: str) -> File:
    """The file after somebody said yes to the first hold, and all was done that could be."""
    made.world.now += timedelta(minutes=10)
    key = made.drop(Mode.MIRROR, "a", "people.csv", "\n".join([HEADER, *rows]).encode())
    made.tell(key)
    (file,) = [one for one in made.all_files() if not one.is_ended]
    if file.status is FileStatus.HELD:
        made.manage.approve(file.connection_id, file.id)
    go_on(made)
    return made.files.stored[file.connection_id, file.id]


def go_on(made: FileWorld) -> None:
    for _ in range(4):
        made.tick()
        made.world.deliver()
        made.world.now += timedelta(minutes=5)
    made.tick()


def test_it_is_held_before_anybody_is_taken_off() -> None:
    made = FileWorld()
    people = [f"p{number}@example.org,P,L" for number in range(4)]
    made.world.deliver(event("old@example.org", ("a", MembershipStatus.REALIZED)))
    assert mirrored(made, *people).status is FileStatus.COMPLETED
    assert len(made.world.members("a")) == 4

    file = mirrored(made, *[",P,L"] * 3, "no address,P,L", people[0])
    assert (file.status, file.holds) == (FileStatus.HELD, (MirrorHold.SMALLER,))
    assert len(made.world.members("a")) == 4

    made.manage.approve(file.connection_id, file.id)
    go_on(made)
    assert len(made.world.members("a")) == 1


def test_one_of_which_some_rows_name_nobody_is_carried_on() -> None:
    made = FileWorld()
    people = [f"p{number}@example.org,P,L" for number in range(4)]
    assert mirrored(made, *people, ",P,L").status is FileStatus.COMPLETED
