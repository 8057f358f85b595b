"""Audiences through the control plane's handler: what the answers say, what is stored, and what Marketo is told."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from destination.composition import aws
from destination.composition import connections as composition
from marketo_simulator import Fault, Simulator
from testing.control_plane import (
    AUD_1,
    activated,
    audience_path,
    audiences,
    call,
    created,
    lists,
    secret_names,
)

pytestmark = pytest.mark.usefixtures("marketo")


def test_activating_makes_the_audience_a_list(marketo: Simulator) -> None:
    connection_id = created()
    answer = activated(connection_id, start="2026-11-01T00:00:00+01:00", origin="Segmentation Service")
    assert answer.status == 201
    made = answer.json["list"]
    assert lists(marketo)[made["id"]] == made["name"] == "Webinar; spring"
    assert answer.json == {
        "id": "aud-1",
        "namespace": None,
        "name": "Webinar, spring",
        "data_type": "people",
        "origin": "Segmentation Service",
        "start": "2026-10-31T23:00:00Z",
        "end": None,
        "when_list_missing": "block",
        "labels": [],
        "activation_id": AUD_1,
        "version": 1,
        "list": made,
        "list_size": None,
        "fill_due_at": None,
    }
    activation = audiences().get(connection_id, AUD_1)
    assert (activation.list_id, activation.list_name) == (made["id"], made["name"])


def test_activating_again_keeps_the_list_and_renews_the_rest(marketo: Simulator) -> None:
    connection_id = created()
    first = activated(connection_id).json
    again = activated(connection_id, name="Renamed", end="2026-12-01T00:00:00Z")
    assert again.status == 200
    assert (again.json["list"], again.json["name"], again.json["end"]) == (
        first["list"],
        "Renamed",
        "2026-12-01T00:00:00Z",
    )
    assert len(lists(marketo)) == 1


def test_a_list_of_the_name_is_found_in_the_workspace(marketo: Simulator) -> None:
    marketo.seed({"lists": [{"name": "Webinar; spring", "id": 4711, "workspace": "Default"}]})
    assert activated(created()).json["list"] == {"id": 4711, "name": "Webinar; spring"}
    assert lists(marketo) == {4711: "Webinar; spring"}


def test_a_list_that_is_named_is_adopted(marketo: Simulator) -> None:
    marketo.seed({"lists": [{"name": "Hand-made", "id": 4711, "workspace": "Default"}]})
    connection_id = created()
    assert activated(connection_id, list={"id": 4711}).json["list"] == {"id": 4711, "name": "Hand-made"}
    assert activated(connection_id, list={"id": 4711}).status == 200
    other = activated(connection_id, list={"id": 4712})
    assert (other.status, other.json["type"]) == (409, "urn:marketo-destination:problem:already-bound")
    assert audiences().get(connection_id, AUD_1).list_id == 4711


def test_a_list_that_is_not_there_cannot_be_named() -> None:
    connection_id = created()
    answer = activated(connection_id, list={"id": 4711})
    assert answer.status == 422
    assert "leave list out" in answer.errors["list.id"]
    assert audiences().list(connection_id) == ()


def test_an_audience_whose_list_was_deleted_gets_another_when_activated_again(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    marketo.reset()
    again = activated(connection_id, name="Another name").json["list"]
    assert again["name"] == "Another name"
    assert lists(marketo) == {again["id"]: "Another name"}


def test_profiles_only_need_no_list_and_no_marketo(marketo: Simulator) -> None:
    answer = activated(created(sync_type="profile_only", credentials=None))
    assert (answer.status, answer.json["list"]) == (201, None)
    assert marketo.log() == []


def test_lists_need_credentials() -> None:
    connection_id = created(credentials=None)
    answer = activated(connection_id)
    assert answer.status == 409
    assert answer.errors.keys() == {"credentials"}
    assert audiences().list(connection_id) == ()


@pytest.mark.parametrize(
    ("members", "path"),
    [({"data_type": "account"}, "data_type"), ({"start": "x"}, "start"), ({"labels": ["C/4"]}, "labels[0]")],
)
def test_an_audience_that_breaks_a_rule_is_not_activated(
    marketo: Simulator, members: Mapping[str, Any], path: str
) -> None:
    connection_id = created()
    answer = activated(connection_id, **members)
    assert answer.status == 422
    assert answer.errors.keys() == {path}
    assert audiences().list(connection_id) == ()
    assert lists(marketo) == {}


@pytest.mark.parametrize("audience_id", ["", " ", " a", "a ", "a\n", "a\tb", "a\u202eb", "\u200b", "x" * 257, "a\x00"])
def test_an_id_that_is_empty_too_long_or_has_what_nobody_sees_is_refused(audience_id: str) -> None:
    answer = activated(created(), audience_id)
    assert (answer.status, set(answer.errors)) == (422, {"id"})


@pytest.mark.parametrize(
    "audience_id",
    [
        "aud-1",
        "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "Webinar / spring, 100 %",
        "..",
        "a%2Fb",
        'a#b?c="d"',
        "-a",
        "聴衆 2026",
        "👩\u200d👧 families",
        "می\u200cشود",
        "👍" * 256,
    ],
)
def test_any_text_is_an_id_and_its_activation_has_a_short_one_for_paths(audience_id: str) -> None:
    connection_id = created()
    made = activated(connection_id, audience_id)
    assert (made.status, made.json["id"]) == (201, audience_id)
    assert re.fullmatch("[0-9a-f]{12}", made.json["activation_id"])
    path = audience_path(connection_id, audience_id)
    assert path.endswith(f"/audiences/{made.json['activation_id']}")
    assert call("GET", path).json == made.json
    assert call("PATCH", path, {"name": "Another"}).json["id"] == audience_id
    assert activated(connection_id, audience_id).json["activation_id"] == made.json["activation_id"]
    assert call("DELETE", path).status == 204
    assert call("GET", path).status == 404


def test_audiences_of_two_namespaces_are_two() -> None:
    connection_id = created()
    activated(connection_id)
    activated(connection_id, namespace="csv", name="Imported")
    listed = call("GET", f"/connections/{connection_id}/audiences").json["audiences"]
    assert [(one["namespace"], one["name"]) for one in listed] == [(None, "Webinar, spring"), ("csv", "Imported")]
    of_csv = audience_path(connection_id, "aud-1", "csv")
    assert call("GET", of_csv).json["name"] == "Imported"
    assert call("DELETE", of_csv).status == 204
    assert call("GET", of_csv).status == 404
    assert call("GET", audience_path(connection_id, "aud-1")).json["name"] == "Webinar, spring"


def test_an_activation_is_changed_in_place(marketo: Simulator) -> None:
    connection_id = created()
    before = activated(connection_id, start="2026-11-01T00:00:00Z").json
    calls = len(marketo.log())
    answer = call("PATCH", audience_path(connection_id, "aud-1"), {"name": "Renamed", "start": None})
    assert answer.status == 200
    assert answer.json == {**before, "name": "Renamed", "start": None, "version": 2}
    assert call("GET", audience_path(connection_id, "aud-1")).json == answer.json
    assert len(marketo.log()) == calls


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"id": "aud-2"}, "id"),
        ({"namespace": "csv"}, "namespace"),
        ({"list": {"id": 1}}, "list"),
        ({"list": None}, "list"),
        ({"data_type": "account"}, "data_type"),
        ({"name": ""}, "name"),
        ({"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "end"),
    ],
)
def test_an_activation_keeps_to_the_rules(patch: Mapping[str, object], path: str) -> None:
    connection_id = created()
    before = activated(connection_id).json
    answer = call("PATCH", audience_path(connection_id, "aud-1"), patch)
    assert answer.status == 422
    assert answer.errors.keys() == {path}
    assert call("GET", audience_path(connection_id, "aud-1")).json == before


def test_deactivating_leaves_the_list(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    assert call("DELETE", audience_path(connection_id, "aud-1")).status == 204
    assert call("DELETE", audience_path(connection_id, "aud-1")).status == 404
    assert audiences().list(connection_id) == ()
    assert list(lists(marketo).values()) == ["Webinar; spring"]


@pytest.mark.usefixtures("short_window")
@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("603", 409, "marketo-blocked"),
        ("610", 409, "marketo-blocked"),
        ("606", 503, "marketo-unavailable"),
        ("607", 503, "marketo-unavailable"),
        ("502", 503, "marketo-unavailable"),
        ("701", 502, "marketo-rejected"),
        ("99999", 503, "marketo-unavailable"),
    ],
)
def test_what_marketo_refuses_is_explained(marketo: Simulator, code: str, status: int, kind: str) -> None:
    connection_id = created()
    marketo.script(Fault(effect="error", code=code, path="/rest/.*", every=1))
    answer = activated(connection_id)
    assert answer.status == status
    assert answer.json["type"] == f"urn:marketo-destination:problem:{kind}"
    assert code in answer.json["detail"]
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert audiences().list(connection_id) == ()


def test_wrong_credentials_are_named(marketo: Simulator) -> None:
    connection_id = created(credentials={"client_id": "client", "client_secret": "wrong"})
    answer = activated(connection_id)
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:marketo-blocked")
    assert "client secret" in answer.json["detail"]
    assert "wrong" not in answer.text


def test_a_workspace_without_a_folder_for_lists_is_named() -> None:
    answer = activated(created(workspace="Nowhere"))
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:marketo-blocked")
    assert "workspace" in answer.json["detail"]


def test_the_access_token_is_shared_as_a_secret() -> None:
    first, second = created(), created()
    activated(first)
    activated(second, "aud-2", name="Other")
    assert sorted(secret_names()) == sorted(
        [f"dest/credentials/{first}", f"dest/credentials/{second}", "dest/tokens/123-ABC-456/client"]
    )


def test_the_calls_of_all_requests_to_an_instance_share_a_window(marketo: Simulator) -> None:
    first, second = created(), created()
    activated(first)
    alone = len(composition.pace_for("123-ABC-456").state().calls)
    activated(second, "aud-2", name="Another")
    assert len(composition.pace_for("123-ABC-456").state().calls) == 2 * alone > 0
    assert composition.pace_for("999-ZZZ-999").state().calls == ()


def test_without_time_left_for_an_answer_nothing_is_asked(marketo: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connection_id = created()
    monkeypatch.setattr(composition, "LAST_ANSWER", 0.0)
    answer = activated(connection_id)
    assert (answer.status, answer.json["type"]) == (503, "urn:marketo-destination:problem:marketo-unavailable")
    assert lists(marketo) == {}
    assert call("GET", f"/connections/{connection_id}/audiences").json == {"audiences": []}


@pytest.mark.parametrize("if_match", ['"2"', "x"])
@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("POST", "", {"id": "aud-1", "name": "Mine"}),
        ("PATCH", f"/{AUD_1}", {"name": "Mine"}),
        ("DELETE", f"/{AUD_1}", None),
    ],
)
def test_a_stale_change_of_an_activation_is_refused(method: str, below: str, body: object, if_match: str) -> None:
    connection_id = created()
    first = activated(connection_id)
    path = f"/connections/{connection_id}/audiences"
    answer = call(method, path + below, body, headers={"If-Match": if_match})
    assert (answer.status, answer.json["type"]) == (412, "urn:marketo-destination:problem:stale")
    assert call("GET", f"{path}/{AUD_1}").json == first.json


def test_changes_of_an_activation_raise_its_version() -> None:
    connection_id = created()
    assert activated(connection_id).headers["ETag"] == '"1"'
    path = audience_path(connection_id, "aud-1")
    changed = call("PATCH", path, {"name": "Renamed"}, headers={"If-Match": '"1"'})
    assert (changed.status, changed.headers["ETag"], changed.json["version"]) == (200, '"2"', 2)
    assert call("PATCH", path, {"name": "Renamed"}).json["version"] == 2
    again = call(
        "POST",
        f"/connections/{connection_id}/audiences",
        {"id": "aud-1", "name": "Once more"},
        headers={"If-Match": '"2"'},
    )
    assert (again.status, again.json["version"]) == (200, 3)
    assert call("DELETE", path, headers={"If-Match": '"3"'}).status == 204


def test_an_activation_that_is_expected_and_not_there_is_stale() -> None:
    body = {"id": "aud-1", "name": "Webinar"}
    answer = call("POST", f"/connections/{created()}/audiences", body, headers={"If-Match": '"1"'})
    assert answer.status == 412


def test_a_renamed_audience_renames_its_list_where_that_is_wanted(marketo: Simulator) -> None:
    connection_id = created(propagate_renames=True)
    list_id = activated(connection_id).json["list"]["id"]
    renamed = call("PATCH", audience_path(connection_id, "aud-1"), {"name": "Autumn, all"})
    assert renamed.json["list"] == {"id": list_id, "name": "Autumn; all"}
    assert lists(marketo) == {list_id: "Autumn; all"}
    assert call("GET", audience_path(connection_id, "aud-1")).json == renamed.json


def test_a_name_that_another_list_has_is_refused(marketo: Simulator) -> None:
    marketo.seed({"lists": [{"name": "Taken", "id": 4711, "workspace": "Default"}]})
    connection_id = created(propagate_renames=True)
    before = activated(connection_id).json
    answer = call("PATCH", audience_path(connection_id, "aud-1"), {"name": "Taken"})
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:already-bound")
    assert "Taken" in answer.json["detail"]
    assert call("GET", audience_path(connection_id, "aud-1")).json == before


def test_an_audience_activated_again_by_another_name_renames_its_list_too(marketo: Simulator) -> None:
    connection_id = created(propagate_renames=True)
    list_id = activated(connection_id).json["list"]["id"]
    again = activated(connection_id, name="Autumn")
    assert (again.status, again.json["list"]) == (200, {"id": list_id, "name": "Autumn"})
    assert lists(marketo) == {list_id: "Autumn"}


def test_a_list_that_is_gone_cannot_be_renamed(marketo: Simulator) -> None:
    connection_id = created(propagate_renames=True)
    activated(connection_id)
    marketo.reset()
    answer = call("PATCH", audience_path(connection_id, "aud-1"), {"name": "Autumn"})
    assert (answer.status, set(answer.errors)) == (422, {"name"})


def test_a_list_of_another_connection_of_the_instance_is_refused(marketo: Simulator) -> None:
    marketo.seed({"lists": [{"name": "Hand-made", "id": 4711, "workspace": "Default"}]})
    first, second = created(), created()
    activated(first, list={"id": 4711})
    answer = activated(second, list={"id": 4711})
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:already-bound")
    assert first in answer.json["detail"]
    assert audiences().list(second) == ()
    # With another sync type it keeps no lists, and yet has this one when the type is changed back.
    call("PATCH", f"/connections/{first}", {"sync_type": "profile_only"})
    assert activated(second, list={"id": 4711}).status == 409
    call("DELETE", audience_path(first, "aud-1"))
    assert activated(second, list={"id": 4711}).status == 201


@pytest.mark.parametrize("name", ["Web\x00inar", "Web\ninar", "Web\x1binar", "Web\x85inar"])
def test_a_name_has_no_control_characters(name: str) -> None:
    answer = activated(created(), name=name)
    assert (answer.status, set(answer.errors)) == (422, {"name"})


def test_an_audience_that_is_over_is_not_activated(marketo: Simulator) -> None:
    connection_id = created()
    answer = activated(connection_id, end="2020-01-01T00:00:00Z")
    assert answer.status == 422
    assert "has passed (2020-01-01T00:00:00Z)" in answer.errors["end"]
    assert lists(marketo) == {}


def test_an_audience_that_has_come_to_its_end_can_be_activated_as_it_is_and_is_warned_of() -> None:
    connection_id, end = created(), "2020-01-01T00:00:00Z"
    activated(connection_id)
    assert call("PATCH", audience_path(connection_id, "aud-1"), {"end": end}).status == 200
    assert activated(connection_id, end=end).status == 200
    assert activated(connection_id, end="2020-01-02T00:00:00Z").status == 422
    warnings = call("POST", f"/connections/{connection_id}/checks").json["warnings"]
    assert [one["path"] for one in warnings] == [f"audiences.{AUD_1}.end"]


def test_the_next_audience_takes_as_much_as_those_before(marketo: Simulator) -> None:
    """Two calls to Marketo: whether there is a list of the name, and to make it; and as many requests to DynamoDB."""
    connection_id = created()
    activated(connection_id, "aud-0", name="Webinar 0")
    taken = []
    for number in range(1, 5):
        requests: list[str] = []
        counted = marketo.calls.total
        with watched(requests):
            assert activated(connection_id, f"aud-{number}", name=f"Webinar {number}").status == 201
        taken.append((marketo.calls.total - counted, sorted(requests)))
    assert {calls for calls, _ in taken} == {2}
    assert all(requests == taken[0][1] for _, requests in taken)


@contextmanager
def watched(requests: list[str]) -> Iterator[None]:
    """The operations that are asked of DynamoDB while the block runs."""
    events = aws.dynamodb().meta.events

    def note(model: Any, **_: Any) -> None:
        requests.append(model.name)

    events.register("before-call.dynamodb.*", note)
    yield
    events.unregister("before-call.dynamodb.*", note)
