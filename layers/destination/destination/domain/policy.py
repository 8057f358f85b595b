"""Data usage policies: which labels there are, what policies say of them, and which of them Adobe has.

Source: Adobe Experience Platform, "Data governance": "Data usage labels", "Data usage policies"; Policy Service API,
"Policies".
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from typing import Final

from destination.domain.problem import ConfigurationError, Problem
from destination.domain.text import plain

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

_ALIKE: Final = 0.92
"""A letter too many, too few or exchanged, of a name of 14 (difflib, "SequenceMatcher.ratio")."""

_LIKE_CORE: Final = re.compile(r"core(policy)?_.*", re.IGNORECASE)


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
            problems.append(Problem(f"{path}.id", f"{proposal.id} is given twice; keep one"))
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


def misspelt(path: str, labels: Sequence[str]) -> Iterator[Problem]:
    """Labels that look like Adobe's and are none."""
    for label in labels:
        if label not in LABELS and _LIKE_ADOBES.fullmatch(label):
            known = "C1 to C12, I1, I2, S1, S2, PSPD, RHD and Third-Party"
            yield Problem(path, f"{label} is none of Adobe's labels, which are {known}; call one of your own otherwise")


def mistaken_actions(path: str, actions: Sequence[str]) -> Iterator[Problem]:
    """Marketing actions that look like core ones and are none: no policy would apply to them.

    `path`: that of the property that lists them.
    """
    core = {plain(action): action for action in MARKETING_ACTIONS}
    for index, action in enumerate(actions):
        near = [] if action in MARKETING_ACTIONS else get_close_matches(plain(action), core, n=1, cutoff=_ALIKE)
        if near:
            meant = core[near[0]]
            message = f"{action} is no marketing action of Adobe's; write {meant} ({MARKETING_ACTIONS[meant]}) if that"
            yield Problem(f"{path}[{index}]", f"{message} is meant, or call one of your own otherwise")


def _core_changes(path: str, core: Policy, proposal: Proposal) -> Iterator[Problem]:
    for name in ("name", "description", "marketing_actions", "deny"):
        wanted = getattr(proposal, name)
        if wanted is not None and wanted != getattr(core, name):
            message = "cannot be changed: it is a core policy's; leave it out, or make a policy of your own"
            yield Problem(f"{path}.{name}", message)


def _custom(path: str, proposal: Proposal, problems: list[Problem]) -> Policy | None:
    name, actions, deny = proposal.name, proposal.marketing_actions, proposal.deny
    if name is None or actions is None or deny is None:
        given = {"name": name, "marketing_actions": actions, "deny": deny}
        problems.extend(Problem(f"{path}.{name}", "must be given") for name, value in given.items() if value is None)
        return None
    problems.extend(_expression_problems(f"{path}.deny", deny))
    problems.extend(mistaken_actions(f"{path}.marketing_actions", actions))
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
            yield from misspelt(f"{place}.label", [expression])
        else:
            waiting.extend(
                (f"{place}.operands[{index}]", operand, depth + 1) for index, operand in enumerate(expression.operands)
            )
    if count > MAX_EXPRESSIONS:
        yield Problem(
            path, f"has {count} labels and combinations, and at most {MAX_EXPRESSIONS} fit; make two policies"
        )
