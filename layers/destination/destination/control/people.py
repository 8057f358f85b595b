"""What became of one person: asked with one value of it, answered from the ledger, the bucket and Marketo.

Nothing is changed anywhere but the audit log, which keeps who asked, and of whom by its pseudonym. The value is in no
log, no error and no record.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NamedTuple, Protocol, TypeVar

from destination.control.previews import credentials_of
from destination.control.waiting_events import FindWaiting, Sought
from destination.delivery.conversation import schema_for
from destination.domain.audience import AudienceKey
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import (
    DEDUPE_TARGET,
    ECID_TARGET,
    EMAIL_TARGET,
    ActiveConnection,
    Connection,
    Generation,
    MappingRow,
)
from destination.domain.credentials import ClientCredentials
from destination.domain.event import ProfileEvent
from destination.domain.mapping import Mapper, key_by_ecid, values_at
from destination.domain.path import Path
from destination.domain.person import UNKNOWN, LedgerRow, Unit
from destination.domain.person_lookup import (
    MAX_LEADS,
    Identity,
    PersonLookup,
    WaitingEvents,
    audiences_of,
    found_leads,
    next_event,
    the_person,
)
from destination.domain.problem import ConfigurationError, Problem
from destination.domain.schema import Field, FieldValue, InvalidValueError, Schema, dedupe_value, key_of
from destination.domain.written_identity import written
from destination.marketo.errors import MarketoError
from destination.marketo.instance import Marketo
from destination.marketo.leads import LeadRecord
from destination.marketo.pace import OutOfTimeError

_EMAIL: Final = Field("email", "email")
_UNDESCRIBED: Final = Schema({_EMAIL.name: _EMAIL})
"""What is known of an instance that cannot be asked."""

_SLOW: Final = "Marketo takes too long to answer"

T = TypeVar("T")


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str, /) -> ActiveConnection: ...


class Credentials(Protocol):
    """Whom the connections are in Marketo."""

    def get(self, connection: Connection) -> ClientCredentials: ...


class Ledger(Protocol):
    """What was delivered."""

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime], /
    ) -> dict[str, LedgerRow]: ...


class Records(Protocol):
    """The audit log."""

    def write(
        self, action: AuditAction, connection_id: str | None = None, changes: Sequence[AuditChange] = (), /
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class AskedFor:
    """One value of a person, at a `source` of the connection's mapping (None: at the one that people are found by)."""

    value: str = field(repr=False)
    source: str | None = None


class _Value(NamedTuple):
    """The value that was asked for, as the lead field `by` has it. `target`: that of its row of the mapping."""

    target: str
    path: Path
    by: Field
    value: FieldValue
    key: str

    @property
    def is_identity(self) -> bool:
        return self.target in {DEDUPE_TARGET, EMAIL_TARGET}


@dataclass(slots=True)
class _Questions:
    """Questions to Marketo; after the first one that it does not answer no other is asked."""

    error: MarketoError | OutOfTimeError | None = None

    def __call__(self, question: Callable[[], T]) -> T | None:
        if self.error is not None:
            return None
        try:
            return question()
        except (MarketoError, OutOfTimeError) as error:
            self.error = error
            return None

    @property
    def trouble(self) -> str | None:
        match self.error:
            case MarketoError():
                return f"{self.error}. {self.error.remedy}".strip()
            case OutOfTimeError():
                return f"{_SLOW}; try again."
        return None


@dataclass(frozen=True, slots=True)
class LookUpPeople:
    """Looks people up. `marketo_for` gives the instance as the connection's API user sees it, `name_of` pseudonyms."""

    connections: Connections
    credentials: Credentials
    ledger: Ledger
    find_waiting: FindWaiting
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    records: Records
    name_of: Callable[[str], str]
    clock: Callable[[], datetime]

    def __call__(self, connection_id: str, asked: AskedFor, *, with_values: bool = False) -> PersonLookup:
        """Tell what became of the person; `with_values`: also what Marketo has in the mapped fields of its leads.

        It takes four calls to Marketo at most, and one more where the value is not that which people are found by. If
        Marketo does not answer, the rest is told all the same, unless it takes Marketo to know who is meant.

        Raises NotFoundError, IncompleteError, ConfigurationError for a value or a source that leads to nobody or to
        several; MarketoError and OutOfTimeError where it is not known who is meant.
        """
        target = self.connections.active(connection_id)
        marketo = self.marketo_for(target.connection, credentials_of(target, self.credentials))
        row = _row_of(target.connection, asked.source)
        ask = _Questions()
        schema = ask(lambda: schema_for(target.connection, marketo.describe)) or _UNDESCRIBED
        if ask.error is not None and row.target not in {DEDUPE_TARGET, EMAIL_TARGET}:
            raise ask.error
        mapper = Mapper.of(target, schema, self.clock())
        value = _value_of(asked.value, row, mapper, schema)
        action = AuditAction.VIEW_PROFILE if with_values else AuditAction.LOOK_UP_PERSON
        self.records.write(action, connection_id, [AuditChange("person", None, self.name_of(value.key))])
        names = _shown_fields(target.connection, schema) if with_values else []
        return _Lookup(self, target, mapper, marketo, ask, names)(value)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """One look-up under way."""

    people: LookUpPeople
    target: ActiveConnection
    mapper: Mapper
    marketo: Marketo
    ask: _Questions
    names: Sequence[str]

    def __call__(self, value: _Value) -> PersonLookup:
        first = None
        if not value.is_identity:
            first = self._leads(value.by, value.key)
        waiting = self.people.find_waiting(self.target.connection, self.mapper, _sought(value, first))
        key = value.key if value.is_identity else self._key(value, first, waiting)
        rows = self.people.ledger.rows(self.target.connection.id, [key], self.target.known)
        by_ecid = value.target == ECID_TARGET
        has_no_address = by_ecid and key == key_by_ecid(value.key)
        records = first if has_no_address else self._leads(self.mapper.dedupe_field, key)
        if by_ecid and not records:
            records = first
        who = Identity(key, None if has_no_address else key, value.value if by_ecid else None)
        return self._told(who, rows.get(key), records, waiting)

    def _leads(self, by: Field, key: str) -> list[LeadRecord] | None:
        also = [one for one in (self.mapper.dedupe_field, self.mapper.ecid_field) if one is not None]
        return self.ask(lambda: self.marketo.leads.records(by, key, self.names, also))

    def _key(self, value: _Value, leads: Sequence[LeadRecord] | None, waiting: WaitingEvents) -> str:
        """Who has the value: by Marketo, by what waits, and, of those who are known by their ECID alone, by the ledger.

        Raises ConfigurationError where it is nobody, or not one.
        """
        if self.ask.error is not None:
            raise self.ask.error
        keys = {key for one in leads or () if (key := one.lead.others[0])}
        keys |= {unit.key for event in waiting.found for unit in event.units if unit.key is not None}
        if value.target == ECID_TARGET:
            alone = key_by_ecid(value.key)
            known = self.people.ledger.rows(self.target.connection.id, [alone, *keys], self.target.known)
            keys = set(known) or keys or {alone}
        if len(keys) == 1:
            return keys.pop()
        by = _identity_of(self.target.connection).source
        if not keys:
            raise ConfigurationError([Problem("value", f"nobody has it, as far as is known; give a value of {by}")])
        raise ConfigurationError([Problem("value", f"{len(keys)} people have it; give one's value of {by}")])

    def _told(
        self, who: Identity, row: LedgerRow | None, records: Sequence[LeadRecord] | None, waiting: WaitingEvents
    ) -> PersonLookup:
        now = self.people.clock()
        leads = [one.lead for one in records or ()]
        partitions = self._partitions(records) if records else {}
        lead_id = the_person(leads)
        values = {one.lead.id: one.values for one in records or ()} if self.names else None
        known = row or UNKNOWN
        parked = [unit for event in waiting.found if not (event.is_letter or event.is_erased) for unit in event.units]
        return PersonLookup(
            name=self.people.name_of(who.key),
            is_known=row is not None,
            leads=None if records is None else tuple(found_leads(leads, who.key, partitions, values)[:MAX_LEADS]),
            lead_count=len(leads),
            audiences=tuple(audiences_of(self.target, known, lead_id, self._lists(lead_id), now)),
            consent=known.consent,
            attributes=known.attributes,
            refusals=known.refusals or {},
            waiting=waiting,
            next=None if records is None else next_event(self.target, who, row, leads, parked, waiting.hold, now),
            trouble=self.ask.trouble,
        )

    def _lists(self, lead_id: int | None) -> dict[int, bool]:
        """Whether the lead is on each of the audiences' lists, as far as is known."""
        ours = {one.list_id for one in self.target.activations.values() if one.list_id is not None}
        if lead_id is None or not ours:
            return {}
        found = self.ask(lambda: self.marketo.lists.of_lead(lead_id))
        if found is None:
            return {}
        return {one: one in found.list_ids for one in ours if found.are_all or one in found.list_ids}

    def _partitions(self, records: Sequence[LeadRecord]) -> dict[int, str]:
        """The names of the leads' partitions, by lead."""
        seen = self.ask(self.marketo.describe.partitions) or ()
        names = {one.id: one.name for one in seen}
        return {
            one.lead.id: names[one.partition_id]
            for one in records
            if one.partition_id is not None and one.partition_id in names
        }


def key_of_identity(asked: AskedFor, connection: Connection, mapper: Mapper, schema: Schema) -> str:
    """The dedupe key of the person that an identity stands for.

    Raises ConfigurationError for a value that fits no lead, and for a source that is none of the mapping's identities.
    """
    row = _row_of(connection, asked.source)
    if row.target not in {DEDUPE_TARGET, EMAIL_TARGET, ECID_TARGET}:
        by = _identity_of(connection).source
        raise ConfigurationError(
            [Problem("source", f"people are known by {by} here; give the value of this, and leave source out")]
        )
    key = _value_of(asked.value, row, mapper, schema).key
    return key_by_ecid(key) if row.target == ECID_TARGET else key


def _identity_of(connection: Connection) -> MappingRow:
    """The row by which people are known. Raises ConfigurationError."""
    for row in connection.mapping:
        if row.target in {DEDUPE_TARGET, EMAIL_TARGET}:
            return row
    for row in connection.mapping:
        if row.target == ECID_TARGET:
            raise ConfigurationError([Problem("source", f"must be {row.source}: people are known by nothing else")])
    target = EMAIL_TARGET if connection.generation is Generation.LEGACY_V2 else DEDUPE_TARGET
    raise ConfigurationError([Problem("source", f"map a source to {target}; people are known by nothing else")])


def _row_of(connection: Connection, source: str | None) -> MappingRow:
    """The row of the mapping that reads a source, an identity before an attribute. Raises ConfigurationError."""
    if source is None:
        return _identity_of(connection)
    rows = [row for row in connection.mapping if row.source == source]
    identities = (DEDUPE_TARGET, EMAIL_TARGET, ECID_TARGET)
    for row in sorted(rows, key=lambda one: one.target not in identities):
        return row
    sources = ", ".join(dict.fromkeys(row.source for row in connection.mapping))
    raise ConfigurationError([Problem("source", f"must be one of those that the mapping reads: {sources}")])


def _value_of(given: str, row: MappingRow, mapper: Mapper, schema: Schema) -> _Value:
    """Raises ConfigurationError."""
    by = _field_of(row, mapper, schema)
    try:
        value = dedupe_value(given, by)
    except InvalidValueError as error:
        raise ConfigurationError([Problem("value", f"fits no lead: {error}")]) from None
    return _Value(row.target, Path.of(row.source), by, value, key_of(value, by))


def _field_of(row: MappingRow, mapper: Mapper, schema: Schema) -> Field:
    """The field that the value is looked up by. Raises ConfigurationError where Marketo cannot be searched by it."""
    if row.target in {DEDUPE_TARGET, EMAIL_TARGET}:
        return mapper.dedupe_field
    if row.target == ECID_TARGET and mapper.ecid_field is not None:
        return mapper.ecid_field
    by = schema.fields.get(row.target)
    if by is None or (schema.searchable and by.name not in schema.searchable):
        searched = f"Marketo cannot be searched by {row.target}, which it fills"
        raise ConfigurationError([Problem("source", f"{searched}; leave it out, or name another one")])
    return by


def _sought(value: _Value, leads: Sequence[LeadRecord] | None) -> Sought:
    """The person's events: by its key, where it is known from the value or from one lead; else by the value itself."""
    keys = {one.lead.others[0] for one in leads or ()}

    def has_value(event: ProfileEvent, unit: Unit) -> bool:
        if value.is_identity:
            return unit.key == value.key
        return unit.key in keys or any(_is(one, value) for one in values_at(event, value.path))

    return Sought(has_value, written(value.key, value.by) if value.is_identity else None)


def _is(one: object, value: _Value) -> bool:
    try:
        return key_of(dedupe_value(one, value.by), value.by) == value.key
    except InvalidValueError:
        return False


def _shown_fields(connection: Connection, schema: Schema) -> list[str]:
    """The fields that the mapping fills and may fill, and the one by which people are found."""
    targets = [connection.dedupe_field, *(row.target for row in connection.mapping if row.is_exported)]
    return [name for name in dict.fromkeys(targets) if name in schema.fields]
