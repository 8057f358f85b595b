"""Who did not arrive: the persons of a run that were excluded or failed, each with why, for whoever asks after them.

What is told of them outlives their events, so it holds no profile value but the one by which the connection names
people (`person_id`), and the pseudonym, by which an erasure finds them.

They are kept in results: those of one run that one turn ended, together. The ledger notes in which results a unit
ended, in the transaction that counts it. So what results say of a unit that was never counted, or was counted by others
after a crash, is known for what it is, and a redrive that succeeds takes its person off the list, as it takes it out of
the counters.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from destination.domain.audience import AudienceKey
from destination.domain.event import ProfileEvent
from destination.domain.failure import Failure
from destination.domain.flaw import CHANGED, MISSING, REFUSED, Flaw
from destination.domain.mapping import Mapper
from destination.domain.outcome import (
    ERASED,
    INVALID_ATTRIBUTE,
    INVALID_DEDUPE_VALUE,
    INVALID_REQUIRED_ATTRIBUTE,
    MISSING_DEDUPE_VALUE,
    MISSING_REQUIRED_ATTRIBUTE,
    SUPERSEDED,
    Class,
    Reason,
)
from destination.domain.parking import STAMP, TIME, time_of
from destination.domain.person import Origin, Unit
from destination.domain.settle import Settled
from destination.domain.shard import shard_of_unit

ENDED: Final = (Class.EXCLUDED, Class.FAILED)
"""The outcomes of those who did not arrive."""

ID_LENGTH: Final = 12
_NAME: Final = re.compile(rf"(?P<ended>{STAMP})-(?P<persons>[0-9]{{1,9}})-(?P<id>[0-9a-f]{{{ID_LENGTH}}})")
_EXCLUDED: Final = Class.EXCLUDED
_FAILED: Final = Class.FAILED
"""By names of their own, as Python 3.11 takes long to find a member of an enumeration."""


@dataclass(frozen=True, slots=True)
class NotArrived:
    """One event's person that did not arrive.

    `person_id`: what the connection names people by, if anything; `pseudonym`: None where the event named nobody.
    `audiences`: those of the event's for which nothing changed either. `shard`: where it is counted.
    """

    origin: Origin
    shard: int
    outcome: Class
    code: str
    received_at: datetime
    person_id: str | None = None
    pseudonym: str | None = None
    flaws: tuple[Flaw, ...] = ()
    audiences: tuple[AudienceKey, ...] = ()

    @property
    def event(self) -> str:
        """What the event is known by, in its letter too: the envelope's id, and the event's number in it."""
        return f"{self.origin.envelope_id}/{self.origin.number}"


@dataclass(frozen=True, slots=True)
class ResultsKey:
    """The results of one turn and run: when they were written, of how many persons. `id`: 12 hexadecimal digits."""

    connection_id: str
    run_id: str
    ended_at: datetime
    persons: int
    id: str

    @property
    def name(self) -> str:
        """Begins with the time, so that results are listed in that order."""
        return f"{self.ended_at.astimezone(UTC):{TIME}}-{self.persons}-{self.id}"

    @classmethod
    def named(cls, connection_id: str, run_id: str, name: str) -> Self:
        """Raises ValueError for what is no name of results."""
        found = _NAME.fullmatch(name)
        if found is None:
            raise ValueError("not the name of results")
        return cls(connection_id, run_id, time_of(found["ended"]), int(found["persons"]), found["id"])


@dataclass(frozen=True, slots=True)
class Ended:
    """Somebody who did not arrive, when that was known, and the cursor of a page that begins with them."""

    person: NotArrived
    at: datetime
    cursor: str


@dataclass(frozen=True, slots=True)
class PersonsPage:
    """Those who ended first first, and the cursor of those that follow (None: there are no more).

    `names`: of the audiences that are activated.
    """

    persons: tuple[Ended, ...]
    names: Mapping[AudienceKey, str]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the ledger knows of units that did not arrive.

    `ended`: by shard, envelope and the id of results the numbers of the units that ended in them. `failures`: what is
    counted as failed.
    """

    ended: Mapping[tuple[int, str], Mapping[str, frozenset[str]]]
    failures: Mapping[Origin, Failure]

    def counts(self, one: NotArrived, results_id: str) -> bool:
        """Whether the run counts somebody as these results say."""
        numbers = self.ended.get((one.shard, one.origin.envelope_id), {}).get(results_id, frozenset())
        if one.origin.number not in numbers:
            return False
        failure = self.failures.get(one.origin)
        return one.outcome is _EXCLUDED or (failure is not None and failure.attempt == one.origin.attempt)


def may_have_ended(settled: Settled) -> bool:
    """Whether there may be such units of a person; quick, as nearly everybody arrives."""
    reason = settled.outcome.reason
    return (reason is not None and _is_ended(reason)) or bool(settled.person.aside)


def ended_of(settled: Settled) -> Iterator[tuple[Unit, Reason]]:
    """The units of a person that did not arrive, each with why."""
    for unit in settled.person.units:
        why = settled.reason_of(unit)
        if why is not None and _is_ended(why):
            yield unit, why


def not_arrived(
    mapper: Mapper, event: ProfileEvent, unit: Unit, settled: Settled, why: Reason, name_of: Callable[[str], str]
) -> NotArrived:
    """What is to be told of a unit that did not arrive. `name_of` gives the pseudonym of a dedupe key.

    Who was erased is named by nothing.
    """
    is_erased = why == ERASED
    return NotArrived(
        origin=unit.origin,
        shard=shard_of_unit(unit),
        outcome=why.outcome,
        code=why.code,
        received_at=unit.received_at,
        person_id=None if is_erased else mapper.person_id(event),
        pseudonym=None if is_erased or unit.key is None else name_of(unit.key),
        flaws=tuple(_flaws(mapper, event, unit, settled, why)),
        audiences=tuple(_audiences(unit, settled)),
    )


def _is_ended(why: Reason) -> bool:
    return why.outcome is _EXCLUDED or why.outcome is _FAILED


def _flaws(mapper: Mapper, event: ProfileEvent, unit: Unit, settled: Settled, why: Reason) -> Iterator[Flaw]:
    if why == MISSING_DEDUPE_VALUE:
        yield Flaw.plain(mapper.dedupe_field.name, MISSING)
    elif why == INVALID_DEDUPE_VALUE:
        flaw = mapper.flaw_of_identity(event)
        yield from () if flaw is None else (flaw,)
    elif why in {MISSING_REQUIRED_ATTRIBUTE, INVALID_REQUIRED_ATTRIBUTE}:
        flaws = mapper.flaws(event) if why == INVALID_REQUIRED_ATTRIBUTE else {}
        for name in settled.plan.missing if settled.plan is not None else ():
            yield flaws.get(name) or Flaw.plain(name, MISSING)
    elif why == INVALID_ATTRIBUTE:
        flaws = mapper.flaws(event)
        for name in unit.dropped or sorted(settled.person.dropped):
            yield flaws.get(name) or Flaw.plain(name, CHANGED)
    elif settled.refused_field is not None:
        yield Flaw.plain(settled.refused_field, REFUSED)


def _audiences(unit: Unit, settled: Settled) -> Iterator[AudienceKey]:
    aside = settled.person.aside.get(unit.origin)
    for one in unit.memberships:
        why = aside or settled.outcome.audiences.get(one.audience, SUPERSEDED)
        if why is not None and _is_ended(why):
            yield one.audience
    yield from (one.audience for one in unit.unscheduled)
