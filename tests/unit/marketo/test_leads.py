"""Lookups and Sync Leads, by the shapes of Marketo's answers."""

from datetime import UTC, datetime

import pytest

from destination.domain.matching import Lead
from destination.domain.schema import Field
from destination.marketo.errors import InstanceWaitsError, RequestRejectedError
from destination.marketo.leads import LeadRecord, Leads, Record, RecordResult, SyncAction, chunks, record_chunks
from testing.marketo import ScriptedAnswer, ScriptedMarketo, client, ok, refused

EMAIL = Field("email", "email", 255)
CUSTOMER = Field("customerKey", "string", 255)
AT = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def row(lead_id: int, email: str | None, **rest: object) -> dict[str, object]:
    return {"id": lead_id, "email": email, "updatedAt": "2026-11-20T08:30:00Z", **rest}


def leads(marketo: ScriptedMarketo) -> Leads:
    return Leads(client(marketo))


def test_the_lookup_is_one_long_request() -> None:
    marketo = ScriptedMarketo(ok())
    leads(marketo).find(EMAIL, ["ada@example.org", "bob@example.org", "ada@example.org"])
    sent = marketo.sent[0]
    assert (sent.method, sent.path, sent.query) == ("POST", "/rest/v1/leads.json", {"_method": "GET"})
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sent.form == {
        "filterType": "email",
        "filterValues": "ada@example.org,bob@example.org",
        "fields": "id,email,updatedAt,createdAt",
        "batchSize": "300",
    }
    assert marketo.timeouts[0][1] > 60


def test_rows_are_joined_by_value_not_by_order() -> None:
    answer = ok(row(9, " Cleo@Example.org "), row(3, "ada@example.org"), row(4, "ada@example.org"))
    found = leads(ScriptedMarketo(answer)).find(EMAIL, ["ada@example.org", "bob@example.org", "cleo@example.org"])
    assert found == {
        "ada@example.org": [Lead(3, "ada@example.org", AT), Lead(4, "ada@example.org", AT)],
        "bob@example.org": [],
        "cleo@example.org": [Lead(9, "cleo@example.org", AT)],
    }


def test_keys_other_than_e_mail_keep_their_case() -> None:
    answer = ok({"id": 1, "customerKey": "ab"}, {"id": 2, "customerKey": "AB"})
    found = leads(ScriptedMarketo(answer)).find(CUSTOMER, ["AB"])
    assert [lead.id for lead in found["AB"]] == [2]


def test_rows_that_match_no_key_are_left_out() -> None:
    answer = ok(row(1, None), row(2, "not an address"))
    assert leads(ScriptedMarketo(answer)).find(EMAIL, ["ada@example.org"]) == {"ada@example.org": []}


def test_records_come_with_their_partition_and_the_values_that_were_asked_for() -> None:
    marketo = ScriptedMarketo(
        ok(row(1, "ada@example.org", leadPartitionId=3, company="Engines"), row(2, "x@example.org"))
    )
    [found] = leads(marketo).records(EMAIL, "ada@example.org", ["company", "title"], [CUSTOMER])
    assert found == LeadRecord(Lead(1, "ada@example.org", AT, (None,)), 3, {"company": "Engines", "title": None})
    assert marketo.sent[0].form["fields"] == "id,email,customerKey,leadPartitionId,company,title,updatedAt,createdAt"


@pytest.mark.parametrize(("held", "expected"), [(["ab", "AB"], [2]), (["ab", "aB"], [1, 2]), (["other"], [])])
def test_records_in_another_case_are_the_ones_where_nothing_has_the_exact_value(
    held: list[str], expected: list[int]
) -> None:
    answer = ok(*({"id": number, "customerKey": one} for number, one in enumerate(held, 1)))
    found = leads(ScriptedMarketo(answer)).records(CUSTOMER, "AB")
    assert [one.lead.id for one in found] == expected


@pytest.mark.parametrize("answer", [ok({"email": "ada@example.org"}), ScriptedAnswer({"success": True})])
def test_what_is_no_answer_does_not_say_that_nobody_has_the_value(answer: ScriptedAnswer) -> None:
    with pytest.raises(InstanceWaitsError):
        leads(ScriptedMarketo(answer)).records(EMAIL, "ada@example.org")


def test_all_pages_are_read() -> None:
    marketo = ScriptedMarketo(
        ok(row(1, "ada@example.org"), nextPageToken="next", moreResult=True), ok(row(2, "ada@example.org"))
    )
    found = leads(marketo).find(EMAIL, ["ada@example.org"])
    assert [lead.id for lead in found["ada@example.org"]] == [1, 2]
    assert marketo.sent[1].form["nextPageToken"] == "next"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({"updatedAt": "2026-11-20T08:30:00Z", "createdAt": "2020-01-01T00:00:00Z"}, AT),
        ({"updatedAt": "2026-11-20 08:30:00"}, AT),
        ({"updatedAt": "2026-11-20T00:30:00-08:00"}, AT),
        ({"updatedAt": "2026-11-20T08:30:00Z+0000"}, AT),
        ({"updatedAt": None, "createdAt": "2026-11-20T08:30:00Z"}, AT),
        ({"updatedAt": "soon", "createdAt": "2026-11-20T08:30:00Z"}, AT),
        ({}, datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_times_are_read_leniently(times: dict[str, object], expected: datetime) -> None:
    answer = ok({"id": 1, "email": "ada@example.org", **times})
    found = leads(ScriptedMarketo(answer)).find(EMAIL, ["ada@example.org"])
    assert found["ada@example.org"] == [Lead(1, "ada@example.org", expected)]


@pytest.mark.parametrize("code", ["1003", "1006"])
def test_a_lookup_that_is_refused_as_a_whole_is_not_repeated(code: str) -> None:
    marketo = ScriptedMarketo(refused(code), ok(), ok())
    with pytest.raises(RequestRejectedError):
        leads(marketo).find(EMAIL, ["a@example.org", "b@example.org"])
    assert len(marketo.sent) == 1


def test_nothing_asked_nothing_sent() -> None:
    marketo = ScriptedMarketo()
    assert leads(marketo).find(EMAIL, []) == {}
    assert leads(marketo).sync(SyncAction.CREATE_ONLY, "email", []) == []
    assert marketo.sent == []


def test_one_call_takes_300() -> None:
    with pytest.raises(ValueError, match="300"):
        leads(ScriptedMarketo()).find(EMAIL, [f"{number}@example.org" for number in range(301)])
    with pytest.raises(ValueError, match="300"):
        leads(ScriptedMarketo()).sync(SyncAction.CREATE_ONLY, "email", [{}] * 301)


def test_sync_results_are_in_the_order_of_the_records() -> None:
    marketo = ScriptedMarketo(
        ok(
            {"id": 50, "status": "created"},
            {"status": "skipped", "reasons": [{"code": "1003", "message": "Invalid value 'bademail'"}]},
            {"id": 51, "status": "updated"},
            {"status": "skipped", "reasons": [{"code": 1007}]},
            {"status": "skipped"},
        )
    )
    records: list[Record] = [{"email": f"{number}@example.org", "leadScore": 0} for number in range(5)]
    assert leads(marketo).sync(SyncAction.CREATE_OR_UPDATE, "email", records, partition="EMEA") == [
        RecordResult(50, "created"),
        RecordResult(None, "skipped", "1003"),
        RecordResult(51, "updated"),
        RecordResult(None, "skipped", "1007"),
        RecordResult(None, "skipped", "SKIPPED"),
    ]
    sent = marketo.sent[0]
    assert (sent.method, sent.path, sent.query) == ("POST", "/rest/v1/leads.json", {})
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.json == {
        "action": "createOrUpdate",
        "lookupField": "email",
        "partitionName": "EMEA",
        "input": records,
    }
    assert marketo.timeouts[0][1] > 90


def test_an_update_names_no_partition() -> None:
    marketo = ScriptedMarketo(ok({"id": 7, "status": "updated"}))
    leads(marketo).sync(SyncAction.UPDATE_ONLY, "id", [{"id": 7, "firstName": None}], partition="EMEA")
    assert marketo.sent[0].json == {
        "action": "updateOnly",
        "lookupField": "id",
        "input": [{"id": 7, "firstName": None}],
    }


@pytest.mark.parametrize("answer", [ok(), ok({"id": 1, "status": "created"}), ScriptedAnswer({"success": True})])
def test_results_that_cannot_be_told_apart_are_ambiguous(answer: ScriptedAnswer) -> None:
    with pytest.raises(InstanceWaitsError) as raised:
        leads(ScriptedMarketo(answer)).sync(SyncAction.CREATE_ONLY, "email", [{"email": "a@example.org"}] * 2)
    assert raised.value.executed_unknown


def test_chunks_by_number() -> None:
    assert [len(chunk) for chunk in chunks(range(601))] == [300, 300, 1]
    assert list(chunks("abc", 2)) == ["ab", "c"]
    assert list(chunks("")) == []


def test_record_chunks_by_number_and_by_size() -> None:
    small: list[Record] = [{"email": "a@example.org"}] * 301
    assert [len(chunk) for chunk in record_chunks(small)] == [300, 1]
    large: list[Record] = [{"notes": "ä" * 100_000}] * 9
    assert [len(chunk) for chunk in record_chunks(large)] == [4, 4, 1]
    assert [len(chunk) for chunk in record_chunks([{"notes": "x" * 2_000_000}, *small[:2]])] == [1, 2]
    assert list(record_chunks([])) == []


def test_leads_are_deleted_and_each_has_an_answer() -> None:
    marketo = ScriptedMarketo(
        ok({"id": 7, "status": "deleted"}, {"id": 8, "status": "skipped", "reasons": [{"code": "1004"}]})
    )
    assert leads(marketo).delete([7, 8]) == [RecordResult(7, "deleted"), RecordResult(8, "skipped", "1004")]
    sent = marketo.sent[0]
    assert (sent.method, sent.path) == ("POST", "/rest/v1/leads/delete.json")
    assert sent.body == b'{"input":[{"id":7},{"id":8}]}'
