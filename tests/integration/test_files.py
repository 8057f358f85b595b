"""Files: uploaded or dropped, read into parts, delivered as events are, and told row by row."""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from destination.composition import aws
from destination.domain import file
from destination.files import reading
from destination.store.files import FileObjects
from testing.control_plane import AUD_1, call
from testing.stack import MAPPING, RunningStack, stack
from testing.uploads import as_csv, result, shown, take, tick, upload

LIST = {"name": "Webinar", "id": 1001, "workspace": "Default"}
COLUMNS = ["email", "firstName", "lastName"]


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack({"lists": [LIST]}) as made:
        yield made


def connected(running: RunningStack, **changes: object) -> str:
    """The id of a connection with an audience on the list."""
    connection_id, _ = running.connect(mapping=MAPPING[:3], **changes)
    activation = {"id": "aud-1", "name": "Webinar", "list": {"id": LIST["id"]}}
    assert call("POST", f"/connections/{connection_id}/audiences", activation).status == 201
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id


def person(who: str, **more: str) -> dict[str, str]:
    return {"email": f"{who}@example.org", "firstName": who, "lastName": "Lovelace", **more}


def delivered(running: RunningStack, connection_id: str, file_id: str) -> Any:
    """The file once what was read of it is delivered, and told."""
    while running.deliver():
        pass
    tick()
    return shown(connection_id, file_id)


def test_a_file_is_delivered_and_told_row_by_row(running: RunningStack) -> None:
    connection_id = connected(running)
    rows = [person("ada"), person("grace"), {**person("nobody"), "email": ""}, person("=alan")]
    file_id = upload(running, connection_id, "people.csv", as_csv(COLUMNS, rows), activation_id=AUD_1)

    assert {**shown(connection_id, file_id), "size": 0} | {"ends_at": None} == shown(connection_id, file_id) | {
        "size": 0,
        "ends_at": None,
        "status": "delivering",
        "rows": 4,
        "settled": 0,
    }
    found = delivered(running, connection_id, file_id)

    assert (found["status"], found["settled"]) == ("completed", 4)
    assert found["outcomes"] == {"activated": 3, "excluded": 1}
    assert running.members(1001) == {"ada", "grace", "=alan"}
    dumped: Any = running.marketo.dump()
    ids = {lead["email"]: str(lead["id"]) for lead in dumped["leads"]}
    told = result(running, connection_id, file_id)
    assert [(one["row"], one["outcome"], one["reason"], one["created"]) for one in told] == [
        ("1", "activated", "", "true"),
        ("2", "activated", "", "true"),
        ("3", "excluded", "MISSING_DEDUPE_VALUE", ""),
        ("4", "activated", "", "true"),
    ]
    assert [one["lead_id"] for one in told] == [
        ids["ada@example.org"],
        ids["grace@example.org"],
        "",
        ids["=alan@example.org"],
    ]


def test_a_bad_row_costs_itself_and_is_counted_in_the_run(running: RunningStack) -> None:
    connection_id = connected(running)
    content = (
        as_csv(COLUMNS, [person("ada")]) + b"grace@example.org,grace\r\n" + b"alan@example.org,al\xffan,Turing\r\n"
    )
    content += b"mary@example.org,mary,Lovelace\r\n"
    file_id = upload(running, connection_id, "people.csv", content, activation_id=AUD_1)
    found = delivered(running, connection_id, file_id)

    assert (found["rows"], found["rejected"]) == (4, 2)
    assert found["outcomes"] == {"activated": 2, "rejected": 2}
    assert [one["outcome"] for one in result(running, connection_id, file_id)] == [
        "activated",
        "rejected",
        "rejected",
        "activated",
    ]
    (run,) = call("GET", f"/connections/{connection_id}/runs").json["runs"]
    assert (run["received"], run["activated"]["persons"], run["rejected"]) == (2, 2, 2)


def test_forms_of_files(running: RunningStack) -> None:
    connection_id = connected(running)
    forms: dict[str, Callable[[list[dict[str, str]]], bytes]] = {
        "people.jsonl": lambda rows: "\n".join(json.dumps(one) for one in rows).encode(),
        "people.json": lambda rows: json.dumps(rows).encode(),
        "people.csv.gz": lambda rows: gzip.compress(as_csv(COLUMNS, rows)),
        "people.csv": lambda rows: as_csv(COLUMNS, rows).decode().replace(",", ";").encode("utf-16"),
    }
    names = set[str]()
    for number, (name, written) in enumerate(forms.items()):
        new = {f"ada{number}", f"grace{number}"}
        file_id = upload(running, connection_id, name, written([person(who) for who in new]), activation_id=AUD_1)
        assert delivered(running, connection_id, file_id)["outcomes"] == {"activated": 2}
        names |= new
        assert running.members(1001) == names


def test_a_header_without_what_people_are_found_by_is_refused_whole(running: RunningStack) -> None:
    connection_id = connected(running)
    file_id = upload(
        running, connection_id, "people.csv", b"mail,firstName\r\nada@example.org,ada\r\n", activation_id=AUD_1
    )

    found = shown(connection_id, file_id)
    assert (found["status"], found["code"], found["missing"]) == ("refused", "HEADER_UNFIT", ["email"])
    assert running.deliver() == set()
    assert running.members(1001) == set()


def test_an_export_of_adobe_is_dropped_and_its_statuses_are_understood(running: RunningStack) -> None:
    """The audience is the one in the file's name, the status Adobe's."""
    connection_id = connected(running)
    status = "segmentMembership.seg_namespace.seg_id.status"
    key = f"uploads/{connection_id}/incremental/S3_segmentaud-1_2026112{{}}101112.csv"
    joined = as_csv([*COLUMNS, status], [person("ada", **{status: "Active"}), person("grace", **{status: "active"})])
    take(running, key.format(1), joined)
    while running.deliver():
        pass
    assert running.members(1001) == {"ada", "grace"}

    take(running, key.format(2), as_csv([*COLUMNS, status], [person("ada", **{status: "Expired"})]))
    while running.deliver():
        pass
    tick()
    assert running.members(1001) == {"grace"}
    listed = call("GET", f"/connections/{connection_id}/files").json["files"]
    assert [(one["status"], one["activation_id"]) for one in listed] == [("completed", AUD_1)] * 2


def test_the_same_object_again_is_no_other_file(running: RunningStack) -> None:
    connection_id = connected(running)
    content = as_csv(COLUMNS, [person("ada")])
    file_id = upload(running, connection_id, "people.csv", content, activation_id=AUD_1)
    take(running, f"uploads/{connection_id}/asked/{file_id}/people.csv", content)
    take(running, f"uploads/{connection_id}/asked/nobody/people.csv", content)
    take(running, "uploads/nobody/add/people.csv", content)

    assert delivered(running, connection_id, file_id)["outcomes"] == {"activated": 1}
    assert len(call("GET", f"/connections/{connection_id}/files").json["files"]) == 1


def test_what_nobody_was_told_of_is_found(running: RunningStack) -> None:
    connection_id = connected(running)
    key = f"uploads/{connection_id}/add/{AUD_1}/people.csv"
    running.aws.s3.put_object(Bucket=running.aws.bucket, Key=key, Body=as_csv(COLUMNS, [person("ada")]))
    tick()
    (found,) = call("GET", f"/connections/{connection_id}/files").json["files"]

    assert delivered(running, connection_id, found["id"])["outcomes"] == {"activated": 1}
    assert "Contents" not in running.aws.s3.list_objects_v2(Bucket=running.aws.bucket, Prefix="uploads/")


def test_a_file_is_read_on_by_the_next_who_has_time(running: RunningStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PART_ROWS", 2)
    connection_id = connected(running)
    content = as_csv(COLUMNS, [person(f"p{number}") for number in range(5)])
    key = f"uploads/{connection_id}/add/{AUD_1}/people.csv"
    running.aws.s3.put_object(Bucket=running.aws.bucket, Key=key, Body=content)
    read: list[int] = []
    for _ in range(3):
        tick()
        (found,) = call("GET", f"/connections/{connection_id}/files").json["files"]
        read.append(found["rows"])
    assert read[-1] == 5

    found = delivered(running, connection_id, found["id"])
    assert found["outcomes"] == {"activated": 5}
    assert Counter(one["row"] for one in result(running, connection_id, found["id"])) == Counter(
        str(n) for n in range(1, 6)
    )


def test_a_file_that_is_cut_off_is_delivered_up_to_there(running: RunningStack) -> None:
    connection_id = connected(running)
    content = gzip.compress(as_csv(COLUMNS, [person(f"p{number}") for number in range(50)]))[:-8]
    file_id = upload(running, connection_id, "people.csv.gz", content, activation_id=AUD_1)

    found = delivered(running, connection_id, file_id)
    assert (found["status"], found["code"], found["outcomes"]) == ("completed", "CUT_OFF", {"activated": 50})


def test_nothing_more_of_a_file_that_is_cancelled_is_delivered(
    running: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_id = connected(running)
    file_id = upload(running, connection_id, "people.csv", as_csv(COLUMNS, [person("ada")]), activation_id=AUD_1)
    assert call("DELETE", f"/connections/{connection_id}/files/{file_id}").json["status"] == "cancelling"
    while running.deliver():
        pass
    assert running.members(1001) == set()


def test_what_cannot_be_uploaded_is_refused_by_name(running: RunningStack) -> None:
    connection_id = connected(running)
    wrong: list[tuple[dict[str, object], str]] = [
        ({"name": "a/b.csv"}, "name"),
        ({"size": 0}, "size"),
        ({"separator": ",,"}, "separator"),
        ({"encoding": "ebcdic"}, "encoding"),
        ({"encoding": "\0"}, "encoding"),
        ({"encoding": "\ud800"}, "encoding"),
        ({"name": ".."}, "name"),
        ({"name": "\ud800.csv"}, "name"),
        ({"status": "x" * 500_000, "activation_id": AUD_1}, "status"),
        ({"status": "", "activation_id": AUD_1}, "status"),
        ({"activation_id": "0" * 12}, "activation_id"),
        ({"mode": "mirror"}, "activation_id"),
    ]
    for asked, path in wrong:
        answer = call("POST", f"/connections/{connection_id}/files", {"name": "people.csv", "size": 10, **asked})
        assert (answer.status, [one["path"] for one in answer.json["errors"]]) == (422, [path])


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_an_address_is_that_of_the_region_and_takes_so_many_bytes_alone(
    running: RunningStack, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    """What is signed cannot be sent otherwise, and a redirect to the region cannot be followed.

    Source: Amazon S3, "Working with presigned URLs" and "Making requests to Amazon S3".
    """
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    aws.s3.cache_clear()
    objects = FileObjects(aws.s3(), running.aws.bucket)
    aws.s3.cache_clear()
    address = urlsplit(objects.upload_address("uploads/1/people.csv", 10, timedelta(hours=1)))
    assert address.netloc == f"{running.aws.bucket}.s3.{region}.amazonaws.com"
    assert parse_qs(address.query)["X-Amz-SignedHeaders"] == ["content-length;host"]


def test_a_connection_that_takes_no_events_takes_no_files(running: RunningStack) -> None:
    connection_id = connected(running)
    assert call("POST", f"/connections/{connection_id}/disable").status == 200

    assert call("POST", f"/connections/{connection_id}/files", {"name": "people.csv", "size": 10}).status == 409


def mirror(running: RunningStack, connection_id: str, *names: str, rows: bytes = b"") -> str:
    """Upload a file that is the audience."""
    content = as_csv(COLUMNS, [person(who) for who in names]) + rows
    file_id = upload(running, connection_id, "people.csv", content, activation_id=AUD_1, mode="mirror")
    settle(running)
    return file_id


def settle(running: RunningStack) -> None:
    """Deliver, and do what is done every few minutes, until nothing more happens."""
    for _ in range(4):
        tick()
        while running.deliver():
            pass
    tick()


def approve(connection_id: str, file_id: str) -> int:
    return call("POST", f"/connections/{connection_id}/files/{file_id}/approve").status


def test_a_mirror_takes_off_whom_it_does_not_name_once_somebody_said_yes_to_the_first(running: RunningStack) -> None:
    connection_id = connected(running)
    token = call("POST", f"/connections/{connection_id}/ingest-token", {}).json["token"]
    assert running.post((connection_id, token), ("ada", "realized"), ("bob", "realized"), ("eve", "realized")) == 202
    settle(running)
    assert running.members(1001) == {"ada", "bob", "eve"}

    first = mirror(running, connection_id, "ada", "bob", "grace")
    found = shown(connection_id, first)
    assert (found["status"], found["holds"], found["counted"]) == ("held", ["FIRST"], 3)
    assert found["preview"]["named"] == 3
    assert running.members(1001) == {"ada", "bob", "eve"}

    assert approve(connection_id, first) == 200
    assert running.post((connection_id, token), ("late", "realized")) == 202
    settle(running)
    found = shown(connection_id, first)
    assert (found["status"], found["left"], found["code"]) == ("completed", 1, None)
    assert running.members(1001) == {"ada", "bob", "grace", "late"}

    second = mirror(running, connection_id, "ada", "grace")
    assert (shown(connection_id, second)["status"], shown(connection_id, second)["before"]) == ("completed", 3)
    assert running.members(1001) == {"ada", "grace"}


@pytest.mark.parametrize(
    ("names", "rows", "holds"),
    [
        (("ada",), b"", ["SMALLER"]),
        ((), b"", ["NO_ROWS", "SMALLER"]),
        (("ada", "bob", "eve"), b"torn\r\n", ["REJECTED_ROWS"]),
    ],
)
def test_a_mirror_that_may_be_cut_empties_no_list(
    running: RunningStack, names: tuple[str, ...], rows: bytes, holds: list[str]
) -> None:
    connection_id = connected(running)
    assert approve(connection_id, mirror(running, connection_id, "ada", "bob", "eve")) == 200
    settle(running)
    assert running.members(1001) == {"ada", "bob", "eve"}

    file_id = mirror(running, connection_id, *names, rows=rows)
    assert (shown(connection_id, file_id)["status"], shown(connection_id, file_id)["holds"]) == ("held", holds)
    assert running.members(1001) == {"ada", "bob", "eve"}

    assert approve(connection_id, file_id) == 200
    settle(running)
    assert shown(connection_id, file_id)["status"] == "completed"
    assert running.members(1001) == set(names)
    again = call("POST", f"/connections/{connection_id}/files/{file_id}/approve")
    assert (again.status, again.errors) == (409, {"status": "it is completed, and waits for nobody's yes"})


def test_a_mirror_that_is_torn_is_refused(running: RunningStack) -> None:
    connection_id = connected(running)
    content = gzip.compress(as_csv(COLUMNS, [person(f"p{number}") for number in range(50)]))[:-8]
    file_id = upload(running, connection_id, "people.csv.gz", content, activation_id=AUD_1, mode="mirror")

    assert (shown(connection_id, file_id)["status"], shown(connection_id, file_id)["code"]) == ("refused", "CUT_OFF")


def test_a_held_file_is_cancelled_at_once(running: RunningStack) -> None:
    connection_id = connected(running)
    file_id = mirror(running, connection_id, "ada")

    assert call("DELETE", f"/connections/{connection_id}/files/{file_id}").json["status"] == "cancelled"
    assert approve(connection_id, file_id) == 409
    settle(running)
    assert running.members(1001) == set()


def test_an_export_that_is_a_mirror_is_one_file_once_its_manifest_and_all_parts_are_there(
    running: RunningStack,
) -> None:
    connection_id = connected(running)
    folder = f"uploads/{connection_id}/mirror"
    parts = {
        "S3_segmentaud-1_20261121101112.csv": as_csv(COLUMNS, [person("ada"), person("bob")]),
        "S3_segmentaud-1_20261121101112_2.csv": as_csv(COLUMNS, [person("eve")]),
    }
    results = [{"name": name, "size": len(content)} for name, content in parts.items()]
    manifest = json.dumps({"flowRunId": "run", "exportResults": results}).encode()
    first, second = parts
    take(running, f"{folder}/{first}", parts[first])
    take(running, f"{folder}/manifest-S3-run.json", manifest)
    take(running, f"{folder}/{second}", parts[second][:-3])
    tick()
    assert call("GET", f"/connections/{connection_id}/files").json["files"] == []

    take(running, f"{folder}/{second}", parts[second])
    settle(running)
    (found,) = call("GET", f"/connections/{connection_id}/files").json["files"]
    assert (found["status"], found["holds"], found["counted"]) == ("held", ["FIRST"], 3)
    assert approve(connection_id, found["id"]) == 200
    settle(running)
    assert running.members(1001) == {"ada", "bob", "eve"}
    assert "Contents" not in running.aws.s3.list_objects_v2(Bucket=running.aws.bucket, Prefix="uploads/")


def test_files_are_gone_with_their_connection(running: RunningStack) -> None:
    connection_id = connected(running)
    file_id = upload(running, connection_id, "people.csv", as_csv(COLUMNS, [person("ada")]), activation_id=AUD_1)
    delivered(running, connection_id, file_id)
    upload(running, connection_id, "wrong.csv", b"mail\nada@example.org\n", activation_id=AUD_1)

    assert call("DELETE", f"/connections/{connection_id}", query={"discard": "true"}).status in {202, 204}
    assert "Contents" not in running.aws.s3.list_objects_v2(Bucket=running.aws.bucket)


def test_a_file_of_a_connection_that_is_disabled_by_then_is_refused(running: RunningStack) -> None:
    connection_id = connected(running)
    assert call("POST", f"/connections/{connection_id}/disable").status == 200
    take(running, f"uploads/{connection_id}/add/people.csv", as_csv(COLUMNS, [person("ada")]))
    take(running, f"uploads/{connection_id}/add/0a0a0a0a0a0a/people.csv", as_csv(COLUMNS, [person("ada")]))
    codes = [one["code"] for one in call("GET", f"/connections/{connection_id}/files").json["files"]]
    assert codes == ["NOT_ENABLED", "NOT_ENABLED"]

    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    take(running, f"uploads/{connection_id}/add/0a0a0a0a0a0a/other.csv", as_csv(COLUMNS, [person("ada")]))
    found = call("GET", f"/connections/{connection_id}/files").json["files"]
    assert "UNKNOWN_AUDIENCE" in [one["code"] for one in found]


def test_what_is_cancelled_while_it_is_delivered_is_told_once_nothing_is_on_its_way(
    running: RunningStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PART_ROWS", 2)
    connection_id = connected(running)
    content = as_csv(COLUMNS, [person(f"p{number}") for number in range(4)])
    file_id = upload(running, connection_id, "people.csv", content, activation_id=AUD_1)
    assert call("DELETE", f"/connections/{connection_id}/files/{file_id}").json["status"] == "cancelling"
    tick()
    assert shown(connection_id, file_id)["status"] == "cancelling"
    monkeypatch.setattr(file, "ON_ITS_WAY", timedelta(0))
    tick()

    assert shown(connection_id, file_id)["outcomes"] == {"not_delivered": 4}
    assert {one["outcome"] for one in result(running, connection_id, file_id)} == {"not_delivered"}


def test_keys_that_are_of_no_connection_keep_no_file_from_being_read(running: RunningStack) -> None:
    connection_id = connected(running)
    odd = (
        "uploads//add/people.csv",
        "uploads/x",
        "uploads/a b/add/p.csv",
        f"uploads/{connection_id}/odd/p.csv",
        f"uploads/{connection_id}/add/",
        f"uploads/{connection_id}/asked/p.csv",
    )
    for key in (*odd, f"uploads/{connection_id}/add/{AUD_1}/people.csv"):
        running.aws.s3.put_object(Bucket=running.aws.bucket, Key=key, Body=as_csv(COLUMNS, [person("ada")]))
    settle(running)
    assert len(call("GET", f"/connections/{connection_id}/files").json["files"]) == 1
    assert running.members(1001) == {"ada"}
