"""Checks of configurations that are not stored: all that storing and enabling them would refuse."""

from collections.abc import Mapping
from typing import Any

import pytest

from destination.composition.connections import paces
from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from marketo_simulator import Fault, Simulator
from testing.control_plane import CREATE, ApiAnswer, activated, call, created, items, lists, secret_names

SPRING = {"id": "aud-1", "name": "Spring"}
AUD_1 = activation_id(AudienceKey(ANY_NAMESPACE, "aud-1"))
DENIED = {
    "id": "no-sensitive",
    "name": "No sensitive data in e-mail",
    "status": "enabled",
    "marketing_actions": ["emailTargeting"],
    "deny": {"label": "S1"},
}


def checked(configuration: Mapping[str, Any], **properties: object) -> ApiAnswer:
    answer = call("POST", "/checks", {"configuration": configuration, **properties})
    assert answer.status == 200, answer.text
    return answer


def refusals(answer: ApiAnswer) -> dict[str, str]:
    found = {one["path"]: one["message"] for one in answer.json["refusals"]}
    assert answer.json["ok"] is not bool(found)
    return found


def test_what_can_be_enabled_is_well_and_nothing_is_made(marketo: Simulator) -> None:
    before = (items(), secret_names(), marketo.dump())
    answer = checked(CREATE, audiences=[SPRING])
    assert refusals(answer) == {}
    assert [one["ok"] for one in answer.json["checks"]] == [True] * 8
    assert (items(), secret_names(), marketo.dump()["lists"]) == (*before[:2], before[2]["lists"])


def test_everything_is_refused_at_once(marketo: Simulator) -> None:
    call("PUT", "/governance/policies", {"policies": [DENIED]})
    rows = [*CREATE["mapping"], {"source": "a.b", "target": "nowhere"}, {"source": "c", "target": "firstName"}]
    configuration = {**CREATE, "mapping": rows, "partition": "Atlantis", "marketing_actions": ["emailTargeting"]}
    audiences = [
        {**SPRING, "labels": ["S1"], "list": {"id": 4711}},
        {"id": "aud-2", "name": "Autumn", "start": "2026-11-22T00:00:00Z", "end": "2026-11-21T00:00:00Z"},
    ]
    found = refusals(checked(configuration, audiences=audiences))
    aud_2 = activation_id(AudienceKey(ANY_NAMESPACE, "aud-2"))
    assert {
        "partition",
        "mapping[3].target",
        "mapping[4].target",
        "marketing_actions",
        f"audiences.{AUD_1}.labels",
        f"audiences.{AUD_1}.list.id",
        f"audiences.{aud_2}.end",
    } <= found.keys()
    assert "Marketo has no list 4711" in found[f"audiences.{AUD_1}.list.id"]


def test_what_is_not_to_be_enabled_need_not_be_complete(marketo: Simulator) -> None:
    bare = {**CREATE, "mapping": [], "credentials": None}
    assert {"mapping", "credentials"} <= refusals(checked(bare, audiences=[SPRING])).keys()
    answer = checked(bare, audiences=[SPRING], enabled=False)
    assert (refusals(answer), answer.json["checks"], answer.json["marketo_calls"]) == ({}, [], 0)


def test_a_change_is_judged_with_what_is_stored(marketo: Simulator) -> None:
    made = created()
    activated(made)
    call("POST", f"/connections/{made}/enable")
    stored = items()

    well = checked({"description": "Spring"}, connection_id=made)
    assert (refusals(well), well.json["marketo_calls"]) == ({}, 0)
    assert refusals(checked({"partition": "Atlantis"}, connection_id=made)).keys() == {"partition"}
    assert refusals(checked({"munchkin_id": "999-ABC-456"}, connection_id=made)).keys() == {"munchkin_id"}
    assert refusals(checked({}, connection_id=made, audiences=[])) == {}
    assert refusals(checked({"mapping": []}, connection_id=made)).keys() == {"mapping"}
    assert refusals(checked({}, connection_id=made, audiences=[{**SPRING, "list": {"id": 4711}}])).keys() == {
        f"audiences.{AUD_1}.list.id"
    }
    assert items() == stored


def test_to_be_enabled_a_connection_has_to_be_complete_with_the_audiences_that_it_would_have(
    marketo: Simulator,
) -> None:
    made = created()
    assert refusals(checked({}, connection_id=made)).keys() == {"audiences"}
    assert refusals(checked({}, connection_id=made, audiences=[SPRING])) == {}
    activated(made)
    paces.cache_clear()  # as if the window of these calls to Marketo was over
    assert refusals(checked({}, connection_id=made)) == {}
    assert refusals(checked({}, connection_id=made, audiences=[])).keys() == {"audiences"}


def test_audiences_of_a_connection_that_comes_to_keep_lists_get_theirs(marketo: Simulator) -> None:
    made = created(sync_type="profile_only")
    activated(made)
    call("POST", f"/connections/{made}/enable")
    assert refusals(checked({"sync_type": "audience_and_profile"}, connection_id=made)) == {}


def test_a_violation_that_is_there_already_keeps_no_change_from_being_stored(marketo: Simulator) -> None:
    mail = {"marketing_actions": ["emailTargeting"]}
    made = created(**mail)
    activated(made, labels=["S1"])
    call("PUT", "/governance/policies", {"policies": [DENIED]})
    assert refusals(checked({"description": "x"}, connection_id=made, enabled=False)) == {}
    found = refusals(checked({"description": "x"}, connection_id=made, enabled=True))
    assert found.keys() == {"marketing_actions", f"audiences.{AUD_1}.labels"}


def test_an_audience_keeps_the_list_that_it_has(marketo: Simulator) -> None:
    made = created()
    activated(made)
    (kept,) = lists(marketo)
    for named in ({}, {"list": {"id": kept}}):
        assert refusals(checked({}, connection_id=made, audiences=[{**SPRING, **named}])) == {}


def test_no_host_is_called_that_no_munchkin_id_names(marketo: Simulator) -> None:
    answer = checked({**CREATE, "munchkin_id": "evil.example/"}, audiences=[SPRING])
    assert refusals(answer).keys() == {"munchkin_id"}
    assert answer.json["marketo_calls"] == 0


def test_while_marketo_does_not_answer_it_is_said_so(marketo: Simulator) -> None:
    marketo.script(Fault("http", status=503, path="^/identity", every=1))
    answer = call("POST", "/checks", {"configuration": CREATE, "audiences": [SPRING]})
    assert answer.status == 503


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"configuration": {**CREATE, "sync": 1}}, 422, "sync"),
        ({"configuration": {"name": "x"}}, 422, "munchkin_id"),
        ({"configuration": CREATE, "audiences": [{"id": "a"}]}, 422, "audiences[0].name"),
        ({"configuration": {}, "connection_id": "nobody"}, 404, None),
    ],
)
def test_what_cannot_be_read_is_refused(marketo: Simulator, body: object, status: int, path: str | None) -> None:
    answer = call("POST", "/checks", body)
    assert answer.status == status
    assert path is None or path in answer.errors
