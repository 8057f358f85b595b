"""The plan of one person: the Marketo calls that make what is applied equal to what is desired.

Everything here is pure: it decides from the connection, the ledger's row and the leads that a lookup found.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from destination.domain.audience import AudienceKey
from destination.domain.connection import DEFAULT_PARTITION, ActiveConnection, Connection, OnInvalid, Scope
from destination.domain.matching import REQUIRED_TO_CREATE, Lead, MatchingRule, newest_match, rule_of
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
from destination.domain.person import UNKNOWN, Applied, Attributes, LedgerRow, Person, Reach
from destination.domain.schema import FieldValue
from destination.domain.value_object import value_object

Place = tuple[AudienceKey, int]
"""A lead on the list of an audience."""


class Write(StrEnum):
    """What is done to the lead record."""

    NOTHING = "nothing"
    CREATE = "create"
    UPDATE = "update"


@value_object
class Plan:
    """What is to be done about one person.

    `verdict` is set where the person ends without a change of its own. `lead_id` is the matched lead, `unique` tells
    that no other lead matched, `looked_up` that this was found out just now. `add` names the audiences whose lists the
    lead joins, `remove` those that leads are taken off, with these leads. `held`: audiences whose lists the lead is on
    because of another person, `spared`: those whose other leads stay because of another. `missing`: the required lead
    fields for want of which nobody is created.
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
    held: frozenset[AudienceKey] = frozenset()
    spared: frozenset[AudienceKey] = frozenset()
    missing: tuple[str, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether Marketo is told anything."""
        return self.write is not Write.NOTHING or bool(self.add or self.remove)

    @property
    def former_leads(self) -> set[int]:
        """The leads to be taken off that are not the person's any more, and may be another person's."""
        return {lead_id for leads in self.remove.values() for lead_id in leads if lead_id != self.lead_id}

    @property
    def joining(self) -> set[Place]:
        """Where the lead is to be put, if there is one yet."""
        return {(audience, self.lead_id) for audience in self.add if self.lead_id is not None}

    @property
    def leaving(self) -> set[Place]:
        """Where leads are to be taken off."""
        return {(audience, one) for audience, leads in self.remove.items() for one in leads}

    def sparing(self, places: Set[Place]) -> "Plan":
        """The plan as far as it leaves these places as they are: another person holds them."""
        held = frozenset(one for one in self.add if self.lead_id is not None and (one, self.lead_id) in places)
        remove = {
            audience: left
            for audience, leads in self.remove.items()
            if (left := tuple(one for one in leads if (audience, one) not in places))
        }
        spared = frozenset(one for one, leads in self.remove.items() if remove.get(one) != leads)
        add = tuple(one for one in self.add if one not in held)
        return replace(self, add=add, remove=remove, held=held, spared=spared)


@dataclass(frozen=True, slots=True)
class Planner:
    """What all persons of a delivery are decided by: the connection with its audiences, and the time."""

    target: ActiveConnection
    now: datetime
    reach: Reach
    rule: MatchingRule

    @classmethod
    def of(cls, target: ActiveConnection, now: datetime) -> "Planner":
        return cls(target, now, reach_of(target, now), rule_of(target.connection))

    def needs_lookup(self, person: Person, row: LedgerRow | None) -> bool:
        """Whether its leads must be looked up: there is something to tell, and what was found last is not trusted.

        That nobody was found is trusted only for those who left: the others are to be created, or may exist by now.
        """
        if person.is_aside:
            return False
        if not person.may_be_exported:
            return self._withdrawal_needs_lookup(row)
        if row is None:
            return True
        if not self._has_something_to_tell(person, row):
            return False
        if row.looked_up_at is None or self.now - row.looked_up_at >= self._connection.lead_cache:
            return True
        return row.lead_id is None and self.reach.realized(person.desired)

    def decide(self, person: Person, row: LedgerRow | None, matches: Sequence[Lead] | None) -> Plan:
        """Decide what to do about a person, given the leads that match it (None: they were not looked up).

        Source: Adobe, "Marketo Engage destination", sync type and person action table.
        """
        known = row or UNKNOWN
        if person.is_aside:
            return Plan(person, verdict=next(iter(person.aside.values()), ALREADY_DELIVERED))
        if not person.may_be_exported:
            return self._for_withdrawn(person, known, matches)
        if matches is None:
            lead_id, is_unique = known.lead_id, True
        else:
            lead_id, is_unique = newest_match(matches).id if matches else None, len(matches) == 1
        looked_up = matches is not None
        if lead_id is not None:
            return self._for_lead(person, known, lead_id, unique=is_unique, looked_up=looked_up)
        if row is not None and not looked_up and not self._has_something_to_tell(person, row):
            return Plan(person, verdict=ALREADY_DELIVERED)
        return self._for_nobody(person, known, looked_up=looked_up)

    def places(self, person: Person, row: LedgerRow | None, lead_id: int | None) -> set[Place]:
        """Where somebody is to be, as the lead, or as the leads that were put there where none was looked up."""
        wanted = self.wanted(person)
        if lead_id is not None:
            return {(audience, lead_id) for audience in wanted}
        return self._places(row or UNKNOWN, wanted)

    def places_by_ledger(self, row: LedgerRow) -> set[Place]:
        """Where the ledger says that somebody is, and wants it so."""
        return self._places(row, self.wanted_by_ledger(row))

    def wanted(self, person: Person) -> set[AudienceKey]:
        """The audiences whose lists somebody is to be on."""
        if not person.may_be_exported:
            return set()
        return {one for one in self._audiences(person) if person.desired[one].is_realized}

    def wanted_by_ledger(self, row: LedgerRow) -> set[AudienceKey]:
        """The audiences whose lists somebody is to be on by the ledger alone."""
        asks = self._connection.consent is not None
        if not self.rule.keeps_lists or (asks and row.consent is not None and not row.consent.is_given):
            return set()
        return {
            audience for audience, one in row.desired.items() if one.is_realized and audience in self.reach.audiences
        }

    def taking_over(self, row: LedgerRow, places: Set[Place]) -> LedgerRow:
        """The row of somebody whose leads these are by now: that they stay, or not, its next event finds out."""
        applied = dict(row.applied)
        for audience, lead_id in sorted(places):
            list_id, told = self.target.activations[audience].list_id, self._applied(audience, row)
            if list_id is not None:
                before = told.leads if told is not None else ()
                applied[audience] = Applied(list_id, (*before, lead_id), is_sure=False)
        return replace(row, applied=applied)

    def _places(self, row: LedgerRow, audiences: Collection[AudienceKey]) -> set[Place]:
        applied = ((audience, self._applied(audience, row)) for audience in audiences)
        return {(audience, one) for audience, told in applied if told is not None for one in told.leads}

    @property
    def _connection(self) -> Connection:
        return self.target.connection

    def _audiences(self, person: Person) -> list[AudienceKey]:
        """The audiences whose lists are kept for a person now, of those that the source ever told of."""
        if not self.rule.keeps_lists:
            return []
        return [one for one in person.desired if one in self.reach.audiences or one in person.memberships]

    def _applied(self, audience: AudienceKey, row: LedgerRow) -> Applied | None:
        """What Marketo was told of the audience's present list; None: nothing, as far as is known."""
        applied = row.applied.get(audience)
        return applied if applied and applied.list_id == self.target.activations[audience].list_id else None

    def _for_lead(self, person: Person, row: LedgerRow, lead_id: int, *, unique: bool, looked_up: bool) -> Plan:
        writes = self._writes(person, row, lead_id)
        add: list[AudienceKey] = []
        remove: dict[AudienceKey, tuple[int, ...]] = {}
        for audience in self._audiences(person):
            applied = self._applied(audience, row)
            if person.desired[audience].is_realized:
                if applied is None or not applied.is_sure or lead_id not in applied.leads:
                    add.append(audience)
                others = tuple(one for one in applied.leads if one != lead_id) if applied is not None else ()
                if others:
                    remove[audience] = others
            elif applied is None or applied.leads or not applied.is_sure:
                before = applied.leads if applied is not None else ()
                remove[audience] = tuple(dict.fromkeys((lead_id, *before)))
        return Plan(
            person,
            write=Write.UPDATE if writes else Write.NOTHING,
            fields=person.fields if writes else {},
            lead_id=lead_id,
            unique=unique,
            looked_up=looked_up,
            add=tuple(add),
            remove=remove,
            verdict=None if writes or add or remove else ALREADY_DELIVERED,
        )

    def _for_nobody(self, person: Person, row: LedgerRow, *, looked_up: bool) -> Plan:
        """Nobody has the dedupe value: whoever was put on a list for it has another one by now, or is gone."""
        audiences = self._audiences(person)
        applied = ((audience, self._applied(audience, row)) for audience in audiences)
        remove = {audience: told.leads for audience, told in applied if told is not None and told.leads}
        is_realized = self.reach.realized(person.desired) or any(
            person.desired[one].is_realized for one in person.memberships
        )
        if not is_realized and any(one.memberships for one in person.units):
            return Plan(person, verdict=NOT_ON_LIST, looked_up=looked_up, remove=remove)
        if not (is_realized and self.rule.creates):
            return Plan(person, verdict=PERSON_NOT_FOUND, looked_up=looked_up, remove=remove)
        if person.dropped and self._connection.on_invalid is OnInvalid.FAIL:
            return Plan(person, verdict=INVALID_ATTRIBUTE, looked_up=looked_up, remove=remove)
        fields = self._new_lead(person)
        missing = tuple([name for name in REQUIRED_TO_CREATE if fields.get(name) in (None, "")])
        if missing:
            invalid = not person.dropped.isdisjoint(missing)
            verdict = INVALID_REQUIRED_ATTRIBUTE if invalid else MISSING_REQUIRED_ATTRIBUTE
            return Plan(person, verdict=verdict, looked_up=looked_up, remove=remove, missing=missing)
        add = tuple([one for one in audiences if person.desired[one].is_realized])
        return Plan(person, write=Write.CREATE, fields=fields, unique=True, looked_up=looked_up, add=add, remove=remove)

    def _new_lead(self, person: Person) -> dict[str, FieldValue]:
        fields: dict[str, FieldValue] = {name: value for name, value in person.fields.items() if value is not None}
        fields[self._connection.dedupe_field] = person.dedupe_value
        if person.ecid is not None and self._connection.ecid_field is not None:
            fields[self._connection.ecid_field] = person.ecid
        return fields

    def _for_withdrawn(self, person: Person, row: LedgerRow, matches: Sequence[Lead] | None) -> Plan:
        """Off every list that the person may be on: by the ledger, and by others where it says nothing of the list."""
        matched = newest_match(matches).id if matches else None
        remove: dict[AudienceKey, tuple[int, ...]] = {}
        for audience in self._may_be_on(row):
            applied = self._applied(audience, row)
            before = applied.leads if applied is not None else ()
            leads = tuple(dict.fromkeys(one for one in (*before, matched) if one is not None))
            if leads:
                remove[audience] = leads
        return Plan(
            person,
            verdict=NO_CONSENT,
            lead_id=matched,
            unique=matches is not None and len(matches) == 1,
            remove=remove,
            looked_up=matches is not None,
        )

    def _may_be_on(self, row: LedgerRow) -> list[AudienceKey]:
        """The audiences whose lists somebody without consent may be on, and was not taken off."""
        if not self.rule.keeps_lists:
            return []
        return [
            audience
            for audience, activation in sorted(self.target.activations.items())
            if ((applied := self._applied(audience, row)) is not None and (applied.leads or not applied.is_sure))
            or (
                applied is None
                and (
                    activation.may_hold_others
                    or ((desired := row.desired.get(audience)) is not None and desired.is_realized)
                )
            )
        ]

    def _withdrawal_needs_lookup(self, row: LedgerRow | None) -> bool:
        """Once for each withdrawal, and whenever a lead that may be on a list is not known."""
        known = row or UNKNOWN
        lists = self._may_be_on(known)
        applied = [self._applied(one, known) for one in lists]
        is_new = known.consent is None or known.consent.is_given
        return any(is_new if told is None else not told.is_sure for told in applied)

    def _has_something_to_tell(self, person: Person, row: LedgerRow) -> bool:
        was_told = row.attributes is not None or bool(row.applied)
        if row.lead_id is None and (row.looked_up_at is not None or not was_told):
            return True  # Nobody was found, or looked for.
        return self._writes(person, row, row.lead_id) or any(self._differs(person, row)) or self._is_unseen(person, row)

    def _is_unseen(self, person: Person, row: LedgerRow) -> bool:
        """Whether somebody on a list, who is never told attributes, was looked up longer ago than these are resent."""
        if (self.rule.updates_fields and person.fields) or row.looked_up_at is None or not self.wanted(person):
            return False
        return self.now - row.looked_up_at >= self._connection.resend_unchanged_after

    def _differs(self, person: Person, row: LedgerRow) -> Iterator[bool]:
        """For each list whether it is not known that the person is on it by its lead alone, or off it."""
        for audience in self._audiences(person):
            applied = self._applied(audience, row)
            if applied is None or not applied.is_sure:
                yield True
            elif person.desired[audience].is_realized:
                yield len(applied.leads) != 1 or row.lead_id not in {None, *applied.leads}
            else:
                yield bool(applied.leads)

    def _writes(self, person: Person, row: LedgerRow, lead_id: int | None) -> bool:
        """Whether a lead is to be told the attributes (None: it is not known which): others than those it was sent."""
        if not (self.rule.updates_fields and person.fields):
            return False
        sent = row.attributes
        if sent is None or sent.digest != person.attributes_hash or lead_id not in {None, sent.lead_id}:
            return True
        return self.now - sent.sent_at >= self._connection.resend_unchanged_after


def reach_of(target: ActiveConnection, now: datetime) -> Reach:
    """Which events concern the connection at a time."""

    keeps_lists = rule_of(target.connection).keeps_lists
    return Reach(
        audiences=frozenset(audience for audience, one in target.activations.items() if one.is_scheduled(now)),
        every_profile=target.connection.scope is Scope.ALL_PROFILES,
        strangers=keeps_lists and any(one.may_hold_others for one in target.activations.values()),
        resynced=target.resynced,
    )


def partition_for(connection: Connection) -> str:
    """Where new leads go: the chosen partition, if the sync type lets one be chosen, else Default."""
    chosen = connection.partition if rule_of(connection).takes_partition else None
    return chosen or DEFAULT_PARTITION


def in_doubt(plan: Plan, row: LedgerRow, target: ActiveConnection) -> LedgerRow:
    """What the ledger is to hold while the plan is carried out, which may end without our learning of it."""
    # That nobody is there is no longer to be trusted once somebody is created.
    looked_up_at = None if plan.write is Write.CREATE else row.looked_up_at
    attributes = row.attributes
    if plan.write is not Write.NOTHING and attributes is not None:
        attributes = Attributes(None, attributes.said, attributes.sent_at, attributes.lead_id)
    if not (plan.add or plan.remove):
        return LedgerRow(
            row.desired, row.applied, attributes, row.consent, row.lead_id, looked_up_at, row.refusals, row.named
        )
    applied = dict(row.applied)
    for audience in dict.fromkeys((*plan.add, *plan.remove)):
        list_id = target.activations[audience].list_id
        if list_id is None:
            continue
        before = applied.get(audience)
        leads = before.leads if before is not None and before.list_id == list_id else ()
        joining = (plan.lead_id,) if audience in plan.add and plan.lead_id is not None else ()
        applied[audience] = Applied(
            list_id, tuple(dict.fromkeys((*leads, *joining, *plan.remove.get(audience, ())))), is_sure=False
        )
    return LedgerRow(row.desired, applied, attributes, row.consent, row.lead_id, looked_up_at, row.refusals, row.named)
