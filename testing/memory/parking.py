"""What is parked, in memory."""

from dataclasses import dataclass

from destination.domain.parking import Bundle
from testing.memory.folders import MemoryFolder


@dataclass
class MemoryParking(MemoryFolder[Bundle]):
    """`refuses` says whether nothing can be stored now."""

    refuses: bool = False

    def _is_refused(self, bundle: Bundle) -> bool:
        return self.refuses
