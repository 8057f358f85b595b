"""What was seen in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from destination.domain.seen import Seen


@dataclass
class MemorySeenDays:
    """What was seen, by connection and day; `fails`: what writing raises, if anything."""

    stored: dict[tuple[str, date], Seen] = field(default_factory=dict)
    fails: Exception | None = None

    def add(self, connection_id: str, day: date, seen: Seen) -> Seen:
        if self.fails:
            raise self.fails
        together = self.stored.get((connection_id, day), Seen()).plus(seen)
        self.stored[connection_id, day] = together
        return together

    def between(self, connection_id: str, first: date, last: date) -> Sequence[Seen]:
        days = sorted(day for owner, day in self.stored if owner == connection_id and first <= day <= last)
        return [self.stored[connection_id, day] for day in days]
