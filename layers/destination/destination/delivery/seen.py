"""What is seen of events is noted when they were received first, whatever became of them.

It takes no lease and no call to Marketo, so that a mapping can be built for a connection that is disabled. Nothing of
the delivery depends on it: where it cannot be written now, it is with what is seen next.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, TypeAlias

from destination.delivery.open_message import OpenMessage
from destination.domain.event import ProfileEvent
from destination.domain.seen import Seen, Unwritten, sample_of, seen_in
from destination.queue import Envelope, UndecodableMessageError
from destination.store.errors import AWS_ERRORS, StaleVersionError

_Place: TypeAlias = tuple[Envelope, int]
"""An event, by its place in a message."""


class SeenDays(Protocol):
    """Where it is kept what was seen, by connection and day."""

    def add(self, connection_id: str, day: date, seen: Seen, /) -> Seen: ...


@dataclass(frozen=True, slots=True)
class NoteSeen:
    """Notes what is seen; `unwritten`: what this worker has still to write."""

    days: SeenDays
    clock: Callable[[], datetime]
    unwritten: Unwritten = field(default_factory=Unwritten)

    def __call__(self, open_messages: Iterable[OpenMessage]) -> None:
        """Note what there is in messages that were received: those of which something was delivered are read by then.

        Nothing is noted twice: neither what is received again, nor letters, nor what comes back from where it was
        parked.
        """
        found: defaultdict[tuple[str, date], Seen] = defaultdict(Seen)
        received: defaultdict[tuple[str, date], list[OpenMessage]] = defaultdict(list)
        for one in open_messages:
            envelope = one.envelope
            of = envelope.connection_id, envelope.received_at.date()
            if one.message.receives == 1 and not envelope.attempt and envelope.events:
                received[of].append(one)
            if envelope.seen is not None:
                found[of] = found[of].plus(envelope.seen)
        for of, those in received.items():
            found[of] = found[of].plus(_seen_in(those))
        for of, seen in found.items():
            self._write(of, seen)

    def _write(self, of: tuple[str, date], seen: Seen) -> None:
        due = self.unwritten.due(of, seen, self.clock())
        if due is not None:
            with contextlib.suppress(StaleVersionError, *AWS_ERRORS):
                self.unwritten.wrote(of, self.clock(), self.days.add(*of, due))


def _seen_in(open_messages: Sequence[OpenMessage]) -> Seen:
    """What is seen of the events in messages; those that cannot be read are none."""
    count = sum(len(one.envelope.events) for one in open_messages)
    places = ((one.envelope, place) for one in open_messages for place in range(len(one.envelope.events)))
    said = (heard for one in open_messages for heard in one.said())
    return seen_in(_events(sample_of(places, count)), said, count)


def _events(places: Iterable[_Place]) -> Iterator[ProfileEvent]:
    for envelope, place in places:
        with contextlib.suppress(UndecodableMessageError):
            yield envelope.events[place]
