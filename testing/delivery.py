"""The delivery put together of whatever stores, clock and Marketo a test or a benchmark has."""

import itertools
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery import batch, connection, turn
from destination.delivery.accounts import Ledger
from destination.delivery.giving_up import GiveUp
from destination.delivery.letters import Letters, WriteLetters
from destination.delivery.losses import Losses
from destination.delivery.parking import Connections as ParkingConnections
from destination.delivery.parking import Parking, ParkMessages
from destination.delivery.results import Results, WriteResults
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection, Limits
from destination.domain.pace import PaceState
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.store.leases import Lease
from testing.memory import MemoryResults

_NUMBERS: Final = itertools.count()


class Connections(batch.Connections, turn.Connections, connection.Connections, ParkingConnections, Protocol):
    """All that a delivery asks of connections and changes of them."""

    def filled(self, connection_id: str, audience: AudienceKey, list_id: int, due: datetime) -> None: ...


class Leases(turn.Leases, Protocol):
    """Leases, and the fences of the ledger's shards."""

    def enter(self, lease: Lease, shards: Collection[int]) -> None: ...


def delivery(
    *,
    connections: Connections,
    leases: Leases,
    ledger: Ledger,
    queue: batch.Queue,
    dead_letters: batch.DeadLetters,
    letters: Letters,
    losses: Losses,
    parking: Parking,
    marketo: Callable[[Connection], Marketo],
    pace: Callable[[Limits, PaceState, timedelta], Pace],
    clock: Callable[[], datetime],
    verify: Callable[[ActiveConnection, Marketo, str, datetime, Lease, datetime], timedelta | None],
    sleep: Callable[[float], None],
    chance: Callable[[], float],
    name_of: Callable[[str], str],
    results: Results | None = None,
    window: timedelta = timedelta(0),
) -> batch.DeliverBatch:
    """The use case behind the queue. Bundles are numbered, through all deliveries: no two have one name."""
    write_letters = WriteLetters(letters, clock, _new_id)
    write_results = WriteResults(results or MemoryResults(), clock, _new_id)
    deliver = connection.DeliverConnection(
        connections, ledger, write_letters, write_results, clock, verify, leases.enter, name_of, sleep
    )
    take_turn = turn.TakeTurn(connections, leases, marketo, pace, deliver, clock, sleep, chance)
    give_up = GiveUp(leases, ledger, write_letters, write_results, clock, leases.enter, name_of, sleep)
    park = ParkMessages(parking, connections, clock, _new_id)
    return batch.DeliverBatch(connections, queue, dead_letters, losses, park, take_turn, give_up, clock, window)


def _new_id() -> str:
    return f"{next(_NUMBERS):032x}"
