"""What policies deny, where a violation comes from, and which policies and labels make no sense."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import (
    ECID_TARGET,
    EMAIL_TARGET,
    ActiveConnection,
    Connection,
    Generation,
    MappingRow,
    PersonAction,
)
from destination.domain.governance import (
    Violation,
    action_warnings,
    activation_label_problems,
    label_problems,
    new_violations,
    policy_problem,
    violation_problems,
    violation_warnings,
    violations,
    withheld_warnings,
)
from destination.domain.policy import (
    CORE_POLICIES,
    LABELS,
    MARKETING_ACTIONS,
    MAX_CUSTOM_POLICIES,
    MAX_DEPTH,
    MAX_EXPRESSIONS,
    Combination,
    Expression,
    Operator,
    Policy,
    PolicyStatus,
    Proposal,
    adopted,
    denying,
    grounds,
)
from destination.domain.problem import ConfigurationError
from testing.persons import connection

EMAIL = "emailTargeting"

A_LABELS = f"audiences.{activation_id(AudienceKey('ups', 'a'))}.labels"


def all_of(*operands: Expression) -> Combination:
    return Combination(Operator.AND, operands)


def any_of(*operands: Expression) -> Combination:
    return Combination(Operator.OR, operands)


def policy(deny: Expression, *actions: str, status: PolicyStatus = PolicyStatus.ENABLED) -> Policy:
    return Policy("p-1", "No such e-mail", status, actions or (EMAIL,), deny)


def active(
    mapped: Mapping[str, str] | None = None,
    audiences: Mapping[str, str] | None = None,
    actions: Sequence[str] = (EMAIL,),
) -> ActiveConnection:
    """A connection with sources and audiences by name, each with its labels."""
    rows = tuple(
        MappingRow(source, f"field{index}", labels=tuple(labels.split()))
        for index, (source, labels) in enumerate((mapped or {}).items())
    )
    activations = {
        AudienceKey("ups", name): Activation(AudienceKey("ups", name), name, labels=tuple(labels.split()))
        for name, labels in (audiences or {}).items()
    }
    return ActiveConnection(connection(mapping=rows, marketing_actions=tuple(actions)), activations)


def causes(found: Sequence[Violation]) -> dict[str, set[str]]:
    (violation,) = found
    return {cause.path: set(cause.labels) for cause in violation.causes}


@pytest.mark.parametrize(
    ("deny", "labels", "expected"),
    [
        ("C4", "C4 C5", "C4"),
        ("C4", "C5", ""),
        ("C4", "", ""),
        (any_of("C4", "C5"), "C5 I1", "C5"),
        (any_of("C4", "C5"), "C4 C5", "C4 C5"),
        (any_of("C4", "C5"), "I1", ""),
        (all_of("C4", "I1"), "C4 I1 S1", "C4 I1"),
        (all_of("C4", "I1"), "C4", ""),
        (all_of("C4", any_of("I1", "I2")), "C4 I2", "C4 I2"),
        (all_of("C4", any_of("I1", "I2")), "I1 I2", ""),
        (any_of("S1", all_of("C4", "I1")), "C4 S1", "S1"),
        (all_of("C4"), "C4", "C4"),
        ("own-label", "own-label", "own-label"),
    ],
)
def test_the_labels_that_make_an_expression_true(deny: Expression, labels: str, expected: str) -> None:
    assert grounds(deny, set(labels.split())) == set(expected.split())


@pytest.mark.parametrize(
    ("deny", "mapped", "audiences", "expected"),
    [
        ("C4", {"email": "C4"}, {}, {"mapping[0].labels": {"C4"}}),
        ("C4", {"email": "I1", "tier": "C4 S1"}, {}, {"mapping[1].labels": {"C4"}}),
        ("C4", {"email": "I1"}, {"a": "C4"}, {A_LABELS: {"C4"}}),
        (all_of("C4", "I1"), {"email": "I1"}, {"a": "C4", "b": ""},
         {"mapping[0].labels": {"I1"}, A_LABELS: {"C4"}}),
        (all_of("C4", "I1"), {"email": ""}, {"a": "C4 I1", "b": "I1"}, {A_LABELS: {"C4", "I1"}}),
        (any_of("C4", "C5"), {"email": "C4"}, {"a": "C5"},
         {"mapping[0].labels": {"C4"}, A_LABELS: {"C5"}}),
        (all_of("C4", "I1"), {"email": "I1", "tier": "C4"}, {"a": "C4", "b": "S1"},
         {"mapping[0].labels": {"I1"}, "mapping[1].labels": {"C4"}, A_LABELS: {"C4"}}),
    ],
)  # fmt: skip
def test_where_the_labels_come_from(
    deny: Expression, mapped: Mapping[str, str], audiences: Mapping[str, str], expected: Mapping[str, set[str]]
) -> None:
    assert causes(violations([policy(deny)], active(mapped, audiences))) == expected


@pytest.mark.parametrize(
    ("deny", "mapped", "audiences"),
    [
        (all_of("C4", "I1"), {"email": ""}, {"a": "C4", "b": "I1"}),
        (all_of("C4", "I1", "S1"), {"email": "S1"}, {"a": "C4", "b": "I1"}),
        ("C4", {"email": "C5"}, {"a": "I1"}),
        ("C4", {}, {}),
    ],
)
def test_two_audiences_are_not_tested_together(
    deny: Expression, mapped: Mapping[str, str], audiences: Mapping[str, str]
) -> None:
    assert violations([policy(deny)], active(mapped, audiences)) == []


def test_a_policy_concerns_only_its_marketing_actions() -> None:
    target = active({"email": "C4"}, actions=("analytics", EMAIL, "own-action"))
    (violation,) = violations([policy("C4", EMAIL, "own-action", "dataScience")], target)
    assert violation.marketing_actions == (EMAIL, "own-action")
    assert violations([policy("C4", "dataScience")], target) == []
    assert violations([policy("C4")], active({"email": "C4"}, actions=())) == []


def test_a_row_that_is_never_sent_violates_nothing() -> None:
    assert violations([policy("C4")], active({"email": "I1", "secret": "C4 C12"})) == []


def test_only_what_is_new_is_refused() -> None:
    denied = [policy("C4")]
    before = violations(denied, active({"email": "C4", "tier": "C4"}, {"a": "C4"}))
    moved = violations(denied, active({"tier": "C4", "email": "I1"}, {"a": "C4"}))
    more = violations(denied, active({"email": "C4", "phone": "C4"}))
    assert new_violations(before, before) == []
    assert new_violations(before, moved) == []
    assert new_violations(before, more) == more
    assert new_violations([], before) == before
    other = [replace(policy("C4"), id="p-2")]
    assert new_violations(before, violations(other, active({"email": "C4"}))) != []
    second = active({"email": "C4"}, actions=(EMAIL, "analytics"))
    assert new_violations(before, violations([policy("C4", EMAIL, "analytics")], second)) != []


def test_a_violation_says_what_where_and_how_to_mend_it() -> None:
    (violation,) = violations([policy(any_of("C4", "C5"))], active({"email": "I1 C4"}, {"a": "C5"}))
    problems = {problem.path: problem.message for problem in violation_problems(violation)}
    assert problems.keys() == {"mapping[0].labels", A_LABELS, "marketing_actions"}
    for message in problems.values():
        assert message.startswith("policy No such e-mail (p-1) denies emailTargeting for data labelled C4 and C5")
    assert "source email is labelled C4: take the row out of the mapping" in problems["mapping[0].labels"]
    assert "audience a (ups) is labelled C5: do not activate the audience" in problems[A_LABELS]
    assert f"see mapping[0].labels and {A_LABELS}: take emailTargeting out" in problems["marketing_actions"]


def test_a_violation_of_a_thousand_audiences_is_told_shortly() -> None:
    (violation,) = violations([policy("C4")], active({"email": "I1"}, {f"a{n}": "C4" for n in range(1000)}))
    problems = violation_problems(violation)
    assert len(violation.causes) == 1000
    assert len(problems) == 21
    assert "and 980 more: take" in problems[-1].message


def test_a_change_of_policies_names_connection_and_labels() -> None:
    (violation,) = violations([policy("C4")], active({"email": "C4"}))
    problem = policy_problem("policies[3]", violation)
    assert problem.path == "policies[3]"
    assert f"({violation.connection.id}) would violate it" in problem.message
    assert "emailTargeting with data labelled C4, see its mapping[0].labels" in problem.message


@pytest.mark.parametrize(
    ("status", "words"),
    [(PolicyStatus.DRAFT, "would be violated"), (PolicyStatus.ENABLED, "is violated")],
)
def test_warnings_say_what_a_policy_has_against_a_connection(status: PolicyStatus, words: str) -> None:
    (violation,) = violations([policy("C4", status=status)], active({"email": "C4"}))
    (warning,) = violation_warnings(violation)
    assert warning.path == "mapping[0].labels"
    assert f"{status.value} policy No such e-mail (p-1) {words}" in warning.message


def test_a_marketing_action_that_no_policy_names_is_warned_of() -> None:
    known = [policy("C4", "own-action", status=PolicyStatus.DISABLED)]
    actions = ("emailTargeting", "own-action", "ownAction", "another")
    warnings = action_warnings(known, active(actions=actions).connection)
    assert [warning.path for warning in warnings] == ["marketing_actions[2]", "marketing_actions[3]"]
    assert "perhaps own-action is meant" in warnings[0].message
    assert "analytics" in warnings[1].message
    assert "own-action" in warnings[1].message


@pytest.mark.parametrize(
    ("action", "meant"),
    [
        ("emailTargetting", "emailTargeting"),
        ("emialTargeting", "emailTargeting"),
        ("email_targeting", "emailTargeting"),
        ("Datascience", "dataScience"),
    ],
)
def test_a_mistyped_marketing_action_is_refused(action: str, meant: str) -> None:
    (problem,) = label_problems(active(actions=("own-action", action)).connection)
    assert problem.path == "marketing_actions[1]"
    assert f"write {meant}" in problem.message


@pytest.mark.parametrize("action", ["emailTargetingEMEA", "partnerEvents", "targeting", "mail"])
def test_an_action_of_ones_own_may_sound_like_one_of_adobes(action: str) -> None:
    assert label_problems(active(actions=(action,)).connection) == []


@pytest.mark.parametrize("label", ["c4", "C0", "C13", "C04", "I3", "s1", "pspd", "third-party"])
def test_a_label_that_looks_like_adobes_and_is_none_is_refused(label: str) -> None:
    (problem,) = label_problems(active({"email": label}).connection)
    assert problem.path == "mapping[0].labels"
    assert label in problem.message
    assert [one.path for one in activation_label_problems(Activation(AudienceKey("ups", "a"), "a", labels=(label,)))]


@pytest.mark.parametrize("label", [*sorted(LABELS - {"C12"}), "own-label", "C-level", "Sensitive", "I"])
def test_adobes_labels_and_ones_own_are_taken(label: str) -> None:
    assert label_problems(active({"email": label}).connection) == []
    assert activation_label_problems(Activation(AudienceKey("ups", "a"), "a", labels=(label,))) == []


def never_exported(target: str, **changes: object) -> Connection:
    rows = (MappingRow("key", "DedupeField"), MappingRow("first", "firstName"), MappingRow("last", "lastName"))
    others = tuple(row for row in rows if row.target != target)
    return connection(mapping=(*others, MappingRow("secret", target, labels=("C12",))), **changes)


@pytest.mark.parametrize(
    ("target", "action", "refused"),
    [
        ("DedupeField", PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, True),
        ("DedupeField", PersonAction.UPDATE_EXISTING_ONLY, True),
        ("firstName", PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, True),
        ("lastName", PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, True),
        ("firstName", PersonAction.UPDATE_EXISTING_ONLY, False),
        ("email", PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, False),
        ("company", PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, False),
    ],
)
def test_what_is_needed_must_be_allowed_to_leave(target: str, action: PersonAction, refused: bool) -> None:
    configured = never_exported(target, person_action=action, dedupe_field="email")
    problems = label_problems(configured)
    index = len(configured.mapping) - 1
    assert [problem.path for problem in problems] == ([f"mapping[{index}].labels"] if refused else [])
    assert [warning.path for warning in withheld_warnings(configured)] == [f"mapping[{index}]"]


def test_with_another_dedupe_field_the_email_is_needed_too() -> None:
    configured = never_exported(
        "email", person_action=PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, dedupe_field="crmId"
    )
    (problem,) = label_problems(configured)
    assert "nobody can be created without it" in problem.message


@pytest.mark.parametrize("target", [EMAIL_TARGET, ECID_TARGET])
def test_the_identities_of_the_legacy_generation_are_needed_too(target: str) -> None:
    rows = (MappingRow("email", EMAIL_TARGET), MappingRow("first", "firstName"), MappingRow("last", "lastName"))
    others = tuple(row for row in rows if row.target != target)
    legacy = connection(
        generation=Generation.LEGACY_V2,
        ecid_field="ecid",
        mapping=(*others, MappingRow("secret", target, labels=("C12",))),
    )
    (problem,) = label_problems(legacy)
    assert "nobody can be found by it" in problem.message


def test_an_audience_of_data_that_must_not_leave_is_refused() -> None:
    (problem,) = activation_label_problems(Activation(AudienceKey("ups", "a"), "a", labels=("I1", "C12")))
    assert problem.path == "labels"
    assert "never exported" in problem.message


def test_the_core_policies() -> None:
    expressions = {one.marketing_actions[0]: one.deny for one in CORE_POLICIES}
    assert expressions == {
        "emailTargeting": any_of("C4", "C5"),
        "exportToThirdParty": any_of("C1", "C2"),
        "combineWithDirectlyIdentifiableData": "C3",
        "crossSiteTargeting": any_of("C4", "C5"),
        "onsiteAdvertising": any_of("C4", "C6"),
        "onsitePersonalization": any_of("C4", "C7"),
        "analytics": "C8",
        "dataScience": "C9",
        "singleIdentityPersonalization": "C10",
        "segmentMatch": "C11",
    }
    assert expressions.keys() == MARKETING_ACTIONS.keys()
    assert {one.status for one in CORE_POLICIES} == {PolicyStatus.DISABLED}
    assert CORE_POLICIES[0].id == "corepolicy_0003"
    assert CORE_POLICIES[0].name == "Restrict email targeting"


def test_any_of_the_actions_and_labels_is_enough_to_be_denied() -> None:
    policies = [policy("C4"), replace(policy(all_of("C4", "I1"), "analytics"), id="p-2")]
    assert [one.id for one in denying(policies, [EMAIL, "analytics"], {"C4"})] == ["p-1"]
    assert [one.id for one in denying(policies, ["analytics", "x"], {"C4", "I1"})] == ["p-2"]
    assert denying(policies, ["x"], {"C4", "I1"}) == []


def test_core_policies_are_disabled_unless_they_are_named() -> None:
    custom = Proposal("own", PolicyStatus.DRAFT, "Own", (EMAIL,), "C4", "Why")
    adopted_policies = adopted([custom, Proposal("corepolicy_0003", PolicyStatus.ENABLED)])
    assert [one.id for one in adopted_policies] == [*(one.id for one in CORE_POLICIES), "own"]
    assert {one.id for one in adopted_policies if one.status is PolicyStatus.ENABLED} == {"corepolicy_0003"}
    assert adopted_policies[-1] == Policy("own", "Own", PolicyStatus.DRAFT, (EMAIL,), "C4", "Why")


def test_a_core_policy_may_be_given_as_it_is() -> None:
    core = CORE_POLICIES[0]
    proposal = Proposal(core.id, PolicyStatus.DRAFT, core.name, core.marketing_actions, core.deny, core.description)
    assert adopted([proposal])[0] == replace(core, status=PolicyStatus.DRAFT)


OWN = Proposal("own", PolicyStatus.ENABLED, "Own", (EMAIL,), "C4")
CORE = Proposal("corepolicy_0003", PolicyStatus.ENABLED)


def nested(depth: int) -> Expression:
    expression: Expression = "C4"
    for _ in range(depth - 1):
        expression = all_of(expression)
    return expression


@pytest.mark.parametrize(
    ("proposals", "paths"),
    [
        ([OWN, OWN], ["policies[1].id"]),
        ([CORE, CORE], ["policies[1].id"]),
        ([replace(CORE, name="Other")], ["policies[0].name"]),
        ([replace(CORE, description="Other")], ["policies[0].description"]),
        ([replace(CORE, marketing_actions=("analytics",))], ["policies[0].marketing_actions"]),
        ([replace(CORE, deny="C4")], ["policies[0].deny"]),
        ([replace(OWN, id="corepolicy_0099")], ["policies[0].id"]),
        ([replace(OWN, id="Core_own")], ["policies[0].id"]),
        ([replace(OWN, name=None, deny=None)], ["policies[0].name", "policies[0].deny"]),
        ([replace(OWN, marketing_actions=None)], ["policies[0].marketing_actions"]),
        ([replace(OWN, deny="c4")], ["policies[0].deny.label"]),
        ([replace(OWN, deny=any_of("C4", all_of("C5", "I9")))], ["policies[0].deny.operands[1].operands[1].label"]),
        ([replace(OWN, deny=nested(MAX_DEPTH + 1))], ["policies[0].deny"]),
        ([replace(OWN, deny=any_of(*["C4"] * MAX_EXPRESSIONS))], ["policies[0].deny"]),
        ([replace(OWN, id=f"own-{n}") for n in range(MAX_CUSTOM_POLICIES + 1)], ["policies"]),
    ],
)
def test_policies_that_make_no_sense(proposals: Sequence[Proposal], paths: Sequence[str]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        adopted(proposals)
    assert [problem.path for problem in refused.value.problems] == paths


@pytest.mark.parametrize(
    "proposals",
    [
        [replace(OWN, deny=nested(MAX_DEPTH))],
        [replace(OWN, deny=any_of(*["C4"] * (MAX_EXPRESSIONS - 1)))],
        [replace(OWN, id=f"own-{n}") for n in range(MAX_CUSTOM_POLICIES)],
        [replace(OWN, id="corean")],
    ],
)
def test_policies_at_the_limits_are_taken(proposals: Sequence[Proposal]) -> None:
    assert len(adopted(proposals)) == len(CORE_POLICIES) + len(proposals)
