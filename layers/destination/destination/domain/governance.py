"""Governance of a connection: what it does against the policies, and which of its labels make no sense.

Source: Adobe Experience Platform, "Data governance": "Automatic policy enforcement". Labels and policies mean here what
they mean there; the platform sends no labels along with its events, so that an operator tells them with the mapping and
the audiences.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from destination.domain.audience import ANY_NAMESPACE, Activation
from destination.domain.connection import NEVER_EXPORTED, ActiveConnection, Connection, MappingRow
from destination.domain.connection_rules import filled_by_identity, identities, required_to_create
from destination.domain.matching import rule_of
from destination.domain.policy import (
    MARKETING_ACTIONS,
    Expression,
    Policy,
    PolicyStatus,
    grounds,
    misspelt,
    mistaken_actions,
)
from destination.domain.problem import Problem
from destination.domain.text import plain

_SHOWN_CAUSES: Final = 20


Labels = Mapping[str, Sequence[str]]
"""By source, or by activation id."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """What is labelled how: mapped sources, and audiences. `version`: that of the connection."""

    sources: Labels
    audiences: Labels
    version: int


@dataclass(frozen=True, slots=True)
class Cause:
    """What has some of the labels for which a policy denies the data: a mapped source, or an audience.

    `row`: that of the source. `is_stored`: whether the audience is activated.
    """

    path: str
    what: str
    labels: frozenset[str]
    row: MappingRow | None = None
    is_stored: bool = True


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
            Problem(
                cause.path,
                f"{denied}; {cause.what} is labelled {_listed(cause.labels)}: {_remedy(violation.connection, cause)}",
            )
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
    remedy = "fix the connection or disable it first; or, keep the policy a draft"
    return Problem(path, f"{denied}, see its {_places(violation)}; {remedy}")


def violation_warnings(violation: Violation) -> list[Problem]:
    """What a draft policy would refuse, and what keeps a connection that is not enabled from being so."""
    policy = violation.policy
    verb = "would be violated" if policy.status is PolicyStatus.DRAFT else "is violated"
    actions, labels = _listed(violation.marketing_actions), _listed(violation.labels)
    named = f"{policy.status.value} policy {policy.name} ({policy.id})"
    denied = f"{named} {verb}: it denies {actions} for data labelled {labels}"
    return [
        Problem(
            cause.path,
            f"{denied}; {cause.what} is labelled {_listed(cause.labels)}: {_remedy(violation.connection, cause)}",
        )
        for cause in violation.shown_causes
    ]


def withheld_warnings(connection: Connection) -> list[Problem]:
    """The rows of a mapping that are there and yet send nothing."""
    return [
        Problem(f"mapping[{index}]", f"is not sent: {_NEVER}; leave the row out")
        for index, row in enumerate(connection.mapping)
        if not row.is_exported
    ]


def action_warnings(policies: Sequence[Policy], connection: Connection) -> list[Problem]:
    """Marketing actions to which no policy can apply, as no policy names them and Adobe has none of the name."""
    known = {*MARKETING_ACTIONS, *(action for policy in policies for action in policy.marketing_actions)}
    alike = {plain(action): action for action in sorted(known)}
    warnings = []
    for index, action in enumerate(connection.marketing_actions):
        if action not in known:
            meant = alike.get(plain(action))
            remedy = f"perhaps {meant} is meant" if meant else f"those that policies name are {_listed(sorted(known))}"
            message = f"{action} is named by no policy, so that nothing is ever denied for it; {remedy}"
            warnings.append(Problem(f"marketing_actions[{index}]", message))
    return warnings


def label_problems(connection: Connection) -> list[Problem]:
    """Labels and marketing actions that are none, and C12 on data without which nothing can be exported."""
    problems = list(mistaken_actions("marketing_actions", connection.marketing_actions))
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


def taken_off(before: Connection, after: Connection) -> list[Problem]:
    """Labels that sources would have no more, which another call than that of labels may not take off.

    A source keeps its labels in whatever row it is; one that is mapped no more has none.
    """
    labels: dict[str, list[str]] = {}
    for row in before.mapping:
        labels.setdefault(row.source, []).extend(row.labels)
    return [
        Problem(f"mapping[{index}].labels", f"{_listed(missing)} of source {row.source} {_NOT_HERE}")
        for index, row in enumerate(after.mapping)
        if row not in before.mapping and (missing := set(labels.get(row.source, ())) - set(row.labels))
    ]


def labels_of_same(activation: Activation, known: Iterable[Activation]) -> tuple[str, ...]:
    """The labels that the source's audience has already, dormant or in a namespace that the other one includes."""
    namespace, audience_id = activation.audience
    same = (
        one
        for one in known
        if one.audience.id == audience_id
        and (one.audience.namespace == namespace or ANY_NAMESPACE in {one.audience.namespace, namespace})
    )
    return tuple(dict.fromkeys(label for one in same for label in one.labels))


def taken_off_audience(before: Sequence[str], after: Activation) -> list[Problem]:
    """The same of an audience that had labels."""
    missing = set(before) - set(after.labels)
    return [Problem("labels", f"{_listed(missing)} {_NOT_HERE}")] if missing else []


def activation_label_problems(activation: Activation) -> list[Problem]:
    """The same for an audience, all of whose people would be C12 data."""
    problems = list(misspelt("labels", activation.labels))
    if NEVER_EXPORTED in activation.labels:
        problems.append(Problem("labels", f"{_NEVER}: leave the audience out, or build it without such data"))
    return problems


_NOT_HERE: Final = (
    "cannot be taken off with this call: PATCH …/labels takes labels off, with the permission Apply Data Usage Labels"
)
_NEVER: Final = f"{NEVER_EXPORTED} data is never exported"


def _causes(deny: Expression, active: ActiveConnection) -> tuple[Cause, ...]:
    rows = [
        Cause(f"mapping[{index}].labels", f"source {row.source}", frozenset(row.labels), row)
        for index, row in enumerate(active.connection.mapping)
        if row.is_exported
    ]
    mapped = frozenset[str]().union(*(one.labels for one in rows))
    denied = set(grounds(deny, mapped))
    audiences = []
    for audience, activation in active.activations.items():
        labels = frozenset(activation.labels)
        with_mapped = grounds(deny, mapped | labels)
        denied |= with_mapped
        path, is_stored = f"audiences.{activation.id}.labels", activation.version > 0
        audiences.append(Cause(path, f"audience {audience}", labels & with_mapped, is_stored=is_stored))
    found = [*(replace(one, labels=one.labels & denied) for one in rows), *audiences]
    return tuple(one for one in found if one.labels)


def _remedy(connection: Connection, cause: Cause) -> str:
    """What can be done where the cause is; the marketing actions are another place."""
    wrong = "if its labels are wrong, correct them (PATCH …/labels takes off those that are stored)"
    if cause.row is None:
        return f"{'deactivate the audience' if cause.is_stored else 'do not activate the audience'}; or, {wrong}"
    target = cause.row.target
    instead = f"map another source to {target}, which cannot do without one"
    if target in identities(connection):
        if connection.delivered_at is not None:
            return f"people are known by it, and {target} keeps its source; {wrong}"
        return f"{instead}; or, {wrong}"
    is_required = rule_of(connection).creates and target in required_to_create(connection)
    if is_required and target not in filled_by_identity(connection):
        return f"{instead} to create people, or take the row out with update_existing_only; or, {wrong}"
    return f"take the row out of the mapping; or, {wrong}"


def _places(violation: Violation) -> str:
    shown = [cause.path for cause in violation.shown_causes]
    more = len(violation.causes) - len(shown)
    return _listed([*shown, f"{more} more"] if more else shown)


def _listed(names: AbstractSet[str] | Sequence[str]) -> str:
    *others, last = sorted(names) if isinstance(names, AbstractSet) else names
    return f"{', '.join(others)} and {last}" if others else last
