"""The letters in memory."""

from collections.abc import Callable
from dataclasses import dataclass, field

from destination.domain.letter import LetterBundle
from testing.memory.folders import MemoryFolder
from testing.memory.parking import MemoryParking


@dataclass
class MemoryLetters(MemoryFolder[LetterBundle]):
    """`refuses` says of letters whether they cannot be stored now."""

    parking: MemoryParking = field(default_factory=MemoryParking)
    refuses: Callable[[LetterBundle], bool] = lambda _: False

    @property
    def bodies(self) -> list[str]:
        return [body for bodies in self.stored.values() for body in bodies]

    @property
    def codes(self) -> list[str]:
        """Of each letter."""
        return [bundle.code for bundle, bodies in self.stored.items() for _ in bodies]

    def take(self) -> list[str]:
        """Take all letters away; their bodies."""
        bodies = self.bodies
        self.stored.clear()
        return bodies

    def redrive(self, bundle: LetterBundle) -> None:
        self.parking.put(bundle.redriven, self.get(bundle))
        self.remove(bundle)

    def _is_refused(self, bundle: LetterBundle) -> bool:
        return self.refuses(bundle)
