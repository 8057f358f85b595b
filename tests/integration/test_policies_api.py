"""Data usage policies: shown, replaced as a whole, checked, and recorded policy by policy."""

from dataclasses import replace
from typing import Any

import boto3
import pytest

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
from testing.control_plane import (
    call,
    dynamodb,
    items,
)

pytestmark = pytest.mark.usefixtures("marketo")


CORE = "corepolicy_0003"


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
        ({**POLICY, "deny": {"operator": "OR", "operands": [{"label": "C/5"}]}}, "policies[0].deny.operands[0].label"),
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
