"""What becomes of carriers once their wave was delivered: done, still in the queue, or parked in a bundle.

    done ─▶ a bundle that it stood for is removed
    waits for a moment ─▶ stays in the queue, invisible
    waits for long ─▶ its messages into a new bundle; then a bundle that it stood for is removed

A bundle of which nothing was settled, and which waits for what holds up all of its connection, stays as it is. Whatever
breaks off in between, messages are stored in two bundles rather than in none; what was settled of them is known by its
marks (store/ledger.py).
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Protocol

from destination.delivery.carrier import Carrier
from destination.delivery.open_message import OpenMessage
from destination.delivery.requeue import Requeue
from destination.domain.parking import HOLDS, JUST_NOW, Bundle, WaitsFor
from destination.domain.times import EPOCH
from destination.queue import Message
from destination.store.errors import AWS_ERRORS, NotFoundError

_TOGETHER: Final = timedelta(minutes=5)
"""What is due within such a time is one bundle, for nobody looks more often; JUST_NOW before somebody does, so that it
is sent back once.
"""


class Parking(Protocol):
    """Where bundles are kept."""

    def put(self, bundle: Bundle, bodies: Iterable[str], /) -> None: ...
    def get(self, bundle: Bundle, /) -> list[str]: ...
    def remove(self, bundle: Bundle, /) -> None: ...


class Connections(Protocol):
    """Which connections have to be sent back what is parked of them."""

    def resume_later(self, connection_id: str) -> None: ...


class _Place(NamedTuple):
    """Which messages are parked together."""

    connection_id: str
    waits_for: WaitsFor
    due_at: datetime


@dataclass(slots=True)
class Kept:
    """What of a wave is not done: messages that stay in the queue, for how long, and those that were parked."""

    delays: dict[Message, timedelta] = field(default_factory=dict)
    requeues: list[Requeue] = field(default_factory=list)
    parked: list[Requeue] = field(default_factory=list)

    def requeue(self, carrier: Carrier, left: Sequence[Requeue]) -> None:
        """Keep a carrier in the queue: with the first of its messages it comes back."""
        self.delays[carrier.message] = min(one.waits for one in left)
        self.requeues += left


@dataclass(frozen=True, slots=True)
class ParkMessages:
    """Parks what waits for long. `new_id` gives 32 hex digits."""

    parking: Parking
    connections: Connections
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def __call__(self, carriers: Sequence[Carrier], requeues: Iterable[Requeue]) -> Kept:
        """See to all carriers of a wave; `requeues`: what became of their messages that are not done."""
        of_message = {one.open_message.message.id: one for one in requeues}
        kept = Kept()
        leaving: list[tuple[Carrier, Sequence[Requeue]]] = []
        for carrier in carriers:
            left = [of_message[one.message.id] for one in carrier.open_messages if one.message.id in of_message]
            if not left:
                self._remove(carrier)
            elif not any(one.is_parked for one in left):
                kept.requeue(carrier, left)
            elif not _is_untouched(carrier, left):
                leaving.append((carrier, left))
            elif self.wait_on(carrier):
                kept.parked += left
            else:
                kept.requeue(carrier, left)
        self._park(leaving, kept)
        return kept

    def read(self, carrier: Carrier) -> Sequence[str]:
        """The bodies of the messages of a carrier's bundle; none where it is there no more. Raises AWS's errors."""
        try:
            return () if carrier.bundle is None else self.parking.get(carrier.bundle)
        except NotFoundError:
            return ()

    def wait_on(self, carrier: Carrier) -> bool:
        """Whether a bundle can be left as it is, for whoever sees that what it waits for is over."""
        try:
            self.connections.resume_later(carrier.target.connection.id)
        except AWS_ERRORS:
            return False
        return True

    def _park(self, leaving: Sequence[tuple[Carrier, Sequence[Requeue]]], kept: Kept) -> None:
        """Park what is left of carriers; one of which something could not be parked stays in the queue."""
        places: defaultdict[_Place, list[Requeue]] = defaultdict(list)
        for _, left in leaving:
            for one in left:
                places[self._place(one)].append(one)
        failed: set[str] = set()
        for place, found in places.items():
            messages = [one.open_message for one in found]
            try:
                self.parking.put(self._bundle(place, messages), [one.message.body for one in messages])
            except AWS_ERRORS:
                failed |= {one.message.id for one in messages}
            else:
                kept.parked += found
        for carrier, left in leaving:
            if any(one.open_message.message.id in failed for one in left):
                kept.requeue(carrier, left)
            else:
                self._remove(carrier)

    def _place(self, one: Requeue) -> _Place:
        if one.is_endless:
            return _Place(one.connection_id, one.waits_for, self.clock())
        if one.due_at is not None:
            return _Place(one.connection_id, one.waits_for, one.due_at)
        due_at = EPOCH - (EPOCH - self.clock() - one.waits - JUST_NOW) // _TOGETHER * _TOGETHER
        return _Place(one.connection_id, one.waits_for, due_at - JUST_NOW)

    def _bundle(self, place: _Place, messages: Sequence[OpenMessage]) -> Bundle:
        now = self.clock()
        return Bundle(
            place.connection_id,
            place.waits_for,
            place.due_at,
            oldest_at=min(one.waits_since(now) for one in messages),
            events=sum(one.unsettled for one in messages),
            size=sum(len(one.message.body) for one in messages),
            id=self.new_id(),
        )

    def _remove(self, carrier: Carrier) -> None:
        if carrier.bundle is not None:
            with contextlib.suppress(*AWS_ERRORS):  # It is sent back once more, and nothing is left to do of it then.
                self.parking.remove(carrier.bundle)


def _is_untouched(carrier: Carrier, left: Sequence[Requeue]) -> bool:
    """Whether it stands for a bundle of which nothing is settled, and which waits with all of its connection."""
    if carrier.bundle is None or len(left) < len(carrier.open_messages):
        return False
    return all(one.waits_for in HOLDS and one.open_message.is_untouched for one in left)
