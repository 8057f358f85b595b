"""Verifications as JSON: what is to be compared, how far it is, and what was found."""

from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import Field

from destination.api.audiences import ActivationId, ListOut
from destination.api.representation import Representation
from destination.domain.audience import activation_id
from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.verification import (
    REPAIRED_BY_DEFAULT,
    AudienceCheck,
    Differences,
    Phase,
    Repair,
    Verification,
    VerificationStatus,
)


class VerificationIn(Representation):
    """What to compare, one audience or all, and what to repair."""

    activation_id: ActivationId | None = Field(None, description="Null: all audiences.")
    repair: list[Repair] = Field(
        sorted(REPAIRED_BY_DEFAULT),
        description="What to repair: put missing people on the list, take leavers off, take foreign people off whom "
        "others put there. An empty list only reports.",
    )

    @property
    def activation_ids(self) -> list[str] | None:
        return None if self.activation_id is None else [self.activation_id]


class DifferencesOut(Representation):
    """People out of place: how many, how many of them were repaired, and some by lead id."""

    count: int
    repaired: int
    lead_ids: list[int]

    @classmethod
    def of(cls, differences: Differences) -> Self:
        return cls(count=differences.count, repaired=differences.repaired, lead_ids=list(differences.sample))


class ListExtractOut(Representation):
    """The reading of a list by an extract of Marketo's, since `begun_at`.

    `stage`: it is being created (`creating`), Marketo writes the members into a file (`waiting`), which is being read
    (`reading`) or was (`read`); or it was `given_up` for a `code`, and the members are read page by page. `code`:
    Marketo's, EXTRACT_FAILED (it failed, or was cancelled), EXTRACT_TOO_SLOW or EXTRACT_SHARE_USED (the stack's share
    of the bytes that Marketo writes a day). `members_at`: of when the members are, or of later.
    """

    stage: ExtractStage
    begun_at: datetime
    members_at: datetime | None
    code: str | None

    @classmethod
    def of(cls, extract: LeadExtract) -> Self:
        return cls(stage=extract.stage, begun_at=extract.begun_at, members_at=extract.members_at, code=extract.code)


class AudienceCheckOut(Representation):
    """One audience. `expected`: people who were put on the list; `found`: leads that Marketo has on it.

    `missing` were put on the list and are not on it. `leavers` left the audience and are on it. `waiting` are in the
    audience and were never put on, though their lead is known; `unapplied` counts those whose lead is not, by the
    reason: they wait for their next event, as do those who are `gone`, whose lead Marketo no longer has. `foreign` are
    on the list and not known here. People are `in_doubt` outside the audience's start and end, or where no event has
    named them since the audience began anew, and count as none of these. `code`: why they were not compared: Marketo's,
    or LIST_CHANGED if the audience has another list now, or none. `extract`: how the members of a long list are read;
    null: page by page.
    """

    activation_id: str
    id: str
    namespace: str | None
    name: str
    list: ListOut
    phase: Phase
    expected: int
    found: int
    in_doubt: int
    missing: DifferencesOut
    leavers: DifferencesOut
    waiting: DifferencesOut
    foreign: DifferencesOut
    gone: int
    unapplied: dict[str, int]
    code: str | None
    extract: ListExtractOut | None

    @classmethod
    def of(cls, check: AudienceCheck) -> Self:
        return cls(
            activation_id=activation_id(check.audience),
            id=check.audience.id,
            namespace=check.audience.namespace or None,
            name=check.name,
            list=ListOut(id=check.list_id, name=check.list_name),
            phase=check.phase,
            expected=check.expected,
            found=check.found,
            in_doubt=check.in_doubt,
            missing=DifferencesOut.of(check.missing),
            leavers=DifferencesOut.of(check.leavers),
            waiting=DifferencesOut.of(check.waiting),
            foreign=DifferencesOut.of(check.foreign),
            gone=check.gone,
            unapplied=dict(check.unapplied),
            code=check.code,
            extract=None if check.extract is None else ListExtractOut.of(check.extract),
        )


class VerificationProgress(Representation):
    """How many audiences there are, and how many are done."""

    audiences: int
    done: int


class VerificationSummary(Representation):
    """`code`: why it failed: Marketo's, or EXPIRED if it was not finished for a week."""

    id: str
    status: VerificationStatus
    repair: list[Repair]
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
    properties = ("id", "status", "requested_at", "started_at", "finished_at", "code")
    shown: dict[str, object] = {name: getattr(verification, name) for name in properties}
    progress = VerificationProgress(audiences=verification.audiences, done=verification.position)
    return shown | {"repair": sorted(verification.repair), "progress": progress}
