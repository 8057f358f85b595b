"""Erasures as JSON. No answer repeats the value that was given, or names a lead."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, Self

from pydantic import Field

from destination.api.people import LookupIn
from destination.api.representation import Representation, Time
from destination.domain.audience import AudienceKey, activation_id
from destination.domain.erasure import EXPIRED, Erasure, ErasureStatus, LeftList
from destination.domain.remedy import NO_CREDENTIALS, Remedy, told

_OWN_MESSAGES: Final = {
    EXPIRED: "It was not finished within 14 days. Move its dead letter back, or ask for it again.",
    NO_CREDENTIALS: f"Without credentials Marketo cannot be asked. {told(Remedy.GIVE_CREDENTIALS)}",
}


class ErasureIn(LookupIn):
    """Who is to be forgotten: one identity of the person."""


class LeftListOut(Representation):
    """A list that the person was taken off."""

    activation_id: str
    id: str
    namespace: str | None
    list_id: int
    leads: int = Field(description="How many leads of the person were on it.")

    @classmethod
    def of(cls, one: LeftList) -> Self:
        audience: AudienceKey = one.audience
        return cls(
            activation_id=activation_id(audience),
            id=audience.id,
            namespace=audience.namespace or None,
            list_id=one.list_id,
            leads=one.leads,
        )


class HeldUpOut(Representation):
    code: str
    message: str


class ErasureOut(Representation):
    """An erasure, and what was found and forgotten so far. The lead itself stays in Marketo."""

    id: str
    person: str = Field(description="The pseudonym by which the audit log names the person.")
    status: ErasureStatus = Field(description="requested: it goes on by itself, most often within a few minutes.")
    held_up: HeldUpOut | None = Field(description="What keeps it from its end.")
    requested_at: Time = Field(description="What was received of the person before it is delivered no more.")
    drops_until: Time = Field(description="Until when that is dropped.")
    finished_at: Time | None
    lists: list[LeftListOut] = Field(description="The lists that the person was taken off.")
    ledger_rows: int = Field(description="Rows of the ledger that were of the person.")
    parked_events: int
    letters: int
    results: int = Field(description="Lines that named the person among those who did not arrive.")
    run_examples: int = Field(description="Parts of runs that gave the person as an example.")

    @classmethod
    def of(cls, one: Erasure, now: datetime, message_of: Callable[[str], str]) -> Self:
        code = one.why(now)
        return cls(
            id=one.id,
            person=one.name,
            status=one.status(now),
            held_up=None if code is None else HeldUpOut(code=code, message=_OWN_MESSAGES.get(code) or message_of(code)),
            requested_at=one.at,
            drops_until=one.drops_until,
            finished_at=one.finished_at,
            lists=[LeftListOut.of(left) for left in one.lists],
            ledger_rows=one.rows,
            parked_events=one.parked,
            letters=one.letters,
            results=one.results,
            run_examples=one.runs,
        )
