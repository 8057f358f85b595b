"""Whom a mirror would create: those whose lead the ledger does not know, by some of the rows where there are many."""

import pytest

from destination.domain.event import MembershipStatus
from destination.domain.file import FileStatus, Mode
from destination.domain.file_preview import MirrorPreview
from destination.files import known_people
from testing.file_world import FileWorld
from testing.world import event

HEADER = "email,firstName,lastName"


def previewed(made: FileWorld, *rows: str) -> MirrorPreview:
    key = made.drop(Mode.MIRROR, "a", "people.csv", "\n".join([HEADER, *rows]).encode())
    made.tell(key)
    (file,) = made.all_files()
    assert file.status is FileStatus.HELD
    found = made.manage.get(file.connection_id, file.id).preview
    assert found is not None
    return found


def test_who_has_a_lead_by_the_ledger_is_created_by_no_mirror() -> None:
    made = FileWorld()
    made.world.deliver(event("ada@example.org", ("b", MembershipStatus.REALIZED)))
    made.world.deliver(event("left@example.org", ("a", MembershipStatus.EXITED)))  # nobody in Marketo

    found = previewed(
        made, "Ada@example.org ,Ada,L", "bob@example.org,Bob,L", "left@example.org,,", ",Nobody,L", "torn"
    )
    assert (found.named, found.creating) == (5, 2)


@pytest.mark.parametrize("rows", [7, 8, 9, 64, 1_000])
def test_of_many_rows_some_tell_for_all(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_people, "SPREAD", 8)
    made = FileWorld()
    found = previewed(made, *(f"p{number}@example.org,P,L" for number in range(rows)))
    (file,) = made.all_files()
    assert 4 <= file.looked_at <= 8
    assert found.creating == rows
