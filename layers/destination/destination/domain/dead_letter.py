"""Dead letters: messages that could not be read or brought to an end, as somebody who looks at them sees them."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeadLettersOf:
    """How many dead letters there are of a connection (None: they do not tell) and a reason."""

    connection_id: str | None
    code: str
    reason: str
    messages: int


@dataclass(frozen=True, slots=True)
class DeadLettersSeen:
    """What a look at the dead letters found, most first; `left`: how many there are about that it did not come to."""

    of: Sequence[DeadLettersOf]
    left: int
