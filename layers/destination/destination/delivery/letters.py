"""Letters of what failed: stored, before it is recorded as failed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from destination.domain.letter import Letter, LetterBundle, together
from destination.store.errors import AWS_ERRORS


class Letters(Protocol):
    """Where letters are kept."""

    def put(self, bundle: LetterBundle, bodies: Iterable[str], /) -> None: ...


@dataclass(frozen=True, slots=True)
class WriteLetters:
    """Stores letters, those of one reason together. `new_id` gives 32 hex digits."""

    letters: Letters
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def __call__(self, connection_id: str, letters: Sequence[Letter]) -> list[int]:
        """Store letters of a connection; answers the places of those that could not be stored."""
        unstored: list[int] = []
        for places in together(letters):
            own = [letters[place] for place in places]
            try:
                self.letters.put(
                    LetterBundle.of(connection_id, own, self.clock(), self.new_id()), [one.body for one in own]
                )
            except AWS_ERRORS:
                unstored += places
        return unstored
