"""The preview of events: what their delivery would do, and why, while nothing is told to Marketo and nothing is kept.

It is the delivery itself that decides, over a rehearsal of Marketo: questions go to the instance, and what the delivery
tells is answered here as the instance would answer it.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

from destination.control.connections import IncompleteError
from destination.delivery.round import LEAD_GONE, Delivery, Result, schema_for
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.connection_rules import missing_to_enable
from destination.domain.credentials import ClientCredentials
from destination.domain.event import ProfileEvent
from destination.domain.mapping import Mapper
from destination.domain.matching import rule_of
from destination.domain.person import LedgerRow, Origin, Unit, by_key
from destination.domain.preview import CallKind, Preview, persons_of
from destination.domain.run import Tally, run_id, tally_ignored, tally_persons
from destination.domain.schema import Field
from destination.domain.settle import refused_unit
from destination.ingest.sources import FORMATS
from destination.ingest.sources.body import Parsed, Receipt, TooManyRecordsError, UnreadableBodyError
from destination.ingest.webhook import encoded
from destination.marketo.describe import Describe
from destination.marketo.instance import Marketo
from destination.marketo.leads import Found, Record, RecordResult, SyncAction
from destination.store.errors import NotFoundError

MAX_BODY_BYTES: Final = 1_000_000
MAX_EVENTS: Final = 300
MAX_PERSONS: Final = 1_000
"""An event may stand for many persons, one for each identity."""

NOT_ON_THIS_LIST: Final = "1015"
_LEAD_ID: Final = Field("id", "integer")
_NEEDED: Final = frozenset({"credentials", "mapping"})


class UnreadableError(Exception):
    """The body is not JSON; the message says where it stops being so."""


class PreviewTooLargeError(Exception):
    """The body, or what it stands for, is more than a preview takes; the message says what to send."""


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str) -> ActiveConnection: ...


class Credentials(Protocol):
    """Whom the connections are in Marketo."""

    def get(self, connection_id: str) -> ClientCredentials: ...


class Ledger(Protocol):
    """What was delivered."""

    def rows(self, connection_id: str, dedupe_keys: Sequence[str]) -> dict[str, LedgerRow]: ...


@dataclass(frozen=True, slots=True)
class PreviewEvents:
    """Previews events. `marketo_for` gives the instance as the connection's API user sees it."""

    connections: Connections
    credentials: Credentials
    ledger: Ledger
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    clock: Callable[[], datetime]

    def __call__(self, connection_id: str, body: bytes) -> Preview:
        """Say what the delivery of a body's events would do now, whether or not the connection is enabled.

        Raises NotFoundError, IncompleteError, UnreadableError, PreviewTooLargeError, MarketoError, OutOfTimeError.
        """
        target = self.connections.active(connection_id)
        credentials = self._credentials_of(target)
        now = self.clock()
        parsed = _parsed(target.connection, body, now)
        sendable = {index for index, _ in encoded(parsed)}
        events = {index: event for index, event in parsed.events if index in sendable}
        marketo = self.marketo_for(target.connection, credentials)
        mapper = Mapper.of(target, schema_for(target.connection, marketo.describe))
        units = _units(mapper, events, now)
        rehearsal = Rehearsal(marketo)
        result = self._rehearsed(with_lists(target), rehearsal, mapper, units)
        strangers = {unit.origin for unit in result.ignored}
        units = {index: [one for one in found if one.origin not in strangers] for index, found in units.items()}
        settled = [*result.settled, *(refused_unit(one, one.refusal) for one in _all(units) if one.refusal)]
        ignored = tuple(index for index, found in units.items() if not found)
        (tally,) = tally_persons(settled, Counter(), lambda _: "").values() or (Tally(),)
        return Preview(
            rejected=tuple(parsed.rejected),
            warnings=tuple(parsed.warnings),
            ignored=ignored,
            persons=tuple(persons_of(target, mapper, events, units, settled)),
            tally=tally.plus(tally_ignored(len(ignored))),
            calls=rehearsal.made,
        )

    def _credentials_of(self, target: ActiveConnection) -> ClientCredentials:
        credentials: ClientCredentials | None = None
        with suppress(NotFoundError):
            credentials = self.credentials.get(target.connection.id)
        missing = missing_to_enable(target, has_credentials=credentials is not None)
        needed = [one for one in missing if one.path in _NEEDED]
        if credentials is None or needed:
            raise IncompleteError(needed)
        return credentials

    def _rehearsed(
        self, target: ActiveConnection, rehearsal: "Rehearsal", mapper: Mapper, units: Mapping[int, Sequence[Unit]]
    ) -> Result:
        persons = by_key(_all(units))
        delivery = Delivery(
            target,
            rehearsal,
            mapper.dedupe_field,
            self.clock,
            remember=lambda _: None,
            ecid_field=mapper.ecid_field,
        )
        result = delivery(persons, self.ledger.rows(target.connection.id, list(persons)))
        if result.halt is not None:
            raise result.halt
        return result


class Rehearsal:
    """An instance that answers questions, and is told nothing: what it is told it answers as if it were done.

    Leads that would be created have negative ids. Leads that the delivery knows without having asked are looked up, for
    they may be gone; who leaves a list is looked for on it.
    """

    def __init__(self, marketo: Marketo) -> None:
        self._marketo = marketo
        self._there: set[int] = set()
        self._new_ids = itertools.count(-1, -1)
        self._made: Counter[CallKind] = Counter()
        self._lock = threading.Lock()

    @property
    def leads(self) -> "Rehearsal":
        return self

    @property
    def lists(self) -> "Rehearsal":
        return self

    @property
    def describe(self) -> Describe:
        return self._marketo.describe

    @property
    def made(self) -> Mapping[CallKind, int]:
        """How many calls of each kind the delivery makes."""
        return {call: self._made[call] for call in CallKind}

    def find(self, by: Field, keys: Sequence[str]) -> Found:
        """Look leads up. Raises MarketoError."""
        self._count(CallKind.LOOK_UP)
        found = self._marketo.leads.find(by, keys)
        self._there |= {lead.id for leads in found.leads.values() for lead in leads}
        return found

    def sync(
        self, action: SyncAction, lookup_field: str, records: Sequence[Record], _partition: str | None
    ) -> list[RecordResult]:
        """Answer that the leads are created, or are updated if they are there. Raises MarketoError."""
        if action is SyncAction.UPDATE_ONLY:
            self._count(CallKind.UPDATE)
            ids = [int(str(record[lookup_field])) for record in records]
            gone = self._gone(ids)
            return [RecordResult(None, "skipped", LEAD_GONE) if one in gone else _done(one, "updated") for one in ids]
        self._count(CallKind.CREATE)
        with self._lock:
            made = [next(self._new_ids) for _ in records]
            self._there.update(made)
        return [_done(lead_id, "created") for lead_id in made]

    def add(self, _list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        """Answer that the leads are put on the list if they are there. Raises MarketoError."""
        self._count(CallKind.ADD)
        gone = self._gone(lead_ids)
        return {one: _refused(one, LEAD_GONE) if one in gone else _done(one, "added") for one in lead_ids}

    def remove(self, list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        """Answer that the leads are taken off the list if they are on it. Raises MarketoError."""
        self._count(CallKind.REMOVE)
        if list_id < 0:
            return {one: _refused(one, NOT_ON_THIS_LIST) for one in lead_ids}
        asked = self._marketo.lists.membership(list_id, lead_ids)
        return {lead_id: _leaving(one) for lead_id, one in asked.items()}

    def _count(self, call: CallKind) -> None:
        with self._lock:
            self._made[call] += 1

    def _gone(self, lead_ids: Sequence[int]) -> set[int]:
        unknown = [one for one in dict.fromkeys(lead_ids) if one not in self._there]
        found = self._marketo.leads.find(_LEAD_ID, [str(one) for one in unknown]) if unknown else Found()
        gone = {int(key) for key, leads in found.leads.items() if not leads}
        with self._lock:
            self._there.update(one for one in unknown if one not in gone)
        return gone


def with_lists(target: ActiveConnection) -> ActiveConnection:
    """The connection as it is once every audience has its list; those that are missing have negative ids."""
    if not rule_of(target.connection).keeps_lists:
        return target
    ids = itertools.count(-1, -1)
    given = {
        audience: one if one.list_id is not None else replace(one, list_id=next(ids))
        for audience, one in target.activations.items()
    }
    return replace(target, activations=given)


def _parsed(connection: Connection, body: bytes, now: datetime) -> Parsed:
    if len(body) > MAX_BODY_BYTES:
        raise PreviewTooLargeError(f"The body is larger than {MAX_BODY_BYTES} bytes; send fewer events.")
    try:
        parsed = FORMATS[connection.source_format](body, Receipt(now))
    except UnreadableBodyError as error:
        raise UnreadableError(str(error)) from error
    except TooManyRecordsError:
        raise PreviewTooLargeError(f"The body has more than {MAX_EVENTS} records; send fewer.") from None
    if len(parsed.events) + len(parsed.rejected) > MAX_EVENTS:
        raise PreviewTooLargeError(f"The body has more than {MAX_EVENTS} records; send fewer.")
    return parsed


def _units(mapper: Mapper, events: Mapping[int, ProfileEvent], now: datetime) -> dict[int, list[Unit]]:
    """The persons of each event, by its index."""
    run = run_id(now)
    units = {index: mapper.units(event, Origin("", str(index), run)) for index, event in events.items()}
    count = sum(map(len, units.values()))
    if count > MAX_PERSONS:
        raise PreviewTooLargeError(f"The events stand for {count} persons, and {MAX_PERSONS} are taken; send fewer.")
    return units


def _all(units: Mapping[int, Sequence[Unit]]) -> list[Unit]:
    return [unit for of_event in units.values() for unit in of_event]


def _done(lead_id: int, status: str) -> RecordResult:
    return RecordResult(lead_id, status)


def _refused(lead_id: int, code: str) -> RecordResult:
    return RecordResult(lead_id, "skipped", code)


def _leaving(asked: RecordResult) -> RecordResult:
    if asked.status == "memberof":
        return replace(asked, status="removed")
    return asked if asked.code else replace(asked, status="skipped", code=NOT_ON_THIS_LIST)
