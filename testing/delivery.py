"""The delivery put together of whatever stores, clock and Marketo a test or a benchmark has."""

import itertools
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery import batch, bulk_lane, carry_imports, connection, parking, turn
from destination.delivery.accounts import Ledger
from destination.delivery.bulk_lane import BulkLane, KnownOfInstances
from destination.delivery.carry_extract import ExtractedBytes
from destination.delivery.carry_imports import CarryImports
from destination.delivery.erase_people import Marks
from destination.delivery.giving_up import GiveUp
from destination.delivery.letters import Letters, WriteLetters
from destination.delivery.losses import Losses
from destination.delivery.outcomes import Files, LeaveCancelled, Outcomes, WriteOutcomes
from destination.delivery.parking import Connections as ParkingConnections
from destination.delivery.parking import ParkMessages
from destination.delivery.results import Results, WriteResults
from destination.delivery.seen import NoteSeen, SeenDays
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection, Limits
from destination.domain.pace import PaceState
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import Envelope
from destination.store.leases import Lease
from testing.memory import (
    MemoryCapabilities,
    MemoryErasures,
    MemoryExtracted,
    MemoryFileObjects,
    MemoryFiles,
    MemoryImports,
    MemoryLeases,
    MemoryResults,
    MemorySeenDays,
)

_NUMBERS: Final = itertools.count()


class Connections(batch.Connections, turn.Connections, connection.Connections, ParkingConnections, Protocol):
    """All that a delivery asks of connections and changes of them."""

    def filled(self, connection_id: str, audience: AudienceKey, list_id: int, due: datetime) -> None: ...


class Leases(turn.Leases, Protocol):
    """Leases, and the fences of the ledger's shards."""

    def enter(self, lease: Lease, shards: Collection[int]) -> None: ...


class Parking(parking.Parking, bulk_lane.Parking, Protocol):
    """Where bundles are kept."""


class Queue(batch.Queue, bulk_lane.Queue, Protocol):
    """Where messages lie."""


class Imports(bulk_lane.Imports, carry_imports.Imports, Protocol):
    """The imports of connections."""


def _nobody(*_: object) -> None:
    """Of a delivery that nobody is erased from."""


def delivery(
    *,
    connections: Connections,
    leases: Leases,
    ledger: Ledger,
    queue: Queue,
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
    outcomes: Outcomes | None = None,
    files: Files | None = None,
    marks: Marks | None = None,
    erase: Callable[[ActiveConnection, Marketo, Envelope, Lease, datetime], timedelta | None] = _nobody,
    seen: SeenDays | None = None,
    imports: Imports | None = None,
    capabilities: KnownOfInstances | None = None,
    extracted: ExtractedBytes | None = None,
    window: timedelta = timedelta(0),
) -> batch.DeliverBatch:
    """The use case behind the queue. Bundles are numbered, through all deliveries: no two have one name."""
    kept = imports or MemoryImports(leases if isinstance(leases, MemoryLeases) else MemoryLeases())
    write_letters = WriteLetters(letters, clock, _new_id)
    write_results = WriteResults(results or MemoryResults(), clock, _new_id)
    write_outcomes = WriteOutcomes(outcomes or MemoryFileObjects(), clock, _new_id)
    deliver = connection.DeliverConnection(
        connections,
        ledger,
        write_letters,
        write_results,
        write_outcomes,
        clock,
        verify,
        leases.enter,
        name_of,
        sleep,
        marks or MemoryErasures(),
        erase,
        BulkLane(kept, parking, queue, capabilities or MemoryCapabilities(), clock, _new_id),
        CarryImports(kept, parking, queue, extracted or MemoryExtracted(), leases.enter, clock),
    )
    take_turn = turn.TakeTurn(connections, leases, marketo, pace, deliver, clock, sleep, chance)
    give_up = GiveUp(
        leases,
        ledger,
        write_letters,
        write_results,
        write_outcomes,
        clock,
        leases.enter,
        name_of,
        sleep,
        marks or MemoryErasures(),
    )
    park = ParkMessages(parking, connections, clock, _new_id)
    note_seen = NoteSeen(seen or MemorySeenDays(), clock)
    leave_cancelled = LeaveCancelled(files or MemoryFiles())
    return batch.DeliverBatch(
        connections, queue, dead_letters, losses, note_seen, park, leave_cancelled, take_turn, give_up, clock, window
    )


def _new_id() -> str:
    return f"{next(_NUMBERS):032x}"
