"""What is known of people: units, the persons they add up to (coalescing.py), and the rows of the ledger."""

import contextlib
import hashlib
import marshal
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple, Self

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import Reason
from destination.domain.refusal import Refusals
from destination.domain.schema import AttributeWarning, Field, FieldValue, InvalidValueError, coerce
from destination.domain.times import EPOCH
from destination.domain.value_object import value_object

_BY_VALUE: Final = 2
"""The version of `marshal` that knows no references, so that equal values are written alike."""

_REALIZED: Final = MembershipStatus.REALIZED
"""By a name of its own, as Python 3.11 takes long to find a member of an enumeration."""


class Origin(NamedTuple):
    """Where a unit came from: the envelope's own id, the event's number in it, and the hour it was received in.

    The same envelope and number again is the same event delivered again, and is not counted again. `attempt`: how often
    it has been a letter.
    """

    envelope_id: str
    number: str
    run_id: str
    attempt: int = 0

    def person(self, number: int) -> "Origin":
        """The same event's further persons, one per identity."""
        return self._replace(number=f"{self.number}.{number}")


class Said(NamedTuple):
    """When something was said, and when that was received: what is later in this order is newer.

    Of equal times the one received later wins: an exit may carry the time of the entry.
    """

    at: datetime
    received_at: datetime


@value_object
class Unit:
    """One event's person: the unit of accounting.

    `memberships` are those of activated audiences, `unscheduled` those of them that came outside the audience's start
    and end, `dormant` those of audiences that were deactivated lately; `dropped` names the lead fields whose values
    Marketo cannot take, and `warned` those of which something else is told; `refusal` is set where the unit can be no
    part of a person. `consents`: whether the profile has consent (None: the connection has no consent rule); without it
    the unit has no fields. `ecid`: on a `legacy_v2` connection what else the person is known by. `received_at`: when
    the event was received first; `event_id`: what its sender calls it, if anything. `begun`: the beginnings of those of
    its audiences that were activated after that (None: there are none). `repeated_at`: when it was received this time,
    where its sender had sent it before (None: it had not).
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
    warned: tuple[AttributeWarning, ...] = ()
    begun: Mapping[AudienceKey, datetime] | None = None
    repeated_at: datetime | None = None

    @property
    def said(self) -> Said:
        """When its attributes and its consent were said."""
        return Said(self.at, self.received_at)

    def said_of(self, membership: Membership) -> Said:
        """When one of its memberships was said.

        What waited while its audience was activated is received at the audience's beginning, as what was received
        before that counts for nothing.
        """
        if self.begun is None:
            return Said(membership.at, self.received_at)
        return Said(membership.at, self.begun.get(membership.audience, self.received_at))

    def named(self, since: datetime) -> Iterator[AudienceKey]:
        """The audiences that it says the person is in, if it was sent after a time, whatever its own times are."""
        if (self.repeated_at or self.received_at) < since:
            return
        for one in (*self.memberships, *self.unscheduled):
            if one.status is _REALIZED or any(part.status is _REALIZED for part in one.parts):
                yield one.audience

    @property
    def names_audience(self) -> bool:
        """Whether it names an activated audience."""
        return bool(self.memberships or self.unscheduled)


class Desired(NamedTuple):
    """What the source said last of a person's membership in an audience; a tuple, as several are made for a person.

    `parts`: of an audience in any namespace, by the code of the namespace what was said last in it, in this order.
    """

    status: MembershipStatus
    said: Said
    parts: "tuple[tuple[int, Desired], ...]" = ()

    @property
    def is_realized(self) -> bool:
        return self.status is _REALIZED


class Applied(NamedTuple):
    """What Marketo was told of a person's membership in an audience: the leads that were put on a list.

    `leads` is empty for somebody who was taken off. Where it `is_sure` of nothing, Marketo is just being told, and each
    of the leads may be on the list or not.
    """

    list_id: int
    leads: tuple[int, ...]
    is_sure: bool = True


class Attributes(NamedTuple):
    """The attributes that were sent last: their digest (None: they are being sent), when, and to which lead."""

    digest: str | None
    said: Said
    sent_at: datetime
    lead_id: int | None = None


class Importing(NamedTuple):
    """What of a person an import tells Marketo: the lead (None: it creates one), the list that it joins (None: none),
    and the attributes.

    `part`: the rows that the person's is among. `digest`: of the attributes (None: there are none), `at`: since when.
    """

    import_id: str
    part: str
    lead_id: int | None
    list_id: int | None
    digest: str | None
    at: datetime


@value_object
class ConsentWord:
    """The newest word on a person's consent."""

    is_given: bool
    said: Said


def _exited(wanted: Desired, since: datetime, *, keeps_times: bool) -> Desired:
    return Desired(MembershipStatus.EXITED, Said(wanted.said.at if keeps_times else since, since))


@value_object
class LedgerRow:
    """The ledger's row of one person: what the source wants, and what Marketo was told. It carries no profile data.

    `desired` and `applied` are by audience, activated or deactivated lately. `lead_id` is kept only where exactly one
    lead matched, with the time it was looked up at; without a lead that time says when nobody was found. `refusals`: by
    the name of calls what is known of those that this person was refused; whoever is settled has none. `named`: of an
    audience that is resynced, by when that resync was opened, that the person was named in it since, where that does
    not follow from what is desired. `importing`: the import by which Marketo is told of the person; until it has ended
    all that it tells is in doubt.
    """

    desired: Mapping[AudienceKey, Desired] = field(default_factory=dict)
    applied: Mapping[AudienceKey, Applied] = field(default_factory=dict)
    attributes: Attributes | None = None
    consent: ConsentWord | None = None
    lead_id: int | None = None
    looked_up_at: datetime | None = None
    refusals: Mapping[str, Refusals] | None = None
    named: Mapping[AudienceKey, datetime] = field(default_factory=dict)
    importing: Importing | None = None

    def forgetting_import(self, audience: AudienceKey | None) -> Self:
        """The row as if Marketo had been told and had not answered: what an import tells is in doubt, and told anew.

        `audience`: whose list the import was for, if it is still one's.
        """
        one, applied, sent = self.importing, dict(self.applied), self.attributes
        if one is None:
            return self
        if audience is not None and one.list_id is not None:
            before = applied.get(audience)
            leads = before.leads if before is not None and before.list_id == one.list_id else ()
            told = leads if one.lead_id is None else tuple(dict.fromkeys((*leads, one.lead_id)))
            applied[audience] = Applied(one.list_id, told, is_sure=False)
        if sent is not None and one.digest is not None:
            sent = sent._replace(digest=None)
        return replace(self, applied=applied, attributes=sent, importing=None)

    def forgetting_lead(self) -> Self:
        """The row without the lead, which Marketo no longer has: what was sent to it must be sent again.

        The time of the attributes stays: a lead that it was merged into has them, and may be on its lists.
        """
        sent = self.attributes
        return replace(
            self,
            applied={at: one._replace(is_sure=one.is_sure and not one.leads) for at, one in self.applied.items()},
            lead_id=None,
            looked_up_at=None,
            attributes=None if sent is None else sent._replace(digest=None),
        )

    def was_named(self, audience: AudienceKey, since: datetime) -> bool:
        """Whether the source said after a time that the person is in the audience, as far as that is noted."""
        wanted = self.desired.get(audience)
        if wanted is not None and wanted.is_realized and wanted.said.received_at >= since:
            return True
        named = self.named.get(audience)
        return named is not None and named >= since

    def left_unnamed(self, audience: AudienceKey, since: datetime, *, keeps_times: bool = False) -> Self | None:
        """The row of somebody who is in the audience and was not named since a time, by which that person has left it
        then; None: anybody else's stays as it is. What is received after that time is newer, and counts.

        `keeps_times`: the exit has the time of the entry, so that it is the same entry, sent after that time, that
        brings the person back, however old its own time is.
        """
        wanted = self.desired.get(audience)
        if wanted is None or not wanted.is_realized or self.was_named(audience, since):
            return None
        exited = _exited(wanted, since, keeps_times=keeps_times)
        parts = tuple(
            [
                (space, _exited(one, since, keeps_times=keeps_times) if one.is_realized else one)
                for space, one in wanted.parts
            ]
        )
        return replace(self, desired={**self.desired, audience: exited._replace(parts=parts)})

    @property
    def is_lasting(self) -> bool:
        """Whether it must not expire: it ends with the exit, the connection or an erasure."""
        for wanted in self.desired.values():
            if wanted.is_realized:
                return True
        for told in self.applied.values():
            if told.leads or not told.is_sure:
                return True
        return self.consent is not None and not self.consent.is_given


UNKNOWN: Final = LedgerRow()
"""The row of somebody who has none."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which events concern a connection at a moment, by what their persons are.

    `audiences`: those that are activated and within their schedule. `every_profile`: events that name none of them
    concern it all the same. `strangers`: so does a withdrawal of consent by somebody whom the ledger does not know, as
    a list may hold people whom others put there. `resynced`: the audiences that are resynced, and since when.
    """

    audiences: Collection[AudienceKey] = ()
    every_profile: bool = False
    strangers: bool = False
    resynced: Mapping[AudienceKey, datetime] = field(default_factory=dict)

    def wants(self, desired: Mapping[AudienceKey, Desired]) -> bool:
        """Whether events of somebody concern the connection, whatever they name."""
        return self.every_profile or self.realized(desired)

    def realized(self, desired: Mapping[AudienceKey, Desired]) -> bool:
        """Whether somebody is in one of the audiences."""
        for audience, one in desired.items():  # noqa: SIM110 - a generator takes longer than all of the rest
            if one.is_realized and audience in self.audiences:
                return True
        return False


@value_object
class Person:
    """What is wanted of one dedupe value, by the ledger and by all units of it.

    `desired`: what the source wants of every audience by now; `memberships` are those that are new, of units that
    count. `fields`, and when they were `said`: those newer than what was sent (None: there are none). `consent`: the
    newest word (None: the connection has no consent rule). `aside` are the units that end for a reason of their own,
    `ignored` those that do not concern the connection; they are none of the `units`. `is_revived`: units that were said
    without consent bring memberships that stand, as consent was given later. `named`: as in the ledger's row.
    `attributes_hash` is the digest of `fields`, made once.
    """

    key: str
    dedupe_value: FieldValue
    fields: Mapping[str, FieldValue]
    said: Said | None
    memberships: Mapping[AudienceKey, Membership]
    dropped: frozenset[str]
    units: tuple[Unit, ...]
    desired: Mapping[AudienceKey, Desired] = field(default_factory=dict)
    aside: Mapping[Origin, Reason] = field(default_factory=dict)
    ignored: tuple[Unit, ...] = ()
    consent: ConsentWord | None = None
    ecid: FieldValue = None
    is_revived: bool = False
    named: Mapping[AudienceKey, datetime] = field(default_factory=dict)
    attributes_hash: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attributes_hash", hash_of(self.fields))

    @property
    def may_be_exported(self) -> bool:
        """Without consent nothing is told of the person, and it may be on no list."""
        return self.consent is None or self.consent.is_given

    @property
    def is_aside(self) -> bool:
        """Whether every unit of it ends for a reason of its own, and nothing else is wanted by them."""
        return len(self.aside) == len(self.units) and not self.is_revived

    def warned_of(self, warning: AttributeWarning) -> Self:
        """The person with a warning of each unit that counts."""
        units = (one if one.origin in self.aside else replace(one, warned=(*one.warned, warning)) for one in self.units)
        return replace(self, units=tuple(units))

    def fitted(self, known: Mapping[str, Field]) -> Self:
        """The person with its fields as Marketo takes them by now; what it does not take any more is dropped.

        `known`: the instance's fields by name.
        """
        fields = _fits(self.fields, known)
        if fields == self.fields:
            return self
        gone = self.fields.keys() - fields.keys()
        return replace(
            self,
            fields=fields,
            dropped=self.dropped | gone,
            units=tuple(replace(one, dropped=(*one.dropped, *(gone & one.fields.keys()))) for one in self.units),
        )


def _fits(fields: Mapping[str, FieldValue], known: Mapping[str, Field]) -> dict[str, FieldValue]:
    """The values as the fields take them by now, without those that they do not take."""
    fits: dict[str, FieldValue] = {}
    for name, value in fields.items():
        if name in known:
            with contextlib.suppress(InvalidValueError):
                fits[name] = value if value in (None, "") else coerce(value, known[name])
    return fits


def hash_of(fields: Mapping[str, FieldValue]) -> str:
    """A digest by which equal attributes, in equal order, are known again.

    Of Python's own form, which is made faster than others: should it change with Python, all is sent once more. It is
    of the version that depends on nothing but the values, and digested by what is quickest.
    """
    return hashlib.blake2b(marshal.dumps(dict(fields), _BY_VALUE), digest_size=32).hexdigest()


def by_key(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    """The units that are of a person, by the person."""
    persons: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.key is not None:
            persons.setdefault(unit.key, []).append(unit)
    return persons
