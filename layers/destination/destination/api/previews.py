"""Previews as JSON. Fields are named and their values are not: no profile value stands in an answer."""

from collections.abc import Callable, Mapping, Sequence
from typing import Self

from pydantic import Field

from destination.api.problem_kinds import by_record
from destination.api.problems import ProblemDetails
from destination.api.representation import Representation
from destination.api.run_reports import losses
from destination.api.runs import Activated, LossOut
from destination.domain.outcome import Class, Reason
from destination.domain.preview import AudiencePreview, CallKind, MembershipChange, PersonPreview, Preview
from destination.domain.problem import Problem
from destination.domain.run import ACTIVATED, Tally
from destination.domain.schema import WARNINGS

Explain = Callable[[str], str]
"""Gives the sentence for a reason code."""


class RecordProblems(Representation):
    index: int = Field(description="The record's index in the body, from 0.")
    errors: list[ProblemDetails.PropertyError]


class Why(Representation):
    code: str
    message: str


class DroppedField(Why):
    """A mapped field that would not be sent."""

    field: str


class WarnedField(Why):
    """A mapped field that is told something of, though its value fits."""

    field: str


class ListPreview(Representation):
    """`id` is null where the audience has no list yet: it gets one when it is activated again."""

    id: int | None
    name: str


class AudiencePreviewOut(Representation):
    """`change`: what would happen on the list; null: nothing."""

    id: str
    namespace: str | None
    name: str
    outcome: Class
    reason: Why | None
    change: MembershipChange | None
    list: ListPreview | None = Field(description="Null on a connection that keeps no lists.")


class PersonPreviewOut(Representation):
    """One event's person. Events with the same `person` add up, and each shows what would become of it."""

    index: int = Field(description="The record's index in the body, from 0.")
    person: int = Field(description="The person's number, from 1.")
    outcome: Class
    reason: Why | None
    lead_id: int | None = Field(description="The matched lead.")
    created: bool
    updated: bool
    partition: str | None = Field(description="Where a created person would go.")
    fields: list[str] = Field(description="The fields that would be sent.")
    dropped: list[DroppedField]
    warned: list[WarnedField]
    audiences: list[AudiencePreviewOut]

    @classmethod
    def of(cls, person: PersonPreview, explain: Explain) -> Self:
        return cls(
            index=person.index,
            person=person.person,
            outcome=person.outcome,
            reason=_why(person.reason, explain),
            lead_id=person.lead_id,
            created=person.created,
            updated=person.updated,
            partition=person.partition,
            fields=list(person.fields),
            dropped=[
                DroppedField(field=name, code=why.code, message=f"{why}.") for name, why in person.dropped.items()
            ],
            warned=[WarnedField(field=name, code=code, message=WARNINGS[code]) for name, code in person.warned],
            audiences=[_audience(one, explain) for one in person.audiences],
        )


class PreviewSummary(Representation):
    """What the run would count: received = activated.persons + unchanged + excluded + failed."""

    received: int
    activated: Activated
    unchanged: int
    excluded: int
    failed: int
    warnings: int
    ignored: int
    rejected: int
    left_out: int
    losses: list[LossOut]

    @classmethod
    def of(cls, tally: Tally) -> Self:
        counts = tally.counts
        changes = {name: counts[name] for name in ("created", "updated", "added", "removed")}
        others = {name: counts[name] for name in cls.model_fields if name not in {"activated", "losses"}}
        lost = [LossOut.model_validate(one) for one in losses(tally)]
        return cls(activated=Activated(persons=counts[ACTIVATED], **changes), losses=lost, **others)


class CallsPreview(Representation):
    """The calls to Marketo that the delivery would make, if nothing else were delivered with these events."""

    look_up: int
    create: int
    update: int
    add: int
    remove: int
    total: int

    @classmethod
    def of(cls, calls: Mapping[CallKind, int]) -> Self:
        return cls(**{call.value: number for call, number in calls.items()}, total=sum(calls.values()))


class PreviewOut(Representation):
    """What the delivery of the events would do now. `rejected` and `warnings` are what the webhook would answer."""

    rejected: list[RecordProblems]
    warnings: list[RecordProblems]
    warning_count: int = Field(description="Of all warnings; `warnings` lists 1,000 at most.")
    ignored: list[int] = Field(description="Records that concern no activated audience, by their index in the body.")
    summary: PreviewSummary
    persons: list[PersonPreviewOut]
    calls: CallsPreview
    notes: list[str] = Field(description="What else Marketo would do because of this.")

    @classmethod
    def of(cls, preview: Preview, explain: Explain) -> Self:
        return cls(
            rejected=_by_record(preview.rejected),
            warnings=_by_record(preview.warnings),
            warning_count=preview.warning_count,
            ignored=list(preview.ignored),
            summary=PreviewSummary.of(preview.tally),
            persons=[PersonPreviewOut.of(one, explain) for one in preview.persons],
            calls=CallsPreview.of(preview.calls),
            notes=_notes(preview.tally),
        )


def _notes(tally: Tally) -> list[str]:
    fired = (("added", "Added to List"), ("removed", "Removed from List"))
    return [
        f"Smart campaigns with the trigger {trigger} run for whoever is {change}: {tally.counts[change]} in all."
        for change, trigger in fired
        if tally.counts[change]
    ]


def _by_record(problems: Sequence[tuple[int, Problem]]) -> list[RecordProblems]:
    """In the order of the body."""
    return [RecordProblems.model_validate(one) for one in by_record(sorted(problems, key=lambda one: one[0]))]


def _audience(one: AudiencePreview, explain: Explain) -> AudiencePreviewOut:
    activation = one.activation
    kept = ListPreview(id=activation.list_id, name=activation.list_name or activation.name)
    return AudiencePreviewOut(
        id=activation.audience.id,
        namespace=activation.audience.namespace or None,
        name=activation.name,
        outcome=one.reason.outcome if one.reason else Class.ACTIVATED,
        reason=_why(one.reason, explain),
        change=one.change,
        list=kept if one.keeps_list else None,
    )


def _why(reason: Reason | None, explain: Explain) -> Why | None:
    return Why(code=reason.code, message=explain(reason.code)) if reason else None
