"""What happened to the leads of an instance: the latest of their activities (Marketo REST, Activities).

An activity has a cause: a call, an import or a change of an administrator. What a seed puts there was always there, and
leaves no activity.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from marketo_simulator.fields import Field, Value

NEW_LEAD: Final = 12
CHANGE_DATA_VALUE: Final = 13
ADD_TO_LIST: Final = 24
REMOVE_FROM_LIST: Final = 25
MERGE_LEADS: Final = 32
DELETE_LEAD: Final = 37

WEB_SERVICE: Final = "Web service API"
LIST_IMPORT: Final = "List import"
ADMINISTRATOR: Final = "Administrator"

_NOTHING: Final[Mapping[str, Value]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why things happen: at this time, from this source, by this call of this user."""

    time: datetime
    source: str
    method: str
    user: str
    request_id: str


@dataclass(frozen=True, slots=True)
class Activity:
    """One thing that happened to one lead.

    `primary_id` and `primary_value` name what it happened with (a field, a list, a lead). `field` is the REST name of a
    changed field, `details` are attributes of this kind of activity alone.
    """

    id: int
    type_id: int
    lead_id: int
    partition_id: int
    cause: Cause
    primary_id: int | None
    primary_value: str
    field: str
    details: Mapping[str, Value]

    @property
    def time(self) -> datetime:
        """When it happened, in whole seconds."""
        return self.cause.time.replace(microsecond=0)

    @property
    def seconds(self) -> int:
        """The same, since 1970."""
        return int(self.cause.time.timestamp())


def as_text(value: Value) -> str | None:
    """A field's value as activities show it."""
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


class Journal:
    """Keeps the latest activities, in the order in which they happened; their ids ascend without a gap."""

    def __init__(self) -> None:
        self._activities: list[Activity] = []
        self._kept = 0
        self._cause: Cause | None = None
        self.last_id = 0

    @contextmanager
    def caused_by(self, cause: Cause, kept: int) -> Iterator[None]:
        """What happens in here has this cause; `kept` is how many activities are remembered."""
        before, self._cause, self._kept = self._cause, cause, kept
        try:
            yield
        finally:
            self._cause = before

    def record(
        self,
        type_id: int,
        lead_id: int,
        partition_id: int,
        primary_id: int | None = None,
        primary_value: str = "",
        *,
        field: str = "",
        details: Mapping[str, Value] = _NOTHING,
    ) -> None:
        """Remember an activity, if what happens now has a cause."""
        if self._cause is None:
            return
        self.last_id += 1
        self._activities.append(
            Activity(
                self.last_id, type_id, lead_id, partition_id, self._cause, primary_id, primary_value, field, details
            )
        )
        if len(self._activities) > self._kept + self._kept // 4:  # cut seldom, so that each costs little
            del self._activities[: len(self._activities) - self._kept]

    def changed(self, lead_id: int, partition_id: int, field: Field, old: Value, new: Value) -> None:
        """Remember that the field got a new value."""
        details = {"New Value": as_text(new), "Old Value": as_text(old)}
        self.record(
            CHANGE_DATA_VALUE, lead_id, partition_id, field.id, field.display_name, field=field.name, details=details
        )

    def after(self, activity_id: int, most: int | None = None) -> Sequence[Activity]:
        """The activities after this one, oldest first, at most `most`."""
        oldest = self.last_id - min(len(self._activities), self._kept) + 1
        start = max(activity_id + 1, oldest) - (self.last_id - len(self._activities) + 1)
        return self._activities[start:] if most is None else self._activities[start : start + most]

    def before(self, seconds: int) -> int:
        """The id behind which the activities from this time on stand, as long as the clock was not set back."""
        start = bisect_left(self._activities, seconds, key=lambda activity: activity.seconds)
        return self.last_id - len(self._activities) + start

    def give(self, loser_id: int, winner_id: int) -> None:
        """What happened to one lead happened to another one now: they were merged."""
        for place, activity in enumerate(self._activities):
            if activity.lead_id == loser_id:
                self._activities[place] = replace(activity, lead_id=winner_id)

    def all(self) -> tuple[Activity, ...]:
        """Those that are remembered, oldest first."""
        return tuple(self._activities)

    def begin_with(self, activities: Iterable[Activity], last_id: int) -> None:
        """Remember these, as `all` gave them, and go on behind the last id."""
        self._activities = list(activities)
        self._kept, self.last_id = len(self._activities), last_id
