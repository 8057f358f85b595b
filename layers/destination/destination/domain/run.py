"""Runs: one connection's hour, its counters, per audience, with reasons. The hour is that of the events' receipt.

Sources: Adobe, "Monitor dataflows for destinations" (a streaming run is an hour, its state is processing or completed,
it lives 90 days, with codes and counts of what was excluded and failed, in all and per audience).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.coalescing import is_overtaken
from destination.domain.connection import Waiting
from destination.domain.event import Membership
from destination.domain.latency import Latency
from destination.domain.loss import Loss
from destination.domain.outcome import ALREADY_DELIVERED, ERASED, OTHER, OUTSIDE_SCHEDULE, SUPERSEDED, Class, Reason
from destination.domain.person import Desired, Person, Said, Unit
from destination.domain.schema import AttributeWarning
from destination.domain.settle import Progress, Settled

ACTIVATED = Class.ACTIVATED.value
RETENTION = timedelta(days=90)
CLOSES_AFTER = timedelta(minutes=5)
"""How long after its hour a run counts as processing: deliveries of the last minutes are still on their way."""

RETURNS_WITHIN = timedelta(minutes=15)
"""How long events are expected back that waited and may be delivered again."""

MAX_REASONS: Final = 50
MAX_AUDIENCE_REASONS: Final = 20
MAX_REASONS_OF_AUDIENCES: Final = 5_000
MAX_EXAMPLES_OF_AUDIENCES: Final = 1_000
MAX_DROPPED: Final = 50
"""How much a run tells: of itself, of one of its audiences, and of all of them together.

So a run with 1,000 audiences fits into one DynamoDB item (400 KB). What comes when there is no more room counts as
OTHER of its class, so that the sums stay exact.
"""


_Name = TypeVar("_Name", str, Reason, AttributeWarning, Loss)


class RunStatus(StrEnum):
    PROCESSING = "processing"
    COMPLETED = "completed"


@dataclass(slots=True)
class Counters:
    """Counters that add up: `received = activated + unchanged + excluded + failed`, and the reasons for the classes.

    `examples` names one person for a reason, the first, by pseudonym; none where the event named nobody.
    """

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[Reason] = field(default_factory=Counter)
    examples: dict[Reason, str] = field(default_factory=dict)

    def count(self, reason: Reason | None, key: str | None, name_of: Callable[[str], str]) -> None:
        """Count one unit of the person with this key; no reason means activated."""
        self.counts["received"] += 1
        if reason is None:
            self.counts[ACTIVATED] += 1
            return
        self.counts[reason.outcome] += 1
        self.reasons[reason] += 1
        if key is None or len(self.examples) >= len(self.reasons) or reason in self.examples:
            return
        if reason != ERASED:  # Who was erased is named nowhere.
            self.examples[reason] = name_of(key)

    def forget(self, names: Collection[str]) -> bool:
        """Give the person with these pseudonyms as an example no longer; whether it was one."""
        named = [reason for reason, example in self.examples.items() if example in names]
        for reason in named:
            del self.examples[reason]
        return bool(named)

    def copy(self) -> "Counters":
        return Counters(self.counts.copy(), self.reasons.copy(), self.examples.copy())

    def add(self, other: "Counters", reasons: int, examples: int) -> None:
        """Add the counts of others, as long as there are no more reasons and examples than there may be.

        Counts below zero take back what was counted before: where its reason is not known, it was counted as OTHER.
        """
        self.counts.update(other.counts)
        for reason, number in other.reasons.items():
            kept = _kept(reason, Reason(reason.outcome, OTHER), number, self.reasons, reasons)
            self.reasons[kept] += number
            if not self.reasons[kept]:
                del self.reasons[kept]
                self.examples.pop(kept, None)
            elif kept in other.examples and kept not in self.examples and len(self.examples) < examples:
                self.examples[kept] = other.examples[kept]


@dataclass(slots=True)
class Tally(Counters):
    """The counters of a run.

    `counts` are keyed by class, and by `received`, `ignored`, `warnings`, `created`, `updated`, `added`, `removed`,
    `new`, `left` and `marketo_calls`. Classes, `received` and `warnings` count events' persons; `created` to `removed`
    count what Marketo was told. Of the activated, `new` are those that became leads with this event, and `left` those
    that were taken off lists and nothing else. `dropped` counts the values that Marketo cannot take, by lead field,
    `warned` those of which something else is told. `losses` are what the webhook could not take, and `rejected` and
    `left_out` of the counts are their sums: nobody is received by them.
    """

    audiences: defaultdict[AudienceKey, Counters] = field(default_factory=lambda: defaultdict(Counters))
    dropped: Counter[str] = field(default_factory=Counter)
    latency: Latency = field(default_factory=Latency)
    first_at: datetime | None = None
    last_at: datetime | None = None
    warned: dict[AttributeWarning, int] = field(default_factory=dict)
    losses: dict[Loss, int] = field(default_factory=dict)

    def plus(self, other: "Tally") -> "Tally":
        """Both together. Neither changes; what only one of them has is shared with it."""
        total = replace(
            self,
            counts=self.counts.copy(),
            reasons=self.reasons.copy(),
            examples=self.examples.copy(),
            audiences=self.audiences.copy(),
            dropped=self.dropped.copy(),
            warned=dict(self.warned),
            losses=dict(self.losses),
            latency=self.latency.plus(other.latency),
        )
        Counters.add(total, other, MAX_REASONS, MAX_REASONS)
        total._add_audiences(other.audiences)
        for name, number in other.dropped.items():
            _add(total.dropped, _kept(name, OTHER, number, total.dropped, MAX_DROPPED), number)
        for one, number in other.warned.items():
            kept = _kept(one, one._replace(field=OTHER), number, total.warned, MAX_DROPPED)
            _add(total.warned, kept, number)
        for loss, number in other.losses.items():
            _add(total.losses, loss, number)
        for at in (other.first_at, other.last_at):
            if at is not None:
                total.happened(at)
        return total

    def forget(self, names: Collection[str]) -> bool:
        """As for one audience, in all of them too."""
        own = [Counters.forget(one, names) for one in (self, *self.audiences.values())]
        return any(own)

    def happened(self, at: datetime) -> None:
        """Note the time of something that is counted here."""
        self.first_at = at if self.first_at is None else min(self.first_at, at)
        self.last_at = at if self.last_at is None else max(self.last_at, at)

    def count_unit(
        self,
        unit: Unit,
        reason: Reason | None,
        audiences: Mapping[AudienceKey, Reason | None],
        known: Mapping[AudienceKey, Desired],
        name_of: Callable[[str], str],
    ) -> None:
        """Count one unit, in all and for each of its audiences; `known` is what is desired of them by now."""
        key = unit.key
        self.count(reason, key, name_of)
        if unit.dropped or unit.warned:
            self.counts["warnings"] += 1
            self.dropped.update(unit.dropped)
            for one in unit.warned:
                _add(self.warned, one, 1)
        for membership in unit.memberships:
            audience = membership.audience
            why = audiences[audience] if audience in audiences else _overtaken(unit, membership, known.get(audience))
            self.audiences[audience].count(why, key, name_of)
        for membership in unit.unscheduled:
            self.audiences[membership.audience].count(OUTSIDE_SCHEDULE, key, name_of)

    def _add_audiences(self, audiences: Mapping[AudienceKey, Counters]) -> None:
        reasons = MAX_REASONS_OF_AUDIENCES - sum(len(one.reasons) for one in self.audiences.values())
        examples = MAX_EXAMPLES_OF_AUDIENCES - sum(len(one.examples) for one in self.audiences.values())
        for audience, counters in audiences.items():
            own = self.audiences[audience].copy()
            known, named = len(own.reasons), len(own.examples)
            own.add(counters, min(MAX_AUDIENCE_REASONS, known + reasons), named + examples)
            reasons -= len(own.reasons) - known
            examples -= len(own.examples) - named
            self.audiences[audience] = own
            if not (own.reasons or any(own.counts.values())):
                del self.audiences[audience]


@dataclass(frozen=True, slots=True)
class Run:
    """One connection's hour; `version` counts its writes.

    It is written in parts, one of each `shard` of the ledger that something was counted in. Where it is read as a
    whole, it is their sum: `parts` are the versions of what was added up, by the names that they are stored under.
    """

    connection_id: str
    id: str
    version: int = 0
    tally: Tally = field(default_factory=Tally)
    shard: int = 0
    parts: Mapping[str, int] = field(default_factory=dict, compare=False)


def _add(counts: dict[_Name, int], name: _Name, number: int) -> None:
    counts[name] = counts.get(name, 0) + number
    if not counts[name]:
        del counts[name]


def _kept(name: _Name, other: _Name, number: int, known: Mapping[_Name, int], room: int) -> _Name:
    """Under which name a number is added: its own, or that of the others where there is no more room.

    What is taken back and was never counted under its own name was counted among the others.
    """
    if name in known or (len(known) < room and not (number < 0 and other in known)):
        return name
    return other


def run_id(received_at: datetime) -> str:
    """The hour's name, e.g. `2026-11-21T10:00Z`."""
    return received_at.astimezone(UTC).strftime("%Y-%m-%dT%H:00Z")


def hour_of(run: str) -> datetime:
    """The start of the hour with this name. Raises ValueError when it is no run's id."""
    return datetime.strptime(run, "%Y-%m-%dT%H:00Z").replace(tzinfo=UTC)


def status_at(run: str, now: datetime, waiting: Waiting | None = None) -> RunStatus:
    """Whether more is to be expected of a run: its hour is not over for long, or events of it may still wait.

    The oldest event that waits is all that is known of those that do: none of an earlier hour does.
    """
    is_open = now < hour_of(run) + timedelta(hours=1) + CLOSES_AFTER
    may_wait = waiting is not None and run >= run_id(waiting.since) and now < waiting.until + RETURNS_WITHIN
    return RunStatus.PROCESSING if is_open or may_wait else RunStatus.COMPLETED


def tally_persons(
    settled: Iterable[Settled], waits: Mapping[str, int], name_of: Callable[[str], str]
) -> defaultdict[str, Tally]:
    """Count persons' units, each in the run of its receipt; what Marketo was told counts with the newest unit.

    `waits` are the milliseconds since the receipt of each envelope, `name_of` gives the pseudonym of a person.
    """
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    delivered: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for one in settled:
        person, outcome = one.person, one.outcome
        newest = _newest(person)
        for unit in person.units:
            origin = unit.origin
            tally = tallies[origin.run_id]
            if (why := person.aside.get(origin)) is not None:
                tally.count_unit(unit, why, dict.fromkeys(_audiences(unit), why), {}, name_of)
                continue
            tally.count_unit(unit, outcome.reason, outcome.audiences, person.desired, name_of)
            if outcome.reason is None:
                delivered[origin.run_id][waits[origin.envelope_id]] += 1
                if outcome.created:
                    tally.counts["new"] += unit is newest and not one.is_noted
                elif outcome.removed and not (outcome.updated or outcome.added):
                    tally.counts["left"] += 1
        counts = tallies[newest.origin.run_id].counts
        counts["created"] += outcome.created and not one.is_noted
        counts["updated"] += outcome.updated
        counts["added"] += outcome.added
        counts["removed"] += outcome.removed
    for run, taken in delivered.items():
        tallies[run].latency = Latency.of(taken)
    return tallies


def tally_progress(progress: Iterable[Progress]) -> dict[str, Tally]:
    """Count what Marketo has answered of persons that are not settled yet, in the run of their newest unit.

    Nobody is received by it.
    """
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for one in progress:
        counts = tallies[_run_of(one.person)].counts
        counts["created"] += one.created
        counts["new"] += one.created
        counts["updated"] += one.updated
        counts["added"] += one.added
        counts["removed"] += one.removed
    return tallies


def tally_created(persons: Iterable[Person]) -> dict[str, Tally]:
    """Count persons of whom a lead was created, in the run of their newest unit."""
    created = Counter(_run_of(one) for one in persons)
    return {run: Tally(Counter(created=count, new=count)) for run, count in created.items()}


def tally_ignored(events: int) -> Tally:
    """Count events that do not concern the connection; they are not received."""
    return Tally(Counter(ignored=events))


def tally_losses(bodies: Iterable[Mapping[Loss, int]]) -> Tally:
    """Count what was lost of bodies at the webhook."""
    tally = Tally()
    for losses in bodies:
        for loss, number in losses.items():
            _add(tally.losses, loss, number)
            tally.counts[loss.kind] += number
    return tally


def total_of(runs: Iterable[Run]) -> Tally:
    """Several runs added up, as a day's or a month's."""
    total = Tally()
    for run in runs:
        total = total.plus(run.tally)
    return total


def last_event_of(newest_first: Iterable[Run], now: datetime) -> datetime | None:
    """When the last event came, as exactly as runs tell; None: none of them had any.

    It came before the last outcome of its hour was recorded, and within the hour. What is recorded is some minutes
    behind; of an hour that is delivered later the end is all that is known.
    """
    for run in newest_first:
        if run.tally.counts["received"] or run.tally.counts["ignored"]:
            begin = hour_of(run.id)
            recorded = run.tally.last_at or now
            return min(max(recorded, begin), begin + timedelta(hours=1), now)
    return None


def whole(parts: Mapping[str, Run]) -> Run:
    """A run from its parts, at least one, by the names under which they are stored."""
    first, *_ = parts.values()
    tally = first.tally if len(parts) == 1 else total_of(parts.values())
    versions = {name: part.version for name, part in parts.items()}
    return Run(first.connection_id, first.id, sum(versions.values()), tally, parts=versions)


def counted(tallies: Iterable[Tally]) -> Tally:
    """Counts, reasons and latency of tallies added up, and nothing else of them, which would take longer."""
    total = Tally()
    for tally in tallies:
        total.counts.update(tally.counts)
        total.reasons.update(tally.reasons)
        total.latency = total.latency.plus(tally.latency)
    return total


def of_activation(run: Run, wanted: str) -> Run | None:
    """The run as far as it concerns the audience with an activation id; None: it was in no event of that hour."""
    audience = next((one for one in run.tally.audiences if activation_id(one) == wanted), None)
    if audience is None:
        return None
    found = run.tally.audiences[audience]
    audiences = defaultdict(Counters, {audience: found})
    return replace(run, tally=Tally(found.counts, found.reasons, found.examples, audiences))


def _run_of(person: Person) -> str:
    return _newest(person).origin.run_id


def _newest(person: Person) -> Unit:
    return person.units[0] if len(person.units) == 1 else max(person.units, key=_said)


def _said(unit: Unit) -> Said:
    return unit.said


def _audiences(unit: Unit) -> Iterator[AudienceKey]:
    return (one.audience for one in unit.memberships)


def _overtaken(unit: Unit, membership: Membership, known: Desired | None) -> Reason:
    """Why a membership was not new: the same was said before, or something newer was."""
    return SUPERSEDED if is_overtaken(membership, unit.said_of(membership).received_at, known) else ALREADY_DELIVERED
