"""Deny expressions, against an evaluation of their own: as Python, and audience by audience."""

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import ActiveConnection, MappingRow
from destination.domain.governance import new_violations, violations
from destination.domain.policy import Combination, Expression, Operator, Policy, PolicyStatus, grounds
from testing.world import connection

LABELS = ("C1", "C2", "C4", "I1", "S1")
SETS = st.frozensets(st.sampled_from(LABELS))
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.sampled_from(LABELS),
    lambda below: st.builds(Combination, st.sampled_from(Operator), st.lists(below, min_size=1, max_size=3).map(tuple)),
    max_leaves=10,
)


def python_of(expression: Expression) -> str:
    """The expression in Python's own logic, over a variable `labels`."""
    if isinstance(expression, str):
        return f"({expression!r} in labels)"
    return f"({f' {expression.operator.value.lower()} '.join(python_of(one) for one in expression.operands)})"


def is_true(expression: Expression, labels: frozenset[str]) -> bool:
    return bool(eval(python_of(expression), {"labels": labels}))  # noqa: S307


def target(rows: list[frozenset[str]], audiences: list[frozenset[str]]) -> ActiveConnection:
    mapping = tuple(MappingRow(f"s{index}", f"f{index}", labels=tuple(labels)) for index, labels in enumerate(rows))
    keys = [AudienceKey("ups", str(index)) for index in range(len(audiences))]
    activations = {
        key: Activation(key, key.id, labels=tuple(labels)) for key, labels in zip(keys, audiences, strict=True)
    }
    return ActiveConnection(connection(mapping=mapping, marketing_actions=("act",)), activations)


def policy(deny: Expression) -> Policy:
    return Policy("p", "p", PolicyStatus.ENABLED, ("act",), deny)


@given(EXPRESSIONS, SETS)
def test_an_expression_has_grounds_where_it_is_true(expression: Expression, labels: frozenset[str]) -> None:
    found = grounds(expression, labels)
    assert bool(found) == is_true(expression, labels)
    assert found <= labels
    if found:
        assert is_true(expression, found), "the grounds alone make it true"


@given(EXPRESSIONS, st.lists(SETS, max_size=3), st.lists(SETS, max_size=4))
def test_a_connection_violates_where_the_fields_with_one_audience_do(
    expression: Expression, rows: list[frozenset[str]], audiences: list[frozenset[str]]
) -> None:
    mapped = frozenset[str]().union(*rows)
    found = violations([policy(expression)], target(rows, audiences))
    by_audience = [is_true(expression, mapped | labels) for labels in audiences or [frozenset[str]()]]
    assert bool(found) == any(by_audience)
    of_activation = {activation_id(AudienceKey("ups", str(number))): it for number, it in enumerate(by_audience)}
    for violation in found:
        for cause in violation.causes:
            assert cause.labels
            if cause.path.startswith("audiences."):
                assert of_activation[cause.path.split(".")[1]], "an audience is blamed only for what it takes part in"


@given(EXPRESSIONS, st.lists(SETS, max_size=3), st.lists(SETS, max_size=4), SETS)
def test_taking_away_makes_nothing_new_and_what_is_new_was_not_there(
    expression: Expression, rows: list[frozenset[str]], audiences: list[frozenset[str]], added: frozenset[str]
) -> None:
    policies = [policy(expression)]
    before = violations(policies, target(rows, audiences))
    fewer = violations(policies, target(rows, audiences[:-1]))
    more = violations(policies, target(rows, [*audiences, added]))
    assert new_violations(before, fewer) == []
    if not before:
        assert new_violations(before, more) == more
