"""The pause of an instance: until when nobody calls it, and why."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MAX_PAUSE: Final = timedelta(minutes=15)
"""Of pauses that grow; one whose length is known, such as that until the quota's reset, is as long as it is."""

MAX_SPREAD: Final = timedelta(minutes=1)

UNKNOWN_CREATION: Final = timedelta(seconds=95)
"""Marketo may still be creating leads up to 90 s after a call that was lost (Marketo REST API, "Timeouts")."""

PATIENCE: Final = 5
"""How often a code that is in no table is waited out before it counts against the records that it is given for."""


@dataclass(frozen=True, slots=True)
class Pause:
    """`failures`: how many deliveries in a row were held up by the same code; `since`: when the first of them was."""

    until: datetime
    code: str
    cause: str
    failures: int
    since: datetime | None = None


def waited_out(pause: Pause | None) -> frozenset[str]:
    """The code that was waited out often enough in a row."""
    return frozenset({pause.code} if pause is not None and pause.failures >= PATIENCE else ())


def pause_after(
    before: Pause | None,
    *,
    code: str,
    cause: str,
    wait: timedelta,
    unknown_creation: bool,
    now: datetime,
    chance: float,
) -> Pause:
    """The pause after a delivery that was held up by a code.

    It doubles with every failure in a row, and is spread by up to a quarter, a minute at most (`chance`: from 0 to 1),
    so that workers of several stacks do not come back at once. After creations whose outcome is unknown nothing is
    created until Marketo must have ended them.
    """
    goes_on = before is not None and before.code == code
    failures = before.failures + 1 if before is not None and goes_on else 1
    since = before.since if before is not None and goes_on else now
    grown = min(wait * 2 ** min(failures - 1, 10), max(wait, MAX_PAUSE))
    if unknown_creation:
        grown = max(grown, UNKNOWN_CREATION)
    return Pause(now + grown + min(grown / 4, MAX_SPREAD) * chance, code, cause, failures, since)
