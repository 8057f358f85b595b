"""Data usage governance: labels say what data is, marketing actions what it is used for, policies what is denied.

Source: Adobe Experience Platform, "Data governance": "Data usage labels", "Data usage policies", "Automatic policy
enforcement"; Policy Service API, "Policies". Labels and policies mean here what they mean there; the platform sends no
labels along with its events, so that an operator tells them with the mapping and the audiences.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from destination.domain.audit import Change
from destination.domain.configuration import (
    ConfigurationError,
    Problem,
    filled_by_identity,
    identities,
    required_to_create,
)
from destination.domain.connection import NEVER_EXPORTED, Activation, ActiveConnection, Connection
from destination.domain.matching import rule_of

LABELS: Final = frozenset(
    {*(f"C{number}" for number in range(1, 13)), "I1", "I2", "S1", "S2", "PSPD", "RHD", "Third-Party"}
)
"""Adobe's own: contract, identity, sensitive and partner labels. Others are allowed, and are the organisation's."""

MARKETING_ACTIONS: Final[Mapping[str, str]] = {
    "analytics": "Analytics",
    "combineWithDirectlyIdentifiableData": "Combine with directly identifiable data",
    "crossSiteTargeting": "Cross Site Targeting",
    "dataScience": "Data Science",
    "emailTargeting": "Email Targeting",
    "exportToThirdParty": "Export to Third Party",
    "onsiteAdvertising": "Onsite Advertising",
    "onsitePersonalization": "Onsite Personalization",
    "segmentMatch": "Segment Match",
    "singleIdentityPersonalization": "Single Identity Personalization",
}
"""The core actions, with the names that Adobe shows for them. Others are allowed, and are the organisation's.

Adobe publishes two of these API names, `emailTargeting` and `exportToThirdParty`; the others follow their pattern.
"""

MAX_CUSTOM_POLICIES: Final = 40
MAX_EXPRESSIONS: Final = 60
"""In one policy, so that the whole set of policies fits into one DynamoDB item (400 KB)."""

MAX_DEPTH: Final = 8
"""Each level takes two of the 32 to which DynamoDB nests."""

_LIKE_ADOBES: Final = re.compile(r"[CIS][0-9]+|PSPD|RHD|Third-Party", re.IGNORECASE)
_LIKE_CORE: Final = re.compile(r"core(policy)?_.*", re.IGNORECASE)
_SHOWN_CAUSES: Final = 20


class PolicyStatus(StrEnum):
    """An enabled policy refuses, a draft warns, a disabled one does nothing."""

    DRAFT = "draft"
    ENABLED = "enabled"
    DISABLED = "disabled"


class Operator(StrEnum):
    AND = "AND"
    OR = "OR"


@dataclass(frozen=True, slots=True)
class Combination:
    operator: Operator
    operands: tuple["Expression", ...]


Expression = str | Combination
"""A label, which is true of data that has it; or a combination of expressions."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Data of which the expression `deny` is true must not be used for any of the marketing actions."""

    id: str
    name: str
    status: PolicyStatus
    marketing_actions: tuple[str, ...]
    deny: Expression
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A policy as somebody wants it; of a core policy no more than the status has to be said."""

    id: str
    status: PolicyStatus
    name: str | None = None
    marketing_actions: tuple[str, ...] | None = None
    deny: Expression | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies, the core ones first; a version for the whole of it."""

    version: int
    policies: tuple[Policy, ...]

    @property
    def enabled(self) -> tuple[Policy, ...]:
        return tuple(policy for policy in self.policies if policy.status is PolicyStatus.ENABLED)

    @property
    def drafts(self) -> tuple[Policy, ...]:
        return tuple(policy for policy in self.policies if policy.status is PolicyStatus.DRAFT)


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


class PolicyViolationError(Exception):
    """Enabled policies deny what is asked for. `problems` say where, and how to mend it."""

    def __init__(self, violations: Sequence[Violation], problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(sorted({f"{one.policy.name} ({one.policy.id})" for one in violations})))
        self.violations = tuple(violations)
        self.problems = tuple(problems)


def _any(*labels: str) -> Expression:
    return labels[0] if len(labels) == 1 else Combination(Operator.OR, labels)


def _core(policy_id: str, name: str, action: str, deny: Expression, description: str) -> Policy:
    return Policy(policy_id, name, PolicyStatus.DISABLED, (action,), deny, description)


CORE_POLICIES: Final = (
    _core(
        "corepolicy_0003",
        "Restrict email targeting",
        "emailTargeting",
        _any("C4", "C5"),
        "Data that must not target advertising or content (C4), or not by interest across sites (C5).",
    ),
    _core(
        "core_third_party_export",
        "Restrict export to third parties",
        "exportToThirdParty",
        _any("C1", "C2"),
        "Data that may leave in aggregate or anonymous form only (C1), or not at all to third parties (C2).",
    ),
    _core(
        "core_identifiable_data",
        "Restrict combining with directly identifiable data",
        "combineWithDirectlyIdentifiableData",
        _any("C3"),
        "Data that must not be combined with data that identifies a person directly (C3).",
    ),
    _core(
        "core_cross_site_targeting",
        "Restrict cross-site targeting",
        "crossSiteTargeting",
        _any("C4", "C5"),
        "Data that must not target advertising or content (C4), or not by interest across sites (C5).",
    ),
    _core(
        "core_onsite_advertising",
        "Restrict on-site advertising",
        "onsiteAdvertising",
        _any("C4", "C6"),
        "Data that must not target advertising anywhere (C4), or not on the own site (C6).",
    ),
    _core(
        "core_onsite_personalization",
        "Restrict on-site personalization",
        "onsitePersonalization",
        _any("C4", "C7"),
        "Data that must not target content anywhere (C4), or not on the own site (C7).",
    ),
    _core("core_analytics", "Restrict analytics", "analytics", _any("C8"), "Data that must not measure (C8)."),
    _core(
        "core_data_science",
        "Restrict data science",
        "dataScience",
        _any("C9"),
        "Data that must not be used for data science (C9).",
    ),
    _core(
        "core_single_identity",
        "Restrict personalization by stitched identities",
        "singleIdentityPersonalization",
        _any("C10"),
        "Data that must not be activated by stitched identities (C10).",
    ),
    _core(
        "core_segment_match",
        "Restrict Segment Match",
        "segmentMatch",
        _any("C11"),
        "Data that must not be shared by Segment Match (C11).",
    ),
)
"""Adobe's core policies, disabled until somebody enables them.

Adobe publishes the id, name and expression of `corepolicy_0003`. The others are made from what Adobe says that the
contract labels mean, under ids of our own. C12 is no policy: such data is never exported, whatever the action.
"""


def grounds(deny: Expression, labels: AbstractSet[str]) -> frozenset[str]:
    """The labels that make an expression true of data with these labels; none of them: it is false."""
    if isinstance(deny, str):
        return frozenset({deny}) & labels
    found = [grounds(operand, labels) for operand in deny.operands]
    if deny.operator is Operator.AND and not all(found):
        return frozenset()
    return frozenset[str]().union(*found)


def denying(policies: Sequence[Policy], actions: Sequence[str], labels: AbstractSet[str]) -> list[Policy]:
    """Those that deny one of the actions for data with these labels."""
    return [one for one in policies if set(actions) & set(one.marketing_actions) and grounds(one.deny, labels)]


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
    """Those that a change makes; what was so before can be mended step by step."""
    return [one for one in after if not any(one.is_part_of(known) for known in before)]


def violation_problems(violation: Violation) -> list[Problem]:
    """The violation at each place where it can be mended."""
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
    mend = "mend the connection or disable it first, or keep the policy a draft"
    return Problem(path, f"{denied}, see its {_places(violation)}; {mend}")


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
        problems.extend(_misspelt(path, row.labels))
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
    problems = list(_misspelt("labels", activation.labels))
    if NEVER_EXPORTED in activation.labels:
        problems.append(Problem("labels", f"{_NEVER}: leave the audience out, or build it without such data"))
    return problems


def adopted(proposals: Sequence[Proposal]) -> tuple[Policy, ...]:
    """All policies, if these are the custom ones and the statuses of the core ones; a core one not named is disabled.

    Raises ConfigurationError.
    """
    core = {policy.id: policy for policy in CORE_POLICIES}
    problems: list[Problem] = []
    custom: list[Policy] = []
    seen: set[str] = set()
    for index, proposal in enumerate(proposals):
        path = f"policies[{index}]"
        if proposal.id in seen:
            problems.append(Problem(f"{path}.id", f"{proposal.id} is there already; keep one"))
        seen.add(proposal.id)
        if proposal.id in core:
            problems.extend(_core_changes(path, core[proposal.id], proposal))
            core[proposal.id] = replace(core[proposal.id], status=proposal.status)
        elif _LIKE_CORE.fullmatch(proposal.id):
            problems.append(Problem(f"{path}.id", f"there is no core policy {proposal.id}; choose another id"))
        elif (policy := _custom(path, proposal, problems)) is not None:
            custom.append(policy)
    if len(custom) > MAX_CUSTOM_POLICIES:
        message = f"at most {MAX_CUSTOM_POLICIES} beside the core policies; join some with OR"
        problems.append(Problem("policies", message))
    if problems:
        raise ConfigurationError(problems)
    return (*core.values(), *custom)


_NEVER: Final = f"{NEVER_EXPORTED} data is never exported"


def members(policy: Policy) -> dict[str, Any]:
    """A policy in JSON's types."""
    return {
        "id": policy.id,
        "status": policy.status.value,
        "name": policy.name,
        "description": policy.description,
        "marketing_actions": list(policy.marketing_actions),
        "deny": _plain(policy.deny),
    }


def policy_changes(before: PolicySet, after: PolicySet) -> tuple[Change, ...]:
    """What is different, policy by policy."""
    was, now = ({policy.id: members(policy) for policy in one.policies} for one in (before, after))
    return tuple(
        Change(f"policies.{policy_id}", was.get(policy_id), now.get(policy_id))
        for policy_id in dict.fromkeys((*was, *now))
        if was.get(policy_id) != now.get(policy_id)
    )


def _plain(deny: Expression) -> dict[str, Any]:
    if isinstance(deny, str):
        return {"label": deny}
    return {"operator": deny.operator.value, "operands": [_plain(operand) for operand in deny.operands]}


def _causes(deny: Expression, active: ActiveConnection) -> tuple[Cause, ...]:
    rows = [
        (f"mapping[{index}].labels", row.source, frozenset(row.labels))
        for index, row in enumerate(active.connection.mapping)
        if row.is_exported
    ]
    mapped = frozenset[str]().union(*(labels for _, _, labels in rows))
    denied = set(grounds(deny, mapped))
    audiences = []
    for (namespace, audience_id), activation in active.activations.items():
        labels = frozenset(activation.labels)
        with_mapped = grounds(deny, mapped | labels)
        denied |= with_mapped
        audiences.append(
            (f"audiences.{audience_id}.labels", f"audience {audience_id} ({namespace})", labels & with_mapped)
        )
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


def _misspelt(path: str, labels: Sequence[str]) -> Iterator[Problem]:
    for label in labels:
        if label not in LABELS and _LIKE_ADOBES.fullmatch(label):
            known = "C1 to C12, I1, I2, S1, S2, PSPD, RHD and Third-Party"
            yield Problem(path, f"{label} is none of Adobe's labels, which are {known}; call one of your own otherwise")


def _core_changes(path: str, core: Policy, proposal: Proposal) -> Iterator[Problem]:
    for member in ("name", "description", "marketing_actions", "deny"):
        wanted = getattr(proposal, member)
        if wanted is not None and wanted != getattr(core, member):
            message = "cannot be changed: it is a core policy's; leave it out, or make a policy of your own"
            yield Problem(f"{path}.{member}", message)


def _custom(path: str, proposal: Proposal, problems: list[Problem]) -> Policy | None:
    name, actions, deny = proposal.name, proposal.marketing_actions, proposal.deny
    if name is None or actions is None or deny is None:
        given = {"name": name, "marketing_actions": actions, "deny": deny}
        problems.extend(
            Problem(f"{path}.{member}", "must be given") for member, value in given.items() if value is None
        )
        return None
    problems.extend(_expression_problems(f"{path}.deny", deny))
    return Policy(proposal.id, name, proposal.status, actions, deny, proposal.description)


def _expression_problems(path: str, deny: Expression) -> Iterator[Problem]:
    count = 0
    waiting = [(path, deny, 1)]
    while waiting:
        place, expression, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH:
            yield Problem(
                path, f"nests deeper than {MAX_DEPTH} levels; AND within AND, and OR within OR, can be joined"
            )
            return
        if isinstance(expression, str):
            yield from _misspelt(f"{place}.label", [expression])
        else:
            waiting.extend(
                (f"{place}.operands[{index}]", operand, depth + 1) for index, operand in enumerate(expression.operands)
            )
    if count > MAX_EXPRESSIONS:
        yield Problem(
            path, f"has {count} labels and combinations, and at most {MAX_EXPRESSIONS} fit; make two policies"
        )


def _listed(names: AbstractSet[str] | Sequence[str]) -> str:
    *others, last = sorted(names) if isinstance(names, AbstractSet) else names
    return f"{', '.join(others)} and {last}" if others else last
