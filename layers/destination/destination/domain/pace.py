"""What is known of the use of one Marketo instance's limits: it is handed over with the instance's lease."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Lowered:
    """A bound that was lowered because others use the instance as well.

    It is `level` until `since` (Unix seconds), and grows back from then on.
    """

    level: int
    since: float


@dataclass(frozen=True, slots=True)
class DayCount:
    """The calls of Marketo's day, whoever made them.

    `date`: the day as Marketo named it, empty while it never did. `total`: calls made in it, as far as known, of which
    `own` are our own since Marketo was asked for its count. `asked_at`: when that was (Unix seconds), 0 for never.
    """

    date: str
    total: int
    own: int
    asked_at: float


@dataclass(frozen=True, slots=True)
class Updated:
    """How many leads were created or updated in a minute (of Unix time)."""

    minute: int
    leads: int


@dataclass(frozen=True, slots=True)
class PaceState:
    """The pace as one holder of an instance hands it to the next.

    `calls`: when the calls of the last window were sent (Unix seconds), oldest first. `share` and `concurrency`: what
    was learnt of the others' use, None while nothing was. `today`: None while nobody counted. `updates`: of the last
    hour, oldest first; they are counted where there is a bound on them.
    """

    calls: tuple[float, ...] = ()
    share: Lowered | None = None
    concurrency: Lowered | None = None
    today: DayCount | None = None
    updates: tuple[Updated, ...] = ()


NOTHING_KNOWN: Final = PaceState()
"""Of an instance that nobody has called yet."""
