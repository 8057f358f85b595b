"""The delivery."""

import functools
import random
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from destination.composition import aws, marketo, now, stores
from destination.composition.marketo import CallWatch
from destination.delivery.batch import DeliverBatch
from destination.delivery.bulk_lane import BulkLane
from destination.delivery.carry_imports import CarryImports
from destination.delivery.connection import DeliverConnection
from destination.delivery.erase_people import ErasePeople
from destination.delivery.giving_up import GiveUp
from destination.delivery.letters import WriteLetters
from destination.delivery.outcomes import LeaveCancelled, WriteOutcomes
from destination.delivery.parking import ParkMessages
from destination.delivery.results import WriteResults
from destination.delivery.seen import NoteSeen
from destination.delivery.turn import TakeTurn
from destination.delivery.verify_lists import VerifyLists
from destination.domain.connection import Connection, Limits
from destination.domain.pace import PaceState
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import DeadLetters
from destination.settings import SyncSettings
from destination.store.delivering import DeliveringConnections


@functools.cache
def settings() -> SyncSettings:
    return SyncSettings.from_env()


@functools.cache
def sync(watch: CallWatch) -> DeliverBatch:
    connections = DeliveringConnections(aws.dynamodb(), settings().connections_table)
    write_letters = WriteLetters(stores.letters(settings()), now, new_id=new_id)
    write_results = WriteResults(stores.results(settings()), now, new_id=new_id)
    write_outcomes = WriteOutcomes(stores.file_objects(settings()), now, new_id=new_id)
    ledger = stores.ledger(settings())
    leases = stores.leases(settings())
    erasures = stores.erasures(settings())
    imports = stores.imports(settings())
    parking = stores.parking(settings())
    queue = aws.queue(settings())
    deliver = DeliverConnection(
        connections=connections,
        ledger=ledger,
        write_letters=write_letters,
        write_results=write_results,
        write_outcomes=write_outcomes,
        clock=now,
        verify=VerifyLists(
            stores.verifications(settings()),
            ledger,
            imports,
            leases.enter,
            now,
            connections.filled,
            stores.extracted(settings()),
        ),
        enter=leases.enter,
        name_of=stores.name_of(settings()),
        sleep=time.sleep,
        marks=erasures,
        erase=ErasePeople(
            erasures,
            ledger,
            stores.traces(settings()),
            stores.runs(settings()),
            imports,
            leases.enter,
            connections.is_claimed,
            stores.name_of(settings()),
            now,
        ),
        lane=BulkLane(imports, parking, queue, stores.capabilities(settings()), now, new_id),
        carry=CarryImports(imports, parking, queue, stores.extracted(settings()), leases.enter, now),
    )
    turn = TakeTurn(
        connections=connections,
        leases=leases,
        marketo=functools.partial(marketo_of, watch),
        pace=pace,
        deliver=deliver,
        clock=now,
        sleep=time.sleep,
        chance=random.random,
    )
    give_up = GiveUp(
        leases=leases,
        ledger=ledger,
        write_letters=write_letters,
        write_results=write_results,
        write_outcomes=write_outcomes,
        clock=now,
        enter=leases.enter,
        name_of=deliver.name_of,
        sleep=time.sleep,
        marks=erasures,
    )
    return DeliverBatch(
        connections=connections,
        queue=queue,
        dead_letters=DeadLetters(aws.sqs(), settings().dead_letter_queue_url),
        losses=stores.losses(settings()),
        note_seen=NoteSeen(stores.seen(settings()), now),
        park=ParkMessages(parking, connections, now, new_id=new_id),
        leave_cancelled=LeaveCancelled(stores.files(settings())),
        turn=turn,
        give_up=give_up,
        clock=now,
        window=timedelta(seconds=int(settings().batch_window_seconds)),
    )


def new_id() -> str:
    return uuid.uuid4().hex


def marketo_of(watch: CallWatch, connection: Connection) -> Marketo:
    """The connection's instance, with the access token and the description that it holds."""
    if connection.blocked_cause is not None:
        marketo_at.cache_clear()  # What Marketo refuses may have been changed there since it was described.
    return marketo_at(watch, connection.id, connection.version, connection.munchkin_id, connection.credentials_version)


@functools.lru_cache(maxsize=256)
def marketo_at(
    watch: CallWatch,
    connection_id: str,
    version: int,  # noqa: ARG001
    munchkin_id: str,
    credentials_version: str | None,
) -> Marketo:
    """Kept for a version of the connection: whoever changed it wants to see what they changed in Marketo for it."""
    credentials = stores.credentials(settings()).at(connection_id, credentials_version)
    return marketo.instance(settings(), munchkin_id, credentials, Pace(1, 1), watch)


def pace(
    limits: Limits,
    state: PaceState,
    time_left: timedelta,
    monotonic: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> Pace:
    """With calls until the time that is left to the lease is over, by either clock."""
    return Pace(
        limits.calls_per_20s,
        limits.concurrency,
        daily_calls=limits.daily_calls,
        updates_per_hour=limits.lead_updates_per_hour,
        state=state,
        deadline=monotonic() + time_left.total_seconds(),
        until=wall() + time_left.total_seconds(),
        monotonic=monotonic,
        wall=wall,
    )
