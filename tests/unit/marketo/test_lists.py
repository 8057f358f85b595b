"""Lists and their members, by the shapes of Marketo's answers."""

import json
from collections.abc import Callable, Mapping

import pytest

from destination.marketo.errors import (
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    MarketoError,
    QuotaReachedError,
    RequestRejectedError,
)
from destination.marketo.leads import RecordResult
from destination.marketo.lists import Lists, ListsOfLead, StaticList, safe_name
from testing.marketo import ScriptedAnswer, ScriptedMarketo, client, ok, refused

NOTHING = ScriptedAnswer(
    {"success": True, "errors": [], "warnings": ["No assets found for the given search criteria."]}
)
FOLDERS = ok(
    {"name": "Group Lists", "folderId": {"id": 30, "type": "Folder"}, "isSystem": True, "workspace": "EMEA", "id": 30},
    {"name": "Group Lists", "folderId": {"id": 90, "type": "Folder"}, "isSystem": False, "workspace": "Default"},
    {"name": "Group Lists", "folderId": {"id": 12, "type": "Folder"}, "isSystem": True, "workspace": "Default"},
)
TAKEN = refused("709", "Static List with the same name already exists")


def lists(marketo: ScriptedMarketo) -> Lists:
    return Lists(client(marketo))


def found(list_id: int, name: str = "Webinar", workspace: str = "Default", **rest: object) -> dict[str, object]:
    return {"id": list_id, "name": name, "workspaceName": workspace, **rest}


def made(list_id: int, name: str = "Webinar") -> ScriptedAnswer:
    folder = {"id": 12, "type": "Folder"}
    return ok({"id": list_id, "name": name, "folder": folder, "workspace": "Default"}, errors=[], warnings=[])


def test_members_are_added_by_a_body_and_aligned_by_id() -> None:
    marketo = ScriptedMarketo(
        ok(
            {"id": 3, "status": "skipped", "reasons": [{"code": "1004", "message": "Lead not found"}]},
            {"id": 2, "status": "added"},
        )
    )
    assert lists(marketo).add(7, [2, 3, 2]) == {2: RecordResult(2, "added"), 3: RecordResult(3, "skipped", "1004")}
    sent = marketo.sent[0]
    assert (sent.method, sent.path, sent.query) == ("POST", "/rest/v1/lists/7/leads.json", {})
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.json == {"input": [{"id": 2}, {"id": 3}]}


def test_members_are_removed_by_a_body() -> None:
    marketo = ScriptedMarketo(
        ok({"id": 2, "status": "removed"}, {"id": 3, "status": "skipped", "reasons": [{"code": "1015"}]})
    )
    assert lists(marketo).remove(7, [2, 3]) == {2: RecordResult(2, "removed"), 3: RecordResult(3, "skipped", "1015")}
    sent = marketo.sent[0]
    assert (sent.method, sent.path, sent.query) == ("DELETE", "/rest/v1/lists/7/leads.json", {})
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.json == {"input": [{"id": 2}, {"id": 3}]}


def test_the_lists_of_a_lead_are_asked_for_in_one_call() -> None:
    marketo = ScriptedMarketo(ok({"listId": 7}, {"listId": 9}, {"name": "no id"}))
    assert lists(marketo).of_lead(3) == ListsOfLead(frozenset({7, 9}), are_all=True)
    sent = marketo.sent[0]
    assert (sent.method, sent.path, sent.query) == (
        "GET",
        "/rest/v1/leads/3/listMembership.json",
        {"batchSize": "300"},
    )


@pytest.mark.parametrize("answer", [ok({"listId": 7}, nextPageToken="more"), ScriptedAnswer({"success": True})])
def test_it_is_told_when_a_lead_may_be_on_further_lists(answer: ScriptedAnswer) -> None:
    assert not lists(ScriptedMarketo(answer)).of_lead(3).are_all


def test_an_empty_list_of_leads_is_never_sent() -> None:
    marketo = ScriptedMarketo()
    assert lists(marketo).add(7, []) == {}
    assert lists(marketo).remove(7, []) == {}
    assert marketo.sent == []


def test_one_call_takes_300_leads() -> None:
    with pytest.raises(ValueError, match="300"):
        lists(ScriptedMarketo()).add(7, range(301))


MAY_MEAN_MISSING = [
    refused("1013"),
    refused("610"),
    refused("702"),
    refused("1003"),
    ok({"id": 2, "status": "skipped", "reasons": [{"code": "1013", "message": "Object not found"}]}),
    ok(),
    ScriptedAnswer({"success": True}),
]
CALLS: Mapping[str, Callable[[Lists], object]] = {
    "add": lambda lists: lists.add(7, [2]),
    "remove": lambda lists: lists.remove(7, [2]),
    "membership": lambda lists: lists.membership(7, [2]),
}


@pytest.mark.parametrize("answer", MAY_MEAN_MISSING)
@pytest.mark.parametrize("call", CALLS)
def test_whether_a_list_is_gone_is_asked_whatever_a_call_answers(answer: ScriptedAnswer, call: str) -> None:
    marketo = ScriptedMarketo(answer, ok())
    with pytest.raises(ListMissingError) as missing:
        CALLS[call](lists(marketo))
    assert (missing.value.code, missing.value.list_id) == ("1013", 7)
    assert marketo.sent[1].path == "/rest/v1/lists/7.json"


OF_A_RECORD = MAY_MEAN_MISSING[4]


@pytest.mark.parametrize("answer", [one for one in MAY_MEAN_MISSING if one is not OF_A_RECORD])
@pytest.mark.parametrize("call", CALLS)
def test_a_list_that_is_there_is_never_taken_for_missing(answer: ScriptedAnswer, call: str) -> None:
    with pytest.raises(MarketoError) as refusal:
        CALLS[call](lists(ScriptedMarketo(answer, ok(found(7)))))
    assert not isinstance(refusal.value, ListMissingError)


@pytest.mark.parametrize("call", CALLS)
def test_a_record_that_says_so_of_a_list_that_is_there_says_it_of_itself(call: str) -> None:
    marketo = ScriptedMarketo(OF_A_RECORD, ok(found(7)))
    assert CALLS[call](lists(marketo)) == {2: RecordResult(2, "skipped", "1013")}


@pytest.mark.parametrize("answer", [ok(), ScriptedAnswer({"success": True})])
@pytest.mark.parametrize("call", CALLS)
def test_a_success_without_a_result_of_a_list_that_is_there_is_none(answer: ScriptedAnswer, call: str) -> None:
    with pytest.raises(InstanceWaitsError) as refusal:
        CALLS[call](lists(ScriptedMarketo(answer, ok(found(7)))))
    assert refusal.value.code == "UNEXPECTED_ANSWER"


@pytest.mark.parametrize("code", ["1013", "610", "702", "1003"])
def test_the_members_of_a_list_that_is_gone(code: str) -> None:
    with pytest.raises(ListMissingError):
        lists(ScriptedMarketo(refused(code), ok())).members(7)
    with pytest.raises((ConnectionBlockedError, RequestRejectedError)) as refusal:
        lists(ScriptedMarketo(refused(code), ok(found(7)))).members(7, "cursor")
    assert not isinstance(refusal.value, ListMissingError)


@pytest.mark.parametrize("code", ["603", "1011", "1006"])
def test_other_refusals_of_a_call_about_a_list_ask_nothing(code: str) -> None:
    marketo = ScriptedMarketo(refused(code))
    with pytest.raises((ConnectionBlockedError, RequestRejectedError)):
        lists(marketo).add(7, [2])
    assert len(marketo.sent) == 1


def test_a_lead_without_a_result_is_not_taken_for_done() -> None:
    with pytest.raises(InstanceWaitsError):
        lists(ScriptedMarketo(ok({"id": 2, "status": "added"}))).add(7, [2, 3])


@pytest.mark.parametrize("answer", [ok(), ScriptedAnswer({"success": True})])
def test_a_list_that_is_not_there(answer: ScriptedAnswer) -> None:
    assert lists(ScriptedMarketo(answer)).get(7) is None


@pytest.mark.parametrize("code", ["1013", "610", "702", "1003"])
def test_what_is_refused_by_its_id_is_searched(code: str) -> None:
    marketo = ScriptedMarketo(refused(code), ok())
    assert lists(marketo).get(7) is None
    assert (marketo.sent[1].path, marketo.sent[1].query) == ("/rest/v1/lists.json", {"id": "7"})
    assert lists(ScriptedMarketo(refused(code), ok(found(7)))).get(7) == StaticList(7, "Webinar", "Default")
    with pytest.raises((ConnectionBlockedError, RequestRejectedError)):
        lists(ScriptedMarketo(refused(code), refused(code))).get(7)


def test_a_list_by_its_id() -> None:
    marketo = ScriptedMarketo(ok(found(7)))
    assert lists(marketo).get(7) == StaticList(7, "Webinar", "Default")
    assert marketo.sent[0].path == "/rest/v1/lists/7.json"


def test_a_list_is_found_by_exact_name_and_workspace_outside_programs() -> None:
    marketo = ScriptedMarketo(
        ok(
            found(1, programName="Roadshow"),
            found(2, "Webinar leads"),
            found(3, workspace="EMEA"),
            nextPageToken="more",
            moreResult=True,
        ),
        ok(found(9), found(8, programName="")),
    )
    assert lists(marketo).find("Webinar", "Default") == StaticList(8, "Webinar", "Default")
    assert marketo.sent[0].query == {"name": "Webinar", "workspaceName": "Default", "batchSize": "300"}
    assert marketo.sent[1].query["nextPageToken"] == "more"


@pytest.mark.parametrize("answer", [ok(), ScriptedAnswer({"success": True}), refused("1013")])
def test_no_list_of_the_name(answer: ScriptedAnswer) -> None:
    assert lists(ScriptedMarketo(answer)).find("Webinar", "Default") is None


def test_an_existing_list_is_adopted_without_a_creation() -> None:
    marketo = ScriptedMarketo(ok(found(7)))
    assert lists(marketo).ensure("Webinar", "Default") == StaticList(7, "Webinar", "Default")
    assert len(marketo.sent) == 1


def test_a_list_is_created_in_the_system_folder_of_its_workspace() -> None:
    marketo = ScriptedMarketo(ok(), FOLDERS, made(41))
    assert lists(marketo).ensure("Webinar", "Default", "From audience aud-1") == StaticList(
        41, "Webinar", "Default", is_new=True
    )
    sent = marketo.sent[2]
    assert (sent.method, sent.path) == ("POST", "/rest/asset/v1/staticLists.json")
    assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert json.loads(sent.form.pop("folder")) == {"id": 12, "type": "Folder"}
    assert sent.form["name"] == "Webinar"
    assert sent.form["description"] == "From audience aud-1"


def test_a_list_that_somebody_else_just_created_is_adopted() -> None:
    marketo = ScriptedMarketo(ok(), FOLDERS, TAKEN, ok(found(7)))
    assert lists(marketo).ensure("Webinar", "Default") == StaticList(7, "Webinar", "Default")


def test_a_name_that_is_taken_elsewhere_gets_a_number() -> None:
    marketo = ScriptedMarketo(ok(), FOLDERS, TAKEN, ok(), ok(), made(42, "Webinar (2)"))
    assert lists(marketo).ensure("Webinar", "Default") == StaticList(42, "Webinar (2)", "Default", is_new=True)


def test_the_list_with_the_number_is_found_the_next_time() -> None:
    marketo = ScriptedMarketo(ok(), FOLDERS, TAKEN, ok(), ok(found(42, "Webinar (2)")))
    assert lists(marketo).ensure("Webinar", "Default") == StaticList(42, "Webinar (2)", "Default")


def test_numbers_end() -> None:
    marketo = ScriptedMarketo(ok(), FOLDERS, *[TAKEN, ok(), ok()] * 5)
    with pytest.raises(RequestRejectedError, match="709"):
        lists(marketo).ensure("Webinar", "Default")


@pytest.mark.parametrize("answer", [NOTHING, refused("702"), FOLDERS])
def test_a_workspace_without_a_folder_for_lists_blocks(answer: ScriptedAnswer) -> None:
    with pytest.raises(ConnectionBlockedError) as raised:
        lists(ScriptedMarketo(ok(), answer)).ensure("Webinar", "Somewhere")
    assert raised.value.code == "710"


def test_other_refusals_of_a_creation_are_raised() -> None:
    with pytest.raises(QuotaReachedError):
        lists(ScriptedMarketo(ok(), FOLDERS, refused("607"))).ensure("Webinar", "Default")
    with pytest.raises(RequestRejectedError, match="701"):
        lists(ScriptedMarketo(ok(), FOLDERS, refused("701"))).ensure("Webinar", "Default")
    with pytest.raises(InstanceWaitsError):
        lists(ScriptedMarketo(ok(), FOLDERS, NOTHING)).ensure("Webinar", "Default")


def test_other_refusals_of_a_folder_search_are_raised() -> None:
    with pytest.raises(RequestRejectedError, match="701"):
        lists(ScriptedMarketo(refused("701"))).workspaces()


def test_workspaces_are_those_with_a_folder_for_lists() -> None:
    marketo = ScriptedMarketo(FOLDERS)
    assert lists(marketo).workspaces() == ["Default", "EMEA"]
    assert marketo.sent[0].query == {"name": "Group Lists", "type": "Folder"}


def test_a_name_with_commas_is_searched_and_created_without_them() -> None:
    marketo = ScriptedMarketo(ok(), FOLDERS, made(41, "Berlin; Paris"))
    lists(marketo).ensure("Berlin, Paris", "Default")
    assert marketo.sent[0].query["name"] == "Berlin; Paris"
    assert marketo.sent[2].form["name"] == "Berlin; Paris"


def test_safe_names() -> None:
    assert safe_name("Webinar leads") == "Webinar leads"
    assert safe_name("  Berlin,\tParis,Rome \n") == "Berlin; Paris;Rome"
    assert safe_name("x" * 255) == "x" * 255


def test_long_names_are_cut_and_stay_different() -> None:
    one, other = safe_name("x" * 300 + "1"), safe_name("x" * 300 + "2")
    assert len(one) == len(other) == 255
    assert one != other
    assert one == safe_name("x" * 300 + "1") == safe_name(one)


def test_a_long_name_that_is_taken_still_fits() -> None:
    long = "x" * 300
    marketo = ScriptedMarketo(ok(), FOLDERS, TAKEN, ok(), ok(), made(42))
    lists(marketo).ensure(long, "Default")
    name = marketo.sent[-1].form["name"]
    assert len(name) <= 255
    assert name.endswith(" (2)")


def test_who_is_on_a_list_is_asked_for_by_id_once_each() -> None:
    marketo = ScriptedMarketo(
        ok(
            {"id": 3, "status": "notmemberof"},
            {"id": 4, "status": "skipped", "reasons": [{"code": "1004", "message": "Lead not found"}]},
            {"id": 2, "status": "memberof"},
        )
    )
    assert lists(marketo).membership(7, [2, 3, 2, 4]) == {
        2: RecordResult(2, "memberof"),
        3: RecordResult(3, "notmemberof"),
        4: RecordResult(4, "skipped", "1004"),
    }
    sent = marketo.sent[0]
    assert (sent.method, sent.path) == ("GET", "/rest/v1/lists/7/leads/ismember.json")
    assert sent.query == {"id": "2,3,4"}


def test_nobody_is_not_asked_for() -> None:
    assert lists(ScriptedMarketo()).membership(7, []) == {}


def test_the_folder_of_a_workspace_is_asked_for_once() -> None:
    marketo = ScriptedMarketo(ok(), FOLDERS, made(41, "One"), ok(), made(42, "Two"))
    found_before = lists(marketo)
    assert [found_before.ensure(name, "Default").id for name in ("One", "Two")] == [41, 42]
    assert len(marketo.sent) == 5


def test_a_folder_that_is_another_one_by_now_is_asked_for_again() -> None:
    marketo = ScriptedMarketo(ok(), refused("710"), FOLDERS, made(42))
    assert Lists(client(marketo), {"Default": 11}).ensure("Webinar", "Default").id == 42
    assert json.loads(marketo.sent[-1].form["folder"])["id"] == 12


def test_a_folder_that_this_user_may_not_use_is_asked_for_once() -> None:
    with pytest.raises(ConnectionBlockedError, match="710"):
        lists(ScriptedMarketo(ok(), FOLDERS, refused("710"))).ensure("Webinar", "Default")
