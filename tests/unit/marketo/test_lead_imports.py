"""Imports of leads, by the shapes of Marketo's answers and as the simulator carries them out."""

from collections.abc import Callable

import pytest

from destination.marketo.errors import (
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    MarketoError,
    RequestRejectedError,
)
from destination.marketo.lead_imports import ImportState, ImportStatus, LeadImports
from testing.marketo import ScriptedAnswer, ScriptedMarketo, client, ok, refused
from testing.simulated import Simulated

CSV = {"Content-Type": "text/csv;charset=UTF-8"}
QUEUED = ok({"batchId": 3404, "importId": "3404", "status": "Queued"})
FILE = b"id,firstName\r\n7,Ada\r\n"


def imports(marketo: ScriptedMarketo) -> LeadImports:
    return LeadImports(client(marketo))


def test_a_file_is_one_part_of_a_form() -> None:
    marketo = ScriptedMarketo(QUEUED)
    assert imports(marketo).create(FILE, "id", 1001, None) == ImportState(3404, ImportStatus.QUEUED)
    sent = marketo.sent[0]
    assert (sent.method, sent.path) == ("POST", "/bulk/v1/leads.json")
    assert sent.query == {"format": "csv", "lookupField": "id", "listId": "1001"}
    boundary = sent.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
    assert (
        sent.body
        == (
            f"--{boundary}\r\n"
            'Content-Disposition: form-data; name="file"; filename="leads.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
            f"{FILE.decode()}\r\n--{boundary}--\r\n"
        ).encode()
    )


def test_a_partition_goes_along_where_leads_may_be_created() -> None:
    marketo = ScriptedMarketo(QUEUED)
    imports(marketo).create(b"email\r\nada@example.org\r\n", "email", None, "EMEA")
    assert marketo.sent[0].query == {"format": "csv", "lookupField": "email", "partitionName": "EMEA"}


def test_what_marketo_says_of_an_import_is_read_with_its_counters() -> None:
    row = {
        **{"batchId": 3404, "importId": "3404", "status": "Complete", "numOfLeadsProcessed": 2},
        **{"numOfRowsFailed": 1, "numOfRowsWithWarning": 0, "message": "Import completed with errors"},
    }
    assert imports(ScriptedMarketo(ok(row))).state(3404) == ImportState(3404, ImportStatus.COMPLETE, 2, 1, 0)


def test_an_import_may_have_failed_when_it_is_queued() -> None:
    marketo = ScriptedMarketo(ok({"batchId": 1, "status": "Failed", "message": "Empty file"}))
    made = imports(marketo).create(FILE, "id", None, None)
    assert made.status.has_ended
    assert made.status is ImportStatus.FAILED


@pytest.mark.parametrize(
    "answer",
    [
        ok(),
        ok({"batchId": "1", "status": "Queued"}),
        ok({"batchId": 1, "status": "Paused"}),
        ScriptedAnswer({"success": True}),
    ],
)
def test_an_answer_that_tells_no_state_says_nothing(answer: ScriptedAnswer) -> None:
    with pytest.raises(InstanceWaitsError) as caught:
        imports(ScriptedMarketo(answer)).create(FILE, "id", None, None)
    assert caught.value.executed_unknown


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("1016", InstanceWaitsError),
        ("1019", InstanceWaitsError),
        ("1029", InstanceWaitsError),
        ("1013", ListMissingError),
        ("1003", RequestRejectedError),
        ("610", ConnectionBlockedError),
    ],
)
def test_what_marketo_refuses_to_queue_is_told_by_its_code(code: str, error: type[MarketoError]) -> None:
    with pytest.raises(error) as caught:
        imports(ScriptedMarketo(refused(code))).create(FILE, "id", 1001, None)
    assert caught.value.code == code


ASKED: list[Callable[[LeadImports], object]] = [
    lambda one: one.state(7),
    lambda one: one.failures(7),
    lambda one: one.warnings(7),
]


@pytest.mark.parametrize("ask", ASKED)
def test_an_import_that_is_there_no_more_is_no_list_that_is_missing(ask: Callable[[LeadImports], object]) -> None:
    with pytest.raises(RequestRejectedError):
        ask(imports(ScriptedMarketo(refused("1013"))))


@pytest.mark.parametrize(
    "content",
    [
        b'id,firstName,Import Failure Reason\r\n7,"Ada, Countess",Value is too long\r\n8,Bob,No such lead\r\n',
        b'\xef\xbb\xbfid,firstName,Import Failure Reason\n7,"Ada, Countess",Too long\n\n8,Bob,Gone\n',
    ],
)
def test_rows_that_were_not_imported_come_by_column_and_without_the_reason(content: bytes) -> None:
    marketo = ScriptedMarketo(ScriptedAnswer(content, headers=CSV))
    assert imports(marketo).failures(7) == [
        {"id": "7", "firstName": "Ada, Countess"},
        {"id": "8", "firstName": "Bob"},
    ]
    assert marketo.sent[0].path == "/bulk/v1/leads/batch/7/failures.json"


def test_an_empty_file_of_any_type_has_no_rows() -> None:
    assert imports(ScriptedMarketo(ScriptedAnswer(b""))).warnings(7) == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (ScriptedAnswer(b"<html>", headers={"Content-Type": "text/html"}), "NOT_JSON"),
        (ok(), "UNEXPECTED_ANSWER"),
        (ScriptedAnswer(b"gone", 404, CSV), "404"),
        (ScriptedAnswer(b"", 503), "503"),
        (ScriptedAnswer(b"id,reason\r\n" + b"7" * 200_000, headers=CSV), "UNEXPECTED_ANSWER"),
    ],
)
def test_what_is_no_file_is_none(answer: ScriptedAnswer, code: str) -> None:
    with pytest.raises(MarketoError) as caught:
        imports(ScriptedMarketo(answer)).failures(7)
    assert caught.value.code == code


def test_leads_are_updated_and_join_the_list_and_the_others_are_told() -> None:
    simulated = Simulated({"id": 7, "email": "ada@example.org", "firstName": "Augusta"})
    made = simulated.marketo.imports.create(b"id,firstName\r\n7,Ada\r\n99,Nobody\r\n", "id", 1001, None)
    assert made.status is ImportStatus.QUEUED
    simulated.clock.sleep(60)
    ended = simulated.marketo.imports.state(made.batch_id)
    assert ended == ImportState(made.batch_id, ImportStatus.COMPLETE, 1, 1, 0)
    assert simulated.marketo.imports.failures(made.batch_id) == [{"id": "99", "firstName": "Nobody"}]
    assert simulated.marketo.imports.warnings(made.batch_id) == []
    assert simulated.leads[7]["firstName"] == "Ada"
    assert simulated.members["a"] == [7]


def test_a_list_that_is_not_there_is_missing() -> None:
    with pytest.raises(ListMissingError):
        Simulated().marketo.imports.create(FILE, "id", 4711, None)


def test_an_import_of_eight_days_ago_is_there_no_more() -> None:
    simulated = Simulated({"id": 7, "email": "ada@example.org"})
    made = simulated.marketo.imports.create(FILE, "id", None, None)
    simulated.clock.sleep(8 * 24 * 3600)
    with pytest.raises(RequestRejectedError):
        simulated.marketo.imports.state(made.batch_id)
