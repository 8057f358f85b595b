"""Governance of a connection: what it does against the policies, and which of its labels make no sense.

Source: Adobe Experience Platform, "Data governance": "Automatic policy enforcement". Labels and policies mean here what
they mean there; the platform sends no labels along with its events, so that an operator tells them with the mapping and
the audiences.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from destination.domain.audience import Activation
from destination.domain.connection import NEVER_EXPORTED, ActiveConnection, Connection
from destination.domain.connection_rules import filled_by_identity, identities, required_to_create
from destination.domain.matching import rule_of
from destination.domain.policy import MARKETING_ACTIONS, Expression, Policy, PolicyStatus, grounds, misspelt
from destination.domain.problem import Problem

_SHOWN_CAUSES: Final = 20


@dataclass(frozen=True, slots=True)
class Cause:
    """What has some of the labels for which a policy denies the data: a mapped source, or an audience."""

    path: str
    what: str
    labels: frozenset[str]


@dataclass(frozen=True, slots=True)
class Violation:
    """What a connection does against a policy: which actions, on which labelled data. It has at least one cause."""

    connection: Connection
    policy: Policy
    marketing_actions: tuple[str, ...]
    causes: tuple[Cause, ...]

    @property
    def labels(self) -> frozenset[str]:
        return frozenset[str]().union(*(cause.labels for cause in self.causes))

    @property
    def shown_causes(self) -> tuple[Cause, ...]:
        """The first of them: a label on the wrong field can have a thousand audiences as further causes."""
        return self.causes[:_SHOWN_CAUSES]

    def is_part_of(self, other: "Violation") -> bool:
        """Whether the other one says all that this one says; the rows of a mapping may have moved."""
        theirs = {(cause.what, label) for cause in other.causes for label in cause.labels}
        return (
            self.policy.id == other.policy.id
            and set(self.marketing_actions) <= set(other.marketing_actions)
            and {(cause.what, label) for cause in self.causes for label in cause.labels} <= theirs
        )


def violations(policies: Sequence[Policy], active: ActiveConnection) -> list[Violation]:
    """What a connection does against these policies.

    The labels of all mapped sources are tested together with those of one audience at a time: an expression that needs
    two labels is not true because two audiences have one each.
    """
    found = []
    for policy in policies:
        actions = tuple(one for one in active.connection.marketing_actions if one in policy.marketing_actions)
        if actions and (causes := _causes(policy.deny, active)):
            found.append(Violation(active.connection, policy, actions, causes))
    return found


def new_violations(before: Sequence[Violation], after: Sequence[Violation]) -> list[Violation]:
    """Those that a change makes; what was so before can be fixed step by step."""
    return [one for one in after if not any(one.is_part_of(known) for known in before)]


def violation_problems(violation: Violation) -> list[Problem]:
    """The violation at each place where it can be fixed."""
    policy, labels = violation.policy, _listed(violation.labels)
    actions = _listed(violation.marketing_actions)
    denied = f"policy {policy.name} ({policy.id}) denies {actions} for data labelled {labels}"
    return [
        *(
            Problem(cause.path, f"{denied}; {cause.what} is labelled {_listed(cause.labels)}: {_remedy(cause)}")
            for cause in violation.shown_causes
        ),
        Problem(
            "marketing_actions",
            f"{denied}, see {_places(violation)}: take {actions} out if the data is not used for it",
        ),
    ]


def policy_problem(path: str, violation: Violation) -> Problem:
    """The violation at the policy that would make it."""
    connection, actions = violation.connection, _listed(violation.marketing_actions)
    labels = _listed(violation.labels)
    denied = f"connection {connection.name} ({connection.id}) would violate it: {actions} with data labelled {labels}"
    remedy = "fix the connection or disable it first, or keep the policy a draft"
    return Problem(path, f"{denied}, see its {_places(violation)}; {remedy}")


def violation_warnings(violation: Violation) -> list[Problem]:
    """What a draft policy would refuse, and what keeps a connection that is not enabled from being so."""
    policy = violation.policy
    verb = "would be violated" if policy.status is PolicyStatus.DRAFT else "is violated"
    actions, labels = _listed(violation.marketing_actions), _listed(violation.labels)
    named = f"{policy.status.value} policy {policy.name} ({policy.id})"
    denied = f"{named} {verb}: it denies {actions} for data labelled {labels}"
    return [
        Problem(cause.path, f"{denied}; {cause.what} is labelled {_listed(cause.labels)}")
        for cause in violation.shown_causes
    ]


def withheld_warnings(connection: Connection) -> list[Problem]:
    """The rows of a mapping that are there and yet send nothing."""
    return [
        Problem(f"mapping[{index}]", f"is not sent: {_NEVER}")
        for index, row in enumerate(connection.mapping)
        if not row.is_exported
    ]


def action_warnings(policies: Sequence[Policy], connection: Connection) -> list[Problem]:
    """A mistyped marketing action is denied by nothing; one of the organisation's own need not be named by a policy."""
    known = {*MARKETING_ACTIONS, *(action for policy in policies for action in policy.marketing_actions)}
    alike = {_folded(action): action for action in sorted(known)}
    return [
        Problem(f"marketing_actions[{index}]", f"{action} is denied by no policy; perhaps {meant} is meant")
        for index, action in enumerate(connection.marketing_actions)
        if action not in known and (meant := alike.get(_folded(action)))
    ]


def label_problems(connection: Connection) -> list[Problem]:
    """Labels that are none, and C12 on data without which nothing can be exported."""
    problems: list[Problem] = []
    required = set(required_to_create(connection)) if rule_of(connection).creates else set()
    for index, row in enumerate(connection.mapping):
        path = f"mapping[{index}].labels"
        problems.extend(misspelt(path, row.labels))
        if row.is_exported:
            continue
        if row.target in identities(connection):
            remedy = f"nobody can be found by it: map a source to {row.target} that may be exported"
            problems.append(Problem(path, f"{_NEVER}, and {remedy}"))
        elif row.target in required - filled_by_identity(connection).keys():
            remedy = f"nobody can be created without it: map a source to {row.target} that may be exported"
            problems.append(Problem(path, f"{_NEVER}, and {remedy}, or choose update_existing_only"))
    return problems


def activation_label_problems(activation: Activation) -> list[Problem]:
    """The same for an audience, all of whose people would be C12 data."""
    problems = list(misspelt("labels", activation.labels))
    if NEVER_EXPORTED in activation.labels:
        problems.append(Problem("labels", f"{_NEVER}: leave the audience out, or build it without such data"))
    return problems


_NEVER: Final = f"{NEVER_EXPORTED} data is never exported"


def _causes(deny: Expression, active: ActiveConnection) -> tuple[Cause, ...]:
    rows = [
        (f"mapping[{index}].labels", row.source, frozenset(row.labels))
        for index, row in enumerate(active.connection.mapping)
        if row.is_exported
    ]
    mapped = frozenset[str]().union(*(labels for _, _, labels in rows))
    denied = set(grounds(deny, mapped))
    audiences = []
    for audience, activation in active.activations.items():
        labels = frozenset(activation.labels)
        with_mapped = grounds(deny, mapped | labels)
        denied |= with_mapped
        audiences.append((f"audiences.{activation.id}.labels", f"audience {audience}", labels & with_mapped))
    found = [*((path, f"source {source}", labels & denied) for path, source, labels in rows), *audiences]
    return tuple(Cause(path, what, labels) for path, what, labels in found if labels)


def _remedy(cause: Cause) -> str:
    if cause.path.startswith("mapping"):
        return "take the row out of the mapping, or correct its labels if they are wrong"
    return "deactivate the audience, or correct its labels if they are wrong"


def _places(violation: Violation) -> str:
    shown = [cause.path for cause in violation.shown_causes]
    more = len(violation.causes) - len(shown)
    return _listed([*shown, f"{more} more"] if more else shown)


def _folded(action: str) -> str:
    return action.lower().replace("_", "").replace("-", "")


def _listed(names: AbstractSet[str] | Sequence[str]) -> str:
    *others, last = sorted(names) if isinstance(names, AbstractSet) else names
    return f"{', '.join(others)} and {last}" if others else last
