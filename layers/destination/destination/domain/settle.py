"""From a plan and Marketo's answers to the outcome, and to the row that the ledger keeps of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from typing import Final

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.outcome import ALREADY_DELIVERED, NO_CONSENT, NOT_ON_LIST, Class, Outcome, Reason, rejected
from destination.domain.person import UNKNOWN, Applied, Attributes, LedgerRow, Person, Unit
from destination.domain.plan import Plan, Write, in_doubt
from destination.domain.refusal import Refusals
from destination.domain.value_object import value_object

LEAD_GONE = "1004"
"""Marketo's code for a lead that there is not, or that the API user cannot see."""

GONE_FROM_LIST = frozenset({"1015", LEAD_GONE})
"""Marketo's codes that mean a lead to be taken off a list is not on it: not in the list, or no such lead."""

_NOTHING: Final = Write.NOTHING
_CREATE: Final = Write.CREATE
_UPDATE: Final = Write.UPDATE
"""By names of their own, as Python 3.11 takes long to find a member of an enumeration."""


@value_object
class Answer:
    """Marketo's answer for one record: the lead id, or the code it was skipped with.

    `is_of_call`: the code is that of its whole call, and may be owed to another record. `field`: the lead field that it
    was skipped for, where Marketo says which.
    """

    lead_id: int | None = None
    code: str | None = None
    is_of_call: bool = False
    field: str | None = None


@value_object
class Answers:
    """What Marketo answered to a plan's calls; what was never asked, or could not be answered yet, is missing."""

    write: Answer | None = None
    joins: Mapping[AudienceKey, Answer] = field(default_factory=dict)
    leaves: Mapping[AudienceKey, Sequence[Answer]] = field(default_factory=dict)

    def are_all_of(self, plan: Plan) -> bool:
        """Whether everything that the plan says was answered, as far as it was to be asked."""
        if plan.write is not _NOTHING and self.write is None:
            return False
        if plan.add and puts_on(plan, self.write) and not self.joins.keys() >= set(plan.add):
            return False
        if not (plan.remove and takes_off(plan, self.write)):
            return True
        return all(len(self.leaves.get(audience, ())) == len(leads) for audience, leads in plan.remove.items())


def puts_on(plan: Plan, write: Answer | None) -> bool:
    """Whether the lead is put on lists, by what was answered to its being written (None: nothing yet).

    A lead whose update is refused is still the person's: lists do not wait for attributes.
    """
    return takes_off(plan, write) and not (plan.write is _CREATE and write is not None and write.code is not None)


def takes_off(plan: Plan, write: Answer | None) -> bool:
    """Whether leads are taken off lists; not where the person is to be looked at once more."""
    if plan.write is _NOTHING:
        return True
    return write is not None and not write.is_of_call and write.code != LEAD_GONE


@value_object
class Settled:
    """A person with its outcome; `row` is what the ledger is to hold from now on (None: it stays as it was).

    `plan`: what was carried out, where anything was. `is_noted`: what was written of its lead was counted before.
    `refused_field`: for which lead field Marketo refused to write the lead, where it says so.
    """

    person: Person
    outcome: Outcome
    row: LedgerRow | None
    plan: Plan | None = None
    is_noted: bool = False
    refused_field: str | None = None

    def reason_of(self, unit: Unit) -> Reason | None:
        """Why one of the person's units was not activated; None: it was."""
        return self.person.aside.get(unit.origin, self.outcome.reason)


@value_object
class Progress:
    """What Marketo has answered of a person that is not settled yet: the row of it, and the changes to be counted."""

    person: Person
    row: LedgerRow
    created: bool = False
    updated: bool = False
    added: int = 0
    removed: int = 0


def settle(
    target: ActiveConnection,
    plan: Plan,
    answers: Answers,
    row: LedgerRow | None,
    now: datetime,
    *,
    is_noted: bool = False,
) -> Settled:
    """Say what became of a person of whom all was answered. `is_noted`: see Settled.

    What is desired is remembered whatever the outcome; excluded and failed parts are not applied, so they are tried
    again.
    """
    reasons = _list_reasons(plan, answers)
    touched = {*answers.joins, *answers.leaves, *plan.held, *plan.spared}
    known = _row(target, plan, answers, row or UNKNOWN, touched, now)
    refused_field = None if answers.write is None else answers.write.field
    return Settled(plan.person, _outcome(plan, answers, reasons), known, plan, is_noted, refused_field)


def progress(
    target: ActiveConnection,
    plan: Plan,
    answers: Answers,
    row: LedgerRow | None,
    now: datetime,
    *,
    is_noted: bool = False,
    refusals: Mapping[str, Refusals] | None = None,
) -> Progress:
    """What is known of a person of whom not all was answered; the rest is in doubt. `is_noted`: see Settled.

    `refusals`: of which calls it is known by now that the person is refused; None: it is as it was.
    """
    reasons = _list_reasons(plan, answers)
    wrote = answers.write is not None and answers.write.code is None and not is_noted
    touched = {*plan.add, *plan.remove, *plan.held, *plan.spared}
    doubtful = in_doubt(plan, row or UNKNOWN, target)
    known = _row(target, plan, answers, doubtful, touched, now)
    return Progress(
        plan.person,
        replace(known, refusals=doubtful.refusals if refusals is None else refusals or None),
        created=wrote and plan.write is _CREATE,
        updated=wrote and plan.write is _UPDATE,
        added=_added(plan, answers),
        removed=_removed(plan, answers, reasons),
    )


def refused(person: Person, reason: Reason, row: LedgerRow | None = None) -> Settled:
    """A person that ends for a reason, and nothing is told of it; what is desired is remembered in the `row`."""
    audiences = {one.audience: reason for unit in person.units for one in unit.memberships}
    kept = remembering(person, row) if person.key else None
    if kept is not None and kept.refusals:
        kept = replace(kept, refusals=None)
    return Settled(person, Outcome(reason=reason, audiences=audiences), kept)


def refused_unit(unit: Unit, reason: Reason) -> Settled:
    """A unit that could be no part of a person, as a person of its own."""
    person = Person(
        key="",
        dedupe_value=None,
        fields={},
        said=None,
        memberships={one.audience: one for one in unit.memberships},
        dropped=frozenset(unit.dropped),
        units=(unit,),
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


def _outcome(plan: Plan, answers: Answers, reasons: Mapping[AudienceKey, Reason | None]) -> Outcome:
    """What became of somebody; `reasons`: why each list did not change, None where it did."""
    person = plan.person
    refusal = rejected(answers.write.code) if answers.write is not None and answers.write.code is not None else None
    failures = {audience: why for audience, why in reasons.items() if why is not None and why.outcome is Class.FAILED}
    added, removed = _added(plan, answers), _removed(plan, answers, reasons)
    verdict = refusal or plan.verdict
    if verdict is not None and verdict.outcome in {Class.EXCLUDED, Class.FAILED}:
        named = {one.audience for unit in person.units for one in unit.memberships}
        told = failures if refusal is None else reasons  # Lists change where an update is refused.
        return Outcome(
            reason=refusal or next(iter(failures.values()), verdict),
            added=added,
            removed=removed,
            audiences={audience: told.get(audience, verdict) for audience in named},
        )
    wrote = plan.write is not _NOTHING
    unchanged = None if wrote else plan.verdict or ALREADY_DELIVERED
    changed = wrote or None in reasons.values()
    reason = None if changed else plan.verdict or next(iter(reasons.values()), ALREADY_DELIVERED)
    return Outcome(
        reason=next(iter(failures.values()), reason),
        created=plan.write is _CREATE,
        updated=plan.write is _UPDATE,
        added=added,
        removed=removed,
        audiences={audience: reasons.get(audience, unchanged) for audience in {*person.memberships, *plan.add}},
    )


def _list_reasons(plan: Plan, answers: Answers) -> dict[AudienceKey, Reason | None]:
    """Why each list that was to change did not; None: it did. A lead that is not on the list it leaves has left it."""
    reasons: dict[AudienceKey, Reason | None] = dict.fromkeys(plan.held, ALREADY_DELIVERED)
    for audience, given in answers.leaves.items():
        refusals = [one.code for one in given if one.code is not None and one.code not in GONE_FROM_LIST]
        if refusals:
            reasons[audience] = rejected(refusals[0])
        else:
            reasons[audience] = None if any(one.code is None for one in given) else NOT_ON_LIST
    for audience, answer in answers.joins.items():
        failed = reasons.get(audience)
        if failed is None or failed.outcome is not Class.FAILED:
            reasons[audience] = None if answer.code is None else rejected(answer.code)
    return reasons


def _added(plan: Plan, answers: Answers) -> int:
    if not plan.add:
        return 0
    return sum(1 for audience in plan.add if audience in answers.joins and answers.joins[audience].code is None)


def _removed(plan: Plan, answers: Answers, reasons: Mapping[AudienceKey, Reason | None]) -> int:
    """The lists that somebody left; whoever is on one by another lead does not leave it."""
    if not answers.leaves:
        return 0
    return sum(1 for audience in answers.leaves if reasons[audience] is None and not _stays(plan, audience))


def _stays(plan: Plan, audience: AudienceKey) -> bool:
    """Whether somebody is to be on a list by the lead that they are, or are to become."""
    is_somebody = plan.lead_id is not None or plan.write is _CREATE
    return is_somebody and plan.person.may_be_exported and plan.person.desired[audience].is_realized


def remembering(person: Person, row: LedgerRow | None) -> LedgerRow | None:
    """The row with what the source wants by now; None where it is as it was."""
    known = row or UNKNOWN
    consent = person.consent or known.consent
    if person.desired == known.desired and consent == known.consent and person.named.items() <= known.named.items():
        return row
    return replace(known, desired=person.desired, consent=consent, named=person.named)


def _row(
    target: ActiveConnection,
    plan: Plan,
    answers: Answers,
    known: LedgerRow,
    touched: Collection[AudienceKey],
    now: datetime,
) -> LedgerRow:
    person = plan.person
    lead_id = _lead_of(plan, answers)
    found, looked_up_at = known.lead_id, known.looked_up_at
    if plan.looked_up:
        found, looked_up_at = (lead_id, now) if plan.unique or plan.lead_id is None else (None, None)
    return LedgerRow(
        desired=person.desired,
        applied=_applied(target, plan, answers, _settled_doubts(plan, known), touched, lead_id),
        attributes=_attributes(plan, answers, known, lead_id, now),
        consent=person.consent or known.consent,
        lead_id=found,
        looked_up_at=looked_up_at,
        named=person.named,
    )


def _lead_of(plan: Plan, answers: Answers) -> int | None:
    """The lead that the person is by now."""
    if answers.write is not None and answers.write.code is None and answers.write.lead_id is not None:
        return answers.write.lead_id
    return plan.lead_id


def _attributes(
    plan: Plan, answers: Answers, known: LedgerRow, lead_id: int | None, now: datetime
) -> Attributes | None:
    """Those that were sent: what reached nobody supersedes nothing."""
    person, sent = plan.person, known.attributes
    if answers.write is not None and answers.write.code is None and person.said is not None:
        return Attributes(person.attributes_hash, person.said, now, lead_id)
    if plan.write is not _NOTHING or sent is None or person.said is None or not person.fields:
        return sent
    if sent.digest != person.attributes_hash:
        return sent
    return Attributes(sent.digest, person.said, sent.sent_at, sent.lead_id)  # Said again, and not sent again.


def _settled_doubts(plan: Plan, known: LedgerRow) -> LedgerRow:
    """Nobody has the key: no lead was made of it when the answer to its creation was lost, and none is on a list."""
    if plan.lead_id is not None or not plan.looked_up or plan.write is not _NOTHING:
        return known
    doubtful = {audience for audience, one in known.applied.items() if not (one.leads or one.is_sure)}
    if not doubtful:
        return known
    applied = {one: told._replace(is_sure=told.is_sure or one in doubtful) for one, told in known.applied.items()}
    return replace(known, applied=applied)


def _applied(
    target: ActiveConnection,
    plan: Plan,
    answers: Answers,
    known: LedgerRow,
    touched: Collection[AudienceKey],
    lead_id: int | None,
) -> Mapping[AudienceKey, Applied]:
    if not touched:
        return known.applied
    applied, joining = dict(known.applied), frozenset(plan.add)
    for audience in touched:
        list_id = target.activations[audience].list_id
        if list_id is not None:
            if lead_id is not None and _only_joined(plan, answers, audience):
                applied[audience] = Applied(list_id, (lead_id,))
                continue
            before = known.applied.get(audience)
            before = before if before is not None and before.list_id == list_id else None
            if _is_refused(plan, answers, audience):
                if before is None and plan.verdict is NO_CONSENT:  # So that it is told again, whoever put it there.
                    applied[audience] = Applied(list_id, plan.remove[audience], is_sure=False)
                continue  # Nothing has changed by it.
            on, is_sure = _leads_on(plan, answers, audience, before, lead_id, joins=audience in joining)
            applied[audience] = Applied(list_id, on, is_sure)
    return applied


def _only_joined(plan: Plan, answers: Answers, audience: AudienceKey) -> bool:
    """Whether the lead was put on a list and nobody was to be taken off it, as nearly always."""
    joined = answers.joins.get(audience)
    return joined is not None and joined.code is None and audience not in plan.remove


def _is_refused(plan: Plan, answers: Answers, audience: AudienceKey) -> bool:
    """Whether Marketo refused all that it was told of a list."""
    joined, left = answers.joins.get(audience), answers.leaves.get(audience, ())
    told = len(plan.remove.get(audience, ())) + (audience in plan.add)
    if audience in plan.held or not 0 < told == len(left) + (joined is not None):
        return False
    return (joined is None or joined.code is not None) and all(
        one.code is not None and one.code not in GONE_FROM_LIST for one in left
    )


def _leads_on(
    plan: Plan,
    answers: Answers,
    audience: AudienceKey,
    before: Applied | None,
    lead_id: int | None,
    *,
    joins: bool,
) -> tuple[tuple[int, ...], bool]:
    """The person's leads that are on a list by now, its own first, and whether that is sure: all was answered."""
    joined = answers.joins.get(audience)
    leads_before = before.leads if before is not None else ()
    was_sure = before is not None and before.is_sure
    is_sure = len(answers.leaves.get(audience, ())) == len(plan.remove.get(audience, ()))
    if joins:
        is_on = joined is None or joined.code is None
        is_sure = is_sure and joined is not None
    else:
        is_on = audience in plan.held or (lead_id in leads_before and _stays(plan, audience))
    others = _still_on(plan, answers, audience)
    is_sure = is_sure and all(was_sure and one in leads_before for one in others)
    if lead_id is None or not is_on:
        return others, is_sure
    return (lead_id, *(one for one in others if one != lead_id)), is_sure


def _still_on(plan: Plan, answers: Answers, audience: AudienceKey) -> tuple[int, ...]:
    """Of the leads to be taken off a list those that were not, or of whom it is not known yet."""
    given = answers.leaves.get(audience, ())
    gone = {one.lead_id for one in given if one.code is None or one.code in GONE_FROM_LIST}
    return tuple(one for one in plan.remove.get(audience, ()) if one not in gone)
