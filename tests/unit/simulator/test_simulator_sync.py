"""Sync Leads: actions, keys, partitions, values, and what moves updatedAt."""

import pytest

from tests.unit.simulator.simulator_api import Api, code, outcome

SEED = {
    "partitions": [{"name": "EMEA"}, {"name": "APAC"}],
    "fields": [
        {"name": "customerKey", "length": 10},
        {"name": "level", "data_type": "integer"},
        {"name": "points", "data_type": "score"},
        {"name": "share", "data_type": "percent"},
        {"name": "whole", "data_type": "formula"},
        {"name": "soapOnly", "rest": False},
    ],
    "leads": [
        {"email": "one@example.org", "firstName": "One"},
        {"email": "two@example.org", "customerKey": "K-2"},
        {"email": "two@example.org", "partition": "EMEA"},
        {"email": "emea@example.org", "partition": "EMEA"},
    ],
}


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("createOnly", ["1005", "created", "1007"]),
        ("updateOnly", ["updated", "1004", "1007"]),
        ("createOrUpdate", ["updated", "created", "1007"]),
        ("createDuplicate", ["created", "created", "created"]),
    ],
)
def test_each_action_on_one_no_and_several_matches(action: str, expected: list[str]) -> None:
    emails = ("one@example.org", "new@example.org", "two@example.org")
    assert Api(SEED).outcomes(*({"email": email} for email in emails), action=action) == expected


def test_create_or_update_by_email_is_the_default() -> None:
    api = Api(SEED)
    assert api.sync({"email": "ONE@example.org", "lastName": "L"}, {"email": "new@example.org"})["result"] == [
        {"id": 1, "status": "updated"},
        {"id": 5, "status": "created"},
    ]
    assert api.lead(1)["lastName"] == "L"
    assert api.lead(1)["email"] == "one@example.org"


def test_skipped_records_carry_no_id_and_do_not_fail_the_others() -> None:
    api = Api(SEED)
    records = ({"email": "bademail"}, {"email": "one@example.org", "firstName": "Uno"})
    assert api.sync(*records)["result"] == [
        {
            "status": "skipped",
            "reasons": [{"code": "1003", "message": "Invalid value for field 'email' and value 'bademail'"}],
        },
        {"id": 1, "status": "updated"},
    ]


def test_one_bad_field_skips_the_whole_record() -> None:
    api = Api(SEED)
    assert api.outcomes({"email": "one@example.org", "firstName": "Changed", "leadScore": 14.1}) == ["1003"]
    assert api.lead(1)["firstName"] == "One"


def test_unknown_and_read_only_fields() -> None:
    api = Api(SEED)
    assert api.outcomes(
        {"email": "one@example.org", "nope": 1},
        {"email": "one@example.org", "ecids": "1"},
        {"email": "one@example.org", "leadPartitionId": 2},
        {"email": "one@example.org", "whole": "x"},
        {"email": "one@example.org", "soapOnly": "1"},
    ) == ["1006", "1003", "1003", "1003", "1006"]


def test_an_update_by_id_may_change_the_email() -> None:
    api = Api(SEED)
    options = {"action": "updateOnly", "lookupField": "id"}
    assert api.outcomes({"id": 1, "email": "uno@example.org"}, {"id": "99", "email": "x@example.org"}, **options) == [
        "updated",
        "1004",
    ]
    assert api.lead(1)["email"] == "uno@example.org"


@pytest.mark.parametrize("action", ["createOnly", "createOrUpdate", "createDuplicate"])
def test_an_id_is_for_update_only(action: str) -> None:
    api = Api(SEED)
    assert api.outcomes({"id": 1, "email": "one@example.org"}, action=action, lookupField="id") == ["1003"]
    assert len(api.leads()) == 4


def test_custom_fields_are_keys_and_others_are_not() -> None:
    api = Api(SEED)
    assert api.outcomes(
        {"customerKey": "K-2", "firstName": "Two"}, {"customerKey": "K-9"}, lookupField="customerKey"
    ) == [
        "updated",
        "created",
    ]
    assert api.lead(2)["firstName"] == "Two"
    assert code(api.sync({"birthday": "x"}, lookupField="dateOfBirth")) == "1011"


def test_a_read_only_key_may_name_the_lead_to_update() -> None:
    api = Api(SEED)
    api.simulator.seed({"leads": [{"sfdcLeadId": "00Q1"}]})
    record = {"sfdcLeadId": "00Q1", "firstName": "Sales"}
    assert api.outcomes(record, lookupField="sfdcLeadId", action="updateOnly") == ["updated"]
    assert api.outcomes(record, lookupField="sfdcLeadId") == ["1003"]
    assert api.lead(5)["firstName"] == "Sales"


def test_every_record_needs_the_lookup_value() -> None:
    api = Api(SEED)
    assert api.outcomes({"firstName": "X"}, {"email": None}, {"email": ""}) == ["1003", "1003", "1003"]
    assert len(api.leads()) == 4


def test_the_partition_is_for_new_leads() -> None:
    api = Api(SEED)
    assert api.outcomes({"email": "new@example.org"}, {"email": "emea@example.org"}, partitionName="EMEA") == [
        "created",
        "updated",
    ]
    assert api.lead(5)["partition"] == "EMEA"


def test_an_upsert_with_another_partition_is_1010_and_an_update_ignores_the_partition() -> None:
    api = Api(SEED)
    assert api.outcomes({"email": "one@example.org"}, partitionName="EMEA") == ["1010"]
    assert api.outcomes({"email": "one@example.org"}, partitionName="EMEA", action="updateOnly") == ["updated"]
    assert api.lead(1)["partition"] == "Default"


def test_partitions_that_cannot_be_seen_are_1008() -> None:
    client = {"client_id": "client", "client_secret": "secret", "partitions": ["Default"]}
    api = Api(SEED | {"clients": [client]})
    assert api.outcomes({"email": "new@example.org"}, partitionName="Nowhere") == ["1008"]
    assert api.outcomes({"email": "new@example.org"}, partitionName="EMEA") == ["1008"]
    assert api.outcomes({"email": "emea@example.org"}, {"email": "two@example.org"}) == ["created", "updated"]


def test_absent_keys_stay_null_clears_and_a_cleared_boolean_is_false() -> None:
    api = Api(SEED)
    api.sync({"email": "one@example.org", "unsubscribed": True, "title": "T", "city": "C"})
    api.sync({"email": "one@example.org", "unsubscribed": None, "title": None, "city": ""})
    lead = api.lead(1)
    assert lead["unsubscribed"] is False
    assert lead["firstName"] == "One"
    assert "title" not in lead
    assert "city" not in lead


def test_updated_at_moves_only_on_a_real_change() -> None:
    api = Api(SEED)
    before = api.lead(1)["updatedAt"]
    api.simulator.advance(60)
    assert api.outcomes({"email": "one@example.org", "firstName": "One"}) == ["updated"]
    assert api.lead(1)["updatedAt"] == before
    api.sync({"email": "one@example.org", "firstName": "Uno"})
    assert api.lead(1)["updatedAt"] == "2026-03-02T12:01:00Z"
    assert api.lead(1)["createdAt"] == before


@pytest.mark.parametrize(
    ("field", "given", "stored"),
    [
        ("firstName", "Ada", "Ada"),
        ("address", "x" * 30_000, "x" * 30_000),
        ("leadScore", 7, 7),
        ("leadScore", "7", 7),
        ("points", -3, -3),
        ("share", 99, 99),
        ("urgency", 5.4, 5.4),
        ("annualRevenue", "34.66", 34.66),
        ("annualRevenue", 3, 3.0),
        ("unsubscribed", True, True),
        ("unsubscribed", "false", False),
        ("unsubscribed", 1, True),
        ("dateOfBirth", "1990-02-28", "1990-02-28"),
        ("mktoAcquisitionDate", "2020-08-30T05:49:48.000Z", "2020-08-30T05:49:48Z"),
        ("mktoAcquisitionDate", "2020-08-30T07:49:48+02:00", "2020-08-30T05:49:48Z"),
        ("acquisitionProgramId", 12, 12),
        ("website", "https://example.org", "https://example.org"),
        ("phone", "+1 555 0100", "+1 555 0100"),
    ],
)
def test_values_that_fit_their_type(field: str, given: object, stored: object) -> None:
    api = Api(SEED)
    assert api.outcomes({"email": "one@example.org", field: given}) == ["updated"]
    assert api.lead(1)[field] == stored


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("firstName", 5),
        ("firstName", ["a"]),
        ("firstName", "x" * 256),
        ("customerKey", "x" * 11),
        ("address", "é" * 15_001),
        ("email", "a b@example.org"),
        ("email", "ädä@example.org"),
        ("leadScore", 14.1),
        ("leadScore", "14c"),
        ("leadScore", True),
        ("leadScore", 2**63),
        ("share", "100%"),
        ("urgency", "14c"),
        ("urgency", float("nan")),
        ("annualRevenue", True),
        ("unsubscribed", "other"),
        ("unsubscribed", 2),
        ("dateOfBirth", "28.02.1990"),
        ("dateOfBirth", "1990-02-30"),
        ("mktoAcquisitionDate", "yesterday"),
        ("mktoAcquisitionDate", "2020-08-30T05:49:48"),
        ("acquisitionProgramId", "Acme"),
        ("contactCompany", 12),
    ],
)
def test_values_that_do_not_fit_their_type(field: str, given: object) -> None:
    record = {"email": "one@example.org"} | {field: given}
    options = {"action": "updateOnly", "lookupField": "id"} if field == "email" else {}
    key: dict[str, object] = {"id": 1} if field == "email" else {}
    assert Api(SEED).outcomes(key | record, **options) == ["1003"]


def test_what_fails_the_whole_call() -> None:
    api = Api(SEED)
    path = "/rest/v1/leads.json"
    json_type = {"Content-Type": "application/json"}
    assert code(api.call("POST", path, body=b"{", headers=json_type)) == "609"
    assert code(api.call("POST", path, body=b"[]", headers=json_type)) == "609"
    assert code(api.call("POST", path, body=b"{}")) == "612"
    assert code(api.call("POST", path, form={"input": "x"})) == "612"
    assert code(api.sync()) == "1002"
    assert code(api.sync({"email": "a@example.org"}, action="upsert")) == "1003"
    assert code(api.sync(*({"email": f"p{number}@example.org"} for number in range(301)))) == "1003"
    assert len(api.leads()) == 4


def test_a_record_that_is_no_object_is_skipped() -> None:
    answer = Api(SEED).call("POST", "/rest/v1/leads.json", content={"input": ["x", {"email": "one@example.org"}]})
    assert [outcome(row) for row in answer["result"]] == ["1003", "updated"]


def test_300_records_are_taken() -> None:
    api = Api(SEED)
    assert len(api.sync(*({"email": f"p{number}@example.org"} for number in range(300)))["result"]) == 300


def test_asynchronous_processing_answers_without_outcomes() -> None:
    api = Api(SEED)
    answer = api.sync({"email": "new@example.org"}, asyncProcessing=True)
    assert (answer["success"], "result" in answer) == (True, False)
    assert len(api.leads()) == 5


def test_deleting_leads() -> None:
    api = Api(SEED | {"lists": [{"name": "L", "id": 7, "members": [1, 2]}]})
    assert api.call("POST", "/rest/v1/leads/delete.json", content={"input": [{"id": 1}, {"id": 99}]})["result"] == [
        {"id": 1, "status": "deleted"},
        {"id": 99, "status": "skipped", "reasons": [{"code": "1004", "message": "Lead not found"}]},
    ]
    assert api.members(7) == [2]
    assert api.find("email", "one@example.org")["result"] == []
    api.call("POST", "/rest/v1/leads/delete.json", {"id": "2,3"})
    api.call("POST", "/rest/v1/leads.json", {"_method": "DELETE"}, content={"input": [{"id": 4}]})
    assert api.leads() == {}
    assert api.outcomes({"email": "one@example.org"}) == ["created"]
    assert list(api.leads()) == [5]
