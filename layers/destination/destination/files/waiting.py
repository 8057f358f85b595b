"""Whether something waits that was received before a time: who takes people off may not overtake what names them, nor
leave behind what was said before.
"""

from collections.abc import Iterable
from datetime import datetime

from destination.domain.connection import Connection
from destination.domain.parking import Bundle
from destination.queue import COUNTS_LAG


def waits(connection: Connection, parked: Iterable[Bundle], until: datetime, now: datetime) -> bool:
    """Whether it is known of the connection, by what is parked of it and by what sync noted last."""
    noted = connection.waiting
    if noted is not None and noted.since <= until and now < noted.until + COUNTS_LAG:
        return True
    return any(bundle.oldest_at <= until for bundle in parked)
