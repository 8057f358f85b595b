"""The plan of one person: the Marketo calls that take its lead and lists from what is to what is wanted.

Everything here is pure: it decides from the connection, the ledger's row and the leads that a lookup found.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from destination.domain.audience import AudienceKey
from destination.domain.connection import DEFAULT_PARTITION, Connection, OnInvalid
from destination.domain.event import MembershipStatus
from destination.domain.matching import REQUIRED_TO_CREATE, Lead, newest_match, rule_of
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    INVALID_ATTRIBUTE,
    INVALID_REQUIRED_ATTRIBUTE,
    MISSING_REQUIRED_ATTRIBUTE,
    NO_CONSENT,
    NOT_ON_LIST,
    PERSON_NOT_FOUND,
    Reason,
)
from destination.domain.person import Delivered, LedgerRow, Person
from destination.domain.schema import FieldValue


class Write(StrEnum):
    """What is done to the lead record."""

    NOTHING = "nothing"
    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done about one person.

    `verdict` is set where the person ends without a call. `lead_id` is the matched lead, `unique` tells that no other
    lead matched, `looked_up` that this was found out just now. `add` names the audiences whose lists the lead joins,
    `remove` those that it leaves, with the leads to be taken off each.
    """

    person: Person
    verdict: Reason | None = None
    write: Write = Write.NOTHING
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    lead_id: int | None = None
    unique: bool = False
    looked_up: bool = False
    add: tuple[AudienceKey, ...] = ()
    remove: Mapping[AudienceKey, tuple[int, ...]] = field(default_factory=dict)

    @property
    def tells(self) -> bool:
        """Whether Marketo is told anything."""
        return self.write is not Write.NOTHING or bool(self.add or self.remove)


def partition_for(connection: Connection) -> str:
    """Where new leads go: the chosen partition, if the sync type lets one be chosen, else Default."""
    chosen = connection.partition if rule_of(connection).takes_partition else None
    return chosen or DEFAULT_PARTITION


def needs_lookup(connection: Connection, person: Person, row: LedgerRow | None, now: datetime) -> bool:
    """Whether its leads must be looked up: there is something to tell, and what was found last is not to be trusted.

    That nobody was found is trusted only for those who left: the others are to be created, or may exist by now.
    """
    if person.consents is False:
        return row is not None and None in _on_lists(connection, row).values()
    if row is None or _knows_consent_alone(row):
        return True
    if not _has_something_to_tell(connection, person, row, now):
        return False
    if row.looked_up_at is None or now - row.looked_up_at >= connection.lead_cache:
        return True
    return row.lead_id is None and bool(_realized(person, row))


def decide(
    connection: Connection, person: Person, row: LedgerRow | None, matches: Sequence[Lead] | None, now: datetime
) -> Plan:
    """Decide what to do about a person, given the leads that match it (None: they were not looked up).

    Source: Adobe, "Marketo Engage destination", sync type and person action table.
    """
    known = row or LedgerRow()
    if person.consents is False:
        return _for_withdrawn(connection, person, known, matches)
    if row is not None and not _knows_consent_alone(row) and not _has_something_to_tell(connection, person, row, now):
        return Plan(person, verdict=ALREADY_DELIVERED)
    if matches:
        lead = newest_match(matches)
        plan = _for_lead(connection, person, known, lead.id, unique=len(matches) == 1, now=now)
    elif matches is None and known.lead_id is not None:
        plan = _for_lead(connection, person, known, known.lead_id, unique=True, now=now)
    else:
        plan = _for_nobody(connection, person, known)
    return plan if matches is None else replace(plan, looked_up=True)


def in_doubt(plan: Plan, row: LedgerRow) -> LedgerRow:
    """What the ledger is to hold while the plan is carried out."""
    if plan.write is Write.CREATE:
        row = replace(row, looked_up_at=None)  # That nobody is there is no longer to be trusted.
    row = row.in_doubt(
        attributes=plan.write is not Write.NOTHING,
        joins=dict.fromkeys(plan.add, plan.lead_id),
        leaves=plan.remove.keys(),
    )
    if plan.person.consents is None:
        return row
    # Of lists that the row knows nothing of too: who withdraws consent is taken off all that it names, and no others.
    joins = {
        audience: Delivered(MembershipStatus.REALIZED, plan.person.memberships[audience].at, plan.lead_id)
        for audience in plan.add
        if audience not in row.memberships
    }
    return replace(row, memberships={**row.memberships, **joins})


def _for_lead(
    connection: Connection, person: Person, row: LedgerRow, lead_id: int, *, unique: bool, now: datetime
) -> Plan:
    rule = rule_of(connection)
    writes = rule.updates_fields and bool(person.fields) and _attributes_are_due(connection, person, row, now)
    add, leave = _list_changes(person, row) if rule.keeps_lists else ((), ())
    return Plan(
        person,
        write=Write.UPDATE if writes else Write.NOTHING,
        fields=person.fields if writes else {},
        lead_id=lead_id,
        unique=unique,
        add=add,
        remove={audience: _on_list(row, audience, lead_id) for audience in leave},
        verdict=None if writes or add or leave else ALREADY_DELIVERED,
    )


def _for_nobody(connection: Connection, person: Person, row: LedgerRow) -> Plan:
    rule = rule_of(connection)
    wanted = _realized(person, row)
    if not wanted and _named(person):
        return Plan(person, verdict=NOT_ON_LIST)
    if not (wanted and rule.creates):
        return Plan(person, verdict=PERSON_NOT_FOUND)
    if person.dropped and connection.on_invalid is OnInvalid.FAIL:
        return Plan(person, verdict=INVALID_ATTRIBUTE)
    fields: dict[str, FieldValue] = {name: value for name, value in person.fields.items() if value is not None}
    fields[connection.dedupe_field] = person.dedupe_value
    if person.ecid is not None and connection.ecid_field is not None:
        fields[connection.ecid_field] = person.ecid
    missing = [name for name in REQUIRED_TO_CREATE if fields.get(name) in (None, "")]
    if missing:
        invalid = not person.dropped.isdisjoint(missing)
        return Plan(person, verdict=INVALID_REQUIRED_ATTRIBUTE if invalid else MISSING_REQUIRED_ATTRIBUTE)
    add = tuple(sorted(wanted)) if rule.keeps_lists else ()
    return Plan(person, write=Write.CREATE, fields=fields, unique=True, add=add)


def _for_withdrawn(connection: Connection, person: Person, row: LedgerRow, matches: Sequence[Lead] | None) -> Plan:
    """Off every list that the lead was put on, or may have been; no lead is known where the row has lost it."""
    matched = newest_match(matches).id if matches else None
    leads = {audience: lead_id or matched for audience, lead_id in _on_lists(connection, row).items()}
    remove = {audience: (lead_id,) for audience, lead_id in sorted(leads.items()) if lead_id is not None}
    return Plan(person, verdict=NO_CONSENT, remove=remove, looked_up=matches is not None)


def _on_lists(connection: Connection, row: LedgerRow) -> dict[AudienceKey, int | None]:
    """The audiences whose lists the person was put on, or may have been, with the lead."""
    if not rule_of(connection).keeps_lists:
        return {}
    delivered = row.memberships.items()
    return {audience: one.lead_id for audience, one in delivered if one.status is MembershipStatus.REALIZED}


def _knows_consent_alone(row: LedgerRow) -> bool:
    """Whether nothing was ever delivered: the row is there for its times of consent."""
    delivered = row.looked_up_at or row.attributes_at or row.memberships
    return bool(row.consented_at or row.withdrawn_at) and not delivered


def _named(person: Person) -> set[AudienceKey]:
    return {one.audience for unit in person.units for one in unit.memberships}


def _realized(person: Person, row: LedgerRow) -> set[AudienceKey]:
    """The audiences named in its events that the person is in: by what is new, else by what was delivered."""
    named = _named(person)
    new = {audience: one.status for audience, one in person.memberships.items()}
    known = {audience: one.status for audience, one in row.memberships.items() if audience in named}
    return {audience for audience, status in (known | new).items() if status is MembershipStatus.REALIZED}


def _has_something_to_tell(connection: Connection, person: Person, row: LedgerRow, now: datetime) -> bool:
    rule = rule_of(connection)
    if row.lead_id is None and row.looked_up_at is not None:
        return True  # Nobody was found, so nothing was told.
    if rule.updates_fields and person.fields and _attributes_are_due(connection, person, row, now):
        return True
    return rule.keeps_lists and any(_list_changes(person, row))


def _attributes_are_due(connection: Connection, person: Person, row: LedgerRow, now: datetime) -> bool:
    if row.attributes_hash != person.attributes_hash or row.sent_at is None:
        return True
    return now - row.sent_at >= connection.resend_unchanged_after


def _list_changes(person: Person, row: LedgerRow) -> tuple[tuple[AudienceKey, ...], tuple[AudienceKey, ...]]:
    """The audiences, of those named, whose lists the person must join and leave.

    Whoever is in an audience without being known to be on its list (the lead is gone, the list is another, or an answer
    was lost) must join.
    """
    add, leave = [], []
    for audience in sorted(_named(person)):
        delivered, new = row.memberships.get(audience), person.memberships.get(audience)
        told = delivered.status if delivered is not None else None
        status = new.status if new is not None else told
        if status is MembershipStatus.REALIZED:
            if told is not status or delivered is None or delivered.list_id is None:
                add.append(audience)
        elif status is not told:
            leave.append(audience)
    return tuple(add), tuple(leave)


def _on_list(row: LedgerRow, audience: AudienceKey, lead_id: int) -> tuple[int, ...]:
    """The leads to take off: the one matched now, and the one that was put on when another was the newest match."""
    delivered = row.memberships.get(audience)
    ids = (lead_id, delivered.lead_id if delivered else None)
    return tuple(dict.fromkeys(one for one in ids if one is not None))
