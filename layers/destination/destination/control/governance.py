"""The governance use case: data usage policies, and the check of whatever would violate them."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from destination.control.audit import Recorder, policy_changes
from destination.control.errors import PolicyViolationError
from destination.domain.audience import Activation
from destination.domain.audit import AuditAction
from destination.domain.connection import OPEN, ActiveConnection, Connection
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
from destination.domain.policy import Policy, PolicySet, Proposal, adopted, denying, misspelt, mistaken_actions
from destination.domain.problem import ConfigurationError, Problem, refuse
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.governance import Policies

_AT_A_TIME = 100
_MAX_NAMED = 100
"""Violations by which a change of policies is refused; more are not looked for."""


@dataclass(frozen=True, slots=True)
class ManagePolicies:
    """Policies, and what they say of connections.

    The audiences of a connection are read only where a policy concerns one of its marketing actions.
    """

    policies: Policies
    connections: Connections
    audiences: Audiences
    record: Recorder

    def show(self) -> PolicySet:
        return self.policies.get()

    def replace(self, proposals: Sequence[Proposal], expected: int | None = None) -> PolicySet:
        """Make these the custom policies and the statuses of the core ones.

        Raises ConfigurationError, StaleVersionError, and PolicyViolationError when an enabled connection would be in
        violation that is not yet.
        """
        before = self.policies.get()
        if expected not in {None, before.version}:
            raise StaleVersionError(f"the policies are at version {before.version}, not {expected}")
        after = PolicySet(before.version, adopted(proposals))
        if after == before:
            return before
        made = (
            one
            for active in self._delivering()
            for one in new_violations(violations(before.enabled, active), violations(after.enabled, active))
        )
        if found := list(itertools.islice(made, _MAX_NAMED)):
            places = {proposal.id: f"policies[{index}]" for index, proposal in enumerate(proposals)}
            raise PolicyViolationError(found, [policy_problem(places[one.policy.id], one) for one in found])
        return self.policies.put(after, self.record(AuditAction.SET_POLICIES, changes=policy_changes(before, after)))

    def evaluate(self, actions: Sequence[str], labels: Sequence[str], *, with_drafts: bool) -> list[Policy]:
        """The enabled policies, and if wanted the drafts, that deny one of the actions for data with these labels.

        Raises ConfigurationError for labels and actions that only look like Adobe's.
        """
        refuse([*mistaken_actions("marketing_actions", actions), *misspelt("labels", labels)])
        policies = self.policies.get()
        return denying((*policies.enabled, *(policies.drafts if with_drafts else ())), actions, frozenset(labels))

    def judge(self, active: ActiveConnection, *, with_drafts: bool) -> list[Violation]:
        """What a connection would do against the enabled policies, and if wanted the drafts; nothing is stored.

        Raises ConfigurationError for labels that make no sense.
        """
        refuse(
            [
                *label_problems(active.connection),
                *(problem for one in active.activations.values() for problem in activation_label_problems(one)),
            ]
        )
        policies = self.policies.get()
        return violations((*policies.enabled, *(policies.drafts if with_drafts else ())), active)

    def admit(self, after: Connection, before: Connection | None = None) -> None:
        """Refuse a connection that violates policies; what `before` violated as well can be fixed step by step.

        Raises ConfigurationError for labels that make no sense, PolicyViolationError.
        """
        if problems := label_problems(after):
            raise ConfigurationError(problems)
        if not (policies := self._enabled_for(after)):
            return
        active = self._active(after)
        known = violations(policies, replace(active, connection=before)) if before else []
        _refuse(new_violations(known, violations(policies, active)))

    def admit_audience(self, connection: Connection, activation: Activation) -> None:
        """Refuse an audience, new or changed, with which the connection violates policies. Raises like `admit`."""
        if problems := activation_label_problems(activation):
            raise ConfigurationError(problems)
        if not (policies := self._enabled_for(connection)):
            return
        before = self._active(connection)
        present = before.activations.get(activation.audience)
        activation = replace(activation, version=present.version if present else 0)
        after = replace(before, activations={**before.activations, activation.audience: activation})
        _refuse(new_violations(violations(policies, before), violations(policies, after)))

    def problems(self, after: ActiveConnection, before: ActiveConnection | None) -> list[Problem]:
        """What `admit` and `admit_audience` refuse of a connection and its audiences, none of which are stored.

        What `before` violated as well can be fixed step by step.
        """
        problems = [*label_problems(after.connection)]
        for one in after.activations.values():
            problems += [
                Problem(f"audiences.{one.id}.{found.path}", found.message) for found in activation_label_problems(one)
            ]
        policies = self._enabled_for(after.connection)
        known = violations(policies, before) if before else []
        made = new_violations(known, violations(policies, after))
        return problems + [problem for one in made for problem in violation_problems(one)]

    def warnings(self, connection: Connection) -> list[Problem]:
        """What is not exported, and what enabled policies or drafts have against the connection."""
        warnings = withheld_warnings(connection)
        if not connection.marketing_actions:
            return warnings
        policies = self.policies.get()
        warnings.extend(action_warnings(policies.policies, connection))
        if concerning := _concerning((*policies.enabled, *policies.drafts), connection):
            found = violations(concerning, self._active(connection))
            warnings.extend(warning for one in found for warning in violation_warnings(one))
        return warnings

    def _active(self, connection: Connection) -> ActiveConnection:
        """The connection with its audiences; one that is new, without an id, has none."""
        activations = self.audiences.list(connection.id) if connection.id else ()
        return ActiveConnection(connection, {one.audience: one for one in activations})

    def _enabled_for(self, connection: Connection) -> list[Policy]:
        return _concerning(self.policies.get().enabled, connection) if connection.marketing_actions else []

    def _delivering(self) -> Iterator[ActiveConnection]:
        """The connections with marketing actions that are enabled, be they blocked or not."""
        cursor = None
        while True:
            page = self.connections.list(cursor, _AT_A_TIME)
            for listed in page.connections:
                if not listed.marketing_actions:
                    continue
                # The listing may be late; a connection's own items are not.
                try:
                    active = self.connections.active(listed.id)
                except NotFoundError:
                    continue
                if active.connection.status in OPEN:
                    yield active
            if (cursor := page.cursor) is None:
                return


def _concerning(policies: Sequence[Policy], connection: Connection) -> list[Policy]:
    actions = set(connection.marketing_actions)
    return [policy for policy in policies if actions.intersection(policy.marketing_actions)]


def _refuse(found: Sequence[Violation]) -> None:
    if found:
        raise PolicyViolationError(found, [problem for one in found for problem in violation_problems(one)])
