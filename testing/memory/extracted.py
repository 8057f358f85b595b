"""The bytes of extracts in memory."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date


@dataclass
class MemoryExtracted:
    """`used`: by instance and day."""

    used: Counter[tuple[str, date]] = field(default_factory=Counter)

    def of_day(self, munchkin_id: str, day: date) -> int:
        return self.used[munchkin_id, day]

    def add(self, munchkin_id: str, day: date, size: int) -> None:
        self.used[munchkin_id, day] += size
