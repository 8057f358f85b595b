"""The dead letters of the stack: what could not be read, or not be brought to an end."""

from typing import Self

from pydantic import Field

from destination.api.representation import Representation
from destination.domain.dead_letter import DeadLettersOf, DeadLettersSeen


class DeadLettersOfOut(Representation):
    """Messages of one connection that are dead letters for one reason."""

    connection_id: str | None = Field(description="null: they do not tell.")
    code: str = Field(description="NONE: the queue put them aside, as every attempt at them failed.")
    reason: str
    messages: int

    @classmethod
    def of(cls, letters: DeadLettersOf) -> Self:
        return cls(
            connection_id=letters.connection_id, code=letters.code, reason=letters.reason, messages=letters.messages
        )


class DeadLetterList(Representation):
    """Dead letters by connection and reason, most first."""

    messages: int = Field(description="How many were looked at.")
    left: int = Field(description="How many there are beside, about, that there was no time for.")
    dead_letters: list[DeadLettersOfOut]

    @classmethod
    def of(cls, seen: DeadLettersSeen) -> Self:
        return cls(
            messages=sum(one.messages for one in seen.of),
            left=seen.left,
            dead_letters=[DeadLettersOfOut.of(one) for one in seen.of],
        )
