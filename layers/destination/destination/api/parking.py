"""What waits of a connection, and what for."""

from typing import Self

from pydantic import Field

from destination.api.representation import Representation, Time
from destination.domain.parking import Backlog, Hold, Parked, WaitsFor


class HoldOut(Representation):
    """What holds up all of a connection."""

    waits_for: WaitsFor = Field(
        description="disabled and blocked: for somebody who mends the cause; paused: for the Marketo instance."
    )
    code: str | None = Field(description="Of the cause, Marketo's or our own; null: somebody disabled the connection.")
    cause: str = Field(description="In a sentence, with the name of what it is about.")
    since: Time | None = Field(description="Since when; null where that is not known.")
    until: Time | None = Field(
        description="When delivery is tried again by itself; null: it is not, until somebody enables the connection."
    )
    remedy: str = Field(description="What to do about it; docs/operations.md#when-delivery-is-held-up says how.")

    @classmethod
    def of(cls, hold: Hold) -> Self:
        return cls(
            waits_for=hold.waits_for,
            code=hold.code,
            cause=hold.cause,
            since=hold.since,
            until=hold.until,
            remedy=hold.remedy,
        )


class ParkedOut(Representation):
    """Events that are parked for one cause."""

    waits_for: WaitsFor = Field(
        description="refused: for the next attempt with people whom Marketo refuses; import: for the end of an import; "
        "retry: for AWS; rate: for limits.lead_updates_per_hour; else see hold."
    )
    events: int
    oldest_at: Time = Field(description="When the oldest of them was received.")
    due_at: Time = Field(description="From when on the first of them can be delivered, if nothing holds it up.")
    remedy: str = Field(description="What ends the wait; what ends its cause is in hold.")

    @classmethod
    def of(cls, waits_for: WaitsFor, parked: Parked) -> Self:
        return cls(
            waits_for=waits_for,
            events=parked.events,
            oldest_at=parked.oldest_at,
            due_at=parked.due_at,
            remedy=waits_for.remedy.says,
        )


class ParkingOut(Representation):
    """What waits of a connection: outside the queue, where it waits for more than five minutes, and in it."""

    hold: HoldOut | None = Field(description="What holds up all of the connection; null: nothing does.")
    events: int = Field(description="How many events are parked.")
    oldest_at: Time | None = Field(description="When the oldest of them was received; null: none is parked.")
    parked: list[ParkedOut]
    queued_since: Time | None = Field(
        description="When the oldest event was received that is tried again within minutes; null: there is none."
    )

    @classmethod
    def of(cls, backlog: Backlog) -> Self:
        return cls(
            hold=None if backlog.hold is None else HoldOut.of(backlog.hold),
            events=sum(one.events for one in backlog.parked.values()),
            oldest_at=min((one.oldest_at for one in backlog.parked.values()), default=None),
            parked=[ParkedOut.of(kind, one) for kind, one in backlog.parked.items()],
            queued_since=backlog.queued_since,
        )
