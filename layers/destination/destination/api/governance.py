"""Data usage policies as JSON, and their translation from and to the domain."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination.api.problems import ProblemDetails
from destination.api.representation import PROSE, Label, Labels, Name, Representation, Text
from destination.domain.audience_rules import MAX_ACTIVATIONS
from destination.domain.connection import ActiveConnection
from destination.domain.governance import Violation, violation_problems
from destination.domain.policy import Combination, Expression, Operator, Policy, PolicyStatus, Proposal

PolicyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Description = Annotated[str, StringConstraints(max_length=500), PROSE]
Actions = Annotated[list[Name], Field(min_length=1, max_length=20)]


class Deny(Representation):
    """What is denied: data with a label, or data of which all (AND) or any (OR) of the operands are true."""

    label: Label | None = None
    operator: Operator | None = None
    operands: Annotated[list["Deny"], Field(min_length=1, max_length=60)] | None = None

    @model_validator(mode="after")
    def is_one_of_two(self) -> Self:
        if (self.label is None) == (self.operator is None) or (self.operator is None) != (self.operands is None):
            raise ValueError("must have either a label, or an operator and its operands")
        return self

    def expression(self) -> Expression:
        if self.operator and self.operands:
            return Combination(self.operator, tuple(one.expression() for one in self.operands))
        return str(self.label)


class PolicyIn(Representation):
    """Of a core policy only `id` and `status` are needed; its other properties cannot be changed."""

    id: PolicyId = Field(
        description="Of your choice; ids that begin with core_ or corepolicy_ are those of core policies."
    )
    status: PolicyStatus
    name: Text | None = None
    description: Description | None = None
    marketing_actions: Actions | None = Field(None, examples=[["emailTargeting"]])
    deny: Deny | None = Field(None, examples=[{"operator": "OR", "operands": [{"label": "C4"}, {"label": "C5"}]}])

    def proposal(self) -> Proposal:
        return Proposal(
            id=self.id,
            status=self.status,
            name=self.name,
            marketing_actions=None if self.marketing_actions is None else tuple(self.marketing_actions),
            deny=None if self.deny is None else self.deny.expression(),
            description=self.description,
        )


class PoliciesIn(Representation):
    """All custom policies, and the core ones that are not disabled."""

    policies: Annotated[list[PolicyIn], Field(max_length=60)]

    def proposals(self) -> list[Proposal]:
        return [one.proposal() for one in self.policies]


class LabelOut(Representation):
    label: Label


class CombinationOut(Representation):
    operator: Operator
    operands: list["LabelOut | CombinationOut"]


class PolicyOut(Representation):
    """An enabled policy refuses, a draft warns, a disabled one does nothing."""

    id: PolicyId
    name: str
    description: str | None
    status: PolicyStatus
    marketing_actions: list[Name]
    deny: LabelOut | CombinationOut

    @classmethod
    def of(cls, policy: Policy) -> Self:
        return cls(
            id=policy.id,
            name=policy.name,
            description=policy.description,
            status=policy.status,
            marketing_actions=list(policy.marketing_actions),
            deny=_shown(policy.deny),
        )


class PoliciesOut(Representation):
    """The core policies, then the custom ones."""

    policies: list[PolicyOut]

    @classmethod
    def of(cls, policies: Iterable[Policy]) -> Self:
        return cls(policies=[PolicyOut.of(one) for one in policies])


class EvaluationIn(Representation):
    """What is to be judged: data with these labels, and what it is to be used for; or a connection with its audiences,
    as it would be created and they activated.
    """

    marketing_actions: Actions | None = Field(None, examples=[["emailTargeting"]])
    labels: Labels | None = Field(None, examples=[["C4", "I1"]])
    connection: ConnectionIn | None = Field(None, description="As in POST /connections.")
    audiences: Annotated[list[AudienceIn], Field(max_length=MAX_ACTIVATIONS)] = Field(
        default_factory=list, description="As in POST …/audiences."
    )
    include_drafts: StrictBool = False

    @model_validator(mode="after")
    def is_one_of_two(self) -> Self:
        is_use = self.marketing_actions is not None and self.labels is not None
        is_part_of_use = self.marketing_actions is not None or self.labels is not None
        if (self.connection is None) != is_use or (self.connection is not None and is_part_of_use):
            raise ValueError("must have marketing_actions and labels, or a connection with its audiences")
        return self

    def active(self) -> ActiveConnection | None:
        """The connection with its audiences, if it is one that is judged."""
        if self.connection is None:
            return None
        activations = [one.activation() for one in self.audiences]
        return ActiveConnection(self.connection.draft(), {one.audience: one for one in activations})


class EvaluationOut(Representation):
    """`errors`: of a connection, each place at which a violation can be mended, and how."""

    violated_policies: list[PolicyOut]
    errors: list[ProblemDetails.PropertyError]

    @classmethod
    def of(cls, policies: Iterable[Policy]) -> Self:
        return cls(violated_policies=[PolicyOut.of(one) for one in policies], errors=[])

    @classmethod
    def of_connection(cls, violations: Sequence[Violation]) -> Self:
        problems = (problem for one in violations for problem in violation_problems(one))
        errors = [ProblemDetails.PropertyError(path=one.path, message=one.message) for one in problems]
        return cls(violated_policies=[PolicyOut.of(one.policy) for one in violations], errors=errors)


def _shown(deny: Expression) -> LabelOut | CombinationOut:
    if isinstance(deny, str):
        return LabelOut(label=deny)
    return CombinationOut(operator=deny.operator, operands=[_shown(one) for one in deny.operands])
