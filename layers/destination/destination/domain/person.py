"""Units, and the persons they add up to: what a connection wants to be true of one dedupe value."""

import hashlib
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, Self

from destination.domain.connection import AudienceKey
from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import Reason
from destination.domain.schema import FieldValue


class Origin(NamedTuple):
    """Where a unit came from: the queue's message, the event's place in it, and the hour it was received in.

    The same message and number again is the same event delivered again, and is not counted again.
    """

    message_id: str
    number: str
    run_id: str

    def person(self, number: int) -> "Origin":
        """The same event's further persons, one per identity."""
        return self._replace(number=f"{self.number}.{number}")


@dataclass(frozen=True, slots=True)
class Unit:
    """One event's person: the unit of accounting.

    `memberships` are those of activated audiences, `unscheduled` those of them that came outside the audience's start
    and end; `dropped` names the lead fields whose values Marketo cannot take; `refusal` is set where the unit can be no
    part of a person.
    """

    origin: Origin
    at: datetime
    key: str | None
    dedupe_value: FieldValue
    fields: Mapping[str, FieldValue]
    dropped: tuple[str, ...]
    memberships: tuple[Membership, ...]
    refusal: Reason | None = None
    unscheduled: tuple[Membership, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivered:
    """An audience's membership as Marketo was last told: by which lead it is held (None: nobody is on the list)."""

    status: MembershipStatus
    at: datetime
    lead_id: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """The ledger's row of one person: what was last delivered. It carries no profile data.

    `lead_id` is kept only where exactly one lead matched, with the time it was looked up at; without a lead that time
    says when nobody was found. `attributes_at` is the time of the newest attributes, `sent_at` when they were sent.
    """

    lead_id: int | None = None
    looked_up_at: datetime | None = None
    attributes_hash: str | None = None
    attributes_at: datetime | None = None
    sent_at: datetime | None = None
    memberships: Mapping[AudienceKey, Delivered] = field(default_factory=dict)

    def of_audiences(self, activated: Container[AudienceKey]) -> Self:
        """The row without the audiences that are activated no longer: nothing is done about their lists."""
        if all(audience in activated for audience in self.memberships):
            return self
        kept = {audience: one for audience, one in self.memberships.items() if audience in activated}
        return replace(self, memberships=kept)

    def forgetting_lead(self) -> Self:
        """The row without the lead, which Marketo no longer has: what was told of it must be told again."""
        return replace(
            self,
            lead_id=None,
            looked_up_at=None,
            attributes_hash=None,
            memberships={key: replace(one, lead_id=None) for key, one in self.memberships.items()},
        )


@dataclass(frozen=True, slots=True)
class Person:
    """What is wanted of one dedupe value, by all units of it that the ledger has not overtaken.

    `at` is the time of the newest attributes (None: none are newer than the ledger's). `superseded` are the units that
    contributed nothing.
    """

    key: str
    dedupe_value: FieldValue
    fields: Mapping[str, FieldValue]
    at: datetime | None
    memberships: Mapping[AudienceKey, Membership]
    dropped: frozenset[str]
    units: tuple[Unit, ...]
    superseded: frozenset[Origin]


def coalesce(key: str, units: Sequence[Unit], row: Row | None) -> Person:
    """Add up the units of one person, in any order of arrival: per field and per audience the newest wins.

    Of equal times the one received later wins; nothing that is not newer than the ledger's row counts.
    """
    known = row or Row()
    fields: dict[str, tuple[FieldValue, Origin]] = {}
    memberships: dict[AudienceKey, tuple[Membership, Origin]] = {}
    at: datetime | None = None
    for unit in sorted(units, key=lambda one: one.at):
        if known.attributes_at is None or unit.at > known.attributes_at:
            at = unit.at
            fields.update((name, (value, unit.origin)) for name, value in unit.fields.items())
        for one in unit.memberships:
            delivered = known.memberships.get(one.audience)
            newest = memberships.get(one.audience)
            if (delivered is None or one.at > delivered.at) and (newest is None or one.at >= newest[0].at):
                memberships[one.audience] = (one, unit.origin)
    contributed = {unit for _, unit in fields.values()} | {unit for _, unit in memberships.values()}
    return Person(
        key=key,
        dedupe_value=units[-1].dedupe_value,
        fields={name: value for name, (value, _) in fields.items()},
        at=at,
        memberships={audience: one for audience, (one, _) in memberships.items()},
        dropped=frozenset(name for unit in units for name in unit.dropped),
        units=tuple(units),
        superseded=frozenset(unit.origin for unit in units if unit.fields or unit.memberships) - contributed,
    )


def hash_of(fields: Mapping[str, FieldValue]) -> str:
    """A digest by which equal attributes are known again."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def by_key(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    """The units that can be part of a person, by the person."""
    persons: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.key is not None and unit.refusal is None:
            persons.setdefault(unit.key, []).append(unit)
    return persons
