"""From a profile to the persons that it means for a connection, with fields that Marketo can take.

Source: Adobe, "Marketo Engage destination", mapping requirements and supported identities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from destination.domain.connection import (
    DEDUPE_TARGET,
    ActiveConnection,
    MappingRow,
    OnInvalid,
    Scope,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.event import Membership, ProfileEvent
from destination.domain.matching import rule_of
from destination.domain.outcome import (
    INVALID_ATTRIBUTE,
    INVALID_DEDUPE_VALUE,
    MISSING_DEDUPE_VALUE,
    OUTSIDE_SCHEDULE,
    Reason,
)
from destination.domain.person import Origin, Unit
from destination.domain.schema import (
    UNKNOWN_FIELD,
    Field,
    FieldValue,
    InvalidValueError,
    Schema,
    coerce,
    dedupe_key,
    dedupe_value,
)

_IDENTITIES = "identitymap"


@dataclass(frozen=True, slots=True)
class _Row:
    path: tuple[str, ...]
    into: Field
    clears: bool
    sends_empty: bool


@dataclass(frozen=True, slots=True)
class Mapper:
    """A connection's mapping, prepared once for many events."""

    target: ActiveConnection
    dedupe_path: tuple[str, ...]
    dedupe_field: Field
    rows: tuple[_Row, ...]
    unknown: tuple[str, ...]
    fails_for_dropped: bool

    @classmethod
    def of(cls, target: ActiveConnection, schema: Schema) -> Self:
        """Prepare the mapping against the instance's schema; a target that the schema lacks is always dropped."""
        connection = target.connection
        by = connection.dedupe_field
        dedupe_path: tuple[str, ...] = ()
        rows: list[_Row] = []
        unknown: list[str] = []
        for row in connection.mapping:
            if not row.is_exported:
                continue
            path = tuple(row.source.split("."))
            if row.target == DEDUPE_TARGET:
                dedupe_path = path
            elif row.target not in schema.fields:
                unknown.append(row.target)
            elif row.target != by:
                rows.append(_prepared(row, path, schema.fields[row.target]))
        rule = rule_of(connection)
        if not (rule.updates_fields or rule.creates):
            rows, unknown = [], []
        return cls(
            target,
            dedupe_path,
            schema.fields.get(by, Field(by, "string")),
            tuple(rows),
            tuple(unknown),
            fails_for_dropped=connection.on_invalid is OnInvalid.FAIL and rule.updates_fields,
        )

    def units(self, event: ProfileEvent, origin: Origin) -> list[Unit]:
        """The event's persons: one per value of the dedupe source; none when the event does not concern the connection.

        An event concerns the connection if it names an activated audience, or if the connection's scope is every
        profile. Attributes that do not fit are dropped and named in the unit.
        """
        memberships, unscheduled = self._memberships(event)
        is_wanted = bool(memberships) or self.target.connection.scope is Scope.ALL_PROFILES
        if not is_wanted and not unscheduled:
            return []
        fields, dropped = self._fields(event)
        refused = None if is_wanted else OUTSIDE_SCHEDULE
        if dropped and self.fails_for_dropped:
            refused = refused or INVALID_ATTRIBUTE
        return [
            Unit(
                origin=origin if number == 0 else origin.person(number),
                at=event.at,
                key=key,
                dedupe_value=value,
                fields=fields,
                dropped=dropped,
                memberships=memberships,
                unscheduled=unscheduled,
                refusal=refusal or refused,
            )
            for number, (key, value, refusal) in enumerate(self._identities(event))
        ]

    def why_dropped(self, event: ProfileEvent) -> dict[str, InvalidValueError]:
        """Why each attribute that `units` drops and names is dropped: told apart from it, for deliveries do not ask."""
        refusals = {
            name: InvalidValueError("Marketo has no such field, or this API user may not see it", UNKNOWN_FIELD)
            for name in self.unknown
        }
        for row in self.rows:
            value = next(iter(values_at(event, row.path)), None)
            if value is not None and not _is_blank(value):
                try:
                    coerce(value, row.into)
                except InvalidValueError as error:
                    refusals[row.into.name] = error
        return refusals

    def _memberships(self, event: ProfileEvent) -> tuple[tuple[Membership, ...], tuple[Membership, ...]]:
        """The event's memberships in activated audiences: those within the audience's start and end, and the others."""
        scheduled: list[Membership] = []
        unscheduled: list[Membership] = []
        for one in event.memberships:
            if (activation := self.target.activations.get(one.audience)) is not None:
                (scheduled if activation.is_scheduled(event.at) else unscheduled).append(one)
        return tuple(scheduled), tuple(unscheduled)

    def _identities(self, event: ProfileEvent) -> list[tuple[str | None, FieldValue, Reason | None]]:
        found: dict[str | None, tuple[str | None, FieldValue, Reason | None]] = {}
        for value in values_at(event, self.dedupe_path):
            if _is_blank(value):
                continue
            try:
                key = dedupe_key(value, self.dedupe_field)
                found.setdefault(key, (key, dedupe_value(value, self.dedupe_field), None))
            except InvalidValueError:
                found.setdefault(None, (None, None, INVALID_DEDUPE_VALUE))
        return list(found.values()) or [(None, None, MISSING_DEDUPE_VALUE)]

    def _fields(self, event: ProfileEvent) -> tuple[dict[str, FieldValue], tuple[str, ...]]:
        fields: dict[str, FieldValue] = {}
        dropped: list[str] = []
        for row in self.rows:
            value = next(iter(values_at(event, row.path)), None)
            if value is None:
                if row.clears:
                    fields[row.into.name] = None
            elif _is_blank(value):
                if row.sends_empty:
                    fields[row.into.name] = ""
            else:
                try:
                    fields[row.into.name] = coerce(value, row.into)
                except InvalidValueError:
                    dropped.append(row.into.name)
        return fields, (*dropped, *self.unknown)


def _prepared(row: MappingRow, path: tuple[str, ...], into: Field) -> _Row:
    clears, sends_empty = row.when_missing is WhenMissing.CLEAR, row.when_empty is WhenEmpty.SEND
    return _Row(path, into, clears=clears and into.updateable, sends_empty=sends_empty and into.updateable)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def values_at(event: ProfileEvent, path: tuple[str, ...]) -> Sequence[object]:
    """Every value at a path; absent, null and `{}` all mean that the profile has none."""
    if path and path[0].lower() == _IDENTITIES:
        return event.identities.get(".".join(path[1:]).lower(), ())
    value: object = event.profile
    for name in path:
        if not isinstance(value, dict):
            return ()
        value = value.get(name)
    if value is None or value == {}:
        return ()
    # A list attribute has one value here, its first; only identities stand for a person each.
    return [one for one in value if one is not None][:1] if isinstance(value, list) else (value,)
