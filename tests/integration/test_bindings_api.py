"""What binds a connection to what it has done: keys, workspace and lists, through the control plane's handler."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from marketo_simulator import Fault, Simulator
from testing.control_plane import (
    AUD_1,
    CREATE,
    ApiAnswer,
    activated,
    audience_path,
    audiences,
    call,
    created,
    delivering,
    lists,
)

pytestmark = pytest.mark.usefixtures("marketo")

EVERYTHING = ["Read-Write Lead", "Read-Write Assets"]
START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DEDUPE, *NAMES = CREATE["mapping"]
WITH_EMAIL = [*CREATE["mapping"], {"source": "personalEmail.address", "target": "email"}]
ELSEWHERE = [{"source": "workEmail.address", "target": "DedupeField"}, *NAMES]
LEGACY: Mapping[str, Any] = {
    "generation": "legacy_v2",
    "ecid_field": "ecid__c",
    "mapping": [
        {"source": "personalEmail.address", "target": "Email"},
        {"source": "identityMap.ECID", "target": "ECID"},
        *NAMES,
    ],
}


def patched(connection_id: str, **patch: object) -> ApiAnswer:
    return call("PATCH", f"/connections/{connection_id}", patch)


def shown(connection_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = call("GET", f"/connections/{connection_id}").json
    return answer


def delivered(**changes: object) -> str:
    """The id of a draft that has delivered."""
    connection_id = created(**changes)
    assert delivering().begin_delivery(connection_id, 1, START)
    return connection_id


# What people are known by


def rows(legacy: Mapping[str, Any], **sources: str) -> list[dict[str, Any]]:
    return [{**one, "source": sources.get(one["target"], one["source"])} for one in legacy["mapping"]]


@pytest.mark.parametrize(
    ("before", "patch", "path"),
    [
        ({}, {"dedupe_field": "customerKey", "mapping": WITH_EMAIL}, ""),
        ({}, {"mapping": ELSEWHERE}, "mapping[0].source"),
        ({}, {"mapping": [*NAMES, {**DEDUPE, "source": "workEmail.address"}]}, "mapping[2].source"),
        ({}, {"mapping": []}, "mapping"),
        ({}, {"generation": "legacy_v2", "mapping": rows(LEGACY), "ecid_field": "ecid__c"}, "generation ecid_field"),
        (LEGACY, {"ecid_field": "other__c"}, "ecid_field"),
        (LEGACY, {"mapping": rows(LEGACY, Email="workEmail.address")}, "mapping[0].source"),
        (LEGACY, {"mapping": rows(LEGACY, ECID="identityMap.other")}, "mapping[1].source"),
        (LEGACY, {"mapping": rows(LEGACY)[:1] + rows(LEGACY)[2:], "ecid_field": None}, "ecid_field mapping"),
    ],
)
def test_what_people_are_known_by_stays_once_events_were_delivered(
    before: Mapping[str, Any], patch: Mapping[str, Any], path: str
) -> None:
    connection_id = delivered(**before)
    standing = shown(connection_id)
    answer = patched(connection_id, **patch)
    assert answer.status == 422
    assert set(answer.errors) == set((path or "dedupe_field").split())
    assert all("create another connection" in one for one in answer.errors.values())
    assert shown(connection_id) == standing
    assert standing["delivered_at"] == "2026-11-21T10:00:00Z"
    # Nothing keeps a connection that has delivered nothing from being changed in the same way.
    other = created(**before)
    assert patched(other, **patch).status == 200
    assert shown(other)["delivered_at"] is None


def test_another_source_of_the_same_people_is_said_to_be_so() -> None:
    connection_id = delivered()
    answer = patched(connection_id, mapping=ELSEWHERE)
    assert "same_people: true" in answer.errors["mapping[0].source"]
    assert patched(connection_id, mapping=ELSEWHERE, same_people=False).status == 422
    assert patched(connection_id, mapping=ELSEWHERE, same_people="yes").errors.keys() == {"same_people"}
    assert patched(connection_id, mapping=ELSEWHERE, same_people=True).status == 200
    assert shown(connection_id)["mapping"][0]["source"] == "workEmail.address"
    # It is said of a change, not of the connection.
    assert patched(connection_id, mapping=CREATE["mapping"]).status == 422


def test_other_people_stay_other_people() -> None:
    connection_id = delivered()
    patch = {"dedupe_field": "customerKey", "mapping": WITH_EMAIL}
    assert patched(connection_id, **patch, same_people=True).errors.keys() == {"dedupe_field"}


def test_the_rest_of_the_mapping_can_be_changed_after_delivery() -> None:
    connection_id = delivered()
    more = [*NAMES, {"source": "title", "target": "title"}, DEDUPE]
    assert call("PUT", f"/connections/{connection_id}/mapping", more).status == 200
    moved = call("PUT", f"/connections/{connection_id}/mapping", ELSEWHERE)
    assert (moved.status, set(moved.errors)) == (422, {"mapping[0].source"})
    assert [one["target"] for one in shown(connection_id)["mapping"]] == [one["target"] for one in more]


@pytest.mark.parametrize(
    "name", ["ECID", "ecid", "ecids", "Lead ID", "lead id", "leadId", "lead_id", "id", "ID", "marketoId", "Marketo ID"]
)
def test_lead_id_and_ecid_find_nobody_however_they_are_spelled(name: str) -> None:
    answer = call("POST", "/connections", {**CREATE, "dedupe_field": name, "mapping": WITH_EMAIL})
    assert (answer.status, set(answer.errors)) == (422, {"dedupe_field"})
    assert "Lead ID and ECID cannot identify a person" in answer.errors["dedupe_field"]


@pytest.mark.parametrize("name", ["sfdcLeadId", "customerId", "ecidKey"])
def test_a_field_that_is_merely_named_alike_finds_people(name: str) -> None:
    assert call("POST", "/connections", {**CREATE, "dedupe_field": name, "mapping": WITH_EMAIL}).status == 201


# Workspace


def test_the_workspace_stays_while_audiences_have_lists_there_and_changes_as_the_answer_says(
    marketo: Simulator,
) -> None:
    marketo.seed({"workspaces": [{"name": "Europe"}]})
    connection_id = created()
    before = activated(connection_id).json["list"]
    call("POST", f"/connections/{connection_id}/enable")
    answer = patched(connection_id, workspace="Europe")
    assert (answer.status, set(answer.errors)) == (422, {"workspace"})
    assert shown(connection_id)["workspace"] == "Default"
    for step in ("disable the connection", "deactivate the audiences", "change it", "activate them again"):
        assert step in answer.errors["workspace"]
    assert call("POST", f"/connections/{connection_id}/disable").status == 200
    assert call("DELETE", audience_path(connection_id, "aud-1")).status == 204
    assert patched(connection_id, workspace="Europe").status == 200
    after = activated(connection_id).json["list"]
    assert call("POST", f"/connections/{connection_id}/enable").json["status"] == "enabled"
    dumped: Any = marketo.dump()["lists"]
    assert {one["id"]: one["workspace"] for one in dumped} == {before["id"]: "Default", after["id"]: "Europe"}


def test_without_lists_the_workspace_can_be_changed(marketo: Simulator) -> None:
    marketo.seed({"workspaces": [{"name": "Europe"}]})
    connection_id = created(sync_type="profile_only")
    activated(connection_id)
    assert patched(connection_id, workspace="Europe").json["workspace"] == "Europe"


# Coming to keep lists


def enabled_without_lists(count: int = 3) -> str:
    connection_id = created(sync_type="profile_only")
    for number in range(count):
        activated(connection_id, f"aud-{number}", name=f"Webinar {number}")
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id


def of(connection_id: str) -> dict[str, str | None]:
    """By audience, the name of its list."""
    return {one.audience.id: one.list_name for one in audiences().list(connection_id)}


@pytest.mark.parametrize("sync_type", ["audience_only", "audience_and_profile"])
def test_a_connection_that_comes_to_keep_lists_gives_them_to_its_audiences(marketo: Simulator, sync_type: str) -> None:
    connection_id = enabled_without_lists()
    changed = patched(connection_id, sync_type=sync_type)
    assert (changed.status, changed.json["status"], changed.json["sync_type"]) == (200, "enabled", sync_type)
    assert of(connection_id) == {f"aud-{number}": f"Webinar {number}" for number in range(3)}
    assert set(lists(marketo)) == {one.list_id for one in audiences().list(connection_id)}
    recorded = call("GET", "/audit", query={"connection_id": connection_id}).json["records"]
    given = [one for one in recorded if one["action"] == "change_audience"]
    assert sorted(one["audience"]["id"] for one in given) == ["aud-0", "aud-1", "aud-2"]


def test_giving_lists_goes_on_where_it_broke_off(marketo: Simulator) -> None:
    connection_id = enabled_without_lists()
    marketo.script(Fault(effect="error", code="608", method="POST", path=r"/rest/asset/v1/staticLists\.json", nth=2))
    broken = patched(connection_id, sync_type="audience_only")
    assert (broken.status, broken.json["type"]) == (503, "urn:marketo-destination:problem:marketo-unavailable")
    assert shown(connection_id)["sync_type"] == "profile_only"
    assert list(of(connection_id).values()) == ["Webinar 0", None, None]
    assert patched(connection_id, sync_type="audience_only").json["sync_type"] == "audience_only"
    assert len(lists(marketo)) == 3


def test_a_list_that_another_audience_has_keeps_the_sync_type() -> None:
    holder = created()
    activated(holder, name="Webinar 1")
    connection_id = enabled_without_lists()
    answer = patched(connection_id, sync_type="audience_only")
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:already-bound")
    assert f"audience aud-1 (any namespace) of connection {holder}" in answer.json["detail"]
    assert shown(connection_id)["sync_type"] == "profile_only"
    call("PATCH", audience_path(connection_id, "aud-1"), {"name": "Another name"})
    assert patched(connection_id, sync_type="audience_only").status == 200
    assert of(connection_id)["aud-1"] == "Another name"


def test_what_could_not_keep_lists_gets_none(marketo: Simulator) -> None:
    connection_id = enabled_without_lists()
    answer = patched(connection_id, sync_type="audience_only", workspace="Nowhere")
    assert (answer.status, set(answer.errors)) == (409, {"workspace"})
    assert lists(marketo) == {}


def test_credentials_that_come_with_the_change_make_the_lists(marketo: Simulator) -> None:
    """Those that are replaced may see no lists."""
    narrow, wide = ({"client_id": name, "client_secret": "secret"} for name in ("narrow", "wide"))
    marketo.seed({"clients": [narrow | {"permissions": EVERYTHING[:1]}, wide | {"permissions": EVERYTHING}]})
    connection_id = created(sync_type="profile_only", credentials=narrow)
    activated(connection_id)
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    assert patched(connection_id, sync_type="audience_only").status == 409
    assert of(connection_id) == {"aud-1": None}
    assert patched(connection_id, sync_type="audience_only", credentials=wide).status == 200
    assert of(connection_id) == {"aud-1": "Webinar; spring"}


# Dormant audiences


@pytest.mark.parametrize(
    "asked",
    [
        lambda path: call("GET", path),
        lambda path: call("PATCH", path, {"name": "Renamed"}),
        lambda path: call("DELETE", path),
    ],
)
def test_a_dormant_audience_shows_nowhere(asked: Callable[[str], ApiAnswer]) -> None:
    connection_id = created()
    activated(connection_id)
    path = audience_path(connection_id, "aud-1")
    assert call("DELETE", path).status == 204
    assert asked(path).status == 404
    assert call("GET", f"/connections/{connection_id}/audiences").json == {"audiences": []}
    enabling = call("POST", f"/connections/{connection_id}/enable")
    assert (enabling.status, set(enabling.errors)) == (409, {"audiences"})


def test_dormant_audiences_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("destination.domain.audience_rules.MAX_ACTIVATIONS", 1)
    connection_id = created()
    activated(connection_id)
    assert activated(connection_id, "aud-2", name="Another").status == 422
    call("DELETE", audience_path(connection_id, "aud-1"))
    assert activated(connection_id, "aud-2", name="Another").status == 201


def test_an_audience_comes_back_as_it_is_described_then(marketo: Simulator) -> None:
    marketo.seed({"lists": [{"name": "Hand-made", "id": 4711, "workspace": "Default"}]})
    connection_id = created()
    first = activated(connection_id, list={"id": 4711}, origin="Segmentation Service", labels=["C1"])
    call("DELETE", audience_path(connection_id, "aud-1"))
    stale = call(
        "POST",
        f"/connections/{connection_id}/audiences",
        {"id": "aud-1", "name": "Anew"},
        headers={"If-Match": first.headers["ETag"]},
    )
    assert stale.status == 412
    again = activated(connection_id, name="Anew", labels=["C1"])
    assert (again.status, again.json["list"]["name"], again.json["origin"], again.json["labels"]) == (
        201,
        "Anew",
        None,
        ["C1"],
    )
    assert again.headers["ETag"] not in {first.headers["ETag"], '"2"'}
    other = created()
    assert activated(other, list={"id": 4711}).status == 201
    assert audiences().get(other, AUD_1).list_id == 4711
