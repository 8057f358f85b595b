"""Bulk import: jobs that advance with the clock, limits, reports."""

import csv
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest

from marketo_simulator import Condition, Fault
from tests.unit.simulator.simulator_api import Api, code

SEED = {
    "partitions": [{"name": "EMEA"}],
    "leads": [{"email": "one@example.org", "firstName": "One"}],
    "lists": [{"name": "L", "id": 7}, {"name": "M", "id": 8}],
}
BULK = "/bulk/v1/leads"


def upload(api: Api, file: str, **params: object) -> dict[str, Any]:
    boundary = "frontier"
    part = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="leads.csv"\r\n'
    body = f"{part}Content-Type: text/csv\r\n\r\n{file}\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return api.call("POST", f"{BULK}.json", {"format": "csv"} | params, body=body, headers=headers)


def poll(api: Api, batch: int) -> dict[str, Any]:
    row: dict[str, Any] = api.get(f"{BULK}/batch/{batch}.json")["result"][0]
    return row


def test_a_job_is_queued_imported_and_complete_as_time_passes() -> None:
    api = Api(SEED)
    answer = upload(api, "email,firstName\none@example.org,Uno\nnew@example.org,New\nbad,Bad\n", listId=7)
    assert answer["result"] == [{"batchId": 1, "importId": "1", "status": "Queued"}]
    assert poll(api, 1)["status"] == "Queued"
    api.simulator.advance(1)
    assert poll(api, 1)["status"] == "Importing"
    assert len(api.leads()) == 1
    api.simulator.advance(5)
    assert poll(api, 1) == {
        "batchId": 1,
        "importId": "1",
        "status": "Complete",
        "numOfLeadsProcessed": 2,
        "numOfRowsFailed": 1,
        "numOfRowsWithWarning": 0,
        "message": "Import completed with errors, 2 records imported (2 members), 1 failed",
    }
    assert api.lead(1)["firstName"] == "Uno"
    assert api.members(7) == [1, 2]


def test_the_reports_are_files_in_the_format_of_the_job() -> None:
    api = Api(SEED)
    upload(api, f"email;firstName\nbad;B\nlong@example.org;{'x' * 300}\n", format="ssv")
    api.simulator.advance(60)
    failures = api.send("GET", f"{BULK}/batch/1/failures.json")
    assert failures.content_type == "text/csv;charset=UTF-8"
    assert failures.body.decode().splitlines() == [
        "email;firstName;Import Failure Reason",
        "bad;B;Invalid value for field 'email' and value 'bad'",
    ]
    warnings = api.send("GET", f"{BULK}/batch/1/warnings.json").body.decode().splitlines()
    assert warnings[0] == "email;firstName;Import Warning Reason"
    assert warnings[1].endswith("Value of 'firstName' was cut to 255 characters")
    assert api.lead(2)["firstName"] == "x" * 255


def test_a_good_import_has_empty_reports() -> None:
    api = Api(SEED)
    upload(api, "email\nnew@example.org\n", partitionName="EMEA")
    api.simulator.advance(60)
    assert poll(api, 1)["message"] == "Import succeeded, 1 records imported (0 members)"
    assert api.send("GET", f"{BULK}/batch/1/failures.json").body == b""
    assert api.lead(2)["partition"] == "EMEA"


def test_blank_cells_change_nothing_and_text_is_read_by_type() -> None:
    api = Api(SEED)
    upload(api, 'email,firstName,leadScore,unsubscribed,title\none@example.org,,7,true,"a, ""b"""\n')
    api.simulator.advance(60)
    lead = api.lead(1)
    assert (lead["firstName"], lead["leadScore"], lead["unsubscribed"], lead["title"]) == ("One", 7, True, 'a, "b"')


def test_of_several_matches_the_most_recently_updated_is_taken() -> None:
    api = Api(SEED)
    api.simulator.seed({"leads": [{"email": "one@example.org", "updatedAt": "2020-01-01T00:00:00Z"}]})
    upload(api, "email,firstName\none@example.org,Uno\n")
    api.simulator.advance(60)
    assert [lead.get("firstName") for lead in api.leads().values()] == ["Uno", None]


def test_an_import_by_id_only_updates() -> None:
    api = Api(SEED)
    upload(api, "id,firstName\n1,Uno\n99,Nobody\n", lookupField="id")
    api.simulator.advance(60)
    assert poll(api, 1)["numOfRowsFailed"] == 1
    assert list(api.leads()) == [1]
    assert api.lead(1)["firstName"] == "Uno"


def test_unknown_columns_fail_the_job_and_short_rows_fail_alone() -> None:
    api = Api(SEED)
    upload(api, "email,nope\na@example.org,1\n")
    upload(api, "email,firstName\na@example.org\nb@example.org,B\n")
    api.simulator.advance(60)
    assert (poll(api, 1)["status"], poll(api, 1)["message"]) == ("Failed", "Field 'nope' not found")
    assert (poll(api, 2)["status"], poll(api, 2)["numOfRowsFailed"]) == ("Complete", 1)


def test_two_jobs_execute_at_a_time_and_ten_may_wait() -> None:
    api = Api(SEED, import_queue_seconds=0, import_seconds=10)
    for number in range(10):
        assert code(upload(api, f"email\np{number}@example.org\n")) == ""
    assert code(upload(api, "email\nx@example.org\n")) == "1016"
    assert [poll(api, batch)["status"] for batch in range(1, 11)] == ["Importing"] * 2 + ["Queued"] * 8
    api.simulator.advance(10)
    assert [poll(api, batch)["status"] for batch in range(1, 5)] == ["Complete"] * 2 + ["Importing"] * 2
    assert code(upload(api, "email\nx@example.org\n")) == ""


def test_one_import_at_a_time_into_a_list() -> None:
    api = Api(SEED)
    upload(api, "email\na@example.org\n", listId=7)
    assert code(upload(api, "email\nb@example.org\n", listId=7)) == "1019"
    assert code(upload(api, "email\nb@example.org\n", listId=8)) == ""
    assert code(api.call("POST", "/rest/asset/v1/staticList/7/delete.json")) == "709"
    api.simulator.advance(60)
    assert code(upload(api, "email\nb@example.org\n", listId=7)) == ""


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"format": "xml"}, "1003"),
        ({"lookupField": "dateOfBirth"}, "1011"),
        ({"listId": 99}, "1013"),
        ({"listId": "x"}, "1001"),
        ({"partitionName": "Nowhere"}, "1008"),
    ],
)
def test_what_is_refused_at_creation(params: dict[str, object], expected: str) -> None:
    assert code(upload(Api(SEED), "email\na@example.org\n", **params)) == expected


def test_files_that_cannot_be_read() -> None:
    api = Api(SEED)
    assert code(upload(api, "email\n")) == "1003"
    assert code(api.call("POST", f"{BULK}.json", {"format": "csv"}, body=b"email\n")) == "612"
    for content_type, body in [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nnonsense\r\n--b--"),
        ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n1\r\n--b--'),
    ]:
        headers = {"Content-Type": content_type}
        assert code(api.call("POST", f"{BULK}.json", {"format": "csv"}, body=body, headers=headers)) == "613"
    too_large = api.send("POST", f"{BULK}.json", body=b" " * (10 * 1024 * 1024 + 1))
    assert too_large.status == 413


def test_batches_are_forgotten_after_seven_days() -> None:
    api = Api(SEED)
    upload(api, "email\na@example.org\n")
    api.simulator.advance(8 * 86_400)
    api.sign_in()
    assert code(api.get(f"{BULK}/batch/1.json")) == "1013"
    assert code(api.get(f"{BULK}/batch/99.json")) == "1013"


def send(api: Api, body: str, boundary: str = "boundary=b") -> dict[str, Any]:
    headers = {"Content-Type": f"multipart/form-data; {boundary}"}
    return api.call("POST", f"{BULK}.json", {"format": "csv"}, body=body.encode(), headers=headers)


NAMED = 'Content-Disposition: form-data; name="file"; filename="l.csv"'
ROWS = "\r\n\r\nemail\nnew@example.org\n"


@pytest.mark.parametrize(
    ("head", "boundary"),
    [
        ('Content-Disposition: form-data; filename="l.csv"; name="file"', "boundary=b"),
        ("content-disposition: form-data; name=file; filename=l.csv", "Boundary=b; charset=utf-8"),
        (NAMED, 'charset=utf-8; boundary="b"'),
        (NAMED, "boundary=b ; charset=utf-8"),
    ],
)
def test_a_part_is_found_however_its_head_is_written(head: str, boundary: str) -> None:
    api = Api(SEED)
    api.simulator.script(Fault(code="611", when=Condition(value="nobody@example.org")))
    assert code(send(api, f"--b\r\n{head}{ROWS}\r\n--b--\r\n", boundary)) == ""
    api.simulator.clear_faults()
    api.simulator.script(Fault(code="611", when=Condition(value="new@example.org")))
    assert code(send(api, f"--b\r\n{head}{ROWS}\r\n--b--\r\n", boundary)) == "611"


@pytest.mark.parametrize(
    "body",
    [
        f'--b\r\n{NAMED}{ROWS}\r\n--b\r\nContent-Disposition: form-data; name="listId"\r\n\r\n7',  # it ends too early
        f"--b\r\n{NAMED}{ROWS}\r\n--b",
        f'--b\r\nContent-Disposition: form-data; name="file"{ROWS}\r\n--b--\r\n',  # a parameter, and no file
        f'--b\r\nContent-Disposition: form-data; filename="file"{ROWS}\r\n--b--\r\n',
    ],
)
def test_a_body_that_is_not_whole_queues_nothing(body: str) -> None:
    api = Api(SEED)
    assert code(send(api, body)) == "613"
    assert api.simulator.imports.waiting(api.time.now) == []


def test_what_looks_like_a_boundary_within_a_line_is_part_of_the_file() -> None:
    api = Api(SEED)
    rows = "\r\n\r\nemail,firstName\nnew@example.org,a--b\n"
    assert code(send(api, f"--b\r\n{NAMED}{rows}\r\n--b--\r\n")) == ""
    api.simulator.advance(60)
    assert api.lead(2)["firstName"] == "a--b"


def test_a_report_quotes_every_end_of_line() -> None:
    api = Api(SEED)
    upload(api, 'email,firstName\nbad,"a\rb"\n')
    api.simulator.advance(60)
    report = api.send("GET", f"{BULK}/batch/1/failures.json").body.decode()
    assert report.splitlines(keepends=True)[0].endswith("Reason\n")
    assert [row[:2] for row in csv.reader(StringIO(report, newline=""))][1:] == [["bad", "a\rb"]]


def test_instances_that_read_files_at_once_leave_the_process_as_it_was() -> None:
    limit, usual = csv.field_size_limit(), sys.getswitchinterval()
    callers = [Api(SEED, "123-ABC-456") for _ in range(4)]
    file = "email,firstName\nnew@example.org," + "x" * 300_000 + "\n"
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda number: upload(callers[number % 4], file), range(24)))
    finally:
        sys.setswitchinterval(usual)
    assert {code(answer) for answer in answers} == {""}
    assert csv.field_size_limit() == limit


def test_a_file_with_a_byte_order_mark_names_its_first_column() -> None:
    api = Api(SEED)
    api.simulator.script(Fault(code="611", every=1, when=Condition(key="email", value="new@example.org")))
    assert code(upload(api, "\ufeffemail\nnew@example.org\n")) == "611"


@pytest.mark.parametrize(("email", "seconds"), [("one@example.org", 60), ("bad", 8 * 86_400)])
def test_an_import_that_has_ended_keeps_its_reports_alone_and_not_for_ever(email: str, seconds: int) -> None:
    api = Api(SEED, body_bytes_kept=0)
    file = "email,firstName\n" + f"{email},One\n" * 5_000
    tracemalloc.start()
    try:
        for number in range(1, 4):
            assert upload(api, file)["result"][0]["batchId"] == number
            api.simulator.advance(seconds)
            api.sign_in()
        assert upload(api, "email\nx@example.org\n")["success"]
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


def ended(file: str) -> Api:
    """An instance whose import has ended without anybody having called since."""
    api = Api(SEED)
    upload(api, file, listId=7)
    api.time.sleep(60)
    return api


def test_an_administrator_and_a_seed_come_after_what_has_ended() -> None:
    api = ended("email\nnew@example.org\n")
    api.simulator.change(action="rename", kind="field", name="email", to="mail")
    assert api.lead(2)["mail"] == "new@example.org"
    api = ended("email\nnew@example.org\n")
    api.simulator.seed({"leads": [{"email": "new@example.org"}]})
    assert api.members(7) == [2]
    assert sorted(api.leads()) == [1, 2, 3]


def test_pages_show_what_has_ended() -> None:
    page = ended("email\nnew@example.org\n").send("GET", "/_simulator/pages/lists/7")
    assert b"new@example.org" in page.body


def test_settings_count_from_now_on() -> None:
    api = Api(SEED)
    content = {"fields": ["id"], "filter": {"staticListId": 7}}
    path = "/bulk/v1/leads/export"
    export_id = api.call("POST", f"{path}/create.json", content=content)["result"][0]["exportId"]
    api.call("POST", f"{path}/{export_id}/enqueue.json")
    api.time.sleep(60)
    api.simulator.configure(export_empty_file="null")
    assert api.send("GET", f"{path}/{export_id}/file.json").body == b"id\n"
