"""Letters of a connection, and what is decided about them."""

from collections.abc import Callable, Sequence
from typing import Self

from pydantic import Field

from destination.api.representation import Representation, Text, Time
from destination.domain.letter import Decided, LettersOfCode


class LettersOfCodeOut(Representation):
    """Events that failed for one reason."""

    code: str
    reason: str = Field(description="The code as a sentence.")
    events: int
    first_at: Time = Field(description="When the first of them failed.")
    last_at: Time = Field(description="When the last of them failed.")
    expires_at: Time = Field(description="When the first of them is gone; no later than a day after that.")

    @classmethod
    def of(cls, letters: LettersOfCode, message_of: Callable[[str], str]) -> Self:
        return cls(
            code=letters.code,
            reason=message_of(letters.code),
            events=letters.events,
            first_at=letters.first_at,
            last_at=letters.last_at,
            expires_at=letters.expires_at,
        )


class LetterList(Representation):
    """The letters of a connection, by the codes of their reasons, most first."""

    events: int = Field(description="How many letters there are.")
    letters: list[LettersOfCodeOut]

    @classmethod
    def of(cls, letters: Sequence[LettersOfCode], message_of: Callable[[str], str]) -> Self:
        return cls(
            events=sum(one.events for one in letters), letters=[LettersOfCodeOut.of(one, message_of) for one in letters]
        )


class RedriveIn(Representation):
    code: Text | None = Field(None, description="Only those with this code; null: all.")


class DecidedOut(Representation):
    """About how many was decided."""

    decided: int = Field(description="How many were redriven, or discarded.")
    left: int = Field(description="How many are left for another call, as there was no time for them.")

    @classmethod
    def of(cls, decided: Decided) -> Self:
        return cls(decided=decided.number, left=decided.left)
