"""Units, and the persons they add up to: what a connection wants to be true of one dedupe value."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, Self

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import Reason
from destination.domain.schema import FieldValue

_encode = json.JSONEncoder(check_circular=False, sort_keys=True, separators=(",", ":")).encode


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
    part of a person. `consents`: whether the profile has consent (None: the connection has no consent rule); without it
    the unit has no fields. `ecid`: on a `legacy_v2` connection what else the person is known by.
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
    consents: bool | None = None
    ecid: FieldValue = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """An audience's membership as Marketo was last told.

    `list_id`: the list that the person is known to be on (None: on none, or it is not known). `lead_id`: the lead that
    was put there, or may have been.
    """

    status: MembershipStatus
    at: datetime
    lead_id: int | None = None
    list_id: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The ledger's row of one person: what was last delivered. It carries no profile data.

    `lead_id` is kept only where exactly one lead matched, with the time it was looked up at; without a lead that time
    says when nobody was found. `attributes_at` is the time of the newest attributes, `sent_at` when they were sent.
    `consented_at` and `withdrawn_at` are the times of the newest events with and without consent that were heeded.
    """

    lead_id: int | None = None
    looked_up_at: datetime | None = None
    attributes_hash: str | None = None
    attributes_at: datetime | None = None
    sent_at: datetime | None = None
    memberships: Mapping[AudienceKey, Delivered] = field(default_factory=dict)
    consented_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def on_lists(self, lists: Mapping[AudienceKey, int | None]) -> Self:
        """The row as far as it tells of the audiences that are activated now, and of the lists that they have now.

        Whoever was put on another list must be put on the present one.
        """
        if all(
            audience in lists and one.list_id in {None, lists[audience]} for audience, one in self.memberships.items()
        ):
            return self
        kept = {
            audience: one if one.list_id == lists[audience] else replace(one, list_id=None)
            for audience, one in self.memberships.items()
            if audience in lists
        }
        return replace(self, memberships=kept)

    def in_doubt(self, *, attributes: bool, joins: Mapping[AudienceKey, int | None], leaves: Set[AudienceKey]) -> Self:
        """The row while Marketo is being told something else, which may be carried out without our learning of it.

        Whatever is said next is told then, even if it is what was delivered before: the attributes are unknown, and so
        is who is on the lists. `joins` names the lead that is being put on each.
        """
        memberships = dict(self.memberships)
        for audience in memberships.keys() & (joins.keys() | leaves):
            before = memberships[audience]
            lead_id = joins.get(audience, before.lead_id)
            memberships[audience] = Delivered(MembershipStatus.REALIZED, before.at, lead_id)
        return replace(self, attributes_hash=None if attributes else self.attributes_hash, memberships=memberships)

    def forgetting_lead(self) -> Self:
        """The row without the lead, which Marketo no longer has: what was told of it must be told again.

        The time of the attributes stays: a lead that it was merged into has them.
        """
        return replace(
            self,
            lead_id=None,
            looked_up_at=None,
            attributes_hash=None,
            memberships={key: replace(one, lead_id=None, list_id=None) for key, one in self.memberships.items()},
        )


@dataclass(frozen=True, slots=True)
class Person:
    """What is wanted of one dedupe value, by all units of it that the ledger has not overtaken.

    `at` is the time of the newest attributes (None: none are newer than the ledger's). `superseded` are the units that
    contributed nothing because newer ones overtook them. `consents`: whether there is consent (None: the connection has
    no consent rule); without it nothing is told of the person, and it may be on no list. `attributes_hash` is the
    digest of `fields`, made once.
    """

    key: str
    dedupe_value: FieldValue
    fields: Mapping[str, FieldValue]
    at: datetime | None
    memberships: Mapping[AudienceKey, Membership]
    dropped: frozenset[str]
    units: tuple[Unit, ...]
    superseded: frozenset[Origin]
    consents: bool | None = None
    ecid: FieldValue = None
    attributes_hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes_hash", hash_of(self.fields))

    def without(self, names: Set[str]) -> Self:
        """The person without fields that Marketo turned out not to have."""
        if names.isdisjoint(self.fields):
            return self
        return replace(
            self,
            fields={name: value for name, value in self.fields.items() if name not in names},
            dropped=self.dropped | (names & self.fields.keys()),
            units=tuple(replace(one, dropped=(*one.dropped, *(names & one.fields.keys()))) for one in self.units),
        )


def coalesce(key: str, units: Sequence[Unit], row: LedgerRow | None) -> Person:
    """Add up the units of one person, in any order of arrival: per field and per audience the newest wins.

    Of equal times the one received later wins; nothing that is not newer than the ledger's row counts. Where the
    connection has a consent rule, all units have consent, or none has: then it is all that they say.
    """
    known = row or LedgerRow()
    if units[0].consents is False:
        return _without_consent(key, units)
    ordered = sorted(units, key=_at)
    newer = [unit for unit in ordered if known.attributes_at is None or unit.at > known.attributes_at]
    fields = _newest_fields(newer)
    memberships = _newest_memberships(ordered, known)
    contributed = {origin for _, origin in fields.values()} | {origin for _, origin in memberships.values()}
    repeated = set() if contributed else {unit.origin for unit in units if _is_known(unit, known)}
    return Person(
        key=key,
        dedupe_value=units[-1].dedupe_value,
        fields={name: value for name, (value, _) in fields.items()},
        at=newer[-1].at if newer else None,
        memberships={audience: one for audience, (one, _) in memberships.items()},
        dropped=frozenset(name for unit in units for name in unit.dropped),
        units=tuple(units),
        superseded=frozenset(unit.origin for unit in units if unit.fields or unit.memberships) - contributed - repeated,
        consents=units[0].consents,
        ecid=_last_ecid(ordered),
    )


def _at(unit: Unit) -> datetime:
    return unit.at


def _newest_fields(ordered: Iterable[Unit]) -> dict[str, tuple[FieldValue, Origin]]:
    """By field its newest value, and the unit that it came from; a newer value that is invalid leaves none."""
    fields: dict[str, tuple[FieldValue, Origin]] = {}
    for unit in ordered:
        for name, value in unit.fields.items():
            fields[name] = (value, unit.origin)
        for name in unit.dropped:
            fields.pop(name, None)
    return fields


def _newest_memberships(ordered: Iterable[Unit], known: LedgerRow) -> dict[AudienceKey, tuple[Membership, Origin]]:
    """By audience its newest membership that is newer than the ledger's, and the unit that it came from."""
    memberships: dict[AudienceKey, tuple[Membership, Origin]] = {}
    for unit in ordered:
        for one in unit.memberships:
            delivered = known.memberships.get(one.audience)
            newest = memberships.get(one.audience)
            if (delivered is None or one.at > delivered.at) and (newest is None or one.at >= newest[0].at):
                memberships[one.audience] = (one, unit.origin)
    return memberships


def _last_ecid(ordered: Sequence[Unit]) -> FieldValue:
    return next((unit.ecid for unit in reversed(ordered) if unit.ecid is not None), None)


def _without_consent(key: str, units: Sequence[Unit]) -> Person:
    return Person(
        key=key,
        dedupe_value=units[-1].dedupe_value,
        fields={},
        at=None,
        memberships={},
        dropped=frozenset(),
        units=tuple(units),
        superseded=frozenset(),
        consents=False,
        ecid=_last_ecid(units),
    )


def _is_known(unit: Unit, row: LedgerRow) -> bool:
    """Whether the unit says again what was delivered, rather than something that was overtaken."""
    if unit.fields and row.attributes_at is not None and unit.at < row.attributes_at:
        return False
    told = ((row.memberships.get(one.audience), one) for one in unit.memberships)
    return all(known is None or (known.at, known.status) == (one.at, one.status) for known, one in told)


def hash_of(fields: Mapping[str, FieldValue]) -> str:
    """A digest by which equal attributes are known again."""
    return hashlib.sha256(_encode(fields).encode()).hexdigest()


def by_key(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    """The units that can be part of a person, by the person."""
    persons: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.key is not None and unit.refusal is None:
            persons.setdefault(unit.key, []).append(unit)
    return persons
