"""How units add up to a person: of each thing what was said last counts, whatever the order of arrival."""

from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership
from destination.domain.outcome import NO_CONSENT, OUTSIDE_SCHEDULE, SUPERSEDED, Reason
from destination.domain.person import UNKNOWN, ConsentWord, Desired, LedgerRow, Origin, Person, Reach, Said, Unit
from destination.domain.schema import FieldValue


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
        named=_named(ordered, known, desired, reach.resynced),
    )


def _named(
    ordered: Iterable[Unit],
    known: LedgerRow,
    desired: Mapping[AudienceKey, Desired],
    resynced: Mapping[AudienceKey, datetime],
) -> Mapping[AudienceKey, datetime]:
    """Of audiences that are resynced those in which the person was named since that began, and does not show by what is
    desired: it was said with an older time than what is known, or something newer that was received before has come.
    """
    if not resynced:
        return {}
    named = {one for one in known.desired.keys() | known.named.keys() if _was_named(known, one, resynced)}
    for since in set(resynced.values()):
        named.update(one for unit in ordered for one in unit.named(since) if resynced.get(one) == since)
    shown = LedgerRow(desired)
    return {one: resynced[one] for one in named if not shown.was_named(one, resynced[one])}


def _was_named(known: LedgerRow, audience: AudienceKey, resynced: Mapping[AudienceKey, datetime]) -> bool:
    return audience in resynced and known.was_named(audience, resynced[audience])


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
