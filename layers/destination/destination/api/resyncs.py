"""Resyncs as JSON: what is sent again, how far it is, and who would leave."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Self

from pydantic import Field

from destination.api.audiences import ActivationId
from destination.api.representation import Representation
from destination.domain.resync import (
    DEFAULT_OPEN,
    DEFAULT_QUIET,
    MAX_CHOSEN,
    MAX_LABEL_LENGTH,
    MAX_OPEN,
    MAX_QUIET,
    MEANINGS,
    MIN_OPEN,
    MIN_QUIET,
    ClosedBy,
    Named,
    Resync,
    ResyncCode,
    ResyncHold,
    ResyncStatus,
)

_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


class ResyncIn(Representation):
    """What a sender is about to send again, as a whole."""

    activation_ids: list[ActivationId] | None = Field(
        None, description=f"Of which audiences, {MAX_CHOSEN} at most. Null: of all that have a list."
    )
    label: str | None = Field(None, description=f"What it is called, for people: 1 to {MAX_LABEL_LENGTH} characters.")
    quiet_minutes: int = Field(
        DEFAULT_QUIET // _MINUTE,
        ge=MIN_QUIET // _MINUTE,
        le=MAX_QUIET // _MINUTE,
        description="It closes by itself once no event of its audiences has come for so long: "
        f"{MIN_QUIET // _MINUTE} to {MAX_QUIET // _MINUTE}.",
    )
    max_hours: int = Field(
        DEFAULT_OPEN // _HOUR,
        ge=MIN_OPEN // _HOUR,
        le=MAX_OPEN // _HOUR,
        description="It closes by itself once it has been open for so long, and is held: "
        f"{MIN_OPEN // _HOUR} to {MAX_OPEN // _HOUR}.",
    )


class ResyncAudienceOut(Representation):
    """Of an audience: how many are its members by the ledger, how many of them were named, and how many would leave."""

    activation_id: str
    name: str | None
    members: int
    named: int
    leaving: int

    @classmethod
    def of(cls, activation: str, name: str | None, found: Named) -> Self:
        return cls(activation_id=activation, name=name, members=found.members, named=found.named, leaving=found.leaving)


class ResyncOut(Representation):
    """One resync. `closed_by`: what closed it: somebody's `request`, that nothing came any more (`quiet`), or the end
    of its time (`time`). `heard_at`: when the last event of its audiences had come, where it closed by itself.
    `audiences`: who was counted, once all that was received in it is delivered; `counted_at`: when all were. `lost`:
    how many records, in the hours in which it was open, may have named somebody and could not be read. `holds`: why it
    waits for a person's yes. `left`: how many were taken off. `verification`: by which they were. `code`: why it
    failed.
    """

    id: str
    status: ResyncStatus
    label: str | None
    activation_ids: list[str] | None
    quiet_minutes: int
    max_hours: int
    opened_at: datetime
    closed_at: datetime | None
    closed_by: ClosedBy | None
    heard_at: datetime | None
    counted_at: datetime | None
    audiences: list[ResyncAudienceOut]
    members: int
    named: int
    leaving: int
    lost: int
    holds: list[ResyncHold]
    approved_at: datetime | None
    left: int
    verification: str | None
    code: ResyncCode | None
    message: str | None
    finished_at: datetime | None

    @classmethod
    def of(cls, resync: Resync, names: Mapping[str, str]) -> Self:
        counts = resync.counts
        return cls(
            id=resync.id,
            status=resync.status,
            label=resync.label,
            activation_ids=None if resync.activation_ids is None else list(resync.activation_ids),
            quiet_minutes=resync.quiet // _MINUTE,
            max_hours=resync.longest // _HOUR,
            opened_at=resync.opened_at,
            closed_at=resync.closed_at,
            closed_by=resync.closed_by,
            heard_at=resync.heard_at,
            counted_at=resync.counted_at,
            audiences=[ResyncAudienceOut.of(one, names.get(one), found) for one, found in sorted(counts.items())],
            members=sum(one.members for one in counts.values()),
            named=sum(one.named for one in counts.values()),
            leaving=sum(one.leaving for one in counts.values()),
            lost=resync.lost,
            holds=list(resync.holds),
            approved_at=resync.approved_at,
            left=resync.left,
            verification=resync.verification,
            code=resync.code,
            message=None if resync.code is None else MEANINGS[resync.code],
            finished_at=resync.finished_at,
        )


class ResyncList(Representation):
    """The newest ones, newest first."""

    resyncs: list[ResyncOut]

    @classmethod
    def of(cls, found: Sequence[tuple[Resync, Mapping[str, str]]]) -> Self:
        return cls(resyncs=[ResyncOut.of(*one) for one in found])
