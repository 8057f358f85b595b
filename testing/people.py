"""Look-ups of people in the world without AWS."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from destination.control.people import AskedFor, LookUpPeople
from destination.control.waiting_events import FindWaiting
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import PaceState
from destination.domain.person_lookup import PersonLookup
from destination.marketo.instance import Marketo
from testing.memory import MemoryCredentials
from testing.persons import name_of
from testing.world import World


@dataclass
class MemoryRecords:
    """The audit log."""

    written: list[tuple[AuditAction, Sequence[AuditChange]]] = field(default_factory=list)

    def write(
        self, action: AuditAction, _connection_id: str | None = None, changes: Sequence[AuditChange] = ()
    ) -> None:
        self.written.append((action, changes))


def people(world: World) -> LookUpPeople:
    def marketo_for(connection: Connection, _credentials: ClientCredentials) -> Marketo:
        world.marketo.pace = world.pace(connection.limits, PaceState(), timedelta(minutes=5))
        return world.marketo

    return LookUpPeople(
        connections=world.connections,
        credentials=MemoryCredentials({world.connection.id: ClientCredentials("client", "secret")}),
        ledger=world.ledger,
        find_waiting=FindWaiting(
            world.parking, world.letters, world.leases, world.ledger, world.erasures, name_of, lambda: world.now
        ),
        marketo_for=marketo_for,
        records=MemoryRecords(),
        name_of=name_of,
        clock=lambda: world.now,
    )


def look_up(world: World, value: str, source: str | None = None) -> PersonLookup:
    """What became of the person who has the value."""
    return people(world)(world.connection.id, AskedFor(value, source))
