"""Whatever lies below `uploads/` keeps no file from being read, and no file is held for ever."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from destination.control.errors import IncompleteError
from destination.domain.connection import ActiveConnection, Status
from destination.domain.file import FileCode, FileStatus, Mode
from destination.domain.file_text import FileBrokenError
from destination.files.carrying_on import HELD_FOR, MAX_PARTS, MAX_TOLD
from destination.files.reading import CLAIM
from testing.file_world import FileWorld, parts_of

ROWS = b"email,firstName,lastName\nada@example.org,Ada,Lovelace\n"
MANIFEST = "manifest-S3-run.json"


def manifest(*parts: str) -> bytes:
    return json.dumps({"exportResults": [{"name": one, "size": 1} for one in parts]}).encode()


@pytest.mark.parametrize(("named", "told"), [(MAX_PARTS, MAX_TOLD), (MAX_PARTS + 1, 1), (12_000, 1)])
def test_a_manifest_of_very_many_parts_is_refused_with_some_of_what_is_missing(named: int, told: int) -> None:
    made = FileWorld()
    made.drop(Mode.MIRROR, "a", MANIFEST, manifest(*(f"{number:0200}.csv" for number in range(named))))
    made.world.now += timedelta(hours=2)
    made.tick()
    (file,) = made.all_files()
    assert (file.status, file.code, len(file.missing)) == (FileStatus.REFUSED, FileCode.MANIFEST_DIFFERS, told)


def test_a_manifest_that_is_removed_while_it_is_read_is_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_: object) -> bytes:
        raise FileBrokenError(FileCode.GONE)

    made = FileWorld()
    monkeypatch.setattr(made.objects, "manifest", gone)
    made.drop(Mode.MIRROR, "a", MANIFEST, manifest("x.csv"))
    made.drop(Mode.ADD, "a", "people.csv", ROWS)
    made.tick()
    assert [one.name for one in made.all_files()] == ["people.csv"]


def test_what_aws_refuses_of_one_object_keeps_no_other_from_being_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    made = FileWorld()
    active = made.world.connections.active

    def refused(connection_id: str) -> ActiveConnection:
        if connection_id == "0" * 12:
            raise ClientError({"Error": {"Code": "ValidationException"}}, "GetItem")
        return active(connection_id)

    monkeypatch.setattr(made.world.connections, "active", refused)
    made.objects.drop(f"uploads/{'0' * 12}/add/people.csv", ROWS, made.world.now)
    made.drop(Mode.ADD, "a", "people.csv", ROWS)
    assert [getattr(one, "trouble", None) for one in made.tick()] == ["ValidationException", None]
    assert [one.status for one in made.all_files()] == [FileStatus.DELIVERING]


def test_files_go_on_however_many_objects_there_are_that_are_none() -> None:
    """Each takes time to be looked at."""
    made = FileWorld()
    made.tell(made.drop(Mode.ADD, "a", "people.csv", ROWS))
    made.world.deliver()
    for number in range(50):
        made.drop(Mode.ADD, "a", f"manifest-{number}.json", b"{}")
    made.tick(iter([True] * 5 + [False] * 50).__next__)
    assert [one.status for one in made.all_files()] == [FileStatus.COMPLETED]


def test_a_mirror_is_held_as_long_as_its_object_is_kept() -> None:
    made = FileWorld()
    made.tell(made.drop(Mode.MIRROR, "a", "people.csv", ROWS))
    made.world.now += HELD_FOR - timedelta(hours=1)
    made.tick()
    assert [one.status for one in made.all_files()] == [FileStatus.HELD]
    made.world.now += timedelta(hours=1)
    made.tick()
    assert [one.status for one in made.all_files()] == [FileStatus.CANCELLED]


def test_one_that_was_delivered_before_it_was_held_needs_no_object() -> None:
    made = FileWorld()
    made.tell(made.drop(Mode.MIRROR, "a", "people.csv", ROWS))
    (file,) = made.all_files()
    made.files.put(replace(file, parts=(1,), read_at=made.world.now))
    statuses = []
    for days in (29, 1):
        made.world.now += timedelta(days=days)
        made.tick()
        statuses += [one.status for one in made.all_files()]
    assert statuses == [FileStatus.HELD, FileStatus.CANCELLING]


def test_a_mirror_is_counted_anew_where_there_was_no_time_for_all_its_rows() -> None:
    made = FileWorld()
    rows = b"".join([b"p%d@example.org,P,L\n" % number for number in range(5)])
    with parts_of(2):
        made.tell(made.drop(Mode.MIRROR, "a", "people.csv", b"email,firstName,lastName\n" + rows), lambda: False)
        (file,) = made.all_files()
        assert (file.status, file.counted, file.claimed_until) == (FileStatus.COUNTING, None, None)
        made.tick()
    assert [(one.status, one.counted) for one in made.all_files()] == [(FileStatus.HELD, 5)]


def test_rows_that_were_read_are_passed_over_as_far_as_there_is_time() -> None:
    made = FileWorld()
    rows = b"".join([b"p%d@example.org,P,L\n" % number for number in range(6)])
    with parts_of(2):
        made.tell(made.drop(Mode.ADD, "a", "people.csv", b"email,firstName,lastName\n" + rows), lambda: False)
        counts = []
        for times in (2, 2, 9):
            made.tick(iter([True] * times + [False] * 9).__next__)
            (file,) = made.all_files()
            counts.append((file.status, file.rows))
    assert counts == [(FileStatus.READING, 4), (FileStatus.READING, 4), (FileStatus.DELIVERING, 6)]


def test_nothing_more_is_read_of_a_connection_that_is_being_deleted() -> None:
    """Its removal takes away what is parked, once."""
    made = FileWorld()

    def delete() -> None:
        made.world.reconfigure(status=Status.DELETING)
        made.world.parking.stored.clear()

    rows = b"".join([b"p%d@example.org,P,L\n" % number for number in range(20)])
    made.reader.until_meddled, made.reader.meddle = 20, delete
    with parts_of(2):
        made.tell(made.drop(Mode.ADD, "a", "people.csv", b"email,firstName,lastName\n" + rows))
        assert len(made.world.parking.stored) <= 1
        made.world.now += CLAIM
        made.tick()
    assert [(one.status, one.code) for one in made.all_files()] == [(FileStatus.REFUSED, FileCode.NOT_ENABLED)]


def test_a_result_is_written_once_there_is_time_for_all_of_it() -> None:
    made = FileWorld()
    with parts_of(1):
        made.tell(made.drop(Mode.ADD, "a", "people.csv", ROWS + b"bob@example.org,Bob,B\n"))
    made.world.deliver()
    made.tick(iter([True, True] + [False] * 9).__next__)
    assert [one.status for one in made.all_files()] == [FileStatus.DELIVERING]
    made.tick()
    assert [one.status for one in made.all_files()] == [FileStatus.COMPLETED]


def test_a_mirror_is_not_approved_once_a_newer_one_has_taken_people_off() -> None:
    """Who is in the older one alone would join the list, and stay."""
    made = FileWorld()
    made.tell(made.drop(Mode.MIRROR, "a", "older.csv", ROWS + b"bob@example.org,Bob,B\n"))
    made.world.now += timedelta(minutes=1)
    made.tell(made.drop(Mode.MIRROR, "a", "newer.csv", ROWS))
    older, newer = made.all_files()
    made.manage.approve(newer.connection_id, newer.id)
    for _ in range(4):
        made.tick()
        made.world.deliver()
    with pytest.raises(IncompleteError) as refused:
        made.manage.approve(older.connection_id, older.id)
    assert newer.id in refused.value.problems[0].message
    assert made.manage.cancel(older.connection_id, older.id).file.status is FileStatus.CANCELLED
