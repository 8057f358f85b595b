"""What became of a person: the leads that it may be, whether each audience is as desired, what waits, and what is next.

Everything is told by the rules that deliveries go by, and nothing here is a profile value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from destination.domain.audience import Activation, AudienceKey
from destination.domain.coalescing import coalesce
from destination.domain.connection import ActiveConnection
from destination.domain.event import Membership, Part
from destination.domain.matching import REQUIRED_TO_CREATE, Lead, newest_match
from destination.domain.outcome import MESSAGES, MISSING_REQUIRED_ATTRIBUTE, Class, Reason
from destination.domain.parking import Hold
from destination.domain.person import (
    UNKNOWN,
    Applied,
    Attributes,
    ConsentWord,
    Desired,
    LedgerRow,
    Origin,
    Unit,
)
from destination.domain.plan import Plan, Planner, Write, partition_for
from destination.domain.refusal import Refusals
from destination.domain.schema import FieldValue

MAX_LEADS: Final = 25
"""How many of the leads are shown, the newest first."""


class Agreement(StrEnum):
    """Whether what the source wants of a person and an audience, what Marketo was told and what it has agree."""

    AS_DESIRED = "as_desired"
    TO_JOIN = "to_join"
    TO_LEAVE = "to_leave"
    TO_MOVE = "to_move"
    IN_DOUBT = "in_doubt"
    CHANGED_IN_MARKETO = "changed_in_marketo"
    NOT_KEPT = "not_kept"
    NOTHING_SAID = "nothing_said"


AGREEMENTS: Final[Mapping[Agreement, str]] = {
    Agreement.AS_DESIRED: "Marketo was told what the source said last.",
    Agreement.TO_JOIN: "The source put the person into the audience, and Marketo has not been told.",
    Agreement.TO_LEAVE: "The person is not to be on the list, and Marketo has not been told.",
    Agreement.TO_MOVE: "Another lead is the person by now: it joins, and the one on the list leaves, at the next event "
    "that has something to tell.",
    Agreement.IN_DOUBT: "Marketo was told, and its answer is not known. The next event tells it again.",
    Agreement.CHANGED_IN_MARKETO: "Marketo has it otherwise than it was told: the list was changed there. A "
    "verification mends it.",
    Agreement.NOT_KEPT: "No list is kept for the person now: the connection keeps none, or the audience is outside its "
    "start and end. What the source says is remembered.",
    Agreement.NOTHING_SAID: "The source has said nothing of the person and this audience.",
}
"""As a sentence, for people."""


@dataclass(frozen=True, slots=True)
class FoundLead:
    """A lead that Marketo found; `partition`: its name, if it is known. `why`: why it is the person, or is not.

    `values`: by field what Marketo has, where values were asked for.
    """

    id: int
    partition: str | None
    updated_at: datetime
    is_person: bool
    why: str
    values: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class PersonAudience:
    """One activated audience; `is_on_list`: whether the person's lead is on its list now (None: it is not known)."""

    activation: Activation
    desired: Desired | None
    applied: Applied | None
    is_on_list: bool | None
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event of the person that is parked, or a letter; `cause`: what it waits for, or the code of why it failed.

    `since`: when it was received. `due_at`: parked, when it can be delivered at the earliest. `failed_at`,
    `expires_at`: of a letter. `units`: what it means for the person. `is_erased`: the person was erased after it was
    received, so that it is dropped when its turn comes.
    """

    cause: str
    since: datetime
    units: tuple[Unit, ...]
    due_at: datetime | None = None
    failed_at: datetime | None = None
    expires_at: datetime | None = None
    is_erased: bool = False

    @property
    def is_letter(self) -> bool:
        return self.failed_at is not None


@dataclass(frozen=True, slots=True)
class WaitingEvents:
    """Those that were found; `read` of `events` that are parked or letters of the connection were looked at.

    `hold`: what holds the connection up. `queued_since`: since when the oldest event of the connection, whoever it is
    of, waits in the queue for another attempt.
    """

    hold: Hold | None
    queued_since: datetime | None
    found: tuple[WaitingEvent, ...]
    read: int
    events: int


@dataclass(frozen=True, slots=True)
class NextEvent:
    """What the next event of the person would do.

    `is_parked`: it is what is parked of the person; else an event that says again what is known, without attributes.
    `outcome`: None where the connection would ignore it. `needs`: the attributes that it must have to create somebody.
    """

    is_parked: bool
    outcome: Class | None
    reason: Reason | None
    plan: Plan | None
    sentence: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PersonLookup:
    """What became of one person; `name`: its pseudonym.

    `is_known`: the ledger has a row of it. `leads`: None where Marketo could not be asked, the first MAX_LEADS of
    `lead_count`. `trouble`: why Marketo could not be asked everything, in words.
    """

    name: str
    is_known: bool
    leads: tuple[FoundLead, ...] | None
    lead_count: int
    audiences: tuple[PersonAudience, ...]
    consent: ConsentWord | None
    attributes: Attributes | None
    refusals: Mapping[str, Refusals]
    waiting: WaitingEvents
    next: NextEvent | None
    trouble: str | None


def found_leads(
    leads: Sequence[Lead],
    key: str,
    partitions: Mapping[int, str],
    values: Mapping[int, Mapping[str, object]] | None = None,
) -> list[FoundLead]:
    """The leads of the person, the newest first: the first one is the person.

    `partitions`, `values`: by the lead's id. The values are None where nobody asked for them.
    """
    ordered = sorted(leads, key=lambda lead: (lead.updated_at, lead.id), reverse=True)
    return [
        FoundLead(
            one.id,
            partitions.get(one.id),
            one.updated_at,
            place == 0,
            _why(one, ordered, key),
            None if values is None else values.get(one.id, {}),
        )
        for place, one in enumerate(ordered)
    ]


def _why(lead: Lead, ordered: Sequence[Lead], key: str) -> str:
    first = ordered[0]
    if lead.id != first.id:
        same = lead.updated_at == first.updated_at
        return f"Lead {first.id} was updated at the same time and has the higher id." if same else "Updated earlier."
    why = "The only lead with the value." if len(ordered) == 1 else f"Updated last of {len(ordered)} leads."
    if lead.key in {"", key} or lead.key.casefold() != key.casefold():
        return why
    return f"{why} It has the value in another case, and no lead has exactly this one."


def audiences_of(
    target: ActiveConnection, row: LedgerRow, lead_id: int | None, lists: Mapping[int, bool], now: datetime
) -> list[PersonAudience]:
    """Every activated audience, by name.

    `lead_id`: the lead that is the person (None: nobody, or it is not known); `lists`: whether it is on them in
    Marketo, as far as is known.
    """
    planner = Planner.of(target, now)
    wanted = planner.wanted_by_ledger(row)
    kept = planner.reach.audiences if planner.rule.keeps_lists else ()
    found = []
    for audience, activation in sorted(target.activations.items(), key=lambda one: (one[1].name, one[0])):
        applied = row.applied.get(audience)
        told = applied if applied is not None and applied.list_id == activation.list_id else None
        is_on = None if activation.list_id is None else lists.get(activation.list_id)
        desired = row.desired.get(audience)
        if desired is None and told is None:
            agreement = Agreement.NOTHING_SAID
        elif audience not in kept:
            agreement = Agreement.NOT_KEPT
        else:
            agreement = _agreement(told, lead_id, is_on, is_wanted=audience in wanted)
        found.append(PersonAudience(activation, desired, applied, is_on, agreement))
    return found


def _agreement(told: Applied | None, lead_id: int | None, is_on: bool | None, *, is_wanted: bool) -> Agreement:
    if told is not None and not told.is_sure:
        return Agreement.IN_DOUBT
    leads = told.leads if told is not None else ()
    if not is_wanted:
        if leads:
            return Agreement.TO_LEAVE
        return Agreement.CHANGED_IN_MARKETO if told is not None and is_on else Agreement.AS_DESIRED
    if not leads:
        return Agreement.TO_JOIN
    if lead_id is not None and leads != (lead_id,):
        return Agreement.TO_MOVE
    return Agreement.CHANGED_IN_MARKETO if is_on is False else Agreement.AS_DESIRED


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a person is to a connection: its key, its dedupe value, and its ECID where it is known by one."""

    key: str
    dedupe_value: FieldValue
    ecid: FieldValue = None


def next_event(
    target: ActiveConnection,
    who: Identity,
    row: LedgerRow | None,
    matches: Sequence[Lead],
    parked: Sequence[Unit],
    hold: Hold | None,
    now: datetime,
) -> NextEvent:
    """Decide, as a delivery would, what the person's next event does: what is `parked`, or else one that says again
    what is known.

    Leads that are another person's by now are left out of account, as nobody was asked for them.
    """
    planner = Planner.of(target, now)
    units = list(parked) or [_nothing_new(planner, who, row or UNKNOWN)]
    known = replace(row, attributes=None) if row is not None and not matches else row
    person = coalesce(who.key, units, known, planner.reach)
    if not person.units:
        ignored = "It would be ignored, unless it names an activated audience: the person is in none."
        return NextEvent(bool(parked), None, None, None, ignored)
    plan = planner.decide(person, row, matches if planner.needs_lookup(person, row) else None)
    is_open = not parked and plan.verdict is MISSING_REQUIRED_ATTRIBUTE
    needs: tuple[str, ...] = ()
    if is_open:
        audiences = planner.wanted(person)
        plan = replace(plan, verdict=None, write=Write.CREATE, add=tuple(sorted(audiences)))
        needs = REQUIRED_TO_CREATE
    outcome = plan.verdict.outcome if plan.verdict is not None else Class.ACTIVATED
    sentence = _sentence(target, plan, is_repeated=not parked, needs=needs)
    if hold is not None:
        sentence = f"It would wait first: {hold.cause}. Then: {sentence[0].lower()}{sentence[1:]}"
    return NextEvent(bool(parked), outcome, plan.verdict, plan, sentence, needs)


def _nothing_new(planner: Planner, who: Identity, row: LedgerRow) -> Unit:
    """An event that says of audiences and consent again what is known, and has no attributes."""
    said = [_again(audience, one) for audience, one in row.desired.items() if audience in planner.target.activations]
    consents = None
    if planner.target.connection.consent is not None:
        consents = row.consent is None or row.consent.is_given
    return Unit(
        Origin("", "0", ""),
        planner.now,
        who.key,
        who.dedupe_value,
        {},
        (),
        tuple(one for one in said if one.audience in planner.reach.audiences),
        unscheduled=tuple(one for one in said if one.audience not in planner.reach.audiences),
        consents=consents,
        ecid=who.ecid,
        received_at=planner.now,
    )


def _again(audience: AudienceKey, known: Desired) -> Membership:
    parts = tuple(Part(namespace, one.status, one.said.at) for namespace, one in known.parts)
    return Membership(audience, known.status, known.said.at, parts=parts)


def _sentence(target: ActiveConnection, plan: Plan, *, is_repeated: bool, needs: Sequence[str]) -> str:
    is_excluded = plan.verdict is not None and plan.verdict.outcome is not Class.UNCHANGED
    why = f" {MESSAGES[plan.verdict.code]}" if plan.verdict is not None and is_excluded else ""
    changes = [*_of_the_person(target, plan), *_of_lists_left(target, plan)]
    if changes:
        condition = f" if the event has {_listing(needs)}" if needs else ""
        said = f"{', and '.join(changes)}{condition}"
        return f"{said[0].upper()}{said[1:]}.{why}"
    if why:
        return f"Nothing would change.{why}"
    return f"Nothing would change{', unless it brings other attributes or memberships' if is_repeated else ''}."


def _of_the_person(target: ActiveConnection, plan: Plan) -> Iterator[str]:
    """What is done with the lead that is the person, or is to become it."""
    done = [f"put on {_list(target, audience)}" for audience in plan.add]
    if plan.write is Write.CREATE:
        done.insert(0, f"created in partition {partition_for(target.connection)}")
    elif plan.write is Write.UPDATE:
        done.insert(0, "updated")
    if done:
        subject = "a new lead" if plan.lead_id is None else f"lead {plan.lead_id}"
        yield f"{subject} would be {_listing(done)}"


def _of_lists_left(target: ActiveConnection, plan: Plan) -> Iterator[str]:
    for audience, leads in sorted(plan.remove.items()):
        yield f"lead {_listing([str(one) for one in leads])} would be taken off {_list(target, audience)}"


def _listing(words: Sequence[str]) -> str:
    """One, two and three."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _list(target: ActiveConnection, audience: AudienceKey) -> str:
    activation = target.activations[audience]
    name = activation.list_name or activation.name
    return f"{name} (list {activation.list_id})" if activation.list_id is not None else name


def the_person(leads: Sequence[Lead]) -> int | None:
    """The lead that is the person."""
    return newest_match(leads).id if leads else None
