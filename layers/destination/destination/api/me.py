"""Who calls, as JSON."""

from typing import Self

from pydantic import Field

from destination.api.representation import Representation
from destination.domain.caller import CallerIdentity, CallerKind


class MeOut(Representation):
    """Who makes the call. What they may do, IAM alone knows."""

    caller: str = Field(description="The ARN, as the audit log has it; `local` on the local stack, where nobody signs.")
    kind: CallerKind
    name: str | None = Field(description="Of the role or the user.")
    shows_policies: str | None = Field(
        description="The command that shows which policies are attached to the role or the user; a permission or a "
        "persona has the policy of its name. null: everything is permitted, or IAM has no such command."
    )

    @classmethod
    def of(cls, caller: CallerIdentity) -> Self:
        return cls(caller=caller.arn, kind=caller.kind, name=caller.name, shows_policies=caller.shows_policies)
