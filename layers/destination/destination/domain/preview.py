"""What a preview says: the outcome of each event's person, and the changes it takes, as the delivery decided them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.event import ProfileEvent
from destination.domain.mapping import Mapper
from destination.domain.matching import rule_of
from destination.domain.outcome import NO_CONSENT, OUTSIDE_SCHEDULE, SUPERSEDED, Class, Reason
from destination.domain.person import Unit
from destination.domain.plan import partition_for
from destination.domain.problem import Problem
from destination.domain.run import Tally
from destination.domain.schema import RESTRICTED, AttributeWarning, InvalidValueError
from destination.domain.settle import Settled


class CallKind(StrEnum):
    """A kind of call to Marketo that a delivery makes."""

    LOOK_UP = "look_up"
    CREATE = "create"
    UPDATE = "update"
    ADD = "add"
    REMOVE = "remove"


class MembershipChange(StrEnum):
    """What would happen to a lead on an audience's list."""

    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class AudiencePreview:
    """An audience of one event; `change`: what happens on its list, if it has one and anything does.

    `is_named`: whether the event names it; whoever withdraws consent is taken off lists that it does not name.
    """

    activation: Activation
    keeps_list: bool
    change: MembershipChange | None
    reason: Reason | None
    is_named: bool = True


@dataclass(frozen=True, slots=True)
class PersonPreview:
    """What would become of one event's person, where `index` is the event's record.

    Events with the same number of the `person` add up, and each shows what would become of it. `lead_id`: the matched
    lead. `fields` names what would be sent, `dropped` tells why a mapped attribute would not, `warned` what else
    is told of one.
    """

    index: int
    person: int
    outcome: Class
    reason: Reason | None
    lead_id: int | None
    created: bool
    updated: bool
    partition: str | None
    fields: tuple[str, ...]
    dropped: Mapping[str, InvalidValueError]
    audiences: tuple[AudiencePreview, ...]
    warned: tuple[AttributeWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """`rejected` and `warnings` are the webhook's, with the index of their record; `ignored` concerns no audience.

    `warnings` are the first of `warning_count`. `tally`: what the run would count. `calls`: those that the delivery
    would make.
    """

    rejected: tuple[tuple[int, Problem], ...]
    warnings: tuple[tuple[int, Problem], ...]
    warning_count: int
    ignored: tuple[int, ...]
    persons: tuple[PersonPreview, ...]
    tally: Tally
    calls: Mapping[CallKind, int]


def persons_of(
    target: ActiveConnection,
    mapper: Mapper,
    events: Mapping[int, ProfileEvent],
    units: Mapping[int, Sequence[Unit]],
    settled: Sequence[Settled],
) -> Iterator[PersonPreview]:
    """The persons of all events, in the order of the records."""
    by_origin = {unit.origin: (one, unit) for one in settled for unit in one.person.units}
    numbers: dict[int, int] = {}
    for index, found in units.items():
        why_dropped = mapper.why_dropped(events[index]) if any(unit.dropped for unit in found) else {}
        for unit in found:
            one, delivered = by_origin[unit.origin]  # The delivery may have more to tell of it.
            number = numbers.setdefault(id(one), len(numbers) + 1)
            yield _person(target, index, number, delivered, one, why_dropped)


def _person(
    target: ActiveConnection,
    index: int,
    number: int,
    unit: Unit,
    settled: Settled,
    why_dropped: Mapping[str, InvalidValueError],
) -> PersonPreview:
    aside = settled.person.aside.get(unit.origin)
    outcome, plan = settled.outcome, None if aside else settled.plan
    reason = settled.reason_of(unit)
    return PersonPreview(
        index=index,
        person=number,
        outcome=reason.outcome if reason else Class.ACTIVATED,
        reason=reason,
        lead_id=None if outcome.created else _lead_of(settled),
        created=outcome.created and not aside,
        updated=outcome.updated and not aside,
        partition=partition_for(target.connection) if outcome.created and not aside else None,
        fields=tuple(plan.fields) if plan else (),
        dropped=_restricted(target) | {name: why_dropped[name] for name in unit.dropped},
        audiences=tuple(_audiences(target, unit, settled, aside)),
        warned=unit.warned,
    )


def _restricted(target: ActiveConnection) -> dict[str, InvalidValueError]:
    """The attributes that are never exported, whatever their value: deliveries do not so much as look at them."""
    why = InvalidValueError("its source is labelled C12, which must not be exported", RESTRICTED)
    return {row.target: why for row in target.connection.mapping if not row.is_exported}


def _audiences(
    target: ActiveConnection, unit: Unit, settled: Settled, aside: Reason | None
) -> Iterator[AudiencePreview]:
    reasons = {} if aside else settled.outcome.audiences
    changes: dict[AudienceKey, MembershipChange] = {}
    if settled.plan is not None and not aside:
        changes = dict.fromkeys(settled.plan.remove, MembershipChange.REMOVED) | dict.fromkeys(
            settled.plan.add, MembershipChange.ADDED
        )
    keeps_list = rule_of(target.connection).keeps_lists
    for one in unit.memberships:
        reason = reasons.get(one.audience, aside or SUPERSEDED)
        change = changes.get(one.audience) if reason in {None, NO_CONSENT} else None
        yield AudiencePreview(target.activations[one.audience], keeps_list, change, reason)
    for one in unit.unscheduled:
        yield AudiencePreview(target.activations[one.audience], keeps_list, None, OUTSIDE_SCHEDULE)
    named = {one.audience for one in (*unit.memberships, *unit.unscheduled)}
    if settled.plan is not None and settled.plan.verdict is NO_CONSENT:
        for audience in settled.plan.remove.keys() - named:
            removed = AudiencePreview(
                target.activations[audience], keeps_list, MembershipChange.REMOVED, NO_CONSENT, is_named=False
            )
            yield removed


def _lead_of(settled: Settled) -> int | None:
    """The lead that the person is; None too where it is taken off lists that several leads were put on."""
    plan = settled.plan
    if plan is not None and plan.lead_id is not None:
        return plan.lead_id
    if plan is not None and plan.verdict is NO_CONSENT and plan.remove:
        leads = {lead_id for ids in plan.remove.values() for lead_id in ids}
        return leads.pop() if len(leads) == 1 else None
    return settled.row.lead_id if settled.row else None
