"""What the webhook lost is counted as soon as it is known, whatever keeps the events of the same message.

It takes no lease and no call to Marketo, so that a connection that is disabled, or whose instance is paused, is told.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol

from destination.delivery.open_message import OpenMessage
from destination.domain.loss import Loss
from destination.domain.run import run_id
from destination.store.errors import AWS_ERRORS, StaleVersionError
from destination.store.losses import MAX_BODIES


class Losses(Protocol):
    """Where losses are counted, once for each body."""

    def count(
        self, connection_id: str, run_id: str, bodies: Mapping[str, Mapping[Loss, int]], now: datetime, /
    ) -> None: ...


def count_losses(open_messages: Iterable[OpenMessage], losses: Losses, now: datetime) -> set[str]:
    """Count what the messages say was lost of their bodies; the ids of those of which it could not be counted now.

    A message that says nothing else is done by it.
    """
    by_run: defaultdict[tuple[str, str], list[OpenMessage]] = defaultdict(list)
    for one in open_messages:
        if one.envelope.losses:
            by_run[one.envelope.connection_id, run_id(one.envelope.received_at)].append(one)
    uncounted: set[str] = set()
    for (connection_id, run), found in by_run.items():
        for start in range(0, len(found), MAX_BODIES):
            part = found[start : start + MAX_BODIES]
            try:
                losses.count(connection_id, run, {one.envelope.id: one.envelope.losses for one in part}, now)
            except (StaleVersionError, *AWS_ERRORS):
                uncounted |= {one.message.id for one in part}
                continue
            for one in part:
                if not one.envelope.events:
                    one.pending = set()
    return uncounted
