"""Data usage policies as JSON, and their translation from and to the domain."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, StrictBool, StringConstraints, model_validator

from destination.api.representation import PROSE, Label, Labels, Name, Representation, Text
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
    """Data with these labels, and what it is to be used for."""

    marketing_actions: Actions = Field(examples=[["emailTargeting"]])
    labels: Labels = Field(examples=[["C4", "I1"]])
    include_drafts: StrictBool = False


class EvaluationOut(Representation):
    violated_policies: list[PolicyOut]

    @classmethod
    def of(cls, policies: Iterable[Policy]) -> Self:
        return cls(violated_policies=[PolicyOut.of(one) for one in policies])


def _shown(deny: Expression) -> LabelOut | CombinationOut:
    if isinstance(deny, str):
        return LabelOut(label=deny)
    return CombinationOut(operator=deny.operator, operands=[_shown(one) for one in deny.operands])
