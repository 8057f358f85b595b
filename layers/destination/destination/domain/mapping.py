"""From a profile to the persons that it means for a connection, with fields that Marketo can take.

Source: Adobe, "Marketo Engage destination", mapping requirements and supported identities.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self

from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.connection import (
    DEDUPE_TARGET,
    ECID_TARGET,
    EMAIL_TARGET,
    ActiveConnection,
    Generation,
    MappingRow,
    OnInvalid,
    Scope,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.consent import consent_test
from destination.domain.event import MAX_IDENTITIES, Membership, ProfileEvent, together
from destination.domain.flaw import Flaw
from destination.domain.matching import Lead, rule_of
from destination.domain.outcome import (
    INVALID_ATTRIBUTE,
    INVALID_DEDUPE_VALUE,
    MISSING_DEDUPE_VALUE,
    NO_CONSENT,
    Reason,
)
from destination.domain.path import Path, present
from destination.domain.person import Origin, Unit
from destination.domain.schema import (
    BOOLEAN,
    MAY_BE_CUT,
    OPT_IN_KEPT,
    UNKNOWN_FIELD,
    VALUES_LEFT_OUT,
    AttributeWarning,
    Field,
    FieldValue,
    InvalidValueError,
    Schema,
    coerce,
    dedupe_value,
    key_of,
    may_be_cut,
    plain_length,
)
from destination.domain.times import EPOCH

_TEXT = Field("", "text")
_PERSON_ID = Field("", "string")

_BY_ECID = "ecid,"
"""Begins the keys of persons without an e-mail address: with a comma, which no dedupe value has."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the mapping; `is_plain`: its path is made of `names` only, and leads into the profile.

    `plain_length`: how long printable text may be to be taken as it is, without a look at the field's other limits.
    """

    path: Path
    is_plain: bool
    names: tuple[str, ...]
    name: str
    into: Field
    clears: bool
    sends_empty: bool
    keeps_opt_outs: bool
    plain_length: int
    join: str | None


class _Identity(NamedTuple):
    """One value that stands for a person: its key, or the reason why it has none."""

    key: str | None
    value: FieldValue
    refusal: Reason | None


@dataclass(frozen=True, slots=True)
class Mapper:
    """A connection's mapping, prepared once for many events.

    `has_consent` tells it of a profile, if the connection has a consent rule. `ecid_path`, `ecid_field`: a `legacy_v2`
    connection's second identity, and the field that it is compared with. `begun`: the beginnings of the audiences,
    `last_begun`: that of the newest. `person_id_path`: what people are named by who did not arrive.
    """

    target: ActiveConnection
    now: datetime
    knows_any_namespace: bool
    dedupe_path: Path | None
    dedupe_field: Field
    rows: tuple[_Row, ...]
    unknown: tuple[str, ...]
    fails_for_dropped: bool
    has_consent: Callable[[Mapping[str, object]], bool] | None
    ecid_path: Path | None
    ecid_field: Field | None
    begun: Mapping[AudienceKey, datetime]
    last_begun: datetime
    person_id_path: Path | None = None

    @classmethod
    def of(cls, target: ActiveConnection, schema: Schema, now: datetime) -> Self:
        """Prepare the mapping against the instance's schema; a target that the schema lacks is always dropped.

        `now`: what is within an audience's schedule now counts, whenever it was said.
        """
        connection = target.connection
        by = connection.dedupe_field
        is_legacy = connection.generation is Generation.LEGACY_V2
        identity = EMAIL_TARGET if is_legacy else DEDUPE_TARGET
        ecid_field = next(iter(connection.lookup_fields[1:]), None)
        filled = {by, ecid_field} if any(row.target == identity for row in connection.mapping) else {ecid_field}
        dedupe_path: Path | None = None
        ecid_path: Path | None = None
        rows: list[_Row] = []
        unknown: list[str] = []
        for row in connection.mapping:
            if not row.is_exported:
                continue
            path = Path.of(row.source)
            if row.target == identity:
                dedupe_path = path
            elif is_legacy and row.target == ECID_TARGET:
                ecid_path = path
            elif row.target not in schema.fields:
                unknown.append(row.target)
            elif row.target not in filled:
                rows.append(_prepared(row, path, schema.fields[row.target]))
        rule = rule_of(connection)
        if not (rule.updates_fields or rule.creates):
            rows, unknown = [], []
        return cls(
            target,
            now,
            any(one.namespace == ANY_NAMESPACE for one in target.known),
            dedupe_path,
            schema.named(by),
            tuple(sorted(rows, key=lambda row: row.name)),
            tuple(unknown),
            fails_for_dropped=connection.on_invalid is OnInvalid.FAIL and rule.updates_fields,
            has_consent=None if connection.consent is None else consent_test(connection.consent),
            ecid_path=ecid_path,
            ecid_field=schema.named(ecid_field) if ecid_field and ecid_path else None,
            begun=target.known,
            last_begun=max(target.known.values(), default=EPOCH),
            person_id_path=None if connection.person_id is None else Path.of(connection.person_id),
        )

    def units(self, event: ProfileEvent, origin: Origin) -> list[Unit]:
        """The event's persons: one per value of the dedupe source.

        Whether an event that names no activated audience concerns the connection depends on the person; of such an
        event without an identity there is none, and of one that says nothing, which is what is left of an erased one.
        Attributes that do not fit are dropped and named in the unit. Without consent the unit has no attributes.
        """
        memberships, unscheduled, dormant = self._memberships(event)
        is_wanted = bool(memberships or unscheduled) or self._wants_all(event)
        consents = None if self.has_consent is None else self.has_consent(event.profile)
        begun = self._begun_since(event)
        ecid = self._ecid(event) if self.ecid_field is not None else None
        values = values_at(event, self.dedupe_path) if self.dedupe_path is not None else ()
        identities = self._identities(values, ecid)
        if not is_wanted:
            identities = [one for one in identities if one.key is not None]
        fields: dict[str, FieldValue] = {}
        dropped: tuple[str, ...] = ()
        warned: tuple[AttributeWarning, ...] = ()
        refused: Reason | None = None
        if consents is False:
            identities = [_Identity(None, None, NO_CONSENT) if one.key is None else one for one in identities]
        elif identities:
            fields, dropped, warned = self._fields(event)
            if dropped and self.fails_for_dropped:
                refused = INVALID_ATTRIBUTE
        if len(values) > MAX_IDENTITIES:
            warned = (*warned, AttributeWarning(self.dedupe_field.name, VALUES_LEFT_OUT))
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
                dormant=dormant,
                refusal=refusal or refused,
                consents=consents,
                ecid=ecid.value if ecid else None,
                received_at=event.received_at,
                begun=begun,
                event_id=event.id,
                warned=warned,
            )
            for number, (key, value, refusal) in enumerate(identities)
        ]

    def _wants_all(self, event: ProfileEvent) -> bool:
        """Whether an event concerns the connection though it names no activated audience."""
        return self.target.connection.scope is Scope.ALL_PROFILES and bool(event.profile or event.identities)

    def why_dropped(self, event: ProfileEvent) -> dict[str, InvalidValueError]:
        """Why each attribute that `units` drops and names is dropped: told apart from it, for deliveries do not ask."""
        refusals = {
            name: InvalidValueError("Marketo has no such field, or this API user may not see it", UNKNOWN_FIELD)
            for name in self.unknown
        }
        return refusals | {name: error for name, _, error in self._refused(event)}

    def flaws(self, event: ProfileEvent) -> dict[str, Flaw]:
        """The same for people, with what kind of value each is."""
        kinds = {name: Flaw.of(name, error, value) for name, value, error in self._refused(event)}
        return {name: Flaw.of(name, error, None) for name, error in self.why_dropped(event).items()} | kinds

    def person_id(self, event: ProfileEvent) -> str | None:
        """What the connection names the event's person by; None where it says nothing, or the profile has none."""
        for value in values_at(event, self.person_id_path) if self.person_id_path is not None else ():
            with suppress(InvalidValueError):
                if found := str(coerce(value, _PERSON_ID)):
                    return found
        return None

    def flaw_of_identity(self, event: ProfileEvent) -> Flaw | None:
        """What is wrong with the first value that stands for a person and identifies nobody; None: there is none."""
        for path, by in ((self.dedupe_path, self.dedupe_field), (self.ecid_path, self.ecid_field)):
            for value in values_at(event, path) if path is not None and by is not None else ():
                if by is not None and not _is_blank(value):
                    try:
                        dedupe_value(value, by)
                    except InvalidValueError as error:
                        return Flaw.of(by.name, error, value)
        return None

    def _refused(self, event: ProfileEvent) -> Iterator[tuple[str, object, InvalidValueError]]:
        """The fields whose values do not fit, with the value and why."""
        for row in self.rows:
            value = _value_at(event, row)
            if value is not None and not _is_blank(value):
                try:
                    _coerced(value, row)
                except InvalidValueError as error:
                    yield row.into.name, value, error

    def _memberships(self, event: ProfileEvent) -> tuple[tuple[Membership, ...], ...]:
        """The event's memberships in activated audiences, within their start and end and outside, and in dormant ones.

        What was said within the schedule counts after its end too: it may have waited.
        """
        scheduled: list[Membership] = []
        unscheduled: list[Membership] = []
        dormant: list[Membership] = []
        for one in event.memberships if not self.knows_any_namespace else self._in_any_namespace(event.memberships):
            activation = self.target.activations.get(one.audience)
            if activation is None:
                if one.audience in self.target.dormant:
                    dormant.append(one)
            elif activation.is_scheduled(self.now) or activation.is_scheduled(event.at):
                scheduled.append(one)
            else:
                unscheduled.append(one)
        return tuple(scheduled), tuple(unscheduled), tuple(dormant)

    def _begun_since(self, event: ProfileEvent) -> Mapping[AudienceKey, datetime] | None:
        """Of the audiences that it names the beginnings of those that were activated after it was received, if any."""
        if event.received_at >= self.last_begun:
            return None
        said = [one.audience for one in event.memberships]
        named = ((one, self.begun.get(one)) for one in (*said, *(audience.in_any_namespace for audience in said)))
        return {audience: at for audience, at in named if at is not None and at > event.received_at}

    def _in_any_namespace(self, memberships: Sequence[Membership]) -> list[Membership]:
        """The memberships, and of each audience that is known in any namespace what is said of it in all."""
        known: dict[AudienceKey, list[Membership]] = {}
        for one in memberships:
            audience = one.audience.in_any_namespace
            if audience in self.target.activations or audience in self.target.dormant:
                known.setdefault(audience, []).append(one)
        return [*memberships, *(together(audience, said) for audience, said in known.items())]

    def _identities(self, values: Sequence[object], ecid: _Identity | None) -> list[_Identity]:
        found: dict[str | None, _Identity] = {}
        for value in values if len(values) <= MAX_IDENTITIES else values[:MAX_IDENTITIES]:
            if not _is_blank(value):
                one = _identity(value, self.dedupe_field)
                found.setdefault(one.key, one)
        if ecid is not None and found.keys() <= {None}:
            return [ecid if ecid.key is None else _Identity(key_by_ecid(ecid.key), None, None)]
        return list(found.values()) or [_Identity(None, None, MISSING_DEDUPE_VALUE)]

    def _ecid(self, event: ProfileEvent) -> _Identity | None:
        if self.ecid_path is None or self.ecid_field is None:
            return None
        value = next((one for one in values_at(event, self.ecid_path) if not _is_blank(one)), None)
        return None if value is None else _identity(value, self.ecid_field)

    def _fields(
        self, event: ProfileEvent
    ) -> tuple[dict[str, FieldValue], tuple[str, ...], tuple[AttributeWarning, ...]]:
        fields: dict[str, FieldValue] = {}
        dropped: list[str] = []
        warned: list[AttributeWarning] = []
        for row in self.rows:
            value = _attribute_at(event, row.names) if row.is_plain else _value_at(event, row)
            if value is None:
                if row.clears:
                    fields[row.name] = None
            elif type(value) is str and not (text := value.strip()):
                if row.sends_empty:
                    fields[row.name] = ""
            elif type(value) is str and len(text) <= row.plain_length and text.isascii() and text.isprintable():
                fields[row.name] = text
            else:
                _add_coerced(value, row, fields, dropped, warned)
        return fields, (*dropped, *self.unknown), tuple(warned)


def key_by_ecid(ecid: str) -> str:
    """The key of a person without an e-mail address."""
    return f"{_BY_ECID}{ecid}"


def ecid_of(key: str) -> str | None:
    """The ECID of a person without an e-mail address, by the key; None: it is the key of another one."""
    return key.removeprefix(_BY_ECID) if key.startswith(_BY_ECID) else None


def keys_of(lead: Lead) -> set[str]:
    """The keys of the persons that a lead may be, by its dedupe value and, where it was asked for, its ECID."""
    value, *ecids = lead.others
    return {key for key in (value, *(key_by_ecid(one) for one in ecids if one)) if key}


def _prepared(row: MappingRow, path: Path, into: Field) -> _Row:
    can_be_empty = into.updateable and into.data_type != BOOLEAN
    clears, sends_empty = row.when_missing is WhenMissing.CLEAR, row.when_empty is WhenEmpty.SEND
    return _Row(
        path,
        path.is_plain,
        path.names,
        into.name,
        into,
        clears=clears and can_be_empty,
        sends_empty=sends_empty and can_be_empty,
        keeps_opt_outs=row.keeps_opt_outs,
        plain_length=plain_length(into),
        join=row.join,
    )


def _add_coerced(
    value: object, row: _Row, fields: dict[str, FieldValue], dropped: list[str], warned: list[AttributeWarning]
) -> None:
    """Add what a row makes of a value that may not be taken as it is."""
    try:
        taken = _coerced(value, row)
    except InvalidValueError:
        dropped.append(row.name)
        return
    if type(value) is tuple and row.join is None:
        warned.append(AttributeWarning(row.name, VALUES_LEFT_OUT))
    if row.keeps_opt_outs and taken is not True:
        warned.append(AttributeWarning(row.name, OPT_IN_KEPT))
    elif taken != "" or row.sends_empty:
        fields[row.name] = taken
        if isinstance(taken, str) and may_be_cut(taken):
            warned.append(AttributeWarning(row.name, MAY_BE_CUT))


def _coerced(value: object, row: _Row) -> FieldValue:
    """What the field takes of a value, or of several. Raises InvalidValueError."""
    if type(value) is tuple:
        value = value[0] if row.join is None else joined(value, row.join)
    return coerce(value, row.into)


def joined(values: Sequence[object], by: str) -> str:
    """Several values as one text. Raises InvalidValueError if one of them is no text."""
    return by.join([text for one in values if (text := str(coerce(one, _TEXT)))])


def _identity(value: object, by: Field) -> _Identity:
    try:
        found = dedupe_value(value, by)
    except InvalidValueError:
        return _Identity(None, None, INVALID_DEDUPE_VALUE)
    return _Identity(key_of(found, by), found, None)


def _is_blank(value: object) -> bool:
    return isinstance(value, str) and not value.strip()


def values_at(event: ProfileEvent, path: Path) -> Sequence[object]:
    """Every value at a path; absent, null and `{}` all mean that the profile has none."""
    if path.namespace is not None:
        return event.identities.get(path.namespace, ())
    if path.steps:
        return path.values(event.profile)
    value = _attribute_at(event, path.names)
    if value is None:
        return ()
    return value if type(value) is tuple else (value,)


def _value_at(event: ProfileEvent, row: _Row) -> object:
    """What a row takes: a value, several as a tuple, or None where the profile has none; of identities the first."""
    values = values_at(event, row.path)
    if len(values) > 1 and (row.path.namespace is None or row.join is not None):
        return tuple(values)
    return values[0] if values else None


def _attribute_at(event: ProfileEvent, names: tuple[str, ...]) -> object:
    """The value at a path of names, or a tuple of the values of an array that has several."""
    value: Any = event.profile
    try:
        for name in names:
            value = value[name]
    except (KeyError, TypeError):  # Absent, or below what is no object.
        return None
    if type(value) is str:
        return value
    if type(value) is list:
        values = present(value)
        return tuple(values) if len(values) > 1 else values[0] if values else None
    return None if value == {} else value
