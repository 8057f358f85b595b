"""Bulk extract: what a job may ask for, its states over time, its file, its limits."""

import csv
import hashlib
import io
import json
from typing import Any

import pytest

from tests.unit.simulator.simulator_api import Api, code

LEADS = "/bulk/v1/leads/export"
ACTIVITIES = "/bulk/v1/activities/export"
MARCH = {"createdAt": {"startAt": "2026-03-01T00:00:00Z", "endAt": "2026-03-31T00:00:00Z"}}
SEED: dict[str, Any] = {
    "partitions": [{"name": "EMEA"}],
    "leads": [
        {"id": 1, "email": "ada@example.org", "firstName": "Ada", "unsubscribed": True, "leadScore": 7},
        {"id": 2, "email": "bob@example.org", "firstName": 'B, "ob"\né', "partition": "EMEA"},
        {"id": 3, "createdAt": "2026-02-01T00:00:00Z"},
    ],
    "lists": [{"name": "Lions", "id": 7, "members": [1, 2, 3]}, {"name": "Twins", "id": 8}, {"name": "Twins", "id": 9}],
}


def create(api: Api, content: object, path: str = LEADS) -> dict[str, Any]:
    return api.call("POST", f"{path}/create.json", content=content)


def job(api: Api, path: str = LEADS, **content: object) -> str:
    answer = create(api, {"fields": ["id"], "filter": MARCH} | content, path)
    return str(answer["result"][0]["exportId"])


def act(api: Api, export_id: str, action: str, path: str = LEADS) -> dict[str, Any]:
    return api.call("GET" if action == "status" else "POST", f"{path}/{export_id}/{action}.json")


def status(api: Api, export_id: str, path: str = LEADS) -> dict[str, Any]:
    row: dict[str, Any] = act(api, export_id, "status", path)["result"][0]
    return row


def extracted(api: Api, path: str = LEADS, delimiter: str = ",", **content: object) -> list[list[str]]:
    """The rows of the file of a job that ran to its end."""
    export_id = job(api, path, **content)
    assert act(api, export_id, "enqueue", path)["success"]
    api.simulator.advance(600)
    text = api.send("GET", f"{path}/{export_id}/file.json").body.decode()
    return list(csv.reader(io.StringIO(text), delimiter=delimiter))


@pytest.mark.parametrize(("setting", "rows"), [("header", [["id"]]), ("null", [["null"]])])
def test_a_file_without_rows_has_its_header_or_says_null(setting: str, rows: list[list[str]]) -> None:
    api = Api(SEED, export_empty_file=setting)
    assert extracted(api, fields=["id"], filter={"staticListId": 8}) == rows
    assert len(extracted(api, fields=["id"], filter={"staticListId": 7})) == 4


def test_a_job_is_created_queued_processed_and_completed_as_time_passes() -> None:
    api = Api(SEED, export_queue_seconds=60, export_seconds=120)
    export_id = job(api)
    assert status(api, export_id) == {
        "exportId": export_id,
        "format": "CSV",
        "status": "Created",
        "createdAt": "2026-03-02T12:00:00Z",
    }
    api.simulator.advance(1800)
    assert status(api, export_id)["status"] == "Created"
    assert act(api, export_id, "enqueue")["result"][0]["queuedAt"] == "2026-03-02T12:30:00Z"
    assert status(api, export_id)["status"] == "Queued"
    api.simulator.advance(60)
    row = status(api, export_id)
    assert (row["status"], row["startedAt"], "fileSize" in row) == ("Processing", "2026-03-02T12:31:00Z", False)
    api.simulator.advance(120)
    content = api.send("GET", f"{LEADS}/{export_id}/file.json").body
    row = status(api, export_id)
    assert (row["status"], row["finishedAt"]) == ("Completed", "2026-03-02T12:33:00Z")
    assert (row["numberOfRecords"], row["fileSize"]) == (2, len(content))
    assert row["fileChecksum"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_the_file_has_the_asked_fields_under_the_asked_names_and_null_for_nothing() -> None:
    fields = ["email", "firstName", "unsubscribed", "leadScore", "city", "updatedAt"]
    names = {"firstName": "First Name"}
    assert extracted(Api(SEED), fields=fields, columnHeaderNames=names, format="CSV")[:2] == [
        ["email", "First Name", "unsubscribed", "leadScore", "city", "updatedAt"],
        ["ada@example.org", "Ada", "true", "7", "null", "2026-03-02T12:00:00Z"],
    ]


@pytest.mark.parametrize(("name", "delimiter"), [("CSV", ","), ("TSV", "\t"), ("SSV", ";")])
def test_text_is_quoted_in_every_format(name: str, delimiter: str) -> None:
    rows = extracted(Api(SEED), delimiter=delimiter, fields=["id", "firstName"], format=name)
    assert rows == [["id", "firstName"], ["1", "Ada"], ["2", 'B, "ob"\né']]


def test_half_a_character_does_not_stop_the_queue() -> None:
    api = Api(SEED)
    assert extracted(api, fields=["firstName"], columnHeaderNames={"firstName": "N\udfff"})[:2] == [["N?"], ["Ada"]]
    assert len(extracted(api)) == 3


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        (MARCH, ["1", "2"]),
        ({"createdAt": {"startAt": "2026-02-01T01:00:00+01:00", "endAt": "2026-02-01T00:00:00Z"}}, ["3"]),
        ({"staticListId": 7}, ["1", "2", "3"]),
        ({"staticListName": "Lions"}, ["1", "2", "3"]),
        ({"staticListId": 8}, []),
    ],
)
def test_filters(chosen: dict[str, object], ids: list[str]) -> None:
    assert extracted(Api(SEED), filter=chosen) == [["id"], *([each] for each in ids)]


def test_the_rest_of_the_filters_is_not_for_every_subscription() -> None:
    api = Api(SEED)
    content = {"fields": ["id"], "filter": {"updatedAt": MARCH["createdAt"]}}
    assert code(create(api, content)) == "1035"
    assert code(create(api, {"fields": ["id"], "filter": {"smartListName": "Any"}})) == "1035"
    api.simulator.configure(export_all_filters=True)
    assert len(extracted(api, filter={"updatedAt": MARCH["createdAt"]})) == 4
    assert code(create(api, {"fields": ["id"], "filter": {"smartListId": 5}})) == "1035"


def test_what_is_exported_is_what_was_there_when_the_job_started() -> None:
    api = Api(SEED, export_queue_seconds=10, export_seconds=100)
    export_id = job(api, filter={"staticListId": 7})
    act(api, export_id, "enqueue")
    api.call("DELETE", "/rest/v1/lists/7/leads.json", {"id": "1"})
    api.simulator.advance(20)
    api.call("DELETE", "/rest/v1/lists/7/leads.json", {"id": "2"})
    api.simulator.advance(200)
    assert api.send("GET", f"{LEADS}/{export_id}/file.json").body == b"id\n2\n3\n"


@pytest.mark.parametrize(("import_seconds", "ids"), [(5, ["1", "2", "3", "4"]), (500, ["1", "2", "3"])])
def test_an_import_is_exported_if_it_ended_before_even_if_nobody_looked(import_seconds: int, ids: list[str]) -> None:
    api = Api(SEED, export_queue_seconds=60, import_seconds=import_seconds)
    part = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="l.csv"\r\n\r\nemail\nnew@example.org\n\r\n--b--'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert api.call("POST", "/bulk/v1/leads.json", {"format": "csv", "listId": 7}, body=part, headers=headers)[
        "success"
    ]
    assert [row[0] for row in extracted(api, filter={"staticListId": 7})[1:]] == ids


def test_a_job_whose_list_is_gone_fails() -> None:
    api = Api(SEED)
    export_id = job(api, filter={"staticListId": 7})
    act(api, export_id, "enqueue")
    api.call("POST", "/rest/asset/v1/staticList/7/delete.json")
    api.simulator.advance(600)
    assert (status(api, export_id)["status"], status(api, export_id)["errorMsg"]) == ("Failed", "Static list not found")
    assert api.send("GET", f"{LEADS}/{export_id}/file.json").status == 404


def test_jobs_know_no_partitions_but_their_owner() -> None:
    half = {"client_id": "half", "client_secret": "secret", "user": "half@example.org", "partitions": ["Default"]}
    api = Api(SEED | {"clients": [{"client_id": "client", "client_secret": "secret"}, half]})
    foreign = job(api)
    api.sign_in("half")
    assert [row[0] for row in extracted(api)] == ["id", "1", "2"]
    assert {code(act(api, foreign, action)) for action in ("status", "enqueue", "cancel")} == {"1013"}
    assert foreign not in {row["exportId"] for row in api.get(f"{LEADS}.json")["result"]}


def test_leads_and_activities_are_different_jobs_in_one_queue() -> None:
    api = Api(SEED)
    export_id = job(api)
    assert code(act(api, export_id, "status", ACTIVITIES)) == "1013"
    for number in range(10):
        path = LEADS if number % 2 else ACTIVITIES
        content = {} if number % 2 else {"fields": ["leadId"]}
        assert act(api, job(api, path, **content), "enqueue", path)["success"]
    answer = act(api, export_id, "enqueue")
    assert answer["errors"] == [{"code": "1029", "message": "Too many jobs in queue"}]
    api.simulator.advance(600)
    assert act(api, export_id, "enqueue")["success"]


def test_two_jobs_are_processed_at_a_time_first_come_first_served() -> None:
    api = Api(SEED, export_queue_seconds=0, export_seconds=100)
    ids = [job(api) for _ in range(5)]
    for export_id in reversed(ids):
        act(api, export_id, "enqueue")
    api.simulator.advance(50)
    assert [status(api, each)["status"] for each in ids] == ["Queued"] * 3 + ["Processing"] * 2
    act(api, ids[4], "cancel")
    assert [status(api, each)["status"] for each in ids[2:]] == ["Processing", "Processing", "Cancelled"]
    api.simulator.advance(1000)
    finished = [status(api, each).get("finishedAt", "")[14:19] for each in ids]
    assert finished == ["04:10", "03:20", "02:30", "01:40", ""]


def test_jobs_by_status_and_page() -> None:
    api = Api(SEED)
    ids = [job(api) for _ in range(4)]
    act(api, ids[1], "cancel")
    act(api, ids[2], "enqueue")
    asked = {"status": ["Queued", "Cancelled"]}
    assert [row["exportId"] for row in api.call("GET", f"{LEADS}.json", asked)["result"]] == [ids[1], ids[2]]
    assert [row["exportId"] for row in api.get(f"{LEADS}.json", status="Canceled")["result"]] == [ids[1]]
    first = api.get(f"{LEADS}.json", batchSize=3)
    second = api.get(f"{LEADS}.json", batchSize=3, nextPageToken=first["nextPageToken"])
    assert [row["exportId"] for row in first["result"] + second["result"]] == ids
    assert code(api.get(f"{LEADS}.json", status="Lost")) == "1003"
    api.simulator.advance(8 * 86400)
    api.sign_in()
    assert api.get(f"{LEADS}.json")["result"] == []


def test_cancelling_and_enqueuing_what_cannot_be() -> None:
    api = Api(SEED)
    export_id = job(api)
    act(api, export_id, "enqueue")
    assert act(api, export_id, "enqueue")["errors"] == [{"code": "1029", "message": "Job already queued"}]
    api.simulator.advance(600)
    assert code(act(api, export_id, "cancel")) == "1003"
    assert code(act(api, "nothing", "enqueue")) == "1013"


def test_the_day_has_so_many_bytes() -> None:
    api = Api(SEED, export_daily_bytes=5)
    waiting, finished = job(api), job(api)
    act(api, finished, "enqueue")
    api.simulator.advance(600)
    assert act(api, waiting, "enqueue")["errors"] == [{"code": "1029", "message": "Export daily quota exceeded"}]
    assert code(create(api, {"fields": ["id"], "filter": MARCH})) == "1029"
    api.simulator.advance(18 * 3600)  # past midnight, Central Time
    api.sign_in()
    assert act(api, waiting, "enqueue")["success"]


def test_files_live_for_a_week_and_jobs_for_a_month() -> None:
    api = Api(SEED)
    export_id = job(api)
    act(api, export_id, "enqueue")
    assert api.send("GET", f"{LEADS}/{export_id}/file.json").status == 404
    for days, has_file, refusal in ((6, 200, ""), (2, 404, ""), (23, 404, "1013")):
        api.simulator.advance(days * 86400)
        api.sign_in()
        answer = api.send("GET", f"{LEADS}/{export_id}/file.json")
        assert (answer.status, code(act(api, export_id, "status"))) == (has_file, refusal)
    assert answer.content_type.startswith("text/plain")


@pytest.mark.parametrize(
    ("asked", "answer", "content_range", "body"),
    [
        ("", 200, None, b"id\n1\n2\n"),
        ("bytes=0-0", 206, "bytes 0-0/7", b"i"),
        ("bytes=3-4", 206, "bytes 3-4/7", b"1\n"),
        ("bytes=3-", 206, "bytes 3-6/7", b"1\n2\n"),
        ("bytes=5-99", 206, "bytes 5-6/7", b"2\n"),
        ("bytes=-2", 206, "bytes 5-6/7", b"2\n"),
        ("bytes=-99", 206, "bytes 0-6/7", b"id\n1\n2\n"),
        ("bytes=7-", 416, "bytes */7", b""),
        ("bytes=-0", 416, "bytes */7", b""),
        ("bytes=4-3", 200, None, b"id\n1\n2\n"),
        ("bytes=0-1,3-4", 200, None, b"id\n1\n2\n"),
        ("lines=1-2", 200, None, b"id\n1\n2\n"),
        ("bytes=-", 200, None, b"id\n1\n2\n"),
    ],
)
def test_ranges(asked: str, answer: int, content_range: str | None, body: bytes) -> None:
    api = Api(SEED)
    export_id = job(api)
    act(api, export_id, "enqueue")
    api.simulator.advance(600)
    got = api.send("GET", f"{LEADS}/{export_id}/file.json", headers={"Range": asked})
    assert (got.status, got.headers.get("Content-Range"), got.body) == (answer, content_range, body)
    assert got.headers["Accept-Ranges"] == "bytes"


def test_activities() -> None:
    api = Api(SEED)
    api.sync({"email": "new@example.org"}, {"email": "ada@example.org", "firstName": "Adá", "city": None})
    api.call("POST", "/rest/v1/lists/8/leads.json", {"id": "1"})
    api.call("POST", "/rest/v1/leads/delete.json", {"id": "2"})
    header, new, change, added = extracted(api, ACTIVITIES, fields=[])
    assert header == [
        "marketoGUID",
        "leadId",
        "activityDate",
        "activityTypeId",
        "campaignId",
        "primaryAttributeValueId",
        "primaryAttributeValue",
        "attributes",
    ]
    assert new[:7] == ["1", "4", "2026-03-02T12:00:00Z", "12", "null", "4", "null"]
    assert (change[3], change[6]) == ("13", "First Name")
    assert json.loads(change[7])["New Value"] == "Adá"
    assert added[3:7] == ["24", "null", "8", "Twins"]


def test_activities_by_type_and_primary_attribute() -> None:
    api = Api(SEED)
    for list_id in (7, 8):
        api.call("POST", f"/rest/v1/lists/{list_id}/leads.json", {"id": "1,2,3"})
    fields = ["leadId", "primaryAttributeValueId", "actionResult"]
    by_type = extracted(api, ACTIVITIES, fields=fields, filter=MARCH | {"activityTypeIds": [24]})
    assert by_type[1:] == [[each, "8", "succeeded"] for each in ("1", "2", "3")]
    listed = MARCH | {"activityTypeIds": [24, 25]}
    assert len(extracted(api, ACTIVITIES, fields=fields, filter=listed | {"primaryAttributeValueIds": [8]})) == 4
    assert len(extracted(api, ACTIVITIES, fields=fields, filter=listed | {"primaryAttributeValues": ["Lions"]})) == 1
    assert len(extracted(api, ACTIVITIES, fields=fields, filter=MARCH | {"activityTypeIds": [25]})) == 1


def between(start: str, end: str) -> dict[str, object]:
    return {"createdAt": {"startAt": start, "endAt": end}}


@pytest.mark.parametrize(
    ("path", "content", "refusal"),
    [
        (LEADS, {"filter": MARCH}, "1002"),
        (LEADS, {"fields": ["id"]}, "1002"),
        (LEADS, {"fields": [], "filter": MARCH}, "1002"),
        (LEADS, {"fields": "id", "filter": MARCH}, "1003"),
        (LEADS, {"fields": [1], "filter": MARCH}, "1003"),
        (LEADS, {"fields": ["id", "nope"], "filter": MARCH}, "1003"),
        (LEADS, {"fields": ["id"], "filter": MARCH, "format": "XML"}, "1003"),
        (LEADS, {"fields": ["id"], "filter": MARCH, "format": ["CSV"]}, "1003"),
        (LEADS, {"fields": ["id"], "filter": MARCH, "columnHeaderNames": {"email": "E"}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": MARCH, "columnHeaderNames": ["id"]}, "1003"),
        (LEADS, {"fields": ["id"], "filter": []}, "1003"),
        (LEADS, {"fields": ["id"], "filter": MARCH | {"staticListId": 7}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": {"everything": True}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": {"staticListId": "7"}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": {"staticListId": True}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": {"staticListId": 99}}, "1013"),
        (LEADS, {"fields": ["id"], "filter": {"staticListName": "Twins"}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": {"createdAt": "2026-03-01"}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": {"createdAt": {"startAt": "2026-03-01T00:00:00Z"}}}, "1003"),
        (LEADS, {"fields": ["id"], "filter": between("2026-03-01T00:00:00Z", "yesterday")}, "1003"),
        (LEADS, {"fields": ["id"], "filter": between("2026-03-01T00:00:00.000Z", "2026-03-02T00:00:00Z")}, "1003"),
        (LEADS, {"fields": ["id"], "filter": between("0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z")}, "1003"),
        (LEADS, {"fields": ["id"], "filter": between("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z")}, "1003"),
        (LEADS, {"fields": ["id"], "filter": between("2026-03-01T00:00:00Z", "2026-04-01T00:00:01Z")}, "1003"),
        (LEADS, {"fields": ["id"], "filter": between("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")}, ""),
        (ACTIVITIES, {"filter": MARCH}, ""),
        (ACTIVITIES, {"filter": {"activityTypeIds": [12]}}, "1002"),
        (ACTIVITIES, {"filter": MARCH, "fields": ["id"]}, "1003"),
        (ACTIVITIES, {"filter": MARCH | {"leadIds": [1]}}, "1003"),
        (ACTIVITIES, {"filter": MARCH | {"activityTypeIds": ["12"]}}, "1003"),
        (ACTIVITIES, {"filter": MARCH | {"activityTypeIds": [37]}}, "1003"),
        (ACTIVITIES, {"filter": MARCH | {"activityTypeIds": [1]}}, "1003"),
        (ACTIVITIES, {"filter": MARCH | {"primaryAttributeValueIds": [7]}}, "1003"),
        (ACTIVITIES, {"filter": MARCH | {"activityTypeIds": [13, 24], "primaryAttributeValueIds": [7]}}, "1003"),
        (
            ACTIVITIES,
            {
                "filter": MARCH
                | {"activityTypeIds": [24], "primaryAttributeValueIds": [7], "primaryAttributeValues": ["Lions"]}
            },
            "1003",
        ),
        (ACTIVITIES, {"filter": MARCH | {"activityTypeIds": [24], "primaryAttributeValueIds": [*range(51)]}}, "1003"),
        (LEADS, [], "609"),
    ],
)
def test_what_a_job_may_ask_for(path: str, content: object, refusal: str) -> None:
    assert code(create(Api(SEED), content, path)) == refusal


def test_the_permissions_are_those_of_reading() -> None:
    reader = {"client_id": "client", "client_secret": "secret", "permissions": ["Read-Only Lead"]}
    api = Api(SEED | {"clients": [reader]})
    assert code(create(api, {"fields": ["id"], "filter": MARCH})) == ""
    assert code(create(api, {"filter": MARCH}, ACTIVITIES)) == "603"


def test_a_large_export_neither_sorts_nor_quotes_wrongly() -> None:
    leads = [{"email": f"p{number}@example.org"} for number in range(1500)]
    rows = extracted(Api({"leads": leads}), fields=["id", "email"])
    assert rows[1:] == [[str(number + 1), f"p{number}@example.org"] for number in range(1500)]
