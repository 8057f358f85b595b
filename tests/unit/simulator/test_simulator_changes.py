"""What an administrator changes: renamed, removed, moved, archived and hidden things, and what calls then see."""

import json
from typing import Any, Final

import pytest

from marketo_simulator import DecodeError, Request
from tests.unit.simulator.simulator_api import Api, code

SEED: Final[dict[str, Any]] = {
    "clients": [{"client_id": "client", "client_secret": "secret", "partitions": ["Default", "EMEA"]}],
    "partitions": [{"name": "EMEA"}, {"name": "APAC"}],
    "workspaces": [{"name": "Europe", "partitions": ["EMEA"]}],
    "fields": [{"name": "customerKey"}],
    "folders": [{"name": "Campaigns", "id": 40, "workspace": "Europe"}, {"name": "Old", "id": 41}],
    "leads": [{"email": "ada@example.org", "partition": "EMEA", "customerKey": "K-1"}],
    "lists": [{"id": 7, "name": "Seven", "workspace": "Europe", "folder": "Campaigns", "members": [1]}],
}


def change(api: Api, action: str, kind: str, which: str | int, to: str = "") -> None:
    given = {"name": which} if isinstance(which, str) else {"id": which}
    content = {"action": action, "kind": kind, "to": to, **given}
    answer = api.simulator.handle(Request("POST", "/_simulator/changes", body=json.dumps(content).encode()))
    assert (answer.status, answer.json()) == (200, {})


def asset(api: Api, path: str, **params: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get(f"/rest/asset/v1/{path}.json", **params).get("result", [])
    return rows


def test_a_renamed_partition_keeps_its_leads_and_whoever_sees_it() -> None:
    api = Api(SEED)
    change(api, "rename", "partition", "EMEA", "Europe & Africa")
    assert [row["name"] for row in api.get("/rest/v1/leads/partitions.json")["result"]] == [
        "Default",
        "Europe & Africa",
    ]
    assert api.lead(1)["partition"] == "Europe & Africa"
    assert api.outcomes({"email": "b@example.org"}, partitionName="EMEA") == ["1008"]
    assert api.outcomes({"email": "b@example.org"}, partitionName="Europe & Africa") == ["created"]
    assert api.call("POST", "/rest/v1/lists/7/leads.json", {"id": "1,2"})["result"][1]["status"] == "added"


def test_the_default_partition_may_have_another_name() -> None:
    for api in (Api({"partitions": [{"id": 1, "name": "Main"}]}), Api()):
        if api.simulator.state.default_partition.name != "Main":
            change(api, "rename", "partition", "Default", "Main")
        api.simulator.seed({"leads": [{"email": "a@example.org"}]})
        assert api.outcomes({"email": "b@example.org"}, {"email": "a@example.org"}) == ["created", "updated"]
        assert api.outcomes({"email": "c@example.org"}, partitionName="Default") == ["1008"]
        assert {lead["partition"] for lead in api.leads().values()} == {"Main"}


def test_a_removed_partition_is_empty_or_its_leads_go_elsewhere() -> None:
    api = Api(SEED)
    with pytest.raises(DecodeError, match=r"^change\.to: say where the leads of 'EMEA' go, of which there are 1$"):
        api.simulator.change(action="remove", kind="partition", name="EMEA")
    change(api, "remove", "partition", "EMEA", "Default")
    assert api.lead(1)["partition"] == "Default"
    assert api.outcomes({"email": "b@example.org"}, partitionName="EMEA") == ["1008"]
    assert [row["name"] for row in api.get("/rest/v1/leads/partitions.json")["result"]] == ["Default"]
    skipped = api.call("POST", "/rest/v1/lists/7/leads.json", {"id": "1"})["result"][0]
    assert skipped["reasons"][0]["code"] == "1004", "the workspace sees no partition any longer"


def test_a_renamed_workspace_takes_its_folders_and_lists_along() -> None:
    api = Api(SEED)
    change(api, "rename", "workspace", "Europe", "EU")
    assert [row["id"] for row in api.get("/rest/v1/lists.json", workspaceName="EU")["result"]] == [7]
    assert asset(api, "staticList/7")[0]["workspace"] == "EU"
    assert asset(api, "folder/40")[0]["path"] == "/Lead Database/EU/Group Lists/Campaigns"
    assert [row["workspace"] for row in asset(api, "folder/byName", name="Group Lists")] == ["Default", "EU"]


def test_the_first_workspace_may_have_another_name() -> None:
    api = Api({"workspaces": [{"id": 1, "name": "Main"}], "lists": [{"id": 7, "name": "L"}]})
    assert asset(api, "folder/12")[0]["path"] == "/Lead Database/Main/Group Lists"
    assert asset(api, "staticList/7")[0]["workspace"] == "Main"


def test_a_removed_workspace_is_gone_with_its_folders() -> None:
    api = Api(SEED)
    with pytest.raises(DecodeError, match="there are lists in 'Europe'"):
        api.simulator.change(action="remove", kind="workspace", name="Europe")
    change(api, "remove", "list", 7)
    change(api, "remove", "workspace", "Europe")
    assert asset(api, "folder/40") == []
    assert [row["workspace"] for row in asset(api, "folder/byName", name="Group Lists")] == ["Default"]
    assert api.send("GET", "/userservice/management/v1/users/workspaces.json").json()[1:] == []


def test_a_list_moves_to_another_folder_and_keeps_its_members() -> None:
    api = Api(SEED)
    change(api, "move", "list", "Seven", "Old")
    (row,) = asset(api, "staticList/7")
    assert (row["folder"]["id"], row["workspace"]) == (41, "Default")
    assert api.members(7) == [1]
    assert asset(api, "staticLists", folder=40) == []


def test_an_archived_folder_says_so_and_its_lists_go_on() -> None:
    api = Api(SEED)
    change(api, "archive", "folder", 40)
    assert asset(api, "folder/40")[0]["isArchive"] is True
    assert api.call("POST", "/rest/v1/lists/7/leads.json", {"id": "1"})["result"][0]["status"] == "added"
    change(api, "restore", "folder", 40)
    assert asset(api, "folder/40")[0]["isArchive"] is False


def test_a_renamed_list_and_folder_are_found_by_their_new_names() -> None:
    api = Api(SEED)
    change(api, "rename", "list", 7, "Eight")
    change(api, "rename", "folder", "Campaigns", "Events")
    assert asset(api, "staticList/byName", name="Seven") == []
    assert [row["id"] for row in asset(api, "staticList/byName", name="Eight")] == [7]
    assert asset(api, "folder/byName", name="Events")[0]["path"].endswith("/Group Lists/Events")


def test_a_hidden_field_is_unknown_to_calls_until_it_is_shown_again() -> None:
    api = Api(SEED)
    change(api, "hide", "field", "customerKey")
    names = {row.get("rest", {}).get("name") for row in api.get("/rest/v1/leads/describe.json")["result"]}
    assert "customerKey" not in names
    assert code(api.find("customerKey", "K-1")) == "1011"
    assert code(api.find("id", 1, fields="customerKey")) == "1006"
    assert api.outcomes({"email": "b@example.org", "customerKey": "K-2"}, partitionName="EMEA") == ["1006"]
    change(api, "show", "field", "customerKey")
    assert [row["id"] for row in api.find("customerKey", "K-1")["result"]] == [1]


def test_a_removed_field_is_gone_with_its_values() -> None:
    api = Api(SEED)
    change(api, "remove", "field", "customerKey")
    assert api.outcomes({"email": "ada@example.org", "customerKey": "K-2"}) == ["1006"]
    api.simulator.seed({"fields": [{"name": "customerKey"}]})
    assert api.find("customerKey", "K-1")["result"] == []


def test_a_renamed_field_keeps_its_values() -> None:
    api = Api(SEED)
    change(api, "rename", "field", "customerKey", "clientKey")
    assert code(api.find("customerKey", "K-1")) == "1011"
    assert [row["clientKey"] for row in api.find("clientKey", "K-1", fields="clientKey")["result"]] == ["K-1"]


def test_a_lead_moves_between_partitions_and_is_removed() -> None:
    api = Api(SEED)
    change(api, "move", "lead", 1, "APAC")
    assert api.find("email", "ada@example.org")["result"] == [], "the user does not see that partition"
    change(api, "remove", "lead", 1)
    assert (api.leads(), api.members(7)) == ({}, [])


def test_an_import_outlives_the_field_that_it_looks_leads_up_by() -> None:
    api = Api(SEED | {"clients": []})
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    body = head + b"email\nx@example.org\n\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    params = {"format": "csv", "lookupField": "customerKey"}
    assert api.call("POST", "/bulk/v1/leads.json", params, body=body, headers=headers)["success"]
    change(api, "remove", "field", "customerKey")
    api.simulator.advance(60)
    (job,) = api.get("/bulk/v1/leads/batch/1.json")["result"]
    assert (job["status"], job["numOfRowsFailed"]) == ("Complete", 1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"action": "rename", "kind": "lead", "id": 1, "to": "x"},
            "change: there is no change 'rename lead'; there are",
        ),
        ({"action": "rename", "kind": "list", "name": "Seven"}, "change: 'to' is missing; say what to rename it to"),
        ({"action": "remove", "kind": "list"}, "change: say which list: give its name or its id"),
        ({"action": "remove", "kind": "list", "name": "None"}, "change: there is no list 'None'; see what there is"),
        ({"action": "remove", "kind": "partition", "name": "Default"}, "change: the first partition is always there"),
        (
            {"action": "rename", "kind": "partition", "name": "EMEA", "to": "APAC"},
            "change.to: there is a partition 'APAC'",
        ),
        (
            {"action": "rename", "kind": "field", "name": "city", "to": "a b"},
            "change.to: name 'a b' is not an API name",
        ),
        ({"action": "remove", "kind": "field", "name": "id"}, "change: a lead is nothing without 'id'"),
        ({"action": "rename", "kind": "field", "name": "id", "to": "x"}, "change: a lead is nothing without 'id'"),
        ({"action": "remove", "kind": "folder", "name": "Campaigns"}, "change: the folder 'Campaigns' is not empty"),
        (
            {"action": "rename", "kind": "folder", "id": 12, "to": "x"},
            "change: 'Group Lists' is a folder of Marketo's own",
        ),
        ({"action": "move", "kind": "list", "id": 7, "to": "Nowhere"}, "change.to: there is no 'Nowhere'; known are"),
        ({"action": "move", "kind": "lead", "id": 9, "to": "EMEA"}, "change.id: there is no lead of this id"),
    ],
)
def test_a_change_that_cannot_be_made_says_why_and_changes_nothing(content: dict[str, Any], message: str) -> None:
    api = Api(SEED)
    before = api.dump()
    answer = api.simulator.handle(Request("POST", "/_simulator/changes", body=json.dumps(content).encode()))
    assert (answer.status, answer.json()["error"][: len(message)]) == (400, message)
    assert api.dump() == before
