"""From a plan and Marketo's answers to the outcome, and to the row that the ledger keeps of it."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.event import MembershipStatus
from destination.domain.matching import rule_of
from destination.domain.outcome import ALREADY_DELIVERED, NO_CONSENT, NOT_ON_LIST, Class, Outcome, Reason, rejected
from destination.domain.person import Delivered, LedgerRow, Person, Unit
from destination.domain.plan import Plan, Write

GONE_FROM_LIST = frozenset({"1015", "1004"})
"""Marketo's codes that mean a lead to be taken off a list is not on it: not in the list, or no such lead."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Marketo's answer for one record: the lead id, or the code it was skipped with."""

    lead_id: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """What Marketo answered to a plan's calls; a list that was never called is not in `lists`."""

    write: Answer | None = None
    lists: Mapping[AudienceKey, tuple[Answer, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settled:
    """A person with its outcome; `row` is what the ledger is to hold from now on (None: it stays as it was).

    `plan`: what was carried out, where anything was.
    """

    person: Person
    outcome: Outcome
    row: LedgerRow | None
    plan: Plan | None = None


def settle(target: ActiveConnection, plan: Plan, answers: Answers, row: LedgerRow | None, now: datetime) -> Settled:
    """Say what became of a person. Excluded and failed parts are not remembered, so they are tried when sent again."""
    person, known = plan.person, row or LedgerRow()
    if plan.verdict is NO_CONSENT:
        return _without_consent(plan, answers, known)
    if plan.verdict is not None and plan.verdict.outcome in {Class.EXCLUDED, Class.FAILED}:
        return refused(person, plan.verdict)
    if answers.write is not None and answers.write.code is not None:
        return refused(person, rejected(answers.write.code))
    lead_id = answers.write.lead_id if answers.write else plan.lead_id
    lists = {audience: _list_reason(plan, audience, answers) for audience in {*plan.add, *plan.remove}}
    failed = {audience for audience, reason in lists.items() if reason is not None and reason.outcome is Class.FAILED}
    memberships = _memberships(target, plan, known, lead_id, failed)
    row = _row(target.connection, plan, known, memberships, lead_id, now)
    return Settled(person, _outcome(plan, lists), row, plan)


def _outcome(plan: Plan, lists: Mapping[AudienceKey, Reason | None]) -> Outcome:
    """What became of somebody whose calls were answered; `lists`: why each list did not change, None where it did."""
    wrote = plan.write is not Write.NOTHING
    failures = (reason for reason in lists.values() if reason is not None and reason.outcome is Class.FAILED)
    unchanged = None if wrote else plan.verdict or ALREADY_DELIVERED
    return Outcome(
        reason=next(failures, None) or _person_reason(plan, lists, wrote=wrote),
        created=plan.write is Write.CREATE,
        updated=plan.write is Write.UPDATE,
        added=sum(1 for audience in plan.add if lists[audience] is None),
        removed=sum(1 for audience in plan.remove if lists[audience] is None),
        audiences={audience: lists.get(audience, unchanged) for audience in {*plan.person.memberships, *plan.add}},
    )


def _without_consent(plan: Plan, answers: Answers, known: LedgerRow) -> Settled:
    """Excluded and off the lists, which is remembered: what was said before must not bring the person back."""
    person = plan.person
    lists = {audience: _list_reason(plan, audience, answers) for audience in plan.remove}
    failures = {audience: why for audience, why in lists.items() if why is not None and why.outcome is Class.FAILED}
    outcome = Outcome(
        reason=next(iter(failures.values()), NO_CONSENT),
        removed=sum(1 for reason in lists.values() if reason is None),
        audiences={
            one.audience: failures.get(one.audience, NO_CONSENT) for unit in person.units for one in unit.memberships
        },
    )
    memberships = {
        audience: one
        for audience, one in known.memberships.items()
        if one.status is MembershipStatus.EXITED or audience in failures
    }
    return Settled(person, outcome, replace(known, memberships=memberships), plan)


def refused(person: Person, reason: Reason) -> Settled:
    """A person that ends here, excluded or failed as a whole."""
    return Settled(person, Outcome(reason, audiences=dict.fromkeys(person.memberships, reason)), None)


def refused_unit(unit: Unit, reason: Reason) -> Settled:
    """A unit that could be no part of a person, as a person of its own."""
    person = Person(
        key="",
        dedupe_value=None,
        fields={},
        at=None,
        memberships={one.audience: one for one in unit.memberships},
        dropped=frozenset(unit.dropped),
        units=(unit,),
        superseded=frozenset(),
    )
    return refused(person, reason)


def parts(settled: Settled, units: int) -> Iterator[Settled]:
    """The same in parts of at most so many units, each to be recorded by itself, in this order.

    The row and the changes go with the first part: what is recorded after it can then only be superseded, never lost.
    """
    person = settled.person
    if len(person.units) <= units:
        yield settled
        return
    yield replace(settled, person=replace(person, units=person.units[:units]))
    unchanged = replace(settled.outcome, created=False, updated=False, added=0, removed=0)
    for start in range(units, len(person.units), units):
        yield Settled(replace(person, units=person.units[start : start + units]), unchanged, None)


def _list_reason(plan: Plan, audience: AudienceKey, answers: Answers) -> Reason | None:
    """Why a list did not change; None: it did. A lead that is not on the list it leaves has left it."""
    given = answers.lists.get(audience, ())
    if audience in plan.remove:
        refused = [one.code for one in given if one.code is not None and one.code not in GONE_FROM_LIST]
        if refused:
            return rejected(refused[0])
        return None if any(one.code is None for one in given) else NOT_ON_LIST
    return next((rejected(one.code) for one in given if one.code is not None), None)


def _person_reason(plan: Plan, lists: Mapping[AudienceKey, Reason | None], *, wrote: bool) -> Reason | None:
    if wrote or None in lists.values():
        return None
    return plan.verdict or next(iter(lists.values()), ALREADY_DELIVERED)


def _memberships(
    target: ActiveConnection, plan: Plan, known: LedgerRow, lead_id: int | None, failed: Set[AudienceKey]
) -> dict[AudienceKey, Delivered]:
    memberships = dict(known.memberships)
    for audience, one in plan.person.memberships.items():
        if audience not in failed:
            told = memberships.get(audience)
            if told is not None and one.status is MembershipStatus.REALIZED:
                memberships[audience] = replace(told, status=one.status, at=one.at)
            else:
                memberships[audience] = Delivered(one.status, one.at)
    for audience in plan.add:
        if audience not in failed:
            told = memberships[audience]
            memberships[audience] = Delivered(told.status, told.at, lead_id, target.activations[audience].list_id)
    return memberships


def _row(
    connection: Connection,
    plan: Plan,
    known: LedgerRow,
    memberships: Mapping[AudienceKey, Delivered],
    lead_id: int | None,
    now: datetime,
) -> LedgerRow:
    person = plan.person
    known_lead, looked_up_at = known.lead_id, known.looked_up_at
    if plan.verdict is NOT_ON_LIST:
        if plan.looked_up:
            known_lead, looked_up_at = None, now
        return replace(known, lead_id=known_lead, looked_up_at=looked_up_at, memberships=memberships)
    if lead_id is not None and not plan.unique:
        known_lead, looked_up_at = None, None
    elif lead_id is not None and (known_lead != lead_id or plan.looked_up):
        known_lead, looked_up_at = lead_id, now
    told = bool(person.at and person.fields) and (rule_of(connection).updates_fields or plan.write is Write.CREATE)
    sent = told and plan.write is not Write.NOTHING
    return LedgerRow(
        lead_id=known_lead,
        looked_up_at=looked_up_at,
        attributes_hash=person.attributes_hash if sent else known.attributes_hash,
        attributes_at=person.at if told else known.attributes_at,
        sent_at=now if sent else known.sent_at,
        memberships=memberships,
        consented_at=known.consented_at,
        withdrawn_at=known.withdrawn_at,
    )
