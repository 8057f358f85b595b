"""The events of one person among all that waits of a connection: those that are parked, and its letters."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery.erase_people import Marks, erased_of
from destination.domain.connection import Connection
from destination.domain.event import ProfileEvent
from destination.domain.failure import Failure
from destination.domain.letter import RETENTION, LetterBundle
from destination.domain.mapping import Mapper
from destination.domain.parking import Bundle, hold_of
from destination.domain.pause import Pause
from destination.domain.person import Origin, Unit
from destination.domain.person_lookup import WaitingEvent, WaitingEvents
from destination.domain.run import run_id
from destination.domain.shard import shard_of_unit
from destination.domain.written_identity import may_have
from destination.queue import Envelope, UndecodableMessageError, open_envelope, readable
from destination.store.errors import NotFoundError

MAX_BYTES: Final = 30_000_000
"""Of bundles, at most, that are read for one answer."""

TIME: Final = timedelta(seconds=4)
"""How long further bundles are begun; API Gateway waits for 29 s, of which calls to Marketo may take 22."""

MAX_SHOWN: Final = 50
"""How many events are found, the newest first."""

OneBundle = Bundle | LetterBundle


class Parking(Protocol):
    """What is parked."""

    def of(self, connection_id: str, /) -> Iterable[Bundle]: ...
    def get(self, bundle: Bundle, /) -> list[str]: ...


class Letters(Protocol):
    """Where letters are kept."""

    def of(self, connection_id: str, /) -> Iterable[LetterBundle]: ...
    def get(self, bundle: LetterBundle, /) -> list[str]: ...


class Instances(Protocol):
    """The pauses of the Marketo instances."""

    def pause(self, munchkin_id: str, /) -> Pause | None: ...


class Ledger(Protocol):
    """Which events were counted, and which of them failed."""

    def counted(
        self, connection_id: str, envelopes: set[tuple[int, str]], /
    ) -> Mapping[tuple[int, str], frozenset[str]]: ...
    def failures(self, connection_id: str, origins: Sequence[tuple[int, Origin]], /) -> Mapping[Origin, Failure]: ...


@dataclass(frozen=True, slots=True)
class Sought:
    """Whose events are sought: `is_theirs` tells it of an event and one of its persons.

    `text`: what stands in the JSON of each of them, without regard to case; None: nothing certain does.
    """

    is_theirs: Callable[[ProfileEvent, Unit], bool]
    text: str | None


@dataclass(frozen=True, slots=True)
class FindWaiting:
    """Finds them. The newest bundles are read first, as far as MAX_BYTES and TIME allow.

    `pseudonym`: that of the person with a dedupe key, by which marks name people who were erased.
    """

    parking: Parking
    letters: Letters
    instances: Instances
    ledger: Ledger
    marks: Marks
    pseudonym: Callable[[str], str]
    clock: Callable[[], datetime]

    def __call__(self, connection: Connection, mapper: Mapper, sought: Sought) -> WaitingEvents:
        """The events that are sought, without those of which it is known by now what became of them."""
        now = self.clock()
        until = now + TIME
        bundles: list[OneBundle] = [*self.parking.of(connection.id), *self.letters.of(connection.id)]
        found: list[WaitingEvent] = []
        read = size = 0
        for bundle in sorted(bundles, key=_time_of, reverse=True):
            if self.clock() >= until or size + bundle.size > MAX_BYTES or len(found) >= MAX_SHOWN:
                break
            found += self._of_bundle(bundle, mapper, sought)
            read += bundle.events
            size += bundle.size
        waiting = connection.waiting
        return WaitingEvents(
            hold=hold_of(connection, self.instances.pause(connection.munchkin_id), now),
            queued_since=waiting.since if waiting is not None and waiting.until > now else None,
            found=self._marked(connection.id, tuple(self._unsettled(connection.id, found))[:MAX_SHOWN]),
            read=read,
            events=sum(one.events for one in bundles),
        )

    def _marked(self, connection_id: str, found: Sequence[WaitingEvent]) -> tuple[WaitingEvent, ...]:
        """Told of each whether its person was erased since it was received."""
        units = [unit for one in found for unit in one.units]
        erased = erased_of(units, lambda since: self.marks.marks(connection_id, since), self.pseudonym)
        return tuple(replace(one, is_erased=all(unit.origin in erased for unit in one.units)) for one in found)

    def _of_bundle(self, bundle: OneBundle, mapper: Mapper, sought: Sought) -> Iterator[WaitingEvent]:
        bodies: list[str] = []
        with suppress(NotFoundError):  # It was delivered, or decided about, since it was listed.
            bodies = self.parking.get(bundle) if isinstance(bundle, Bundle) else self.letters.get(bundle)
        for body in bodies:
            if may_have(body, sought.text):
                with suppress(UndecodableMessageError):
                    for units in _of_envelope(open_envelope(body), mapper, sought):
                        yield _waiting(bundle, units)

    def _unsettled(self, connection_id: str, found: Sequence[WaitingEvent]) -> Iterator[WaitingEvent]:
        """Those that are not counted yet, and those that failed, each once: a bundle may be there still that was
        delivered, and a letter that was redriven. What is parked comes first.
        """
        units = [unit for one in found for unit in one.units]
        if not units:
            return
        counted = self.ledger.counted(connection_id, {(shard_of_unit(one), one.origin.envelope_id) for one in units})
        failed = self.ledger.failures(connection_id, [(shard_of_unit(one), one.origin) for one in units])
        failures = {one[:2] for one in failed}
        seen = set()
        for one in sorted(found, key=lambda event: event.is_letter):
            unit = one.units[0]
            numbers = counted.get((shard_of_unit(unit), unit.origin.envelope_id), frozenset())
            is_settled = unit.origin.number in numbers and unit.origin[:2] not in failures
            if not is_settled and unit.origin[:2] not in seen:
                seen.add(unit.origin[:2])
                yield one


def _time_of(bundle: OneBundle) -> datetime:
    return bundle.oldest_at if isinstance(bundle, Bundle) else bundle.failed_at


def _of_envelope(envelope: Envelope, mapper: Mapper, sought: Sought) -> Iterator[tuple[Unit, ...]]:
    """For each event that is sought what it means for the person; one that cannot be read is nobody's."""
    run = run_id(envelope.received_at)
    for place, event in readable(envelope):
        units = mapper.units(event, Origin(envelope.id, str(envelope.first + place), run, envelope.attempt))
        if theirs := tuple(unit for unit in units if unit.key is not None and sought.is_theirs(event, unit)):
            yield theirs


def _waiting(bundle: OneBundle, units: tuple[Unit, ...]) -> WaitingEvent:
    since = units[0].received_at
    if isinstance(bundle, Bundle):
        return WaitingEvent(bundle.waits_for.value, since, units, due_at=bundle.due_at)
    expires_at = bundle.failed_at + RETENTION
    return WaitingEvent(bundle.code, since, units, failed_at=bundle.failed_at, expires_at=expires_at)
