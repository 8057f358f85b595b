"""The preview of events: what their delivery would do, and why, while nothing is changed in Marketo and nothing is
kept.

It is the delivery itself that decides, over a rehearsal of Marketo.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from destination.control.errors import IncompleteError, TooLargeError, UnreadableError
from destination.control.rehearsal import Rehearsal, with_lists
from destination.control.sources import read_events
from destination.delivery.calls import Caller
from destination.delivery.circuits import Circuits
from destination.delivery.conversation import Conversation, schema_for
from destination.delivery.round import Delivery, Result
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.connection_rules import missing_to_enable
from destination.domain.credentials import ClientCredentials
from destination.domain.event import ProfileEvent
from destination.domain.mapping import Mapper
from destination.domain.person import LedgerRow, Origin, Person, Unit, by_key
from destination.domain.preview import Preview, persons_of
from destination.domain.run import Tally, counted, run_id, tally_created, tally_ignored, tally_losses, tally_persons
from destination.domain.settle import refused_unit
from destination.ingest.sources.body import Parsed, TooManyRecordsError, UnreadableBodyError
from destination.ingest.sources.record import RecordTimes
from destination.ingest.webhook import encoded
from destination.marketo.instance import Marketo
from destination.store.errors import NotFoundError

MAX_BODY_BYTES: Final = 1_000_000
MAX_EVENTS: Final = 300
MAX_PERSONS: Final = 1_000
"""An event may stand for many persons, one for each identity."""

_NEEDED: Final = frozenset({"credentials", "mapping"})


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str) -> ActiveConnection: ...


class Credentials(Protocol):
    """Whom the connections are in Marketo."""

    def get(self, connection: Connection) -> ClientCredentials: ...


class Ledger(Protocol):
    """What was delivered."""

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]: ...


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

        Raises NotFoundError, IncompleteError, UnreadableError, TooLargeError, MarketoError, OutOfTimeError.
        """
        target = self.connections.active(connection_id)
        credentials = credentials_of(target, self.credentials)
        now = self.clock()
        parsed = _parsed(target.connection, body, now)
        sendable = {index for index, _ in encoded(parsed)}
        events = {index: event for index, event in parsed.events if index in sendable}
        marketo = self.marketo_for(target.connection, credentials)
        mapper = Mapper.of(target, schema_for(target.connection, marketo.describe), now)
        units = _units(mapper, events, now)
        rehearsal = Rehearsal(marketo)
        created: list[Person] = []
        result = self._rehearsed(with_lists(target), rehearsal, mapper, units, created.extend)
        ignored_origins = {unit.origin for unit in result.ignored}
        units = {index: [one for one in found if one.origin not in ignored_origins] for index, found in units.items()}
        settled = [
            *result.settled,
            *(refused_unit(one, one.refusal) for one in _all(units) if one.key is None and one.refusal),
        ]
        ignored = tuple(index for index, found in units.items() if not found)
        (tally,) = tally_persons(settled, Counter(), lambda _: "").values() or (Tally(),)
        others = [tally_ignored(len(ignored)), *tally_created(created).values()]
        return Preview(
            rejected=tuple(parsed.rejected),
            warnings=tuple(parsed.warnings),
            warning_count=parsed.warning_count,
            ignored=ignored,
            persons=tuple(persons_of(target, mapper, events, units, settled)),
            tally=tally.plus(tally_losses([parsed.losses])).plus(counted(others)),
            calls=rehearsal.made,
        )

    def _rehearsed(
        self,
        target: ActiveConnection,
        rehearsal: Rehearsal,
        mapper: Mapper,
        units: Mapping[int, Sequence[Unit]],
        note: Callable[[Sequence[Person]], None],
    ) -> Result:
        persons = by_key(_all(units))

        def rows_of(keys: Collection[str]) -> dict[str, LedgerRow]:
            return self.ledger.rows(target.connection.id, keys, target.known)

        calls = Caller(Circuits(self.clock), target.connection.limits.concurrency)
        delivery = Delivery(
            target,
            Conversation(target, rehearsal, calls),
            mapper.dedupe_field,
            self.clock,
            rows_of=rows_of,
            remember=lambda _: None,
            note=note,
            ecid_field=mapper.ecid_field,
        )
        result = delivery(persons, rows_of(persons))
        trouble = result.halt or calls.later
        if trouble is not None:
            raise trouble
        return result


def credentials_of(target: ActiveConnection, stored: Credentials) -> ClientCredentials:
    """Those of a connection that can be asked about. Raises IncompleteError for one that has none, or no mapping."""
    credentials: ClientCredentials | None = None
    with suppress(NotFoundError):
        credentials = stored.get(target.connection)
    missing = missing_to_enable(target, has_credentials=credentials is not None)
    needed = [one for one in missing if one.path in _NEEDED]
    if credentials is None or needed:
        raise IncompleteError(needed)
    return credentials


def _parsed(connection: Connection, body: bytes, now: datetime) -> Parsed:
    if len(body) > MAX_BODY_BYTES:
        raise TooLargeError(f"The body is larger than {MAX_BODY_BYTES} bytes; send fewer events.")
    try:
        parsed = read_events(connection, body, RecordTimes(now))
    except UnreadableBodyError as error:
        raise UnreadableError(str(error)) from error
    except TooManyRecordsError:
        raise TooLargeError(f"The body has more than {MAX_EVENTS} records; send fewer.") from None
    if len(parsed.events) + len(parsed.rejected) > MAX_EVENTS:
        raise TooLargeError(f"The body has more than {MAX_EVENTS} records; send fewer.")
    return parsed


def _units(mapper: Mapper, events: Mapping[int, ProfileEvent], now: datetime) -> dict[int, list[Unit]]:
    """The persons of each event, by its index."""
    run = run_id(now)
    units = {index: mapper.units(event, Origin("", str(index), run)) for index, event in events.items()}
    count = sum(map(len, units.values()))
    if count > MAX_PERSONS:
        raise TooLargeError(f"The events stand for {count} persons, and {MAX_PERSONS} are taken; send fewer.")
    return units


def _all(units: Mapping[int, Sequence[Unit]]) -> list[Unit]:
    return [unit for of_event in units.values() for unit in of_event]
