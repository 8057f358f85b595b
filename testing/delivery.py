"""The delivery put together of whatever stores, clock and Marketo a test or a benchmark has."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol

from destination.delivery import batch, connection, turn
from destination.delivery.accounts import DeadLetters, Ledger
from destination.delivery.losses import Losses
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection, Limits
from destination.domain.pace import PaceState
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.store.leases import Lease


class Connections(batch.Connections, turn.Connections, connection.Connections, Protocol):
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
    dead_letters: DeadLetters,
    losses: Losses,
    marketo: Callable[[Connection], Marketo],
    pace: Callable[[Limits, PaceState, timedelta], Pace],
    clock: Callable[[], datetime],
    verify: Callable[[ActiveConnection, Marketo, str, datetime, Lease, datetime], timedelta | None],
    sleep: Callable[[float], None],
    chance: Callable[[], float],
    name_of: Callable[[str], str],
) -> batch.DeliverBatch:
    """The use case behind the queue."""
    deliver = connection.DeliverConnection(
        connections, ledger, dead_letters, clock, verify, leases.enter, name_of, sleep
    )
    take_turn = turn.TakeTurn(connections, leases, marketo, pace, deliver, clock, sleep, chance)
    return batch.DeliverBatch(connections, queue, dead_letters, losses, take_turn, clock)
