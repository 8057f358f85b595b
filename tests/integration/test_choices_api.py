"""What Marketo offers to choose from, through the control plane's handler."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from marketo_simulator import Fault, Simulator
from testing.control_plane import call, control_plane, created, fresh

MARKETO: Mapping[str, Any] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "workspaces": [{"name": "Europe", "partitions": ["EMEA"]}],
    "fields": [
        {"name": "fullAddress", "data_type": "formula"},
        {"name": "customerKey", "data_type": "string", "display_name": "Customer Key", "length": 40},
        {"name": "secretKey", "data_type": "string", "searchable": False},
    ],
    "lists": [
        {"name": "Webinar", "id": 1001, "workspace": "Default"},
        {"name": "Webinar", "id": 1002, "workspace": "Europe"},
        {"name": "Newsletter", "id": 1003, "workspace": "Default"},
    ],
}
SELECTORS = ("dedupe-fields", "fields", "partitions", "workspaces", "lists")


@pytest.fixture(scope="module")
def stack() -> Iterator[Simulator]:
    with control_plane() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def marketo(stack: Simulator) -> Iterator[Simulator]:
    with fresh(stack):
        stack.seed(MARKETO)
        yield stack


def asked(selector: str, connection_id: str = "", **query: str) -> Any:
    answer = call("GET", f"/connections/{connection_id or created()}/marketo/{selector}", query=query or None)
    assert answer.status == 200, answer.text
    return answer.json


def role(marketo: Simulator, *permissions: str, partitions: list[str] | None = None) -> str:
    """A connection whose API user has these permissions alone."""
    client = {"client_id": "narrow", "client_secret": "secret", "permissions": list(permissions)}
    marketo.seed({"clients": [client | {"partitions": partitions}]})
    return created(credentials={"client_id": "narrow", "client_secret": "secret"})


def test_people_can_be_found_by_searchable_fields_but_not_by_lead_id_or_ecid(marketo: Simulator) -> None:
    marketo.seed({"fields": [{"name": "ecids", "data_type": "string", "searchable": True}]})
    shown = asked("dedupe-fields")["dedupe_fields"]
    names = [field["name"] for field in shown]
    assert {"email", "customerKey"} <= set(names)
    assert {"id", "ecids", "secretKey"}.isdisjoint(names)
    assert names == sorted(names)
    assert {"name": "customerKey", "display_name": "Customer Key", "type": "string"} in shown


def test_fields_say_what_they_take_and_whether_they_can_be_written() -> None:
    shown = {field["name"]: field for field in asked("fields")["fields"]}
    assert shown["customerKey"] == {
        "name": "customerKey",
        "display_name": "Customer Key",
        "type": "string",
        "length": 40,
        "writable": True,
    }
    unwritable = {"id", "leadPartitionId", "createdAt", "ecids", "fullAddress", "contactCompany"}
    assert {name for name in unwritable if shown[name]["writable"]} == set()
    assert shown["unsubscribed"]["length"] is None


@pytest.mark.parametrize(("seen", "names"), [(None, ["Default", "EMEA"]), (["EMEA"], ["EMEA"])])
def test_partitions_are_those_that_the_api_user_sees(
    marketo: Simulator, seen: list[str] | None, names: list[str]
) -> None:
    connection_id = role(marketo, "Read-Only Lead", partitions=seen)
    assert [one["name"] for one in asked("partitions", connection_id)["partitions"]] == names


ALL = ["Default", "Europe"]


@pytest.mark.parametrize(
    ("permissions", "source"),
    [
        (["Access User Management Api", "Access Users"], "user_management"),
        (["Access User Management Api", "Read-Only Assets"], "derived"),
        (["Read-Only Assets"], "derived"),
        (["Read-Only Lead"], "derived"),
    ],
)
def test_workspaces_say_where_they_are_known_from(marketo: Simulator, permissions: list[str], source: str) -> None:
    shown = asked("workspaces", role(marketo, *permissions))
    assert shown == {"source": source, "workspaces": [{"name": name} for name in ALL]}


def test_lists_are_paged_to_their_end() -> None:
    connection_id, query, found = created(), {"limit": "2"}, []
    for _ in range(2):
        page = asked("lists", connection_id, **query)
        found += page["lists"]
        query["cursor"] = page["cursor"]
    assert page["cursor"] is None
    assert [(one["id"], one["name"], one["workspace"]) for one in found] == [
        (1001, "Webinar", "Default"),
        (1002, "Webinar", "Europe"),
        (1003, "Newsletter", "Default"),
    ]


def test_lists_are_found_by_their_name() -> None:
    assert [one["id"] for one in asked("lists", name="Webinar")["lists"]] == [1001, 1002]
    assert asked("lists", name="Nothing") == {"lists": [], "cursor": None}


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        (
            {"name": "a, b"},
            {"name": "must have no comma: Marketo cannot search such names; leave it out, and look through all lists"},
        ),
        ({"cursor": "made-up"}, {"cursor": "must be that of the page before; leave it out to start"}),
        ({"limit": "301"}, {"limit": "must be at most 300"}),
        ({"limit": "0"}, {"limit": "must be at least 1"}),
        ({"name": ""}, {"name": "must not be empty"}),
    ],
)
def test_what_lists_cannot_be_asked_for_is_refused(query: Mapping[str, str], errors: Mapping[str, str]) -> None:
    answer = call("GET", f"/connections/{created()}/marketo/lists", query=query)
    assert (answer.status, answer.errors) == (422, errors)


@pytest.mark.parametrize("selector", SELECTORS)
def test_choices_need_credentials(marketo: Simulator, selector: str) -> None:
    answer = call("GET", f"/connections/{created(credentials=None)}/marketo/{selector}")
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:incomplete")
    assert answer.errors == {"credentials": "give them first: the choices are read from Marketo"}
    assert marketo.log() == []


@pytest.mark.parametrize("selector", SELECTORS)
def test_choices_of_nobody_are_not_found(selector: str) -> None:
    assert call("GET", f"/connections/nobody/marketo/{selector}").status == 404


@pytest.mark.usefixtures("short_window")
@pytest.mark.parametrize("selector", SELECTORS)
@pytest.mark.parametrize(
    ("code", "status", "kind"), [("610", 409, "marketo-blocked"), ("606", 503, "marketo-unavailable")]
)
def test_what_marketo_refuses_is_explained(
    marketo: Simulator, selector: str, code: str, status: int, kind: str
) -> None:
    connection_id = created()
    marketo.script(Fault(code=code, path="^/(rest|userservice)/", every=1))
    answer = call("GET", f"/connections/{connection_id}/marketo/{selector}")
    assert (answer.status, answer.json["type"]) == (status, f"urn:marketo-destination:problem:{kind}")


@pytest.mark.parametrize("selector", SELECTORS)
def test_a_choice_takes_one_call(marketo: Simulator, selector: str) -> None:
    asked(selector)
    assert len([one for one in marketo.log() if one.counted]) == 1
