"""Verifications as JSON: what is to be compared, how far it is, and what was found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import Field

from destination.api.audiences import AudienceId, ListOut, Namespace
from destination.api.representation import Representation
from destination.domain.audience import DEFAULT_NAMESPACE, AudienceKey
from destination.domain.verification import AudienceCheck, Differences, Phase, Repair, Verification, VerificationStatus


class VerificationIn(Representation):
    """What to compare, one audience or all, and what to repair."""

    audience_id: AudienceId | None = Field(None, description="Null: all audiences.")
    namespace: Namespace = DEFAULT_NAMESPACE
    repair: Repair = Field(
        Repair.NONE,
        description="Put missing people on the list, take unexpected ones off, both, or only report.",
    )

    @property
    def audience(self) -> AudienceKey | None:
        return None if self.audience_id is None else AudienceKey(self.namespace, self.audience_id)


class DifferencesOut(Representation):
    """People out of place: how many, how many of them were repaired, and some by lead id."""

    count: int
    repaired: int
    lead_ids: list[int]

    @classmethod
    def of(cls, differences: Differences) -> Self:
        return cls(count=differences.count, repaired=differences.repaired, lead_ids=list(differences.sample))


class AudienceCheckOut(Representation):
    """One audience. `expected`: people whom the ledger has on the list; `found`: leads that Marketo has on it.

    `missing` are expected and not on the list, `unexpected` on the list and not expected. People `in_doubt` were just
    being delivered, and count as neither. `code`: why they were not compared: Marketo's, or LIST_CHANGED if the
    audience has another list now, or none.
    """

    id: str
    namespace: str
    name: str
    list: ListOut
    phase: Phase
    expected: int
    found: int
    in_doubt: int
    missing: DifferencesOut
    unexpected: DifferencesOut
    code: str | None

    @classmethod
    def of(cls, check: AudienceCheck) -> Self:
        return cls(
            id=check.audience.id,
            namespace=check.audience.namespace,
            name=check.name,
            list=ListOut(id=check.list_id, name=check.list_name),
            phase=check.phase,
            expected=check.expected,
            found=check.found,
            in_doubt=check.in_doubt,
            missing=DifferencesOut.of(check.missing),
            unexpected=DifferencesOut.of(check.unexpected),
            code=check.code,
        )


class VerificationProgress(Representation):
    """How many audiences there are, and how many are done."""

    audiences: int
    done: int


class VerificationSummary(Representation):
    """`code`: why it failed: Marketo's, or EXPIRED if it was not finished for a week."""

    id: str
    status: VerificationStatus
    repair: Repair
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    code: str | None
    progress: VerificationProgress

    @classmethod
    def of(cls, verification: Verification) -> Self:
        return cls.model_validate(_summary(verification))


class VerificationOut(VerificationSummary):
    audiences: list[AudienceCheckOut]

    @classmethod
    def with_checks(cls, verification: Verification, checks: Sequence[AudienceCheck]) -> Self:
        shown = [AudienceCheckOut.of(one) for one in checks]
        return cls.model_validate(_summary(verification) | {"audiences": shown})


class VerificationList(Representation):
    """The newest ones, newest first."""

    verifications: list[VerificationSummary]

    @classmethod
    def of(cls, verifications: Sequence[Verification]) -> Self:
        return cls(verifications=[VerificationSummary.of(one) for one in verifications])


def _summary(verification: Verification) -> dict[str, object]:
    properties = ("id", "status", "repair", "requested_at", "started_at", "finished_at", "code")
    progress = VerificationProgress(audiences=verification.audiences, done=verification.position)
    return {name: getattr(verification, name) for name in properties} | {"progress": progress}
