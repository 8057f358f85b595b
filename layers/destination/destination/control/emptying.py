"""Taking everybody off an audience's list whom deliveries put there, when the audience is deactivated.

It is done under the lease of the instance, as whatever writes the ledger is, and chunk by chunk: what was done is in
the ledger, so that a call that ran out of time is repeated and goes on from there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from destination.control.errors import BusyError
from destination.domain.audience import Activation
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.marketo.errors import ListMissingError
from destination.marketo.instance import Marketo
from destination.marketo.leads import CHUNK
from destination.store.leases import Lease, Leases
from destination.store.ledger import LeaseLostError, Ledger

LEASE: Final = timedelta(seconds=90)
"""Beyond the time limit of the function that empties, so that no call of its is still on its way."""

POLL: Final = timedelta(seconds=1)
PATIENCE: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Emptying:
    """Empties lists. People whose ledger row has expired, and those whom others put on the list, stay on it."""

    leases: Leases
    ledger: Ledger
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def __call__(self, connection: Connection, activation: Activation, credentials: ClientCredentials) -> None:
        """Raises BusyError, and MarketoError or OutOfTimeError; it can be repeated after each."""
        if activation.list_id is None:
            return
        lease = self._lease(connection.munchkin_id)
        try:
            if lease.pause is not None and lease.pause.until > self.clock():
                raise BusyError(f"delivery to the instance is paused: {lease.pause.cause}")
            lists = self.marketo_for(connection, credentials).lists
            members = self.ledger.on_list(connection.id, activation.audience)
            while chunk := list(islice(members, CHUNK)):
                leads = (member.delivered.lead_id for member in chunk)
                lists.remove(activation.list_id, [lead_id for lead_id in leads if lead_id is not None])
                self.ledger.forget(connection.id, activation.audience, chunk, lease, self.clock())
        except ListMissingError:
            return
        except LeaseLostError as error:
            raise BusyError("the instance is being delivered to") from error
        finally:
            self.leases.release(lease, lease.pace, lease.pause)

    def _lease(self, munchkin_id: str) -> Lease:
        patience = self.clock() + PATIENCE
        while (lease := self.leases.acquire(munchkin_id, self.clock(), self.clock() + LEASE)) is None:
            if self.clock() + POLL >= patience:
                raise BusyError("the instance is being delivered to")
            self.sleep(POLL.total_seconds())
        return lease
