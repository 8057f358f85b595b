"""Units, and the persons they add up to: what a connection wants to be true of one dedupe value."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple, Self

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import Reason
from destination.domain.schema import FieldValue

_encode = json.JSONEncoder(check_circular=False, sort_keys=True, separators=(",", ":")).encode


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Origin(NamedTuple):
    """Where a unit came from: the envelope's own id, the event's number in it, and the hour it was received in.

    The same envelope and number again is the same event delivered again, and is not counted again.
    """

    envelope_id: str
    number: str
    run_id: str

    def person(self, number: int) -> "Origin":
        """The same event's further persons, one per identity."""
        return self._replace(number=f"{self.number}.{number}")


class Said(NamedTuple):
    """When something was said, and when that was received: what is later in this order is newer.

    Of equal times the one received later wins: an exit may carry the time of the entry.
    """

    at: datetime
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Unit:
    """One event's person: the unit of accounting.

    `memberships` are those of activated audiences, `unscheduled` those of them that came outside the audience's start
    and end, `dormant` those of audiences that were deactivated lately; `dropped` names the lead fields whose values
    Marketo cannot take; `refusal` is set where the unit can be no part of a person. `consents`: whether the profile has
    consent (None: the connection has no consent rule); without it the unit has no fields. `ecid`: on a `legacy_v2`
    connection what else the person is known by. `received_at`: when the event was received first; `event_id`: what its
    sender calls it, if anything.
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
    dormant: tuple[Membership, ...] = ()
    consents: bool | None = None
    ecid: FieldValue = None
    received_at: datetime = EPOCH
    event_id: str | None = None

    @property
    def said(self) -> Said:
        """When its attributes and its consent were said."""
        return Said(self.at, self.received_at)

    @property
    def names_audience(self) -> bool:
        """Whether it names an activated audience."""
        return bool(self.memberships or self.unscheduled)


@dataclass(frozen=True, slots=True)
class Desired:
    """What the source said last of a person's membership in an audience."""

    status: MembershipStatus
    said: Said

    @property
    def is_realized(self) -> bool:
        return self.status is MembershipStatus.REALIZED


@dataclass(frozen=True, slots=True)
class Applied:
    """What Marketo was told of a person's membership in an audience: the leads that were put on a list.

    `leads` is empty for somebody who was taken off. Where it `is_sure` of nothing, Marketo is just being told, and each
    of the leads may be on the list or not.
    """

    list_id: int
    leads: tuple[int, ...]
    is_sure: bool = True


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes that were sent last: their digest (None: they are being sent), when, and to which lead."""

    digest: str | None
    said: Said
    sent_at: datetime
    lead_id: int | None = None


@dataclass(frozen=True, slots=True)
class ConsentWord:
    """The newest word on a person's consent."""

    is_given: bool
    said: Said


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The ledger's row of one person: what the source wants, and what Marketo was told. It carries no profile data.

    `desired` and `applied` are by audience, activated or deactivated lately. `lead_id` is kept only where exactly one
    lead matched, with the time it was looked up at; without a lead that time says when nobody was found.
    """

    desired: Mapping[AudienceKey, Desired] = field(default_factory=dict)
    applied: Mapping[AudienceKey, Applied] = field(default_factory=dict)
    attributes: Attributes | None = None
    consent: ConsentWord | None = None
    lead_id: int | None = None
    looked_up_at: datetime | None = None

    @property
    def is_lasting(self) -> bool:
        """Whether it must not expire: it ends with the exit, the connection or an erasure."""
        return (
            any(one.is_realized for one in self.desired.values())
            or any(one.leads or not one.is_sure for one in self.applied.values())
            or (self.consent is not None and not self.consent.is_given)
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
