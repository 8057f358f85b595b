"""The control plane's connections as they are enabled, disabled and deleted."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from destination.domain.credentials import ClientCredentials
from destination.store.errors import NotFoundError
from marketo_simulator import Simulator
from testing.control_plane import (
    AUD_1,
    CREATE,
    activated,
    audiences,
    call,
    created,
    credentials,
    delivering,
    ingresses,
    items,
    lists,
    secret_names,
    stored,
)

pytestmark = pytest.mark.usefixtures("marketo")


def test_enabling_needs_a_complete_configuration() -> None:
    connection_id = created(mapping=[], credentials=None)
    answer = call("POST", f"/connections/{connection_id}/enable")
    assert answer.status == 409
    assert answer.errors.keys() == {"credentials", "mapping", "audiences"}
    assert stored(connection_id).status == "draft"


def test_a_connection_is_enabled_and_disabled() -> None:
    connection_id = created()
    activated(connection_id)
    enabled = call("POST", f"/connections/{connection_id}/enable")
    assert (enabled.status, enabled.json["status"], enabled.json["version"]) == (200, "enabled", 2)
    assert call("POST", f"/connections/{connection_id}/enable").json["version"] == 2
    disabled = call("POST", f"/connections/{connection_id}/disable")
    assert (disabled.status, disabled.json["status"], disabled.json["version"]) == (200, "disabled", 3)


def test_disabling_a_draft_leaves_it_a_draft() -> None:
    assert call("POST", f"/connections/{created()}/disable").json["status"] == "draft"


def test_enabling_ends_a_block() -> None:
    connection_id = created()
    activated(connection_id)
    call("POST", f"/connections/{connection_id}/enable")
    delivering().block(connection_id, "603: access denied", datetime.now(UTC))
    blocked = call("GET", f"/connections/{connection_id}").json
    assert (blocked["status"], blocked["blocked_cause"]) == ("blocked", "603: access denied")
    again = call("POST", f"/connections/{connection_id}/enable").json
    assert (again["status"], again["blocked_cause"]) == ("enabled", None)


@pytest.mark.parametrize("status", ["enabled", "blocked"])
def test_an_enabled_connection_stays_complete(marketo: Simulator, status: str) -> None:
    connection_id = created(sync_type="profile_only")
    activated(connection_id)
    call("POST", f"/connections/{connection_id}/enable")
    if status == "blocked":
        delivering().block(connection_id, "603: access denied", datetime.now(UTC))
    breaking: list[Mapping[str, object]] = [{"mapping": []}, {"mapping": [], "sync_type": "audience_and_profile"}]
    for patch in breaking:
        answer = call("PATCH", f"/connections/{connection_id}", patch)
        assert answer.status == 409
        assert answer.errors.keys() == {"mapping"}
    assert lists(marketo) == {}
    renamed = call("PATCH", f"/connections/{connection_id}", {"name": "Renamed"}).json
    assert (renamed["status"], renamed["name"]) == (status, "Renamed")


def test_deleting_removes_all_but_the_lists(marketo: Simulator) -> None:
    connection_id = created(sync_type="profile_only", munchkin_id="999-ZZZ-999", credentials=None)
    kept = created()
    activated(kept)
    activated(connection_id)
    assert call("DELETE", f"/connections/{kept}").status == 204
    assert {item["pk"]["S"] for item in items() if item["sk"]["S"].startswith(("connection", "activation"))} == {
        connection_id
    }
    assert secret_names() == []
    assert list(lists(marketo).values()) == ["Webinar; spring"]
    assert call("DELETE", f"/connections/{kept}").status == 404
    with pytest.raises(NotFoundError):
        credentials(kept)


def enabled() -> str:
    connection_id = created()
    activated(connection_id)
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id


def test_a_draft_is_deleted_at_once() -> None:
    connection_id = created()
    assert call("DELETE", f"/connections/{connection_id}").status == 204
    assert secret_names() == []


def test_what_has_let_events_in_is_deleted_once_they_are_delivered() -> None:
    connection_id = enabled()
    path = f"/connections/{connection_id}"
    going = call("DELETE", path, headers={"If-Match": '"2"'})
    assert (going.status, going.json["status"], going.headers["ETag"]) == (202, "deleting", '"3"')
    assert going.json["deleting_since"] is not None
    assert call("DELETE", path).json == going.json == call("GET", path).json
    assert credentials(connection_id) == ClientCredentials("client", "secret")
    assert len(audiences().list(connection_id)) == 1
    ingress = ingresses().get(connection_id)
    assert ingress is not None
    assert ingress.status == "deleting"


def test_what_is_queued_can_be_discarded_at_once_or_later() -> None:
    for first in ({"discard": "true"}, {}):
        connection_id = enabled()
        call("DELETE", f"/connections/{connection_id}", query=first)
        call("DELETE", f"/connections/{connection_id}", query={"discard": "true"})
        assert call("GET", f"/connections/{connection_id}").status == 404
        assert [name for name in secret_names() if connection_id in name] == []


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PATCH", "", {"name": "Mine"}),
        ("PUT", "/mapping", CREATE["mapping"]),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
        ("POST", "/ingest-token", None),
        ("POST", "/audiences", {"id": "aud-2", "name": "Another"}),
        ("PATCH", f"/audiences/{AUD_1}", {"name": "Another"}),
        ("DELETE", f"/audiences/{AUD_1}", None),
    ],
)
def test_what_is_being_deleted_takes_no_changes(method: str, below: str, body: object) -> None:
    connection_id = enabled()
    going = call("DELETE", f"/connections/{connection_id}").json
    answer = call(method, f"/connections/{connection_id}{below}", body)
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:deleting")
    assert call("GET", f"/connections/{connection_id}").json == going
