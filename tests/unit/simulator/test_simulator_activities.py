"""Activities: what is recorded, paging by time, what a call may ask."""

from base64 import b32encode
from typing import Any

import pytest

from tests.unit.simulator.simulator_api import Api, code

ACTIVITIES = "/rest/v1/activities"
NEW, CHANGE, ADD, REMOVE, MERGE, DELETE = 12, 13, 24, 25, 32, 37
SEED: dict[str, Any] = {
    "partitions": [{"name": "EMEA"}],
    "leads": [
        {"id": 1, "email": "ada@example.org", "firstName": "Ada", "lastName": "L"},
        {"id": 2, "email": "bob@example.org", "partition": "EMEA"},
    ],
    "lists": [{"name": "Lions", "id": 7}],
}


def token(api: Api, since: str = "2026-03-01T00:00:00Z") -> str:
    return str(api.get(f"{ACTIVITIES}/pagingtoken.json", sinceDatetime=since)["nextPageToken"])


def activities(api: Api, *types: int, **more: object) -> list[dict[str, Any]]:
    """All rows of all pages."""
    asked = {"activityTypeIds": ",".join(map(str, types)), "nextPageToken": token(api)} | more
    return pages(api, f"{ACTIVITIES}.json", asked)


def pages(api: Api, path: str, asked: dict[str, object]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for _ in range(100):
        answer = api.get(path, **asked)
        assert answer["success"], answer
        rows += answer.get("result", [])
        asked = asked | {"nextPageToken": answer["nextPageToken"]}
        if not answer["moreResult"]:
            return rows
    raise AssertionError("the pages do not end")


def said(row: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in row["attributes"]}


def test_what_is_seeded_was_always_there() -> None:
    assert activities(Api(SEED), NEW, CHANGE, ADD) == []


def test_a_new_lead() -> None:
    api = Api(SEED)
    answer = api.sync({"email": "new@example.org", "firstName": "New"})
    (row,) = activities(api, NEW)
    assert (row["leadId"], row["activityTypeId"], row["activityDate"]) == (3, NEW, "2026-03-02T12:00:00Z")
    assert row["marketoGUID"] == str(row["id"])
    assert said(row) == {
        "Source Type": "Web service API",
        "API Method Name": "Sync Leads",
        "Modifying User": "api@example.org",
        "Request Id": answer["requestId"],
    }


def test_each_changed_field_is_an_activity_and_no_change_is_none() -> None:
    api = Api(SEED)
    api.sync({"email": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace", "leadScore": 5})
    rows = activities(api, CHANGE)
    assert [(row["primaryAttributeValue"], said(row)["New Value"]) for row in rows] == [
        ("Last Name", "Lovelace"),
        ("Lead Score", "5"),
    ]
    assert said(rows[0])["Old Value"] == "L"
    assert "Old Value" not in said(rows[1])
    fields = {field["rest"]["name"]: field["id"] for field in api.get("/rest/v1/leads/describe.json")["result"][:60]}
    assert rows[0]["primaryAttributeValueId"] == fields["lastName"]


def test_joining_and_leaving_a_list_once() -> None:
    api = Api(SEED)
    for method in ("POST", "POST", "DELETE", "DELETE"):
        api.call(method, "/rest/v1/lists/7/leads.json", {"id": "1"})
    rows = activities(api, ADD, REMOVE)
    assert [(row["activityTypeId"], row["leadId"]) for row in rows] == [(ADD, 1), (REMOVE, 1)]
    assert {(row["primaryAttributeValueId"], row["primaryAttributeValue"]) for row in rows} == {(7, "Lions")}


def test_a_deleted_lead_is_told_by_its_own_call() -> None:
    api = Api(SEED)
    api.call("POST", "/rest/v1/leads/delete.json", {"id": "1"})
    (row,) = pages(api, f"{ACTIVITIES}/deletedleads.json", {"nextPageToken": token(api)})
    assert (row["leadId"], row["activityTypeId"], row["primaryAttributeValue"]) == (1, DELETE, "Ada L")
    assert row["attributes"] == []


def test_a_merge_moves_the_activities_to_the_winner_and_deletes_nobody() -> None:
    api = Api(SEED)
    api.sync({"email": "bob@example.org", "firstName": "Bob"})
    api.call("POST", "/rest/v1/leads/1/merge.json", {"leadId": "2"})
    (row,) = activities(api, MERGE)
    assert (row["leadId"], said(row)["Merge IDs"]) == (1, "2")
    assert [each["leadId"] for each in activities(api, CHANGE)] == [1]
    assert pages(api, f"{ACTIVITIES}/deletedleads.json", {"nextPageToken": token(api)}) == []


def test_lead_changes_give_the_asked_fields_and_new_leads() -> None:
    api = Api(SEED)
    api.sync({"email": "ada@example.org", "firstName": None, "lastName": "Lovelace", "unsubscribed": True})
    api.sync({"email": "new@example.org"})
    asked: dict[str, object] = {"nextPageToken": token(api), "fields": "firstName,unsubscribed"}
    cleared, opted_out, new = pages(api, f"{ACTIVITIES}/leadchanges.json", asked)
    assert cleared["fields"][0] | {"id": 0} == {"id": 0, "name": "firstName", "newValue": None, "oldValue": "Ada"}
    assert opted_out["fields"][0]["newValue"] == "true"
    assert said(cleared) == {"Reason": "Web service API", "Source": "Web service API", "Lead ID": 1}
    assert (new["activityTypeId"], new["fields"], said(new)["Lead ID"]) == (NEW, [], 3)


def test_imports_are_a_source_of_their_own() -> None:
    api = Api(SEED)
    part = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="l.csv"\r\n\r\nemail\nnew@example.org\n\r\n--b--'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    api.call("POST", "/bulk/v1/leads.json", {"format": "csv", "listId": 7}, body=part, headers=headers)
    api.simulator.advance(60)
    new, added = activities(api, NEW, ADD)
    assert (said(new)["Source Type"], said(added)["Source"]) == ("List import", "List import")


def test_what_an_administrator_changes_is_told_too() -> None:
    api = Api(SEED)
    api.simulator.change(action="move", kind="lead", id=1, to="EMEA")
    api.simulator.change(action="remove", kind="lead", id=2)
    (moved,) = activities(api, CHANGE)
    assert (moved["leadId"], moved["primaryAttributeValue"]) == (1, "Lead Partition Id")
    assert (said(moved)["Source"], said(moved)["New Value"]) == ("Administrator", "2")
    (gone,) = pages(api, f"{ACTIVITIES}/deletedleads.json", {"nextPageToken": token(api)})
    assert gone["leadId"] == 2


def test_only_what_happened_from_the_time_on() -> None:
    api = Api(SEED)
    api.sync({"email": "a@example.org"})
    api.time.sleep(60)
    api.sync({"email": "b@example.org"})
    rows = activities(api, NEW, nextPageToken=token(api, "2026-03-02T13:00:30+01:00"))
    assert [row["leadId"] for row in rows] == [4]
    assert [row["leadId"] for row in activities(api, NEW, nextPageToken=token(api, "2026-03-02T12:01:00"))] == [4]


def test_the_last_token_gives_what_happens_next() -> None:
    api = Api(SEED)
    api.sync({"email": "a@example.org"})
    first = api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=token(api))
    again = api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=first["nextPageToken"])
    assert (again["moreResult"], "result" in again) == (False, False)
    api.sync({"email": "b@example.org"})
    later = api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=again["nextPageToken"])
    assert [row["leadId"] for row in later["result"]] == [4]


def test_a_page_may_be_empty_although_there_is_more() -> None:
    api = Api(SEED, calls_per_window=None)
    for number in range(4):
        api.sync(*({"email": f"p{number}-{each}@example.org"} for each in range(300)))
    api.call("POST", "/rest/v1/lists/7/leads.json", {"id": "1"})
    first = api.get(f"{ACTIVITIES}.json", activityTypeIds=ADD, nextPageToken=token(api))
    assert ("result" in first, first["moreResult"]) == (False, True)
    assert len(activities(api, ADD)) == 1
    assert len(activities(api, NEW, batchSize=7 * 10)) == 1200


def test_a_token_starts_at_its_time_however_much_happened_before() -> None:
    api = Api(SEED, calls_per_window=None)
    for number in range(4):
        api.sync(*({"email": f"p{number}-{each}@example.org"} for each in range(300)))
    api.time.sleep(60)
    api.sync({"email": "last@example.org"})
    first = api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=token(api, "2026-03-02T12:00:30Z"))
    assert ([row["leadId"] for row in first["result"]], first["moreResult"]) == ([1203], False)


def test_a_token_of_before_a_reset_sees_what_happens_after_it() -> None:
    api = Api(SEED)
    api.sync({"email": "a@example.org"}, {"email": "b@example.org"})
    old = api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=token(api))["nextPageToken"]
    api.simulator.reset()
    api.sign_in()
    again = api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=old)
    api.sync({"email": "c@example.org"})
    later = api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=again["nextPageToken"])
    assert [row["leadId"] for row in later["result"]] == [3]


def test_the_journal_is_bounded() -> None:
    api = Api(SEED, activities_kept=10)
    for number in range(3):
        api.sync(*({"email": f"p{number}-{each}@example.org"} for each in range(9)))
    assert [row["leadId"] for row in activities(api, NEW)] == list(range(20, 30))


def test_narrowed_by_leads_list_and_asset() -> None:
    api = Api(SEED)
    api.simulator.seed({"lists": [{"name": "Tigers", "id": 8}]})
    for list_id in (7, 8):
        api.call("POST", f"/rest/v1/lists/{list_id}/leads.json", {"id": "1,2"})
    api.call("DELETE", "/rest/v1/lists/8/leads.json", {"id": "2"})
    assert [row["leadId"] for row in activities(api, ADD, leadIds="2,99")] == [2, 2]
    assert [row["leadId"] for row in activities(api, ADD, listId=8)] == [1, 1]
    assert [row["primaryAttributeValue"] for row in activities(api, ADD, assetIds=8)] == ["Tigers", "Tigers"]


def test_leads_of_other_partitions_are_not_seen_even_after_they_are_gone() -> None:
    half = {"client_id": "half", "client_secret": "secret", "partitions": ["Default"]}
    api = Api(SEED | {"clients": [{"client_id": "client", "client_secret": "secret"}, half]})
    api.sync({"email": "ada@example.org", "city": "x"}, {"email": "bob@example.org", "city": "x"})
    api.call("POST", "/rest/v1/leads/delete.json", {"id": "2"})
    api.sign_in("half")
    assert [row["leadId"] for row in activities(api, CHANGE)] == [1]
    assert pages(api, f"{ACTIVITIES}/deletedleads.json", {"nextPageToken": token(api)}) == []


def test_types() -> None:
    rows = {row["id"]: row for row in Api(SEED).get(f"{ACTIVITIES}/types.json")["result"]}
    assert {number: row["name"] for number, row in rows.items()} == {
        NEW: "New Lead",
        CHANGE: "Change Data Value",
        ADD: "Add to List",
        REMOVE: "Remove from List",
        MERGE: "Merge Leads",
        DELETE: "Delete Lead",
    }
    assert rows[ADD]["primaryAttribute"] == {"name": "List ID", "dataType": "integer"}
    assert "primaryAttribute" not in rows[NEW]


@pytest.mark.parametrize(
    ("path", "params", "refusal"),
    [
        ("/pagingtoken.json", {}, "1002"),
        ("/pagingtoken.json", {"sinceDatetime": "yesterday"}, "1001"),
        (".json", {"activityTypeIds": "12"}, "1002"),
        (".json", {"nextPageToken": "T"}, "1002"),
        (".json", {"activityTypeIds": "12", "nextPageToken": "nonsense"}, "1003"),
        (".json", {"activityTypeIds": "new", "nextPageToken": "T"}, "1001"),
        (".json", {"activityTypeIds": "1", "nextPageToken": "T"}, "1003"),
        (".json", {"activityTypeIds": "1,2,3,4,5,6,7,8,9,10,11", "nextPageToken": "T"}, "1003"),
        (".json", {"activityTypeIds": "24,25", "assetIds": "7", "nextPageToken": "T"}, "1003"),
        (".json", {"activityTypeIds": "12", "leadIds": ",".join(map(str, range(31))), "nextPageToken": "T"}, "1003"),
        (".json", {"activityTypeIds": "12", "listId": "99", "nextPageToken": "T"}, "1013"),
        (".json", {"activityTypeIds": "12", "batchSize": "many", "nextPageToken": "T"}, "1001"),
        ("/leadchanges.json", {"nextPageToken": "T"}, "1002"),
        ("/leadchanges.json", {"nextPageToken": "T", "fields": "nope"}, "1006"),
        ("/deletedleads.json", {}, "1002"),
    ],
)
def test_refusals(path: str, params: dict[str, str], refusal: str) -> None:
    api = Api(SEED)
    given = params | ({"nextPageToken": token(api)} if params.get("nextPageToken") == "T" else {})
    assert code(api.get(f"{ACTIVITIES}{path}", **given)) == refusal


@pytest.mark.parametrize("text", ["position:5", "since:x:1", "since:1", "since:1:-5:0", f"since:{'9' * 400}:0", "\xff"])
def test_tokens_of_another_kind(text: str) -> None:
    given = b32encode(text.encode("latin-1")).decode()
    assert code(Api(SEED).get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=given)) == "1003"


def test_the_two_kinds_of_tokens_are_not_interchangeable() -> None:
    api = Api(SEED)
    position = api.find("id", 1, 2, batchSize=1)["nextPageToken"]
    assert code(api.get(f"{ACTIVITIES}.json", activityTypeIds=NEW, nextPageToken=position)) == "1003"
    assert code(api.find("id", 1, 2, nextPageToken=token(api))) == "1003"


def test_a_long_list_does_not_narrow() -> None:
    api = Api(SEED, activities_list_members=2)
    api.call("POST", "/rest/v1/lists/7/leads.json", {"id": "1"})
    assert len(activities(api, ADD, listId=7)) == 1
    api.call("POST", "/rest/v1/lists/7/leads.json", {"id": "2"})
    given = token(api)
    assert code(api.get(f"{ACTIVITIES}.json", activityTypeIds=ADD, listId=7, nextPageToken=given)) == "1003"
    assert code(api.get(f"{ACTIVITIES}/leadchanges.json", fields="city", listId=7, nextPageToken=given)) == "1003"
    api.simulator.configure(activities_list_members=None)
    assert len(activities(api, ADD, listId=7)) == 2


def test_the_permission_is_one_of_activities() -> None:
    reader = {"client_id": "client", "client_secret": "secret", "permissions": ["Read-Write Lead"]}
    api = Api(SEED | {"clients": [reader]})
    assert code(api.get(f"{ACTIVITIES}/types.json")) == "603"
    writer = reader | {"client_id": "other", "permissions": ["Read-Write Activity"]}
    api.simulator.seed({"clients": [writer]})
    api.sign_in("other")
    assert code(api.get(f"{ACTIVITIES}/types.json")) == ""


def test_a_reset_forgets_what_happened() -> None:
    api = Api(SEED)
    api.sync({"email": "a@example.org"})
    api.simulator.reset()
    api.sign_in()
    assert activities(api, NEW) == []
