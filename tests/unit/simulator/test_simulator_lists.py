"""Static lists and folders, from the lead database's side and from the Asset API's."""

import json

import pytest

from tests.unit.simulator.simulator_api import Api, code, outcome

SEED = {
    "partitions": [{"name": "EMEA"}],
    "workspaces": [{"name": "Europe", "partitions": ["EMEA"]}],
    "folders": [{"name": "Campaigns", "workspace": "Europe", "id": 90}],
    "leads": [{"email": f"p{number}@example.org"} for number in range(5)],
    "lists": [
        {"name": "Lions", "id": 7, "members": [1, 2]},
        {"name": "Lions", "id": 8, "workspace": "Europe", "folder": "Campaigns", "description": "in Europe"},
        {"name": "A, B", "id": 9},
    ],
}
ASSET = "/rest/asset/v1"
NOTHING_FOUND = ["No assets found for the given search criteria."]


def ids(answer: dict[str, list[dict[str, int]]]) -> list[int]:
    return [row["id"] for row in answer["result"]]


def folder(folder_id: int) -> str:
    return json.dumps({"id": folder_id, "type": "Folder"})


# Members


def test_adding_again_is_added_again_and_unknown_leads_are_1004_with_their_id() -> None:
    api = Api(SEED)
    answer = api.call("POST", "/rest/v1/lists/7/leads.json", content={"input": [{"id": 3}, {"id": 1}, {"id": 99}]})
    assert answer["result"] == [
        {"id": 3, "status": "added"},
        {"id": 1, "status": "added"},
        {"id": 99, "status": "skipped", "reasons": [{"code": "1004", "message": "Lead not found"}]},
    ]
    assert api.members(7) == [1, 2, 3]


def test_removing_who_is_not_on_the_list_is_1015() -> None:
    api = Api(SEED)
    answer = api.call("DELETE", "/rest/v1/lists/7/leads.json", {"id": [1, 3, 99]})
    assert [outcome(row) for row in answer["result"]] == ["removed", "1015", "1004"]
    assert [row["id"] for row in answer["result"]] == [1, 3, 99]
    assert api.members(7) == [2]


@pytest.mark.parametrize("path", ["/rest/v1/lists/7/leads.json", "/rest/v1/list/7/leads.json"])
def test_ids_come_as_parameter_or_as_body_on_both_paths(path: str) -> None:
    api = Api(SEED)
    api.call("POST", path, {"id": "3,4"})
    api.call("POST", path, {"id": ["5"]})
    assert api.members(7) == [1, 2, 3, 4, 5]
    api.call("DELETE", path, content={"input": [{"id": 3}, {"id": "4"}]})
    assert ids(api.get(path)) == [1, 2, 5]


def test_is_member() -> None:
    api = Api(SEED)
    path = "/rest/v1/lists/7/leads/ismember.json"
    expected = ["memberof", "notmemberof", "1004"]
    assert [outcome(row) for row in api.get(path, id="1,3,99")["result"]] == expected
    posted = api.call("POST", path, {"_method": "GET"}, content={"input": [{"id": 1}, {"id": 3}, {"id": 99}]})
    assert [outcome(row) for row in posted["result"]] == expected


def test_the_lists_of_a_lead_are_paged_and_those_of_nobody_are_none() -> None:
    api = Api(SEED)
    api.call("POST", "/rest/v1/lists/9/leads.json", {"id": "1"})
    first = api.get("/rest/v1/leads/1/listMembership.json", batchSize=1)
    assert ([row["listId"] for row in first["result"]], first["moreResult"]) == ([7], True)
    second = api.get("/rest/v1/leads/1/listMembership.json", batchSize=1, nextPageToken=first["nextPageToken"])
    assert ([row["listId"] for row in second["result"]], "nextPageToken" in second) == ([9], False)
    for nobody in (3, 99):
        assert api.get(f"/rest/v1/leads/{nobody}/listMembership.json")["result"] == []


def test_members_are_paged_without_more_result() -> None:
    api = Api(SEED)
    first = api.get("/rest/v1/lists/7/leads.json", batchSize=1, fields="email")
    assert first["result"] == [{"id": 1, "email": "p0@example.org"}]
    assert "moreResult" not in first
    second = api.get("/rest/v1/lists/7/leads.json", batchSize=1, nextPageToken=first["nextPageToken"])
    assert ids(second) == [2]
    assert "nextPageToken" not in second


def test_no_ids_too_many_ids_and_unknown_lists_fail_the_call() -> None:
    api = Api(SEED)
    path = "/rest/v1/lists/7/leads.json"
    empty = api.call("POST", path, content={"input": []})
    assert (code(empty), empty["errors"][0]["message"]) == ("1003", "Lead ids not specified")
    assert code(api.call("DELETE", path)) == "1003"
    assert code(api.call("POST", path, {"id": "x"})) == "1003"
    assert code(api.call("POST", path, content={"input": [{"id": number} for number in range(301)]})) == "1003"
    assert code(api.call("POST", path, body=b'{"input":[{"id":3}]}')) == "612"
    for method in ("GET", "POST", "DELETE"):
        assert code(api.call(method, "/rest/v1/lists/99/leads.json", {"id": 1})) == "1013"
    assert code(api.get("/rest/v1/lists/99.json")) == "1013"
    assert api.members(7) == [1, 2]


def test_list_changes_do_not_move_updated_at() -> None:
    api = Api(SEED)
    before = api.leads()
    api.simulator.advance(60)
    api.call("POST", "/rest/v1/lists/7/leads.json", {"id": "1,2,3"})
    api.call("DELETE", "/rest/v1/lists/7/leads.json", {"id": "1"})
    assert api.leads() == before


def test_a_lead_in_a_partition_its_workspace_does_not_see_cannot_join() -> None:
    api = Api(SEED)
    api.simulator.seed({"leads": [{"email": "e@example.org", "partition": "EMEA", "id": 50}]})
    answer = api.call("POST", "/rest/v1/lists/8/leads.json", {"id": "1,50"})
    assert [outcome(row) for row in answer["result"]] == ["1004", "added"]


# Lists of the lead database


def test_lists_by_name_and_workspace() -> None:
    api = Api(SEED)
    assert ids(api.get("/rest/v1/lists.json", name="Lions")) == [7, 8]
    assert ids(api.get("/rest/v1/lists.json", name="Lions", workspaceName="Europe")) == [8]
    assert ids(api.get("/rest/v1/lists.json", id="7,9", name="", workspaceName="")) == [7, 9]
    assert ids(api.get("/rest/v1/lists.json", name="Nobody")) == []
    assert ids(api.get("/rest/v1/lists.json", name="A, B")) == []
    assert api.get("/rest/v1/lists/8.json")["result"] == [
        {
            "id": 8,
            "name": "Lions",
            "description": "in Europe",
            "workspaceId": 2,
            "workspaceName": "Europe",
            "createdAt": "2026-03-02T12:00:00Z",
            "updatedAt": "2026-03-02T12:00:00Z",
        }
    ]


def test_lists_are_paged() -> None:
    api = Api(SEED)
    first = api.get("/rest/v1/lists.json", batchSize=2)
    assert ids(first) == [7, 8]
    assert ids(api.get("/rest/v1/lists.json", nextPageToken=first["nextPageToken"])) == [9]


# Static lists of the Asset API


def test_creating_a_list_in_the_group_lists_folder() -> None:
    api = Api(SEED)
    answer = api.call("POST", f"{ASSET}/staticLists.json", form={"name": "New", "folder": folder(12)})
    assert answer["result"] == [
        {
            "id": 1001,
            "name": "New",
            "createdAt": "2026-03-02T12:00:00Z+0000",
            "updatedAt": "2026-03-02T12:00:00Z+0000",
            "folder": {"id": 12, "type": "Folder"},
            "computedUrl": "https://app-ab00.marketo.com/#ST1001A1",
            "workspace": "Default",
        }
    ]
    assert (answer["errors"], answer["warnings"]) == ([], [])
    assert ids(api.get(f"{ASSET}/staticList/byName.json", name="New")) == [1001]
    assert ids(api.get("/rest/v1/lists.json", name="New")) == [1001]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"name": "Lions", "folder": folder(12)}, "709"),
        ({"name": "Lions", "folder": folder(90)}, "709"),
        ({"name": "", "folder": folder(12)}, "701"),
        ({"name": "New"}, "710"),
        ({"name": "New", "folder": folder(4711)}, "710"),
        ({"name": "New", "folder": folder(5)}, "711"),
        ({"name": "New", "folder": "twelve"}, "1003"),
        ({"name": "New", "folder": '{"id":"x"}'}, "1003"),
        ({"name": "New", "folder": '{"id":"12"}'}, ""),
        ({"name": "New", "folder": "12"}, ""),
        ({"name": "A, B", "folder": folder(90)}, ""),
    ],
)
def test_what_a_list_may_be_created_as(form: dict[str, str], expected: str) -> None:
    answer = Api(SEED).call("POST", f"{ASSET}/staticLists.json", form=form)
    assert code(answer) == expected
    if expected:
        assert answer.keys() == {"success", "errors", "requestId"}


def test_nothing_found_is_success_with_a_warning_and_no_result() -> None:
    api = Api(SEED)
    for path, params in [
        ("staticList/4711.json", {}),
        ("staticList/byName.json", {"name": "Nobody"}),
        ("staticList/byName.json", {"name": "A, B"}),
        ("staticLists.json", {"folder": folder(5)}),
        ("folder/byName.json", {"name": "Nobody"}),
        ("folder/4711.json", {"type": "Folder"}),
    ]:
        answer = api.get(f"{ASSET}/{path}", **params)
        assert answer["success"] is True
        assert answer["warnings"] == NOTHING_FOUND
        assert "result" not in answer


def test_by_name_gives_the_lists_of_all_workspaces() -> None:
    answer = Api(SEED).get(f"{ASSET}/staticList/byName.json", name="Lions")
    assert [(row["workspace"], row["folder"]["id"]) for row in answer["result"]] == [("Default", 12), ("Europe", 90)]


def test_browsing_lists_by_folder_and_time_in_pages() -> None:
    api = Api(SEED)
    api.simulator.advance(60)
    api.call("POST", f"{ASSET}/staticList/9.json", form={"description": "changed"})
    path = f"{ASSET}/staticLists.json"
    assert ids(api.get(path, folder=folder(90))) == [8]
    assert ids(api.get(path, maxReturn=2)) == [7, 8]
    assert ids(api.get(path, maxReturn=2, offset=2)) == [9]
    assert ids(api.get(path, earliestUpdatedAt="2026-03-02T12:00:30Z")) == [9]
    assert ids(api.get(path, latestUpdatedAt="2026-03-02T12:00:30Z")) == [7, 8]
    assert code(api.get(path, latestUpdatedAt="2026-03-02T12:00:30.000Z")) == "704"
    assert code(api.get(path, latestUpdatedAt="soon")) == "704"


def test_renaming_and_deleting_a_list() -> None:
    api = Api(SEED)
    assert code(api.call("POST", f"{ASSET}/staticList/9.json", form={"name": "Lions"})) == "709"
    renamed = api.call("POST", f"{ASSET}/staticList/9.json", form={"name": "Tigers", "description": "d"})
    assert [(row["name"], row["description"]) for row in renamed["result"]] == [("Tigers", "d")]
    assert api.call("POST", f"{ASSET}/staticList/9/delete.json")["result"] == [{"id": 9}]
    assert code(api.get("/rest/v1/lists/9.json")) == "1013"
    assert "result" not in api.call("POST", f"{ASSET}/staticList/9/delete.json")
    assert "result" not in api.call("POST", f"{ASSET}/staticList/9.json", form={"name": "X"})


# Folders


def test_every_workspace_has_its_group_lists_folder() -> None:
    api = Api(SEED)
    rows = api.get(f"{ASSET}/folder/byName.json", name="Group Lists", type="Folder")["result"]
    assert [(row["workspace"], row["path"], row["isSystem"], row["folderType"]) for row in rows] == [
        ("Default", "/Lead Database/Default/Group Lists", True, "List"),
        ("Europe", "/Lead Database/Europe/Group Lists", True, "List"),
    ]
    assert rows[0]["id"] == 12
    assert rows[0]["parent"] == {"id": 5, "type": "Folder"}
    one = api.get(f"{ASSET}/folder/byName.json", name="Group Lists", workSpace="Europe")["result"]
    assert one == rows[1:]


def test_folders_by_id_and_below_a_root() -> None:
    api = Api(SEED)
    assert api.get(f"{ASSET}/folder/90.json", type="Folder")["result"][0]["name"] == "Campaigns"
    assert "result" not in api.get(f"{ASSET}/folder/90.json", type="Program")
    everything = api.get(f"{ASSET}/folders.json", maxDepth=9)["result"]
    assert {row["name"] for row in everything} == {"Lead Database", "Default", "Group Lists", "Europe", "Campaigns"}
    assert ids(api.get(f"{ASSET}/folders.json", root=folder(5))) == [5, 12]
    assert ids(api.get(f"{ASSET}/folders.json", root=folder(5), maxDepth=0)) == [5]
    assert ids(api.get(f"{ASSET}/folder/byName.json", name="Group Lists", root=folder(5), type="Folder")) == [12]


def test_workspaces_are_a_bare_array() -> None:
    rows = json.loads(Api(SEED).send("GET", "/userservice/management/v1/users/workspaces.json").body)
    assert [(row["id"], row["name"], row["status"]) for row in rows] == [
        (1, "Default", "active"),
        (2, "Europe", "active"),
    ]


def test_folder_rows_are_as_recorded_of_group_lists() -> None:
    api = Api({"folders": [{"name": "Campaigns", "description": "All of them"}]})
    rows = {row["name"]: row for row in api.get("/rest/asset/v1/folders.json", maxDepth=9)["result"]}
    group_lists = rows["Group Lists"]
    assert (group_lists["id"], group_lists["description"], group_lists["url"]) == (12, None, None)
    assert (group_lists["parent"], group_lists["folderType"]) == ({"id": 5, "type": "Folder"}, "List")
    assert rows["Campaigns"]["description"] == "All of them"
    assert rows["Campaigns"]["url"].startswith("https://")
    assert all("parent" in row and "description" in row for row in rows.values())
