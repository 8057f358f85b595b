"""The erasure of a person: what is forgotten of it, and the mark by which it stays forgotten.

The mark is written first. From then on whatever of the person was received before it is dropped, wherever it waited.
Then the person is taken off the lists, out of the ledger, and out of all that is kept of its events:

    mark ─▶ lists and ledger ─▶ letters ─▶ parked events ─▶ results ─▶ runs ─▶ done

Source: Regulation (EU) 2016/679, article 17 (erasure without undue delay) and article 12(3) (within one month).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from destination.domain.audience import AudienceKey
from destination.domain.coalescing import in_any_namespace
from destination.domain.person import Desired, LedgerRow, Unit

KEPT_FOR: Final = timedelta(days=60)
"""How long a mark is kept: an event may wait in the queue for 14 days, and parked for 29, before it is looked at."""

MAX_DURATION: Final = timedelta(days=14)
"""So long the queue keeps the message by which an erasure goes on (template.yaml)."""

EXPIRED: Final = "EXPIRED"
"""The code of an erasure that failed though nothing is known to have held it up: its message is gone."""

_STAMP: Final = "%Y%m%dT%H%M%S%fZ"


class ErasureStatus(StrEnum):
    """`requested`: it goes on by itself. `failed`: it could not be finished while its message lived."""

    REQUESTED = "requested"
    COMPLETED = "completed"
    FAILED = "failed"


class Step(StrEnum):
    """What is to be done next. Letters come before what is parked, as a redrive makes parked events of them."""

    LISTS = "lists"
    LETTERS = "letters"
    PARKED = "parked"
    RESULTS = "results"
    RUNS = "runs"
    DONE = "done"

    @property
    def next(self) -> "Step":
        steps = list(Step)
        return steps[min(steps.index(self) + 1, len(steps) - 1)]


@dataclass(frozen=True, slots=True)
class LeftList:
    """A list that the person was taken off, and how many leads of it were on the list."""

    audience: AudienceKey
    list_id: int
    leads: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure. `name`: the person's pseudonym; `at`: what was received before it is forgotten.

    `cursor`: how far the `step` came. `code`: what Marketo answered last that keeps it from going on. `rows` of the
    ledger, `letters` and `parked` events, `results` that named the person and parts of `runs` that gave it as an
    example: how many there were. No lead is named, for it would be a new record of the person.
    """

    connection_id: str
    name: str
    at: datetime
    step: Step = Step.LISTS
    cursor: str | None = None
    code: str | None = None
    lists: tuple[LeftList, ...] = ()
    rows: int = 0
    letters: int = 0
    parked: int = 0
    results: int = 0
    runs: int = 0
    finished_at: datetime | None = None

    @property
    def id(self) -> str:
        """Begins with the time, so that marks are listed in that order."""
        return f"{stamp(self.at)}-{self.name}"

    @property
    def is_done(self) -> bool:
        return self.step is Step.DONE

    @property
    def drops_until(self) -> datetime:
        """Until when the mark is kept."""
        return self.at + KEPT_FOR

    def status(self, now: datetime) -> ErasureStatus:
        if self.is_done:
            return ErasureStatus.COMPLETED
        return ErasureStatus.FAILED if now - self.at >= MAX_DURATION else ErasureStatus.REQUESTED

    def why(self, now: datetime) -> str | None:
        """The code of what keeps it from its end, if anything does."""
        if self.status(now) is ErasureStatus.FAILED:
            return self.code or EXPIRED
        return self.code

    def beyond(self, step: Step, now: datetime) -> "Erasure":
        """With a step behind it."""
        finished_at = now if step.next is Step.DONE else None
        return replace(self, step=step.next, cursor=None, code=None, finished_at=finished_at)


def stamp(at: datetime) -> str:
    """Of one length, so that the strings have the order of the times."""
    return f"{at.astimezone(UTC):{_STAMP}}"


def marks_in(ids: Iterable[str]) -> dict[str, datetime]:
    """By pseudonym the newest of the marks with these ids."""
    marks: dict[str, datetime] = {}
    for one in sorted(ids):
        time, _, name = one.partition("-")
        marks[name] = datetime.strptime(time, _STAMP).replace(tzinfo=UTC)
    return marks


def is_of_before(unit: Unit, name: str, marks: Mapping[str, datetime]) -> bool:
    """Whether a unit of the person with this pseudonym was received before its mark."""
    at = marks.get(name)
    return at is not None and unit.received_at < at


def since(row: LedgerRow, at: datetime) -> LedgerRow | None:
    """What of a person was said in events that were received from a time on; None: nothing was.

    Whoever comes again after its erasure is a new person, who may have been delivered before the erasure goes on.
    """
    desired = {audience: left for audience, one in row.desired.items() if (left := _desired_since(one, at)) is not None}
    attributes = row.attributes if row.attributes is not None and row.attributes.said.received_at >= at else None
    consent = row.consent if row.consent is not None and row.consent.said.received_at >= at else None
    if not desired and attributes is None and consent is None:
        return None
    applied = {audience: told for audience, told in row.applied.items() if audience in desired}
    return replace(row, desired=desired, applied=applied, attributes=attributes, consent=consent)


def _desired_since(one: Desired, at: datetime) -> Desired | None:
    if not one.parts:
        return one if one.said.received_at >= at else None
    parts = [(namespace, part) for namespace, part in one.parts if part.said.received_at >= at]
    return in_any_namespace(parts) if parts else None
