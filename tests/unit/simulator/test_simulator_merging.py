"""Merging, associating and moving leads by calls: what they take, what they refuse."""

from typing import Any

import pytest

from tests.unit.simulator.simulator_api import Api, code, outcome

COOKIE = "id:123-ABC-456&token:_mch-example.org-1396310362214-46169"
SEED: dict[str, Any] = {
    "clients": [
        {"client_id": "client", "client_secret": "secret"},
        {"client_id": "half", "client_secret": "secret", "partitions": ["Default"]},
        {"client_id": "reader", "client_secret": "secret", "permissions": ["Read-Only Lead"]},
    ],
    "partitions": [{"name": "EMEA", "id": 2}],
    "leads": [
        {"id": 1, "email": "ada@example.org", "firstName": "Ada"},
        {"id": 2, "email": "ada@old.example", "city": "Paris"},
        {"id": 3, "email": "bob@example.org", "partition": "EMEA"},
    ],
    "lists": [{"id": 7, "name": "Lions", "members": [2]}],
}
MERGE, ASSOCIATE, PARTITIONS = (
    "/rest/v1/leads/1/merge.json",
    "/rest/v1/leads/1/associate.json",
    "/rest/v1/leads/partitions.json",
)


@pytest.mark.parametrize("params", [{"leadId": "2"}, {"leadIds": "2"}, {"leadIds": "2,2", "mergeInCRM": "false"}])
def test_the_loser_goes_up_in_the_winner(params: dict[str, str]) -> None:
    api = Api(SEED)
    answer = api.call("POST", MERGE, params)
    assert sorted(answer) == ["requestId", "success"]
    assert sorted(api.leads()) == [1, 3]
    assert (api.lead(1)["city"], api.lead(1)["email"], api.members(7)) == ("Paris", "ada@example.org", [1])


@pytest.mark.parametrize(
    ("path", "params", "refusal"),
    [
        (MERGE, {}, "1002"),
        (MERGE, {"leadId": "two"}, "1001"),
        (MERGE, {"leadId": "9" * 400}, "1001"),
        (MERGE, {"leadId": "2", "mergeInCRM": "maybe"}, "1001"),
        (MERGE, {"leadId": "2", "mergeInCRM": "true"}, "1003"),
        (MERGE, {"leadId": "1"}, "1003"),
        (MERGE, {"leadIds": "2,99"}, "1004"),
        (MERGE.replace("1/merge", "99/merge"), {"leadId": "2"}, "1004"),
        (MERGE, {"leadIds": ",".join(map(str, range(2, 28)))}, "1080"),
        (ASSOCIATE, {}, "1002"),
        (ASSOCIATE, {"cookie": "id:123-ABC-456"}, "1012"),
        (ASSOCIATE.replace("/1/", "/99/"), {"cookie": COOKIE}, "1004"),
    ],
)
def test_a_refused_call_changes_nothing(path: str, params: dict[str, str], refusal: str) -> None:
    api = Api(SEED)
    before = api.dump()
    assert code(api.call("POST", path, params)) == refusal
    assert api.dump() == before


def test_leads_of_other_partitions_are_not_found() -> None:
    api = Api(SEED)
    api.sign_in("half")
    assert code(api.call("POST", MERGE, {"leadId": "3"})) == "1004"
    assert code(api.call("POST", MERGE.replace("/1/", "/3/"), {"leadId": "1"})) == "1004"
    assert sorted(api.leads()) == [1, 2, 3]


def test_a_lead_is_found_by_its_cookie() -> None:
    api = Api(SEED)
    assert sorted(api.call("POST", ASSOCIATE, {"cookie": COOKIE})) == ["requestId", "success"]
    found = api.find("cookies", "_mch-example.org-1396310362214-46169")
    assert [row["id"] for row in found["result"]] == [1]


def move(api: Api, *records: object) -> list[str]:
    return [outcome(row) for row in api.call("POST", PARTITIONS, content={"input": records})["result"]]


def test_leads_move_to_another_partition_one_by_one() -> None:
    api = Api(SEED)
    api.time.sleep(60)
    assert move(
        api,
        {"id": 1, "partitionName": "EMEA"},
        {"id": 99, "partitionName": "EMEA"},
        {"id": 2, "partitionName": "Mars"},
        {"id": 2},
        {"id": "2", "partitionName": "EMEA"},
        "2",
    ) == ["updated", "1004", "1008", "1009", "1003", "1003"]
    assert [api.lead(each)["partition"] for each in (1, 2)] == ["EMEA", "Default"]
    assert api.find("leadPartitionId", 2)["result"][0]["updatedAt"] == "2026-03-02T12:01:00Z"


def test_a_user_moves_leads_between_the_partitions_it_sees() -> None:
    api = Api(SEED)
    api.sign_in("half")
    assert move(api, {"id": 3, "partitionName": "Default"}, {"id": 1, "partitionName": "EMEA"}) == ["1004", "1008"]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [({}, "1002"), ({"input": []}, "1002"), ({"input": "x"}, "1002"), ({"input": [{}] * 301}, "1003"), ([], "609")],
)
def test_moves_that_are_refused_as_a_whole(content: object, refusal: str) -> None:
    assert code(Api(SEED).call("POST", PARTITIONS, content=content)) == refusal


def test_all_three_need_the_permission_to_write() -> None:
    api = Api(SEED)
    api.sign_in("reader")
    calls = (
        api.call("POST", MERGE, {"leadId": "2"}),
        api.call("POST", ASSOCIATE, {"cookie": COOKIE}),
        api.call("POST", PARTITIONS, content={"input": [{"id": 1, "partitionName": "EMEA"}]}),
    )
    assert [code(answer) for answer in calls] == ["603"] * 3
