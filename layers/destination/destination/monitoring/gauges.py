"""What the monitor measures at every run: how long events wait, and how much of a day's calls is used.

It is read from the connections and from the listing of the bucket, and not left to SQS: its age of a queue leaves out
every message that was received more than three times (Amazon SQS, "Available CloudWatch metrics"), and what is parked
is in no queue.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.domain.connection import DELIVERING, Connection
from destination.domain.letter import LetterBundle
from destination.domain.pace import DayCount
from destination.domain.parking import Bundle, waiting_of
from destination.marketo.budget import is_of_day
from destination.queue import COUNTS_LAG

NO_TIME: Final = timedelta(0)

UNITS: Final[Mapping[str, str]] = {
    "oldest_event": "Seconds",
    "oldest_parked": "Seconds",
    "oldest_letter": "Seconds",
    "quota_used": "Percent",
}
"""Of the metrics that are no counts."""


@dataclass(frozen=True, slots=True)
class Gauges:
    """How it is now, of all connections together.

    `oldest_event`: the age of the oldest event that waits, in the queue to be tried again or parked, of a connection
    that delivers, and not as it was meant to. `oldest_parked`: that of the oldest that is parked, whatever its
    connection does. `oldest_letter`: how long ago the oldest letter failed. `quota_used`: the largest share of a day's
    calls that are a connection's, used by whoever called.
    """

    oldest_event: timedelta = NO_TIME
    oldest_parked: timedelta = NO_TIME
    oldest_letter: timedelta = NO_TIME
    quota_used: float = 0.0


class Connections(Protocol):
    def all(self) -> Iterator[Connection]: ...


@dataclass(frozen=True, slots=True)
class ReadGauges:
    """Reads the gauges.

    `day_count`: the calls to an instance today; `is_drained`: whether no event is queued, of any connection.
    """

    connections: Connections
    day_count: Callable[[str], DayCount | None]
    is_drained: Callable[[], bool]

    def __call__(
        self, parked: Mapping[str, Sequence[Bundle]], letters: Mapping[str, Sequence[LetterBundle]], now: datetime
    ) -> Gauges:
        """`parked`, `letters`: the bundles, by connection; those of connections that are gone count for nobody."""
        counts: dict[str, DayCount | None] = {}
        gauges = []
        for connection in self.connections.all():
            delivers = connection.status in DELIVERING
            if delivers and connection.munchkin_id not in counts:
                counts[connection.munchkin_id] = self.day_count(connection.munchkin_id)
            today = counts.get(connection.munchkin_id) if delivers else None
            own = parked.get(connection.id, ()), letters.get(connection.id, ())
            gauges.append(gauges_of(connection, *own, today, now, self.is_drained))
        return together(gauges)


def gauges_of(
    connection: Connection,
    parked: Sequence[Bundle],
    letters: Sequence[LetterBundle],
    today: DayCount | None,
    now: datetime,
    is_drained: Callable[[], bool],
) -> Gauges:
    """The gauges of one connection; `today`: the calls to its instance, None if nobody counted."""
    used = today.total if today is not None and is_of_day(today, now) else 0
    held_up = [one for one in parked if not one.waits_as_meant(now)]
    since = waiting_since(connection, held_up, now, is_drained) if connection.status in DELIVERING else None
    return Gauges(
        oldest_event=_age(since, now),
        oldest_parked=_age(min((one.oldest_at for one in parked), default=None), now),
        oldest_letter=_age(min((one.failed_at for one in letters), default=None), now),
        quota_used=used / connection.limits.daily_calls,
    )


def together(gauges: Iterable[Gauges]) -> Gauges:
    """Of several connections: the oldest, and the most."""
    found = list(gauges)
    return Gauges(
        oldest_event=max((one.oldest_event for one in found), default=NO_TIME),
        oldest_parked=max((one.oldest_parked for one in found), default=NO_TIME),
        oldest_letter=max((one.oldest_letter for one in found), default=NO_TIME),
        quota_used=max((one.quota_used for one in found), default=0.0),
    )


def waiting_since(
    connection: Connection, parked: Sequence[Bundle], now: datetime, is_drained: Callable[[], bool]
) -> datetime | None:
    """Since when the connection's oldest event waits: one that is parked, or that sync noted last, unless its message
    left the queue in another way: taken out of it, or put aside.

    `is_drained`: whether no event is queued, of any connection; asked only where a note is old.
    """
    noted = connection.waiting
    is_stale = noted is not None and now >= noted.until + COUNTS_LAG and is_drained()
    waiting = waiting_of(replace(connection, waiting=None) if is_stale else connection, parked, now)
    return None if waiting is None else waiting.since


def measured(gauges: Gauges) -> dict[str, float]:
    """The gauges by the names of their metrics.

    Ages of what is not there are left out, as a metric is paid for the hours in which it is written.
    """
    found = {"oldest_parked": gauges.oldest_parked, "oldest_letter": gauges.oldest_letter}
    return {
        "oldest_event": round(gauges.oldest_event.total_seconds()),
        "quota_used": round(100 * gauges.quota_used, 1),
        **{name: round(age.total_seconds()) for name, age in found.items() if age},
    }


def _age(since: datetime | None, now: datetime) -> timedelta:
    """No less than nothing, for the clocks of those who note times differ."""
    return NO_TIME if since is None else max(now - since, NO_TIME)
