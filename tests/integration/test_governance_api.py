"""What policies refuse of connections and audiences, with what to do; labels; what is judged before it is stored."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from marketo_simulator import Simulator
from testing.control_plane import (
    AUD_1,
    CREATE,
    ApiAnswer,
    activated,
    call,
    created,
    delivering,
    items,
    lists,
)

pytestmark = pytest.mark.usefixtures("marketo")


CORE = "corepolicy_0003"


OWN: dict[str, Any] = {
    "id": "no-sensitive",
    "name": "No sensitive data in e-mail",
    "status": "enabled",
    "marketing_actions": ["emailTargeting"],
    "deny": {"operator": "AND", "operands": [{"label": "I1"}, {"label": "S1"}]},
}


MAIL = {"marketing_actions": ["emailTargeting"]}


POLICY: dict[str, Any] = {
    "id": "no-sensitive",
    "name": "No sensitive data in e-mail",
    "description": "Sensitive data that identifies a person.",
    "status": "enabled",
    "marketing_actions": ["emailTargeting", "own-action"],
    "deny": {"operator": "AND", "operands": [{"label": "I1"}, {"operator": "OR", "operands": [{"label": "S1"}]}]},
}


def govern(*policies: Mapping[str, object], core: str = "enabled") -> ApiAnswer:
    return call("PUT", "/governance/policies", {"policies": [{"id": CORE, "status": core}, *policies]})


def labelled(labels: Mapping[str, list[str]], **more: str) -> list[dict[str, object]]:
    """The mapping of CREATE with labels by target, and further rows."""
    rows = [dict(row) for row in CREATE["mapping"]] + [{"source": source, "target": to} for to, source in more.items()]
    return [{**row, "labels": labels.get(str(row["target"]), [])} for row in rows]


def enabled(**changes: object) -> str:
    connection_id = created(**changes)
    assert activated(connection_id, name=f"Webinar of {connection_id}").status == 201
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id


def refused(answer: ApiAnswer, *paths: str, policy: str = CORE) -> Any:
    """The only violation of an answer that refuses what a policy denies."""
    assert answer.status == 409, answer.text
    assert answer.json["type"] == "urn:marketo-destination:problem:policy-violation"
    assert answer.errors.keys() == set(paths)
    (violation,) = answer.json["violations"]
    assert violation["policy_id"] == policy
    return violation


def test_creating_is_refused_and_nothing_is_left() -> None:
    govern()
    stored = items()
    answer = call("POST", "/connections", {**CREATE, **MAIL, "mapping": labelled({"firstName": ["C4", "I1"]})})
    violation = refused(answer, "mapping[1].labels", "marketing_actions")
    assert violation == {
        "policy_id": CORE,
        "policy_name": "Restrict email targeting",
        "marketing_actions": ["emailTargeting"],
        "labels": ["C4"],
        "causes": [{"path": "mapping[1].labels", "labels": ["C4"]}],
        "cause_count": 1,
    }
    for word in ("Restrict email targeting", CORE, "emailTargeting", "C4", "person.name.firstName"):
        assert word in answer.errors["mapping[1].labels"]
    assert items() == stored


def test_changing_the_mapping_is_refused() -> None:
    govern()
    connection_id = enabled(**MAIL)
    stored = items()
    mapping = labelled({"company": ["C5"]}, company="work.company")
    violation = refused(
        call("PUT", f"/connections/{connection_id}/mapping", mapping), "mapping[3].labels", "marketing_actions"
    )
    assert violation["connection_id"] == connection_id
    assert items() == stored


def test_changing_the_marketing_actions_is_refused() -> None:
    govern()
    connection_id = created(mapping=labelled({"lastName": ["C4"]}))
    stored = items()
    refused(call("PATCH", f"/connections/{connection_id}", MAIL), "mapping[2].labels", "marketing_actions")
    assert items() == stored
    assert call("PATCH", f"/connections/{connection_id}", {"marketing_actions": ["analytics"]}).status == 200


def test_activating_an_audience_is_refused_and_makes_no_list(marketo: Simulator) -> None:
    govern()
    connection_id = enabled(**MAIL)
    stored, there = items(), lists(marketo)
    answer = activated(connection_id, "aud-2", name="Gamblers", labels=["C4", "S2"])
    refused(answer, f"audiences.{activation_id(AudienceKey(ANY_NAMESPACE, 'aud-2'))}.labels", "marketing_actions")
    assert (
        "do not activate the audience"
        in answer.errors[f"audiences.{activation_id(AudienceKey(ANY_NAMESPACE, 'aud-2'))}.labels"]
    )
    assert (items(), lists(marketo)) == (stored, there)


def test_changing_an_audience_is_refused() -> None:
    govern(OWN, core="disabled")
    connection_id = enabled(**MAIL, mapping=labelled({"DedupeField": ["I1"]}))
    stored = items()
    answer = call("PATCH", f"/connections/{connection_id}/audiences/{AUD_1}", {"labels": ["S1"]})
    paths = ("mapping[0].labels", f"audiences.{AUD_1}.labels", "marketing_actions")
    assert refused(answer, *paths, policy=OWN["id"])["labels"] == ["I1", "S1"]
    assert items() == stored


def test_two_audiences_with_one_label_each_violate_nothing() -> None:
    govern(OWN)
    connection_id = enabled(**MAIL)
    assert activated(connection_id, "aud-2", name="Identified", labels=["I1"]).status == 201
    assert activated(connection_id, "aud-3", name="Located", labels=["S1"]).status == 201
    answer = activated(connection_id, "aud-4", name="Both", labels=["S1", "I1"])
    assert refused(
        answer,
        f"audiences.{activation_id(AudienceKey(ANY_NAMESPACE, 'aud-4'))}.labels",
        "marketing_actions",
        policy=OWN["id"],
    )


def test_a_draft_that_came_to_violate_a_policy_cannot_be_enabled_and_is_fixed_step_by_step() -> None:
    connection_id = created(**MAIL, mapping=labelled({"firstName": ["C4"], "lastName": ["C5"]}))
    activated(connection_id, labels=["C4"])
    assert govern().status == 200
    stored = items()
    paths = ("mapping[1].labels", "mapping[2].labels", f"audiences.{AUD_1}.labels", "marketing_actions")
    refused(call("POST", f"/connections/{connection_id}/enable"), *paths)
    assert items() == stored
    right: dict[str, Any] = {"sources": {"person.name.firstName": []}, "audiences": {AUD_1: []}}
    assert call("PATCH", f"/connections/{connection_id}/labels", right).status == 200
    refused(call("POST", f"/connections/{connection_id}/enable"), "mapping[2].labels", "marketing_actions")
    right = {"sources": {"person.name.lastName": []}}
    assert call("PATCH", f"/connections/{connection_id}/labels", right).status == 200
    assert call("POST", f"/connections/{connection_id}/enable").status == 200


@pytest.mark.parametrize("blocked", [False, True])
def test_policies_that_an_enabled_connection_would_violate_are_refused(blocked: bool) -> None:
    connection_id = enabled(**MAIL, mapping=labelled({"firstName": ["C4"]}))
    if blocked:
        delivering().block(connection_id, "603", datetime.now(UTC))
    stored = items()
    answer = govern(OWN)
    violation = refused(answer, "policies[0]")
    assert violation["connection_id"] == connection_id
    assert violation["causes"] == [{"path": "mapping[1].labels", "labels": ["C4"]}]
    for word in (connection_id, "Webinar leads", "emailTargeting", "C4"):
        assert word in answer.errors["policies[0]"]
    assert items() == stored
    assert govern(OWN, core="draft").status == 200


def test_policies_are_free_to_change_for_connections_that_deliver_nothing_or_differ() -> None:
    draft = created(**MAIL, mapping=labelled({"firstName": ["C4"]}))
    disabled = enabled(**MAIL, mapping=labelled({"firstName": ["C4"]}))
    call("POST", f"/connections/{disabled}/disable")
    # Each on an instance of its own: the checks of all would be more calls than the pace lets through at once.
    enabled(munchkin_id="123-ABC-457", marketing_actions=["analytics"], mapping=labelled({"firstName": ["C4"]}))
    enabled(munchkin_id="123-ABC-458", **MAIL, mapping=labelled({"firstName": ["C2"]}))
    assert govern().status == 200
    for connection_id in (draft, disabled):
        warnings = call("GET", f"/connections/{connection_id}").json["warnings"]
        assert [warning["path"] for warning in warnings] == ["mapping[1].labels"]
        assert f"({CORE}) is violated" in warnings[0]["message"]


def test_a_draft_policy_warns_and_refuses_nothing() -> None:
    assert govern(OWN, core="draft").status == 200
    connection_id = enabled(**MAIL, mapping=labelled({"firstName": ["C4"]}))
    activated(connection_id, "aud-2", name="Gamblers", labels=["C5"])
    for shown in (
        call("GET", f"/connections/{connection_id}").json,
        call("GET", "/connections").json["connections"][0],
    ):
        assert [one["path"] for one in shown["warnings"]] == [
            "mapping[1].labels",
            f"audiences.{activation_id(AudienceKey(ANY_NAMESPACE, 'aud-2'))}.labels",
        ]
        assert f"draft policy Restrict email targeting ({CORE}) would be violated" in shown["warnings"][0]["message"]
    assert govern(core="disabled").status == 200
    assert call("GET", f"/connections/{connection_id}").json["warnings"] == []


def test_disabled_policies_and_other_uses_are_left_alone() -> None:
    connection_id = enabled(**MAIL, mapping=labelled({"firstName": ["C4", "C5"]}))
    assert call("GET", f"/connections/{connection_id}").json["warnings"] == []


@pytest.mark.parametrize("target", ["DedupeField", "firstName"])
def test_what_is_needed_but_never_exported_is_a_configuration_problem(target: str) -> None:
    answer = call("POST", "/connections", {**CREATE, "mapping": labelled({target: ["C12"]})})
    assert answer.status == 422
    assert list(answer.errors) == [f"mapping[{0 if target == 'DedupeField' else 1}].labels"]
    connection_id = created()
    stored = items()
    assert activated(connection_id, labels=["C12"]).errors.keys() == {"labels"}
    mapping = labelled({"company": ["c13"]}, company="work.company")
    assert call("PUT", f"/connections/{connection_id}/mapping", mapping).errors.keys() == {"mapping[3].labels"}
    assert items() == stored


def test_a_row_that_is_never_sent_is_shown_with_a_warning() -> None:
    connection_id = created(mapping=labelled({"company": ["C12", "C4"]}, company="work.company"), **MAIL)
    assert govern().status == 200
    assert call("POST", f"/connections/{connection_id}/enable").errors.keys() == {"audiences"}
    warnings = call("GET", f"/connections/{connection_id}").json["warnings"]
    assert warnings == [{"path": "mapping[3]", "message": "is not sent: C12 data is never exported; leave the row out"}]


def test_other_problems_have_no_violations() -> None:
    assert "violations" not in json.loads(call("GET", "/connections/nobody").text)


def test_adobes_display_names_stand_for_their_ids() -> None:
    shown = ["Email Targeting", "export to third party", "emailTargeting", "own-action"]
    connection_id = created(marketing_actions=shown)
    kept = call("GET", f"/connections/{connection_id}").json
    assert kept["marketing_actions"] == ["emailTargeting", "exportToThirdParty", "own-action"]
    assert "named by no policy" in kept["warnings"][0]["message"]

    own = {**POLICY, "marketing_actions": ["Email Targeting"], "deny": {"label": "third party"}}
    policies = call("PUT", "/governance/policies", {"policies": [own]}).json["policies"]
    assert (policies[-1]["marketing_actions"], policies[-1]["deny"]) == (["emailTargeting"], {"label": "Third-Party"})

    asked = {"marketing_actions": ["Email Targeting"], "labels": ["Third Party"]}
    denied = call("POST", "/governance/evaluations", asked).json["violated_policies"]
    assert [one["id"] for one in denied] == [POLICY["id"]]


@pytest.mark.parametrize("action", ["emailTargetting", "Email Targetin", "Partner Events!", ""])
def test_an_action_that_is_none_is_refused_with_what_there_is(action: str) -> None:
    connection_id = created()
    policy = {**POLICY, "marketing_actions": [action]}
    for method, path, body, place in (
        ("PATCH", f"/connections/{connection_id}", {"marketing_actions": [action]}, "marketing_actions[0]"),
        ("PUT", "/governance/policies", {"policies": [policy]}, "policies[0].marketing_actions[0]"),
        ("POST", "/governance/evaluations", {"marketing_actions": [action], "labels": []}, "marketing_actions[0]"),
    ):
        answer = call(method, path, body)
        assert answer.status == 422
        assert "emailTargeting" in answer.errors[place]


def labels_of(connection_id: str) -> Any:
    return call("GET", f"/connections/{connection_id}/labels").json


def test_labels_are_taken_off_by_the_call_of_labels_alone() -> None:
    connection_id = created(mapping=labelled({"firstName": ["I1", "C4"]}))
    activated(connection_id, labels=["C5", "S1"])
    base, audience = f"/connections/{connection_id}", f"/connections/{connection_id}/audiences/{AUD_1}"
    less = labelled({"firstName": ["I1"]})
    stored = items()
    for method, path, body, place in (
        ("PUT", f"{base}/mapping", less, "mapping[1].labels"),
        ("PUT", f"{base}/mapping", [*less, {**less[1], "target": "middleName"}], "mapping[1].labels mapping[3].labels"),
        ("PATCH", base, {"mapping": less}, "mapping[1].labels"),
        ("PATCH", audience, {"labels": ["C5"]}, "labels"),
        ("POST", f"{base}/audiences", {"id": "aud-1", "name": "Webinar, spring", "labels": []}, "labels"),
    ):
        answer = call(method, path, body)
        assert (answer.status, list(answer.errors)) == (422, place.split()), answer.text
        assert all("Apply Data Usage Labels" in message for message in answer.errors.values())
    assert items() == stored

    right = {"sources": {"person.name.firstName": ["I1"]}, "audiences": {AUD_1: []}}
    answer = call("PATCH", f"{base}/labels", right)
    assert answer.status == 200
    assert answer.json == labels_of(connection_id)
    assert answer.json["sources"]["person.name.firstName"] == ["I1"]
    assert answer.json["audiences"] == {AUD_1: []}
    assert call("GET", f"{base}/mapping").json[1]["labels"] == ["I1"]
    assert call("GET", audience).json["labels"] == []
    assert [one["action"] for one in call("GET", "/audit").json["records"]][:2] == ["set_labels", "set_labels"]


def test_labels_have_the_version_of_their_connection_so_that_nobody_overwrites_what_others_labelled() -> None:
    connection_id = created(mapping=labelled({"firstName": ["I1"]}))
    path = f"/connections/{connection_id}/labels"
    less: dict[str, Any] = {"sources": {"person.name.firstName": []}}
    read = call("GET", path).headers["ETag"]
    changed = call("PATCH", path, less, headers={"If-Match": read})
    assert changed.headers["ETag"] == call("GET", path).headers["ETag"] != read
    assert call("PATCH", path, less, headers={"If-Match": read}).status == 412


def test_labels_can_be_added_where_they_are_shown() -> None:
    connection_id = created(mapping=labelled({"firstName": ["I1"]}))
    activated(connection_id)
    more = labelled({"firstName": ["C4", "I1"], "lastName": ["I1"]})
    assert call("PUT", f"/connections/{connection_id}/mapping", more).status == 200
    assert call("PATCH", f"/connections/{connection_id}/audiences/{AUD_1}", {"labels": ["S1"]}).status == 200
    assert labels_of(connection_id)["audiences"] == {AUD_1: ["S1"]}


def test_an_audience_that_comes_back_has_the_labels_that_it_had() -> None:
    govern()
    connection_id = created()
    activated(connection_id, labels=["C4"])
    call("PATCH", f"/connections/{connection_id}", MAIL | {"marketing_actions": ["analytics"]})
    assert call("DELETE", f"/connections/{connection_id}/audiences/{AUD_1}").status == 204
    assert list(activated(connection_id).errors) == ["labels"]
    assert call("PATCH", f"/connections/{connection_id}/labels", {"audiences": {AUD_1: []}}).status == 200
    assert activated(connection_id).status == 201


@pytest.mark.parametrize(("first", "second"), [(None, "ups"), ("ups", None)])
def test_an_audience_has_its_labels_in_whatever_namespace(first: str | None, second: str | None) -> None:
    connection_id = created()
    activated(connection_id, namespace=first, labels=["C4"])
    other: dict[str, Any] = {"namespace": second, "name": "The same"}
    assert list(activated(connection_id, **other).errors) == ["labels"]
    assert activated(connection_id, **other, labels=["C4"]).status == 201
    assert activated(connection_id, "aud-2", name="Another").status == 201


def test_labels_are_refused_that_are_none_or_violate_a_policy() -> None:
    govern()
    connection_id = enabled(**MAIL)
    stored, path = items(), f"/connections/{connection_id}/labels"
    refused(
        call("PATCH", path, {"sources": {"person.name.firstName": ["C4"]}}), "mapping[1].labels", "marketing_actions"
    )
    refused(call("PATCH", path, {"audiences": {AUD_1: ["C5"]}}), f"audiences.{AUD_1}.labels", "marketing_actions")
    unknown: dict[str, Any] = {"sources": {"person.nam": []}, "audiences": {"0123456789ab": []}}
    assert call("PATCH", path, unknown).errors.keys() == {"sources.person.nam", "audiences.0123456789ab"}
    assert call("PATCH", path, {"sources": {"personalEmail.address": ["C12"]}}).status == 422
    assert call("PATCH", path, {"labels": []}).errors.keys() == {"labels"}
    assert call("PATCH", path, {}, headers={"If-Match": '"99"'}).status == 412
    assert items() == stored


def test_what_a_violation_by_the_dedupe_field_advises_can_be_done() -> None:
    connection_id = created(**MAIL, mapping=labelled({"DedupeField": ["C4"]}))
    activated(connection_id)
    govern()
    answer = call("POST", f"/connections/{connection_id}/enable")
    refused(answer, "mapping[0].labels", "marketing_actions")
    assert "take the row out" not in answer.errors["mapping[0].labels"]
    assert "map another source to DedupeField" in answer.errors["mapping[0].labels"]
    other = [{"source": "workEmail.address", "target": "DedupeField"}, *CREATE["mapping"][1:]]
    assert call("PUT", f"/connections/{connection_id}/mapping", other).status == 200
    assert call("POST", f"/connections/{connection_id}/enable").status == 200


def test_what_a_violation_by_what_creating_takes_advises_can_be_done() -> None:
    connection_id = created(**MAIL, mapping=labelled({"firstName": ["C4"]}))
    activated(connection_id)
    govern()
    advice = call("POST", f"/connections/{connection_id}/enable").errors["mapping[1].labels"]
    assert "take the row out with update_existing_only" in advice
    change = {"person_action": "update_existing_only", "mapping": [CREATE["mapping"][0], CREATE["mapping"][2]]}
    assert call("PATCH", f"/connections/{connection_id}", change).status == 200
    assert call("POST", f"/connections/{connection_id}/enable").status == 200


def test_a_connection_is_judged_before_anything_of_it_is_stored() -> None:
    govern(OWN, core="draft")
    stored = items()
    connection = {**CREATE, **MAIL, "mapping": labelled({"firstName": ["I1"], "lastName": ["C4"]})}
    audiences = [{"id": "aud-1", "name": "Located", "labels": ["S1"]}, {"id": "aud-2", "name": "Others"}]
    answer = call("POST", "/governance/evaluations", {"connection": connection, "audiences": audiences})
    assert answer.status == 200
    assert [one["id"] for one in answer.json["violated_policies"]] == [OWN["id"]]
    assert answer.errors.keys() == {"mapping[1].labels", f"audiences.{AUD_1}.labels", "marketing_actions"}
    assert "do not activate" in answer.errors[f"audiences.{AUD_1}.labels"]

    with_drafts = {"connection": connection, "audiences": audiences, "include_drafts": True}
    judged = call("POST", "/governance/evaluations", with_drafts).json
    assert [one["id"] for one in judged["violated_policies"]] == [OWN["id"], CORE]
    alone = call("POST", "/governance/evaluations", {"connection": connection}).json
    assert alone == {"violated_policies": [], "errors": []}
    assert items() == stored


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"marketing_actions": ["analytics"]},
        {"labels": ["C4"]},
        {"audiences": []},
        {"connection": CREATE, "labels": ["C4"]},
        {"connection": CREATE, "marketing_actions": ["analytics"], "labels": ["C4"]},
    ],
)
def test_an_evaluation_is_of_one_of_two(body: object) -> None:
    assert call("POST", "/governance/evaluations", body).status == 422
