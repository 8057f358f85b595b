"""Refused calls that may succeed later: what is known of a kind of calls, and of a person whom they are refused for.

A *kind* is what calls have in common that may fail together: what they do, and to which list. While no call of a kind
succeeds it has a *circuit* that is open: nothing of it is tried until a time, and then a single call for one person.
Once it succeeds for others, whom it goes on being refused for is told from them, and fails in the end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from destination.domain.pause import UNKNOWN_CREATION, Pause

MIN_REFUSALS: Final = 8
MIN_REFUSED_FOR: Final = timedelta(hours=12)
"""A person fails after so many refusals that others did not get, over so long."""

MAX_WAIT: Final = timedelta(minutes=1)
"""How long a kind is left alone after its first refusal, whatever the code asks for: one person may be all it is."""

MAX_RETRY: Final = timedelta(hours=2)
REMEMBERED: Final = timedelta(days=1)
"""How long it is known when calls of a kind that was refused last succeeded."""


class KindOfCalls(NamedTuple):
    """What calls have in common that may fail together. `of`: the list they change, or the field they look up by."""

    call: str
    of: str = ""

    @property
    def name(self) -> str:
        return f"{self.call} {self.of}".rstrip()


ADD: Final = "add to list"
REMOVE: Final = "remove from list"
OF_LISTS: Final = frozenset({ADD, REMOVE})

CREATE: Final = KindOfCalls("create")
UPDATE: Final = KindOfCalls("update")


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a kind of which a call was refused at a time.

    `pause`: until when nothing of it is tried, and why; None: it works. `worked_at`: when a call succeeded last, of
    those since the first refusal.
    """

    refused_at: datetime
    pause: Pause | None = None
    worked_at: datetime | None = None

    def is_kept(self, now: datetime) -> bool:
        """Whether it may still tell somebody from an outage."""
        return now - (self.refused_at if self.pause is None else self.pause.until) < REMEMBERED


class Refusals(NamedTuple):
    """That what one person needs is refused, in calls of one name: for which code, since when, and when last.

    `times`: how often while it succeeded for others. `among`: of how many the last set was that was refused, 0 if the
    others in it were served.
    """

    code: str
    since: datetime
    at: datetime
    times: int = 0
    among: int = 1

    @property
    def is_final(self) -> bool:
        return self.times >= MIN_REFUSALS and self.at - self.since >= MIN_REFUSED_FOR

    @property
    def is_own(self) -> bool:
        """Whether it was refused for the person alone, as far as is known."""
        return self.among == 1 or (self.times > 0 and self.among == 0)

    @property
    def retry_at(self) -> datetime:
        """When it is tried again: later and later, but that others were in the set may be all that it is."""
        return self.at + (MAX_WAIT if self.among > 1 else min(max(self.at - self.since, MAX_WAIT), MAX_RETRY))

    @property
    def creation_ends_at(self) -> datetime:
        """By when Marketo has ended a creation whose answer says nothing certain."""
        return self.at + UNKNOWN_CREATION


def refused_again(
    before: Refusals | None, code: str, now: datetime, *, among: int, circuit: Circuit | None, works: bool
) -> Refusals:
    """One refusal more, of a set of `among`. `works`: whether the kind succeeds for others meanwhile.

    It counts only if it does, or did since the last refusal, and only of somebody alone.
    """
    if before is None:
        return Refusals(code, now, now, int(works and among <= 1), among)
    worked_at = None if circuit is None else circuit.worked_at
    is_own = among <= 1 and (works or (worked_at is not None and worked_at > before.at))
    return Refusals(code, before.since, now, before.times + is_own, among)


def fails(before: Refusals | None, after: Refusals) -> bool:
    """Whether a person fails by its last refusal; never by one that others got as well."""
    return after.is_final and after.times > (0 if before is None else before.times)
