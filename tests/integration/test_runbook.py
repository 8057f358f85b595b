"""What docs/operations.md and docs/delivery.md say to do, done as they say."""

from collections.abc import Iterator
from typing import Any

import pytest

from testing.control_plane import audience_path, call
from testing.stack import MAPPING, RunningStack, stack

Connected = tuple[str, str]
"""A connection's id, and its token."""


@pytest.fixture(name="stack")
def _stack() -> Iterator[RunningStack]:
    seed = {
        "fields": [{"name": "customerKey", "searchable": True}],
        "workspaces": [{"name": "EMEA"}],
    }
    with stack(seed) as found:
        yield found


def activate(connection: Connected, **properties: object) -> int:
    """The list of the audience, which is found or made."""
    answer = call("POST", f"/connections/{connection[0]}/audiences", {"id": "aud-1", "name": "Webinar", **properties})
    assert answer.status in {200, 201}, answer.text
    return int(answer.json["list"]["id"])


def enable(connection: Connected) -> None:
    answer = call("POST", f"/connections/{connection[0]}/enable")
    assert (answer.status, answer.json["status"]) == (200, "enabled")


def delivering(stack: RunningStack, *people: str, **changes: object) -> tuple[Connected, int]:
    """A connection that has delivered people to its list; and the list."""
    connection = stack.connect(mapping=MAPPING, **changes)
    list_id = activate(connection)
    enable(connection)
    assert stack.post(connection, *((who, "realized") for who in people)) == 202
    assert stack.deliver() == set()
    assert stack.members(list_id) == set(people)
    return connection, list_id


def verified(stack: RunningStack, connection: Connected, **request: object) -> dict[str, Any]:
    """What a verification found of the audience, after all that waits."""
    assert stack.deliver() == set()
    made = call("POST", f"/connections/{connection[0]}/verifications", request)
    assert made.status == 202, made.text
    assert stack.deliver() == set()
    found: dict[str, Any] = call("GET", f"/connections/{connection[0]}/verifications/{made.json['id']}").json
    assert found["status"] == "completed"
    of_audience: dict[str, Any]
    (of_audience,) = found["audiences"]
    return of_audience


@pytest.mark.remedy("activate-again")
def test_a_list_that_was_deleted_in_marketo(stack: RunningStack) -> None:
    connection, before = delivering(stack, "Ada", "Bob", "Cy")
    del stack.marketo.state.lists[before]
    assert stack.post(connection, ("Dan", "realized"), ("Cy", "exited")) == 202
    assert stack.deliver() == set()
    assert call("GET", f"/connections/{connection[0]}/parking").json["events"] == 2
    shown = call("GET", f"/connections/{connection[0]}").json
    assert (shown["status"], shown["blocked_cause"][:4]) == ("blocked", "1013")

    after = activate(connection)
    assert after != before
    enable(connection)
    verified(stack, connection)
    assert stack.members(after) >= {"Ada", "Bob"}

    # What was queued is delivered when it comes back.
    assert stack.post(connection, ("Dan", "realized"), ("Cy", "exited")) == 202
    assert stack.deliver() == set()
    assert stack.members(after) == {"Ada", "Bob", "Dan"}


@pytest.mark.remedy("verify")
def test_somebody_left_and_is_on_the_list(stack: RunningStack) -> None:
    connection, list_id = delivering(stack, "Ada", "Bob")
    assert stack.post(connection, ("Bob", "exited")) == 202
    assert stack.deliver() == set()
    members = stack.marketo.state.lists[list_id].members
    [ada] = members
    (bob,) = stack.marketo.state.leads.keys() - {ada}
    members.add(bob)
    check = verified(stack, connection)
    assert (check["leavers"]["count"], check["leavers"]["repaired"]) == (1, 1)
    assert stack.members(list_id) == {"Ada"}


def test_somebody_was_put_on_the_list_by_others(stack: RunningStack) -> None:
    connection, list_id = delivering(stack, "Ada")
    stack.marketo.seed({"leads": [{"id": 4711, "email": "eve@example.org", "firstName": "Eve"}]})
    stack.marketo.state.lists[list_id].members.add(4711)
    assert verified(stack, connection)["foreign"]["count"] == 1
    assert stack.members(list_id) == {"Ada", "Eve"}
    assert verified(stack, connection, repair=["foreign"])["foreign"]["repaired"] == 1
    assert stack.members(list_id) == {"Ada"}


def test_an_audience_that_comes_back_has_who_is_in_it_by_then(stack: RunningStack) -> None:
    connection, list_id = delivering(stack, "Ada", "Bob")
    assert call("DELETE", audience_path(connection[0], "aud-1")).status == 204
    assert stack.post(connection, ("Bob", "exited"), ("Ada", "realized"), ("Cy", "realized")) == 202
    assert stack.deliver() == set()
    assert stack.members(list_id) == {"Ada", "Bob"}
    assert activate(connection) == list_id
    check = verified(stack, connection)
    assert stack.members(list_id) == {"Ada"}
    assert check["unapplied"] == {"LEAD_UNKNOWN": 1}
    assert stack.post(connection, ("Cy", "realized")) == 202
    assert stack.deliver() == set()
    assert stack.members(list_id) == {"Ada", "Cy"}


def test_lists_in_another_workspace(stack: RunningStack) -> None:
    connection, before = delivering(stack, "Ada", "Bob")
    path = f"/connections/{connection[0]}"
    assert call("PATCH", path, {"workspace": "EMEA"}).status == 422
    assert call("POST", f"{path}/disable").status == 200
    assert call("DELETE", audience_path(connection[0], "aud-1")).status == 204
    assert call("PATCH", path, {"workspace": "EMEA"}).status == 200
    after = activate(connection)
    enable(connection)
    verified(stack, connection)
    assert stack.members(after) == stack.members(before) == {"Ada", "Bob"}
    # The first workspace's list is nobody's by now.
    assert stack.post(connection, ("Bob", "exited")) == 202
    assert stack.deliver() == set()
    assert (stack.members(after), stack.members(before)) == ({"Ada"}, {"Ada", "Bob"})


def test_somebody_whose_address_has_changed(stack: RunningStack) -> None:
    connection, list_id = delivering(stack, "old")
    profile = {"email": "new@example.org", "firstName": "new", "lastName": "Lovelace"}
    assert stack.send(connection, {"profile": profile, "audiences": [{"id": "aud-1", "status": "realized"}]}) == 202
    assert stack.deliver() == set()
    assert stack.members(list_id) == {"old", "new"}
    left = {"profile": {"email": "old@example.org"}, "audiences": [{"id": "aud-1", "status": "exited"}]}
    assert stack.send(connection, left) == 202
    assert stack.deliver() == set()
    assert stack.members(list_id) == {"new"}


def test_with_a_key_that_stays_an_address_is_a_field_that_changes(stack: RunningStack) -> None:
    by_key = [
        {"source": "key", "target": "DedupeField"},
        *MAPPING[1:3],
        {"source": "email", "target": "email"},
    ]
    connection = stack.connect(mapping=by_key, dedupe_field="customerKey")
    list_id = activate(connection)
    enable(connection)
    for address in ("old@example.org", "new@example.org"):
        profile = {"email": address, "firstName": "Ada", "lastName": "Lovelace", "key": "C-17"}
        event = {"profile": profile, "audiences": [{"id": "aud-1", "status": "realized"}]}
        assert stack.send(connection, event) == 202
        assert stack.deliver() == set()
    (lead,) = stack.marketo.state.leads.values()
    assert lead.values["email"] == "new@example.org"
    assert stack.members(list_id) == {"Ada"}


def test_of_two_leads_that_are_merged_one_is_gone(stack: RunningStack) -> None:
    connection, list_id = delivering(stack, "old", "new")
    leads = stack.marketo.state.leads
    (loser,) = (lead for lead in leads.values() if lead.values["firstName"] == "old")
    stack.marketo.state.delete_lead(loser)
    check = verified(stack, connection)
    assert (check["gone"], check["missing"]["count"], check["foreign"]["count"]) == (1, 0, 0)
    assert stack.members(list_id) == {"new"}


def test_a_list_that_is_gone_is_renamed_once_the_audience_is_activated_again(stack: RunningStack) -> None:
    """As the problem says; so do those below."""
    connection, before = delivering(stack, "Ada", propagate_renames=True)
    path = audience_path(connection[0], "aud-1")
    del stack.marketo.state.lists[before]
    refused = call("PATCH", path, {"name": "Seminar"})
    assert (refused.status, list(refused.errors)) == (422, ["name"])
    assert refused.errors["name"].endswith("activate the audience again first")

    after = activate(connection)
    assert call("PATCH", path, {"name": "Seminar"}).json["list"] == {"id": after, "name": "Seminar"}
    verified(stack, connection)
    assert (stack.marketo.state.lists[after].name, stack.members(after)) == ("Seminar", {"Ada"})


def test_an_audience_without_a_list_has_one_once_it_is_activated_again(stack: RunningStack) -> None:
    connection = stack.connect(mapping=MAPPING, sync_type="profile_only")
    path = f"/connections/{connection[0]}"
    assert call("POST", f"{path}/audiences", {"id": "aud-1", "name": "Webinar"}).json["list"] is None
    enable(connection)
    assert call("POST", f"{path}/disable").status == 200
    assert call("PATCH", path, {"sync_type": "audience_and_profile"}).status == 200
    refused = call("POST", f"{path}/enable")
    assert (refused.status, refused.errors["audiences"]) == (
        409,
        "audience aud-1 (any namespace) has no list: activate it again",
    )

    list_id = activate(connection)
    enable(connection)
    assert stack.post(connection, ("Ada", "realized")) == 202
    assert stack.deliver() == set()
    assert stack.members(list_id) == {"Ada"}


def test_an_audience_has_another_list_once_it_was_deactivated(stack: RunningStack) -> None:
    connection, before = delivering(stack, "Ada")
    path = audience_path(connection[0], "aud-1")
    other = {"id": 1999, "name": "Other", "workspace": "Default"}
    stack.marketo.seed({"lists": [other]})
    refused = call("PATCH", path, {"list": {"id": 1999}})
    assert (refused.status, refused.errors["list"]) == (
        422,
        "cannot be changed: deactivate the audience, then activate it again",
    )
    again = {"id": "aud-1", "name": "Webinar", "list": {"id": 1999}}
    refused = call("POST", f"/connections/{connection[0]}/audiences", again)
    assert (refused.status, "deactivate it first" in refused.json["detail"]) == (409, True)

    assert call("DELETE", path).status == 204
    assert activate(connection, list={"id": 1999}) == 1999
    verified(stack, connection)
    assert stack.members(1999) == stack.members(before) == {"Ada"}
