"""Whoever reads a file may die between any two steps, and so may whoever delivers it: every row is counted once."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.file import FileObject, FileStatus, Mode
from destination.files import reading
from destination.files.reading import CLAIM
from testing.crashes import CrashError
from testing.file_world import FileWorld
from testing.memory import MemoryFileObjects

COLUMNS = "email,firstName,lastName"
BAD = 4
"""The row that has too few cells."""


class People(FileWorld):
    """A world into which a file is dropped."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        lines = [f"p{number}@example.org,p{number},Lovelace" for number in range(rows)]
        lines[BAD] = "torn"
        self.key = self.drop(Mode.ADD, "a", "people.csv", "\n".join([COLUMNS, *lines]).encode())

    def step(self) -> None:
        """What is done every few minutes, as far as it comes."""
        self.world.now += CLAIM + timedelta(minutes=1)
        self.tick()

    def live(self) -> None:
        """From here on nobody dies: all is read, delivered and told."""
        self.reader.moments = None
        for _ in range(3):
            self.step()
            self.world.deliver()
        self.step()

    def told(self) -> list[str]:
        (file,) = [one for one in self.all_files() if one.id in self.objects.results]
        return [one["outcome"] for one in self.result(file)]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PART_ROWS", 3)


EXPECTED = ["activated"] * BAD + ["rejected"] + ["activated"] * 3


@pytest.mark.parametrize("moments", range(0, 60, 2))
def test_who_reads_may_die_between_any_two_steps(moments: int) -> None:
    """Each effect has two moments; after the second one the world is as before the first one of the next."""
    made = People(len(EXPECTED))
    made.reader.moments = moments
    try:
        made.step()
        made.world.deliver()
        made.step()
    except CrashError:
        made.world.deliver()
    made.live()

    (file,) = made.files.stored.values()
    assert file.status is FileStatus.COMPLETED
    assert made.told() == EXPECTED
    assert len(made.world.members("a")) == EXPECTED.count("activated")
    assert file.persons == Counter(EXPECTED)


def test_as_many_steps_as_that_are_enough_to_die_between() -> None:
    made = People(len(EXPECTED))
    made.reader.moments = 60
    made.step()
    made.world.deliver()
    made.step()
    assert made.reader.moments > 0


def test_outcomes_that_cannot_be_stored_leave_the_rows_undelivered_until_they_can() -> None:
    made = People(len(EXPECTED))
    made.step()
    made.objects.refuses = True
    made.world.deliver()
    assert made.objects.stored.keys() == {file.id for file in made.files.stored.values()}
    made.objects.refuses = False
    made.live()
    assert made.told() == EXPECTED


def test_what_is_written_again_while_a_file_is_read_is_another_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exports without a time in their name overwrite the one before."""
    made = People(len(EXPECTED))
    ((key, (before, content)),) = made.objects.uploads.items()
    after = replace(before, version="2", modified_at=before.modified_at + timedelta(minutes=1))
    read = MemoryFileObjects.read

    def overtaken(self: MemoryFileObjects, one: FileObject) -> Iterator[bytes]:
        chunks = list(read(self, one))
        self.uploads[key] = after, content.replace(b"p0", b"q0")
        return iter(chunks)

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileObjects, "read", overtaken)
        made.tell(key)
    assert made.objects.uploads[key][0] == after
    made.live()
    assert [one.status for one in made.files.stored.values()] == [FileStatus.COMPLETED] * 2
    assert len(made.world.members("a")) == EXPECTED.count("activated") + 1
