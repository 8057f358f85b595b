"""How all connections are, as JSON."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Self

from pydantic import Field

from destination.api.parking import ParkingOut
from destination.api.representation import Representation, Time
from destination.domain.alert import Alert, AlertState
from destination.domain.connection import Status
from destination.domain.letter import RETENTION, LetterBundle
from destination.domain.outcome import Class
from destination.domain.overview import OverviewOf


class WaitingLetters(Representation):
    """The letters of a connection: events that failed, and wait for somebody's decision."""

    events: int
    first_at: Time | None = Field(description="When the first of them failed; null: there are none.")
    expires_at: Time | None = Field(description="When the first of them is gone.")

    @classmethod
    def of(cls, bundles: Sequence[LetterBundle]) -> Self:
        first = min((one.failed_at for one in bundles), default=None)
        events = sum(one.events for one in bundles)
        return cls(events=events, first_at=first, expires_at=None if first is None else first + RETENTION)


class LastDay(Representation):
    """What was counted in the runs of this hour and of the 24 before it."""

    received: int
    activated: int
    unchanged: int
    excluded: int
    failed: int
    rejected: int

    @classmethod
    def of(cls, counts: Counter[str]) -> Self:
        classes = {one.value: counts[one] for one in Class}
        return cls(received=counts["received"], rejected=counts["rejected"], **classes)


class TriggeredAlert(Representation):
    """An alert that the connection subscribes to and that is triggered."""

    alert: Alert
    since: Time

    @classmethod
    def of(cls, state: AlertState) -> Self:
        return cls(alert=state.alert, since=state.since)


class ConnectionOverview(Representation):
    """How one connection is."""

    id: str
    name: str
    munchkin_id: str
    status: Status
    parking: ParkingOut
    letters: WaitingLetters
    last_day: LastDay
    alerts: list[TriggeredAlert]

    @classmethod
    def of(cls, overview: OverviewOf) -> Self:
        connection = overview.connection
        return cls(
            id=connection.id,
            name=connection.name,
            munchkin_id=connection.munchkin_id,
            status=connection.status,
            parking=ParkingOut.of(overview.backlog),
            letters=WaitingLetters.of(overview.letters),
            last_day=LastDay.of(overview.last_day),
            alerts=[TriggeredAlert.of(state) for state in overview.triggered],
        )


class OverviewOut(Representation):
    """How all connections are, by Marketo instance."""

    at: Time
    connections: list[ConnectionOverview]

    @classmethod
    def of(cls, overviews: Iterable[OverviewOf], at: datetime) -> Self:
        return cls(at=at, connections=[ConnectionOverview.of(one) for one in overviews])
