"""Data usage policies through the control plane's handler: the set, what it denies, and where it is enforced."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from destination.domain.policy import (
    CORE_POLICIES,
    MAX_CUSTOM_POLICIES,
    MAX_EXPRESSIONS,
    Combination,
    Operator,
    PolicySet,
    PolicyStatus,
    Proposal,
    adopted,
)
from destination.store.errors import StaleVersionError
from destination.store.governance import Policies
from marketo_simulator import Simulator
from testing.control_plane import (
    AUD_1,
    CREATE,
    ApiAnswer,
    activated,
    call,
    created,
    delivering,
    dynamodb,
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
PATH = "/governance/policies"
POLICY: dict[str, Any] = {
    "id": "no-sensitive",
    "name": "No sensitive data in e-mail",
    "description": "Sensitive data that identifies a person.",
    "status": "enabled",
    "marketing_actions": ["emailTargeting", "own-action"],
    "deny": {"operator": "AND", "operands": [{"label": "I1"}, {"operator": "OR", "operands": [{"label": "S1"}]}]},
}
CORE_ENABLED = {"id": CORE, "status": "enabled"}


def put(*policies: object, version: str | None = None) -> Any:
    return call("PUT", PATH, {"policies": policies}, headers={"If-Match": version} if version else None)


def test_before_anything_is_set_there_are_the_core_policies_disabled() -> None:
    answer = call("GET", PATH)
    assert (answer.status, answer.headers["ETag"]) == (200, '"1"')
    assert [one["id"] for one in answer.json["policies"]] == [one.id for one in CORE_POLICIES]
    assert {one["status"] for one in answer.json["policies"]} == {"disabled"}
    assert answer.json["policies"][0] == {
        "id": "corepolicy_0003",
        "name": "Restrict email targeting",
        "description": CORE_POLICIES[0].description,
        "status": "disabled",
        "marketing_actions": ["emailTargeting"],
        "deny": {"operator": "OR", "operands": [{"label": "C4"}, {"label": "C5"}]},
    }
    assert items() == []


def test_what_is_put_is_what_is_shown() -> None:
    answer = put(POLICY, CORE_ENABLED)
    shown = call("GET", PATH)
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert (shown.headers["ETag"], shown.json) == ('"2"', answer.json)
    assert shown.json["policies"][-1] == POLICY
    assert [one["id"] for one in shown.json["policies"] if one["status"] == "enabled"] == [
        CORE_ENABLED["id"],
        POLICY["id"],
    ]


def test_what_is_shown_can_be_put_again_and_changes_nothing() -> None:
    put(POLICY, CORE_ENABLED)
    stored = items()
    answer = call("PUT", PATH, call("GET", PATH).json)
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert items() == stored


def test_what_is_left_out_is_gone_and_core_policies_are_disabled() -> None:
    put(POLICY, CORE_ENABLED)
    answer = put(version='"2"')
    assert answer.headers["ETag"] == '"3"'
    assert [one["id"] for one in answer.json["policies"]] == [one.id for one in CORE_POLICIES]
    assert {one["status"] for one in answer.json["policies"]} == {"disabled"}


def test_a_stale_version_is_refused() -> None:
    put(POLICY, version='"1"')
    answer = put(version='"1"')
    assert (answer.status, answer.json["type"]) == (412, "urn:marketo-destination:problem:stale")
    assert call("GET", PATH).json["policies"][-1] == POLICY


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ({**POLICY, "id": "no spaces"}, "policies[0].id"),
        ({**POLICY, "status": "ENABLED"}, "policies[0].status"),
        ({**POLICY, "marketing_actions": []}, "policies[0].marketing_actions"),
        ({**POLICY, "unknown": 1}, "policies[0].unknown"),
        ({**POLICY, "deny": None}, "policies[0].deny"),
        ({**POLICY, "deny": {}}, "policies[0].deny"),
        ({**POLICY, "deny": {"label": "C4", "operator": "OR", "operands": [{"label": "C5"}]}}, "policies[0].deny"),
        ({**POLICY, "deny": {"operator": "OR"}}, "policies[0].deny"),
        ({**POLICY, "deny": {"operands": [{"label": "C5"}]}}, "policies[0].deny"),
        ({**POLICY, "deny": {"operator": "OR", "operands": []}}, "policies[0].deny.operands"),
        ({**POLICY, "deny": {"operator": "NOT", "operands": [{"label": "C5"}]}}, "policies[0].deny.operator"),
        ({**POLICY, "deny": {"operator": "OR", "operands": [{"label": "C 5"}]}}, "policies[0].deny.operands[0].label"),
        ({**POLICY, "deny": {"label": "C99"}}, "policies[0].deny.label"),
        ({**CORE_ENABLED, "name": "Mine"}, "policies[0].name"),
        ({**CORE_ENABLED, "id": "corepolicy_9999"}, "policies[0].id"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(policy: object, path: str) -> None:
    answer = put(policy)
    assert answer.status == 422
    assert answer.errors.keys() == {path}
    assert items() == []


@pytest.mark.parametrize(("depth", "statuses"), [(20, {422}), (200, {400, 422}), (5_000, {400})])
def test_an_expression_without_end_is_refused(depth: int, statuses: set[int]) -> None:
    """As a rule that is broken, or, where Python cannot even read it, as no JSON; how deep that is differs."""
    deny = '{"operator":"AND","operands":[' * depth + '{"label":"C4"}' + "]}" * depth
    text = f'{{"policies":[{{"id":"own","name":"n","status":"draft","marketing_actions":["a"],"deny":{deny}}}]}}'
    assert call("PUT", PATH, text=text).status in statuses
    assert items() == []


def test_every_change_is_in_the_audit_log_policy_by_policy() -> None:
    put(POLICY, CORE_ENABLED)
    put(POLICY, CORE_ENABLED)
    put({**POLICY, "status": "draft"}, CORE_ENABLED)
    put({**POLICY, "id": "core_made_up"})
    put(version='"1"')
    second, first = call("GET", "/audit").json["records"]
    assert {second["action"], first["action"]} == {"set_policies"}
    disabled = {**call("GET", PATH).json["policies"][0], "status": "disabled"}
    assert first["changes"] == [
        {"path": "policies.corepolicy_0003", "before": disabled, "after": {**disabled, "status": "enabled"}},
        {"path": "policies.no-sensitive", "before": None, "after": POLICY},
    ]
    assert second["changes"] == [
        {"path": "policies.no-sensitive", "before": POLICY, "after": {**POLICY, "status": "draft"}}
    ]


@pytest.mark.parametrize(
    ("actions", "labels", "drafts", "expected"),
    [
        (["emailTargeting"], ["C4"], False, ["corepolicy_0003"]),
        (["emailTargeting"], ["I1", "S1"], False, [POLICY["id"]]),
        (["emailTargeting"], ["I1", "C4"], False, ["corepolicy_0003"]),
        (["own-action"], ["C4"], False, []),
        (["analytics", "own-action"], ["I1", "S1", "C5"], False, [POLICY["id"]]),
        (["dataScience"], ["C9"], False, []),
        (["dataScience"], ["C9"], True, ["core_data_science"]),
        (["emailTargeting"], [], True, []),
    ],
)
def test_which_policies_deny_an_action_for_labels(
    actions: list[str], labels: list[str], drafts: bool, expected: list[str]
) -> None:
    put(
        POLICY,
        CORE_ENABLED,
        {"id": "core_data_science", "status": "draft"},
        {"id": "core_analytics", "status": "disabled"},
    )
    body = {"marketing_actions": actions, "labels": labels, "include_drafts": drafts}
    answer = call("POST", "/governance/evaluations", body)
    assert answer.status == 200
    assert [one["id"] for one in answer.json["violated_policies"]] == expected


def test_two_that_change_the_same_version_are_told_apart() -> None:
    policies = Policies(dynamodb(), "ConnectionsTable")
    first = policies.get()
    second = policies.put(PolicySet(first.version, adopted([Proposal("corepolicy_0003", PolicyStatus.ENABLED)])))
    for stale in (first, replace(second, version=7)):
        with pytest.raises(StaleVersionError):
            policies.put(stale)
    assert policies.get() == second


def test_the_largest_set_fits_into_its_item() -> None:
    deny = Combination(Operator.AND, (Combination(Operator.OR, ("L" * 64,)),) * ((MAX_EXPRESSIONS - 1) // 2))
    actions = tuple(f"a{number:063}" for number in range(20))
    largest = [
        Proposal(f"p{number:063}", PolicyStatus.DISABLED, "🂡" * 255, actions, deny, "🂡" * 500)
        for number in range(MAX_CUSTOM_POLICIES)
    ]
    core = [Proposal(policy.id, PolicyStatus.DISABLED) for policy in CORE_POLICIES]
    policies = Policies(boto3.client("dynamodb"), "ConnectionsTable")
    assert policies.put(PolicySet(1, adopted([*core, *largest]))) == policies.get()


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
        "deactivate the audience"
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
    mapping = labelled({"lastName": ["C5"]})
    assert call("PUT", f"/connections/{connection_id}/mapping", mapping).status == 200
    assert call("PATCH", f"/connections/{connection_id}/audiences/{AUD_1}", {"labels": []}).status == 200
    refused(call("POST", f"/connections/{connection_id}/enable"), "mapping[2].labels", "marketing_actions")
    assert call("PUT", f"/connections/{connection_id}/mapping", labelled({})).status == 200
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
    mapping = labelled({"company": ["c4"]}, company="work.company")
    assert call("PUT", f"/connections/{connection_id}/mapping", mapping).errors.keys() == {"mapping[3].labels"}
    assert items() == stored


def test_a_row_that_is_never_sent_is_shown_with_a_warning() -> None:
    connection_id = created(mapping=labelled({"company": ["C12", "C4"]}, company="work.company"), **MAIL)
    assert govern().status == 200
    assert call("POST", f"/connections/{connection_id}/enable").errors.keys() == {"audiences"}
    warnings = call("GET", f"/connections/{connection_id}").json["warnings"]
    assert warnings == [{"path": "mapping[3]", "message": "is not sent: C12 data is never exported"}]


def test_other_problems_have_no_violations() -> None:
    assert "violations" not in json.loads(call("GET", "/connections/nobody").text)
