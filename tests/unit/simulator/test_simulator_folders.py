"""Folders: made, renamed, archived, deleted, and what is in them."""

from typing import Any

import pytest

from tests.unit.simulator.simulator_api import Api, code

ASSET = "/rest/asset/v1"
IN_GROUP_LISTS = '{"id":12,"type":"Folder"}'
SEED: dict[str, Any] = {
    "folders": [{"name": "Campaigns", "id": 50}],
    "lists": [{"name": "Lions", "id": 7, "folder": "Campaigns"}, {"name": "Tigers", "id": 8}],
}


def create(api: Api, **form: str) -> dict[str, Any]:
    return api.call("POST", f"{ASSET}/folders.json", form={"name": "New", "parent": IN_GROUP_LISTS} | form)


def test_a_folder_is_made_below_another_and_takes_lists() -> None:
    api = Api(SEED)
    (made,) = create(api, description="d")["result"]
    assert (made["path"], made["description"], made["isSystem"]) == (
        "/Lead Database/Default/Group Lists/New",
        "d",
        False,
    )
    inner = create(api, name="Inner", parent=f'{{"id":{made["id"]},"type":"Folder"}}')["result"][0]
    assert inner["parent"] == {"id": made["id"], "type": "Folder"}
    folder = f'{{"id":{inner["id"]},"type":"Folder"}}'
    assert api.call("POST", f"{ASSET}/staticLists.json", form={"name": "L", "folder": folder})["success"]


def test_what_is_in_a_folder() -> None:
    api = Api(SEED)
    rows = api.get(f"{ASSET}/folder/12/content.json", type="Folder")["result"]
    assert rows == [{"id": 50, "type": "Folder"}, {"id": 8, "type": "Static List"}]
    assert api.get(f"{ASSET}/folder/12/content.json", type="Folder", offset=1, maxReturn=1)["result"] == rows[1:]
    for path, kind in (("99", "Folder"), ("12", "Program")):
        answer = api.get(f"{ASSET}/folder/{path}/content.json", type=kind)
        assert (answer["success"], "result" in answer, len(answer["warnings"])) == (True, False, 1)


def test_a_renamed_folder_takes_its_content_along() -> None:
    api = Api(SEED)
    create(api, name="Inner", parent='{"id":50,"type":"Folder"}')
    form = {"type": "Folder", "name": "Events", "isArchive": "true"}
    (row,) = api.call("POST", f"{ASSET}/folder/50.json", form=form)["result"]
    assert (row["name"], row["path"], row["isArchive"]) == ("Events", "/Lead Database/Default/Group Lists/Events", True)
    (inner,) = api.get(f"{ASSET}/folder/byName.json", name="Inner")["result"]
    assert inner["path"] == "/Lead Database/Default/Group Lists/Events/Inner"
    (row,) = api.call("POST", f"{ASSET}/folder/50.json", form={"type": "Folder", "description": "d"})["result"]
    assert (row["name"], row["description"], row["isArchive"]) == ("Events", "d", True)


def test_only_an_empty_folder_is_deleted() -> None:
    api = Api(SEED)
    assert code(api.call("POST", f"{ASSET}/folder/50/delete.json", form={"type": "Folder"})) == "709"
    api.call("POST", f"{ASSET}/staticList/7/delete.json")
    inner = create(api, name="Inner", parent='{"id":50,"type":"Folder"}')["result"][0]["id"]
    assert code(api.call("POST", f"{ASSET}/folder/50/delete.json", form={"type": "Folder"})) == "709"
    for folder in (inner, 50):
        answer = api.call("POST", f"{ASSET}/folder/{folder}/delete.json", form={"type": "Folder"})
        assert answer["result"] == [{"id": folder}]
    assert "result" not in api.call("POST", f"{ASSET}/folder/50/delete.json", form={"type": "Folder"})


@pytest.mark.parametrize(
    ("path", "form", "refusal"),
    [
        ("folders.json", {"parent": IN_GROUP_LISTS}, "701"),
        ("folders.json", {"name": "New"}, "710"),
        ("folders.json", {"name": "New", "parent": '{"id":99}'}, "710"),
        ("folders.json", {"name": "New", "parent": '{"id":5,"type":"Folder"}'}, "711"),
        ("folders.json", {"name": "New", "parent": "12x"}, "1003"),
        ("folders.json", {"name": "Campaigns", "parent": IN_GROUP_LISTS}, "709"),
        ("folders.json", {"name": "New", "parent": IN_GROUP_LISTS, "description": "d" * 2001}, "709"),
        ("folder/12.json", {"type": "Folder", "name": "Lists"}, "709"),
        ("folder/50.json", {"type": "Folder", "isArchive": "perhaps"}, "1001"),
        ("folder/12/delete.json", {"type": "Folder"}, "709"),
    ],
)
def test_a_refused_call_changes_nothing(path: str, form: dict[str, str], refusal: str) -> None:
    api = Api(SEED)
    before = api.get(f"{ASSET}/folders.json", maxDepth=9)["result"]
    assert code(api.call("POST", f"{ASSET}/{path}", form=form)) == refusal
    assert api.get(f"{ASSET}/folders.json", maxDepth=9)["result"] == before


def test_two_folders_of_one_name_are_not_made_by_renaming() -> None:
    api = Api(SEED)
    other = create(api, name="Other")["result"][0]["id"]
    assert code(api.call("POST", f"{ASSET}/folder/{other}.json", form={"type": "Folder", "name": "Campaigns"})) == "709"


def test_a_program_of_the_same_number_is_no_folder() -> None:
    api = Api({"lists": [{"name": "Lions"}]})
    program, folder = '{"id": 12, "type": "Program"}', '{"id": 12, "type": "FOLDER"}'
    for path, parent in (("staticLists", "folder"), ("folders", "parent")):
        made = api.call("POST", f"/rest/asset/v1/{path}.json", form={"name": "New", parent: program})
        assert code(made) == "710"
        assert code(api.call("POST", f"/rest/asset/v1/{path}.json", form={"name": "New", parent: folder})) == ""
    for path, name in (("staticLists.json", "folder"), ("folders.json", "root")):
        assert "result" not in api.get(f"/rest/asset/v1/{path}", **{name: program})
        assert "result" in api.get(f"/rest/asset/v1/{path}", **{name: folder})
    assert code(api.get("/rest/asset/v1/staticLists.json", folder='{"id": 12, "type": 7}')) == "1003"
