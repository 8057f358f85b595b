"""What became of a person as JSON. Only an answer about profiles has profile values in it, and none repeats the value
that was asked for.
"""

from collections.abc import Callable
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from destination.api.parking import HoldOut
from destination.api.previews import Why
from destination.api.representation import Representation, Text, Time
from destination.domain.audience import AudienceKey
from destination.domain.connection_rules import MAX_STRING_LENGTH
from destination.domain.event import MembershipStatus
from destination.domain.outcome import Class
from destination.domain.parking import WaitsFor
from destination.domain.person import ConsentWord
from destination.domain.person_lookup import (
    AGREEMENTS,
    MAX_LEADS,
    Agreement,
    FoundLead,
    NextEvent,
    PersonAudience,
    PersonLookup,
    WaitingEvent,
    WaitingEvents,
)
from destination.domain.plan import Plan, Write
from destination.domain.refusal import Refusals

Explain = Callable[[str], str]
"""Gives the sentence for a reason code."""


class LookupIn(Representation):
    """Who is meant: one value of the person."""

    value: Annotated[str, StringConstraints(min_length=1, max_length=MAX_STRING_LENGTH)] = Field(
        description="What the person has at the source: an e-mail address, a customer number (as text)."
    )
    source: Text | None = Field(
        None,
        description="The source of a mapping row, as `identityMap.crmid`; null: the one that people are found by.",
    )


class LeadOut(Representation):
    id: int
    partition: str | None = Field(description="Null where it is not known, or the API user may not see it.")
    updated_at: Time
    is_person: bool = Field(description="Whether the connection takes this lead for the person.")
    why: str
    values: dict[str, Any] | None = Field(
        description="What Marketo has in the mapped fields; null in a look-up, which shows no values."
    )

    @classmethod
    def of(cls, lead: FoundLead) -> Self:
        return cls(
            id=lead.id,
            partition=lead.partition,
            updated_at=lead.updated_at,
            is_person=lead.is_person,
            why=lead.why,
            values=None if lead.values is None else dict(lead.values),
        )


class DesiredOut(Representation):
    """What the source said last."""

    status: MembershipStatus
    at: Time
    received_at: Time


class AppliedOut(Representation):
    """What Marketo was told: the leads that were put on the list; none: they were taken off."""

    list_id: int
    lead_ids: list[int]
    is_in_doubt: bool = Field(description="Whether it is not known what became of it.")


class AgreementOut(Representation):
    code: Agreement
    message: str


class PersonAudienceOut(Representation):
    id: str
    namespace: str | None
    activation_id: str
    name: str
    list_id: int | None
    list_name: str | None
    desired: DesiredOut | None
    applied: AppliedOut | None
    is_on_list: bool | None = Field(description="Whether the person's lead is on the list in Marketo now.")
    agreement: AgreementOut

    @classmethod
    def of(cls, one: PersonAudience) -> Self:
        audience, desired, applied = one.activation.audience, one.desired, one.applied
        said = desired and DesiredOut(status=desired.status, at=desired.said.at, received_at=desired.said.received_at)
        told = applied and AppliedOut(
            list_id=applied.list_id, lead_ids=list(applied.leads), is_in_doubt=not applied.is_sure
        )
        return cls(
            id=audience.id,
            namespace=audience.namespace or None,
            activation_id=one.activation.id,
            name=one.activation.name,
            list_id=one.activation.list_id,
            list_name=one.activation.list_name,
            desired=said,
            applied=told,
            is_on_list=one.is_on_list,
            agreement=AgreementOut(code=one.agreement, message=AGREEMENTS[one.agreement]),
        )


class ConsentOut(Representation):
    """The newest word on the person's consent."""

    is_given: bool
    at: Time

    @classmethod
    def of(cls, word: ConsentWord) -> Self:
        return cls(is_given=word.is_given, at=word.said.at)


class AttributesOut(Representation):
    """The attributes that were sent last."""

    at: Time = Field(description="The time of the event that had them.")
    sent_at: Time
    lead_id: int | None


class RefusalsOut(Representation):
    """Calls that Marketo refused for the person and may take later."""

    call: str
    code: str
    message: str
    times: int = Field(
        description="How often, while the call succeeded for others; after 8 in 12 hours it is a letter."
    )
    since: Time
    at: Time = Field(description="When last.")
    retry_at: Time

    @classmethod
    def of(cls, call: str, one: Refusals, explain: Explain) -> Self:
        return cls(
            call=call,
            code=one.code,
            message=explain(one.code),
            times=one.times,
            since=one.since,
            at=one.at,
            retry_at=one.retry_at,
        )


class NamedAudience(Representation):
    id: str
    namespace: str | None
    status: MembershipStatus


class WaitingEventOut(Representation):
    """An event that is parked (`waits_for`), or a letter (`reason`)."""

    received_at: Time
    audiences: list[NamedAudience] = Field(description="The activated audiences that it names.")
    waits_for: WaitsFor | None
    due_at: Time | None = Field(description="Parked: when it can be delivered, if nothing holds the connection up.")
    reason: Why | None = Field(description="A letter: why it failed.")
    failed_at: Time | None
    expires_at: Time | None = Field(description="A letter: when it is gone.")
    is_erased: bool = Field(
        description="The person was erased after it was received: it is dropped when its turn comes."
    )

    @classmethod
    def of(cls, event: WaitingEvent, explain: Explain) -> Self:
        said = {one.audience: one.status for unit in event.units for one in (*unit.memberships, *unit.unscheduled)}
        return cls(
            received_at=event.since,
            audiences=[_named(audience, status) for audience, status in said.items()],
            waits_for=None if event.is_letter else WaitsFor(event.cause),
            due_at=event.due_at,
            reason=Why(code=event.cause, message=explain(event.cause)) if event.is_letter else None,
            failed_at=event.failed_at,
            expires_at=event.expires_at,
            is_erased=event.is_erased,
        )


class WaitingOut(Representation):
    """What waits of the person. What is in the queue cannot be looked through."""

    hold: HoldOut | None = Field(description="What holds the connection up; null: nothing does.")
    queued_since: Time | None = Field(
        description="Since when the oldest event of the connection, whoever it is of, waits in the queue."
    )
    events: list[WaitingEventOut] = Field(description="At most 50.")
    looked_through: int = Field(
        description="How many of the connection's parked events and letters were looked through, the newest …"
    )
    in_all: int = Field(description="… of so many.")

    @classmethod
    def told(cls, waiting: WaitingEvents, explain: Explain) -> Self:
        return cls(
            hold=HoldOut.of(waiting.hold) if waiting.hold is not None else None,
            queued_since=waiting.queued_since,
            events=[WaitingEventOut.of(one, explain) for one in waiting.found],
            looked_through=waiting.read,
            in_all=waiting.events,
        )


class ListChange(Representation):
    """An audience whose list changes, and the leads that join or leave; a lead that is created has no id yet."""

    id: str
    namespace: str | None
    list_id: int | None
    lead_ids: list[int]


class PlanOut(Representation):
    """What Marketo would be told."""

    write: Write
    lead_id: int | None
    fields: list[str] = Field(description="The fields that would be sent.")
    joins: list[ListChange]
    leaves: list[ListChange]


class NextOut(Representation):
    """What the next event of the person would do."""

    sentence: str
    is_parked: bool = Field(
        description="Whether it is what is parked of the person; else an event that brings nothing new, no attributes."
    )
    outcome: Class | None = Field(description="Null: it would be ignored.")
    reason: Why | None
    needs: list[str] = Field(description="The fields that it must fill to create the person.")
    plan: PlanOut | None

    @classmethod
    def of(cls, one: NextEvent, lookup: PersonLookup, explain: Explain) -> Self:
        return cls(
            sentence=one.sentence,
            is_parked=one.is_parked,
            outcome=one.outcome,
            reason=Why(code=one.reason.code, message=explain(one.reason.code)) if one.reason else None,
            needs=list(one.needs),
            plan=_plan(one.plan, lookup) if one.plan is not None else None,
        )


class LookedUpPersonOut(Representation):
    """What became of one person. The value that was asked for is not repeated."""

    name: str = Field(description="The pseudonym by which runs and the audit log name the person.")
    is_known: bool = Field(description="Whether the ledger knows the person.")
    leads: list[LeadOut] | None = Field(
        description=f"Of all partitions, the newest {MAX_LEADS} at most; null: Marketo could not be asked."
    )
    lead_count: int
    audiences: list[PersonAudienceOut]
    consent: ConsentOut | None
    attributes: AttributesOut | None
    refusals: list[RefusalsOut]
    waiting: WaitingOut
    next: NextOut | None = Field(description="Null: Marketo could not be asked.")
    trouble: str | None = Field(description="Why Marketo could not be asked everything, and what to do.")

    @classmethod
    def told(cls, lookup: PersonLookup, explain: Explain) -> Self:
        sent = lookup.attributes
        return cls(
            name=lookup.name,
            is_known=lookup.is_known,
            leads=None if lookup.leads is None else [LeadOut.of(one) for one in lookup.leads],
            lead_count=lookup.lead_count,
            audiences=[PersonAudienceOut.of(one) for one in lookup.audiences],
            consent=ConsentOut.of(lookup.consent) if lookup.consent is not None else None,
            attributes=sent and AttributesOut(at=sent.said.at, sent_at=sent.sent_at, lead_id=sent.lead_id),
            refusals=[RefusalsOut.of(call, one, explain) for call, one in sorted(lookup.refusals.items())],
            waiting=WaitingOut.told(lookup.waiting, explain),
            next=NextOut.of(lookup.next, lookup, explain) if lookup.next is not None else None,
            trouble=lookup.trouble,
        )


def _plan(plan: Plan, lookup: PersonLookup) -> PlanOut:
    lists = {one.activation.audience: one.activation.list_id for one in lookup.audiences}
    joining = [] if plan.lead_id is None else [plan.lead_id]

    def change(audience: AudienceKey, leads: list[int]) -> ListChange:
        return ListChange(
            id=audience.id, namespace=audience.namespace or None, list_id=lists.get(audience), lead_ids=leads
        )

    return PlanOut(
        write=plan.write,
        lead_id=plan.lead_id,
        fields=list(plan.fields),
        joins=[change(one, joining) for one in plan.add],
        leaves=[change(one, list(leads)) for one, leads in sorted(plan.remove.items())],
    )


def _named(audience: AudienceKey, status: MembershipStatus) -> NamedAudience:
    return NamedAudience(id=audience.id, namespace=audience.namespace or None, status=status)
