"""Files: their names, how far they are, what counts of what became of their rows, and what holds a mirror."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.domain.connection import Limits, PersonAction, SyncType
from destination.domain.file import (
    File,
    FileObject,
    FileStatus,
    MirrorHold,
    Mode,
    OutcomesKey,
    RowOutcome,
    bundle_id_of,
    counts_in,
    envelope_of,
    file_id_of,
    holds_of,
    is_file_id,
    newest,
    part_of,
    parts_in,
    progress_of,
)
from destination.domain.file_form import FileForm, FileFormat
from destination.domain.file_preview import Strangers, preview_of
from destination.queue.envelopes import ENVELOPE_ID
from testing.persons import connection

NOW = datetime(2026, 11, 21, 10, 0, 0, 250_000, UTC)
OBJECT = FileObject("uploads/c/add/people.csv", '"etag"', 100, NOW.replace(microsecond=0))
FILE = File(
    "20261121T100000Z-0123456789abcdef",
    "c",
    "people.csv",
    OBJECT.key,
    Mode.ADD,
    None,
    FileForm(FileFormat.CSV),
    FileStatus.AWAITED,
    NOW,
)


def test_the_same_version_of_an_object_is_the_same_file_and_any_other_is_another() -> None:
    same = file_id_of(OBJECT)
    assert is_file_id(same)
    assert file_id_of(replace(OBJECT, size=7)) == same
    others = [
        replace(OBJECT, key="uploads/c/add/people2.csv"),
        replace(OBJECT, version='"other"'),
        replace(OBJECT, modified_at=NOW + timedelta(hours=1)),
    ]
    assert len({same, *map(file_id_of, others)}) == 4


def test_a_part_is_an_envelope_and_a_bundle_of_its_own() -> None:
    envelope = envelope_of(FILE.id, 12_345)
    assert ENVELOPE_ID.fullmatch(envelope)
    assert part_of(envelope) == (FILE.id, 12_345)
    assert [part_of(one) for one in ("file-x", "0f8fad5bd9cb469fa165708677289500", envelope + "0")] == [None] * 3
    assert len({bundle_id_of(FILE.id, number) for number in range(100)}) == 100


def test_the_name_of_outcomes_tells_how_many_there_are_of_which_kind() -> None:
    counts = {"activated": 12, "unchanged": 3, "excluded": 2, "failed": 1, "ignored": 4, "rejected": 5}
    earlier, later = (OutcomesKey(FILE.id, 3, at, counts, "0" * 12) for at in (NOW, NOW + timedelta(microseconds=1)))
    assert counts_in(earlier.name) == (3, Counter(counts))
    assert earlier.name < later.name < OutcomesKey(FILE.id, 4, NOW, counts, "0" * 12).name
    with pytest.raises(ValueError, match="not the name"):
        counts_in("00003")


def test_what_is_known_last_of_the_latest_attempt_counts() -> None:
    known = [
        RowOutcome("10", "failed", "MARKETO_1003"),
        RowOutcome("2.1", "activated", lead_id=1),
        RowOutcome("2.0", "activated", created=True),
        RowOutcome("10", "activated", attempt=1),
        RowOutcome("2.1", "unchanged"),
        RowOutcome("10", "failed", "MARKETO_1003"),
    ]
    assert newest(known) == [known[2], known[4], known[3]]


def test_when_rows_were_received() -> None:
    """S3 tells the second; what was taken within it was received by then."""
    assert FILE.arrived(OBJECT, NOW).began_at == NOW
    later = FILE.arrived(OBJECT, NOW + timedelta(hours=1)).began_at
    assert later == OBJECT.modified_at + timedelta(microseconds=999_999)


def test_the_end_is_estimated_by_what_the_rows_so_far_took() -> None:
    file = replace(FILE, status=FileStatus.DELIVERING, received_at=NOW, read_at=NOW, parts=(5_000, 5_000))
    after = NOW + timedelta(minutes=1)
    assert progress_of(file, {}, after).ends_at is None
    assert progress_of(file, {"rejected": 10}, after).ends_at is None
    found = progress_of(file, {"activated": 2_490, "rejected": 10}, after)
    assert found.settled == 2_500
    assert found.ends_at is not None
    assert timedelta(minutes=3) <= found.ends_at - after < timedelta(minutes=3.1)
    assert progress_of(file, {"activated": 12_000}, after).settled == 10_000
    done = replace(file, status=FileStatus.COMPLETED, persons={"activated": 10_000})
    assert progress_of(done, {}, after).counts == {"activated": 10_000}


@pytest.mark.parametrize(
    ("counted", "bad", "before", "holds"),
    [
        (100, 0, 100, ()),
        (50, 0, 100, ()),
        (49, 0, 100, (MirrorHold.SMALLER,)),
        (100, 1, 100, (MirrorHold.REJECTED_ROWS,)),
        (100, 0, None, (MirrorHold.FIRST,)),
        (0, 0, None, (MirrorHold.NO_ROWS, MirrorHold.FIRST)),
        (0, 0, 0, (MirrorHold.NO_ROWS,)),
    ],
)
def test_what_holds_a_mirror(counted: int, bad: int, before: int | None, holds: tuple[MirrorHold, ...]) -> None:
    assert holds_of(counted, bad, before) == holds


def test_what_a_mirror_would_take() -> None:
    paced = connection(limits=Limits(calls_per_20s=80, daily_calls=40_000))
    found = preview_of(30_000, 40_000, Strangers(2_000, 50), paced, NOTHING_KNOWN)
    assert (found.joining, found.leaving) == (0, 10_000)
    # 100 calls each to look up, write and add; 134 pages of the list, and as many removals at most.
    assert found.calls == 300 + 134 + 134
    assert (found.share, found.seconds) == (0.0142, 142)
    assert (found.creating, found.updating, found.crm_hours, found.bulk_calls) == (750, 30_000, 3, None)


def test_what_a_mirror_would_take_by_imports_where_the_instance_can() -> None:
    known = Capabilities(joins_by_id=True)
    # Look-ups, an import for each 100,000 rows, and the list: pages until it is seen to be long, and an extract.
    assert preview_of(150_000, None, None, connection(), known).bulk_calls == 500 + 2 * 10 + 20 + 15
    # Of a list that is known to be long the extract is begun at once; at most everybody leaves it.
    assert preview_of(150_000, 90_000, None, connection(), known).bulk_calls == 500 + 2 * 10 + 15 + 300
    # A fifth are new: they are created, and put on the list, by calls. The others are one import.
    assert preview_of(120_000, 0, Strangers(10, 2), connection(), known).bulk_calls == 400 + 160 + 10 + 20 + 15


@pytest.mark.parametrize(
    ("named", "known", "changes"),
    [
        (9_999, Capabilities(joins_by_id=True, id_is_a_header=True), {}),
        (10_000, Capabilities(), {}),
        (10_000, Capabilities(joins_by_id=False, id_is_a_header=True), {}),
        (10_000, Capabilities(joins_by_id=True), {"sync_type": SyncType.AUDIENCE_ONLY}),
        (10_000, Capabilities(joins_by_id=True), {"limits": Limits(lead_updates_per_hour=10_000)}),
    ],
)
def test_a_mirror_for_which_no_imports_are_taken(named: int, known: Capabilities, changes: dict[str, Any]) -> None:
    assert preview_of(named, 0, None, connection(**changes), known).bulk_calls is None


@pytest.mark.parametrize(
    ("known", "changes"),
    [
        (Capabilities(joins_by_id=True), {}),
        (Capabilities(joins_by_id=True, id_is_a_header=True), {"sync_type": SyncType.AUDIENCE_ONLY}),
        (
            Capabilities(joins_by_id=True, id_is_a_header=True),
            {"sync_type": SyncType.AUDIENCE_ONLY, "limits": Limits(lead_updates_per_hour=10_000)},
        ),
    ],
)
def test_a_mirror_for_which_imports_are_taken(known: Capabilities, changes: dict[str, Any]) -> None:
    assert preview_of(10_000, 0, None, connection(**changes), known).bulk_calls == 34 + 10 + 20 + 15


@pytest.mark.parametrize(
    ("changes", "creating", "updating"),
    [
        ({}, 200, 600),
        ({"person_action": PersonAction.UPDATE_EXISTING_ONLY}, 0, 600),
        ({"sync_type": SyncType.AUDIENCE_ONLY}, 200, 0),
    ],
)
def test_whom_a_mirror_would_create_and_update(changes: dict[str, Any], creating: int, updating: int) -> None:
    found = preview_of(600, None, Strangers(600, 200), connection(**changes), NOTHING_KNOWN)
    assert (found.creating, found.updating, found.crm_hours) == (creating, updating, None)
    assert (found.joining, found.leaving) == (None, None)


def test_how_many_are_created_is_not_told_where_nobody_was_looked_at() -> None:
    assert preview_of(600, None, None, connection(), NOTHING_KNOWN).creating is None
    assert preview_of(0, None, Strangers(0, 0), connection(), NOTHING_KNOWN).creating == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"exportResults": []}',
        '{"exportResults": [{"name": "x"}]}',
        '{"exportResults": [{"name": "x", "size": 1e999}]}',
        '{"exportResults": [{"name": "x", "size": NaN}]}',
        "[" * 9_999,
    ],
)
def test_what_is_no_manifest(text: str) -> None:
    with pytest.raises(ValueError, match="manifest"):
        parts_in(text.encode())


def test_a_manifest_names_its_parts_and_their_sizes() -> None:
    text = '{"exportResults": [{"sinkPath": "/a", "name": "a/x.csv", "size": 3}, {"name": "x_2.csv", "size": "4"}]}'
    assert parts_in(text.encode()) == {"x.csv": 3, "x_2.csv": 4}


@pytest.mark.parametrize("status", [FileStatus.AWAITED, FileStatus.COUNTING, FileStatus.HELD, FileStatus.READING])
def test_a_file_of_which_nothing_is_on_its_way_is_cancelled_at_once(status: FileStatus) -> None:
    found = replace(FILE, status=status).cancelled(NOW)
    assert found.is_ended is (status is not FileStatus.READING)
    assert replace(FILE, status=FileStatus.HELD, parts=(1,)).cancelled(NOW).status is FileStatus.CANCELLING
