"""Who calls the control plane, as far as a request tells."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

LOCAL: Final = "local"
"""Whoever calls the local stack, which asks for no signature."""


def sender_of(connection_id: str) -> str:
    """Who makes the calls that a connection takes from its senders, as the audit log has it."""
    return f"sender:{connection_id}"


class CallerKind(StrEnum):
    """What signs a request (AWS Identity and Access Management, "IAM identifiers"; AWS STS, "GetCallerIdentity").

    `role`: a session of a role. `local`: nobody signs. `other`: root, a federated user, or what IAM may yet bring.
    """

    ROLE = "role"
    USER = "user"
    LOCAL = "local"
    OTHER = "other"


_KINDS: Final = {"assumed-role": CallerKind.ROLE, "user": CallerKind.USER}


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """`arn`: as the audit log has it. `name`: of the role or the user; None of others."""

    arn: str
    kind: CallerKind
    name: str | None = None

    @classmethod
    def of(cls, arn: str) -> Self:
        """From `arn:aws:sts::<account>:assumed-role/<role>/<session>`, `arn:aws:iam::<account>:user/<path><name>`, …"""
        if arn == LOCAL:
            return cls(arn, CallerKind.LOCAL)
        what, *rest = arn.rpartition(":")[2].split("/")
        match _KINDS.get(what), rest:
            case CallerKind.ROLE, [role, *_]:
                return cls(arn, CallerKind.ROLE, role)
            case CallerKind.USER, [*_, user]:
                return cls(arn, CallerKind.USER, user)
        return cls(arn, CallerKind.OTHER)

    @property
    def shows_policies(self) -> str | None:
        """The command that shows which policies are attached; those of the stack are named after what they permit."""
        if self.kind not in _KINDS.values():
            return None
        return f"aws iam list-attached-{self.kind}-policies --{self.kind}-name {self.name}"
