"""Get Leads by Filter and by id: joining by value, paging, limits, visibility."""

from typing import Any

import pytest

from tests.unit.simulator.simulator_api import Api, code

LEADS = [
    {"email": "ada@example.org", "firstName": "Ada", "partition": "EMEA"},
    {"email": "bob@example.org", "customerKey": "K-2"},
    {"email": "ADA@example.org", "customerKey": "K-1"},
]
SEED = {
    "partitions": [{"name": "EMEA"}],
    "fields": [{"name": "customerKey"}, {"name": "visits", "data_type": "float"}],
    "leads": LEADS,
}


def found(answer: dict[str, Any]) -> list[int]:
    return [row["id"] for row in answer["result"]]


def test_rows_come_in_ascending_id_and_missing_values_leave_no_trace() -> None:
    answer = Api(SEED).find("email", "nobody@example.org", "bob@example.org", "ada@example.org")
    assert found(answer) == [1, 2, 3]
    assert "nextPageToken" not in answer
    assert "moreResult" not in answer


def test_no_match_is_an_empty_result() -> None:
    answer = Api(SEED).find("email", "nobody@example.org")
    assert (answer["success"], answer["result"]) == (True, [])


def test_email_is_compared_without_case_and_other_keys_with_it() -> None:
    api = Api(SEED)
    assert found(api.find("email", " Ada@Example.ORG ")) == [1, 3]
    assert found(api.find("customerKey", "K-1")) == [3]
    assert found(api.find("customerKey", "k-1")) == []


def test_values_may_be_repeated_or_comma_separated_and_doubles_do_not_matter() -> None:
    params = [("filterType", "id"), ("filterValues", "1,2"), ("filterValues", "3"), ("filterValues", "1")]
    assert found(Api(SEED).call("GET", "/rest/v1/leads.json", params)) == [1, 2, 3]


def test_long_requests_go_as_post_with_the_method_in_query_or_form() -> None:
    api = Api(SEED)
    form = {"filterType": "email", "filterValues": "ada@example.org"}
    assert found(api.call("POST", "/rest/v1/leads.json", {"_method": "GET"}, form=form)) == [1, 3]
    assert found(api.call("POST", "/rest/v1/leads.json", form=form | {"_method": "GET"})) == [1, 3]


def test_default_fields_show_null_where_nothing_is_set() -> None:
    row = Api(SEED).find("id", 2)["result"][0]
    assert row == {
        "id": 2,
        "firstName": None,
        "lastName": None,
        "email": "bob@example.org",
        "createdAt": "2026-03-02T12:00:00Z",
        "updatedAt": "2026-03-02T12:00:00Z",
    }


def test_asked_fields_always_come_with_the_id() -> None:
    row = Api(SEED).find("email", "bob@example.org", fields="customerKey,leadPartitionId")["result"][0]
    assert row == {"id": 2, "customerKey": "K-2", "leadPartitionId": 1}


def test_an_unknown_field_is_1006_and_an_unsearchable_filter_1011() -> None:
    api = Api(SEED)
    assert code(api.find("email", "a@example.org", fields="id,nope")) == "1006"
    for filter_type in ("createdAt", "firstNam", "visits", "ecids"):
        assert code(api.find(filter_type, "x")) == "1011"
    assert code(api.get("/rest/v1/leads.json", filterValues="x")) == "1002"
    assert code(api.get("/rest/v1/leads.json", filterType="email")) == "1002"


def test_leads_are_found_by_partition() -> None:
    assert found(Api(SEED).find("leadPartitionId", 2)) == [1]


def test_paging_with_a_token_until_there_is_none() -> None:
    api = Api({"leads": [{"email": f"p{number}@example.org", "lastName": "Same"} for number in range(7)]})
    pages, token = [], ""
    while True:
        answer = api.find("leadPartitionId", 1, batchSize=3, **({"nextPageToken": token} if token else {}))
        pages.append(found(answer))
        if "nextPageToken" not in answer:
            break
        assert answer["moreResult"] is True
        token = answer["nextPageToken"]
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]


@pytest.mark.parametrize("params", [{"nextPageToken": "none"}, {"nextPageToken": "MFRGG==="}])
def test_a_token_that_is_none_is_refused(params: dict[str, object]) -> None:
    assert code(Api(SEED).find("id", 1, **params)) == "1003"


def test_a_batch_size_must_be_a_number() -> None:
    assert code(Api(SEED).find("id", 1, batchSize="many")) == "1001"


def test_more_than_a_thousand_matches_fail_the_call() -> None:
    api = Api({"leads": [{"email": "same@example.org"}] * 1000})
    assert len(api.find("email", "same@example.org")["result"]) == 300
    api.simulator.seed({"leads": [{"email": "same@example.org"}]})
    answer = api.find("email", "same@example.org")
    assert code(answer) == "1003"
    assert answer["errors"][0]["message"] == "Too many results match the filter"
    assert "result" not in answer


def test_more_than_300_values_are_refused() -> None:
    api = Api(SEED)
    assert code(api.find("id", *range(1, 301))) == ""
    assert code(api.find("id", *range(1, 302))) == "1003"


def test_a_user_sees_only_the_partitions_of_its_role() -> None:
    client = {"client_id": "client", "client_secret": "secret", "partitions": ["Default"]}
    api = Api(SEED | {"clients": [client]})
    assert found(api.find("email", "ada@example.org")) == [3]
    assert api.get("/rest/v1/lead/1.json")["result"] == []
    assert [row["name"] for row in api.get("/rest/v1/leads/partitions.json")["result"]] == ["Default"]


def test_a_lead_by_id() -> None:
    api = Api(SEED)
    assert api.get("/rest/v1/lead/1.json", fields="firstName")["result"] == [{"id": 1, "firstName": "Ada"}]
    assert api.get("/rest/v1/lead/99.json")["result"] == []


def test_too_long_uris_and_too_large_bodies_end_at_the_gateway() -> None:
    api = Api(SEED)
    long = api.send("GET", "/rest/v1/leads.json", {"filterType": "email", "filterValues": "x" * 8200})
    large = api.send("POST", "/rest/v1/leads.json", body=b" " * (1024 * 1024 + 1))
    assert [(answer.status, answer.content_type) for answer in (long, large)] == [
        (414, "text/html"),
        (413, "text/html"),
    ]
    assert [call.counted for call in api.simulator.log()[-2:]] == [False, False]


def test_found_by_new_values_after_a_change_and_no_longer_by_old_ones() -> None:
    api = Api(SEED)
    api.sync({"id": 2, "email": "new@example.org"}, action="updateOnly", lookupField="id")
    assert found(api.find("email", "new@example.org")) == [2]
    assert found(api.find("email", "bob@example.org")) == []


def test_a_number_is_the_same_however_it_is_written() -> None:
    api = Api({"fields": [{"name": "number", "data_type": "integer"}]})
    assert api.outcomes({"number": "0042"}, {"number": "+42"}, {"number": 42}, lookupField="number") == [
        "created",
        "updated",
        "updated",
    ]
    for text in ("42", "0042", "+42", "042,42"):
        assert [row["id"] for row in api.find("number", text)["result"]] == [1]
    assert api.find("number", "4.2e1")["result"] == []
    assert api.outcomes({"number": "-0"}, {"number": 0}, lookupField="number") == ["created", "updated"]
