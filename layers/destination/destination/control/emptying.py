"""A list is emptied of those whom deliveries put on it, page by page of the ledger, in as many calls as it takes.

    a page of the ledger ─▶ whose leads are on the list ─▶ Marketo takes them off ─▶ the ledger says so ─▶ noted how far

It is done under the lease of the instance, as whatever writes the ledger is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.control.errors import BusyError, NotEmptiedError
from destination.domain.audience import Activation, AudienceKey, EmptiedTo
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import PaceState
from destination.domain.pause import Pause
from destination.domain.person import LedgerRow
from destination.domain.settle import GONE_FROM_LIST
from destination.domain.shard import SHARDS
from destination.marketo.errors import ListMissingError, explain
from destination.marketo.instance import Marketo
from destination.marketo.leads import CHUNK
from destination.marketo.lists import Lists
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import Entry, Page, entries_of

LEASE: Final = timedelta(seconds=90)
"""Beyond the time limit of the function that empties, so that no call of its is still on its way."""

POLL: Final = timedelta(seconds=1)
PATIENCE: Final = timedelta(seconds=5)

TIME: Final = timedelta(seconds=12)
"""After which no further page is begun, so that the caller has an answer before the time of the call is over."""

GOES_ON_WITHIN: Final = timedelta(hours=1)
"""What was emptied longer ago is looked at anew: deliveries may have put people on the list again."""


class Connections(Protocol):
    """The configured connections."""

    def active(self, connection_id: str) -> ActiveConnection: ...


class Audiences(Protocol):
    """How far the lists of audiences are emptied."""

    def note_emptied(self, connection_id: str, activation: Activation, emptied_to: EmptiedTo | None) -> None: ...


class Leases(Protocol):
    """Who may deliver to an instance, and until when."""

    def acquire(self, munchkin_id: str, now: datetime, until: datetime) -> Lease | None: ...
    def enter(self, lease: Lease, shards: Collection[int]) -> None: ...
    def release(self, lease: Lease, pace: PaceState, pause: Pause | None) -> None: ...


class Ledger(Protocol):
    """What is desired and applied of everybody."""

    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None) -> Page: ...
    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class Emptying:
    """Takes everybody off an audience's list whom deliveries put there, when the audience is deactivated.

    What was done is in the ledger, and how far it came with the activation, so that a call that ran out of time is
    repeated and goes on from there. Those whom others put on the list stay on it, and so does whoever is put on it
    again, by an event between two calls, once it has been taken off.
    """

    connections: Connections
    audiences: Audiences
    leases: Leases
    ledger: Ledger
    marketo_for: Callable[[Connection, ClientCredentials], Marketo]
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]

    def __call__(self, connection: Connection, activation: Activation, credentials: ClientCredentials) -> None:
        """Raises NotEmptiedError; and BusyError, MarketoError or OutOfTimeError, then it goes on where it was."""
        if activation.list_id is None:
            return
        lease = self._lease(connection.munchkin_id)
        try:
            if lease.pause is not None and lease.pause.until > self.clock():
                raise BusyError(f"delivery to the instance is paused: {lease.pause.cause}")
            self.leases.enter(lease, range(SHARDS))
            lists = self.marketo_for(connection, credentials).lists
            left = _Pass(self, connection.id, activation, activation.list_id, lists, lease).go_on()
        except ListMissingError:
            return
        except LeaseLostError as error:
            raise BusyError("the instance is being delivered to") from error
        finally:
            self.leases.release(lease, lease.pace, lease.pause)
        if left:
            raise NotEmptiedError(_what_is_left(activation.list_id, left))

    def _lease(self, munchkin_id: str) -> Lease:
        patience = self.clock() + PATIENCE
        while (lease := self.leases.acquire(munchkin_id, self.clock(), self.clock() + LEASE)) is None:
            if self.clock() + POLL >= patience:
                raise BusyError("the instance is being delivered to")
            self.sleep(POLL.total_seconds())
        return lease


@dataclass(frozen=True, slots=True)
class _Pass:
    """One way through the ledger, as far as one call comes."""

    use_case: Emptying
    connection_id: str
    activation: Activation
    list_id: int
    lists: Lists
    lease: Lease

    def go_on(self) -> Mapping[str, int]:
        """Empty the list to its end; how many are left on it, by Marketo's code. Raises BusyError when time is up."""
        use_case, began = self.use_case, self.use_case.clock()
        known = use_case.connections.active(self.connection_id).known
        cursor, left = self._beginning(began)
        while True:
            page = use_case.ledger.pages(self.connection_id, known, cursor)
            left += self._empty(page)
            cursor = page.cursor
            if cursor is None:
                use_case.audiences.note_emptied(self.connection_id, self.activation, None)
                return left
            reached = EmptiedTo(cursor, use_case.clock(), tuple(sorted(left.items())))
            use_case.audiences.note_emptied(self.connection_id, self.activation, reached)
            if use_case.clock() - began >= TIME:
                raise BusyError("the list is emptied in part, and the rest takes further calls")

    def _beginning(self, now: datetime) -> tuple[str | None, Counter[str]]:
        before = self.activation.emptied_to
        if before is None or now - before.at >= GOES_ON_WITHIN:
            return None, Counter()
        return before.cursor, Counter(dict(before.left))

    def _empty(self, page: Page) -> Counter[str]:
        """Take the people of a page off the list; how many are left on it, by Marketo's code."""
        rows, names = dict(page.rows), defaultdict[int, list[str]](list)
        for name, row in rows.items():
            told = row.applied.get(self.activation.audience)
            if told is not None and told.list_id == self.list_id:
                for lead_id in told.leads:
                    names[lead_id].append(name)
        left: Counter[str] = Counter()
        leads = sorted(names)
        for start in range(0, len(leads), CHUNK):
            results = self.lists.remove(self.list_id, leads[start : start + CHUNK])
            refused = {
                one: result.code for one, result in results.items() if result.code not in {None, *GONE_FROM_LIST}
            }
            off = results.keys() - refused.keys()
            changed = {name: self._without(rows[name], off) for lead_id in off for name in names[lead_id]}
            for entry in entries_of(changed):
                self.use_case.ledger.record(self.connection_id, entry, self.lease, self.use_case.clock())
            rows |= changed
            left.update(code for code in refused.values() if code is not None)
        return left

    def _without(self, row: LedgerRow, off: Set[int]) -> LedgerRow:
        """The row without leads that are off the list; one that is refused may still be on it."""
        audience = self.activation.audience
        told = row.applied[audience]
        leads = tuple(one for one in told.leads if one not in off)
        told = told._replace(leads=leads, is_sure=told.is_sure or not leads)
        return replace(row, applied={**row.applied, audience: told})


def _what_is_left(list_id: int, left: Mapping[str, int]) -> str:
    people = sum(left.values())
    why = "; ".join(f"{code}, {explain(code).meaning}: {count}" for code, count in sorted(left.items()))
    return f"Marketo keeps {people} of those who were put on list {list_id} on it ({why}); all others were taken off it"
