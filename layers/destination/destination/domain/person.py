"""Units, and the persons they add up to: what a connection wants to be true of one dedupe value."""

import contextlib
import hashlib
import marshal
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple, Self

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus
from destination.domain.outcome import NO_CONSENT, OUTSIDE_SCHEDULE, SUPERSEDED, Reason
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
    it has been a dead letter.
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
    its audiences that were activated after that (None: there are none).
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


@value_object
class ConsentWord:
    """The newest word on a person's consent."""

    is_given: bool
    said: Said


@value_object
class LedgerRow:
    """The ledger's row of one person: what the source wants, and what Marketo was told. It carries no profile data.

    `desired` and `applied` are by audience, activated or deactivated lately. `lead_id` is kept only where exactly one
    lead matched, with the time it was looked up at; without a lead that time says when nobody was found. `refusals`: by
    the name of calls what is known of those that this person was refused; whoever is settled has none.
    """

    desired: Mapping[AudienceKey, Desired] = field(default_factory=dict)
    applied: Mapping[AudienceKey, Applied] = field(default_factory=dict)
    attributes: Attributes | None = None
    consent: ConsentWord | None = None
    lead_id: int | None = None
    looked_up_at: datetime | None = None
    refusals: Mapping[str, Refusals] | None = None

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
    a list may hold people whom others put there.
    """

    audiences: Collection[AudienceKey] = ()
    every_profile: bool = False
    strangers: bool = False

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
    without consent bring memberships that stand, as consent was given later. `attributes_hash` is the digest of
    `fields`, made once.
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


class _Word(NamedTuple):
    """A membership that is newer than the ledger's; `origin`: of a unit that came within the audience's schedule.

    `parts`: as in Desired; `others`: of the units that said the same audience's in another namespace.
    """

    membership: Membership
    said: Said
    origin: Origin | None
    parts: tuple[tuple[int, Desired], ...] = ()
    others: tuple[Origin, ...] = ()


def coalesce(key: str, units: Sequence[Unit], row: LedgerRow | None, reach: Reach) -> Person:
    """Add up the units of one person, in any order of arrival: per field and per audience the newest wins.

    What is not newer than the ledger's row counts for nothing. Memberships are desired whatever else becomes of their
    unit; attributes count only where the unit concerns the connection, is refused for nothing and may be exported.
    """
    known = row or UNKNOWN
    ordered = sorted(units, key=_said) if len(units) > 1 else units
    words = _newest_words(ordered, known)
    desired = _desired(known, words)
    consent, withdrawn = _consent(ordered, known)
    is_wanted = reach.wants(desired)
    received = ordered if is_wanted else _received(ordered, withdraws=row is not None or reach.strangers)
    aside = {one.origin: why for one in received if (why := _why_aside(one, consent, withdrawn, is_wanted=is_wanted))}
    counting = [one for one in received if one.origin not in aside] if aside else received
    newer = counting if known.attributes is None else _newer(counting, known.attributes.said)
    fields, contributed = _newest_fields(newer)
    memberships = _counting_memberships(words, counting, contributed)
    if consent is None or consent.is_given:
        if consent is not None and withdrawn is not None:  # It brings back what is desired.
            contributed |= {one.origin for one in counting if one.said == consent.said}
        if len(contributed) < len(counting):
            aside |= dict.fromkeys(_overtaken(counting, contributed, known), SUPERSEDED)
    last = ordered[-1]
    return Person(
        key=key,
        dedupe_value=last.dedupe_value,
        fields=fields,
        said=newer[-1].said if newer else None,
        memberships=memberships,
        dropped=_dropped(counting),
        units=tuple(received),
        desired=desired,
        aside=aside,
        ignored=_ignored(ordered, received),
        consent=consent,
        ecid=_last_ecid(ordered),
        is_revived=bool(aside) and _is_revived(words.values(), aside, consent),
    )


def _is_revived(words: Iterable[_Word], aside: Mapping[Origin, Reason], consent: ConsentWord | None) -> bool:
    """Whether units that ended for consent's sake bring memberships, and consent was given all the same."""
    if consent is None or not consent.is_given:
        return False
    return any(
        origin is not None and aside.get(origin) in {NO_CONSENT, SUPERSEDED}
        for one in words
        for origin in (one.origin, *one.others)
    )


def _desired(known: LedgerRow, words: Mapping[AudienceKey, _Word]) -> Mapping[AudienceKey, Desired]:
    if not words:
        return known.desired
    desired = dict(known.desired)
    for audience, word in words.items():
        desired[audience] = Desired(word.membership.status, word.said, word.parts)
    return desired


def _received(ordered: Sequence[Unit], *, withdraws: bool) -> Sequence[Unit]:
    """Those that concern the connection though the person is in none of its audiences."""
    return [one for one in ordered if one.names_audience or (one.consents is False and withdraws)]


def _ignored(ordered: Sequence[Unit], received: Sequence[Unit]) -> tuple[Unit, ...]:
    if len(received) == len(ordered):
        return ()
    origins = {one.origin for one in received}
    return tuple([one for one in ordered if one.origin not in origins])


def _newer(counting: Sequence[Unit], than: Said) -> Sequence[Unit]:
    return [one for one in counting if one.said > than]


def _dropped(counting: Sequence[Unit]) -> frozenset[str]:
    return frozenset([name for unit in counting for name in unit.dropped])


def _counting_memberships(
    words: Mapping[AudienceKey, _Word], counting: Sequence[Unit], contributed: set[Origin]
) -> dict[AudienceKey, Membership]:
    """The new memberships of units that count, which join those that `contributed`."""
    origins = {one.origin for one in counting}
    memberships: dict[AudienceKey, Membership] = {}
    for audience, word in words.items():
        if word.origin is not None and (word.origin in origins or not origins.isdisjoint(word.others)):
            memberships[audience] = word.membership
            if word.others:
                contributed |= {word.origin, *word.others} & origins
            else:
                contributed.add(word.origin)
    return memberships


def _said(unit: Unit) -> Said:
    return unit.said


def _newest_words(ordered: Iterable[Unit], known: LedgerRow) -> dict[AudienceKey, _Word]:
    """By audience its newest membership that is newer than the ledger's."""
    words: dict[AudienceKey, _Word] = {}
    for unit in ordered:
        _hear(words, known, unit, unit.memberships, unit.origin)
        if unit.unscheduled or unit.dormant:
            _hear(words, known, unit, (*unit.unscheduled, *unit.dormant), None)
    return words


def _hear(
    words: dict[AudienceKey, _Word],
    known: LedgerRow,
    unit: Unit,
    memberships: Iterable[Membership],
    origin: Origin | None,
) -> None:
    for one in memberships:
        said = unit.said_of(one)
        before = known.desired.get(one.audience)
        newest = words.get(one.audience)
        if one.parts:
            word = _in_any_namespace(one, said.received_at, origin, before, newest)
            if word is not None:
                words[one.audience] = word
        elif (before is None or said > before.said) and (newest is None or said >= newest.said):
            words[one.audience] = _Word(one, said, origin)


def _in_any_namespace(
    one: Membership, received_at: datetime, origin: Origin | None, before: Desired | None, newest: _Word | None
) -> _Word | None:
    """What is desired with a membership whose audience is known in any namespace; None: all of it was known.

    Within each namespace the newest wins. Who is in the audience in one of them is in it, since the newest of those.
    """
    known = {} if before is None else dict(before.parts)
    parts = dict(known) if newest is None else dict(newest.parts)
    is_new = False
    for namespace, status, at in one.parts:
        said, was, now = Said(at, received_at), known.get(namespace), parts.get(namespace)
        if (was is None or said > was.said) and (now is None or said >= now.said):
            parts[namespace] = Desired(status, said)
            is_new = True
    if not is_new:
        return None
    wanted = in_any_namespace(parts.items())
    others = () if newest is None or newest.origin is None else (*newest.others, newest.origin)
    return _Word(
        one._replace(status=wanted.status),
        wanted.said,
        origin if origin is not None or newest is None else newest.origin,
        wanted.parts,
        others,
    )


def in_any_namespace(parts: Iterable[tuple[int, Desired]]) -> Desired:
    """What is desired of an audience in any namespace, by what was said last in each (in one at least).

    Who is in it in one of them is in it, since the newest of those.
    """
    ordered = tuple(sorted(parts))
    realized = [part for _, part in ordered if part.is_realized]
    last = max(realized or [part for _, part in ordered], key=_said_of)
    return Desired(last.status, last.said, ordered)


def _said_of(desired: Desired) -> Said:
    return desired.said


def is_repeated(one: Membership, received_at: datetime, known: Desired | None) -> bool:
    """Whether a membership says what is known, with its times."""
    if known is None or not one.parts:
        return known == Desired(one.status, Said(one.at, received_at))
    parts = dict(known.parts)
    return all(parts.get(namespace) == Desired(status, Said(at, received_at)) for namespace, status, at in one.parts)


def is_overtaken(one: Membership, received_at: datetime, known: Desired | None) -> bool:
    """Whether something newer than a membership is known of its audience, in each namespace that it is of."""
    if known is None or not one.parts:
        return known is not None and known.said > Said(one.at, received_at)
    parts = dict(known.parts)
    return all(namespace in parts and parts[namespace].said > Said(at, received_at) for namespace, _, at in one.parts)


def _consent(ordered: Iterable[Unit], known: LedgerRow) -> tuple[ConsentWord | None, Said | None]:
    """The newest word on consent (None: there is no rule), and the newest withdrawal."""
    word = known.consent
    withdrawn = word.said if word is not None and not word.is_given else None
    has_rule = False
    for unit in ordered:
        if unit.consents is None:
            continue
        has_rule = True
        if word is None or unit.said >= word.said:
            word = ConsentWord(unit.consents, unit.said)
        if not unit.consents and (withdrawn is None or unit.said > withdrawn):
            withdrawn = unit.said
    return (word if has_rule else None), withdrawn


def _why_aside(unit: Unit, consent: ConsentWord | None, withdrawn: Said | None, *, is_wanted: bool) -> Reason | None:
    """Why a unit ends for itself, whatever becomes of its person.

    A withdrawal leaves nothing standing of what was said before it, whenever that comes; consent that was given later
    overtakes the withdrawal.
    """
    if unit.refusal is not None:
        return unit.refusal
    if unit.consents is False:
        return NO_CONSENT if consent is not None and consent.is_given else None
    if unit.consents and withdrawn is not None and withdrawn > unit.said:
        return SUPERSEDED
    if unit.unscheduled and not unit.memberships and not is_wanted:
        return OUTSIDE_SCHEDULE
    return None


def _last_ecid(ordered: Sequence[Unit]) -> FieldValue:
    if len(ordered) == 1:
        return ordered[0].ecid
    return next((one.ecid for one in reversed(ordered) if one.ecid is not None), None)


def _newest_fields(ordered: Sequence[Unit]) -> tuple[Mapping[str, FieldValue], set[Origin]]:
    """By field its newest value, and the units that values came from; a newer value that is invalid leaves none.

    Like those of a unit they are in the order of their names.
    """
    if len(ordered) == 1:
        return ordered[0].fields, {ordered[0].origin} if ordered[0].fields else set()
    fields: dict[str, tuple[FieldValue, Origin]] = {}
    for unit in ordered:
        for name, value in unit.fields.items():
            fields[name] = (value, unit.origin)
        for name in unit.dropped:
            fields.pop(name, None)
    return {name: fields[name][0] for name in sorted(fields)}, {origin for _, origin in fields.values()}


def _overtaken(counting: Sequence[Unit], contributed: Set[Origin], known: LedgerRow) -> set[Origin]:
    """The units that say something and contributed nothing; not those that say again what is known.

    Nor one of which a part was overtaken and another part was not: it may be the ledger's by a delivery that was halted
    before Marketo was told.
    """
    repeated = set() if contributed else {one.origin for one in counting if _is_known(one, known)}
    telling = {one.origin for one in counting if one.fields or one.memberships}
    return {one for one in telling if one not in contributed and one not in repeated}


def _is_known(unit: Unit, row: LedgerRow) -> bool:
    """Whether the unit says again what is known, rather than something that was overtaken."""
    again = [is_repeated(one, unit.said_of(one).received_at, row.desired.get(one.audience)) for one in unit.memberships]
    if any(again):
        return True
    is_older = unit.fields and row.attributes is not None and unit.said < row.attributes.said
    return not (again or is_older)


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
