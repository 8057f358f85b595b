"""Consent: whose profiles may be exported, and which of a person's events count where some of them have none.

Source: Adobe, "Consent policies": profiles without consent are left out of an activation, and whose consent is
withdrawn leaves streaming destinations as if it had left the audience.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from destination.domain.connection import Consent, Scope
from destination.domain.outcome import NO_CONSENT, SUPERSEDED, Reason
from destination.domain.person import LedgerRow, Unit


def is_given(rule: Consent, profile: Mapping[str, object]) -> bool:
    """Whether the profile has an allowed value, or a list with one; compared as text, `true` and `false` included."""
    value: object = profile
    for name in rule.source.split("."):
        if not isinstance(value, Mapping):
            return False
        value = value.get(name)
    return any(_text(one) in rule.allowed for one in (value if isinstance(value, list) else [value]))


@dataclass(frozen=True, slots=True)
class Sifted:
    """Persons with the units that count: all of them with consent, or all without.

    `rows`: what the ledger knows of these persons, with the times of their consent brought up to date. `aside`: units
    that have no part in their person, with the reason. `ignored`: units that do not concern the connection.
    """

    persons: dict[str, list[Unit]] = field(default_factory=dict)
    rows: dict[str, LedgerRow] = field(default_factory=dict)
    aside: list[tuple[Unit, Reason]] = field(default_factory=list)
    ignored: list[Unit] = field(default_factory=list)


def sift(persons: Mapping[str, Sequence[Unit]], rows: Mapping[str, LedgerRow], scope: Scope) -> Sifted:
    """Sort out what the newest word on each person's consent, in the batch or in the ledger, leaves of its units.

    A withdrawal in an event that names no activated audience concerns those whom the ledger knows, or who come with
    other events.
    """
    sifted = Sifted()
    for key, units in persons.items():
        if key not in rows and scope is Scope.ACTIVATED_AUDIENCES and not any(map(_names_audience, units)):
            sifted.ignored.extend(units)
            continue
        counting, row = _counting(units, rows.get(key, LedgerRow()), sifted.aside)
        if counting:
            sifted.persons[key] = counting
            sifted.rows[key] = row
    return sifted


def _counting(units: Sequence[Unit], row: LedgerRow, aside: list[tuple[Unit, Reason]]) -> tuple[list[Unit], LedgerRow]:
    """What stands when all was said, in the order of time: of equal times the unit received later wins.

    A withdrawal leaves nothing standing of what was said before it, whenever that comes. Consent that was given later
    overtakes the withdrawal, and does not bring back what stood before.
    """
    consented_at, withdrawn_at = row.consented_at, row.withdrawn_at
    counting: list[Unit] = []
    for unit in sorted(units, key=lambda one: one.at):
        newest_against = withdrawn_at if unit.consents else consented_at
        if newest_against is not None and newest_against > unit.at:
            aside.append((unit, _why_aside(unit)))
            continue
        if counting and counting[0].consents is not unit.consents:
            aside.extend((one, _why_aside(one)) for one in counting)
            counting.clear()
        counting.append(unit)
        if unit.consents:
            consented_at = max(consented_at or unit.at, unit.at)
        else:
            withdrawn_at = max(withdrawn_at or unit.at, unit.at)
    kept = {unit.origin for unit in counting}
    return (
        [unit for unit in units if unit.origin in kept],
        replace(row, consented_at=consented_at, withdrawn_at=withdrawn_at),
    )


def _why_aside(unit: Unit) -> Reason:
    return SUPERSEDED if unit.consents else NO_CONSENT


def _names_audience(unit: Unit) -> bool:
    return bool(unit.memberships or unit.unscheduled)


def _text(value: object) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
    return None
