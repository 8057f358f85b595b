"""The queue of dead letters in memory."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from destination.queue import DeadLetter


@dataclass
class MemoryDeadLetters:
    """`refuses` says of a letter whether it is not taken, however often it is sent."""

    letters: list[DeadLetter] = field(default_factory=list)
    refuses: Callable[[DeadLetter], bool] = lambda _: False

    def send(self, letters: Sequence[DeadLetter]) -> list[int]:
        refused = [number for number, letter in enumerate(letters) if self.refuses(letter)]
        self.letters += [letter for number, letter in enumerate(letters) if number not in refused]
        return refused
